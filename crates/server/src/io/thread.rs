//! An I/O thread's event loop.
//!
//! One turn: wait for readiness; read what is there and run the commands in it; bring the log up to
//! what the replies depend on; write the replies. So a pipeline costs one read, one log write and
//! one send, and no reply leaves before its record was handed to the kernel, but that of a lock
//! (decision 0022): nothing is written to a socket anywhere but at the end of the turn.

mod busy;
mod hearing;
mod pausing;
mod send;
mod serve;
mod waiting;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_commands::{Client, Worker};
use guarda_store::UnixMillis;
use mio::event::{Event, Source};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::accept::Listener;
use super::backlog::Backlogs;
use super::connection::Connection;
use super::mailbox::{Mailbox, Message, Place};
use super::parked::Parked;
use super::stream::Stream;
use super::waits::Waits;
use crate::listening::Door;
use crate::memory;
use crate::state::Server;

const WAKE: Token = Token(usize::MAX);
/// Listeners have the tokens just below [`WAKE`].
const LISTENERS_MAX: usize = 256;

fn listener_token(n: usize) -> Token {
    Token(WAKE.0 - 1 - n)
}

/// Bytes read at once.
const READ_LEN: usize = 64 << 10;
/// Emptied output buffers kept for reuse.
const SPARE_BUFFERS_MAX: usize = 64;
/// How long a command waits for a shard before it is put aside. Shards are held for microseconds,
/// except by scripts.
const SHARD_PATIENCE: Duration = Duration::from_millis(2);
/// Connections accepted in one turn from one listener, so that a storm does not starve the others.
const ACCEPTS_PER_TURN: usize = 128;
/// When to accept again after the operating system refused to: descriptors may be back by then.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One I/O thread.
pub(crate) struct IoThread {
    index: usize,
    server: Arc<Server>,
    poll: Poll,
    mailbox: Arc<Mailbox>,
    listeners: Slab<Listener>,
    connections: Slab<Connection>,
    scratch: Vec<u8>,
    worker: Worker,
    /// Connections with output to send at the end of the turn.
    dirty: Vec<usize>,
    /// Connections that stopped reading for fairness, or whose backlog has gone.
    again: Vec<usize>,
    /// How long a command of this turn waits for a shard.
    patience: Duration,
    parked: Parked,
    /// Clients that have gone while a script held shards of keys they had watched.
    gone: Vec<Client>,
    /// Connections whose command waits for the end of a pause, and their clients.
    paused: Vec<(usize, u64)>,
    backlogs: Backlogs,
    waits: Waits,
    /// When to accept without being told that somebody waits. Readiness is edge-triggered: those
    /// who were waiting when accepting stopped early will not be announced again.
    accept_at: Option<Duration>,
    spare_buffers: Vec<Vec<u8>>,
    /// Journal sequence number that was handed to the kernel, or waited for, by this thread.
    flushed_seq: u64,
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
            listeners: listeners.into_iter().enumerate().collect(),
            connections: Slab::new(),
            scratch: vec![0; READ_LEN],
            worker: Worker::default(),
            dirty: Vec::new(),
            again: Vec::new(),
            patience: SHARD_PATIENCE,
            parked: Parked::default(),
            gone: Vec::new(),
            paused: Vec::new(),
            backlogs: Backlogs::default(),
            waits: Waits::default(),
            accept_at: None,
            spare_buffers: Vec::new(),
            flushed_seq: 0,
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
        for (n, listener) in &mut self.listeners {
            listener.register(self.poll.registry(), listener_token(n))?;
        }
        let mut events = Events::with_capacity(1024);
        loop {
            match self.poll.poll(&mut events, self.sleep_max()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            self.server.tampering.wait_while_stopped();
            let began = self.server.clock.monotonic();
            let now = self.server.clock.now();
            self.patience =
                if self.server.script_is_over_time() { Duration::ZERO } else { SHARD_PATIENCE };
            for event in &events {
                match event.token() {
                    WAKE => self.read_mailbox(now),
                    Token(n) if n >= WAKE.0 - LISTENERS_MAX => self.accept(WAKE.0 - 1 - n, now),
                    Token(slot) => self.on_event(slot, event, now),
                }
            }
            for slot in std::mem::take(&mut self.again) {
                if let Some(connection) = self.connections.get_mut(slot) {
                    connection.is_queued = false;
                    self.serve(slot, now);
                }
            }
            self.on_timers(now);
            self.finish_turn(began);
        }
    }

    /// How long the thread may wait for events; `None` for ever.
    fn sleep_max(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = self.server.clock.monotonic();
        let accept = self.accept_at.map(|at| at.saturating_sub(now));
        let (parked, backlogs) = (self.parked.next_check(now), self.backlogs.next_check(now));
        let timers = [parked, backlogs, accept, self.waits.next_check(now), self.pause_left(now)];
        timers.into_iter().flatten().min()
    }

    fn on_timers(&mut self, now: UnixMillis) {
        if self.accept_at.is_some_and(|at| at <= self.server.clock.monotonic()) {
            self.accept_at = None;
            let all: Vec<usize> = self.listeners.iter().map(|(n, _)| n).collect();
            all.into_iter().for_each(|listener| self.accept(listener, now));
        }
        if !self.parked.is_idle() {
            self.look_after_parked(now);
        }
        self.look_after_waits(now);
        self.look_after_paused(now);
        if !self.backlogs.is_empty() {
            let monotonic = self.server.clock.monotonic();
            let (limits, connections) = (self.server.output_limits(), &self.connections);
            let limit_of = |slot| {
                connections
                    .get(slot)
                    .map_or(limits.normal, |c: &Connection| c.output_limit(&limits))
            };
            for (slot, fault) in self.backlogs.overdue(limit_of, monotonic) {
                self.give_up(slot, fault);
            }
        }
    }

