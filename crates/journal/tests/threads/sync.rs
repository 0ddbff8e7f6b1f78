//! The names of `src/sync.rs`, by shuttle: at each call another thread may be the next to run.

pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
pub(crate) use shuttle::sync::{Condvar, MutexGuard};

/// Shuttle's, without the poison: a panic ends the test.
#[derive(Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("no thread has panicked")
    }
}

pub(crate) fn wait_while<T>(
    condvar: &Condvar,
    guard: MutexGuard<'_, T>,
    is_so: impl FnMut(&mut T) -> bool,
) {
    drop(condvar.wait_while(guard, is_so).expect("no thread has panicked"));
}
