//! SESSION INFO and LOCKS: what operators look at.

use std::time::Duration;

use guarda_resp::ReplyWriter;
use guarda_session::{Holder, LOCK_SUFFIX, lock_key, tombstone_key};
use guarda_store::{SHARDS, glob_match};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::session::{session_key, site};
use crate::sessions::{LockState, generation_of, millis};
use crate::waits::ShardWaits;

/// Locks that LOCKS lists unless COUNT says otherwise.
const LISTED_DEFAULT: i64 = 100;
const LISTED_MAX: i64 = 100_000;

/// What is told of a lock.
#[derive(Default)]
struct Card {
    /// Client id of the connection that owns it.
    client: Option<u64>,
    holder: Option<Holder>,
    since_ms: i64,
    held: Duration,
    /// Waiters in the order of their tickets: client, what it says of itself, time waited.
    waiters: Vec<(u64, Option<Holder>, Duration)>,
}

impl Card {
    fn of(state: &LockState, now: Duration) -> Card {
        let mut card = Card::default();
        if let Some(owner) = &state.owner {
            card.client = Some(owner.client);
            card.holder = owner.holder.as_deref().cloned();
            card.since_ms = owner.since.0;
            card.held = now.saturating_sub(owner.since_monotonic);
        }
        let waiting = state.waiters.waiting();
        card.waiters = waiting
            .map(|w| {
                let waited = now.saturating_sub(w.ticket.began);
                (w.request.client, w.request.holder.as_deref().cloned(), waited)
            })
            .collect();
        card
    }

    fn write(&self, cx: &mut Context<'_, '_>) {
        let reply = &mut cx.reply;
        reply.bulk_str("client");
        match self.client {
            Some(id) => reply.integer(id as i64),
            None => reply.null(),
        }
        write_holder(reply, self.holder.as_ref());
        reply.bulk_str("since_ms");
        reply.integer(self.since_ms);
        reply.bulk_str("held_ms");
        reply.integer(millis(self.held));
        reply.bulk_str("waiters");
        reply.array(self.waiters.len());
        for (client, holder, waited) in &self.waiters {
            reply.map(2 + HOLDER_FIELDS);
            reply.bulk_str("client");
            reply.integer(*client as i64);
            write_holder(reply, holder.as_ref());
            reply.bulk_str("waited_ms");
            reply.integer(millis(*waited));
        }
    }
}

/// Fields that [`write_holder`] writes.
const HOLDER_FIELDS: usize = 3;

/// Fields that [`Card::write`] writes.
const CARD_FIELDS: usize = 4 + HOLDER_FIELDS;

fn write_holder(reply: &mut ReplyWriter<'_>, holder: Option<&Holder>) {
    reply.bulk_str("host");
    reply.bulk_str(holder.map_or("", Holder::host));
    reply.bulk_str("pid");
    match holder {
        Some(holder) => reply.integer(holder.pid().into()),
        None => reply.null(),
    }
    reply.bulk_str("url");
    reply.bulk_str(holder.map_or("", Holder::url));
}

pub(super) fn info(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = session_key(args)?;
    args.finish()?;
    let lock = lock_key(key);
    let mut place = site(cx, key);
    let (db, now, monotonic) = (place.db, place.now, place.monotonic);
    let data = place.string(key)?;
    let (size, generation) = (data.map(<[u8]>::len), generation_of(data));
    let ttl = place.expiry(key).map(|expiry| expiry.since(now));
    let locked = place.exists(&lock);
    let lease = place.expiry(&lock).map(|expiry| expiry.since(now));
    let destroyed = place.exists(&tombstone_key(key));
    let state = ShardWaits::of(place.shard).and_then(|waits| waits.sessions.find(db, &lock));
    let card = state.map_or_else(Card::default, |state| Card::of(state, monotonic));
    let reply = &mut cx.reply;
    reply.map(6 + CARD_FIELDS);
    let mut number = |name: &str, value: Option<i64>| {
        reply.bulk_str(name);
        match value {
            Some(value) => reply.integer(value),
            None => reply.null(),
        }
    };
    number("size", size.map(|size| size as i64));
    number("ttl_ms", ttl);
    number("locked", Some(locked.into()));
    number("lease_ms", lease);
    number("destroyed", Some(destroyed.into()));
    reply.bulk_str("generation");
    reply.bulk(&generation);
    card.write(cx);
    Ok(Outcome::Reply)
}

pub(super) fn locks(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (mut pattern, mut count) = (None, LISTED_DEFAULT);
    while !args.is_empty() {
        if args.take_word("MATCH") {
            pattern = Some(args.bytes()?);
        } else if args.take_word("COUNT") {
            count = args.integer()?;
            if !(1..=LISTED_MAX).contains(&count) {
                return Err(CommandError::OutOfRange);
            }
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let (db, now) = (cx.db.index, cx.host.monotonic());
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let client = &*cx.client;
    let mut found: Vec<(Vec<u8>, Card)> = Vec::new();
    for index in 0..SHARDS {
        if found.len() >= count {
            break;
        }
        cx.db.locked.visit_shard(index, |shard| {
            let Some(waits) = ShardWaits::of(shard) else { return };
            for (of, lock, state) in waits.sessions.iter() {
                let key = lock.strip_suffix(LOCK_SUFFIX.as_bytes()).unwrap_or(lock);
                let wanted = pattern.is_none_or(|pattern| glob_match(pattern, key, false));
                let is_live = state.owner.is_some() || state.has_waiters();
                let may_see = || client.may_use(key, false);
                if of == db && wanted && is_live && found.len() < count && may_see() {
                    found.push((key.to_vec(), Card::of(state, now)));
                }
            }
        });
    }
    cx.reply.array(found.len());
    for (key, card) in found {
        cx.reply.map(1 + CARD_FIELDS);
        cx.reply.bulk_str("key");
        cx.reply.bulk(&key);
        card.write(cx);
    }
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests;
