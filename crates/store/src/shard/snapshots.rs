//! A shard's part in a snapshot: the walk over it, one step at a time.

use super::Shard;
use crate::record::Record;
use crate::snapshot::{Captured, Flushed, ShardSnapshot, SnapshotSink};

impl Shard {
    /// Starts a snapshot of this shard's present state into `sink`.
    ///
    /// A snapshot must have been ended by [`Shard::end_snapshot`] before the next one starts.
    pub fn start_snapshot(&mut self, sink: Box<dyn SnapshotSink>) {
        assert!(self.snapshot.is_none(), "one snapshot at a time");
        self.epoch = self.epoch.wrapping_add(1);
        self.snapshot = Some(ShardSnapshot {
            epoch: self.epoch,
            sink,
            db: 0,
            position: 0,
            flushed: Vec::new(),
            origins: Vec::new(),
            done: false,
        });
    }

    /// Saves records until the sink holds `bytes` or the shard is done; returns the sink to be
    /// drained. Call again, with the lock released in between, until it says `done`.
    pub fn advance_snapshot(&mut self, bytes: usize) -> Option<Captured<'_>> {
        let snapshot = self.snapshot.as_mut()?;
        let epoch = snapshot.epoch;
        while !snapshot.done && snapshot.sink.pending_len() < bytes {
            let index = snapshot.index(snapshot.db);
            let sink = &mut snapshot.sink;
            let mut save = |db: u32, record: &mut Record| {
                if record.epoch() != epoch {
                    if sink.pending_len() >= bytes {
                        return false;
                    }
                    record.set_epoch(epoch);
                    sink.save(db, record);
                }
                true
            };
            if let Some(Flushed { db, database, position }) = snapshot.flushed.last_mut() {
                let next = database.table.visit_segment(*position, |record| save(*db, record));
                if let Some(next) = next {
                    *position = next;
                    continue;
                }
                let walked = snapshot.flushed.pop().map(|flushed| flushed.database);
                walked.into_iter().for_each(|table| self.remains.take_table(table));
                continue;
            }
            let Some(database) = self.databases.get_mut(index) else {
                snapshot.done = true;
                break;
            };
            let db = snapshot.db as u32;
            let next = database.table.visit_segment(snapshot.position, |record| save(db, record));
            (snapshot.db, snapshot.position) = match next {
                Some(position) => (snapshot.db, position),
                None => (snapshot.db + 1, 0),
            };
        }
        let done = snapshot.done;
        Some(Captured { sink: &mut *snapshot.sink, done })
    }

    /// Ends the snapshot, finished or not.
    ///
    /// One that was not finished leaves records with old epochs; those are told from the next
    /// snapshot's by the number, which returns only after 65,536 snapshots. To be safe then, a full
    /// walk happens at least once in between: any finished snapshot is one.
    pub fn end_snapshot(&mut self) {
        let flushed = self.snapshot.take().map(|snapshot| snapshot.flushed);
        for Flushed { database, .. } in flushed.into_iter().flatten() {
            self.remains.take_table(database);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::hash::HashedKey;
    use crate::remains::Remains;
    use crate::shard::tests::NOW;
    use crate::time::UnixMillis;
    use crate::value::ValueRef;

    /// Collects records as text; shared with the test through a mutex.
    struct Collect(Arc<Mutex<BTreeMap<String, String>>>, usize);

    impl SnapshotSink for Collect {
        fn save(&mut self, db: u32, record: &Record) {
            let ValueRef::String(value) = record.value() else { panic!("only strings here") };
            let key = format!("{db}/{}", String::from_utf8_lossy(record.key()));
            let value = String::from_utf8_lossy(value).into_owned();
            self.1 += value.len();
            let old = self.0.lock().expect("no panics").insert(key.clone(), value);
            assert!(old.is_none(), "{key} was saved twice");
        }

        fn pending_len(&self) -> usize {
            self.1
        }

        fn take(&mut self) -> Vec<(u32, Vec<u8>)> {
            Vec::new()
        }
    }

    #[test]
    fn a_flushed_table_is_walked_in_steps_and_handed_out() {
        let mut shard = Shard::default();
        for n in 0..2_000 {
            shard.set_string(0, HashedKey::new(format!("k{n}").as_bytes()), b"old", None, NOW);
        }
        let saved = Arc::new(Mutex::new(BTreeMap::new()));
        shard.start_snapshot(Box::new(Collect(Arc::clone(&saved), 0)));
        assert_eq!(shard.flush(0), 2_000);
        let mut remains = Remains::default();
        shard.give_remains(&mut remains);
        assert!(remains.is_empty(), "the snapshot still wants them");
        for step in 1.. {
            let done = shard.advance_snapshot(step * 300).is_none_or(|captured| captured.done);
            let saved = saved.lock().expect("no panics").len();
            assert!(saved <= step * 100, "{saved} records after {step} steps");
            if done {
                assert_eq!(saved, 2_000);
                break;
            }
        }
        shard.give_remains(&mut remains);
        assert_eq!((remains.objects(), remains.weight()), (2_000, 2_000));

        shard.set_string(0, HashedKey::new(b"k"), b"new", None, NOW);
        shard.end_snapshot();
        shard.start_snapshot(Box::new(Collect(Arc::default(), 0)));
        assert_eq!(shard.flush(0), 1);
        shard.end_snapshot();
        remains.clear();
        shard.give_remains(&mut remains);
        assert_eq!(remains.objects(), 1, "a snapshot that is given up hands it out too");
    }

    #[test]
    fn a_snapshot_is_the_state_at_its_start_whatever_is_done_meanwhile() {
        for seed in 0..30u64 {
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut random = move |n: u64| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state % n
            };
            let mut shard = Shard::default();
            for n in 0..2_000 {
                let key = format!("k{n}");
                shard.set_string(n % 3, HashedKey::new(key.as_bytes()), b"old", None, NOW);
            }
            let saved = Arc::new(Mutex::new(BTreeMap::new()));
            shard.start_snapshot(Box::new(Collect(Arc::clone(&saved), 0)));
            let mut limit = 0;
            loop {
                limit += 100;
                if shard.advance_snapshot(limit).is_none_or(|c| c.done) {
                    break;
                }
                for _ in 0..40 {
                    let n = random(2_500) as u32;
                    let (key, db) = (format!("k{n}"), n % 3);
                    let key = HashedKey::new(key.as_bytes());
                    match random(5) {
                        0 => drop(shard.remove(db, key)),
                        1 => shard.set_string(db, key, b"newer", None, NOW),
                        2 => {
                            if let Some(string) = shard.string_mut(db, key, NOW) {
                                string.push(b'!');
                            }
                        }
                        3 => drop(shard.set_expiry(db, key, Some(UnixMillis(NOW.0 + 5)), NOW)),
                        _ => shard.set_string(db, key, b"abc", Some(NOW), NOW),
                    }
                }
                if random(20) == 0 {
                    shard.flush(random(3) as u32);
                }
                if random(10) == 0 {
                    shard.swap(random(4) as u32, random(4) as u32, NOW);
                }
            }
            shard.end_snapshot();
            let saved = saved.lock().expect("no panics");
            assert_eq!(saved.len(), 2_000, "seed {seed}");
            for n in 0..2_000 {
                let key = format!("{}/k{n}", n % 3);
                assert_eq!(saved.get(&key).map(String::as_str), Some("old"), "seed {seed}, {key}");
            }
        }
    }
}
