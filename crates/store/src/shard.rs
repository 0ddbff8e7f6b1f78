//! One shard of the keyspace: what is done under one lock.

mod expiry;
mod made;
mod sample;
mod snapshots;
mod watching;

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::attachment::Attachment;
use crate::hash::HashedKey;
use crate::record::Record;
use crate::remains::Remains;
use crate::snapshot::{Flushed, ShardSnapshot};
use crate::table::{Hashed, Table};
use crate::time::UnixMillis;
use crate::usage::Usage;
use crate::value::Value;

pub use sample::{Candidate, Eligible, Preference};

/// Keys that active expiry removes at most while it holds one shard's lock.
pub const SWEEP_MAX: usize = 200;

/// One numbered database's part of a shard.
#[derive(Default)]
pub(crate) struct Database {
    pub(crate) table: Table<Record>,
    /// Expiring records by due time. A record whose expiry moved later keeps its place until then
    /// (`indexed_at <= expiry`), so that refreshing a session's TTL costs nothing here.
    pub(crate) expiries: BTreeSet<(i64, u64)>,
    expiring: usize,
}

/// Keys with watchers, and their flags.
type Watchers = HashMap<(u32, Box<[u8]>), Vec<Arc<AtomicBool>>>;

/// A shard: its part of every database. All methods are called under the shard's lock.
#[derive(Default)]
pub struct Shard {
    databases: Vec<Database>,
    snapshot: Option<ShardSnapshot>,
    epoch: u16,
    watchers: Watchers,
    /// Keys that lookups found expired and removed; the caller journals them as DEL.
    expired: Vec<(u32, Box<[u8]>)>,
    /// Sequence number of the last journal record that this shard's state depends on.
    last_seq: u64,
    attachment: Option<Box<dyn Attachment>>,
    /// What was removed, to be freed once the lock is given back.
    remains: Remains,
    usage: Arc<Usage>,
}

impl Shard {
    /// An empty shard that counts the uses of its keys as `usage` says.
    pub(crate) fn new(usage: Arc<Usage>) -> Shard {
        Shard { usage, ..Shard::default() }
    }

    fn database(&mut self, db: u32) -> Option<&mut Database> {
        self.databases.get_mut(db as usize)
    }

    fn database_or_new(&mut self, db: u32) -> &mut Database {
        let index = db as usize;
        if index >= self.databases.len() {
            self.databases.resize_with(index + 1, Database::default);
        }
        &mut self.databases[index]
    }

    /// Number of keys in database `db`, those that are due but not yet removed included.
    pub fn len(&self, db: u32) -> usize {
        self.databases.get(db as usize).map_or(0, |d| d.table.len())
    }

    /// Whether database `db` has no key here.
    pub fn is_empty(&self, db: u32) -> bool {
        self.len(db) == 0
    }

    /// Keys of database `db` for which there is room in its table.
    pub fn room(&self, db: u32) -> usize {
        self.databases.get(db as usize).map_or(0, |d| d.table.room())
    }

    /// Number of keys with an expiry in database `db`.
    pub fn expiring_len(&self, db: u32) -> usize {
        self.databases.get(db as usize).map_or(0, |d| d.expiring)
    }

    /// Finds a key as it is, expired or not, without side effects.
    pub fn peek(&self, db: u32, key: HashedKey<'_>) -> Option<&Record> {
        self.databases.get(db as usize)?.table.get(key.hash, |r| r.key() == key.bytes)
    }

    /// Finds a key; one that is due is removed first and noted in [`Shard::take_expired`].
    pub fn get(&mut self, db: u32, key: HashedKey<'_>, now: UnixMillis) -> Option<&Record> {
        let database = self.databases.get(db as usize)?;
        let record = database.table.get(key.hash, |r| r.key() == key.bytes)?;
        if record.is_due(now) {
            self.expire(db, key);
            return None;
        }
        // Found again because the borrow above must end before the removal; the second lookup is
        // only for the borrow checker's sake and hits the cache.
        self.peek(db, key)
    }

    /// As [`Shard::get`], and notes the access time (`OBJECT IDLETIME`, LRU).
    pub fn access(&mut self, db: u32, key: HashedKey<'_>, now: UnixMillis) -> Option<&Record> {
        let database = self.databases.get_mut(db as usize)?;
        let record = database.table.get_mut(key.hash, |r| r.key() == key.bytes)?;
        if !record.is_due(now) {
            self.usage.note(record, now);
            return self.peek(db, key);
        }
        self.expire(db, key);
        None
    }

