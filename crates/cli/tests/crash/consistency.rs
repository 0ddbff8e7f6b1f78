//! Snapshots show one moment: what writers keep true across keys is true in every file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use guarda_testkit::connection::Connection;
use guarda_testkit::dump::{Dump, DumpOptions};
use guarda_testkit::prng::Prng;
use guarda_testkit::reply::Frame;
use guarda_testkit::server::{Program, Server, ServerSpec};

use crate::common::{
    all_well, await_idle, base_path, call, check, guarda, is_long, logged, rewrite, seed, text,
    words,
};

const ACCOUNTS: usize = 64;
const BALANCE: i64 = 1_000;
/// Keys that make the walk last while the accounts change.
const FILLERS: usize = 4_000;
const WRITERS: usize = 3;

/// Moves money between two accounts: two counters, or two fields of two hashes.
fn transfer(prng: &mut Prng) -> [Vec<Vec<u8>>; 4] {
    let (from, to) = (prng.below(ACCOUNTS), prng.below(ACCOUNTS));
    let amount = 1 + prng.below(50);
    let pair = if prng.percent(50) {
        [format!("DECRBY c{from} {amount}"), format!("INCRBY c{to} {amount}")]
    } else {
        [format!("HINCRBY h{from} f -{amount}"), format!("HINCRBY h{to} f {amount}")]
    };
    [words("MULTI"), words(&pair[0]), words(&pair[1]), words("EXEC")]
}

fn keep_transferring(mut connection: Connection, seed: u64, stop: &AtomicBool) -> u64 {
    let mut prng = Prng::new(seed);
    let mut done = 0;
    while !stop.load(Ordering::Relaxed) {
        let commands: Vec<_> = (0..8).flat_map(|_| transfer(&mut prng)).collect();
        for reply in connection.pipeline(&commands).unwrap() {
            assert!(!reply.is_error(), "{reply}");
        }
        done += 8;
    }
    done
}

/// First one key, then the other: no moment shows the second ahead of the first.
fn keep_counting(mut connection: Connection, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        call(&mut connection, "INCR ahead");
        call(&mut connection, "INCR behind");
    }
}

fn number(connection: &mut Connection, command: &str) -> i64 {
    match call(connection, command) {
        Frame::NullBulk => 0,
        reply => text(&reply).parse().unwrap(),
    }
}

/// What must be true of every moment.
fn assert_invariants(server: &Server, what: &str) {
    let mut connection = server.connect().unwrap();
    let mut counters = 0;
    let mut fields = 0;
    for n in 0..ACCOUNTS {
        counters += number(&mut connection, &format!("GET c{n}"));
        fields += number(&mut connection, &format!("HGET h{n} f"));
    }
    assert_eq!(counters, ACCOUNTS as i64 * BALANCE, "{what}: counters");
    assert_eq!(fields, ACCOUNTS as i64 * BALANCE, "{what}: fields");
    let ahead = number(&mut connection, "GET ahead");
    let behind = number(&mut connection, "GET behind");
    assert!(ahead == behind || ahead == behind + 1, "{what}: {ahead} and {behind}");
    assert!(ahead > 0, "{what}: nothing was counted");
}

/// Loads a snapshot alone, into a server of its own.
fn load(program: Program, file: &Path) -> Server {
    check("redis-check-rdb", file);
    let spec = ServerSpec::new(program).with_file("dump.rdb", fs::read(file).unwrap());
    Server::start(spec).unwrap()
}

fn filled() -> Server {
    let server = Server::start(logged()).unwrap();
    let mut connection = server.connect().unwrap();
    let mut commands: Vec<_> = (0..ACCOUNTS)
        .flat_map(|n| {
            [words(&format!("SET c{n} {BALANCE}")), words(&format!("HSET h{n} f {BALANCE}"))]
        })
        .collect();
    let filler = "x".repeat(400);
    commands.extend((0..FILLERS).map(|n| words(&format!("SET filler{n} {filler}{n}"))));
    commands.extend([words("INCR ahead"), words("INCR behind")]);
    all_well(&mut connection, &commands);
    server
}

