//! Sockets, event loops, configuration, signals: the only home of the clock.
//!
//! [`run`] is `guarda serve`: it loads the data, listens, and serves until it is told to stop.

#![forbid(unsafe_code)]

mod access;
mod client_memory;
mod clients;
mod clock;
mod configure;
mod crash;
mod cron;
mod data_dir;
mod diagnostics;
mod disk_times;
mod errands;
mod eviction;
mod host;
mod info;
mod io;
mod jobs;
mod listening;
mod loading;
mod log_waits;
mod logging;
mod logins;
mod memory;
mod memory_report;
mod oom_score;
mod persistence;
mod reclaim;
mod replace;
mod rewriting;
mod scripts;
mod shutdown;
mod snapshots;
mod start;
mod state;
mod stats;
mod supervision;
mod tls;

pub use access::UsersError;
pub use memory::{Allocator, AllocatorFigures};
pub use start::{Program, StartError, run};
pub use tls::TlsError;
