//! The benchmark's clock: the one place of this crate that reads it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The present moment. Measuring time is this crate's purpose, so it may read the clock.
#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since the Unix epoch, for `PXAT`.
#[allow(clippy::disallowed_methods, reason = "PXAT takes the real time of day")]
pub(crate) fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Asks `condition` every `every` until it gives a value or `limit` has passed (`None`).
///
/// For conditions of another process, which offers nothing to wait on.
pub(crate) fn poll_until<T>(
    every: Duration,
    limit: Duration,
    mut condition: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<Option<T>> {
    let deadline = now() + limit;
    loop {
        if let Some(value) = condition()? {
            return Ok(Some(value));
        }
        if now() >= deadline {
            return Ok(None);
        }
        crate::interrupt::check()?;
        std::thread::sleep(every);
    }
}
