//! The session protocol, on any server.

use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use guarda_resp::Frame;
use guarda_session::scripts::{self, Script};
use guarda_session::{lock_key, tombstone_key};
use sha1::{Digest as _, Sha1};

use crate::connection::Connection;
use crate::deadline::Budget;
use crate::error::{Error, code_and_advice};

/// First pause between two tries for a lock, on a server where waiting means asking again.
const PAUSE_MIN: Duration = Duration::from_millis(2);
/// Longest such pause.
const PAUSE_MAX: Duration = Duration::from_millis(40);

/// The keys of one session.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    session: Vec<u8>,
    lock: Vec<u8>,
    tombstone: Vec<u8>,
}

impl Keys {
    /// The keys that belong to a session's own.
    pub fn new(session_key: Vec<u8>) -> Self {
        let lock = lock_key(&session_key);
        let tombstone = tombstone_key(&session_key);
        Self { session: session_key, lock, tombstone }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Keys({} bytes)", self.session.len())
    }
}

/// How a session is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// How long the lock lives without its holder.
    pub lease: Duration,
    /// How long to wait for another holder.
    pub wait: Duration,
    /// On Guarda: how many may wait for one session.
    pub waiters_max: Option<u32>,
}

/// What OPEN is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open<'a> {
    /// The lock's value, different for every open.
    pub token: &'a str,
    /// None: without a lock.
    pub lock: Option<Lock>,
    /// A new time to live for the session.
    pub ttl: Option<Duration>,
    /// Take no lock if there is no such session.
    pub must_exist: bool,
}

/// How OPEN ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The session is read, and locked if a lock was asked for.
    Open,
    /// There is no such session.
    Missing,
    /// Somebody else held the lock until the wait was over.
    Busy,
    /// Too many wait already.
    Full,
}

/// What OPEN answered. `data` may hold anything: `Debug` shows its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// How it ended.
    pub status: Status,
    /// The stored bytes; None: no session.
    pub data: Option<Vec<u8>>,
    /// Identifies these bytes in COMMIT.
    pub generation: Vec<u8>,
    /// The tombstone that is there.
    pub nonce: Option<Vec<u8>>,
}

impl Opened {
    /// Whether there was a session.
    pub fn exists(&self) -> bool {
        self.data.is_some()
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let len = self.data.as_ref().map(Vec::len);
        write!(out, "Opened({:?}, {len:?} bytes)", self.status)
    }
}

/// What COMMIT is asked.
#[derive(Clone, Copy)]
pub struct Commit<'a> {
    /// As in OPEN.
    pub token: &'a str,
    /// What OPEN answered.
    pub generation: &'a [u8],
    /// What OPEN answered.
    pub nonce: Option<&'a [u8]>,
    /// Time to live from now on.
    pub ttl: Duration,
    /// Whether OPEN took a lock.
    pub locked: bool,
    /// Whether to make a session again that has vanished.
    pub recreate: bool,
    /// What to store.
    pub data: &'a [u8],
}

/// How COMMIT ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Stored.
    Stored,
    /// Not stored: the session was destroyed meanwhile.
    Destroyed,
    /// Not stored: the lock ran out and somebody else came.
    LockLost,
    /// Not stored: the session is gone, without having been destroyed.
    Vanished,
}

/// How TOUCH ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    /// Its time to live is new.
    Refreshed,
    /// There is no such session.
    Missing,
    /// Somebody else holds the lock.
    LockLost,
}

/// A script and its name on the server.
struct Loaded {
    script: Script,
    sha1: String,
}

impl Loaded {
    fn new(script: Script) -> Self {
        let sha1 = Sha1::digest(script.text).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { script, sha1 }
    }
}

static OPEN: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::OPEN));
static COMMIT: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::COMMIT));
static TOUCH: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::TOUCH));
static RELEASE: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::RELEASE));
static DESTROY: LazyLock<Loaded> = LazyLock::new(|| Loaded::new(scripts::DESTROY));

