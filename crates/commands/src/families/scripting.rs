//! EVAL, EVALSHA, SCRIPT; and phpredis's unlock script without an interpreter.

use std::fmt::Write as _;

pub use guarda_session::PHPREDIS_UNLOCK_SHA1;
use sha1::{Digest, Sha1};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::subcommand_help;
use crate::host::{Host, ScriptCall, ScriptRef};
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, KeyAccess, Keys, Locks};

const NEW: CommandSpec =
    CommandSpec { group: Group::Scripting, categories: Categories::SCRIPTING, ..CommandSpec::NEW };

const EVAL: CommandSpec = CommandSpec {
    since: "2.6.0",
    complexity: "Depends on the script that is executed.",
    arity: Arity::at_least(3),
    flags: Flags::NOSCRIPT
        .union(Flags::SKIP_MONITOR)
        .union(Flags::MAY_REPLICATE)
        .union(Flags::STALE)
        .union(Flags::NO_MANDATORY_KEYS)
        .union(Flags::MOVABLEKEYS)
        .union(Flags::SCRIPT),
    keys: Keys::counted(2, KeyAccess::UPDATE),
    ..NEW
};

const EVAL_RO: CommandSpec = CommandSpec {
    since: "7.0.0",
    flags: Flags::NOSCRIPT
        .union(Flags::READONLY)
        .union(Flags::SKIP_MONITOR)
        .union(Flags::STALE)
        .union(Flags::NO_MANDATORY_KEYS)
        .union(Flags::MOVABLEKEYS)
        .union(Flags::SCRIPT),
    keys: Keys::counted(2, KeyAccess::READ),
    ..EVAL
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "eval",
        summary: "Runs a Lua script that is sent whole.",
        run: |cx, args| eval(cx, args, false, false),
        ..EVAL
    },
    CommandSpec {
        name: "evalsha",
        summary: "Runs a known Lua script, named by its SHA-1.",
        run: |cx, args| eval(cx, args, true, false),
        ..EVAL
    },
    CommandSpec {
        name: "eval_ro",
        summary: "Runs a Lua script that may not write.",
        run: |cx, args| eval(cx, args, false, true),
        ..EVAL_RO
    },
    CommandSpec {
        name: "evalsha_ro",
        summary: "Runs a known Lua script that may not write.",
        run: |cx, args| eval(cx, args, true, true),
        ..EVAL_RO
    },
    CommandSpec {
        name: "script",
        summary: "Holds the commands about Lua scripts.",
        since: "2.6.0",
        complexity: "Depends on subcommand.",
        arity: Arity::at_least(2),
        categories: Categories::NONE,
        subcommands: SUBCOMMANDS,
        ..NEW
    },
];

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "debug",
        summary: "Sets the debug mode of server-side Lua scripts.",
        since: "3.2.0",
        arity: Arity::exactly(3),
        flags: Flags::NOSCRIPT,
        locks: Locks::Walk,
        run: debug,
        ..NEW
    },
    CommandSpec {
        name: "exists",
        summary: "Says which scripts are known.",
        since: "2.6.0",
        complexity: "O(N) with N being the number of scripts to check.",
        arity: Arity::at_least(3),
        flags: Flags::NOSCRIPT,
        locks: Locks::Walk,
        tips: &["request_policy:all_shards", "response_policy:agg_logical_and"],
        run: exists,
        ..NEW
    },
    CommandSpec {
        name: "flush",
        summary: "Forgets all scripts.",
        since: "2.6.0",
        complexity: "O(N) with N being the number of scripts in cache",
        arity: Arity::at_least(2),
        flags: Flags::NOSCRIPT,
        locks: Locks::Walk,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: flush,
        ..NEW
    },
    CommandSpec {
        name: "help",
        summary: "Lists the subcommands.",
        since: "5.0.0",
        arity: Arity::exactly(2),
        flags: Flags::LOADING.union(Flags::STALE),
        locks: Locks::Walk,
        run: help,
        ..NEW
    },
    CommandSpec {
        name: "kill",
        summary: "Ends the script that runs, unless it has written.",
        since: "2.6.0",
        arity: Arity::exactly(2),
        flags: Flags::NOSCRIPT.union(Flags::ALLOW_BUSY),
        locks: Locks::Walk,
        tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
        run: kill,
        ..NEW
    },
    CommandSpec {
        name: "load",
        summary: "Makes a script known without running it.",
        since: "2.6.0",
        complexity: "O(N) with N being the length in bytes of the script body.",
        arity: Arity::exactly(3),
        flags: Flags::NOSCRIPT.union(Flags::STALE),
        locks: Locks::Walk,
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: load,
        ..NEW
    },
];

