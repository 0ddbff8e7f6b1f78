//! What a script returns, as a reply.

use guarda_resp::{Protocol, ReplyWriter};
use mlua::{Lua, LuaString, Table, Value};

use crate::failure::{COUNTED, Raised, until_nul};
use crate::{REPLY_DEPTH_MAX, REPLY_LEN_MAX};

/// Names of the fields by which tables stand for other replies than arrays.
struct ReplyFields {
    err: LuaString,
    ok: LuaString,
    double: LuaString,
    map: LuaString,
    set: LuaString,
    big_number: LuaString,
    verbatim_string: LuaString,
    format: LuaString,
    string: LuaString,
    counted: LuaString,
}

impl ReplyFields {
    fn new(lua: &Lua) -> mlua::Result<ReplyFields> {
        Ok(ReplyFields {
            err: lua.create_string("err")?,
            ok: lua.create_string("ok")?,
            double: lua.create_string("double")?,
            map: lua.create_string("map")?,
            set: lua.create_string("set")?,
            big_number: lua.create_string("big_number")?,
            verbatim_string: lua.create_string("verbatim_string")?,
            format: lua.create_string("format")?,
            string: lua.create_string("string")?,
            counted: lua.create_string(COUNTED)?,
        })
    }
}

/// Writes a script's value in the client's protocol; `script_protocol` is what the script chose
/// with `redis.setresp`, and decides what its booleans mean. `note_error` is told each error in it that
/// no command has answered and that so has not been counted yet.
///
/// # Errors
/// The value is too long; nothing is left written then.
pub(crate) fn write_reply(
    lua: &Lua,
    script_protocol: Protocol,
    value: &Value,
    reply: &mut ReplyWriter<'_>,
    note_error: &mut dyn FnMut(&[u8]),
) -> mlua::Result<()> {
    let start = reply.buf.len();
    let fields = if value.is_table() { Some(ReplyFields::new(lua)?) } else { None };
    let mut writer =
        ValueWriter { fields: fields.as_ref(), script_protocol, start, reply, note_error };
    let result = writer.value(value, 0);
    if result.is_err() {
        reply.buf.truncate(start);
    }
    result
}

struct ValueWriter<'w, 'r> {
    /// There if the value is a table.
    fields: Option<&'w ReplyFields>,
    script_protocol: Protocol,
    /// Length of the output before the reply.
    start: usize,
    reply: &'w mut ReplyWriter<'r>,
    note_error: &'w mut dyn FnMut(&[u8]),
}

impl ValueWriter<'_, '_> {
    fn value(&mut self, value: &Value, depth: usize) -> mlua::Result<()> {
        if self.reply.buf.len() - self.start > REPLY_LEN_MAX {
            return Err(Raised::new("ERR the script's reply is too long").into());
        }
        match value {
            Value::String(text) => self.reply.bulk(&text.as_bytes()),
            Value::Integer(number) => self.reply.integer(*number),
            Value::Number(number) => self.reply.integer(truncated(*number)),
            Value::Boolean(value) => match (self.script_protocol, value) {
                (Protocol::Resp3, value) => self.reply.boolean(*value),
                (Protocol::Resp2, true) => self.reply.integer(1),
                (Protocol::Resp2, false) => self.reply.null(),
            },
            Value::Table(_) if depth == REPLY_DEPTH_MAX => {
                self.reply.error("ERR reached lua stack limit");
            }
            Value::Table(table) => self.table(table, depth + 1)?,
            _ => self.reply.null(),
        }
        Ok(())
    }

    fn table(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        let fields = self.fields.expect("a table is only found inside a table");
        if let Value::String(text) = table.raw_get(&fields.err)? {
            let text = text.as_bytes();
            let text = until_nul(&text);
            if !matches!(table.raw_get(&fields.counted)?, Value::Boolean(true)) {
                (self.note_error)(text);
            }
            self.reply.error_bytes(text);
        } else if let Value::String(text) = table.raw_get(&fields.ok)? {
            self.reply.simple_bytes(until_nul(&text.as_bytes()));
        } else if let Some(number) = number(&table.raw_get(&fields.double)?) {
            self.reply.double(number);
        } else if let Value::Table(map) = table.raw_get(&fields.map)? {
            self.map(&map, depth)?;
        } else if let Value::Table(set) = table.raw_get(&fields.set)? {
            self.set(&set, depth)?;
        } else if let Value::String(digits) = table.raw_get(&fields.big_number)? {
            self.reply.bignumber(&digits.to_string_lossy());
        } else if let Value::Table(text) = table.raw_get(&fields.verbatim_string)?
            && let Value::String(format) = text.raw_get(&fields.format)?
            && let Value::String(text) = text.raw_get(&fields.string)?
        {
            let mut padded = *b"   ";
            for (to, from) in padded.iter_mut().zip(format.as_bytes().iter()) {
                *to = *from;
            }
            self.reply.verbatim(&padded, &text.as_bytes());
        } else {
            self.array(table, depth)?;
        }
        Ok(())
    }

    /// The elements up to the first nil.
    fn array(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        let mark = self.reply.begin_array();
        let mut len = 0;
        loop {
            let item: Value = table.raw_get(len + 1)?;
            if item.is_nil() {
                break;
            }
            self.value(&item, depth)?;
            len += 1;
        }
        self.reply.end_array(mark, len);
        Ok(())
    }

    fn map(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        let mark = self.reply.begin_array();
        let mut len = 0;
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            self.value(&key, depth)?;
            self.value(&value, depth)?;
            len += 1;
        }
        self.reply.end_map(mark, len);
        Ok(())
    }

    fn set(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        let mark = self.reply.begin_array();
        let mut len = 0;
        for pair in table.pairs::<Value, Value>() {
            self.value(&pair?.0, depth)?;
            len += 1;
        }
        self.reply.end_set(mark, len);
        Ok(())
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

/// The integer part; what has none is what the processor Redis runs on makes of it.
pub(crate) fn truncated(number: f64) -> i64 {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&number) { number as i64 } else { i64::MIN }
}
