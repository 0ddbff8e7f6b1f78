//! One connection: its buffers, its client, and what it is waiting for.

use std::io::{self, Read, Write};

use guarda_commands::Client;
use guarda_resp::RequestParser;

use super::stream::Stream;

/// Unsent output at which the server stops reading from a client until it has read some.
pub(crate) const OUTPUT_PAUSE: usize = 32 << 20;

/// Bytes a connection keeps of an emptied buffer; larger ones are given back.
const BUFFER_KEEP_MAX: usize = 16 << 10;

/// One connection of an I/O thread.
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    /// `None` while a script of this client runs on the script thread.
    pub(crate) client: Option<Box<Client>>,
    pub(crate) id: u64,
    pub(crate) parser: RequestParser,
    /// Received and not yet executed: the beginning of a command, or what follows a parked one.
    pub(crate) pending: Vec<u8>,
    /// Replies; `sent <= out.len()`.
    pub(crate) out: Vec<u8>,
    sent: usize,
    /// No more commands are taken; closed when everything was sent.
    pub(crate) closing: bool,
    /// Replies in `out` acknowledge writes that the log has not been seen to have.
    pub(crate) wrote: bool,
    /// The peer has closed its half, or an error was met: nothing more will be read.
    pub(crate) read_closed: bool,
    /// The socket may hold more than was read (edge-triggered readiness must be used up).
    pub(crate) readable: bool,
    /// The last write was refused: wait for the socket to become writable.
    pub(crate) blocked_on_write: bool,
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
            client: Some(Box::new(client)),
            parser: RequestParser::default(),
            pending: Vec::new(),
            out: Vec::new(),
            sent: 0,
            closing: false,
            wrote: false,
            read_closed: false,
            readable: true,
            blocked_on_write: false,
            waiting_for_shards: false,
            is_dirty: false,
            is_queued: false,
        }
    }

    /// Bytes of replies that the kernel has not taken yet.
    pub(crate) fn unsent(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Whether commands may be taken from this connection now.
    pub(crate) fn accepts_commands(&self) -> bool {
        !self.closing
            && !self.waiting_for_shards
            && self.client.is_some()
            && self.unsent() < OUTPUT_PAUSE
    }

    /// Reads once into `scratch`, or behind `pending` when a command is half received; returns how
    /// much came. `Ok(None)` when the socket is drained.
    pub(crate) fn read(&mut self, scratch: &mut [u8], want: usize) -> io::Result<Option<usize>> {
        let at = self.pending.len();
        let room = if at == 0 {
            scratch
        } else {
            self.pending.resize(at + want.clamp(BUFFER_KEEP_MAX, 1 << 20), 0);
            &mut self.pending[at..]
        };
        let asked = room.len();
        let result = loop {
            match self.stream.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let got = match &result {
            Ok(n) => *n,
            Err(_) => 0,
        };
        if at > 0 {
            self.pending.truncate(at + got);
        }
        match result {
            Ok(0) => {
                self.read_closed = true;
                self.readable = false;
                Ok(None)
            }
            // A short read of a stream means that it is drained: what comes later is a new edge.
            Ok(n) => {
                self.readable = n == asked;
                Ok(Some(n))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            Err(error) => Err(error),
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
                    // Give back the sent part of a large backlog now and then.
                    if self.sent > OUTPUT_PAUSE / 8 {
                        self.out.drain(..self.sent);
                        self.sent = 0;
                    }
                    return Ok(Flushed::Blocked);
                }
                Err(error) => return Err(error),
            }
        }
        self.blocked_on_write = false;
        self.sent = 0;
        self.out.clear();
        Ok(Flushed::All)
    }

    /// Gives the output buffer back for the next connection: an idle one keeps none.
    pub(crate) fn release_output(&mut self) -> Option<Vec<u8>> {
        if !self.out.is_empty() {
            return None;
        }
        let buffer = std::mem::take(&mut self.out);
        (buffer.capacity() > 0 && buffer.capacity() <= BUFFER_KEEP_MAX * 4).then_some(buffer)
    }
}
