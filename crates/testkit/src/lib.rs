//! Test tools: real servers, RESP connection, differential and random runner, database dump.
//!
//! Nothing here shares code with the server: the reply scanner, the quoting rules and the dump are
//! written a second time on purpose, so that a mistake in `guarda-resp` cannot hide itself.
//!
//! - [`server`] starts a real program (`guarda` or `redis-server`) in a directory of its own.
//! - [`connection`] speaks RESP to it and hands back exact bytes; [`reply`] understands them.
//! - [`diff`] sends one script to two servers and compares what they answer.
//! - [`forgetful()`] loses an answer on its way.
//! - [`dump`] writes a whole server down as text, so that two can be compared.
//! - [`random`] makes seeded command sequences and runs them against two servers.

#![forbid(unsafe_code)]

pub mod connection;
pub mod deadline;
pub mod diff;
pub mod dump;
mod forgetful;
pub mod prng;
pub mod random;
pub mod reply;
pub mod server;

pub use forgetful::forgetful;
