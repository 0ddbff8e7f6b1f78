//! SESSION from outside: exact counters, order of grants, and everything that may end a lock or a
//! wait.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use guarda_testkit::connection::{Connection, encode};
use guarda_testkit::deadline::await_true;
use guarda_testkit::prng::Prng;
use guarda_testkit::reply::Frame;
use guarda_testkit::server::{Program, Server, ServerSpec};
use support::sessions::{KEY, LOCK, answer, commit, open, queued, send_open, token, with_holder};
use support::{SOON, await_count, call, count, spec, start, text};

/// phpredis's unlock, sent as phpredis sends it.
const UNLOCK: &str = "if redis.call(\"get\",KEYS[1]) == ARGV[1] then return \
                      redis.call(\"del\",KEYS[1]) else return 0 end";

/// One request: reads the number, adds one, writes it.
fn increment(connection: &mut Connection) {
    let token = token();
    let opened = open(connection, &token, "WAIT 60000");
    assert_eq!(opened.status, "OK");
    let number: u64 =
        opened.data.as_ref().map_or(0, |data| String::from_utf8_lossy(data).parse().unwrap());
    assert_eq!(commit(connection, &token, &opened, &(number + 1).to_string()), "OK");
}

/// One request of phpredis: polls for the lock, reads, writes, unlocks. Returns its tries.
fn increment_as_phpredis(connection: &mut Connection, sha1: &str, name: &str) -> u32 {
    let mut tries = 1;
    while call(connection, &format!("SET {LOCK} {name} NX PX 30000")) != "OK" {
        assert!(tries < 2_000, "starved");
        tries += 1;
        // What is tested is a client that polls: phpredis waits 20 ms between two tries.
        std::thread::sleep(Duration::from_millis(20));
    }
    let number: u64 = call(connection, &format!("GET {KEY}")).parse().unwrap_or(0);
    call(connection, &format!("SETEX {KEY} 1440 {}", number + 1));
    assert_eq!(call(connection, &format!("EVALSHA {sha1} 1 {LOCK} {name}")), "1");
    tries
}

// Exactness ----------------------------------------------------------------------------------------

#[test]
fn parallel_requests_of_one_session_lose_no_update() {
    const CLIENTS: u64 = 16;
    const EACH: u64 = 40;
    let server = start(&[("io-threads", "2")]);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut connection = server.connect().unwrap();
                (0..EACH).for_each(|_| increment(&mut connection));
            });
        }
    });
    let mut control = server.connect().unwrap();
    assert_eq!(call(&mut control, &format!("GET {KEY}")), (CLIENTS * EACH).to_string());
    assert_eq!(call(&mut control, &format!("EXISTS {LOCK}")), "0");
    assert_eq!(count(&mut control, "sessions_committed"), CLIENTS * EACH);
    assert_eq!(count(&mut control, "session_waiters"), 0);
    assert_eq!(count(&mut control, "session_locks_held"), 0);
}

#[test]
fn phpredis_and_native_clients_share_a_session_exactly() {
    const EACH: u64 = 25;
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let sha1 = text(&control.call(&["SCRIPT", "LOAD", UNLOCK]).unwrap());
    std::thread::scope(|scope| {
        for n in 0..6 {
            let (server, sha1) = (&server, &sha1);
            scope.spawn(move || {
                let mut connection = server.connect().unwrap();
                for _ in 0..EACH {
                    if n % 2 == 0 {
                        increment(&mut connection);
                    } else {
                        increment_as_phpredis(&mut connection, sha1, &format!("host{n}"));
                    }
                }
            });
        }
    });
    assert_eq!(call(&mut control, &format!("GET {KEY}")), (6 * EACH).to_string());
}

#[test]
fn locks_are_granted_in_the_order_of_arrival() {
    let server = start(&[("io-threads", "2")]);
    let mut control = server.connect().unwrap();
    let (mut holder, held, opened) = with_holder(&server);
    let mut waiters: Vec<_> = (1..=8).map(|n| queued(&server, &mut control, n)).collect();
    let locks = control.call(&["SESSION", "LOCKS"]).unwrap();
    let card = locks.elements().unwrap()[0].pairs().unwrap();
    assert_eq!(text(&card[0].1), KEY);
    assert_eq!(card.last().unwrap().1.elements().unwrap().len(), 8);
    assert_eq!(commit(&mut holder, &held, &opened, "0"), "OK");
    for (n, (waiter, token)) in waiters.iter_mut().enumerate() {
        let opened = answer(waiter);
        assert_eq!(opened.data.as_deref(), Some(n.to_string().as_bytes()), "out of order");
        assert_eq!(commit(waiter, token, &opened, &(n + 1).to_string()), "OK");
    }
}