    fn on_event(&mut self, slot: usize, event: &Event, now: UnixMillis) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        if event.is_writable() && connection.blocked_on_write {
            connection.blocked_on_write = false;
            self.mark_dirty(slot);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            let connection = &mut self.connections[slot];
            connection.readable = true;
            connection.hung_up |= event.is_read_closed() || event.is_error();
            let client = connection.client.as_ref();
            let waits = client.is_some_and(|client| client.waiting.is_some());
            if (waits || connection.is_paused) && connection.hung_up {
                // Its place in the queue ends with it; what it sent after the wait is void, and so is
                // what it asked for in a pause.
                self.close(slot);
                return;
            }
            self.serve(slot, now);
        }
    }

    // Connections ------------------------------------------------------------------------------

    fn accept(&mut self, listener: usize, now: UnixMillis) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = self.listeners.get_mut(listener) else { return };
            match listener.accept(&self.server, now) {
                Ok(Some((stream, client))) => {
                    let target = self.server.least_loaded_thread(self.index);
                    self.server.mailbox(target).note_given();
                    if target == self.index {
                        self.adopt(stream, client, now);
                    } else {
                        let message = Message::Connection(stream, Box::new(client));
                        self.server.mailbox(target).send(message);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    // Out of descriptors, most likely.
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.accept_at = Some(self.server.clock.monotonic() + ACCEPT_PAUSE);
                    return;
                }
            }
        }
        self.accept_at = Some(Duration::ZERO);
    }

    /// CONFIG SET: `bind`, `port`, `tls-port`.
    fn change_listeners(&mut self, added: Vec<Listener>, removed: &[Door]) {
        let registry = self.poll.registry();
        self.listeners.retain(|_, listener| {
            let goes = removed.iter().any(|door| listener.is(door));
            if goes {
                let _ = listener.deregister(registry);
            }
            !goes
        });
        for listener in added {
            let n = self.listeners.insert(listener);
            if let Err(error) = self.listeners[n].register(registry, listener_token(n)) {
                tracing::error!(%error, "a listener could not be watched");
            }
        }
        // Somebody may have come before this was watched.
        self.accept_at = Some(Duration::ZERO);
    }

    fn adopt(&mut self, stream: Stream, client: Client, now: UnixMillis) {
        let entry = self.connections.vacant_entry();
        let slot = entry.key();
        let mut connection = Connection::new(stream, client);
        let id = connection.id;
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = connection.stream.register(self.poll.registry(), Token(slot), interest)
        {
            tracing::warn!(%error, "a connection could not be watched");
            self.server.clients.remove(id);
            self.mailbox.note_ended();
            return;
        }
        entry.insert(connection);
        self.weigh(slot);
        let place = Place { thread: self.index as u32, slot: slot as u32 };
        if self.server.clients.place(id, place) {
            self.serve(slot, now);
        } else {
            self.close(slot);
        }
    }

    fn close(&mut self, slot: usize) {
        let Some(mut connection) = self.connections.try_remove(slot) else { return };
        connection.stream.say_goodbye();
        let _ = connection.stream.deregister(self.poll.registry());
        let card = self.server.clients.remove(connection.id);
        self.server.clients_memory.fetch_sub(connection.weight, Ordering::Relaxed);
        self.mailbox.note_ended();
        self.backlogs.clear(slot);
        if let Some(client) = connection.client.take() {
            self.bid_farewell(*client);
        }
        // First it is used no more, then it is no longer spared: in between no key need go for it.
        drop(connection);
        memory::note_thread();
        if let Some(card) = card {
            card.memory.store(0, Ordering::Relaxed);
        }
    }

    /// Closes the connection of a client that was killed.
    fn kill(&mut self, slot: usize, id: u64) {
        let Some(connection) = self.connections.get_mut(slot).filter(|c| c.id == id) else {
            return;
        };
        // One whose script runs is closed when the script's answer comes back.
        if connection.client.is_some() {
            self.close(slot);
        } else {
            connection.closing = true;
        }
    }

    fn read_mailbox(&mut self, now: UnixMillis) {
        self.hear_messages();
        for message in self.mailbox.take() {
            match message {
                Message::Connection(stream, client) => self.adopt(stream, *client, now),
                Message::CarriedOut(done) => self.resume(*done, now),
                Message::Kill { slot, id } => self.kill(slot, id),
                Message::Retry => self.retry_parked(now),
                // Every turn looks whether it is over.
                Message::PauseEnded => {}
                Message::Served(served) => self.end_wait(served, now),
                Message::Beat(answered) => {
                    answered.store(true, std::sync::atomic::Ordering::Relaxed);
                }
                Message::Listen { added, removed } => self.change_listeners(added, &removed),
                Message::Tend { shard, at } => self.waits.tend(at, shard),
            }
        }
    }

    fn mark_dirty(&mut self, slot: usize) {
        if let Some(connection) = self.connections.get_mut(slot)
            && !connection.is_dirty
        {
            connection.is_dirty = true;
            self.dirty.push(slot);
        }
    }
}
