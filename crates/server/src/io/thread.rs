//! An I/O thread's event loop.
//!
//! One turn: wait for readiness; read what is there and run the commands in it; bring the log up to
//! what the replies depend on; write the replies. So a pipeline costs one read, one log write and
//! one send, and no reply leaves before its record was handed to the kernel.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_commands::{
    Admission, Call, Client, Outcome, ReplyMode, Worker, admit, execute, needs_script_thread,
};
use guarda_resp::{ArgVec, Limits, Parsed, ReplyWriter, encode_command};
use guarda_store::UnixMillis;
use mio::event::Source;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::accept::Listener;
use super::connection::{Connection, Flushed};
use super::mailbox::{Mailbox, Message, ScriptDone, ScriptJob};
use super::parked::Parked;
use super::stream::Stream;
use crate::state::Server;

const WAKE: Token = Token(usize::MAX);
/// Listeners have the tokens just below [`WAKE`].
const LISTENERS_MAX: usize = 256;

/// Bytes read at once.
const READ_LEN: usize = 64 << 10;
/// Reads of one connection in one turn, so that a flood does not starve the others.
const READS_PER_TURN: usize = 16;
/// Emptied output buffers kept for reuse.
const SPARE_BUFFERS_MAX: usize = 64;
/// How long a command waits for a shard before it is put aside. Shards are held for microseconds,
/// except by scripts.
const SHARD_PATIENCE: Duration = Duration::from_millis(2);

/// One I/O thread.
pub(crate) struct IoThread {
    index: usize,
    server: Arc<Server>,
    poll: Poll,
    mailbox: Arc<Mailbox>,
    listeners: Vec<Listener>,
    connections: Slab<Connection>,
    scratch: Vec<u8>,
    worker: Worker,
    /// Connections with output to send at the end of the turn.
    dirty: Vec<usize>,
    /// Connections that stopped reading for fairness.
    again: Vec<usize>,
    parked: Parked,
    spare_buffers: Vec<Vec<u8>>,
}

/// Whether a connection goes on taking commands in this turn.
#[derive(PartialEq, Eq)]
enum Flow {
    Continue,
    Stop,
}

impl IoThread {
    /// A thread that will serve `listeners` (may be none) and what its mailbox brings.
    pub(crate) fn new(
        index: usize,
        server: Arc<Server>,
        poll: Poll,
        mailbox: Arc<Mailbox>,
        listeners: Vec<Listener>,
    ) -> IoThread {
        IoThread {
            index,
            server,
            poll,
            mailbox,
            listeners,
            connections: Slab::new(),
            scratch: vec![0; READ_LEN],
            worker: Worker::default(),
            dirty: Vec::new(),
            again: Vec::new(),
            parked: Parked::default(),
            spare_buffers: Vec::new(),
        }
    }