/// SHA-1 of a script's text as 40 lower-case hexadecimal digits.
pub fn sha1_hex(text: &[u8]) -> String {
    let mut hex = String::with_capacity(40);
    for byte in Sha1::digest(text) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Whether this EVAL or EVALSHA is phpredis's unlock, well formed, and known or sent whole: it then
/// runs natively under its key's lock.
pub(crate) fn is_native(args: &[&[u8]], host: &dyn Host) -> bool {
    let [command, script, b"1", _, _] = args else { return false };
    if command.len() == b"evalsha".len() {
        script.eq_ignore_ascii_case(PHPREDIS_UNLOCK_SHA1.as_bytes())
            && host.scripting().is_known(PHPREDIS_UNLOCK_SHA1.as_bytes())
    } else {
        command.eq_ignore_ascii_case(b"eval")
            && script.len() == 95
            && sha1_hex(script) == PHPREDIS_UNLOCK_SHA1
    }
}

/// Whether this EVAL or EVALSHA is of a script that says of itself that it writes nothing.
pub(crate) fn declares_no_writes(args: &[&[u8]], host: &dyn Host) -> bool {
    let [command, script, ..] = args else { return false };
    let is_by_sha1 =
        command.get(4..).is_some_and(|end| end.to_ascii_lowercase().starts_with(b"sha"));
    let script = if is_by_sha1 { ScriptRef::Sha1(script) } else { ScriptRef::Text(script) };
    host.scripting().declares_no_writes(script)
}

fn eval(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    by_sha1: bool,
    read_only: bool,
) -> CommandResult {
    if is_native(args.all(), cx.host) {
        return unlock(cx, args);
    }
    let script = args.bytes()?;
    if by_sha1 && script.len() != PHPREDIS_UNLOCK_SHA1.len() {
        return Err(CommandError::NoScript);
    }
    let script = if by_sha1 { ScriptRef::Sha1(script) } else { ScriptRef::Text(script) };
    let count = args.integer()?;
    let rest = args.take_rest();
    if count < 0 {
        return Err(CommandError::text("ERR Number of keys can't be negative"));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > rest.len() {
        return Err(CommandError::text("ERR Number of keys can't be greater than number of args"));
    }
    let (keys, argv) = rest.split_at(count);
    let result = cx.host.scripting().eval(cx, &ScriptCall { script, keys, args: argv, read_only });
    // The commands it called have counted and recorded their own changes.
    cx.db.effects.changes = 0;
    result
}

/// phpredis's unlock: delete the lock if it is the caller's.
fn unlock(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let [_, script, _, key, token] = args.all() else { unreachable!("checked by is_native") };
    if script.len() != PHPREDIS_UNLOCK_SHA1.len() {
        // Sent whole: known from now on, as after any EVAL.
        cx.host.scripting().load(script)?;
    }
    let owned = match cx.db.string(key) {
        Ok(value) => value == Some(*token),
        Err(_) => {
            return Err(CommandError::owned(format!(
                "WRONGTYPE Operation against a key holding the wrong kind of value script: \
                 {PHPREDIS_UNLOCK_SHA1}, on @user_script:1."
            )));
        }
    };
    if owned {
        if let Some(refusal) = cx.host.refuses_writes() {
            return Err(refusal);
        }
        cx.db.delete(key);
        cx.db.notify(crate::pubsub::EventClasses::GENERIC, "del", key);
        cx.db.record(&[b"DEL", key]);
    }
    cx.reply.integer(i64::from(owned));
    Ok(Outcome::Reply)
}

/// There is no debugger; turning it off is what clients do to be sure.
fn debug(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    if args.take_word("NO") {
        cx.reply.ok();
        return Ok(Outcome::Reply);
    }
    let known = args.take_word("YES") || args.take_word("SYNC");
    Err(CommandError::text(if known {
        "ERR SCRIPT DEBUG is not supported: this server has no script debugger"
    } else {
        "ERR Use SCRIPT DEBUG YES/SYNC/NO"
    }))
}

fn load(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let sha1 = cx.host.scripting().load(args.bytes()?)?;
    cx.reply.bulk(sha1.as_bytes());
    Ok(Outcome::Reply)
}

fn exists(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let digests = args.take_rest();
    cx.reply.array(digests.len());
    for sha1 in digests {
        cx.reply.integer(i64::from(cx.host.scripting().is_known(sha1)));
    }
    Ok(Outcome::Reply)
}

fn flush(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let known = args.is_empty() || args.take_word("ASYNC") || args.take_word("SYNC");
    if !known || !args.is_empty() {
        return Err(CommandError::text("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    cx.host.scripting().flush();
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn kill(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.host.scripting().kill()?;
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn help(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    subcommand_help(cx, "SCRIPT", SUBCOMMANDS)
}
