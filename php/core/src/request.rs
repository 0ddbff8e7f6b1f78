//! One open of the save handler, from `open` to `close`.

mod opening;
mod tell;

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use guarda_client::{
    Budget, Commit, Committed, Connection, Endpoint, Error, Keys, Opened, Pool, Touched, process_id,
};
use guarda_session::payload::{Compression, is_plain, pack, unpack};
use guarda_session::{DEFAULT_PREFIX, SavePath, SessionId, lock_token};

use opening::Wanted;
pub use opening::set_host;
pub use tell::Told;

use crate::carried::Carried;
use crate::lifetime;
use crate::paths;
use crate::payload::{self, Serializer};
use crate::settings::Settings;

/// How long a tombstone keeps late requests from bringing a destroyed session back, at least.
const TOMBSTONE_LIFE: Duration = Duration::from_mins(15);
/// How long data that nobody understands can be looked at and restored.
const ASIDE_LIFE: Duration = Duration::from_hours(1);
/// What PHP's own default is; for a `gc_maxlifetime` that makes no sense.
const DEFAULT_TTL_SECONDS: i64 = 1440;

const READ_ONLY: &str = "this session was opened read-only: the changes are not stored";
const UNREAD: &str =
    "the session was not read whole: it stays as it was, and the changes are not stored";
const NOT_OPEN: &str = "the session is not open";

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool::new()) };
}

/// Closes this thread's idle connections and forgets what it knew.
pub fn end_thread() {
    POOL.take();
    paths::forget();
    Carried::forget();
}

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Opened by validate_sid or create_sid; read will use it.
    Opened,
    /// Given to PHP, which has not confirmed that it has it all.
    Reading,
    /// PHP has it.
    Read,
    /// Whoever writes now must open first.
    Done,
    /// PHP could not decode it: it stays as it is.
    Undecodable,
}

/// One session of a request.
struct Session {
    id: SessionId,
    keys: Keys,
    token: String,
    /// What OPEN answered. The data stays: storing the same bytes once more would change nothing.
    opened: Opened,
    /// What was stored compressed, until PHP has it.
    unpacked: Option<Vec<u8>>,
    /// Whether the lock is ours.
    locked: bool,
    readonly: bool,
    stage: Stage,
    /// Of a lock: how long it may be renewed, `guarda.lock_max_hold`.
    held: Option<Budget>,
}

impl Session {
    fn existed(&self) -> bool {
        self.opened.exists()
    }
}

/// One open of the save handler.
pub struct Request {
    settings: Settings,
    path: Rc<SavePath>,
    connection: Option<Box<Connection>>,
    session: Option<Session>,
    /// What is left of the budget; time between operations does not count.
    left: Duration,
    /// The first failure of input or output: the server is not asked again.
    failed: Option<String>,
    pid: u32,
    /// The id that was found to be nobody's last: validate_sid asks again for what create_sid made.
    absent: Option<SessionId>,
    /// The session that could not be read last: what a class that took that for an empty one
    /// writes in its place is not stored.
    unread: Option<SessionId>,
    /// What the application said about this session.
    carried: Carried,
    /// An upload's tick that came to nothing: what it writes is dropped without a word.
    missed: bool,
    round_trips: u64,
    /// For PHP's log.
    notices: Vec<String>,
}

type Answer<T> = Result<T, String>;

impl Request {
    /// Understands the save_path, does no I/O. The notices are given once per process.
    ///
    /// `previous` is a request that was not closed, as in `session_reset()`: a lock that it holds
    /// stays held until another session is opened.
    ///
    /// # Errors
    ///
    /// What is wrong with the save_path.
    pub fn open(previous: Option<Self>, save_path: &[u8], settings: Settings) -> Answer<Self> {
        let parsed = paths::parsed(save_path);
        let settings = settings.for_tick();
        let pid = process_id();
        let mut carried = Carried::take(settings.regenerating);
        let (mut connection, mut session) = (None, None);
        if let Some(mut previous) = previous {
            let same = parsed.as_ref().is_ok_and(|(path, _)| Rc::ptr_eq(path, &previous.path));
            if same && !previous.is_foreign() {
                connection = previous.connection.take();
                session = previous.session.take();
                carried = previous.carried.clone();
            }
            previous.close();
        }
        if let Some(session) = session.as_mut() {
            session.stage = Stage::Done;
        }
        let (path, notices) = parsed?;
        let left = settings.budget;
        let request = Self {
            settings,
            path,
            connection,
            session,
            left,
            failed: None,
            pid,
            absent: None,
            unread: None,
            carried,
            missed: false,
            round_trips: 0,
            notices,
        };
        Ok(request)
    }

