//! The append-only directory, to and from the real redis-server.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions and not their helpers")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::{
    Contents, Redis, Reply, Scratch, assert_checked, assert_same, canonical, check, fill,
};
use guarda_journal::aof::{
    AofLayout, LoadError, LoadEvent, LoadOptions, LoadReport, encode_command, load, load_dump,
    open_manifest,
};
use guarda_journal::log::{Journal, Seq, SyncPolicy, Wait};
use guarda_journal::rdb::{EntryEncoder, RdbHeader, RdbValue, RdbWriter};
use guarda_journal::storage::{DiskStorage, Storage};

const NOW: Duration = Duration::ZERO;
/// With `everysec` Redis answers before it writes while a sync is at work, so that kill -9 loses
/// acknowledged writes now and then. With `no` it writes first.
const APPEND: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "no"];
type Commands = Vec<(u32, Vec<Vec<u8>>)>;

fn disk(dir: &Path) -> Arc<dyn Storage> {
    Arc::new(DiskStorage::open(dir).unwrap())
}

/// What our loader says of a directory: the keys of the base, the commands after it.
fn read(dir: &Path) -> Result<Option<(Contents, Commands, LoadReport)>, LoadError> {
    let (storage, layout) = (disk(dir), AofLayout::default());
    let Some(manifest) = open_manifest(&storage, &layout)? else { return Ok(None) };
    let (mut contents, mut commands) = (Contents::new(), Commands::new());
    let mut sink = |event: LoadEvent<'_>| {
        match event {
            LoadEvent::Entry { db, entry } => {
                contents.insert((db, entry.key), (entry.expiry_ms, canonical(entry.value)));
            }
            LoadEvent::Command { db, args } => commands.push((db, args.to_vec())),
            _ => {}
        }
        Ok(())
    };
    let report = load(&storage, &layout, &manifest, LoadOptions::default(), &mut sink)?;
    Ok(Some((contents, commands, report)))
}

/// The keys and commands that our loader found, given to another server by other means.
fn replayed(contents: &Contents, commands: &Commands) -> Contents {
    let scratch = Scratch::new();
    fs::write(scratch.path().join("dump.rdb"), snapshot(contents)).unwrap();
    let mut redis = Redis::start(scratch.path(), &[]);
    for (db, args) in commands {
        redis.run(&format!("SELECT {db}"));
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let reply = redis.call(&args);
        assert!(!matches!(&reply, Reply::Line(line) if line.starts_with('-')), "{reply:?}");
    }
    redis.contents()
}

fn snapshot(contents: &Contents) -> Vec<u8> {
    let header = RdbHeader { redis_version: "7.2.0", created_s: 1, used_memory: 1, aof_base: true };
    let mut writer = RdbWriter::new(Vec::new(), &header, true).unwrap();
    for db in 0..16 {
        writer.select_db(db, 0, 0).unwrap();
        let mut encoder = EntryEncoder::new(true);
        for ((of, key), (expiry, value)) in contents {
            if *of != db {
                continue;
            }
            let mut out = Vec::new();
            value.with_ref(|value| encoder.encode(&mut out, key, *expiry, value));
            writer.entries(&out).unwrap();
        }
    }
    writer.finish().unwrap()
}

/// A log of ours in `dir` whose base has `contents`.
fn new_log(dir: &Path, contents: &Contents, policy: SyncPolicy) -> Journal {
    let journal = Journal::off(disk(dir), AofLayout::default(), policy);
    rewrite(&journal, contents);
    journal
}

fn rewrite(journal: &Journal, contents: &Contents) {
    let mut rewrite = journal.prepare_rewrite().unwrap();
    journal.rotate(&mut rewrite);
    let mut base = rewrite.base_file().unwrap();
    std::io::Write::write_all(&mut base, &snapshot(contents)).unwrap();
    journal.finish_rewrite(rewrite, base).unwrap();
}

fn set(journal: &Journal, db: u32, key: &str, value: &str) {
    let seq = journal.append(db, &[b"SET", key.as_bytes(), value.as_bytes()]);
    journal.commit(seq, Wait::Policy, NOW).unwrap();
}

fn incr_of(dir: &Path) -> std::path::PathBuf {
    let text = fs::read_to_string(dir.join("appendonlydir/appendonly.aof.manifest")).unwrap();
    let line = text.lines().rfind(|line| line.ends_with("type i")).unwrap();
    dir.join("appendonlydir").join(line.split(' ').nth(1).unwrap())
}