#[test]
fn every_snapshot_and_every_base_is_of_one_moment() {
    let seed = seed();
    let rounds = if is_long() { 60 } else { 6 };
    let mut server = filled();
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for n in 0..WRITERS as u64 {
        let (connection, stop) = (server.connect().unwrap(), Arc::clone(&stop));
        writers.push(thread::spawn(move || keep_transferring(connection, seed ^ n, &stop)));
    }
    let (connection, stop_counting) = (server.connect().unwrap(), Arc::clone(&stop));
    let counter = thread::spawn(move || keep_counting(connection, &stop_counting));
    let mut connection = server.connect().unwrap();
    for round in 0..rounds {
        // Any third one is read by the other party.
        let program = || if round % 3 == 2 { Program::reference() } else { guarda() };
        rewrite(&mut connection);
        assert_invariants(&load(program(), &base_path(&server)), &format!("base {round}"));
        call(&mut connection, "BGSAVE");
        await_idle(&mut connection);
        let file = server.dir().join("dump.rdb");
        assert_invariants(&load(program(), &file), &format!("dump {round}"));
        assert_eq!(text(&call(&mut connection, "SAVE")), "OK");
        assert_invariants(&load(program(), &file), &format!("SAVE {round}"));
    }
    stop.store(true, Ordering::Relaxed);
    let transfers: u64 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    counter.join().unwrap();
    assert!(transfers > 100, "{transfers} transfers are no load");
    assert_invariants(&server, "at the end");
    let before = Dump::take(&mut connection, DumpOptions::default()).unwrap();
    server.kill9();
    server.restart().unwrap();
    assert_invariants(&server, "after a crash");
    let after = Dump::take(&mut server.connect().unwrap(), DumpOptions::default()).unwrap();
    assert_eq!(before.differences(&after, 0, 5), Vec::<String>::new());
}

/// Keys that are all made anew in one transaction, over and over.
const GENERATION: usize = 50;

fn keep_flushing(mut connection: Connection, flush: &str, stop: &AtomicBool) -> u64 {
    let mut generation = 0;
    while !stop.load(Ordering::Relaxed) {
        generation += 1;
        let flush = if generation % 2 == 0 { flush } else { "FLUSHDB ASYNC" };
        let mut commands = vec![words("MULTI"), words(flush)];
        commands.extend((0..GENERATION).map(|n| words(&format!("SET g{n} {generation}"))));
        let filler = "x".repeat(500);
        commands.extend((0..GENERATION).map(|n| words(&format!("HSET filler{n} f {filler}"))));
        commands.push(words("EXEC"));
        all_well(&mut connection, &commands);
    }
    generation
}

#[track_caller]
fn assert_one_generation(server: &Server, what: &str) {
    let mut connection = server.connect().unwrap();
    let size = call(&mut connection, "DBSIZE").integer();
    assert_eq!(size, Some(2 * GENERATION as i64), "{what}");
    let first = text(&call(&mut connection, "GET g0"));
    for n in 0..GENERATION {
        assert_eq!(text(&call(&mut connection, &format!("GET g{n}"))), first, "{what}: g{n}");
    }
}

/// Looks again and again at what `snapshot` makes while everything is flushed and made anew, and at last at the log.
fn flush_beside(flush: &'static str, snapshot: fn(&Server, &mut Connection) -> PathBuf) {
    let rounds = if is_long() { 100 } else { 8 };
    let mut server = Server::start(logged()).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let mut connection = server.connect().unwrap();
    let (flushing, stopped) = (server.connect().unwrap(), Arc::clone(&stop));
    let writer = thread::spawn(move || keep_flushing(flushing, flush, &stopped));
    while call(&mut connection, "DBSIZE").integer() == Some(0) {}
    for round in 0..rounds {
        let file = snapshot(&server, &mut connection);
        assert_one_generation(&load(guarda(), &file), &format!("round {round}"));
    }
    // Killed in the middle of it, which leaves the whole log to judge.
    server.kill9();
    stop.store(true, Ordering::Relaxed);
    assert!(writer.join().is_err(), "its connection broke");
    server.restart().unwrap();
    assert_one_generation(&server, "after a crash");
}

#[test]
fn a_flush_is_in_the_base_of_a_log_whole_or_not_at_all() {
    flush_beside("FLUSHALL", |server, connection| {
        rewrite(connection);
        base_path(server)
    });
}

/// By FLUSHDB: a save in progress is given up at a FLUSHALL.
#[test]
fn a_flush_is_in_a_dump_whole_or_not_at_all() {
    flush_beside("FLUSHDB", |server, connection| {
        call(connection, "BGSAVE");
        await_idle(connection);
        server.dir().join("dump.rdb")
    });
}
