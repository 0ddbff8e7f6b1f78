//! How much memory is in use.
//!
//! What `maxmemory` is compared with must be exact to the allocation and cheap to read, because it is
//! read before each command and after each eviction. So every thread knows what it has taken from
//! the allocator and given back, and adds the difference since the last time to one sum: at the end
//! of each turn, and whenever the sum is asked for. What other threads have not added yet is at most
//! what one of their turns takes. The allocator's own figures, which it takes long to gather, are for
//! INFO and MEMORY only; that they agree is tested.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

/// What the server asks of the allocator; given by the binary, which chose it.
#[derive(Clone, Copy)]
pub struct Allocator {
    /// Its name, for INFO.
    pub name: &'static str,
    /// Bytes that the calling thread has taken in its life, less those it has given back, whoever had
    /// taken them. Cheap.
    pub thread_balance: fn() -> i64,
    /// Its own statistics. Not cheap.
    pub figures: fn() -> AllocatorFigures,
    /// Gives unused pages back to the operating system (`MEMORY PURGE`).
    pub purge: fn(),
    /// Its statistics as text (`MEMORY MALLOC-STATS`).
    pub report: fn() -> String,
}

/// An allocator's statistics, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocatorFigures {
    /// What it has handed out and not got back, be it into a cache.
    pub allocated: u64,
    /// The pages in which that is.
    pub active: u64,
    /// The pages that it has from the operating system, unused ones among them.
    pub resident: u64,
}

/// An allocator is the process's, and so are these.
static ALLOCATOR: OnceLock<Allocator> = OnceLock::new();
/// What threads have added up.
static USED: AtomicI64 = AtomicI64::new(0);
static USED_AT_START: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static ADDED: Added = const { Added(Cell::new(0)) };
}

/// What this thread has added so far.
struct Added(Cell<i64>);

impl Added {
    fn bring_up_to_date(&self) {
        let balance = ALLOCATOR.get().map_or(0, |allocator| (allocator.thread_balance)());
        let change = balance - self.0.replace(balance);
        if change != 0 {
            USED.fetch_add(change, Ordering::Relaxed);
        }
    }
}

impl Drop for Added {
    /// The thread ends.
    fn drop(&mut self) {
        self.bring_up_to_date();
    }
}

/// Takes over the binary's allocator; called once, before there are other threads.
pub(crate) fn set_allocator(allocator: Allocator) {
    let _ = ALLOCATOR.set(allocator);
}

/// What there is to ask the allocator.
pub(crate) fn allocator() -> Option<&'static Allocator> {
    ALLOCATOR.get()
}

/// Adds what this thread has taken and given back since the last time.
pub(crate) fn note_thread() {
    // While the thread's locals go, its last words have been said.
    let _ = ADDED.try_with(Added::bring_up_to_date);
}

/// Notes that from here on data is loaded.
pub(crate) fn note_startup() {
    note_thread();
    USED_AT_START.store(total(), Ordering::Relaxed);
}

/// Bytes in use before any data.
pub(crate) fn used_at_start() -> usize {
    USED_AT_START.load(Ordering::Relaxed)
}

fn total() -> usize {
    usize::try_from(USED.load(Ordering::Relaxed)).unwrap_or(0)
}

/// `maxmemory`, and the most there ever was.
#[derive(Default)]
pub(crate) struct Memory {
    limit: AtomicU64,
    peak: AtomicUsize,
}

impl Memory {
    /// Sets `maxmemory`; 0 is no limit.
    pub(crate) fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        note_thread();
        let used = total();
        if used > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(used, Ordering::Relaxed);
        }
        used
    }

    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}
