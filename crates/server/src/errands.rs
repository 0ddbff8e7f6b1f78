//! Calls that an I/O thread hands to another thread, their client and all, and takes back with their
//! reply: so that its other clients do not wait for what takes long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use guarda_commands::{Busy, Call, Outcome, Worker, execute};

use crate::io::{CarriedOut, Errand};
use crate::jobs::JobQueue;
use crate::state::Server;

/// Such a call waits for its shards as long as it takes.
const PATIENCE: Duration = Duration::from_hours(1);

/// Runs the call, which the I/O thread has admitted, and sends the client back. `ended` is called once it has run.
pub(crate) fn carry_out(
    server: &Arc<Server>,
    worker: &mut Worker,
    errand: Errand,
    ended: impl FnOnce(),
) {
    let Errand { thread, slot, mut client, spec, names, args } = errand;
    let args: Vec<&[u8]> = args.iter().map(|arg| &arg[..]).collect();
    let call = Call { spec, names, args: &args };
    let mut reply = Vec::new();
    worker.seen_seq = 0;
    worker.effects.mark = server.clock.monotonic();
    let now = server.clock.now();
    let outcome = execute(&call, &mut client, &**server, worker, now, PATIENCE, &mut reply);
    ended();
    server.collect(worker);
    let outcome = outcome.unwrap_or_else(|Busy| {
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

/// The way to the thread that changes the configuration where that takes long.
pub(crate) struct ConfigErrands {
    queue: JobQueue<Errand>,
    /// Those that have not been carried out.
    open: AtomicUsize,
}

impl ConfigErrands {
    pub(crate) fn new() -> ConfigErrands {
        ConfigErrands { queue: JobQueue::new(), open: AtomicUsize::new(0) }
    }

    pub(crate) fn push(&self, errand: Errand) {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.queue.push(errand);
    }

    /// Whether there is anything that has not been carried out.
    pub(crate) fn is_busy(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Runs the thread; called once.
    pub(crate) fn serve(server: &Arc<Server>) {
        let mut worker = Worker::default();
        let errands = &server.config_errands;
        for errand in errands.queue.jobs() {
            carry_out(server, &mut worker, errand, || {
                errands.open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
}
