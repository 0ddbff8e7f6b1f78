//! Strings that are changed only if they are what the caller takes them for: the options of SET that
//! compare, DELIFEQ, DELEX, and DIGEST. Newer than Redis 7.2: Valkey 8.1 and 9.0, Redis 8.4.

use twox_hash::XxHash3_64;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::strings::NEW;
use crate::pubsub::EventClasses;
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};

/// The value is compared and not given away: the right to write is enough, as in Redis. Without a
/// condition it is not even looked at, which the flags of such a call say.
const COMPARED_REMOVAL: KeyAccess = KeyAccess(&["RW", "delete", "variable_flags"]);
const WRITE_FAST: Flags = Flags::WRITE.union(Flags::FAST);

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "delifeq",
        summary: "Deletes a key if it holds this string.",
        since: "9.0.0",
        arity: Arity::exactly(3),
        flags: WRITE_FAST,
        keys: Keys::at(1, KeyAccess::REMOVE),
        run: delifeq,
        ..NEW
    },
    CommandSpec {
        name: "delex",
        summary: "Deletes a key if its string, or the digest of it, equals or differs from what is given.",
        since: "8.4.0",
        complexity: "O(1), with digests O(N) where N is the length of the string.",
        arity: Arity::at_least(2),
        flags: WRITE_FAST,
        keys: Keys::at(1, COMPARED_REMOVAL),
        run: delex,
        ..NEW
    },
    CommandSpec {
        name: "digest",
        summary: "Gives the digest of a string, 16 hexadecimal digits of XXH3.",
        since: "8.4.0",
        complexity: "O(N) where N is the length of the string.",
        arity: Arity::exactly(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::READ),
        run: digest,
        ..NEW
    },
];

const BAD_DIGEST: CommandError =
    CommandError::text("ERR digest must be exactly 16 hexadecimal characters");
