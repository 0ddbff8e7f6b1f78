//! The script thread: the only place where Lua runs.
//!
//! Scripts are serialised by the keyspace's exclusive lock anyway, so one interpreter on one thread
//! costs no concurrency, and an I/O thread never waits for a script: it hands the call over and
//! goes on with its other connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use guarda_commands::Worker;

use crate::errands::carry_out;
use crate::io::Errand;
use crate::jobs::JobQueue;
use crate::state::Server;

/// The way to the script thread, and what it is doing.
pub(crate) struct ScriptQueue {
    queue: JobQueue<Errand>,
    /// Monotonic milliseconds, plus one, at which the running script began; 0 when none runs.
    running_since: AtomicU64,
}

impl ScriptQueue {
    pub(crate) fn new() -> ScriptQueue {
        ScriptQueue { queue: JobQueue::new(), running_since: AtomicU64::new(0) }
    }

    pub(crate) fn push(&self, errand: Errand) {
        self.queue.push(errand);
    }

    /// How long the running script has been running, if one runs.
    pub(crate) fn running_for(&self, now: Duration) -> Option<Duration> {
        let since = self.running_since.load(Ordering::Relaxed).checked_sub(1)?;
        Some(now.saturating_sub(Duration::from_millis(since)))
    }

    /// Runs the script thread; called once.
    pub(crate) fn serve(server: &Arc<Server>) {
        let mut worker = Worker::default();
        let scripts = &server.scripts;
        for errand in scripts.queue.jobs() {
            let began = server.clock.monotonic().as_millis() as u64;
            scripts.running_since.store(began + 1, Ordering::Relaxed);
            carry_out(server, &mut worker, errand, || {
                scripts.running_since.store(0, Ordering::Relaxed);
            });
        }
    }
}
