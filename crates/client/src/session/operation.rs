//! One operation in both languages: the `SESSION` command, and the script for other servers.

use std::sync::LazyLock;
use std::time::Duration;

use guarda_resp::Frame;
use guarda_session::scripts::{self, Script};
use sha1::{Digest as _, Sha1};

use crate::connection::Connection;
use crate::deadline::Budget;
use crate::error::{Error, code_and_advice};

/// A script and its name on the server.
pub(super) struct Loaded {
    script: Script,
    sha1: String,
}

impl Loaded {
    fn new(script: Script) -> Self {
        let sha1 = Sha1::digest(script.text).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { script, sha1 }
    }
}

pub(super) static OPEN: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::OPEN));
pub(super) static COMMIT: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::COMMIT));
pub(super) static TOUCH: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::TOUCH));
pub(super) static RENEW: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::RENEW));
pub(super) static RELEASE: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::RELEASE));
pub(super) static DESTROY: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::DESTROY));
pub(super) static KILL: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::KILL));
pub(super) static SET_ASIDE: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::SET_ASIDE));
pub(super) static LIST: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::LIST));

/// One operation, in both languages.
pub(super) struct Operation<'a> {
    /// After `SESSION`.
    pub(super) native: Vec<&'a [u8]>,
    pub(super) script: &'static Loaded,
    /// Of the script.
    pub(super) keys: Vec<&'a [u8]>,
    pub(super) args: Vec<&'a [u8]>,
    /// How long the native command itself may wait.
    pub(super) patience: Duration,
    /// Whether it may be sent again by script if its answer was lost.
    pub(super) repeatable: bool,
}

impl<'a> Operation<'a> {
    /// One that does not wait and may be repeated.
    pub(super) fn new(
        native: Vec<&'a [u8]>,
        script: &'static Loaded,
        keys: Vec<&'a [u8]>,
        args: Vec<&'a [u8]>,
    ) -> Self {
        Self { native, script, keys, args, patience: Duration::ZERO, repeatable: true }
    }
}

impl Connection {
    /// Performs it: by `SESSION` unless the server is known to have none. An answer that is an error
    /// is returned as one.
    pub(super) fn perform(
        &mut self,
        operation: &Operation<'_>,
        budget: &Budget,
    ) -> Result<Frame, Error> {
        self.reconnect_if_closed(budget)?;
        if let Some(answer) = self.try_native(&operation.native, operation.patience, budget)? {
            return self.accepted(answer);
        }
        let Operation { script, keys, args, repeatable, .. } = operation;
        self.run_script(script, keys, args, *repeatable, budget)
    }

    /// The answer to a `SESSION` command; None where there are none.
    pub(super) fn try_native(
        &mut self,
        command: &[&[u8]],
        patience: Duration,
        budget: &Budget,
    ) -> Result<Option<Frame>, Error> {
        if self.has_session_commands == Some(false) {
            return Ok(None);
        }
        let mut args: Vec<&[u8]> = vec![b"SESSION"];
        args.extend(command);
        let answer = self.ask_once_more(&args, patience, budget, true)?;
        let known = !answer.as_error().is_some_and(is_unknown_command);
        self.has_session_commands = Some(known);
        Ok(known.then_some(answer))
    }

    pub(super) fn run_script(
        &mut self,
        loaded: &Loaded,
        keys: &[&[u8]],
        arguments: &[&[u8]],
        repeatable: bool,
        budget: &Budget,
    ) -> Result<Frame, Error> {
        let Loaded { script, sha1 } = loaded;
        let fits = keys.len().is_multiple_of(script.keys) && arguments.len() == script.args;
        debug_assert!(fits, "{}", script.name);
        let count = itoa::Buffer::new().format(keys.len()).to_owned();
        let mut args: Vec<&[u8]> = vec![b"EVALSHA", sha1.as_bytes(), count.as_bytes()];
        args.extend(keys);
        args.extend(arguments);
        let mut answer = self.ask_once_more(&args, Duration::ZERO, budget, repeatable)?;
        if answer.as_error().is_some_and(|text| text.starts_with(b"NOSCRIPT")) {
            args[0] = b"EVAL";
            args[1] = script.text.as_bytes();
            answer = self.ask_once_more(&args, Duration::ZERO, budget, repeatable)?;
        }
        self.accepted(answer)
    }

    /// Sends a plain command that changes nothing.
    pub(super) fn look(&mut self, args: &[&[u8]], budget: &Budget) -> Result<Frame, Error> {
        self.reconnect_if_closed(budget)?;
        let answer = self.ask_once_more(args, Duration::ZERO, budget, true)?;
        self.accepted(answer)
    }

    /// Connects again if the server has closed the connection since it was last used.
    pub(super) fn reconnect_if_closed(&mut self, budget: &Budget) -> Result<(), Error> {
        if !self.is_clean() {
            *self = Self::connect(&self.endpoint, budget)?;
        }
        Ok(())
    }

    /// Asks, and once more on a new connection if this one broke before anything was answered.
    fn ask_once_more(
        &mut self,
        args: &[&[u8]],
        patience: Duration,
        budget: &Budget,
        repeatable: bool,
    ) -> Result<Frame, Error> {
        let reused = std::mem::take(&mut self.reused);
        match self.ask(args, patience, budget) {
            Err(Error::Lost { .. }) if repeatable && reused => {
                *self = Self::connect(&self.endpoint, budget)?;
                self.ask(args, patience, budget)
            }
            Err(error @ (Error::Lost { .. } | Error::Timeout { .. })) if !repeatable => {
                let reason = match &error {
                    Error::Lost { source, .. } => source.to_string(),
                    _ => "no answer in time".to_owned(),
                };
                Err(Error::OutcomeUnknown { endpoint: self.endpoint.to_string(), reason })
            }
            other => other,
        }
    }

    pub(super) fn accepted(&self, answer: Frame) -> Result<Frame, Error> {
        let Some(text) = answer.as_error() else { return Ok(answer) };
        let (code, advice) = code_and_advice(text);
        Err(Error::Server { endpoint: self.endpoint.to_string(), code, advice })
    }

    pub(super) fn nonsense(&self) -> Error {
        Error::Protocol { endpoint: self.endpoint.to_string() }
    }
}

fn is_unknown_command(text: &[u8]) -> bool {
    text.starts_with(b"ERR unknown command")
}
