//! The shards that one command (or transaction, or script) holds.

use std::ops::Range;

use parking_lot::MutexGuard;
use smallvec::SmallVec;

use crate::hash::{HashedKey, SHARDS};
use crate::keyspace::Keyspace;
use crate::record::Record;
use crate::remains::Remains;
use crate::shard::Shard;

/// How the shards of a [`Locked`] were taken.
pub enum LockedBy<'k> {
    /// Those that the command's keys name; no other may be touched while they are held.
    Keys,
    /// Under the exclusive mutex: others are locked at first touch and kept.
    Exclusive(#[allow(dead_code, reason = "held, never read")] MutexGuard<'k, ()>),
}

/// Locked shards. Dropping it releases them, and frees after that what was removed and is large, unless
/// [`Locked::give_remains`] has left that to somebody else.
pub struct Locked<'k> {
    keyspace: &'k Keyspace,
    held: SmallVec<[(u16, MutexGuard<'k, Shard>); 2]>,
    by: LockedBy<'k>,
    /// The last key hashed, told by its place in memory: dispatch hashes a command's key to find
    /// the shard, and the command then asks for the same slice again.
    last_hashed: Option<(*const u8, usize, u64)>,
    /// Highest journal sequence number of the shards that a walk visited and left.
    walked_seq: u64,
    /// What was removed from shards that a walk visited and left. It is freed after all locks are released:
    /// fields are dropped in this order.
    remains: Remains,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.gather_remains();
    }
}

impl<'k> Locked<'k> {
    pub(crate) fn new(keyspace: &'k Keyspace, by: LockedBy<'k>) -> Locked<'k> {
        Locked {
            keyspace,
            held: SmallVec::new(),
            by,
            last_hashed: None,
            walked_seq: 0,
            remains: Remains::default(),
        }
    }

    pub(crate) fn push(&mut self, index: usize, guard: MutexGuard<'k, Shard>) {
        self.held.push((index as u16, guard));
    }

    /// Locks a shard beside those held; only under the exclusive mutex.
    pub(crate) fn grow(&mut self, index: usize) {
        assert!(
            matches!(self.by, LockedBy::Exclusive(_)),
            "only the holder of the exclusive mutex may wait for a further shard"
        );
        if self.find(index).is_none() {
            let guard = self.keyspace.shards[index].lock();
            self.push(index, guard);
        }
    }

    /// Locks a shard beside those held if that takes no waiting, which could deadlock; says whether
    /// it is held now. Under the exclusive mutex it may wait.
    pub fn try_grow(&mut self, index: usize) -> bool {
        if self.find(index).is_some() {
            return true;
        }
        if matches!(self.by, LockedBy::Exclusive(_)) {
            self.grow(index);
            return true;
        }
        match self.keyspace.shards[index].try_lock() {
            Some(guard) => self.push(index, guard),
            None => return false,
        }
        true
    }

    fn find(&self, index: usize) -> Option<usize> {
        // When all shards were locked in order, each is at its own index.
        if self.held.get(index).is_some_and(|(held, _)| usize::from(*held) == index) {
            return Some(index);
        }
        self.held.iter().position(|(held, _)| usize::from(*held) == index)
    }

    /// The keyspace that the shards are of.
    pub fn keyspace(&self) -> &'k Keyspace {
        self.keyspace
    }

    /// Remembers a hash that dispatch computed, for [`Locked::hashed`].
    pub fn remember_hash(&mut self, key: HashedKey<'_>) {
        self.last_hashed = Some((key.bytes.as_ptr(), key.bytes.len(), key.hash));
    }

    /// The key with its hash. The slice that was hashed last is recognised by its address, which
    /// is sound because the command's arguments outlive the lock and do not change meanwhile.
    pub fn hashed<'b>(&mut self, bytes: &'b [u8]) -> HashedKey<'b> {
        if let Some((start, len, hash)) = self.last_hashed
            && start == bytes.as_ptr()
            && len == bytes.len()
        {
            return HashedKey { bytes, hash };
        }
        HashedKey::new(bytes)
    }

    /// The shard of `key`.
    ///
    /// # Panics
    /// If the shard is not held and may not be locked: a command touched a key that its row in the
    /// command table does not name.
    pub fn shard(&mut self, key: HashedKey<'_>) -> &mut Shard {
        let index = key.shard();
        let at = if let Some(at) = self.find(index) {
            at
        } else {
            self.grow(index);
            self.held.len() - 1
        };
        &mut self.held[at].1
    }

    /// Finds a key of a shard that is held, expired or not, without side effects: for a look at
    /// several keys at once.
    pub fn peek(&self, db: u32, key: HashedKey<'_>) -> Option<&Record> {
        let at = self.find(key.shard())?;
        self.held[at].1.peek(db, key)
    }

    /// Runs `visit` on shard `index`: the held one, or locked for the moment (under the exclusive
    /// mutex: locked and kept).
    ///
    /// # Panics
    /// If other shards are held without the exclusive mutex: that could deadlock.
    pub fn visit_shard<R>(&mut self, index: usize, visit: impl FnOnce(&mut Shard) -> R) -> R {
        if let Some(at) = self.find(index) {
            return visit(&mut self.held[at].1);
        }
        if matches!(self.by, LockedBy::Exclusive(_)) {
            self.grow(index);
            let at = self.held.len() - 1;
            return visit(&mut self.held[at].1);
        }
        assert!(self.held.is_empty(), "a walk must not wait for a shard while holding others");
        let mut shard = self.keyspace.shards[index].lock();
        let visited = visit(&mut shard);
        self.walked_seq = self.walked_seq.max(shard.last_seq());
        shard.give_remains(&mut self.remains);
        visited
    }

    fn gather_remains(&mut self) {
        for (_, shard) in &mut self.held {
            shard.give_remains(&mut self.remains);
        }
    }

    /// Moves what was removed and takes a while to be freed. Whoever drops it should hold no lock.
    pub fn give_remains(&mut self, to: &mut Remains) {
        self.gather_remains();
        to.append(&mut self.remains);
    }

    /// Empties databases of all shards; returns how many keys they had.
    pub fn flush(&mut self, databases: Range<u32>) -> usize {
        (0..SHARDS)
            .map(|at| {
                let databases = databases.clone();
                self.visit_shard(at, |shard| databases.map(|db| shard.flush(db)).sum::<usize>())
            })
            .sum()
    }

    /// The shards held.
    pub fn held(&mut self) -> impl Iterator<Item = &mut Shard> {
        self.held.iter_mut().map(|(_, guard)| &mut **guard)
    }

    /// The highest journal sequence number that the shards held or visited depend on.
    pub fn last_seq(&self) -> u64 {
        self.held.iter().map(|(_, shard)| shard.last_seq()).fold(self.walked_seq, u64::max)
    }

    /// Notes on every shard held that it depends on journal record `seq`.
    ///
    /// For several shards this waits for more than it must, never for less.
    pub fn set_last_seq(&mut self, seq: u64) {
        self.held().for_each(|shard| shard.set_last_seq(seq));
    }
}
