//! SESSION LIST: which sessions there are.

use guarda_session::{is_companion, lock_key, tag_key};
use guarda_store::{HashedKey, Record, Shard, UnixMillis, ValueRef, glob_match};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::scan::parse_cursor;
use crate::families::session::tag;

/// Keys that one call looks at unless COUNT says otherwise.
const COUNT_DEFAULT: i64 = 100;
const COUNT_MAX: i64 = 100_000;

/// What is told of one session.
struct Listed {
    key: Vec<u8>,
    ttl_ms: Option<i64>,
    size: usize,
    locked: bool,
    tag: Option<Vec<u8>>,
}

impl Listed {
    /// The session that a record is, if it is one: a string that belongs to no other key.
    fn of(shard: &Shard, db: u32, record: &Record, now: UnixMillis) -> Option<Listed> {
        let ValueRef::String(data) = record.value() else { return None };
        let key = record.key();
        if record.is_due(now) || is_companion(key) {
            return None;
        }
        let living =
            |key: &[u8]| shard.peek(db, HashedKey::new(key)).filter(|record| !record.is_due(now));
        let tag = living(&tag_key(key)).and_then(|record| match record.value() {
            ValueRef::String(tag) => Some(tag.to_vec()),
            _ => None,
        });
        Some(Listed {
            key: key.to_vec(),
            ttl_ms: record.expiry().map(|expiry| expiry.since(now)),
            size: data.len(),
            locked: living(&lock_key(key)).is_some(),
            tag,
        })
    }

    fn write(&self, cx: &mut Context<'_, '_>) {
        let reply = &mut cx.reply;
        reply.map(5);
        reply.bulk_str("key");
        reply.bulk(&self.key);
        reply.bulk_str("ttl_ms");
        match self.ttl_ms {
            Some(ttl) => reply.integer(ttl),
            None => reply.null(),
        }
        reply.bulk_str("size");
        reply.integer(self.size as i64);
        reply.bulk_str("locked");
        reply.integer(self.locked.into());
        reply.bulk_str("tag");
        match &self.tag {
            Some(tag) => reply.bulk(tag),
            None => reply.null(),
        }
    }
}

pub(super) fn list(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (mut cursor, mut pattern, mut wanted, mut count) = (0, None, None, COUNT_DEFAULT);
    while !args.is_empty() {
        if args.take_word("CURSOR") {
            cursor = parse_cursor(args.bytes()?)?;
        } else if args.take_word("MATCH") {
            pattern = Some(args.bytes()?);
        } else if args.take_word("TAG") {
            wanted = Some(tag(args)?);
        } else if args.take_word("COUNT") {
            count = args.integer()?;
            if !(1..=COUNT_MAX).contains(&count) {
                return Err(CommandError::OutOfRange);
            }
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let (db, now) = (cx.db.index, cx.db.now);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    let client = &*cx.client;
    let page = cx.db.locked.scan_among(db, cursor, count, |shard, record| {
        if pattern.is_none_or(|pattern| glob_match(pattern, record.key(), false)) {
            // Key patterns of its user confine a client here, too.
            let is_wanted = |listed: &Listed| {
                client.may_use(&listed.key, false)
                    && wanted.is_none_or(|tag| listed.tag.as_deref() == Some(tag))
            };
            found.extend(Listed::of(shard, db, record, now).filter(is_wanted));
        }
    });
    cx.reply.array(2);
    cx.reply.bulk(itoa::Buffer::new().format(page.next_cursor).as_bytes());
    cx.reply.array(found.len());
    for listed in found {
        listed.write(cx);
    }
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests;
