//! Strings as a whole: SET, GET and their relatives.

use std::slice::ChunksExact;

use itoa::Buffer;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::db::Db;
use crate::error::CommandError;
use crate::families::string_compare::Comparison;
use crate::families::string_expiry::{Expiry, ExpiryOption, TimeUnit};
use crate::pubsub::EventClasses;
use crate::sessions;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, KeyAccess, Keys};

/// What rows of string commands have in common.
pub(crate) const NEW: CommandSpec =
    CommandSpec { group: Group::String, categories: Categories::STRING, ..CommandSpec::NEW };

const SET_ACCESS: KeyAccess = KeyAccess(&["RW", "access", "update", "variable_flags"]);
const GETDEL_ACCESS: KeyAccess = KeyAccess(&["RW", "access", "delete"]);

const READ_FAST: Flags = Flags::READONLY.union(Flags::FAST);
const WRITE_MORE: Flags = Flags::WRITE.union(Flags::DENYOOM);

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "get",
        summary: "Reads a string.",
        arity: Arity::exactly(2),
        flags: READ_FAST,
        keys: Keys::at(1, KeyAccess::READ),
        run: get,
        ..NEW
    },
    CommandSpec {
        name: "set",
        summary: "Stores a string whatever the key held, with options for conditions and expiry.",
        arity: Arity::at_least(3),
        flags: WRITE_MORE,
        keys: Keys::at(1, SET_ACCESS),
        run: set,
        ..NEW
    },
    CommandSpec {
        name: "setex",
        summary: "Stores a string that expires after some seconds.",
        since: "2.0.0",
        arity: Arity::exactly(4),
        flags: WRITE_MORE,
        keys: Keys::at(1, KeyAccess::OVERWRITE),
        run: |cx, args| set_expiring(cx, args, TimeUnit::SECONDS, "setex"),
        ..NEW
    },
    CommandSpec {
        name: "psetex",
        summary: "Stores a string that expires after some milliseconds.",
        since: "2.6.0",
        arity: Arity::exactly(4),
        flags: WRITE_MORE,
        keys: Keys::at(1, KeyAccess::OVERWRITE),
        run: |cx, args| set_expiring(cx, args, TimeUnit::MILLIS, "psetex"),
        ..NEW
    },
    CommandSpec {
        name: "setnx",
        summary: "Stores a string if the key does not exist.",
        arity: Arity::exactly(3),
        flags: WRITE_MORE.union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::NEW),
        run: setnx,
        ..NEW
    },
    CommandSpec {
        name: "getset",
        summary: "Stores a string and returns the one before it.",
        arity: Arity::exactly(3),
        flags: WRITE_MORE.union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::UPDATE),
        run: getset,
        ..NEW
    },
    CommandSpec {
        name: "getex",
        summary: "Reads a string and optionally changes when it expires.",
        since: "6.2.0",
        arity: Arity::at_least(2),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::UPDATE),
        run: getex,
        ..NEW
    },
    CommandSpec {
        name: "getdel",
        summary: "Reads a string and deletes its key.",
        since: "6.2.0",
        arity: Arity::exactly(2),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: Keys::at(1, GETDEL_ACCESS),
        run: getdel,
        ..NEW
    },
    CommandSpec {
        name: "mget",
        summary: "Reads several strings.",
        complexity: "O(N) where N is the number of keys to retrieve.",
        arity: Arity::at_least(2),
        flags: READ_FAST,
        keys: Keys::range(1, -1, 1, KeyAccess::READ),
        tips: &["request_policy:multi_shard"],
        run: mget,
        ..NEW
    },
    CommandSpec {
        name: "mset",
        summary: "Stores several strings at once.",
        since: "1.0.1",
        complexity: "O(N) where N is the number of keys to set.",
        arity: Arity::at_least(3),
        flags: WRITE_MORE,
        keys: Keys::range(1, -1, 2, KeyAccess::OVERWRITE),
        tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
        run: mset,
        ..NEW
    },
    CommandSpec {
        name: "msetnx",
        summary: "Stores several strings at once if none of the keys exists.",
        since: "1.0.1",
        complexity: "O(N) where N is the number of keys to set.",
        arity: Arity::at_least(3),
        flags: WRITE_MORE,
        keys: Keys::range(1, -1, 2, KeyAccess::NEW),
        run: msetnx,
        ..NEW
    },
];

