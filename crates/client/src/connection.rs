//! One connection: connect, say who we are, ask, understand the answer.

use std::cell::RefCell;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use guarda_resp::{Frame, FrameDecoder, encode_command};
use smallvec::SmallVec;

use crate::deadline::{Budget, now};
use crate::endpoint::Endpoint;
use crate::error::{Error, code_and_advice};
use crate::probe;
use crate::process::process_id;
use crate::prologue::Prologue;
use crate::tls;
use crate::transport::Transport;

/// What is read at once.
const CHUNK: usize = 16 * 1024;

thread_local! {
    /// Where what is read lies for a moment; kept, since clearing it costs more than most answers.
    static ARRIVED: RefCell<[u8; CHUNK]> = const { RefCell::new([0; CHUNK]) };
}

/// A socket's timeout from which on waking up in vain costs nothing.
const SHORT_TIMEOUT: Duration = Duration::from_secs(1);
/// Buffers above this size are given back after use.
const KEPT_MAX: usize = 64 * 1024;
/// How often a connection that was closed is made again, with `retry_interval`; as in phpredis.
const RETRIES: u32 = 10;

/// The answers to commands that travelled together; mostly it is one.
pub(crate) type Frames = SmallVec<[Frame; 2]>;

/// What a server watches (WATCH) for a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Watches {
    /// Nothing.
    Nothing,
    /// Keys of a session that this connection is done with, or has changed itself.
    Leftovers,
    /// The keys of the session that this token opened, as they were then.
    Session {
        /// The token.
        token: String,
        /// Whether the session had a tag then.
        is_tagged: bool,
    },
    /// It may not be asked to (NOPERM): scripts do it all.
    Refused,
}

/// A connection to one server.
///
/// After an error of input or output it [is broken](Self::is_broken) and of no further use.
#[derive(Debug)]
pub struct Connection {
    pub(crate) endpoint: Endpoint,
    transport: Transport,
    /// What must be said before the first command.
    prologue: Prologue,
    decoder: FrameDecoder,
    received: Vec<u8>,
    outgoing: Vec<u8>,
    /// The timeout that the socket has now.
    timeout: Option<Duration>,
    broken: bool,
    /// Whether anything was ever sent.
    asked: bool,
    /// Whether a request before this one used it: the server may have closed it since.
    pub(crate) reused: bool,
    /// None: not yet known.
    pub(crate) has_session_commands: Option<bool>,
    /// What the server watches for it, on servers without `SESSION` commands.
    pub(crate) watches: Watches,
    /// When it was made.
    pub(crate) made: Instant,
    /// Questions asked so far.
    round_trips: u64,
    /// The process that made it: after a fork it belongs to the parent.
    pub(crate) pid: u32,
}

impl Connection {
    /// Connects, with the TLS handshake if there is one, within the connect timeout.
    ///
    /// AUTH and SELECT are not sent yet: [`ask_at_once`](Self::ask_at_once) sends them along with
    /// its command, [`ask`](Self::ask) before it. What the server has against them is therefore an
    /// error of the first question.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`], [`Error::Tls`] or [`Error::CredentialsFile`].
    pub fn connect(endpoint: &Endpoint, budget: &Budget) -> Result<Self, Error> {
        let prologue = Prologue::of(endpoint)?;
        let limit = budget.within(now(), endpoint.connect_timeout);
        let failed = |source| Error::Connect { endpoint: endpoint.to_string(), source };
        let mut transport = Transport::connect(&endpoint.address, &limit).map_err(failed)?;
        if let Some(options) = &endpoint.tls {
            let refused = |reason| Error::Tls { endpoint: endpoint.to_string(), reason };
            let client = tls::client(options, &endpoint.address).map_err(refused)?;
            transport.secure(client, &limit).map_err(|source| match tls::explain(&source) {
                Some(reason) => refused(reason),
                None if source.kind() == io::ErrorKind::UnexpectedEof => refused(
                    "it closed the connection during the handshake; is this its port for TLS?"
                        .to_owned(),
                ),
                None => failed(source),
            })?;
        }
        Ok(Self {
            endpoint: endpoint.clone(),
            transport,
            prologue,
            decoder: FrameDecoder::default(),
            received: Vec::new(),
            outgoing: Vec::new(),
            timeout: None,
            broken: false,
            asked: false,
            reused: false,
            has_session_commands: None,
            watches: Watches::Nothing,
            made: now(),
            round_trips: 0,
            pid: process_id(),
        })
    }

    /// A connection in the place of one that the server has closed, it may be while it restarts:
    /// with `retry_interval` there are ten more tries, that far apart, until the budget ends.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), of the last try.
    pub(crate) fn connect_again(endpoint: &Endpoint, budget: &Budget) -> Result<Self, Error> {
        let pause = endpoint.retry_interval;
        let mut retries = if pause.is_zero() { 0 } else { RETRIES };
        loop {
            match Self::connect(endpoint, budget) {
                Err(Error::Connect { .. })
                    if retries > 0 && budget.left().is_some_and(|left| left > pause) =>
                {
                    retries -= 1;
                    thread::sleep(pause);
                }
                other => return other,
            }
        }
    }

