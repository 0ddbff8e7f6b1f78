//! Granting locks, and what must happen when nobody asks: leases, waits and connections that end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_resp::{Protocol, ReplyWriter};
use guarda_session::{Holder, LOCK_SUFFIX, lock_key, tombstone_key};
use guarda_store::{HashedKey, Record, SHARDS, Shard, UnixMillis, ValueRef};

use super::counters::Cause;
use super::limits::SessionLimits;
use super::locks::{COMMITTED_MAX, LockState, Owner};
use super::site::{Site, generation_of, release};
use super::{LEASE_DEFAULT_MS, SessionLock, TOKEN_PREFIX, millis};
use crate::client::Client;
use crate::effects::Effects;
use crate::error::CommandError;
use crate::execute::{Worker, settle};
use crate::host::Host;
use crate::waits::{Awaited, Deliveries, ShardWaits};

/// How long ago a client must have polled to count.
const POLLER_GONE_AFTER: Duration = Duration::from_secs(1);

/// What OPEN asked for.
pub(crate) struct OpenRequest {
    pub(crate) client: u64,
    pub(crate) protocol: Protocol,
    pub(crate) token: Box<[u8]>,
    pub(crate) holder: Option<Box<Holder>>,
    pub(crate) lease_ms: i64,
    pub(crate) ttl_ms: Option<i64>,
    pub(crate) must_exist: bool,
    pub(crate) locking: bool,
}

/// Writes OPEN's reply without data.
pub(crate) fn reply_without_data(reply: &mut ReplyWriter<'_>, status: &str, waited: Duration) {
    reply.array(5);
    reply.simple(status);
    reply.null();
    reply.null();
    reply.null();
    reply.integer(millis(waited));
}

/// Opens the session at `key`: takes the lock, which is free or the caller's, refreshes the TTL,
/// answers the data. Says whether the lock was taken.
pub(crate) fn grant(
    site: &mut Site<'_>,
    key: &[u8],
    request: &OpenRequest,
    waited: Duration,
    reply: &mut ReplyWriter<'_>,
) -> Result<bool, CommandError> {
    let there = site.string(key)?.is_some();
    let nonce = site.string(&tombstone_key(key))?.map(<[u8]>::to_vec);
    let takes_lock = request.locking && (there || !request.must_exist);
    let lease_ms = request.lease_ms.min(millis(site.limits.hold_max()));
    if takes_lock {
        take_lock(site, key, request, lease_ms);
    }
    if there {
        let asked = request.ttl_ms.map(|ttl| UnixMillis(site.now.0 + ttl));
        // A session must not expire under the request that has it locked.
        let least = if takes_lock { lease_ms } else { 0 };
        site.raise_life(key, asked, UnixMillis(site.now.0 + least));
    }
    let data = site.string(key)?;
    reply.array(5);
    reply.simple(if there || !request.must_exist { "OK" } else { "MISSING" });
    match data {
        Some(data) => reply.bulk(data),
        None => reply.null(),
    }
    reply.bulk(&generation_of(data));
    match nonce {
        Some(nonce) => reply.bulk(&nonce),
        None => reply.null(),
    }
    reply.integer(millis(waited));
    let counters = &mut site.effects.counters.sessions;
    if there || !request.must_exist {
        counters.sessions_opened += 1;
    } else {
        counters.session_opens_missing += 1;
    }
    Ok(takes_lock)
}

fn take_lock(site: &mut Site<'_>, key: &[u8], request: &OpenRequest, lease_ms: i64) {
    let lock = lock_key(key);
    let owner = Owner {
        client: request.client,
        token: request.token.clone(),
        holder: request.holder.clone(),
        since: site.now,
        since_monotonic: site.monotonic,
        lease_ms,
    };
    let left = bind(site, &lock, owner);
    site.set(&lock, &request.token, UnixMillis(site.now.0 + left));
}

/// Makes the lock `owner`'s and says how many milliseconds it may live on: its lease, within the
/// longest hold. A token that has it already has had it since the first time.
fn bind(site: &mut Site<'_>, lock: &[u8], mut owner: Owner) -> i64 {
    let (db, monotonic, hold_max) = (site.db, site.monotonic, site.limits.hold_max());
    let sessions = site.sessions();
    let known = sessions.find(db, lock).and_then(|state| state.owner.take());
    if let Some(known) = known.filter(|known| known.token == owner.token) {
        (owner.since, owner.since_monotonic) = (known.since, known.since_monotonic);
        owner.holder = owner.holder.or(known.holder);
    } else {
        sessions.counted.session_locks_granted += 1;
    }
    let held = monotonic.saturating_sub(owner.since_monotonic);
    let left = millis(hold_max.saturating_sub(held));
    let lease_ms = owner.lease_ms;
    sessions.find_or_new(db, lock).owner = Some(owner);
    lease_ms.min(left).max(1)
}

