//! Opening a session: the lock, the data, and what the server says about either.

use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;

use guarda_client::adopt::{Destination, OldStore};
use guarda_client::{
    Budget, Commit, Committed, Connection, Keys, Lock, Open, Opened, Status, process_id,
};
use guarda_session::{Holder, SavePath, SessionId};

use super::{Answer, POOL, Request, Session, Stage, UNREAD, fresh_token, time_to_live};
use crate::lifetime;
use crate::settings::Mode;

/// What is expected of a session that is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It must be there.
    Existing,
    /// It may be there.
    Any,
    /// Its id was just made: it is not even in an old store.
    New,
}

/// What is kept of the budget for what follows on the old store's answer.
const RELEASE_TIME: Duration = Duration::from_secs(1);

static HOST: OnceLock<String> = OnceLock::new();

/// Notes this machine's name, once a process.
pub fn set_host(name: &str) {
    HOST.get_or_init(|| name.to_owned());
}

impl Request {
    /// Opens the session that a write is for, unless it is open: userland may write what it has not
    /// read, and write twice.
    pub(super) fn reopen_for(&mut self, id: &[u8]) -> Answer<()> {
        let open = |session: &Session| session.id.as_bytes() == id && session.stage != Stage::Done;
        if !self.session.as_ref().is_some_and(open) {
            let id = SessionId::new(id).ok_or("the session id is not valid")?;
            self.open_session(&id, Wanted::Any)?;
            self.session.as_mut().ok_or(UNREAD)?.stage = Stage::Read;
        }
        Ok(())
    }

    /// Opens; false if it must exist and does not. What was open before is released, unless it is
    /// the same session, whose lock stays held throughout.
    pub(super) fn open_session(&mut self, id: &SessionId, wanted: Wanted) -> Answer<bool> {
        let held = |session: &&Session| session.id == *id && session.locked;
        let held = self.session.as_ref().filter(held);
        let held = held.map(|session| (session.token.clone(), session.held));
        if held.is_none() {
            self.release();
            self.session = None;
        }
        let keys = self.keys(id);
        let token = held.as_ref().map_or_else(fresh_token, |(token, _)| Ok(token.clone()))?;
        let adopts = wanted != Wanted::New && self.path.adopt().is_some();
        let must_exist = wanted == Wanted::Existing && !adopts;
        let (opened, locked) = self.ask_open(id, &keys, &token, must_exist)?;
        if opened.status == Status::Missing {
            self.release();
            self.session = None;
            return Ok(false);
        }
        let held = held.and_then(|(_, held)| held);
        self.hold(id, keys, token, opened, locked, held);
        if adopts {
            self.adopt(id)?;
        }
        let existed = self.session.as_ref().is_some_and(Session::existed);
        if wanted == Wanted::Existing && !existed {
            self.release();
            self.session = None;
            return Ok(false);
        }
        if self.has_outlived(id)? {
            self.end_session(id)?;
            self.session = None;
            self.carried.created = None;
            return match wanted {
                Wanted::Existing => Ok(false),
                other => self.open_session(id, other),
            };
        }
        Ok(true)
    }

    fn hold(
        &mut self,
        id: &SessionId,
        keys: Keys,
        token: String,
        opened: Opened,
        locked: bool,
        held: Option<Budget>,
    ) {
        let mode = self.settings.mode;
        let begins = || locked.then(|| Budget::start(self.settings.lock_max_hold));
        self.session = Some(Session {
            id: id.clone(),
            keys,
            token,
            opened,
            unpacked: None,
            locked,
            readonly: mode == Mode::ReadOnly || mode == Mode::Lock && !locked,
            stage: Stage::Opened,
            held: held.or_else(begins),
        });
    }

    /// Takes a session over that is not here but in the old store. One that was destroyed here is
    /// not taken over again.
    fn adopt(&mut self, id: &SessionId) -> Answer<()> {
        let destroyed = |session: &Session| session.existed() || session.opened.nonce.is_some();
        let Some(session) = self.session.as_ref().filter(|session| !destroyed(session)) else {
            return Ok(());
        };
        let (keys, locked, held) = (session.keys.clone(), session.locked, session.held);
        let moved = self.move_over(id, &keys).inspect_err(|_| self.release());
        // Without a lock another request may have moved it in between.
        if !moved? && locked {
            return Ok(());
        }
        let waited = self.session.take().map_or(Duration::ZERO, |session| session.opened.waited);
        let token = fresh_token()?;
        let (opened, locked) = self.ask_open(id, &keys, &token, false)?;
        let waited = waited + opened.waited;
        self.hold(id, keys, token, Opened { waited, ..opened }, locked, held);
        Ok(())
    }

