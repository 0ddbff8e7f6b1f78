//! The limits of sessions, which are directives.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Limits that CONFIG SET changes, named after the directives without `session-`.
#[derive(Debug)]
#[allow(missing_docs, reason = "named after the directives, which say it")]
pub struct SessionLimits {
    pub lock_max_hold_s: AtomicU64,
    pub max_waiters: AtomicU64,
    pub max_locks_per_client: AtomicU64,
    pub tombstone_ttl_s: AtomicU64,
    pub restart_lease_s: AtomicU64,
    pub fair_after: AtomicU64,
    pub fair_window_ms: AtomicU64,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            lock_max_hold_s: AtomicU64::new(600),
            max_waiters: AtomicU64::new(10_000),
            max_locks_per_client: AtomicU64::new(64),
            tombstone_ttl_s: AtomicU64::new(900),
            restart_lease_s: AtomicU64::new(5),
            fair_after: AtomicU64::new(1),
            fair_window_ms: AtomicU64::new(25),
        }
    }
}

fn read(limit: &AtomicU64) -> u64 {
    limit.load(Ordering::Relaxed)
}

fn count(limit: &AtomicU64) -> usize {
    usize::try_from(read(limit)).unwrap_or(usize::MAX)
}

impl SessionLimits {
    /// Longest time that one request may hold a lock, however often its lease is renewed.
    pub(crate) fn hold_max(&self) -> Duration {
        Duration::from_secs(read(&self.lock_max_hold_s))
    }

    /// Clients that may wait for one lock, whatever MAXWAITERS says.
    pub(crate) fn waiters_max(&self) -> usize {
        count(&self.max_waiters)
    }

    /// Locks that one connection may hold and wait for at a time.
    pub(crate) fn locks_per_client_max(&self) -> usize {
        count(&self.max_locks_per_client)
    }

    /// How long a tombstone lives unless TTL says otherwise: no request that was open when the
    /// session ended may outlive it.
    pub(crate) fn tombstone_life(&self) -> Duration {
        Duration::from_secs(read(&self.tombstone_ttl_s)).max(self.hold_max())
    }

    /// How long a native lock lives on after a restart unless its token is presented.
    pub(crate) fn restart_lease(&self) -> Duration {
        Duration::from_secs(read(&self.restart_lease_s))
    }

    /// Hand-overs in a row after which a client that polls gets its chance: decision 0014.
    pub(crate) fn fair_after(&self) -> u64 {
        read(&self.fair_after)
    }

    /// How long the lock then stays free; none: pollers get no chance of their own.
    pub(crate) fn fair_window(&self) -> Option<Duration> {
        Some(Duration::from_millis(read(&self.fair_window_ms))).filter(|window| !window.is_zero())
    }
}
