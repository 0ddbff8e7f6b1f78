//! Blocking client for Guarda, Redis and Valkey, made for PHP workers.
//!
//! [`Pool`] keeps idle connections per process; [`Connection`] is one of them; [`Keys`] and the
//! methods of [`Connection`] named after the session protocol work on any server, by `SESSION`
//! commands where there are any and by scripts elsewhere.
//!
//! What is absent by design: threads, an async runtime, global state, and any work before the first
//! use, since PHP-FPM forks after it has started. Every wait has an end: a [`Budget`].

#![forbid(unsafe_code)]

pub mod adopt;
mod connection;
mod deadline;
mod endpoint;
mod error;
mod pool;
mod probe;
mod process;
mod prologue;
mod session;
mod tls;
mod transport;

pub use connection::Connection;
pub use deadline::Budget;
pub use endpoint::Endpoint;
pub use error::Error;
pub use pool::{IDLE_MAX, Pool};
pub use process::{note_fork, process_id, tell_forks};
pub use session::{
    Commit, Committed, Keys, List, Listed, Lock, Open, Opened, Page, Renewed, Status, Touched,
};

/// Sixteen random bytes from the operating system, for tokens and nonces.
///
/// # Errors
///
/// [`Error::Random`] if the system has none to give.
pub fn random() -> Result<[u8; 16], Error> {
    process::random()
}
