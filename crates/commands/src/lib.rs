//! The command table: one row and one function per command, one file per family.
//!
//! A command is admitted by [`admit`], executed by [`execute()`] under the locks its row asks for,
//! and writes its reply as it goes. Nothing here does I/O or reads a clock: the server lends what a
//! command needs through [`Host`].

#![forbid(unsafe_code)]

mod acl;
mod args;
mod client;
mod compatibility;
mod context;
mod db;
mod diagnostics;
mod digest;
mod effects;
mod error;
mod eviction;
mod execute;
mod gates;
mod histogram;
mod host;
mod latency;
mod latency_graph;
mod memory;
mod monitors;
mod observations;
mod overview;
mod pause;
mod payload;
mod pubsub;
mod reference;
mod renames;
mod secrets;
mod sessions;
mod slow_log;
mod spec;
mod table;
mod tallies;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod waits;
mod watched;

mod families;

pub use acl::{AclFileError, Denial, User, Users};
pub use args::Args;
pub use client::{
    AuthState, Client, ClientBuffers, ClientCard, QueuedCall, ReplyMode, Transaction, listed_output,
};
pub use compatibility::compatibility_markdown;
pub use context::{Caller, CommandResult, Context, Outcome};
pub use db::Db;
pub use diagnostics::{Crash, Diagnostics, Reload};
pub use effects::{Counters, Effects, Records};
pub use error::CommandError;
pub use eviction::{Evicted, EvictionRules, Evictor};
pub use execute::{
    Busy, Call, NestedRules, Worker, execute, execute_nested, needs_script_thread, note_refusal,
    replay, replay_in,
};
pub use families::acl::{close_connections_of, may_run};
pub use families::connection::REDIS_VERSION;
pub use families::scripting::{PHPREDIS_UNLOCK_SHA1, sha1_hex};
pub use gates::{Admission, admit, unknown_command};
pub use histogram::Histogram;
pub use host::{
    ConfigSetRejected, Host, Log, ScriptCall, ScriptRef, ScriptStatistics, Scripting, Settings,
    ShutdownMode,
};
pub use latency::LatencyMonitor;
pub use memory::{Excess, MemoryReport};
pub use monitors::Monitors;
pub use observations::Observations;
pub use overview::{DatabaseOverview, Overview};
pub use pause::Pause;
pub use payload::{from_rdb_value, with_rdb_value};
pub use pubsub::{Addressed, EventClasses, PubSub, Publication, Subscriptions, Topic};
pub use reference::reference_markdown;
pub use renames::{Meaning, RenameError, Renames};
pub use sessions::{SessionCounters, SessionLimits, release_session_locks, unbind_native_locks};
pub use slow_log::SlowLog;
pub use spec::{
    Arity, Categories, ChannelUse, CommandSpec, Flags, Group, KeyAccess, KeyPositions, Keys, Locks,
};
pub use table::{CommandTable, table};
pub use tallies::{CommandStatistics, Tallies, Tally};
pub use waits::{Ticket, end_wait, tend_shard, wait_ran_out};
