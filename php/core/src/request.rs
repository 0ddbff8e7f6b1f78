//! One open of the save handler, from `open` to `close`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use guarda_client::{
    Budget, Commit, Committed, Connection, Endpoint, Error, Keys, Lock, Open, Pool, Status,
    Touched, random,
};
use guarda_session::{DEFAULT_PREFIX, SavePath, SessionId, lock_token};

/// How long a tombstone keeps late requests from bringing a destroyed session back.
const TOMBSTONE_LIFE: Duration = Duration::from_mins(15);
/// How long an empty session is kept in strict mode, where it must be.
const EMPTY_TTL: Duration = Duration::from_mins(5);
/// What PHP's own default is; for a `gc_maxlifetime` that makes no sense.
const DEFAULT_TTL_SECONDS: i64 = 1440;
/// Parsed save_paths that are remembered.
const PATHS_MAX: usize = 64;
/// How sessions compressed by zstd begin.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

const READ_ONLY: &str = "this session was opened read-only: the changes are not stored";
const UNREAD: &str =
    "the session was not read whole: it stays as it was, and the changes are not stored";

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool::new()) };
    static PATHS: RefCell<Vec<(Vec<u8>, Rc<SavePath>)>> = const { RefCell::new(Vec::new()) };
}

/// How sessions are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One request at a time has the session.
    Lock,
    /// Read only, whoever else has it.
    ReadOnly,
    /// Last writer wins.
    Unlocked,
}

/// What the INI entries say, frozen at open.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How sessions are opened.
    pub mode: Mode,
    /// How long to wait for the lock.
    pub lock_wait: Duration,
    /// How long a lock lives without its holder.
    pub lock_ttl: Duration,
    /// On Guarda: how many requests may wait for one session.
    pub waiters_max: Option<u32>,
    /// Whether a session that stays locked is opened read-only; otherwise reading it fails.
    pub readonly_on_timeout: bool,
    /// Whether a session that vanished is made again.
    pub recreate: bool,
    /// `session.use_strict_mode`.
    pub strict: bool,
    /// The time to live that reading sets, in seconds.
    pub early_refresh: Option<i64>,
    /// For input and output, waiting for locks apart.
    pub budget: Duration,
    /// For connecting, where save_path sets none.
    pub connect_timeout: Option<Duration>,
    /// For an answer, where save_path sets none.
    pub read_timeout: Option<Duration>,
}

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Opened by validate_sid; read will use it.
    Opened,
    /// Given to PHP, which has not confirmed that it has it all.
    Reading,
    /// PHP has it.
    Read,
    /// The lock is released: whoever writes now must open first.
    Done,
    /// PHP could not decode it: it stays as it is.
    Undecodable,
}

/// One session of a request.
struct Session {
    id: SessionId,
    keys: Keys,
    token: String,
    data: Option<Vec<u8>>,
    generation: Vec<u8>,
    nonce: Option<Vec<u8>>,
    existed: bool,
    /// Whether the lock is ours.
    locked: bool,
    readonly: bool,
    stage: Stage,
}

/// One open of the save handler.
pub struct Request {
    settings: Settings,
    path: Rc<SavePath>,
    connection: Option<Connection>,
    session: Option<Session>,
    budget: Budget,
    /// The first failure of input or output: the server is not asked again.
    failed: Option<String>,
    pid: u32,
}

type Answer<T> = Result<T, String>;

impl Request {
    /// Understands the save_path, does no I/O. The notices are given once per process.
    ///
    /// # Errors
    ///
    /// What is wrong with the save_path.
    pub fn open(save_path: &[u8], settings: Settings) -> Answer<(Self, Vec<String>)> {
        let (path, notices) = parsed(save_path)?;
        let budget = Budget::start(settings.budget);
        let pid = std::process::id();
        let request =
            Self { settings, path, connection: None, session: None, budget, failed: None, pid };
        Ok((request, notices))
    }

