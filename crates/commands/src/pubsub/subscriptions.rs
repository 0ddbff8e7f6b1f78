//! What one client is subscribed to.

use std::collections::BTreeSet;

use super::{PubSub, Publication, Topic};
use crate::client::Client;

/// One client's subscriptions.
#[derive(Default)]
pub struct Subscriptions {
    channels: BTreeSet<Vec<u8>>,
    patterns: BTreeSet<Vec<u8>>,
    shard_channels: BTreeSet<Vec<u8>>,
    /// About how many bytes they take.
    memory: usize,
}

/// What is kept of each beside its name: here and in the register of all.
const SUBSCRIPTION_LEN: usize = 96;

impl Subscriptions {
    fn names(&self, topic: Topic) -> &BTreeSet<Vec<u8>> {
        match topic {
            Topic::Channel => &self.channels,
            Topic::Pattern => &self.patterns,
            Topic::ShardChannel => &self.shard_channels,
        }
    }

    fn names_mut(&mut self, topic: Topic) -> &mut BTreeSet<Vec<u8>> {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
            Topic::ShardChannel => &mut self.shard_channels,
        }
    }

    /// About how many bytes they take.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty() && self.shard_channels.is_empty()
    }

    /// The number that confirmations tell: channels and patterns together, shard channels apart.
    pub(crate) fn count(&self, topic: Topic) -> usize {
        match topic {
            Topic::Channel | Topic::Pattern => self.channels.len() + self.patterns.len(),
            Topic::ShardChannel => self.shard_channels.len(),
        }
    }

    /// All channels or patterns subscribed to.
    pub(crate) fn all(&self, topic: Topic) -> Vec<Vec<u8>> {
        self.names(topic).iter().cloned().collect()
    }
}

impl Client {
    /// Whether it listens to something.
    pub fn is_subscriber(&self) -> bool {
        !self.subscriptions.is_empty()
    }

    /// Whether it is to get this message: it may have unsubscribed while the message was on its
    /// way. What it has published itself it gets anyway, since it listened then.
    pub fn hears(&self, publication: &Publication) -> bool {
        match publication.subject() {
            Some((topic, name)) => {
                publication.publisher() == self.card.id
                    || self.subscriptions.names(topic).contains(name)
            }
            None => self.is_monitor(),
        }
    }

    pub(crate) fn subscribe(&mut self, pubsub: &PubSub, topic: Topic, name: &[u8]) {
        if self.subscriptions.names_mut(topic).insert(name.to_vec()) {
            self.subscriptions.memory += SUBSCRIPTION_LEN + name.len();
            pubsub.join(topic, name, self.card.id);
            self.show_subscriptions();
        }
    }

    pub(crate) fn unsubscribe(&mut self, pubsub: &PubSub, topic: Topic, name: &[u8]) {
        if self.subscriptions.names_mut(topic).remove(name) {
            self.subscriptions.memory -= SUBSCRIPTION_LEN + name.len();
            pubsub.leave(topic, name, self.card.id);
            self.show_subscriptions();
        }
    }

    /// Ends all subscriptions, without a word.
    pub fn end_subscriptions(&mut self, pubsub: &PubSub) {
        if self.subscriptions.is_empty() {
            return;
        }
        let ended = std::mem::take(&mut self.subscriptions);
        for topic in [Topic::Channel, Topic::Pattern, Topic::ShardChannel] {
            for name in ended.names(topic) {
                pubsub.leave(topic, name, self.card.id);
            }
        }
        self.show_subscriptions();
    }

    fn show_subscriptions(&self) {
        let mut details = self.card.details.lock();
        details.sub = self.subscriptions.channels.len();
        details.psub = self.subscriptions.patterns.len();
        details.ssub = self.subscriptions.shard_channels.len();
    }
}
