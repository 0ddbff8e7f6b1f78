//! `string.rep`: Lua 5.1's own counts to two thousand million for an empty string, and nothing can
//! end it meanwhile.

use mlua::{Lua, LuaString, Table};

use super::arguments::{Call, out_of_memory};

/// Replaces the function in the table `string`.
pub(super) fn install(lua: &Lua, memory_max: usize) -> mlua::Result<()> {
    let string: Table = lua.globals().raw_get("string")?;
    let rep = lua.create_function(move |lua, args| rep(&Call::new(lua, args), memory_max))?;
    string.raw_set("rep", rep)
}

fn rep(call: &Call<'_>, memory_max: usize) -> mlua::Result<LuaString> {
    let text = call.string(1)?;
    let count = usize::try_from(call.integer(2)? as i32).unwrap_or(0);
    match count.checked_mul(text.as_bytes().len()) {
        Some(len) if len <= memory_max => call.lua.create_string(text.as_bytes().repeat(count)),
        _ => Err(out_of_memory()),
    }
}