fn more_writes(redis: &mut Redis) {
    redis.run("SET after rewrite");
    redis.run("INCRBY counter 5");
    redis.run("SELECT 4");
    redis.run("MULTI");
    redis.run("RPUSH queue a b c");
    redis.run("SELECT 5");
    redis.run("SET inside transaction");
    redis.run("EXEC");
    redis.run("SETEX short-lived 10000 value");
    redis.run("SELECT 0");
    redis.run("DEL numbers");
}

fn encoded(args: &[&[u8]]) -> Vec<u8> {
    let mut command = Vec::new();
    encode_command(&mut command, args);
    command
}

/// Appends commands that take effect together.
fn append_group(journal: &Journal, group: &[(u32, Vec<u8>)]) -> Seq {
    let commands = group.iter().map(|(db, command)| (*db, &command[..]));
    journal.append_encoded(group.len(), commands)
}

#[test]
fn we_load_what_redis_logged_in_every_form() {
    for options in [
        &APPEND[..],
        &[APPEND[0], APPEND[1], APPEND[2], APPEND[3], "--aof-use-rdb-preamble", "no"],
        &[APPEND[0], APPEND[1], APPEND[2], APPEND[3], "--aof-timestamp-enabled", "yes"],
    ] {
        let scratch = Scratch::new();
        let mut redis = Redis::start(scratch.path(), options);
        fill(&mut redis);
        redis.run("BGREWRITEAOF");
        redis.await_info("aof_rewrite_in_progress", "0");
        assert_eq!(redis.info("aof_last_bgrewrite_status"), "ok");
        more_writes(&mut redis);
        let theirs = redis.contents();
        drop(redis); // kill -9
        let (contents, commands, report) = read(scratch.path()).unwrap().unwrap();
        assert_eq!(report.cut, None);
        assert_eq!(report.commands, commands.len() as u64);
        assert_eq!(contents.is_empty(), options.contains(&"--aof-use-rdb-preamble"));
        assert_same(&replayed(&contents, &commands), &theirs);

        // And we go on in its directory, so that it may take it back.
        let (storage, layout) = (disk(scratch.path()), AofLayout::default());
        let manifest = open_manifest(&storage, &layout).unwrap().unwrap();
        let journal = Journal::resume(storage, layout, manifest, SyncPolicy::Always).unwrap();
        set(&journal, 9, "from", "us");
        drop(journal);
        let mut redis = Redis::start(scratch.path(), options);
        let mut back = redis.contents();
        let ours = back.remove(&(9, b"from".to_vec())).unwrap();
        assert_eq!(ours, (None, RdbValue::String(b"us".to_vec())));
        assert_same(&back, &theirs);
    }
}

#[test]
fn the_single_file_of_older_servers_is_taken_over() {
    let source = Scratch::new();
    let mut redis = Redis::start(source.path(), &APPEND);
    fill(&mut redis);
    redis.run("BGREWRITEAOF");
    redis.await_info("aof_rewrite_in_progress", "0");
    more_writes(&mut redis);
    let theirs = redis.contents();
    drop(redis);
    // Redis 5 and 6 wrote the snapshot and the commands into one file.
    let dir = source.path().join("appendonlydir");
    let base = fs::read(dir.join("appendonly.aof.2.base.rdb")).unwrap();
    let mut single = base.clone();
    single.extend(fs::read(incr_of(source.path())).unwrap());

    let scratch = Scratch::new();
    fs::write(scratch.path().join("appendonly.aof"), &single).unwrap();
    for _ in 0..2 {
        let (contents, commands, _) = read(scratch.path()).unwrap().unwrap();
        assert_same(&replayed(&contents, &commands), &theirs);
        let left: Vec<_> = fs::read_dir(scratch.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "loading alone changes nothing");
    }
    let (storage, layout) = (disk(scratch.path()), AofLayout::default());
    let manifest = open_manifest(&storage, &layout).unwrap().unwrap();
    // A move that a crash cut short: the manifest is there and the file is still in the root.
    fs::create_dir(scratch.path().join("appendonlydir")).unwrap();
    manifest.persist(&storage, &layout).unwrap();
    let (contents, commands, _) = read(scratch.path()).unwrap().unwrap();
    assert_same(&replayed(&contents, &commands), &theirs);
    drop(Journal::resume(storage, layout, manifest, SyncPolicy::No).unwrap());
    assert!(!scratch.path().join("appendonly.aof").exists(), "it has moved");
    let mut redis = Redis::start(scratch.path(), &APPEND);
    assert_same(&redis.contents(), &theirs);
}

