//! Which keys eviction may take, and how much rather one than another; how much the tables take.

use super::{Database, Shard};

use crate::record::Record;
use crate::table::Hashed;
use crate::time::UnixMillis;

/// The end of the keys that are locks of sessions: see [`Shard::sample`].
const LOCK: &[u8] = b"_LOCK";
/// The ends of others that a session's correctness rests on. Those that sessions have expire.
const SPARED: [&[u8]; 2] = [b"_GONE", b"_TAG"];

/// Among how many keys at most one that expires is looked for by chance: where they are rarer, the
/// index of expiries is counted through instead.
const RARE: usize = 64;

/// Draws at most in search of a key that may be evicted.
const DRAWS_MAX: usize = 256;

/// Entries of the expiry index that are put right at most in one search for the soonest.
const REFILED_MAX: usize = 64;

/// Bytes of an entry of the expiry index, with its share of nodes that are not full.
const EXPIRY_ENTRY_LEN: usize = 24;

/// Among which keys eviction chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eligible {
    /// `allkeys-*`.
    All,
    /// `volatile-*`: those that expire.
    Expiring,
}

/// Which keys go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// Those not used for longest.
    Idle,
    /// Those used least often.
    Rare,
    /// Those that expire soonest.
    Soonest,
    /// None: chance decides.
    Chance,
}

/// A key that may be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its database.
    pub db: u32,
    /// Its hash, by which its shard is known and it is found again.
    pub hash: u64,
    /// The higher, the sooner it goes.
    pub score: u64,
}

impl Shard {
    /// A key of this shard that may be evicted, with its score; `None` if there is none or none was
    /// found in a bounded number of draws. Each has about the same chance, whatever its database; by
    /// [`Preference::Soonest`] it is the one that expires first.
    ///
    /// Never chosen are the locks, tombstones and tags of sessions: small keys that expire soon, and
    /// without which an update is lost, a session that was ended comes back, or one is missed when
    /// all of a user's are ended. A lock that does not expire is spared too: phpredis makes such
    /// where PHP's `max_execution_time` is 0.
    pub fn sample(
        &mut self,
        eligible: Eligible,
        preference: Preference,
        now: UnixMillis,
        mut random: impl FnMut() -> u64,
    ) -> Option<Candidate> {
        if preference == Preference::Soonest {
            return self.soonest(now);
        }
        let total: usize = self.databases.iter().map(|d| d.eligible(eligible)).sum();
        let mut at = (random() % u64::try_from(total).ok().filter(|total| *total > 0)?) as usize;
        for (db, database) in self.databases.iter().enumerate() {
            let here = database.eligible(eligible);
            if at >= here {
                at -= here;
                continue;
            }
            let record = match eligible {
                Eligible::Expiring if database.table.len() / here > RARE => {
                    database.nth_expiring(at)?
                }
                _ => database.draw(eligible, random)?,
            };
            return self.candidate(db as u32, record, preference, now);
        }
        None
    }

    /// The candidate's key and its score now; `None` if it has gone or no longer may be evicted.
    pub fn look_again(
        &self,
        candidate: Candidate,
        eligible: Eligible,
        preference: Preference,
        now: UnixMillis,
    ) -> Option<(&[u8], Candidate)> {
        let record = self.by_hash(candidate.db, candidate.hash)?;
        if eligible == Eligible::Expiring && record.expiry().is_none() {
            return None;
        }
        Some((record.key(), self.candidate(candidate.db, record, preference, now)?))
    }

    /// Bytes of the table of database `db`, without what its records hold. Costs a look at each segment.
    pub fn table_len(&self, db: u32) -> usize {
        self.databases.get(db as usize).map_or(0, |d| d.table.heap_len())
    }

    /// About how many bytes the index of expiries of database `db` takes.
    pub fn expiry_index_len(&self, db: u32) -> usize {
        self.databases.get(db as usize).map_or(0, |d| d.expiries.len() * EXPIRY_ENTRY_LEN)
    }

    fn by_hash(&self, db: u32, hash: u64) -> Option<&Record> {
        self.databases.get(db as usize)?.table.get(hash, |r| r.hash() == hash)
    }

