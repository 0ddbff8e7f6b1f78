//! Waiting on conditions, with a limit and a way to be interrupted. The crate's only home of the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The first pause between two looks at a condition; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(2);
/// The longest pause between two looks at a condition.
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// Tells everything that waits to give up. Clones share one flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// The flag itself, in the form that signal handlers can be registered on.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Asks every waiter to give up.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked to give up.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A moment on the monotonic clock after which waiting is over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment `from_now` ahead.
    #[allow(
        clippy::disallowed_methods,
        reason = "the farm waits for real programs: this is its clock"
    )]
    pub fn after(from_now: Duration) -> Self {
        Self(Instant::now() + from_now)
    }

    /// Whether the moment has come.
    #[allow(
        clippy::disallowed_methods,
        reason = "the farm waits for real programs: this is its clock"
    )]
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.0
    }
}

/// Calls `condition` until it returns a value, and returns that; `what` names it in the error.
///
/// # Errors
///
/// When `limit` passes first, when `cancel` is set, or when the condition itself fails.
pub fn wait_until<T>(
    what: &str,
    limit: Duration,
    cancel: &Cancel,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Deadline::after(limit);
    let mut pause = PAUSE_MIN;
    loop {
        if cancel.is_cancelled() {
            bail!("interrupted while waiting for {what}");
        }
        if let Some(value) = condition()? {
            return Ok(value);
        }
        if deadline.is_over() {
            bail!("{what}: not within {} s", limit.as_secs_f32());
        }
        thread::sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_becomes_true_ends_the_wait() {
        let mut looks = 0;
        let seen = wait_until("three looks", Duration::from_secs(30), &Cancel::default(), || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(seen.unwrap(), 3);
    }

    #[test]
    fn the_limit_ends_the_wait_and_names_the_condition() {
        let never = wait_until::<()>("the moon", Duration::ZERO, &Cancel::default(), || Ok(None));
        assert!(never.unwrap_err().to_string().contains("the moon"));
    }

    #[test]
    fn a_cancelled_wait_does_not_even_look() {
        let cancel = Cancel::default();
        cancel.clone().cancel();
        let refused = wait_until("a look", Duration::from_secs(30), &cancel, || Ok(Some(())));
        assert!(refused.unwrap_err().to_string().contains("interrupted"));
    }
}
