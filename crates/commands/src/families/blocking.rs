//! Commands that wait for an element: BLPOP and its relatives. How clients wait is in `waits`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use guarda_store::ListEnd;

use crate::args::Args;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::list_pops::{MOVE_KEYS, POP_ACCESS, Transfer, keys_end_count, list_end};
use crate::families::lists;
use crate::families::string_float::LongDouble;
use crate::spec::{Arity, CommandSpec, Flags, Keys};
use crate::waits::{Awaited, Place, Request, ShardWaits, Ticket, Want};

const NEW: CommandSpec = CommandSpec {
    flags: Flags::WRITE.union(Flags::BLOCKING),
    complexity: "O(N) where N is the number of provided keys.",
    ..lists::NEW
};

const POP: CommandSpec = CommandSpec {
    since: "2.0.0",
    arity: Arity::at_least(3),
    keys: Keys::range(1, -2, 1, POP_ACCESS),
    ..NEW
};

const TRANSFER: CommandSpec = CommandSpec {
    complexity: "O(1)",
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::BLOCKING),
    keys: MOVE_KEYS,
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "blpop",
        summary: "Removes and returns the first element of a list, or waits for one.",
        run: |cx, args| pop(cx, args, ListEnd::Head),
        ..POP
    },
    CommandSpec {
        name: "brpop",
        summary: "Removes and returns the last element of a list, or waits for one.",
        run: |cx, args| pop(cx, args, ListEnd::Tail),
        ..POP
    },
    CommandSpec {
        name: "blmpop",
        summary: "Removes and returns elements of the first of several lists that has any, or waits \
                  for some.",
        since: "7.0.0",
        complexity: "O(N+M) where N is the number of provided keys and M is the number of elements \
                     returned.",
        arity: Arity::at_least(5),
        flags: Flags::WRITE.union(Flags::BLOCKING).union(Flags::MOVABLEKEYS),
        keys: Keys::counted(2, POP_ACCESS),
        run: blmpop,
        ..NEW
    },
    CommandSpec {
        name: "blmove",
        summary: "Moves an element from a list to another and returns it, or waits for one.",
        since: "6.2.0",
        arity: Arity::exactly(6),
        run: blmove,
        ..TRANSFER
    },
    CommandSpec {
        name: "brpoplpush",
        summary: "Moves the last element of a list to the head of another and returns it, or waits \
                  for one.",
        since: "2.2.0",
        arity: Arity::exactly(4),
        run: brpoplpush,
        ..TRANSFER
    },
];

/// How long a command waits; zero is for ever.
fn timeout(cx: &Context<'_, '_>, args: &mut Args<'_>) -> Result<Option<Duration>, CommandError> {
    timeout_of(cx, args.bytes()?)
}

pub(crate) fn timeout_of(
    cx: &Context<'_, '_>,
    text: &[u8],
) -> Result<Option<Duration>, CommandError> {
    let not_a_float = CommandError::text("ERR timeout is not a float or out of range");
    let out_of_range = CommandError::text("ERR timeout is out of range");
    let seconds = LongDouble::parse(text).ok_or(not_a_float)?;
    if seconds.is_negative() && seconds.thousandths() != Some(0) {
        return Err(CommandError::text("ERR timeout is negative"));
    }
    let millis = seconds.thousandths().ok_or(out_of_range.clone())?;
    // The moment at which it ends must be one that can be told.
    if millis > i128::from(i64::MAX - cx.db.now.0) {
        return Err(out_of_range);
    }
    let millis = u64::try_from(millis).expect("not negative, and below the largest i64");
    Ok((millis > 0).then(|| Duration::from_millis(millis)))
}

/// Takes what is wanted from the first of the keys that has something, or waits for it. Inside a
/// transaction or a script nobody can wait.
pub(crate) fn take_or_wait(
    cx: &mut Context<'_, '_>,
    keys: &[&[u8]],
    want: Want,
    timeout: Option<Duration>,
) -> CommandResult {
    for key in keys {
        match cx.db.peek(key).map(|record| record.value().kind()) {
            None => {}
            Some(kind) if kind == want.kind() => {
                want.take(&mut cx.db, key, &mut cx.reply)?;
                return Ok(Outcome::Reply);
            }
            Some(_) => return Err(CommandError::WrongType),
        }
    }
    if cx.caller != Caller::Client {
        want.reply_none(&mut cx.reply);
        return Ok(Outcome::Reply);
    }
    wait(cx, keys, want, timeout);
    Ok(Outcome::Parked)
}

/// Parks the client in the queues of all the keys; the command holds their shards.
fn wait(cx: &mut Context<'_, '_>, keys: &[&[u8]], want: Want, timeout: Option<Duration>) {
    let now = cx.host.monotonic();
    let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
    let ticket = cx.client.park(Ticket::new(Awaited::Element, now, deadline));
    let (client, protocol) = (cx.client.card.id, cx.reply.protocol);
    let own_keys = keys.iter().map(|key| Box::from(*key)).collect();
    let request = Arc::new(Request { client, protocol, keys: own_keys, want });
    let db = cx.db.index;
    let mut seen = HashSet::with_capacity(keys.len());
    for (n, key) in keys.iter().enumerate() {
        if !seen.insert(*key) {
            continue;
        }
        let hashed = cx.db.hashed(key);
        let waits = ShardWaits::of_or_new(cx.db.locked.shard(hashed));
        let place = Place { request: Arc::clone(&request), is_first: n == 0 };
        waits.keys.queue_or_new(db, key).push(&ticket, place);
    }
}

fn pop(cx: &mut Context<'_, '_>, args: &mut Args<'_>, end: ListEnd) -> CommandResult {
    let (text, keys) = args.take_rest().split_last().ok_or(CommandError::Syntax)?;
    let timeout = timeout_of(cx, text)?;
    take_or_wait(cx, keys, Want::Element(end), timeout)
}

fn blmpop(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let text = args.bytes()?;
    let (keys, end, count) = keys_end_count(args)?;
    let timeout = timeout_of(cx, text)?;
    take_or_wait(cx, keys, Want::Elements(end, count), timeout)
}

fn blmove(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (from, to) = (args.key()?, args.key()?);
    let (from_end, to_end) = (list_end(args)?, list_end(args)?);
    let timeout = timeout(cx, args)?;
    let transfer = Transfer { to: to.into(), from_end, to_end, is_rpoplpush: false };
    take_or_wait(cx, &[from], Want::Transfer(transfer), timeout)
}

fn brpoplpush(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (from, to) = (args.key()?, args.key()?);
    let timeout = timeout(cx, args)?;
    let transfer = Transfer::rpoplpush(to);
    take_or_wait(cx, &[from], Want::Transfer(transfer), timeout)
}
