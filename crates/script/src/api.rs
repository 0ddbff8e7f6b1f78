//! The table `redis`, but for what asks the server: see [`crate::bridge`].

use std::sync::Arc;

use guarda_commands::{REDIS_VERSION, sha1_hex};
use guarda_resp::Protocol;
use mlua::{Lua, MultiValue, Table, Value};

use crate::control::Control;
use crate::failure::{Raised, until_nul};

/// Levels of `redis.log`, in rising order of weight.
const LOG_LEVELS: [&str; 4] = ["LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"];

/// The `REPL_` constants.
const REPLICATION_FLAGS: [(&str, i64); 5] =
    [("REPL_NONE", 0), ("REPL_AOF", 1), ("REPL_SLAVE", 2), ("REPL_REPLICA", 2), ("REPL_ALL", 3)];

/// Longest message of `redis.log`, in bytes.
const LOG_LEN_MAX: usize = 1024;

/// Creates the table.
pub(crate) fn create(lua: &Lua, control: &Arc<Control>) -> mlua::Result<Table> {
    let redis = lua.create_table()?;
    for (level, name) in LOG_LEVELS.iter().enumerate() {
        redis.raw_set(*name, level)?;
    }
    for (name, value) in REPLICATION_FLAGS {
        redis.raw_set(name, value)?;
    }
    redis.raw_set("REDIS_VERSION", REDIS_VERSION)?;
    redis.raw_set("REDIS_VERSION_NUM", version_number(REDIS_VERSION))?;
    redis.raw_set("error_reply", lua.create_function(error_reply)?)?;
    redis.raw_set("status_reply", lua.create_function(status_reply)?)?;
    redis.raw_set("sha1hex", lua.create_function(sha1hex)?)?;
    redis.raw_set("log", lua.create_function(log)?)?;
    redis.raw_set("set_repl", lua.create_function(set_repl)?)?;
    redis.raw_set("replicate_commands", lua.create_function(|_, ()| Ok(true))?)?;
    redis.raw_set("breakpoint", lua.create_function(|_, ()| Ok(false))?)?;
    redis.raw_set("debug", lua.create_function(|_, _: MultiValue| Ok(()))?)?;
    let asked = Arc::clone(control);
    let may_call = lua.create_function(move |_, args| crate::bridge::may_call(&asked, args))?;
    redis.raw_set("acl_check_cmd", may_call)?;
    let control = Arc::clone(control);
    let setresp = lua.create_function(move |lua, args| setresp(lua, &control, args))?;
    redis.raw_set("setresp", setresp)?;
    Ok(redis)
}

/// `7.2.4` as 0x00070204.
fn version_number(version: &str) -> u32 {
    version.split('.').take(3).fold(0, |number, part| number << 8 | part.parse().unwrap_or(0))
}

fn raise<T>(text: &str) -> mlua::Result<T> {
    Err(Raised::new(text).into())
}

/// The only argument, if it is a string.
fn only_string(args: MultiValue) -> Option<Vec<u8>> {
    let mut args = args.into_iter();
    match (args.next(), args.next()) {
        (Some(Value::String(text)), None) => Some(text.as_bytes().to_vec()),
        _ => None,
    }
}

fn wrong_argument(lua: &Lua) -> mlua::Result<Table> {
    Raised::new("ERR wrong number or type of arguments").to_table(lua)
}

fn error_reply(lua: &Lua, args: MultiValue) -> mlua::Result<Table> {
    let Some(text) = only_string(args) else { return wrong_argument(lua) };
    let text = until_nul(&text);
    let text = text.strip_prefix(b"-").unwrap_or(text);
    // The first word is the code; of what follows, line ends at both ends are left out.
    let (code, message) = match text.iter().position(|byte| *byte == b' ') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (&b"ERR"[..], text),
    };
    Raised::new([code, b" ", without_line_ends(message)].concat()).to_table(lua)
}

fn without_line_ends(text: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b'\r' | b'\n');
    match (text.iter().position(is_text), text.iter().rposition(is_text)) {
        (Some(first), Some(last)) => &text[first..=last],
        _ => b"",
    }
}

fn status_reply(lua: &Lua, args: MultiValue) -> mlua::Result<Table> {
    let Some(text) = only_string(args) else { return wrong_argument(lua) };
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set("ok", lua.create_string(text)?)?;
    Ok(table)
}

fn sha1hex(lua: &Lua, args: MultiValue) -> mlua::Result<String> {
    let mut args = args.into_iter();
    let (Some(value), None) = (args.next(), args.next()) else {
        return raise("ERR wrong number of arguments");
    };
    // What is neither string nor number counts as empty, as in Redis.
    let text = match value {
        Value::String(_) | Value::Integer(_) | Value::Number(_) => lua.coerce_string(value)?,
        _ => None,
    };
    Ok(sha1_hex(text.as_ref().map(mlua::LuaString::as_bytes).as_deref().unwrap_or_default()))
}

fn log(lua: &Lua, args: MultiValue) -> mlua::Result<()> {
    if args.len() < 2 {
        return raise("ERR redis.log() requires two arguments or more.");
    }
    let mut args = args.into_iter();
    let level = match args.next() {
        Some(level) => lua.coerce_number(level).ok().flatten(),
        None => None,
    };
    let Some(level) = level.map(|level| level as i64) else {
        return raise("ERR First argument must be a number (log level).");
    };
    if !(0..LOG_LEVELS.len() as i64).contains(&level) {
        return raise("ERR Invalid debug level.");
    }
    let mut message = Vec::new();
    for value in args {
        let Some(text) = lua.coerce_string(value).ok().flatten() else { continue };
        if !message.is_empty() {
            message.push(b' ');
        }
        let text = text.as_bytes();
        let room = LOG_LEN_MAX.saturating_sub(message.len());
        message.extend_from_slice(&text[..text.len().min(room)]);
    }
    let message = String::from_utf8_lossy(&message);
    match level {
        0 | 1 => tracing::debug!(target: "script", "{message}"),
        2 => tracing::info!(target: "script", "{message}"),
        _ => tracing::warn!(target: "script", "{message}"),
    }
    Ok(())
}

/// Every write of a script is journalled and replicated, whatever was asked for: a data set that
/// lacks some of them after a restart would help nobody.
fn set_repl(lua: &Lua, args: MultiValue) -> mlua::Result<()> {
    let mut args = args.into_iter();
    let (Some(flags), None) = (args.next(), args.next()) else {
        return raise("ERR redis.set_repl() requires two arguments.");
    };
    let flags = lua.coerce_number(flags).ok().flatten().unwrap_or(0.0);
    if !(0..=3).contains(&(flags as i64)) {
        return raise(
            "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        );
    }
    Ok(())
}

fn setresp(lua: &Lua, control: &Control, args: MultiValue) -> mlua::Result<()> {
    let mut args = args.into_iter();
    let (Some(version), None) = (args.next(), args.next()) else {
        return raise("ERR redis.setresp() requires one argument.");
    };
    let version = lua.coerce_number(version).ok().flatten().unwrap_or(0.0);
    match Protocol::from_version(version as i64) {
        Some(protocol) => control.set_protocol(protocol),
        None => return raise("ERR RESP version must be 2 or 3."),
    }
    Ok(())
}
