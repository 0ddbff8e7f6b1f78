//! The script thread: the only place where Lua runs.
//!
//! Scripts are serialised by the keyspace's exclusive lock anyway, so one interpreter on one thread
//! costs no concurrency, and an I/O thread never waits for a script: it hands the call over and
//! goes on with its other connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use guarda_commands::{Call, Outcome, Worker, execute, table};

use crate::io::{CarriedOut, ScriptJob};
use crate::jobs::JobQueue;
use crate::state::Server;

/// Scripts wait for the exclusive lock as long as it takes.
const PATIENCE: Duration = Duration::from_hours(1);

/// The way to the script thread, and what it is doing.
pub(crate) struct ScriptQueue {
    queue: JobQueue<ScriptJob>,
    /// Monotonic milliseconds, plus one, at which the running script began; 0 when none runs.
    running_since: AtomicU64,
}

impl ScriptQueue {
    pub(crate) fn new() -> ScriptQueue {
        ScriptQueue { queue: JobQueue::new(), running_since: AtomicU64::new(0) }
    }

    pub(crate) fn push(&self, job: ScriptJob) {
        self.queue.push(job);
    }

    /// How long the running script has been running, if one runs.
    pub(crate) fn running_for(&self, now: Duration) -> Option<Duration> {
        let since = self.running_since.load(Ordering::Relaxed).checked_sub(1)?;
        Some(now.saturating_sub(Duration::from_millis(since)))
    }

    /// Runs the script thread; called once.
    pub(crate) fn serve(server: &Arc<Server>) {
        let mut worker = Worker::default();
        for job in server.scripts.queue.jobs() {
            run(server, &mut worker, job);
        }
    }
}

fn run(server: &Arc<Server>, worker: &mut Worker, job: ScriptJob) {
    let ScriptJob { thread, slot, mut client, args } = job;
    let args: Vec<&[u8]> = args.iter().map(|arg| &arg[..]).collect();
    let queue = &server.scripts;
    let began = server.clock.monotonic().as_millis() as u64;
    queue.running_since.store(began + 1, Ordering::Relaxed);
    let mut reply = Vec::new();
    worker.seen_seq = 0;
    // The call was admitted by the I/O thread; only its row has to be found again.
    let outcome = match table().find(args[0]) {
        Some(spec) => {
            let call = Call { spec, names: 1, args: &args };
            let now = server.clock.now();
            worker.effects.mark = server.clock.monotonic();
            execute(&call, &mut client, &**server, worker, now, PATIENCE, &mut reply)
        }
        None => Ok(Outcome::Close),
    };
    queue.running_since.store(0, Ordering::Relaxed);
    server.collect(worker);
    let outcome = outcome.unwrap_or_else(|guarda_commands::Busy| {
        reply.extend_from_slice(b"-BUSY the keyspace could not be locked\r\n");
        Outcome::Reply
    });
    let wrote = std::mem::take(&mut worker.wrote);
    let remains = std::mem::take(&mut worker.remains);
    let done = CarriedOut { slot, client, reply, outcome, seq: worker.seen_seq, wrote };
    server.tell(thread, done, remains);
    crate::memory::note_thread();
    server.retry_parked();
}