    /// Finds a key that lives, to change its value; its old state is saved for a snapshot first.
    fn record_mut(&mut self, db: u32, key: HashedKey<'_>, now: UnixMillis) -> Option<&mut Record> {
        self.get(db, key, now)?;
        let database = self.databases.get_mut(db as usize)?;
        let record = database.table.get_mut(key.hash, |r| r.key() == key.bytes)?;
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.before_change(db, record);
        }
        self.usage.note(record, now);
        Some(record)
    }

    /// The value of a living key, to be changed in place; `None` when the key is missing or is a
    /// string in its own record (see [`Shard::string_mut`]).
    ///
    /// The caller checks the type with [`Shard::get`] first.
    pub fn value_mut(
        &mut self,
        db: u32,
        key: HashedKey<'_>,
        now: UnixMillis,
    ) -> Option<&mut Value> {
        self.record_mut(db, key, now)?.object_mut()
    }

    /// The string of a living key, to be changed in place; `None` if missing or another type.
    pub fn string_mut(
        &mut self,
        db: u32,
        key: HashedKey<'_>,
        now: UnixMillis,
    ) -> Option<&mut Vec<u8>> {
        self.record_mut(db, key, now)?.growing_string()
    }

    /// Stores a string, whatever was there before.
    pub fn set_string(
        &mut self,
        db: u32,
        key: HashedKey<'_>,
        value: &[u8],
        expiry: Option<UnixMillis>,
        now: UnixMillis,
    ) {
        let snapshot = &mut self.snapshot;
        let index = db as usize;
        if let Some(database) = self.databases.get_mut(index)
            && let Some(record) = database.table.get_mut(key.hash, |r| r.key() == key.bytes)
        {
            if let Some(snapshot) = snapshot {
                snapshot.before_change(db, record);
            }
            if !record.overwrite(value) {
                let mut new = Record::string(key.hash, key.bytes, value, record.expiry());
                new.set_epoch(record.epoch());
                new.set_indexed_at(record.indexed_at());
                new.set_uses(record.uses());
                new.set_accessed(UnixMillis(i64::from(record.accessed()) * 1000));
                self.remains.take(std::mem::replace(record, new));
            }
            self.usage.note(record, now);
            Self::index_expiry(&mut database.expiries, &mut database.expiring, record, expiry);
            return;
        }
        self.insert(db, Record::string(key.hash, key.bytes, value, expiry), now);
    }

    /// Stores a value of any type, whatever was there before.
    pub fn set_value(
        &mut self,
        db: u32,
        key: HashedKey<'_>,
        value: Value,
        expiry: Option<UnixMillis>,
        now: UnixMillis,
    ) {
        let old = self.remove(db, key);
        let mut record = Record::object(key.hash, key.bytes, value, expiry);
        if let Some(old) = old {
            record.set_uses(old.uses());
            self.remains.take(old);
        }
        self.insert(db, record, now);
    }

    /// Stores a copy of `value`, strings in their compact form.
    pub fn set_copy(
        &mut self,
        db: u32,
        key: HashedKey<'_>,
        value: Value,
        expiry: Option<UnixMillis>,
        now: UnixMillis,
    ) {
        match value {
            Value::String(bytes) => self.set_string(db, key, &bytes, expiry, now),
            other => self.set_value(db, key, other, expiry, now),
        }
    }

    /// Stores a record, its value and expiry, under another key, whatever was there before.
    pub fn set_record(&mut self, db: u32, key: HashedKey<'_>, record: Record, now: UnixMillis) {
        self.discard(db, key);
        self.insert(db, record.renamed(key.hash, key.bytes), now);
    }

    fn insert(&mut self, db: u32, mut record: Record, now: UnixMillis) {
        let expiry = record.expiry();
        record.set_expiry(None);
        record.set_epoch(self.epoch);
        record.set_accessed(now);
        let database = self.database_or_new(db);
        Self::index_expiry(&mut database.expiries, &mut database.expiring, &mut record, expiry);
        database.table.insert_new(record);
    }

    /// Removes a key, expired or not; returns whether it was there. What it held is freed once the lock is
    /// given back, if that takes a while.
    pub fn discard(&mut self, db: u32, key: HashedKey<'_>) -> bool {
        let removed = self.remove(db, key);
        let was_there = removed.is_some();
        removed.into_iter().for_each(|record| self.remains.take(record));
        was_there
    }

    /// Moves what was removed and is to be freed once the lock is given back.
    pub(crate) fn give_remains(&mut self, to: &mut Remains) {
        to.append(&mut self.remains);
    }

    /// Removes a key, expired or not; returns its record.
    pub fn remove(&mut self, db: u32, key: HashedKey<'_>) -> Option<Record> {
        self.take_out(db, key, false)
    }

    fn take_out(&mut self, db: u32, key: HashedKey<'_>, was_due: bool) -> Option<Record> {
        let database = self.databases.get_mut(db as usize)?;
        let mut record = database.table.remove(key.hash, |r| r.key() == key.bytes)?;
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.before_change(db, &mut record);
        }
        if let Some(at) = record.indexed_at() {
            database.expiries.remove(&(at, record.hash()));
        }
        database.expiring -= usize::from(record.expiry().is_some());
        if let Some(attachment) = &mut self.attachment {
            attachment.removed(db, key.bytes, was_due);
        }
        Some(record)
    }

    /// Empties database `db`; returns the number of keys it had. They are freed once the lock is given back.
    pub fn flush(&mut self, db: u32) -> usize {
        if !self.watchers.is_empty() {
            for ((watched_db, key), flags) in &self.watchers {
                let there = self.databases.get(db as usize).is_some_and(|d| {
                    let hashed = HashedKey::new(key);
                    d.table.get(hashed.hash, |r| r.key() == &**key).is_some()
                });
                if *watched_db == db && there {
                    flags.iter().for_each(|flag| flag.store(true, Ordering::Relaxed));
                }
            }
        }
        if let Some(attachment) = &mut self.attachment {
            attachment.flushed(db);
        }
        let Some(database) = self.database(db) else { return 0 };
        let old = std::mem::take(database);
        let keys = old.table.len();
        match &mut self.snapshot {
            Some(snapshot) if !snapshot.done => {
                let origin = snapshot.origin(db);
                snapshot.flushed.push(Flushed { db: origin, database: old, position: 0 });
            }
            _ => self.remains.take_table(old),
        }
        keys
    }

    /// Databases `a` and `b` change places. Watchers stay with the number that they named, and learn of
    /// it if their key was in either. What is due at `now` is not there: it is removed first.
    pub fn swap(&mut self, a: u32, b: u32, now: UnixMillis) {
        if a == b {
            return;
        }
        self.database_or_new(a.max(b));
        let watched = self.watchers.keys().filter(|(db, _)| *db == a || *db == b);
        let watched: Vec<Box<[u8]>> = watched.map(|(_, key)| key.clone()).collect();
        for key in &watched {
            for db in [a, b] {
                let _ = self.get(db, HashedKey::new(key), now);
            }
        }
        for ((db, key), flags) in &self.watchers {
            let hashed = HashedKey::new(key);
            let is_there = |db: u32| self.peek(db, hashed).is_some();
            if (*db == a || *db == b) && (is_there(a) || is_there(b)) {
                flags.iter().for_each(|flag| flag.store(true, Ordering::Relaxed));
            }
        }
        self.databases.swap(a as usize, b as usize);
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.swap(a, b);
        }
        if let Some(attachment) = &mut self.attachment {
            attachment.swapped(a, b);
        }
        for db in [a, b] {
            let awaited = self.attachment.as_ref().map(|attachment| attachment.awaited(db));
            awaited.into_iter().flatten().for_each(|key| self.announce(db, &key));
        }
    }

    /// Visits about `count` records of database `db` from scan position `from` on; returns where to
    /// go on, `None` at the end of the shard.
    pub fn scan(
        &self,
        db: u32,
        from: u64,
        count: usize,
        visit: impl FnMut(&Record),
    ) -> Option<u64> {
        self.databases.get(db as usize)?.table.scan(from, count, visit)
    }

    /// A random record of database `db`.
    pub fn random(&self, db: u32, random: impl FnMut() -> u64) -> Option<&Record> {
        self.databases.get(db as usize)?.table.random(random)
    }

    /// Gives records whose access time was never set the time `now`: those that a log's replay, which
    /// happens outside of time, has made. Costs a walk over all records.
    pub fn settle_access_times(&mut self, now: UnixMillis) {
        for database in &mut self.databases {
            let mut from = Some(0);
            while let Some(position) = from {
                from = database.table.visit_segment(position, |record| {
                    if record.accessed() == 0 {
                        record.set_accessed(now);
                    }
                    true
                });
            }
        }
    }

    // Attachment -------------------------------------------------------------------------------

    /// What the layer above keeps here, if it has begun to. One type only is ever kept.
    pub fn attachment<T: Attachment>(&mut self) -> Option<&mut T> {
        let attachment: &mut dyn Any = &mut **self.attachment.as_mut()?;
        attachment.downcast_mut()
    }

    /// As [`Shard::attachment`], begun now if it was not.
    pub fn attachment_or_new<T: Attachment + Default>(&mut self) -> &mut T {
        let attachment = self.attachment.get_or_insert_with(|| Box::<T>::default());
        let attachment: &mut dyn Any = &mut **attachment;
        attachment.downcast_mut().expect("one type only is ever attached")
    }

    // Journal position -------------------------------------------------------------------------

    /// Sequence number of the last journal record about this shard.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Notes the sequence number of a journal record about this shard.
    pub fn set_last_seq(&mut self, seq: u64) {
        debug_assert!(seq >= self.last_seq, "sequence numbers are assigned under the shard lock");
        self.last_seq = seq;
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const NOW: UnixMillis = UnixMillis(1_000_000);

    pub(super) fn set(shard: &mut Shard, key: &str, value: &str, expiry: Option<i64>) {
        let expiry = expiry.map(UnixMillis);
        shard.set_string(0, HashedKey::new(key.as_bytes()), value.as_bytes(), expiry, NOW);
    }

    /// What the index of expiries rests on.
    pub(super) fn check_index(shard: &Shard) {
        for database in &shard.databases {
            let mut expiring = 0;
            for record in database.table.iter() {
                assert_eq!(record.expiry().is_some(), record.indexed_at().is_some());
                if let (Some(expiry), Some(at)) = (record.expiry(), record.indexed_at()) {
                    expiring += 1;
                    assert!(at <= expiry.0 && database.expiries.contains(&(at, record.hash())));
                }
            }
            assert_eq!((database.expiring, database.expiries.len()), (expiring, expiring));
        }
    }
}