/// Prolongs the lock that `token` has, by the lease it had unless there is another, and makes it the
/// connection's that asks; returns for how long.
pub(crate) fn rebind(
    site: &mut Site<'_>,
    key: &[u8],
    token: &[u8],
    client: u64,
    lease_ms: Option<i64>,
) -> i64 {
    let lock = lock_key(key);
    let (db, since, since_monotonic) = (site.db, site.now, site.monotonic);
    let known = site.sessions().find(db, &lock).and_then(|state| state.owner.as_ref());
    let known = known.filter(|owner| *owner.token == *token).map(|owner| owner.lease_ms);
    let lease_ms =
        lease_ms.or(known).unwrap_or(LEASE_DEFAULT_MS).min(millis(site.limits.hold_max()));
    let (token, holder) = (token.into(), None);
    let owner = Owner { client, token, holder, since, since_monotonic, lease_ms };
    let left = bind(site, &lock, owner);
    site.set_expiry(&lock, UnixMillis(site.now.0 + left));
    left
}

/// Serves those who wait for locks that were removed from the shard.
pub(crate) fn serve_freed(
    shard: &mut Shard,
    effects: &mut Effects,
    host: &dyn Host,
    now: UnixMillis,
    deliveries: &mut Deliveries,
) {
    // Serving one may end others' locks (an expired one is met): until nothing is left.
    while let Some(waits) = ShardWaits::of(shard) {
        let counted = std::mem::take(&mut waits.sessions.counted);
        effects.counters.sessions.add(&counted);
        let freed = waits.sessions.take_freed();
        if freed.is_empty() {
            return;
        }
        let limits = &host.settings().sessions;
        for (db, lock) in freed {
            let monotonic = host.monotonic();
            let mut site =
                Site { shard: &mut *shard, effects: &mut *effects, db, now, monotonic, limits };
            serve(&mut site, &lock, host, deliveries);
        }
    }
}

/// Gives the lock, if it is free, to the first who still waits; else sees to it that it is looked at
/// once it is due.
fn serve(site: &mut Site<'_>, lock: &[u8], host: &dyn Host, deliveries: &mut Deliveries) {
    let (db, monotonic, limits) = (site.db, site.monotonic, site.limits);
    let key = lock.strip_suffix(LOCK_SUFFIX.as_bytes()).expect("only lock keys have waiters");
    while !site.exists(lock) {
        let Some(state) = site.sessions().find(db, lock) else { return };
        if !state.has_waiters() {
            state.waiters.clear();
            break;
        }
        if let Some(until) = left_to_pollers(state, monotonic, limits) {
            host.tend_later(HashedKey::new(lock).shard(), until);
            return;
        }
        let Some(at) = state.waiters.find(|_| true) else { break };
        let Some(waiter) = state.waiters.serve(at) else { continue };
        state.hand_overs += 1;
        let waited = monotonic.saturating_sub(waiter.ticket.began);
        let mut reply = Vec::new();
        let mut writer = ReplyWriter::new(&mut reply, waiter.request.protocol);
        let taken = grant(site, key, &waiter.request, waited, &mut writer);
        let got_lock = taken.unwrap_or_else(|error| {
            reply.clear();
            let error = error.to_string();
            ReplyWriter::new(&mut reply, waiter.request.protocol).error(&error);
            false
        });
        if !got_lock {
            waiter.ticket.note_without_lock();
        }
        site.effects.counters.sessions.session_waits_served += 1;
        deliveries.push((waiter.request.client, reply));
    }
    set_alarm(site, lock, host);
    site.sessions().drop_if_idle(db, lock);
}

