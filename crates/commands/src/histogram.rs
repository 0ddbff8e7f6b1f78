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

/// Buckets that are kept together: a doubling.
const BLOCK: usize = PER_DOUBLING;
const BLOCKS: usize = BUCKETS / BLOCK;

/// How often each duration, in nanoseconds, was seen; 4 seconds and more are all the same.
///
/// The calls of a command take about as long as each other: most blocks are never needed, and take no
/// memory, nor any time where histograms are added and read.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    blocks: [Option<Box<[u64; BLOCK]>>; BLOCKS],
    total: u64,
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
        let bucket = bucket(nanos);
        let block = &mut self.blocks[bucket / BLOCK];
        block.get_or_insert_with(|| Box::new([0; BLOCK]))[bucket % BLOCK] += 1;
        self.total += 1;
    }

    /// Adds what another has counted.
    pub(crate) fn merge(&mut self, other: &Histogram) {
        for (block, other) in self.blocks.iter_mut().zip(&other.blocks) {
            match (block, other) {
                (_, None) => {}
                (Some(block), Some(other)) => {
                    block.iter_mut().zip(&**other).for_each(|(count, other)| *count += other);
                }
                (block, Some(_)) => block.clone_from(other),
            }
        }
        self.total += other.total;
    }

    /// Values counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The buckets that may hold anything, with what they hold.
    fn counts(&self) -> impl Iterator<Item = (usize, u64)> {
        let blocks = self.blocks.iter().enumerate();
        blocks.filter_map(|(at, block)| Some((at * BLOCK, block.as_ref()?))).flat_map(
            |(first, block)| block.iter().enumerate().map(move |(at, count)| (first + at, *count)),
        )
    }

    /// The value, in nanoseconds, that this share of all values (in percent) does not exceed.
    pub fn percentile(&self, percent: f64) -> u64 {
        let wanted = ((percent / 100.0 * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let at = self.counts().find(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        at.map_or(0, |(bucket, _)| highest(bucket))
    }

    /// How many values lie below each doubling of a microsecond, cumulated; doublings that add
    /// nothing are left out.
    pub fn by_microseconds(&self) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        let (mut seen, mut shown) = (0, 0);
        let mut counts = self.counts().peekable();
        for power in 0..DOUBLINGS - 1 {
            let last = bucket(MICROSECOND << power);
            while let Some((_, count)) = counts.next_if(|(bucket, _)| *bucket <= last) {
                seen += count;
            }
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

    #[test]
    fn histograms_add_up_wherever_their_values_lie() {
        let values = [0, 255, 256, 1_000, 1_001, 70_000, 5_000_000, u64::MAX];
        let mut all = Histogram::default();
        let mut parts = [Histogram::default(), Histogram::default(), Histogram::default()];
        for (at, &nanos) in values.iter().cycle().take(50).enumerate() {
            all.record(nanos);
            parts[at % 3].record(nanos);
        }
        let mut sum = Histogram::default();
        parts.iter().for_each(|part| sum.merge(part));
        assert_eq!((sum.total(), sum.by_microseconds()), (50, all.by_microseconds()));
        for percent in 0..=100 {
            let percent = f64::from(percent);
            assert_eq!(sum.percentile(percent), all.percentile(percent), "{percent}");
        }
        assert_eq!(Histogram::default().percentile(50.0), 0);
    }

    #[test]
    fn a_histogram_of_like_values_is_small() {
        let mut histogram = Histogram::default();
        (2_000..4_000).for_each(|nanos| histogram.record(nanos));
        let blocks = histogram.blocks.iter().flatten().count();
        assert!(blocks <= 2, "{blocks} blocks for values within one doubling");
    }
}
