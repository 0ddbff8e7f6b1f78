//! What was removed and takes a while to be freed: it waits here until no lock is held.

use crate::record::Record;
use crate::shard::Database;

/// Allocations of a value from which on it is not freed under a lock. Redis frees in the background
/// (`UNLINK`) from the same number on.
const LARGE: usize = 64;

/// Tables and values that nobody can reach any more. Dropping them frees them, which takes time in
/// proportion to [`Remains::weight`].
#[derive(Default)]
pub struct Remains {
    tables: Vec<Database>,
    records: Vec<Record>,
    objects: usize,
    weight: usize,
}

impl Remains {
    /// Takes a removed record over if it is large; frees it here and now otherwise.
    pub fn take(&mut self, record: Record) {
        let weight = record.weight();
        if weight > LARGE {
            self.weight += weight;
            self.objects += 1;
            self.records.push(record);
        }
    }

    pub(crate) fn take_table(&mut self, database: Database) {
        let keys = database.table.len();
        if keys > 0 {
            self.weight += keys;
            self.objects += keys;
            self.tables.push(database);
        }
    }

    /// Takes over what `other` has.
    pub fn append(&mut self, other: &mut Remains) {
        if other.is_empty() {
            return;
        }
        self.tables.append(&mut other.tables);
        self.records.append(&mut other.records);
        self.objects += std::mem::take(&mut other.objects);
        self.weight += std::mem::take(&mut other.weight);
    }

    /// Frees a part: a table of one shard, or a value. Whether there was something left to be freed.
    pub fn free_some(&mut self) -> bool {
        if let Some(table) = self.tables.pop() {
            drop(table);
            return true;
        }
        self.records.pop().is_some()
    }

    /// Frees all of it.
    pub fn clear(&mut self) {
        if !self.is_empty() {
            *self = Remains::default();
        }
    }

    /// Whether there is nothing to be freed.
    pub fn is_empty(&self) -> bool {
        self.objects == 0
    }

    /// Keys of flushed databases, and large values of removed keys (`lazyfreed_objects`).
    pub fn objects(&self) -> usize {
        self.objects
    }

    /// Allocations to be freed, about: keys of a flushed database count as one each.
    pub fn weight(&self) -> usize {
        self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_value::HashValue;
    use crate::value::{PackedLimits, Value};

    fn hash(fields: usize, limits: PackedLimits) -> Record {
        let mut hash = HashValue::default();
        for n in 0..fields {
            hash.set(format!("field{n}").as_bytes(), b"value", limits);
        }
        Record::object(1, b"key", Value::Hash(hash), None)
    }

    #[test]
    fn only_what_is_large_waits() {
        let all_in_a_table = PackedLimits { entries_max: 0, item_len_max: 64 };
        let mut remains = Remains::default();
        remains.take(Record::string(1, b"key", &vec![b'v'; 100_000], None));
        remains.take(hash(LARGE, all_in_a_table));
        remains.take(hash(LARGE + 1, PackedLimits::default()));
        assert!(remains.is_empty(), "one allocation, or few of them");
        remains.take(hash(LARGE + 1, all_in_a_table));
        assert_eq!((remains.objects(), remains.weight()), (1, LARGE + 1));
        let mut all = Remains::default();
        all.append(&mut remains);
        assert!(remains.is_empty() && remains.weight() == 0);
        assert_eq!((all.objects(), all.weight()), (1, LARGE + 1));
    }
}
