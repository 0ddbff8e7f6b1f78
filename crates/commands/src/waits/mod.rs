//! Clients that wait: for the lock of a session, or for an element of a key.
//!
//! A waiting client is parked: its thread reads nothing from it. Its [`Ticket`] stands in the queue
//! of each key it waits for, in the shard, and goes from waiting to served or cancelled by one
//! compare-and-swap. Whoever makes a key ready, by whatever command, serves those who wait for it
//! before the shards are released: [`serve_waiters`] runs at the end of every command, transaction
//! and script, and what it does stands right behind it in the journal. The waiter's own thread cancels
//! at its deadline, when its connection ends, or when it is killed or unblocked; it needs no shard.

mod accounting;
mod keys;
mod queue;
mod serve;
mod sync;
mod tend;
mod ticket;
mod want;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_resp::ReplyWriter;
use guarda_store::{Attachment, Shard, ValueKind};

use crate::client::Client;
use crate::execute::Worker;
use crate::host::Host;
use crate::sessions::{ShardSessions, forget_unserved, lock_wait_ran_out};
use keys::KeyWaits;

pub(crate) use keys::{Place, Request};
pub(crate) use queue::WaitQueue;
pub(crate) use serve::serve_waiters;
pub use tend::tend_shard;
pub use ticket::Ticket;
pub(crate) use ticket::{Awaited, LogWanted, NO_LOG};
pub(crate) use want::Want;

/// What a CLIENT UNBLOCK … ERROR has its victim answered.
pub(crate) const UNBLOCKED: &str = "UNBLOCKED client unblocked via CLIENT UNBLOCK";

/// Replies to parked clients: client and reply. They leave once the journal has their records.
pub(crate) type Deliveries = Vec<(u64, Vec<u8>)>;

/// Everything about waiting that is kept with a shard.
#[derive(Default)]
pub(crate) struct ShardWaits {
    pub(crate) sessions: ShardSessions,
    pub(crate) keys: KeyWaits,
}

impl ShardWaits {
    /// What `shard` has, if anybody ever waited there or held a session's lock.
    pub(crate) fn of(shard: &mut Shard) -> Option<&mut ShardWaits> {
        shard.attachment()
    }

    pub(crate) fn of_or_new(shard: &mut Shard) -> &mut ShardWaits {
        shard.attachment_or_new()
    }
}

impl Attachment for ShardWaits {
    fn removed(&mut self, db: u32, key: &[u8], was_due: bool) {
        self.sessions.removed(db, key, was_due);
    }

    fn flushed(&mut self, db: u32) {
        self.sessions.flushed(db);
    }

    fn swapped(&mut self, a: u32, b: u32) {
        self.sessions.swapped(a, b);
    }

    fn awaited(&self, db: u32) -> Vec<Box<[u8]>> {
        self.keys.keys_with_queue(db)
    }

    fn awaits(&self, db: u32, key: &[u8]) -> bool {
        self.keys.has_queue(db, key)
    }

    fn appeared(&mut self, db: u32, key: &[u8], kind: ValueKind) {
        self.keys.note_ready(db, key, kind);
    }
}

impl Client {
    /// Parks the client. The caller has queued the ticket and returns `Outcome::Parked`.
    pub(crate) fn park(&mut self, ticket: Ticket) -> Arc<Ticket> {
        let ticket = Arc::new(ticket);
        *self.card.wait.lock() = Some(Arc::clone(&ticket));
        self.waiting = Some(Arc::clone(&ticket));
        ticket
    }

    /// Takes the client out of its parking place; it goes on, or ends.
    pub(crate) fn unpark(&mut self) -> Option<Arc<Ticket>> {
        *self.card.wait.lock() = None;
        self.waiting.take()
    }
}

/// Ends a parked client's wait because its time has come; returns its reply, or `None` if it was
/// served first (the reply is on its way).
pub fn wait_ran_out(
    client: &mut Client,
    host: &dyn Host,
    worker: &mut Worker,
    now: Duration,
) -> Option<Vec<u8>> {
    let ticket = client.waiting.as_ref().filter(|ticket| ticket.cancel())?;
    let mut reply = Vec::new();
    reply_unserved(ticket, now, &mut ReplyWriter::new(&mut reply, client.protocol));
    if let Awaited::Lock(_) = ticket.awaited {
        worker.effects.counters.sessions.session_waits_timed_out += 1;
        worker.effects.counters.sessions.session_opens_busy += 1;
    }
    end_wait(client, &reply, host, worker);
    Some(reply)
}

/// What one is answered who was not served.
fn reply_unserved(ticket: &Ticket, now: Duration, reply: &mut ReplyWriter<'_>) {
    match ticket.awaited {
        Awaited::Lock(_) => lock_wait_ran_out(reply, now.saturating_sub(ticket.began)),
        Awaited::Element => reply.null_array(),
        Awaited::Replicas => reply.integer(0),
        Awaited::Log(ref wanted) => {
            reply.array(2);
            reply.integer(wanted.is_synced.load(Ordering::Relaxed).into());
            reply.integer(0);
        }
    }
}

/// A parked client's reply has arrived: it goes on.
pub fn end_wait(client: &mut Client, reply: &[u8], host: &dyn Host, worker: &mut Worker) {
    let Some(ticket) = client.unpark() else { return };
    ticket.count(reply, &mut worker.effects, host);
    if let Awaited::Lock(lock) = &ticket.awaited
        && !ticket.got_lock()
    {
        forget_unserved(client, lock);
    }
}

/// How CLIENT UNBLOCK ends a wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unblock {
    /// As if its time had run out.
    Timeout,
    /// With an error.
    Error,
}

/// Ends the wait that `ticket` stands for; writes what the client is to be answered and says
/// whether it still waited.
pub(crate) fn unblock(
    ticket: &Ticket,
    how: Unblock,
    now: Duration,
    reply: &mut ReplyWriter<'_>,
) -> bool {
    if !ticket.cancel() {
        return false;
    }
    match how {
        Unblock::Timeout => reply_unserved(ticket, now, reply),
        Unblock::Error => reply.error(UNBLOCKED),
    }
    true
}

#[cfg(test)]
mod tests;
