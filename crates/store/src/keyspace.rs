//! The whole keyspace: all shards, and the order in which they are locked.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::hash::{POSITION_BITS, SHARDS};
use crate::locked::{Locked, LockedBy};
use crate::record::Record;
use crate::remains::Remains;
use crate::shard::Shard;
use crate::usage::Usage;

/// Rounds of try-lock before a command on several shards takes the exclusive lock.
const TRY_ROUNDS: usize = 3;

/// All keys of all databases, shared by all threads.
///
/// Lock order: the exclusive (script) mutex, then shards in ascending order, then the journal's
/// buffer. A thread may wait for a shard while it holds others only if it holds the exclusive
/// mutex; so no two threads wait for each other.
pub struct Keyspace {
    pub(crate) shards: Box<[Mutex<Shard>]>,
    exclusive: Mutex<()>,
    databases: u32,
    usage: Arc<Usage>,
}

/// One page of SCAN.
#[derive(Debug, PartialEq, Eq)]
pub struct ScanPage {
    /// The cursor to go on with; 0 at the end. Always below 2^46.
    pub next_cursor: u64,
}

impl Keyspace {
    /// An empty keyspace of `databases` numbered databases.
    pub fn new(databases: u32) -> Keyspace {
        let usage = Arc::<Usage>::default();
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::new(Arc::clone(&usage)))).collect();
        Keyspace { shards, exclusive: Mutex::new(()), databases, usage }
    }

    /// How uses of keys are counted.
    pub fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// How many databases there are; indices are below this.
    pub fn databases(&self) -> u32 {
        self.databases
    }

    /// Holds no shard; for commands that touch no key or walk shard by shard.
    pub fn lock_none(&self) -> Locked<'_> {
        Locked::new(self, LockedBy::Keys)
    }

    /// Locks one shard; gives up after `patience`.
    pub fn lock_one(&self, shard: usize, patience: Duration) -> Option<Locked<'_>> {
        let mutex = &self.shards[shard];
        let guard = match mutex.try_lock() {
            Some(guard) => guard,
            None => mutex.try_lock_for(patience)?,
        };
        let mut locked = Locked::new(self, LockedBy::Keys);
        locked.push(shard, guard);
        Some(locked)
    }

    /// Locks the shards named in `shards` (any order, repeats allowed); gives up after about
    /// `patience` a step.
    pub fn lock_many(&self, shards: &[usize], patience: Duration) -> Option<Locked<'_>> {
        let mut wanted: SmallVec<[usize; 16]> = shards.into();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted[..].is_empty() {
            return Some(self.lock_none());
        }
        if let [one] = wanted[..] {
            return self.lock_one(one, patience);
        }
        for _ in 0..TRY_ROUNDS {
            let mut locked = Locked::new(self, LockedBy::Keys);
            let refused = wanted.iter().find(|&&shard| match self.shards[shard].try_lock() {
                Some(guard) => {
                    locked.push(shard, guard);
                    false
                }
                None => true,
            });
            let Some(&refused) = refused else { return Some(locked) };
            drop(locked);
            // Wait for the one that was taken while holding nothing.
            drop(self.shards[refused].try_lock_for(patience)?);
        }
        let mut locked = self.lock_growing(patience)?;
        for shard in wanted {
            locked.grow(shard);
        }
        Some(locked)
    }

    /// Locks every shard; for FLUSHALL, SWAPDB and the start of a snapshot.
    pub fn lock_all(&self, patience: Duration) -> Option<Locked<'_>> {
        let mut locked = self.lock_growing(patience)?;
        (0..SHARDS).for_each(|shard| locked.grow(shard));
        Some(locked)
    }

    /// Takes the exclusive mutex; shards are then locked at first touch and kept. For scripts.
    pub fn lock_growing(&self, patience: Duration) -> Option<Locked<'_>> {
        let guard = self.exclusive.try_lock_for(patience)?;
        Some(Locked::new(self, LockedBy::Exclusive(guard)))
    }

    /// Runs `visit` on each shard in turn, holding one at a time.
    pub fn for_each_shard(&self, mut visit: impl FnMut(&mut Shard)) {
        self.shards.iter().for_each(|shard| visit_one(shard, &mut visit));
    }

    /// Runs `visit` on one shard.
    pub fn with_shard<R>(&self, index: usize, visit: impl FnOnce(&mut Shard) -> R) -> R {
        visit_one(&self.shards[index], visit)
    }

    /// Keys of database `db`, those due but not yet removed included.
    pub fn len(&self, db: u32) -> usize {
        self.shards.iter().map(|shard| shard.lock().len(db)).sum()
    }

    /// Whether database `db` has no key.
    pub fn is_empty(&self, db: u32) -> bool {
        self.shards.iter().all(|shard| shard.lock().is_empty(db))
    }
}

