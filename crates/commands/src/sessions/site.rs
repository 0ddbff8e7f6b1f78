//! The place where a session and what belongs to it lie: reads and journalled changes.

use std::time::Duration;

use guarda_session::{aside_key, lock_key, tag_key};
use guarda_store::{HashedKey, Record, Shard, UnixMillis, ValueRef};
use itoa::Buffer;
use sha1::{Digest, Sha1};

use super::counters::Cause;
use super::limits::SessionLimits;
use super::locks::ShardSessions;
use crate::effects::Effects;
use crate::error::CommandError;
use crate::pubsub::EventClasses;
use crate::waits::ShardWaits;

/// One database's part of a shard under its lock. Every change is recorded as the plain command
/// that a Redis understands.
pub(crate) struct Site<'a> {
    pub(crate) shard: &'a mut Shard,
    pub(crate) effects: &'a mut Effects,
    pub(crate) db: u32,
    pub(crate) now: UnixMillis,
    pub(crate) monotonic: Duration,
    pub(crate) limits: &'a SessionLimits,
}

impl Site<'_> {
    fn get(&mut self, key: &[u8]) -> Option<&Record> {
        self.shard.get(self.db, HashedKey::new(key), self.now)
    }

    pub(crate) fn exists(&mut self, key: &[u8]) -> bool {
        self.get(key).is_some()
    }

    /// The string at `key`.
    pub(crate) fn string(&mut self, key: &[u8]) -> Result<Option<&[u8]>, CommandError> {
        match self.get(key).map(Record::value) {
            None => Ok(None),
            Some(ValueRef::String(bytes)) => Ok(Some(bytes)),
            Some(_) => Err(CommandError::WrongType),
        }
    }

    pub(crate) fn expiry(&mut self, key: &[u8]) -> Option<UnixMillis> {
        self.get(key).and_then(Record::expiry)
    }

    pub(crate) fn set(&mut self, key: &[u8], value: &[u8], expiry: UnixMillis) {
        let hashed = HashedKey::new(key);
        self.shard.set_string(self.db, hashed, value, Some(expiry), self.now);
        self.changed(key);
        self.effects.notify(EventClasses::STRING, self.db, "set", key);
        self.effects.notify(EventClasses::GENERIC, self.db, "expire", key);
        self.record(&[b"SET", key, value, b"PXAT", Buffer::new().format(expiry.0).as_bytes()]);
    }

    /// Sets the expiry of a key that is there, unless it has this one.
    pub(crate) fn set_expiry(&mut self, key: &[u8], expiry: UnixMillis) {
        if self.expiry(key) == Some(expiry) {
            return;
        }
        if self.shard.set_expiry(self.db, HashedKey::new(key), Some(expiry), self.now) {
            self.changed(key);
            self.effects.notify(EventClasses::GENERIC, self.db, "expire", key);
            self.record(&[b"PEXPIREAT", key, Buffer::new().format(expiry.0).as_bytes()]);
        }
    }

    pub(crate) fn delete(&mut self, key: &[u8]) -> bool {
        if !self.exists(key) {
            return false;
        }
        self.shard.discard(self.db, HashedKey::new(key));
        self.changed(key);
        self.effects.notify(EventClasses::GENERIC, self.db, "del", key);
        self.record(&[b"DEL", key]);
        true
    }

    /// Sets when the session at `key` ends, its tag with it.
    pub(crate) fn set_life(&mut self, key: &[u8], expiry: UnixMillis) {
        self.set_expiry(key, expiry);
        self.set_expiry(&tag_key(key), expiry);
    }

    /// Raises a life that would end before `least`, or sets it to `asked`, `least` at least.
    pub(crate) fn raise_life(&mut self, key: &[u8], asked: Option<UnixMillis>, least: UnixMillis) {
        if let Some(expiry) = asked.or_else(|| self.expiry(key))
            && (asked.is_some() || expiry < least)
        {
            self.set_life(key, expiry.max(least));
        }
    }

    /// Deletes the session at `key`, its tag, and its data that was set aside; whether it was there.
    pub(crate) fn delete_session(&mut self, key: &[u8]) -> bool {
        let deleted = self.delete(key);
        self.delete(&tag_key(key));
        self.delete(&aside_key(key));
        deleted
    }

    /// What was met expired on the way to a change comes before it, in the log and among the events.
    fn changed(&mut self, key: &[u8]) {
        self.effects.record_expired(self.shard);
        self.effects.counters.dirty += 1;
        self.shard.signal_change(self.db, key);
    }

    /// Journals a change.
    fn record(&mut self, args: &[&[u8]]) {
        self.effects.records.push(self.db, args);
    }

    pub(crate) fn sessions(&mut self) -> &mut ShardSessions {
        &mut ShardWaits::of_or_new(self.shard).sessions
    }
}

/// Removes the lock of the session at `key` if `token` holds it; says whether it did.
pub(crate) fn release(site: &mut Site<'_>, key: &[u8], token: &[u8], cause: Cause) -> bool {
    let lock = lock_key(key);
    if !matches!(site.string(&lock), Ok(Some(value)) if value == token) {
        return false;
    }
    site.sessions().releasing = Some(cause);
    site.delete(&lock)
}

/// The generation of a session: a digest of its bytes, or `absent`. It is the one that Redis's
/// `redis.sha1hex` gives, so that scripts on other servers agree.
pub(crate) fn generation_of(data: Option<&[u8]>) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let Some(data) = data else { return b"absent".to_vec() };
    Sha1::digest(data)
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .collect()
}
