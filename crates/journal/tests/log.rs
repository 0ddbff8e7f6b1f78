//! The live log among many threads, and its switches.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions and not their helpers")]

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use guarda_journal::aof::{AofLayout, LoadEvent, LoadOptions, load, open_manifest};
use guarda_journal::log::{CommitError, Journal, RewriteError, SYNC_LATE, Seq, SyncPolicy, Wait};
use guarda_journal::rdb::{EntryEncoder, RdbHeader, RdbValue, RdbValueRef, RdbWriter};
use guarda_journal::storage::{FileHandle, OpenMode, Storage, StorageFile};
use guarda_journal::testing::{Crash, Fault, MemoryStorage};

type State = BTreeMap<Vec<u8>, Vec<u8>>;
const NOW: Duration = Duration::ZERO;

fn off(storage: &MemoryStorage, policy: SyncPolicy) -> Journal {
    Journal::off(Arc::new(storage.clone()), AofLayout::default(), policy)
}

fn on(storage: &MemoryStorage, policy: SyncPolicy) -> Journal {
    let journal = off(storage, policy);
    rewrite(&journal, State::new).unwrap();
    journal
}

fn rewrite(journal: &Journal, state: impl FnOnce() -> State) -> Result<(), RewriteError> {
    let mut rewrite = journal.prepare_rewrite()?;
    journal.rotate(&mut rewrite);
    let header = RdbHeader { redis_version: "7.2.0", created_s: 1, used_memory: 1, aof_base: true };
    let mut writer = RdbWriter::new(rewrite.base_file()?, &header, true)?;
    let mut entries = Vec::new();
    for (key, value) in state() {
        EntryEncoder::new(false).encode(&mut entries, &key, None, RdbValueRef::String(&value));
    }
    writer.entries(&entries)?;
    let base = writer.finish()?;
    journal.finish_rewrite(rewrite, base)
}

fn loaded(storage: &MemoryStorage) -> State {
    let (storage, layout): (Arc<dyn Storage>, _) =
        (Arc::new(storage.clone()), AofLayout::default());
    let manifest = open_manifest(&storage, &layout).unwrap().unwrap();
    let mut state = State::new();
    let mut sink = |event: LoadEvent<'_>| {
        match event {
            LoadEvent::Entry { entry, .. } => {
                let RdbValue::String(value) = entry.value else { panic!("only strings") };
                state.insert(entry.key, value);
            }
            LoadEvent::Command { args, .. } => drop(state.insert(args[1].clone(), args[2].clone())),
            _ => {}
        }
        Ok(())
    };
    load(&storage, &layout, &manifest, LoadOptions::default(), &mut sink).unwrap();
    state
}

fn number(state: &State, key: &[u8]) -> u64 {
    state.get(key).map_or(0, |text| std::str::from_utf8(text).unwrap().parse().unwrap())
}

