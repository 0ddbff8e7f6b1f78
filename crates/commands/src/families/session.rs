//! SESSION: PHP sessions with exact locks, one round trip to open and one to commit.
//!
//! The grammar, and why it is so: docs/decisions/, "SESSION commands".

use std::sync::Arc;
use std::time::Duration;

use guarda_session::{LOCK_SUFFIX, TOMBSTONE_SUFFIX, lock_key, tombstone_key};
use guarda_store::{UnixMillis, field_hash};

use crate::args::Args;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::db::Db;
use crate::error::CommandError;
use crate::families::{session_look, subcommand_help};
use crate::sessions::{
    HOLD_MAX, OpenRequest, SessionLock, Site, TOKEN_PREFIX, Ticket, Waiter, generation_of, grant,
    millis, release, reply_without_data,
};
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, KeyAccess, Keys, Locks};

/// Locks that one connection may hold and wait for at a time.
pub(crate) const LOCKS_PER_CONNECTION_MAX: usize = 64;

/// Clients that may wait for one lock, whatever MAXWAITERS says.
const WAITERS_MAX: usize = 10_000;

const WAIT_MAX_MS: i64 = 24 * 60 * 60 * 1000;
const LEASE_DEFAULT_MS: i64 = 60_000;
/// Shorter leases could end between two turns of the housekeeping that renews them.
const LEASE_MIN_MS: i64 = 1_000;
/// Ten years.
const TTL_MAX_MS: i64 = 10 * 366 * 24 * 60 * 60 * 1000;
const HOLDER_LEN_MAX: usize = 256;
const NONCE_LEN_MAX: usize = 64;
/// How long a tombstone lives at least.
const TOMBSTONE_MS: i64 = 900_000;

pub(super) const NEW: CommandSpec = CommandSpec {
    group: Group::Session,
    since: "7.2.0",
    categories: Categories::SESSION,
    note: "Guarda's own.",
    ..CommandSpec::NEW
};

const CHANGE: CommandSpec = CommandSpec {
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::at(2, KeyAccess::UPDATE),
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[CommandSpec {
    name: "session",
    summary: "Holds the commands that open, commit and end PHP sessions.",
    complexity: "Depends on subcommand.",
    arity: Arity::at_least(2),
    subcommands: SUBCOMMANDS,
    ..NEW
}];

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "open",
        summary: "Locks a session, or queues for its lock, and reads it.",
        complexity: "O(N), N being the length of the session's data.",
        arity: Arity::at_least(4),
        flags: Flags::WRITE.union(Flags::BLOCKING),
        run: open,
        ..CHANGE
    },
    CommandSpec {
        name: "commit",
        summary: "Writes a session with its TTL, unless it was destroyed or its lock lost, and \
                  releases its lock.",
        complexity: "O(N), N being the length of the session's data.",
        arity: Arity::at_least(9),
        flags: Flags::WRITE.union(Flags::DENYOOM),
        run: commit,
        ..CHANGE
    },
    CommandSpec {
        name: "touch",
        summary: "Renews the TTL of a session that did not change and releases its lock.",
        arity: Arity::at_least(6),
        run: touch,
        ..CHANGE
    },
    CommandSpec {
        name: "release",
        summary: "Releases a session's lock if it is the caller's.",
        arity: Arity::exactly(4),
        run: release_lock,
        ..CHANGE
    },
    CommandSpec {
        name: "destroy",
        summary: "Deletes a session, leaves a tombstone that keeps late commits from bringing it \
                  back, and releases its lock.",
        arity: Arity::at_least(6),
        run: destroy,
        ..CHANGE
    },
    CommandSpec {
        name: "kill",
        summary: "Ends sessions from outside: deletes each and leaves a tombstone, so that requests \
                  under way cannot bring it back.",
        complexity: "O(N), N being the number of sessions.",
        arity: Arity::at_least(3),
        flags: Flags::WRITE,
        keys: Keys::range(2, -1, 1, KeyAccess::UPDATE),
        run: kill,
        ..NEW
    },
    CommandSpec {
        name: "info",
        summary: "Describes a session and its lock, without its data.",
        complexity: "O(N), N being the length of the session's data.",
        arity: Arity::exactly(3),
        flags: Flags::READONLY,
        keys: Keys::at(2, KeyAccess::PEEK),
        run: session_look::info,
        ..NEW
    },
    CommandSpec {
        name: "locks",
        summary: "Lists the locks that connections hold or wait for, with holders and waiters in \
                  the order of their tickets.",
        complexity: "O(N), N being the number of locks held or waited for.",
        arity: Arity::at_least(2),
        flags: Flags::READONLY,
        locks: Locks::Walk,
        run: session_look::locks,
        ..NEW
    },
    CommandSpec {
        name: "help",
        summary: "Lists the subcommands.",
        arity: Arity::exactly(2),
        flags: Flags::LOADING.union(Flags::STALE),
        locks: Locks::Walk,
        run: |cx, _| subcommand_help(cx, "SESSION", SUBCOMMANDS),
        ..NEW
    },
];

