//! Expiry in bulk and at its edges, and the limit of memory, through the real server.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions and not their helpers")]

use std::fs;
use std::time::Duration;

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::await_true;
use guarda_testkit::reply::Frame;
use guarda_testkit::server::{Program, Server, ServerSpec};

#[path = "crash/common.rs"]
mod common;

use common::{
    LIMIT, all_well, ask, assert_same, await_idle, call, check_files, dump, guarda, incr_path,
    info, info_number, is_long, logged, rewrite, text, unix_ms, words,
};

/// Most keys that may be removed under one hold of a lock.
const PER_HOLD_MAX: i64 = 200;

fn key_count() -> usize {
    if is_long() { 1_000_000 } else { 100_000 }
}

/// Makes `count` keys that expire in the same millisecond; returns that one.
fn fill_with_one_end(connection: &mut Connection, count: usize) -> i64 {
    let began = unix_ms();
    let batch = |range: std::ops::Range<usize>, command: &dyn Fn(usize) -> String| {
        range.map(|n| words(&command(n))).collect::<Vec<_>>()
    };
    let value = "v".repeat(40);
    for from in (0..count).step_by(5_000) {
        let range = from..(from + 5_000).min(count);
        all_well(connection, &batch(range, &|n| format!("SET key{n} {value}")));
    }
    // Setting the expiry of all takes about as long: it must lie beyond that.
    let at = unix_ms() + 3 * (unix_ms() - began) + 1_000;
    for from in (0..count).step_by(5_000) {
        let range = from..(from + 5_000).min(count);
        all_well(connection, &batch(range, &|n| format!("PEXPIREAT key{n} {at}")));
    }
    at
}

fn count_of(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).filter(|window| *window == part).count()
}

#[test]
fn many_keys_that_expire_at_once_go_in_slices_and_the_server_serves_on() {
    let count = key_count();
    // All in one increment, to be counted.
    let spec = logged().with("auto-aof-rewrite-percentage", "0");
    let mut server = Server::start(spec).unwrap();
    let mut connection = server.connect().unwrap();
    let used_empty = info_number(&mut connection, "used_memory");
    let due_at = fill_with_one_end(&mut connection, count);
    let used_full = info_number(&mut connection, "used_memory");
    call(&mut connection, "SET kept yes");
    assert!(unix_ms() < due_at, "the machine was too slow to set them all in time");
    assert_eq!(info_number(&mut connection, "expired_keys"), 0);

    // Another client goes on meanwhile: requests are counted between the first and the last key.
    let mut other = server.connect().unwrap();
    let (mut served_during, mut expired) = (0, 0);
    let gone = await_true(LIMIT * 5, || {
        for _ in 0..5 {
            call(&mut other, "SET other 1");
            assert_eq!(text(&call(&mut other, "GET kept")), "yes");
            served_during += i64::from(expired > 0);
        }
        expired = info_number(&mut other, "expired_keys");
        expired == count as i64
    });
    assert!(gone, "{expired} of {count} keys expired");
    assert!(served_during >= 20, "only {served_during} requests were served during the sweep");
    let per_hold = info_number(&mut connection, "expired_keys_per_hold_max");
    assert!((1..=PER_HOLD_MAX).contains(&per_hold), "{per_hold} under one hold");
    assert_eq!(call(&mut connection, "DBSIZE"), Frame::Integer(2));

    // Memory: most of what the keys took is free for others.
    let mut used = 0;
    let given_back = await_true(LIMIT, || {
        used = info_number(&mut connection, "used_memory");
        used - used_empty < (used_full - used_empty) / 2
    });
    assert!(given_back, "{used_empty} before, {used_full} full, still {used}");

    // The log has a deletion of each, so that nobody who replays it needs a clock.
    let path = incr_path(&server);
    let mut deletions = 0;
    let logged_all = await_true(LIMIT, || {
        deletions = count_of(&fs::read(&path).unwrap(), b"\r\n$3\r\nDEL\r\n$");
        deletions >= count
    });
    assert!(logged_all && deletions == count, "{deletions} deletions in the log");
    if is_long() {
        // Replaying millions of commands is not what this is about.
        rewrite(&mut connection);
    }
    server.kill9();
    check_files(&server);
    server.restart().unwrap();
    assert_eq!(call(&mut server.connect().unwrap(), "DBSIZE"), Frame::Integer(2));
}

#[test]
fn a_key_that_is_due_is_gone_before_any_sweep() {
    let server = Server::start(logged()).unwrap();
    let mut connection = server.connect().unwrap();
    // Each round meets the sweeper at another point of its turn.
    for round in 0..60 {
        for line in ["SET k 5 PX 3", "HSET h f v", "PEXPIRE h 3"] {
            call(&mut connection, line);
        }
        let due = unix_ms() + 4;
        std::thread::sleep(Duration::from_millis((due - unix_ms()).max(0) as u64));
        for (line, answer) in [
            ("GET k", Frame::NullBulk),
            ("EXISTS k h", Frame::Integer(0)),
            ("TTL k", Frame::Integer(-2)),
            ("HLEN h", Frame::Integer(0)),
            ("TYPE h", Frame::Simple(b"none".to_vec())),
            ("HSET h f2 v", Frame::Integer(1)),
            ("INCR k", Frame::Integer(1)),
            ("HGETALL h", Frame::Array([b"f2", &b"v"[..]].map(|b| Frame::Bulk(b.to_vec())).into())),
            ("TTL k", Frame::Integer(-1)),
            ("DEL k h", Frame::Integer(2)),
        ] {
            assert_eq!(call(&mut connection, line), answer, "round {round}: {line}");
        }
    }
}

