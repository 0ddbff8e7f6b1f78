//! Publish and subscribe: who listens to what, and what is on its way to them.
//!
//! One register for all threads. A message finds its listeners when it is published, so that the
//! count in the reply is of those who get it; it is handed to their threads once the command's
//! records are in the log's buffer, together with their sequence number.

mod events;
mod message;
mod subscriptions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use guarda_store::glob_match;
use parking_lot::{Mutex, MutexGuard, RwLock};

pub use events::EventClasses;
pub(crate) use events::Notice;
pub use message::Publication;
pub use subscriptions::Subscriptions;

use crate::acl::User;

/// What one can subscribe to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A channel, by its name.
    Channel,
    /// All channels whose names match a pattern.
    Pattern,
    /// A shard channel; without a cluster just a second set of channels.
    ShardChannel,
}

/// Client ids by channel or pattern. No entry is empty.
type Listeners = BTreeMap<Vec<u8>, BTreeSet<u64>>;

/// All subscriptions of all clients.
#[derive(Default)]
pub struct PubSub {
    channels: RwLock<Listeners>,
    patterns: RwLock<Listeners>,
    shard_channels: RwLock<Listeners>,
    /// Held while a command's records get their sequence number and its messages go out, so that
    /// messages go out in the order of the log. Taken under shards, before the log's buffer.
    order: Mutex<()>,
    /// Classes of keyspace events that are told.
    wanted_events: AtomicU32,
}

impl PubSub {
    fn listeners(&self, topic: Topic) -> &RwLock<Listeners> {
        match topic {
            Topic::Channel => &self.channels,
            Topic::Pattern => &self.patterns,
            Topic::ShardChannel => &self.shard_channels,
        }
    }

    pub(crate) fn join(&self, topic: Topic, name: &[u8], client: u64) {
        self.listeners(topic).write().entry(name.to_vec()).or_default().insert(client);
    }

    pub(crate) fn leave(&self, topic: Topic, name: &[u8], client: u64) {
        let mut listeners = self.listeners(topic).write();
        if let Some(clients) = listeners.get_mut(name) {
            clients.remove(&client);
            if clients.is_empty() {
                listeners.remove(name);
            }
        }
    }

    /// How many channels or patterns have listeners.
    pub fn len(&self, topic: Topic) -> usize {
        self.listeners(topic).read().len()
    }

    /// How many listen to exactly this channel.
    pub(crate) fn listeners_of(&self, topic: Topic, name: &[u8]) -> usize {
        self.listeners(topic).read().get(name).map_or(0, BTreeSet::len)
    }

    /// The channels that have listeners, those that match `pattern` if one is given.
    pub(crate) fn active(&self, topic: Topic, pattern: Option<&[u8]>) -> Vec<Vec<u8>> {
        let listeners = self.listeners(topic).read();
        let wanted =
            listeners.keys().filter(|name| pattern.is_none_or(|p| glob_match(p, name, false)));
        wanted.cloned().collect()
    }

    /// Addresses a message to all who listen to `channel` now, by their ids: those of the channel
    /// first, then those of the patterns it matches. Returns how many times it will be received.
    pub(crate) fn address(
        &self,
        sharded: bool,
        channel: &[u8],
        text: &[u8],
        publisher: u64,
        out: &mut Vec<Addressed>,
    ) -> usize {
        let topic = if sharded { Topic::ShardChannel } else { Topic::Channel };
        let mut count = 0;
        let mut add = |topic, pattern: Option<&[u8]>, clients: &BTreeSet<u64>| {
            count += clients.len();
            let publication = Publication::new(topic, channel, pattern, text, publisher);
            out.push(Addressed {
                publication: Arc::new(publication),
                clients: clients.iter().copied().collect(),
            });
        };
        if let Some(clients) = self.listeners(topic).read().get(channel) {
            add(topic, None, clients);
        }
        if !sharded {
            for (pattern, clients) in &*self.patterns.read() {
                if glob_match(pattern, channel, false) {
                    add(Topic::Pattern, Some(pattern), clients);
                }
            }
        }
        count
    }

    /// The clients that listen to something that `user` may not hear.
    pub fn overhearing(&self, user: &User) -> BTreeSet<u64> {
        let mut found = BTreeSet::new();
        for topic in [Topic::Channel, Topic::Pattern, Topic::ShardChannel] {
            for (name, clients) in &*self.listeners(topic).read() {
                if !user.may_hear(name, topic == Topic::Pattern) {
                    found.extend(clients);
                }
            }
        }
        found
    }

    /// Keeps messages of other commands back until this is dropped.
    pub(crate) fn take_turn(&self) -> MutexGuard<'_, ()> {
        self.order.lock()
    }
}

/// A message and those who get it.
pub struct Addressed {
    /// What they get.
    pub publication: Arc<Publication>,
    /// The ids of the clients.
    pub clients: Vec<u64>,
}
