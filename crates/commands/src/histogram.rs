//! A histogram of durations with a bounded relative error.

/// Values below this many nanoseconds have a bucket each; above, each doubling has half as many, so
/// that a value is known to within 1 %.
const LINEAR: u64 = 256;
const PER_DOUBLING: usize = 128;
/// Doublings above [`LINEAR`]: up to 2^32 nanoseconds, 4 seconds.
const DOUBLINGS: usize = 24;
/// A microsecond, roughly: in doublings of it the histogram is shown.
const MICROSECOND: u64 = 1024;
const BUCKETS: usize = LINEAR as usize + DOUBLINGS * PER_DOUBLING;

/// How often each duration, in nanoseconds, was seen; 4 seconds and more are all the same.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: vec![0; BUCKETS], total: 0 }
    }
}

/// The bucket of a value.
fn bucket(nanos: u64) -> usize {
    if nanos < LINEAR {
        return nanos as usize;
    }
    // The 8 highest bits: the first is always set.
    let doubling = (nanos.ilog2() - LINEAR.ilog2()) as usize;
    let high = (nanos >> (doubling + 1)) as usize;
    (LINEAR as usize + doubling * PER_DOUBLING + high - PER_DOUBLING).min(BUCKETS - 1)
}

/// The highest value that falls into a bucket.
fn highest(bucket: usize) -> u64 {
    let Some(above) = bucket.checked_sub(LINEAR as usize) else { return bucket as u64 };
    let (doubling, high) = (above / PER_DOUBLING, above % PER_DOUBLING + PER_DOUBLING);
    ((high as u64 + 1) << (doubling + 1)) - 1
}

impl Histogram {
    /// Counts a value.
    pub(crate) fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    /// Adds what another has counted.
    pub(crate) fn merge(&mut self, other: &Histogram) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, other)| *count += other);
        self.total += other.total;
    }

    /// Values counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The value, in nanoseconds, that this share of all values (in percent) does not exceed.
    pub fn percentile(&self, percent: f64) -> u64 {
        let wanted = ((percent / 100.0 * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        at.map_or(0, highest)
    }

    /// How many values lie below each doubling of a microsecond, cumulated; doublings that add
    /// nothing are left out.
    pub fn by_microseconds(&self) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        let (mut seen, mut shown, mut next) = (0, 0, 0);
        for power in 0..DOUBLINGS - 1 {
            let last = bucket(MICROSECOND << power);
            seen += self.counts[next..=last].iter().sum::<u64>();
            next = last + 1;
            if seen > shown {
                found.push((highest(last) / 1000, seen));
                shown = seen;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_within_one_percent_of_its_bucket() {
        for shift in 0..32 {
            for nanos in [1u64 << shift, (1 << shift) + (1 << shift) / 3, (2 << shift) - 1] {
                let top = highest(bucket(nanos));
                assert!(top >= nanos && (top - nanos) * 100 <= nanos, "{nanos}: {top}");
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert!((1..BUCKETS).all(|at| bucket(highest(at - 1) + 1) == at));
    }

    #[test]
    fn percentiles_and_powers_of_two_say_how_values_lie() {
        let mut histogram = Histogram::default();
        for micros in [1, 1, 1, 2, 3, 4, 5, 6, 7, 1000] {
            histogram.record(micros * 1000);
        }
        for (percent, nanos) in [(0.0, 1003), (50.0, 3007), (90.0, 7007), (99.9, 1_003_519)] {
            assert_eq!(histogram.percentile(percent), nanos, "{percent}");
        }
        let expected = [(1, 3), (2, 4), (4, 6), (8, 9), (1056, 10)];
        assert_eq!(histogram.by_microseconds(), expected);
        assert_eq!(histogram.total(), 10);
    }
}
