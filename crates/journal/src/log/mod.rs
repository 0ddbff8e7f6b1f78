//! The live end of the log, written by many threads.
//!
//! - [`Journal::append`] is called under shard locks: it encodes into one buffer and gives back a
//!   sequence number. It never does I/O.
//! - [`Journal::commit`] is called by an I/O thread that holds no shard, before its replies leave:
//!   whoever finds the file free writes everybody's records in one call; the others wait for it.
//! - [`Journal::sync_tick`] is called by one background thread, at least once a second.
//! - [`Journal::prepare_rewrite`] and its followers replace the base; see [`Rewrite`].
//!
//! Locks, in the order in which they are taken: `books` (which files count), `output` (the file that
//! is written), `buffer` (a leaf, taken under shard locks). I/O happens under the first two only.
//!
//! # Failures
//!
//! A failed write cuts the file back to the last whole record; the records stay and are tried again
//! by the next commit or tick. A failed sync is never tried again: the kernel may have thrown the
//! data away. From then on nothing is acknowledged until a rewrite has put a new base in place. In
//! both cases [`Journal::refuses_writes`] has the reason for the `MISCONF` answer.

mod output;
mod rewrite;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::aof::{
    AofLayout, LoadError, Manifest, encode_command, encode_exec, encode_multi, encode_select,
};
use crate::storage::{FileHandle, Storage};
use crate::sync::{
    AtomicBool, AtomicU8, AtomicU64, Condvar, Mutex, MutexGuard, Ordering, wait_while,
};
use output::Output;
use rewrite::Books;
pub use rewrite::Rewrite;

/// An fsync that takes longer than this makes the writes of `appendfsync everysec` wait.
pub const SYNC_LATE: Duration = Duration::from_secs(2);
/// Buffers larger than this are given back after a burst.
const BUFFER_KEPT_MAX: usize = 4 * 1024 * 1024;
const NEVER: u64 = u64::MAX;

/// A position in the log since the process started: what was appended until then has a smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Seq(pub u64);

/// The directive `appendfsync`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SyncPolicy {
    /// Before each reply.
    Always,
    /// About once a second, in the background.
    EverySec,
    /// When the kernel likes.
    No,
}

/// What a reply waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// What the policy says: written, or under `always` synced.
    Policy,
    /// Written, whatever the policy: for session locks, which end with the server anyway.
    Written,
    /// As `Policy`, but while writes are refused do not wait: a full disk does not stop reads.
    Read,
}

/// Why something may not be acknowledged. Its records may or may not survive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The log could not be written; it is tried again.
    #[error("writing the append log failed: {0}")]
    WriteFailed(Arc<io::Error>),
    /// The log could not be synced; only a rewrite helps.
    #[error("syncing the append log failed, a rewrite is needed: {0}")]
    SyncFailed(Arc<io::Error>),
}

