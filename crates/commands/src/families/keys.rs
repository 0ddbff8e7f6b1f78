//! Keys whatever they hold: DEL, EXISTS, TYPE, RENAME and their relatives.

use std::sync::atomic::Ordering;

use guarda_store::{Record, ValueKind};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::pubsub::EventClasses;
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
    run: delete,
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
        run: |cx, args| {
            let outcome = delete(cx, args);
            if cx.db.settings.lazyfree_lazy_user_del.load(Ordering::Relaxed) {
                cx.free_later();
            }
            outcome
        },
        ..DEL
    },
    CommandSpec {
        name: "unlink",
        summary: "Deletes keys and frees large collections after the reply.",
        since: "4.0.0",
        complexity: "O(1) for each key. What a value of N elements held is freed in O(N) by another thread.",
        flags: Flags::WRITE.union(Flags::FAST),
        run: |cx, args| {
            let outcome = delete(cx, args);
            cx.free_later();
            outcome
        },
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
        keys: Keys::range(1, 2, 1, RENAME_ACCESS).then(2, KeyAccess::OVERWRITE),
        run: |cx, args| rename(cx, args, false),
        ..NEW
    },
    CommandSpec {
        name: "renamenx",
        summary: "Renames a key if the new name is free.",
        arity: Arity::exactly(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: Keys::range(1, 2, 1, RENAME_ACCESS).then(2, KeyAccess::NEW),
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
        keys: Keys::range(1, 2, 1, KeyAccess::READ).then(2, KeyAccess::OVERWRITE),
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

fn delete(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    count(cx, args, |cx, key| {
        let deleted = cx.db.delete(key);
        if deleted {
            cx.db.notify(EventClasses::GENERIC, "del", key);
        }
        deleted
    })
}

fn type_of(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let kind = cx.db.look(args.key()?).map(|record| record.value().kind());
    cx.reply.simple(kind.map_or("none", ValueKind::name));
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
        cx.db.notify(EventClasses::GENERIC, "rename_from", from);
        cx.db.notify(EventClasses::GENERIC, "rename_to", to);
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
    let copied = match cx.db.read(from).map(Record::copied) {
        Some(record) if replace || !cx.db.exists_in(target, to) => {
            cx.db.put(target, to, record);
            cx.db.effects.notify(EventClasses::GENERIC, target, "copy_to", to);
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
        cx.db.notify(EventClasses::GENERIC, "move_from", key);
        cx.db.effects.notify(EventClasses::GENERIC, target, "move_to", key);
    }
    cx.reply.integer(moves.into());
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn keys_are_counted_as_often_as_they_are_named() {
        let mut bench = Bench::new();
        bench.check("MSET a 1 b 2", ok());
        bench.check("EXISTS a b a missing", int(3));
        bench.check("TOUCH a missing a", int(2));
        bench.check_journal("DEL a a missing", &["DEL a a missing"]);
        bench.check_journal("DEL a", &[]);
        bench.check("UNLINK b b", int(1));
        bench.check("DEL b", int(0));
    }

    #[test]
    fn a_key_that_is_due_counts_for_nothing() {
        let mut bench = Bench::new();
        bench.check("PSETEX k 5 v", ok());
        bench.advance(5);
        bench.journal();
        bench.check("DEL k", int(0));
        assert_eq!(bench.journal(), ["DEL k"], "as expired, once");
        bench.check("EXISTS k", int(0));
        assert_eq!(bench.worker.effects.counters.expired_keys, 1);
    }

    #[test]
    fn types_are_named() {
        let mut bench = Bench::new();
        bench.check("TYPE k", simple("none"));
        bench.check("SET k v", ok());
        bench.check("TYPE k", simple("string"));
        bench.make_hash("h");
        bench.check("TYPE h", simple("hash"));
    }

    #[test]
    fn rename_moves_value_and_expiry_of_any_type() {
        let mut bench = Bench::new();
        bench.check("RENAME a b", err("ERR no such key"));
        bench.check("RENAME a a", err("ERR no such key"));
        bench.check("SETEX a 10 v", ok());
        bench.make_hash("b");
        bench.check_journal("RENAME a b", &["RENAME a b"]);
        bench.check("EXISTS a", int(0));
        bench.check("GET b", bulk("v"));
        bench.check("PTTL b", int(10_000));
        bench.check_journal("RENAME b b", &[]);
        bench.check("GET b", bulk("v"));
        bench.make_hash("h");
        bench.check("RENAME h g", ok());
        bench.check("TYPE g", simple("hash"));
        bench.check("APPEND b !", int(2));
        bench.check("RENAME b \"a much longer name\"", ok());
        bench.check("GET \"a much longer name\"", bulk("v!"));
        bench.advance(10_000);
        bench.check("EXISTS \"a much longer name\"", int(0));
    }

    #[test]
    fn renamenx_leaves_a_name_that_is_taken() {
        let mut bench = Bench::new();
        bench.check("RENAMENX a b", err("ERR no such key"));
        bench.check("MSET a 1 b 2", ok());
        bench.check_journal("RENAMENX a b", &[]);
        bench.check("RENAMENX a b", int(0));
        bench.check("RENAMENX a a", int(0));
        bench.check("RENAMENX a c", int(1));
        bench.check("MGET a b c", array([nil(), bulk("2"), bulk("1")]));
        bench.check("PSETEX d 5 v", ok());
        bench.advance(5);
        bench.check_journal("RENAMENX c d", &["DEL d", "RENAMENX c d"]);
    }

    #[test]
    fn copy_makes_an_independent_value() {
        let mut bench = Bench::new();
        let same = "ERR source and destination objects are the same";
        bench.check("COPY a a", err(same));
        bench.check("COPY a b", int(0));
        bench.check("SETEX a 10 v", ok());
        bench.check_journal("COPY a b", &["COPY a b"]);
        bench.check("APPEND a !", int(2));
        bench.check("GET b", bulk("v"));
        bench.check("PTTL b", int(10_000));
        bench.check_journal("COPY a b", &[]);
        bench.check("COPY a b", int(0));
        bench.check("COPY a b REPLACE", int(1));
        bench.check("GET b", bulk("v!"));
        bench.check("COPY a a DB 3", int(1));
        bench.check("COPY a b DB 16", err("ERR DB index is out of range"));
        bench.check("COPY a b DB x", err("ERR value is not an integer or out of range"));
        bench.check("COPY a b DB", err("ERR syntax error"));
        bench.check("COPY a b NOSUCH", err("ERR syntax error"));
        bench.client.db = 3;
        bench.check("GET a", bulk("v!"));
    }

    #[test]
    fn move_takes_a_key_to_another_database_if_it_is_free_there() {
        let mut bench = Bench::new();
        bench.check("MOVE k 0", err("ERR source and destination objects are the same"));
        bench.check("MOVE k 16", err("ERR DB index is out of range"));
        bench.check("MOVE k -1", err("ERR DB index is out of range"));
        bench.check("MOVE k x", err("ERR value is not an integer or out of range"));
        bench.check("MOVE k 1", int(0));
        bench.check("SETEX k 10 v", ok());
        bench.check_journal("MOVE k 1", &["MOVE k 1"]);
        bench.check("EXISTS k", int(0));
        bench.check("SET k w", ok());
        bench.check("MOVE k 1", int(0));
        bench.client.db = 1;
        bench.check("GET k", bulk("v"));
        bench.check("PTTL k", int(10_000));
        bench.check_journal("DEL k", &["1:DEL k"]);
    }

    #[test]
    fn both_names_of_a_rename_end_a_watch() {
        let mut bench = Bench::new();
        for watched in ["a", "b"] {
            bench.check("SET a v", ok());
            bench.check(&format!("WATCH {watched}"), ok());
            bench.check("RENAME a b", ok());
            bench.check("MULTI", ok());
            bench.check("EXEC", b"*-1\r\n");
        }
    }
}
