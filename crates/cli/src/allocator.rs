//! jemalloc: the allocator with figures that INFO can be true with; see docs/decisions.

use guarda_server::{Allocator, AllocatorFigures};
use tikv_jemalloc_ctl::stats_print::{Options, stats_print};
use tikv_jemalloc_ctl::thread::{ThreadLocal, allocatedp, deallocatedp};
use tikv_jemalloc_ctl::{Access, AsName as _, arenas, epoch, stats};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How the server asks it.
pub(crate) const QUESTIONS: Allocator =
    Allocator { name: "jemalloc", thread_balance, figures, purge, report };

fn thread_balance() -> i64 {
    type Counter = Option<ThreadLocal<u64>>;
    thread_local! {
        static COUNTERS: (Counter, Counter) = (allocatedp::read().ok(), deallocatedp::read().ok());
    }
    COUNTERS.with(|(allocated, deallocated)| {
        let count = |counter: &Counter| counter.map_or(0u64, ThreadLocal::get);
        count(allocated).wrapping_sub(count(deallocated)).cast_signed()
    })
}

/// Of all arenas: what threads have given back and their caches keep.
const CACHED: &[u8] = b"stats.arenas.4096.tcache_bytes\0";

fn figures() -> AllocatorFigures {
    // Without a new epoch the figures are those of the last one.
    let _ = epoch::advance();
    let bytes = |read: tikv_jemalloc_ctl::Result<usize>| read.unwrap_or(0) as u64;
    let cached = bytes(CACHED.name().read());
    AllocatorFigures {
        allocated: bytes(stats::allocated::read()).saturating_sub(cached),
        active: bytes(stats::active::read()),
        resident: bytes(stats::resident::read()),
    }
}

/// Has every arena drop its unused pages: they go when the time for which they are kept becomes none.
fn purge() {
    for arena in 0..arenas::narenas::read().unwrap_or(0) {
        for kept in ["dirty_decay_ms", "muzzy_decay_ms"] {
            let name = format!("arena.{arena}.{kept}\0");
            let name = name.as_bytes().name();
            // An arena that was never used has nothing to set.
            if let Ok(before) = Access::<isize>::read(name) {
                let _ = name.write(0isize);
                let _ = name.write(before);
            }
        }
    }
}

fn report() -> String {
    let mut text = Vec::new();
    match stats_print(&mut text, Options::default()) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => format!("jemalloc has no statistics: {error}\n"),
    }
}
