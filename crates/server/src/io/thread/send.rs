//! The end of a turn: the log first, then the replies.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{IoThread, SPARE_BUFFERS_MAX};
use crate::client_memory;
use crate::io::backlog::Fault;
use crate::io::connection::{Flushed, SHARED_LEN_MAX};
use crate::memory;
use crate::stats::raise;

/// Records that nobody waits for and that may wait for the next group; beyond that they are written by
/// the end of the turn. Housekeeping writes what is there every 100 ms.
const UNAWAITED_MAX: u32 = 64;

impl IoThread {
    /// Brings the log up to what this turn's replies depend on, then sends them.
    pub(super) fn finish_turn(&mut self, began: Duration) {
        let counters = &mut self.worker.effects.counters;
        counters.eventloop_cycles += 1;
        let commands = counters.commands_processed;
        self.send_turn();
        memory::note_thread();
        client_memory::evict(&self.server);
        let took = self.server.clock.since(began).as_nanos() as u64;
        self.worker.effects.counters.eventloop_nanos += took;
        let stats = &self.server.stats;
        raise(&stats.eventloop_nanos_max, took);
        raise(&stats.eventloop_commands_max, commands);
    }

    fn send_turn(&mut self) {
        self.server.collect(&mut self.worker);
        if self.worker.unawaited >= UNAWAITED_MAX {
            self.worker.unawaited = 0;
            self.server.persistence.flush();
        }
        let seq = self.worker.seen_seq;
        if self.dirty.is_empty() {
            // Changes that nobody is told of (CLIENT REPLY OFF) must not pile up in memory.
            if seq > self.flushed_seq {
                self.flushed_seq = seq;
                self.server.persistence.flush();
            }
            return;
        }
        self.flushed_seq = seq;
        let wrote =
            self.dirty.iter().any(|&slot| self.connections.get(slot).is_some_and(|c| c.wrote));
        let needs_sync =
            self.dirty.iter().any(|&slot| self.connections.get(slot).is_some_and(|c| c.needs_sync));
        let before = self.server.clock.monotonic();
        let committed = self.server.persistence.commit(seq, wrote, needs_sync);
        let waited = self.server.clock.since(before).as_nanos() as u64;
        self.server.stats.eventloop_log_nanos.fetch_add(waited, Ordering::Relaxed);
        self.server.log_waits.serve(&self.server);
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            self.send(slot, committed);
        }
        // Nothing is added while sending; the list keeps its memory.
        self.dirty = dirty;
        // Those closed just now may have left session locks behind.
        self.server.collect(&mut self.worker);
    }

    fn send(&mut self, slot: usize, committed: bool) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        connection.is_dirty = false;
        connection.needs_sync = false;
        if std::mem::take(&mut connection.wrote) && !committed {
            // The outcome is unknown to the client: the record may or may not survive. Saying
            // anything would be a lie.
            self.close(slot);
            return;
        }
        if connection.is_held {
            return;
        }
        let before = connection.unsent();
        if self.gives_up_too_much_output(slot) {
            return;
        }
        let connection = &mut self.connections[slot];
        let Ok(flushed) = connection.flush() else {
            self.close(slot);
            return;
        };
        let unsent = connection.unsent();
        let sent = (before - unsent) as u64;
        self.server.stats.net_output.fetch_add(sent, Ordering::Relaxed);
        self.worker.effects.counters.writes_processed += 1;
        match flushed {
            Flushed::All if connection.closing && connection.client.is_some() => {
                self.close(slot);
                return;
            }
            Flushed::All => {
                if let Some(buffer) = connection.release_output()
                    && self.spare_buffers.len() < SPARE_BUFFERS_MAX
                {
                    self.spare_buffers.push(buffer);
                }
                self.backlogs.clear(slot);
            }
            Flushed::Blocked => {
                let now = self.server.clock.monotonic();
                let limit = connection.output_limit(&self.server.output_limits());
                let who = (slot, connection.id);
                if let Some(fault) = self.backlogs.note(who, unsent, sent > 0, limit, now) {
                    self.give_up(slot, fault);
                    return;
                }
            }
        }
        self.connections[slot].show_output();
        self.weigh(slot);
        self.go_on_later(slot);
    }

    /// Closes a client with more replies than its hard limit allows, though it might take them all at once: as
    /// Redis does.
    pub(super) fn gives_up_too_much_output(&mut self, slot: usize) -> bool {
        let Some(connection) = self.connections.get(slot) else { return false };
        let unsent = connection.unsent();
        let limit = connection.output_limit(&self.server.output_limits());
        let is_too_much = limit.is_exceeded_by(unsent);
        if is_too_much {
            self.give_up(slot, Fault::OverHard);
        }
        is_too_much
    }

    /// Counts what the connection takes now among what all clients take.
    pub(super) fn weigh(&mut self, slot: usize) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let weight = connection.memory();
        let before = std::mem::replace(&mut connection.weight, weight);
        if weight == before {
            return;
        }
        // Modulo 2^64, as a sum of changes may be.
        self.server.clients_memory.fetch_add(weight.wrapping_sub(before), Ordering::Relaxed);
        if let Some(client) = &connection.client {
            client.card.memory.store(weight, Ordering::Relaxed);
        }
        if weight > before {
            // Not only at the end of the turn: what comes later in it is not to meet more.
            client_memory::evict(&self.server);
        }
    }

    /// After each command of many that came together: what its replies take must be known before the next asks
    /// for memory, or keys would be evicted for a client that is closed a moment later.
    pub(super) fn weigh_large_output(&mut self, slot: usize) {
        if self.server.limits.clients_memory_max.load(Ordering::Relaxed) > 0
            && self.connections.get(slot).is_some_and(|c| c.out.capacity() > SHARED_LEN_MAX)
            && !self.gives_up_too_much_output(slot)
        {
            self.weigh(slot);
        }
    }

    /// Closes a client that reads too slowly.
    pub(super) fn give_up(&mut self, slot: usize, fault: Fault) {
        let Some(connection) = self.connections.get(slot) else { return };
        let (client, unsent) = (connection.id, connection.unsent());
        tracing::warn!(client, unsent, "closed: {}", fault.reason());
        let count = &self.server.stats.output_buffer_limit_disconnections;
        count.fetch_add(1, Ordering::Relaxed);
        self.close(slot);
    }
}
