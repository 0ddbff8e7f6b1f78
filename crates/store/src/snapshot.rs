//! Snapshots without `fork()`: a consistent image of a shard, taken while writers go on.
//!
//! From the moment a snapshot starts, the first change to a record that the walk has not seen saves
//! the record's old state first. A record carries the number of the last snapshot that has seen it
//! (its epoch), so each is saved exactly once, by the walk or by the change. What is created
//! meanwhile is marked as seen. Tables flushed meanwhile are handed over whole.

use crate::record::Record;
use crate::shard::Database;

/// Where a snapshot's records go: a format's encoder. Called under a shard's lock, so it must not
/// do I/O.
pub trait SnapshotSink: Send {
    /// Takes the state of one record of database `db`.
    fn save(&mut self, db: u32, record: &Record);

    /// Bytes saved and not yet taken; bounds one step of the walk.
    fn pending_len(&self) -> usize;

    /// Takes what was saved: encoded records by database, in the order they were saved.
    fn take(&mut self) -> Vec<(u32, Vec<u8>)>;
}

/// What a shard knows of the snapshot in progress.
pub(crate) struct ShardSnapshot {
    pub(crate) epoch: u16,
    pub(crate) sink: Box<dyn SnapshotSink>,
    /// Where the walk goes on: database, by its number at the start, and position.
    pub(crate) db: usize,
    pub(crate) position: u64,
    /// Tables emptied by a flush after the start.
    pub(crate) flushed: Vec<Flushed>,
    /// The number that each database had at the start, as far as databases were swapped since.
    pub(crate) origins: Vec<u32>,
    pub(crate) done: bool,
}

/// A table emptied by a flush, which the walk is to go through first.
pub(crate) struct Flushed {
    /// The number its database had at the start.
    pub(crate) db: u32,
    pub(crate) database: Database,
    /// Where the walk over it goes on.
    pub(crate) position: u64,
}

/// The sink of a shard's snapshot at a pause of the walk, to be drained by the walker.
pub struct Captured<'a> {
    /// The sink given at the start.
    pub sink: &'a mut dyn SnapshotSink,
    /// Whether every record of the shard has been saved.
    pub done: bool,
}

impl ShardSnapshot {
    /// Saves the state of `record` unless it was saved before; afterwards it may change.
    pub(crate) fn before_change(&mut self, db: u32, record: &mut Record) {
        if record.epoch() != self.epoch {
            record.set_epoch(self.epoch);
            if !self.done {
                let origin = self.origin(db);
                self.sink.save(origin, record);
            }
        }
    }

    /// The number at the start of what is database `db` now.
    pub(crate) fn origin(&self, db: u32) -> u32 {
        self.origins.get(db as usize).copied().unwrap_or(db)
    }

    /// The number now of what was database `origin` at the start.
    pub(crate) fn index(&self, origin: usize) -> usize {
        self.origins.iter().position(|db| *db as usize == origin).unwrap_or(origin)
    }

    /// Databases `a` and `b` change places.
    pub(crate) fn swap(&mut self, a: u32, b: u32) {
        let known = self.origins.len() as u32;
        self.origins.extend(known..=a.max(b));
        self.origins.swap(a as usize, b as usize);
    }
}
