//! The libraries that Redis gives its scripts: `cjson`, `cmsgpack`, `struct` and `bit`.
//!
//! What they accept, answer and complain about was observed on redis-server 7.0.15. What they may
//! build is bounded by the interpreter's memory, and nothing here recurses deeper than
//! [`NESTING_MAX`].

mod arguments;
mod bit;
mod json;
mod json_decode;
mod json_encode;
mod json_number;
mod msgpack;
mod msgpack_unpack;
mod structs;

use mlua::{Lua, Table};

pub(crate) use json::JsonSettings;

/// Deepest nesting of tables that `cjson` writes or reads, whatever a script asks for. It is what
/// `cjson` allows unless it is told otherwise.
pub(crate) const NESTING_MAX: u32 = 1000;

/// Creates the libraries in `host`, from where the prelude takes them; returns the settings of the
/// shared `cjson`.
pub(crate) fn install(lua: &Lua, host: &Table, memory_max: usize) -> mlua::Result<JsonSettings> {
    let settings = JsonSettings::default();
    host.raw_set("cjson", json::create(lua, &settings, memory_max)?)?;
    host.raw_set("cmsgpack", msgpack::create(lua, memory_max)?)?;
    host.raw_set("struct", structs::create(lua, memory_max)?)?;
    host.raw_set("bit", bit::create(lua)?)?;
    Ok(settings)
}
