//! When keys expire: the EXPIRE and TTL families and PERSIST.

use guarda_store::UnixMillis;
use itoa::Buffer;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::keys::NEW;
use crate::families::string_expiry::TimeUnit;
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};

const EXPIRE: CommandSpec = CommandSpec {
    arity: Arity::at_least(3),
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::at(1, KeyAccess::CHANGE),
    ..NEW
};

const TTL: CommandSpec = CommandSpec {
    arity: Arity::exactly(2),
    flags: Flags::READONLY.union(Flags::FAST),
    keys: Keys::at(1, KeyAccess::READ),
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "expire",
        summary: "Lets a key expire after some seconds.",
        run: |cx, args| expire(cx, args, TimeUnit::SECONDS, "expire"),
        ..EXPIRE
    },
    CommandSpec {
        name: "pexpire",
        summary: "Lets a key expire after some milliseconds.",
        since: "2.6.0",
        run: |cx, args| expire(cx, args, TimeUnit::MILLIS, "pexpire"),
        ..EXPIRE
    },
    CommandSpec {
        name: "expireat",
        summary: "Lets a key expire at a Unix time in seconds.",
        since: "1.2.0",
        run: |cx, args| expire(cx, args, TimeUnit::UNIX_SECONDS, "expireat"),
        ..EXPIRE
    },
    CommandSpec {
        name: "pexpireat",
        summary: "Lets a key expire at a Unix time in milliseconds.",
        since: "2.6.0",
        run: |cx, args| expire(cx, args, TimeUnit::UNIX_MILLIS, "pexpireat"),
        ..EXPIRE
    },
    CommandSpec {
        name: "persist",
        summary: "Removes a key's expiry.",
        since: "2.2.0",
        arity: Arity::exactly(2),
        run: persist,
        ..EXPIRE
    },
    CommandSpec {
        name: "ttl",
        summary: "Says in how many seconds a key expires.",
        tips: &["nondeterministic_output"],
        run: |cx, args| time_of(cx, args, |at, now| seconds(remaining(at, now))),
        ..TTL
    },
    CommandSpec {
        name: "pttl",
        summary: "Says in how many milliseconds a key expires.",
        since: "2.6.0",
        tips: &["nondeterministic_output"],
        run: |cx, args| time_of(cx, args, remaining),
        ..TTL
    },
    CommandSpec {
        name: "expiretime",
        summary: "Says at which Unix time in seconds a key expires.",
        since: "7.0.0",
        run: |cx, args| time_of(cx, args, |at, _| seconds(at.0)),
        ..TTL
    },
    CommandSpec {
        name: "pexpiretime",
        summary: "Says at which Unix time in milliseconds a key expires.",
        since: "7.0.0",
        run: |cx, args| time_of(cx, args, |at, _| at.0),
        ..TTL
    },
];

/// When an EXPIRE is carried out, told by the expiry that is there.
#[derive(Default)]
struct Condition {
    only_without: bool,
    only_with: bool,
    only_later: bool,
    only_earlier: bool,
}

impl Condition {
    fn parse(args: &mut Args<'_>) -> Result<Condition, CommandError> {
        let mut condition = Condition::default();
        for &word in args.take_rest() {
            match &word.to_ascii_uppercase()[..] {
                b"NX" => condition.only_without = true,
                b"XX" => condition.only_with = true,
                b"GT" => condition.only_later = true,
                b"LT" => condition.only_earlier = true,
                _ => {
                    let word = String::from_utf8_lossy(word);
                    return Err(CommandError::owned(format!("ERR Unsupported option {word}")));
                }
            }
        }
        let compares = condition.only_later || condition.only_earlier;
        if condition.only_without && (condition.only_with || compares) {
            return Err(CommandError::text(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if condition.only_later && condition.only_earlier {
            return Err(CommandError::text(
                "ERR GT and LT options at the same time are not compatible",
            ));
        }
        Ok(condition)
    }

    /// Whether an expiry at `new` may replace `old`; no expiry counts as the latest of all.
    fn allows(&self, old: Option<UnixMillis>, new: UnixMillis) -> bool {
        !(self.only_without && old.is_some()
            || self.only_with && old.is_none()
            || self.only_later && old.is_none_or(|old| new <= old)
            || self.only_earlier && old.is_some_and(|old| new >= old))
    }
}

fn expire(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    unit: TimeUnit,
    command: &'static str,
) -> CommandResult {
    let key = args.key()?;
    let amount = args.bytes()?;
    let condition = Condition::parse(args)?;
    let amount = guarda_resp::number::parse_i64(amount).ok_or(CommandError::NotInteger)?;
    let at = unit.instant(amount, cx.db.now).ok_or(CommandError::InvalidExpire(command))?;
    let now = cx.db.now;
    let done = match cx.db.peek(key).map(guarda_store::Record::expiry) {
        Some(old) if condition.allows(old, at) => {
            if at <= now {
                cx.db.delete(key);
                cx.db.record(&[b"DEL", key]);
            } else {
                cx.db.set_expiry(key, Some(at));
                let mut digits = Buffer::new();
                cx.db.record(&[b"PEXPIREAT", key, digits.format(at.0).as_bytes()]);
            }
            true
        }
        _ => false,
    };
    cx.reply.integer(done.into());
    Ok(Outcome::Reply)
}

fn persist(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let expires = cx.db.expiry(key).is_some();
    if expires {
        cx.db.set_expiry(key, None);
    }
    cx.reply.integer(expires.into());
    Ok(Outcome::Reply)
}

/// Milliseconds left, never negative.
fn remaining(at: UnixMillis, now: UnixMillis) -> i64 {
    at.since(now).max(0)
}

/// Milliseconds in seconds, rounded to the nearest as Redis does.
fn seconds(millis: i64) -> i64 {
    millis.saturating_add(500) / 1000
}

/// Answers a time made of a key's expiry: -2 for no key, -1 for no expiry.
fn time_of(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    time: fn(UnixMillis, UnixMillis) -> i64,
) -> CommandResult {
    let now = cx.db.now;
    let answer = match cx.db.look(args.key()?).map(guarda_store::Record::expiry) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => time(at, now),
    };
    cx.reply.integer(answer);
    Ok(Outcome::Reply)
}