    /// validate_sid: whether this session exists. Before read it opens the session, so that read
    /// costs nothing. After a failure the answer is true, since false would replace the id and log
    /// the user out; read then fails.
    pub fn validate(&mut self, id: &[u8]) -> bool {
        let Some(id) = SessionId::new(id) else { return false };
        if self.session.as_ref().is_some_and(|session| session.stage != Stage::Opened) {
            return self.exists(&id).unwrap_or(true);
        }
        match self.open_session(&id, true) {
            Ok(found) => found,
            Err(message) => {
                self.failed.get_or_insert(message);
                true
            }
        }
    }

    /// Whether an id that create_sid made is taken. After a failure: no; read fails then.
    pub fn is_taken(&mut self, id: &[u8]) -> bool {
        SessionId::new(id).is_some_and(|id| self.exists(&id).unwrap_or(false))
    }

    fn exists(&mut self, id: &SessionId) -> Answer<bool> {
        let keys = self.keys(id);
        self.with_connection(id, |connection, budget| connection.exists(&keys, budget))
    }

    /// read: the data; empty if there is no such session.
    ///
    /// # Errors
    ///
    /// Why there is none to be had. Nothing is locked then.
    pub fn read(&mut self, id: &[u8]) -> Answer<Vec<u8>> {
        self.check()?;
        let id = SessionId::new(id).ok_or(
            "the session id has characters other than letters, digits, comma and hyphen, or more than 256",
        )?;
        let ready = |session: &Session| session.id == id && session.stage == Stage::Opened;
        if !self.session.as_ref().is_some_and(ready) {
            self.open_session(&id, false)?;
        }
        let session = self.session.as_mut().ok_or("the session is not open")?;
        let data = session.data.take().unwrap_or_default();
        if data.starts_with(&ZSTD_MAGIC) {
            session.stage = Stage::Undecodable;
            self.release();
            return Err(
                "this session is compressed by zstd (redis.session.compression), which is \
                        not supported yet: it stays as it is"
                    .to_owned(),
            );
        }
        session.stage = Stage::Reading;
        Ok(data)
    }

    /// PHP has all that read gave it: from now on it may write.
    pub fn read_done(&mut self) {
        if let Some(session) = self.session.as_mut().filter(|s| s.stage == Stage::Reading) {
            session.stage = Stage::Read;
        }
    }

    /// write.
    ///
    /// # Errors
    ///
    /// Why the data is not stored.
    pub fn write(&mut self, id: &[u8], data: &[u8], ttl: i64) -> Answer<()> {
        if self.is_foreign() {
            return Ok(());
        }
        self.check()?;
        self.reopen_for(id)?;
        let session = self.session.as_ref().ok_or(UNREAD)?;
        match session.stage {
            Stage::Reading | Stage::Undecodable => return Err(UNREAD.to_owned()),
            _ if session.readonly => return Err(READ_ONLY.to_owned()),
            _ => {}
        }
        let mut ttl = time_to_live(ttl);
        if !session.existed && (data.is_empty() || data == b"a:0:{}") {
            if !self.settings.strict {
                self.release();
                return Ok(());
            }
            ttl = ttl.min(EMPTY_TTL);
        }
        self.commit(data, ttl)
    }