/// One operation, in both languages.
struct Operation<'a> {
    /// After `SESSION`.
    native: Vec<&'a [u8]>,
    script: &'static Loaded,
    /// Keys and arguments of the script.
    scripted: Vec<&'a [u8]>,
    /// How long the native command itself may wait.
    patience: Duration,
    /// Whether it may be sent again by script if its answer was lost.
    repeatable: bool,
}

impl Connection {
    /// Takes the lock, waiting for it if need be, and reads.
    ///
    /// Time spent waiting for the lock does not count against the budget.
    ///
    /// # Errors
    ///
    /// [`Error`]; whether the lock was taken is then unknown: it ends with its lease.
    pub fn open(
        &mut self,
        keys: &Keys,
        open: &Open<'_>,
        budget: &mut Budget,
    ) -> Result<Opened, Error> {
        let wait = open.lock.map_or(Duration::ZERO, |lock| lock.wait);
        let waiting = Budget::start(wait);
        let mut pause = PAUSE_MIN;
        loop {
            let left = waiting.left().unwrap_or_default();
            let opened = self.try_open(keys, open, left, budget)?;
            if opened.status != Status::Busy || self.has_session_commands == Some(true) {
                return Ok(opened);
            }
            let Some(left) = waiting.left() else { return Ok(opened) };
            let nap = jittered(pause)?.min(left);
            thread::sleep(nap);
            budget.extend(nap);
            pause = (pause * 3 / 2).min(PAUSE_MAX);
        }
    }

    fn try_open(
        &mut self,
        keys: &Keys,
        open: &Open<'_>,
        wait: Duration,
        budget: &Budget,
    ) -> Result<Opened, Error> {
        let lease =
            open.lock.map_or(Duration::ZERO, |lock| lock.lease.max(Duration::from_millis(1)));
        let (wait_ms, lease_ms) = (millis(wait), millis(lease));
        let ttl_ms = open.ttl.map(millis);
        let waiters = open.lock.and_then(|lock| lock.waiters_max).map(|max| max.to_string());
        let mut native: Vec<&[u8]> = vec![b"OPEN", &keys.session, open.token.as_bytes()];
        if open.lock.is_some() {
            native.extend([&b"WAIT"[..], wait_ms.as_bytes(), b"LEASE", lease_ms.as_bytes()]);
        } else {
            native.push(b"NOLOCK");
        }
        if let Some(ttl) = &ttl_ms {
            native.extend([&b"TTL"[..], ttl.as_bytes()]);
        }
        if let Some(max) = &waiters {
            native.extend([&b"MAXWAITERS"[..], max.as_bytes()]);
        }
        if open.must_exist {
            native.push(b"MUSTEXIST");
        }
        let scripted = vec![
            &keys.session[..],
            &keys.lock,
            &keys.tombstone,
            open.token.as_bytes(),
            lease_ms.as_bytes(),
            ttl_ms.as_ref().map_or(b"0", |ttl| ttl.as_bytes()),
            flag(open.must_exist),
        ];
        let operation =
            Operation { native, script: &OPEN, scripted, patience: wait, repeatable: true };
        let answer = self.perform(&operation, budget)?;
        opened(answer).ok_or_else(|| self.nonsense())
    }

