//! Counters for INFO.

use std::sync::atomic::{AtomicU64, Ordering};

use guarda_commands::{Counters, SessionCounters};

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
    /// Most keys removed by active expiry under one hold of a shard's lock.
    expired_per_hold_max,
    query_buffer_limit_disconnections,
    output_buffer_limit_disconnections,
}

/// One counter's value.
pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
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
