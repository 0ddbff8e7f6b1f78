//! A way in and a way back: Redis's data directory is taken over as it is, and Redis takes over ours.
//!
//! "The same" always means: every key of every database with its type, value and absolute expiry.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions and not their helpers")]

#[path = "../crash/common.rs"]
mod common;
mod data;
mod payloads;
mod refusals;
mod takeover;
