//! DEBUG: what test suites ask of a server. Off unless `enable-debug-command` says otherwise.
//!
//! It always holds every shard, so that what it sees and does is one moment.

mod look;
mod protocol;

use std::time::Duration;

use guarda_resp::number::{parse_f64, parse_i64};
use guarda_store::SHARDS;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::diagnostics::{Crash, Diagnostics, Reload};
use crate::error::CommandError;
use crate::spec::{Arity, CommandSpec, Flags, Group, Locks};

pub(crate) const FAMILY: &[CommandSpec] = &[CommandSpec {
    name: "debug",
    summary: "Holds commands for those who test servers.",
    note: "The subcommands are those that test suites need: DEBUG HELP lists them. DIGEST is a true \
           fingerprint of the data, but not Redis's number; the data of HTSTATS is that of tables \
           which are built otherwise; POPULATE is journalled.",
    complexity: "Depends on subcommand.",
    group: Group::Server,
    arity: Arity::at_least(2),
    flags: Flags::ADMIN
        .union(Flags::NOSCRIPT)
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::GUARDED),
    locks: Locks::All,
    run: debug,
    ..CommandSpec::NEW
}];

/// One subcommand. They are no rows of the table, because Redis has none for them either.
struct Subcommand {
    name: &'static str,
    /// Its arguments, for HELP.
    usage: &'static str,
    help: &'static str,
    /// How many arguments it takes.
    takes: std::ops::RangeInclusive<usize>,
    run: fn(&mut Context<'_, '_>, &mut Args<'_>) -> CommandResult,
}

const ANY: usize = usize::MAX;

const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        name: "ASSERT",
        usage: "",
        help: "Ends the server, as an assertion that fails.",
        takes: 0..=0,
        run: |cx, _| crash(cx, Crash::Panic),
    },
    Subcommand {
        name: "CHANGE-REPL-ID",
        usage: "",
        help: "Makes up a new replication id.",
        takes: 0..=0,
        run: |cx, _| {
            diagnostics(cx)?.change_replication_id()?;
            ok(cx)
        },
    },
    Subcommand {
        name: "CLIENT-ENFORCE-REPLY-LIST",
        usage: "<0|1>",
        help: "Accepted: replies have one buffer here.",
        takes: 1..=1,
        run: |cx, _| ok(cx),
    },
    Subcommand {
        name: "DICT-RESIZING",
        usage: "<0|1>",
        help: "Accepted: tables here grow by parts and are never resized.",
        takes: 1..=1,
        run: |cx, _| ok(cx),
    },
    Subcommand {
        name: "DIGEST",
        usage: "",
        help: "Gives a fingerprint of all data.",
        takes: 0..=0,
        run: look::digest,
    },
    Subcommand {
        name: "DIGEST-VALUE",
        usage: "<key> [<key> ...]",
        help: "Gives a fingerprint of each key's value.",
        takes: 0..=ANY,
        run: look::digest_values,
    },
    Subcommand {
        name: "ERROR",
        usage: "<text>",
        help: "Answers an error of this text.",
        takes: 1..=1,
        run: |cx, args| {
            // Here also line ends at the end become spaces.
            let plain = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
            let text: Vec<u8> = args.bytes()?.iter().map(plain).collect();
            cx.reply.error_bytes(&text);
            Ok(Outcome::Reply)
        },
    },
    Subcommand {
        name: "HTSTATS",
        usage: "<database> [FULL]",
        help: "Describes the tables of a database.",
        takes: 1..=2,
        run: look::table_of_database,
    },
    Subcommand {
        name: "HTSTATS-KEY",
        usage: "<key> [FULL]",
        help: "Describes the table of a value.",
        takes: 1..=2,
        run: look::table_of_value,
    },
    Subcommand {
        name: "LEAK",
        usage: "<text>",
        help: "Loses as much memory as the text takes.",
        takes: 1..=1,
        run: |cx, args| {
            std::mem::forget(args.bytes()?.to_vec());
            ok(cx)
        },
    },
    Subcommand {
        name: "LISTPACK",
        usage: "<key>",
        help: "Writes to the log how a value in one block is kept.",
        takes: 1..=1,
        run: look::listpack,
    },
    Subcommand {
        name: "LOADAOF",
        usage: "",
        help: "Reads the data from the append log again.",
        takes: 0..=0,
        run: |cx, _| {
            hold_all(cx);
            diagnostics(cx)?.reload_log(cx.db.locked)?;
            ok(cx)
        },
    },
    Subcommand {
        name: "LOG",
        usage: "<message>",
        help: "Writes a line to the server's log.",
        takes: 1..=1,
        run: |cx, args| {
            let message = String::from_utf8_lossy(args.bytes()?);
            diagnostics(cx)?.log(&format!("DEBUG LOG: {message}"));
            ok(cx)
        },
    },
    Subcommand {
        name: "OBJECT",
        usage: "<key> [FAST]",
        help: "Describes how a value is kept.",
        takes: 1..=2,
        run: look::object,
    },
    Subcommand {
        name: "OOM",
        usage: "",
        help: "Ends the server, as when there is no memory left.",
        takes: 0..=0,
        run: |cx, _| crash(cx, Crash::OutOfMemory),
    },
    Subcommand {
        name: "PANIC",
        usage: "",
        help: "Ends the server, as a defect does that it notices.",
        takes: 0..=0,
        run: |cx, _| crash(cx, Crash::Panic),
    },
    Subcommand {
        name: "PAUSE-CRON",
        usage: "<0|1>",
        help: "Stops housekeeping, or lets it go on.",
        takes: 1..=1,
        run: |cx, args| {
            let paused = switch(args)?;
            diagnostics(cx)?.pause_cron(paused);
            ok(cx)
        },
    },
    Subcommand {
        name: "POPULATE",
        usage: "<count> [<prefix>] [<size>]",
        help: "Makes strings <prefix>:<number>, `key` being the default, where there are none.",
        takes: 1..=3,
        run: populate,
    },
    Subcommand {
        name: "PROTOCOL",
        usage: "<type>",
        help: "Answers an example of a type: string, integer, double, bignum, null, array, set, \
               map, attrib, push, verbatim, true or false.",
        takes: 1..=1,
        run: protocol::example,
    },
    Subcommand {
        name: "QUICKLIST",
        usage: "<key> [<0|1>]",
        help: "Writes to the log how a list is kept.",
        takes: 1..=2,
        run: look::quicklist,
    },
    Subcommand {
        name: "QUICKLIST-PACKED-THRESHOLD",
        usage: "<size>",
        help: "Accepted: an element here always stands in a block.",
        takes: 1..=1,
        run: packed_threshold,
    },
    Subcommand {
        name: "RELOAD",
        usage: "[NOSAVE] [NOFLUSH] [MERGE]",
        help: "Saves the data and reads it again; NOSAVE: what was saved before; NOFLUSH: beside \
               what is there; MERGE: over it.",
        takes: 0..=ANY,
        run: reload,
    },
    Subcommand {
        name: "REPLYBUFFER",
        usage: "PEAK-RESET-TIME <NEVER|RESET|ms> | RESIZING <0|1>",
        help: "Accepted: reply buffers here are not resized by housekeeping.",
        takes: 2..=2,
        run: reply_buffer,
    },
    Subcommand {
        name: "SDSLEN",
        usage: "<key>",
        help: "Gives the lengths of a key and its string.",
        takes: 1..=1,
        run: look::string_len,
    },
    Subcommand {
        name: "SEGFAULT",
        usage: "",
        help: "Ends the server, as an access to foreign memory does.",
        takes: 0..=0,
        run: |cx, _| crash(cx, Crash::Segfault),
    },
    Subcommand {
        name: "SET-ACTIVE-EXPIRE",
        usage: "<0|1>",
        help: "With 0, keys that are due go only when somebody asks for them.",
        takes: 1..=1,
        run: |cx, args| {
            let on = switch(args)?;
            diagnostics(cx)?.set_active_expiry(on);
            ok(cx)
        },
    },
    Subcommand {
        name: "SET-DISABLE-DENY-SCRIPTS",
        usage: "<0|1>",
        help: "With 1, scripts may call DEBUG.",
        takes: 1..=1,
        run: |cx, args| {
            let on = switch(args)?;
            cx.db.settings.scripts_may_debug.store(on, std::sync::atomic::Ordering::Relaxed);
            ok(cx)
        },
    },
    Subcommand {
        name: "SET-SKIP-CHECKSUM-VALIDATION",
        usage: "<0|1>",
        help: "With 1, what is loaded or restored need not have the right checksum.",
        takes: 1..=1,
        run: |cx, args| {
            let on = switch(args)?;
            cx.db.settings.skips_checksums.store(on, std::sync::atomic::Ordering::Relaxed);
            ok(cx)
        },
    },
    Subcommand {
        name: "SLEEP",
        usage: "<seconds>",
        help: "Stops the server for so long; a fraction is allowed.",
        takes: 1..=1,
        run: sleep,
    },
    Subcommand {
        name: "STRINGMATCH-TEST",
        usage: "",
        help: "Matches random texts against random patterns.",
        takes: 0..=0,
        run: look::match_at_random,
    },
    Subcommand {
        name: "STRUCTSIZE",
        usage: "",
        help: "Gives the size of what data is kept in.",
        takes: 0..=0,
        run: look::struct_sizes,
    },
    Subcommand { name: "HELP", usage: "", help: "Lists the subcommands.", takes: 0..=0, run: help },
];