    fn commit(&mut self, data: &[u8], ttl: Duration) -> Answer<()> {
        let Some(session) = self.session.take() else { return Err(UNREAD.to_owned()) };
        let commit = Commit {
            token: &session.token,
            generation: &session.generation,
            nonce: session.nonce.as_deref(),
            ttl,
            locked: session.locked,
            recreate: self.settings.recreate,
            tag: None,
            data,
        };
        let answer = self.with_connection(&session.id, |connection, budget| {
            connection.commit(&session.keys, &commit, budget)
        });
        self.session = Some(Session { stage: Stage::Done, locked: false, ..session });
        let lost = |why: &str| Err(format!("the session is not stored: {why}"));
        match answer? {
            Committed::Stored => Ok(()),
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
        if self.is_foreign() {
            return Ok(());
        }
        self.check()?;
        self.reopen_for(id)?;
        let Some(session) = self.session.as_ref() else { return Err(UNREAD.to_owned()) };
        if !session.existed && !session.readonly {
            return self.write(id, data, ttl);
        }
        if self.settings.early_refresh.is_some() {
            self.release();
            return Ok(());
        }
        let Some(session) = self.session.take() else { return Err(UNREAD.to_owned()) };
        let time = time_to_live(ttl);
        let answer = self.with_connection(&session.id, |connection, budget| {
            connection.touch(&session.keys, &session.token, time, session.locked, budget)
        });
        let readonly = session.readonly;
        self.session = Some(Session { stage: Stage::Done, locked: false, ..session });
        match answer? {
            Touched::Missing if self.settings.recreate && !readonly => self.write(id, data, ttl),
            // Nothing of this request is lost: it changed nothing.
            Touched::Missing | Touched::LockLost | Touched::Refreshed => Ok(()),
        }
    }

    /// destroy: deletes the session and keeps late requests from bringing it back.
    ///
    /// # Errors
    ///
    /// Why it may still be there.
    pub fn destroy(&mut self, id: &[u8]) -> Answer<()> {
        if self.is_foreign() {
            return Ok(());
        }
        let Some(id) = SessionId::new(id) else { return Ok(()) };
        let keys = self.keys(&id);
        let nonce = fresh_token()?;
        let own = self.session.as_mut().filter(|session| session.id == id);
        let token = own.map_or_else(String::new, |session| {
            session.stage = Stage::Done;
            session.locked = false;
            session.token.clone()
        });
        self.with_connection(&id, |connection, budget| {
            connection.destroy(&keys, &token, &nonce, TOMBSTONE_LIFE, budget)
        })?;
        Ok(())
    }

    /// PHP could not decode the data: nothing is deleted, nothing is written later.
    pub fn keep_undecodable(&mut self) {
        self.release();
        if let Some(session) = self.session.as_mut() {
            session.stage = Stage::Undecodable;
        }
    }

    /// close: releases what is held and keeps the connection for the next request.
    pub fn close(mut self) {
        self.release();
        if let Some(connection) = self.connection.take() {
            POOL.with_borrow_mut(|pool| pool.put(connection));
        }
    }

    /// Whether this is a child of the process that opened: it does no I/O on the parent's session.
    fn is_foreign(&self) -> bool {
        self.pid != std::process::id()
    }

    fn check(&self) -> Answer<()> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn keys(&self, id: &SessionId) -> Keys {
        let prefix = self.path.host(id.as_bytes()).prefix.as_deref();
        Keys::new([prefix.unwrap_or(DEFAULT_PREFIX.as_bytes()), id.as_bytes()].concat())
    }

    /// Opens the session that a write is for, unless it is open: userland may write what it has not
    /// read, and write twice.
    fn reopen_for(&mut self, id: &[u8]) -> Answer<()> {
        let id = SessionId::new(id).ok_or("the session id is not valid")?;
        let open = |session: &Session| session.id == id && session.stage != Stage::Done;
        if !self.session.as_ref().is_some_and(open) {
            self.open_session(&id, false)?;
            if let Some(session) = self.session.as_mut() {
                session.data = None;
                session.stage = Stage::Read;
            }
        }
        Ok(())
    }

    /// Opens; false if it must exist and does not. What was open before is released.
    fn open_session(&mut self, id: &SessionId, must_exist: bool) -> Answer<bool> {
        self.release();
        self.session = None;
        let keys = self.keys(id);
        let token = fresh_token()?;
        let settings = &self.settings;
        let lock = (settings.mode == Mode::Lock).then_some(Lock {
            lease: settings.lock_ttl,
            wait: settings.lock_wait,
            waiters_max: settings.waiters_max,
        });
        let ttl = settings.early_refresh.map(time_to_live);
        let mut readonly = settings.mode == Mode::ReadOnly;
        let (wait, fallback) = (settings.lock_wait, settings.readonly_on_timeout);
        let mut open = Open { token: &token, lock, ttl, must_exist, holder: None };
        let mut opened =
            self.with_connection(id, |connection, budget| connection.open(&keys, &open, budget))?;
        if matches!(opened.status, Status::Busy | Status::Full) {
            if !fallback {
                let why = if opened.status == Status::Full {
                    "too many requests wait for this session already (guarda.lock_max_waiters)"
                        .to_owned()
                } else {
                    format!(
                        "another request has held the lock of this session for {wait:?}; long \
                         requests should call session_write_close() early"
                    )
                };
                return Err(why);
            }
            open.lock = None;
            readonly = true;
            opened = self
                .with_connection(id, |connection, budget| connection.open(&keys, &open, budget))?;
        }
        if opened.status == Status::Missing {
            return Ok(false);
        }
        let locked = open.lock.is_some();
        let existed = opened.exists();
        self.session = Some(Session {
            id: id.clone(),
            keys,
            token,
            data: opened.data,
            generation: opened.generation,
            nonce: opened.nonce,
            existed,
            locked,
            readonly,
            stage: Stage::Opened,
        });
        Ok(true)
    }

    /// Releases the lock if it is held; a failure leaves it to its lease.
    fn release(&mut self) {
        let Some(session) = self.session.as_mut() else { return };
        let held = std::mem::take(&mut session.locked);
        if session.stage != Stage::Undecodable && session.stage != Stage::Reading {
            session.stage = Stage::Done;
        }
        if !held || self.pid != std::process::id() {
            return;
        }
        if let Some(connection) = self.connection.as_mut() {
            // Nobody is left to be told: the answer changes nothing for this request.
            drop(connection.release(&session.keys, &session.token, &self.budget));
        }
    }

    /// Runs one operation on the connection to this id's host.
    fn with_connection<T>(
        &mut self,
        id: &SessionId,
        operation: impl FnOnce(&mut Connection, &mut Budget) -> Result<T, Error>,
    ) -> Answer<T> {
        self.check()?;
        let settings = &self.settings;
        let endpoint = Endpoint::of(
            self.path.host(id.as_bytes()),
            settings.connect_timeout,
            settings.read_timeout,
        );
        let kept = self.connection.take().filter(|kept| *kept.endpoint() == endpoint);
        let taken = match kept {
            Some(connection) => Ok(connection),
            None => POOL.with_borrow_mut(|pool| pool.take(&endpoint, &self.budget)),
        };
        let answer = taken.and_then(|mut connection| {
            let answer = operation(&mut connection, &mut self.budget);
            self.connection = Some(connection);
            answer
        });
        answer.map_err(|error| {
            let message = error.to_string();
            // Not asked again: each further try would cost the user another timeout.
            self.failed = Some(message.clone());
            message
        })
    }
}

fn fresh_token() -> Answer<String> {
    random().map(|bytes| lock_token(&bytes)).map_err(|error| error.to_string())
}

/// `gc_maxlifetime` as phpredis bounds it.
fn time_to_live(seconds: i64) -> Duration {
    let seconds = if seconds <= 0 { DEFAULT_TTL_SECONDS } else { seconds.min(i32::MAX.into()) };
    Duration::from_secs(seconds.unsigned_abs())
}

fn parsed(save_path: &[u8]) -> Answer<(Rc<SavePath>, Vec<String>)> {
    let known = PATHS.with_borrow(|paths| {
        paths.iter().find(|(text, _)| text == save_path).map(|(_, path)| Rc::clone(path))
    });
    if let Some(path) = known {
        return Ok((path, Vec::new()));
    }
    let text = std::str::from_utf8(save_path).map_err(|_| "session.save_path is not UTF-8")?;
    let mut path = SavePath::parse(text).map_err(|error| error.to_string())?;
    let notices = std::mem::take(&mut path.notices);
    let path = Rc::new(path);
    PATHS.with_borrow_mut(|paths| {
        if paths.len() == PATHS_MAX {
            paths.remove(0);
        }
        paths.push((save_path.to_vec(), Rc::clone(&path)));
    });
    Ok((path, notices))
}