#[test]
fn a_wait_ends_when_its_time_runs_out() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let (_holder, ..) = with_holder(&server);
    let busy = open(&mut control, &token(), "WAIT 120");
    assert_eq!(busy.status, "BUSY");
    assert!((120..10_000).contains(&busy.waited_ms), "{busy:?}");
    assert_eq!(call(&mut control, "PING"), "PONG", "the connection goes on");
    assert_eq!(count(&mut control, "session_waits_timed_out"), 1);
    assert_eq!(count(&mut control, "session_waiters"), 0);
}

#[test]
fn commands_behind_a_wait_are_answered_after_it() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let (mut holder, held, opened) = with_holder(&server);
    let mut waiter = server.connect().unwrap();
    let mut bytes = Vec::new();
    encode(&mut bytes, &["SESSION", "OPEN", KEY, &token(), "WAIT", "60000"]);
    encode(&mut bytes, &["ECHO", "behind"]);
    waiter.send_raw(&bytes).unwrap();
    await_count(&mut control, "session_waiters", 1);
    commit(&mut holder, &held, &opened, "x");
    assert_eq!(answer(&mut waiter).data.as_deref(), Some(&b"x"[..]));
    assert_eq!(text(&waiter.read().unwrap()), "behind");
}

// What ends a lock, and a wait ---------------------------------------------------------------------

#[test]
fn a_holder_that_disconnects_frees_its_lock_at_once() {
    let server = start(&[("io-threads", "2")]);
    let mut control = server.connect().unwrap();
    let (holder, ..) = with_holder(&server);
    let (mut waiter, _) = queued(&server, &mut control, 1);
    drop(holder);
    let opened = answer(&mut waiter);
    assert_eq!(opened.status, "OK");
    await_count(&mut control, "session_releases_disconnect", 1);
    assert_eq!(call(&mut control, &format!("EXISTS {LOCK}")), "1", "now the waiter's");
    drop(waiter);
    let freed = await_true(SOON, || call(&mut control, &format!("EXISTS {LOCK}")) == "0");
    assert!(freed);
}

#[test]
fn a_waiter_that_disconnects_is_skipped() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let (mut holder, held, opened) = with_holder(&server);
    let (first, _) = queued(&server, &mut control, 1);
    let (mut second, _) = queued(&server, &mut control, 2);
    drop(first);
    await_count(&mut control, "session_waiters", 1);
    commit(&mut holder, &held, &opened, "x");
    assert_eq!(answer(&mut second).status, "OK");
}

#[test]
fn client_kill_ends_locks_and_waits() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let (mut holder, ..) = with_holder(&server);
    let id = call(&mut holder, "CLIENT ID");
    let mut first = server.connect().unwrap();
    let first_id = call(&mut first, "CLIENT ID");
    send_open(&mut first, &token(), "WAIT 60000");
    await_count(&mut control, "session_waiters", 1);
    let (mut second, _) = queued(&server, &mut control, 2);
    assert_eq!(call(&mut control, &format!("CLIENT KILL ID {first_id}")), "1");
    await_count(&mut control, "session_waiters", 1);
    assert_eq!(call(&mut control, &format!("CLIENT KILL ID {id}")), "1");
    assert_eq!(answer(&mut second).status, "OK");
}

#[test]
fn flushall_gives_the_lock_to_the_next_and_refuses_the_late_commit() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    call(&mut control, &format!("SETEX {KEY} 1440 old"));
    let (mut holder, held, opened) = with_holder(&server);
    let (mut waiter, waiting) = queued(&server, &mut control, 1);
    assert_eq!(call(&mut control, "FLUSHALL"), "OK");
    let empty = answer(&mut waiter);
    assert_eq!((empty.status.as_str(), empty.data.as_deref()), ("OK", None));
    assert_eq!(commit(&mut holder, &held, &opened, "late"), "LOCKLOST");
    assert_eq!(commit(&mut waiter, &waiting, &empty, "new"), "OK");
    assert_eq!(call(&mut control, &format!("GET {KEY}")), "new");
}

