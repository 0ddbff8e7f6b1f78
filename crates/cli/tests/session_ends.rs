//! What waits for a session survives only what it should: every way in which a lock, a wait or a
//! connection may end, on a real server.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::io::Write as _;
use std::process::{Command, Stdio};

use guarda_testkit::deadline::await_true;
use support::sessions::{KEY, LOCK, answer, commit, open, queued, send_open, token, with_holder};
use support::{SOON, await_count, call, count, start, text};

#[test]
fn a_holder_killed_with_9_frees_its_lock_at_once() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let mut holder = Command::new("redis-cli")
        .args(["-p", &server.port().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let line = format!("SESSION OPEN {KEY} {} LEASE 600000\n", token());
    holder.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    await_count(&mut control, "session_locks_held", 1);
    let (mut waiter, _) = queued(&server, &mut control, 1);
    holder.kill().unwrap();
    assert_eq!(answer(&mut waiter).status, "OK");
    await_count(&mut control, "session_releases_disconnect", 1);
    holder.wait().unwrap();
}

#[test]
fn reset_frees_the_locks_as_the_end_of_the_connection_would() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let (mut holder, held, opened) = with_holder(&server);
    let (mut waiter, _) = queued(&server, &mut control, 1);
    call(&mut holder, "MULTI");
    assert_eq!(call(&mut holder, "RESET"), "RESET");
    assert_eq!(answer(&mut waiter).status, "OK");
    assert_eq!(commit(&mut holder, &held, &opened, "late"), "LOCKLOST");
    await_count(&mut control, "session_releases_disconnect", 1);
}

#[test]
fn client_kill_is_a_cause_of_its_own() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let (mut holder, ..) = with_holder(&server);
    let id = call(&mut holder, "CLIENT ID");
    let (mut waiter, _) = queued(&server, &mut control, 1);
    assert_eq!(call(&mut control, &format!("CLIENT KILL ID {id}")), "1");
    assert_eq!(answer(&mut waiter).status, "OK");
    await_count(&mut control, "session_releases_kill", 1);
    assert_eq!(count(&mut control, "session_releases_disconnect"), 0);
}

#[test]
fn swapdb_leaves_the_wait_in_its_database_and_takes_the_lock_away() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let (mut holder, held, opened) = with_holder(&server);
    let (mut waiter, waiting) = queued(&server, &mut control, 1);
    assert_eq!(call(&mut control, "SWAPDB 2 3"), "OK");
    assert_eq!(count(&mut control, "session_waiters"), 1, "other databases are no concern");
    assert_eq!(call(&mut control, "SWAPDB 0 1"), "OK");
    let empty = answer(&mut waiter);
    assert_eq!((empty.status.as_str(), empty.data.as_deref()), ("OK", None));
    assert_eq!(commit(&mut holder, &held, &opened, "late"), "LOCKLOST");
    assert_eq!(commit(&mut waiter, &waiting, &empty, "new"), "OK");
    await_count(&mut control, "session_releases_swap", 1);
    // The lock that went to database 1 is nobody's, and ends by its lease.
    drop(holder);
    call(&mut control, "SELECT 1");
    assert_eq!(call(&mut control, &format!("EXISTS {LOCK}")), "1");
    let left: i64 = call(&mut control, &format!("PTTL {LOCK}")).parse().unwrap();
    assert!((1..=60_000).contains(&left), "{left}");
}

#[test]
fn swapdb_may_bring_a_lock_to_wait_for() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    call(&mut control, "SELECT 1");
    call(&mut control, &format!("SET {LOCK} worker PX 60000"));
    call(&mut control, "SELECT 0");
    let (holder, ..) = with_holder(&server);
    let (mut waiter, _) = queued(&server, &mut control, 1);
    call(&mut control, "SWAPDB 0 1");
    drop(holder);
    await_count(&mut control, "connected_clients", 2);
    assert_eq!(count(&mut control, "session_waiters"), 1, "phpredis has the lock now");
    call(&mut control, &format!("DEL {LOCK}"));
    assert_eq!(answer(&mut waiter).status, "OK");
}

