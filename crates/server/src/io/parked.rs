//! Connections whose next command waits for shards that a script holds.

use std::time::Duration;

/// How often the waiting are tried again, beside being woken when a script ends.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// The waiting connections of one I/O thread.
#[derive(Default)]
pub(crate) struct Parked {
    slots: Vec<usize>,
    next: Option<Duration>,
}

impl Parked {
    /// Adds a connection at monotonic time `now`.
    pub(crate) fn add(&mut self, slot: usize, now: Duration) {
        self.slots.push(slot);
        self.next.get_or_insert(now + RETRY_INTERVAL);
    }

    /// Takes all of them.
    pub(crate) fn take(&mut self) -> Vec<usize> {
        self.next = None;
        std::mem::take(&mut self.slots)
    }

    /// How long the event loop may sleep; `None` for ever.
    pub(crate) fn next_check(&self, now: Duration) -> Option<Duration> {
        self.next.map(|at| at.saturating_sub(now))
    }

    /// Whether it is time to look at them.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.next.is_some_and(|at| at <= now)
    }
}
