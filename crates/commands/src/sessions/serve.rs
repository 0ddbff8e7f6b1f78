//! Granting locks, and what must happen when nobody asks: leases, waits and connections that end.

use std::time::Duration;

use guarda_resp::{Protocol, ReplyWriter};
use guarda_session::{Holder, LOCK_SUFFIX, lock_key, tombstone_key};
use guarda_store::{HashedKey, Keyspace, Record, SHARDS, Shard, UnixMillis, ValueRef};

use super::locks::Owner;
use super::site::{Site, generation_of, release};
use super::{HOLD_MAX, LEASE_DEFAULT_MS, ORPHAN_LEASE_MS, SessionLock, TOKEN_PREFIX, millis};
use crate::client::Client;
use crate::effects::Effects;
use crate::error::CommandError;
use crate::execute::{Worker, settle};
use crate::host::Host;
use crate::waits::{Deliveries, ShardWaits};

/// Hand-overs in a row after which a client that polls gets its chance. With more, phpredis's half of
/// a mixed farm waits longer than in a farm of its own and gives up: decision 0014.
const HAND_OVERS_MAX: u32 = 1;

/// How long the lock then stays free: longer than phpredis waits between two tries by default.
const FREE_FOR: Duration = Duration::from_millis(25);

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
    let lease_ms = request.lease_ms.min(millis(HOLD_MAX));
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
    site.effects.counters.sessions_opened += u64::from(there || !request.must_exist);
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
    let (db, monotonic) = (site.db, site.monotonic);
    let state = site.sessions().find_or_new(db, lock);
    if let Some(known) = state.owner.take_if(|known| known.token == owner.token) {
        (owner.since, owner.since_monotonic) = (known.since, known.since_monotonic);
        owner.holder = owner.holder.or(known.holder);
    }
    let held = monotonic.saturating_sub(owner.since_monotonic);
    let left = millis(HOLD_MAX.saturating_sub(held));
    let lease_ms = owner.lease_ms;
    state.owner = Some(owner);
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
    let lease_ms = lease_ms.or(known).unwrap_or(LEASE_DEFAULT_MS).min(millis(HOLD_MAX));
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
        let freed = waits.sessions.take_freed();
        if freed.is_empty() {
            return;
        }
        for (db, lock) in freed {
            let monotonic = host.monotonic();
            let mut site = Site { shard: &mut *shard, effects: &mut *effects, db, now, monotonic };
            serve(&mut site, &lock, host, deliveries);
        }
    }
}

/// Gives the lock, if it is free, to the first who still waits.
fn serve(site: &mut Site<'_>, lock: &[u8], host: &dyn Host, deliveries: &mut Deliveries) {
    let (db, monotonic) = (site.db, site.monotonic);
    let key = lock.strip_suffix(LOCK_SUFFIX.as_bytes()).expect("only lock keys have waiters");
    while !site.exists(lock) {
        let Some(state) = site.sessions().find(db, lock) else { return };
        if !state.has_waiters() {
            state.waiters.clear();
            break;
        }
        match state.free_until {
            Some(until) if monotonic < until => return,
            Some(_) => (state.free_until, state.polled, state.hand_overs) = (None, None, 0),
            None => {
                let polled =
                    state.polled.is_some_and(|at| monotonic.saturating_sub(at) < POLLER_GONE_AFTER);
                if state.hand_overs >= HAND_OVERS_MAX && polled {
                    let until = monotonic + FREE_FOR;
                    state.free_until = Some(until);
                    host.tend_later(HashedKey::new(lock).shard(), until);
                    return;
                }
            }
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
        site.effects.counters.session_waits_served += 1;
        deliveries.push((waiter.request.client, reply));
    }
    site.sessions().drop_if_idle(db, lock);
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
    let mut queued = Vec::new();
    for (db, lock, state) in sessions.iter() {
        if state.waiters.prune() > 0 && state.owner.is_none() {
            queued.push((db, Box::<[u8]>::from(lock)));
        }
    }
    for (db, lock) in queued {
        let monotonic = host.monotonic();
        let mut site = Site { shard: &mut *shard, effects: &mut *effects, db, now, monotonic };
        serve(&mut site, &lock, host, deliveries);
    }
    ShardWaits::of_or_new(shard).sessions.drop_idle();
}

/// Renews the leases that are half over, while their connections live and [`HOLD_MAX`] is not
/// reached. By the monotonic clock: a lock that is due only because the wall clock jumped is kept.
fn renew(shard: &mut Shard, effects: &mut Effects, host: &dyn Host, now: UnixMillis) {
    let monotonic = host.monotonic();
    let mut owned = Vec::new();
    for (db, lock, state) in ShardWaits::of_or_new(shard).sessions.iter() {
        if let Some(owner) = &state.owner {
            let held = monotonic.saturating_sub(owner.since_monotonic);
            let left = millis(HOLD_MAX.saturating_sub(held));
            owned.push((db, Box::<[u8]>::from(lock), owner.token.clone(), owner.lease_ms, left));
        }
    }
    for (db, lock, token, lease_ms, left) in owned {
        let hashed = HashedKey::new(&lock);
        let record = shard.peek(db, hashed);
        let is_its = matches!(record.map(Record::value), Some(ValueRef::String(v)) if *v == *token);
        let Some(expiry) = record.and_then(Record::expiry).filter(|_| is_its) else {
            if let Some(state) = ShardWaits::of_or_new(shard).sessions.find(db, &lock)
                && !is_its
            {
                state.owner = None;
            }
            continue;
        };
        let remaining = expiry.since(now);
        let wanted = lease_ms.min(left);
        if remaining < lease_ms / 2 && wanted > remaining.max(0) {
            // As of a moment before its end, so that one that is due does not expire here.
            let before = UnixMillis(now.0.min(expiry.0 - 1));
            let mut site = Site { shard, effects, db, now: before, monotonic };
            site.set_expiry(&lock, UnixMillis(now.0 + wanted));
        }
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
    if let Some(ticket) = client.unpark() {
        ticket.cancel();
    }
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
            let mut site = Site { shard, effects: &mut worker.effects, db, now, monotonic };
            if release(&mut site, &held.key, &held.token) {
                site.effects.counters.session_releases_disconnect += 1;
            }
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
    for index in 0..SHARDS {
        let Some(mut locked) = host.keyspace().lock_one(index, patience) else { continue };
        let shard = locked.held().next().expect("one shard was locked");
        for db in 0..databases {
            for lock in native_locks(shard, db) {
                let effects = &mut worker.effects;
                let mut site = Site { shard, effects, db, now, monotonic: Duration::ZERO };
                let end = UnixMillis(now.0 + ORPHAN_LEASE_MS);
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

/// For INFO: native locks that are held, and clients that wait.
pub fn session_gauges(keyspace: &Keyspace) -> (usize, usize) {
    let (mut held, mut waiting) = (0, 0);
    keyspace.for_each_shard(|shard| {
        let Some(waits) = ShardWaits::of(shard) else { return };
        for (_, _, state) in waits.sessions.iter() {
            held += usize::from(state.owner.is_some());
            waiting += state.waiters.waiting().count();
        }
    });
    (held, waiting)
}
