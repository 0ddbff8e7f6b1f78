//! `redis.call` and `redis.acl_check_cmd`: arguments, nested execution, replies as Lua values.

use std::cell::RefCell;

use guarda_commands::{Context, Flags, NestedRules, execute_nested, may_run, table};
use guarda_resp::{Frame, Protocol, decode, format_double};
use mlua::{Lua, MultiValue, Table, Value};
use smallvec::SmallVec;

use crate::control::Control;
use crate::failure::Raised;
use crate::shebang::Declared;

/// What is kept of a scratch buffer between calls, in bytes.
const SCRATCH_KEPT_MAX: usize = 64 * 1024;

/// What one evaluation lends to `redis.call`.
pub(crate) struct Session<'s, 'a, 'k> {
    cx: RefCell<&'s mut Context<'a, 'k>>,
    control: &'s Control,
    read_only: bool,
    allow_oom: bool,
    scratch: RefCell<Scratch>,
}

/// The arguments and the reply of the call at hand; kept for its buffers.
#[derive(Default)]
struct Scratch {
    bytes: Vec<u8>,
    /// Where each argument ends in `bytes`.
    ends: SmallVec<[usize; 8]>,
    reply: Vec<u8>,
}

impl<'s, 'a, 'k> Session<'s, 'a, 'k> {
    /// An evaluation on behalf of `cx`.
    pub(crate) fn new(
        cx: &'s mut Context<'a, 'k>,
        control: &'s Control,
        declared: Declared,
        read_only: bool,
    ) -> Session<'s, 'a, 'k> {
        Session {
            cx: RefCell::new(cx),
            control,
            read_only: read_only || declared.no_writes,
            allow_oom: declared.allow_oom,
            scratch: RefCell::default(),
        }
    }

    /// The evaluation is over.
    pub(crate) fn into_context(self) -> &'s mut Context<'a, 'k> {
        self.cx.into_inner()
    }

    /// `redis.call`: errors are raised.
    pub(crate) fn call(&self, lua: &Lua, args: MultiValue) -> mlua::Result<Value> {
        Ok(self.invoke(lua, args)??)
    }

    /// `redis.pcall`: errors are returned.
    pub(crate) fn pcall(&self, lua: &Lua, args: MultiValue) -> mlua::Result<Value> {
        match self.invoke(lua, args)? {
            Ok(value) => Ok(value),
            Err(raised) => Ok(Value::Table(raised.to_table(lua)?)),
        }
    }

    /// Runs a command. The outer error ends the script, the inner one is the command's.
    fn invoke(&self, lua: &Lua, args: MultiValue) -> mlua::Result<Result<Value, Raised>> {
        self.control.check_killed()?;
        let scratch = &mut *self.scratch.borrow_mut();
        if let Err(raised) = scratch.take_args(args) {
            return Ok(Err(raised));
        }
        let Scratch { bytes, ends, reply } = scratch;
        let args = slices(bytes, ends);
        let rules = NestedRules {
            read_only: self.read_only,
            // Half of its writes would be worse than a few more.
            allow_oom: self.allow_oom || self.control.is_writing(),
        };
        if !self.read_only && is_write(&args) {
            self.control.begin_writing()?;
        }
        reply.clear();
        let protocol = self.control.protocol();
        let cx = &mut **self.cx.borrow_mut();
        if let Err(refusal) = execute_nested(cx, &args, protocol, rules, reply) {
            return Ok(Err(Raised { text: refusal.to_string().into_bytes(), by_command: true }));
        }
        let Ok(Some((frame, _))) = decode(reply) else {
            return Ok(Err(Raised::new("ERR reply too deep or too long")));
        };
        if reply.capacity() > SCRATCH_KEPT_MAX {
            *reply = Vec::new();
        }
        match frame {
            Frame::Error(text) => Ok(Err(Raised { text, by_command: true })),
            frame => to_lua(lua, protocol, frame).map(Ok),
        }
    }
}

/// `redis.acl_check_cmd`: whether the script's client may run a command.
///
/// Made once, unlike `redis.call`: each function made for one script takes a place from the values
/// that the binding can hold, and so one argument from the longest call.
pub(crate) fn may_call(control: &Control, args: MultiValue) -> mlua::Result<bool> {
    let mut scratch = Scratch::default();
    scratch.take_args(args)?;
    may_run(control.user().as_deref(), &slices(&scratch.bytes, &scratch.ends))
        .ok_or_else(|| Raised::new("ERR Invalid command passed to redis.acl_check_cmd()").into())
}

