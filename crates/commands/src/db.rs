//! The selected database as commands use it.
//!
//! Every change goes through a method here or is announced by [`Db::changed`], so that watchers,
//! the journal and the statistics always learn of it.

use guarda_store::{Collection, HashedKey, Locked, Record, Shard, UnixMillis, Value, ValueRef};

use crate::effects::{Effects, Lookup};
use crate::error::CommandError;
use crate::host::Settings;
use crate::pubsub::EventClasses;

/// Finds a key that lives, and leaves everything as it is.
pub(crate) fn living<'s>(
    shard: &'s Shard,
    db: u32,
    key: HashedKey<'_>,
    now: UnixMillis,
) -> Option<&'s Record> {
    shard.peek(db, key).filter(|record| !record.is_due(now))
}

/// One numbered database under the running command's locks.
pub struct Db<'a, 'k> {
    /// The shards held.
    pub locked: &'a mut Locked<'k>,
    /// Number of the database.
    pub index: u32,
    /// The time of the command: all of it happens at one instant.
    pub now: UnixMillis,
    /// Limits that can be configured.
    pub settings: &'a Settings,
    /// What the running command does beside its reply.
    pub effects: &'a mut Effects,
}

impl Db<'_, '_> {
    /// The key with its hash.
    pub fn hashed<'b>(&mut self, key: &'b [u8]) -> HashedKey<'b> {
        self.locked.hashed(key)
    }

    // Reading ----------------------------------------------------------------------------------

    /// Looks a key up to read it: counts a hit or miss and notes the access.
    pub fn read(&mut self, key: &[u8]) -> Option<&Record> {
        let hashed = self.locked.hashed(key);
        let (shard, db, now) = (self.locked.shard(hashed), self.index, self.now);
        let found = match self.effects.lookup {
            Lookup::Usual => shard.access(db, hashed, now),
            Lookup::Untouched => shard.get(db, hashed, now),
            Lookup::Still => living(shard, db, hashed, now),
        };
        if found.is_some() {
            self.effects.counters.keyspace_hits += 1;
        } else {
            self.effects.counters.keyspace_misses += 1;
            self.effects.notify(EventClasses::KEY_MISS, self.index, "keymiss", key);
        }
        found
    }

    /// Looks a key up to answer about it: counts a hit or miss, leaves the access time (TTL, TYPE).
    pub fn look(&mut self, key: &[u8]) -> Option<&Record> {
        if !self.count_look(key) {
            self.notify(EventClasses::KEY_MISS, "keymiss", key);
        }
        self.peek(key)
    }

    /// As [`Db::look`], but a miss is no event (OBJECT).
    pub fn inspect(&mut self, key: &[u8]) -> Option<&Record> {
        self.count_look(key);
        self.peek(key)
    }

    fn count_look(&mut self, key: &[u8]) -> bool {
        let found = self.exists(key);
        if found {
            self.effects.counters.keyspace_hits += 1;
        } else {
            self.effects.counters.keyspace_misses += 1;
        }
        found
    }

    /// Looks a key up without counting or noting the access (writes).
    pub fn peek(&mut self, key: &[u8]) -> Option<&Record> {
        let key = self.locked.hashed(key);
        let (shard, db, now) = (self.locked.shard(key), self.index, self.now);
        match self.effects.lookup {
            Lookup::Usual | Lookup::Untouched => shard.get(db, key, now),
            Lookup::Still => living(shard, db, key, now),
        }
    }

    /// Whether the key lives.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.peek(key).is_some()
    }

    /// Whether the key lives in database `index` (COPY, MOVE).
    pub fn exists_in(&mut self, index: u32, key: &[u8]) -> bool {
        let key = self.locked.hashed(key);
        self.locked.shard(key).get(index, key, self.now).is_some()
    }

    /// The key's expiry; `None` when it has none or is missing.
    pub fn expiry(&mut self, key: &[u8]) -> Option<UnixMillis> {
        self.peek(key).and_then(Record::expiry)
    }

    /// The string at `key`, for reading.
    pub fn string(&mut self, key: &[u8]) -> Result<Option<&[u8]>, CommandError> {
        string_of(self.read(key))
    }

    /// As [`Db::string`], uncounted: for commands that write.
    pub fn peek_string(&mut self, key: &[u8]) -> Result<Option<&[u8]>, CommandError> {
        string_of(self.peek(key))
    }

    /// The collection of type `C` at `key`, for reading.
    pub fn collection<C: Collection>(&mut self, key: &[u8]) -> Result<Option<&C>, CommandError> {
        collection_of(self.read(key))
    }

    /// As [`Db::collection`], uncounted: for commands that write.
    pub fn peek_collection<C: Collection>(
        &mut self,
        key: &[u8],
    ) -> Result<Option<&C>, CommandError> {
        collection_of(self.peek(key))
    }

    /// Looks several keys up to read them all at once; counts and notes as [`Db::read`].
    pub fn read_all(&mut self, keys: &[&[u8]]) -> Vec<Option<&Record>> {
        for key in keys {
            self.read(key);
        }
        let all = keys.iter().map(|key| self.locked.peek(self.index, HashedKey::new(key)));
        all.collect()
    }

    // Changing ---------------------------------------------------------------------------------

    /// Tells those who listen to keyspace events what happened to `key`. Costs nothing but a look at
    /// a number where nobody asked for this class.
    pub fn notify(&mut self, class: EventClasses, event: &'static str, key: &[u8]) {
        self.effects.notify(class, self.index, event, key);
    }

    /// Tells, where that is wanted, that `key` is about to be made.
    fn notify_if_new(&mut self, index: u32, key: &[u8]) {
        if self.effects.wanted_events.wants(EventClasses::NEW) && !self.exists_in(index, key) {
            self.effects.notify(EventClasses::NEW, index, "new", key);
        }
    }

    /// Announces a change of `key`: watchers are told, the command counts as having changed data.
    ///
    /// Called by the commands that change a value in place through the `…_mut` methods; the other
    /// methods below call it themselves. A command that announced no change is not journalled.
    pub fn changed(&mut self, key: &[u8]) {
        self.effects.changes += 1;
        self.changed_too(key);
    }

    /// Announces another key of a change that is counted once.
    pub fn changed_too(&mut self, key: &[u8]) {
        let key = self.locked.hashed(key);
        self.locked.shard(key).signal_change(self.index, key.bytes);
    }

    /// Adds `n` to the changes counted, beyond those announced (several fields of one hash).
    pub fn count_changes(&mut self, n: u64) {
        self.effects.changes += n;
    }

    /// Stores a string with this expiry, whatever was there.
    pub fn set_string(&mut self, key: &[u8], value: &[u8], expiry: Option<UnixMillis>) {
        self.notify_if_new(self.index, key);
        let hashed = self.locked.hashed(key);
        self.locked.shard(hashed).set_string(self.index, hashed, value, expiry, self.now);
        self.changed(key);
    }

    /// Stores a value of any type with this expiry, whatever was there.
    pub fn set_value(&mut self, key: &[u8], value: Value, expiry: Option<UnixMillis>) {
        self.notify_if_new(self.index, key);
        let hashed = self.locked.hashed(key);
        self.locked.shard(hashed).set_copy(self.index, hashed, value, expiry, self.now);
        self.changed(key);
    }

    /// The string at `key`, to be changed in place (APPEND, SETRANGE); created empty if missing.
    /// Call [`Db::changed`] when it was changed.
    pub fn string_mut(&mut self, key: &[u8]) -> Result<&mut Vec<u8>, CommandError> {
        let (index, now) = (self.index, self.now);
        let missing = self.peek_string(key)?.is_none();
        if missing {
            self.notify_if_new(index, key);
        }
        let key = self.locked.hashed(key);
        let shard = self.locked.shard(key);
        let string = if missing {
            shard.set_string(index, key, b"", None, now);
            shard.made_string(index, key)
        } else {
            shard.string_mut(index, key, now)
        };
        Ok(string.expect("a string is there: checked or made above"))
    }

    /// The collection of type `C` at `key`, to be changed in place; `None` if missing. Call
    /// [`Db::changed`] when it was changed, and [`Db::remove_if_empty`] when elements were removed.
    pub fn collection_mut<C: Collection>(
        &mut self,
        key: &[u8],
    ) -> Result<Option<&mut C>, CommandError> {
        if self.peek_collection::<C>(key)?.is_none() {
            return Ok(None);
        }
        let (index, now) = (self.index, self.now);
        let key = self.locked.hashed(key);
        let value = self.locked.shard(key).value_mut(index, key, now);
        Ok(Some(value.and_then(C::of_mut).expect("the type was checked above")))
    }

    /// As [`Db::collection_mut`], created empty if missing.
    pub fn collection_or_new<C: Collection>(&mut self, key: &[u8]) -> Result<&mut C, CommandError> {
        self.collection_or(key, C::default)
    }

    /// As [`Db::collection_mut`], made by `make` if missing.
    pub fn collection_or<C: Collection>(
        &mut self,
        key: &[u8],
        make: impl FnOnce() -> C,
    ) -> Result<&mut C, CommandError> {
        if self.peek_collection::<C>(key)?.is_none() {
            let (index, now) = (self.index, self.now);
            self.notify_if_new(index, key);
            let hashed = self.locked.hashed(key);
            let shard = self.locked.shard(hashed);
            shard.set_value(index, hashed, make().into_value(), None, now);
            let made = shard.made_value(index, hashed).and_then(C::of_mut);
            return Ok(made.expect("made above"));
        }
        Ok(self.collection_mut(key)?.expect("looked at above"))
    }

    /// Removes the key if its collection is empty (Redis keeps no empty ones); says whether.
    pub fn remove_if_empty(&mut self, key: &[u8]) -> bool {
        let empty = self.peek(key).is_some_and(|record| record.value().is_empty_collection());
        if empty {
            let hashed = self.locked.hashed(key);
            self.locked.shard(hashed).discard(self.index, hashed);
            self.notify(EventClasses::GENERIC, "del", key);
        }
        empty
    }

    /// Removes a living key; returns whether it was there.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let found = self.peek(key).is_some();
        if found {
            let hashed = self.locked.hashed(key);
            self.locked.shard(hashed).discard(self.index, hashed);
            self.changed(key);
        }
        found
    }

    /// Removes a living key and returns its record (RENAME).
    pub fn take(&mut self, key: &[u8]) -> Option<Record> {
        self.peek(key)?;
        let hashed = self.locked.hashed(key);
        let record = self.locked.shard(hashed).remove(self.index, hashed);
        self.changed(key);
        record
    }

    /// Stores a record under `key` of database `index` with the expiry it has, whatever was there
    /// (RENAME, COPY, MOVE). Not counted as a change: taking it from elsewhere was one.
    pub fn put(&mut self, index: u32, key: &[u8], record: Record) {
        self.notify_if_new(index, key);
        let key = self.locked.hashed(key);
        let shard = self.locked.shard(key);
        shard.set_record(index, key, record, self.now);
        shard.signal_change(index, key.bytes);
    }

    /// Sets or clears the expiry of a living key; returns whether it is there.
    pub fn set_expiry(&mut self, key: &[u8], expiry: Option<UnixMillis>) -> bool {
        let hashed = self.locked.hashed(key);
        let done = self.locked.shard(hashed).set_expiry(self.index, hashed, expiry, self.now);
        if done {
            self.changed(key);
        }
        done
    }

    /// Makes the last use of a living key lie `idle_s` seconds back (RESTORE).
    pub fn set_idle(&mut self, key: &[u8], idle_s: u32) {
        let key = self.locked.hashed(key);
        self.locked.shard(key).set_idle(self.index, key, idle_s, self.now);
    }

    /// Says how often a living key was used until now (RESTORE).
    pub fn set_frequency(&mut self, key: &[u8], frequency: u8) {
        let key = self.locked.hashed(key);
        self.locked.shard(key).set_frequency(self.index, key, frequency);
    }

    // Journal ----------------------------------------------------------------------------------

    /// Journals `args` in place of the command's own words. Commands whose words depend on the
    /// time, on chance or on rounding must use this; it may be called several times.
    pub fn record(&mut self, args: &[&[u8]]) {
        self.record_expired();
        self.effects.explicit = true;
        self.effects.records.push(self.index, args);
    }

    /// The change needs no record (it was the loss of keys that are recorded as expired).
    pub fn record_nothing(&mut self) {
        self.effects.explicit = true;
    }

    /// The changes so far were counted already, by the commands run inside this one.
    pub(crate) fn forget_changes(&mut self) {
        self.effects.changes = 0;
    }

    /// [`Effects::record_expired`] of all shards held.
    pub(crate) fn record_expired(&mut self) {
        self.locked.held().for_each(|shard| self.effects.record_expired(shard));
    }

    /// A uniform random number; not for secrets.
    pub fn random() -> u64 {
        guarda_store::random()
    }
}

fn collection_of<C: Collection>(record: Option<&Record>) -> Result<Option<&C>, CommandError> {
    match record {
        None => Ok(None),
        Some(record) => C::of(record.value()).map(Some).ok_or(CommandError::WrongType),
    }
}

fn string_of(record: Option<&Record>) -> Result<Option<&[u8]>, CommandError> {
    match record.map(Record::value) {
        None => Ok(None),
        Some(ValueRef::String(bytes)) => Ok(Some(bytes)),
        Some(_) => Err(CommandError::WrongType),
    }
}

#[cfg(test)]
mod tests {
    use guarda_session::{lock_key, tombstone_key};
    use guarda_store::shard_stem;

    #[test]
    fn the_store_keeps_what_belongs_to_a_session_together() {
        let key = b"PHPREDIS_SESSION:abc";
        assert_eq!(shard_stem(&lock_key(key)), key);
        assert_eq!(shard_stem(&tombstone_key(key)), key);
    }
}