// Arguments ----------------------------------------------------------------------------------------

/// A session's key: one whose lock and tombstone are in its own shard.
pub(super) fn session_key<'a>(args: &mut Args<'a>) -> Result<&'a [u8], CommandError> {
    let key = args.key()?;
    if key.ends_with(LOCK_SUFFIX.as_bytes()) || key.ends_with(TOMBSTONE_SUFFIX.as_bytes()) {
        return Err(CommandError::text(
            "ERR a session's key does not end in _LOCK or _GONE: those are its lock and tombstone",
        ));
    }
    Ok(key)
}

fn token<'a>(args: &mut Args<'a>) -> Result<&'a [u8], CommandError> {
    let token = args.bytes()?;
    match token.strip_prefix(TOKEN_PREFIX) {
        Some(digits) if digits.len() == 32 && digits.iter().all(u8::is_ascii_hexdigit) => Ok(token),
        _ => Err(CommandError::text(
            "ERR a session token is 'guarda:' and 32 hexadecimal digits, new for each request",
        )),
    }
}

fn bounded(args: &mut Args<'_>, min: i64, max: i64) -> Result<i64, CommandError> {
    let value = args.integer()?;
    if (min..=max).contains(&value) { Ok(value) } else { Err(CommandError::OutOfRange) }
}

fn ttl(args: &mut Args<'_>) -> Result<i64, CommandError> {
    bounded(args, 1, TTL_MAX_MS)
}

fn nonce<'a>(args: &mut Args<'a>) -> Result<&'a [u8], CommandError> {
    let nonce = args.bytes()?;
    if (1..=NONCE_LEN_MAX).contains(&nonce.len()) {
        Ok(nonce)
    } else {
        Err(CommandError::text("ERR a tombstone's nonce has 1 to 64 bytes"))
    }
}

fn required<T>(option: Option<T>) -> Result<T, CommandError> {
    option.ok_or(CommandError::Syntax)
}

/// The place of `key` under the command's lock. What is done there records itself.
pub(super) fn site<'a>(cx: &'a mut Context<'_, '_>, key: &[u8]) -> Site<'a> {
    let (db, now) = (cx.db.index, cx.db.now);
    let hashed = cx.db.hashed(key);
    let shard = cx.db.locked.shard(hashed);
    let monotonic = cx.host.monotonic();
    Site { shard, effects: &mut *cx.db.effects, db, now, monotonic }
}

/// The connection has no more to do with this lock.
fn forget_lock(cx: &mut Context<'_, '_>, key: &[u8], token: &[u8]) {
    let db = cx.db.index;
    cx.client.session_locks.retain(|l| l.db != db || *l.key != *key || *l.token != *token);
}

// OPEN ---------------------------------------------------------------------------------------------

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
            waiters_max: WAITERS_MAX,
            request: OpenRequest {
                client: cx.client.card.id,
                protocol: cx.client.protocol,
                token: token(args)?.into(),
                holder: Box::default(),
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
                request.lease_ms = bounded(args, 1, i64::MAX)?.max(LEASE_MIN_MS);
            } else if args.take_word("TTL") {
                request.ttl_ms = Some(ttl(args)?);
            } else if args.take_word("MUSTEXIST") {
                request.must_exist = true;
            } else if args.take_word("NOLOCK") {
                request.locking = false;
            } else if args.take_word("MAXWAITERS") {
                let max = bounded(args, 0, WAITERS_MAX as i64)?;
                open.waiters_max = usize::try_from(max).unwrap_or(WAITERS_MAX);
            } else if args.take_word("HOLDER") {
                let text = args.bytes()?;
                request.holder = text[..text.len().min(HOLDER_LEN_MAX)].into();
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(open)
    }
}

