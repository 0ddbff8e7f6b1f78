//! One connection: its buffers, its client, and what it is waiting for.

use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;

use guarda_commands::{AuthState, Client};
use guarda_resp::RequestParser;

use super::backlog::{OutputLimit, OutputLimits};
use super::mailbox::Heard;
use super::stream::Stream;

/// Unsent output at which the server stops reading from a client until it has read some.
pub(crate) const OUTPUT_PAUSE: usize = 32 << 20;

/// The same before authentication: strangers get nothing but short errors, and must not have the
/// server keep many of them.
const OUTPUT_PAUSE_UNAUTHENTICATED: usize = 64 << 10;

/// Bytes a connection keeps of an emptied buffer; larger ones are given back.
pub(crate) const BUFFER_KEEP_MAX: usize = 16 << 10;

/// The largest output buffer that is used again for another connection.
pub(crate) const SHARED_LEN_MAX: usize = BUFFER_KEEP_MAX * 4;

/// Memory that a queued command takes beside its arguments' bytes, at least.
const QUEUED_CALL_LEN: usize = 64;
/// Memory that each argument of a queued command takes beside its bytes, at least.
const QUEUED_ARG_LEN: usize = 32;

/// About what is kept of each client beside its buffers.
const CONNECTION_LEN: usize = 1 << 10;

/// One connection of an I/O thread.
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    /// `None` while another thread carries out a command of this client.
    pub(crate) client: Option<Box<Client>>,
    pub(crate) id: u64,
    /// Messages for the client that have come while its script ran.
    pub(crate) unheard: Vec<Heard>,
    pub(crate) parser: RequestParser,
    /// Received and not yet executed: the beginning of a command, or what follows a parked one.
    pub(crate) pending: Vec<u8>,
    /// Bytes of `pending` that an argument is known to end at; 0: none is.
    pub(crate) wanted: usize,
    /// Replies; `sent <= out.len()`.
    pub(crate) out: Vec<u8>,
    sent: usize,
    /// About how much memory the commands take that an open MULTI has queued.
    queued_len: usize,
    /// Bytes that were counted for it among what all clients take.
    pub(crate) weight: usize,
    /// Close it once what is in `out` was sent; no further command is run.
    pub(crate) closing: bool,
    /// Replies in `out` acknowledge writes that the log has not been seen to have.
    pub(crate) wrote: bool,
    /// Replies in `out` are of more than session locks: they wait for the sync where one is due.
    pub(crate) needs_sync: bool,
    /// The peer has closed its half, or an error was met: nothing more will be read.
    pub(crate) read_closed: bool,
    /// The socket may hold more than was read (edge-triggered readiness must be used up).
    pub(crate) readable: bool,
    /// The peer has hung up: its end of file is there to be read, and no further edge will say so.
    pub(crate) hung_up: bool,
    /// `pending` may hold whole commands: it was left before its end was parsed.
    pub(crate) has_unparsed: bool,
    /// The last write was refused: wait for the socket to become writable.
    pub(crate) blocked_on_write: bool,
    /// Nothing is sent and no command taken: a password was wrong too often (see `logins`).
    pub(crate) is_held: bool,
    /// A command waits for the end of a pause; it is the first in `pending`.
    pub(crate) is_paused: bool,
    /// A command found its shards held by a script; it is the first in `pending`.
    pub(crate) waiting_for_shards: bool,
    /// In the thread's list of connections with output.
    pub(crate) is_dirty: bool,
    /// In the thread's list of connections to read again.
    pub(crate) is_queued: bool,
}

/// What became of a write.
pub(crate) enum Flushed {
    /// Everything was taken by the kernel.
    All,
    /// The peer reads too slowly; the rest waits for writability.
    Blocked,
}

impl Connection {
    pub(crate) fn new(stream: Stream, client: Client) -> Connection {
        Connection {
            stream,
            id: client.card.id,
            unheard: Vec::new(),
            client: Some(Box::new(client)),
            parser: RequestParser::default(),
            pending: Vec::new(),
            wanted: 0,
            out: Vec::new(),
            sent: 0,
            queued_len: 0,
            weight: 0,
            closing: false,
            wrote: false,
            needs_sync: false,
            read_closed: false,
            readable: true,
            hung_up: false,
            has_unparsed: false,
            blocked_on_write: false,
            is_held: false,
            is_paused: false,
            waiting_for_shards: false,
            is_dirty: false,
            is_queued: false,
        }
    }

