//! A snapshot that is walked while commands run, and the state that it must be of.

use std::sync::Arc;

use guarda_store::{Keyspace, Record, SHARDS, Shard, SnapshotSink};
use parking_lot::Mutex;

use crate::{Data, parts};

/// A snapshot in progress.
pub(crate) struct Snapshot {
    expected: Data,
    saved: Arc<Mutex<Data>>,
}

impl Snapshot {
    /// Begins one of the present state, which is `expected`.
    pub(crate) fn begin(keyspace: &Keyspace, expected: Data) -> Self {
        let saved = Arc::new(Mutex::new(Data::new()));
        keyspace.for_each_shard(|shard| {
            shard.start_snapshot(Box::new(Sink { saved: Arc::clone(&saved), pending: 0 }));
        });
        Self { expected, saved }
    }

    /// Takes the walk a record further in each shard.
    pub(crate) fn step(keyspace: &Keyspace) {
        keyspace.for_each_shard(|shard| {
            advance(shard);
        });
    }

    /// Walks to the end and compares.
    ///
    /// # Panics
    ///
    /// When the snapshot is not the state of its beginning.
    pub(crate) fn finish(self, keyspace: &Keyspace) {
        for index in 0..SHARDS {
            keyspace.with_shard(index, |shard| {
                while !advance(shard) {}
                shard.end_snapshot();
            });
        }
        let saved = self.saved.lock();
        assert!(*saved == self.expected, "not one moment:\n{saved:?}\n{:?}", self.expected);
    }
}

fn advance(shard: &mut Shard) -> bool {
    shard.advance_snapshot(1).is_none_or(|captured| {
        captured.sink.take();
        captured.done
    })
}

struct Sink {
    saved: Arc<Mutex<Data>>,
    pending: usize,
}

impl SnapshotSink for Sink {
    fn save(&mut self, db: u32, record: &Record) {
        self.pending += 1;
        let content = (record.expiry().map(|at| at.0), parts(record.value()));
        let twice = self.saved.lock().insert((db, record.key().to_vec()), content);
        assert!(twice.is_none(), "a record was saved twice");
    }

    fn pending_len(&self) -> usize {
        self.pending
    }

    fn take(&mut self) -> Vec<(u32, Vec<u8>)> {
        self.pending = 0;
        Vec::new()
    }
}
