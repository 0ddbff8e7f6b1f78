//! Session locks: who owns them, who waits for them, and how they pass from one to the next.
//!
//! The lock itself is an ordinary expiring key, so that phpredis sees it and a snapshot has it. What
//! is kept beside it, in the shard and only in memory, is whose connection it belongs to and who
//! waits: [`ShardSessions`]. Everything here runs under the shard's lock. A session and what belongs
//! to it share a shard, so that is the only lock ever needed.
//!
//! Whoever removes a lock, by whatever command, serves the next waiter before the shard is released:
//! [`serve_freed`] runs at the end of every command. How clients wait is `waits`'s business.

mod counters;
mod limits;
mod locks;
mod serve;
mod site;

pub(crate) use counters::Cause;
pub use counters::SessionCounters;
pub use limits::SessionLimits;
pub(crate) use locks::{LockState, ShardSessions};
pub(crate) use serve::{
    OpenRequest, forget_unserved, grant, lock_wait_ran_out, rebind, renew_if_due,
    reply_without_data, serve_freed, set_alarm, tend,
};
pub use serve::{release_session_locks, unbind_native_locks};
pub(crate) use site::{Site, generation_of, release};

use std::time::Duration;

use crate::context::Context;
use crate::waits::ShardWaits;
use guarda_session::LOCK_SUFFIX;

/// A lock that a connection holds or waits for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SessionLock {
    pub(crate) db: u32,
    /// The session's key.
    pub(crate) key: Box<[u8]>,
    pub(crate) token: Box<[u8]>,
}

/// How long a lock lives without its holder unless LEASE says otherwise.
pub(crate) const LEASE_DEFAULT_MS: i64 = 60_000;

/// What a native token begins with; 32 hexadecimal digits follow.
pub(crate) const TOKEN_PREFIX: &[u8] = b"guarda:";

/// Notes that `SET NX` was refused on `key`: if it is a lock that others wait for, its client polls
/// and is owed a chance now and then.
pub(crate) fn note_refused_lock(cx: &mut Context<'_, '_>, key: &[u8]) {
    if !key.ends_with(LOCK_SUFFIX.as_bytes()) {
        return;
    }
    let (index, now) = (cx.db.index, cx.host.monotonic());
    let hashed = cx.db.hashed(key);
    let waits = ShardWaits::of(cx.db.locked.shard(hashed));
    if let Some(state) = waits.and_then(|waits| waits.sessions.find(index, key)) {
        state.polled = Some(now);
    }
}

/// Milliseconds of a duration, as expiries count them.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