    /// Stores the session if that is still this request's right, and releases the lock.
    ///
    /// # Errors
    ///
    /// [`Error`]; with [`Error::OutcomeUnknown`] it may have been stored.
    pub fn commit(
        &mut self,
        keys: &Keys,
        commit: &Commit<'_>,
        budget: &Budget,
    ) -> Result<Committed, Error> {
        let ttl = millis(commit.ttl);
        let token = commit.token.as_bytes();
        let mut native: Vec<&[u8]> =
            vec![b"COMMIT", &keys.session, token, commit.generation, b"TTL", ttl.as_bytes()];
        if let Some(nonce) = commit.nonce {
            native.extend([&b"NONCE"[..], nonce]);
        }
        if !commit.locked {
            native.push(b"NOLOCK");
        }
        if commit.recreate {
            native.push(b"RECREATE");
        }
        native.extend([&b"DATA"[..], commit.data]);
        let scripted = vec![
            &keys.session[..],
            &keys.lock,
            &keys.tombstone,
            token,
            commit.generation,
            commit.nonce.unwrap_or_default(),
            ttl.as_bytes(),
            flag(!commit.locked),
            flag(commit.recreate),
            commit.data,
        ];
        let patience = Duration::ZERO;
        let operation =
            Operation { native, script: &COMMIT, scripted, patience, repeatable: false };
        match self.perform(&operation, budget)?.as_bytes() {
            Some(b"OK") => Ok(Committed::Stored),
            Some(b"DESTROYED") => Ok(Committed::Destroyed),
            Some(b"LOCKLOST") => Ok(Committed::LockLost),
            Some(b"VANISHED") => Ok(Committed::Vanished),
            _ => Err(self.nonsense()),
        }
    }

    /// Refreshes the time to live and releases the lock. Makes no session.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn touch(
        &mut self,
        keys: &Keys,
        token: &str,
        ttl: Duration,
        locked: bool,
        budget: &Budget,
    ) -> Result<Touched, Error> {
        let ttl = millis(ttl);
        let mut native: Vec<&[u8]> =
            vec![b"TOUCH", &keys.session, token.as_bytes(), b"TTL", ttl.as_bytes()];
        if !locked {
            native.push(b"NOLOCK");
        }
        let scripted =
            vec![&keys.session[..], &keys.lock, token.as_bytes(), ttl.as_bytes(), flag(!locked)];
        let patience = Duration::ZERO;
        let operation = Operation { native, script: &TOUCH, scripted, patience, repeatable: true };
        match self.perform(&operation, budget)?.as_bytes() {
            Some(b"OK") => Ok(Touched::Refreshed),
            Some(b"MISSING") => Ok(Touched::Missing),
            Some(b"LOCKLOST") => Ok(Touched::LockLost),
            _ => Err(self.nonsense()),
        }
    }

    /// Releases the lock, if it is this token's; whether it was.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn release(&mut self, keys: &Keys, token: &str, budget: &Budget) -> Result<bool, Error> {
        let native = vec![&b"RELEASE"[..], &keys.session, token.as_bytes()];
        let scripted = vec![&keys.lock[..], token.as_bytes()];
        let patience = Duration::ZERO;
        let operation =
            Operation { native, script: &RELEASE, scripted, patience, repeatable: true };
        match self.perform(&operation, budget)? {
            Frame::Integer(count) => Ok(count != 0),
            _ => Err(self.nonsense()),
        }
    }

    /// Deletes the session, releases the lock, and leaves a tombstone with this nonce for `life`, so
    /// that no request that was open meanwhile brings the session back; whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn destroy(
        &mut self,
        keys: &Keys,
        token: &str,
        nonce: &str,
        life: Duration,
        budget: &Budget,
    ) -> Result<bool, Error> {
        let life = millis(life);
        let native: Vec<&[u8]> = vec![
            b"DESTROY",
            &keys.session,
            token.as_bytes(),
            b"NONCE",
            nonce.as_bytes(),
            b"TTL",
            life.as_bytes(),
        ];
        let scripted = vec![
            &keys.session[..],
            &keys.lock,
            &keys.tombstone,
            token.as_bytes(),
            nonce.as_bytes(),
            life.as_bytes(),
        ];
        let patience = Duration::ZERO;
        let operation =
            Operation { native, script: &DESTROY, scripted, patience, repeatable: true };
        match self.perform(&operation, budget)? {
            Frame::Integer(count) => Ok(count != 0),
            _ => Err(self.nonsense()),
        }
    }

    /// Whether there is such a session.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn exists(&mut self, keys: &Keys, budget: &Budget) -> Result<bool, Error> {
        self.renew_if_closed(budget)?;
        let args: [&[u8]; 2] = [b"EXISTS", &keys.session];
        match self.ask_once_more(&args, Duration::ZERO, budget, true)? {
            Frame::Integer(count) => Ok(count != 0),
            other => Err(self.refusal(&other)),
        }
    }

    fn perform(&mut self, operation: &Operation<'_>, budget: &Budget) -> Result<Frame, Error> {
        self.renew_if_closed(budget)?;
        let answer = self.perform_once(operation, budget)?;
        if answer.as_error().is_some() { Err(self.refusal(&answer)) } else { Ok(answer) }
    }

    fn perform_once(&mut self, operation: &Operation<'_>, budget: &Budget) -> Result<Frame, Error> {
        if self.has_session_commands != Some(false) {
            let mut args: Vec<&[u8]> = vec![b"SESSION"];
            args.extend(&operation.native);
            let answer = self.ask_once_more(&args, operation.patience, budget, true)?;
            if !answer.as_error().is_some_and(is_unknown_command) {
                self.has_session_commands = Some(true);
                return Ok(answer);
            }
            self.has_session_commands = Some(false);
        }
        let Loaded { script, sha1 } = operation.script;
        debug_assert_eq!(operation.scripted.len(), script.keys + script.args, "{}", script.name);
        let count = itoa::Buffer::new().format(script.keys).to_owned();
        let mut args: Vec<&[u8]> = vec![b"EVALSHA", sha1.as_bytes(), count.as_bytes()];
        args.extend(&operation.scripted);
        let repeatable = operation.repeatable;
        let answer = self.ask_once_more(&args, Duration::ZERO, budget, repeatable)?;
        if !answer.as_error().is_some_and(|text| text.starts_with(b"NOSCRIPT")) {
            return Ok(answer);
        }
        args[0] = b"EVAL";
        args[1] = script.text.as_bytes();
        self.ask_once_more(&args, Duration::ZERO, budget, repeatable)
    }

    /// Connects again if the server has closed the connection since it was last used.
    fn renew_if_closed(&mut self, budget: &Budget) -> Result<(), Error> {
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

    fn refusal(&mut self, answer: &Frame) -> Error {
        let endpoint = self.endpoint.to_string();
        match answer.as_error() {
            Some(text) => {
                let (code, advice) = code_and_advice(text);
                Error::Server { endpoint, code, advice }
            }
            None => Error::Protocol { endpoint },
        }
    }

    fn nonsense(&self) -> Error {
        Error::Protocol { endpoint: self.endpoint.to_string() }
    }
}

