//! How long the disk takes for the append log, for LATENCY.
//!
//! The journal does not know the time. So it is given a disk that looks at the clock around each write
//! and sync of the log, while somebody wants to know.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use guarda_commands::Observations;
use guarda_journal::storage::{FileHandle, OpenMode, Storage, StorageFile};

use crate::clock::Clock;

/// What is timed, and what else goes on meanwhile.
pub(crate) struct DiskTimes {
    clock: Clock,
    observations: Arc<Observations>,
    /// `appendfsync always`: a sync holds up replies.
    is_always: AtomicBool,
    /// Syncs of the log under way.
    syncs: AtomicUsize,
    /// Snapshots being written.
    snapshots: AtomicUsize,
}

impl DiskTimes {
    pub(crate) fn new(observations: Arc<Observations>) -> Arc<DiskTimes> {
        Arc::new(DiskTimes {
            clock: Clock::start(),
            observations,
            is_always: AtomicBool::new(false),
            syncs: AtomicUsize::new(0),
            snapshots: AtomicUsize::new(0),
        })
    }

    /// Takes `appendfsync`.
    pub(crate) fn set_always(&self, is_always: bool) {
        self.is_always.store(is_always, Ordering::Relaxed);
    }

    fn note(&self, event: &'static str, took: Duration) {
        let now_s = || self.clock.now_micros() / 1_000_000;
        self.observations.latency.note(event, took, now_s);
    }

    /// Runs `work` and gives what it took, if that is of interest.
    fn time<T>(&self, work: impl FnOnce() -> T) -> (T, Option<Duration>) {
        if !self.observations.latency.is_on() {
            return (work(), None);
        }
        let began = self.clock.monotonic();
        let done = work();
        (done, Some(self.clock.since(began)))
    }
}

/// A disk whose writes and syncs of the log are timed.
pub(crate) struct TimedStorage {
    disk: Arc<dyn Storage>,
    times: Arc<DiskTimes>,
}

impl TimedStorage {
    pub(crate) fn around(disk: Arc<dyn Storage>, times: Arc<DiskTimes>) -> Arc<dyn Storage> {
        Arc::new(TimedStorage { disk, times })
    }
}

/// What a file is for, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Log,
    Snapshot,
    Other,
}

impl Purpose {
    fn of(path: &str, mode: OpenMode) -> Purpose {
        let path = path.as_bytes();
        if path.ends_with(b".incr.aof") {
            Purpose::Log
        } else if mode == OpenMode::Create && path.ends_with(b".rdb") {
            Purpose::Snapshot
        } else {
            Purpose::Other
        }
    }
}

impl Storage for TimedStorage {
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<FileHandle> {
        let file = self.disk.open(path, mode)?;
        let purpose = Purpose::of(path, mode);
        if purpose == Purpose::Other {
            return Ok(file);
        }
        if purpose == Purpose::Snapshot {
            self.times.snapshots.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Arc::new(TimedFile { file, purpose, times: Arc::clone(&self.times) }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.create_dir(dir)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        self.disk.exists(path)
    }
}

struct TimedFile {
    file: FileHandle,
    purpose: Purpose,
    times: Arc<DiskTimes>,
}

impl Drop for TimedFile {
    fn drop(&mut self) {
        if self.purpose == Purpose::Snapshot {
            self.times.snapshots.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl StorageFile for TimedFile {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.purpose != Purpose::Log {
            return self.file.write(bytes);
        }
        let times = &*self.times;
        let meanwhile = if times.syncs.load(Ordering::Relaxed) > 0 {
            "aof-write-pending-fsync"
        } else if times.snapshots.load(Ordering::Relaxed) > 0 {
            "aof-write-active-child"
        } else {
            "aof-write-alone"
        };
        let (written, took) = times.time(|| self.file.write(bytes));
        if let Some(took) = took {
            times.note("aof-write", took);
            times.note(meanwhile, took);
        }
        written
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, into)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.purpose != Purpose::Log {
            return self.file.sync_data();
        }
        let times = &*self.times;
        times.syncs.fetch_add(1, Ordering::Relaxed);
        let (synced, took) = times.time(|| self.file.sync_data());
        times.syncs.fetch_sub(1, Ordering::Relaxed);
        if let Some(took) = took.filter(|_| times.is_always.load(Ordering::Relaxed)) {
            times.note("aof-fsync-always", took);
        }
        synced
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}
