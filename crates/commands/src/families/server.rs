//! INFO, CONFIG, DBSIZE, FLUSHDB, FLUSHALL, SAVE and its kin, SHUTDOWN, TIME: the server as such.

use std::sync::atomic::Ordering;

use guarda_store::SHARDS;

use crate::args::Args;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::subcommand_help;
use crate::host::ShutdownMode;
use crate::overview::Overview;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, Locks};

const NEW: CommandSpec = CommandSpec { group: Group::Server, ..CommandSpec::NEW };

const LOADING_STALE: Flags = Flags::LOADING.union(Flags::STALE);
const OPERATOR: Flags = Flags::ADMIN.union(Flags::NOSCRIPT);

/// SAVE and its kin. They take the locks they need themselves.
const SAVING: CommandSpec = CommandSpec { flags: OPERATOR.union(Flags::NO_ASYNC_LOADING), ..NEW };

const FLUSH: CommandSpec = CommandSpec {
    arity: Arity::at_least(1),
    flags: Flags::WRITE,
    categories: Categories::KEYSPACE.union(Categories::DANGEROUS),
    locks: Locks::All,
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "bgrewriteaof",
        summary: "Writes the append log anew in the background, as short as can be.",
        run: background_rewrite,
        ..SAVING
    },
    CommandSpec {
        name: "bgsave",
        summary: "Saves the data to the RDB file in the background.",
        arity: Arity::at_least(1),
        run: background_save,
        ..SAVING
    },
    CommandSpec {
        name: "config",
        summary: "Groups the commands that deal with the configuration.",
        since: "2.0.0",
        complexity: "Depends on subcommand.",
        arity: Arity::at_least(2),
        subcommands: CONFIG,
        ..NEW
    },
    CommandSpec {
        name: "dbsize",
        summary: "Returns the number of keys in the selected database.",
        flags: Flags::READONLY.union(Flags::FAST),
        categories: Categories::KEYSPACE,
        locks: Locks::Walk,
        tips: &["request_policy:all_shards", "response_policy:agg_sum"],
        run: dbsize,
        ..NEW
    },
    CommandSpec {
        name: "flushall",
        summary: "Removes every key of every database.",
        complexity: "O(N) where N is the total number of keys in all databases",
        run: |cx, args| {
            let databases = cx.host.keyspace().databases();
            let removed = flush(cx, args, 0..databases)?;
            let saved = cx.caller != Caller::Log && cx.host.save_flushed(cx.db.locked);
            Ok(answer_flush(cx, args, if saved { 0 } else { removed }))
        },
        ..FLUSH
    },
    CommandSpec {
        name: "flushdb",
        summary: "Removes every key of the selected database.",
        complexity: "O(N) where N is the number of keys in the selected database",
        run: |cx, args| {
            let db = cx.db.index;
            let removed = flush(cx, args, db..db + 1)?;
            Ok(answer_flush(cx, args, removed))
        },
        ..FLUSH
    },
    CommandSpec {
        name: "info",
        summary: "Describes the server and its state, section by section.",
        arity: Arity::at_least(1),
        flags: LOADING_STALE,
        categories: Categories::DANGEROUS,
        locks: Locks::Walk,
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        run: info,
        ..NEW
    },
    CommandSpec {
        name: "lastsave",
        summary: "Returns when the data was last saved, in Unix seconds.",
        flags: LOADING_STALE.union(Flags::FAST),
        categories: Categories::ADMIN.union(Categories::DANGEROUS),
        tips: &["nondeterministic_output"],
        run: last_save,
        ..NEW
    },
    CommandSpec {
        name: "save",
        summary: "Saves the data to the RDB file and answers when that is done.",
        complexity: "O(N) where N is the total number of keys in all databases",
        flags: SAVING.flags.union(Flags::NO_MULTI),
        run: save,
        ..SAVING
    },
    CommandSpec {
        name: "shutdown",
        summary: "Saves the data as the configuration says and ends the server.",
        complexity: "O(N) when saving, where N is the total number of keys in all databases when \
                     saving data, otherwise O(1)",
        arity: Arity::at_least(1),
        flags: OPERATOR.union(LOADING_STALE).union(Flags::NO_MULTI).union(Flags::ALLOW_BUSY),
        run: shutdown,
        ..NEW
    },
    CommandSpec {
        name: "swapdb",
        summary: "Lets two databases change places.",
        since: "4.0.0",
        complexity: "O(N) where N is the count of clients watching or blocking on keys from both \
                     databases.",
        arity: Arity::exactly(3),
        flags: Flags::WRITE.union(Flags::FAST),
        categories: Categories::KEYSPACE.union(Categories::DANGEROUS),
        locks: Locks::All,
        run: swapdb,
        ..NEW
    },
    CommandSpec {
        name: "time",
        summary: "Returns the server's time in seconds and microseconds.",
        since: "2.6.0",
        flags: LOADING_STALE.union(Flags::FAST),
        tips: &["nondeterministic_output"],
        run: time,
        ..NEW
    },
];

