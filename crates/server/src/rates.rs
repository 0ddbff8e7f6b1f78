//! What INFO calls instantaneous: rates over the last second or two.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;

use crate::stats::{Stats, read};

/// Samples that a rate is made of; there are ten a second.
const SAMPLES_MAX: usize = 17;

/// When, and commands, bytes received and bytes sent until then.
type Sample = (Duration, [u64; 3]);

/// The newest samples.
#[derive(Default)]
pub(crate) struct Rates {
    samples: Mutex<VecDeque<Sample>>,
}

impl Rates {
    /// Takes a sample at monotonic time `now`.
    pub(crate) fn sample(&self, stats: &Stats, now: Duration) {
        let counted = [&stats.commands_processed, &stats.net_input, &stats.net_output].map(read);
        let mut samples = self.samples.lock();
        samples.push_back((now, counted));
        if samples.len() > SAMPLES_MAX {
            samples.pop_front();
        }
    }

    /// The counters begin anew.
    pub(crate) fn reset(&self) {
        self.samples.lock().clear();
    }

    /// Commands, bytes received and bytes sent per second.
    pub(crate) fn per_second(&self) -> [f64; 3] {
        let samples = self.samples.lock();
        let (Some((from, first)), Some((to, last))) = (samples.front(), samples.back()) else {
            return [0.0; 3];
        };
        let seconds = to.saturating_sub(*from).as_secs_f64();
        if seconds == 0.0 {
            return [0.0; 3];
        }
        std::array::from_fn(|n| last[n].saturating_sub(first[n]) as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn rates_are_of_the_newest_samples_alone() {
        let (rates, stats) = (Rates::default(), Stats::default());
        let exactly = |expected: [f64; 3]| {
            let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
            assert!(
                rates.per_second().iter().zip(&expected).all(close),
                "{:?}",
                rates.per_second()
            );
        };
        exactly([0.0; 3]);
        let at = |tenths: u64| Duration::from_millis(tenths * 100);
        stats.commands_processed.store(1_000_000, Ordering::Relaxed);
        rates.sample(&stats, at(0));
        exactly([0.0; 3]);
        for tenth in 1..=100 {
            stats.commands_processed.fetch_add(5, Ordering::Relaxed);
            stats.net_input.fetch_add(100, Ordering::Relaxed);
            rates.sample(&stats, at(tenth));
        }
        exactly([50.0, 1000.0, 0.0]);
        for tenth in 101..=120 {
            rates.sample(&stats, at(tenth));
        }
        exactly([0.0; 3]);
        rates.reset();
        exactly([0.0; 3]);
    }
}
