//! Reading from connections and running their commands.

use std::sync::atomic::Ordering;

use guarda_commands::{
    Admission, AuthState, Busy, Call, Client, Flags, Meaning, Outcome, ReplyMode, admit, execute,
    needs_script_thread, note_refusal, unknown_command,
};
use guarda_resp::{ArgVec, Limits, Parsed, ProtocolError, ReplyWriter};
use guarda_store::UnixMillis;

use super::IoThread;
use crate::io::backlog::Fault;
use crate::io::connection::Connection;
use crate::io::mailbox::{CarriedOut, Errand};
use crate::reclaim::AT_ONCE_MAX;

/// Reads of one connection in one turn, so that a flood does not starve the others.
const READS_PER_TURN: usize = 4;

/// Whether a connection goes on taking commands in this turn.
#[derive(PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    Stop,
}

/// What came of running the commands in a buffer.
struct Ran {
    /// How much of it was used.
    used: usize,
    /// Bytes that the unfinished command is known to want in all.
    want: usize,
    /// The rest was not looked at: it may hold whole commands.
    stopped: bool,
}

impl IoThread {
    /// Reads and runs what a connection has sent.
    pub(super) fn serve(&mut self, slot: usize, now: UnixMillis) {
        // Commands received earlier come first: those behind a parked one, or behind a backlog.
        if self.run_pending(slot, now).is_none() {
            return;
        }
        for _ in 0..READS_PER_TURN {
            let Some(connection) = self.connections.get_mut(slot) else { return };
            if !connection.readable || !connection.accepts_commands() {
                break;
            }
            let was_pending = !connection.pending.is_empty();
            match connection.read(&mut self.scratch) {
                Ok(Some(n)) => {
                    self.server.stats.net_input.fetch_add(n as u64, Ordering::Relaxed);
                    self.worker.effects.counters.reads_processed += 1;
                    let ran = if was_pending {
                        self.run_pending(slot, now)
                    } else {
                        self.run_scratch(slot, n, now)
                    };
                    if ran.is_none() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(_) => {
                    self.close(slot);
                    return;
                }
            }
        }
        let Some(connection) = self.connections.get_mut(slot) else { return };
        if connection.read_closed {
            // Redis drops a client that closes its half, replies unsent; so do we, after sending
            // what is ready.
            connection.closing = true;
            self.mark_dirty(slot);
        } else {
            self.go_on_later(slot);
        }
    }

    /// Has the connection served in the next turn if there is something to do for it by then.
    pub(super) fn go_on_later(&mut self, slot: usize) {
        if let Some(connection) = self.connections.get_mut(slot)
            && (connection.readable || connection.has_unparsed)
            && connection.accepts_commands()
            && !connection.is_queued
        {
            connection.is_queued = true;
            self.again.push(slot);
        }
    }

    /// Runs the commands in the connection's own buffer; `None` if the connection is gone.
    fn run_pending(&mut self, slot: usize, now: UnixMillis) -> Option<()> {
        let connection = self.connections.get_mut(slot)?;
        if connection.pending.is_empty() || !connection.accepts_commands() {
            return Some(());
        }
        let mut pending = std::mem::take(&mut connection.pending);
        let ran = self.run_commands(slot, &mut pending, now);
        self.connections.get_mut(slot)?.keep(pending, ran.used);
        self.after_commands(slot, &ran)
    }

    /// Runs the commands that were read into `scratch`; returns as [`IoThread::run_pending`].
    fn run_scratch(&mut self, slot: usize, len: usize, now: UnixMillis) -> Option<()> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let ran = self.run_commands(slot, &mut scratch[..len], now);
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.pending.extend_from_slice(&scratch[ran.used..len]);
        }
        self.scratch = scratch;
        self.after_commands(slot, &ran)
    }

    /// Holds the connection to `client-query-buffer-limit`; returns as [`IoThread::run_pending`].
    ///
    /// An argument counts as soon as its length is announced: what will not be taken in the end
    /// need not be received first. The queue of an open MULTI counts too.
    fn after_commands(&mut self, slot: usize, ran: &Ran) -> Option<()> {
        let connection = self.connections.get_mut(slot)?;
        let pending = connection.pending.len();
        connection.has_unparsed = ran.stopped && pending > 0;
        connection.wanted = ran.want;
        connection.show_input();
        if connection.closing {
            return Some(());
        }
        // Before it is weighed: nobody else is closed for what it takes.
        if self.gives_up_too_much_output(slot) {
            return None;
        }
        self.weigh(slot);
        let connection = self.connections.get_mut(slot)?;
        let held = pending.max(ran.want).saturating_add(connection.queued_len());
        if held > self.server.limits.query_buffer_max.load(Ordering::Relaxed) {
            let client = connection.id;
            tracing::warn!(client, held, "closed: its input exceeds client-query-buffer-limit");
            let count = &self.server.stats.query_buffer_limit_disconnections;
            count.fetch_add(1, Ordering::Relaxed);
            self.close(slot);
            return None;
        }
        Some(())
    }

    /// Runs whole commands at the head of `input`.
    fn run_commands(&mut self, slot: usize, input: &mut [u8], now: UnixMillis) -> Ran {
        let mut used = 0;
        let len = input.len();
        self.worker.effects.mark = self.server.clock.monotonic();
        let mut queue_is_full = false;
        while used < len && !queue_is_full {
            let Some(connection) = self.connections.get_mut(slot) else {
                return Ran { used: len, want: 0, stopped: true };
            };
            if !connection.accepts_commands() {
                return Ran { used, want: 0, stopped: true };
            }
            let granted = |client: &Client| client.auth == AuthState::Granted;
            let authenticated = connection.client.as_deref().is_some_and(granted);
            let limits =
                if authenticated { self.server.frame_limits() } else { Limits::UNAUTHENTICATED };
            let mut args = ArgVec::new();
            match connection.parser.parse(&mut input[used..], &limits, &mut args) {
                Ok(Parsed::Command { consumed }) => {
                    if args[0].eq_ignore_ascii_case(b"client") {
                        connection.show_running(&args, len - used);
                    }
                    used += consumed;
                    if self.run_command(slot, &args, now) == Flow::Stop {
                        return Ran { used, want: 0, stopped: true };
                    }
                    queue_is_full = self.queue_is_full(slot);
                    self.weigh_large_output(slot);
                }
                Ok(Parsed::Empty { consumed }) => used += consumed,
                Ok(Parsed::Incomplete { need_hint }) => {
                    return Ran { used, want: need_hint, stopped: false };
                }
                Err(error) => {
                    self.refuse_frame(slot, error);
                    return Ran { used: len, want: 0, stopped: true };
                }
            }
        }
        Ran { used, want: 0, stopped: false }
    }

    /// Whether an open MULTI has queued more than a client may have the server keep.
    fn queue_is_full(&self, slot: usize) -> bool {
        let queued = self.connections.get(slot).map_or(0, Connection::queued_len);
        queued > 0 && queued > self.server.limits.query_buffer_max.load(Ordering::Relaxed)
    }

    /// Answers a frame that is none and closes the connection.
    fn refuse_frame(&mut self, slot: usize, error: ProtocolError) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        tracing::debug!(client = connection.id, %error, "protocol error");
        if let Some(client) = &connection.client
            && client.reply_mode != ReplyMode::Off
        {
            ReplyWriter::new(&mut connection.out, client.protocol).protocol_error(&error);
        }
        connection.closing = true;
        self.mark_dirty(slot);
    }

    /// Runs a command, which may go by another name than its own (`rename-command`).
    fn run_command(&mut self, slot: usize, args: &[&[u8]], now: UnixMillis) -> Flow {
        if self.server.renames.is_empty() {
            return self.run_by_own_name(slot, args, now);
        }
        match self.server.renames.meaning(args[0]) {
            Meaning::Itself => self.run_by_own_name(slot, args, now),
            Meaning::Command(name) => {
                let own: ArgVec<'_> =
                    std::iter::once(name.as_bytes()).chain(args[1..].iter().copied()).collect();
                self.run_by_own_name(slot, &own, now)
            }
            // No command has this name: what it is called in its error is what the client sent.
            Meaning::Nothing => self.refuse_unknown(slot, args),
        }
    }

    fn refuse_unknown(&mut self, slot: usize, args: &[&[u8]]) -> Flow {
        let connection = &mut self.connections[slot];
        let Some(client) = connection.client.as_deref_mut() else { return Flow::Stop };
        let start = connection.out.len();
        client.note_refusal();
        let error = unknown_command(args);
        ReplyWriter::new(&mut connection.out, client.protocol).error_bytes(&error.wire());
        self.worker.effects.note_error(&error.wire());
        self.worker.effects.counters.commands_processed += 1;
        self.settle_reply(slot, start, Outcome::Reply)
    }

    fn run_by_own_name(&mut self, slot: usize, args: &[&[u8]], now: UnixMillis) -> Flow {
        let connection = &mut self.connections[slot];
        let Some(client) = connection.client.as_deref_mut() else { return Flow::Stop };
        if connection.out.capacity() == 0
            && let Some(buffer) = self.spare_buffers.pop()
        {
            connection.out = buffer;
        }
        if client.is_subscriber() || client.is_monitor() {
            self.hear_messages();
        }
        let connection = &mut self.connections[slot];
        let Some(client) = connection.client.as_deref_mut() else { return Flow::Stop };
        let mut start = connection.out.len();
        if !client.watched.is_empty() && self.exec_would_wait(slot, args) {
            self.park(slot, args);
            return Flow::Stop;
        }
        let connection = &mut self.connections[slot];
        let Some(client) = connection.client.as_deref_mut() else { return Flow::Stop };
        if client.reply_mode == ReplyMode::SkipNext {
            client.reply_mode = ReplyMode::SkipThis;
        }
        let outcome = match admit(args, client, &*self.server) {
            Admission::Queued(_) => {
                client.card.active.store(now.0, Ordering::Relaxed);
                let is_first = client.transaction.as_ref().is_some_and(|t| t.queued.len() == 1);
                connection.note_queued(args, is_first);
                connection.out.extend_from_slice(b"+QUEUED\r\n");
                Outcome::Reply
            }
            Admission::Refused(error) => {
                let text = error.wire();
                note_refusal(args, &text, &mut self.worker.effects);
                ReplyWriter::new(&mut connection.out, client.protocol).error_bytes(&text);
                Outcome::Reply
            }
            Admission::Postponed => {
                self.postpone(slot, args);
                return Flow::Stop;
            }
            Admission::Dropped => {
                tracing::warn!(client = connection.id, "closed: it speaks HTTP");
                self.close(slot);
                return Flow::Stop;
            }
            Admission::Run(call) => {
                client.card.active.store(now.0, Ordering::Relaxed);
                connection.needs_sync |= !call.spec.flags.contains(Flags::LOCKS_ONLY);
                if needs_script_thread(&call, client, &*self.server) {
                    self.worker.effects.counters.commands_processed += 1;
                    if let Some(errand) = self.errand(slot, &call) {
                        self.server.run_script(errand);
                    }
                    return Flow::Stop;
                }
                let done = if self.would_wait_for_script(slot, &call) {
                    Err(Busy)
                } else if self.server.changes_configuration_apart(&call) {
                    self.worker.effects.counters.commands_processed += 1;
                    if let Some(errand) = self.errand(slot, &call) {
                        self.server.config_errands.push(errand);
                    }
                    return Flow::Stop;
                } else {
                    let connection = &mut self.connections[slot];
                    let Some(client) = connection.client.as_deref_mut() else { return Flow::Stop };
                    let out = &mut connection.out;
                    let (server, patience) = (&*self.server, self.patience);
                    execute(&call, client, server, &mut self.worker, now, patience, out)
                };
                self.connections[slot].wrote |= std::mem::take(&mut self.worker.wrote);
                let Ok(outcome) = done else {
                    self.park(slot, args);
                    return Flow::Stop;
                };
                if call.spec.flags.contains(Flags::PUBSUB) && call.spec.name.ends_with("subscribe")
                {
                    // Confirmations are messages, which CLIENT REPLY does not hold back.
                    start = self.connections[slot].out.len();
                }
                outcome
            }
        };
        self.worker.effects.counters.commands_processed += 1;
        let login = self.connections[slot].client.as_mut().and_then(|client| client.login.take());
        if let Some(succeeded) = login {
            self.note_login(slot, succeeded);
        }
        if outcome == Outcome::Parked {
            self.worker.remains.clear();
            self.begin_wait(slot);
            return Flow::Stop;
        }
        let flow = if self.worker.remains.weight() > AT_ONCE_MAX {
            self.reply_when_freed(slot, start, outcome);
            Flow::Stop
        } else {
            self.worker.remains.clear();
            self.settle_reply(slot, start, outcome)
        };
        if std::mem::take(&mut self.worker.published) {
            self.hear_messages();
        }
        flow
    }

    /// Applies CLIENT REPLY and the outcome to the reply that begins at `start`.
    pub(super) fn settle_reply(&mut self, slot: usize, start: usize, outcome: Outcome) -> Flow {
        let connection = &mut self.connections[slot];
        let Some(client) = connection.client.as_deref_mut() else { return Flow::Stop };
        client.note_locks();
        match client.reply_mode {
            ReplyMode::On | ReplyMode::SkipNext => {}
            ReplyMode::Off => connection.out.truncate(start),
            ReplyMode::SkipThis => {
                connection.out.truncate(start);
                client.reply_mode = ReplyMode::On;
            }
        }
        if outcome == Outcome::Overflow {
            tracing::warn!(client = connection.id, "closed: {}", Fault::OverHard.reason());
            let count = &self.server.stats.output_buffer_limit_disconnections;
            count.fetch_add(1, Ordering::Relaxed);
            // Of EXEC's reply there is a part, which nobody is to take for the whole.
            connection.out.truncate(start);
        }
        if matches!(outcome, Outcome::Close | Outcome::Overflow) {
            connection.closing = true;
        }
        if !connection.is_dirty && (connection.unsent() > 0 || connection.closing) {
            connection.is_dirty = true;
            self.dirty.push(slot);
        }
        if connection.accepts_commands() { Flow::Continue } else { Flow::Stop }
    }

    /// Holds a reply, which begins at `start`, back until what the command removed is freed, by another thread.
    fn reply_when_freed(&mut self, slot: usize, start: usize, outcome: Outcome) {
        let remains = std::mem::take(&mut self.worker.remains);
        let connection = &mut self.connections[slot];
        let Some(client) = connection.client.take() else { return };
        let reply = connection.out.split_off(start);
        let (seq, wrote) = (self.worker.seen_seq, connection.wrote);
        let done = CarriedOut { slot, client, reply, outcome, seq, wrote };
        self.server.tell(self.index, done, remains);
    }

    /// The call as an errand for another thread; the client goes with it.
    fn errand(&mut self, slot: usize, call: &Call<'_>) -> Option<Errand> {
        let client = self.connections[slot].client.take()?;
        let (spec, names) = (call.spec, call.names);
        let args = call.args.iter().map(|arg| arg.to_vec()).collect();
        Some(Errand { thread: self.index, slot, client, spec, names, args })
    }
}