#[test]
fn a_renamed_lock_is_a_free_one() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let (mut holder, held, opened) = with_holder(&server);
    let (mut waiter, waiting) = queued(&server, &mut control, 1);
    assert_eq!(call(&mut control, &format!("RENAME {LOCK} elsewhere")), "OK");
    let mine = answer(&mut waiter);
    assert_eq!(mine.status, "OK");
    assert_eq!(commit(&mut holder, &held, &opened, "late"), "LOCKLOST");
    assert_eq!(commit(&mut waiter, &waiting, &mine, "new"), "OK");
    await_count(&mut control, "session_releases_deleted", 1);
}

#[test]
fn an_overwritten_lock_is_its_new_owners_until_it_ends() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let (mut holder, held, opened) = with_holder(&server);
    let (mut waiter, _) = queued(&server, &mut control, 1);
    assert_eq!(call(&mut control, &format!("SET {LOCK} worker PX 400")), "OK");
    assert_eq!(commit(&mut holder, &held, &opened, "late"), "LOCKLOST");
    await_count(&mut control, "session_releases_replaced", 1);
    assert_eq!(answer(&mut waiter).status, "OK", "once the worker's lock has expired");
}

/// As newer clients release their locks.
#[test]
fn a_lock_that_is_deleted_for_what_it_holds_goes_to_the_first_who_waits() {
    for (with_token, with_another) in
        [("DELIFEQ {} {}", "DELIFEQ {} x"), ("DELEX {} IFEQ {}", "DELEX {} IFNE {}")]
    {
        let server = start(&[]);
        let mut control = server.connect().unwrap();
        call(&mut control, &format!("SET {LOCK} worker PX 60000"));
        let mut waiters = [1, 2].map(|n| queued(&server, &mut control, n).0);
        let command = |line: &str| line.replacen("{}", LOCK, 1).replacen("{}", "worker", 1);
        assert_eq!(call(&mut control, &command(with_another)), "0");
        assert_eq!(count(&mut control, "session_waiters"), 2);
        assert_eq!(call(&mut control, &command(with_token)), "1");
        assert_eq!(answer(&mut waiters[0]).status, "OK", "{with_token}");
        assert_eq!(count(&mut control, "session_waiters"), 1);
    }
}

/// A RESTORE over a lock is a SET, over a session's data a write from outside.
#[test]
fn a_restored_lock_is_its_new_owners_until_it_ends() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    call(&mut control, "SET worker worker");
    let payload = control.call(&["DUMP", "worker"]).unwrap();
    let payload = payload.text().unwrap();
    let (mut holder, held, opened) = with_holder(&server);
    let (mut waiter, _) = queued(&server, &mut control, 1);
    let args = [&b"RESTORE"[..], LOCK.as_bytes(), b"400", payload, b"REPLACE"];
    assert_eq!(text(&control.call(&args).unwrap()), "OK");
    assert_eq!(commit(&mut holder, &held, &opened, "late"), "LOCKLOST");
    await_count(&mut control, "session_releases_replaced", 1);
    assert_eq!(answer(&mut waiter).status, "OK", "once the restored lock has expired");

    // One of another type, or one that is due already, leaves no lock at all.
    call(&mut control, "RPUSH list worker");
    let list = control.call(&["DUMP", "list"]).unwrap();
    let (mut next, _) = queued(&server, &mut control, 1);
    let args = [&b"RESTORE"[..], LOCK.as_bytes(), b"1", payload, b"REPLACE", b"ABSTTL"];
    assert_eq!(text(&control.call(&args).unwrap()), "OK");
    assert_eq!(answer(&mut next).status, "OK");
    let (mut last, _) = queued(&server, &mut control, 1);
    let args = [&b"RESTORE"[..], LOCK.as_bytes(), b"0", list.text().unwrap(), b"REPLACE"];
    assert_eq!(text(&control.call(&args).unwrap()), "OK");
    call(&mut control, &format!("DEL {LOCK}"));
    assert_eq!(answer(&mut last).status, "OK");
}

#[test]
fn a_restored_session_is_what_the_next_request_reads() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let (mut holder, held, opened) = with_holder(&server);
    assert_eq!(commit(&mut holder, &held, &opened, "first"), "OK");
    let payload = control.call(&["DUMP", KEY]).unwrap();
    let second = open(&mut holder, &token(), "");
    call(&mut control, &format!("DEL {KEY} {LOCK}"));
    let args = [&b"RESTORE"[..], KEY.as_bytes(), b"100000", payload.text().unwrap()];
    assert_eq!(text(&control.call(&args).unwrap()), "OK");
    let third = open(&mut holder, &token(), "");
    assert_eq!((third.status.as_str(), third.data), ("OK", second.data));
}

