//! One connection: connect, say who we are, ask, understand the answer.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use guarda_resp::{Frame, FrameDecoder, encode_command};
use guarda_session::save_path::Credentials;

use crate::deadline::{Budget, now};
use crate::error::{Error, code_and_advice};
use crate::pool::Endpoint;
use crate::transport::Transport;

/// What is read at once.
const CHUNK: usize = 16 * 1024;
/// Buffers above this size are given back after use.
const KEPT_MAX: usize = 64 * 1024;

/// An authenticated connection to one server.
///
/// After an error of input or output it [is broken](Self::is_broken) and of no further use.
#[derive(Debug)]
pub struct Connection {
    pub(crate) endpoint: Endpoint,
    transport: Transport,
    decoder: FrameDecoder,
    received: Vec<u8>,
    outgoing: Vec<u8>,
    /// The timeout that the socket has now.
    timeout: Option<Duration>,
    broken: bool,
    /// Whether a request before this one used it: the server may have closed it since.
    pub(crate) reused: bool,
    /// None: not yet known.
    pub(crate) has_session_commands: Option<bool>,
    /// Questions asked so far.
    round_trips: u64,
    /// The process that made it: after a fork it belongs to the parent.
    pub(crate) pid: u32,
}

impl Connection {
    /// Connects, authenticates and selects the database.
    ///
    /// # Errors
    ///
    /// [`Error`] that says which of these failed.
    pub fn connect(endpoint: &Endpoint, budget: &Budget) -> Result<Self, Error> {
        if endpoint.tls {
            return Err(Error::Tls { endpoint: endpoint.to_string() });
        }
        let failed = |source| Error::Connect { endpoint: endpoint.to_string(), source };
        let transport = Transport::connect(&endpoint.address, endpoint.connect_timeout, budget)
            .map_err(failed)?;
        let mut connection = Self {
            endpoint: endpoint.clone(),
            transport,
            decoder: FrameDecoder::default(),
            received: Vec::new(),
            outgoing: Vec::new(),
            timeout: None,
            broken: false,
            reused: false,
            has_session_commands: None,
            round_trips: 0,
            pid: std::process::id(),
        };
        connection.introduce(budget)?;
        Ok(connection)
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

    /// Whether it can carry no further request.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether the next request may use it: nothing is pending, and it is this process's own.
    pub(crate) fn is_clean(&self) -> bool {
        !self.broken
            && self.pid == std::process::id()
            && self.received.is_empty()
            && self.transport.is_quiet()
    }

    fn introduce(&mut self, budget: &Budget) -> Result<(), Error> {
        let (user, password) = match self.endpoint.credentials.clone() {
            Credentials::None => (None, None),
            Credentials::Password { user, password } => (user, Some(password)),
            Credentials::File { user, path } => (user, Some(self.password_from(path)?)),
        };
        if let Some(password) = password {
            let mut args: Vec<&[u8]> = vec![b"AUTH"];
            args.extend(user.as_deref());
            args.push(&password);
            if let Some(text) = self.ask(&args, Duration::ZERO, budget)?.as_error() {
                let (code, _) = code_and_advice(text);
                return Err(Error::Credentials { endpoint: self.endpoint.to_string(), code });
            }
        }
        // Database 0 is where every connection starts, and connections are not shared between
        // databases: nothing needs to be said.
        if let Some(database) = self.endpoint.database.filter(|database| *database != 0) {
            let number = database.to_string();
            let args: [&[u8]; 2] = [b"SELECT", number.as_bytes()];
            if let Some(text) = self.ask(&args, Duration::ZERO, budget)?.as_error() {
                let endpoint = self.endpoint.to_string();
                let (code, advice) = code_and_advice(text);
                return Err(match code.as_str() {
                    "NOAUTH" | "LOADING" => Error::Server { endpoint, code, advice },
                    _ => Error::Database { endpoint, database, code },
                });
            }
        }
        Ok(())
    }

    fn password_from(&self, path: String) -> Result<Vec<u8>, Error> {
        match fs::read(&path) {
            Ok(text) => {
                let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
                Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
            }
            Err(source) => {
                Err(Error::CredentialsFile { endpoint: self.endpoint.to_string(), path, source })
            }
        }
    }

    /// Sends one command and waits for its answer, which may be an error of the server's.
    ///
    /// `patience` is added to the time for the answer: what the command itself may wait.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`], [`Error::Timeout`] or [`Error::Protocol`]; the connection is then broken.
    pub fn ask(
        &mut self,
        args: &[impl AsRef<[u8]>],
        patience: Duration,
        budget: &Budget,
    ) -> Result<Frame, Error> {
        self.round_trips += 1;
        let mut outgoing = std::mem::take(&mut self.outgoing);
        outgoing.clear();
        encode_command(&mut outgoing, args);
        let answer = self.exchange(&outgoing, patience, budget);
        if outgoing.capacity() <= KEPT_MAX {
            self.outgoing = outgoing;
        }
        if answer.is_err() {
            self.broken = true;
        }
        answer
    }

    fn exchange(
        &mut self,
        bytes: &[u8],
        patience: Duration,
        budget: &Budget,
    ) -> Result<Frame, Error> {
        let mut budget = *budget;
        budget.extend(patience);
        let limit = self.endpoint.read_timeout.map(|limit| limit.saturating_add(patience));
        let own = Budget::start(limit.unwrap_or(Duration::MAX));
        let started = now();
        let late = |connection: &Self| Error::Timeout {
            endpoint: connection.endpoint.to_string(),
            waited: now().saturating_duration_since(started),
        };
        let mut sent = 0;
        loop {
            // Both ends in one: whichever comes first.
            let (Some(left), Some(own)) = (budget.left(), own.left()) else {
                return Err(late(self));
            };
            self.set_timeout(left.min(own))?;
            let done = if let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
                self.transport.write(rest).map(|count| sent += count)
            } else if let Some(frame) = self.decoded()? {
                return Ok(frame);
            } else {
                self.receive()
            };
            match done {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Too early by up to a fifth: the deadline decides.
                Err(error) if is_timeout(&error) => {
                    if left.min(own) <= self.timeout.unwrap_or_default() {
                        return Err(late(self));
                    }
                }
                Err(source) => return Err(self.lost(source)),
            }
        }
    }

