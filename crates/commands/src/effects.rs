//! What commands leave behind: journal records and counters.

use std::time::Duration;

use guarda_resp::encode_command;
use guarda_store::Shard;
use smallvec::SmallVec;

use crate::host::Host;
use crate::pubsub::{Addressed, EventClasses, Notice};
use crate::sessions::SessionCounters;
use crate::tallies::Tallies;

/// Journal records of one command, transaction or script, and of those whom it served, encoded, in order.
#[derive(Default)]
pub struct Records {
    bytes: Vec<u8>,
    /// Database of each record and where it ends in `bytes`.
    ends: SmallVec<[(u32, usize); 4]>,
    /// How many records there were when a group of them ended; rising. The last group ends with the records.
    group_ends: SmallVec<[usize; 2]>,
}

impl Records {
    /// Adds a record for database `db`.
    pub fn push(&mut self, db: u32, args: &[&[u8]]) {
        encode_command(&mut self.bytes, args);
        self.ends.push((db, self.bytes.len()));
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Each record's database and RESP bytes.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        (0..self.len()).map(|at| self.record(at))
    }

    /// What comes now need not take effect together with what came before.
    pub(crate) fn end_group(&mut self) {
        let began = self.group_ends.last().copied().unwrap_or(0);
        if self.len() > began {
            self.group_ends.push(self.len());
        }
    }

    /// The groups of records that take effect together.
    pub fn groups(&self) -> impl Iterator<Item = impl ExactSizeIterator<Item = (u32, &[u8])>> {
        let ends = self.group_ends.iter().copied().chain([self.len()]);
        let begins = [0].into_iter().chain(self.group_ends.iter().copied());
        let groups = begins.zip(ends).filter(|(begin, end)| begin < end);
        groups.map(|(begin, end)| (begin..end).map(|at| self.record(at)))
    }

    fn record(&self, at: usize) -> (u32, &[u8]) {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].1);
        let (db, end) = self.ends[at];
        (db, &self.bytes[start..end])
    }

    /// Total length of the records' bytes.
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all records; keeps a modest buffer.
    pub fn clear(&mut self) {
        self.ends.clear();
        self.group_ends.clear();
        self.bytes.clear();
        if self.bytes.capacity() > 1 << 20 {
            self.bytes = Vec::new();
        }
    }
}

/// Counters of one thread since they were last collected.
#[derive(Default, Clone, Copy, Debug)]
#[allow(missing_docs, reason = "named after INFO's fields")]
pub struct Counters {
    pub keyspace_hits: u64,
    pub keyspace_misses: u64,
    pub expired_keys: u64,
    pub evicted_keys: u64,
    /// Changes since the last save, as `rdb_changes_since_last_save` counts them.
    pub dirty: u64,
    pub error_replies: u64,
    pub commands_processed: u64,
    pub reads_processed: u64,
    pub writes_processed: u64,
    pub eventloop_cycles: u64,
    /// Nanoseconds; also of `command_nanos`.
    pub eventloop_nanos: u64,
    pub command_nanos: u64,
    pub sessions: SessionCounters,
}

/// What looking a key up does beside finding it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// The access is noted; a key that is due is removed.
    #[default]
    Usual,
    /// A key that is due is removed (CLIENT NO-TOUCH).
    Untouched,
    /// Nothing changes (CLIENT PAUSE).
    Still,
}

/// A thread's scratch for the effects of the command it runs.
#[derive(Default)]
pub struct Effects {
    /// Journal records so far.
    pub records: Records,
    /// Messages to be sent once the records have their place in the log, in order.
    pub(crate) published: Vec<Addressed>,
    /// Keyspace events that are wanted; asked once a command.
    pub(crate) wanted_events: EventClasses,
    /// Keyspace events that are not addressed yet.
    notices: Vec<Notice>,
    /// Counters, to be collected by the thread's owner.
    pub counters: Counters,
    /// What commands cost, to be collected likewise.
    pub tallies: Tallies,
    /// When the last command ended, or the batch began; by [`Host::monotonic`]. What a command took
    /// is counted from here, so that one look at the clock serves two commands.
    pub mark: Duration,
    /// How the running command looks keys up to read them.
    pub(crate) lookup: Lookup,
    /// Whether something went to the log since this was reset.
    pub(crate) logged: bool,
    /// Changes that the running command made.
    pub(crate) changes: u64,
    /// Whether the running command wrote its own records, so that it is not recorded verbatim.
    pub(crate) explicit: bool,
    /// The running command has answered an error, be it inside of something else.
    pub(crate) reply_holds_error: bool,
}

impl Effects {
    /// Counts an error that is answered; `text` is what follows the `-`.
    pub fn note_error(&mut self, text: &[u8]) {
        self.counters.error_replies += 1;
        self.tallies.note_error(text);
    }

    /// Counts an error that stands somewhere in a script's reply: the call has failed.
    pub fn note_error_in_reply(&mut self, text: &[u8]) {
        self.note_error(text);
        self.reply_holds_error = true;
    }

    /// Notes a keyspace event, if it is wanted.
    pub(crate) fn notify(&mut self, class: EventClasses, db: u32, event: &'static str, key: &[u8]) {
        if self.wanted_events.wants(class) {
            self.notices.push(Notice { db, event, key: key.to_vec() });
        }
    }

    /// Records as DEL, and tells, what lookups removed from `shard` because it was due. Such records precede
    /// those of the command that met the expired key: replaying them later would delete what it stored.
    pub(crate) fn record_expired(&mut self, shard: &mut Shard) {
        if !shard.has_expired() {
            return;
        }
        for (db, key) in shard.take_expired() {
            self.note_expired(db, &key);
        }
    }

    fn note_expired(&mut self, db: u32, key: &[u8]) {
        self.counters.expired_keys += 1;
        self.records.push(db, &[b"DEL", key]);
        self.notify(EventClasses::EXPIRED, db, "expired", key);
    }

    /// Makes messages of the keyspace events so far, for those who listen now.
    pub(crate) fn address_notices(&mut self, host: &dyn Host) {
        for notice in std::mem::take(&mut self.notices) {
            host.pubsub().address_event(&notice, &mut self.published);
        }
    }

    /// Hands the records to the log, if one is kept; returns the sequence number that stands for
    /// them. Called under the locks of all shards that they are about.
    pub(crate) fn append_to_log(&mut self, host: &dyn Host) -> Option<u64> {
        let log = host.log().filter(|_| !self.records.is_empty());
        let seq = log.map(|log| log.append(&self.records));
        self.logged |= seq.is_some();
        self.records.clear();
        seq
    }

    /// For a walk that holds one shard at a time: what it removed from `shard` because it was due goes to
    /// the log, each key by itself, before the shard is let go.
    pub(crate) fn append_expired_for(&mut self, shard: &mut Shard, host: &dyn Host) {
        if !shard.has_expired() {
            return;
        }
        for (db, key) in shard.take_expired() {
            self.note_expired(db, &key);
            self.records.end_group();
        }
        self.append_for(shard, host);
    }

    /// For a command that changes shard after shard, holding one at a time: its records about
    /// `shard` go to the log before the shard is let go, with those of keys that were due.
    pub(crate) fn append_for(&mut self, shard: &mut Shard, host: &dyn Host) {
        self.record_expired(shard);
        self.address_notices(host);
        let turn = (!self.published.is_empty()).then(|| host.pubsub().take_turn());
        let seq = self.append_to_log(host);
        if let Some(seq) = seq {
            shard.set_last_seq(seq);
        }
        if turn.is_some() {
            host.spread(std::mem::take(&mut self.published), seq.unwrap_or(0));
        }
    }
}
