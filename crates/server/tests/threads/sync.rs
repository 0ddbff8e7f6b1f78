//! The names of `src/io/sync.rs`, by shuttle: at each call another thread may be the next to run.

use shuttle::sync::MutexGuard;

/// Shuttle's, without the poison: a panic ends the test.
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("no thread has panicked")
    }
}
