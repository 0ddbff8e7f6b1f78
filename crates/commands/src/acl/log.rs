//! `ACL LOG`: who was turned away, newest first.

use std::collections::VecDeque;

/// Entries of the same kind within this many milliseconds are one.
const GROUPING_MS: i64 = 60_000;
/// How many of the newest entries are looked at for one to join.
const GROUPING_LOOK_MAX: usize = 10;

/// Where it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogContext {
    /// A command of its own.
    TopLevel,
    /// While a transaction was queued or executed.
    Multi,
    /// In a script.
    Lua,
}

impl LogContext {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            LogContext::TopLevel => "toplevel",
            LogContext::Multi => "multi",
            LogContext::Lua => "lua",
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogEntry {
    /// Rises with each entry, never used again.
    pub(crate) id: u64,
    /// How often it happened.
    pub(crate) count: u64,
    /// `auth`, `command`, `key` or `channel`.
    pub(crate) reason: &'static str,
    pub(crate) context: LogContext,
    /// What was asked for.
    pub(crate) object: Vec<u8>,
    pub(crate) username: Vec<u8>,
    /// Unix milliseconds of the first and the last time.
    pub(crate) created: i64,
    pub(crate) updated: i64,
    /// As `CLIENT INFO` shows the client.
    pub(crate) client: String,
}

/// The entries, newest first.
#[derive(Default)]
pub(super) struct DenialLog {
    entries: VecDeque<LogEntry>,
    next_id: u64,
    /// How often somebody was turned away since the start, by reason.
    counts: [u64; REASONS.len()],
}

/// Why somebody is turned away, as entries name it.
pub(super) const REASONS: [&str; 4] = ["auth", "command", "key", "channel"];

impl DenialLog {
    pub(super) fn add(&mut self, entry: LogEntry, len_max: usize) {
        if let Some(at) = REASONS.iter().position(|reason| *reason == entry.reason) {
            self.counts[at] += 1;
        }
        let joins = |known: &LogEntry| {
            known.reason == entry.reason
                && known.context == entry.context
                && known.object == entry.object
                && known.username == entry.username
                && entry.created - known.updated <= GROUPING_MS
        };
        let found = self.entries.iter().take(GROUPING_LOOK_MAX).position(joins);
        let fresh = if let Some(known) = found.and_then(|at| self.entries.remove(at)) {
            let count = known.count + 1;
            LogEntry { count, updated: entry.updated, client: entry.client, ..known }
        } else {
            self.next_id += 1;
            LogEntry { id: self.next_id - 1, ..entry }
        };
        self.entries.push_front(fresh);
        self.entries.truncate(len_max);
    }

    /// How often somebody was turned away, in the order of [`REASONS`].
    pub(super) fn counts(&self) -> [u64; REASONS.len()] {
        self.counts
    }

    pub(super) fn newest(&self, count: usize) -> Vec<LogEntry> {
        self.entries.iter().take(count).cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}
