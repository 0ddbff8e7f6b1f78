//! One message on its way to its listeners.

use guarda_resp::{Protocol, ReplyWriter};

use super::Topic;

/// Something that clients are sent unasked. `Debug` is left out: messages are data.
pub struct Publication {
    content: Content,
    publisher: u64,
}

enum Content {
    /// A message as one kind of listeners gets it.
    Message {
        topic: Topic,
        channel: Box<[u8]>,
        /// The pattern by which its listeners hear it; empty for the others.
        pattern: Box<[u8]>,
        text: Box<[u8]>,
    },
    /// A command that ran, for monitors.
    Seen(Box<[u8]>),
}

impl Publication {
    pub(super) fn new(
        topic: Topic,
        channel: &[u8],
        pattern: Option<&[u8]>,
        text: &[u8],
        publisher: u64,
    ) -> Publication {
        let content = Content::Message {
            topic,
            channel: channel.into(),
            pattern: pattern.unwrap_or_default().into(),
            text: text.into(),
        };
        Publication { content, publisher }
    }

    /// A line for monitors about a command of `client`.
    pub(crate) fn seen(line: Vec<u8>, client: u64) -> Publication {
        Publication { content: Content::Seen(line.into()), publisher: client }
    }

    /// What a client must have subscribed to, to get it; nothing if it must be a monitor.
    pub(super) fn subject(&self) -> Option<(Topic, &[u8])> {
        match &self.content {
            Content::Message { topic: Topic::Pattern, pattern, .. } => {
                Some((Topic::Pattern, pattern))
            }
            Content::Message { topic, channel, .. } => Some((*topic, channel)),
            Content::Seen(_) => None,
        }
    }

    /// Id of the client whose command published it.
    pub(super) fn publisher(&self) -> u64 {
        self.publisher
    }

    /// Appends it to what a client is sent.
    pub fn write(&self, out: &mut Vec<u8>, protocol: Protocol) {
        let mut reply = ReplyWriter::new(out, protocol);
        let (topic, channel, pattern, text) = match &self.content {
            Content::Message { topic, channel, pattern, text } => (*topic, channel, pattern, text),
            Content::Seen(line) => {
                reply.simple_bytes(line);
                return;
            }
        };
        let kind = match topic {
            Topic::Channel => "message",
            Topic::Pattern => "pmessage",
            Topic::ShardChannel => "smessage",
        };
        reply.push(if topic == Topic::Pattern { 4 } else { 3 });
        reply.bulk_str(kind);
        if topic == Topic::Pattern {
            reply.bulk(pattern);
        }
        reply.bulk(channel);
        reply.bulk(text);
    }
}