    /// A poll with its mailbox.
    pub(crate) fn prepare() -> io::Result<(Poll, Arc<Mailbox>)> {
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKE)?;
        Ok((poll, Mailbox::new(waker)))
    }

    /// Serves until the process ends.
    pub(crate) fn run(mut self) -> io::Result<()> {
        for (n, listener) in self.listeners.iter_mut().enumerate() {
            let token = Token(WAKE.0 - 1 - n);
            listener.register(self.poll.registry(), token)?;
        }
        let mut events = Events::with_capacity(1024);
        loop {
            let busy = !self.again.is_empty();
            let timeout = if busy {
                Some(Duration::ZERO)
            } else {
                self.parked.next_check(self.server.clock.monotonic())
            };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            let now = self.server.clock.now();
            for event in &events {
                match event.token() {
                    WAKE => self.read_mailbox(now),
                    Token(n) if n >= WAKE.0 - LISTENERS_MAX => self.accept(WAKE.0 - 1 - n, now),
                    Token(slot) => {
                        if event.is_readable() || event.is_read_closed() || event.is_error() {
                            self.on_readable(slot, now);
                        }
                        if event.is_writable() {
                            self.on_writable(slot, now);
                        }
                    }
                }
            }
            for slot in std::mem::take(&mut self.again) {
                if let Some(connection) = self.connections.get_mut(slot) {
                    connection.is_queued = false;
                    self.serve(slot, now);
                }
            }
            self.answer_the_busy(now);
            self.finish_turn(now);
        }
    }

    // Connections ------------------------------------------------------------------------------

    fn accept(&mut self, listener: usize, now: UnixMillis) {
        loop {
            match self.listeners[listener].accept(&self.server, now) {
                Ok(Some((stream, client))) => {
                    let target = self.server.least_loaded_thread(self.index);
                    if target == self.index {
                        self.adopt(stream, client, now);
                    } else {
                        let message = Message::Connection(stream, client);
                        self.server.mailbox(target).send(message);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    // Out of descriptors, most likely: try again when a client comes or goes.
                    tracing::warn!(%error, "a connection could not be accepted");
                    return;
                }
            }
        }
    }

    fn adopt(&mut self, stream: Stream, client: Client, now: UnixMillis) {
        let entry = self.connections.vacant_entry();
        let slot = entry.key();
        let mut connection = Connection::new(stream, client);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = connection.stream.register(self.poll.registry(), Token(slot), interest)
        {
            tracing::warn!(%error, "a connection could not be watched");
            self.server.clients.remove(connection.id);
            return;
        }
        entry.insert(connection);
        self.mailbox.connections.store(self.connections.len(), Ordering::Relaxed);
        self.server.clients.place(self.connections[slot].id, self.index);
        self.serve(slot, now);
    }

    fn close(&mut self, slot: usize) {
        let Some(mut connection) = self.connections.try_remove(slot) else { return };
        let _ = connection.stream.deregister(self.poll.registry());
        if let Some(client) = &mut connection.client
            && !client.watched.is_empty()
        {
            client.unwatch_all(&self.server.keyspace);
        }
        self.server.clients.remove(connection.id);
        self.mailbox.connections.store(self.connections.len(), Ordering::Relaxed);
    }

    fn read_mailbox(&mut self, now: UnixMillis) {
        for message in self.mailbox.take() {
            match message {
                Message::Connection(stream, client) => self.adopt(stream, client, now),
                Message::ScriptDone(done) => self.resume(*done, now),
                Message::Kill(id) => self.kill(id),
                Message::Retry => {
                    for slot in self.parked.take() {
                        self.retry(slot, now);
                    }
                }
            }
        }
    }

    fn kill(&mut self, id: u64) {
        let found = self.connections.iter().find(|(_, connection)| connection.id == id);
        if let Some((slot, _)) = found {
            // One whose script runs is closed when the script's answer comes back.
            if self.connections[slot].client.is_some() {
                self.close(slot);
            } else {
                self.connections[slot].closing = true;
            }
        }
    }

    // Reading ----------------------------------------------------------------------------------

    fn on_readable(&mut self, slot: usize, now: UnixMillis) {
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.readable = true;
            self.serve(slot, now);
        }
    }

    fn on_writable(&mut self, slot: usize, now: UnixMillis) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        // Replies of this turn may not leave before the log has their records: the end of the turn
        // sends them together with the backlog.
        if !connection.blocked_on_write || connection.is_dirty {
            return;
        }
        match connection.flush() {
            Ok(Flushed::All | Flushed::Blocked) => {
                if connection.closing && connection.unsent() == 0 {
                    self.close(slot);
                } else {
                    // The backlog may have kept commands from being read.
                    self.serve(slot, now);
                }
            }
            Err(_) => self.close(slot),
        }
    }

    /// Reads and runs what a connection has sent.
    fn serve(&mut self, slot: usize, now: UnixMillis) {
        // Commands received earlier come first: those behind a parked one, or behind a backlog.
        let Some(mut want) = self.run_pending(slot, now) else { return };
        for _ in 0..READS_PER_TURN {
            let Some(connection) = self.connections.get_mut(slot) else { return };
            if !connection.readable || !connection.accepts_commands() {
                break;
            }
            let was_pending = !connection.pending.is_empty();
            match connection.read(&mut self.scratch, want) {
                Ok(Some(n)) => {
                    self.server.stats.net_input.fetch_add(n as u64, Ordering::Relaxed);
                    if was_pending {
                        match self.run_pending(slot, now) {
                            Some(more) => want = more,
                            None => return,
                        }
                    } else {
                        let mut scratch = std::mem::take(&mut self.scratch);
                        let used = self.run_commands(slot, &mut scratch[..n], now);
                        if let Some(connection) = self.connections.get_mut(slot) {
                            connection.pending.extend_from_slice(&scratch[used.0..n]);
                        }
                        self.scratch = scratch;
                        want = used.1;
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
        } else if connection.readable && connection.accepts_commands() && !connection.is_queued {
            connection.is_queued = true;
            self.again.push(slot);
        }
    }

    /// Runs the commands in the connection's own buffer; returns how many bytes the next one is
    /// known to want, or `None` if the connection is gone.
    fn run_pending(&mut self, slot: usize, now: UnixMillis) -> Option<usize> {
        let connection = self.connections.get_mut(slot)?;
        if connection.pending.is_empty() || connection.waiting_for_shards {
            return Some(0);
        }
        let mut pending = std::mem::take(&mut connection.pending);
        let (used, want) = self.run_commands(slot, &mut pending, now);
        let connection = self.connections.get_mut(slot)?;
        if connection.pending.is_empty() && used < pending.len() {
            pending.drain(..used);
            connection.pending = pending;
        } else {
            // A command that waits for its shards was put back by itself.
            connection.pending.extend_from_slice(&pending[used..]);
        }
        Some(want.saturating_sub(connection.pending.len()))
    }

    /// Runs whole commands at the head of `input`; returns how much of it was used and how many
    /// bytes the unfinished command is known to want in all.
    fn run_commands(&mut self, slot: usize, input: &mut [u8], now: UnixMillis) -> (usize, usize) {
        let mut used = 0;
        let len = input.len();
        while used < len {
            let Some(connection) = self.connections.get_mut(slot) else { return (len, 0) };
            if !connection.accepts_commands() {
                return (used, 0);
            }
            let authenticated = connection
                .client
                .as_ref()
                .is_some_and(|c| c.auth == guarda_commands::AuthState::Granted);
            let limits =
                if authenticated { self.server.frame_limits() } else { Limits::UNAUTHENTICATED };
            let mut args = ArgVec::new();
            match connection.parser.parse(&mut input[used..], &limits, &mut args) {
                Ok(Parsed::Command { consumed }) => {
                    used += consumed;
                    if self.run_command(slot, &args, now) == Flow::Stop {
                        return (used, 0);
                    }
                }
                Ok(Parsed::Empty { consumed }) => used += consumed,
                Ok(Parsed::Incomplete { need_hint }) => return (used, need_hint),
                Err(error) => {
                    self.refuse_frame(slot, error);
                    return (len, 0);
                }
            }
        }
        (used, 0)
    }

    /// Answers a frame that is none and closes the connection.
    fn refuse_frame(&mut self, slot: usize, error: guarda_resp::ProtocolError) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        tracing::debug!(client = connection.id, %error, "protocol error");
        if let Some(client) = &connection.client {
            ReplyWriter::new(&mut connection.out, client.protocol).protocol_error(&error);
        }
        connection.closing = true;
        self.mark_dirty(slot);
    }

    // Commands ---------------------------------------------------------------------------------

    fn run_command(&mut self, slot: usize, args: &[&[u8]], now: UnixMillis) -> Flow {
        let connection = &mut self.connections[slot];
        let Some(client) = connection.client.as_deref_mut() else { return Flow::Stop };
        if connection.out.capacity() == 0
            && let Some(buffer) = self.spare_buffers.pop()
        {
            connection.out = buffer;
        }
        let start = connection.out.len();
        if client.reply_mode == ReplyMode::SkipNext {
            client.reply_mode = ReplyMode::SkipThis;
        }
        self.worker.effects.counters.commands_processed += 1;
        let outcome = match admit(args, client, &*self.server) {
            Admission::Queued(call) => {
                note_command(client, &call, now);
                connection.out.extend_from_slice(b"+QUEUED\r\n");
                Outcome::Reply
            }
            Admission::Refused(error) => {
                self.worker.effects.counters.error_replies += 1;
                ReplyWriter::new(&mut connection.out, client.protocol).error_bytes(&error.wire());
                Outcome::Reply
            }
            Admission::Dropped => {
                tracing::warn!(client = connection.id, "closed: it speaks HTTP");
                self.close(slot);
                return Flow::Stop;
            }
            Admission::Run(call) => {
                note_command(client, &call, now);
                if needs_script_thread(&call, client, &*self.server) {
                    self.hand_to_script_thread(slot, args);
                    return Flow::Stop;
                }
                let done = execute(
                    &call,
                    client,
                    &*self.server,
                    &mut self.worker,
                    now,
                    SHARD_PATIENCE,
                    &mut connection.out,
                );
                connection.wrote |= std::mem::take(&mut self.worker.wrote);
                if let Ok(outcome) = done {
                    outcome
                } else {
                    connection.waiting_for_shards = true;
                    encode_command(&mut connection.pending, args);
                    self.parked.add(slot, self.server.clock.monotonic());
                    return Flow::Stop;
                }
            }
        };
        self.settle_reply(slot, start, outcome)
    }

    /// Applies CLIENT REPLY and the outcome to the reply that begins at `start`.
    fn settle_reply(&mut self, slot: usize, start: usize, outcome: Outcome) -> Flow {
        let connection = &mut self.connections[slot];
        let Some(client) = connection.client.as_deref_mut() else { return Flow::Stop };
        match client.reply_mode {
            ReplyMode::On | ReplyMode::SkipNext => {}
            ReplyMode::Off => connection.out.truncate(start),
            ReplyMode::SkipThis => {
                connection.out.truncate(start);
                client.reply_mode = ReplyMode::On;
            }
        }
        if outcome == Outcome::Close {
            connection.closing = true;
        }
        if !connection.is_dirty && (connection.unsent() > 0 || connection.closing) {
            connection.is_dirty = true;
            self.dirty.push(slot);
        }
        if connection.accepts_commands() { Flow::Continue } else { Flow::Stop }
    }

    fn mark_dirty(&mut self, slot: usize) {
        if let Some(connection) = self.connections.get_mut(slot)
            && !connection.is_dirty
        {
            connection.is_dirty = true;
            self.dirty.push(slot);
        }
    }

    fn hand_to_script_thread(&mut self, slot: usize, args: &[&[u8]]) {
        let Some(client) = self.connections[slot].client.take() else { return };
        let args = args.iter().map(|arg| arg.to_vec()).collect();
        self.server.run_script(ScriptJob { thread: self.index, slot, client, args });
    }

    /// Takes a client back from the script thread, with its reply.
    fn resume(&mut self, done: ScriptDone, now: UnixMillis) {
        let ScriptDone { slot, mut client, reply, outcome, seq, wrote } = done;
        let id = client.card.id;
        let Some(connection) = self.connections.get_mut(slot).filter(|c| c.id == id) else {
            client.unwatch_all(&self.server.keyspace);
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
        self.worker.seen_seq = self.worker.seen_seq.max(seq);
        self.settle_reply(slot, start, outcome);
        self.serve(slot, now);
    }

    /// Takes up a command that was waiting for its shards.
    fn retry(&mut self, slot: usize, now: UnixMillis) {
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.waiting_for_shards = false;
            self.serve(slot, now);
        }
    }

    /// Looks after commands whose shards a script holds: they are tried again, and answered BUSY
    /// once the script has run for longer than `busy-reply-threshold`.
    fn answer_the_busy(&mut self, now: UnixMillis) {
        let monotonic = self.server.clock.monotonic();
        if !self.parked.is_due(monotonic) {
            return;
        }
        let busy = self.server.script_is_over_time();
        for slot in self.parked.take() {
            if !busy {
                self.retry(slot, now);
                continue;
            }
            let Some(connection) = self.connections.get_mut(slot) else { continue };
            connection.waiting_for_shards = false;
            let start = connection.out.len();
            if let Some(used) = first_command_len(connection, &self.server.frame_limits()) {
                connection.pending.drain(..used);
                let error = guarda_commands::CommandError::BusyScript.to_string();
                if let Some(client) = &mut connection.client {
                    if let Some(transaction) = &mut client.transaction {
                        transaction.refused = true;
                    }
                    ReplyWriter::new(&mut connection.out, client.protocol).error(&error);
                }
            }
            self.settle_reply(slot, start, Outcome::Reply);
            self.serve(slot, now);
        }
    }

    // Writing ----------------------------------------------------------------------------------

    /// Brings the log up to what this turn's replies depend on, then sends them.
    fn finish_turn(&mut self, now: UnixMillis) {
        self.server.collect(&mut self.worker);
        if self.dirty.is_empty() {
            return;
        }
        let committed = self.server.persistence.commit(self.worker.seen_seq);
        for slot in std::mem::take(&mut self.dirty) {
            let Some(connection) = self.connections.get_mut(slot) else { continue };
            connection.is_dirty = false;
            if std::mem::take(&mut connection.wrote) && !committed {
                // The outcome is unknown to the client: the record may or may not survive. Saying
                // anything would be a lie. Readers are answered: a full disk does not stop them.
                self.close(slot);
                continue;
            }
            let unsent = connection.unsent();
            match connection.flush() {
                Ok(flushed) => {
                    let sent = unsent - connection.unsent();
                    self.server.stats.net_output.fetch_add(sent as u64, Ordering::Relaxed);
                    match flushed {
                        Flushed::All if connection.closing && connection.client.is_some() => {
                            self.close(slot);
                        }
                        Flushed::All => {
                            if let Some(buffer) = connection.release_output()
                                && self.spare_buffers.len() < SPARE_BUFFERS_MAX
                            {
                                self.spare_buffers.push(buffer);
                            }
                            let more = connection.readable || !connection.pending.is_empty();
                            if more && connection.accepts_commands() && !connection.is_queued {
                                connection.is_queued = true;
                                self.again.push(slot);
                            }
                        }
                        Flushed::Blocked => {
                            if let Some(client) = &connection.client {
                                self.server.note_backlog(&client.card, connection.unsent(), now);
                            }
                        }
                    }
                }
                Err(_) => self.close(slot),
            }
        }
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

/// Keeps the client's card up to date for CLIENT LIST.
fn note_command(client: &Client, call: &Call<'_>, now: UnixMillis) {
    client.card.active.store(now.0, Ordering::Relaxed);
    let mut details = client.card.details.lock();
    if call.names == 1 {
        if !std::ptr::eq(details.cmd.as_ptr(), call.spec.name.as_ptr()) {
            details.cmd = call.spec.name.into();
        }
    } else {
        let container = String::from_utf8_lossy(call.args[0]).to_ascii_lowercase();
        details.cmd = format!("{container}|{}", call.spec.name).into();
    }
}