fn debug(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let asked = args.bytes()?;
    let given = args.rest().len();
    let known = SUBCOMMANDS.iter().find(|sub| asked.eq_ignore_ascii_case(sub.name.as_bytes()));
    match known.filter(|sub| sub.takes.contains(&given)) {
        Some(subcommand) => (subcommand.run)(cx, args),
        None => Err(unknown(asked)),
    }
}

/// Also said of a known subcommand with too many arguments or too few.
fn unknown(asked: &[u8]) -> CommandError {
    CommandError::quoting(&[
        b"ERR unknown subcommand or wrong number of arguments for '",
        &asked[..asked.len().min(128)],
        b"'. Try DEBUG HELP.",
    ])
}

fn ok(cx: &mut Context<'_, '_>) -> CommandResult {
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn diagnostics<'a>(cx: &Context<'a, '_>) -> Result<&'a dyn Diagnostics, CommandError> {
    cx.host.diagnostics().ok_or(CommandError::text("ERR this server cannot do that"))
}

/// Takes the shards that a script has not touched yet; all others are held anyway.
fn hold_all(cx: &mut Context<'_, '_>) {
    (0..SHARDS).for_each(|at| cx.db.locked.visit_shard(at, |_| ()));
}

/// A switch as C reads one: what is no number is 0.
fn switch(args: &mut Args<'_>) -> Result<bool, CommandError> {
    let word = args.bytes()?;
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    Ok(word[..digits].iter().any(|digit| *digit != b'0'))
}

fn crash(cx: &mut Context<'_, '_>, how: Crash) -> CommandResult {
    diagnostics(cx)?.crash(how);
    ok(cx)
}

fn sleep(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    // What is no number of seconds is none, as for C's readers of numbers.
    let seconds = parse_f64(args.bytes()?).unwrap_or(0.0);
    let time = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
    diagnostics(cx)?.stop_for(time);
    ok(cx)
}

fn reload(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let mut how = Reload { saves: true, flushes: true, merges: false };
    while !args.is_empty() {
        if args.take_word("NOSAVE") {
            how.saves = false;
        } else if args.take_word("NOFLUSH") {
            how.flushes = false;
        } else if args.take_word("MERGE") {
            how.merges = true;
        } else {
            return Err(CommandError::text(
                "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
            ));
        }
    }
    hold_all(cx);
    diagnostics(cx)?.reload(cx.db.locked, how)?;
    ok(cx)
}

fn populate(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let count = args.count()?;
    let prefix = if args.is_empty() { b"key" } else { args.bytes()? };
    let size = if args.is_empty() { None } else { Some(args.count()?) };
    if size.is_some_and(|size| size > cx.db.settings.string_len_max()) {
        return Err(CommandError::text(
            "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        ));
    }
    let logged = cx.host.log().is_some();
    for number in 0..count {
        let number = number.to_string();
        let key = [prefix, b":", number.as_bytes()].concat();
        if cx.db.exists(&key) {
            continue;
        }
        let mut value = format!("value:{number}").into_bytes();
        if let Some(size) = size.filter(|size| *size > 0) {
            value.resize(size, 0);
        }
        cx.db.set_string(&key, &value, None);
        if logged {
            cx.db.record(&[b"SET", &key, &value]);
        }
    }
    ok(cx)
}

/// The largest element that Redis lets stand among others: below 4 GB.
const PACKED_THRESHOLD_MAX: u64 = 4 << 30;

fn packed_threshold(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let word = args.bytes()?.to_ascii_lowercase();
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let unit = match &word[digits..] {
        b"" | b"b" => Some(1),
        b"k" => Some(1_000),
        b"kb" => Some(1 << 10),
        b"m" => Some(1_000_000),
        b"mb" => Some(1 << 20),
        b"g" => Some(1_000_000_000),
        b"gb" => Some(1 << 30),
        _ => None,
    };
    let number = parse_i64(&word[..digits]).and_then(|number| u64::try_from(number).ok());
    let size = number.zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    if size.is_none_or(|size| size >= PACKED_THRESHOLD_MAX) {
        return Err(CommandError::text(
            "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
        ));
    }
    ok(cx)
}

fn reply_buffer(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    if args.take_word("PEAK-RESET-TIME") {
        if !args.take_word("NEVER") && !args.take_word("RESET") {
            args.integer()?;
        }
    } else if args.take_word("RESIZING") {
        switch(args)?;
    } else {
        return Err(unknown(args.all()[1]));
    }
    ok(cx)
}

fn help(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.array(1 + 2 * SUBCOMMANDS.len());
    cx.reply.simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    for subcommand in SUBCOMMANDS {
        cx.reply.simple(format!("{} {}", subcommand.name, subcommand.usage).trim_end());
        cx.reply.simple(&format!("    {}", subcommand.help));
    }
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests;