#[test]
fn an_expired_phpredis_lock_goes_to_the_waiter() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    call(&mut control, &format!("SET {LOCK} dead-worker NX PX 300"));
    let opened = open(&mut control, &token(), "WAIT 60000");
    assert_eq!(opened.status, "OK");
    assert!((200..2_000).contains(&opened.waited_ms), "{opened:?}");
}

#[test]
fn a_waiting_client_is_not_idle() {
    let server = start(&[("timeout", "1")]);
    let mut waiter = server.connect().unwrap();
    call(&mut waiter, &format!("SET {LOCK} worker NX PX 3500"));
    let opened = open(&mut waiter, &token(), "WAIT 60000");
    assert_eq!(opened.status, "OK");
    assert_eq!(call(&mut waiter, "PING"), "PONG");
}

#[test]
fn phpredis_unlocking_by_script_wakes_the_waiter_without_delay() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let sha1 = text(&control.call(&["SCRIPT", "LOAD", UNLOCK]).unwrap());
    call(&mut control, &format!("SET {LOCK} worker NX PX 30000"));
    let (mut waiter, _) = queued(&server, &mut control, 1);
    assert_eq!(call(&mut control, &format!("EVALSHA {sha1} 1 {LOCK} worker")), "1");
    assert_eq!(answer(&mut waiter).status, "OK");
    // A script of one's own, on the script thread, does as well.
    let (mut second, _) = queued(&server, &mut control, 1);
    let script = "redis.call('DEL', KEYS[1]) return 7";
    assert_eq!(control.call(&["EVAL", script, "1", LOCK]).unwrap(), Frame::Integer(7));
    assert_eq!(answer(&mut second).status, "OK");
}

#[test]
fn a_lock_is_renewed_while_its_connection_lives() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let mut holder = server.connect().unwrap();
    let opened = open(&mut holder, &token(), "LEASE 400");
    assert_eq!(opened.status, "OK");
    let first = call(&mut control, &format!("PEXPIRETIME {LOCK}"));
    let renewed = await_true(SOON, || {
        let now = call(&mut control, &format!("PEXPIRETIME {LOCK}"));
        assert_ne!(now, "-2", "the lock expired under its connection");
        now.parse::<i64>().unwrap() > first.parse::<i64>().unwrap() + 800
    });
    assert!(renewed);
}