/// After some hand-overs in a row the free lock is left to clients that poll for it, for a moment;
/// until when, if that moment is now.
fn left_to_pollers(
    state: &mut LockState,
    monotonic: Duration,
    limits: &SessionLimits,
) -> Option<Duration> {
    match state.free_until {
        Some(until) if monotonic < until => Some(until),
        Some(_) => {
            (state.free_until, state.polled, state.hand_overs) = (None, None, 0);
            None
        }
        None => {
            let window = limits.fair_window()?;
            let polled =
                state.polled.is_some_and(|at| monotonic.saturating_sub(at) < POLLER_GONE_AFTER);
            if state.hand_overs < limits.fair_after() || !polled {
                return None;
            }
            state.free_until = Some(monotonic + window);
            state.free_until
        }
    }
}

/// Has the shard tended when this lock is due, if somebody waits for it: nobody else may come by.
pub(crate) fn set_alarm(site: &mut Site<'_>, lock: &[u8], host: &dyn Host) {
    let (db, now, monotonic) = (site.db, site.now, site.monotonic);
    let Some(expiry) = site.expiry(lock) else { return };
    let Some(state) = site.sessions().find(db, lock).filter(|state| state.has_waiters()) else {
        return;
    };
    let left = u64::try_from(expiry.since(now)).unwrap_or(0);
    let at = monotonic + Duration::from_millis(left);
    if state.alarm.is_none_or(|alarm| alarm <= monotonic || at < alarm) {
        state.alarm = Some(at);
        host.tend_later(HashedKey::new(lock).shard(), at);
    }
}

/// Looks after the locks of one shard that has any: renews leases of living connections, serves
/// waiters whose turn has come.
pub(crate) fn tend(
    shard: &mut Shard,
    effects: &mut Effects,
    host: &dyn Host,
    now: UnixMillis,
    deliveries: &mut Deliveries,
) {
    renew(shard, effects, host, now);
    let sessions = &mut ShardWaits::of_or_new(shard).sessions;
    sessions.forget_old_commits(host.monotonic(), COMMITTED_MAX);
    let mut queued = Vec::new();
    for (db, lock, state) in sessions.iter() {
        if state.waiters.prune() > 0 {
            queued.push((db, Box::<[u8]>::from(lock)));
        }
    }
    for (db, lock) in queued {
        let monotonic = host.monotonic();
        let limits = &host.settings().sessions;
        let (shard, effects) = (&mut *shard, &mut *effects);
        let mut site = Site { shard, effects, db, now, monotonic, limits };
        serve(&mut site, &lock, host, deliveries);
    }
    ShardWaits::of_or_new(shard).sessions.drop_idle();
}

/// Renews the leases that are half over, while their connections live and the longest hold is not
/// reached. By the monotonic clock: a lock that is due only because the wall clock jumped is kept.
fn renew(shard: &mut Shard, effects: &mut Effects, host: &dyn Host, now: UnixMillis) {
    let monotonic = host.monotonic();
    let limits = &host.settings().sessions;
    let mut owned = Vec::new();
    for (db, lock, state) in ShardWaits::of_or_new(shard).sessions.iter() {
        if let Some(owner) = &state.owner {
            let held = monotonic.saturating_sub(owner.since_monotonic);
            let left = millis(limits.hold_max().saturating_sub(held));
            owned.push((db, Box::<[u8]>::from(lock), owner.token.clone(), owner.lease_ms, left));
        }
    }
    for (db, lock, token, lease_ms, left) in owned {
        let mut site = Site { shard, effects, db, now, monotonic, limits };
        renew_one(&mut site, &lock, &token, lease_ms, left);
    }
}

/// Renews the lease of a lock that is due while its connection lives and the longest hold is not
/// reached: the wall clock has jumped, or everything stood still, before [`tend`] could.
pub(crate) fn renew_if_due(site: &mut Site<'_>, lock: &[u8]) {
    let record = site.shard.peek(site.db, HashedKey::new(lock));
    if record.is_none_or(|record| !record.is_due(site.now)) {
        return;
    }
    let (db, monotonic, hold_max) = (site.db, site.monotonic, site.limits.hold_max());
    let owner = site.sessions().find(db, lock).and_then(|state| state.owner.as_ref());
    let Some(Owner { token, lease_ms, since_monotonic, .. }) = owner else { return };
    let (token, lease_ms) = (token.clone(), *lease_ms);
    let left = millis(hold_max.saturating_sub(monotonic.saturating_sub(*since_monotonic)));
    renew_one(site, lock, &token, lease_ms, left);
}

