//! The operations on one session.

use std::thread;
use std::time::Duration;

use guarda_resp::Frame;
use smallvec::SmallVec;

use super::operation::{COMMIT, DESTROY, Effect, OPEN, RELEASE, RENEW, SET_ASIDE, TOUCH, Words};
use super::{Commit, Committed, Keys, Open, Opened, Renewed, Status, Touched};
use crate::connection::Connection;
use crate::deadline::Budget;
use crate::error::Error;

/// First pause between two tries for a lock, on a server where waiting means asking again.
const PAUSE_MIN: Duration = Duration::from_millis(2);
/// Longest such pause.
const PAUSE_MAX: Duration = Duration::from_millis(40);

/// A number as it is sent.
pub(super) type Digits = SmallVec<[u8; 20]>;

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
        let waiting = (!wait.is_zero()).then(|| Budget::start(wait));
        let left = || waiting.and_then(|waiting| waiting.left());
        let mut pause = PAUSE_MIN;
        let mut slept = Duration::ZERO;
        loop {
            // A server that has not answered on this connection yet may hang, and must not be taken
            // for one whose lock is held.
            let answers = self.has_answered();
            let wait = if answers { left().unwrap_or_default() } else { Duration::ZERO };
            let mut opened = self.try_open(keys, open, wait, budget)?;
            budget.extend(opened.waited);
            opened.waited += slept;
            let waits_there = self.has_session_commands == Some(true);
            if opened.status != Status::Busy || (answers && waits_there) {
                return Ok(opened);
            }
            let Some(left) = left() else { return Ok(opened) };
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
        let lease = millis(lease_of(open));
        let waits = open.lock.is_some().then(|| millis(wait));
        let ttl = open.ttl.map(millis);
        let waiters = open.lock.and_then(|lock| lock.waiters_max).map(|max| digits(max.into()));
        let pid = open.holder.map(|holder| digits(holder.pid().into()));
        let token = open.token.as_bytes();
        let mut words = Words::from_slice(&[b"SESSION", b"OPEN", &keys.session, token]);
        match &waits {
            Some(wait) => words.extend_from_slice(&[b"WAIT", wait, b"LEASE", &lease]),
            None => words.push(b"NOLOCK"),
        }
        if let Some(ttl) = &ttl {
            words.extend_from_slice(&[b"TTL", ttl]);
        }
        if let Some(max) = &waiters {
            words.extend_from_slice(&[b"MAXWAITERS", max]);
        }
        if open.must_exist {
            words.push(b"MUSTEXIST");
        }
        if let (Some(holder), Some(pid)) = (open.holder, &pid) {
            let (host, url) = (holder.host().as_bytes(), holder.url().as_bytes());
            words.extend_from_slice(&[b"HOLDER", host, pid, url]);
        }
        let answer = if let Some(answer) =
            self.by_patient_command(&words, wait, Effect::Harmless, budget)?
        {
            answer
        } else {
            let (lock, tombstone, tag) = (keys.lock(), keys.tombstone(), keys.tag());
            let keys = [&keys.session[..], &lock, &tombstone, &tag];
            let ttl = ttl.as_deref().unwrap_or(b"0");
            let args = [token, &lease, ttl, flag(open.must_exist)];
            self.run_script(&OPEN, &keys, &args, Effect::Harmless, budget)?
        };
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
        let (token, generation) = (commit.token.as_bytes(), commit.opened.generation());
        let mut words = Words::from_slice(&[b"SESSION", b"COMMIT", &keys.session, token]);
        words.extend_from_slice(&[&generation, b"TTL", &ttl]);
        if let Some(nonce) = &commit.opened.nonce {
            words.extend_from_slice(&[b"NONCE", nonce]);
        }
        if !commit.locked {
            words.push(b"NOLOCK");
        }
        if commit.recreate {
            words.push(b"RECREATE");
        }
        if let Some(tag) = commit.tag {
            words.extend_from_slice(&[b"TAG", tag]);
        }
        words.extend_from_slice(&[b"DATA", commit.data]);
        let answer = match self.by_command(&words, budget)? {
            Some(answer) => answer,
            None => self.commit_by_script(keys, commit, &ttl, budget)?,
        };
        match answer.as_bytes() {
            Some(b"OK") => Ok(Committed::Stored),
            Some(b"DESTROYED") => Ok(Committed::Destroyed),
            Some(b"LOCKLOST") => Ok(Committed::LockLost),
            Some(b"VANISHED") => Ok(Committed::Vanished),
            _ => Err(self.nonsense()),
        }
    }

    fn commit_by_script(
        &mut self,
        keys: &Keys,
        commit: &Commit<'_>,
        ttl: &[u8],
        budget: &Budget,
    ) -> Result<Frame, Error> {
        let (lock, tombstone, tags) = (keys.lock(), keys.tombstone(), keys.tag());
        let keys = [&keys.session[..], &lock, &tombstone, &tags];
        let tag = commit.tag.map_or_else(Vec::new, |tag| [b"=", tag].concat());
        let args = [
            commit.token.as_bytes(),
            &commit.opened.generation(),
            commit.opened.nonce.as_deref().unwrap_or_default(),
            ttl,
            flag(!commit.locked),
            flag(commit.recreate),
            &tag,
            commit.data,
        ];
        self.run_script(&COMMIT, &keys, &args, Effect::Once, budget)
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
        let (token, ttl) = (token.as_bytes(), millis(ttl));
        let mut words =
            Words::from_slice(&[b"SESSION", b"TOUCH", &keys.session, token, b"TTL", &ttl]);
        if !locked {
            words.push(b"NOLOCK");
        }
        let answer = if let Some(answer) = self.by_command(&words, budget)? {
            answer
        } else {
            let (lock, tag) = (keys.lock(), keys.tag());
            let (keys, args) = ([&keys.session[..], &lock, &tag], [token, &ttl, flag(!locked)]);
            self.run_script(&TOUCH, &keys, &args, Effect::Repeatable, budget)?
        };
        match answer.as_bytes() {
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
        let token = token.as_bytes();
        let words: [&[u8]; 4] = [b"SESSION", b"RELEASE", &keys.session, token];
        let answer = if let Some(answer) = self.by_command(&words, budget)? {
            answer
        } else {
            let lock = keys.lock();
            self.run_script(&RELEASE, &[&lock], &[token], Effect::Repeatable, budget)?
        };
        self.truth(&answer)
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
        let (token, nonce, life) = (token.as_bytes(), nonce.as_bytes(), millis(life));
        let mut words = Words::from_slice(&[b"SESSION", b"DESTROY", &keys.session, token]);
        words.extend_from_slice(&[b"NONCE", nonce, b"TTL", &life]);
        let answer = if let Some(answer) = self.by_command(&words, budget)? {
            answer
        } else {
            let (lock, tombstone) = (keys.lock(), keys.tombstone());
            let (tag, aside) = (keys.tag(), keys.aside());
            let keys = [&keys.session[..], &lock, &tombstone, &tag, &aside];
            let args = [token, nonce, &life];
            self.run_script(&DESTROY, &keys, &args, Effect::Repeatable, budget)?
        };
        self.truth(&answer)
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
        let mut words =
            Words::from_slice(&[b"SESSION", b"RENEW", &keys.session, token, b"LEASE", &lease]);
        if let Some(ttl) = &ttl {
            words.extend_from_slice(&[b"TTL", ttl]);
        }
        let answer = if let Some(answer) = self.by_command(&words, budget)? {
            answer
        } else {
            let (lock, tag) = (keys.lock(), keys.tag());
            let keys = [&keys.session[..], &lock, &tag];
            let args = [token, &lease, ttl.as_deref().unwrap_or(b"0")];
            self.run_script(&RENEW, &keys, &args, Effect::Repeatable, budget)?
        };
        match answer.as_bytes() {
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
        let words: [&[u8]; 5] = [b"SESSION", b"SETASIDE", &keys.session, b"TTL", &life];
        let answer = if let Some(answer) = self.by_command(&words, budget)? {
            answer
        } else {
            let (aside, args) = (keys.aside(), [&life[..]]);
            let keys = [&keys.session[..], &aside];
            self.run_script(&SET_ASIDE, &keys, &args, Effect::Repeatable, budget)?
        };
        self.truth(&answer)
    }

    /// The session's tag, if it has one: a session under a new id wants it too.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn tag(&mut self, keys: &Keys, budget: &Budget) -> Result<Option<Vec<u8>>, Error> {
        match self.look(&[b"GET", &keys.tag()], budget)? {
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
    Some(Opened { status, data, named, nonce, waited })
}

/// How long the lock lives; nothing without one.
pub(super) fn lease_of(open: &Open<'_>) -> Duration {
    open.lock.map_or(Duration::ZERO, |lock| lock.lease.max(LEASE_MIN))
}

fn flag(set: bool) -> &'static [u8] {
    if set { b"1" } else { b"0" }
}

pub(super) fn millis(duration: Duration) -> Digits {
    // Beyond this a server may refuse the number: a hundred years.
    const MAX: u64 = 3_155_760_000_000;
    digits(u64::try_from(duration.as_millis()).unwrap_or(MAX).min(MAX))
}

fn digits(number: u64) -> Digits {
    Digits::from_slice(itoa::Buffer::new().format(number).as_bytes())
}

/// Between a half of it and all of it.
fn jittered(pause: Duration) -> Result<Duration, Error> {
    let random = u32::from(crate::random()?[0]);
    Ok(pause / 2 + pause * random / 512)
}