/// Why a rewrite did not begin, or did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// Another one is at work, or its records are not written yet.
    #[error("a rewrite of the append log is already in progress")]
    Busy,
    /// The log was switched off, or failed, since it began.
    #[error("the append log changed its state during the rewrite")]
    Superseded,
    /// The disk failed.
    #[error("rewriting the append log failed: {0}")]
    Io(#[from] io::Error),
    /// What is there could not be read.
    #[error(transparent)]
    Existing(#[from] LoadError),
    /// The log could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// The state of the log, for INFO and metrics.
#[derive(Debug, Clone)]
pub struct JournalStatus {
    /// Whether records are taken.
    pub enabled: bool,
    /// The policy.
    pub policy: SyncPolicy,
    /// Whether a base is being written.
    pub rewrite_in_progress: bool,
    /// Bytes of the base and all increments.
    pub current_size: u64,
    /// Bytes of all that when the base was new: growth is measured against it.
    pub base_size: u64,
    /// Bytes that are not written yet.
    pub pending_bytes: u64,
    /// Bytes that are written and not synced.
    pub unsynced_bytes: u64,
    /// How often a write waited for a late sync.
    pub delayed_syncs: u64,
    /// Why the last write failed; `None` when it went well.
    pub write_error: Option<String>,
    /// Why a sync failed; `None` once a rewrite has made up for it.
    pub sync_error: Option<String>,
}

impl JournalStatus {
    /// Whether to rewrite by itself (`auto-aof-rewrite-percentage` and `-min-size`).
    pub fn wants_rewrite(&self, percentage: u64, size_min: u64) -> bool {
        if !self.enabled || self.rewrite_in_progress {
            return false;
        }
        let growth = self.current_size.saturating_sub(self.base_size);
        let grown =
            u128::from(growth) * 100 >= u128::from(percentage) * u128::from(self.base_size.max(1));
        self.sync_error.is_some() || (percentage > 0 && self.current_size > size_min && grown)
    }
}

/// Whether the log can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Health {
    Good,
    WriteFailed,
    SyncFailed,
}

/// What was appended and not yet taken by a writer.
///
/// Invariant: `total - bytes.len()` is the position at which `bytes` begins.
#[derive(Default)]
struct Buffer {
    enabled: bool,
    bytes: Vec<u8>,
    total: u64,
    /// The database that a reader of the log has selected; `None` at the start of a file.
    selected: Option<u32>,
    mark: Option<Mark>,
    /// The rewrite that may set the mark.
    rewrite: Option<u64>,
}

/// From this position on the log goes on in another file.
struct Mark {
    at: u64,
    file: FileHandle,
    /// The file is not in the manifest before its base is: nothing in it counts until then, and the
    /// file before it need not be whole.
    detached: bool,
}

/// The append log. Shared by all threads.
pub struct Journal {
    storage: Arc<dyn Storage>,
    layout: AofLayout,
    books: Mutex<Books>,
    output: Mutex<Output>,
    buffer: Mutex<Buffer>,
    /// Up to here replies may leave under the policy.
    committed: AtomicU64,
    /// Up to here the kernel has it.
    written: AtomicU64,
    synced: AtomicU64,
    policy: AtomicU8,
    health: AtomicU8,
    failure: Mutex<Option<Arc<io::Error>>>,
    /// When the sync at work began, in milliseconds; [`NEVER`] when there is none.
    sync_since_ms: AtomicU64,
    sync_running: Mutex<bool>,
    sync_ended: Condvar,
    delayed_syncs: AtomicU64,
    current_size: AtomicU64,
    base_size: AtomicU64,
    rewriting: AtomicBool,
}

impl Journal {
    /// A log that is off (`appendonly no`). A rewrite switches it on.
    pub fn off(storage: Arc<dyn Storage>, layout: AofLayout, policy: SyncPolicy) -> Self {
        Self::build(storage, layout, policy, Books::default(), Output::default())
    }

    /// Goes on with a log that was just [loaded](crate::aof::load), at its end.
    ///
    /// What a crash left is made durable (it may have been read by clients from now on) and what it
    /// left over is removed. When a sync had failed in that process, the log comes back refusing
    /// writes, and [`needs_rewrite`](Self::needs_rewrite).
    ///
    /// # Errors
    ///
    /// The disk's error.
    pub fn resume(
        storage: Arc<dyn Storage>,
        layout: AofLayout,
        manifest: Manifest,
        policy: SyncPolicy,
    ) -> io::Result<Self> {
        let resumed = rewrite::resume(&storage, &layout, manifest)?;
        let journal = Self::build(storage, layout, policy, resumed.books, resumed.output);
        journal.base_size.store(resumed.base_size, Ordering::Relaxed);
        journal.current_size.store(resumed.size, Ordering::Relaxed);
        journal.buffer.lock().enabled = true;
        if resumed.doubtful {
            let error = io::Error::other("a sync failed before the last restart");
            journal.sync_failed(&mut journal.output.lock(), error);
        }
        Ok(journal)
    }

    fn build(
        storage: Arc<dyn Storage>,
        layout: AofLayout,
        policy: SyncPolicy,
        books: Books,
        output: Output,
    ) -> Self {
        let buffer = Buffer::default();
        Self {
            storage,
            layout,
            books: Mutex::new(books),
            output: Mutex::new(output),
            buffer: Mutex::new(buffer),
            committed: AtomicU64::new(0),
            written: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            policy: AtomicU8::new(policy as u8),
            health: AtomicU8::new(Health::Good as u8),
            failure: Mutex::new(None),
            sync_since_ms: AtomicU64::new(NEVER),
            sync_running: Mutex::new(false),
            sync_ended: Condvar::new(),
            delayed_syncs: AtomicU64::new(0),
            current_size: AtomicU64::new(0),
            base_size: AtomicU64::new(0),
            rewriting: AtomicBool::new(false),
        }
    }

    /// Appends one command that was run in database `db`; call it under the shard locks.
    ///
    /// Returns the position that a reply to it waits for. Costs one copy; while the log is off,
    /// nothing.
    pub fn append(&self, db: u32, args: &[&[u8]]) -> Seq {
        let mut buffer = self.buffer.lock();
        buffer.record(|bytes, selected| {
            select(bytes, selected, db);
            encode_command(bytes, args);
        })
    }

    /// Appends commands that take effect together, each with its database and already encoded as a
    /// RESP array: as MULTI … EXEC when there are several. Call it under all their shard locks.
    /// Nothing adds nothing.
    pub fn append_encoded<'r>(
        &self,
        len: usize,
        commands: impl Iterator<Item = (u32, &'r [u8])>,
    ) -> Seq {
        let mut buffer = self.buffer.lock();
        if len == 0 {
            return Seq(buffer.total);
        }
        buffer.record(|bytes, selected| {
            for (n, (db, command)) in commands.enumerate() {
                select(bytes, selected, db);
                if n == 0 && len > 1 {
                    encode_multi(bytes);
                }
                bytes.extend_from_slice(command);
            }
            if len > 1 {
                encode_exec(bytes);
            }
        })
    }

    /// The position of the last record.
    pub fn tail(&self) -> Seq {
        Seq(self.buffer.lock().total)
    }

    /// Whether a reply that saw the log up to `upto` may leave. One atomic load.
    #[inline]
    pub fn is_committed(&self, upto: Seq) -> bool {
        self.committed.load(Ordering::Acquire) >= upto.0
    }

    /// Whether the log is on the disk up to `upto`, whatever the policy. One atomic load.
    pub fn is_synced(&self, upto: Seq) -> bool {
        self.synced.load(Ordering::Acquire) >= upto.0
    }

    /// Waits until the log has reached `upto`; call it holding no shard.
    ///
    /// `now` is the caller's monotonic time, of the same origin as [`sync_tick`](Self::sync_tick)'s;
    /// that of the last poll is good enough. Costs one atomic load when there is nothing to wait for;
    /// else the first caller pays one `write(2)` (and under `always` one sync) for all.
    ///
    /// # Errors
    ///
    /// The outcome of the caller's records is unknown: their clients are to be disconnected without
    /// an answer. They stay in the log's memory and may still be written.
    #[inline]
    pub fn commit(&self, upto: Seq, wait: Wait, now: Duration) -> Result<(), CommitError> {
        if self.reached(wait) >= upto.0 {
            return Ok(());
        }
        self.commit_slowly(upto.0, wait, now)
    }

    fn reached(&self, wait: Wait) -> u64 {
        let position = if wait == Wait::Written { &self.written } else { &self.committed };
        position.load(Ordering::Acquire)
    }

    fn commit_slowly(&self, upto: u64, wait: Wait, now: Duration) -> Result<(), CommitError> {
        let policy = self.policy();
        if policy == SyncPolicy::EverySec {
            self.wait_for_late_sync(now);
        }
        if wait == Wait::Read && self.health() != Health::Good {
            return Ok(());
        }
        let mut output = self.output.lock();
        // Whoever had the file before may have written for us.
        if self.reached(wait) >= upto {
            return Ok(());
        }
        let mut outcome = self.flush(&mut output, upto);
        if outcome.is_ok() && wait != Wait::Written && self.policy() == SyncPolicy::Always {
            outcome = self.sync_inline(&mut output);
        }
        match outcome {
            Err(_) if wait == Wait::Read => Ok(()),
            other => other,
        }
    }

    /// Waits while a background sync has been at work for more than [`SYNC_LATE`].
    fn wait_for_late_sync(&self, now: Duration) {
        let since = self.sync_since_ms.load(Ordering::Acquire);
        let late = SYNC_LATE.as_millis() as u64;
        if since == NEVER || (now.as_millis() as u64).saturating_sub(since) <= late {
            return;
        }
        self.delayed_syncs.fetch_add(1, Ordering::Relaxed);
        wait_while(&self.sync_ended, self.sync_running.lock(), |running| *running);
    }

    /// Writes what no commit asked for (expiry, eviction), tries again what failed, and syncs as the
    /// policy says. To be called by one background thread at least once a second; blocks as long as
    /// the sync takes, without stopping appends or, for [`SYNC_LATE`], commits.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit); to be logged once per change.
    pub fn sync_tick(&self, now: Duration) -> Result<(), CommitError> {
        let (file, target) = {
            let mut output = self.output.lock();
            self.flush(&mut output, u64::MAX)?;
            match self.policy() {
                SyncPolicy::No => return Ok(()),
                SyncPolicy::Always => return self.sync_inline(&mut output),
                SyncPolicy::EverySec => {}
            }
            match &output.file {
                Some(file) if output.synced < output.written => (Arc::clone(file), output.written),
                _ => return Ok(()),
            }
        };
        *self.sync_running.lock() = true;
        self.sync_since_ms.store(now.as_millis() as u64, Ordering::Release);
        let synced = file.sync_data();
        self.sync_since_ms.store(NEVER, Ordering::Release);
        *self.sync_running.lock() = false;
        self.sync_ended.notify_all();
        let mut output = self.output.lock();
        match synced {
            Ok(()) => {
                output.synced = output.synced.max(target);
                self.publish(&output);
                Ok(())
            }
            // Even if the log has gone on in another file meanwhile: the kernel tells a handle of a
            // lost write once, so the sync at the switch may have passed because of this one.
            Err(_) if !self.is_enabled() => Ok(()),
            Err(error) => Err(self.sync_failed(&mut output, error)),
        }
    }

    /// Why new writes are to be refused with `MISCONF`; `None` when they are not. One atomic load
    /// while all is well.
    pub fn refuses_writes(&self) -> Option<String> {
        match self.health() {
            Health::Good => None,
            _ => Some(self.failure.lock().as_ref().map_or_else(String::new, ToString::to_string)),
        }
    }

    /// Whether only a rewrite makes the log trustworthy again.
    pub fn needs_rewrite(&self) -> bool {
        self.health() == Health::SyncFailed
    }

    /// Changes `appendfsync`.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit): a change to `always` first writes and syncs what there is.
    pub fn set_policy(&self, policy: SyncPolicy) -> Result<(), CommitError> {
        let mut output = self.output.lock();
        self.policy.store(policy as u8, Ordering::Release);
        self.flush(&mut output, u64::MAX)?;
        if policy == SyncPolicy::Always {
            self.sync_inline(&mut output)?;
        }
        Ok(())
    }

    /// The policy in force.
    pub fn policy(&self) -> SyncPolicy {
        match self.policy.load(Ordering::Acquire) {
            0 => SyncPolicy::Always,
            1 => SyncPolicy::EverySec,
            _ => SyncPolicy::No,
        }
    }

    /// Whether records are taken.
    pub fn is_enabled(&self) -> bool {
        self.buffer.lock().enabled
    }

    /// Switches the log off (`CONFIG SET appendonly no`, and the end of the process): writes and
    /// syncs what there is and closes the file. A rewrite at work comes to nothing.
    ///
    /// # Errors
    ///
    /// When the last records could not be made durable. The log is off all the same.
    pub fn disable(&self) -> Result<(), CommitError> {
        let mut books = self.books.lock();
        books.supersede();
        self.lock_buffer().rewrite = None;
        let mut output = self.output.lock();
        let outcome =
            self.flush(&mut output, u64::MAX).and_then(|()| self.sync_inline(&mut output));
        self.switch_off(&mut output);
        self.rewriting.store(false, Ordering::Release);
        outcome
    }

    /// Counts late syncs anew (CONFIG RESETSTAT).
    pub fn reset_delayed_syncs(&self) {
        self.delayed_syncs.store(0, Ordering::Relaxed);
    }

    /// The state, for INFO and metrics. Takes the buffer's lock for a moment and waits for no I/O.
    pub fn status(&self) -> JournalStatus {
        let (enabled, total) = {
            let buffer = self.buffer.lock();
            (buffer.enabled, buffer.total)
        };
        let written = self.written.load(Ordering::Acquire);
        let health = self.health();
        let failure = self.failure.lock().as_ref().map(ToString::to_string);
        JournalStatus {
            enabled,
            policy: self.policy(),
            rewrite_in_progress: self.rewriting.load(Ordering::Acquire),
            current_size: self.current_size.load(Ordering::Relaxed),
            base_size: self.base_size.load(Ordering::Relaxed),
            pending_bytes: total.saturating_sub(written),
            unsynced_bytes: written.saturating_sub(self.synced.load(Ordering::Acquire)),
            delayed_syncs: self.delayed_syncs.load(Ordering::Relaxed),
            write_error: failure.clone().filter(|_| health == Health::WriteFailed),
            sync_error: failure.filter(|_| health == Health::SyncFailed),
        }
    }

    fn health(&self) -> Health {
        match self.health.load(Ordering::Acquire) {
            0 => Health::Good,
            1 => Health::WriteFailed,
            _ => Health::SyncFailed,
        }
    }

    /// Changed only by whoever has the output's lock.
    fn set_health(&self, health: Health, failure: Option<Arc<io::Error>>) {
        *self.failure.lock() = failure;
        self.health.store(health as u8, Ordering::Release);
    }

    fn lock_buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock()
    }
}

impl Buffer {
    fn record(&mut self, encode: impl FnOnce(&mut Vec<u8>, &mut Option<u32>)) -> Seq {
        if self.enabled {
            let before = self.bytes.len();
            encode(&mut self.bytes, &mut self.selected);
            self.total += (self.bytes.len() - before) as u64;
        }
        Seq(self.total)
    }
}

fn select(bytes: &mut Vec<u8>, selected: &mut Option<u32>, db: u32) {
    if *selected != Some(db) {
        encode_select(bytes, db);
        *selected = Some(db);
    }
}
