//! WAITAOF: clients that wait until the append log is on the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guarda_commands::{Host as _, Ticket};
use parking_lot::Mutex;

use crate::state::Server;

/// Those who wait; shared by all threads.
#[derive(Default)]
pub(crate) struct LogWaits {
    waiting: Mutex<Vec<LogWait>>,
    /// How many there are, for those who only want to know whether there are any.
    len: AtomicUsize,
}

struct LogWait {
    client: u64,
    ticket: Arc<Ticket>,
    /// Journal sequence number of the client's last change.
    seq: u64,
}

impl LogWaits {
    /// Adds one. What was synced just before is noticed at once.
    pub(crate) fn add(&self, server: &Server, client: u64, ticket: &Arc<Ticket>, seq: u64) {
        let mut waiting = self.waiting.lock();
        waiting.push(LogWait { client, ticket: Arc::clone(ticket), seq });
        self.len.store(waiting.len(), Ordering::Release);
        drop(waiting);
        self.serve(server);
    }

    /// Answers those whose changes are on the disk by now. Costs one load while nobody waits.
    pub(crate) fn serve(&self, server: &Server) {
        self.end(server, |wait| server.is_synced(wait.seq), Ticket::note_synced);
    }

    /// Answers those who wait for a log that is no longer kept.
    pub(crate) fn refuse(&self, server: &Server) {
        self.end(server, |_| true, Ticket::note_log_off);
    }

    fn end(
        &self,
        server: &Server,
        concerns: impl Fn(&LogWait) -> bool,
        reply: impl Fn(&Ticket) -> Option<Vec<u8>>,
    ) {
        if self.len.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut waiting = self.waiting.lock();
        waiting.retain(|wait| {
            if !wait.ticket.is_waiting() {
                return false;
            }
            let reply = concerns(wait).then(|| reply(&wait.ticket)).flatten();
            let is_over = reply.is_some();
            if let Some(reply) = reply {
                server.deliver(wait.client, reply, 0);
            }
            !is_over
        });
        self.len.store(waiting.len(), Ordering::Release);
    }
}
