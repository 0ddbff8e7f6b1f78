//! Hashes as a whole: HGETALL, HKEYS, HVALS, HSCAN, HRANDFIELD.

use std::collections::HashSet;

use guarda_resp::{Protocol, ReplyWriter};
use guarda_store::{HashValue, glob_match};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::db::Db;
use crate::error::CommandError;
use crate::families::hashes::NEW;
use crate::families::scan::parse_cursor;
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};

const WALK: CommandSpec =
    CommandSpec { flags: Flags::READONLY, keys: Keys::at(1, KeyAccess::READ), ..NEW };

/// What reads a whole hash.
const WHOLE: CommandSpec = CommandSpec {
    complexity: "O(N) where N is the size of the hash.",
    arity: Arity::exactly(2),
    tips: &["nondeterministic_output_order"],
    ..WALK
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "hgetall",
        summary: "Returns all fields of a hash with their values.",
        run: hgetall,
        ..WHOLE
    },
    CommandSpec {
        name: "hkeys",
        summary: "Returns all fields of a hash.",
        run: |cx, args| column(cx, args, |field, _| field),
        ..WHOLE
    },
    CommandSpec {
        name: "hrandfield",
        summary: "Returns fields of a hash chosen at random.",
        note: "A negative count gets at most 10,000,000 fields and 512 MiB.",
        since: "6.2.0",
        complexity: "O(N) where N is the number of fields returned",
        arity: Arity::at_least(2),
        tips: &["nondeterministic_output"],
        run: hrandfield,
        ..WALK
    },
    CommandSpec {
        name: "hscan",
        summary: "Returns the fields of a hash with their values page by page.",
        since: "2.8.0",
        complexity: "O(1) for every call, O(N) for all the calls of a complete walk, with N being \
                     the number of fields.",
        arity: Arity::at_least(3),
        tips: &["nondeterministic_output"],
        run: hscan,
        ..WALK
    },
    CommandSpec {
        name: "hvals",
        summary: "Returns all values of a hash.",
        run: |cx, args| column(cx, args, |_, value| value),
        ..WHOLE
    },
];

fn hgetall(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let hash = cx.db.hash(args.key()?)?;
    let reply = &mut cx.reply;
    reply.map(hash.map_or(0, HashValue::len));
    if let Some(hash) = hash {
        hash.for_each(|field, value| {
            reply.bulk(field);
            reply.bulk(value);
        });
    }
    Ok(Outcome::Reply)
}

fn column(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    choose: for<'a> fn(&'a [u8], &'a [u8]) -> &'a [u8],
) -> CommandResult {
    let hash = cx.db.hash(args.key()?)?;
    let reply = &mut cx.reply;
    reply.array(hash.map_or(0, HashValue::len));
    if let Some(hash) = hash {
        hash.for_each(|field, value| reply.bulk(choose(field, value)));
    }
    Ok(Outcome::Reply)
}

// HSCAN ----------------------------------------------------------------------------------------

