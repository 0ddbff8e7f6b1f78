//! Removing keys so that memory stays below `maxmemory`: which key goes next, and what its going
//! leaves behind.
//!
//! The policy is about the whole server: candidates are drawn from shards chosen by chance, one held
//! at a time and never waited for, and the best of those seen lately are remembered in a pool.
//! Why so: docs/decisions/, "Eviction over shards".

use std::time::Duration;

use guarda_session::{lock_key, tag_key};
use guarda_store::{
    Candidate, Eligible, HashedKey, Keyspace, Locked, Preference, Record, SHARDS, Shard,
    UnixMillis, random,
};

use crate::effects::Effects;
use crate::host::Host;
use crate::pubsub::EventClasses;

/// Candidates that are remembered from one eviction to the next, as many as in Redis.
const POOL_MAX: usize = 16;

/// Shards asked by chance for a candidate before all are asked in turn.
const TRIES_MAX: usize = 64;

/// Candidates looked at for one eviction. Each that fails was used since it was drawn, has gone, or
/// is a session that somebody has locked.
const CANDIDATES_MAX: usize = 256;

/// What is evicted, and how carefully it is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvictionRules {
    /// Among which keys.
    pub eligible: Eligible,
    /// Which of them first.
    pub preference: Preference,
    /// `maxmemory-samples`: keys drawn for each that goes.
    pub samples: usize,
}

/// What came of an attempt to evict one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evicted {
    /// A key has gone.
    One,
    /// There is none that may go.
    Nothing,
    /// Shards that may have some are held by others, who may be long.
    Later,
}

/// Chooses and removes keys. One thread at a time uses it.
#[derive(Default)]
pub struct Evictor {
    /// The best candidates seen and not yet evicted, by rising score.
    pool: Vec<Candidate>,
    /// Under which rules the pool was filled.
    rules: Option<EvictionRules>,
    /// What the evictions leave behind, to be collected by the caller.
    pub effects: Effects,
}

/// A draw from the shards.
enum Drawn {
    Some(Candidate),
    None,
    /// Not all could be asked.
    Unknown,
}

impl Evictor {
    /// Removes one key, by the rules; its record is in the log, and its event told, before its shard
    /// is let go. What it held is freed after that.
    ///
    /// Holds one shard at a time, for the time of a few look-ups. The caller holds none.
    pub fn evict(&mut self, rules: EvictionRules, host: &dyn Host, now: UnixMillis) -> Evicted {
        if self.rules != Some(rules) {
            self.pool.clear();
            self.rules = Some(rules);
        }
        self.effects.wanted_events = host.pubsub().wanted_events();
        let keyspace = host.keyspace();
        let mut is_certain = true;
        for _ in 0..CANDIDATES_MAX {
            is_certain &= self.fill(rules, keyspace, now);
            let Some(candidate) = self.pool.pop() else { break };
            let index = shard_of(candidate);
            let Some(mut locked) = keyspace.lock_one(index, Duration::ZERO) else {
                is_certain = false;
                continue;
            };
            let shard = locked.held().next().expect("one shard was locked");
            let Some(key) = self.confirm(candidate, rules, shard, now) else { continue };
            let removed = self.remove(shard, candidate.db, &key, host, now);
            drop(locked);
            drop(removed);
            return Evicted::One;
        }
        if is_certain { Evicted::Nothing } else { Evicted::Later }
    }

    /// Draws candidates into the pool; false if shards could not be asked.
    fn fill(&mut self, rules: EvictionRules, keyspace: &Keyspace, now: UnixMillis) -> bool {
        let mut is_certain = true;
        for _ in 0..rules.samples {
            match draw(rules, keyspace, now) {
                Drawn::Some(candidate) => self.remember(candidate),
                Drawn::None => break,
                Drawn::Unknown => {
                    is_certain = false;
                    break;
                }
            }
            // By chance, one is as good as another.
            if rules.preference == Preference::Chance {
                break;
            }
        }
        is_certain
    }