    fn candidate(
        &self,
        db: u32,
        record: &Record,
        preference: Preference,
        now: UnixMillis,
    ) -> Option<Candidate> {
        if is_spared(record) {
            return None;
        }
        // A clock that was set back makes no key come from the future.
        let idle = (now.seconds() as u32).wrapping_sub(record.accessed()) as i32;
        let idle = u64::from(idle.max(0).unsigned_abs());
        let score = match preference {
            Preference::Idle => idle,
            // Among those used equally often, the one that was used longest ago.
            Preference::Rare => u64::from(u8::MAX - self.usage.frequency(record, now)) << 32 | idle,
            Preference::Soonest => record.expiry().map_or(0, |at| u64::MAX - at.0.max(0) as u64),
            Preference::Chance => 0,
        };
        Some(Candidate { db, hash: record.hash(), score })
    }

    /// The key that expires soonest, of all databases. The index may hold keys under an earlier time
    /// than theirs: those met are put right.
    fn soonest(&mut self, now: UnixMillis) -> Option<Candidate> {
        let mut best: Option<Candidate> = None;
        for db in 0..self.databases.len() as u32 {
            for _ in 0..REFILED_MAX {
                let Some(&(at, hash)) = self.databases[db as usize].expiries.first() else { break };
                let due = self.by_hash(db, hash).and_then(Record::expiry);
                if due.is_none_or(|due| due.0 == at) {
                    break;
                }
                self.settle_due(db, at, hash, UnixMillis(i64::MIN));
            }
            let soonest = self.databases[db as usize].expiries.iter().take(DRAWS_MAX);
            let records = soonest.filter_map(|(_, hash)| self.by_hash(db, *hash));
            let mut found = records.filter_map(|r| self.candidate(db, r, Preference::Soonest, now));
            if let Some(first) = found.next()
                && best.is_none_or(|best| first.score > best.score)
            {
                best = Some(first);
            }
        }
        best
    }
}

impl Database {
    fn eligible(&self, eligible: Eligible) -> usize {
        match eligible {
            Eligible::All => self.table.len(),
            Eligible::Expiring => self.expiring,
        }
    }

    fn draw(&self, eligible: Eligible, mut random: impl FnMut() -> u64) -> Option<&Record> {
        let is_eligible = |record: &&Record| {
            (eligible == Eligible::All || record.expiry().is_some()) && !is_spared(record)
        };
        (0..DRAWS_MAX).filter_map(|_| self.table.random(&mut random)).find(is_eligible)
    }

    fn nth_expiring(&self, n: usize) -> Option<&Record> {
        let &(_, hash) = self.expiries.iter().nth(n)?;
        self.table.get(hash, |r| r.hash() == hash)
    }
}