#[test]
fn threads_that_commit_while_the_base_is_replaced_lose_nothing_acknowledged() {
    const THREADS: u64 = 4;
    const WRITES: u64 = 400;
    for policy in [SyncPolicy::Always, SyncPolicy::EverySec] {
        let storage = MemoryStorage::new();
        let journal = on(&storage, policy);
        // Stands for the shards: state and append change together under it.
        let shards = Mutex::new(State::new());
        let acknowledged: Vec<AtomicU64> = (0..THREADS).map(|_| AtomicU64::new(0)).collect();
        let running = AtomicBool::new(true);
        let images = Mutex::new(Vec::new());
        let crash = if policy == SyncPolicy::Always { Crash::Power } else { Crash::Process };
        thread::scope(|scope| {
            let writers: Vec<_> = (0..THREADS)
                .map(|id| {
                    let (journal, shards, acknowledged) = (&journal, &shards, &acknowledged);
                    let (storage, images) = (&storage, &images);
                    scope.spawn(move || {
                        let key = format!("thread-{id}").into_bytes();
                        for n in 1..=WRITES {
                            let value = n.to_string().into_bytes();
                            let seq = {
                                let mut state = shards.lock().unwrap();
                                state.insert(key.clone(), value.clone());
                                journal.append(0, &[b"SET", &key, &value])
                            };
                            journal.commit(seq, Wait::Policy, NOW).unwrap();
                            acknowledged[id as usize].store(n, Ordering::SeqCst);
                            if n.is_multiple_of(10) {
                                let promised: Vec<u64> =
                                    acknowledged.iter().map(|n| n.load(Ordering::SeqCst)).collect();
                                images.lock().unwrap().push((promised, storage.crash(crash)));
                            }
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                while running.load(Ordering::SeqCst) {
                    journal.sync_tick(NOW).unwrap();
                }
            });
            scope.spawn(|| {
                while running.load(Ordering::SeqCst) {
                    let mut rewrite = journal.prepare_rewrite().unwrap();
                    let state = {
                        let state = shards.lock().unwrap();
                        journal.rotate(&mut rewrite);
                        state.clone()
                    };
                    let header = RdbHeader {
                        redis_version: "7.2.0",
                        created_s: 1,
                        used_memory: 1,
                        aof_base: true,
                    };
                    let sink = rewrite.base_file().unwrap();
                    let mut writer = RdbWriter::new(sink, &header, true).unwrap();
                    let mut entries = Vec::new();
                    for (key, value) in &state {
                        let value = RdbValueRef::String(value);
                        EntryEncoder::new(false).encode(&mut entries, key, None, value);
                    }
                    writer.entries(&entries).unwrap();
                    let base = writer.finish().unwrap();
                    journal.finish_rewrite(rewrite, base).unwrap();
                }
            });
            for writer in writers {
                writer.join().unwrap();
            }
            running.store(false, Ordering::SeqCst);
        });
        let images = images.into_inner().unwrap();
        assert_eq!(images.len() as u64, THREADS * WRITES / 10, "crashes were taken on the way");
        for (promised, image) in &images {
            let state = loaded(image);
            for (id, n) in promised.iter().enumerate() {
                let found = number(&state, format!("thread-{id}").as_bytes());
                assert!(found >= *n, "{policy:?}: thread {id}: {found} of {n}");
            }
        }
        assert_eq!(loaded(&storage.crash(Crash::Process)), *shards.lock().unwrap());
    }
}

#[test]
fn while_off_nothing_is_kept_and_nobody_waits() {
    let storage = MemoryStorage::new();
    let journal = off(&storage, SyncPolicy::Always);
    let seq = journal.append(0, &[b"SET", b"key", b"1"]);
    assert_eq!(seq, Seq(0));
    assert!(journal.is_committed(seq) && !journal.is_enabled());
    journal.commit(seq, Wait::Policy, NOW).unwrap();
    journal.sync_tick(NOW).unwrap();
    assert_eq!((storage.calls(), journal.status().pending_bytes), (0, 0));
}

#[test]
fn switching_off_and_on_starts_over_from_a_new_base() {
    let storage = MemoryStorage::new();
    let journal = on(&storage, SyncPolicy::EverySec);
    let seq = journal.append(0, &[b"SET", b"key", b"1"]);
    assert!(!journal.is_committed(seq));
    journal.disable().unwrap();
    assert!(journal.is_committed(seq));
    assert_eq!(
        number(&loaded(&storage.crash(Crash::Power)), b"key"),
        1,
        "written and synced first"
    );
    journal.append(0, &[b"SET", b"key", b"2"]);
    rewrite(&journal, || State::from([(b"key".to_vec(), b"2".to_vec())])).unwrap();
    let seq = journal.append(0, &[b"SET", b"other", b"3"]);
    journal.commit(seq, Wait::Policy, NOW).unwrap();
    let state = loaded(&storage.crash(Crash::Process));
    assert_eq!((number(&state, b"key"), number(&state, b"other")), (2, 3));
    let names = storage.list("appendonlydir").unwrap();
    assert_eq!(names.len(), 3, "base, increment, manifest: {names:?}");
}

#[test]
fn a_rewrite_that_is_overtaken_by_the_switch_comes_to_nothing() {
    for switched_off_before_rotate in [false, true] {
        let storage = MemoryStorage::new();
        let journal = on(&storage, SyncPolicy::EverySec);
        let mut stale = journal.prepare_rewrite().unwrap();
        assert!(matches!(journal.prepare_rewrite().err(), Some(RewriteError::Busy)));
        if switched_off_before_rotate {
            journal.disable().unwrap();
            journal.rotate(&mut stale);
        } else {
            journal.rotate(&mut stale);
            journal.disable().unwrap();
        }
        assert!(!journal.is_enabled());
        let base = stale.base_file().unwrap();
        let outcome = journal.finish_rewrite(stale, base);
        assert!(matches!(outcome, Err(RewriteError::Superseded)));
        rewrite(&journal, State::new).unwrap();
        assert!(journal.is_enabled());
        assert_eq!(loaded(&storage.crash(Crash::Power)), State::new());
    }
}

#[test]
fn an_aborted_switching_on_leaves_the_log_off_and_the_old_files_as_they_were() {
    let storage = MemoryStorage::new();
    let journal = on(&storage, SyncPolicy::EverySec);
    let seq = journal.append(0, &[b"SET", b"key", b"1"]);
    journal.commit(seq, Wait::Policy, NOW).unwrap();
    journal.disable().unwrap();
    let before = storage.paths();
    let mut rewrite = journal.prepare_rewrite().unwrap();
    journal.rotate(&mut rewrite);
    journal.append(0, &[b"SET", b"key", b"2"]);
    journal.abort_rewrite(rewrite);
    assert!(!journal.is_enabled() && journal.is_committed(journal.tail()));
    assert_eq!(storage.paths(), before);
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room_and_reads_go_on() {
    let storage = MemoryStorage::new();
    let journal = on(&storage, SyncPolicy::EverySec);
    storage.fail_at(storage.calls(), Fault::Full);
    let seq = journal.append(0, &[b"SET", b"key", b"1"]);
    let refused = journal.commit(seq, Wait::Policy, NOW);
    assert!(matches!(refused, Err(CommitError::WriteFailed(_))));
    assert!(journal.refuses_writes().is_some() && !journal.needs_rewrite());
    assert!(journal.status().write_error.is_some());
    journal.commit(seq, Wait::Read, NOW).unwrap();
    assert!(journal.commit(seq, Wait::Written, NOW).is_err());
    assert_eq!(loaded(&storage.crash(Crash::Process)), State::new(), "no part of it is left");
    storage.repair();
    journal.sync_tick(NOW).unwrap();
    assert!(journal.refuses_writes().is_none() && journal.is_committed(seq));
    assert_eq!(number(&loaded(&storage.crash(Crash::Power)), b"key"), 1);
}

#[test]
fn after_a_failed_sync_only_a_new_base_helps() {
    let storage = MemoryStorage::new();
    let journal = on(&storage, SyncPolicy::Always);
    let seq = journal.append(0, &[b"SET", b"key", b"1"]);
    storage.fail_at(storage.calls() + 1, Fault::Error); // the write, then the sync
    assert!(matches!(journal.commit(seq, Wait::Policy, NOW), Err(CommitError::SyncFailed(_))));
    for _ in 0..3 {
        assert!(journal.sync_tick(NOW).is_err(), "it is not tried again");
        assert!(!journal.is_committed(seq));
    }
    assert!(journal.needs_rewrite() && journal.status().wants_rewrite(0, 0));
    rewrite(&journal, || State::from([(b"key".to_vec(), b"1".to_vec())])).unwrap();
    assert!(!journal.needs_rewrite() && journal.refuses_writes().is_none());
    assert!(journal.is_committed(seq));
    assert_eq!(number(&loaded(&storage.crash(Crash::Power)), b"key"), 1);
}

#[test]
fn until_the_new_base_is_in_place_nothing_is_acknowledged() {
    let storage = MemoryStorage::new();
    let journal = on(&storage, SyncPolicy::EverySec);
    journal.append(0, &[b"SET", b"key", b"1"]);
    storage.fail_at(storage.calls() + 1, Fault::Error); // the write, then the sync
    assert!(journal.sync_tick(NOW).is_err());
    let mut rewrite = journal.prepare_rewrite().unwrap();
    journal.rotate(&mut rewrite);
    let seq = journal.append(0, &[b"SET", b"key", b"2"]);
    for wait in [Wait::Policy, Wait::Written] {
        assert!(journal.commit(seq, wait, NOW).is_err());
    }
    assert!(!journal.is_committed(seq));
    journal.abort_rewrite(rewrite);
    assert!(journal.commit(seq, Wait::Policy, NOW).is_err() && journal.needs_rewrite());
}

#[test]
fn a_lock_waits_for_the_write_and_not_for_the_sync() {
    let storage = MemoryStorage::new();
    let journal = on(&storage, SyncPolicy::Always);
    let seq = journal.append(0, &[b"SET", b"lock", b"1"]);
    let before = storage.calls();
    journal.commit(seq, Wait::Written, NOW).unwrap();
    assert_eq!(storage.calls() - before, 1, "one write");
    assert!(!journal.is_committed(seq));
    assert_eq!(number(&loaded(&storage.crash(Crash::Process)), b"lock"), 1);
    journal.commit(seq, Wait::Policy, NOW).unwrap();
    assert_eq!(number(&loaded(&storage.crash(Crash::Power)), b"lock"), 1);
}

#[test]
fn a_stricter_policy_holds_from_the_moment_it_is_set() {
    let storage = MemoryStorage::new();
    let journal = on(&storage, SyncPolicy::No);
    let seq = journal.append(0, &[b"SET", b"key", b"1"]);
    journal.commit(seq, Wait::Policy, NOW).unwrap();
    assert_eq!(loaded(&storage.crash(Crash::Power)), State::new());
    journal.set_policy(SyncPolicy::Always).unwrap();
    assert_eq!(number(&loaded(&storage.crash(Crash::Power)), b"key"), 1);
    assert_eq!(journal.policy(), SyncPolicy::Always);
}

/// Storage whose syncs of increments wait at two gates while it is armed.
struct Gated {
    inner: MemoryStorage,
    armed: Arc<AtomicBool>,
    entered: Arc<Barrier>,
    leave: Arc<Barrier>,
}

struct GatedFile {
    inner: FileHandle,
    armed: Arc<AtomicBool>,
    entered: Arc<Barrier>,
    leave: Arc<Barrier>,
}

impl StorageFile for GatedFile {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(offset, into)
    }
    fn sync_data(&self) -> io::Result<()> {
        if self.armed.load(Ordering::SeqCst) {
            self.entered.wait();
            self.leave.wait();
        }
        self.inner.sync_data()
    }
    fn sync_all(&self) -> io::Result<()> {
        self.inner.sync_all()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
}

impl Storage for Gated {
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<FileHandle> {
        let (armed, entered) = (Arc::clone(&self.armed), Arc::clone(&self.entered));
        let (inner, leave) = (self.inner.open(path, mode)?, Arc::clone(&self.leave));
        Ok(Arc::new(GatedFile { inner, armed, entered, leave }))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.inner.remove(path)
    }
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }
    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.inner.create_dir(dir)
    }
    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.inner.sync_dir(dir)
    }
    fn exists(&self, path: &str) -> io::Result<bool> {
        self.inner.exists(path)
    }
}

#[test]
fn writes_go_on_during_a_sync_and_wait_once_it_is_late() {
    let (armed, entered) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(2)));
    let leave = Arc::new(Barrier::new(2));
    let gated = Gated {
        inner: MemoryStorage::new(),
        armed: Arc::clone(&armed),
        entered: Arc::clone(&entered),
        leave: Arc::clone(&leave),
    };
    let journal = Journal::off(Arc::new(gated), AofLayout::default(), SyncPolicy::EverySec);
    rewrite(&journal, State::new).unwrap();
    let start = Duration::from_secs(100);
    journal.append(0, &[b"SET", b"key", b"1"]);
    armed.store(true, Ordering::SeqCst);
    thread::scope(|scope| {
        let ticking = scope.spawn(|| journal.sync_tick(start));
        entered.wait();
        // The sync is at work. Until it is late, writes do not wait for it.
        let seq = journal.append(0, &[b"SET", b"key", b"2"]);
        journal.commit(seq, Wait::Policy, start + SYNC_LATE).unwrap();
        assert_eq!(journal.status().delayed_syncs, 0);
        let seq = journal.append(0, &[b"SET", b"key", b"3"]);
        let late = start + SYNC_LATE + Duration::from_millis(1);
        let journal = &journal;
        let waiting = scope.spawn(move || journal.commit(seq, Wait::Policy, late));
        while journal.status().delayed_syncs == 0 {
            thread::yield_now();
        }
        assert!(!journal.is_committed(seq), "it waits, and nobody writes");
        assert!(!waiting.is_finished());
        armed.store(false, Ordering::SeqCst);
        leave.wait();
        ticking.join().unwrap().unwrap();
        waiting.join().unwrap().unwrap();
        assert!(journal.is_committed(seq));
    });
}

#[test]
fn one_write_serves_everything_that_was_appended() {
    let storage = MemoryStorage::new();
    let journal = on(&storage, SyncPolicy::Always);
    let mut last = Seq(0);
    for n in 0..50 {
        let seq = journal.append(0, &[b"SET", b"key", n.to_string().as_bytes()]);
        assert!(seq > last, "positions rise");
        last = seq;
    }
    let before = storage.calls();
    journal.commit(last, Wait::Policy, NOW).unwrap();
    assert_eq!(storage.calls() - before, 2, "one write, one sync");
    journal.commit(last, Wait::Policy, NOW).unwrap();
    assert_eq!(storage.calls() - before, 2, "nothing left to do");
}

#[test]
fn a_snapshot_file_is_removed_when_it_is_dropped() {
    let storage = MemoryStorage::new();
    let journal = on(&storage, SyncPolicy::No);
    let before = storage.paths();
    let rewrite = journal.prepare_rewrite().unwrap();
    let mut base = rewrite.base_file().unwrap();
    base.write_all(b"half a base").unwrap();
    drop(base);
    journal.abort_rewrite(rewrite);
    assert_eq!(storage.paths(), before);
}
