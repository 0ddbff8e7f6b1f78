//! A set: members without order.

use std::ops::Deref;

use crate::hash::field_hash;
use crate::int_set::{IntSet, integer_of};
use crate::packed::Packed;
use crate::table::{Hashed, Table};
use crate::value::PackedLimits;

/// A set: sorted integers while it has nothing else, packed while it is small, a table from then on
/// (never back, as in Redis).
#[derive(Clone, Default)]
pub struct SetValue {
    repr: Repr,
    /// Bytes of the members in a table.
    names_len: usize,
}

#[derive(Clone)]
enum Repr {
    Ints(IntSet),
    Packed(Packed),
    Table(Box<Table<Name>>),
}

impl Default for Repr {
    fn default() -> Self {
        Repr::Ints(IntSet::default())
    }
}

/// A member of a large set. Its hash is worked out when it is asked for: eight bytes for each
/// member would cost more than that.
#[derive(Clone)]
struct Name(Box<[u8]>);

impl Hashed for Name {
    fn hash(&self) -> u64 {
        field_hash(&self.0)
    }
}

/// When a set leaves its small forms (`set-max-intset-entries`, `set-max-listpack-…`).
#[derive(Clone, Copy, Debug)]
pub struct SetLimits {
    /// Integers at most in a set of nothing else.
    pub ints_max: usize,
    /// Limits of the packed form.
    pub packed: PackedLimits,
}

impl Default for SetLimits {
    /// Redis 7.2's defaults.
    fn default() -> Self {
        SetLimits { ints_max: 512, packed: PackedLimits { entries_max: 128, item_len_max: 64 } }
    }
}

/// In which form a set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetForm {
    /// Sorted integers.
    Ints,
    /// One after the other, in the order in which they came.
    Packed,
    /// A hash table.
    Table,
}

/// A member, read: the bytes where they are, or an integer's digits.
#[derive(Clone, Copy)]
pub struct Member<'a>(Text<'a>);

#[derive(Clone, Copy)]
enum Text<'a> {
    Bytes(&'a [u8]),
    Digits { buf: [u8; 20], len: u8 },
}

impl Member<'_> {
    fn integer(value: i64) -> Self {
        let mut text = itoa::Buffer::new();
        let digits = text.format(value).as_bytes();
        let mut buf = [0; 20];
        buf[..digits.len()].copy_from_slice(digits);
        Member(Text::Digits { buf, len: digits.len() as u8 })
    }
}

impl<'a> From<&'a [u8]> for Member<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Member(Text::Bytes(bytes))
    }
}

impl Deref for Member<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Text::Bytes(bytes) => bytes,
            Text::Digits { buf, len } => &buf[..usize::from(*len)],
        }
    }
}

