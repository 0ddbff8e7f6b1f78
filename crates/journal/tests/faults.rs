//! Every I/O call of a server's life fails in turn; then the process dies or the power goes. What was
//! acknowledged is there, and what is there is the state after some whole number of operations.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions and not their helpers")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guarda_journal::aof::{AofLayout, LoadEvent, LoadOptions, encode_command, load, open_manifest};
use guarda_journal::log::{Journal, Rewrite, RewriteError, SyncPolicy, Wait};
use guarda_journal::rdb::{EntryEncoder, RdbHeader, RdbValue, RdbValueRef, RdbWriter};
use guarda_journal::storage::{OpenMode, Storage, write_all};
use guarda_journal::testing::{Crash, Fault, MemoryStorage};

type State = BTreeMap<(u32, Vec<u8>), Vec<u8>>;

const NOW: Duration = Duration::ZERO;

fn shared(storage: &MemoryStorage) -> Arc<dyn Storage> {
    Arc::new(storage.clone())
}

/// What a server would have after a start; `None` when it would not start.
fn start(storage: &MemoryStorage, policy: SyncPolicy) -> Result<Option<(State, Journal)>, String> {
    let (storage, layout) = (shared(storage), AofLayout::default());
    let manifest = open_manifest(&storage, &layout).map_err(|error| error.to_string())?;
    let Some(manifest) = manifest else { return Ok(None) };
    let mut state = State::new();
    let mut sink = |event: LoadEvent<'_>| {
        match event {
            LoadEvent::Entry { db, entry } => {
                let RdbValue::String(value) = entry.value else { panic!("only strings") };
                state.insert((db, entry.key), value);
            }
            LoadEvent::Command { db, args } => {
                assert_eq!(args[0], b"SET");
                state.insert((db, args[1].clone()), args[2].clone());
            }
            _ => {}
        }
        Ok(())
    };
    let loaded = load(&storage, &layout, &manifest, LoadOptions::default(), &mut sink);
    loaded.map_err(|error| error.to_string())?;
    let journal = Journal::resume(storage, layout, manifest, policy);
    Ok(Some((state, journal.map_err(|error| error.to_string())?)))
}

/// A server's life on a storage that fails.
struct Life {
    storage: MemoryStorage,
    policy: SyncPolicy,
    journal: Journal,
    /// The state after each operation that was executed; the first is that at the start.
    states: Vec<State>,
    /// How many operations were acknowledged: the last of them, and so all before it.
    acknowledged: usize,
    /// How many of them survive a loss of power.
    durable: usize,
    next: u64,
    /// The log is being switched on: until it is, nobody is promised anything.
    enabling: bool,
}

impl Life {
    fn new(storage: &MemoryStorage, policy: SyncPolicy) -> Self {
        let journal = Journal::off(shared(storage), AofLayout::default(), policy);
        let states = vec![State::new()];
        Self {
            storage: storage.clone(),
            policy,
            journal,
            states,
            acknowledged: 0,
            durable: 0,
            next: 0,
            enabling: false,
        }
    }

    fn state(&self) -> &State {
        self.states.last().unwrap()
    }

    fn executed(&self) -> usize {
        self.states.len() - 1
    }

    /// One write by a client, unless it is refused.
    fn write(&mut self) {
        if self.journal.refuses_writes().is_some() && !self.recover() {
            return;
        }
        self.execute();
    }

    /// A write that has passed the gate.
    fn execute(&mut self) {
        self.next += 1;
        let value = format!("value-{}", self.next).into_bytes();
        let mut state = self.state().clone();
        let seq = if self.next.is_multiple_of(3) {
            let mut group = Vec::new();
            for (db, key) in [(0, &b"left"[..]), (1, b"right"), (0, b"middle")] {
                let mut command = Vec::new();
                encode_command(&mut command, &[b"SET", key, &value]);
                group.push((db, command));
                state.insert((db, key.to_vec()), value.clone());
            }
            let commands = group.iter().map(|(db, command)| (*db, &command[..]));
            self.journal.append_encoded(group.len(), commands)
        } else {
            let (db, key) = ((self.next % 2) as u32, format!("key-{}", self.next % 5).into_bytes());
            let seq = self.journal.append(db, &[b"SET", &key, &value]);
            state.insert((db, key), value);
            seq
        };
        self.states.push(state);
        if self.journal.commit(seq, Wait::Policy, NOW).is_ok() {
            assert!(self.journal.is_committed(seq));
            self.acknowledge(self.policy == SyncPolicy::Always);
        }
    }

    fn acknowledge(&mut self, durable: bool) {
        if self.enabling || !self.journal.is_enabled() {
            return;
        }
        self.acknowledged = self.executed();
        if durable {
            self.durable = self.executed();
        }
    }

