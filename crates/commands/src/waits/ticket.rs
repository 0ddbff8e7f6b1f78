//! One client's wait.

use std::sync::Arc;
use std::time::Duration;

use super::accounting::ParkedCall;
use super::sync::{AtomicBool, AtomicU8, Mutex, Ordering};
use crate::sessions::SessionLock;

const WAITING: u8 = 0;
const CANCELLED: u8 = 1;
const SERVED: u8 = 2;
const SERVED_WITHOUT_LOCK: u8 = 3;

/// What WAITAOF answers where there is no log.
pub(crate) const NO_LOG: &str =
    "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";

/// What a client waits for.
#[derive(Clone)]
pub(crate) enum Awaited {
    /// The lock of a session (SESSION OPEN).
    Lock(SessionLock),
    /// An element of one of several keys (BLPOP and its relatives).
    Element,
    /// Replicas, of which there are none (WAIT).
    Replicas,
    /// The append log on the disk, and replicas (WAITAOF).
    Log(Arc<LogWanted>),
}

/// What WAITAOF waits for.
pub(crate) struct LogWanted {
    /// This server's log.
    pub(crate) local: bool,
    /// Also replicas, of which there are none.
    pub(crate) replicas: bool,
    /// This server's log is on the disk as far as is wanted.
    pub(crate) is_synced: AtomicBool,
}

/// A wait, shared by the shards' queues, the waiting client's thread and its card. It goes from
/// waiting to served or to cancelled by one compare-and-swap; whoever makes it acts.
pub struct Ticket {
    state: AtomicU8,
    /// When the wait ends unserved, by the monotonic clock; `None` = never.
    pub deadline: Option<Duration>,
    pub(crate) began: Duration,
    pub(crate) awaited: Awaited,
    /// The call, until it is counted.
    pub(super) parked: Mutex<Option<ParkedCall>>,
}

impl Ticket {
    pub(crate) fn new(awaited: Awaited, began: Duration, deadline: Option<Duration>) -> Ticket {
        let (state, parked) = (AtomicU8::new(WAITING), Mutex::default());
        Ticket { state, deadline, began, awaited, parked }
    }

    fn leave(&self, to: u8) -> bool {
        self.state.compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether the wait goes on.
    pub fn is_waiting(&self) -> bool {
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

    /// The log is on the disk as far as this client waits for: returns its reply, if that was all.
    pub fn note_synced(&self) -> Option<Vec<u8>> {
        let Awaited::Log(wanted) = &self.awaited else { return None };
        wanted.is_synced.store(true, Ordering::Relaxed);
        (!wanted.replicas && self.serve()).then(|| b"*2\r\n:1\r\n:0\r\n".to_vec())
    }

    /// There is no log any more: returns the reply of a client that waits for it.
    pub fn note_log_off(&self) -> Option<Vec<u8>> {
        let Awaited::Log(wanted) = &self.awaited else { return None };
        (wanted.local && self.serve()).then(|| format!("-{NO_LOG}\r\n").into_bytes())
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