/// Whether the key is a session's lock, tombstone or tag.
fn is_spared(record: &Record) -> bool {
    let ends_with = |end: &[u8]| record.key().ends_with(end);
    ends_with(LOCK) || record.expiry().is_some() && SPARED.into_iter().any(ends_with)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::hash::HashedKey;
    use crate::random::random;

    const NOW: UnixMillis = UnixMillis(1_000_000_000);

    fn set(shard: &mut Shard, db: u32, key: &str, ttl_ms: Option<i64>, at: UnixMillis) {
        let key = HashedKey::new(key.as_bytes());
        let expiry = ttl_ms.map(|ttl| UnixMillis(NOW.0 + ttl));
        shard.set_string(db, key, b"v", expiry, at);
    }

    /// How often each key was drawn.
    fn draws(
        shard: &mut Shard,
        eligible: Eligible,
        preference: Preference,
        n: usize,
    ) -> HashMap<String, usize> {
        let mut drawn = HashMap::new();
        for _ in 0..n {
            let Some(candidate) = shard.sample(eligible, preference, NOW, random) else { continue };
            let found = shard.look_again(candidate, eligible, preference, NOW);
            let (key, again) = found.expect("it is still there");
            assert_eq!(again, candidate);
            let name = format!("{}:{}", candidate.db, String::from_utf8_lossy(key));
            *drawn.entry(name).or_default() += 1;
        }
        drawn
    }

    #[test]
    fn every_eligible_key_of_every_database_is_drawn_about_equally_often() {
        // Most keys expire, or so few that the index is counted through.
        for persistent in [10, 3_000] {
            let mut shard = Shard::default();
            for n in 0..persistent {
                set(&mut shard, 1, &format!("persistent:{n}"), None, NOW);
            }
            for n in 0..20 {
                set(&mut shard, 1, &format!("volatile:{n}"), Some(1_000 + n * n * n), NOW);
                set(&mut shard, 3, &format!("volatile:{n}"), Some(9_000), NOW);
            }
            let drawn = draws(&mut shard, Eligible::Expiring, Preference::Idle, 8_000);
            assert_eq!(drawn.len(), 40, "each of 40, and none that persists");
            for (key, times) in drawn {
                // 200 expected; the standard deviation is 14.
                assert!((100..=300).contains(&times), "{key}: {times}");
            }
        }
        let mut shard = Shard::default();
        (0..10).for_each(|n| set(&mut shard, n, &format!("{n}"), None, NOW));
        let drawn = draws(&mut shard, Eligible::All, Preference::Chance, 2_000);
        assert!(drawn.len() == 10 && drawn.values().all(|times| (100..=300).contains(times)));
    }

    #[test]
    fn the_longer_unused_scores_higher_and_so_does_the_rarer() {
        let mut shard = Shard::default();
        for (n, key) in ["a", "b", "c"].into_iter().enumerate() {
            set(&mut shard, 0, key, None, UnixMillis(NOW.0 - 10_000 * n as i64));
        }
        let score = |key: &str, preference| {
            let hash = HashedKey::new(key.as_bytes()).hash;
            let candidate = Candidate { db: 0, hash, score: 0 };
            let found = shard.look_again(candidate, Eligible::All, preference, NOW);
            found.map(|(_, candidate)| candidate.score)
        };
        assert_eq!(
            ["a", "b", "c", "d"].map(|key| score(key, Preference::Idle)),
            [Some(0), Some(10), Some(20), None]
        );
        let rare = ["a", "b", "c"].map(|key| score(key, Preference::Rare));
        assert!(rare.is_sorted(), "equally rare: {rare:?}");
        shard.usage.set(true, 0, 1);
        for _ in 0..3 {
            shard.access(0, HashedKey::new(b"c"), NOW);
        }
        let rare = |key: &[u8]| {
            let candidate = Candidate { db: 0, hash: HashedKey::new(key).hash, score: 0 };
            shard
                .look_again(candidate, Eligible::All, Preference::Rare, NOW)
                .expect("there")
                .1
                .score
        };
        assert!(rare(b"b") > rare(b"a") && rare(b"a") > rare(b"c"));
    }

    #[test]
    fn the_soonest_is_found_though_the_index_lags_behind() {
        let mut shard = Shard::default();
        for n in 0..40 {
            set(&mut shard, 0, &format!("k{n}"), Some(1_000 + n), NOW);
        }
        // Refreshed, as sessions are: the index keeps their old places.
        for n in 0..40 {
            if n != 17 {
                set(&mut shard, 0, &format!("k{n}"), Some(50_000 + n), NOW);
            }
        }
        set(&mut shard, 2, "later", Some(2_000), NOW);
        let drawn = draws(&mut shard, Eligible::Expiring, Preference::Soonest, 3);
        assert_eq!(drawn, HashMap::from([("0:k17".to_owned(), 3)]));
        set(&mut shard, 0, "k17", None, NOW);
        let drawn = draws(&mut shard, Eligible::Expiring, Preference::Soonest, 3);
        assert_eq!(drawn, HashMap::from([("2:later".to_owned(), 3)]));
    }

    #[test]
    fn locks_tombstones_and_tags_are_never_drawn() {
        let mut shard = Shard::default();
        for end in ["_LOCK", "_GONE", "_TAG"] {
            set(&mut shard, 0, &format!("s{end}"), Some(1_000), NOW);
        }
        for (eligible, preference) in [
            (Eligible::All, Preference::Idle),
            (Eligible::Expiring, Preference::Chance),
            (Eligible::Expiring, Preference::Soonest),
        ] {
            assert_eq!(draws(&mut shard, eligible, preference, 50), HashMap::new());
        }
        set(&mut shard, 0, "s", Some(5_000), NOW);
        set(&mut shard, 0, "without_end_LOCK", None, NOW);
        set(&mut shard, 0, "persistent_TAG", None, NOW);
        let drawn = draws(&mut shard, Eligible::Expiring, Preference::Soonest, 5);
        assert_eq!(drawn, HashMap::from([("0:s".to_owned(), 5)]));
        let drawn = draws(&mut shard, Eligible::All, Preference::Idle, 200);
        let mut drawn: Vec<_> = drawn.into_keys().collect();
        drawn.sort();
        assert_eq!(drawn, ["0:persistent_TAG", "0:s"], "a tag that persists is no session's");
    }
}