    fn tick(&mut self) {
        if self.journal.sync_tick(NOW).is_ok() {
            self.acknowledge(self.policy != SyncPolicy::No);
        }
    }

    /// What the server's background thread does about refused writes; whether it helped.
    fn recover(&mut self) -> bool {
        self.tick();
        if self.journal.needs_rewrite() {
            let _ = self.rewrite(0);
        }
        if self.journal.refuses_writes().is_none() {
            return true;
        }
        self.journal.commit(self.journal.tail(), Wait::Read, NOW).expect("reads go on");
        false
    }

    /// The operator makes room; from then on writes must work again.
    fn repair(&mut self) {
        self.storage.repair();
        self.tick();
        if self.journal.needs_rewrite() {
            self.rewrite(1).expect("a rewrite on a sound disk");
        }
        assert_eq!(self.journal.refuses_writes(), None);
    }

    fn base(
        rewrite: &Rewrite,
        state: &State,
    ) -> Result<guarda_journal::snapshot::SnapshotFile, RewriteError> {
        let header =
            RdbHeader { redis_version: "7.2.0", created_s: 1, used_memory: 1, aof_base: true };
        let mut writer = RdbWriter::new(rewrite.base_file()?, &header, true)?;
        let mut encoder = EntryEncoder::new(true);
        for db in 0..2 {
            writer.select_db(db, 0, 0)?;
            let mut entries = Vec::new();
            for ((_, key), value) in state.iter().filter(|((of, _), _)| *of == db) {
                encoder.encode(&mut entries, key, None, RdbValueRef::String(value));
            }
            writer.entries(&entries)?;
        }
        Ok(writer.finish()?)
    }

    /// A rewrite with `writes` writes between its steps.
    fn rewrite(&mut self, writes: usize) -> Result<(), RewriteError> {
        let mut rewrite = self.journal.prepare_rewrite()?;
        self.enabling = rewrite.enables();
        (0..writes).for_each(|_| self.write());
        // One that nobody has committed yet: it belongs to the old increment.
        self.next += 1;
        let value = format!("uncommitted-{}", self.next).into_bytes();
        self.journal.append(1, &[b"SET", b"left", &value]);
        let mut state = self.state().clone();
        state.insert((1, b"left".to_vec()), value);
        self.states.push(state.clone());
        self.journal.rotate(&mut rewrite);
        // One that had passed the gate whatever the health of the log.
        self.execute();
        (0..writes).for_each(|_| self.write());
        let base = match Self::base(&rewrite, &state) {
            Ok(base) => base,
            Err(error) => {
                self.journal.abort_rewrite(rewrite);
                return Err(error);
            }
        };
        (0..writes).for_each(|_| self.write());
        self.journal.finish_rewrite(rewrite, base)?;
        if std::mem::take(&mut self.enabling) {
            self.acknowledge(true);
        }
        Ok(())
    }

    /// The process ends and starts again; `false` when the disk does not let it.
    fn restart(&mut self) -> bool {
        let Ok(Some((state, journal))) = start(&self.storage, self.policy) else { return false };
        self.survived(&state, self.acknowledged, "restart");
        self.states.truncate(self.states.iter().rposition(|known| *known == state).unwrap() + 1);
        self.journal = journal;
        if self.journal.needs_rewrite() && self.rewrite(0).is_err() {
            return false;
        }
        self.acknowledge(true);
        true
    }

    fn survived(&self, state: &State, at_least: usize, what: &str) {
        let found = self.states.iter().rposition(|known| known == state);
        let found =
            found.unwrap_or_else(|| panic!("{what}: a state between two operations: {state:?}"));
        assert!(
            found >= at_least,
            "{what}: {found} of {at_least} acknowledged operations are there"
        );
    }

    /// All of it; ends early when the disk is gone for good.
    fn live(&mut self) {
        if self.rewrite(0).is_err() && self.rewrite(0).is_err() {
            return;
        }
        (0..4).for_each(|_| self.write());
        let _ = self.rewrite(1);
        (0..2).for_each(|_| self.write());
        self.tick();
        self.write();
        for rotated in [false, true] {
            if let Ok(mut rewrite) = self.journal.prepare_rewrite() {
                self.write();
                if rotated {
                    self.journal.rotate(&mut rewrite);
                    self.write();
                }
                self.journal.abort_rewrite(rewrite);
                self.write();
            }
        }
        self.tick();
        if self.journal.refuses_writes().is_some() {
            if self.storage_is_dead() {
                return;
            }
            self.repair();
        }
        let _ = self.rewrite(1);
        if !self.restart() {
            return;
        }
        (0..3).for_each(|_| self.write());
        let _ = self.rewrite(1);
        self.write();
        self.tick();
        self.switch();
    }

