//! The operations on one session.

use std::thread;
use std::time::Duration;

use guarda_resp::Frame;

use super::operation::{
    COMMIT, DESTROY, Effect, OPEN, Operation, RELEASE, RENEW, SET_ASIDE, TOUCH, sha1_hex,
};
use super::{Commit, Committed, Keys, Open, Opened, Renewed, Status, Touched};
use crate::connection::Connection;
use crate::deadline::Budget;
use crate::error::Error;

/// First pause between two tries for a lock, on a server where waiting means asking again.
const PAUSE_MIN: Duration = Duration::from_millis(2);
/// Longest such pause.
const PAUSE_MAX: Duration = Duration::from_millis(40);

/// As many words as the longest `SESSION` command has.
const NATIVE_WORDS: usize = 18;

/// Guarda takes shorter leases for this one.
const LEASE_MIN: Duration = Duration::from_secs(1);

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
        let mut slept = Duration::ZERO;
        loop {
            // A server that has not answered on this connection yet may hang, and must not be taken
            // for one whose lock is held.
            let answers = self.has_answered();
            let left = if answers { waiting.left().unwrap_or_default() } else { Duration::ZERO };
            let mut opened = self.try_open(keys, open, left, budget)?;
            budget.extend(opened.waited);
            opened.waited += slept;
            let waits_there = self.has_session_commands == Some(true);
            if opened.status != Status::Busy || (answers && waits_there) {
                return Ok(opened);
            }
            let Some(left) = waiting.left() else { return Ok(opened) };
            if waits_there {
                continue;
            }
            let nap = jittered(pause)?.min(left);
            thread::sleep(nap);
            budget.extend(nap);
            slept += nap;
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
        if let Some(opened) = self.open_plainly(keys, open, budget)? {
            return Ok(opened);
        }
        let lease = lease_of(open);
        let (wait_ms, lease_ms) = (millis(wait), millis(lease));
        let ttl_ms = open.ttl.map(millis);
        let pid = open.holder.map(|holder| holder.pid().to_string());
        let waiters = open.lock.and_then(|lock| lock.waiters_max).map(|max| max.to_string());
        let mut native: Vec<&[u8]> = Vec::with_capacity(NATIVE_WORDS);
        native.extend([b"OPEN", &keys.session[..], open.token.as_bytes()]);
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
        if let (Some(holder), Some(pid)) = (open.holder, &pid) {
            let (host, url) = (holder.host().as_bytes(), holder.url().as_bytes());
            native.extend([&b"HOLDER"[..], host, pid.as_bytes(), url]);
        }
        let args = vec![
            open.token.as_bytes(),
            lease_ms.as_bytes(),
            ttl_ms.as_ref().map_or(b"0", |ttl| ttl.as_bytes()),
            flag(open.must_exist),
        ];
        let keys = vec![&keys.session[..], &keys.lock, &keys.tombstone, &keys.tag];
        let (patience, effect) = (wait, Effect::Harmless);
        let operation = Operation { patience, effect, ..Operation::new(native, &OPEN, keys, args) };
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
        if let Some(committed) = self.commit_plainly(keys, commit, budget)? {
            return Ok(committed);
        }
        let ttl = millis(commit.ttl);
        let token = commit.token.as_bytes();
        let mut native: Vec<&[u8]> = Vec::with_capacity(NATIVE_WORDS);
        let words = [b"COMMIT", &keys.session[..], token, commit.generation, b"TTL"];
        native.extend(words.into_iter().chain([ttl.as_bytes()]));
        if let Some(nonce) = commit.nonce {
            native.extend([&b"NONCE"[..], nonce]);
        }
        if !commit.locked {
            native.push(b"NOLOCK");
        }
        if commit.recreate {
            native.push(b"RECREATE");
        }
        if let Some(tag) = commit.tag {
            native.extend([&b"TAG"[..], tag]);
        }
        native.extend([&b"DATA"[..], commit.data]);
        let tag = commit.tag.map_or_else(Vec::new, |tag| [b"=", tag].concat());
        let args = vec![
            token,
            commit.generation,
            commit.nonce.unwrap_or_default(),
            ttl.as_bytes(),
            flag(!commit.locked),
            flag(commit.recreate),
            &tag,
            commit.data,
        ];
        let keys = vec![&keys.session[..], &keys.lock, &keys.tombstone, &keys.tag];
        let operation =
            Operation { effect: Effect::Once, ..Operation::new(native, &COMMIT, keys, args) };
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
        let args = vec![token.as_bytes(), ttl.as_bytes(), flag(!locked)];
        let operation =
            Operation::new(native, &TOUCH, vec![&keys.session, &keys.lock, &keys.tag], args);
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
        let operation = Operation::new(native, &RELEASE, vec![&keys.lock], vec![token.as_bytes()]);
        self.perform(&operation, budget).and_then(|answer| self.truth(&answer))
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
        let aside = keys.aside();
        let keys = vec![&keys.session[..], &keys.lock, &keys.tombstone, &keys.tag, &aside];
        let args = vec![token.as_bytes(), nonce.as_bytes(), life.as_bytes()];
        let operation = Operation::new(native, &DESTROY, keys, args);
        self.perform(&operation, budget).and_then(|answer| self.truth(&answer))
    }

    /// Whether there is such a session.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn exists(&mut self, keys: &Keys, budget: &Budget) -> Result<bool, Error> {
        self.look(&[b"EXISTS", &keys.session], budget).and_then(|answer| self.truth(&answer))
    }

    /// Prolongs the lock of a long request by `lease`, and the session's life if it would end sooner;
    /// `ttl` sets that life anew. On Guarda no lock outlives its longest hold.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn renew(
        &mut self,
        keys: &Keys,
        token: &str,
        lease: Duration,
        ttl: Option<Duration>,
        budget: &Budget,
    ) -> Result<Renewed, Error> {
        let (lease, ttl) = (millis(lease.max(LEASE_MIN)), ttl.map(millis));
        let token = token.as_bytes();
        let mut native: Vec<&[u8]> =
            vec![b"RENEW", &keys.session, token, b"LEASE", lease.as_bytes()];
        if let Some(ttl) = &ttl {
            native.extend([&b"TTL"[..], ttl.as_bytes()]);
        }
        let args = vec![token, lease.as_bytes(), ttl.as_ref().map_or(b"0", |ttl| ttl.as_bytes())];
        let operation =
            Operation::new(native, &RENEW, vec![&keys.session, &keys.lock, &keys.tag], args);
        match self.perform(&operation, budget)?.as_bytes() {
            Some(b"OK") => Ok(Renewed::Held),
            Some(b"LOCKLOST") => Ok(Renewed::LockLost),
            _ => Err(self.nonsense()),
        }
    }

    /// Copies a session whose data makes no sense to its reader, to be looked at and restored within
    /// `life`; whether there was one. The session itself stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn set_aside(
        &mut self,
        keys: &Keys,
        life: Duration,
        budget: &Budget,
    ) -> Result<bool, Error> {
        let life = millis(life);
        let native: Vec<&[u8]> = vec![b"SETASIDE", &keys.session, b"TTL", life.as_bytes()];
        let aside = keys.aside();
        let (keys, args) = (vec![&keys.session[..], &aside], vec![life.as_bytes()]);
        let operation = Operation::new(native, &SET_ASIDE, keys, args);
        self.perform(&operation, budget).and_then(|answer| self.truth(&answer))
    }

    /// The session's tag, if it has one: a session under a new id wants it too.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn tag(&mut self, keys: &Keys, budget: &Budget) -> Result<Option<Vec<u8>>, Error> {
        match self.look(&[b"GET", &keys.tag], budget)? {
            Frame::Bulk(tag) => Ok(Some(tag)),
            Frame::Null => Ok(None),
            _ => Err(self.nonsense()),
        }
    }

    /// An answer that counts: whether there was something.
    fn truth(&mut self, answer: &Frame) -> Result<bool, Error> {
        match answer {
            Frame::Integer(count) => Ok(*count != 0),
            _ => Err(self.nonsense()),
        }
    }
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
    let named = bytes();
    let nonce = bytes();
    let waited = match items.next() {
        Some(Frame::Integer(ms)) => Duration::from_millis(u64::try_from(ms).unwrap_or_default()),
        _ => Duration::ZERO,
    };
    let generation = named.unwrap_or_else(|| generation_of(data.as_deref()));
    Some(Opened { status, data, generation, nonce, waited })
}

/// What a server with `SESSION` would have said: scripts leave hashing to the client.
pub(super) fn generation_of(data: Option<&[u8]>) -> Vec<u8> {
    data.map_or_else(|| b"absent".to_vec(), |data| sha1_hex(data).into_bytes())
}

/// How long the lock lives; nothing without one.
pub(super) fn lease_of(open: &Open<'_>) -> Duration {
    open.lock.map_or(Duration::ZERO, |lock| lock.lease.max(LEASE_MIN))
}

fn flag(set: bool) -> &'static [u8] {
    if set { b"1" } else { b"0" }
}

pub(super) fn millis(duration: Duration) -> String {
    // Beyond this a server may refuse the number: a hundred years.
    duration.as_millis().min(3_155_760_000_000).to_string()
}

/// Between a half of it and all of it.
fn jittered(pause: Duration) -> Result<Duration, Error> {
    let random = u32::from(crate::random()?[0]);
    Ok(pause / 2 + pause * random / 512)
}