    fn remember(&mut self, candidate: Candidate) {
        let is_it = |c: &Candidate| (c.db, c.hash) == (candidate.db, candidate.hash);
        self.pool.retain(|known| !is_it(known));
        let at = self.pool.partition_point(|known| known.score < candidate.score);
        self.pool.insert(at, candidate);
        if self.pool.len() > POOL_MAX {
            self.pool.remove(0);
        }
    }

    /// The candidate's key, if it is still there, as good a victim as when it was drawn, and no
    /// session that is in use.
    fn confirm(
        &mut self,
        candidate: Candidate,
        rules: EvictionRules,
        shard: &Shard,
        now: UnixMillis,
    ) -> Option<Box<[u8]>> {
        let EvictionRules { eligible, preference, .. } = rules;
        let (key, again) = shard.look_again(candidate, eligible, preference, now)?;
        if is_in_use(shard, candidate.db, key, now) {
            return None;
        }
        let key = key.into();
        if again.score < candidate.score {
            // Used since. It competes anew, unless nothing else is there.
            let is_best = self.pool.last().is_none_or(|best| best.score <= again.score);
            if !is_best {
                self.remember(again);
                return None;
            }
        }
        Some(key)
    }

    /// Removes the key and, if it is a session, its tag, which would outlive it to no purpose.
    fn remove(
        &mut self,
        shard: &mut Shard,
        db: u32,
        key: &[u8],
        host: &dyn Host,
        now: UnixMillis,
    ) -> Vec<Option<Record>> {
        let mut removed = Vec::with_capacity(2);
        let tag = tag_key(key);
        // Tags of sessions expire; a key of such a name that persists is something else.
        let has_tag = shard.peek(db, HashedKey::new(&tag)).is_some_and(|r| r.expiry().is_some());
        for name in [Some(key), has_tag.then_some(&tag[..])].into_iter().flatten() {
            let hashed = HashedKey::new(name);
            // One that is due expires, as it would whoever met it.
            if shard.get(db, hashed, now).is_none() {
                continue;
            }
            removed.push(shard.remove(db, hashed));
            shard.signal_change(db, name);
            self.effects.counters.evicted_keys += 1;
            self.effects.counters.dirty += 1;
            self.effects.records.push(db, &[b"DEL", name]);
            self.effects.notify(EventClasses::EVICTED, db, "evicted", name);
        }
        self.effects.append_for(shard, host);
        removed
    }
}

fn shard_of(candidate: Candidate) -> usize {
    HashedKey { bytes: b"", hash: candidate.hash }.shard()
}

/// Whether the key is a session whose lock somebody holds, by Guarda's protocol or by phpredis's: a
/// request is about to write it, and its user is there at this moment.
fn is_in_use(shard: &Shard, db: u32, key: &[u8], now: UnixMillis) -> bool {
    let lock = lock_key(key);
    shard.peek(db, HashedKey::new(&lock)).is_some_and(|lock| !lock.is_due(now))
}

/// A candidate from a shard chosen by chance. Where few shards have any, they are all asked, from
/// such a one on.
fn draw(rules: EvictionRules, keyspace: &Keyspace, now: UnixMillis) -> Drawn {
    let mut is_certain = true;
    let mut ask = |index: usize| {
        let Some(mut locked) = keyspace.lock_one(index, Duration::ZERO) else {
            is_certain = false;
            return None;
        };
        sample(&mut locked, rules, now)
    };
    let by_chance = (0..TRIES_MAX).find_map(|_| ask((random() % SHARDS as u64) as usize));
    let first = (random() % SHARDS as u64) as usize;
    let found = by_chance.or_else(|| (first..first + SHARDS).find_map(|at| ask(at % SHARDS)));
    match found {
        Some(candidate) => Drawn::Some(candidate),
        None if is_certain => Drawn::None,
        None => Drawn::Unknown,
    }
}

fn sample(locked: &mut Locked<'_>, rules: EvictionRules, now: UnixMillis) -> Option<Candidate> {
    let shard = locked.held().next().expect("one shard was locked");
    shard.sample(rules.eligible, rules.preference, now, random)
}

#[cfg(test)]
mod tests;
