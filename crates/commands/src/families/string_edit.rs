//! Parts of strings: APPEND, STRLEN, SETRANGE, GETRANGE, SUBSTR.

use crate::args::Args;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::strings::NEW;
use crate::pubsub::EventClasses;
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};

const GETRANGE: CommandSpec = CommandSpec {
    complexity: "O(N) where N is the length of the returned string.",
    arity: Arity::exactly(4),
    flags: Flags::READONLY,
    keys: Keys::at(1, KeyAccess::READ),
    run: getrange,
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "append",
        summary: "Appends to a string, which is made if it does not exist.",
        since: "2.0.0",
        complexity: "O(1), amortised, for appended values that are small.",
        arity: Arity::exactly(3),
        flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::INSERT),
        run: append,
        ..NEW
    },
    CommandSpec {
        name: "strlen",
        summary: "Gives the length of a string in bytes.",
        since: "2.2.0",
        arity: Arity::exactly(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::PEEK),
        run: strlen,
        ..NEW
    },
    CommandSpec {
        name: "setrange",
        summary: "Overwrites part of a string, filled up with zero bytes where it is too short.",
        since: "2.2.0",
        complexity: "O(M) where M is the length of the value, beside the growth of the string.",
        arity: Arity::exactly(4),
        flags: Flags::WRITE.union(Flags::DENYOOM),
        keys: Keys::at(1, KeyAccess::CHANGE),
        run: setrange,
        ..NEW
    },
    CommandSpec {
        name: "getrange",
        summary: "Reads part of a string by its first and last position.",
        since: "2.4.0",
        ..GETRANGE
    },
    CommandSpec {
        name: "substr",
        summary: "Reads part of a string, as GETRANGE does.",
        ..GETRANGE
    },
];

/// Fails if `len` bytes are more than a string may have. The log is believed: its strings were
/// made under the limit of their day.
fn check_len(cx: &Context<'_, '_>, len: Option<usize>) -> Result<(), CommandError> {
    let fits = len.is_some_and(|len| len <= cx.db.settings.string_len_max());
    if fits || cx.caller == Caller::Log { Ok(()) } else { Err(CommandError::StringTooLong) }
}

fn append(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let tail = args.bytes()?;
    let len = match cx.db.peek_string(key)?.map(<[u8]>::len) {
        None => {
            cx.db.set_string(key, tail, None);
            tail.len()
        }
        Some(len) => {
            check_len(cx, len.checked_add(tail.len()))?;
            cx.db.string_mut(key)?.extend_from_slice(tail);
            cx.db.changed(key);
            len + tail.len()
        }
    };
    cx.db.notify(EventClasses::STRING, "append", key);
    cx.reply.integer(len as i64);
    Ok(Outcome::Reply)
}

fn strlen(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let len = cx.db.string(args.key()?)?.map_or(0, <[u8]>::len);
    cx.reply.integer(len as i64);
    Ok(Outcome::Reply)
}

fn setrange(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let offset = args.integer()?;
    let part = args.bytes()?;
    let Ok(offset) = usize::try_from(offset) else {
        return Err(CommandError::text("ERR offset is out of range"));
    };
    let len = cx.db.peek_string(key)?.map_or(0, <[u8]>::len);
    if part.is_empty() {
        cx.reply.integer(len as i64);
        return Ok(Outcome::Reply);
    }
    let end = offset.checked_add(part.len());
    check_len(cx, end)?;
    let end = end.ok_or(CommandError::StringTooLong)?;
    let string = cx.db.string_mut(key)?;
    if string.len() < end {
        string.resize(end, 0);
    }
    string[offset..end].copy_from_slice(part);
    let len = string.len();
    cx.db.changed(key);
    cx.db.notify(EventClasses::STRING, "setrange", key);
    cx.reply.integer(len as i64);
    Ok(Outcome::Reply)
}

