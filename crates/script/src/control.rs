//! What other threads may do to a running script.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use guarda_commands::{CommandError, User};
use guarda_resp::Protocol;
use parking_lot::Mutex;

use crate::failure::Raised;
use crate::{INSTRUCTIONS_PER_CHECK, ScriptLimits};

/// No script runs.
const IDLE: u8 = 0;
/// A script runs and has called no write command.
const RUNNING: u8 = 1;
/// A script runs and has called a write command: it can no longer be killed.
const WRITING: u8 = 2;
/// A script runs and is to end.
const KILLED: u8 = 3;

/// State shared by the interpreter's callbacks, the evaluating thread and those that ask.
#[derive(Default)]
pub(crate) struct Control {
    state: AtomicU8,
    /// Version of the protocol in which `redis.call` replies reach the script.
    protocol: AtomicU8,
    /// Instructions that the running script has used, in steps.
    instructions: AtomicU64,
    /// Whose permissions the running script has; nobody's for the server's own.
    user: Mutex<Option<Arc<User>>>,
    /// Bytes the interpreter held after the last script.
    pub(crate) memory_used: AtomicUsize,
}

impl Control {
    /// Whose script is to run.
    pub(crate) fn set_user(&self, user: Option<&Arc<User>>) {
        *self.user.lock() = user.cloned();
    }

    /// Whose script runs.
    pub(crate) fn user(&self) -> Option<Arc<User>> {
        self.user.lock().clone()
    }

    /// A script begins.
    pub(crate) fn begin(&self) {
        self.protocol.store(2, Ordering::Relaxed);
        self.instructions.store(0, Ordering::Relaxed);
        self.state.store(RUNNING, Ordering::Release);
    }

    /// The script has ended.
    pub(crate) fn end(&self) {
        self.state.store(IDLE, Ordering::Release);
    }

    /// SCRIPT KILL.
    pub(crate) fn kill(&self) -> Result<(), CommandError> {
        match self.state.compare_exchange(RUNNING, KILLED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) | Err(KILLED) => Ok(()),
            Err(WRITING) => Err(CommandError::text(
                "UNKILLABLE Sorry the script already executed write commands against the dataset. \
                 You can either wait the script termination or kill the server in a hard way \
                 using the SHUTDOWN NOSAVE command.",
            )),
            Err(_) => Err(CommandError::text("NOTBUSY No scripts in execution right now.")),
        }
    }

    /// Fails if the script is to end.
    pub(crate) fn check_killed(&self) -> Result<(), Raised> {
        if self.state.load(Ordering::Acquire) == KILLED {
            return Err(Raised::new("ERR Script killed by user with SCRIPT KILL..."));
        }
        Ok(())
    }

    /// The script is about to call a write command; fails if it was killed before that.
    pub(crate) fn begin_writing(&self) -> Result<(), Raised> {
        let _ = self.state.compare_exchange(RUNNING, WRITING, Ordering::AcqRel, Ordering::Acquire);
        self.check_killed()
    }

    /// Whether the script has called a write command.
    pub(crate) fn is_writing(&self) -> bool {
        self.state.load(Ordering::Acquire) == WRITING
    }

    /// Called every [`INSTRUCTIONS_PER_CHECK`] instructions; fails if the script is to end.
    pub(crate) fn tick(&self, limits: &ScriptLimits) -> Result<(), Raised> {
        self.check_killed()?;
        let step = u64::from(INSTRUCTIONS_PER_CHECK);
        self.instructions.fetch_add(step, Ordering::Relaxed);
        self.check_budget(limits)
    }

    fn check_budget(&self, limits: &ScriptLimits) -> Result<(), Raised> {
        let used = self.instructions.load(Ordering::Relaxed);
        if limits.instructions_max > 0 && used > limits.instructions_max && !self.is_writing() {
            return Err(Raised::new("ERR Script ended: it used more instructions than allowed"));
        }
        Ok(())
    }

    /// Whether the script must end whatever it catches.
    pub(crate) fn check_ended(&self, limits: &ScriptLimits) -> Result<(), Raised> {
        self.check_killed()?;
        self.check_budget(limits)
    }

    /// `redis.setresp`.
    pub(crate) fn set_protocol(&self, protocol: Protocol) {
        self.protocol.store(protocol.version(), Ordering::Relaxed);
    }

    /// What `redis.setresp` chose.
    pub(crate) fn protocol(&self) -> Protocol {
        if self.protocol.load(Ordering::Relaxed) == 3 { Protocol::Resp3 } else { Protocol::Resp2 }
    }
}
