//! One client's wait for one lock.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// A lock that a connection holds or waits for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SessionLock {
    pub(crate) db: u32,
    /// The session's key.
    pub(crate) key: Box<[u8]>,
    pub(crate) token: Box<[u8]>,
}

const WAITING: u8 = 0;
const CANCELLED: u8 = 1;
const SERVED: u8 = 2;
const SERVED_WITHOUT_LOCK: u8 = 3;

/// A wait, shared by the shard's queue and the waiting client's thread. It goes from waiting to
/// served or to cancelled by one compare-and-swap; whoever makes it acts.
pub struct Ticket {
    state: AtomicU8,
    /// When the wait ends unserved, by the monotonic clock.
    pub deadline: Duration,
    pub(crate) began: Duration,
    pub(crate) lock: SessionLock,
}

impl Ticket {
    pub(crate) fn new(lock: SessionLock, began: Duration, deadline: Duration) -> Ticket {
        Ticket { state: AtomicU8::new(WAITING), deadline, began, lock }
    }

    fn leave(&self, to: u8) -> bool {
        self.state.compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.state.load(Ordering::Acquire) == WAITING
    }

    /// Ends the wait unserved; false if it was served before.
    pub(crate) fn cancel(&self) -> bool {
        self.leave(CANCELLED)
    }

    /// Takes the right to serve; false if the wait was given up before.
    pub(crate) fn serve(&self) -> bool {
        self.leave(SERVED)
    }

    /// The one who was served got an answer, not the lock.
    pub(crate) fn note_without_lock(&self) {
        self.state.store(SERVED_WITHOUT_LOCK, Ordering::Release);
    }

    pub(crate) fn got_lock(&self) -> bool {
        self.state.load(Ordering::Acquire) == SERVED
    }
}