    /// Bytes of replies that the kernel has not taken yet.
    pub(crate) fn unsent(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Which limit of unsent output applies. One whose script runs counts as a
    /// normal client meanwhile: it gets nothing then.
    pub(crate) fn output_limit(&self, limits: &OutputLimits) -> OutputLimit {
        match &self.client {
            Some(client) if client.is_subscriber() => limits.subscribers,
            Some(client) if client.is_monitor() => limits.monitors(),
            _ => limits.normal,
        }
    }

    /// Whether commands may be taken from this connection now.
    pub(crate) fn accepts_commands(&self) -> bool {
        let Some(client) = self.client.as_deref() else { return false };
        let pause = match client.auth {
            AuthState::Granted => OUTPUT_PAUSE,
            AuthState::Required => OUTPUT_PAUSE_UNAUTHENTICATED,
        };
        !self.closing
            && !self.is_held
            && !self.is_paused
            && !self.waiting_for_shards
            && client.waiting.is_none()
            && !client.card.killed.load(Ordering::Relaxed)
            && self.unsent() < pause
    }

    /// Counts a command that MULTI has queued; returns about how much memory the queue takes.
    pub(crate) fn note_queued(&mut self, args: &[&[u8]], is_first: bool) -> usize {
        if is_first {
            self.queued_len = 0;
        }
        let bytes: usize = args.iter().map(|arg| arg.len() + QUEUED_ARG_LEN).sum();
        self.queued_len += QUEUED_CALL_LEN + bytes;
        self.queued_len
    }

    /// About how much memory the queue of an open MULTI takes.
    pub(crate) fn queued_len(&self) -> usize {
        let in_transaction = self.client.as_ref().is_some_and(|c| c.transaction.is_some());
        if in_transaction { self.queued_len } else { 0 }
    }

    /// About how many bytes the connection takes. What a client has told of itself is not asked for while a
    /// script of it runs.
    pub(crate) fn memory(&self) -> usize {
        let kept = |client: &Client| client.watched.memory() + client.subscriptions.memory();
        let told = self.client.as_deref().map_or(0, kept);
        // A buffer of usual size goes from connection to connection, unless one does not take its replies.
        let is_shared = self.out.capacity() <= SHARED_LEN_MAX && !self.blocked_on_write;
        let out = if is_shared { 0 } else { self.out.capacity() };
        CONNECTION_LEN + self.pending.capacity() + out + self.queued_len() + told
    }

    /// Shows others what the buffers hold of what has come.
    pub(crate) fn show_input(&self) {
        let Some(client) = &self.client else { return };
        let shown = &client.card.buffers;
        let pending = self.pending.len();
        let (understood, args) = self.parser.understood();
        for (shown, bytes) in [
            (&shown.query, pending.saturating_sub(understood)),
            (&shown.query_free, self.pending.capacity() - pending),
            (&shown.args, args),
            (&shown.queued, self.queued_len()),
        ] {
            shown.store(bytes, Ordering::Relaxed);
        }
    }

    /// Shows others what is still to be sent, once it was tried.
    pub(crate) fn show_output(&self) {
        let Some(client) = &self.client else { return };
        let shown = &client.card.buffers;
        shown.reply.store(self.out.capacity(), Ordering::Relaxed);
        shown.unsent.store(self.unsent(), Ordering::Relaxed);
    }

    /// The client is about to look at itself: shows the command that runs, and `unread` bytes of input from
    /// its beginning on.
    pub(crate) fn show_running(&self, args: &[&[u8]], unread: usize) {
        let Some(client) = &self.client else { return };
        let shown = &client.card.buffers;
        shown.query.store(unread, Ordering::Relaxed);
        shown.args.store(args.iter().map(|arg| arg.len()).sum(), Ordering::Relaxed);
    }

    /// Reads once; returns how much came, `None` when the socket is drained.
    ///
    /// It is in `scratch` if nothing was pending, else behind `pending`, whose size so follows what
    /// has come and never what a header announces. Reading a long argument straight to its place was
    /// tried: clearing that place for each short read costs more than this copy.
    pub(crate) fn read(&mut self, scratch: &mut [u8]) -> io::Result<Option<usize>> {
        let result = loop {
            match self.stream.read(scratch) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        // The handshake's own answers may have found the socket full.
        self.blocked_on_write |= self.stream.has_unsent();
        match result {
            Ok(0) => {
                self.read_closed = true;
                self.readable = false;
                Ok(None)
            }
            Ok(n) => {
                if !self.pending.is_empty() {
                    self.make_room(n);
                    self.pending.extend_from_slice(&scratch[..n]);
                }
                // A short read of a stream means that it is drained: what comes later is a new
                // edge. Not so once the peer has hung up: that edge has come, and the end is still
                // to be read.
                self.readable =
                    n == scratch.len() || self.hung_up || !self.stream.is_drained_by_short_read();
                Ok(Some(n))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes room for `n` bytes behind what is pending.
    fn make_room(&mut self, n: usize) {
        let (len, capacity) = (self.pending.len(), self.pending.capacity());
        if capacity - len < n {
            let size = room_for(len + n, capacity, self.wanted);
            self.pending.reserve_exact(size - len);
        }
    }

    /// Puts `rest` behind what is pending, in a buffer of a fitting size.
    pub(crate) fn keep(&mut self, mut rest: Vec<u8>, used: usize) {
        if self.pending.is_empty() && used < rest.len() {
            rest.drain(..used);
            self.pending = rest;
        } else {
            // A command that waits for its shards was put back by itself.
            self.pending.extend_from_slice(&rest[used..]);
        }
        let capacity = self.pending.capacity();
        if capacity > BUFFER_KEEP_MAX && self.pending.len() < capacity / 4 {
            self.pending.shrink_to(self.pending.len());
        }
    }

    /// Writes what is unsent.
    pub(crate) fn flush(&mut self) -> io::Result<Flushed> {
        while self.sent < self.out.len() {
            match self.stream.write(&self.out[self.sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked_on_write = true;
                    // Give back the sent part of a backlog, but only when it is the larger one:
                    // moving the rest of a huge reply for every piece sent would cost its square.
                    if self.sent > self.unsent() {
                        self.out.drain(..self.sent);
                        self.sent = 0;
                        self.out.shrink_to(self.out.len().max(BUFFER_KEEP_MAX));
                    }
                    return Ok(Flushed::Blocked);
                }
                Err(error) => return Err(error),
            }
        }
        self.sent = 0;
        self.out.clear();
        match self.stream.flush() {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.blocked_on_write = true;
                return Ok(Flushed::Blocked);
            }
            Err(error) => return Err(error),
        }
        self.blocked_on_write = false;
        Ok(Flushed::All)
    }

    /// Gives the output buffer back for the next connection: an idle one keeps none.
    pub(crate) fn release_output(&mut self) -> Option<Vec<u8>> {
        if !self.out.is_empty() {
            return None;
        }
        let buffer = std::mem::take(&mut self.out);
        (buffer.capacity() > 0 && buffer.capacity() <= SHARED_LEN_MAX).then_some(buffer)
    }
}

/// The next size of a buffer that needs `least` bytes: twice what it has, but what is known to be wanted if that is less,
/// or hardly more.
fn room_for(least: usize, capacity: usize, wanted: usize) -> usize {
    let doubled = capacity * 2;
    if (least..=doubled + doubled / 4).contains(&wanted) { wanted } else { doubled.max(least) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_doubles_until_what_is_wanted_is_near() {
        assert_eq!(room_for(10, 0, 0), 10);
        assert_eq!(room_for(110, 100, 1_000), 200);
        assert_eq!(room_for(110, 100, 150), 150);
        // Not one size now, and another for the last few bytes.
        assert_eq!(room_for(110, 100, 220), 220);
        assert_eq!(room_for(110, 100, 251), 200);
        assert_eq!(room_for(110, 100, 105), 200);
    }
}