#[test]
fn flushdb_of_another_database_frees_nothing() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let (holder, ..) = with_holder(&server);
    let (mut waiter, _) = queued(&server, &mut control, 1);
    call(&mut control, "SELECT 1");
    call(&mut control, "FLUSHDB");
    assert_eq!(count(&mut control, "session_waiters"), 1);
    call(&mut control, "SELECT 0");
    call(&mut control, "FLUSHDB");
    assert_eq!(answer(&mut waiter).status, "OK");
    await_count(&mut control, "session_releases_flush", 1);
    drop(holder);
}

#[test]
fn no_lock_outlives_the_longest_hold() {
    let server = start(&[("session-lock-max-hold", "1")]);
    let mut control = server.connect().unwrap();
    let (_holder, ..) = with_holder(&server);
    let (mut waiter, _) = queued(&server, &mut control, 1);
    assert_eq!(answer(&mut waiter).status, "OK", "though the holder's connection lives");
    await_count(&mut control, "session_releases_expiry", 1);
}

#[test]
fn nobody_waits_across_a_restart() {
    let spec = support::spec().with("appendonly", "yes").with("session-restart-lease", "1");
    let mut server = guarda_testkit::server::Server::start(spec).unwrap();
    let mut control = server.connect().unwrap();
    let (_holder, ..) = with_holder(&server);
    let (mut waiter, _) = queued(&server, &mut control, 1);
    server.kill9();
    assert!(waiter.read().is_err(), "its place went with the server");
    server.restart().unwrap();
    let mut control = server.connect().unwrap();
    assert_eq!(count(&mut control, "session_waiters"), 0);
    assert_eq!(call(&mut control, &format!("EXISTS {LOCK}")), "1");
    // The lock is bound to nobody and ends soon; whoever comes now waits for that.
    let opened = open(&mut control, &token(), "WAIT 60000");
    assert_eq!(opened.status, "OK");
}

#[test]
fn a_client_that_polls_gets_its_turn_between_those_that_wait() {
    let server = start(&[("session-fair-after", "2"), ("session-fair-window", "1000")]);
    let mut control = server.connect().unwrap();
    let (mut holder, held, opened) = with_holder(&server);
    let mut waiters: Vec<_> = (1..=4).map(|n| queued(&server, &mut control, n)).collect();
    let take = format!("SET {LOCK} worker NX PX 60000");
    assert_eq!(commit(&mut holder, &held, &opened, "0"), "OK");
    for n in [0, 1] {
        let (waiter, token) = &mut waiters[n];
        let opened = answer(waiter);
        assert_eq!(call(&mut control, &take), "$-1");
        assert_eq!(commit(waiter, token, &opened, "x"), "OK");
    }
    // After two hand-overs the lock is free for a moment, and the poller takes it.
    assert!(await_true(SOON, || call(&mut control, &take) == "OK"));
    assert_eq!(count(&mut control, "session_waiters"), 2, "they wait for it");
    call(&mut control, &format!("SETEX {KEY} 1440 polled"));
    call(&mut control, &format!("DEL {LOCK}"));
    let (third, _) = &mut waiters[2];
    assert_eq!(answer(third).data.as_deref(), Some(&b"polled"[..]));
}

#[test]
fn session_locks_says_which_page_holds_a_session() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let mut holder = server.connect().unwrap();
    let opened = open(&mut holder, &token(), "HOLDER web1 4711 /report.php");
    assert_eq!(opened.status, "OK");
    let mut waiter = server.connect().unwrap();
    send_open(&mut waiter, &token(), "WAIT 60000 HOLDER web2 4712 /ajax.php");
    await_count(&mut control, "session_waiters", 1);
    let locks = control.call(&["SESSION", "LOCKS"]).unwrap().to_string();
    let order = ["web1", "4711", "/report.php", "web2", "4712", "/ajax.php"];
    let places = order.map(|part| locks.find(part).unwrap_or_else(|| panic!("{part}: {locks}")));
    assert!(places.is_sorted(), "{locks}");
    assert!(!locks.contains("guarda:"), "tokens are credentials: {locks}");
}
