//! Strings that hold numbers: INCR, DECR and their relatives.

use guarda_store::{Record, ValueRef};
use itoa::Buffer;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::string_float::LongDouble;
use crate::families::strings::NEW;
use crate::pubsub::EventClasses;
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};

const INCR: CommandSpec = CommandSpec {
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST),
    keys: Keys::at(1, KeyAccess::UPDATE),
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "incr",
        summary: "Adds one to an integer; a missing key counts as 0.",
        arity: Arity::exactly(2),
        run: |cx, args| add_to_key(cx, args, |_| Ok(1)),
        ..INCR
    },
    CommandSpec {
        name: "decr",
        summary: "Takes one from an integer; a missing key counts as 0.",
        arity: Arity::exactly(2),
        run: |cx, args| add_to_key(cx, args, |_| Ok(-1)),
        ..INCR
    },
    CommandSpec {
        name: "incrby",
        summary: "Adds to an integer; a missing key counts as 0.",
        arity: Arity::exactly(3),
        run: |cx, args| add_to_key(cx, args, plain),
        ..INCR
    },
    CommandSpec {
        name: "decrby",
        summary: "Takes from an integer; a missing key counts as 0.",
        arity: Arity::exactly(3),
        run: |cx, args| add_to_key(cx, args, negated),
        ..INCR
    },
    CommandSpec {
        name: "incrbyfloat",
        summary: "Adds to a decimal number; a missing key counts as 0.",
        since: "2.6.0",
        arity: Arity::exactly(3),
        run: add_float,
        ..INCR
    },
];

fn plain(args: &mut Args<'_>) -> Result<i64, CommandError> {
    args.integer()
}

fn negated(args: &mut Args<'_>) -> Result<i64, CommandError> {
    let amount = args.integer()?;
    amount.checked_neg().ok_or(CommandError::text("ERR decrement would overflow"))
}

fn add_to_key(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    amount: fn(&mut Args<'_>) -> Result<i64, CommandError>,
) -> CommandResult {
    let key = args.key()?;
    let amount = amount(args)?;
    let (old, expiry) = match cx.db.peek(key).map(|r| (r.value(), r.expiry())) {
        None => (0, None),
        Some((ValueRef::String(text), expiry)) => {
            let old = guarda_resp::number::parse_i64(text).ok_or(CommandError::NotInteger)?;
            (old, expiry)
        }
        Some(_) => return Err(CommandError::WrongType),
    };
    let new = old.checked_add(amount).ok_or(CommandError::Overflow)?;
    let mut digits = Buffer::new();
    cx.db.set_string(key, digits.format(new).as_bytes(), expiry);
    cx.db.notify(EventClasses::STRING, "incrby", key);
    cx.reply.integer(new);
    Ok(Outcome::Reply)
}

fn add_float(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let amount = args.bytes()?;
    let old = match cx.db.peek_string(key)? {
        None => LongDouble::ZERO,
        Some(text) => LongDouble::parse(text).ok_or(CommandError::NotFloat)?,
    };
    let amount = LongDouble::parse(amount).ok_or(CommandError::NotFloat)?;
    let Some(sum) = old.add(amount) else {
        return Err(CommandError::text("ERR increment would produce NaN or Infinity"));
    };
    let text = sum.to_text();
    let expiry = cx.db.peek(key).and_then(Record::expiry);
    cx.db.set_string(key, &text, expiry);
    cx.db.record(&[b"SET", key, &text, b"KEEPTTL"]);
    cx.db.notify(EventClasses::STRING, "incrbyfloat", key);
    cx.reply.bulk(&text);
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    const NOT_INTEGER: &str = "ERR value is not an integer or out of range";

    #[test]
    fn counters_count_and_keep_their_expiry() {
        let mut bench = Bench::new();
        bench.check("INCR k", int(1));
        bench.check("PEXPIRE k 9000", int(1));
        bench.check_journal("INCRBY k 41", &["INCRBY k 41"]);
        bench.check("DECR k", int(41));
        bench.check("DECRBY k -1", int(42));
        bench.check("GET k", bulk("42"));
        bench.check("PTTL k", int(9000));
        bench.advance(9000);
        bench.check_journal("DECR k", &["DEL k", "DECR k"]);
        bench.check("GET k", bulk("-1"));
        bench.check("PTTL k", int(-1));
    }

    #[test]
    fn counters_refuse_what_is_no_integer_and_overflow() {
        let mut bench = Bench::new();
        for text in ["abc", "\"\"", "\" 1\"", "1.0", "+1", "01", "9223372036854775808"] {
            bench.check(&format!("SET k {text}"), ok());
            bench.check("INCR k", err(NOT_INTEGER));
        }
        bench.check("SET k 9223372036854775807", ok());
        bench.check_journal("INCR k", &[]);
        bench.check("INCR k", err("ERR increment or decrement would overflow"));
        bench.check("INCRBY k 9223372036854775808", err(NOT_INTEGER));
        bench.check("DECRBY k -9223372036854775808", err("ERR decrement would overflow"));
        bench.check("DECRBY k 9223372036854775807", int(0));
        bench.make_hash("h");
        bench.check("INCR h", wrong_type());
        bench.check("INCRBYFLOAT h 1", wrong_type());
    }

    #[test]
    fn floats_are_added_and_journalled_as_their_sum() {
        let mut bench = Bench::new();
        bench.check("SET k 10.50", ok());
        bench.check("PEXPIRE k 9000", int(1));
        bench.check_journal("INCRBYFLOAT k 0.1", &["SET k 10.6 KEEPTTL"]);
        bench.check("PTTL k", int(9000));
        bench.check("INCRBYFLOAT k -5", bulk("5.6"));
        bench.check("INCRBYFLOAT new 5.0e3", bulk("5000"));
        bench.check("INCRBYFLOAT new 2.0e2", bulk("5200"));
        bench.check("INCRBYFLOAT new x", err("ERR value is not a valid float"));
        bench.check("INCRBYFLOAT new inf", err("ERR increment would produce NaN or Infinity"));
        bench.check("SET k x", ok());
        bench.check_journal("INCRBYFLOAT k 1", &[]);
        bench.check("INCRBYFLOAT k 1", err("ERR value is not a valid float"));
    }
}