#[test]
fn clients_that_vanish_while_holding_or_waiting_lose_nobody_elses_update() {
    const CLIENTS: u64 = 12;
    const EACH: u64 = 60;
    let server = start(&[("io-threads", "2")]);
    let committed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for seed in 0..CLIENTS {
            let (server, committed) = (&server, &committed);
            scope.spawn(move || {
                let mut prng = Prng::new(seed);
                let mut connection = server.connect().unwrap();
                for _ in 0..EACH {
                    let token = token();
                    send_open(&mut connection, &token, "WAIT 60000");
                    if prng.percent(15) {
                        // Gone before its answer: waiting, or served on the way.
                        connection = server.connect().unwrap();
                        continue;
                    }
                    let opened = answer(&mut connection);
                    assert_eq!(opened.status, "OK");
                    if prng.percent(15) {
                        connection = server.connect().unwrap();
                        continue;
                    }
                    let data = opened.data.as_ref().map(|data| String::from_utf8_lossy(data));
                    let number: u64 = data.map_or(0, |data| data.parse().unwrap());
                    let next = (number + 1).to_string();
                    assert_eq!(commit(&mut connection, &token, &opened, &next), "OK");
                    committed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let mut control = server.connect().unwrap();
    await_count(&mut control, "session_locks_held", 0);
    await_count(&mut control, "session_waiters", 0);
    let expected = committed.load(Ordering::Relaxed);
    assert!(expected > CLIENTS * EACH / 2);
    assert_eq!(call(&mut control, &format!("GET {KEY}")), expected.to_string());
    assert_eq!(call(&mut control, &format!("EXISTS {LOCK}")), "0");
}

// Destroyed sessions -------------------------------------------------------------------------------

#[test]
fn a_late_commit_never_brings_a_destroyed_session_back() {
    let server = start(&[("io-threads", "2")]);
    for lock in ["", "NOLOCK"] {
        for round in 0..50 {
            let mut late = server.connect().unwrap();
            let mut logout = server.connect().unwrap();
            call(&mut logout, "FLUSHALL");
            call(&mut logout, &format!("SETEX {KEY} 1440 user"));
            let held = token();
            let opened = open(&mut late, &held, lock);
            let generation = &opened.generation;
            let commit =
                format!("SESSION COMMIT {KEY} {held} {generation} TTL 9000000 {lock} DATA back");
            let destroy = format!("SESSION DESTROY {KEY} {} NONCE n{round}", token());
            let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            late.send(&words(&commit)).unwrap();
            logout.send(&words(&destroy)).unwrap();
            let (late_answer, destroyed) = (late.read().unwrap(), logout.read().unwrap());
            assert!(matches!(text(&late_answer).as_str(), "OK" | "DESTROYED"));
            assert_eq!(destroyed, Frame::Integer(1));
            assert_eq!(call(&mut logout, &format!("EXISTS {KEY}")), "0", "it came back");
            let again = format!("{commit}-again");
            assert_eq!(call(&mut late, &again), "DESTROYED");
        }
    }
}

// Restarts and other servers -----------------------------------------------------------------------

fn durable() -> ServerSpec {
    spec().with("appendonly", "yes").with("appendfsync", "everysec")
}

#[test]
fn locks_survive_kill_9_and_are_bound_again_by_their_token() {
    let mut server = Server::start(durable()).unwrap();
    let mut control = server.connect().unwrap();
    call(&mut control, &format!("SETEX {KEY} 1440 one"));
    call(&mut control, "SET other_LOCK phpredis NX PX 60000");
    let (_holder, held, opened) = with_holder(&server);
    assert!(await_true(SOON, || log_holds(&server, &held)), "written without another command");
    server.kill9();
    server.restart().unwrap();
    let mut control = server.connect().unwrap();
    let left: i64 = call(&mut control, &format!("PTTL {LOCK}")).parse().unwrap();
    assert!((1..=5_000).contains(&left), "bound to nobody: {left}");
    let foreign: i64 = call(&mut control, "PTTL other_LOCK").parse().unwrap();
    assert!(foreign > 30_000, "phpredis's locks end by their own TTL: {foreign}");
    assert_eq!(open(&mut control, &token(), "").status, "BUSY");
    // The one who held it comes back with its token, and goes on where it was.
    assert_eq!(open(&mut control, &held, "").generation, opened.generation);
    let left: i64 = call(&mut control, &format!("PTTL {LOCK}")).parse().unwrap();
    assert!(left > 50_000, "bound again: {left}");
    assert_eq!(commit(&mut control, &held, &opened, "two"), "OK");
    assert_eq!(call(&mut control, &format!("GET {KEY}")), "two");
}

/// Whether these bytes are in the append log.
fn log_holds(server: &Server, text: &str) -> bool {
    let files = fs::read_dir(server.dir().join("appendonlydir")).unwrap();
    let mut bytes = files.map(|entry| fs::read(entry.unwrap().path()).unwrap());
    bytes.any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[test]
fn a_lock_that_is_lost_with_the_server_costs_no_update() {
    let mut server = Server::start(durable()).unwrap();
    for round in 0..6 {
        let mut control = server.connect().unwrap();
        call(&mut control, &format!("SETEX {KEY} 1440 old{round}"));
        call(&mut control, &format!("DEL {LOCK}"));
        let (_holder, first, opened) = with_holder(&server);
        // Its record may be in the log by now, and mostly is not.
        server.kill9();
        server.restart().unwrap();
        let mut control = server.connect().unwrap();
        let second = token();
        let other = open(&mut control, &second, "");
        let (expected, left) = if round % 2 == 0 && other.status == "OK" {
            assert_eq!(other.data, opened.data);
            assert_eq!(commit(&mut control, &second, &other, "second"), "OK");
            ("LOCKLOST", "second")
        } else {
            // Nobody wrote meanwhile: the first finds all as it left it.
            call(&mut control, &format!("SESSION RELEASE {KEY} {second}"));
            ("OK", "first")
        };
        let mut holder = server.connect().unwrap();
        assert_eq!(commit(&mut holder, &first, &opened, "first"), expected);
        assert_eq!(call(&mut control, &format!("GET {KEY}")), left);
    }
}

#[test]
fn under_appendfsync_always_commits_are_kept_and_locks_pass_on() {
    let mut server = Server::start(durable().with("appendfsync", "always")).unwrap();
    let mut control = server.connect().unwrap();
    let (mut holder, held, opened) = with_holder(&server);
    let (mut waiter, waiting) = queued(&server, &mut control, 1);
    assert_eq!(commit(&mut holder, &held, &opened, "1"), "OK");
    assert_eq!(answer(&mut waiter).data.as_deref(), Some(&b"1"[..]));
    assert_eq!(call(&mut waiter, &format!("SESSION RELEASE {KEY} {waiting}")), "1");
    server.kill9();
    server.restart().unwrap();
    let mut control = server.connect().unwrap();
    assert_eq!(call(&mut control, &format!("GET {KEY}")), "1");
    assert_eq!(call(&mut control, &format!("EXISTS {LOCK}")), "0");
}

#[test]
fn a_snapshot_with_sessions_and_their_users_is_loaded_by_redis() {
    let user = "5e884898da28047151d0e56f8dc6292773603d0d6aabbd62a11ef721d1542d8e";
    let server = start(&[]);
    let mut connection = server.connect().unwrap();
    let own = token();
    let opened = open(&mut connection, &own, "WAIT 0");
    let generation = &opened.generation;
    let stored =
        format!("SESSION COMMIT {KEY} {own} {generation} TTL 7200000 TAG {user} DATA n|i:1;");
    assert_eq!(call(&mut connection, &stored), "OK");
    assert_eq!(call(&mut connection, "SAVE"), "OK");
    let content = fs::read(server.dir().join("dump.rdb")).unwrap();
    let redis = ServerSpec::new(Program::reference()).with_file("dump.rdb", content);
    let redis = Server::start(redis).unwrap();
    let mut there = redis.connect().unwrap();
    assert_eq!(call(&mut there, "DBSIZE"), "2");
    assert_eq!(call(&mut there, &format!("GET {KEY}")), "n|i:1;");
    assert_eq!(call(&mut there, &format!("GET {KEY}_TAG")), user);
    for key in [KEY.to_owned(), format!("{KEY}_TAG")] {
        let ttl: i64 = call(&mut there, &format!("PTTL {key}")).parse().unwrap();
        assert!((7_100_000..=7_200_000).contains(&ttl), "{key}: {ttl}");
    }
}

#[test]
fn acknowledged_commits_survive_kill_9_and_a_redis_loads_the_log() {
    let mut server = Server::start(durable()).unwrap();
    let mut control = server.connect().unwrap();
    let (mut holder, held, opened) = with_holder(&server);
    let (mut waiter, waiting) = queued(&server, &mut control, 1);
    assert_eq!(commit(&mut holder, &held, &opened, "1"), "OK");
    let opened = answer(&mut waiter);
    assert_eq!(commit(&mut waiter, &waiting, &opened, "2"), "OK");
    let destroy = format!("SESSION DESTROY gone {} NONCE n1", token());
    assert_eq!(call(&mut control, &destroy), "0");
    let last = token();
    assert_eq!(open(&mut holder, &last, "").status, "OK");
    let rest = call(&mut holder, &format!("SESSION TOUCH {KEY} {last} TTL 7200000"));
    assert_eq!(rest, "OK");
    server.kill9();
    let mut redis = ServerSpec::new(Program::reference())
        .with("appendonly", "yes")
        .with("aof-load-truncated", "no");
    for entry in fs::read_dir(server.dir().join("appendonlydir")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        redis = redis.with_file(format!("appendonlydir/{name}"), fs::read(&path).unwrap());
    }
    let redis = Server::start(redis).unwrap();
    server.restart().unwrap();
    for server in [&redis, &server] {
        let mut connection = server.connect().unwrap();
        assert_eq!(call(&mut connection, &format!("GET {KEY}")), "2");
        assert_eq!(call(&mut connection, &format!("EXISTS {LOCK}")), "0");
        assert_eq!(call(&mut connection, "GET gone_GONE"), "n1");
        let ttl: i64 = call(&mut connection, &format!("PTTL {KEY}")).parse().unwrap();
        assert!((7_000_000..=7_200_000).contains(&ttl), "{ttl}");
    }
}
