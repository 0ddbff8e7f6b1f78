//! MEMORY: who takes how much.

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::subcommand_help;
use crate::memory::{Excess, diagnosis};
use crate::overview::Overview;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, KeyAccess, Keys, Locks};

const NEW: CommandSpec = CommandSpec { group: Group::Server, since: "4.0.0", ..CommandSpec::NEW };

pub(crate) const FAMILY: &[CommandSpec] = &[CommandSpec {
    name: "memory",
    summary: "Holds the commands that look into the server's memory.",
    complexity: "Depends on subcommand.",
    categories: Categories::NONE,
    arity: Arity::at_least(2),
    subcommands: SUBCOMMANDS,
    ..NEW
}];

const LOOK: CommandSpec = CommandSpec {
    arity: Arity::exactly(2),
    locks: Locks::Walk,
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    ..NEW
};

const PER_ALLOCATION: &str = "Depends on how much memory is allocated, could be slow";

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "doctor",
        summary: "Names problems with memory, and what to do.",
        note: "The words are our own.",
        run: doctor,
        ..LOOK
    },
    CommandSpec {
        name: "help",
        summary: "Lists the subcommands.",
        arity: Arity::exactly(2),
        flags: Flags::LOADING.union(Flags::STALE),
        locks: Locks::Walk,
        run: |cx, _| subcommand_help(cx, "MEMORY", SUBCOMMANDS),
        ..NEW
    },
    CommandSpec {
        name: "malloc-stats",
        summary: "Returns the allocator's statistics as text.",
        complexity: PER_ALLOCATION,
        run: allocator_report,
        ..LOOK
    },
    CommandSpec {
        name: "purge",
        summary: "Has the allocator give unused pages back to the operating system.",
        complexity: PER_ALLOCATION,
        arity: Arity::exactly(2),
        locks: Locks::Walk,
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        run: purge,
        ..NEW
    },
    CommandSpec {
        name: "stats",
        summary: "Returns figures of the server's memory.",
        run: statistics,
        ..LOOK
    },
    CommandSpec {
        name: "usage",
        summary: "Estimates the bytes that a key and its value take.",
        note: "The figure is of our representation: a string with its key is one allocation of 35 \
               bytes and both, in a slot of 17. It is never sampled: SAMPLES is checked, and all \
               of the value counted.",
        complexity: "O(N) where N is the number of samples.",
        arity: Arity::at_least(3),
        flags: Flags::READONLY,
        keys: Keys::at(2, KeyAccess::PEEK),
        run: usage,
        ..NEW
    },
];

fn usage(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    while !args.is_empty() {
        if args.rest().len() < 2 || !args.take_word("SAMPLES") {
            return Err(CommandError::Syntax);
        }
        if args.integer()? < 0 {
            return Err(CommandError::Syntax);
        }
    }
    match cx.db.peek(key).map(guarda_store::Record::heap_len) {
        Some(bytes) => cx.reply.integer(bytes as i64),
        None => cx.reply.null(),
    }
    Ok(Outcome::Reply)
}

fn doctor(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    let overview = Overview::of(cx.db.locked, cx.db.now);
    let text = diagnosis(&cx.host.memory(&overview));
    cx.reply.verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Reply)
}

fn allocator_report(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.verbatim(b"txt", cx.host.allocator_report().as_bytes());
    Ok(Outcome::Reply)
}

fn purge(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.host.purge_memory();
    cx.reply.ok();
    Ok(Outcome::Reply)
}

/// A figure of MEMORY STATS.
enum Figure {
    Bytes(u64),
    Signed(i64),
    Real(f64),
}