    /// The next advice for PHP's log.
    pub fn notice(&mut self) -> Option<String> {
        self.notices.pop()
    }

    /// validate_sid: whether this session exists. Before read it opens the session, so that read
    /// costs nothing. After a failure the answer is true, since false would replace the id and log
    /// the user out; read then fails.
    pub fn validate(&mut self, id: &[u8]) -> bool {
        let Some(id) = SessionId::new(id) else { return false };
        if self.absent.as_ref() == Some(&id) {
            return false;
        }
        match self.session.as_ref() {
            // The session that create_sid has just opened is new.
            Some(session) if session.id == id && session.stage == Stage::Opened => {
                return session.existed();
            }
            Some(session) if matches!(session.stage, Stage::Read | Stage::Reading) => {
                return self.exists(&id).unwrap_or(true);
            }
            _ => {}
        }
        // A session of this request that is opened once more need not be stored yet.
        let ours = |session: &Session| session.id == id && session.locked && !session.existed();
        let wanted =
            if self.session.as_ref().is_some_and(ours) { Wanted::Any } else { Wanted::Existing };
        match self.open_session(&id, wanted) {
            Ok(found) => found,
            Err(message) => {
                self.failed.get_or_insert(message);
                true
            }
        }
    }

    /// Whether an id that create_sid made is taken. While a session is open, only that is asked;
    /// otherwise the new one is opened, so that read costs nothing. After a failure: no; read fails
    /// then.
    pub fn is_taken(&mut self, id: &[u8]) -> bool {
        let Some(id) = SessionId::new(id) else { return false };
        let active = |session: &Session| matches!(session.stage, Stage::Read | Stage::Reading);
        if self.session.as_ref().is_some_and(active) {
            let taken = self.exists(&id).unwrap_or(false);
            self.absent = (!taken).then_some(id);
            return taken;
        }
        match self.open_session(&id, Wanted::New) {
            Ok(_) => self.session.as_ref().is_some_and(Session::existed),
            Err(message) => {
                self.failed.get_or_insert(message);
                false
            }
        }
    }

    fn exists(&mut self, id: &SessionId) -> Answer<bool> {
        let keys = self.keys(id);
        self.with_connection(id, |connection, budget| connection.exists(&keys, budget))
    }

    /// read: [`data`](Self::data) gives what there is.
    ///
    /// # Errors
    ///
    /// Why there is none to be had. Nothing is locked then.
    pub fn read(&mut self, id: &[u8]) -> Answer<()> {
        let read = self.read_or_say(id);
        if read.is_err() {
            self.unread = SessionId::new(id);
        } else if self.is_unread(id) {
            self.unread = None;
        }
        match read {
            // An id that is none is the browser's doing, and said as `files` says it.
            Err(_) if self.settings.tick && SessionId::new(id).is_some() => {
                self.missed = true;
                Ok(())
            }
            other => other,
        }
    }

    fn read_or_say(&mut self, id: &[u8]) -> Answer<()> {
        self.check()?;
        let ready =
            |session: &Session| session.id.as_bytes() == id && session.stage == Stage::Opened;
        if !self.session.as_ref().is_some_and(ready) {
            let id = SessionId::new(id).ok_or(
                "the session id has characters other than letters, digits, comma and hyphen, or more than 256",
            )?;
            self.open_session(&id, Wanted::Any)?;
        }
        let session = self.session.as_mut().ok_or(NOT_OPEN)?;
        let stored = session.opened.data.as_deref().unwrap_or_default();
        match understood(stored, self.settings.serializer) {
            Ok(unpacked) => {
                session.unpacked = unpacked;
                session.stage = Stage::Reading;
                Ok(())
            }
            Err(message) => {
                session.stage = Stage::Undecodable;
                self.release();
                Err(message)
            }
        }
    }

    /// What read gives to PHP, until [`read_done`](Self::read_done); empty if there is no such
    /// session.
    pub fn data(&self) -> &[u8] {
        let reading = self.session.as_ref().filter(|session| session.stage == Stage::Reading);
        let data = reading.and_then(|at| at.unpacked.as_ref().or(at.opened.data.as_ref()));
        data.map_or(&[], Vec::as_slice)
    }

    /// Whether reading this session has failed, so that nobody knows what is in it.
    fn is_unread(&self, id: &[u8]) -> bool {
        self.unread.as_ref().is_some_and(|unread| unread.as_bytes() == id)
    }

