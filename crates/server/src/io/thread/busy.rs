//! What waits for a script: commands whose shards it holds, and clients whose script it is.
//!
//! The thread itself never waits for one. A command that finds its shards held is put aside and
//! tried again when a script ends, and every few milliseconds; once the script has run for longer
//! than `busy-reply-threshold`, it is answered BUSY instead.

use std::time::Duration;

use guarda_commands::{Call, Client, CommandError, Flags, Outcome, release_session_locks};
use guarda_resp::{ArgVec, Limits, Parsed, ReplyWriter, encode_command};
use guarda_store::{HashedKey, UnixMillis};

use super::IoThread;
use crate::io::connection::Connection;
use crate::io::mailbox::CarriedOut;

impl IoThread {
    /// Puts a command aside until its shards are free. It goes back to the head of the buffer.
    pub(super) fn park(&mut self, slot: usize, args: &[&[u8]]) {
        let connection = &mut self.connections[slot];
        connection.waiting_for_shards = true;
        encode_command(&mut connection.pending, args);
        self.parked.add(slot, connection.id, self.server.clock.monotonic());
        self.mailbox.want_retry();
    }

    /// Whether a command would wait, inside itself, for shards that a script holds: it walks the
    /// keyspace, or it ends watches. Other commands take their shards before they begin.
    pub(super) fn would_wait_for_script(&mut self, slot: usize, call: &Call<'_>) -> bool {
        let (name, flags) = (call.spec.name, call.spec.flags);
        let touches_keys = flags.contains(Flags::READONLY) || flags.contains(Flags::WRITE);
        if call.walks() && touches_keys {
            return self.server.script_is_running();
        }
        if call.names > 1 {
            // Switching the log on writes all data down, and waits for every shard.
            let is_of = |container: &[u8]| call.args[0].eq_ignore_ascii_case(container);
            let is_config_set = name == "set" && is_of(b"config");
            let counts_keys = matches!(name, "stats" | "doctor") && is_of(b"memory");
            return (is_config_set || counts_keys) && self.server.script_is_running();
        }
        if matches!(name, "info" | "save") {
            return self.server.script_is_running();
        }
        let patience = self.patience;
        let Some(client) = self.connections[slot].client.as_deref_mut() else { return false };
        if name == "reset" {
            // Whoever has the connection next knows nothing of the sessions that it has locked.
            let (server, now) = (&*self.server, self.server.clock.now());
            if !release_session_locks(client, server, &mut self.worker, now, patience) {
                return true;
            }
        }
        if client.watched.is_empty() || !matches!(name, "discard" | "reset" | "unwatch") {
            return false;
        }
        if client.transaction.is_none() && call.spec.name == "discard" {
            // An error that changes nothing: the watches go on.
            return false;
        }
        // Ended here already, they need no shard later.
        !client.unwatch_within(&self.server.keyspace, patience)
    }

    /// Whether an EXEC would wait, even to be refused, for shards of the keys that its client watches.
    pub(super) fn exec_would_wait(&self, slot: usize, args: &[&[u8]]) -> bool {
        if !args[0].eq_ignore_ascii_case(b"exec") || !self.server.script_is_running() {
            return false;
        }
        let watched = self.connections[slot].client.iter().flat_map(|client| client.watched.iter());
        let shards: Vec<usize> = watched.map(|(_, key)| HashedKey::new(key).shard()).collect();
        self.server.keyspace.lock_many(&shards, self.patience).is_none()
    }

    /// Ends what a client that has gone was watching.
    pub(super) fn bid_farewell(&mut self, mut client: Client) {
        let now = self.server.clock.now();
        let (server, worker) = (&*self.server, &mut self.worker);
        client.end_subscriptions(&server.pubsub);
        client.end_monitoring(&server.observations.monitors);
        let released = release_session_locks(&mut client, server, worker, now, self.patience);
        if !released || !client.unwatch_within(&self.server.keyspace, Duration::ZERO) {
            self.gone.push(client);
            self.parked.look_again(self.server.clock.monotonic());
            self.mailbox.want_retry();
        }
    }

    /// Takes a client back from another thread, with its reply.
    pub(super) fn resume(&mut self, done: CarriedOut, now: UnixMillis) {
        let CarriedOut { slot, client, reply, outcome, seq, wrote } = done;
        let id = client.card.id;
        let Some(connection) = self.connections.get_mut(slot).filter(|c| c.id == id) else {
            self.bid_farewell(*client);
            return;
        };
        connection.client = Some(client);
        if connection.closing {
            self.close(slot);
            return;
        }
        let start = connection.out.len();
        connection.out.extend_from_slice(&reply);
        connection.wrote |= wrote;
        connection.needs_sync = true;
        self.worker.seen_seq = self.worker.seen_seq.max(seq);
        self.settle_reply(slot, start, outcome);
        self.hear_what_came_meanwhile(slot);
        self.serve(slot, now);
    }

    /// A script has ended: takes up what was waiting.
    pub(super) fn retry_parked(&mut self, now: UnixMillis) {
        let parked = self.parked.take();
        let gone = std::mem::take(&mut self.gone);
        gone.into_iter().for_each(|client| self.bid_farewell(client));
        for (slot, id) in parked {
            self.retry(slot, id, now);
        }
    }

    fn retry(&mut self, slot: usize, id: u64, now: UnixMillis) {
        if let Some(connection) = self.waiting(slot, id) {
            connection.waiting_for_shards = false;
            connection.has_unparsed = true;
            self.serve(slot, now);
        }
    }

    /// The connection that was put aside, if it is still there and still waits.
    fn waiting(&mut self, slot: usize, id: u64) -> Option<&mut Connection> {
        self.connections.get_mut(slot).filter(|c| c.id == id && c.waiting_for_shards)
    }

    /// Tries the commands put aside again, or answers them BUSY.
    pub(super) fn look_after_parked(&mut self, now: UnixMillis) {
        if !self.parked.is_due(self.server.clock.monotonic()) {
            return;
        }
        if self.server.script_is_over_time() {
            for (slot, id) in self.parked.take() {
                self.answer_busy(slot, id, now);
            }
            let gone = std::mem::take(&mut self.gone);
            gone.into_iter().for_each(|client| self.bid_farewell(client));
            return;
        }
        // Many may wait for one script: each gets one look, none the thread's time.
        let patience = std::mem::replace(&mut self.patience, Duration::ZERO);
        self.retry_parked(now);
        self.patience = patience;
    }

    fn answer_busy(&mut self, slot: usize, id: u64, now: UnixMillis) {
        let limits = self.server.frame_limits();
        let Some(connection) = self.waiting(slot, id) else { return };
        connection.waiting_for_shards = false;
        connection.has_unparsed = true;
        let start = connection.out.len();
        if let Some(used) = first_command_len(connection, &limits) {
            connection.pending.drain(..used);
            let error = CommandError::BusyScript.wire();
            if let Some(client) = &mut connection.client {
                if let Some(transaction) = &mut client.transaction {
                    transaction.refused = true;
                }
                ReplyWriter::new(&mut connection.out, client.protocol).error_bytes(&error);
            }
            self.worker.effects.note_error(&error);
        }
        self.settle_reply(slot, start, Outcome::Reply);
        self.serve(slot, now);
    }
}

/// Length of the first whole command in a connection's buffer.
fn first_command_len(connection: &mut Connection, limits: &Limits) -> Option<usize> {
    let mut args = ArgVec::new();
    match connection.parser.parse(&mut connection.pending, limits, &mut args) {
        Ok(Parsed::Command { consumed }) => Some(consumed),
        _ => None,
    }
}
