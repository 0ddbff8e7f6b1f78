//! What a shard knows of its session locks.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use guarda_session::{Holder, LOCK_SUFFIX};
use guarda_store::UnixMillis;

use super::counters::{Cause, SessionCounters};
use super::serve::OpenRequest;
use crate::waits::WaitQueue;

/// How long a committed token is remembered.
const COMMITTED_FOR: Duration = Duration::from_mins(1);

/// Committed tokens that one shard remembers at most; the oldest are forgotten first.
pub(crate) const COMMITTED_MAX: usize = 16_384;

/// The connection that a native lock belongs to.
pub(crate) struct Owner {
    pub(crate) client: u64,
    pub(crate) token: Box<[u8]>,
    /// What the client says of itself (HOLDER).
    pub(crate) holder: Option<Box<Holder>>,
    pub(crate) since: UnixMillis,
    pub(crate) since_monotonic: Duration,
    pub(crate) lease_ms: i64,
}

/// One lock: its owner and its queue.
#[derive(Default)]
pub(crate) struct LockState {
    /// `None` when it is phpredis's, or free, or bound to nobody after a restart.
    pub(crate) owner: Option<Owner>,
    /// The parked OPENs, first come, first served.
    pub(crate) waiters: WaitQueue<OpenRequest>,
    /// When a `SET NX` was refused on it last.
    pub(crate) polled: Option<Duration>,
    /// Times in a row that it went from one waiter to the next.
    pub(crate) hand_overs: u64,
    /// Until when it is left free for clients that poll.
    pub(crate) free_until: Option<Duration>,
    /// When its shard was asked to be tended for it: its expiry, as known then.
    pub(crate) alarm: Option<Duration>,
}

impl LockState {
    pub(crate) fn has_waiters(&self) -> bool {
        self.waiters.waiting().next().is_some()
    }

    fn is_idle(&self) -> bool {
        self.owner.is_none() && self.waiters.is_empty()
    }
}

/// All locks of one shard that have an owner here or waiters; by database and lock key.
#[derive(Default)]
pub(crate) struct ShardSessions {
    locks: HashMap<u32, HashMap<Box<[u8]>, LockState>>,
    /// Locks with waiters that were removed since [`ShardSessions::take_freed`].
    freed: Vec<(u32, Box<[u8]>)>,
    /// Hash of (session, token) to hash of the commit that it made last, and when.
    committed: HashMap<u64, (u64, Duration)>,
    /// When which token committed, some more than once.
    committed_order: VecDeque<(Duration, u64)>,
    /// Why the next lock that is removed is: by which operation of its own.
    pub(crate) releasing: Option<Cause>,
    /// What was counted here and not yet collected.
    pub(crate) counted: SessionCounters,
}

impl ShardSessions {
    pub(crate) fn find(&mut self, db: u32, lock: &[u8]) -> Option<&mut LockState> {
        self.locks.get_mut(&db)?.get_mut(lock)
    }

    /// Whether the lock belongs to somebody's connection, which renews it, or is awaited.
    pub(crate) fn is_tended(&mut self, db: u32, lock: &[u8]) -> bool {
        self.find(db, lock).is_some_and(|state| state.owner.is_some() || state.has_waiters())
    }

    pub(crate) fn find_or_new(&mut self, db: u32, lock: &[u8]) -> &mut LockState {
        let locks = self.locks.entry(db).or_default();
        if !locks.contains_key(lock) {
            locks.insert(lock.into(), LockState::default());
        }
        locks.get_mut(lock).expect("inserted above")
    }

    pub(crate) fn iter(&mut self) -> impl Iterator<Item = (u32, &[u8], &mut LockState)> {
        self.locks
            .iter_mut()
            .flat_map(|(db, locks)| locks.iter_mut().map(|(key, state)| (*db, &**key, state)))
    }

    /// Forgets a lock with neither owner nor waiters.
    pub(crate) fn drop_if_idle(&mut self, db: u32, lock: &[u8]) {
        let Some(locks) = self.locks.get_mut(&db) else { return };
        if locks.get(lock).is_some_and(LockState::is_idle) {
            locks.remove(lock);
        }
    }

