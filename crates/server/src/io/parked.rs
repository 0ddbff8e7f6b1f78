//! Connections whose next command waits for shards that a script holds.

use std::time::Duration;

/// How often the waiting are tried again, beside being woken when a script ends.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// The waiting connections of one I/O thread: slot and client id.
#[derive(Default)]
pub(crate) struct Parked {
    waiting: Vec<(usize, u64)>,
    next: Option<Duration>,
}

impl Parked {
    /// Adds a connection at monotonic time `now`.
    pub(crate) fn add(&mut self, slot: usize, id: u64, now: Duration) {
        self.waiting.push((slot, id));
        self.look_again(now);
    }

    /// Has the thread look again soon, whether or not a connection waits.
    pub(crate) fn look_again(&mut self, now: Duration) {
        self.next.get_or_insert(now + RETRY_INTERVAL);
    }

    /// Takes all of them.
    pub(crate) fn take(&mut self) -> Vec<(usize, u64)> {
        self.next = None;
        std::mem::take(&mut self.waiting)
    }

    /// Whether nothing is to be looked at.
    pub(crate) fn is_idle(&self) -> bool {
        self.next.is_none()
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
