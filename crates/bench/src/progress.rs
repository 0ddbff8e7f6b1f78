//! Progress on stderr: what is being measured, how far, how long still.

use std::io::Write as _;
use std::time::Instant;

use crate::clock;

/// Counts work in expected seconds, so that slow and quick steps weigh what they cost.
#[derive(Debug)]
pub(crate) struct Progress {
    start: Instant,
    total: f64,
    done: f64,
    shown: bool,
}

impl Progress {
    /// `total` expected seconds in all; `shown` tells whether anything is written.
    pub(crate) fn new(total: f64, shown: bool) -> Self {
        Self { start: clock::now(), total, done: 0.0, shown }
    }

    /// Says that `what` begins, which should take `seconds`.
    pub(crate) fn step(&mut self, what: &str, seconds: f64) {
        let elapsed = self.start.elapsed().as_secs_f64();
        // The first steps say too little about the machine; until then, trust the expectation.
        let pace = if self.done > 5.0 { elapsed / self.done } else { 1.0 };
        let left = (self.total - self.done).max(0.0) * pace;
        self.done += seconds;
        if self.shown {
            let (minutes, seconds) = (left as u64 / 60, left as u64 % 60);
            let line = format!("[{minutes:>2}:{seconds:02} left] {what}\n");
            // Progress that cannot be shown is no reason to lose the measurement.
            drop(std::io::stderr().write_all(line.as_bytes()));
        }
    }
}
