//! Clients that wait, for a session's lock or an element: served by whoever has it, or by their
//! deadline.

use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_commands::{Outcome, end_wait, tend_shard, wait_ran_out};
use guarda_store::UnixMillis;

use super::IoThread;
use crate::io::mailbox::Served;

/// When to try a shard again that a script holds.
const TEND_AGAIN: Duration = Duration::from_millis(20);

impl IoThread {
    /// The command has parked its client: nothing is read from it until its wait ends.
    pub(super) fn begin_wait(&mut self, slot: usize) {
        let Some(connection) = self.connections.get(slot) else { return };
        if connection.hung_up {
            self.close(slot);
            return;
        }
        let ticket = connection.client.as_ref().and_then(|client| client.waiting.as_ref());
        if let Some(deadline) = ticket.and_then(|ticket| ticket.deadline) {
            self.waits.add(deadline, slot, connection.id);
        }
    }

    /// A parked client was served.
    pub(super) fn end_wait(&mut self, served: Served, now: UnixMillis) {
        let Served { slot, id, reply, seq } = served;
        let Some(connection) = self.connections.get_mut(slot).filter(|c| c.id == id) else {
            return;
        };
        let Some(client) = connection.client.as_deref_mut() else { return };
        connection.needs_sync |= client.waiting.as_ref().is_some_and(|t| t.needs_sync());
        end_wait(client, &reply, &*self.server, &mut self.worker);
        connection.wrote |= seq > 0;
        self.worker.seen_seq = self.worker.seen_seq.max(seq);
        self.answer_wait(slot, &reply, now);
    }

    fn answer_wait(&mut self, slot: usize, reply: &[u8], now: UnixMillis) {
        let connection = &mut self.connections[slot];
        let start = connection.out.len();
        connection.out.extend_from_slice(reply);
        connection.has_unparsed = true;
        if let Some(client) = &connection.client {
            client.card.active.store(now.0, Ordering::Relaxed);
        }
        self.settle_reply(slot, start, Outcome::Reply);
        self.serve(slot, now);
    }

    /// The client has given a password: its answer may have to wait.
    pub(super) fn note_login(&mut self, slot: usize, succeeded: bool) {
        let connection = &mut self.connections[slot];
        let address = connection.client.as_deref().and_then(|client| client.card.address());
        // Whoever reaches a Unix socket has been let in by its permissions.
        let Some(address) = address else { return };
        let now = self.server.clock.monotonic();
        let delay = self.server.logins.delay(address, succeeded, now);
        if delay.is_zero() {
            return;
        }
        if !succeeded {
            tracing::warn!(%address, ?delay, "wrong passwords again and again: answered later");
        }
        connection.is_held = true;
        self.waits.hold(now + delay, slot, connection.id);
    }

    /// Ends the waits whose time has come, tends the shards that asked for it.
    pub(super) fn look_after_waits(&mut self, now: UnixMillis) {
        let monotonic = self.server.clock.monotonic();
        while let Some((slot, id)) = self.waits.take_due(monotonic) {
            let Some(connection) = self.connections.get_mut(slot).filter(|c| c.id == id) else {
                continue;
            };
            let Some(client) = connection.client.as_deref_mut() else { continue };
            let deadline = client.waiting.as_ref().and_then(|ticket| ticket.deadline);
            if deadline.is_none_or(|at| at > monotonic) {
                continue;
            }
            if let Some(reply) = wait_ran_out(client, &*self.server, &mut self.worker, monotonic) {
                self.answer_wait(slot, &reply, now);
            }
        }
        while let Some((slot, id)) = self.waits.take_released(monotonic) {
            let Some(connection) = self.connections.get_mut(slot).filter(|c| c.id == id) else {
                continue;
            };
            connection.is_held = false;
            connection.has_unparsed = true;
            self.mark_dirty(slot);
            self.serve(slot, now);
        }
        while let Some(shard) = self.waits.take_tend(monotonic) {
            if !tend_shard(&*self.server, &mut self.worker, shard, now, self.patience) {
                self.waits.tend(monotonic + TEND_AGAIN, shard);
            }
        }
    }
}
