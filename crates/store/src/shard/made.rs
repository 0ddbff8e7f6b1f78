//! Values of keys made by the running command: filling them is no further use of the key.

use super::Shard;
use crate::hash::HashedKey;
use crate::record::Record;
use crate::time::UnixMillis;
use crate::value::Value;

impl Shard {
    fn made(&mut self, db: u32, key: HashedKey<'_>) -> Option<&mut Record> {
        // A snapshot in progress has no interest in what was made after its start.
        self.database(db)?.table.get_mut(key.hash, |r| r.key() == key.bytes)
    }

    /// Makes the last use of a key lie `idle_s` seconds before `now`.
    pub fn set_idle(&mut self, db: u32, key: HashedKey<'_>, idle_s: u32, now: UnixMillis) {
        if let Some(record) = self.made(db, key) {
            record.set_accessed(UnixMillis(now.0.saturating_sub(i64::from(idle_s) * 1_000)));
        }
    }

    /// Says how often a key was used until now, on the scale of [`Usage`](crate::Usage).
    pub fn set_frequency(&mut self, db: u32, key: HashedKey<'_>, frequency: u8) {
        if let Some(record) = self.made(db, key) {
            record.set_uses(frequency);
        }
    }

    /// As [`Shard::value_mut`], for a key that the caller has just made.
    pub fn made_value(&mut self, db: u32, key: HashedKey<'_>) -> Option<&mut Value> {
        self.made(db, key)?.object_mut()
    }

    /// As [`Shard::string_mut`], for a key that the caller has just made.
    pub fn made_string(&mut self, db: u32, key: HashedKey<'_>) -> Option<&mut Vec<u8>> {
        self.made(db, key)?.growing_string()
    }
}
