//! Arguments of library functions, read and complained about as C functions of Lua do.

use mlua::{Lua, LuaString, MultiValue, Value};

use crate::failure::Complaint;
use crate::reply::truncated;

/// One call of a library function. Positions count from 1.
pub(super) struct Call<'l> {
    pub(super) lua: &'l Lua,
    args: Vec<Value>,
}

impl<'l> Call<'l> {
    pub(super) fn new(lua: &'l Lua, args: MultiValue) -> Call<'l> {
        Call { lua, args: args.into_iter().collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.args.len()
    }

    pub(super) fn get(&self, position: usize) -> Option<&Value> {
        self.args.get(position - 1)
    }

    /// Whether the argument is there and not nil.
    pub(super) fn is_given(&self, position: usize) -> bool {
        self.get(position).is_some_and(|value| !value.is_nil())
    }

    /// A string, or a number as text.
    pub(super) fn string(&self, position: usize) -> mlua::Result<LuaString> {
        match self.get(position) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(number @ (Value::Integer(_) | Value::Number(_))) => {
                let text = self.lua.coerce_string(number.clone())?;
                Ok(text.expect("a number has a text"))
            }
            other => Err(self.wrong_type(position, "string", other)),
        }
    }

    /// A number, or a string that reads as one.
    pub(super) fn number(&self, position: usize) -> mlua::Result<f64> {
        let value = self.get(position);
        let number = match value {
            Some(text @ Value::String(_)) => self.lua.coerce_number(text.clone())?,
            Some(Value::Integer(number)) => Some(*number as f64),
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        };
        number.ok_or_else(|| self.wrong_type(position, "number", value))
    }

    /// A number without its fraction.
    pub(super) fn integer(&self, position: usize) -> mlua::Result<i64> {
        self.number(position).map(truncated)
    }

    /// As [`Call::integer`]; `default` if the argument is nil or not there.
    pub(super) fn integer_or(&self, position: usize, default: i64) -> mlua::Result<i64> {
        if self.is_given(position) { self.integer(position) } else { Ok(default) }
    }

    fn wrong_type(&self, position: usize, expected: &str, got: Option<&Value>) -> mlua::Error {
        let got = got.map_or("no value", type_name);
        self.bad(position, format!("{expected} expected, got {got}"))
    }

    /// The complaint about the argument at `position`.
    pub(super) fn bad(&self, position: usize, why: impl AsRef<[u8]>) -> mlua::Error {
        let why = why.as_ref();
        let (name, is_method) = self
            .lua
            .inspect_stack(0, |debug| {
                let names = debug.names();
                let name = names.name.map_or_else(|| "?".to_owned(), std::borrow::Cow::into_owned);
                (name, names.name_what == Some("method"))
            })
            .unwrap_or_else(|| ("?".to_owned(), false));
        // The object before the colon is not counted.
        let position = if is_method { position.saturating_sub(1) } else { position };
        if is_method && position == 0 {
            return self.complain(
                [format!("calling '{name}' on bad self (").as_bytes(), why, b")"].concat(),
            );
        }
        self.complain(
            [format!("bad argument #{position} to '{name}' (").as_bytes(), why, b")"].concat(),
        )
    }

    /// An error that says where the script called.
    pub(super) fn complain(&self, text: impl AsRef<[u8]>) -> mlua::Error {
        complain(self.lua, text)
    }
}

/// An error that says where the script called the running library function.
pub(super) fn complain(lua: &Lua, text: impl AsRef<[u8]>) -> mlua::Error {
    let place = lua.inspect_stack(1, |debug| {
        let line = debug.current_line()?;
        Some(format!("{}:{line}: ", debug.source().short_src?))
    });
    let place = place.flatten().unwrap_or_default();
    Complaint([place.as_bytes(), text.as_ref()].concat()).into()
}

/// What a script needs is more than it may have.
pub(super) fn out_of_memory() -> mlua::Error {
    mlua::Error::MemoryError("not enough memory".to_owned())
}

/// A value's type as Lua names it.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Boolean(_) => "boolean",
        Value::Integer(_) | Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Table(_) => "table",
        Value::Function(_) => "function",
        Value::Thread(_) => "thread",
        _ => "userdata",
    }
}