    /// Whether the old store had it: then the lock here is released.
    fn move_over(&mut self, id: &SessionId, keys: &Keys) -> Answer<bool> {
        let path = Rc::clone(&self.path);
        let (Some(old), Some(session)) = (self.old_store(&path), self.session.as_ref()) else {
            return Ok(false);
        };
        let (token, opened) = (session.token.clone(), session.opened.clone());
        let locked = session.locked;
        let (endpoint, life) = (self.endpoint(id), time_to_live(self.settings.gc_maxlifetime));
        let to = Destination { endpoint: &endpoint, key: keys.session() };
        // However long the old store takes, the lock here can still be released.
        let kept = RELEASE_TIME.min(self.left / 2);
        let budget = Budget::start(self.left.saturating_sub(kept));
        let taken = POOL.with_borrow_mut(|pool| old.take(id, life, to, pool, &budget));
        self.left = budget.left().unwrap_or_default() + kept;
        let Some(taken) = taken.map_err(|error| error.to_string())? else { return Ok(false) };
        let commit = Commit {
            token: &token,
            opened: &opened,
            ttl: life,
            locked,
            recreate: false,
            tag: None,
            data: taken.data(),
        };
        let stored =
            self.with_connection(id, |connection, budget| connection.commit(keys, &commit, budget));
        let locked = self.still_holds(locked, &stored);
        if let Some(session) = self.session.as_mut() {
            session.locked = locked;
        }
        let budget = Budget::start(self.left);
        if stored == Ok(Committed::Stored) {
            let finished = POOL.with_borrow_mut(|pool| taken.finish(pool, &budget));
            if let Err(error) = finished {
                self.notices
                    .push(format!("a session was taken over, its old copy is left: {error}"));
            }
        } else {
            POOL.with_borrow_mut(|pool| taken.abandon(pool, &budget));
        }
        self.left = budget.left().unwrap_or_default();
        stored.map(|_| true)
    }

    /// What the old store may still have of a session that was destroyed.
    pub(super) fn forget_old(&mut self, id: &SessionId, keys: &Keys) -> Answer<()> {
        let path = Rc::clone(&self.path);
        let Some(old) = self.old_store(&path) else { return Ok(()) };
        let endpoint = self.endpoint(id);
        let to = Destination { endpoint: &endpoint, key: keys.session() };
        let budget = Budget::start(self.left);
        let forgotten = POOL.with_borrow_mut(|pool| old.forget(id, to, pool, &budget));
        self.left = budget.left().unwrap_or_default();
        forgotten.map_err(|error| {
            format!("the session is destroyed, but its old copy may be left: {error}")
        })
    }

    fn old_store<'a>(&self, path: &'a SavePath) -> Option<OldStore<'a>> {
        let (connect_timeout, read_timeout) =
            (self.settings.connect_timeout, self.settings.read_timeout);
        path.adopt().map(|adopt| OldStore { adopt, connect_timeout, read_timeout })
    }

    /// What the server answers, and whether the lock is ours then.
    fn ask_open(
        &mut self,
        id: &SessionId,
        keys: &Keys,
        token: &str,
        must_exist: bool,
    ) -> Answer<(Opened, bool)> {
        let settings = &self.settings;
        let lock = (settings.mode == Mode::Lock).then_some(Lock {
            lease: settings.lock_ttl,
            wait: settings.lock_wait,
            waiters_max: settings.waiters_max,
        });
        let ttl = settings.early_refresh.then(|| time_to_live(settings.gc_maxlifetime));
        // Nobody is shown who reads without a lock.
        let holder = lock.map(|_| {
            let host = HOST.get().map_or(&b""[..], |name| name.as_bytes());
            Holder::new(host, process_id(), &settings.url)
        });
        let fallback = settings.readonly_on_timeout;
        let mut open = Open { token, lock, ttl, must_exist, holder: holder.as_ref() };
        let ask = |open: Open<'_>, connection: &mut Connection, budget: &mut Budget| {
            connection.open(keys, &open, budget)
        };
        let opened =
            self.with_connection(id, |connection, budget| ask(open, connection, budget))?;
        if !matches!(opened.status, Status::Busy | Status::Full) {
            return Ok((opened, lock.is_some()));
        }
        if !fallback {
            return Err(self.busy(opened.status));
        }
        open.lock = None;
        let waited = opened.waited;
        let opened =
            self.with_connection(id, |connection, budget| ask(open, connection, budget))?;
        Ok((Opened { waited, ..opened }, false))
    }

    fn busy(&self, status: Status) -> String {
        let wait = self.settings.lock_wait;
        let (waiters, limit) = if self.settings.redis {
            ("guarda.lock_max_waiters", "redis.session.lock_retries")
        } else {
            ("guarda.lock_max_waiters", "guarda.lock_wait")
        };
        if status == Status::Full {
            return format!("too many requests wait for this session already ({waiters})");
        }
        format!(
            "cannot lock the session: another request has held it for {wait:?} ({limit}); long \
             requests should call session_write_close() early"
        )
    }

    /// Whether `guarda.absolute_lifetime` ends the session that is open.
    fn has_outlived(&mut self, id: &SessionId) -> Answer<bool> {
        let existed = self.session.as_ref().is_some_and(Session::existed);
        if self.settings.absolute_lifetime.is_none() || !existed {
            return Ok(false);
        }
        let keys = self.keys(id);
        let known =
            self.with_connection(id, |connection, budget| connection.created(&keys, budget))?;
        let created = if let Some(created) = known {
            created
        } else {
            // Made before there was a limit, or by another handler: its time begins now.
            let ttl = time_to_live(self.settings.gc_maxlifetime);
            self.note_creation(id, &keys, ttl)?;
            self.settings.now
        };
        self.carried.created = Some(created);
        Ok(lifetime::is_over(created, &self.settings))
    }

    /// Notes when this session began, if there is a limit to that.
    pub(super) fn note_creation(
        &mut self,
        id: &SessionId,
        keys: &Keys,
        ttl: Duration,
    ) -> Answer<()> {
        if self.settings.absolute_lifetime.is_none() {
            return Ok(());
        }
        let created = self.carried.created.unwrap_or(self.settings.now);
        let life = lifetime::of_creation(ttl, &self.settings);
        self.with_connection(id, |connection, budget| {
            connection.note_created(keys, created, life, budget)
        })
    }
}
