//! Waiting for a condition, with an end: the one place in this crate that reads the clock.

use std::thread;
use std::time::{Duration, Instant};

/// How long to wait between two looks at a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// A moment after which waiting is pointless.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment `after` from now.
    #[must_use]
    pub fn after(after: Duration) -> Self {
        Self(now() + after)
    }

    /// What is left; zero once the deadline has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    /// Whether the deadline has passed.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }
}

/// Looks at `condition` until it holds some value or `limit` is over; `None` means it never did.
pub fn await_some<T>(limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Deadline::after(limit);
    loop {
        if let Some(found) = condition() {
            return Some(found);
        }
        if deadline.has_passed() {
            return None;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Looks at `condition` until it holds or `limit` is over; the result says which.
pub fn await_true(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    await_some(limit, || condition().then_some(())).is_some()
}

#[allow(clippy::disallowed_methods, reason = "the test tools are one of the places with a clock")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_never_holds_ends_at_the_deadline() {
        let mut looks = 0;
        let held = await_true(Duration::from_millis(10), || {
            looks += 1;
            false
        });
        assert!(!held);
        assert!(looks > 1, "looked {looks} times");
    }

    #[test]
    fn the_first_value_found_is_returned() {
        let mut looks = 0;
        let found = await_some(Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found, Some(3));
    }
}
