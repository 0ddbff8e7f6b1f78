//! SESSION OPEN: locks a session, or queues for its lock, and reads it.

use std::time::Duration;

use guarda_session::{HOLDER_HOST_LEN_MAX, HOLDER_URL_LEN_MAX, Holder, lock_key};

use crate::args::Args;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::session::{
    bounded, check_locks_held, forget_lock, lease, session_key, site_in, token, ttl,
};
use crate::families::session_commit::committed_hash;
use crate::sessions::{
    LEASE_DEFAULT_MS, OpenRequest, SessionLock, Site, grant, renew_if_due, reply_without_data,
    set_alarm,
};
use crate::waits::{Awaited, Ticket};

const WAIT_MAX_MS: i64 = 24 * 60 * 60 * 1000;

struct Open<'a> {
    key: &'a [u8],
    wait: Duration,
    waiters_max: usize,
    request: OpenRequest,
}

impl<'a> Open<'a> {
    fn parse(cx: &Context<'_, '_>, args: &mut Args<'a>) -> Result<Open<'a>, CommandError> {
        let key = session_key(args)?;
        let mut open = Open {
            key,
            wait: Duration::ZERO,
            waiters_max: usize::MAX,
            request: OpenRequest {
                client: cx.client.card.id,
                protocol: cx.client.protocol,
                token: token(args)?.into(),
                holder: None,
                lease_ms: LEASE_DEFAULT_MS,
                ttl_ms: None,
                must_exist: false,
                locking: true,
            },
        };
        let request = &mut open.request;
        while !args.is_empty() {
            if args.take_word("WAIT") {
                open.wait = Duration::from_millis(bounded(args, 0, WAIT_MAX_MS)? as u64);
            } else if args.take_word("LEASE") {
                request.lease_ms = lease(args)?;
            } else if args.take_word("TTL") {
                request.ttl_ms = Some(ttl(args)?);
            } else if args.take_word("MUSTEXIST") {
                request.must_exist = true;
            } else if args.take_word("NOLOCK") {
                request.locking = false;
            } else if args.take_word("MAXWAITERS") {
                let max = bounded(args, 0, i64::MAX)?;
                open.waiters_max = usize::try_from(max).unwrap_or(usize::MAX);
            } else if args.take_word("HOLDER") {
                request.holder = Some(Box::new(holder(args)?));
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(open)
    }
}

pub(super) fn open(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let open = Open::parse(cx, args)?;
    let (key, locking) = (open.key, open.request.locking);
    let held = SessionLock { db: cx.db.index, key: key.into(), token: open.request.token.clone() };
    if locking {
        check_locks_held(cx, key, &held.token)?;
    }
    // Only a client itself can be parked: transactions and scripts are one moment.
    let can_wait = cx.caller == Caller::Client && !open.wait.is_zero();
    // The time that it waited for the end of a pause is part of what its client can spare.
    let asked_at = cx.client.asked_at.take();
    let host = cx.host;
    let mut place = site_in(&mut cx.db, host, key);
    let there = place.string(key)?.is_some();
    let committed = committed_hash(place.db, key, &open.request.token);
    place.sessions().forget_committed(committed);
    // One that must exist and does not takes no lock, and no place in the queue.
    let locking = locking && (there || !open.request.must_exist);
    if locking && must_queue(&mut place, key, &open.request.token)? {
        if let Some(status) = refusal(&mut place, &open, can_wait) {
            reply_without_data(&mut cx.reply, status, Duration::ZERO);
            return Ok(Outcome::Reply);
        }
        let lock = lock_key(key);
        let (db, monotonic) = (place.db, place.monotonic);
        let began = asked_at.unwrap_or(monotonic);
        let deadline = Some(began + open.wait);
        let ticket = Ticket::new(Awaited::Lock(held.clone()), began, deadline);
        let ticket = cx.client.park(ticket);
        place.sessions().find_or_new(db, &lock).waiters.push(&ticket, open.request);
        place.effects.counters.sessions.session_waits += 1;
        set_alarm(&mut place, &lock, host);
        forget_lock(cx, key, &held.token);
        cx.client.session_locks.push(held);
        return Ok(Outcome::Parked);
    }
    let taken = grant(&mut place, key, &open.request, Duration::ZERO, &mut cx.reply)?;
    if taken {
        forget_lock(cx, key, &held.token);
        cx.client.session_locks.push(held);
    }
    Ok(Outcome::Reply)
}

/// Why a lock that is not free is not waited for.
fn refusal(site: &mut Site<'_>, open: &Open<'_>, can_wait: bool) -> Option<&'static str> {
    if !can_wait {
        site.effects.counters.sessions.session_opens_busy += 1;
        return Some("BUSY");
    }
    let waiters_max = open.waiters_max.min(site.limits.waiters_max());
    let (db, lock) = (site.db, lock_key(open.key));
    let waiting = site.sessions().find(db, &lock).map_or(0, |state| state.waiters.prune());
    if waiting < waiters_max {
        return None;
    }
    site.effects.counters.sessions.session_opens_full += 1;
    Some("FULL")
}

/// Host, process and URL of the one who asks.
fn holder(args: &mut Args<'_>) -> Result<Holder, CommandError> {
    let host = args.bytes()?;
    let pid = u32::try_from(args.integer()?).map_err(|_| CommandError::OutOfRange)?;
    let url = args.bytes()?;
    let fits = |text: &[u8], len_max: usize| {
        (1..=len_max).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic)
    };
    if fits(host, HOLDER_HOST_LEN_MAX) && fits(url, HOLDER_URL_LEN_MAX) {
        return Ok(Holder::new(host, pid, url));
    }
    Err(CommandError::text(
        "ERR a session's holder is a host of 1 to 255 bytes, a process id, and a URL of 1 to 512 \
         bytes, all of them printable ASCII without spaces",
    ))
}

/// Whether the lock is another's, or free but owed to those who wait already.
fn must_queue(site: &mut Site<'_>, key: &[u8], token: &[u8]) -> Result<bool, CommandError> {
    let lock = lock_key(key);
    renew_if_due(site, &lock);
    if let Some(value) = site.string(&lock)? {
        return Ok(value != token);
    }
    let db = site.db;
    Ok(site.sessions().find(db, &lock).is_some_and(|state| state.has_waiters()))
}

#[cfg(test)]
mod tests;
