//! Serving those who wait, under the locks of the command that made it possible.

use guarda_resp::ReplyWriter;
use guarda_store::{HashedKey, Locked, UnixMillis};

use super::keys::{Ready, Request};
use super::{Deliveries, ShardWaits};
use crate::db::{Db, living};
use crate::effects::Effects;
use crate::error::CommandError;
use crate::host::Host;
use crate::sessions::serve_freed;

/// Serves those who wait for what the command made ready, until nothing more is: serving one may
/// free a lock or fill a key that others wait for.
pub(crate) fn serve_waiters(
    locked: &mut Locked<'_>,
    effects: &mut Effects,
    host: &dyn Host,
    now: UnixMillis,
    deliveries: &mut Deliveries,
) {
    loop {
        let mut ready: Vec<Ready> = Vec::new();
        for shard in locked.held() {
            serve_freed(shard, effects, host, now, deliveries);
            if let Some(waits) = ShardWaits::of(shard) {
                ready.append(&mut waits.keys.take_ready());
            }
        }
        if ready.is_empty() {
            return;
        }
        ready.sort_unstable_by_key(|ready| ready.order);
        for key in ready {
            serve_key(locked, effects, host, now, key, deliveries);
        }
        // What was due of the other keys that those who were served had named, has gone.
        let settings = host.settings();
        Db { locked: &mut *locked, index: 0, now, settings, effects: &mut *effects }
            .record_expired();
    }
}

/// Serves those who wait for `ready`, in their order, as long as it has something for them.
fn serve_key(
    locked: &mut Locked<'_>,
    effects: &mut Effects,
    host: &dyn Host,
    now: UnixMillis,
    ready: Ready,
    deliveries: &mut Deliveries,
) {
    let (db, key) = (ready.db, ready.key.clone());
    let hashed = HashedKey::new(&key);
    loop {
        let shard = locked.shard(hashed);
        // Not a use of the key: one that is due stays until somebody comes for it.
        let kind = living(shard, db, hashed, now).map(|record| record.value().kind());
        let Some(queue) = ShardWaits::of(shard).and_then(|w| w.keys.queue(db, hashed.bytes)) else {
            return;
        };
        let first = kind.and_then(|kind| queue.find(|place| place.request.want.kind() == kind));
        let Some(at) = first else {
            ShardWaits::of_or_new(shard).keys.drop_if_empty(db, hashed.bytes);
            return;
        };
        // One who moves an element needs the other key's shard too. Nobody may wait for it here;
        // if it is taken, the key is put aside, and the elements with it, until both can be had.
        let other = queue.request(at).request.want.destination();
        let other = other.map(|key| HashedKey::new(key).shard());
        if let Some(other) = other
            && !locked.try_grow(other)
        {
            let shard = locked.shard(hashed);
            ShardWaits::of_or_new(shard).keys.defer(ready, other);
            host.tend_later(hashed.shard(), host.monotonic());
            return;
        }
        let shard = locked.shard(hashed);
        let queue = ShardWaits::of(shard).and_then(|w| w.keys.queue(db, hashed.bytes));
        let Some(waiter) = queue.and_then(|queue| queue.serve(at)) else { continue };
        let request = &waiter.request.request;
        let mut place =
            Db { locked: &mut *locked, index: db, now, settings: host.settings(), effects };
        place.forget_changes();
        place.effects.records.end_group();
        let mut reply = Vec::new();
        let mut writer = ReplyWriter::new(&mut reply, request.protocol);
        let taken = match waiter.ticket.refusal(place.effects, host) {
            None => take_first(&mut place, request, hashed.bytes, &mut writer),
            Some(refusal) => Err(refusal),
        };
        if let Err(error) = taken {
            reply.clear();
            let text = error.wire();
            ReplyWriter::new(&mut reply, request.protocol).error_bytes(&text);
            place.effects.note_error(&text);
        }
        waiter.ticket.count(&reply, place.effects, host);
        place.effects.counters.dirty += place.effects.changes;
        place.forget_changes();
        deliveries.push((request.client, reply));
    }
}

/// Takes what is wanted, now that `ready` has it, as if the command were sent only now: from the first of its keys
/// that has anything. A key in whose shard somebody else is just at work has nothing.
fn take_first(
    db: &mut Db<'_, '_>,
    request: &Request,
    ready: &[u8],
    reply: &mut ReplyWriter<'_>,
) -> Result<(), CommandError> {
    for key in request.keys.iter().take_while(|key| ***key != *ready) {
        if !db.locked.try_grow(HashedKey::new(key).shard()) {
            continue;
        }
        match db.peek(key).map(|record| record.value().kind()) {
            None => {}
            Some(kind) if kind == request.want.kind() => return request.want.take(db, key, reply),
            Some(_) => return Err(CommandError::WrongType),
        }
    }
    request.want.take(db, ready, reply)
}
