//! OBJECT: how a value is kept.

use std::sync::atomic::Ordering;

use guarda_store::{Record, SetForm, UnixMillis, ValueRef};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::keys::NEW;
use crate::families::subcommand_help;
use crate::spec::{Arity, Categories, CommandSpec, Flags, KeyAccess, Keys, Locks};

pub(crate) const FAMILY: &[CommandSpec] = &[CommandSpec {
    name: "object",
    summary: "Holds commands that look at how a value is kept.",
    since: "2.2.3",
    complexity: "Depends on subcommand.",
    categories: Categories::NONE,
    arity: Arity::at_least(2),
    subcommands: SUBCOMMANDS,
    ..NEW
}];

const LOOK: CommandSpec = CommandSpec {
    since: "2.2.3",
    arity: Arity::exactly(3),
    flags: Flags::READONLY,
    keys: Keys::at(2, KeyAccess::PEEK),
    tips: &["nondeterministic_output"],
    ..NEW
};

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "encoding",
        summary: "Names the form in which the value is kept.",
        run: encoding,
        ..LOOK
    },
    CommandSpec {
        name: "freq",
        summary: "Gives how often the value is used, under an LFU maxmemory-policy.",
        since: "4.0.0",
        run: freq,
        ..LOOK
    },
    CommandSpec {
        name: "help",
        summary: "Lists the subcommands.",
        since: "6.2.0",
        arity: Arity::exactly(2),
        flags: Flags::LOADING.union(Flags::STALE),
        locks: Locks::Walk,
        run: |cx, _| subcommand_help(cx, "OBJECT", SUBCOMMANDS),
        ..NEW
    },
    CommandSpec {
        name: "idletime",
        summary: "Gives the seconds since the value was last used.",
        run: idle_time,
        ..LOOK
    },
    CommandSpec {
        name: "refcount",
        summary: "Gives the number of references to the value.",
        run: reference_count,
        ..LOOK
    },
];

/// Longest string that Redis keeps together with its object.
const EMBEDDED_LEN_MAX: usize = 44;

/// The small integers of which Redis keeps one shared object each.
const SHARED: std::ops::Range<i64> = 0..10_000;
/// What Redis gives as the number of references to a shared object.
const SHARED_REFERENCES: i64 = i32::MAX as i64;

/// The integer that Redis would keep in place of the text.
fn as_integer(record: &Record) -> Option<i64> {
    match record.value() {
        ValueRef::String(text) if !record.is_growing_string() => {
            guarda_resp::number::parse_i64(text)
        }
        _ => None,
    }
}

/// What OBJECT ENCODING calls the form in which the value is kept.
pub(crate) fn encoding_of(record: &Record) -> &'static str {
    match record.value() {
        ValueRef::String(_) if record.is_growing_string() => "raw",
        ValueRef::String(_) if as_integer(record).is_some() => "int",
        ValueRef::String(text) if text.len() <= EMBEDDED_LEN_MAX => "embstr",
        ValueRef::String(_) => "raw",
        ValueRef::Hash(hash) if hash.is_packed() => "listpack",
        ValueRef::Hash(_) => "hashtable",
        ValueRef::List(list) if list.is_listpack() => "listpack",
        ValueRef::Set(set) => match set.form() {
            SetForm::Ints => "intset",
            SetForm::Packed => "listpack",
            SetForm::Table => "hashtable",
        },
        ValueRef::SortedSet(set) if set.is_packed() => "listpack",
        ValueRef::SortedSet(_) => "skiplist",
        ValueRef::List(_) => "quicklist",
    }
}

fn encoding(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    match cx.db.inspect(args.key()?).map(encoding_of) {
        Some(name) => cx.reply.bulk_str(name),
        None => cx.reply.null(),
    }
    Ok(Outcome::Reply)
}

fn freq(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (usage, now) = (cx.host.keyspace().usage(), cx.db.now);
    match cx.db.inspect(args.key()?) {
        None => cx.reply.null(),
        Some(record) if usage.counts() => cx.reply.integer(usage.frequency(record, now).into()),
        Some(_) => {
            return Err(CommandError::text(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please \
                 note that when switching between policies at runtime LRU and LFU data will take \
                 some time to adjust.",
            ));
        }
    }
    Ok(Outcome::Reply)
}

/// Seconds since the value was last used.
pub(crate) fn idle_seconds(record: &Record, now: UnixMillis) -> i64 {
    // A clock that was set back makes no key come from the future.
    ((now.seconds() as u32).wrapping_sub(record.accessed()) as i32).max(0).into()
}

fn idle_time(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (usage, now) = (cx.host.keyspace().usage(), cx.db.now);
    match cx.db.inspect(args.key()?).map(|record| idle_seconds(record, now)) {
        Some(_) if usage.counts() => {
            return Err(CommandError::text(
                "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that \
                 when switching between policies at runtime LRU and LFU data will take some time to \
                 adjust.",
            ));
        }
        Some(seconds) => cx.reply.integer(seconds),
        None => cx.reply.null(),
    }
    Ok(Outcome::Reply)
}

