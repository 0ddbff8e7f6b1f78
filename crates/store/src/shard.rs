//! One shard of the keyspace: what is done under one lock.

mod made;
mod sample;

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::attachment::Attachment;
use crate::hash::HashedKey;
use crate::record::Record;
use crate::snapshot::{Captured, ShardSnapshot, SnapshotSink};
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

    fn expire(&mut self, db: u32, key: HashedKey<'_>) {
        self.take_out(db, key, true);
        self.signal_change(db, key.bytes);
        self.expired.push((db, key.bytes.into()));
    }

    /// Keys removed because they were due, since the last call; to be journalled as DEL before the
    /// lock is released.
    pub fn take_expired(&mut self) -> Vec<(u32, Box<[u8]>)> {
        std::mem::take(&mut self.expired)
    }

    /// Whether [`Shard::take_expired`] has something.
    pub fn has_expired(&self) -> bool {
        !self.expired.is_empty()
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
                *record = new;
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
        self.remove(db, key);
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

    /// Sets the expiry of `record` and keeps the index true:
    /// `indexed_at <= expiry` for every record that has one.
    fn index_expiry(
        index: &mut BTreeSet<(i64, u64)>,
        expiring: &mut usize,
        record: &mut Record,
        expiry: Option<UnixMillis>,
    ) {
        *expiring += usize::from(expiry.is_some());
        *expiring -= usize::from(record.expiry().is_some());
        record.set_expiry(expiry);
        let indexed = record.indexed_at();
        let keep = match (indexed, expiry) {
            (Some(at), Some(expiry)) => at <= expiry.0,
            (None, None) => true,
            _ => false,
        };
        if keep {
            return;
        }
        if let Some(at) = indexed {
            index.remove(&(at, record.hash()));
        }
        if let Some(expiry) = expiry {
            index.insert((expiry.0, record.hash()));
        }
        record.set_indexed_at(expiry.map(|at| at.0));
    }

    /// Sets or clears the expiry of a living key; returns whether the key is there.
    pub fn set_expiry(
        &mut self,
        db: u32,
        key: HashedKey<'_>,
        expiry: Option<UnixMillis>,
        now: UnixMillis,
    ) -> bool {
        if self.record_mut(db, key, now).is_none() {
            return false;
        }
        let Some(database) = self.databases.get_mut(db as usize) else { return false };
        let Some(record) = database.table.get_mut(key.hash, |r| r.key() == key.bytes) else {
            return false;
        };
        Self::index_expiry(&mut database.expiries, &mut database.expiring, record, expiry);
        true
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

    /// Removes keys that are due at `now`, oldest first, at most `limit` of them and never more
    /// than [`SWEEP_MAX`]; returns how many index entries it looked at. Less than the limit means
    /// that nothing more is due here.
    ///
    /// Removed keys are noted in [`Shard::take_expired`]. Costs O(log n) per key.
    pub fn sweep(&mut self, now: UnixMillis, limit: usize) -> usize {
        let limit = limit.min(SWEEP_MAX);
        let mut looked_at = 0;
        for db in 0..self.databases.len() as u32 {
            while looked_at < limit {
                let Some(database) = self.database(db) else { break };
                let Some(&(at, hash)) = database.expiries.first() else { break };
                if at > now.0 {
                    break;
                }
                looked_at += 1;
                self.settle_due(db, at, hash, now);
            }
        }
        looked_at
    }

    /// Removes the record that the index holds at `(at, hash)`, or moves it to its later expiry.
    fn settle_due(&mut self, db: u32, at: i64, hash: u64, now: UnixMillis) {
        let Some(database) = self.database(db) else { return };
        let found =
            database.table.get_mut(hash, |r| r.hash() == hash && r.indexed_at() == Some(at));
        let Some(record) = found else {
            // Impossible by the index's invariant; dropping the entry keeps the sweep finite.
            debug_assert!(false, "the expiry index names a record that is not there");
            database.expiries.remove(&(at, hash));
            return;
        };
        if record.is_due(now) {
            let key: Box<[u8]> = record.key().into();
            self.expire(db, HashedKey { bytes: &key, hash });
            return;
        }
        let later = record.expiry().map(|expiry| expiry.0);
        record.set_indexed_at(later);
        database.expiries.remove(&(at, hash));
        if let Some(later) = later {
            database.expiries.insert((later, hash));
        }
    }

    /// Empties database `db`; returns the number of keys it had.
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
                snapshot.flushed.push((origin, old));
            }
            _ => drop(old),
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

    /// Average milliseconds that the keys with an expiry have left, over a small sample.
    pub fn average_ttl(&self, db: u32, now: UnixMillis) -> Option<i64> {
        let sample = self.databases.get(db as usize)?.expiries.iter().take(16);
        let ttls: Vec<i64> = sample.map(|(at, _)| (at - now.0).max(0)).collect();
        (!ttls.is_empty()).then(|| ttls.iter().sum::<i64>() / ttls.len() as i64)
    }

    // Watching ---------------------------------------------------------------------------------

    /// Sets `flag` when `key` changes, until [`Shard::unwatch`].
    pub fn watch(&mut self, db: u32, key: &[u8], flag: &Arc<AtomicBool>) {
        self.watchers.entry((db, key.into())).or_default().push(Arc::clone(flag));
    }

    /// Ends one watch of `key` by `flag`.
    pub fn unwatch(&mut self, db: u32, key: &[u8], flag: &Arc<AtomicBool>) {
        let name = (db, key.into());
        if let Some(flags) = self.watchers.get_mut(&name) {
            flags.retain(|f| !Arc::ptr_eq(f, flag));
            if flags.is_empty() {
                self.watchers.remove(&name);
            }
        }
    }

    /// Tells the watchers of `key`, and those who wait for it, that it changed. Every command that changes a key calls this.
    pub fn signal_change(&mut self, db: u32, key: &[u8]) {
        if self.attachment.as_ref().is_some_and(|attachment| attachment.awaits(db, key)) {
            self.announce(db, key);
        }
        if self.watchers.is_empty() {
            return;
        }
        if let Some(flags) = self.watchers.get(&(db, Box::from(key))) {
            flags.iter().for_each(|flag| flag.store(true, Ordering::Relaxed));
        }
    }

    /// Tells those who wait for `key` what it holds, if anything.
    fn announce(&mut self, db: u32, key: &[u8]) {
        let kind = self.peek(db, HashedKey::new(key)).map(|record| record.value().kind());
        if let (Some(kind), Some(attachment)) = (kind, &mut self.attachment) {
            attachment.appeared(db, key, kind);
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

    // Snapshots --------------------------------------------------------------------------------

    /// Starts a snapshot of this shard's present state into `sink`.
    ///
    /// A snapshot must have been ended by [`Shard::end_snapshot`] before the next one starts.
    pub fn start_snapshot(&mut self, sink: Box<dyn SnapshotSink>) {
        assert!(self.snapshot.is_none(), "one snapshot at a time");
        self.epoch = self.epoch.wrapping_add(1);
        self.snapshot = Some(ShardSnapshot {
            epoch: self.epoch,
            sink,
            db: 0,
            position: 0,
            flushed: Vec::new(),
            origins: Vec::new(),
            done: false,
        });
    }

    /// Saves records until the sink holds `bytes` or the shard is done; returns the sink to be
    /// drained. Call again, with the lock released in between, until it says `done`.
    pub fn advance_snapshot(&mut self, bytes: usize) -> Option<Captured<'_>> {
        let snapshot = self.snapshot.as_mut()?;
        let epoch = snapshot.epoch;
        while !snapshot.done && snapshot.sink.pending_len() < bytes {
            if let Some((db, table)) = snapshot.flushed.last_mut() {
                let db = *db;
                for record in table.table.iter().filter(|r| r.epoch() != epoch) {
                    snapshot.sink.save(db, record);
                }
                snapshot.flushed.pop();
                continue;
            }
            let Some(database) = self.databases.get_mut(snapshot.index(snapshot.db)) else {
                snapshot.done = true;
                break;
            };
            let (db, sink) = (snapshot.db as u32, &mut snapshot.sink);
            let next = database.table.visit_segment(snapshot.position, |record| {
                if record.epoch() != epoch {
                    if sink.pending_len() >= bytes {
                        return false;
                    }
                    record.set_epoch(epoch);
                    sink.save(db, record);
                }
                true
            });
            (snapshot.db, snapshot.position) = match next {
                Some(position) => (snapshot.db, position),
                None => (snapshot.db + 1, 0),
            };
        }
        let done = snapshot.done;
        Some(Captured { sink: &mut *snapshot.sink, done })
    }

    /// Ends the snapshot, finished or not.
    ///
    /// One that was not finished leaves records with old epochs; those are told from the next
    /// snapshot's by the number, which returns only after 65,536 snapshots. To be safe then, a full
    /// walk happens at least once in between: any finished snapshot is one.
    pub fn end_snapshot(&mut self) {
        self.snapshot = None;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::value::ValueRef;

    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn set(shard: &mut Shard, key: &str, value: &str, expiry: Option<i64>) {
        let expiry = expiry.map(UnixMillis);
        shard.set_string(0, HashedKey::new(key.as_bytes()), value.as_bytes(), expiry, NOW);
    }

    fn string(shard: &mut Shard, key: &[u8], now: UnixMillis) -> Option<Vec<u8>> {
        match shard.get(0, HashedKey::new(key), now)?.value() {
            ValueRef::String(bytes) => Some(bytes.to_vec()),
            _ => None,
        }
    }

    fn check_index(shard: &Shard) {
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

    #[test]
    fn an_expired_key_is_gone_and_noted_once() {
        let mut shard = Shard::default();
        set(&mut shard, "a", "1", Some(NOW.0));
        assert_eq!(string(&mut shard, b"a", NOW), None);
        assert_eq!(shard.take_expired(), [(0, Box::from(&b"a"[..]))]);
        assert!(shard.take_expired().is_empty() && shard.is_empty(0));
        check_index(&shard);
    }

    #[test]
    fn the_index_follows_every_change_of_expiry() {
        let mut shard = Shard::default();
        let key = HashedKey::new(b"a");
        for expiry in [Some(50), Some(500), Some(20), None, Some(70), Some(70), None] {
            set(&mut shard, "a", "1", expiry.map(|e: i64| NOW.0 + e));
            check_index(&shard);
        }
        for expiry in [Some(50), Some(500), Some(20), None, Some(70)] {
            let at = expiry.map(|e: i64| UnixMillis(NOW.0 + e));
            assert!(shard.set_expiry(0, key, at, NOW));
            check_index(&shard);
        }
        shard.remove(0, key);
        check_index(&shard);
    }

    #[test]
    fn a_sweep_takes_what_is_due_oldest_first_and_no_more_than_its_limit() {
        let mut shard = Shard::default();
        for n in 0..1_000 {
            set(&mut shard, &format!("k{n}"), "v", Some(NOW.0 - 1_000 + n));
        }
        set(&mut shard, "later", "v", Some(NOW.0 + 5_000));
        set(&mut shard, "refreshed", "v", Some(NOW.0 - 10_000));
        if let Some(r) = shard.databases[0]
            .table
            .get_mut(HashedKey::new(b"refreshed").hash, |r| r.key() == b"refreshed")
        {
            r.set_expiry(Some(UnixMillis(NOW.0 + 9_000)));
        }
        let mut sweeps = 0;
        loop {
            let looked_at = shard.sweep(NOW, usize::MAX);
            assert!(looked_at <= SWEEP_MAX, "one lock hold is bounded");
            sweeps += 1;
            if sweeps == 1 {
                let first = shard.take_expired();
                assert_eq!(&*first[0].1, b"k0", "oldest first");
            }
            if looked_at < SWEEP_MAX {
                break;
            }
        }
        assert_eq!(shard.len(0), 2);
        assert!(sweeps >= 6);
        check_index(&shard);
    }

    #[test]
    fn watchers_learn_of_changes_expiry_and_flush_of_their_key_only() {
        let mut shard = Shard::default();
        let flag = Arc::new(AtomicBool::new(false));
        let fired = |flag: &Arc<AtomicBool>| flag.swap(false, Ordering::Relaxed);
        shard.watch(0, b"a", &flag);
        shard.signal_change(0, b"b");
        shard.signal_change(1, b"a");
        shard.flush(0);
        assert!(!fired(&flag), "other keys, other databases, a flush that had not this key");
        shard.signal_change(0, b"a");
        assert!(fired(&flag));
        set(&mut shard, "a", "1", Some(NOW.0));
        shard.sweep(NOW, 10);
        assert!(fired(&flag), "expiry");
        set(&mut shard, "a", "1", None);
        shard.flush(0);
        assert!(fired(&flag), "flush");
        shard.unwatch(0, b"a", &flag);
        shard.signal_change(0, b"a");
        assert!(!fired(&flag) && shard.watchers.is_empty());
    }

    /// Collects records as text; shared with the test through a mutex.
    struct Collect(Arc<Mutex<BTreeMap<String, String>>>, usize);

    impl SnapshotSink for Collect {
        fn save(&mut self, db: u32, record: &Record) {
            let ValueRef::String(value) = record.value() else { panic!("only strings here") };
            let key = format!("{db}/{}", String::from_utf8_lossy(record.key()));
            let value = String::from_utf8_lossy(value).into_owned();
            self.1 += value.len();
            let old = self.0.lock().expect("no panics").insert(key.clone(), value);
            assert!(old.is_none(), "{key} was saved twice");
        }

        fn pending_len(&self) -> usize {
            self.1
        }

        fn take(&mut self) -> Vec<(u32, Vec<u8>)> {
            Vec::new()
        }
    }

    #[test]
    fn a_snapshot_is_the_state_at_its_start_whatever_is_done_meanwhile() {
        for seed in 0..30u64 {
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut random = move |n: u64| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state % n
            };
            let mut shard = Shard::default();
            for n in 0..2_000 {
                let key = format!("k{n}");
                shard.set_string(n % 3, HashedKey::new(key.as_bytes()), b"old", None, NOW);
            }
            let saved = Arc::new(Mutex::new(BTreeMap::new()));
            shard.start_snapshot(Box::new(Collect(Arc::clone(&saved), 0)));
            let mut limit = 0;
            loop {
                limit += 100;
                if shard.advance_snapshot(limit).is_none_or(|c| c.done) {
                    break;
                }
                for _ in 0..40 {
                    let n = random(2_500) as u32;
                    let (key, db) = (format!("k{n}"), n % 3);
                    let key = HashedKey::new(key.as_bytes());
                    match random(5) {
                        0 => drop(shard.remove(db, key)),
                        1 => shard.set_string(db, key, b"newer", None, NOW),
                        2 => {
                            if let Some(string) = shard.string_mut(db, key, NOW) {
                                string.push(b'!');
                            }
                        }
                        3 => drop(shard.set_expiry(db, key, Some(UnixMillis(NOW.0 + 5)), NOW)),
                        _ => shard.set_string(db, key, b"abc", Some(NOW), NOW),
                    }
                }
                if random(20) == 0 {
                    shard.flush(random(3) as u32);
                }
                if random(10) == 0 {
                    shard.swap(random(4) as u32, random(4) as u32, NOW);
                }
            }
            shard.end_snapshot();
            let saved = saved.lock().expect("no panics");
            assert_eq!(saved.len(), 2_000, "seed {seed}");
            for n in 0..2_000 {
                let key = format!("{}/k{n}", n % 3);
                assert_eq!(saved.get(&key).map(String::as_str), Some("old"), "seed {seed}, {key}");
            }
        }
    }
}