/// What SET asks of the key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition<'a> {
    Any,
    OnlyIfAbsent,
    OnlyIfPresent,
    OnlyIf(Comparison<'a>),
}

struct SetOptions<'a> {
    condition: Condition<'a>,
    expiry: ExpiryOption<'a>,
    get: bool,
}

impl<'a> SetOptions<'a> {
    fn parse(args: &mut Args<'a>) -> Result<SetOptions<'a>, CommandError> {
        let mut options =
            SetOptions { condition: Condition::Any, expiry: ExpiryOption::default(), get: false };
        while !args.is_empty() {
            if options.expiry.take(args, "KEEPTTL", Expiry::Keep)? {
                continue;
            }
            let condition = if args.take_word("NX") {
                Condition::OnlyIfAbsent
            } else if args.take_word("XX") {
                Condition::OnlyIfPresent
            } else if args.take_word("GET") {
                options.get = true;
                continue;
            } else if let Some(comparison) = Comparison::take(args)? {
                Condition::OnlyIf(comparison)
            } else {
                return Err(CommandError::Syntax);
            };
            let repeats =
                options.condition == condition && !matches!(condition, Condition::OnlyIf(_));
            if options.condition != Condition::Any && !repeats {
                return Err(CommandError::Syntax);
            }
            options.condition = condition;
        }
        Ok(options)
    }
}

fn get(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    reply_string(cx, key)?;
    Ok(Outcome::Reply)
}

/// Answers the string at `key`, or null; says whether it is there.
fn reply_string(cx: &mut Context<'_, '_>, key: &[u8]) -> Result<bool, CommandError> {
    let value = cx.db.string(key)?;
    match value {
        Some(value) => cx.reply.bulk(value),
        None => cx.reply.null(),
    }
    Ok(value.is_some())
}

fn set(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let value = args.bytes()?;
    let options = SetOptions::parse(args)?;
    let expiry = options.expiry.resolve(Expiry::Clear, cx.db.now, "set")?;
    if options.get {
        reply_string(cx, key)?;
    }
    let allowed = match options.condition {
        Condition::Any => true,
        Condition::OnlyIfAbsent => !cx.db.exists(key),
        Condition::OnlyIfPresent => cx.db.exists(key),
        Condition::OnlyIf(comparison) => comparison.holds(cx.db.peek_string(key)?),
    };
    if !allowed {
        if options.condition == Condition::OnlyIfAbsent {
            sessions::note_refused_lock(cx, key);
        }
        if !options.get {
            cx.reply.null();
        }
        return Ok(Outcome::Reply);
    }
    store(&mut cx.db, key, value, expiry);
    // A Redis that reads the log need not know the options that later versions have.
    let is_plain = !options.get && !matches!(options.condition, Condition::OnlyIf(_));
    match expiry {
        _ if is_plain => {}
        Expiry::Clear => cx.db.record(&[b"SET", key, value]),
        Expiry::Keep => cx.db.record(&[b"SET", key, value, b"KEEPTTL"]),
        Expiry::At(_) => {} // `store` has done it
    }
    if !options.get {
        cx.reply.ok();
    }
    Ok(Outcome::Reply)
}

/// Stores a string; one with an expiry is journalled with the instant.
fn store(db: &mut Db<'_, '_>, key: &[u8], value: &[u8], expiry: Expiry) {
    match expiry {
        Expiry::Clear => set_and_tell(db, key, value, None),
        Expiry::Keep => {
            let kept = db.expiry(key);
            set_and_tell(db, key, value, kept);
        }
        Expiry::At(at) => {
            set_and_tell(db, key, value, Some(at));
            db.notify(EventClasses::GENERIC, "expire", key);
            let mut digits = Buffer::new();
            db.record(&[b"SET", key, value, b"PXAT", digits.format(at.0).as_bytes()]);
        }
    }
}

fn set_and_tell(
    db: &mut Db<'_, '_>,
    key: &[u8],
    value: &[u8],
    expiry: Option<guarda_store::UnixMillis>,
) {
    db.set_string(key, value, expiry);
    db.notify(EventClasses::STRING, "set", key);
}

fn set_expiring(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    unit: TimeUnit,
    command: &'static str,
) -> CommandResult {
    let key = args.key()?;
    let at = unit.positive_instant(args.integer()?, cx.db.now, command)?;
    let value = args.bytes()?;
    store(&mut cx.db, key, value, Expiry::At(at));
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn setnx(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let value = args.bytes()?;
    let absent = !cx.db.exists(key);
    if absent {
        set_and_tell(&mut cx.db, key, value, None);
    } else {
        sessions::note_refused_lock(cx, key);
    }
    cx.reply.integer(absent.into());
    Ok(Outcome::Reply)
}

fn getset(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let value = args.bytes()?;
    reply_string(cx, key)?;
    set_and_tell(&mut cx.db, key, value, None);
    cx.db.record(&[b"SET", key, value]);
    Ok(Outcome::Reply)
}

fn getex(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let mut option = ExpiryOption::default();
    while option.take(args, "PERSIST", Expiry::Clear)? {}
    args.finish()?;
    // Redis looks at the time only once the key was found: a missing key is null, whatever follows.
    if !reply_string(cx, key)? {
        return Ok(Outcome::Reply);
    }
    match option.resolve(Expiry::Keep, cx.db.now, "getex")? {
        Expiry::Keep => {}
        Expiry::Clear => {
            if cx.db.expiry(key).is_some() {
                cx.db.set_expiry(key, None);
                cx.db.record(&[b"PERSIST", key]);
                cx.db.notify(EventClasses::GENERIC, "persist", key);
            }
        }
        Expiry::At(at) if at <= cx.db.now => {
            cx.db.delete(key);
            cx.db.record(&[b"DEL", key]);
            cx.db.notify(EventClasses::GENERIC, "del", key);
        }
        Expiry::At(at) => {
            cx.db.set_expiry(key, Some(at));
            let mut digits = Buffer::new();
            cx.db.record(&[b"PEXPIREAT", key, digits.format(at.0).as_bytes()]);
            cx.db.notify(EventClasses::GENERIC, "expire", key);
        }
    }
    Ok(Outcome::Reply)
}

fn getdel(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    if reply_string(cx, key)? {
        cx.db.delete(key);
        cx.db.record(&[b"DEL", key]);
        cx.db.notify(EventClasses::GENERIC, "del", key);
    }
    Ok(Outcome::Reply)
}

fn mget(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let keys = args.take_rest();
    cx.reply.array(keys.len());
    for key in keys {
        match cx.db.string(key) {
            Ok(Some(value)) => cx.reply.bulk(value),
            // Another type is no error here: it has no string to give.
            Ok(None) | Err(_) => cx.reply.null(),
        }
    }
    Ok(Outcome::Reply)
}

/// Keys with their values; the last may not lack its value.
fn pairs<'s, 'a>(
    args: &mut Args<'a>,
    command: &'static str,
) -> Result<ChunksExact<'s, &'a [u8]>, CommandError>
where
    'a: 's,
{
    let pairs = args.take_rest().chunks_exact(2);
    if pairs.remainder().is_empty() {
        Ok(pairs)
    } else {
        Err(CommandError::WrongArity(command.into()))
    }
}

fn mset(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    for pair in pairs(args, "mset")? {
        set_and_tell(&mut cx.db, pair[0], pair[1], None);
    }
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn msetnx(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let pairs = pairs(args, "msetnx")?;
    let free = pairs.clone().all(|pair| !cx.db.exists(pair[0]));
    if free {
        for pair in pairs {
            set_and_tell(&mut cx.db, pair[0], pair[1], None);
        }
    }
    cx.reply.integer(free.into());
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    const SYNTAX: &str = "ERR syntax error";
    const NOT_INTEGER: &str = "ERR value is not an integer or out of range";

    /// The bench's present plus `millis`, as the journal shows it.
    fn at(millis: i64) -> i64 {
        START.0 + millis
    }

    #[test]
    fn set_refuses_options_that_contradict_each_other() {
        let mut bench = Bench::new();
        let refused = [
            "NX XX",
            "XX NX",
            "EX 10 PX 10",
            "EX 10 KEEPTTL",
            "KEEPTTL EX 10",
            "EXAT 10 PXAT 10",
            "EX",
            "PX",
            "PERSIST",
            "NOSUCH",
            "EX 10 20",
            "NX XX EX abc",
        ];
        for options in refused {
            bench.check(&format!("SET k v {options}"), err(SYNTAX));
        }
        assert!(bench.journal().is_empty());
        for options in ["NX NX", "xx XX", "EX 10 EX 20", "KEEPTTL KEEPTTL", "get GET nx"] {
            bench.check("SET k v", ok());
            let reply = bench.run(&format!("SET k v {options}"));
            assert_ne!(reply, err(SYNTAX), "{options}");
        }
    }

    #[test]
    fn set_with_an_expiry_is_journalled_with_the_instant() {
        let mut bench = Bench::new();
        let cases = [
            ("SET k v EX 10", 10_000),
            ("SET k v px 10", 10),
            ("SET k v XX PX 11", 11),
            ("SETEX k 10 v", 10_000),
            ("PSETEX k 10 v", 10),
        ];
        for (line, millis) in cases {
            bench.check_journal(line, &[&format!("SET k v PXAT {}", at(millis))]);
            bench.check("PTTL k", int(millis));
        }
        bench.check_journal("SET k v EXAT 1800000000", &["SET k v PXAT 1800000000000"]);
        bench.check_journal("SET k v PXAT 1800000000001", &["SET k v PXAT 1800000000001"]);
        bench.check_journal("SET k w KEEPTTL", &["SET k w KEEPTTL"]);
        bench.check("PEXPIRETIME k", int(1_800_000_000_001));
        bench.check_journal("SET k w", &["SET k w"]);
        bench.check("PTTL k", int(-1));
    }

    #[test]
    fn times_must_be_positive_and_representable() {
        let mut bench = Bench::new();
        for word in ["EX", "PX", "EXAT", "PXAT"] {
            for (time, text) in [
                ("0", "ERR invalid expire time in 'set' command"),
                ("-1", "ERR invalid expire time in 'set' command"),
                ("abc", NOT_INTEGER),
                ("9223372036854775808", NOT_INTEGER),
            ] {
                bench.check(&format!("SET k v {word} {time}"), err(text));
            }
        }
        let most = i64::MAX;
        bench.check(&format!("SET k v EX {most}"), err("ERR invalid expire time in 'set' command"));
        bench
            .check(&format!("SETEX k {most} v"), err("ERR invalid expire time in 'setex' command"));
        bench.check("PSETEX k 0 v", err("ERR invalid expire time in 'psetex' command"));
        bench.check("SETEX k x v", err(NOT_INTEGER));
        bench.check("EXISTS k", int(0));
        bench.check(&format!("SET k v PXAT {most}"), ok());
        bench.check("PEXPIRETIME k", int(most - 1));
    }

    #[test]
    fn set_conditions_look_at_living_keys_only() {
        let mut bench = Bench::new();
        bench.check_journal("SET k v XX", &[]);
        bench.check("SET k v XX", nil());
        bench.check_journal("SET k v NX", &["SET k v NX"]);
        bench.check("SET k w NX", nil());
        bench.check("SET k w XX PX 100", ok());
        bench.advance(100);
        bench.journal();
        bench.check("SET k x XX", nil());
        assert_eq!(bench.journal(), ["DEL k"]);
        bench.check("SET k x PX 100", ok());
        bench.advance(100);
        bench.check_journal("SET k y NX", &["DEL k", "SET k y NX"]);
        bench.check("PTTL k", int(-1));
    }

    #[test]
    fn set_get_answers_the_old_value_whether_it_stores_or_not() {
        let mut bench = Bench::new();
        bench.check("SET k a GET", nil());
        bench.check("SET k b GET", bulk("a"));
        bench.check("SET k c NX GET", bulk("b"));
        bench.check("GET k", bulk("b"));
        bench.check("SET new d NX GET", nil());
        bench.check("GET new", bulk("d"));
        bench.check("SET missing d XX GET", nil());
        bench.check("EXISTS missing", int(0));
        bench.check_journal("SET k e GET XX", &["SET k e"]);
        bench.check_journal("SET k f GET KEEPTTL", &["SET k f KEEPTTL"]);
        bench.make_hash("h");
        bench.check("SET h v GET", wrong_type());
        bench.check("SET h v NX GET", wrong_type());
        bench.check("SET h v", ok());
        bench.check("GET h", bulk("v"));
    }

    #[test]
    fn get_answers_strings_and_refuses_other_types() {
        let mut bench = Bench::new();
        bench.check("GET k", nil());
        bench.check(r#"SET k "\x00\r\n\xff""#, ok());
        bench.check("GET k", bulk(b"\0\r\n\xff"));
        bench.make_hash("h");
        bench.check("GET h", wrong_type());
        bench.check("GETSET h v", wrong_type());
        bench.check("GETEX h", wrong_type());
        bench.check("GETDEL h", wrong_type());
        bench.check("EXISTS h", int(1));
        assert_eq!(bench.worker.effects.counters.keyspace_misses, 1);
    }

    #[test]
    fn getset_and_getdel_are_journalled_as_what_they_do() {
        let mut bench = Bench::new();
        bench.check_journal("GETSET k a", &["SET k a"]);
        bench.check("PEXPIRE k 100", int(1));
        bench.check("GETSET k b", bulk("a"));
        bench.check("PTTL k", int(-1));
        bench.check_journal("GETDEL k", &["DEL k"]);
        bench.check("GETDEL k", nil());
        bench.check_journal("GETDEL k", &[]);
    }

    #[test]
    fn getex_changes_the_expiry_and_nothing_else() {
        let mut bench = Bench::new();
        bench.check("GETEX k EX abc", nil());
        bench.check("SET k v", ok());
        bench.check_journal("GETEX k", &[]);
        bench.check_journal("GETEX k PERSIST", &[]);
        bench.check_journal("GETEX k PX 100", &[&format!("PEXPIREAT k {}", at(100))]);
        bench.check_journal("GETEX k EX 10", &[&format!("PEXPIREAT k {}", at(10_000))]);
        bench.check("GETEX k", bulk("v"));
        bench.check("PTTL k", int(10_000));
        bench.check_journal("GETEX k PERSIST", &["PERSIST k"]);
        bench.check("PTTL k", int(-1));
        bench.check("GETEX k EX 0", err("ERR invalid expire time in 'getex' command"));
        bench.check("GETEX k EX abc", err(NOT_INTEGER));
        for options in ["KEEPTTL", "EX 1 PX 1", "PERSIST EX 1", "EX", "NX"] {
            bench.check(&format!("GETEX k {options}"), err(SYNTAX));
        }
        bench.journal();
        bench.check("GETEX k PXAT 1", bulk("v"));
        assert_eq!(bench.journal(), ["DEL k"]);
        bench.check("EXISTS k", int(0));
    }

    #[test]
    fn several_keys_are_read_and_written_at_once() {
        let mut bench = Bench::new();
        bench.check_journal("MSET a 1 b 2 a 3", &["MSET a 1 b 2 a 3"]);
        bench.make_hash("h");
        bench.check("MGET a h missing b", array([bulk("3"), nil(), nil(), bulk("2")]));
        let arity = |name| err(&format!("ERR wrong number of arguments for '{name}' command"));
        bench.check("MSET a 1 b", arity("mset"));
        bench.check("MSETNX a 1 b", arity("msetnx"));
        bench.check_journal("MSETNX x 1 b 2", &[]);
        bench.check("MSETNX x 1 b 2", int(0));
        bench.check("EXISTS x", int(0));
        bench.check("MSETNX x 1 y 2 x 3", int(1));
        bench.check("GET x", bulk("3"));
        bench.check("SETNX x 4", int(0));
        bench.check_journal("SETNX z 4", &["SETNX z 4"]);
    }

    #[test]
    fn a_string_expires_at_its_instant_and_its_loss_is_journalled_once() {
        let mut bench = Bench::new();
        bench.check("SETEX k 10 v", ok());
        bench.advance(9_999);
        bench.check("GET k", bulk("v"));
        bench.advance(1);
        bench.journal();
        bench.check("GET k", nil());
        bench.check("GET k", nil());
        assert_eq!(bench.journal(), ["DEL k"]);
    }

    #[test]
    fn watchers_are_told_of_stores_and_not_of_refusals() {
        let mut bench = Bench::new();
        bench.check("SET k v", ok());
        for (line, changes) in [
            ("SET k w", true),
            ("MSET x 1 k w", true),
            ("SETEX k 10 w", true),
            ("GETEX k PERSIST", true),
            ("GETDEL k", true),
            ("SETNX k w", true),
            ("APPEND k w", true),
            ("SET k w NX", false),
            ("SET k w EX 0", false),
            ("GETEX k", false),
            ("GET k", false),
            ("SETRANGE k 0 \"\"", false),
            ("MSETNX x 1 k 2", false),
        ] {
            bench.check("WATCH k", ok());
            let watcher = bench.swap_client(new_client(2));
            bench.run(line);
            bench.swap_client(watcher);
            bench.check("MULTI", ok());
            bench.check("STRLEN nosuch", simple("QUEUED"));
            let expected = if changes { b"*-1\r\n".to_vec() } else { array([int(0)]) };
            bench.check("EXEC", expected);
        }
    }
}
