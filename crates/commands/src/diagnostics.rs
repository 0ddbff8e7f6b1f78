//! What DEBUG does to the server around the commands.

use std::time::Duration;

use guarda_store::{Locked, Record};

use crate::error::CommandError;

/// How DEBUG RELOAD goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reload {
    /// Write the snapshot first; otherwise the one that is there is loaded.
    pub saves: bool,
    /// Remove all keys before loading.
    pub flushes: bool,
    /// A key that is there already is replaced; otherwise it ends the loading.
    pub merges: bool,
}

/// How DEBUG ends the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// By a defect that the program notices itself.
    Panic,
    /// By a signal, as an access to memory that is not its own brings it.
    Segfault,
    /// By memory that cannot be had.
    OutOfMemory,
}

/// What a server lets DEBUG do to it. `locked` always holds, or may take, every shard.
pub trait Diagnostics: Sync {
    /// Nothing is served meanwhile.
    fn stop_for(&self, time: Duration);
    /// Whether keys are removed when they are due, without anybody asking for them.
    fn set_active_expiry(&self, on: bool);
    /// Whether housekeeping stands still.
    fn pause_cron(&self, paused: bool);
    /// Takes the data from the snapshot.
    fn reload(&self, locked: &mut Locked<'_>, how: Reload) -> Result<(), CommandError>;
    /// Takes the data from the append log.
    fn reload_log(&self, locked: &mut Locked<'_>) -> Result<(), CommandError>;
    /// Writes a line to the server's log.
    fn log(&self, line: &str);
    /// Bytes that the value takes in a snapshot.
    fn serialized_len(&self, record: &Record) -> usize;
    /// Makes up a new replication id.
    fn change_replication_id(&self) -> Result<(), CommandError>;
    /// Ends the process, as a defect would.
    fn crash(&self, how: Crash);
}
