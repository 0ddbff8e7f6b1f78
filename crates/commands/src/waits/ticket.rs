//! One client's wait.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::sessions::SessionLock;

const WAITING: u8 = 0;
const CANCELLED: u8 = 1;
const SERVED: u8 = 2;
const SERVED_WITHOUT_LOCK: u8 = 3;

/// What a client waits for.
#[derive(Clone)]
pub(crate) enum Awaited {
    /// The lock of a session (SESSION OPEN).
    Lock(SessionLock),
    /// An element of one of several keys (BLPOP and its relatives).
    Element,
    /// Replicas, of which there are none (WAIT).
    Replicas,
}

/// A wait, shared by the shards' queues, the waiting client's thread and its card. It goes from
/// waiting to served or to cancelled by one compare-and-swap; whoever makes it acts.
pub struct Ticket {
    state: AtomicU8,
    /// When the wait ends unserved, by the monotonic clock; `None` = never.
    pub deadline: Option<Duration>,
    pub(crate) began: Duration,
    pub(crate) awaited: Awaited,
}

impl Ticket {
    pub(crate) fn new(awaited: Awaited, began: Duration, deadline: Option<Duration>) -> Ticket {
        Ticket { state: AtomicU8::new(WAITING), deadline, began, awaited }
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

    /// Whether the answer must wait for the sync of the log where one is due: a lock means nothing
    /// after a power loss, an element does.
    pub fn needs_sync(&self) -> bool {
        !matches!(self.awaited, Awaited::Lock(_))
    }
}
