//! One message on its way to its listeners.

use guarda_resp::{Protocol, ReplyWriter};

use super::Topic;

/// A message as one kind of listeners gets it. `Debug` is left out: messages are data.
pub struct Publication {
    topic: Topic,
    channel: Box<[u8]>,
    /// The pattern by which its listeners hear it; empty for the others.
    pattern: Box<[u8]>,
    text: Box<[u8]>,
    publisher: u64,
}

impl Publication {
    pub(super) fn new(
        topic: Topic,
        channel: &[u8],
        pattern: Option<&[u8]>,
        text: &[u8],
        publisher: u64,
    ) -> Publication {
        Publication {
            topic,
            channel: channel.into(),
            pattern: pattern.unwrap_or_default().into(),
            text: text.into(),
            publisher,
        }
    }

    /// By what its listeners hear it.
    pub(super) fn topic(&self) -> Topic {
        self.topic
    }

    /// What a client must have subscribed to, to get it.
    pub(super) fn subject(&self) -> &[u8] {
        if self.topic == Topic::Pattern { &self.pattern } else { &self.channel }
    }

    /// Id of the client whose command published it.
    pub(super) fn publisher(&self) -> u64 {
        self.publisher
    }

    /// Appends it to what a client is sent.
    pub fn write(&self, out: &mut Vec<u8>, protocol: Protocol) {
        let mut reply = ReplyWriter::new(out, protocol);
        let kind = match self.topic {
            Topic::Channel => "message",
            Topic::Pattern => "pmessage",
            Topic::ShardChannel => "smessage",
        };
        reply.push(if self.topic == Topic::Pattern { 4 } else { 3 });
        reply.bulk_str(kind);
        if self.topic == Topic::Pattern {
            reply.bulk(&self.pattern);
        }
        reply.bulk(&self.channel);
        reply.bulk(&self.text);
    }
}
