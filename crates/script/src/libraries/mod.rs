//! The libraries that Redis gives its scripts: `cjson`, `cmsgpack`, `struct` and `bit`; and Redis's own
//! `math.random` and a `string.rep` that ends.
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
mod random;
mod repeat;
mod structs;

use std::sync::Arc;

use mlua::{Lua, Table};

use crate::ScriptLimits;
use crate::control::Control;

pub(crate) use json::JsonSettings;

/// Deepest nesting of tables that `cjson` writes or reads, whatever a script asks for. It is what
/// `cjson` allows unless it is told otherwise.
pub(crate) const NESTING_MAX: u32 = 1000;

/// Values that a library writes between two looks at whether the script was killed.
const VALUES_PER_CHECK: u32 = 10_000;

/// What a library may use up while it writes.
#[derive(Clone)]
struct Budget {
    limits: ScriptLimits,
    control: Arc<Control>,
    values: u32,
}

impl Budget {
    /// Called for each value, with the length of what is written so far.
    fn spend(&mut self, len: usize) -> mlua::Result<()> {
        if len > self.limits.memory_max {
            return Err(arguments::out_of_memory());
        }
        self.values += 1;
        if self.values >= VALUES_PER_CHECK {
            self.values = 0;
            self.control.tick(&self.limits)?;
        }
        Ok(())
    }
}

/// Creates the libraries in `host`, from where the prelude takes them; returns the settings of the
/// shared `cjson`.
pub(crate) fn install(
    lua: &Lua,
    host: &Table,
    limits: &ScriptLimits,
    control: &Arc<Control>,
) -> mlua::Result<JsonSettings> {
    let settings = JsonSettings::default();
    let budget = Budget { limits: *limits, control: Arc::clone(control), values: 0 };
    host.raw_set("cjson", json::create(lua, &settings, &budget)?)?;
    host.raw_set("cmsgpack", msgpack::create(lua, &budget)?)?;
    host.raw_set("struct", structs::create(lua, limits.memory_max)?)?;
    host.raw_set("bit", bit::create(lua)?)?;
    repeat::install(lua, limits.memory_max)?;
    random::install(lua, &lua.globals().raw_get("math")?)?;
    Ok(settings)
}
