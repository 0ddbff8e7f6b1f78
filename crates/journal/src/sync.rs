//! What threads share the log by. `tests/threads/` compiles the log with shuttle's instead, which
//! plays the orders in which threads may run.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

/// Waits until what `guard` protects is no longer so.
pub(crate) fn wait_while<T>(
    condvar: &Condvar,
    mut guard: MutexGuard<'_, T>,
    is_so: impl FnMut(&mut T) -> bool,
) {
    condvar.wait_while(&mut guard, is_so);
}