    pub(crate) fn drop_idle(&mut self) {
        for locks in self.locks.values_mut() {
            locks.retain(|_, state| !state.is_idle());
        }
        self.locks.retain(|_, locks| !locks.is_empty());
    }

    /// No lock of this database is its owner's any more; those with waiters may be free.
    fn disown(&mut self, db: u32, cause: Cause) {
        let Some(locks) = self.locks.get_mut(&db) else { return };
        let counted = &mut self.counted;
        locks.retain(|key, state| {
            if state.owner.take().is_some() {
                counted.count_release(cause);
            }
            (state.hand_overs, state.alarm) = (0, None);
            if !state.waiters.is_empty() {
                self.freed.push((db, key.clone()));
            }
            !state.waiters.is_empty()
        });
    }

    pub(crate) fn take_freed(&mut self) -> Vec<(u32, Box<[u8]>)> {
        std::mem::take(&mut self.freed)
    }

    /// Remembers that `token` (a hash of session and token) made the commit `what`.
    pub(crate) fn note_committed(&mut self, token: u64, what: u64, now: Duration) {
        self.forget_old_commits(now, COMMITTED_MAX - 1);
        self.committed.insert(token, (what, now));
        self.committed_order.push_back((now, token));
    }

    /// Forgets the commits that were long ago, and the oldest of more than `len_max`.
    pub(crate) fn forget_old_commits(&mut self, now: Duration, len_max: usize) {
        while let Some(&(at, oldest)) = self.committed_order.front() {
            let is_old = now.saturating_sub(at) > COMMITTED_FOR;
            if !is_old && self.committed_order.len() <= len_max {
                break;
            }
            self.committed_order.pop_front();
            if self.committed.get(&oldest).is_some_and(|(_, last)| *last == at) {
                self.committed.remove(&oldest);
            }
        }
        if self.committed_order.is_empty() && self.committed_order.capacity() > 0 {
            (self.committed, self.committed_order) = Default::default();
        }
    }

    /// Whether `token` made the commit `what` lately.
    pub(crate) fn has_committed(&self, token: u64, what: u64, now: Duration) -> bool {
        let known = self.committed.get(&token).filter(|(known, _)| *known == what);
        known.is_some_and(|(_, at)| now.saturating_sub(*at) <= COMMITTED_FOR)
    }

    /// The token opens a session again: what it committed before is past.
    pub(crate) fn forget_committed(&mut self, token: u64) {
        self.committed.remove(&token);
    }

    /// `key` of database `db` is gone: if it was a lock, it is nobody's now.
    pub(crate) fn removed(&mut self, db: u32, key: &[u8], was_due: bool) {
        if !key.ends_with(LOCK_SUFFIX.as_bytes()) {
            return;
        }
        let releasing = self.releasing.take();
        let owner = self.find(db, key).and_then(|state| state.owner.take());
        if owner.is_some() || releasing.is_some() {
            let other = if was_due { Cause::Expiry } else { Cause::Deleted };
            self.counted.count_release(releasing.unwrap_or(other));
        }
        let Some(state) = self.find(db, key) else { return };
        state.alarm = None;
        if owner.is_none() {
            // It was phpredis's: pollers have had their turn.
            state.hand_overs = 0;
        }
        if state.waiters.is_empty() {
            self.drop_if_idle(db, key);
        } else {
            self.freed.push((db, key.into()));
        }
    }

    /// Database `db` was emptied.
    pub(crate) fn flushed(&mut self, db: u32) {
        self.disown(db, Cause::Flush);
    }

    /// Who waits, waits on for the lock of this name in the same database, which may be free now. The
    /// locks themselves went with their database, away from their connections.
    pub(crate) fn swapped(&mut self, a: u32, b: u32) {
        self.disown(a, Cause::Swap);
        self.disown(b, Cause::Swap);
    }
}
