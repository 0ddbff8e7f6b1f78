//! What DEBUG does to this server.

use std::alloc::{Layout, handle_alloc_error};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guarda_commands::{CommandError, Crash, Diagnostics, Reload};
use guarda_journal::aof::{AofLayout, LoadError, LoadOptions, load, load_dump, open_manifest};
use guarda_store::{Locked, Record};
use parking_lot::Mutex;
use rustix::process::{Signal, getpid, kill_process};

use crate::loading::Loader;
use crate::snapshots;
use crate::state::Server;

/// What DEBUG has changed of how the server runs.
#[derive(Default)]
pub(crate) struct Tampering {
    no_active_expiry: AtomicBool,
    pauses_cron: AtomicBool,
    /// Whether DEBUG SLEEP keeps everybody waiting; `stop` is held as long.
    is_stopped: AtomicBool,
    stop: Mutex<()>,
}

impl Tampering {
    pub(crate) fn expires_actively(&self) -> bool {
        !self.no_active_expiry.load(Ordering::Relaxed)
    }

    pub(crate) fn cron_is_paused(&self) -> bool {
        self.pauses_cron.load(Ordering::Relaxed)
    }

    /// For threads that are about to serve somebody. Costs a look at a flag.
    pub(crate) fn wait_while_stopped(&self) {
        if self.is_stopped.load(Ordering::Relaxed) {
            drop(self.stop.lock());
        }
    }
}

const NOT_LOADED: CommandError =
    CommandError::text("ERR Error trying to load the RDB dump, check server logs.");

impl Diagnostics for Server {
    fn stop_for(&self, time: Duration) {
        let stopped = self.tampering.stop.lock();
        self.tampering.is_stopped.store(true, Ordering::Relaxed);
        std::thread::sleep(time);
        self.tampering.is_stopped.store(false, Ordering::Relaxed);
        drop(stopped);
    }

    fn set_active_expiry(&self, on: bool) {
        self.tampering.no_active_expiry.store(!on, Ordering::Relaxed);
    }

    fn pause_cron(&self, paused: bool) {
        self.tampering.pauses_cron.store(paused, Ordering::Relaxed);
    }

    fn reload(&self, locked: &mut Locked<'_>, how: Reload) -> Result<(), CommandError> {
        if how.saves {
            let (began, dirty) = (self.clock.monotonic(), self.dirty.load(Ordering::Relaxed));
            let saved = snapshots::save_locked(self, locked);
            snapshots::note_saved(self, &saved, began, dirty);
            saved.map_err(|_| CommandError::text("ERR"))?;
        }
        let (name, options) = load_options(self);
        let now = self.clock.now();
        let storage = &*self.persistence.storage;
        self.replace_data(locked, how.flushes, |loader| {
            loader.drop_due_at = Some(now);
            loader.refuses_known = !how.merges;
            let report = load_dump(storage, &name, options, loader)?;
            Ok(report.map_or(0, |report| report.entries))
        })?;
        if !(how.saves && how.flushes) && self.persistence.is_logging() {
            // The log tells another story. The new one begins as soon as the shards are let go.
            snapshots::background_rewrite(self)?;
        }
        Ok(())
    }

    fn reload_log(&self, locked: &mut Locked<'_>) -> Result<(), CommandError> {
        if !self.persistence.is_logging() {
            return Err(CommandError::text("ERR there is no append log: `appendonly no`"));
        }
        self.persistence.flush();
        let (_, options) = load_options(self);
        let layout = {
            let config = self.config.lock();
            AofLayout { dir: config.appenddirname.clone(), name: config.appendfilename.clone() }
        };
        let storage = &self.persistence.storage;
        let manifest = open_manifest(storage, &layout).map_err(|error| not_loaded(&error))?;
        let manifest = manifest.ok_or(NOT_LOADED)?;
        self.replace_data(locked, true, |loader| {
            Ok(load(storage, &layout, &manifest, options, loader)?.entries)
        })
    }

    fn log(&self, line: &str) {
        tracing::warn!("{line}");
    }

    fn serialized_len(&self, record: &Record) -> usize {
        snapshots::serialized_len(self, record)
    }

    fn change_replication_id(&self) -> Result<(), CommandError> {
        let id = crate::start::random_hex()
            .map_err(|_| CommandError::text("ERR the operating system has no random numbers"))?;
        *self.replication_id.lock() = id;
        Ok(())
    }

    fn crash(&self, how: Crash) {
        match how {
            Crash::Panic => panic!("DEBUG PANIC"),
            Crash::OutOfMemory => handle_alloc_error(Layout::new::<u64>()),
            Crash::Segfault => {
                // No program of this kind can be brought to a real one.
                let _ = kill_process(getpid(), Signal::SEGV);
            }
        }
    }
}

impl Server {
    /// Loads data by `read`, which returns how many keys it found, over what is there or in its place.
    fn replace_data(
        &self,
        locked: &mut Locked<'_>,
        flushes: bool,
        read: impl FnOnce(&mut Loader<'_, '_>) -> Result<u64, LoadError>,
    ) -> Result<(), CommandError> {
        if flushes {
            locked.flush(0..self.keyspace.databases());
        }
        let keys = read(&mut Loader::new(self, locked)).map_err(|error| not_loaded(&error))?;
        let now = self.clock.now();
        locked.held().for_each(|shard| shard.settle_access_times(now));
        tracing::warn!("DEBUG has loaded {keys} keys again");
        Ok(())
    }
}

fn not_loaded(error: &LoadError) -> CommandError {
    tracing::error!(%error, "the data could not be loaded again");
    NOT_LOADED
}

/// The snapshot's name, and how files are read.
fn load_options(server: &Server) -> (String, LoadOptions) {
    let config = server.config.lock();
    let skips = server.settings.skips_checksums.load(Ordering::Relaxed);
    let options = LoadOptions {
        cut_torn_end: config.aof_load_truncated,
        verify_checksum: config.rdbchecksum && !skips,
    };
    (config.dbfilename.clone(), options)
}