#[test]
fn redis_accepts_and_loads_what_we_logged() {
    let (source, scratch) = (Scratch::new(), Scratch::new());
    let mut redis = Redis::start(source.path(), &[]);
    fill(&mut redis);
    let journal = new_log(scratch.path(), &redis.contents(), SyncPolicy::EverySec);
    for n in 0..200 {
        let (db, key, value) = (n % 3, format!("key-{}", n % 17), format!("value-{n}"));
        redis.run(&format!("SELECT {db}"));
        if n % 5 == 0 {
            let mut group = Vec::new();
            for (db, key) in [(db, key.as_str()), (7, "other"), (db, "third")] {
                group.push((db, encoded(&[b"SET", key.as_bytes(), value.as_bytes()])));
                redis.run(&format!("SELECT {db}"));
                redis.run(&format!("SET {key} {value}"));
            }
            append_group(&journal, &group);
        } else {
            journal.append(db, &[b"SET", key.as_bytes(), value.as_bytes()]);
            redis.run(&format!("SET {key} {value}"));
        }
        if n == 120 {
            rewrite(&journal, &redis.contents());
        }
    }
    journal.commit(journal.tail(), Wait::Policy, NOW).unwrap();
    let status = journal.status();
    let on_disk: u64 = fs::read_dir(scratch.path().join("appendonlydir"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| !entry.file_name().to_str().unwrap().ends_with("manifest"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert_eq!(status.current_size, on_disk, "the accounting is right and history is deleted");
    drop(journal);
    let manifest = scratch.path().join("appendonlydir/appendonly.aof.manifest");
    assert_checked("redis-check-aof", &[&manifest]);
    let theirs = redis.contents();
    let mut redis = Redis::start(scratch.path(), &APPEND);
    assert_same(&redis.contents(), &theirs);
}

#[test]
fn a_torn_end_is_cut_to_the_last_whole_transaction_wherever_it_tears() {
    let scratch = Scratch::new();
    let journal = new_log(scratch.path(), &Contents::new(), SyncPolicy::No);
    set(&journal, 0, "first", "1");
    let incr = incr_of(scratch.path());
    let kept = fs::metadata(&incr).unwrap().len();
    let group = [(0, encoded(&[b"SET", b"second", b"2"])), (1, encoded(&[b"SET", b"third", b"3"]))];
    let seq = append_group(&journal, &group);
    journal.commit(seq, Wait::Policy, NOW).unwrap();
    drop(journal);
    let whole = fs::read(&incr).unwrap();
    for end in kept as usize..=whole.len() {
        fs::write(&incr, &whole[..end]).unwrap();
        let (_, commands, report) = read(scratch.path()).unwrap().unwrap();
        if end == whole.len() || end == kept as usize {
            assert_eq!(report.cut, None);
            assert_eq!(commands.len(), if end == whole.len() { 3 } else { 1 });
            continue;
        }
        let cut = report.cut.expect("torn");
        assert_eq!((cut.kept, cut.removed), (kept, end as u64 - kept), "torn at {end}");
        assert_eq!(commands.len(), 1, "nothing of a torn transaction is applied");
        assert_eq!(fs::metadata(&incr).unwrap().len(), kept);
    }
    let manifest = scratch.path().join("appendonlydir/appendonly.aof.manifest");
    assert_checked("redis-check-aof", &[&manifest]);
}

#[test]
fn other_damage_refuses_to_start_and_says_where() {
    let scratch = Scratch::new();
    let journal = new_log(scratch.path(), &Contents::new(), SyncPolicy::No);
    for n in 0..10 {
        set(&journal, 0, &format!("key-{n}"), "value");
    }
    drop(journal);
    let incr = incr_of(scratch.path());
    let sound = fs::read(&incr).unwrap();
    let record = sound.windows(5).position(|bytes| bytes == b"key-5").unwrap();
    let begin = sound[..record].iter().rposition(|byte| *byte == b'*').unwrap();
    let value = record + sound[record..].windows(2).position(|bytes| bytes == b"$5").unwrap();

    let damage = |at: usize, bytes: &[u8]| {
        let mut damaged = sound.clone();
        damaged.splice(at..=at, bytes.iter().copied());
        fs::write(&incr, damaged).unwrap();
        match read(scratch.path()) {
            Err(LoadError::Damaged { file, offset, .. }) => {
                assert!(file.ends_with(incr.file_name().unwrap().to_str().unwrap()));
                assert_eq!(offset, begin as u64);
            }
            other => panic!("not refused: {other:?}"),
        }
    };
    damage(begin, b"x");
    damage(begin, &[0; 4000]);
    damage(value + 1, b"4");
    damage(value + 1, b"5000000"); // reaches over everything that follows

    // A torn record in a file that others follow.
    fs::write(&incr, &sound[..sound.len() - 1]).unwrap();
    let manifest = scratch.path().join("appendonlydir/appendonly.aof.manifest");
    let mut text = fs::read_to_string(&manifest).unwrap();
    text.push_str("file next.aof seq 99 type i\n");
    fs::write(&manifest, &text).unwrap();
    assert!(matches!(read(scratch.path()), Err(LoadError::Missing { .. })));
    fs::write(scratch.path().join("appendonlydir/next.aof"), b"*1\r\n$4\r\nPING\r\n").unwrap();
    assert!(matches!(read(scratch.path()), Err(LoadError::Torn { .. })));
    // An empty one is what a crash right after its creation leaves: the torn one was the last.
    fs::write(scratch.path().join("appendonlydir/next.aof"), b"").unwrap();
    assert!(read(scratch.path()).unwrap().unwrap().2.cut.is_some());
    fs::write(&manifest, b"file x seq 1 type q\n").unwrap();
    assert!(matches!(read(scratch.path()), Err(LoadError::Manifest { .. })));
    assert!(!check("redis-check-aof", &[&manifest]).status.success(), "Redis agrees");
}

#[test]
fn without_a_log_the_snapshot_is_loaded_and_becomes_the_base() {
    let scratch = Scratch::new();
    let mut redis = Redis::start(scratch.path(), &[]);
    fill(&mut redis);
    redis.run("SAVE");
    let theirs = redis.contents();
    drop(redis);
    assert!(read(scratch.path()).unwrap().is_none());

    let mut contents = Contents::new();
    let mut told = Vec::new();
    struct Sink<'a>(&'a mut Contents, &'a mut Vec<(u64, u64)>);
    impl guarda_journal::aof::LoadSink for Sink<'_> {
        fn apply(&mut self, event: LoadEvent<'_>) -> Result<(), guarda_journal::aof::ApplyError> {
            if let LoadEvent::Entry { db, entry } = event {
                self.0.insert((db, entry.key), (entry.expiry_ms, canonical(entry.value)));
            }
            Ok(())
        }
        fn progress(&mut self, done: u64, total: u64) {
            self.1.push((done, total));
        }
    }
    let storage = DiskStorage::open(scratch.path()).unwrap();
    let mut sink = Sink(&mut contents, &mut told);
    let report =
        load_dump(&storage, "dump.rdb", LoadOptions::default(), &mut sink).unwrap().unwrap();
    assert_eq!(report.entries, theirs.len() as u64);
    assert!(load_dump(&storage, "none.rdb", LoadOptions::default(), &mut sink).unwrap().is_none());
    assert_eq!(told.last(), Some(&(report.bytes, report.bytes)));
    assert_same(&contents, &theirs);

    drop(new_log(scratch.path(), &contents, SyncPolicy::EverySec));
    fs::remove_file(scratch.path().join("dump.rdb")).unwrap();
    let mut redis = Redis::start(scratch.path(), &APPEND);
    assert_same(&redis.contents(), &theirs);
}

#[test]
fn what_the_caller_refuses_is_reported_with_its_place() {
    let scratch = Scratch::new();
    let journal = new_log(scratch.path(), &Contents::new(), SyncPolicy::No);
    set(&journal, 0, "key", "value");
    drop(journal);
    let (storage, layout) = (disk(scratch.path()), AofLayout::default());
    let manifest = open_manifest(&storage, &layout).unwrap().unwrap();
    let mut sink = |event: LoadEvent<'_>| match event {
        LoadEvent::Command { .. } => Err("no such command".into()),
        _ => Ok(()),
    };
    match load(&storage, &layout, &manifest, LoadOptions::default(), &mut sink) {
        Err(LoadError::Apply { offset: 23, .. }) => {}
        other => panic!("{other:?}"),
    }
}
