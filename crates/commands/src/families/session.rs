//! SESSION: PHP sessions with exact locks, one round trip to open and one to commit.
//!
//! The grammar, and why it is so: docs/decisions/, "SESSION commands".

use guarda_session::{is_companion, lock_key};
use guarda_store::UnixMillis;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::db::Db;
use crate::error::CommandError;
use crate::families::{
    session_commit, session_end, session_list, session_look, session_open, subcommand_help,
};
use crate::host::Host;
use crate::sessions::{Cause, SessionLock, Site, TOKEN_PREFIX, rebind, release};
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, KeyAccess, Keys, Locks};

/// Shorter leases could end between two turns of the housekeeping that renews them.
const LEASE_MIN_MS: i64 = 1_000;
/// A hundred years: the client asks for no more, and PHP for 68 at most (`gc_maxlifetime` is 32 bits).
const TTL_MAX_MS: i64 = 3_155_760_000_000;
const NONCE_LEN_MAX: usize = 64;
const TAG_LEN_MAX: usize = 128;

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
        flags: Flags::WRITE.union(Flags::BLOCKING).union(Flags::LOCKS_ONLY).union(Flags::UNAWAITED),
        run: session_open::open,
        ..CHANGE
    },
    CommandSpec {
        name: "commit",
        summary: "Writes a session with its TTL, unless it was destroyed or its lock lost, and \
                  releases its lock.",
        complexity: "O(N), N being the length of the session's data.",
        arity: Arity::at_least(9),
        flags: Flags::WRITE.union(Flags::DENYOOM),
        run: session_commit::commit,
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
        name: "renew",
        summary: "Prolongs the lock of a request that takes long, if it is the caller's, and keeps \
                  the session alive as long.",
        arity: Arity::at_least(4),
        run: renew,
        ..CHANGE
    },
    CommandSpec {
        name: "release",
        summary: "Releases a session's lock if it is the caller's.",
        arity: Arity::exactly(4),
        flags: Flags::WRITE.union(Flags::FAST).union(Flags::LOCKS_ONLY),
        run: release_lock,
        ..CHANGE
    },
    CommandSpec {
        name: "destroy",
        summary: "Deletes a session, leaves a tombstone that keeps late commits from bringing it \
                  back, and releases its lock.",
        arity: Arity::at_least(6),
        run: session_end::destroy,
        ..CHANGE
    },
    CommandSpec {
        name: "kill",
        summary: "Ends sessions from outside, named by their keys or by TAG: deletes each and leaves \
                  a tombstone, so that requests under way cannot bring it back.",
        complexity: "O(N), N being the number of sessions; by TAG, of all keys.",
        arity: Arity::at_least(3),
        flags: Flags::WRITE.union(Flags::MOVABLEKEYS).union(Flags::NO_MANDATORY_KEYS),
        keys: Keys::range(2, -1, 1, KeyAccess::UPDATE).unless("TAG"),
        locks: Locks::KeysOrWalk,
        run: session_end::kill,
        ..NEW
    },
    CommandSpec {
        name: "setaside",
        summary: "Copies a session whose data nobody can read to where it is kept for a while.",
        complexity: "O(N), N being the length of the session's data.",
        arity: Arity::at_least(3),
        flags: Flags::WRITE.union(Flags::DENYOOM),
        run: session_end::set_aside,
        ..CHANGE
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
        categories: NEW.categories.union(Categories::DANGEROUS),
        locks: Locks::Walk,
        run: session_look::locks,
        ..NEW
    },
    CommandSpec {
        name: "list",
        summary: "Lists sessions page by page: key, TTL, size, whether it is locked, and tag.",
        complexity: "O(1) for every call, O(N) for a complete walk, N being the number of keys.",
        arity: Arity::at_least(2),
        flags: Flags::READONLY,
        categories: NEW.categories.union(Categories::DANGEROUS),
        locks: Locks::Walk,
        tips: &["nondeterministic_output"],
        run: session_list::list,
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

/// A session's key: one whose lock and other companions are in its own shard.
pub(super) fn session_key<'a>(args: &mut Args<'a>) -> Result<&'a [u8], CommandError> {
    let key = args.key()?;
    if is_companion(key) {
        return Err(CommandError::text(
            "ERR a session's key does not end in _LOCK, _GONE, _TAG or _CORRUPT: those are what \
             belongs to it",
        ));
    }
    Ok(key)
}

pub(super) fn token<'a>(args: &mut Args<'a>) -> Result<&'a [u8], CommandError> {
    let token = args.bytes()?;
    match token.strip_prefix(TOKEN_PREFIX) {
        Some(digits) if digits.len() == 32 && digits.iter().all(u8::is_ascii_hexdigit) => Ok(token),
        _ => Err(CommandError::text(
            "ERR a session token is 'guarda:' and 32 hexadecimal digits, new for each request",
        )),
    }
}

pub(super) fn bounded(args: &mut Args<'_>, min: i64, max: i64) -> Result<i64, CommandError> {
    let value = args.integer()?;
    if (min..=max).contains(&value) { Ok(value) } else { Err(CommandError::OutOfRange) }
}

