//! The only clocks of the server.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use guarda_store::UnixMillis;

/// Wall clock for expiry, monotonic clock for waits: a jump of the first ends no wait.
pub(crate) struct Clock {
    started: Instant,
}

#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { started: Instant::now() }
    }

    /// Wall clock.
    #[allow(clippy::unused_self, reason = "the clock is asked through its owner")]
    pub(crate) fn now(&self) -> UnixMillis {
        UnixMillis(self.now_micros() / 1000)
    }

    /// Wall clock in microseconds.
    #[allow(clippy::unused_self, reason = "as above")]
    pub(crate) fn now_micros(&self) -> i64 {
        // A clock before 1970 reads as 1970.
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
    }

    /// Time since `began`, an earlier reading of [`Clock::monotonic`].
    pub(crate) fn since(&self, began: Duration) -> Duration {
        self.monotonic().saturating_sub(began)
    }

    /// Time since the server started; never jumps.
    pub(crate) fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}
