//! Counters for INFO.

use std::sync::atomic::{AtomicU64, Ordering};

use guarda_commands::Counters;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters since start or CONFIG RESETSTAT.
        #[derive(Default)]
        pub(crate) struct Stats {
            $($(#[$doc])* pub(crate) $name: AtomicU64,)*
        }

        impl Stats {
            /// Sets all to zero.
            pub(crate) fn reset(&self) {
                $(self.$name.store(0, Ordering::Relaxed);)*
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
    error_replies,
    net_input,
    net_output,
    /// Most keys removed by active expiry under one hold of a shard's lock.
    expired_per_hold_max,
    sessions_opened,
    sessions_committed,
    sessions_destroyed,
    session_commits_refused,
    session_waits_served,
    session_waits_timed_out,
    session_releases_disconnect,
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
            (&self.error_replies, taken.error_replies),
            (&self.sessions_opened, taken.sessions_opened),
            (&self.sessions_committed, taken.sessions_committed),
            (&self.sessions_destroyed, taken.sessions_destroyed),
            (&self.session_commits_refused, taken.session_commits_refused),
            (&self.session_waits_served, taken.session_waits_served),
            (&self.session_waits_timed_out, taken.session_waits_timed_out),
            (&self.session_releases_disconnect, taken.session_releases_disconnect),
        ];
        for (total, n) in all {
            if n > 0 {
                total.fetch_add(n, Ordering::Relaxed);
            }
        }
        taken.dirty
    }
}
