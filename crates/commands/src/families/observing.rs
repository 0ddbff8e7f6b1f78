//! SLOWLOG and LATENCY: what takes long.

use std::fmt::Write as _;

use crate::args::Args;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::subcommand_help;
use crate::latency_graph;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group};

const NEW: CommandSpec = CommandSpec { group: Group::Server, ..CommandSpec::NEW };
const LOADING_STALE: Flags = Flags::LOADING.union(Flags::STALE);
/// Entries that SLOWLOG GET shows unless told otherwise.
const SHOWN: i64 = 10;

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "slowlog",
        summary: "Groups the commands that deal with slow calls.",
        since: "2.2.12",
        complexity: "Depends on subcommand.",
        arity: Arity::at_least(2),
        subcommands: SLOWLOG,
        ..NEW
    },
    CommandSpec {
        name: "latency",
        summary: "Groups the commands that deal with latency.",
        since: "2.8.13",
        complexity: "Depends on subcommand.",
        arity: Arity::at_least(2),
        subcommands: LATENCY,
        ..NEW
    },
    CommandSpec {
        name: "monitor",
        summary: "Shows this connection every command that runs.",
        note: "Tokens, nonces and data of `SESSION` commands are left out, as passwords are.",
        flags: Flags::ADMIN.union(Flags::NOSCRIPT).union(LOADING_STALE),
        run: monitor,
        ..NEW
    },
];

const SLOW: CommandSpec = CommandSpec {
    since: "2.2.12",
    arity: Arity::exactly(2),
    flags: Flags::ADMIN.union(LOADING_STALE),
    ..NEW
};

const SLOWLOG: &[CommandSpec] = &[
    CommandSpec {
        name: "get",
        summary: "Returns the newest slow calls.",
        complexity: "O(N) where N is the number of entries returned",
        note: "The time of a call includes that in which it waited for other threads' commands on \
               the same shard.",
        arity: Arity::at_least(2),
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        run: slowlog_get,
        ..SLOW
    },
    CommandSpec {
        name: "help",
        summary: "Lists the subcommands.",
        since: "6.2.0",
        flags: LOADING_STALE,
        run: |cx, _| subcommand_help(cx, "SLOWLOG", SLOWLOG),
        ..SLOW
    },
    CommandSpec {
        name: "len",
        summary: "Returns how many slow calls are remembered.",
        complexity: "O(1)",
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        run: |cx, _| {
            cx.reply.integer(cx.host.observations().slow.len() as i64);
            Ok(Outcome::Reply)
        },
        ..SLOW
    },
    CommandSpec {
        name: "reset",
        summary: "Forgets all slow calls.",
        complexity: "O(N) where N is the number of entries in the slowlog",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: |cx, _| {
            cx.host.observations().slow.clear();
            cx.reply.ok();
            Ok(Outcome::Reply)
        },
        ..SLOW
    },
];

const WATCHING: CommandSpec = CommandSpec {
    since: "2.8.13",
    complexity: "O(1)",
    arity: Arity::exactly(2),
    flags: Flags::ADMIN.union(Flags::NOSCRIPT).union(LOADING_STALE),
    categories: Categories::ADMIN.union(Categories::DANGEROUS),
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    ..NEW
};

const LATENCY: &[CommandSpec] = &[
    CommandSpec {
        name: "doctor",
        summary: "Says in words which events took long.",
        run: doctor,
        ..WATCHING
    },
    CommandSpec {
        name: "graph",
        summary: "Draws an event's latencies.",
        arity: Arity::exactly(3),
        run: graph,
        ..WATCHING
    },
    CommandSpec {
        name: "help",
        summary: "Lists the subcommands.",
        flags: LOADING_STALE,
        categories: Categories::NONE,
        tips: &[],
        run: |cx, _| subcommand_help(cx, "LATENCY", LATENCY),
        ..WATCHING
    },
    CommandSpec {
        name: "histogram",
        summary: "Returns how the latencies of commands are distributed.",
        since: "7.0.0",
        complexity: "O(N) where N is the number of commands with latency information being retrieved.",
        arity: Arity::at_least(2),
        run: histogram,
        ..WATCHING
    },
    CommandSpec {
        name: "history",
        summary: "Returns the times and latencies of an event.",
        note: "Events are `command`, `fast-command`, `aof-write` and its kin, `aof-fsync-always` and \
               `expire-cycle`.",
        arity: Arity::exactly(3),
        run: history,
        ..WATCHING
    },
    CommandSpec {
        name: "latest",
        summary: "Returns the latest latency of each event.",
        run: latest,
        ..WATCHING
    },
    CommandSpec {
        name: "reset",
        summary: "Forgets the latencies of events.",
        arity: Arity::at_least(2),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: reset,
        ..WATCHING
    },
];

