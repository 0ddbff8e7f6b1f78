//! When keys expire: on access, in sweeps, and the index by which sweeps find them.

use std::collections::BTreeSet;

use super::{SWEEP_MAX, Shard};
use crate::hash::HashedKey;
use crate::record::Record;
use crate::table::Hashed;
use crate::time::UnixMillis;

impl Shard {
    pub(super) fn expire(&mut self, db: u32, key: HashedKey<'_>) {
        let removed = self.take_out(db, key, true);
        removed.into_iter().for_each(|record| self.remains.take(record));
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

    /// Sets the expiry of `record` and keeps the index true:
    /// `indexed_at <= expiry` for every record that has one.
    pub(super) fn index_expiry(
        index: &mut BTreeSet<(i64, u64)>,
        expiring: &mut usize,
        record: &mut Record,
        expiry: Option<UnixMillis>,
    ) {
        *expiring += usize::from(expiry.is_some());
        *expiring -= usize::from(record.expiry().is_some());
        record.set_expiry(expiry);
        let (indexed, expiry) = (record.indexed_at(), record.expiry());
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
    pub(super) fn settle_due(&mut self, db: u32, at: i64, hash: u64, now: UnixMillis) {
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

    /// Average milliseconds that the keys with an expiry have left, over a small sample.
    pub fn average_ttl(&self, db: u32, now: UnixMillis) -> Option<i64> {
        let sample = self.databases.get(db as usize)?.expiries.iter().take(16);
        // Expiries go up to the end of time: several of them are more than fits.
        let ttls: Vec<i128> = sample.map(|(at, _)| i128::from(*at - now.0.min(*at))).collect();
        (!ttls.is_empty()).then(|| (ttls.iter().sum::<i128>() / ttls.len() as i128) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::tests::{NOW, check_index, set};
    use crate::value::ValueRef;

    fn string(shard: &mut Shard, key: &[u8], now: UnixMillis) -> Option<Vec<u8>> {
        match shard.get(0, HashedKey::new(key), now)?.value() {
            ValueRef::String(bytes) => Some(bytes.to_vec()),
            _ => None,
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
    fn expiries_at_both_ends_of_time_are_kept_as_any_other() {
        let mut shard = Shard::default();
        for (n, at) in [i64::MAX, i64::MAX - 1, i64::MAX, i64::MIN].into_iter().enumerate() {
            set(&mut shard, &format!("k{n}"), "v", Some(at));
            check_index(&shard);
        }
        assert_eq!((shard.len(0), shard.expiring_len(0)), (4, 4));
        assert!(shard.average_ttl(0, NOW).is_some_and(|ttl| ttl > i64::MAX / 2));
        assert_eq!(shard.average_ttl(0, UnixMillis(i64::MAX)), Some(0));
        assert_eq!(string(&mut shard, b"k3", NOW), None, "long past");
        for n in 0..3 {
            shard.remove(0, HashedKey::new(format!("k{n}").as_bytes()));
        }
        check_index(&shard);
        assert_eq!(shard.expiring_len(0), 0);
    }
}
