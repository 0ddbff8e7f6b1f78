//! Ctrl-C ends a run in order, so that servers are stopped and scratch files removed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Lets SIGINT and SIGTERM set a flag instead of ending the process at once.
pub(crate) fn install() -> anyhow::Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(flag))?;
    }
    Ok(())
}

/// # Errors
///
/// When a signal has asked the run to end.
pub(crate) fn check() -> anyhow::Result<()> {
    let asked = INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed));
    anyhow::ensure!(!asked, "interrupted");
    Ok(())
}