    /// The log is switched off and on again, also in the middle of a rewrite; nothing is promised of what
    /// is written while it is off.
    fn switch(&mut self) {
        for rewriting in [None, Some(false), Some(true)] {
            let begun = rewriting.and_then(|_| self.journal.prepare_rewrite().ok());
            let _ = match begun {
                None => self.journal.disable(),
                Some(mut rewrite) => {
                    if rewriting == Some(true) {
                        self.journal.rotate(&mut rewrite);
                        self.write();
                    }
                    let off = self.journal.disable();
                    self.write();
                    if let Ok(base) = Self::base(&rewrite, &self.state().clone()) {
                        self.journal.finish_rewrite(rewrite, base).expect_err("it is overtaken");
                    } else {
                        self.journal.abort_rewrite(rewrite);
                    }
                    off
                }
            };
            assert!(!self.journal.is_enabled(), "it is off, whatever the disk says");
            assert_eq!(self.journal.refuses_writes(), None);
            self.write();
            let _ = self.rewrite(1);
            self.write();
            self.tick();
        }
    }

    fn storage_is_dead(&self) -> bool {
        self.storage.exists("").is_err()
    }

    /// What every kind of crash would leave now.
    fn crash(&self, context: &str) {
        for crash in Crash::ALL {
            let what = format!("{context}, {crash:?}");
            let at_least = if crash == Crash::Process { self.acknowledged } else { self.durable };
            let storage = self.storage.crash(crash);
            let started =
                start(&storage, self.policy).unwrap_or_else(|error| panic!("{what}: {error}"));
            let Some((state, journal)) = started else {
                assert_eq!(at_least, 0, "{what}: the log is gone");
                continue;
            };
            self.survived(&state, at_least, &what);
            // Life goes on from there.
            let mut second = Self::new(&storage, self.policy);
            (second.states, second.journal) = (vec![state], journal);
            second.recover();
            second.write();
            second.rewrite(1).unwrap();
            second.write();
            assert_eq!(second.acknowledged, second.executed());
            let (found, _) = start(&storage.crash(Crash::Process), self.policy).unwrap().unwrap();
            assert_eq!(found, *second.state(), "{what}: afterwards");
        }
    }
}

fn every_call_fails_in_turn(policy: SyncPolicy) {
    let calls = {
        let mut sound = Life::new(&MemoryStorage::new(), policy);
        sound.live();
        assert_eq!(sound.acknowledged, sound.executed(), "without faults all is acknowledged");
        sound.crash("no fault");
        sound.storage.calls()
    };
    assert!(calls > 100, "the life has calls to fail: {calls}");
    for n in 0..calls {
        for fault in Fault::ALL {
            let storage = MemoryStorage::new();
            storage.fail_at(n, fault);
            let mut life = Life::new(&storage, policy);
            life.live();
            life.crash(&format!("{policy:?}, call {n} of {calls}, {fault:?}"));
        }
    }
}

#[test]
fn always_loses_nothing_acknowledged_to_any_fault_and_crash() {
    every_call_fails_in_turn(SyncPolicy::Always);
}

#[test]
fn everysec_loses_nothing_to_a_dead_process_and_the_last_tick_to_power() {
    every_call_fails_in_turn(SyncPolicy::EverySec);
}

#[test]
fn no_sync_loses_nothing_to_a_dead_process() {
    every_call_fails_in_turn(SyncPolicy::No);
}

/// The single file of an older server: whatever call fails while it is taken over, and whatever crash
/// follows, the next start has everything.
#[test]
fn a_take_over_that_fails_anywhere_is_made_good_by_the_next_start() {
    let sound = MemoryStorage::new();
    let mut expected = State::new();
    let mut content = Vec::new();
    for n in 0..3 {
        let (key, value) = (format!("key{n}").into_bytes(), b"v".to_vec());
        guarda_journal::aof::encode_command(&mut content, &[b"SET", &key, &value]);
        expected.insert((0, key), value);
    }
    let file = sound.open("appendonly.aof", OpenMode::Create).unwrap();
    write_all(&*file, &content).unwrap();
    file.sync_all().unwrap();
    sound.sync_dir("").unwrap();

    let calls = {
        let counting = sound.crash(Crash::Process);
        start(&counting, SyncPolicy::Always).unwrap().unwrap();
        counting.calls()
    };
    assert!(calls > 10, "there are calls to fail: {calls}");
    for n in 0..calls {
        for fault in Fault::ALL {
            let storage = sound.crash(Crash::Process);
            storage.fail_at(n, fault);
            // It may have gone well nonetheless, or have been refused.
            drop(start(&storage, SyncPolicy::Always));
            for crash in Crash::ALL {
                let what = format!("call {n} of {calls}, {fault:?}, {crash:?}");
                let after = start(&storage.crash(crash), SyncPolicy::Always);
                let (found, _) =
                    after.unwrap_or_else(|error| panic!("{what}: {error}")).expect(&what);
                assert_eq!(found, expected, "{what}");
            }
        }
    }
}