/// Runs `visit` on a shard for as long as it is locked here; what was removed meanwhile is freed after that.
pub(crate) fn visit_one<R>(shard: &Mutex<Shard>, visit: impl FnOnce(&mut Shard) -> R) -> R {
    let mut shard = shard.lock();
    let visited = visit(&mut shard);
    let mut remains = Remains::default();
    shard.give_remains(&mut remains);
    drop(shard);
    drop(remains);
    visited
}

/// Splits a cursor into shard and position.
fn split_cursor(cursor: u64) -> (usize, u64) {
    ((cursor >> POSITION_BITS) as usize, cursor & ((1 << POSITION_BITS) - 1))
}

impl Locked<'_> {
    /// One page of SCAN over database `db`: visits about `count` records from `cursor` on.
    ///
    /// Guarantees as Redis states them: what is there from the first call to the last is visited;
    /// a stale or invented cursor is harmless. Locks one shard at a time unless all are held.
    pub fn scan(
        &mut self,
        db: u32,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(&Record),
    ) -> ScanPage {
        self.scan_among(db, cursor, count, |_, record| visit(record))
    }

    /// As [`Locked::scan`], with the shard in which each record lies.
    pub fn scan_among(
        &mut self,
        db: u32,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(&Shard, &Record),
    ) -> ScanPage {
        self.scan_by_shard(cursor, count, |shard, from, left| {
            shard.scan(db, from, *left, |record| {
                *left = left.saturating_sub(1);
                visit(shard, record);
            })
        })
    }

    /// A page of a walk of which `part` does what falls on one shard, while that is locked: from a
    /// scan position on, about as many records as are left, which it counts down; it gives the position
    /// to go on from, `None` at the end of the shard.
    pub fn scan_by_shard(
        &mut self,
        cursor: u64,
        count: usize,
        mut part: impl FnMut(&mut Shard, u64, &mut usize) -> Option<u64>,
    ) -> ScanPage {
        let (first, mut position) = split_cursor(cursor);
        let mut left = count.max(1);
        for index in first..SHARDS {
            let next = self.visit_shard(index, |shard| part(shard, position, &mut left));
            if let Some(next) = next {
                return ScanPage { next_cursor: ((index as u64) << POSITION_BITS) | next };
            }
            position = 0;
            if left == 0 {
                let next = index + 1;
                let next_cursor = if next < SHARDS { (next as u64) << POSITION_BITS } else { 0 };
                return ScanPage { next_cursor };
            }
        }
        ScanPage { next_cursor: 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::hash::HashedKey;
    use crate::time::UnixMillis;

    const NOW: UnixMillis = UnixMillis(0);
    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn a_scan_over_all_shards_returns_every_key_once() {
        let keyspace = Keyspace::new(16);
        for n in 0..3_000 {
            let key = format!("key:{n}");
            let key = HashedKey::new(key.as_bytes());
            let mut locked = keyspace.lock_one(key.shard(), PATIENCE).expect("free");
            locked.shard(key).set_string(0, key, b"v", None, NOW);
        }
        let (mut cursor, mut seen) = (0, Vec::new());
        loop {
            let mut page = 0;
            let mut locked = keyspace.lock_none();
            let next = locked.scan(0, cursor, 10, |record| {
                seen.push(record.key().to_vec());
                page += 1;
            });
            assert!(page <= 11 && next.next_cursor < 1 << 46);
            cursor = next.next_cursor;
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen.len(), 3_000);
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>().len(), 3_000);
        let mut locked = keyspace.lock_none();
        assert_eq!(locked.scan(0, u64::MAX, 10, |_| ()).next_cursor, 0, "an invented cursor");
    }

    #[test]
    fn threads_that_lock_several_shards_in_any_order_all_finish() {
        let keyspace = Keyspace::new(1);
        std::thread::scope(|scope| {
            for thread in 0..4usize {
                let keyspace = &keyspace;
                scope.spawn(move || {
                    for n in 0..2_000 {
                        let shards = [(n * 7 + thread) % 5, (n + 3) % 5, (n * thread) % 5];
                        let locked = if n % 50 == 0 {
                            keyspace.lock_all(PATIENCE)
                        } else {
                            keyspace.lock_many(&shards, PATIENCE)
                        };
                        assert!(locked.is_some());
                    }
                });
            }
        });
    }

    #[test]
    fn a_held_shard_refuses_the_impatient() {
        let keyspace = Keyspace::new(1);
        let _held = keyspace.lock_one(3, PATIENCE).expect("free");
        assert!(keyspace.lock_one(3, Duration::ZERO).is_none());
        assert!(keyspace.lock_many(&[1, 3], Duration::ZERO).is_none());
        assert!(keyspace.lock_many(&[1, 2], Duration::ZERO).is_some());
    }
}
