//! How long a request may wait in all.

use std::time::{Duration, Instant};

/// A century stands for no end at all.
const ENDLESS: Duration = Duration::from_hours(876_600);

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
        Self { end: now.checked_add(total.min(ENDLESS)).unwrap_or(now) }
    }

    /// What is left; None when nothing is.
    pub fn left(&self) -> Option<Duration> {
        self.left_at(now())
    }

    /// What is left at a time; None when nothing is.
    pub(crate) fn left_at(&self, time: Instant) -> Option<Duration> {
        self.end.checked_duration_since(time).filter(|left| !left.is_zero())
    }

    /// The same, or an earlier end: what is left of it, but no more than `limit` from `time` on.
    pub(crate) fn within(&self, time: Instant, limit: Option<Duration>) -> Self {
        let end = limit.and_then(|limit| time.checked_add(limit.min(ENDLESS)));
        Self { end: end.map_or(self.end, |end| end.min(self.end)) }
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

/// Seconds since 1970, for the age of files.
pub(crate) fn wall_seconds() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the files of `adopt` have wall-clock times")]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
