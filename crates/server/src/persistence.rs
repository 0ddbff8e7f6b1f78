//! The append log and what INFO tells of it, of snapshots and of loading.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use guarda_commands::{CommandError, Log, Records};
use guarda_journal::log::{CommitError, Journal, Seq, SyncPolicy, Wait};
use guarda_journal::storage::Storage;
use parking_lot::Mutex;

use crate::clock::Clock;

/// What background work on files is under way. One at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    Idle,
    Saving,
    Rewriting,
}

/// Snapshots: what is under way, what is wanted next, how the last ones went.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) activity: Activity,
    pub(crate) save_scheduled: bool,
    pub(crate) rewrite_scheduled: bool,
    pub(crate) last_save_ok: bool,
    pub(crate) last_save_s: i64,
    pub(crate) last_save_tried: i64,
    pub(crate) last_rewrite_ok: bool,
    pub(crate) last_rewrite_s: i64,
    pub(crate) last_rewrite_tried: i64,
    /// Unix seconds at which what is under way began.
    pub(crate) began: i64,
    pub(crate) saves: u64,
    pub(crate) rewrites: u64,
    pub(crate) rewrites_failed_in_a_row: u64,
    /// Keys of the last snapshot that was loaded, and those that had expired meanwhile.
    pub(crate) loaded: (u64, u64),
}

/// Everything about files that threads share.
pub(crate) struct Persistence {
    pub(crate) storage: Arc<dyn Storage>,
    /// Set once the data is loaded, before anything is served.
    journal: OnceLock<Journal>,
    clock: Clock,
    is_logging: AtomicBool,
    is_loading: AtomicBool,
    /// `stop-writes-on-bgsave-error`, when there are save points.
    pub(crate) stop_on_save_error: AtomicBool,
    save_failed: AtomicBool,
    /// The log could not be written when it was last tried, and the operator was told.
    log_failed: AtomicBool,
    /// Unix seconds of the last successful save.
    pub(crate) last_save: AtomicI64,
    pub(crate) progress: Mutex<Progress>,
    /// Which state `dump.rdb` has.
    pub(crate) placed: Mutex<Placed>,
    /// Bytes that the shards have saved for the snapshot in progress and it has not written yet.
    pub(crate) waiting: Arc<AtomicUsize>,
    /// FLUSHALL has come while `dump.rdb` is written: what it would hold is to be forgotten.
    pub(crate) save_is_void: AtomicBool,
    /// `rdb-key-save-delay`.
    pub(crate) key_save_delay: AtomicI64,
}

/// Which of the states that were saved lies under the name of the dump. A save at the end of the process
/// overtakes one in the background, which must not come after it.
#[derive(Default)]
pub(crate) struct Placed {
    /// States that were taken to be saved so far.
    pub(crate) taken: u64,
    /// The newest that has been put in place, and where.
    pub(crate) newest: (u64, String),
}

/// What INFO shows.
pub(crate) struct Status {
    pub(crate) is_loading: bool,
    pub(crate) save_in_progress: bool,
    pub(crate) last_save_ok: bool,
    pub(crate) last_save_s: i64,
    pub(crate) log_enabled: bool,
    pub(crate) rewrite_in_progress: bool,
    pub(crate) rewrite_scheduled: bool,
    pub(crate) last_rewrite_ok: bool,
    pub(crate) last_rewrite_s: i64,
    pub(crate) last_write_ok: bool,
    pub(crate) log_size: u64,
    pub(crate) log_base_size: u64,
    pub(crate) delayed_syncs: u64,
}

impl Persistence {
    /// Persistence over `storage`, still without its log.
    pub(crate) fn new(storage: Arc<dyn Storage>, started_s: i64) -> Persistence {
        Persistence {
            storage,
            is_logging: AtomicBool::new(false),
            journal: OnceLock::new(),
            clock: Clock::start(),
            is_loading: AtomicBool::new(false),
            stop_on_save_error: AtomicBool::new(true),
            save_failed: AtomicBool::new(false),
            log_failed: AtomicBool::new(false),
            last_save: AtomicI64::new(started_s),
            placed: Mutex::default(),
            waiting: Arc::default(),
            save_is_void: AtomicBool::new(false),
            key_save_delay: AtomicI64::new(0),
            progress: Mutex::new(Progress {
                activity: Activity::Idle,
                save_scheduled: false,
                rewrite_scheduled: false,
                last_save_ok: true,
                last_save_s: -1,
                last_save_tried: 0,
                last_rewrite_ok: true,
                last_rewrite_s: -1,
                last_rewrite_tried: 0,
                began: started_s,
                saves: 0,
                rewrites: 0,
                rewrites_failed_in_a_row: 0,
                loaded: (0, 0),
            }),
        }
    }

    /// Gives it its log; called once, when the data is loaded.
    pub(crate) fn set_journal(&self, journal: Journal) {
        self.note_logging(journal.is_enabled());
        assert!(self.journal.set(journal).is_ok(), "the log is set once");
    }

    pub(crate) fn journal(&self) -> &Journal {
        self.journal.get().expect("set before anything is served")
    }

    /// The log, while there is one.
    pub(crate) fn log(&self) -> Option<&dyn Log> {
        self.is_logging().then_some(self as &dyn Log)
    }

    pub(crate) fn is_logging(&self) -> bool {
        self.is_logging.load(Ordering::Acquire)
    }

    /// To be called when the log was switched on (under the shard locks) or off.
    pub(crate) fn note_logging(&self, on: bool) {
        self.is_logging.store(on, Ordering::Release);
    }

