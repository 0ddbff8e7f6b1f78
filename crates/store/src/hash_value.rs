//! A hash: fields with their values.

use crate::hash::field_hash;
use crate::packed::Packed;
use crate::table::{Hashed, Table};
use crate::value::PackedLimits;

/// A hash: packed in insertion order while it is small, a table from then on (never back, as in
/// Redis).
#[derive(Clone)]
pub struct HashValue(Repr);

#[derive(Clone)]
enum Repr {
    /// Field, value, field, value, …
    Packed(Packed),
    Table(Box<Table<Field>>),
}

/// One field of a large hash.
#[derive(Clone)]
struct Field {
    hash: u64,
    name: Box<[u8]>,
    value: Box<[u8]>,
}

impl Hashed for Field {
    fn hash(&self) -> u64 {
        self.hash
    }
}

impl Default for HashValue {
    fn default() -> Self {
        HashValue(Repr::Packed(Packed::default()))
    }
}

impl HashValue {
    /// Number of fields.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Packed(packed) => packed.len() / 2,
            Repr::Table(table) => table.len(),
        }
    }

    /// Whether there is no field; such a hash is removed with its key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the hash is in its small form (`OBJECT ENCODING` says `listpack`).
    pub fn is_packed(&self) -> bool {
        matches!(self.0, Repr::Packed(_))
    }

    /// Bytes of a packed hash, for memory accounting; a table's are counted by field.
    pub fn heap_len(&self) -> usize {
        match &self.0 {
            Repr::Packed(packed) => packed.heap_len(),
            Repr::Table(table) => {
                table.iter().map(|f| f.name.len() + f.value.len() + size_of::<Field>()).sum()
            }
        }
    }

    /// The value of `field`.
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        match &self.0 {
            Repr::Packed(packed) => {
                let mut items = packed.iter();
                while let (Some((_, name)), Some((_, value))) = (items.next(), items.next()) {
                    if name == field {
                        return Some(value);
                    }
                }
                None
            }
            Repr::Table(table) => {
                table.get(field_hash(field), |f| *f.name == *field).map(|f| &*f.value)
            }
        }
    }

    /// Sets `field`; returns whether it is new. `limits` decide when the small form is left.
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: PackedLimits) -> bool {
        if let Repr::Packed(packed) = &mut self.0 {
            let at = packed_value_at(packed, field);
            let fits = field.len() <= limits.item_len_max && value.len() <= limits.item_len_max;
            match at {
                Some((_, value_at)) if fits => {
                    packed.replace(value_at, value);
                    return false;
                }
                None if fits && packed.len() / 2 < limits.entries_max => {
                    packed.push(field);
                    packed.push(value);
                    return true;
                }
                _ => self.make_table(),
            }
        }
        let Repr::Table(table) = &mut self.0 else { unreachable!("made a table above") };
        let hash = field_hash(field);
        if let Some(found) = table.get_mut(hash, |f| *f.name == *field) {
            found.value = value.into();
            return false;
        }
        table.insert_new(Field { hash, name: field.into(), value: value.into() });
        true
    }

    /// Removes `field`; returns whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Repr::Packed(packed) => match packed_value_at(packed, field) {
                Some((field_at, _)) => {
                    packed.remove(field_at, 2);
                    true
                }
                None => false,
            },
            Repr::Table(table) => table.remove(field_hash(field), |f| *f.name == *field).is_some(),
        }
    }

    fn make_table(&mut self) {
        let mut table = Box::new(Table::default());
        self.for_each(|name, value| {
            table.insert_new(Field {
                hash: field_hash(name),
                name: name.into(),
                value: value.into(),
            });
        });
        self.0 = Repr::Table(table);
    }

    /// Calls `visit` with every field and value: in insertion order in the small form.
    pub fn for_each<'a>(&'a self, mut visit: impl FnMut(&'a [u8], &'a [u8])) {
        match &self.0 {
            Repr::Packed(packed) => {
                let mut items = packed.iter();
                while let (Some((_, name)), Some((_, value))) = (items.next(), items.next()) {
                    visit(name, value);
                }
            }
            Repr::Table(table) => table.iter().for_each(|f| visit(&f.name, &f.value)),
        }
    }

    /// HSCAN: visits about `count` fields from `cursor` on; returns the next cursor, 0 at the end.
    /// The small form is visited whole, as in Redis.
    pub fn scan<'a>(
        &'a self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(&'a [u8], &'a [u8]),
    ) -> u64 {
        match &self.0 {
            Repr::Packed(_) => {
                self.for_each(visit);
                0
            }
            Repr::Table(table) => {
                let mut page = Vec::new();
                let next = table.scan_refs(cursor, count, &mut page);
                page.into_iter().for_each(|f| visit(&f.name, &f.value));
                next.unwrap_or(0)
            }
        }
    }

    /// A field chosen by `random`, a source of uniform numbers; `None` if there is none.
    pub fn random(&self, mut random: impl FnMut() -> u64) -> Option<(&[u8], &[u8])> {
        match &self.0 {
            Repr::Packed(packed) => {
                let fields = (packed.len() / 2) as u64;
                let chosen = (fields > 0).then(|| random() % fields)? as usize;
                let mut items = packed.iter().skip(chosen * 2);
                Some((items.next()?.1, items.next()?.1))
            }
            Repr::Table(table) => table.random(random).map(|f| (&*f.name, &*f.value)),
        }
    }
}

/// Where `field` and its value start in a packed hash.
fn packed_value_at(packed: &Packed, field: &[u8]) -> Option<(usize, usize)> {
    let mut items = packed.iter();
    while let (Some((field_at, name)), Some((value_at, _))) = (items.next(), items.next()) {
        if name == field {
            return Some((field_at, value_at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_hash_behaves_like_a_map_in_both_forms() {
        let mut state = 7u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            state >> 33
        };
        for fields in [8, 600] {
            let mut hash = HashValue::default();
            let mut model = BTreeMap::new();
            for _ in 0..5_000 {
                let field = format!("f{}", random() % fields).into_bytes();
                let value = random().to_string().into_bytes();
                if random() % 3 == 0 {
                    assert_eq!(hash.remove(&field), model.remove(&field).is_some());
                } else {
                    let new = hash.set(&field, &value, PackedLimits::default());
                    assert_eq!(new, model.insert(field.clone(), value).is_none());
                }
                assert_eq!(hash.get(&field), model.get(&field).map(|v| &v[..]));
                assert_eq!(hash.len(), model.len());
            }
            let mut all = BTreeMap::new();
            hash.for_each(|name, value| {
                all.insert(name.to_vec(), value.to_vec());
            });
            assert_eq!(all, model);
        }
    }

    #[test]
    fn the_small_form_ends_at_its_limits() {
        let limits = PackedLimits { entries_max: 2, item_len_max: 3 };
        let mut hash = HashValue::default();
        hash.set(b"a", b"1", limits);
        hash.set(b"b", b"123", limits);
        assert!(hash.is_packed());
        hash.set(b"b", b"1234", limits);
        assert!(!hash.is_packed());

        let mut hash = HashValue::default();
        (0..3).for_each(|n| {
            hash.set(&[n], b"", limits);
        });
        assert!(!hash.is_packed());
    }
}