const BAD_CONDITION: CommandError =
    CommandError::text("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
const NO_STRING: CommandError =
    CommandError::text("ERR Key should be of string type if conditions are specified");
/// Length of a digest in hexadecimal.
const DIGEST_LEN: usize = 16;

/// What a string is compared with before it is changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison<'a> {
    /// IFEQ.
    Equals(&'a [u8]),
    /// IFNE.
    Differs(&'a [u8]),
    /// IFDEQ; none is no string's digest.
    DigestEquals(Option<u64>),
    /// IFDNE.
    DigestDiffers(Option<u64>),
}

impl<'a> Comparison<'a> {
    /// Takes the comparison that comes next, if one does.
    pub(super) fn take(args: &mut Args<'a>) -> Result<Option<Comparison<'a>>, CommandError> {
        Ok(Some(if args.take_word("IFEQ") {
            Comparison::Equals(args.bytes()?)
        } else if args.take_word("IFNE") {
            Comparison::Differs(args.bytes()?)
        } else if args.take_word("IFDEQ") {
            Comparison::DigestEquals(parse_digest(args.bytes()?)?)
        } else if args.take_word("IFDNE") {
            Comparison::DigestDiffers(parse_digest(args.bytes()?)?)
        } else {
            return Ok(None);
        }))
    }

    /// Whether a string passes; a missing one only differs.
    pub(super) fn holds(self, value: Option<&[u8]>) -> bool {
        let is = |digest: Option<u64>| digest.is_some() && value.map(XxHash3_64::oneshot) == digest;
        match self {
            Comparison::Equals(expected) => value == Some(expected),
            Comparison::Differs(unwanted) => value != Some(unwanted),
            Comparison::DigestEquals(digest) => is(digest),
            Comparison::DigestDiffers(digest) => !is(digest),
        }
    }
}

/// As in Redis only the length must be right; what is not hexadecimal is no string's digest.
fn parse_digest(text: &[u8]) -> Result<Option<u64>, CommandError> {
    if text.len() != DIGEST_LEN {
        return Err(BAD_DIGEST);
    }
    // `from_str_radix` would also take a sign.
    let text = std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'));
    Ok(text.and_then(|text| u64::from_str_radix(text, 16).ok()))
}

fn delifeq(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let expected = Comparison::Equals(args.bytes()?);
    let passes = expected.holds(cx.db.peek_string(key)?);
    delete_if(cx, key, passes)
}

/// The condition is looked at only where there is a string to compare, as in Redis.
fn delex(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let passes = match args.rest().len() {
        0 => true,
        2 => match cx.db.peek_string(key) {
            Err(_) => return Err(NO_STRING),
            Ok(None) => false,
            Ok(value) => Comparison::take(args)?.ok_or(BAD_CONDITION)?.holds(value),
        },
        _ => return Err(CommandError::WrongArity("delex".into())),
    };
    delete_if(cx, key, passes)
}

/// Deletes a key if it `passes`. What waits for it as a lock is served as after DEL.
fn delete_if(cx: &mut Context<'_, '_>, key: &[u8], passes: bool) -> CommandResult {
    let deleted = passes && cx.db.delete(key);
    if deleted {
        cx.db.notify(EventClasses::GENERIC, "del", key);
        cx.db.record(&[b"DEL", key]);
    }
    cx.reply.integer(deleted.into());
    Ok(Outcome::Reply)
}

fn digest(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    match cx.db.string(args.key()?)?.map(XxHash3_64::oneshot) {
        Some(digest) => cx.reply.bulk_str(&format!("{digest:016x}")),
        None => cx.reply.null(),
    }
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    const SYNTAX: &str = "ERR syntax error";
    /// Of `Hello world`, from the documentation of Redis.
    const HELLO: &str = "b6acb9d84a38ff74";

    #[test]
    fn delifeq_deletes_what_it_is_given_and_nothing_else() {
        let mut bench = Bench::new();
        bench.check("DELIFEQ k v", int(0));
        bench.check("SET k v", ok());
        bench.check_journal("DELIFEQ k w", &[]);
        bench.check("GET k", bulk("v"));
        bench.check_journal("DELIFEQ k v", &["DEL k"]);
        bench.check("DELIFEQ k v", int(0));
        bench.make_hash("h");
        bench.check("DELIFEQ h v", wrong_type());
        bench.check("DELIFEQ k", err("ERR wrong number of arguments for 'delifeq' command"));
    }

    #[test]
    fn delex_compares_in_four_ways_or_not_at_all() {
        let mut bench = Bench::new();
        let upper = HELLO.to_ascii_uppercase();
        for (condition, deletes) in [
            ("", true),
            ("IFEQ \"Hello world\"", true),
            ("ifeq hello", false),
            ("IFNE \"Hello world\"", false),
            ("IFNE hello", true),
            (&format!("IFDEQ {HELLO}"), true),
            (&format!("IFDEQ {upper}"), true),
            ("IFDEQ 0000000000000000", false),
            (&format!("IFDNE {HELLO}"), false),
            ("IFDNE 0000000000000000", true),
        ] {
            bench.check("SET k \"Hello world\"", ok());
            let expected: &[&str] = if deletes { &["DEL k"] } else { &[] };
            bench.check_journal(&format!("DELEX k {condition}"), expected);
            bench.check("DEL k", int((!deletes).into()));
            bench.check(&format!("DELEX k {condition}"), int(0));
        }
        bench.make_hash("h");
        let refused = err("ERR Key should be of string type if conditions are specified");
        for condition in ["IFNE v", "IFDEQ x", "NOSUCH x"] {
            bench.check(&format!("DELEX h {condition}"), &refused);
        }
        bench.check("DELEX h", int(1));
    }

    #[test]
    fn malformed_conditions_are_refused() {
        let mut bench = Bench::new();
        bench.check("SET k v", ok());
        for rest in ["IFEQ", "IFEQ v IFEQ v", "IFEQ v x", "v"] {
            let refused = err("ERR wrong number of arguments for 'delex' command");
            bench.check(&format!("DELEX k {rest}"), &refused);
            bench.check(&format!("DELEX missing {rest}"), &refused);
        }
        let refused = err("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
        bench.check("DELEX k NOSUCH v", refused);
        bench.check("DELEX missing NOSUCH v", int(0));
        for digest in ["", "b6acb9d84a38ff7", "b6acb9d84a38ff744"] {
            let refused = err("ERR digest must be exactly 16 hexadecimal characters");
            bench.check(&format!("DELEX k IFDEQ \"{digest}\""), &refused);
            bench.check(&format!("SET k v IFDNE \"{digest}\""), &refused);
        }
        for digest in ["+6acb9d84a38ff74", "x6acb9d84a38ff74"] {
            bench.check(&format!("SET k v IFDEQ {digest}"), nil());
            bench.check(&format!("DELEX k IFDEQ {digest}"), int(0));
            bench.check(&format!("SET k v IFDNE {digest}"), ok());
        }
    }

    #[test]
    fn who_may_only_write_may_compare() {
        let mut bench = Bench::new();
        bench.check("ACL SETUSER bob on %W~w* %R~r* +delifeq +delex", ok());
        for line in ["DELIFEQ w v", "DELEX w IFEQ v", "DELEX w"] {
            bench.check(&format!("ACL DRYRUN bob {line}"), ok());
        }
        let refused = bulk("User bob has no permissions to access the 'r' key");
        bench.check("ACL DRYRUN bob DELEX r IFEQ v", refused);
        for (line, access) in [("k", ["RM", "delete"]), ("k IFEQ v", ["RW", "delete"])] {
            let flags = array(access.map(simple));
            let expected = array([array([bulk("k"), flags])]);
            bench.check(&format!("COMMAND GETKEYSANDFLAGS DELEX {line}"), expected);
        }
    }

    #[test]
    fn a_digest_is_sixteen_hexadecimal_digits() {
        let mut bench = Bench::new();
        bench.check("DIGEST k", nil());
        bench.check("SET k \"Hello world\"", ok());
        bench.check("DIGEST k", bulk(HELLO));
        bench.check("SET k \"\"", ok());
        // The published value of XXH3 for nothing at all.
        bench.check("DIGEST k", bulk("2d06800538d394c2"));
        bench.make_hash("h");
        bench.check("DIGEST h", wrong_type());
    }

    #[test]
    fn set_compares_before_it_stores() {
        let mut bench = Bench::new();
        for (condition, missing, stored) in [
            ("IFEQ \"Hello world\"", false, true),
            ("IFEQ hello", false, false),
            ("IFNE \"Hello world\"", true, false),
            ("IFNE hello", true, true),
            (&format!("IFDEQ {HELLO}"), false, true),
            ("IFDEQ 0000000000000000", false, false),
            (&format!("IFDNE {HELLO}"), true, false),
            ("IFDNE 0000000000000000", true, true),
        ] {
            let answer = |stored| if stored { ok() } else { nil() };
            bench.run("DEL k");
            let expected: &[&str] = if missing { &["SET k new"] } else { &[] };
            bench.check_journal(&format!("SET k new {condition}"), expected);
            bench.check("SET k \"Hello world\"", ok());
            bench.check(&format!("SET k new {condition}"), answer(stored));
            bench.check("SET k \"Hello world\"", ok());
            bench.check(&format!("SET k new {condition} GET"), bulk("Hello world"));
            bench.check("GET k", bulk(if stored { "new" } else { "Hello world" }));
        }
        bench.check("SETEX k 100 v", ok());
        bench.check_journal("SET k w IFEQ v KEEPTTL", &["SET k w KEEPTTL"]);
        let until = START.0 + 10_000;
        bench.check_journal("SET k x EX 10 IFEQ w", &[&format!("SET k x PXAT {until}")]);
        bench.make_hash("h");
        bench.check("SET h v IFNE v", wrong_type());
        for rest in ["IFEQ", "IFEQ v IFEQ v", "NX IFEQ v", "IFEQ v XX", "IFEQ v IFNE w"] {
            bench.check(&format!("SET k v {rest}"), err(SYNTAX));
        }
    }
}
