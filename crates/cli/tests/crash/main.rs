//! Power cuts and their like: `kill -9` under load, torn and damaged files, ends in good order, and
//! snapshots that are of one moment.
//!
//! `GUARDA_SEED` repeats a run, `GUARDA_LONG=1` runs ten times as many rounds.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions and not their helpers")]

mod common;
mod consistency;
mod damage;
mod flushing;
mod kill9;
mod model;
mod shutdown;
mod startup;
