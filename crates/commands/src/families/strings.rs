//! Strings as a whole: SET, GET and their relatives.

use std::slice::ChunksExact;

use itoa::Buffer;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::db::Db;
use crate::error::CommandError;
use crate::families::string_expiry::{Expiry, ExpiryOption, TimeUnit};
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, KeyAccess, Keys};

/// What rows of string commands have in common.
pub(crate) const NEW: CommandSpec =
    CommandSpec { group: Group::String, categories: Categories::STRING, ..CommandSpec::NEW };

const SET_ACCESS: KeyAccess = KeyAccess(&["RW", "access", "update", "variable_flags"]);
const GETDEL_ACCESS: KeyAccess = KeyAccess(&["RW", "access", "delete"]);
const NEW_KEY_ACCESS: KeyAccess = KeyAccess(&["OW", "insert"]);

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
        keys: Keys::at(1, NEW_KEY_ACCESS),
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
        keys: Keys::range(1, -1, 2, NEW_KEY_ACCESS),
        tips: &["request_policy:multi_shard", "response_policy:agg_min"],
        run: msetnx,
        ..NEW
    },
];

/// Whether a key must or must not be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existence {
    Any,
    OnlyIfAbsent,
    OnlyIfPresent,
}

struct SetOptions<'a> {
    condition: Existence,
    expiry: ExpiryOption<'a>,
    get: bool,
}

impl<'a> SetOptions<'a> {
    fn parse(args: &mut Args<'a>) -> Result<SetOptions<'a>, CommandError> {
        let mut options =
            SetOptions { condition: Existence::Any, expiry: ExpiryOption::default(), get: false };
        while !args.is_empty() {
            if options.expiry.take(args, "KEEPTTL", Expiry::Keep)? {
                continue;
            }
            let condition = if args.take_word("NX") {
                Existence::OnlyIfAbsent
            } else if args.take_word("XX") {
                Existence::OnlyIfPresent
            } else if args.take_word("GET") {
                options.get = true;
                continue;
            } else {
                return Err(CommandError::Syntax);
            };
            if options.condition != Existence::Any && options.condition != condition {
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
        Existence::Any => true,
        Existence::OnlyIfAbsent => !cx.db.exists(key),
        Existence::OnlyIfPresent => cx.db.exists(key),
    };
    if !allowed {
        if !options.get {
            cx.reply.null();
        }
        return Ok(Outcome::Reply);
    }
    store(&mut cx.db, key, value, expiry);
    match expiry {
        Expiry::Clear if options.get => cx.db.record(&[b"SET", key, value]),
        Expiry::Keep if options.get => cx.db.record(&[b"SET", key, value, b"KEEPTTL"]),
        _ => {}
    }
    if !options.get {
        cx.reply.ok();
    }
    Ok(Outcome::Reply)
}

/// Stores a string; one with an expiry is journalled with the instant.
fn store(db: &mut Db<'_, '_>, key: &[u8], value: &[u8], expiry: Expiry) {
    match expiry {
        Expiry::Clear => db.set_string(key, value, None),
        Expiry::Keep => {
            let kept = db.expiry(key);
            db.set_string(key, value, kept);
        }
        Expiry::At(at) => {
            db.set_string(key, value, Some(at));
            let mut digits = Buffer::new();
            db.record(&[b"SET", key, value, b"PXAT", digits.format(at.0).as_bytes()]);
        }
    }
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
        cx.db.set_string(key, value, None);
    }
    cx.reply.integer(absent.into());
    Ok(Outcome::Reply)
}

fn getset(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let value = args.bytes()?;
    reply_string(cx, key)?;
    cx.db.set_string(key, value, None);
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
            }
        }
        Expiry::At(at) if at <= cx.db.now => {
            cx.db.delete(key);
            cx.db.record(&[b"DEL", key]);
        }
        Expiry::At(at) => {
            cx.db.set_expiry(key, Some(at));
            let mut digits = Buffer::new();
            cx.db.record(&[b"PEXPIREAT", key, digits.format(at.0).as_bytes()]);
        }
    }
    Ok(Outcome::Reply)
}

fn getdel(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    if reply_string(cx, key)? {
        cx.db.delete(key);
        cx.db.record(&[b"DEL", key]);
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
        cx.db.set_string(pair[0], pair[1], None);
    }
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn msetnx(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let pairs = pairs(args, "msetnx")?;
    let free = pairs.clone().all(|pair| !cx.db.exists(pair[0]));
    if free {
        for pair in pairs {
            cx.db.set_string(pair[0], pair[1], None);
        }
    }
    cx.reply.integer(free.into());
    Ok(Outcome::Reply)
}