    /// Replaces this connection by a new one to the same place.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub(crate) fn replace(&mut self, budget: &Budget) -> Result<(), Error> {
        let (known, trips) = (self.has_session_commands, self.round_trips);
        *self = Self::connect_again(&self.endpoint, budget)?;
        (self.has_session_commands, self.round_trips) = (known, trips);
        Ok(())
    }

    /// Where it leads.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How often it has waited for the server, since it was made.
    pub fn round_trips(&self) -> u64 {
        self.round_trips
    }

    /// Whether the server has `SESSION` commands; None: nothing has been asked yet.
    pub fn has_session_commands(&self) -> Option<bool> {
        self.has_session_commands
    }

    /// Whether the server has answered on it: whatever is wrong with an answer breaks it.
    pub(crate) fn has_answered(&self) -> bool {
        self.asked && !self.broken
    }

    /// Whether it can carry no further request.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// It is to carry no further request.
    pub(crate) fn break_off(&mut self) {
        self.broken = true;
    }

    /// Whether it works, as far as is known without asking the system, and is this process's own.
    pub(crate) fn is_own(&self) -> bool {
        !self.broken && self.pid == process_id() && self.received.is_empty()
    }

    /// Whether the next request may use it: nothing is pending, and it is this process's own.
    pub(crate) fn is_clean(&mut self) -> bool {
        // Of a new one nothing is known but that it could be made.
        self.is_own() && (!self.asked || self.transport.is_quiet())
    }

    /// Sends one command and waits for its answer, which may be an error of the server's.
    ///
    /// On a new connection AUTH and SELECT go first and are waited for: for commands that write.
    /// `patience` is added to the time for the answer: what the command itself may wait.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`], [`Error::Timeout`], [`Error::Protocol`], or what the server has against AUTH
    /// or SELECT; the connection is then broken.
    pub fn ask(
        &mut self,
        args: &[impl AsRef<[u8]>],
        patience: Duration,
        budget: &Budget,
    ) -> Result<Frame, Error> {
        self.finish_prologue(budget)?;
        self.ask_at_once(args, patience, budget)
    }

    /// Sends AUTH and SELECT, if they are still to be sent, and waits for them.
    pub(crate) fn finish_prologue(&mut self, budget: &Budget) -> Result<(), Error> {
        if !self.prologue.steps.is_empty() {
            self.exchange(|_| (), 0, Duration::ZERO, budget)?;
        }
        Ok(())
    }

    /// As [`ask`](Self::ask), but on a new connection AUTH and SELECT travel with the command: no
    /// round trip more. If they are refused, the command has still been run, as another user or in
    /// another database; its answer is thrown away. So: for commands that read or lock only.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    pub fn ask_at_once(
        &mut self,
        args: &[impl AsRef<[u8]>],
        patience: Duration,
        budget: &Budget,
    ) -> Result<Frame, Error> {
        let encode = |out: &mut Vec<u8>| encode_command(out, args);
        let answer = self.exchange(encode, 1, patience, budget)?.pop();
        answer.ok_or_else(|| Error::Protocol { endpoint: self.endpoint.to_string() })
    }

    /// Several commands in one write, after what is left of the prologue; an answer for each.
    pub(crate) fn ask_all_at_once<'a>(
        &mut self,
        commands: &[impl AsRef<[&'a [u8]]>],
        patience: Duration,
        budget: &Budget,
    ) -> Result<Frames, Error> {
        let encode = |out: &mut Vec<u8>| {
            commands.iter().for_each(|command| encode_command(out, command.as_ref()));
        };
        self.exchange(encode, commands.len(), patience, budget)
    }

    /// Sends what is left of the prologue, and what `encode` adds; as many answers as that has.
    fn exchange(
        &mut self,
        encode: impl FnOnce(&mut Vec<u8>),
        answers: usize,
        patience: Duration,
        budget: &Budget,
    ) -> Result<Frames, Error> {
        self.round_trips += 1;
        let mut outgoing = std::mem::take(&mut self.outgoing);
        outgoing.clear();
        self.prologue.encode(&mut outgoing);
        encode(&mut outgoing);
        self.asked = true;
        let result = self.converse(&outgoing, answers, patience, budget);
        if outgoing.capacity() <= KEPT_MAX {
            self.outgoing = outgoing;
        }
        if result.is_err() {
            self.broken = true;
        }
        result
    }

    fn converse(
        &mut self,
        bytes: &[u8],
        answers: usize,
        patience: Duration,
        budget: &Budget,
    ) -> Result<Frames, Error> {
        let started = now();
        let mut looked = Some(started);
        // What any other command may take: a server that is silent for longer lets us wait, or hangs.
        let mut unasked =
            (!patience.is_zero()).then(|| budget.within(started, self.endpoint.read_timeout));
        let mut budget = *budget;
        budget.extend(patience);
        let limit = self.endpoint.read_timeout.map(|limit| limit.saturating_add(patience));
        let own = budget.within(started, limit);
        let mut sent = 0;
        let mut frames = Frames::with_capacity(answers);
        loop {
            let rest = bytes.get(sent..).unwrap_or_default();
            if rest.is_empty() && self.take_answers(answers, &mut frames)? {
                return Ok(frames);
            }
            // Before all that may wait.
            let time = looked.take().unwrap_or_else(now);
            let waited = || now().saturating_duration_since(started);
            let Some(mut left) = own.left_at(time) else { return Err(self.silent(waited())) };
            match unasked.map(|until| until.left_at(time)) {
                Some(None) => {
                    unasked = None;
                    if probe::hangs(&self.endpoint, waited()) {
                        return Err(self.silent(waited()));
                    }
                    continue;
                }
                Some(Some(until)) => left = left.min(until),
                None => {}
            }
            self.set_timeout(left)?;
            let done = if rest.is_empty() {
                self.receive()
            } else {
                self.transport.write(rest).map(|count| sent += count)
            };
            match done {
                Ok(()) => {}
                // Whether it is too late is decided above.
                Err(error) if is_temporary(&error) => {}
                // A server that refuses the connection says why and hangs up without listening.
                Err(source) if sent < bytes.len() => return Err(self.last_words(source)),
                Err(source) => return Err(self.lost(source)),
            }
        }
    }

    /// Takes the answers that are here, those to the prologue first; whether there are as many now
    /// as were asked for.
    fn take_answers(&mut self, wanted: usize, frames: &mut Frames) -> Result<bool, Error> {
        while let Some(frame) = self.decoded(wanted > frames.len() + 1)? {
            match self.prologue.steps.pop_front() {
                None => frames.push(frame),
                Some(step) => step.check(&frame, &self.endpoint)?,
            }
            if self.prologue.steps.is_empty() && frames.len() == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn silent(&self, waited: Duration) -> Error {
        Error::Timeout { endpoint: self.endpoint.to_string(), waited }
    }

    /// Why the server hung up, if it said so.
    fn last_words(&mut self, source: io::Error) -> Error {
        while self.receive().is_ok() {}
        match self.decoder.decode(&self.received) {
            Ok(Some((frame, _))) if frame.as_error().is_some() => {
                let endpoint = self.endpoint.to_string();
                let (code, advice) = code_and_advice(frame.as_error().unwrap_or_default());
                Error::Server { endpoint, code, advice }
            }
            _ => self.lost(source),
        }
    }

    fn lost(&self, source: io::Error) -> Error {
        let endpoint = self.endpoint.to_string();
        match tls::explain(&source) {
            Some(reason) => Error::Tls { endpoint, reason },
            None => Error::Lost { endpoint, source },
        }
    }

    /// Sets the socket's timeout. One that is up to a fifth too short or too long stays, and so does a
    /// shorter one from a second on, to save the system calls: the answer to a commit is waited for
    /// less long than a lock, in turns. `converse` looks at the deadline itself whenever it wakes.
    fn set_timeout(&mut self, wanted: Duration) -> Result<(), Error> {
        let wanted = wanted.max(Duration::from_millis(1));
        let serves = |now: Duration| {
            now.abs_diff(wanted) <= wanted / 5 || (SHORT_TIMEOUT..=wanted).contains(&now)
        };
        if self.timeout.is_some_and(serves) {
            return Ok(());
        }
        self.transport.set_timeout(wanted).map_err(|source| self.lost(source))?;
        self.timeout = Some(wanted);
        Ok(())
    }

    /// The next answer; `more`: others are awaited behind it, prologue apart.
    fn decoded(&mut self, more: bool) -> Result<Option<Frame>, Error> {
        if self.received.is_empty() {
            return Ok(None);
        }
        let (frame, taken) = match self.decoder.decode(&self.received) {
            Ok(None) => return Ok(None),
            Ok(Some(found)) => found,
            Err(_) => return Err(self.not_an_answer()),
        };
        // Bytes after the last answer that was asked for: whose answer this is, nobody knows.
        let in_prologue = !self.prologue.steps.is_empty();
        if taken != self.received.len() && in_prologue && frame.as_error().is_some() {
            return Ok(Some(frame));
        }
        if taken != self.received.len() && !in_prologue && !more {
            return Err(self.not_an_answer());
        }
        self.received.drain(..taken);
        self.received.shrink_to(KEPT_MAX);
        Ok(Some(frame))
    }

    /// What is no answer. A server that speaks TLS answers an unencrypted command with an alert.
    fn not_an_answer(&self) -> Error {
        let endpoint = self.endpoint.to_string();
        if self.received.starts_with(&[0x15, 0x03]) {
            let reason = "its port is for TLS; write tls:// in place of tcp://".to_owned();
            return Error::Tls { endpoint, reason };
        }
        Error::Protocol { endpoint }
    }

    fn receive(&mut self) -> io::Result<()> {
        ARRIVED.with_borrow_mut(|chunk| match self.transport.read(chunk)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.received.extend_from_slice(&chunk[..count]);
                // What was here was a session's.
                chunk[..count].fill(0);
                Ok(())
            }
        })
    }
}

fn is_temporary(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}
