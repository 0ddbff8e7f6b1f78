//! What must happen to those who wait when no command comes by.

use std::time::Duration;

use guarda_store::UnixMillis;
use smallvec::SmallVec;

use super::{Deliveries, ShardWaits};
use crate::execute::{Worker, settle};
use crate::host::Host;
use crate::sessions;

/// Looks after those who wait in one shard: renews session leases of living connections, serves
/// those whose turn has come, forgets those who gave up. False if shards are held by others for
/// longer than `patience`.
pub fn tend_shard(
    host: &dyn Host,
    worker: &mut Worker,
    index: usize,
    now: UnixMillis,
    patience: Duration,
) -> bool {
    worker.effects.wanted_events = host.pubsub().wanted_events();
    let keyspace = host.keyspace();
    let Some(mut locked) = keyspace.lock_one(index, patience) else { return false };
    let shard = locked.held().next().expect("one shard was locked");
    let Some(waits) = ShardWaits::of(shard) else { return true };
    let mut wanted: SmallVec<[usize; 16]> = waits.keys.shards_wanted().collect();
    if !wanted.is_empty() {
        // In order this time: all that the keys put aside need.
        drop(locked);
        wanted.push(index);
        let Some(both) = keyspace.lock_many(&wanted, patience) else { return false };
        locked = both;
    }
    let mut deliveries = Deliveries::new();
    for shard in locked.held() {
        if let Some(waits) = ShardWaits::of(shard) {
            waits.keys.resume_deferred();
            waits.keys.prune();
            sessions::tend(shard, &mut worker.effects, host, now, &mut deliveries);
        }
    }
    settle(&mut locked, host, worker, now, deliveries);
    true
}
