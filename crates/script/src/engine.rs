//! The script engine that the server lends to commands.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use guarda_commands::{
    CommandError, CommandResult, Context, Outcome, ScriptCall, ScriptRef, ScriptStatistics,
    Scripting,
};
use mlua::{Lua, LuaOptions, LuaString, StdLib};
use parking_lot::{Mutex, RwLock};

use crate::ScriptLimits;
use crate::control::Control;
use crate::failure::{Failure, SCRIPT_NAME, first_line};
use crate::interpreter::{Interpreter, compile};
use crate::library::{Library, ScriptDigest};
use crate::shebang::{self, Declared};

/// Lua scripts for the command table.
///
/// Lock order: `interpreter`, then `library`. `interpreter` is held while a script runs; everything
/// but [`Scripting::eval`] does without it.
pub struct LuaEngine {
    limits: ScriptLimits,
    control: Arc<Control>,
    library: RwLock<Library>,
    interpreter: Mutex<Option<Interpreter>>,
    /// Compiles what SCRIPT LOAD sends, and runs nothing.
    checker: Mutex<Option<Checker>>,
}

struct Checker {
    lua: Lua,
    /// Keeps the chunk name from the collector while the parser uses it: Lua 5.1's does not.
    _script_name: LuaString,
}

/// Tells that the script has ended, however it did.
struct Running<'a>(&'a Control);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl LuaEngine {
    /// An engine without scripts. Its interpreter is made when the first one runs.
    pub fn new(limits: ScriptLimits) -> LuaEngine {
        LuaEngine {
            limits,
            control: Arc::default(),
            library: RwLock::default(),
            interpreter: Mutex::new(None),
            checker: Mutex::new(None),
        }
    }

    fn check(&self, text: &[u8]) -> Result<(), CommandError> {
        let (_, body) = shebang::split(text)?;
        let mut checker = self.checker.lock();
        let checker = match &mut *checker {
            Some(checker) => checker,
            empty => {
                empty.insert(Checker::new(&self.limits).map_err(|error| internal_error(&error))?)
            }
        };
        compile(&checker.lua, body).map(drop)
    }

    /// The digest and text of the script that is called.
    fn find(&self, script: ScriptRef<'_>) -> Result<(ScriptDigest, Arc<[u8]>), CommandError> {
        match script {
            ScriptRef::Text(text) => Ok((ScriptDigest::of(text), text.into())),
            ScriptRef::Sha1(hex) => {
                let digest = ScriptDigest::parse(hex).ok_or(CommandError::NoScript)?;
                let text = self.library.read().text(digest).ok_or(CommandError::NoScript)?;
                Ok((digest, text))
            }
        }
    }

    /// The interpreter, without scripts that were flushed.
    fn refreshed<'i>(
        &self,
        interpreter: &'i mut Option<Interpreter>,
    ) -> Result<&'i mut Interpreter, CommandError> {
        let generation = self.library.read().generation();
        if interpreter.as_ref().is_some_and(|kept| kept.generation != generation) {
            *interpreter = None;
        }
        match interpreter {
            Some(kept) => Ok(kept),
            empty => {
                let new = Interpreter::new(&self.limits, &self.control, generation)
                    .map_err(|error| internal_error(&error))?;
                Ok(empty.insert(new))
            }
        }
    }

    /// Keeps a script that took much memory from starving the next one.
    fn settle(&self, interpreter: &mut Option<Interpreter>) {
        let Some(kept) = interpreter else { return };
        if kept.memory_used() > self.limits.memory_max / 2 {
            kept.collect_garbage();
        }
        let used = kept.memory_used();
        self.control.memory_used.store(used, Ordering::Relaxed);
        if used > self.limits.memory_max / 2 {
            *interpreter = None;
        }
    }
}

impl Checker {
    fn new(limits: &ScriptLimits) -> mlua::Result<Checker> {
        let lua = Lua::new_with(StdLib::NONE, LuaOptions::default())?;
        lua.set_memory_limit(limits.memory_max)?;
        Ok(Checker { _script_name: lua.create_string(SCRIPT_NAME)?, lua })
    }
}

/// What the script declares and the state of the server allow it to run.
fn admit(declared: Declared, cx: &Context<'_, '_>, read_only: bool) -> Result<(), CommandError> {
    if !declared.explicit || declared.no_writes {
        return Ok(());
    }
    if !declared.allow_oom && cx.client.lacks_memory {
        return Err(CommandError::OutOfMemory);
    }
    if let Some(refusal) = cx.host.refuses_writes() {
        return Err(refusal);
    }
    if read_only {
        return Err(CommandError::text(
            "ERR Can not execute a script with write flag using *_ro command.",
        ));
    }
    Ok(())
}

/// The reply of a script that failed.
fn answer(failure: &Failure, digest: ScriptDigest, cx: &mut Context<'_, '_>) -> CommandResult {
    let text = failure.wire_text(&digest.hex());
    match String::from_utf8(text) {
        Ok(text) if !failure.counted => Err(CommandError::owned(text)),
        Ok(text) => {
            cx.reply.error(&text);
            Ok(Outcome::Reply)
        }
        Err(binary) => {
            cx.reply.error_bytes(binary.as_bytes());
            Ok(Outcome::Reply)
        }
    }
}

fn internal_error(error: &mlua::Error) -> CommandError {
    CommandError::owned(format!("ERR the script interpreter failed: {}", first_line(error)))
}

impl Scripting for LuaEngine {
    fn statistics(&self) -> ScriptStatistics {
        let library = self.library.read();
        ScriptStatistics {
            scripts: library.len(),
            scripts_bytes: library.bytes_len(),
            interpreter_bytes: self.control.memory_used.load(Ordering::Relaxed),
        }
    }

    fn load(&self, text: &[u8]) -> Result<String, CommandError> {
        let digest = ScriptDigest::of(text);
        if !self.library.read().contains(digest) {
            self.check(text)?;
        }
        self.library.write().load(digest, text);
        Ok(digest.hex())
    }

    fn is_known(&self, sha1: &[u8]) -> bool {
        ScriptDigest::parse(sha1).is_some_and(|digest| self.library.read().contains(digest))
    }

    fn declares_no_writes(&self, script: ScriptRef<'_>) -> bool {
        let declares = |text: &[u8]| shebang::split(text).is_ok_and(|(said, _)| said.no_writes);
        match script {
            ScriptRef::Text(text) => declares(text),
            ScriptRef::Sha1(sha1) => {
                let digest = ScriptDigest::parse(sha1);
                let known = digest.and_then(|digest| self.library.read().text(digest));
                known.is_some_and(|text| declares(&text))
            }
        }
    }

    fn flush(&self) {
        self.library.write().flush();
    }

    fn eval(&self, cx: &mut Context<'_, '_>, call: &ScriptCall<'_>) -> CommandResult {
        let (digest, text) = self.find(call.script)?;
        let mut slot = self.interpreter.lock();
        let interpreter = self.refreshed(&mut slot)?;
        let script = interpreter.script(digest, &text)?;
        self.library.write().note_run(digest, &text);
        admit(script.declared, cx, call.read_only)?;
        self.control.begin();
        let running = Running(&self.control);
        let result = interpreter.run(cx, script, call);
        drop(running);
        self.settle(&mut slot);
        match result {
            Ok(()) => Ok(Outcome::Reply),
            Err(failure) => answer(&failure, digest, cx),
        }
    }

    fn kill(&self) -> Result<(), CommandError> {
        self.control.kill()
    }
}
