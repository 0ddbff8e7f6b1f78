//! How long a request may wait in all.

use std::time::{Duration, Instant};

/// What is left of the time that one session may spend on input and output.
///
/// Waiting for a lock counts apart: see [`Open::lock`](crate::Open::lock).
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    end: Instant,
}

impl Budget {
    /// Starts now.
    pub fn start(total: Duration) -> Self {
        let now = now();
        // A century stands for no end at all.
        let century = Duration::from_hours(876_600);
        Self { end: now.checked_add(total.min(century)).unwrap_or(now) }
    }

    /// What is left; None when nothing is.
    pub fn left(&self) -> Option<Duration> {
        self.end.checked_duration_since(now()).filter(|left| !left.is_zero())
    }

    /// The same, or an earlier end: what is left of it, but no more than `limit` from now on.
    pub(crate) fn within(&self, limit: Option<Duration>) -> Self {
        limit.map_or(*self, |limit| Self { end: self.end.min(Self::start(limit).end) })
    }

    /// A later end, for time that does not count.
    pub(crate) fn extend(&mut self, by: Duration) {
        self.end = self.end.checked_add(by).unwrap_or(self.end);
    }
}

/// The time of this process, for deadlines only.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a client waits in real time; nothing else does")]
    Instant::now()
}