fn open(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let open = Open::parse(cx, args)?;
    let (key, locking) = (open.key, open.request.locking);
    let held = SessionLock { db: cx.db.index, key: key.into(), token: open.request.token.clone() };
    if locking && cx.client.session_locks.len() >= LOCKS_PER_CONNECTION_MAX {
        return Err(CommandError::text("ERR this connection holds too many session locks"));
    }
    // Only a client itself can be parked: transactions and scripts are one moment.
    let can_wait = cx.caller == Caller::Client && !open.wait.is_zero();
    let mut place = site(cx, key);
    place.string(key)?;
    let committed = committed_hash(place.db, key, &open.request.token);
    place.sessions().forget_committed(committed);
    if locking && must_queue(&mut place, key, &open.request.token)? {
        let (db, monotonic) = (place.db, place.monotonic);
        let state = place.sessions().find_or_new(db, &lock_key(key));
        let status = if !can_wait {
            "BUSY"
        } else if state.prune() >= open.waiters_max {
            "FULL"
        } else {
            let ticket = Arc::new(Ticket::new(held.clone(), monotonic, monotonic + open.wait));
            let waiter = Waiter { ticket: Arc::clone(&ticket), request: open.request };
            state.waiters.push_back(waiter);
            forget_lock(cx, key, &held.token);
            cx.client.session_locks.push(held);
            cx.client.waiting = Some(ticket);
            return Ok(Outcome::Parked);
        };
        place.sessions().drop_if_idle(db, &lock_key(key));
        reply_without_data(&mut cx.reply, status, Duration::ZERO);
        return Ok(Outcome::Reply);
    }
    let (db, now, monotonic) = (cx.db.index, cx.db.now, cx.host.monotonic());
    let hashed = cx.db.hashed(key);
    let shard = cx.db.locked.shard(hashed);
    let mut place = Site { shard, effects: &mut *cx.db.effects, db, now, monotonic };
    let taken = grant(&mut place, key, &open.request, Duration::ZERO, &mut cx.reply)?;
    if taken {
        forget_lock(cx, key, &held.token);
        cx.client.session_locks.push(held);
    }
    Ok(Outcome::Reply)
}

/// Whether the lock is another's, or free but owed to those who wait already.
fn must_queue(site: &mut Site<'_>, key: &[u8], token: &[u8]) -> Result<bool, CommandError> {
    let lock = lock_key(key);
    if let Some(value) = site.string(&lock)? {
        return Ok(value != token);
    }
    let db = site.db;
    Ok(site.sessions().find(db, &lock).is_some_and(|state| state.has_waiters()))
}

// COMMIT -------------------------------------------------------------------------------------------

struct Commit<'a> {
    key: &'a [u8],
    token: &'a [u8],
    generation: &'a [u8],
    ttl_ms: i64,
    nonce: Option<&'a [u8]>,
    locking: bool,
    recreate: bool,
    data: &'a [u8],
}

impl<'a> Commit<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Commit<'a>, CommandError> {
        let (key, token) = (session_key(args)?, token(args)?);
        let generation = args.bytes()?;
        if generation != b"absent" && generation.len() != 40 {
            return Err(CommandError::text(
                "ERR a session's generation is 'absent' or what SESSION OPEN answered",
            ));
        }
        let (mut ttl_ms, mut data) = (None, None);
        let (mut nonce_given, mut locking, mut recreate) = (None, true, false);
        while !args.is_empty() {
            if args.take_word("TTL") {
                ttl_ms = Some(ttl(args)?);
            } else if args.take_word("NONCE") {
                nonce_given = Some(nonce(args)?);
            } else if args.take_word("NOLOCK") {
                locking = false;
            } else if args.take_word("RECREATE") {
                recreate = true;
            } else if args.take_word("DATA") {
                data = Some(args.bytes()?);
                args.finish()?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let (ttl_ms, data) = (required(ttl_ms)?, required(data)?);
        Ok(Commit { key, token, generation, ttl_ms, nonce: nonce_given, locking, recreate, data })
    }

    /// What makes this commit this one and no other.
    fn fingerprint(&self) -> u64 {
        let parts: [&[u8]; 5] = [
            self.generation,
            &self.ttl_ms.to_le_bytes(),
            &[u8::from(self.locking), u8::from(self.recreate)],
            &[0],
            self.data,
        ];
        field_hash(&parts.concat())
    }
}

/// Names a session's token among those that committed.
fn committed_hash(db: u32, key: &[u8], token: &[u8]) -> u64 {
    field_hash(&[&db.to_le_bytes(), token, key].concat())
}

fn commit(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let commit = Commit::parse(args)?;
    let mut place = site(cx, commit.key);
    let answer = decide(&mut place, &commit)?;
    release(&mut place, commit.key, commit.token);
    let counters = &mut place.effects.counters;
    if answer == "OK" {
        counters.sessions_committed += 1;
    } else {
        counters.session_commits_refused += 1;
    }
    forget_lock(cx, commit.key, commit.token);
    cx.reply.simple(answer);
    Ok(Outcome::Reply)
}

/// Writes, or says why not. The order is the protocol's.
fn decide(site: &mut Site<'_>, commit: &Commit<'_>) -> Result<&'static str, CommandError> {
    let key = commit.key;
    let expiry = UnixMillis(site.now.0 + commit.ttl_ms);
    // A session and its lock of other types are refused before anything is done.
    site.string(key)?;
    let lock = site.string(&lock_key(key))?;
    let (is_own, is_free) = (lock == Some(commit.token), lock.is_none());
    // (a) Destroyed since it was opened.
    let tombstone = site.string(&tombstone_key(key))?;
    if tombstone.is_some() && tombstone != commit.nonce {
        return Ok("DESTROYED");
    }
    // (b) What is to be written is there already.
    let stored = site.string(key)?;
    if stored == Some(commit.data) {
        site.set_expiry(key, expiry);
        return Ok(remember(site, commit));
    }
    // A repeat of a commit whose answer was lost, and that others have written after.
    let there = stored.is_some();
    let changed = || generation_of(stored) != commit.generation;
    let changed = commit.locking && !is_own && is_free && changed();
    let (token, monotonic) = (committed_hash(site.db, key, commit.token), site.monotonic);
    if site.sessions().has_committed(token, commit.fingerprint(), monotonic) {
        return Ok("OK");
    }
    // (c) With locking: the lock must be the caller's, or free and nothing changed meanwhile.
    if commit.locking && !is_own && !is_free {
        return Ok("LOCKLOST");
    }
    // Gone without a tombstone: most likely somebody ended it.
    if commit.generation != b"absent" && !there {
        if !commit.recreate {
            return Ok("VANISHED");
        }
    } else if changed {
        return Ok("LOCKLOST");
    }
    // (d) Without locking the last writer wins.
    site.set(key, commit.data, expiry);
    Ok(remember(site, commit))
}