    pub(crate) fn is_loading(&self) -> bool {
        self.is_loading.load(Ordering::Relaxed)
    }

    pub(crate) fn set_loading(&self, loading: bool) {
        self.is_loading.store(loading, Ordering::Relaxed);
    }

    /// Brings the log up to `seq`; false if that failed, and no reply that acknowledges a change may
    /// leave. Without such a reply (`wrote`), nothing is waited for while the log is out of order:
    /// a full disk does not stop reads. Without `needs_sync` written is enough, whatever the policy.
    pub(crate) fn commit(&self, seq: u64, wrote: bool, needs_sync: bool) -> bool {
        let seq = Seq(seq);
        if self.journal().is_committed(seq) || !self.is_logging() {
            return true;
        }
        if !wrote {
            // This says nothing about the log's health.
            return self.journal().commit(seq, Wait::Read, self.clock.monotonic()).is_ok();
        }
        let wait = if needs_sync { Wait::Policy } else { Wait::Written };
        let outcome = self.journal().commit(seq, wait, self.clock.monotonic());
        self.tell_changes(&outcome);
        outcome.is_ok()
    }

    /// Tells the operator that the log fails, or is well again; once, not at each try: on a full
    /// disk that would be once a command.
    fn tell_changes(&self, outcome: &Result<(), CommitError>) {
        let failed = outcome.is_err();
        if self.log_failed.load(Ordering::Relaxed) == failed
            || self.log_failed.swap(failed, Ordering::Relaxed) == failed
        {
            return;
        }
        match outcome {
            Ok(()) => tracing::info!("the append log is written again: writes are accepted"),
            Err(error) => tracing::error!(
                %error,
                "writes are refused until this is over, reads go on; clients whose writes were \
                 under way are disconnected"
            ),
        }
    }

    /// Hands to the kernel what nobody waits for (expiry); failures show in the log's state.
    pub(crate) fn flush(&self) {
        if self.is_logging() {
            let tail = self.journal().tail();
            let outcome = self.journal().commit(tail, Wait::Written, self.clock.monotonic());
            self.tell_changes(&outcome);
        }
    }

    /// One turn of the sync thread.
    pub(crate) fn sync_tick(&self) {
        if self.is_logging() {
            self.tell_changes(&self.journal().sync_tick(self.clock.monotonic()));
        }
    }

    /// Makes the log durable before the process ends.
    pub(crate) fn sync_at_end(&self) -> std::io::Result<()> {
        if !self.is_logging() {
            return Ok(());
        }
        self.journal().set_policy(SyncPolicy::Always).map_err(std::io::Error::other)
    }

    /// Goes back to `policy`: the process lives on after all.
    pub(crate) fn undo_sync_at_end(&self, policy: SyncPolicy) {
        if self.is_logging() {
            // The policy is back whether or not the log can be written; that failure is known.
            let _ = self.journal().set_policy(policy);
        }
    }

    /// The MISCONF answer, while writes are refused.
    pub(crate) fn refuses_writes(&self) -> Option<CommandError> {
        if self.is_logging()
            && let Some(why) = self.journal().refuses_writes()
        {
            // Redis gives the system's text without its number.
            let why = why.split_once(" (os error").map_or(&*why, |(text, _)| text);
            return Some(CommandError::owned(format!(
                "MISCONF Errors writing to the AOF file: {why}"
            )));
        }
        let failed = self.save_failed.load(Ordering::Relaxed);
        (failed && self.stop_on_save_error.load(Ordering::Relaxed)).then_some(CommandError::text(
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to \
             persist to disk. Commands that may modify the data set are disabled, because this \
             instance is configured to report errors during writes if RDB snapshotting fails \
             (stop-writes-on-bgsave-error option). Please check the Redis logs for details about \
             the RDB error.",
        ))
    }

    /// Notes how a save of `dump.rdb` went.
    pub(crate) fn note_save(&self, ok: bool, took: Duration, now_s: i64) {
        self.save_failed.store(!ok, Ordering::Relaxed);
        if ok {
            self.last_save.store(now_s, Ordering::Relaxed);
        }
        let mut progress = self.progress.lock();
        progress.last_save_ok = ok;
        progress.saves += u64::from(ok);
        progress.last_save_s = took.as_secs() as i64;
        progress.last_save_tried = now_s;
    }

    /// Bytes of old states that wait to be written by the snapshot in progress.
    pub(crate) fn snapshot_waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Bytes of the log that the kernel does not have yet.
    pub(crate) fn pending_len(&self) -> u64 {
        self.journal().status().pending_bytes
    }

    pub(crate) fn status(&self) -> Status {
        let journal = self.journal().status();
        let progress = self.progress.lock().clone();
        Status {
            is_loading: self.is_loading(),
            save_in_progress: progress.activity == Activity::Saving,
            last_save_ok: progress.last_save_ok,
            last_save_s: progress.last_save_s,
            log_enabled: self.is_logging(),
            rewrite_in_progress: progress.activity == Activity::Rewriting,
            rewrite_scheduled: progress.rewrite_scheduled,
            last_rewrite_ok: progress.last_rewrite_ok,
            last_rewrite_s: progress.last_rewrite_s,
            last_write_ok: journal.write_error.is_none() && journal.sync_error.is_none(),
            log_size: journal.current_size,
            log_base_size: journal.base_size,
            delayed_syncs: journal.delayed_syncs,
        }
    }
}

impl Log for Persistence {
    fn append(&self, records: &Records) -> u64 {
        let journal = self.journal();
        let groups = records.groups().map(|group| journal.append_encoded(group.len(), group));
        groups.last().unwrap_or_else(|| journal.tail()).0
    }
}
