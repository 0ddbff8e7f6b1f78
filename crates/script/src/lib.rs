//! Lua 5.1 scripts over the command table.
//!
//! [`LuaEngine`] implements [`Scripting`] with PUC Lua 5.1. One thread
//! evaluates at a time, under the keyspace's exclusive lock; loading, asking, forgetting and killing
//! wait for no running script.
//!
//! - `library`: the texts that EVALSHA may name, and which of them are forgotten first.
//! - `shebang`: a script's first line and its flags.
//! - `interpreter`: the Lua state, its sandbox (`prelude.lua`) and the compiled scripts.
//! - `bridge`: `redis.call`: arguments, nested execution, replies as Lua values.
//! - `api`: the other functions of the table `redis`.
//! - `libraries`: `cjson`, `cmsgpack`, `struct` and `bit`.
//! - `reply`: what a script returns, as a reply.
//! - `failure`: errors on their way from where they were raised to the wire.
//! - `control`: what other threads may do to a running script.
//!
//! A script cannot touch files, sockets, processes or the clock, because its world holds no function
//! that does; it cannot load bytecode; and it leaves nothing behind in the interpreter, because all
//! that scripts share is read-only.
//!
//! # Where it differs from Redis 7
//!
//! - What a script sets by `cjson.encode_max_depth` and its like holds until it ends; no nesting is
//!   deeper than 1000.
//! - Memory is bounded ([`ScriptLimits::memory_max`]), replies are in length ([`REPLY_LEN_MAX`]) and
//!   depth ([`REPLY_DEPTH_MAX`]), and string patterns of more than 4,096 bytes may not repeat or
//!   capture. Scripts known only from EVAL are forgotten as in Redis 7.4 ([`EVALUATED_MAX`]).
//! - SCRIPT KILL also ends a script that catches it with `xpcall`. Errors without text,
//!   `error({x=1})`, are answered `ERR unknown error`; Redis 7.0 crashes.
//! - `redis.set_repl` checks its argument and changes nothing: every write is journalled.
//! - Functions written in Lua here (`pcall`, `pairs`, `string.find`, ...) lose their place in an
//!   error if they are the operand of `return` and their arguments are wrong.
//! - A NaN has no sign.

#![forbid(unsafe_code)]

mod api;
mod bridge;
mod control;
mod engine;
mod failure;
mod interpreter;
mod libraries;
mod library;
mod reply;
mod shebang;

use guarda_commands::Scripting;

pub use engine::LuaEngine;
pub use library::{EVALUATED_BYTES_MAX, EVALUATED_MAX};

/// What scripts may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptLimits {
    /// Most bytes of the interpreter's memory, compiled scripts included. A script that needs more
    /// ends in an error.
    pub memory_max: usize,
    /// Most virtual machine instructions of one script, counted in steps of
    /// [`INSTRUCTIONS_PER_CHECK`]; 0: no limit. Once a script has written it is not ended, since
    /// half of its writes would stay.
    pub instructions_max: u64,
}

impl Default for ScriptLimits {
    fn default() -> Self {
        ScriptLimits { memory_max: 256 << 20, instructions_max: 0 }
    }
}

/// The engine that `guarda serve` runs.
pub fn engine() -> Box<dyn Scripting + Send> {
    Box::new(LuaEngine::new(ScriptLimits::default()))
}

/// Instructions between two looks at whether a script was killed: some 100 µs.
pub const INSTRUCTIONS_PER_CHECK: u32 = 10_000;

/// Stack that a thread needs to run scripts, in bytes: a debug build's `cjson.encode` takes some 4 KiB
/// for each level of nesting.
pub const STACK_LEN_MIN: usize = 16 << 20;

/// Deepest nesting of what a script returns. Redis 7 goes to 7,993; clients do not.
pub const REPLY_DEPTH_MAX: usize = 200;

/// Longest reply of a script in bytes: tables can contain themselves.
pub const REPLY_LEN_MAX: usize = 256 << 20;