fn remember(site: &mut Site<'_>, commit: &Commit<'_>) -> &'static str {
    let (token, monotonic) = (committed_hash(site.db, commit.key, commit.token), site.monotonic);
    site.sessions().note_committed(token, commit.fingerprint(), monotonic);
    "OK"
}

// TOUCH, RELEASE, DESTROY --------------------------------------------------------------------------

fn touch(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, token) = (session_key(args)?, token(args)?);
    let (mut ttl_ms, mut locking) = (None, true);
    while !args.is_empty() {
        if args.take_word("TTL") {
            ttl_ms = Some(ttl(args)?);
        } else if args.take_word("NOLOCK") {
            locking = false;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let ttl_ms = required(ttl_ms)?;
    let mut place = site(cx, key);
    let expiry = UnixMillis(place.now.0 + ttl_ms);
    let there = place.string(key)?.is_some();
    // A free lock does no harm: nothing is overwritten, and nothing created.
    let lost = locking && place.string(&lock_key(key))?.is_some_and(|value| value != token);
    let answer = match (there, lost) {
        (false, _) => "MISSING",
        (true, true) => "LOCKLOST",
        (true, false) => {
            place.set_expiry(key, expiry);
            "OK"
        }
    };
    release(&mut place, key, token);
    forget_lock(cx, key, token);
    cx.reply.simple(answer);
    Ok(Outcome::Reply)
}

fn release_lock(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, token) = (session_key(args)?, token(args)?);
    args.finish()?;
    let released = release(&mut site(cx, key), key, token);
    forget_lock(cx, key, token);
    cx.reply.integer(released.into());
    Ok(Outcome::Reply)
}

fn destroy(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, token) = (session_key(args)?, token(args)?);
    let (mut given, mut ttl_ms) = (None, TOMBSTONE_MS.max(millis(HOLD_MAX)));
    while !args.is_empty() {
        if args.take_word("NONCE") {
            given = Some(nonce(args)?);
        } else if args.take_word("TTL") {
            ttl_ms = ttl(args)?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let nonce = required(given)?;
    let mut place = site(cx, key);
    let end = UnixMillis(place.now.0 + ttl_ms);
    place.set(&tombstone_key(key), nonce, end);
    let deleted = place.delete(key);
    release(&mut place, key, token);
    place.effects.counters.sessions_destroyed += u64::from(deleted);
    forget_lock(cx, key, token);
    cx.reply.integer(deleted.into());
    Ok(Outcome::Reply)
}

/// A session's lock stays with its holder: its commit finds the tombstone and releases it.
fn kill(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let mut keys = Vec::new();
    while !args.is_empty() {
        keys.push(session_key(args)?);
    }
    let mut killed = 0;
    for key in keys {
        let nonce = format!("{:016x}{:016x}", Db::random(), Db::random());
        let mut place = site(cx, key);
        if place.exists(key) {
            let end = UnixMillis(place.now.0 + TOMBSTONE_MS.max(millis(HOLD_MAX)));
            place.set(&tombstone_key(key), nonce.as_bytes(), end);
            place.delete(key);
            place.effects.counters.sessions_destroyed += 1;
            killed += 1;
        }
    }
    cx.reply.integer(killed);
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests;