const CONFIG_FLAGS: Flags = OPERATOR.union(LOADING_STALE);
const CONFIG_PER_ITEM: &str = "O(N) when N is the number of configuration parameters provided";

const CONFIG: &[CommandSpec] = &[
    CommandSpec {
        name: "get",
        summary: "Returns the values of the directives that match the patterns.",
        since: "2.0.0",
        complexity: CONFIG_PER_ITEM,
        arity: Arity::at_least(3),
        flags: CONFIG_FLAGS,
        run: config_get,
        ..NEW
    },
    CommandSpec {
        name: "help",
        summary: "Lists the subcommands.",
        since: "5.0.0",
        arity: Arity::exactly(2),
        flags: LOADING_STALE,
        run: |cx, _| subcommand_help(cx, "CONFIG", CONFIG),
        ..NEW
    },
    CommandSpec {
        name: "resetstat",
        summary: "Sets the counters that INFO shows back to zero.",
        since: "2.0.0",
        arity: Arity::exactly(2),
        flags: CONFIG_FLAGS,
        run: config_reset_statistics,
        ..NEW
    },
    CommandSpec {
        name: "rewrite",
        summary: "Writes the configuration back to its file.",
        since: "2.8.0",
        arity: Arity::exactly(2),
        flags: CONFIG_FLAGS,
        run: |cx, _| {
            cx.host.config_rewrite()?;
            cx.reply.ok();
            Ok(Outcome::Reply)
        },
        ..NEW
    },
    CommandSpec {
        name: "set",
        summary: "Changes directives while the server runs: all that are named, or none.",
        since: "2.0.0",
        complexity: CONFIG_PER_ITEM,
        arity: Arity::at_least(4),
        flags: CONFIG_FLAGS,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: config_set,
        ..NEW
    },
];

fn info(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let lower = |name: &&[u8]| String::from_utf8_lossy(name).to_ascii_lowercase();
    let sections: Vec<String> = args.take_rest().iter().map(lower).collect();
    cx.host.collect(cx.db.effects);
    let overview = Overview::of(cx.db.locked, cx.db.now);
    cx.reply.verbatim(b"txt", cx.host.info(&sections, &overview).as_bytes());
    Ok(Outcome::Reply)
}

fn config_get(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let pairs = cx.host.config_get(args.take_rest());
    cx.reply.map(pairs.len());
    for (name, value) in &pairs {
        cx.reply.bulk_str(name);
        cx.reply.bulk_str(value);
    }
    Ok(Outcome::Reply)
}

