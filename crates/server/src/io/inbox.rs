//! What others leave for one thread.

use super::sync::Mutex;

/// Things in the order in which they were left, until the thread takes them all.
///
/// Invariant: whoever finds it empty wakes the thread, and the thread takes everything after it was
/// woken; so nothing waits for a thread that sleeps, and a busy thread is woken once.
pub(crate) struct Inbox<T>(Mutex<Vec<T>>);

impl<T> Inbox<T> {
    pub(crate) fn new() -> Inbox<T> {
        Inbox(Mutex::new(Vec::new()))
    }

    /// Leaves something; says whether the thread must be woken.
    #[must_use]
    pub(crate) fn put(&self, one: T) -> bool {
        let mut waiting = self.0.lock();
        waiting.push(one);
        waiting.len() == 1
    }

    /// Leaves several things; says whether the thread must be woken.
    #[must_use]
    pub(crate) fn put_all(&self, mut several: Vec<T>) -> bool {
        let mut waiting = self.0.lock();
        let first = waiting.is_empty() && !several.is_empty();
        waiting.append(&mut several);
        first
    }

    /// Takes what is there.
    pub(crate) fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.0.lock())
    }
}
