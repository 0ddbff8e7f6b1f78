//! The session protocol, on any server: what is asked and answered.

mod created;
mod operation;
mod overview;
mod plain;
mod requests;

use std::borrow::Cow;
use std::time::Duration;

use guarda_session::{Holder, aside_key, lock_key, tag_key, tombstone_key};

use operation::sha1_hex;
pub use overview::{List, Listed, Page};

/// The keys of one session: its own, and those beside it, which are made when they are wanted.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    session: Vec<u8>,
}

impl Keys {
    /// The keys that belong to a session's own.
    pub fn new(session_key: Vec<u8>) -> Self {
        Self { session: session_key }
    }

    /// The session's own.
    pub fn session(&self) -> &[u8] {
        &self.session
    }

    fn lock(&self) -> Vec<u8> {
        lock_key(&self.session)
    }

    fn tombstone(&self) -> Vec<u8> {
        tombstone_key(&self.session)
    }

    fn tag(&self) -> Vec<u8> {
        tag_key(&self.session)
    }

    /// Of the copy that is set aside.
    fn aside(&self) -> Vec<u8> {
        aside_key(&self.session)
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
    /// How long the lock lives without its holder; a second at least.
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
    /// Who asks, for SESSION LOCKS; other servers than Guarda do not learn of it.
    pub holder: Option<&'a Holder>,
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
    /// What the server calls these bytes; None: it leaves that to [`generation`](Self::generation).
    pub named: Option<Vec<u8>>,
    /// The tombstone that is there.
    pub nonce: Option<Vec<u8>>,
    /// How long the lock was waited for.
    pub waited: Duration,
}

impl Opened {
    /// One that was not opened.
    fn refused(status: Status) -> Self {
        Self { status, data: None, named: None, nonce: None, waited: Duration::ZERO }
    }

    /// Identifies the stored bytes in COMMIT. Where scripts are used, nobody hashes what nobody asks
    /// for.
    pub fn generation(&self) -> Cow<'_, [u8]> {
        match (&self.named, &self.data) {
            (Some(name), _) => Cow::Borrowed(name),
            (None, None) => Cow::Borrowed(b"absent"),
            (None, Some(data)) => Cow::Owned(sha1_hex(data).into_bytes()),
        }
    }

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
    pub opened: &'a Opened,
    /// Time to live from now on.
    pub ttl: Duration,
    /// Whether OPEN took a lock.
    pub locked: bool,
    /// Whether to make a session again that has vanished.
    pub recreate: bool,
    /// A hash of the user, by which sessions can be listed and ended; empty: none. None leaves it
    /// as it is, and a session that is new has none then.
    pub tag: Option<&'a [u8]>,
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

/// How RENEW ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The lock lives on for its lease, and the session no shorter.
    Held,
    /// The lock is gone, or somebody else's.
    LockLost,
}