fn hscan(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let cursor = parse_cursor(args.bytes()?)?;
    // Unlike elsewhere the key is looked at before the options are: Redis answers a missing key
    // or another type without reading them.
    let Some(hash) = cx.db.hash(key)? else {
        cx.reply.array(2);
        cx.reply.bulk(b"0");
        cx.reply.array(0);
        return Ok(Outcome::Reply);
    };
    let (mut pattern, mut count): (Option<&[u8]>, usize) = (None, 10);
    while !args.is_empty() {
        if args.take_word("MATCH") {
            pattern = Some(args.bytes()?);
        } else if args.take_word("COUNT") {
            let given = args.integer()?;
            count = usize::try_from(given).ok().filter(|n| *n > 0).ok_or(CommandError::Syntax)?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let mut page = Vec::new();
    let next = hash.scan(cursor, count, |field, value| {
        if pattern.is_none_or(|pattern| glob_match(pattern, field, false)) {
            page.push((field, value));
        }
    });
    cx.reply.array(2);
    cx.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    cx.reply.array(2 * page.len());
    for (field, value) in page {
        cx.reply.bulk(field);
        cx.reply.bulk(value);
    }
    Ok(Outcome::Reply)
}

// HRANDFIELD -----------------------------------------------------------------------------------

/// Fields that one HRANDFIELD with a negative count draws at most. Redis draws until its memory is
/// used up, deaf to all other clients.
const DRAWS_MAX: u64 = 10_000_000;
/// Bytes that such a reply has at most, for the same reason.
const DRAWN_LEN_MAX: usize = 512 << 20;

type Pair<'a> = (&'a [u8], &'a [u8]);

fn hrandfield(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    if args.is_empty() {
        match cx.db.hash(key)?.and_then(|hash| hash.random(Db::random)) {
            Some((field, _)) => cx.reply.bulk(field),
            None => cx.reply.null(),
        }
        return Ok(Outcome::Reply);
    }
    let count = args.integer()?;
    if count == i64::MIN {
        return Err(CommandError::text(
            "ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807",
        ));
    }
    let with_values = args.take_word("WITHVALUES");
    args.finish()?;
    let is_huge = count.unsigned_abs() > i64::MAX as u64 / 2;
    if with_values && is_huge || count < 0 && count.unsigned_abs() > DRAWS_MAX {
        return Err(CommandError::OutOfRange);
    }
    let Some(hash) = cx.db.hash(key)? else {
        cx.reply.array(0);
        return Ok(Outcome::Reply);
    };
    if count < 0 {
        let start = cx.reply.buf.len();
        let draws = count.unsigned_abs() as usize;
        // A small form is walked at every draw: laying it out once is cheaper.
        let all = if hash.is_packed() { pairs_of(hash) } else { Vec::new() };
        begin_pairs(&mut cx.reply, draws, with_values);
        for _ in 0..draws {
            let pair = match all.len() as u64 {
                0 => hash.random(Db::random).expect("no hash is empty"),
                len => all[(Db::random() % len) as usize],
            };
            write_pair(&mut cx.reply, pair, with_values);
            if cx.reply.buf.len() - start > DRAWN_LEN_MAX {
                return Err(CommandError::OutOfRange);
            }
        }
    } else {
        let chosen = distinct(hash, usize::try_from(count).unwrap_or(usize::MAX));
        begin_pairs(&mut cx.reply, chosen.len(), with_values);
        for pair in chosen {
            write_pair(&mut cx.reply, pair, with_values);
        }
    }
    Ok(Outcome::Reply)
}

fn pairs_of(hash: &HashValue) -> Vec<Pair<'_>> {
    let mut all = Vec::with_capacity(hash.len());
    hash.for_each(|field, value| all.push((field, value)));
    all
}

/// `count` different fields, or all in order if there are no more than that.
fn distinct(hash: &HashValue, count: usize) -> Vec<Pair<'_>> {
    let len = hash.len();
    if count < len / 3 && !hash.is_packed() {
        // Few of many: draw until enough different ones have come.
        let mut seen = HashSet::with_capacity(count);
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count {
            let pair = hash.random(Db::random).expect("no hash is empty");
            if seen.insert(pair.0) {
                chosen.push(pair);
            }
        }
        return chosen;
    }
    let mut all = pairs_of(hash);
    if count < len {
        for at in 0..count {
            let other = at + (Db::random() % (len - at) as u64) as usize;
            all.swap(at, other);
        }
        all.truncate(count);
    }
    all
}

/// Header of a reply of fields: RESP2 has fields and values in one row, RESP3 pairs.
fn begin_pairs(reply: &mut ReplyWriter<'_>, len: usize, with_values: bool) {
    let is_flat = with_values && reply.protocol == Protocol::Resp2;
    reply.array(if is_flat { 2 * len } else { len });
}

fn write_pair(reply: &mut ReplyWriter<'_>, (field, value): Pair<'_>, with_values: bool) {
    if with_values && reply.protocol == Protocol::Resp3 {
        reply.array(2);
    }
    reply.bulk(field);
    if with_values {
        reply.bulk(value);
    }
}
