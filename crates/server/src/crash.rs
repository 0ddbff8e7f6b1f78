//! The end by a defect: a report in the log, without any data, and an end that a supervisor notices.
//!
//! Panics are reported, wherever they come from. Signals that stand for a defect (SIGSEGV, SIGBUS)
//! are not: catching them takes `unsafe` code, of which this crate has none; the system's own report
//! (`coredumpctl`) has them.

use std::backtrace::Backtrace;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use crate::state::Server;
use crate::stats::read;

/// `crash-log-enabled`.
static REPORTS: AtomicBool = AtomicBool::new(true);

static SERVER: OnceLock<Weak<Server>> = OnceLock::new();

pub(crate) fn set_reports(on: bool) {
    REPORTS.store(on, Ordering::Relaxed);
}

/// The server whose state a report describes.
pub(crate) fn note_server(server: &Arc<Server>) {
    let _ = SERVER.set(Arc::downgrade(server));
}

/// From here on a panic ends the process, after a report that says where it was. Its message is left
/// out: it may hold a key or a value.
///
/// Going on without one of its threads, the server would leave clients hanging; started again, it
/// has everything that was acknowledged.
pub(crate) fn end_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!("a defect at {place}: the server ends; please report it");
        if REPORTS.load(Ordering::Relaxed) {
            report();
        }
        std::process::abort();
    }));
}

/// One line each, so that every log viewer shows them. No lock is taken: the thread may hold it.
fn report() {
    let uname = rustix::system::uname();
    let thread = std::thread::current();
    tracing::error!("=== GUARDA CRASH REPORT START: please send all of it ===");
    tracing::error!(
        "version {}, {} {} {}, pid {}, thread {}",
        env!("CARGO_PKG_VERSION"),
        uname.sysname().to_string_lossy(),
        uname.release().to_string_lossy(),
        uname.machine().to_string_lossy(),
        std::process::id(),
        thread.name().unwrap_or("without a name"),
    );
    if let Some(server) = SERVER.get().and_then(Weak::upgrade) {
        let stats = &server.stats;
        tracing::error!(
            "up for {} s, {} I/O threads, {} connections and {} commands so far, peak memory {} bytes",
            server.clock.monotonic().as_secs(),
            server.thread_count(),
            read(&stats.connections_received),
            read(&stats.commands_processed),
            server.memory.peak(),
        );
    }
    for line in Backtrace::force_capture().to_string().lines() {
        tracing::error!("{}", line.trim_end());
    }
    tracing::error!("=== GUARDA CRASH REPORT END ===");
}
