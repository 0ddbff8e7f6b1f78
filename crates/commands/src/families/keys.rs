//! Keys whatever they hold: DEL, EXISTS, TYPE, RENAME and their relatives.

use guarda_store::Record;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, KeyAccess, Keys};

/// What rows of generic commands have in common.
pub(crate) const NEW: CommandSpec =
    CommandSpec { group: Group::Generic, categories: Categories::KEYSPACE, ..CommandSpec::NEW };

const MULTI_SHARD_SUM: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];
const RENAME_ACCESS: KeyAccess = KeyAccess(&["RW", "access", "delete"]);

const DEL: CommandSpec = CommandSpec {
    arity: Arity::at_least(2),
    flags: Flags::WRITE,
    keys: Keys::range(1, -1, 1, KeyAccess::REMOVE),
    tips: MULTI_SHARD_SUM,
    run: del,
    ..NEW
};

const EXISTS: CommandSpec = CommandSpec {
    arity: Arity::at_least(2),
    flags: Flags::READONLY.union(Flags::FAST),
    keys: Keys::range(1, -1, 1, KeyAccess::PEEK),
    tips: MULTI_SHARD_SUM,
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "del",
        summary: "Deletes keys.",
        complexity: "O(N) where N is the number of keys, plus the elements of collections.",
        ..DEL
    },
    CommandSpec {
        name: "unlink",
        summary: "Deletes keys; here the same as DEL.",
        since: "4.0.0",
        complexity: "O(N) where N is the number of keys, plus the elements of collections.",
        flags: Flags::WRITE.union(Flags::FAST),
        ..DEL
    },
    CommandSpec {
        name: "exists",
        summary: "Counts how many of the keys exist.",
        complexity: "O(N) where N is the number of keys to check.",
        run: |cx, args| count(cx, args, |cx, key| cx.db.look(key).is_some()),
        ..EXISTS
    },
    CommandSpec {
        name: "touch",
        summary: "Marks keys as just used and counts how many of them exist.",
        since: "3.2.1",
        complexity: "O(N) where N is the number of keys that will be touched.",
        run: |cx, args| count(cx, args, |cx, key| cx.db.read(key).is_some()),
        ..EXISTS
    },
    CommandSpec {
        name: "type",
        summary: "Names the type of the value at a key.",
        arity: Arity::exactly(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::PEEK),
        run: type_of,
        ..NEW
    },
    CommandSpec {
        name: "rename",
        summary: "Renames a key, whatever the new name held.",
        arity: Arity::exactly(3),
        flags: Flags::WRITE,
        keys: Keys::range(1, 2, 1, RENAME_ACCESS),
        run: |cx, args| rename(cx, args, false),
        ..NEW
    },
    CommandSpec {
        name: "renamenx",
        summary: "Renames a key if the new name is free.",
        arity: Arity::exactly(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: Keys::range(1, 2, 1, RENAME_ACCESS),
        run: |cx, args| rename(cx, args, true),
        ..NEW
    },
    CommandSpec {
        name: "copy",
        summary: "Copies the value at a key to another key, of another database if asked.",
        since: "6.2.0",
        complexity: "O(N) for collections of N elements, O(1) for strings.",
        arity: Arity::at_least(3),
        flags: Flags::WRITE.union(Flags::DENYOOM),
        keys: Keys::range(1, 2, 1, KeyAccess::READ),
        run: copy,
        ..NEW
    },
    CommandSpec {
        name: "move",
        summary: "Moves a key to another database.",
        arity: Arity::exactly(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::UPDATE),
        run: move_key,
        ..NEW
    },
];

/// Answers for how many of the keys `test` holds; repeated keys count each time.
fn count(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    test: fn(&mut Context<'_, '_>, &[u8]) -> bool,
) -> CommandResult {
    let mut found = 0;
    for key in args.take_rest() {
        found += i64::from(test(cx, key));
    }
    cx.reply.integer(found);
    Ok(Outcome::Reply)
}

fn del(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    count(cx, args, |cx, key| cx.db.delete(key))
}

fn type_of(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let kind = cx.db.look(args.key()?).map(|record| record.value().kind());
    cx.reply.simple(kind.map_or("none", guarda_store::ValueKind::name));
    Ok(Outcome::Reply)
}

fn rename(cx: &mut Context<'_, '_>, args: &mut Args<'_>, only_if_free: bool) -> CommandResult {
    let (from, to) = (args.key()?, args.key()?);
    if !cx.db.exists(from) {
        return Err(CommandError::NoSuchKey);
    }
    let free = !only_if_free || !cx.db.exists(to);
    if free && from != to {
        let index = cx.db.index;
        let record = cx.db.take(from).expect("it was there a moment ago");
        cx.db.put(index, to, record);
    }
    if only_if_free {
        cx.reply.integer(free.into());
    } else {
        cx.reply.ok();
    }
    Ok(Outcome::Reply)
}

/// A database's number as COPY and MOVE take it.
fn database(cx: &Context<'_, '_>, text: &[u8]) -> Result<u32, CommandError> {
    let index = guarda_resp::number::parse_i64(text).ok_or(CommandError::NotInteger)?;
    let databases = cx.db.locked.keyspace().databases();
    u32::try_from(index).ok().filter(|&index| index < databases).ok_or(CommandError::DbOutOfRange)
}

const SAME_OBJECT: CommandError =
    CommandError::text("ERR source and destination objects are the same");

fn copy(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (from, to) = (args.key()?, args.key()?);
    let (mut target, mut replace) = (cx.db.index, false);
    while !args.is_empty() {
        if args.take_word("REPLACE") {
            replace = true;
        } else if args.take_word("DB") {
            target = database(cx, args.bytes()?)?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    if target == cx.db.index && from == to {
        return Err(SAME_OBJECT);
    }
    let copied = match cx.db.read(from).map(Record::clone) {
        Some(record) if replace || !cx.db.exists_in(target, to) => {
            cx.db.put(target, to, record);
            cx.db.count_changes(1);
            true
        }
        _ => false,
    };
    cx.reply.integer(copied.into());
    Ok(Outcome::Reply)
}

fn move_key(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let target = database(cx, args.bytes()?)?;
    if target == cx.db.index {
        return Err(SAME_OBJECT);
    }
    let moves = cx.db.exists(key) && !cx.db.exists_in(target, key);
    if moves {
        let record = cx.db.take(key).expect("it was there a moment ago");
        cx.db.put(target, key, record);
    }
    cx.reply.integer(moves.into());
    Ok(Outcome::Reply)
}
