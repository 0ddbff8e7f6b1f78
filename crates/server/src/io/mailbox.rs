//! What other threads tell an I/O thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guarda_commands::{Client, Outcome};
use mio::Waker;
use parking_lot::Mutex;

use super::stream::Stream;

/// Something another thread wants done.
pub(crate) enum Message {
    /// Serve this connection.
    Connection(Stream, Client),
    /// A script's reply.
    ScriptDone(Box<ScriptDone>),
    /// Close this client's connection.
    Kill(u64),
    /// Shards that commands were waiting for may be free again.
    Retry,
}

/// A command handed to the script thread, with the client's state while it runs.
pub(crate) struct ScriptJob {
    /// The thread to answer.
    pub(crate) thread: usize,
    /// The connection's slot there.
    pub(crate) slot: usize,
    pub(crate) client: Box<Client>,
    pub(crate) args: Vec<Vec<u8>>,
}

/// A [`ScriptJob`] carried out.
pub(crate) struct ScriptDone {
    pub(crate) slot: usize,
    pub(crate) client: Box<Client>,
    pub(crate) reply: Vec<u8>,
    pub(crate) outcome: Outcome,
    /// Journal sequence number that the reply depends on.
    pub(crate) seq: u64,
    /// Whether it wrote something to the journal.
    pub(crate) wrote: bool,
}

/// An I/O thread's mailbox.
pub(crate) struct Mailbox {
    messages: Mutex<Vec<Message>>,
    waker: Waker,
    /// Connections on the thread, for handing new ones to the least loaded.
    pub(crate) connections: AtomicUsize,
}

impl Mailbox {
    pub(crate) fn new(waker: Waker) -> Arc<Mailbox> {
        Arc::new(Mailbox { messages: Mutex::default(), waker, connections: AtomicUsize::new(0) })
    }

    /// Leaves a message and wakes the thread.
    pub(crate) fn send(&self, message: Message) {
        let mut messages = self.messages.lock();
        let first = messages.is_empty();
        messages.push(message);
        drop(messages);
        if first && let Err(error) = self.wake() {
            tracing::error!(%error, "an I/O thread could not be woken");
        }
    }

    fn wake(&self) -> io::Result<()> {
        self.waker.wake()
    }

    pub(crate) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.messages.lock())
    }

    pub(crate) fn load(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}