fn config_set(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (pairs, left) = args.take_rest().as_chunks::<2>();
    if !left.is_empty() {
        return Err(CommandError::Syntax);
    }
    let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|[name, value]| (*name, *value)).collect();
    let switches_log = pairs.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"appendonly"));
    if switches_log && cx.db.locked.held().next().is_some() {
        // A log begins with all data, shard by shard: it would wait for this transaction's own.
        return Err(CommandError::text(
            "ERR CONFIG SET failed (possibly related to argument 'appendonly') - in a transaction \
             it goes with no command that uses keys; send it on its own",
        ));
    }
    cx.host
        .config_set(&pairs, &cx.client.card)
        .map_err(|rejected| CommandError::owned(rejected.0))?;
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn config_reset_statistics(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.host.collect(cx.db.effects);
    cx.host.config_reset_statistics();
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn dbsize(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    let db = cx.db.index;
    let locked = &mut *cx.db.locked;
    let keys: usize = (0..SHARDS).map(|at| locked.visit_shard(at, |shard| shard.len(db))).sum();
    cx.reply.integer(keys as i64);
    Ok(Outcome::Reply)
}

/// Empties the databases; returns how many keys that were. The caller holds all shards, for no longer than
/// it takes to hand their tables out: they are freed after that, with ASYNC after the reply.
fn flush(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    databases: std::ops::Range<u32>,
) -> Result<u64, CommandError> {
    let by_default = cx.db.settings.lazyfree_lazy_user_flush.load(Ordering::Relaxed);
    let is_later = args.take_word("ASYNC") || !args.take_word("SYNC") && by_default;
    args.finish()?;
    let removed = cx.db.locked.flush(databases);
    if is_later {
        cx.free_later();
    }
    Ok(removed as u64)
}

/// `changes`: those that no RDB file has yet.
fn answer_flush(cx: &mut Context<'_, '_>, args: &Args<'_>, changes: u64) -> Outcome {
    cx.db.count_changes(changes);
    // Recorded even if nothing was there, as Redis does: a replica may differ.
    cx.db.record(args.all());
    cx.reply.ok();
    Outcome::Reply
}

fn swapdb(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let mut index = |which| {
        let index = guarda_resp::number::parse_i64(args.bytes()?);
        index.and_then(|index| i32::try_from(index).ok()).ok_or(CommandError::text(which))
    };
    let first = index("ERR invalid first DB index")?;
    let second = index("ERR invalid second DB index")?;
    let databases = cx.host.keyspace().databases();
    let known = |index: i32| {
        u32::try_from(index)
            .ok()
            .filter(|&index| index < databases)
            .ok_or(CommandError::DbOutOfRange)
    };
    let (first, second) = (known(first)?, known(second)?);
    let now = cx.db.now;
    for at in 0..SHARDS {
        cx.db.locked.visit_shard(at, |shard| shard.swap(first, second, now));
    }
    cx.db.count_changes(1);
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn save(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.host.save()?;
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn background_save(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let schedule = args.take_word("SCHEDULE");
    args.finish()?;
    let status = cx.host.background_save(schedule)?;
    cx.reply.simple(status);
    Ok(Outcome::Reply)
}

fn background_rewrite(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    let status = cx.host.background_rewrite()?;
    cx.reply.simple(status);
    Ok(Outcome::Reply)
}

fn last_save(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.integer(cx.host.last_save());
    Ok(Outcome::Reply)
}

/// Unanswered when it succeeds: the connection ends with the server.
fn shutdown(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let mut mode = ShutdownMode::default();
    let (mut save, mut nosave, mut abort) = (false, false, false);
    while !args.is_empty() {
        if args.take_word("NOSAVE") {
            nosave = true;
        } else if args.take_word("SAVE") {
            save = true;
        } else if args.take_word("NOW") {
            mode.now = true;
        } else if args.take_word("FORCE") {
            mode.force = true;
        } else if args.take_word("ABORT") {
            abort = true;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    mode.save = (save || nosave).then_some(save);
    if save && nosave || abort && mode != ShutdownMode::default() {
        return Err(CommandError::Syntax);
    }
    if abort {
        cx.host.abort_shutdown()?;
        cx.reply.ok();
        return Ok(Outcome::Reply);
    }
    cx.host.shutdown(mode)?;
    Ok(Outcome::Close)
}

fn time(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    let micros = match cx.caller {
        Caller::Client => cx.host.now_micros(),
        // A transaction or script happens at one instant.
        _ => cx.db.now.0.saturating_mul(1000),
    };
    cx.reply.array(2);
    for part in [micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000)] {
        cx.reply.bulk(itoa::Buffer::new().format(part).as_bytes());
    }
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::testing::{Bench, array, bulk, bulks, err, int, nil, ok, simple};

    fn asked(bench: &Bench) -> Vec<String> {
        std::mem::take(&mut *bench.host.asked.lock())
    }

    #[test]
    fn flushes_empty_what_they_say_and_are_journalled_even_over_nothing() {
        let mut bench = Bench::new();
        bench.check_journal("FLUSHALL", &["FLUSHALL"]);
        bench.check_journal("flushdb async", &["flushdb async"]);
        bench.run("MSET a 1 b 2");
        bench.run("SELECT 1");
        bench.run("MSET c 3 d 4");
        bench.check("DBSIZE", int(2));
        bench.check_journal("FLUSHDB SYNC", &["1:FLUSHDB SYNC"]);
        bench.check("DBSIZE", int(0));
        bench.run("SELECT 0");
        bench.check("DBSIZE", int(2));
        bench.run("SELECT 1");
        bench.run("SET c 3");
        let dirty = bench.worker.effects.counters.dirty;
        bench.check("FLUSHALL SYNC", ok());
        assert_eq!(bench.worker.effects.counters.dirty - dirty, 3);
        bench.check("DBSIZE", int(0));
        bench.run("SELECT 0");
        bench.check("DBSIZE", int(0));
    }

    #[test]
    fn flushes_refuse_what_they_do_not_know_and_then_remove_nothing() {
        let mut bench = Bench::new();
        bench.run("SET a 1");
        for line in ["FLUSHALL bogus", "FLUSHALL ASYNC SYNC", "FLUSHDB bogus", "FLUSHDB SYNC x"] {
            bench.check(line, err("ERR syntax error"));
        }
        bench.check("DBSIZE", int(1));
    }

    #[test]
    fn a_flush_is_a_change_of_the_keys_it_removes() {
        let mut bench = Bench::new();
        bench.run("SET a 1");
        bench.check("WATCH a", ok());
        bench.check("FLUSHDB", ok());
        bench.check("MULTI", ok());
        bench.check("EXEC", "*-1\r\n");
        bench.check("WATCH nokey", ok());
        bench.check("FLUSHALL", ok());
        bench.check("MULTI", ok());
        bench.check("EXEC", array([]));
    }

    #[test]
    fn a_transaction_flushes_and_counts_among_its_other_commands() {
        let mut bench = Bench::new();
        bench.run("SET a 1");
        bench.check("MULTI", ok());
        for line in ["SET b 2", "DBSIZE", "FLUSHALL", "DBSIZE", "SET c 3", "FLUSHDB", "SET d 4"] {
            bench.check(line, simple("QUEUED"));
        }
        let replies = [ok(), int(2), ok(), int(0), ok(), ok(), ok()];
        bench.check("EXEC", array(replies));
        let journal = bench.journal();
        assert_eq!(journal, ["SET a 1", "SET b 2", "FLUSHALL", "SET c 3", "FLUSHDB", "SET d 4"]);
        bench.check("GET a", nil());
        bench.check("DBSIZE", int(1));
    }

    #[test]
    fn the_host_saves_and_rewrites() {
        let mut bench = Bench::new();
        bench.check("SAVE", ok());
        bench.check("BGSAVE", simple("Background saving started"));
        bench.check("bgsave schedule", simple("Background saving started"));
        bench.check("BGSAVE x", err("ERR syntax error"));
        bench.check("BGSAVE SCHEDULE x", err("ERR syntax error"));
        bench.check("BGREWRITEAOF", simple("Background append only file rewriting started"));
        bench.check("LASTSAVE", int(1_700_000_000));
        let expected = ["save", "background_save false", "background_save true"];
        assert_eq!(asked(&bench)[..3], expected);
        bench.check("MULTI", ok());
        bench.check("SAVE", err("ERR Command not allowed inside a transaction"));
    }

    #[test]
    fn shutdown_parses_all_its_words_before_it_acts() {
        let mut bench = Bench::new();
        for line in [
            "SHUTDOWN bogus",
            "SHUTDOWN SAVE NOSAVE",
            "SHUTDOWN NOSAVE SAVE",
            "SHUTDOWN SAVE NOSAVE NOW",
            "SHUTDOWN NOSAVE ABORT",
            "SHUTDOWN NOW ABORT",
            "SHUTDOWN FORCE NOW x",
        ] {
            bench.check(line, err("ERR syntax error"));
        }
        assert!(asked(&bench).is_empty());
        for (line, mode) in [
            ("SHUTDOWN", ShutdownMode::default()),
            ("SHUTDOWN nosave", ShutdownMode { save: Some(false), ..ShutdownMode::default() }),
            ("SHUTDOWN SAVE NOW FORCE", ShutdownMode { save: Some(true), now: true, force: true }),
        ] {
            bench.check(line, "");
            assert_eq!(asked(&bench), [format!("shutdown {mode:?}")]);
        }
        bench.check("SHUTDOWN ABORT", ok());
        assert_eq!(asked(&bench), ["abort_shutdown"]);
    }

    #[test]
    fn configuration_is_read_by_pattern_and_set_in_pairs() {
        let mut bench = Bench::new();
        let pairs = [("maxmemory", "0"), ("maxclients", "10000"), ("port", "6379")];
        *bench.host.config.lock() = pairs.map(|(a, b)| (a.into(), b.into())).to_vec();
        bench.check("CONFIG GET max*", bulks(["maxmemory", "0", "maxclients", "10000"]));
        bench.check("CONFIG GET nosuch", bulks([]));
        bench.check("CONFIG SET port 1 maxmemory 5", ok());
        bench.check("CONFIG GET port maxmem*", bulks(["maxmemory", "5", "port", "1"]));
        bench.check("CONFIG SET port 1 maxmemory", err("ERR syntax error"));
        bench.check("CONFIG SET nosuch 1", err("ERR Unknown option"));
        bench.check(
            "CONFIG SET port",
            err("ERR wrong number of arguments for 'config|set' command"),
        );
        bench.check("CONFIG RESETSTAT", ok());
        assert_eq!(asked(&bench), ["config_reset_statistics"]);
        bench.check("CONFIG REWRITE", ok());
        assert_eq!(asked(&bench), ["config_rewrite"]);
        bench.run("HELLO 3");
        bench.check("CONFIG GET port", "%1\r\n$4\r\nport\r\n$1\r\n1\r\n");
    }

    #[test]
    fn info_passes_its_sections_on_in_lower_case() {
        let mut bench = Bench::new();
        bench.check("INFO", bulk("# \r\n"));
        bench.check("INFO Server KEYSPACE", bulk("# server,keyspace\r\n"));
        bench.run("HELLO 3");
        bench.check("INFO all", "=11\r\ntxt:# all\r\n\r\n");
    }

    #[test]
    fn time_is_exact_alone_and_one_instant_in_a_transaction() {
        let mut bench = Bench::new();
        bench.check("TIME", bulks(["1700000000", "123000"]));
        bench.advance(5);
        bench.check("MULTI", ok());
        bench.check("TIME", simple("QUEUED"));
        bench.check("EXEC", array([bulks(["1700000000", "128000"])]));
    }

    #[test]
    fn what_writes_is_refused_while_writes_are() {
        let mut bench = Bench::new();
        let misconf = CommandError::text("MISCONF no");
        *bench.host.write_refusal.lock() = Some(misconf);
        bench.check("FLUSHALL", err("MISCONF no"));
        bench.check("DBSIZE", int(0));
        bench.host.loading.store(true, Ordering::Relaxed);
        bench.check("DBSIZE", err("LOADING Redis is loading the dataset in memory"));
        bench.check("LASTSAVE", int(1_700_000_000));
    }
}
