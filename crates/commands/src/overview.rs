//! What INFO says of all keys, counted under the locks that its caller holds.

use guarda_store::{Locked, SHARDS, UnixMillis};

use crate::waits::ShardWaits;

/// Counts over all shards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// By number of the database.
    pub databases: Vec<DatabaseOverview>,
    /// Native session locks that a connection holds.
    pub session_locks: usize,
    /// Clients that wait for a session's lock.
    pub session_waiters: usize,
    /// Clients that wait for elements.
    pub element_waiters: usize,
    /// Keys whose elements somebody waits for.
    pub awaited_keys: usize,
}

/// Counts of one database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseOverview {
    /// Keys, those that are due and not yet removed among them.
    pub keys: usize,
    /// Keys that expire.
    pub expiring: usize,
    /// Milliseconds that those looked at have left on average; 0 if there are none.
    pub average_ttl: i64,
    /// Bytes of the tables of keys, without what the records hold.
    pub table_len: usize,
    /// About how many bytes the index of expiries takes.
    pub expiry_index_len: usize,
}

impl Overview {
    /// Counts, shard by shard: a transaction or script has them under its own locks, and would wait
    /// for itself if they were locked anew.
    pub fn of(locked: &mut Locked<'_>, now: UnixMillis) -> Overview {
        let databases = locked.keyspace().databases();
        let mut overview = Overview {
            databases: vec![DatabaseOverview::default(); databases as usize],
            ..Overview::default()
        };
        let mut samples = vec![0; databases as usize];
        for index in 0..SHARDS {
            locked.visit_shard(index, |shard| {
                for (db, (counts, samples)) in
                    overview.databases.iter_mut().zip(&mut samples).enumerate()
                {
                    let db = db as u32;
                    counts.keys += shard.len(db);
                    counts.expiring += shard.expiring_len(db);
                    counts.table_len += shard.table_len(db);
                    counts.expiry_index_len += shard.expiry_index_len(db);
                    if let Some(ttl) = shard.average_ttl(db, now) {
                        counts.average_ttl = counts.average_ttl.saturating_add(ttl);
                        *samples += 1;
                    }
                }
                let Some(waits) = ShardWaits::of(shard) else { return };
                overview.element_waiters += waits.keys.len();
                overview.awaited_keys += waits.keys.keys_len();
                for (_, _, state) in waits.sessions.iter() {
                    overview.session_locks += usize::from(state.owner.is_some());
                    overview.session_waiters += state.waiters.waiting().count();
                }
            });
        }
        for (counts, samples) in overview.databases.iter_mut().zip(samples) {
            counts.average_ttl /= i64::from(samples.max(1));
        }
        overview
    }
}
