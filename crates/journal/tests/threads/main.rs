//! The log among threads, in very many of the orders in which they may run: its source, compiled
//! with shuttle's locks and atomics. A failure prints a schedule that `shuttle::replay` repeats.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions and not their helpers")]

#[path = "../../src/aof/mod.rs"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "the log uses a part of it")]
mod aof;
#[path = "../../src/log/mod.rs"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "the tests use a part of it")]
mod log;
mod sync;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use guarda_journal::testing::{Crash, MemoryStorage};
use guarda_journal::{rdb, snapshot, storage};
use rdb::{RdbHeader, RdbWriter};
use shuttle::thread;

use aof::{AofLayout, Manifest, encode_command};
use log::{Journal, RewriteError, SYNC_LATE, Seq, SyncPolicy, Wait};
use sync::Mutex;

/// Orders that each test plays, by each of shuttle's two ways to choose them.
const ORDERS: usize = 100;
/// Changes of thread at bad moments that the second way places.
const DEPTH: usize = 4;
/// Threads that write, and how much each writes.
const WRITERS: usize = 3;
const WRITES: usize = 2;

/// By then a sync that began at zero is late.
const LATE: Duration = SYNC_LATE.saturating_mul(2);

fn play(test: fn()) {
    shuttle::check_random(test, ORDERS);
    shuttle::check_pct(test, ORDERS, DEPTH);
}

/// A log, what it writes to, and what it must hold: the records in the order of their changes,
/// under the lock that stands for the shards.
struct Scene {
    journal: Journal,
    storage: MemoryStorage,
    expected: Mutex<Vec<u8>>,
}

impl Scene {
    /// With an empty base and the log switched on.
    fn new(policy: SyncPolicy) -> Arc<Scene> {
        let storage = MemoryStorage::new();
        let journal = Journal::off(Arc::new(storage.clone()), AofLayout::default(), policy);
        let scene = Scene { journal, storage, expected: Mutex::default() };
        scene.rewrite().unwrap();
        Arc::new(scene)
    }

    fn rewrite(&self) -> Result<(), RewriteError> {
        let mut rewrite = self.journal.prepare_rewrite()?;
        // What came before is in the base from here on.
        let mut expected = self.expected.lock();
        self.journal.rotate(&mut rewrite);
        expected.clear();
        drop(expected);
        let header =
            RdbHeader { redis_version: "7.2.0", created_s: 1, used_memory: 1, aof_base: true };
        let mut base = RdbWriter::new(rewrite.base_file()?, &header, true)?.finish()?;
        base.flush()?;
        self.journal.finish_rewrite(rewrite, base)
    }

    /// One change: its record takes its place under the shards.
    fn change(&self, writer: usize, n: usize) -> (Seq, Vec<u8>) {
        let value = format!("{writer}.{n}");
        let args: [&[u8]; 3] = [b"SET", b"k", value.as_bytes()];
        let mut record = Vec::new();
        encode_command(&mut record, &args);
        let mut expected = self.expected.lock();
        expected.extend_from_slice(&record);
        (self.journal.append(0, &args), record)
    }

    /// What the increment that counts has behind its SELECT, after such a crash.
    fn written(&self, crash: Crash) -> Vec<u8> {
        let left = self.storage.crash(crash);
        let layout = AofLayout::default();
        let manifest = Manifest::read(&left, &layout).unwrap().unwrap();
        let files = manifest.incrs.iter().map(|incr| left.read(&layout.path(&incr.name)));
        let records = files.map(Option::unwrap_or_default).map(|file| {
            let mut select = Vec::new();
            encode_command(&mut select, &[b"SELECT", b"0"]);
            file.strip_prefix(&select[..]).map_or(file.clone(), <[u8]>::to_vec)
        });
        records.collect::<Vec<_>>().concat()
    }

    /// The writers: each makes its changes and commits each of them.
    fn writers(
        self: &Arc<Self>,
        wait: Wait,
        committed: fn(&Scene, &[u8]),
    ) -> Vec<thread::JoinHandle<()>> {
        let writer = |writer| {
            let scene = Arc::clone(self);
            thread::spawn(move || {
                for n in 0..WRITES {
                    let (seq, record) = scene.change(writer, n);
                    scene.journal.commit(seq, wait, LATE).unwrap();
                    assert!(scene.journal.is_committed(seq) || wait == Wait::Written);
                    committed(&scene, &record);
                }
            })
        };
        (0..WRITERS).map(writer).collect()
    }

    fn ticker(self: &Arc<Self>) -> thread::JoinHandle<()> {
        let scene = Arc::clone(self);
        thread::spawn(move || scene.journal.sync_tick(Duration::ZERO).unwrap())
    }

    fn check_all(&self) {
        self.journal.sync_tick(Duration::ZERO).unwrap();
        let expected = self.expected.lock();
        assert_eq!(self.written(Crash::Power), *expected, "lost, doubled or out of order");
        assert_eq!(self.journal.status().pending_bytes, 0);
    }
}

fn assert_holds(file: &[u8], record: &[u8]) {
    assert!(file.windows(record.len()).any(|part| part == record), "committed, and not on file");
}

#[test]
fn what_is_committed_is_on_file_and_nothing_is_lost_or_out_of_order() {
    play(|| {
        let scene = Scene::new(SyncPolicy::EverySec);
        let mut threads = scene.writers(Wait::Policy, |scene, record| {
            assert_holds(&scene.written(Crash::Process), record);
        });
        threads.push(scene.ticker());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        scene.check_all();
    });
}

#[test]
fn under_always_what_is_committed_survives_a_loss_of_power() {
    play(|| {
        let scene = Scene::new(SyncPolicy::Always);
        let mut threads = scene.writers(Wait::Policy, |scene, record| {
            assert_holds(&scene.written(Crash::Power), record);
        });
        threads.push(scene.ticker());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        scene.check_all();
    });
}

#[test]
fn a_new_base_at_any_moment_leaves_each_record_on_one_side_of_it() {
    play(|| {
        let scene = Scene::new(SyncPolicy::EverySec);
        let mut threads = scene.writers(Wait::Written, |_, _| {});
        let other = Arc::clone(&scene);
        threads.push(thread::spawn(move || other.rewrite().unwrap()));
        threads.push(scene.ticker());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        scene.check_all();
    });
}