/// A key that came to its end and was made anew: a replay must not join the two.
#[test]
fn what_expired_and_came_again_is_the_same_after_a_replay() {
    let mut server = Server::start(logged()).unwrap();
    let mut connection = server.connect().unwrap();
    for n in 0..30 {
        for line in ["SET n{} 5 PX 2", "HSET h{} old 1", "PEXPIRE h{} 2", "SET s{} abc PX 2"] {
            call(&mut connection, &line.replace("{}", &n.to_string()));
        }
        std::thread::sleep(Duration::from_millis(4));
        let again = ["INCR n{}", "HSET h{} new 1", "APPEND s{} def", "EXPIRE s{} 1000"];
        for line in again {
            call(&mut connection, &line.replace("{}", &n.to_string()));
        }
    }
    let before = dump(&server);
    assert_eq!(before.len(), 90);
    for program in [guarda(), Program::reference()] {
        server.kill9();
        server.replace_program(program);
        server.restart().unwrap();
        assert_same(&before, &dump(&server), &server.name());
    }
}

#[test]
fn expiries_are_the_same_moments_after_a_restart_however_long_it_took() {
    let mut server = Server::start(logged()).unwrap();
    let mut connection = server.connect().unwrap();
    let soon = unix_ms() + 1_500;
    for line in [
        "SETEX a 1000 v",
        "SET b v PX 1234567",
        "SET c v",
        "EXPIRE c 777",
        "HSET d f v",
        "EXPIREAT d 33177117420",
        "GETEX b EX 2000",
        "SET e v EX 500",
        "SET e w KEEPTTL",
        "SET f v EX 500",
        "APPEND f w",
        "RENAME f g",
        "COPY g h",
    ] {
        call(&mut connection, line);
    }
    call(&mut connection, &format!("SET soon v PXAT {soon}"));
    call(&mut connection, &format!("SET soon-incremented 1 PXAT {soon}"));
    call(&mut connection, "INCR soon-incremented");
    let all = dump(&server);
    assert!(all.entries.iter().filter(|entry| entry.expires_at_ms > 0).count() >= 9);
    server.kill9();
    server.restart().unwrap();
    // A replayed key has not been idle since 1970.
    let idle = call(&mut server.connect().unwrap(), "OBJECT IDLETIME c").integer();
    assert!(idle.is_some_and(|seconds| (0..3_600).contains(&seconds)), "{idle:?}");
    let again = dump(&server);
    let late = unix_ms() >= soon;
    assert!(
        late || all.differences(&again, 0, 9).is_empty(),
        "{:?}",
        all.differences(&again, 0, 9)
    );
    rewrite(&mut server.connect().unwrap());
    server.kill9();
    // What comes to its end while no server runs is gone, not begun anew.
    assert!(await_true(LIMIT, || unix_ms() > soon));
    server.restart().unwrap();
    let mut left = all;
    left.entries.retain(|entry| !entry.key.starts_with(b"soon"));
    let mut connection = server.connect().unwrap();
    assert_eq!(call(&mut connection, "EXISTS soon soon-incremented"), Frame::Integer(0));
    assert!(await_true(LIMIT, || call(&mut connection, "DBSIZE").integer()
        == Some(left.entries.len() as i64)));
    assert_same(&left, &dump(&server), "after both restarts");
}

#[test]
fn a_full_memory_refuses_writes_with_redis_s_words_until_something_goes() {
    let exact = Frame::Error(b"OOM command not allowed when used memory > 'maxmemory'.".into());
    let spec = ServerSpec::new(guarda()).with("maxmemory-policy", "noeviction");
    let server = Server::start(spec).unwrap();
    let mut connection = server.connect().unwrap();
    let limit = info_number(&mut connection, "used_memory") + 8_000_000;
    call(&mut connection, &format!("CONFIG SET maxmemory {limit}"));
    let value = "v".repeat(10_000);
    let full = (0..10_000).find(|n| {
        let reply = ask(&mut connection, &format!("SET k{n} {value}"));
        assert!(!reply.is_error() || reply == exact, "{reply}");
        reply.is_error()
    });
    let full = full.expect("the limit is reached");
    assert!(full > 100, "refused after {full} keys already");
    assert!(info_number(&mut connection, "used_memory") > limit - 2_000_000);
    // What may take memory is refused; what cannot is not.
    for line in ["SET other v", "HSET h f v", "APPEND k0 x", "INCR n", "GETSET k0 v"] {
        assert_eq!(ask(&mut connection, line), exact, "{line}");
    }
    for line in ["GET k0", "EXPIRE k1 100", "DEL k2", "PERSIST k1", "HGETALL h", "RENAME k1 k2"] {
        call(&mut connection, line);
    }
    call(&mut connection, "MULTI");
    assert_eq!(ask(&mut connection, "SET k v"), exact);
    assert!(ask(&mut connection, "EXEC").to_string().starts_with("-EXECABORT"));

    let half: Vec<_> = (0..full / 2).map(|n| words(&format!("DEL k{n}"))).collect();
    all_well(&mut connection, &half);
    let accepted = await_true(LIMIT, || !ask(&mut connection, "SET other v").is_error());
    assert!(accepted, "{}", info(&mut connection, "used_memory"));
    await_idle(&mut connection);
}