/// The arguments that end at `ends`.
fn slices<'b>(bytes: &'b [u8], ends: &[usize]) -> SmallVec<[&'b [u8]; 8]> {
    let mut start = 0;
    ends.iter().map(|&end| &bytes[std::mem::replace(&mut start, end)..end]).collect()
}

fn is_write(args: &[&[u8]]) -> bool {
    let Some(spec) = table().find(args[0]) else { return false };
    let sub = args.get(1).and_then(|name| spec.subcommand(name));
    sub.unwrap_or(spec).flags.contains(Flags::WRITE)
}

impl Scratch {
    /// Copies the arguments of a call. The Lua values are gone afterwards: the binding has room for
    /// few of them, and the reply needs some.
    fn take_args(&mut self, args: MultiValue) -> Result<(), Raised> {
        if self.bytes.capacity() > SCRATCH_KEPT_MAX {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.ends.clear();
        if args.is_empty() {
            return Err(Raised::new(
                "ERR Please specify at least one argument for this redis lib call",
            ));
        }
        for arg in args {
            match arg {
                Value::String(text) => self.bytes.extend_from_slice(&text.as_bytes()),
                Value::Integer(number) => {
                    self.bytes.extend_from_slice(format_double(number as f64).as_bytes());
                }
                Value::Number(number) => {
                    // The sum makes -0 a plain 0, as Redis 7.2 writes it.
                    let number = number + 0.0;
                    self.bytes.extend_from_slice(format_double(number).as_bytes());
                }
                _ => {
                    return Err(Raised::new(
                        "ERR Lua redis lib command arguments must be strings or integers",
                    ));
                }
            }
            self.ends.push(self.bytes.len());
        }
        Ok(())
    }
}

/// A reply as scripts see it. Recurses as deep as the decoder allows replies to be.
fn to_lua(lua: &Lua, protocol: Protocol, frame: Frame) -> mlua::Result<Value> {
    Ok(match frame {
        Frame::Integer(value) => Value::Number(value as f64),
        Frame::Bulk(bytes) => Value::String(lua.create_string(bytes)?),
        Frame::Simple(text) => wrapped(lua, "ok", Value::String(lua.create_string(text)?))?,
        Frame::Error(text) => Value::Table(Raised { text, by_command: true }.to_table(lua)?),
        Frame::Null if protocol == Protocol::Resp3 => Value::Nil,
        Frame::Null | Frame::NullArray => Value::Boolean(false),
        Frame::Array(items) | Frame::Push(items) => list(lua, protocol, items)?,
        Frame::Map(pairs) => {
            let map = lua.create_table_with_capacity(0, pairs.len())?;
            for (key, value) in pairs {
                set_entry(&map, to_lua(lua, protocol, key)?, to_lua(lua, protocol, value)?)?;
            }
            wrapped(lua, "map", Value::Table(map))?
        }
        Frame::Set(items) => {
            let set = lua.create_table_with_capacity(0, items.len())?;
            for item in items {
                set_entry(&set, to_lua(lua, protocol, item)?, Value::Boolean(true))?;
            }
            wrapped(lua, "set", Value::Table(set))?
        }
        Frame::Boolean(value) => Value::Boolean(value),
        Frame::Double { value, .. } => wrapped(lua, "double", Value::Number(value))?,
        Frame::BigNumber(digits) => {
            wrapped(lua, "big_number", Value::String(lua.create_string(digits)?))?
        }
        Frame::Verbatim { format, text } => {
            let verbatim = lua.create_table_with_capacity(0, 2)?;
            verbatim.raw_set("format", lua.create_string(format)?)?;
            verbatim.raw_set("string", lua.create_string(text)?)?;
            wrapped(lua, "verbatim_string", Value::Table(verbatim))?
        }
        _ => Value::Nil,
    })
}

/// A table with one field.
fn wrapped(lua: &Lua, field: &str, value: Value) -> mlua::Result<Value> {
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set(field, value)?;
    Ok(Value::Table(table))
}

fn list(lua: &Lua, protocol: Protocol, items: Vec<Frame>) -> mlua::Result<Value> {
    let table = lua.create_table_with_capacity(items.len(), 0)?;
    for (index, item) in items.into_iter().enumerate() {
        table.raw_set(index + 1, to_lua(lua, protocol, item)?)?;
    }
    Ok(Value::Table(table))
}

/// Sets a field unless its key is none that Lua accepts.
fn set_entry(table: &Table, key: Value, value: Value) -> mlua::Result<()> {
    match key {
        Value::Nil => Ok(()),
        Value::Number(number) if number.is_nan() => Ok(()),
        key => table.raw_set(key, value),
    }
}
