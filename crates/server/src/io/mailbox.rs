//! What other threads tell an I/O thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use guarda_commands::{Client, CommandSpec, Outcome, Publication};
use mio::Waker;

use super::accept::Listener;
use super::inbox::Inbox;
use super::stream::Stream;
use crate::listening::Door;

/// Something another thread wants done.
pub(crate) enum Message {
    /// Serve this connection.
    Connection(Stream, Box<Client>),
    /// The reply to a command that another thread has carried out, or ended.
    CarriedOut(Box<CarriedOut>),
    /// Close the connection in this slot, if it is still this client's.
    Kill { slot: usize, id: u64 },
    /// Shards that commands were waiting for may be free again.
    Retry,
    /// Commands that were waiting for the end of a pause may run.
    PauseEnded,
    /// A parked client has its answer.
    Served(Served),
    /// Serve other listeners from now on.
    Listen { added: Vec<Listener>, removed: Vec<Door> },
    /// Show that this thread still turns.
    Beat(Arc<AtomicBool>),
    /// Tend those who wait in this shard once this time has come.
    Tend { shard: usize, at: Duration },
}

/// The end of a client's wait.
pub(crate) struct Served {
    pub(crate) slot: usize,
    pub(crate) id: u64,
    pub(crate) reply: Vec<u8>,
    /// Journal sequence number that the reply depends on.
    pub(crate) seq: u64,
}

/// A message for a subscriber.
pub(crate) struct Heard {
    pub(crate) slot: usize,
    pub(crate) id: u64,
    pub(crate) publication: Arc<Publication>,
    /// Journal sequence number that the message depends on.
    pub(crate) seq: u64,
}

/// Where a client's connection is: known once a thread serves it, and for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) thread: u32,
    pub(crate) slot: u32,
}

/// A command handed to another thread, with the client's state while it runs.
pub(crate) struct Errand {
    /// The thread to answer.
    pub(crate) thread: usize,
    /// The connection's slot there.
    pub(crate) slot: usize,
    pub(crate) client: Box<Client>,
    /// The call's row.
    pub(crate) spec: &'static CommandSpec,
    /// Arguments that are names.
    pub(crate) names: usize,
    pub(crate) args: Vec<Vec<u8>>,
}

/// A command that another thread has carried out, or ended, for the client that it was handed with it.
pub(crate) struct CarriedOut {
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
    messages: Inbox<Message>,
    /// Messages for subscribers, apart: they are taken between two commands too.
    heard: Inbox<Heard>,
    waker: Waker,
    /// Connections of the thread, those on their way to it included: a storm of them must not all
    /// go to the thread that has not yet had time to take the first.
    connections: AtomicUsize,
    /// Commands of the thread wait for shards: it wants to know when a script has ended.
    wants_retry: AtomicBool,
}

impl Mailbox {
    pub(crate) fn new(waker: Waker) -> Arc<Mailbox> {
        Arc::new(Mailbox {
            messages: Inbox::new(),
            heard: Inbox::new(),
            waker,
            connections: AtomicUsize::new(0),
            wants_retry: AtomicBool::new(false),
        })
    }

    /// Leaves a message and wakes the thread.
    pub(crate) fn send(&self, message: Message) {
        if self.messages.put(message) {
            self.wake();
        }
    }

    /// Leaves messages for subscribers and wakes the thread.
    pub(crate) fn send_heard(&self, heard: Vec<Heard>) {
        if self.heard.put_all(heard) {
            self.wake();
        }
    }

    /// Takes the messages for subscribers.
    pub(crate) fn take_heard(&self) -> Vec<Heard> {
        self.heard.take()
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "an I/O thread could not be woken");
        }
    }

    pub(crate) fn take(&self) -> Vec<Message> {
        self.messages.take()
    }

    pub(crate) fn load(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Counts a connection that was given to the thread.
    pub(crate) fn note_given(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection of the thread that has ended.
    pub(crate) fn note_ended(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Asks for a [`Message::Retry`] at the end of the next script.
    pub(crate) fn want_retry(&self) {
        self.wants_retry.store(true, Ordering::Relaxed);
    }

    /// Sends a [`Message::Retry`] if one is wanted.
    pub(crate) fn send_retry(&self) {
        if self.wants_retry.swap(false, Ordering::Relaxed) {
            self.send(Message::Retry);
        }
    }
}
