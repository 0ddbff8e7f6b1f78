//! Sorted integers in one allocation, as wide as the widest of them needs.

/// A set of integers, ascending. Changes move what lies behind: for small sets only.
#[derive(Clone)]
pub(crate) enum IntSet {
    /// All of them fit into two bytes.
    Two(Vec<i16>),
    /// All of them fit into four bytes.
    Four(Vec<i32>),
    /// Any.
    Eight(Vec<i64>),
}

/// The integer that `text` is, if it is written as an integer is printed: nothing is lost by keeping
/// the one in place of the other.
pub(crate) fn integer_of(text: &[u8]) -> Option<i64> {
    let value = std::str::from_utf8(text).ok()?.parse().ok()?;
    (itoa::Buffer::new().format::<i64>(value).as_bytes() == text).then_some(value)
}

/// Adds `value` in order unless it is there; says whether it was added.
fn insert_in_order<T: Ord>(ints: &mut Vec<T>, value: T) -> bool {
    match ints.binary_search(&value) {
        Ok(_) => false,
        Err(at) => {
            // A small set is worth exact room; a larger one grows by Vec's own steps.
            if ints.len() < 64 {
                ints.reserve_exact(1);
            }
            ints.insert(at, value);
            true
        }
    }
}

fn remove_in_order<T: Ord>(ints: &mut Vec<T>, value: &T) -> bool {
    let found = ints.binary_search(value);
    if let Ok(at) = found {
        ints.remove(at);
        ints.shrink_to(ints.len() * 2);
    }
    found.is_ok()
}

impl Default for IntSet {
    fn default() -> Self {
        IntSet::Two(Vec::new())
    }
}

impl IntSet {
    pub(crate) fn len(&self) -> usize {
        match self {
            IntSet::Two(ints) => ints.len(),
            IntSet::Four(ints) => ints.len(),
            IntSet::Eight(ints) => ints.len(),
        }
    }

    pub(crate) fn heap_len(&self) -> usize {
        match self {
            IntSet::Two(ints) => ints.capacity() * 2,
            IntSet::Four(ints) => ints.capacity() * 4,
            IntSet::Eight(ints) => ints.capacity() * 8,
        }
    }

    pub(crate) fn contains(&self, value: i64) -> bool {
        match self {
            IntSet::Two(ints) => i16::try_from(value).is_ok_and(|v| ints.binary_search(&v).is_ok()),
            IntSet::Four(ints) => {
                i32::try_from(value).is_ok_and(|v| ints.binary_search(&v).is_ok())
            }
            IntSet::Eight(ints) => ints.binary_search(&value).is_ok(),
        }
    }

    /// Adds `value`, widening all if it needs that; says whether it is new.
    pub(crate) fn insert(&mut self, value: i64) -> bool {
        loop {
            match self {
                IntSet::Two(ints) => match i16::try_from(value) {
                    Ok(value) => return insert_in_order(ints, value),
                    Err(_) => {
                        *self = IntSet::Four(ints.iter().map(|int| i32::from(*int)).collect());
                    }
                },
                IntSet::Four(ints) => match i32::try_from(value) {
                    Ok(value) => return insert_in_order(ints, value),
                    Err(_) => {
                        *self = IntSet::Eight(ints.iter().map(|int| i64::from(*int)).collect());
                    }
                },
                IntSet::Eight(ints) => return insert_in_order(ints, value),
            }
        }
    }

    /// Removes `value`; says whether it was there.
    pub(crate) fn remove(&mut self, value: i64) -> bool {
        match self {
            IntSet::Two(ints) => i16::try_from(value).is_ok_and(|v| remove_in_order(ints, &v)),
            IntSet::Four(ints) => i32::try_from(value).is_ok_and(|v| remove_in_order(ints, &v)),
            IntSet::Eight(ints) => remove_in_order(ints, &value),
        }
    }

    /// The integer at `index` in ascending order.
    pub(crate) fn get(&self, index: usize) -> Option<i64> {
        match self {
            IntSet::Two(ints) => ints.get(index).map(|int| i64::from(*int)),
            IntSet::Four(ints) => ints.get(index).map(|int| i64::from(*int)),
            IntSet::Eight(ints) => ints.get(index).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn only_what_is_printed_so_is_an_integer() {
        for text in ["0", "-1", "9223372036854775807", "-9223372036854775808"] {
            assert!(integer_of(text.as_bytes()).is_some(), "{text}");
        }
        for text in ["", "-", "-0", "+1", "01", " 1", "1 ", "1.0", "9223372036854775808", "0x1"] {
            assert_eq!(integer_of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn integers_of_every_width_are_kept_in_order() {
        let values = [
            0,
            5,
            -5,
            32_767,
            -32_768,
            32_768,
            -32_769,
            1 << 31,
            i64::MAX,
            i64::MIN,
            -1,
            5,
            32_767,
        ];
        let (mut set, mut model) = (IntSet::default(), BTreeSet::new());
        for value in values {
            assert!(model.contains(&value) == set.contains(value));
            assert_eq!(set.insert(value), model.insert(value), "{value}");
            let all: Vec<i64> = (0..set.len()).filter_map(|at| set.get(at)).collect();
            assert_eq!(all, model.iter().copied().collect::<Vec<_>>());
        }
        for value in values {
            assert_eq!(set.remove(value), model.remove(&value), "{value}");
            assert_eq!(set.len(), model.len());
        }
    }

    #[test]
    fn a_narrow_set_neither_has_nor_loses_what_is_too_wide_for_it() {
        let mut set = IntSet::default();
        set.insert(1);
        assert!(!set.contains(65_537) && !set.remove(65_537));
        set.insert(70_000);
        assert!(!set.contains((1 << 32) + 1) && !set.remove((1 << 32) + 1));
        assert_eq!(set.len(), 2);
    }
}