fn statistics(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    use Figure::{Bytes, Real};
    let overview = Overview::of(cx.db.locked, cx.db.now);
    let report = cx.host.memory(&overview);
    let before = [
        ("peak.allocated", Bytes(report.peak)),
        ("total.allocated", Bytes(report.used)),
        ("startup.allocated", Bytes(report.at_start)),
        ("replication.backlog", Bytes(0)),
        ("clients.slaves", Bytes(0)),
        ("clients.normal", Bytes(report.clients)),
        ("cluster.links", Bytes(0)),
        ("aof.buffer", Bytes(report.log_buffer)),
        ("lua.caches", Bytes(report.scripts)),
        ("functions.caches", Bytes(0)),
    ];
    let after = [
        ("overhead.total", Bytes(report.overhead())),
        ("keys.count", Bytes(report.keys)),
        ("keys.bytes-per-key", Bytes(report.bytes_per_key())),
        ("dataset.bytes", Bytes(report.dataset())),
        ("dataset.percentage", Real(report.dataset_percentage())),
        ("peak.percentage", Real(report.peak_percentage())),
        ("allocator.allocated", Bytes(report.allocated)),
        ("allocator.active", Bytes(report.active)),
        ("allocator.resident", Bytes(report.allocator_resident)),
    ];
    let ratios = [
        (
            "allocator-fragmentation.ratio",
            "allocator-fragmentation.bytes",
            report.allocator_fragmentation(),
        ),
        ("allocator-rss.ratio", "allocator-rss.bytes", report.allocator_reserve()),
        ("rss-overhead.ratio", "rss-overhead.bytes", report.other_resident()),
        ("fragmentation", "fragmentation.bytes", report.fragmentation()),
    ];
    let databases: Vec<_> =
        overview.databases.iter().enumerate().filter(|(_, of)| of.keys > 0).collect();
    cx.reply.map(before.len() + databases.len() + after.len() + 2 * ratios.len());
    before.into_iter().for_each(|(name, figure)| put(cx, name, &figure));
    for (db, of) in databases {
        cx.reply.bulk_str(&format!("db.{db}"));
        cx.reply.map(3);
        put(cx, "overhead.hashtable.main", &Bytes(of.table_len as u64));
        put(cx, "overhead.hashtable.expires", &Bytes(of.expiry_index_len as u64));
        put(cx, "overhead.hashtable.slot-to-keys", &Bytes(0));
    }
    after.into_iter().for_each(|(name, figure)| put(cx, name, &figure));
    for (ratio_name, bytes_name, Excess { ratio, bytes }) in ratios {
        put(cx, ratio_name, &Real(ratio));
        put(cx, bytes_name, &Figure::Signed(bytes));
    }
    Ok(Outcome::Reply)
}

fn put(cx: &mut Context<'_, '_>, name: &str, figure: &Figure) {
    cx.reply.bulk_str(name);
    match *figure {
        Figure::Bytes(bytes) => cx.reply.integer(bytes.cast_signed()),
        Figure::Signed(bytes) => cx.reply.integer(bytes),
        Figure::Real(value) => cx.reply.double(value),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    fn usage(bench: &mut Bench, key: &str) -> i64 {
        match bench.frame(&format!("MEMORY USAGE {key}")) {
            guarda_resp::Frame::Integer(bytes) => bytes,
            other => panic!("{key}: {other:?}"),
        }
    }

    #[test]
    fn usage_grows_with_the_value_and_counts_every_type() {
        let mut bench = Bench::new();
        bench.check("MEMORY USAGE missing", nil());
        bench.check("MEMORY USAGE missing SAMPLES 5", nil());
        for (fill, key) in [
            ("SET s", "s"),
            ("RPUSH l", "l"),
            ("SADD set", "set"),
            ("HSET h f", "h"),
            ("ZADD z 1", "z"),
        ] {
            bench.run(&format!("{fill} x"));
            let small = usage(&mut bench, key);
            assert!((30..400).contains(&small), "{key}: {small}");
            let long = "y".repeat(5_000);
            let fill = if key == "h" { "HSET h g" } else { fill };
            bench.run(&format!("{fill} {long}"));
            let large = usage(&mut bench, key);
            assert!((5_000..12_000).contains(&large), "{key}: {large}");
            bench.check(&format!("MEMORY USAGE {key} SAMPLES 0"), int(large));
        }
    }

    #[test]
    fn options_are_understood_before_the_key_is_looked_up() {
        let mut bench = Bench::new();
        for (options, error) in [
            ("SAMPLES", "ERR syntax error"),
            ("SAMPLES -1", "ERR syntax error"),
            ("SAMPLES x", "ERR value is not an integer or out of range"),
            ("FOO 1", "ERR syntax error"),
        ] {
            bench.check(&format!("MEMORY USAGE missing {options}"), err(error));
        }
        bench.check("MEMORY PURGE", ok());
        bench.check("MEMORY NOSUCH", err("ERR unknown subcommand 'NOSUCH'. Try MEMORY HELP."));
    }

    #[test]
    fn figures_are_told_database_by_database() {
        let mut bench = Bench::new();
        bench.run("SET k v EX 100");
        bench.run("SELECT 3");
        bench.run("SET k v");
        let all = bench.run("MEMORY STATS");
        let text = String::from_utf8(all).unwrap();
        let lines: Vec<&str> = text.split("\r\n").collect();
        let after = |name: &str| {
            let at = lines.iter().position(|line| *line == name);
            lines[at.unwrap_or_else(|| panic!("{name} in {text}")) + 1]
        };
        assert_eq!(lines[0], "*58");
        assert_eq!((after("db.0"), after("db.3")), ("*6", "*6"));
        assert_eq!(after("keys.count"), ":2");
        assert!(!text.contains("db.1"));
        assert!(after("overhead.hashtable.main")[1..].parse::<u64>().unwrap() > 50);
    }
}