fn reference_count(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let shares = cx.host.settings().shares_integers.load(Ordering::Relaxed);
    let count = cx.db.inspect(args.key()?).map(|record| match as_integer(record) {
        Some(integer) if shares && SHARED.contains(&integer) => SHARED_REFERENCES,
        _ => 1,
    });
    match count {
        Some(count) => cx.reply.integer(count),
        None => cx.reply.null(),
    }
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn encodings_are_those_of_redis() {
        let mut bench = Bench::new();
        let cases = [
            ("12345", "int"),
            ("-9223372036854775808", "int"),
            ("9223372036854775808", "embstr"),
            ("012", "embstr"),
            ("\"\"", "embstr"),
            ("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeee", "embstr"),
            ("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeef", "raw"),
        ];
        for (value, encoding) in cases {
            bench.check(&format!("SET k {value}"), ok());
            bench.check("OBJECT ENCODING k", bulk(encoding));
        }
        bench.check("SET k 1", ok());
        bench.check("APPEND k 2", int(2));
        bench.check("OBJECT ENCODING k", bulk("raw"));
        bench.check("RENAME k other", ok());
        bench.check("OBJECT ENCODING other", bulk("raw"));
        bench.check("INCR other", int(13));
        bench.check("OBJECT ENCODING other", bulk("int"));
        bench.make_hash("h");
        bench.check("OBJECT ENCODING h", bulk("listpack"));
        bench.check("OBJECT ENCODING missing", nil());
    }

    #[test]
    fn no_integer_is_shared_where_keys_go_by_their_use() {
        let mut bench = Bench::new();
        bench.check("SET k 1", ok());
        bench.check("OBJECT REFCOUNT k", int(super::SHARED_REFERENCES));
        bench.host.settings.shares_integers.store(false, super::Ordering::Relaxed);
        bench.check("OBJECT REFCOUNT k", int(1));
    }

    #[test]
    fn idle_time_counts_from_the_last_use() {
        let mut bench = Bench::new();
        bench.check("SET k v", ok());
        bench.advance(7_000);
        bench.check("TYPE k", simple("string"));
        bench.check("TTL k", int(-1));
        bench.check("EXISTS k", int(1));
        bench.check("OBJECT IDLETIME k", int(7));
        bench.check("TOUCH k missing", int(1));
        bench.check("OBJECT IDLETIME k", int(0));
        bench.advance(3_000);
        bench.check("GET k", bulk("v"));
        bench.check("OBJECT IDLETIME k", int(0));
        bench.advance(-60_000);
        bench.check("OBJECT IDLETIME k", int(0));
        bench.check("OBJECT IDLETIME missing", nil());
    }

    #[test]
    fn frequency_counts_under_an_lfu_policy_and_idle_time_does_not() {
        let mut bench = Bench::new();
        bench.host.keyspace.usage().set(true, 0, 1);
        bench.check("SET k v", ok());
        bench.check("OBJECT FREQ k", int(5));
        bench.check("GET k", bulk("v"));
        bench.check("TTL k", int(-1));
        bench.check("OBJECT FREQ k", int(6));
        bench.check("SET k other", ok());
        bench.check("RENAME k l", ok());
        bench.check("OBJECT FREQ l", int(7));
        bench.check("OBJECT FREQ k", nil());
        bench.advance(3 * 60_000);
        bench.check("OBJECT FREQ l", int(4));
        let reply = bench.run("OBJECT IDLETIME l");
        assert!(reply.starts_with(b"-ERR An LFU maxmemory policy is selected"));
        bench.check("OBJECT IDLETIME missing", nil());
    }

    #[test]
    fn other_subcommands_answer_as_redis_without_lfu() {
        let mut bench = Bench::new();
        bench.check("MSET k v n 7", ok());
        bench.check("OBJECT REFCOUNT k", int(1));
        bench.check("OBJECT REFCOUNT n", int(2_147_483_647));
        bench.check("OBJECT REFCOUNT missing", nil());
        bench.check("OBJECT FREQ missing", nil());
        let reply = bench.run("OBJECT FREQ k");
        assert!(reply.starts_with(b"-ERR An LFU maxmemory policy is not selected"));
        bench.check("OBJECT NOSUCH k", err("ERR unknown subcommand 'NOSUCH'. Try OBJECT HELP."));
        bench.check(
            "OBJECT ENCODING",
            err("ERR wrong number of arguments for 'object|encoding' command"),
        );
        assert!(bench.run("OBJECT HELP").starts_with(b"*11\r\n+OBJECT <subcommand>"));
    }
}