/// Said again it is not answered.
fn monitor(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    if cx.caller != Caller::Client {
        return Err(CommandError::text("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    if !cx.client.is_monitor() {
        cx.client.begin_monitoring(&cx.host.observations().monitors);
        cx.reply.ok();
    }
    Ok(Outcome::Reply)
}

fn slowlog_get(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let name = args.all()[1];
    let count = match args.take_rest() {
        [] => Some(SHOWN),
        [count] => guarda_resp::number::parse_i64(count).filter(|count| *count >= -1),
        _ => {
            return Err(CommandError::quoting(&[
                b"ERR unknown subcommand or wrong number of arguments for '",
                name,
                b"'. Try SLOWLOG HELP.",
            ]));
        }
    };
    let Some(count) = count else {
        return Err(CommandError::text("ERR count should be greater than or equal to -1"));
    };
    let entries = cx.host.observations().slow.newest(usize::try_from(count).unwrap_or(usize::MAX));
    let reply = &mut cx.reply;
    reply.array(entries.len());
    for entry in &entries {
        reply.array(6);
        reply.integer(entry.id as i64);
        reply.integer(entry.at_s);
        reply.integer(entry.micros);
        reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| reply.bulk(arg));
        reply.bulk_str(&entry.client);
        reply.bulk(&entry.client_name);
    }
    Ok(Outcome::Reply)
}

fn latest(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    let events = cx.host.observations().latency.events();
    cx.reply.array(events.len());
    for (name, event) in &events {
        let (at_s, ms) = event.samples.back().copied().unwrap_or_default();
        cx.reply.array(4);
        cx.reply.bulk_str(name);
        cx.reply.integer(at_s);
        cx.reply.integer(ms as i64);
        cx.reply.integer(event.longest_ms as i64);
    }
    Ok(Outcome::Reply)
}

fn history(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let name = args.bytes()?;
    let events = cx.host.observations().latency.events();
    let found = events.iter().find(|(known, _)| known.as_bytes() == name);
    let samples: Vec<_> = found.into_iter().flat_map(|(_, event)| &event.samples).collect();
    cx.reply.array(samples.len());
    for (at_s, ms) in samples {
        cx.reply.array(2);
        cx.reply.integer(*at_s);
        cx.reply.integer(*ms as i64);
    }
    Ok(Outcome::Reply)
}

fn graph(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let name = args.bytes()?;
    let events = cx.host.observations().latency.events();
    let Some((name, samples)) = events.iter().find(|(known, _)| known.as_bytes() == name) else {
        return Err(CommandError::quoting(&[b"ERR No samples available for event '", name, b"'"]));
    };
    let text = latency_graph::draw(name, samples, cx.host.now_micros() / 1_000_000);
    cx.reply.verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Reply)
}

fn reset(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let latency = &cx.host.observations().latency;
    let forgotten = match args.take_rest() {
        [] => latency.forget_all(),
        names => names.iter().map(|name| latency.forget(name)).sum(),
    };
    cx.reply.integer(forgotten as i64);
    Ok(Outcome::Reply)
}

/// What to do about events whose names begin or end like this.
const ADVICE: [(&str, &str); 3] = [
    ("command", "Commands: SLOWLOG GET names them.\n"),
    (
        "aof-",
        "The append log: the disk is slow or shared with others. `appendfsync everysec` lets nobody \
         wait for syncs.\n",
    ),
    ("expire-cycle", "Expiry: very many keys are due at once. Spread their times.\n"),
];

fn doctor(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    let latency = &cx.host.observations().latency;
    let events = latency.events();
    let mut text = String::new();
    if !latency.is_on() {
        text.push_str(
            "Latency is not monitored. CONFIG SET latency-monitor-threshold <milliseconds> \
             switches that on.\n",
        );
    } else if events.is_empty() {
        text.push_str("No event took as long as latency-monitor-threshold.\n");
    }
    for (name, event) in &events {
        let sum: u64 = event.samples.iter().map(|(_, ms)| ms).sum();
        let count = event.samples.len().max(1) as u64;
        let average = sum / count;
        let deviation: u64 = event.samples.iter().map(|(_, ms)| ms.abs_diff(average)).sum();
        let (first, last) = (event.samples.front(), event.samples.back());
        let span_s = first.zip(last).map_or(0, |((first, _), (last, _))| last - first);
        let _ = writeln!(
            text,
            "{name}: {count} seconds with spikes, one in {:.1} s, {average} ms on average (mean \
             deviation {} ms), {} ms at worst",
            span_s as f64 / count as f64,
            deviation / count,
            event.longest_ms
        );
    }
    for (kind, advice) in ADVICE {
        if events.keys().any(|name| name.ends_with(kind) || name.starts_with(kind)) {
            text.push_str(advice);
        }
    }
    cx.reply.verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Reply)
}

fn histogram(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    cx.host.collect(cx.db.effects);
    let asked = args.take_rest();
    let is_asked = |name: &str| {
        let container = name.split('|').next().unwrap_or(name);
        asked.is_empty()
            || asked.iter().any(|asked| {
                asked.eq_ignore_ascii_case(name.as_bytes())
                    || asked.eq_ignore_ascii_case(container.as_bytes())
            })
    };
    let mut shown = cx.host.observations().commands.latencies();
    shown.retain(|name, _| is_asked(name));
    cx.reply.map(shown.len());
    for (name, latency) in shown {
        let buckets = latency.by_microseconds();
        cx.reply.bulk_str(&name);
        cx.reply.map(2);
        cx.reply.bulk_str("calls");
        cx.reply.integer(latency.total() as i64);
        cx.reply.bulk_str("histogram_usec");
        cx.reply.map(buckets.len());
        for (micros, count) in buckets {
            cx.reply.integer(micros as i64);
            cx.reply.integer(count as i64);
        }
    }
    Ok(Outcome::Reply)
}
