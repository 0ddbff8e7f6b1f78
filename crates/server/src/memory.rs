//! How much memory the data takes, and whether that is too much.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use guarda_store::UnixMillis;

/// How long a sample of the allocator's figure is good for.
const SAMPLE_MS: i64 = 10;

/// Asks the allocator how many bytes are in use; given by the binary, which chose the allocator.
pub type AllocatedBytes = fn() -> usize;

/// Memory in use and its limit.
#[derive(Default)]
pub(crate) struct Memory {
    allocated: std::sync::OnceLock<AllocatedBytes>,
    limit: AtomicU64,
    sample: AtomicUsize,
    sampled_at: AtomicI64,
    peak: AtomicUsize,
}

impl Memory {
    pub(crate) fn set_source(&self, source: AllocatedBytes) {
        let _ = self.allocated.set(source);
    }

    /// Sets `maxmemory`; 0 is no limit.
    pub(crate) fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Relaxed);
        self.sampled_at.store(0, Ordering::Relaxed);
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Bytes in use, at most a few milliseconds old.
    pub(crate) fn used(&self, now: UnixMillis) -> usize {
        let age = now.0 - self.sampled_at.load(Ordering::Relaxed);
        if (0..SAMPLE_MS).contains(&age) {
            return self.sample.load(Ordering::Relaxed);
        }
        let used = self.allocated.get().map_or(0, |source| source());
        self.sample.store(used, Ordering::Relaxed);
        self.sampled_at.store(now.0, Ordering::Relaxed);
        self.peak.fetch_max(used, Ordering::Relaxed);
        used
    }

    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    /// Whether `maxmemory` is set and reached.
    pub(crate) fn is_over(&self, now: impl FnOnce() -> UnixMillis) -> bool {
        let limit = self.limit();
        limit > 0 && self.used(now()) as u64 > limit
    }
}
