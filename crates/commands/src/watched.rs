//! The keys that one client watches.

use std::collections::{BTreeMap, HashSet};

/// What is kept of each beside its name: here and in its shard.
const WATCH_LEN: usize = 96;

/// Watched keys by database, each once.
#[derive(Default)]
pub struct Watched {
    by_database: BTreeMap<u32, HashSet<Vec<u8>>>,
    /// About how many bytes they take.
    memory: usize,
}

impl Watched {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_database.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_database.values().map(HashSet::len).sum()
    }

    /// About how many bytes they take.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// Every key with its database.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.by_database.iter().flat_map(|(db, keys)| keys.iter().map(|key| (*db, &key[..])))
    }

    pub(crate) fn contains(&self, db: u32, key: &[u8]) -> bool {
        self.by_database.get(&db).is_some_and(|keys| keys.contains(key))
    }

    pub(crate) fn insert(&mut self, db: u32, key: &[u8]) {
        if self.by_database.entry(db).or_default().insert(key.to_vec()) {
            self.memory += WATCH_LEN + key.len();
        }
    }

    /// Forgets those for which `keeps` is false.
    pub(crate) fn retain(&mut self, mut keeps: impl FnMut(u32, &[u8]) -> bool) {
        let memory = &mut self.memory;
        self.by_database.retain(|db, keys| {
            keys.retain(|key| {
                let kept = keeps(*db, key);
                if !kept {
                    *memory -= WATCH_LEN + key.len();
                }
                kept
            });
            !keys.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_counts_once_and_no_longer_than_it_is_watched() {
        let mut watched = Watched::default();
        for (db, key) in [(0, "a"), (0, "a"), (1, "a"), (0, "bb")] {
            watched.insert(db, key.as_bytes());
        }
        assert_eq!((watched.len(), watched.memory()), (3, 3 * WATCH_LEN + 4));
        assert!(watched.contains(1, b"a") && !watched.contains(1, b"bb"));
        watched.retain(|db, _| db == 1);
        assert_eq!(watched.iter().collect::<Vec<_>>(), [(1, &b"a"[..])]);
        watched.retain(|_, _| false);
        assert!(watched.is_empty() && watched.memory() == 0);
    }
}
