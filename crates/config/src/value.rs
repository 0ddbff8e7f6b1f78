//! A directive's value once understood, and its text for `CONFIG GET`.

use std::fmt;

use crate::Secret;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct ByteCount(pub u64);

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A size in bytes or in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// So many bytes.
    Bytes(ByteCount),
    /// So much of `maxmemory`, 0 to 100.
    Percent(u8),
}

/// A snapshot is due once `seconds` have passed and at least `changes` keys have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavePoint {
    /// Seconds since the last snapshot, 1 or more.
    pub seconds: u64,
    /// Changes since the last snapshot.
    pub changes: u64,
}

/// How much of its replies a client may leave unread. Zero means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputLimit {
    /// The connection is closed as soon as more bytes than this wait.
    pub hard: ByteCount,
    /// The connection is closed when more bytes than this wait for `soft_seconds` on end.
    pub soft: ByteCount,
    /// See `soft`.
    pub soft_seconds: u32,
}

/// `client-output-buffer-limit`: one limit for each class of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputLimits {
    /// Ordinary clients.
    pub normal: OutputLimit,
    /// Replicas, which Redis's output still calls `slave`.
    pub replica: OutputLimit,
    /// Clients with a subscription.
    pub pubsub: OutputLimit,
}

/// A directive's value, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// The words of each line of a directive of the file only. They may be passwords.
    Lines(Vec<Vec<Secret>>),
    /// `yes` or `no`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A size.
    Memory(ByteCount),
    /// A size or a percentage.
    Amount(Amount),
    /// Permission bits.
    Octal(u32),
    /// One of the words of the kind's list, spelled as in the list.
    Choice(&'static str),
    /// Any text.
    Text(String),
    /// A secret.
    Secret(Secret),
    /// Several words.
    Words(Vec<String>),
    /// Save points.
    Save(Vec<SavePoint>),
    /// Output limits.
    Output(OutputLimits),
}

impl Value {
    /// The value as `CONFIG GET` shows it. Secrets are shown too: whoever may ask may know.
    pub(crate) fn to_wire(&self) -> Vec<u8> {
        match self {
            Self::Secret(secret) => secret.reveal().to_vec(),
            other => other.to_text().into_bytes(),
        }
    }

    /// The value after one more line of a file. Every `save` line adds to those before it, unless
    /// `first`: then only the default stands, which goes. An empty `save` line clears them.
    pub(crate) fn followed_by(&self, new: Self, first: bool) -> Self {
        match (self, new) {
            (Self::Save(before), Self::Save(new)) if !first && !new.is_empty() => {
                Self::Save(before.iter().chain(&new).copied().collect())
            }
            (Self::Lines(before), Self::Lines(new)) => {
                Self::Lines(before.iter().chain(&new).cloned().collect())
            }
            (_, new) => new,
        }
    }

    /// The value as text; of a secret only whether there is one.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Lines(_) => String::new(),
            Self::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
            Self::Int(number) => number.to_string(),
            Self::Memory(bytes) | Self::Amount(Amount::Bytes(bytes)) => bytes.to_string(),
            Self::Amount(Amount::Percent(percent)) => format!("{percent}%"),
            Self::Octal(bits) => format!("{bits:o}"),
            Self::Choice(word) => (*word).into(),
            Self::Text(text) => text.clone(),
            Self::Secret(secret) => if secret.is_empty() { "" } else { "(set)" }.into(),
            Self::Words(words) => words.join(" "),
            Self::Save(points) => {
                let pair = |point: &SavePoint| format!("{} {}", point.seconds, point.changes);
                points.iter().map(pair).collect::<Vec<_>>().join(" ")
            }
            Self::Output(limits) => {
                let class = |name: &str, limit: &OutputLimit| {
                    format!("{name} {} {} {}", limit.hard, limit.soft, limit.soft_seconds)
                };
                [
                    class("normal", &limits.normal),
                    class("slave", &limits.replica),
                    class("pubsub", &limits.pubsub),
                ]
                .join(" ")
            }
        }
    }
}