pub(super) fn ttl(args: &mut Args<'_>) -> Result<i64, CommandError> {
    bounded(args, 1, TTL_MAX_MS)
}

pub(super) fn nonce<'a>(args: &mut Args<'a>) -> Result<&'a [u8], CommandError> {
    let nonce = args.bytes()?;
    if (1..=NONCE_LEN_MAX).contains(&nonce.len()) {
        Ok(nonce)
    } else {
        Err(CommandError::text("ERR a tombstone's nonce has 1 to 64 bytes"))
    }
}

pub(super) fn lease(args: &mut Args<'_>) -> Result<i64, CommandError> {
    Ok(bounded(args, 1, i64::MAX)?.max(LEASE_MIN_MS))
}

/// A tag, which names no user by itself; empty: none.
pub(super) fn tag<'a>(args: &mut Args<'a>) -> Result<&'a [u8], CommandError> {
    let tag = args.bytes()?;
    if tag.len() <= TAG_LEN_MAX && tag.iter().all(u8::is_ascii_graphic) {
        return Ok(tag);
    }
    Err(CommandError::text(
        "ERR a session's tag has up to 128 bytes, printable ASCII without spaces",
    ))
}

pub(super) fn required<T>(option: Option<T>) -> Result<T, CommandError> {
    option.ok_or(CommandError::Syntax)
}

/// The place of `key` under the command's lock. What is done there records itself.
pub(super) fn site<'a>(cx: &'a mut Context<'_, '_>, key: &[u8]) -> Site<'a> {
    site_in(&mut cx.db, cx.host, key)
}

/// As [`site`], the rest of the context left alone.
pub(super) fn site_in<'a>(db: &'a mut Db<'_, '_>, host: &'a dyn Host, key: &[u8]) -> Site<'a> {
    let (index, now) = (db.index, db.now);
    let hashed = db.hashed(key);
    let shard = db.locked.shard(hashed);
    let (monotonic, limits) = (host.monotonic(), &host.settings().sessions);
    Site { shard, effects: &mut *db.effects, db: index, now, monotonic, limits }
}

/// Refuses one lock more than a connection may hold; not one that it holds already.
pub(super) fn check_locks_held(
    cx: &Context<'_, '_>,
    key: &[u8],
    token: &[u8],
) -> Result<(), CommandError> {
    let locks = &cx.client.session_locks;
    let is_full = locks.len() >= cx.host.settings().sessions.locks_per_client_max();
    let (db, is_this) = (cx.db.index, |l: &SessionLock| *l.key == *key && *l.token == *token);
    if is_full && !locks.iter().any(|lock| lock.db == db && is_this(lock)) {
        return Err(CommandError::text("ERR this connection holds too many session locks"));
    }
    Ok(())
}

/// The connection has no more to do with this lock.
pub(super) fn forget_lock(cx: &mut Context<'_, '_>, key: &[u8], token: &[u8]) {
    let db = cx.db.index;
    cx.client.session_locks.retain(|l| l.db != db || *l.key != *key || *l.token != *token);
}

// TOUCH, RELEASE, RENEW --------------------------------------------------------------------------

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
            place.set_life(key, expiry);
            "OK"
        }
    };
    place.effects.counters.sessions.sessions_touched += u64::from(answer == "OK");
    release(&mut place, key, token, Cause::Touch);
    forget_lock(cx, key, token);
    cx.reply.simple(answer);
    Ok(Outcome::Reply)
}

fn release_lock(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, token) = (session_key(args)?, token(args)?);
    args.finish()?;
    let released = release(&mut site(cx, key), key, token, Cause::Release);
    forget_lock(cx, key, token);
    cx.reply.integer(released.into());
    Ok(Outcome::Reply)
}

/// A request that takes long keeps its lock, and its session alive as long.
fn renew(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, token) = (session_key(args)?, token(args)?);
    let (mut lease_ms, mut ttl_ms) = (None, None);
    while !args.is_empty() {
        if args.take_word("LEASE") {
            lease_ms = Some(lease(args)?);
        } else if args.take_word("TTL") {
            ttl_ms = Some(ttl(args)?);
        } else {
            return Err(CommandError::Syntax);
        }
    }
    check_locks_held(cx, key, token)?;
    let client = cx.client.card.id;
    let mut place = site(cx, key);
    let (db, now) = (place.db, place.now);
    let there = place.string(key)?.is_some();
    let is_own = place.string(&lock_key(key))? == Some(token);
    if !is_own {
        cx.reply.simple("LOCKLOST");
        return Ok(Outcome::Reply);
    }
    let lease_ms = rebind(&mut place, key, token, client, lease_ms);
    if there {
        let asked = ttl_ms.map(|ttl| UnixMillis(now.0 + ttl));
        place.raise_life(key, asked, UnixMillis(now.0 + lease_ms));
    }
    place.effects.counters.sessions.session_locks_renewed += 1;
    forget_lock(cx, key, token);
    cx.client.session_locks.push(SessionLock { db, key: key.into(), token: token.into() });
    cx.reply.simple("OK");
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod model;
#[cfg(test)]
pub(super) mod tests;