fn getrange(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let (first, last) = (args.integer()?, args.integer()?);
    let string = cx.db.string(key)?.unwrap_or(b"");
    cx.reply.bulk(part(string, first, last));
    Ok(Outcome::Reply)
}

/// The bytes from position `first` to `last`, both included; negative ones count from the end.
fn part(string: &[u8], first: i64, last: i64) -> &[u8] {
    let len = string.len() as i64;
    // Before the clamping below, which would make the first byte of two positions far before it.
    if first < 0 && last < 0 && first > last {
        return b"";
    }
    let from_end = |at: i64| if at < 0 { at.saturating_add(len).max(0) } else { at };
    let (first, last) = (from_end(first), from_end(last).min(len - 1));
    if first > last { b"" } else { &string[first as usize..=last as usize] }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn append_creates_extends_and_keeps_the_expiry() {
        let mut bench = Bench::new();
        bench.check("APPEND k abc", int(3));
        bench.check("PEXPIRE k 5000", int(1));
        bench.check_journal("APPEND k def", &["APPEND k def"]);
        bench.check("APPEND k \"\"", int(6));
        bench.check("GET k", bulk("abcdef"));
        bench.check("PTTL k", int(5000));
        bench.check("APPEND empty \"\"", int(0));
        bench.check("EXISTS empty", int(1));
        bench.check("OBJECT ENCODING k", bulk("raw"));
    }

    #[test]
    fn strings_end_at_the_configured_length() {
        let mut bench = Bench::new();
        let limit = &bench.host.settings.proto_max_bulk_len;
        limit.store(8, std::sync::atomic::Ordering::Relaxed);
        let too_long = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
        bench.check("SET k 1234567", ok());
        bench.check("APPEND k 89", err(too_long));
        bench.check("APPEND k 8", int(8));
        bench.check("SETRANGE k 8 9", err(too_long));
        bench.check("SETRANGE k 9223372036854775807 9", err(too_long));
        bench.check("SETRANGE k 7 9", int(8));
        bench.check("SETRANGE k 100 \"\"", int(8));
        bench.check("GET k", bulk("12345679"));
    }

    #[test]
    fn setrange_fills_with_zero_bytes_and_makes_no_empty_key() {
        let mut bench = Bench::new();
        bench.check("SETRANGE k 0 \"\"", int(0));
        bench.check("EXISTS k", int(0));
        bench.check_journal("SETRANGE k 2 xy", &["SETRANGE k 2 xy"]);
        bench.check("GET k", bulk(b"\0\0xy"));
        bench.check("SETRANGE k 1 abc", int(4));
        bench.check("GET k", bulk(b"\0abc"));
        bench.check("SETRANGE k -1 x", err("ERR offset is out of range"));
        bench.check("SETRANGE k x x", err("ERR value is not an integer or out of range"));
        bench.make_hash("h");
        bench.check("SETRANGE h 0 x", wrong_type());
        bench.check("APPEND h x", wrong_type());
        bench.check("STRLEN h", wrong_type());
    }

    #[test]
    fn getrange_counts_from_both_ends() {
        let mut bench = Bench::new();
        bench.check("SET k \"This is a string\"", ok());
        let cases = [
            ("0 3", "This"),
            ("-3 -1", "ing"),
            ("0 -1", "This is a string"),
            ("10 100", "string"),
            ("-100 3", "This"),
            ("-100 -200", ""),
            ("-200 -100", "T"),
            ("5 3", ""),
            ("16 20", ""),
            ("0 -9223372036854775808", "T"),
        ];
        for (range, expected) in cases {
            bench.check(&format!("GETRANGE k {range}"), bulk(expected));
            bench.check(&format!("SUBSTR k {range}"), bulk(expected));
        }
        bench.check("GETRANGE missing 0 -1", bulk(""));
        bench.check("GETRANGE k 0 x", err("ERR value is not an integer or out of range"));
    }
}
