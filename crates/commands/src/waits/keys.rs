//! What a shard knows of the clients that wait for elements of its keys.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use guarda_resp::Protocol;
use guarda_store::ValueKind;

use super::queue::WaitQueue;
use super::want::Want;

/// Gives changes their order, across shards: keys are served in the order in which they became
/// ready, also where one transaction fills several. Moves only when somebody waits for the key.
static ORDER: AtomicU64 = AtomicU64::new(0);

/// What one parked command asked for.
pub(crate) struct Request {
    pub(crate) client: u64,
    pub(crate) protocol: Protocol,
    /// What it waits for an element of, in its own order.
    pub(crate) keys: Vec<Box<[u8]>>,
    pub(crate) want: Want,
}

/// A parked command in the queue of one of its keys.
pub(crate) struct Place {
    pub(crate) request: Arc<Request>,
    /// Whether this is the first of the command's keys: the one under which it is counted.
    pub(crate) is_first: bool,
}

/// A key that somebody waits for has something.
pub(crate) struct Ready {
    pub(crate) order: u64,
    pub(crate) db: u32,
    pub(crate) key: Box<[u8]>,
}

/// The queues of one shard.
#[derive(Default)]
pub(crate) struct KeyWaits {
    queues: HashMap<u32, HashMap<Box<[u8]>, WaitQueue<Place>>>,
    ready: Vec<Ready>,
    /// Ready keys whose first waiter needs a second shard that could not be had at once, and which.
    deferred: Vec<(Ready, usize)>,
}

impl KeyWaits {
    pub(crate) fn queue(&mut self, db: u32, key: &[u8]) -> Option<&mut WaitQueue<Place>> {
        self.queues.get_mut(&db)?.get_mut(key)
    }

    pub(crate) fn queue_or_new(&mut self, db: u32, key: &[u8]) -> &mut WaitQueue<Place> {
        let queues = self.queues.entry(db).or_default();
        if !queues.contains_key(key) {
            queues.insert(key.into(), WaitQueue::default());
        }
        queues.get_mut(key).expect("inserted above")
    }

    /// Forgets the queue of a key for which nobody waits any longer.
    pub(crate) fn drop_if_empty(&mut self, db: u32, key: &[u8]) {
        if let Some(queues) = self.queues.get_mut(&db)
            && queues.get(key).is_some_and(WaitQueue::is_empty)
        {
            queues.remove(key);
        }
    }

    pub(crate) fn prune(&mut self) {
        for queues in self.queues.values_mut() {
            queues.retain(|_, queue| queue.prune() > 0);
        }
        self.queues.retain(|_, queues| !queues.is_empty());
    }

    /// Whether a change of the key is of interest.
    pub(crate) fn has_queue(&self, db: u32, key: &[u8]) -> bool {
        self.queues.get(&db).is_some_and(|queues| queues.contains_key(key))
    }

    /// The keys of a database whose changes are of interest.
    pub(crate) fn keys_with_queue(&self, db: u32) -> Vec<Box<[u8]>> {
        self.queues.get(&db).map_or_else(Vec::new, |queues| queues.keys().cloned().collect())
    }

    /// Notes that a key with a queue now holds a value of this kind.
    pub(crate) fn note_ready(&mut self, db: u32, key: &[u8], kind: ValueKind) {
        let can_be_waited_for = matches!(kind, ValueKind::List | ValueKind::SortedSet);
        let is_known = self.ready.iter().any(|ready| ready.db == db && *ready.key == *key);
        if can_be_waited_for && !is_known {
            let order = ORDER.fetch_add(1, Ordering::Relaxed);
            self.ready.push(Ready { order, db, key: key.into() });
        }
    }

    pub(crate) fn take_ready(&mut self) -> Vec<Ready> {
        std::mem::take(&mut self.ready)
    }

    /// Puts a ready key aside until `shard` can be had too.
    pub(crate) fn defer(&mut self, ready: Ready, shard: usize) {
        self.deferred.push((ready, shard));
    }

    /// The shards that keys put aside need.
    pub(crate) fn shards_wanted(&self) -> impl Iterator<Item = usize> {
        self.deferred.iter().map(|(_, shard)| *shard)
    }

    /// Takes up the keys that were put aside.
    pub(crate) fn resume_deferred(&mut self) {
        self.ready.extend(self.deferred.drain(..).map(|(ready, _)| ready));
    }

    /// How many keys somebody waits for.
    pub(crate) fn keys_len(&self) -> usize {
        let queues = self.queues.values().flat_map(HashMap::values);
        queues.filter(|queue| queue.waiting().next().is_some()).count()
    }

    /// How many commands wait; each is counted at its first key.
    pub(crate) fn len(&self) -> usize {
        let queues = self.queues.values().flat_map(HashMap::values);
        queues.flat_map(WaitQueue::waiting).filter(|waiter| waiter.request.is_first).count()
    }
}