fn is_unknown_command(text: &[u8]) -> bool {
    text.starts_with(b"ERR unknown command")
}

fn opened(answer: Frame) -> Option<Opened> {
    let Frame::Array(items) = answer else { return None };
    let mut items = items.into_iter();
    let status = match items.next()?.as_bytes()? {
        b"OK" => Status::Open,
        b"MISSING" => Status::Missing,
        b"BUSY" => Status::Busy,
        b"FULL" => Status::Full,
        _ => return None,
    };
    let mut bytes = || match items.next() {
        Some(Frame::Bulk(bytes)) => Some(bytes),
        other => other.and_then(|frame| frame.as_bytes().map(<[u8]>::to_vec)),
    };
    let data = bytes();
    let generation = bytes().unwrap_or_default();
    let nonce = bytes();
    Some(Opened { status, data, generation, nonce })
}

fn flag(set: bool) -> &'static [u8] {
    if set { b"1" } else { b"0" }
}

fn millis(duration: Duration) -> String {
    // Beyond this a server may refuse the number: a hundred years.
    duration.as_millis().min(3_155_760_000_000).to_string()
}

/// Between a half of it and all of it.
fn jittered(pause: Duration) -> Result<Duration, Error> {
    let random = u32::from(crate::random()?[0]);
    Ok(pause / 2 + pause * random / 512)
}