    fn lost(&self, source: io::Error) -> Error {
        Error::Lost { endpoint: self.endpoint.to_string(), source }
    }

    /// Sets the socket's timeout. One that is up to a fifth too short or too long stays, to save the
    /// system calls; `exchange` looks at the deadline itself whenever anything arrives.
    fn set_timeout(&mut self, wanted: Duration) -> Result<(), Error> {
        let wanted = wanted.max(Duration::from_millis(1));
        if self.timeout.is_some_and(|now| now.abs_diff(wanted) <= wanted / 5) {
            return Ok(());
        }
        self.transport.set_timeout(wanted).map_err(|source| self.lost(source))?;
        self.timeout = Some(wanted);
        Ok(())
    }

    fn decoded(&mut self) -> Result<Option<Frame>, Error> {
        if self.received.is_empty() {
            return Ok(None);
        }
        let protocol = |endpoint: &Endpoint| Error::Protocol { endpoint: endpoint.to_string() };
        match self.decoder.decode(&self.received) {
            Ok(None) => Ok(None),
            Ok(Some((frame, taken))) if taken == self.received.len() => {
                self.received.clear();
                self.received.shrink_to(KEPT_MAX);
                Ok(Some(frame))
            }
            // Bytes after the only answer that was asked for: whose answer this is, nobody knows.
            Ok(Some(_)) | Err(_) => Err(protocol(&self.endpoint)),
        }
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        match self.transport.read(&mut chunk)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.received.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
