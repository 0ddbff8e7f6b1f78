//! Counters for INFO.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use guarda_commands::{Counters, SessionCounters};
use parking_lot::Mutex;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters since start or CONFIG RESETSTAT.
        #[derive(Default)]
        pub(crate) struct Stats {
            $($(#[$doc])* pub(crate) $name: AtomicU64,)*
            /// Those of sessions, in the order of [`SessionCounters::NAMES`].
            pub(crate) sessions: [AtomicU64; SessionCounters::NAMES.len()],
        }

        impl Stats {
            /// Sets all to zero.
            pub(crate) fn reset(&self) {
                $(self.$name.store(0, Ordering::Relaxed);)*
                self.sessions.iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
            }
        }
    };
}

counters! {
    connections_received,
    connections_rejected,
    commands_processed,
    keyspace_hits,
    keyspace_misses,
    expired_keys,
    evicted_keys,
    evicted_clients,
    /// Microseconds spent beyond the limit although there was something to evict.
    eviction_exceeded_us,
    error_replies,
    net_input,
    net_output,
    reads_processed,
    writes_processed,
    eventloop_cycles,
    eventloop_nanos,
    command_nanos,
    /// Nanoseconds that turns of the event loops have waited for the log.
    eventloop_log_nanos,
    /// Nanoseconds of the longest turn.
    eventloop_nanos_max,
    /// Most commands of one turn.
    eventloop_commands_max,
    /// Nanoseconds that housekeeping has worked.
    cron_nanos,
    /// Sweeps of active expiry that ended before all was done.
    expiry_cut_short,
    /// Microseconds spent in active expiry.
    expiry_micros,
    /// Most keys removed by active expiry under one hold of a shard's lock.
    expired_per_hold_max,
    /// Objects freed while no client waited for it.
    lazily_freed,
    query_buffer_limit_disconnections,
    output_buffer_limit_disconnections,
}

/// One counter's value.
pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Sets a counter of the most there was; most of the time that is a look.
pub(crate) fn raise(most: &AtomicU64, value: u64) {
    if value > read(most) {
        most.fetch_max(value, Ordering::Relaxed);
    }
}

impl Stats {
    /// Adds what a thread counted since the last time; `dirty` stays for the caller.
    pub(crate) fn collect(&self, counters: &mut Counters) -> u64 {
        let taken = std::mem::take(counters);
        let all = [
            (&self.commands_processed, taken.commands_processed),
            (&self.keyspace_hits, taken.keyspace_hits),
            (&self.keyspace_misses, taken.keyspace_misses),
            (&self.expired_keys, taken.expired_keys),
            (&self.evicted_keys, taken.evicted_keys),
            (&self.error_replies, taken.error_replies),
            (&self.reads_processed, taken.reads_processed),
            (&self.writes_processed, taken.writes_processed),
            (&self.eventloop_cycles, taken.eventloop_cycles),
            (&self.eventloop_nanos, taken.eventloop_nanos),
            (&self.command_nanos, taken.command_nanos),
        ];
        let sessions = self.sessions.iter().zip(taken.sessions.values());
        for (total, n) in all.into_iter().chain(sessions) {
            if n > 0 {
                total.fetch_add(n, Ordering::Relaxed);
            }
        }
        taken.dirty
    }
}

/// Samples from which INFO's `instantaneous_*` are made: as many as housekeeping takes in 1.6 s.
const SAMPLES: usize = 17;

/// How many things there are that happen per second.
const RATES: usize = 5;

/// What happens per second, of late.
#[derive(Default)]
pub(crate) struct Rates(Mutex<VecDeque<(Duration, [u64; RATES])>>);

impl Rates {
    /// Takes a sample: commands, bytes in, bytes out, turns of the event loops and what they took.
    pub(crate) fn sample(&self, now: Duration, stats: &Stats) {
        let counts = [
            &stats.commands_processed,
            &stats.net_input,
            &stats.net_output,
            &stats.eventloop_cycles,
            &stats.eventloop_nanos,
        ];
        let mut samples = self.0.lock();
        samples.push_back((now, counts.map(read)));
        if samples.len() > SAMPLES {
            samples.pop_front();
        }
    }

    /// CONFIG RESETSTAT.
    pub(crate) fn reset(&self) {
        self.0.lock().clear();
    }

    /// Of each of them, so many per second.
    pub(crate) fn per_second(&self) -> [f64; RATES] {
        let samples = self.0.lock();
        let (Some((from, first)), Some((to, last))) = (samples.front(), samples.back()) else {
            return [0.0; RATES];
        };
        let seconds = to.saturating_sub(*from).as_secs_f64();
        std::array::from_fn(|at| {
            let count = last[at].saturating_sub(first[at]) as f64;
            if seconds > 0.0 { count / seconds } else { 0.0 }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_last_samples() {
        let (rates, stats) = (Rates::default(), Stats::default());
        let all_zero = |rates: &Rates| rates.per_second().iter().all(|rate| rate.abs() < 1e-9);
        assert!(all_zero(&rates));
        for turn in 0..100u64 {
            stats
                .commands_processed
                .store(if turn < 50 { 0 } else { turn * 10 }, Ordering::Relaxed);
            rates.sample(Duration::from_millis(turn * 100), &stats);
        }
        assert!((rates.per_second()[0] - 100.0).abs() < 1e-9, "{:?}", rates.per_second());
        stats.reset();
        rates.sample(Duration::from_secs(10), &stats);
        assert!(all_zero(&rates), "{:?}", rates.per_second());
    }
}
