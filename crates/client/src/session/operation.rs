//! One operation in both languages: the `SESSION` command, and the script for other servers.

use std::sync::LazyLock;
use std::time::Duration;

use guarda_resp::Frame;
use guarda_session::scripts::{self, Script};
use sha1::{Digest as _, Sha1};
use smallvec::SmallVec;

use crate::connection::{Connection, Frames};
use crate::deadline::Budget;
use crate::error::{Error, code_and_advice};

/// SHA-1 in hexadecimal.
pub(super) fn sha1_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits =
        |byte: u8| [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)]));
    Sha1::digest(bytes).into_iter().flat_map(digits).collect()
}

/// A script and its name on the server.
pub(super) struct Loaded {
    script: Script,
    sha1: String,
}

impl Loaded {
    fn new(script: Script) -> Self {
        let sha1 = sha1_hex(script.text.as_bytes());
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

/// What harm it does to send a command twice, or before AUTH and SELECT are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// None: it reads, or takes a lock that ends by itself.
    Harmless,
    /// It writes, the same however often.
    Repeatable,
    /// It writes, and a second time may not be the same.
    Once,
}

/// The words of a command; few have more.
pub(super) type Words<'a> = SmallVec<[&'a [u8]; 20]>;

impl Connection {
    /// Performs an operation that does not wait, by a `SESSION` command; None where there are none:
    /// a script does it then. An answer that is an error is returned as one.
    pub(super) fn by_command(
        &mut self,
        words: &[&[u8]],
        budget: &Budget,
    ) -> Result<Option<Frame>, Error> {
        // Guarda knows by the tokens what it has done already.
        self.by_patient_command(words, Duration::ZERO, Effect::Repeatable, budget)
    }

    /// [`by_command`](Self::by_command) for one that may itself wait as long as `patience`.
    pub(super) fn by_patient_command(
        &mut self,
        words: &[&[u8]],
        patience: Duration,
        effect: Effect,
        budget: &Budget,
    ) -> Result<Option<Frame>, Error> {
        self.reconnect_if_closed(budget)?;
        if self.has_session_commands == Some(false) {
            return Ok(None);
        }
        let answer = self.ask_once_more(words, patience, budget, effect)?;
        let known = !answer.as_error().is_some_and(is_unknown_command);
        self.has_session_commands = Some(known);
        if known { self.accepted(answer).map(Some) } else { Ok(None) }
    }

    pub(super) fn run_script(
        &mut self,
        loaded: &Loaded,
        keys: &[&[u8]],
        arguments: &[&[u8]],
        effect: Effect,
        budget: &Budget,
    ) -> Result<Frame, Error> {
        let Loaded { script, sha1 } = loaded;
        let fits = keys.len().is_multiple_of(script.keys) && arguments.len() == script.args;
        debug_assert!(fits, "{}", script.name);
        let mut digits = itoa::Buffer::new();
        let count = digits.format(keys.len()).as_bytes();
        let mut args = Words::from_slice(&[b"EVALSHA", sha1.as_bytes(), count]);
        args.extend_from_slice(keys);
        args.extend_from_slice(arguments);
        let mut answer = self.ask_once_more(&args, Duration::ZERO, budget, effect)?;
        if answer.as_error().is_some_and(|text| text.starts_with(b"NOSCRIPT")) {
            args[0] = b"EVAL";
            args[1] = script.text.as_bytes();
            answer = self.ask_once_more(&args, Duration::ZERO, budget, effect)?;
        }
        self.accepted(answer)
    }

    /// Sends a plain command that changes nothing.
    pub(super) fn look(&mut self, args: &[&[u8]], budget: &Budget) -> Result<Frame, Error> {
        self.reconnect_if_closed(budget)?;
        let answer = self.ask_once_more(args, Duration::ZERO, budget, Effect::Harmless)?;
        self.accepted(answer)
    }

    /// Connects again if the server has closed the connection since it was last used. The pool has
    /// looked already at one that it has just given out, and on Guarda a command that is lost is
    /// simply sent again.
    pub(super) fn reconnect_if_closed(&mut self, budget: &Budget) -> Result<(), Error> {
        let may_ask_twice = self.has_session_commands == Some(true) && self.is_own();
        if !self.reused && !may_ask_twice && !self.is_clean() {
            self.replace(budget)?;
        }
        Ok(())
    }

    /// One command, by [`ask_all_once_more`](Self::ask_all_once_more).
    fn ask_once_more(
        &mut self,
        args: &[&[u8]],
        patience: Duration,
        budget: &Budget,
        effect: Effect,
    ) -> Result<Frame, Error> {
        let answers = self.ask_all_once_more(&[args], patience, budget, effect)?;
        answers.into_iter().next().ok_or_else(|| self.nonsense())
    }

    /// Asks, and once more on a new connection if this one broke before anything was answered: if it
    /// may have been closed before, or if the server is a Guarda, which knows its tokens again.
    pub(super) fn ask_all_once_more<'a>(
        &mut self,
        commands: &[impl AsRef<[&'a [u8]]>],
        patience: Duration,
        budget: &Budget,
        effect: Effect,
    ) -> Result<Frames, Error> {
        let reused = std::mem::take(&mut self.reused) || self.has_session_commands == Some(true);
        let once = effect == Effect::Once;
        match self.send(commands, patience, budget, effect) {
            Err(Error::Lost { .. }) if !once && (reused || effect == Effect::Repeatable) => {
                self.replace(budget)?;
                self.send(commands, patience, budget, effect)
            }
            Err(error @ (Error::Lost { .. } | Error::Timeout { .. })) if once => {
                let reason = match &error {
                    Error::Lost { source, .. } => source.to_string(),
                    _ => "no answer in time".to_owned(),
                };
                Err(Error::OutcomeUnknown { endpoint: self.endpoint.to_string(), reason })
            }
            other => other,
        }
    }

    fn send<'a>(
        &mut self,
        commands: &[impl AsRef<[&'a [u8]]>],
        patience: Duration,
        budget: &Budget,
        effect: Effect,
    ) -> Result<Frames, Error> {
        if effect != Effect::Harmless {
            self.finish_prologue(budget)?;
        }
        self.ask_all_at_once(commands, patience, budget)
    }

    pub(super) fn accepted(&self, answer: Frame) -> Result<Frame, Error> {
        let Some(text) = answer.as_error() else { return Ok(answer) };
        let (code, advice) = code_and_advice(text);
        Err(Error::Server { endpoint: self.endpoint.to_string(), code, advice })
    }

    /// An answer to something else than was asked: what comes next on this connection would be, too.
    pub(super) fn nonsense(&mut self) -> Error {
        self.break_off();
        Error::Protocol { endpoint: self.endpoint.to_string() }
    }
}

fn is_unknown_command(text: &[u8]) -> bool {
    text.starts_with(b"ERR unknown command")
}
