//! When and how often keys are used: what eviction and `OBJECT IDLETIME` and `FREQ` go by.
//!
//! A record carries the second of its last use, always, and a counter of its uses, which counts only
//! while an LFU policy is on. The counter is the one that Redis documents: eight bits on a logarithmic
//! scale, raised by chance, lowered by time. <https://redis.io/docs/latest/develop/reference/eviction/>

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::random::random;
use crate::record::Record;
use crate::time::UnixMillis;

/// The counter of a key that is new: it must have a chance to be used again before it is the least
/// used of all.
pub const USES_AT_FIRST: u8 = 5;

/// How uses are counted. Shared by all shards; CONFIG SET changes it at any time.
#[derive(Debug)]
pub struct Usage {
    counts: AtomicBool,
    log_factor: AtomicU32,
    decay_minutes: AtomicU32,
}

impl Default for Usage {
    /// Uses are not counted; factor and decay are Redis's defaults.
    fn default() -> Self {
        Usage {
            counts: AtomicBool::new(false),
            log_factor: AtomicU32::new(10),
            decay_minutes: AtomicU32::new(1),
        }
    }
}

impl Usage {
    /// Sets whether uses are counted (an LFU policy is selected), `lfu-log-factor` and
    /// `lfu-decay-time`.
    pub fn set(&self, counts: bool, log_factor: u32, decay_minutes: u32) {
        self.counts.store(counts, Ordering::Relaxed);
        self.log_factor.store(log_factor, Ordering::Relaxed);
        self.decay_minutes.store(decay_minutes, Ordering::Relaxed);
    }

    /// Whether uses are counted.
    pub fn counts(&self) -> bool {
        self.counts.load(Ordering::Relaxed)
    }

    /// Notes that the record is used `now`.
    pub(crate) fn note(&self, record: &mut Record, now: UnixMillis) {
        if self.counts() {
            let uses = self.frequency(record, now);
            record.set_uses(raised(uses, self.log_factor.load(Ordering::Relaxed), random()));
        }
        record.set_accessed(now);
    }

    /// The record's counter of uses, lowered by the time since its last one.
    pub fn frequency(&self, record: &Record, now: UnixMillis) -> u8 {
        let decay = self.decay_minutes.load(Ordering::Relaxed);
        let minutes = (now.seconds() as u32 / 60).saturating_sub(record.accessed() / 60);
        match minutes.checked_div(decay) {
            Some(periods) => record.uses().saturating_sub(u8::try_from(periods).unwrap_or(u8::MAX)),
            None => record.uses(),
        }
    }
}

/// The counter after one more use: raised with a chance of 1 in `(uses - 5) * log_factor + 1`.
fn raised(uses: u8, log_factor: u32, random: u64) -> u8 {
    let above = u64::from(uses.saturating_sub(USES_AT_FIRST));
    let odds = above * u64::from(log_factor) + 1;
    if random.is_multiple_of(odds) { uses.saturating_add(1) } else { uses }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    const MINUTE: i64 = 60_000;

    #[test]
    fn a_counter_rises_on_the_documented_scale() {
        // Redis's table: with a factor of 10, some 10 after 100 uses, 18 after 1,000, 142 after
        // 100,000 and 255 after a million; with 0, one more for each.
        let mut random = Random::new(1);
        for (factor, uses, rounds, low, high) in [
            (0, 100, 1, 105, 105),
            (1, 100, 100, 17, 19),
            (10, 100, 100, 9, 11),
            (10, 1_000, 100, 18, 20),
            (10, 100_000, 10, 141, 152),
            (100, 1_000, 100, 9, 11),
            (10, 2_000_000, 1, 255, 255),
        ] {
            let counters = (0..rounds).map(|_| {
                let rise = |counter, _| raised(counter, factor, random.next());
                u32::from((0..uses).fold(USES_AT_FIRST, rise))
            });
            let mean = counters.sum::<u32>() / rounds;
            assert!((low..=high).contains(&mean), "{factor} {uses}: {mean}");
        }
    }

    #[test]
    fn a_counter_falls_by_one_each_period_without_use_and_never_below_zero() {
        let usage = Usage::default();
        let mut record = Record::string(1, b"k", b"v", None);
        record.set_accessed(UnixMillis(100 * MINUTE));
        record.set_uses(20);
        let frequency = |minutes: i64| usage.frequency(&record, UnixMillis(minutes * MINUTE));
        assert_eq!([99, 100, 101, 110, 119, 121].map(frequency), [20, 20, 19, 10, 1, 0]);
        assert_eq!(frequency(1_000_000), 0);
        usage.set(true, 10, 5);
        assert_eq!([104, 105, 150].map(frequency), [20, 19, 10]);
        usage.set(true, 10, 0);
        assert_eq!(frequency(1_000_000), 20);
    }

    #[test]
    fn uses_are_counted_under_an_lfu_policy_only() {
        let usage = Usage::default();
        let mut record = Record::string(1, b"k", b"v", None);
        let now = UnixMillis(100 * MINUTE);
        usage.note(&mut record, now);
        assert_eq!((record.uses(), record.accessed()), (5, 6_000));
        usage.set(true, 10, 1);
        usage.note(&mut record, now);
        assert_eq!(record.uses(), 6, "the first use of a new key always counts");
    }
}