    /// The data as it is stored.
    fn stored<'a>(&self, data: &'a [u8]) -> Cow<'a, [u8]> {
        match self.settings.compression {
            Compression::None if is_plain(data) => Cow::Borrowed(data),
            other => Cow::Owned(pack(data, other, self.settings.compression_level)),
        }
    }

    /// PHP has all that read gave it: from now on it may write.
    pub fn read_done(&mut self) {
        if let Some(session) = self.session.as_mut().filter(|s| s.stage == Stage::Reading) {
            session.stage = Stage::Read;
            session.unpacked = None;
        }
    }

    /// write.
    ///
    /// # Errors
    ///
    /// Why the data is not stored.
    pub fn write(&mut self, id: &[u8], data: &[u8], ttl: i64) -> Answer<()> {
        let stored = self.write_or_say(id, data, ttl);
        self.unless_tick(stored)
    }

    /// Nobody waits for an upload's tick: a warning would come before the page that follows.
    fn unless_tick(&self, outcome: Answer<()>) -> Answer<()> {
        if self.settings.tick { Ok(()) } else { outcome }
    }

    fn write_or_say(&mut self, id: &[u8], data: &[u8], ttl: i64) -> Answer<()> {
        if self.is_foreign() || self.missed {
            return Ok(());
        }
        self.check()?;
        if self.is_unread(id) {
            return Err(UNREAD.to_owned());
        }
        self.reopen_for(id)?;
        let session = self.session.as_ref().ok_or(UNREAD)?;
        match session.stage {
            Stage::Reading | Stage::Undecodable => return Err(UNREAD.to_owned()),
            _ if session.readonly => return Err(READ_ONLY.to_owned()),
            _ => {}
        }
        let mut ttl = self.life(ttl);
        if !session.existed() && payload::is_empty(data) {
            if !self.settings.strict {
                self.release();
                return Ok(());
            }
            ttl = ttl.min(self.settings.empty_ttl);
        }
        let stored = self.stored(data);
        if self.carried.tag.is_none() && session.opened.data.as_deref() == Some(&*stored) {
            return self.refresh(id, data, ttl);
        }
        self.commit(&stored, ttl)
    }

    fn commit(&mut self, stored: &[u8], ttl: Duration) -> Answer<()> {
        let Some(session) = self.session.take() else { return Err(UNREAD.to_owned()) };
        let tag = self.carried.tag.clone();
        let commit = Commit {
            token: &session.token,
            opened: &session.opened,
            ttl,
            locked: session.locked,
            recreate: self.settings.recreate,
            tag: tag.as_deref().map(str::as_bytes),
            data: stored,
        };
        let answer = self.with_connection(&session.id, |connection, budget| {
            connection.commit(&session.keys, &commit, budget)
        });
        let new = (!session.existed()).then(|| (session.id.clone(), session.keys.clone()));
        let locked = self.still_holds(session.locked, &answer);
        self.session = Some(Session { stage: Stage::Done, locked, ..session });
        let lost = |why: &str| Err(format!("the session is not stored: {why}"));
        match answer? {
            Committed::Stored => {
                if let Some((id, keys)) = new {
                    self.note_creation(&id, &keys, ttl)?;
                }
                Ok(())
            }
            Committed::Destroyed => lost("it was destroyed meanwhile, by a logout for example"),
            Committed::LockLost => lost(
                "this request held it longer than the lock lives, and another one came; see \
                 guarda.lock_ttl (handler redis: redis.session.lock_expire)",
            ),
            Committed::Vanished => lost(
                "it vanished from the server during this request (deleted, expired or evicted); \
                 see guarda.on_vanished",
            ),
        }
    }

    /// update_timestamp: `data` is what read gave.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn touch(&mut self, id: &[u8], data: &[u8], ttl: i64) -> Answer<()> {
        let touched = self.touch_or_say(id, data, ttl);
        self.unless_tick(touched)
    }

    fn touch_or_say(&mut self, id: &[u8], data: &[u8], ttl: i64) -> Answer<()> {
        if self.is_foreign() || self.missed {
            return Ok(());
        }
        self.check()?;
        if self.is_unread(id) {
            return Err(UNREAD.to_owned());
        }
        self.reopen_for(id)?;
        let Some(session) = self.session.as_ref() else { return Err(UNREAD.to_owned()) };
        let changed = !session.existed() || self.carried.tag.is_some();
        if changed && !session.readonly {
            return self.write(id, data, ttl);
        }
        if self.settings.early_refresh && self.carried.ttl.is_none() {
            self.release();
            return Ok(());
        }
        let ttl = self.life(ttl);
        self.refresh(id, data, ttl)
    }

    fn refresh(&mut self, id: &[u8], data: &[u8], ttl: Duration) -> Answer<()> {
        let Some(session) = self.session.take() else { return Err(UNREAD.to_owned()) };
        let answer = self.with_connection(&session.id, |connection, budget| {
            connection.touch(&session.keys, &session.token, ttl, session.locked, budget)
        });
        let readonly = session.readonly;
        let locked = self.still_holds(session.locked, &answer);
        self.session = Some(Session { stage: Stage::Done, locked, ..session });
        match answer? {
            Touched::Missing if self.settings.recreate && !readonly => {
                self.reopen_for(id)?;
                let stored = self.stored(data);
                self.commit(&stored, ttl)
            }
            // Nothing of this request is lost: it changed nothing.
            Touched::Missing | Touched::LockLost | Touched::Refreshed => Ok(()),
        }
    }

    /// destroy: deletes the session and keeps late requests from bringing it back.
    ///
    /// `instead_of_write`: a class around the handler takes the session for an empty one, which
    /// Symfony's destroy. If it has not seen the data, it does not know.
    ///
    /// # Errors
    ///
    /// Why it may still be there.
    pub fn destroy(&mut self, id: &[u8], instead_of_write: bool) -> Answer<()> {
        if self.is_foreign() {
            return Ok(());
        }
        let Some(id) = SessionId::new(id) else { return Ok(()) };
        let unseen = |session: &Session| {
            session.id == id && matches!(session.stage, Stage::Reading | Stage::Undecodable)
        };
        let is_unseen =
            || self.is_unread(id.as_bytes()) || self.session.as_ref().is_some_and(unseen);
        if instead_of_write && is_unseen() {
            return Err(UNREAD.to_owned());
        }
        self.end_session(&id)
    }

    /// Before the session gets another id: the user's hash goes along.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    pub fn regenerate(&mut self, id: &[u8]) -> Answer<()> {
        let existed = self.session.as_ref().is_some_and(Session::existed);
        let Some(id) = SessionId::new(id).filter(|_| existed && self.carried.tag.is_none()) else {
            return Ok(());
        };
        if self.is_foreign() {
            return Ok(());
        }
        let keys = self.keys(&id);
        let tag = self.with_connection(&id, |connection, budget| connection.tag(&keys, budget))?;
        self.carried.tag = tag.map(|tag| String::from_utf8_lossy(&tag).into_owned());
        Ok(())
    }

    fn end_session(&mut self, id: &SessionId) -> Answer<()> {
        let keys = self.keys(id);
        let nonce = fresh_token()?;
        let own = self.session.as_mut().filter(|session| session.id == *id);
        let (token, locked) = own.map_or_else(Default::default, |session| {
            session.stage = Stage::Done;
            (session.token.clone(), std::mem::take(&mut session.locked))
        });
        let life = self.settings.lock_max_hold.max(TOMBSTONE_LIFE);
        let answer = self.with_connection(id, |connection, budget| {
            connection.destroy(&keys, &token, &nonce, life, budget)
        });
        if self.still_holds(locked, &answer)
            && let Some(session) = self.session.as_mut()
        {
            session.locked = true;
        }
        answer?;
        self.forget_old(id, &keys)
    }

    /// PHP could not decode the data: nothing is deleted, nothing is written later. A copy is set
    /// aside if PHP was given what is stored.
    ///
    /// # Errors
    ///
    /// What to tell: always, if a copy is to be set aside.
    pub fn keep_undecodable(&mut self, set_aside: bool) -> Answer<()> {
        let Some(session) = self.session.as_ref() else { return Ok(()) };
        let (id, keys) = (session.id.clone(), session.keys.clone());
        let copied = set_aside && !self.is_foreign() && {
            let copy = |connection: &mut Connection, budget: &mut Budget| {
                connection.set_aside(&keys, ASIDE_LIFE, budget)
            };
            self.with_connection(&id, copy).unwrap_or(false)
        };
        self.release();
        if let Some(session) = self.session.as_mut() {
            session.stage = Stage::Undecodable;
        }
        if !set_aside {
            return Ok(());
        }
        let copy = if copied { ", and a copy of it for an hour" } else { "" };
        Err(format!(
            "the data of this session cannot be decoded; guarda keeps it on the server as it \
             is{copy} (was it truncated, or is it encrypted by a class that is not used here?)"
        ))
    }

    /// close: releases what is held and keeps the connection for the next request.
    pub fn close(mut self) {
        self.release();
        self.carried.clone().leave();
        if let Some(connection) = self.connection.take().filter(|_| self.settings.keep) {
            POOL.with_borrow_mut(|pool| pool.put(connection));
        }
    }

    /// Whether this is a child of the process that opened: it does no I/O on the parent's session.
    fn is_foreign(&self) -> bool {
        self.pid != process_id()
    }

    fn check(&self) -> Answer<()> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn keys(&self, id: &SessionId) -> Keys {
        let prefix = self.path.host(id.as_bytes()).prefix.as_deref();
        Keys::new([prefix.unwrap_or(DEFAULT_PREFIX.as_bytes()), id.as_bytes()].concat())
    }

    /// Where a session lies.
    fn endpoint(&self, id: &SessionId) -> Endpoint {
        let settings = &self.settings;
        let host = self.path.host(id.as_bytes());
        Endpoint::of(host, settings.connect_timeout, settings.read_timeout)
    }

    /// How long a session that is stored now lives.
    fn life(&self, gc_maxlifetime: i64) -> Duration {
        let ttl = time_to_live(self.carried.ttl.unwrap_or(gc_maxlifetime));
        lifetime::bounded(ttl, self.carried.created, &self.settings)
    }

    /// Whether the lock is still held after an operation that would have released it: one that the
    /// server refused has released nothing.
    fn still_holds<T>(&self, locked: bool, answer: &Answer<T>) -> bool {
        let works = |connection: &Connection| !connection.is_broken();
        locked && answer.is_err() && self.connection.as_deref().is_some_and(works)
    }

    /// Releases the lock if it is held. If that fails, the connection ends: Guarda then frees the lock,
    /// which it would prolong for a connection that lives on, and elsewhere it ends with its lease.
    fn release(&mut self) {
        let foreign = self.is_foreign();
        let Some(session) = self.session.as_mut() else { return };
        let held = std::mem::take(&mut session.locked);
        if session.stage != Stage::Undecodable && session.stage != Stage::Reading {
            session.stage = Stage::Done;
        }
        if !held || foreign {
            return;
        }
        if let Some(connection) = self.connection.as_mut() {
            // Nobody is left to be told: the answer changes nothing for this request.
            let budget = Budget::start(self.left);
            let released = connection.release(&session.keys, &session.token, &budget);
            self.left = budget.left().unwrap_or_default();
            if released.is_err() {
                self.connection = None;
            }
        }
    }

    /// Runs one operation on the connection to this id's host.
    fn with_connection<T>(
        &mut self,
        id: &SessionId,
        operation: impl FnOnce(&mut Connection, &mut Budget) -> Result<T, Error>,
    ) -> Answer<T> {
        self.check()?;
        let mut budget = Budget::start(self.left);
        let own = self.pid == process_id();
        let host = self.path.host(id.as_bytes());
        let (connect, read) = (self.settings.connect_timeout, self.settings.read_timeout);
        let leads_there = |kept: &Connection| kept.endpoint().is_of(host, connect, read);
        let kept = self.connection.take().filter(|kept| own && leads_there(kept));
        let taken = kept.map_or_else(
            || POOL.with_borrow_mut(|pool| pool.take_for(host, connect, read, &budget)),
            Ok,
        );
        let answer = taken.and_then(|mut connection| {
            let before = connection.round_trips();
            let answer = operation(&mut connection, &mut budget);
            // A connection that had to be made again counts from its beginning.
            let asked = connection.round_trips();
            self.round_trips += asked.checked_sub(before).unwrap_or(asked);
            self.connection = Some(connection);
            answer
        });
        self.left = budget.left().unwrap_or_default();
        answer.map_err(|error| {
            let message = error.to_string();
            // Not asked again: each further try would cost the user another timeout.
            self.failed = Some(message.clone());
            message
        })
    }
}

/// What PHP is to get in place of stored bytes that are compressed, or why it must not see them: it
/// would destroy them.
fn understood(stored: &[u8], serializer: Option<Serializer>) -> Answer<Option<Vec<u8>>> {
    let (_, data) = unpack(stored).map_err(|error| error.to_string())?;
    match (payload::other_serializer(&data, serializer), serializer) {
        (Some(other), Some(now)) => Err(format!(
            "this session was stored with session.serialize_handler = {}, which is {} here: it \
             stays as it is; set both servers alike",
            other.name(),
            now.name()
        )),
        _ => Ok(match data {
            Cow::Borrowed(_) => None,
            Cow::Owned(unpacked) => Some(unpacked),
        }),
    }
}

fn fresh_token() -> Answer<String> {
    guarda_client::random().map(|bytes| lock_token(&bytes)).map_err(|error| error.to_string())
}

/// `gc_maxlifetime` as phpredis bounds it.
fn time_to_live(seconds: i64) -> Duration {
    let seconds = if seconds <= 0 { DEFAULT_TTL_SECONDS } else { seconds.min(i32::MAX.into()) };
    Duration::from_secs(seconds.unsigned_abs())
}
