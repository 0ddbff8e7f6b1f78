//! What DEBUG does to the real server, beyond its replies.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions and not their helpers")]

use std::time::Duration;

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::{Deadline, await_true};
use guarda_testkit::reply::Frame;
use guarda_testkit::server::Server;

#[path = "support/mod.rs"]
mod support;

use support::{SOON, call, info, spec, start};

const ON: (&str, &str) = ("enable-debug-command", "yes");

/// How long a PING takes to be answered.
fn ping(connection: &mut Connection) -> Duration {
    let deadline = Deadline::after(SOON);
    call(connection, "PING");
    SOON.saturating_sub(deadline.remaining())
}

#[test]
fn while_it_sleeps_nobody_is_served() {
    let server = start(&[ON, ("io-threads", "4")]);
    let mut others: Vec<_> = (0..6).map(|_| server.connect().unwrap()).collect();
    let mut sleeper = server.connect().unwrap();
    for other in &mut others {
        call(other, "PING");
    }
    sleeper.send(&["DEBUG", "SLEEP", "0.5"]).unwrap();
    let held_up = await_true(SOON, || ping(&mut others[0]) > Duration::from_millis(100));
    assert!(held_up, "no PING was ever held up");
    assert_eq!(sleeper.read().unwrap(), Frame::Simple(b"OK".to_vec()));

    // Those on other threads are held up all the same, and a new connection too.
    sleeper.send(&["DEBUG", "SLEEP", "1"]).unwrap();
    std::thread::scope(|scope| {
        let held_up: Vec<_> = others
            .iter_mut()
            .map(|other| {
                scope.spawn(move || await_true(SOON, || ping(other) > Duration::from_millis(300)))
            })
            .collect();
        for held_up in held_up {
            assert!(held_up.join().unwrap());
        }
    });
    assert_eq!(sleeper.read().unwrap(), Frame::Simple(b"OK".to_vec()));
}

/// Fills a server with one of each type, and a session.
fn fill(connection: &mut Connection) {
    for line in [
        "SET s v",
        "RPUSH l a b c",
        "SADD i 1 2 3",
        "SADD m a b",
        "ZADD z 1 a 2.5 b",
        "HSET h f v",
        "SET e v EX 1000",
        "SELECT 5",
        "SET other v",
        "SELECT 0",
    ] {
        call(connection, line);
    }
}

#[test]
fn the_digest_outlives_restarts_and_both_ways_of_loading() {
    let spec = spec().with("appendonly", "yes").with(ON.0, ON.1);
    let mut server = Server::start(spec).unwrap();
    let mut connection = server.connect().unwrap();
    fill(&mut connection);
    let digest = call(&mut connection, "DEBUG DIGEST");
    assert_ne!(digest, "0".repeat(40));
    for line in ["DEBUG RELOAD", "DEBUG LOADAOF", "DEBUG RELOAD", "DEBUG LOADAOF"] {
        assert_eq!(call(&mut connection, line), "OK");
        assert_eq!(call(&mut connection, "DEBUG DIGEST"), digest, "{line}");
    }
    // What was written in between is in the log, and only once.
    call(&mut connection, "INCR n");
    assert_eq!(call(&mut connection, "DEBUG LOADAOF"), "OK");
    assert_eq!(call(&mut connection, "INCR n"), "2");
    call(&mut connection, "DEL n");
    assert_eq!(call(&mut connection, "DEBUG DIGEST"), digest);
    server.kill9();
    server.restart().unwrap();
    let mut connection = server.connect().unwrap();
    assert_eq!(call(&mut connection, "DEBUG DIGEST"), digest);
}

#[test]
fn what_is_loaded_in_place_of_the_data_is_in_the_log_afterwards() {
    let spec = spec().with("appendonly", "yes").with(ON.0, ON.1);
    let mut server = Server::start(spec).unwrap();
    let mut connection = server.connect().unwrap();
    fill(&mut connection);
    let digest = call(&mut connection, "DEBUG DIGEST");
    assert_eq!(call(&mut connection, "SAVE"), "OK");
    call(&mut connection, "FLUSHALL");
    call(&mut connection, "SET s w");
    assert_eq!(call(&mut connection, "DEBUG RELOAD NOSAVE"), "OK");
    assert_eq!(call(&mut connection, "DEBUG DIGEST"), digest);
    let rewritten = await_true(SOON, || info(&mut connection, "aof_rewrite_in_progress") == "0");
    assert!(rewritten);
    server.kill9();
    server.restart().unwrap();
    let mut connection = server.connect().unwrap();
    assert_eq!(call(&mut connection, "DEBUG DIGEST"), digest);
}

#[test]
fn a_key_that_is_there_ends_a_reload_that_neither_flushes_nor_merges() {
    let server = start(&[ON]);
    let mut connection = server.connect().unwrap();
    call(&mut connection, "SET k v");
    assert_eq!(call(&mut connection, "SAVE"), "OK");
    let refused = call(&mut connection, "DEBUG RELOAD NOSAVE NOFLUSH");
    assert_eq!(refused, "ERR Error trying to load the RDB dump, check server logs.");
    assert_eq!(call(&mut connection, "GET k"), "v");
    assert!(call(&mut connection, "DEBUG LOADAOF").starts_with("ERR "));
}

#[test]
fn a_new_replication_id_is_another_one() {
    let server = start(&[ON]);
    let mut connection = server.connect().unwrap();
    let (run, before) = (info(&mut connection, "run_id"), info(&mut connection, "master_replid"));
    assert_eq!(call(&mut connection, "DEBUG CHANGE-REPL-ID"), "OK");
    let after = info(&mut connection, "master_replid");
    assert!(after.len() == 40 && after != before, "{before} {after}");
    assert_eq!(info(&mut connection, "run_id"), run);
}
