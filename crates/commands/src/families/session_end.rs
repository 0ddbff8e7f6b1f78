//! SESSION DESTROY and KILL: the end of a session, and SETASIDE: not the end of one.

use guarda_session::{TAG_SUFFIX, aside_key, tombstone_key};
use guarda_store::{SHARDS, Shard, UnixMillis, ValueRef, glob_match};

use crate::args::Args;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::db::Db;
use crate::error::CommandError;
use crate::families::session::{forget_lock, nonce, required, session_key, site, tag, token, ttl};
use crate::sessions::{Cause, Site, millis, release};

/// How long data that was set aside is kept unless TTL says otherwise.
const ASIDE_MS: i64 = 3_600_000;

pub(super) fn destroy(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, token) = (session_key(args)?, token(args)?);
    let (mut given, mut ttl_ms) = (None, None);
    while !args.is_empty() {
        if args.take_word("NONCE") {
            given = Some(nonce(args)?);
        } else if args.take_word("TTL") {
            ttl_ms = Some(ttl(args)?);
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let nonce = required(given)?;
    let mut place = site(cx, key);
    let life_ms = ttl_ms.unwrap_or(millis(place.limits.tombstone_life()));
    let end = UnixMillis(place.now.0 + life_ms);
    let tombstone = tombstone_key(key);
    // The same once more, since its answer was lost: what is there by now was made since.
    let is_again = place.string(&tombstone).is_ok_and(|known| known == Some(nonce));
    let deleted = !is_again && {
        place.set(&tombstone, nonce, end);
        place.delete_session(key)
    };
    release(&mut place, key, token, Cause::Destroy);
    place.effects.counters.sessions.sessions_destroyed += u64::from(deleted);
    forget_lock(cx, key, token);
    cx.reply.integer(deleted.into());
    Ok(Outcome::Reply)
}

/// A session's lock stays with its holder: its commit finds the tombstone and releases it.
pub(super) fn kill(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    if args.take_word("TAG") {
        return kill_tagged(cx, args);
    }
    let mut keys = Vec::new();
    while !args.is_empty() {
        keys.push(session_key(args)?);
    }
    let mut killed = 0;
    for key in keys {
        killed += i64::from(end(&mut site(cx, key), key));
    }
    cx.reply.integer(killed);
    Ok(Outcome::Reply)
}

/// Deletes the session, if it is there, and leaves a tombstone that nobody has seen.
fn end(place: &mut Site<'_>, key: &[u8]) -> bool {
    if !place.exists(key) {
        return false;
    }
    let nonce = format!("{:016x}{:016x}", Db::random(), Db::random());
    let end = UnixMillis(place.now.0 + millis(place.limits.tombstone_life()));
    place.set(&tombstone_key(key), nonce.as_bytes(), end);
    place.delete_session(key);
    place.effects.counters.sessions.sessions_killed += 1;
    true
}

/// By tag: a walk over all keys, of which it holds one shard at a time.
fn kill_tagged(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let tag = tag(args)?;
    let pattern = if args.take_word("MATCH") { Some(args.bytes()?) } else { None };
    args.finish()?;
    let (db, now, monotonic, host) = (cx.db.index, cx.db.now, cx.host.monotonic(), cx.host);
    let limits = &host.settings().sessions;
    // Transactions and scripts hold all shards, and go to the log as one.
    let client = &*cx.client;
    let holds_one = cx.caller == Caller::Client;
    let mut killed = 0;
    for index in 0..SHARDS {
        let effects = &mut *cx.db.effects;
        killed += cx.db.locked.visit_shard(index, |shard| {
            let tagged = tagged_in(shard, db, now, |key, its| {
                its == tag
                    && client.may_use(key, true)
                    && pattern.is_none_or(|pattern| glob_match(pattern, key, false))
            });
            let mut ended = 0;
            for key in tagged {
                let (shard, effects) = (&mut *shard, &mut *effects);
                let mut site = Site { shard, effects, db, now, monotonic, limits };
                ended += i64::from(end(&mut site, &key));
            }
            if holds_one {
                effects.append_for(shard, host);
            }
            ended
        });
    }
    cx.reply.integer(killed);
    Ok(Outcome::Reply)
}

/// The keys of the sessions of one shard that have a tag, by key and tag.
fn tagged_in(
    shard: &Shard,
    db: u32,
    now: UnixMillis,
    is_wanted: impl Fn(&[u8], &[u8]) -> bool,
) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut from = Some(0);
    while let Some(position) = from {
        from = shard.scan(db, position, 1000, |record| {
            let key = record.key().strip_suffix(TAG_SUFFIX.as_bytes());
            if let (Some(key), ValueRef::String(tag)) = (key, record.value())
                && !record.is_due(now)
                && is_wanted(key, tag)
            {
                found.push(key.to_vec());
            }
        });
    }
    found
}

/// Copies a session's bytes, whatever they are, to where nobody takes them for a session.
pub(super) fn set_aside(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = session_key(args)?;
    let life_ms = if args.take_word("TTL") { ttl(args)? } else { ASIDE_MS };
    args.finish()?;
    let mut place = site(cx, key);
    let copy = place.string(key)?.map(<[u8]>::to_vec);
    if let Some(data) = &copy {
        let end = UnixMillis(place.now.0 + life_ms);
        place.set(&aside_key(key), data, end);
        place.effects.counters.sessions.sessions_set_aside += 1;
    }
    cx.reply.integer(copy.is_some().into());
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests;