impl SetValue {
    /// An empty set that suits `count` members of which `first` is one.
    pub fn suited(first: &[u8], count: usize, limits: SetLimits) -> SetValue {
        let repr = if integer_of(first).is_some() && count <= limits.ints_max {
            Repr::Ints(IntSet::default())
        } else if count <= limits.packed.entries_max {
            Repr::Packed(Packed::default())
        } else {
            Repr::Table(Box::default())
        };
        SetValue { repr, names_len: 0 }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Ints(ints) => ints.len(),
            Repr::Packed(packed) => packed.len(),
            Repr::Table(table) => table.len(),
        }
    }

    /// Whether there is none; such a set is removed with its key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The form (`OBJECT ENCODING`).
    pub fn form(&self) -> SetForm {
        match &self.repr {
            Repr::Ints(_) => SetForm::Ints,
            Repr::Packed(_) => SetForm::Packed,
            Repr::Table(_) => SetForm::Table,
        }
    }

    /// Bytes on the heap, for memory accounting.
    pub fn heap_len(&self) -> usize {
        match &self.repr {
            Repr::Ints(ints) => ints.heap_len(),
            Repr::Packed(packed) => packed.heap_len(),
            Repr::Table(table) => size_of::<Table<Name>>() + table.heap_len() + self.names_len,
        }
    }

    /// Whether `member` is in the set.
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.repr {
            Repr::Ints(ints) => integer_of(member).is_some_and(|value| ints.contains(value)),
            Repr::Packed(packed) => packed.iter().any(|(_, item)| item == member),
            Repr::Table(table) => table.get(field_hash(member), |n| *n.0 == *member).is_some(),
        }
    }

    /// Becomes a table if `count` members are about to come that the small form has no room for.
    pub fn prepare(&mut self, count: usize, limits: SetLimits) {
        let too_many = match &self.repr {
            Repr::Ints(_) => count > limits.ints_max,
            Repr::Packed(_) => count > limits.packed.entries_max,
            Repr::Table(_) => false,
        };
        if too_many {
            self.make_table();
        }
    }

    /// Adds `member`; returns whether it is new. `limits` decide when a small form is left.
    pub fn add(&mut self, member: &[u8], limits: SetLimits) -> bool {
        let fits = member.len() <= limits.packed.item_len_max;
        if let Repr::Ints(ints) = &mut self.repr {
            if let Some(value) = integer_of(member) {
                let is_new = ints.insert(value);
                if ints.len() > limits.ints_max {
                    self.make_table();
                }
                return is_new;
            }
            if fits && self.len() < limits.packed.entries_max && self.ints_fit(limits) {
                self.make_packed();
            } else {
                self.make_table();
            }
        }
        if let Repr::Packed(packed) = &mut self.repr {
            if packed.iter().any(|(_, item)| item == member) {
                return false;
            }
            if fits && packed.len() < limits.packed.entries_max {
                packed.push(member);
                return true;
            }
            self.make_table();
        }
        let Repr::Table(table) = &mut self.repr else { unreachable!("made a table above") };
        if table.get(field_hash(member), |n| *n.0 == *member).is_some() {
            return false;
        }
        table.insert_new(Name(member.into()));
        self.names_len += member.len();
        true
    }

    /// Whether the longest of the integers, the first or the last, may be packed.
    fn ints_fit(&self, limits: SetLimits) -> bool {
        let longest = self.len().checked_sub(1).map_or(0, |last| {
            [0, last].into_iter().filter_map(|at| self.get(at)).map(|m| m.len()).max().unwrap_or(0)
        });
        longest <= limits.packed.item_len_max
    }

    /// Removes `member`; returns whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.repr {
            Repr::Ints(ints) => integer_of(member).is_some_and(|value| ints.remove(value)),
            Repr::Packed(packed) => {
                let found = packed.iter().find(|(_, item)| *item == member).map(|(at, _)| at);
                if let Some(at) = found {
                    packed.remove(at, 1);
                }
                found.is_some()
            }
            Repr::Table(table) => {
                let found = table.remove(field_hash(member), |n| *n.0 == *member).is_some();
                self.names_len -= if found { member.len() } else { 0 };
                found
            }
        }
    }

    fn make_packed(&mut self) {
        let mut packed = Packed::default();
        self.iter().for_each(|member| packed.push(&member));
        self.repr = Repr::Packed(packed);
    }

    fn make_table(&mut self) {
        let mut table: Box<Table<Name>> = Box::default();
        let mut names_len = 0;
        for member in self.iter() {
            names_len += member.len();
            table.insert_new(Name((*member).into()));
        }
        *self = SetValue { repr: Repr::Table(table), names_len };
    }

    /// What is left of a table after most of it was taken out, in the form that it suits now.
    pub fn refit(&mut self, limits: SetLimits) {
        if let Repr::Table(_) = self.repr {
            let mut packed = SetValue { repr: Repr::Packed(Packed::default()), names_len: 0 };
            self.iter().for_each(|member| {
                packed.add(&member, limits);
            });
            *self = packed;
        }
    }

    /// The member at `index`: ascending integers, or in the order in which they came; `None` for a
    /// table, which has no order, and beyond the end.
    fn get(&self, index: usize) -> Option<Member<'_>> {
        match &self.repr {
            Repr::Ints(ints) => ints.get(index).map(Member::integer),
            Repr::Packed(packed) => packed.iter().nth(index).map(|(_, m)| Member(Text::Bytes(m))),
            Repr::Table(_) => None,
        }
    }

    /// All members: ascending integers, in the order in which they came, or in none.
    pub fn iter(&self) -> impl Iterator<Item = Member<'_>> {
        let (ints, packed, table) = match &self.repr {
            Repr::Ints(ints) => (Some(ints), None, None),
            Repr::Packed(packed) => (None, Some(packed), None),
            Repr::Table(table) => (None, None, Some(table)),
        };
        let ints = ints
            .into_iter()
            .flat_map(|ints| (0..ints.len()).filter_map(|at| ints.get(at)).map(Member::integer));
        let packed = packed.into_iter().flat_map(|packed| packed.iter().map(|(_, item)| item));
        let table = table.into_iter().flat_map(|table| table.iter().map(|name| &*name.0));
        ints.chain(packed.chain(table).map(|bytes| Member(Text::Bytes(bytes))))
    }

    /// SSCAN: visits about `count` members from `cursor` on; returns the next cursor, 0 at the end.
    /// Small forms are visited whole, as in Redis.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Member<'a>)) -> u64 {
        let Repr::Table(table) = &self.repr else {
            self.iter().for_each(visit);
            return 0;
        };
        let mut page = Vec::new();
        let next = table.scan_refs(cursor, count, &mut page);
        page.into_iter().for_each(|name| visit(Member(Text::Bytes(&name.0))));
        next.unwrap_or(0)
    }

    /// A member chosen by `random`, a source of uniform numbers; `None` if there is none.
    pub fn random(&self, mut random: impl FnMut() -> u64) -> Option<Member<'_>> {
        match &self.repr {
            Repr::Table(table) => table.random(random).map(|name| Member(Text::Bytes(&name.0))),
            _ if self.is_empty() => None,
            _ => self.get((random() % self.len() as u64) as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::Random;

    fn members(set: &SetValue) -> BTreeSet<Vec<u8>> {
        let all: Vec<Vec<u8>> = set.iter().map(|member| member.to_vec()).collect();
        assert_eq!(all.len(), set.len());
        all.into_iter().collect()
    }

    /// Adds and removes members that `name` makes, beside a model.
    fn exercise(seed: u64, names: u64, name: impl Fn(u64) -> String) -> SetValue {
        let mut random = Random::new(seed);
        let (mut set, mut model) = (SetValue::default(), BTreeSet::new());
        for step in 0..6_000 {
            let member = name(random.below(names)).into_bytes();
            assert_eq!(set.contains(&member), model.contains(&member));
            // More come than go, so that the set grows through its forms.
            if random.below(3) == 0 {
                assert_eq!(set.remove(&member), model.remove(&member));
            } else {
                assert_eq!(set.add(&member, SetLimits::default()), model.insert(member));
            }
            assert_eq!(set.len(), model.len());
            if step % 500 == 0 {
                assert_eq!(members(&set), model);
                assert_eq!(members(&set.clone()), model);
                let mut seen = BTreeSet::new();
                let mut cursor = 0;
                loop {
                    cursor = set.scan(cursor, 10, |member| assert!(seen.insert(member.to_vec())));
                    if cursor == 0 {
                        break;
                    }
                }
                assert_eq!(seen, model);
                let chosen = set.random(|| random.next()).map(|member| member.to_vec());
                assert!(chosen.is_none_or(|member| model.contains(&member)));
            }
        }
        assert_eq!(members(&set), model);
        set
    }

    #[test]
    fn a_set_behaves_like_a_set_in_all_forms() {
        let small = exercise(1, 100, |n| n.to_string());
        assert_eq!(small.form(), SetForm::Ints);
        let small = exercise(2, 100, |n| format!("m{n}"));
        assert_eq!(small.form(), SetForm::Packed);
        for seed in 3..6 {
            let mixed = |n: u64| if n.is_multiple_of(2) { n.to_string() } else { format!("m{n}") };
            assert_eq!(exercise(seed, 1_000, mixed).form(), SetForm::Table);
            let wide = |n: u64| (n as i64 * 9_000_000_000_000).to_string();
            assert_eq!(exercise(seed, 1_000, wide).form(), SetForm::Table);
        }
    }

    fn filled(members: impl IntoIterator<Item = String>) -> SetValue {
        let mut set = SetValue::default();
        members.into_iter().for_each(|member| {
            set.add(member.as_bytes(), SetLimits::default());
        });
        set
    }

    #[test]
    fn forms_change_at_their_limits() {
        let ints = |n: usize| filled((0..n).map(|n| n.to_string()));
        let words = |n: usize| filled((0..n).map(|n| format!("m{n}")));
        assert_eq!(ints(512).form(), SetForm::Ints);
        assert_eq!(ints(513).form(), SetForm::Table);
        assert_eq!(words(128).form(), SetForm::Packed);
        assert_eq!(words(129).form(), SetForm::Table);
        assert_eq!(filled(["x".repeat(64)]).form(), SetForm::Packed);
        assert_eq!(filled(["x".repeat(65)]).form(), SetForm::Table);
        for (count, form) in [(127, SetForm::Packed), (128, SetForm::Table)] {
            let mut set = ints(count);
            set.add(b"word", SetLimits::default());
            assert_eq!(set.form(), form, "a word among {count} integers");
        }
        let mut set = words(128);
        set.add(b"m5", SetLimits::default());
        assert_eq!(set.form(), SetForm::Packed, "nothing came");
    }

    #[test]
    fn a_set_is_made_in_the_form_that_suits_what_will_come() {
        let limits = SetLimits::default();
        for (first, count, form) in [
            ("1", 512, SetForm::Ints),
            ("1", 513, SetForm::Table),
            ("w", 128, SetForm::Packed),
            ("w", 129, SetForm::Table),
        ] {
            assert_eq!(SetValue::suited(first.as_bytes(), count, limits).form(), form);
        }
        let mut set = filled(["1".to_owned()]);
        set.prepare(512, limits);
        assert_eq!(set.form(), SetForm::Ints);
        set.prepare(513, limits);
        assert_eq!((set.form(), set.len()), (SetForm::Table, 1));
    }

    #[test]
    fn what_is_left_of_a_table_is_refitted() {
        let mut set = filled((0..600).map(|n| format!("m{n}")));
        (0..590).for_each(|n| assert!(set.remove(format!("m{n}").as_bytes())));
        assert_eq!(set.form(), SetForm::Table);
        set.refit(SetLimits::default());
        assert_eq!((set.form(), set.len()), (SetForm::Packed, 10));
    }

    #[test]
    fn memory_grows_and_shrinks_with_the_members() {
        let mut set = filled((0..10_000).map(|n| format!("member:{n}")));
        let full = set.heap_len();
        assert!((200_000..600_000).contains(&full), "{full}");
        (0..9_900).for_each(|n| assert!(set.remove(format!("member:{n}").as_bytes())));
        assert!(set.heap_len() < full / 4, "{} of {full}", set.heap_len());
    }
}
