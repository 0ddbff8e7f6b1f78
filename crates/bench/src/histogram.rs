//! Latency histogram: logarithmic buckets, constant size, at most 1.6 % wide.

use std::time::Duration;

const SUB_BITS: u32 = 6;
const SUBS: usize = 1 << SUB_BITS;
const BUCKETS: usize = SUBS * (64 - SUB_BITS as usize + 1);

/// Counts of durations in nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max_ns: 0 }
    }
}

impl Histogram {
    /// Adds one duration.
    pub(crate) fn record(&mut self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(ns)] += 1;
        self.total += 1;
        self.max_ns = self.max_ns.max(ns);
    }

    /// How many durations were recorded.
    pub(crate) fn len(&self) -> u64 {
        self.total
    }

    /// The duration in microseconds that a share of `quantile` does not exceed; 0 when empty.
    pub(crate) fn quantile_us(&self, quantile: f64) -> f64 {
        let rank = ((self.total as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper_ns(index).min(self.max_ns) as f64 / 1000.0;
            }
        }
        self.max_us()
    }

    /// The longest duration, in microseconds, exactly.
    pub(crate) fn max_us(&self) -> f64 {
        self.max_ns as f64 / 1000.0
    }
}

fn bucket(ns: u64) -> usize {
    if ns < SUBS as u64 {
        return ns as usize;
    }
    let shift = ns.ilog2() - SUB_BITS;
    SUBS * (shift as usize + 1) + ((ns >> shift) as usize - SUBS)
}

/// The largest value of a bucket.
fn upper_ns(index: usize) -> u64 {
    if index < SUBS {
        return index as u64;
    }
    let shift = index / SUBS - 1;
    let low = ((index % SUBS + SUBS) as u64) << shift;
    low + ((1_u64 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_ordered_and_narrow() {
        let mut last = 0;
        for exponent in 2..63 {
            for ns in [(1_u64 << exponent) - 1, 1 << exponent, (1 << exponent) + 1] {
                let index = bucket(ns);
                assert!(index >= last);
                last = index;
                assert!(upper_ns(index) >= ns);
                assert!(upper_ns(index) as f64 <= ns as f64 * 1.016 + 1.0, "{ns}");
            }
        }
        assert!(bucket(u64::MAX) < BUCKETS);
        assert_eq!(upper_ns(bucket(u64::MAX)), u64::MAX);
    }

    #[test]
    fn quantiles_of_a_known_ramp() {
        let mut histogram = Histogram::default();
        for us in 1..=1000 {
            histogram.record(Duration::from_micros(us));
        }
        assert_eq!(histogram.len(), 1000);
        for (quantile, us) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1000.0)] {
            let seen = histogram.quantile_us(quantile);
            assert!((us..us * 1.016).contains(&seen), "{quantile}: {seen}");
        }
        assert!((histogram.max_us() - 1000.0).abs() < f64::EPSILON);
    }
}