/// Renews the lease of a lock that `token` should have, if it is half over; for `left_ms` at most.
fn renew_one(site: &mut Site<'_>, lock: &[u8], token: &[u8], lease_ms: i64, left_ms: i64) {
    let (db, now) = (site.db, site.now);
    let record = site.shard.peek(db, HashedKey::new(lock));
    let is_its = matches!(record.map(Record::value), Some(ValueRef::String(v)) if *v == *token);
    let Some(expiry) = record.and_then(Record::expiry).filter(|_| is_its) else {
        let sessions = site.sessions();
        if !is_its && sessions.find(db, lock).is_some_and(|state| state.owner.take().is_some()) {
            sessions.counted.count_release(Cause::Replaced);
        }
        return;
    };
    let remaining = expiry.since(now);
    let wanted = lease_ms.min(left_ms);
    if remaining < lease_ms / 2 && wanted > remaining.max(0) {
        // As of a moment before its end, so that one that is due does not expire here.
        site.now = UnixMillis(now.0.min(expiry.0 - 1));
        site.set_expiry(lock, UnixMillis(now.0 + wanted));
        site.now = now;
    }
}

/// The connection has ended: its wait is over, its locks are freed. False if a shard is held by
/// others; call again then.
pub fn release_session_locks(
    client: &mut Client,
    host: &dyn Host,
    worker: &mut Worker,
    now: UnixMillis,
    patience: Duration,
) -> bool {
    if let Some(ticket) = client.unpark()
        && ticket.cancel()
        && matches!(ticket.awaited, Awaited::Lock(_))
    {
        worker.effects.counters.sessions.session_waits_abandoned += 1;
    }
    worker.effects.wanted_events = host.pubsub().wanted_events();
    let killed = client.card.killed.load(Ordering::Relaxed);
    let cause = if killed { Cause::Kill } else { Cause::Disconnect };
    let limits = &host.settings().sessions;
    while let Some(held) = client.session_locks.last() {
        let index = HashedKey::new(&held.key).shard();
        let Some(mut locked) = host.keyspace().lock_one(index, patience) else { return false };
        let shard = locked.held().next().expect("one shard was locked");
        let lock = lock_key(&held.key);
        let id = client.card.id;
        let is_owner = ShardWaits::of(shard)
            .and_then(|waits| waits.sessions.find(held.db, &lock))
            .and_then(|state| state.owner.as_ref())
            .is_some_and(|owner| owner.client == id && owner.token == held.token);
        if is_owner {
            let (db, monotonic) = (held.db, host.monotonic());
            let mut site = Site { shard, effects: &mut worker.effects, db, now, monotonic, limits };
            release(&mut site, &held.key, &held.token, cause);
            settle(&mut locked, host, worker, now, Deliveries::new());
        }
        client.session_locks.pop();
    }
    true
}

/// Writes OPEN's reply to one whose time to wait has run out.
pub(crate) fn lock_wait_ran_out(reply: &mut ReplyWriter<'_>, waited: Duration) {
    reply_without_data(reply, "BUSY", waited);
}

/// The client's wait for `lock` has ended without it.
pub(crate) fn forget_unserved(client: &mut Client, lock: &SessionLock) {
    client.session_locks.retain(|known| known != lock);
}

/// After a restart native locks belong to nobody: they end soon unless their token is presented.
pub fn unbind_native_locks(host: &dyn Host, worker: &mut Worker, now: UnixMillis, databases: u32) {
    let patience = Duration::from_hours(1);
    let limits = &host.settings().sessions;
    for index in 0..SHARDS {
        let Some(mut locked) = host.keyspace().lock_one(index, patience) else { continue };
        let shard = locked.held().next().expect("one shard was locked");
        for db in 0..databases {
            for lock in native_locks(shard, db) {
                let effects = &mut worker.effects;
                let monotonic = Duration::ZERO;
                let mut site = Site { shard, effects, db, now, monotonic, limits };
                let end = UnixMillis(now.0 + millis(limits.restart_lease()));
                if site.expiry(&lock).is_none_or(|expiry| expiry > end) {
                    site.set_expiry(&lock, end);
                }
            }
        }
        settle(&mut locked, host, worker, now, Deliveries::new());
    }
}

fn native_locks(shard: &Shard, db: u32) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut from = Some(0);
    while let Some(position) = from {
        from = shard.scan(db, position, 1000, |record| {
            let native =
                matches!(record.value(), ValueRef::String(v) if v.starts_with(TOKEN_PREFIX));
            if native && record.key().ends_with(LOCK_SUFFIX.as_bytes()) {
                found.push(record.key().to_vec());
            }
        });
    }
    found
}
