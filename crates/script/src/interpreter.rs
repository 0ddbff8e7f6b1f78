//! The Lua state, its sandbox and the compiled scripts.

use std::collections::HashMap;
use std::sync::Arc;

use guarda_commands::{CommandError, Context, ScriptCall};
use mlua::chunk::ChunkMode;
use mlua::{Function, HookTriggers, Lua, LuaOptions, StdLib, Table, Value, VmState};

use crate::bridge::Session;
use crate::control::Control;
use crate::failure::{Failure, PRELUDE_NAME, SCRIPT_NAME, first_line, shown};
use crate::libraries::{self, JsonSettings};
use crate::library::ScriptDigest;
use crate::reply::write_reply;
use crate::shebang::{self, Declared};
use crate::{INSTRUCTIONS_PER_CHECK, ScriptLimits, api};

/// Most scripts kept compiled; the text of others is compiled again when they are called.
const COMPILED_MAX: usize = 500;

/// A script that can be run.
#[derive(Clone, Copy)]
pub(crate) struct Compiled {
    /// Where its function is in [`kept::FUNCTIONS`].
    slot: usize,
    /// What its first line says.
    pub(crate) declared: Declared,
    /// When it was last asked for.
    asked: u64,
}

/// One Lua state. Scripts leave nothing behind in it.
pub(crate) struct Interpreter {
    lua: Lua,
    /// Of the `cjson` that scripts share.
    json_settings: JsonSettings,
    /// Invariant: as many as `kept::FUNCTIONS` has, at most [`COMPILED_MAX`].
    compiled: HashMap<ScriptDigest, Compiled>,
    asked: u64,
    control: Arc<Control>,
    /// The library's generation that the compiled scripts belong to.
    pub(crate) generation: u64,
}

/// Names under which Lua's registry keeps what a script needs. The binding's own references are few,
/// and each argument of `redis.call` takes one: whatever is kept here leaves room for one more.
mod kept {
    /// What the scripts' read-only globals stand for.
    pub(super) const GLOBALS: &str = "globals";
    /// What the scripts' read-only `redis` stands for.
    pub(super) const REDIS: &str = "redis";
    /// Calls the function of a slot under the error handler.
    pub(super) const RUN: &str = "run";
    /// Compiled functions by slot.
    pub(super) const FUNCTIONS: &str = "functions";
    /// Keeps the chunk name from the collector while the parser uses it: Lua 5.1's does not.
    pub(super) const SCRIPT_NAME: &str = "script name";
}

