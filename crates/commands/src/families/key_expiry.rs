//! When keys expire: the EXPIRE and TTL families and PERSIST.

use std::cmp::Ordering;

use guarda_store::{Record, UnixMillis};
use itoa::Buffer;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::keys::NEW;
use crate::families::string_expiry::TimeUnit;
use crate::pubsub::EventClasses;
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
struct Condition {
    /// NX and XX.
    presence: Presence,
    /// GT (greater) and LT (less): how the new expiry must compare to the old.
    order: Option<Ordering>,
}

enum Presence {
    Any,
    Without,
    With,
}

impl Condition {
    fn parse(args: &mut Args<'_>) -> Result<Condition, CommandError> {
        let (mut without, mut with, mut later, mut earlier) = (false, false, false, false);
        while !args.is_empty() {
            let options =
                [("NX", &mut without), ("XX", &mut with), ("GT", &mut later), ("LT", &mut earlier)];
            let Some((_, option)) = options.into_iter().find(|(word, _)| args.take_word(word))
            else {
                return Err(CommandError::quoting(&[b"ERR Unsupported option ", args.bytes()?]));
            };
            *option = true;
        }
        if without && (with || later || earlier) {
            return Err(CommandError::text(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if later && earlier {
            return Err(CommandError::text(
                "ERR GT and LT options at the same time are not compatible",
            ));
        }
        let presence = match (without, with) {
            (true, _) => Presence::Without,
            (_, true) => Presence::With,
            _ => Presence::Any,
        };
        let order = match (later, earlier) {
            (true, _) => Some(Ordering::Greater),
            (_, true) => Some(Ordering::Less),
            _ => None,
        };
        Ok(Condition { presence, order })
    }

    /// Whether an expiry at `new` may replace `old`; no expiry counts as the latest of all.
    fn allows(&self, old: Option<UnixMillis>, new: UnixMillis) -> bool {
        let present = match self.presence {
            Presence::Any => true,
            Presence::Without => old.is_none(),
            Presence::With => old.is_some(),
        };
        let compared = old.map_or(Ordering::Less, |old| new.cmp(&old));
        present && self.order.is_none_or(|order| order == compared)
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
    let done = match cx.db.peek(key).map(Record::expiry) {
        Some(old) if condition.allows(old, at) => {
            if at <= now {
                cx.db.delete(key);
                cx.db.record(&[b"DEL", key]);
                cx.db.notify(EventClasses::GENERIC, "del", key);
            } else {
                cx.db.set_expiry(key, Some(at));
                let mut digits = Buffer::new();
                cx.db.record(&[b"PEXPIREAT", key, digits.format(at.0).as_bytes()]);
                cx.db.notify(EventClasses::GENERIC, "expire", key);
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
        cx.db.notify(EventClasses::GENERIC, "persist", key);
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
    let answer = match cx.db.look(args.key()?).map(Record::expiry) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => time(at, now),
    };
    cx.reply.integer(answer);
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn expire_in_every_unit_is_journalled_with_the_instant() {
        let mut bench = Bench::new();
        bench.check("SET k v", ok());
        let at = |millis: i64| format!("PEXPIREAT k {}", START.0 + millis);
        bench.check_journal("EXPIRE k 10", &[&at(10_000)]);
        bench.check_journal("PEXPIRE k 10", &[&at(10)]);
        bench.check_journal("EXPIREAT k 1800000000", &["PEXPIREAT k 1800000000000"]);
        bench.check_journal("PEXPIREAT k 1800000000001", &["PEXPIREAT k 1800000000001"]);
        bench.check_journal("EXPIRE missing 10", &[]);
        bench.check("EXPIRE missing 10", int(0));
    }

    #[test]
    fn an_expiry_in_the_past_deletes_the_key() {
        let mut bench = Bench::new();
        for line in
            ["EXPIRE k 0", "PEXPIRE k -1", "EXPIREAT k 1", "PEXPIREAT k -9223372036854775808"]
        {
            bench.check("SET k v", ok());
            bench.check_journal(line, &["DEL k"]);
            bench.check("EXISTS k", int(0));
        }
    }

    #[test]
    fn conditions_compare_with_the_expiry_that_is_there() {
        let mut bench = Bench::new();
        bench.check("SET k v", ok());
        // No expiry counts as the latest of all.
        for (line, done) in [
            ("EXPIRE k 10 XX", 0),
            ("EXPIRE k 10 GT", 0),
            ("EXPIRE k 20 LT", 1),
            ("EXPIRE k 30 NX", 0),
            ("EXPIRE k 20 GT", 0),
            ("EXPIRE k 21 gt", 1),
            ("EXPIRE k 21 LT", 0),
            ("EXPIRE k 20 XX LT", 1),
            ("EXPIRE k 5 XX", 1),
            ("EXPIRE k 4 XX GT", 0),
            ("PERSIST k", 1),
            ("PERSIST k", 0),
            ("EXPIRE k 10 NX NX", 1),
            ("EXPIRE k -1 GT", 0),
            ("EXPIRE k -1 LT", 1),
            ("EXISTS k", 0),
        ] {
            bench.check(line, int(done));
        }
    }

    #[test]
    fn options_are_read_before_the_time() {
        let mut bench = Bench::new();
        bench.check("EXPIRE k x NOSUCH", err("ERR Unsupported option NOSUCH"));
        let both = "ERR NX and XX, GT or LT options at the same time are not compatible";
        for options in ["NX XX", "GT NX", "NX LT", "NX GT LT"] {
            bench.check(&format!("EXPIRE k x {options}"), err(both));
        }
        let compare = "ERR GT and LT options at the same time are not compatible";
        bench.check("EXPIRE k x LT GT", err(compare));
        bench.check("EXPIRE k x LT", err("ERR value is not an integer or out of range"));
        for (command, time) in [
            ("expire", "9223372036854775807"),
            ("expire", "9223372036854775"),
            ("pexpire", "9223372036854775807"),
            ("expireat", "9223372036854776"),
            ("expire", "-9223372036854775807"),
        ] {
            let text = format!("ERR invalid expire time in '{command}' command");
            bench.check(&format!("{command} k {time}"), err(&text));
        }
    }

    #[test]
    fn times_are_told_and_seconds_rounded_to_the_nearest() {
        let mut bench = Bench::new();
        for command in ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"] {
            bench.check(&format!("{command} k"), int(-2));
        }
        bench.check("SET k v", ok());
        for command in ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"] {
            bench.check(&format!("{command} k"), int(-1));
        }
        bench.check("PEXPIRE k 10499", int(1));
        bench.check("TTL k", int(10));
        bench.check("PTTL k", int(10_499));
        bench.advance(-1);
        bench.check("TTL k", int(11));
        bench.check("PEXPIREAT k 1800000000500", int(1));
        bench.check("EXPIRETIME k", int(1_800_000_001));
        bench.check("PEXPIRETIME k", int(1_800_000_000_500));
        bench.advance(1_000_000_000_000);
        bench.check_journal("TTL k", &["DEL k"]);
        bench.check("TTL k", int(-2));
    }

    #[test]
    fn persist_is_journalled_when_it_does_something() {
        let mut bench = Bench::new();
        bench.check("SETEX k 10 v", ok());
        bench.check_journal("PERSIST k", &["PERSIST k"]);
        bench.check_journal("PERSIST k", &[]);
        bench.advance(20_000);
        bench.check("GET k", bulk("v"));
    }

    #[test]
    fn a_change_of_the_expiry_ends_a_watch() {
        let mut bench = Bench::new();
        bench.check("SET k v", ok());
        for (line, changes) in [("EXPIRE k 10", true), ("EXPIRE k 20 NX", false), ("TTL k", false)]
        {
            bench.check("WATCH k", ok());
            bench.run(line);
            bench.check("MULTI", ok());
            bench.check("GET k", simple("QUEUED"));
            let expected = if changes { b"*-1\r\n".to_vec() } else { array([bulk("v")]) };
            bench.check("EXEC", expected);
        }
    }
}
