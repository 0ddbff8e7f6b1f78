//! Sockets and event loops: one thread, one poll, its own connections.
//!
//! A connection stays on the thread that was given it. Commands run inline against the shared
//! keyspace; nothing is passed between threads for them. What does pass is in [`mailbox`].

mod accept;
mod backlog;
mod connection;
mod inbox;
mod mailbox;
mod parked;
mod stream;
mod sync;
mod thread;
mod tls_stream;
mod waits;

pub(crate) use accept::{Listener, bind_tcp, bind_unix};
pub(crate) use backlog::{OutputLimit, OutputLimits};
pub(crate) use mailbox::{CarriedOut, Errand, Heard, Mailbox, Message, Place, Served};
pub(crate) use thread::IoThread;