impl Interpreter {
    /// A new state with its sandbox.
    pub(crate) fn new(
        limits: &ScriptLimits,
        control: &Arc<Control>,
        generation: u64,
    ) -> mlua::Result<Interpreter> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
        let lua = Lua::new_with(libraries, LuaOptions::default())?;
        let redis = api::create(&lua, control)?;
        let host = lua.create_table()?;
        host.raw_set("redis", &redis)?;
        let functions = lua.create_table()?;
        host.raw_set("functions", &functions)?;
        add_error_functions(&lua, &host, limits, control)?;
        let json_settings = libraries::install(&lua, &host, limits, control)?;
        let (globals, seen, run) = lua
            .load(include_str!("prelude.lua"))
            .set_name(PRELUDE_NAME)
            .call::<(Table, Table, Function)>(host)?;
        lua.set_globals(seen)?;
        lua.set_named_registry_value(kept::GLOBALS, globals)?;
        lua.set_named_registry_value(kept::REDIS, redis)?;
        lua.set_named_registry_value(kept::RUN, run)?;
        lua.set_named_registry_value(kept::FUNCTIONS, functions)?;
        lua.set_named_registry_value(kept::SCRIPT_NAME, lua.create_string(SCRIPT_NAME)?)?;
        lua.gc_collect()?;
        lua.set_memory_limit(limits.memory_max)?;
        let (hook_limits, hook_control) = (*limits, Arc::clone(control));
        let triggers = HookTriggers::new().every_nth_instruction(INSTRUCTIONS_PER_CHECK);
        lua.set_global_hook(triggers, move |_, _| {
            hook_control.tick(&hook_limits)?;
            Ok(VmState::Continue)
        })?;
        Ok(Interpreter {
            json_settings,
            compiled: HashMap::new(),
            asked: 0,
            control: Arc::clone(control),
            generation,
            lua,
        })
    }

    /// Bytes that the state holds.
    pub(crate) fn memory_used(&self) -> usize {
        self.lua.used_memory()
    }

    /// Frees what nothing refers to.
    pub(crate) fn collect_garbage(&self) {
        // Nothing in the sandbox has a finalizer that could fail.
        let _ = self.lua.gc_collect();
    }

    /// A script ready to run; compiles it unless it is kept.
    pub(crate) fn script(
        &mut self,
        digest: ScriptDigest,
        text: &[u8],
    ) -> Result<Compiled, CommandError> {
        self.asked += 1;
        if let Some(script) = self.compiled.get_mut(&digest) {
            script.asked = self.asked;
            return Ok(*script);
        }
        let (declared, body) = shebang::split(text)?;
        let function = compile(&self.lua, body)?;
        let slot = self.free_slot();
        let functions = self.lua.named_registry_value::<Table>(kept::FUNCTIONS);
        functions
            .and_then(|functions| functions.raw_set(slot, function))
            .map_err(|error| compile_error(&error))?;
        let script = Compiled { slot, declared, asked: self.asked };
        self.compiled.insert(digest, script);
        Ok(script)
    }

    /// An unused slot; at the bound, that of the script not asked for for longest.
    fn free_slot(&mut self) -> usize {
        if self.compiled.len() < COMPILED_MAX {
            return self.compiled.len() + 1;
        }
        let oldest = self.compiled.iter().min_by_key(|(_, script)| script.asked);
        let (&digest, _) = oldest.expect("COMPILED_MAX is not zero");
        self.compiled.remove(&digest).expect("found above").slot
    }

    /// Runs a script and writes its reply.
    pub(crate) fn run(
        &self,
        cx: &mut Context<'_, '_>,
        script: Compiled,
        call: &ScriptCall<'_>,
    ) -> Result<(), Failure> {
        let selected = cx.client.db;
        self.control.set_user(cx.client.user.as_ref());
        let session = Session::new(cx, &self.control, script.declared, call.read_only);
        let result = self.evaluate(&session, script, call);
        let cx = session.into_context();
        // A SELECT holds for the script only.
        if cx.client.db != selected {
            let databases = cx.host.keyspace().databases();
            cx.client.select(selected, databases).expect("it was selected before");
            cx.db.index = selected;
        }
        match result {
            Ok((true, value)) => {
                let Context { reply, db, .. } = cx;
                let mut note_error = |text: &[u8]| db.effects.note_error_in_reply(text);
                write_reply(&self.lua, self.control.protocol(), &value, reply, &mut note_error)
                    .map_err(|error| Failure::of_binding(&error))
            }
            Ok((false, value)) => Err(Failure::of_value(&self.lua, &value)),
            Err(error) => Err(Failure::of_binding(&error)),
        }
    }

    fn evaluate(
        &self,
        session: &Session<'_, '_, '_>,
        script: Compiled,
        call: &ScriptCall<'_>,
    ) -> mlua::Result<(bool, Value)> {
        self.json_settings.reset();
        let globals: Table = self.lua.named_registry_value(kept::GLOBALS)?;
        globals.raw_set("KEYS", self.list(call.keys)?)?;
        globals.raw_set("ARGV", self.list(call.args)?)?;
        drop(globals);
        let run: Function = self.lua.named_registry_value(kept::RUN)?;
        self.lua.scope(|scope| {
            let call = scope.create_function(|lua, args| session.call(lua, args))?;
            let pcall = scope.create_function(|lua, args| session.pcall(lua, args))?;
            let redis: Table = self.lua.named_registry_value(kept::REDIS)?;
            redis.raw_set("call", call)?;
            redis.raw_set("pcall", pcall)?;
            drop(redis);
            run.call(script.slot)
        })
    }

    fn list(&self, items: &[&[u8]]) -> mlua::Result<Table> {
        let list = self.lua.create_table_with_capacity(items.len(), 0)?;
        for item in items {
            list.raw_push(self.lua.create_string(item)?)?;
        }
        Ok(list)
    }
}

/// The functions through which the sandbox meets errors of the host.
fn add_error_functions(
    lua: &Lua,
    host: &Table,
    limits: &ScriptLimits,
    control: &Arc<Control>,
) -> mlua::Result<()> {
    let (caught_limits, caught_control) = (*limits, Arc::clone(control));
    let caught = lua.create_function(move |lua, value: Value| {
        caught_control.check_ended(&caught_limits)?;
        shown(lua, value)
    })?;
    let handler = lua.create_function(|lua, value: Value| Failure::note(lua, &value))?;
    host.raw_set("caught", caught)?;
    host.raw_set("shown", lua.create_function(|lua, value: Value| shown(lua, value))?)?;
    host.raw_set("handler", handler)
}

/// Compiles a script's body, which begins behind its first line if that declares something.
pub(crate) fn compile(lua: &Lua, body: &[u8]) -> Result<Function, CommandError> {
    let behind_blank;
    // No binary chunk: behind a blank ESC is refused as text, in Redis's words.
    let body = if body.first() == Some(&0x1b) {
        behind_blank = [b" ", body].concat();
        &behind_blank[..]
    } else {
        body
    };
    lua.load(body)
        .set_name(SCRIPT_NAME)
        .set_mode(ChunkMode::Text)
        .into_function()
        .map_err(|error| compile_error(&error))
}

fn compile_error(error: &mlua::Error) -> CommandError {
    CommandError::owned(format!("ERR Error compiling script (new function): {}", first_line(error)))
}
