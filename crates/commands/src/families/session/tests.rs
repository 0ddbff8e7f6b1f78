use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::execute::Worker;
use crate::sessions::{generation_of, release_session_locks, unbind_native_locks};
use crate::testing::{
    Bench, START, array, bulk, err, int, new_client, nil, ok, simple, wrong_type,
};
use crate::waits::{end_wait, tend_shard, wait_ran_out};

pub(in crate::families) const A: &str = "guarda:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(in crate::families) const B: &str = "guarda:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
pub(in crate::families) const C: &str = "guarda:cccccccccccccccccccccccccccccccc";
/// phpredis's own unlock.
const UNLOCK: &str = r#"EVAL "if redis.call(\"get\",KEYS[1]) == ARGV[1] then return redis.call(\"del\",KEYS[1]) else return 0 end" 1 s_LOCK"#;

pub(in crate::families) fn generation(data: &str) -> String {
    String::from_utf8(generation_of(Some(data.as_bytes()))).expect("hexadecimal")
}

/// OPEN's reply for a session that is there.
pub(in crate::families) fn opened(data: &str, waited: i64) -> Vec<u8> {
    array([simple("OK"), bulk(data), bulk(generation(data)), nil(), int(waited)])
}

pub(in crate::families) fn opened_absent(waited: i64) -> Vec<u8> {
    array([simple("OK"), nil(), bulk("absent"), nil(), int(waited)])
}

pub(in crate::families) fn refused(status: &str, waited: i64) -> Vec<u8> {
    array([simple(status), nil(), nil(), nil(), int(waited)])
}

impl Bench {
    /// Runs a command as client `id`, which is new; returns its reply and the client.
    pub(in crate::families) fn as_client(
        &mut self,
        id: u64,
        line: &str,
    ) -> (Vec<u8>, crate::client::Client) {
        let own = self.swap_client(new_client(id));
        let reply = self.run(line);
        (reply, self.swap_client(own))
    }

    /// Parks client `id` on session `s`.
    pub(in crate::families) fn park(&mut self, id: u64, token: &str) -> crate::client::Client {
        let (reply, client) = self.as_client(id, &format!("SESSION OPEN s {token} WAIT 5000"));
        assert_eq!(reply, b"", "client {id} waits");
        assert!(client.waiting.is_some());
        client
    }

    pub(in crate::families) fn delivered(&mut self) -> Vec<(u64, Vec<u8>)> {
        std::mem::take(&mut *self.host.delivered.lock())
    }

    pub(in crate::families) fn tend(&mut self) {
        for index in 0..guarda_store::SHARDS {
            assert!(tend_shard(&self.host, &mut self.worker, index, self.now, Duration::ZERO));
        }
    }

    pub(in crate::families) fn leave(&mut self, client: &mut crate::client::Client) {
        let patience = Duration::ZERO;
        assert!(release_session_locks(client, &self.host, &mut self.worker, self.now, patience));
    }
}

#[test]
fn open_locks_and_commit_writes_and_unlocks() {
    let mut bench = Bench::new();
    bench.check(&format!("SESSION OPEN s {A}"), opened_absent(0));
    bench.check("GET s_LOCK", bulk(A));
    bench.check("PTTL s_LOCK", int(60_000));
    let expires = START.0 + 60_000;
    assert_eq!(bench.journal(), [format!("SET s_LOCK {A} PXAT {expires}")]);
    let commit = format!("SESSION COMMIT s {A} absent TTL 1440000 DATA one");
    let expires = START.0 + 1_440_000;
    bench.check_journal(&commit, &[&format!("SET s one PXAT {expires}"), "DEL s_LOCK"]);
    bench.check("GET s", bulk("one"));
    bench.check("EXISTS s_LOCK", int(0));
    bench.check(&format!("SESSION OPEN s {B}"), opened("one", 0));
    assert_eq!(bench.worker.effects.counters.sessions.sessions_opened, 2);
    assert_eq!(bench.worker.effects.counters.sessions.sessions_committed, 1);
}

#[test]
fn malformed_calls_change_nothing() {
    let mut bench = Bench::new();
    let token =
        err("ERR a session token is 'guarda:' and 32 hexadecimal digits, new for each request");
    for bad in ["x", "guarda:", "guarda:zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"] {
        bench.check(&format!("SESSION OPEN s {bad}"), &token);
        bench.check(&format!("SESSION RELEASE s {bad}"), &token);
    }
    let key = err(
        "ERR a session's key does not end in _LOCK, _GONE, _TAG or _CORRUPT: those are what belongs to it",
    );
    bench.check(&format!("SESSION OPEN s_LOCK {A}"), &key);
    bench.check(&format!("SESSION DESTROY s_GONE {A} NONCE n"), &key);
    for options in ["WAIT", "TTL", "BOGUS", "TTL 5 HOLDER", "HOLDER h 1"] {
        bench.check(&format!("SESSION OPEN s {A} {options}"), err("ERR syntax error"));
    }
    let holder = err(
        "ERR a session's holder is a host of 1 to 255 bytes, a process id, and a URL of 1 to 512 \
         bytes, all of them printable ASCII without spaces",
    );
    let (host, url) = ("h".repeat(256), "u".repeat(513));
    for bad in [
        r#""a b" 1 /"#,
        r#"a 1 "\x1b""#,
        r#""" 1 /"#,
        &format!("{host} 1 /"),
        &format!("h 1 {url}"),
    ] {
        bench.check(&format!("SESSION OPEN s {A} HOLDER {bad}"), &holder);
    }
    bench.check(
        &format!("SESSION OPEN s {A} HOLDER h x /"),
        err("ERR value is not an integer or out of range"),
    );
    bench.check(&format!("SESSION OPEN s {A} HOLDER h -1 /"), err("ERR value is out of range"));
    for options in ["WAIT -1", "LEASE 0", "TTL 0", "MAXWAITERS -1", "TTL 9223372036854775807"] {
        bench.check(&format!("SESSION OPEN s {A} {options}"), err("ERR value is out of range"));
    }
    let commit = format!("SESSION COMMIT s {A} absent");
    bench.check(&format!("{commit} TTL 1 DATA a b"), err("ERR syntax error"));
    bench.check(&format!("{commit} NOLOCK NOLOCK DATA a"), err("ERR syntax error"));
    bench.check(&format!("SESSION TOUCH s {A} NOLOCK NOLOCK"), err("ERR syntax error"));
    bench.check(&format!("SESSION DESTROY s {A} TTL 5"), err("ERR syntax error"));
    assert!(bench.journal().is_empty());
    bench.check("DBSIZE", int(0));
}

#[test]
fn a_holder_may_be_as_long_as_its_limits() {
    let mut bench = Bench::new();
    let (host, url) = ("h".repeat(255), "u".repeat(512));
    let line = format!("SESSION OPEN s {A} HOLDER {host} 4294967295 {url}");
    bench.check(&line, opened_absent(0));
}

#[test]
fn other_types_are_refused_before_anything_is_done() {
    let mut bench = Bench::new();
    bench.make_hash("s");
    bench.check(&format!("SESSION OPEN s {A}"), wrong_type());
    bench.check(&format!("SESSION COMMIT s {A} absent TTL 5000 DATA x"), wrong_type());
    bench.check("EXISTS s_LOCK", int(0));
    bench.make_hash("t_LOCK");
    bench.check(&format!("SESSION OPEN t {A} WAIT 10"), wrong_type());
    bench.check(&format!("SESSION COMMIT t {A} absent TTL 5000 DATA x"), wrong_type());
    bench.check("EXISTS t", int(0));
}

#[test]
fn a_held_lock_is_busy_and_own_token_opens_again() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A} LEASE 9000"));
    bench.check(&format!("SESSION OPEN s {B}"), refused("BUSY", 0));
    bench.check(&format!("SESSION OPEN s {B} WAIT 10 MAXWAITERS 0"), refused("FULL", 0));
    bench.advance(5_000);
    bench.check(&format!("SESSION OPEN s {A} LEASE 9000"), opened_absent(0));
    bench.check("PTTL s_LOCK", int(9_000));
    bench.run("SET t_LOCK somebody-else");
    bench.check(&format!("SESSION OPEN t {A}"), refused("BUSY", 0));
}

#[test]
fn nolock_reads_past_a_lock_and_takes_none() {
    let mut bench = Bench::new();
    bench.run("SET s one PX 3600000");
    bench.run("SET s_LOCK theirs");
    bench.check(&format!("SESSION OPEN s {A} NOLOCK"), opened("one", 0));
    bench.check("GET s_LOCK", bulk("theirs"));
    let commit = format!("SESSION COMMIT s {A} {} TTL 5000 NOLOCK DATA two", generation("one"));
    bench.check(&commit, ok());
    bench.check("GET s", bulk("two"));
    bench.check("GET s_LOCK", bulk("theirs"));
}

#[test]
fn mustexist_takes_no_lock_for_what_is_missing() {
    let mut bench = Bench::new();
    let missing = array([simple("MISSING"), nil(), bulk("absent"), nil(), int(0)]);
    bench.check(&format!("SESSION OPEN s {A} MUSTEXIST"), missing);
    bench.check("EXISTS s_LOCK", int(0));
    assert!(bench.journal().is_empty());
    // Nor does it wait for one that somebody else has: a session may be born under it.
    bench.run("SET s_LOCK phpredis");
    let missing = array([simple("MISSING"), nil(), bulk("absent"), nil(), int(0)]);
    bench.check(&format!("SESSION OPEN s {A} MUSTEXIST WAIT 5000"), missing);
}

#[test]
fn open_sets_the_ttl_and_raises_one_shorter_than_the_lease() {
    let mut bench = Bench::new();
    bench.run("SET s one PX 10");
    bench.run(&format!("SESSION OPEN s {A} LEASE 30000"));
    bench.check("PTTL s", int(30_000));
    bench.run(&format!("SESSION OPEN s {A} LEASE 30000 TTL 90000"));
    bench.check("PTTL s", int(90_000));
    bench.run(&format!("SESSION OPEN s {A} LEASE 30000 TTL 5"));
    bench.check("PTTL s", int(30_000));
    bench.run("PERSIST s");
    bench.run(&format!("SESSION OPEN s {A}"));
    bench.check("PTTL s", int(-1));
}

#[test]
fn waiters_are_served_in_the_order_of_their_arrival() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A}"));
    let _b = bench.park(2, B);
    let _c = bench.park(3, C);
    assert_eq!(gauges(&bench), (1, 2));
    bench.advance(40);
    bench.journal();
    bench.check(&format!("SESSION COMMIT s {A} absent TTL 99000 DATA 1"), ok());
    assert_eq!(bench.delivered(), [(2, opened("1", 40))]);
    let (ttl, lease) = (bench.now.0 + 99_000, bench.now.0 + 60_000);
    let expected = [
        format!("SET s 1 PXAT {ttl}"),
        "DEL s_LOCK".into(),
        format!("SET s_LOCK {B} PXAT {lease}"),
    ];
    assert_eq!(bench.journal(), expected, "the hand-over is journalled with the release");
    bench.advance(2);
    // Any connection that knows the token may commit.
    let commit = format!("SESSION COMMIT s {B} {} TTL 99000 DATA 2", generation("1"));
    bench.check(&commit, ok());
    assert_eq!(bench.delivered(), [(3, opened("2", 42))]);
    bench.check(&format!("SESSION RELEASE s {C}"), int(1));
    assert_eq!(gauges(&bench), (0, 0));
    assert_eq!(bench.worker.effects.counters.sessions.session_waits_served, 2);
}

#[test]
fn whatever_removes_the_lock_wakes_the_first_waiter() {
    let removals = [
        "DEL s_LOCK",
        "UNLINK s_LOCK",
        "GETDEL s_LOCK",
        "RENAME s_LOCK elsewhere",
        "MOVE s_LOCK 1",
        "FLUSHALL",
        "FLUSHDB",
        "PEXPIREAT s_LOCK 1",
    ];
    for removal in removals {
        let mut bench = Bench::new();
        bench.run("SET s_LOCK phpredis PX 30000");
        let _b = bench.park(2, B);
        bench.run(removal);
        assert_eq!(bench.delivered(), [(2, opened_absent(0))], "{removal}");
        bench.check("GET s_LOCK", bulk(B));
    }
    let mut bench = Bench::new();
    bench.run("SET s_LOCK phpredis PX 30000");
    let _b = bench.park(2, B);
    bench.check(&format!("{UNLOCK} another"), int(0));
    assert!(bench.delivered().is_empty());
    bench.check(&format!("{UNLOCK} phpredis"), int(1));
    assert_eq!(bench.delivered().len(), 1, "phpredis's own unlock");
}

#[test]
fn a_transaction_that_frees_and_takes_the_lock_wakes_nobody() {
    let mut bench = Bench::new();
    bench.run("SET s_LOCK phpredis PX 30000");
    let _b = bench.park(2, B);
    for line in ["MULTI", "DEL s_LOCK", "SET s_LOCK other NX PX 30000", "EXEC"] {
        bench.run(line);
    }
    assert!(bench.delivered().is_empty());
    bench.check("GET s_LOCK", bulk("other"));
    bench.run("DEL s_LOCK");
    assert_eq!(bench.delivered().len(), 1);
}

#[test]
fn transactions_do_not_wait() {
    let mut bench = Bench::new();
    bench.run("SET s_LOCK phpredis");
    bench.run("MULTI");
    bench.run(&format!("SESSION OPEN s {B} WAIT 5000"));
    bench.check("EXEC", array([refused("BUSY", 0)]));
}

#[test]
fn an_expired_lock_goes_to_the_first_waiter() {
    let mut bench = Bench::new();
    bench.run("SET s_LOCK phpredis PX 100");
    let _b = bench.park(2, B);
    bench.advance(101);
    bench.check("EXISTS s_LOCK", int(0));
    assert_eq!(bench.delivered(), [(2, opened_absent(101))]);
    bench.check("GET s_LOCK", bulk(B));
    assert_eq!(
        bench.journal()[1..],
        ["DEL s_LOCK".to_owned(), format!("SET s_LOCK {B} PXAT {}", bench.now.0 + 60_000)]
    );
}

#[test]
fn a_wait_ends_at_its_deadline_and_its_place_is_lost() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A}"));
    let mut b = bench.park(2, B);
    let mut c = bench.park(3, C);
    let mut worker = Worker::default();
    let reply = wait_ran_out(&mut b, &bench.host, &mut worker, Duration::from_secs(6));
    assert_eq!(reply, Some(refused("BUSY", 5_000)));
    assert!(b.waiting.is_none() && b.session_locks.is_empty());
    bench.check(&format!("SESSION RELEASE s {A}"), int(1));
    assert_eq!(bench.delivered(), [(3, opened_absent(0))]);
    assert_eq!(
        wait_ran_out(&mut c, &bench.host, &mut worker, Duration::from_mins(1)),
        None,
        "served first"
    );
    end_wait(&mut c, b"", &bench.host, &mut bench.worker);
    assert!(c.waiting.is_none() && c.session_locks.len() == 1);
}

#[test]
fn maxwaiters_counts_those_who_still_wait() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A}"));
    let mut b = bench.park(2, B);
    let line = format!("SESSION OPEN s {C} WAIT 5000 MAXWAITERS 1");
    assert_eq!(bench.as_client(3, &line).0, refused("FULL", 0));
    bench.leave(&mut b);
    assert_eq!(bench.as_client(3, &line).0, b"");
}

#[test]
fn the_end_of_a_connection_frees_its_locks_and_its_place() {
    let mut bench = Bench::new();
    let (_, mut a) = bench.as_client(1, &format!("SESSION OPEN s {A}"));
    let mut b = bench.park(2, B);
    let mut c = bench.park(3, C);
    bench.leave(&mut b);
    bench.leave(&mut a);
    assert_eq!(bench.delivered(), [(3, opened_absent(0))], "the one in between has gone");
    assert_eq!(bench.worker.effects.counters.sessions.session_releases_disconnect, 1);
    // Served, but gone before its reply came: its lock goes at once.
    bench.leave(&mut c);
    bench.check("EXISTS s_LOCK", int(0));
    assert_eq!(gauges(&bench), (0, 0));
}

#[test]
fn a_lock_that_was_rebound_outlives_its_first_connection() {
    let mut bench = Bench::new();
    let (_, mut old) = bench.as_client(1, &format!("SESSION OPEN s {A}"));
    let (_, mut new) = bench.as_client(2, &format!("SESSION OPEN s {A}"));
    bench.leave(&mut old);
    bench.check("GET s_LOCK", bulk(A));
    bench.leave(&mut new);
    bench.check("EXISTS s_LOCK", int(0));
}

#[test]
fn a_connection_holds_a_limited_number_of_locks() {
    let mut bench = Bench::new();
    bench.host.settings.sessions.max_locks_per_client.store(3, Ordering::Relaxed);
    for n in 0..3 {
        bench.check(&format!("SESSION OPEN s{n} {A}"), opened_absent(0));
    }
    let full = err("ERR this connection holds too many session locks");
    bench.check(&format!("SESSION OPEN s {A}"), full);
    bench.check(&format!("SESSION OPEN s0 {A}"), opened_absent(0));
    bench.check(&format!("SESSION OPEN s {A} NOLOCK"), opened_absent(0));
    bench.check(&format!("SESSION RELEASE s0 {A}"), int(1));
    bench.check(&format!("SESSION OPEN s {A}"), opened_absent(0));
}

#[test]
fn the_lease_is_renewed_up_to_the_longest_hold() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A} LEASE 10000"));
    bench.journal();
    bench.advance(4_000);
    bench.tend();
    assert!(bench.journal().is_empty(), "not half over");
    bench.advance(2_000);
    bench.tend();
    assert_eq!(bench.journal(), [format!("PEXPIREAT s_LOCK {}", bench.now.0 + 10_000)]);
    for _ in 0..120 {
        bench.advance(5_000);
        bench.tend();
    }
    bench.check("EXISTS s_LOCK", int(0));
    assert_eq!(gauges(&bench), (0, 0));
}

#[test]
fn a_jump_of_the_wall_clock_frees_no_lock() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A} LEASE 10000"));
    bench.now.0 += 3_600_000;
    bench.tend();
    bench.check("PTTL s_LOCK", int(10_000));
    // Nor for one who comes before anybody has looked after it.
    bench.now.0 += 3_600_000;
    let mut other = new_client(2);
    let own = bench.swap_client(other);
    assert!(bench.run(&format!("SESSION OPEN s {B}")).starts_with(b"*5\r\n+BUSY"));
    other = bench.swap_client(own);
    bench.check("PTTL s_LOCK", int(10_000));
    // But one that was held for as long as it may be is free.
    bench.advance(600_000);
    let own = bench.swap_client(other);
    assert!(bench.run(&format!("SESSION OPEN s {B}")).starts_with(b"*5\r\n+OK"));
    bench.swap_client(own);
}

#[test]
fn a_foreign_lock_is_not_renewed() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A} LEASE 10000"));
    bench.run("SET s_LOCK phpredis PX 100");
    bench.journal();
    bench.advance(60);
    bench.tend();
    assert!(bench.journal().is_empty());
    bench.check("PTTL s_LOCK", int(40));
}

#[test]
fn after_a_hand_over_a_poller_gets_its_chance() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A}"));
    let mut tokens = Vec::new();
    for n in 0..6u64 {
        let token = format!("guarda:{n:032x}");
        drop(bench.park(10 + n, &token));
        tokens.push(token);
    }
    bench.check("SET s_LOCK phpredis NX PX 30000", nil());
    bench.run(&format!("SESSION RELEASE s {A}"));
    assert_eq!(bench.delivered().len(), 1);
    bench.check(&format!("SESSION RELEASE s {}", tokens[0]), int(1));
    assert!(bench.delivered().is_empty(), "left free");
    let (_, at) = *bench.host.tend.lock().last().expect("asked for");
    assert_eq!(at.as_millis(), 1_025);
    // A native client does not jump the queue; the poller may.
    bench.check(&format!("SESSION OPEN s {C}"), refused("BUSY", 0));
    bench.advance(24);
    bench.tend();
    bench.check("SET s_LOCK phpredis NX PX 30000", ok());
    bench.advance(10);
    bench.tend();
    assert!(bench.delivered().is_empty());
    bench.run("DEL s_LOCK");
    assert_eq!(bench.delivered()[0].0, 11, "the queue goes on where it was");
}

#[test]
fn an_unused_chance_passes() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A}"));
    for n in 0..2u64 {
        drop(bench.park(10 + n, &format!("guarda:{n:032x}")));
    }
    bench.run("SETNX s_LOCK phpredis");
    bench.run(&format!("SESSION RELEASE s {A}"));
    bench.run(&format!("SESSION RELEASE s guarda:{:032x}", 0));
    assert_eq!(bench.delivered().len(), 1);
    bench.advance(25);
    bench.tend();
    assert_eq!(bench.delivered().len(), 1);
}

#[test]
fn without_pollers_the_lock_never_stays_free() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A}"));
    for n in 0..9u64 {
        drop(bench.park(10 + n, &format!("guarda:{n:032x}")));
    }
    bench.run(&format!("SESSION RELEASE s {A}"));
    for n in 0..8u64 {
        bench.run(&format!("SESSION RELEASE s guarda:{n:032x}"));
    }
    assert_eq!(bench.delivered().len(), 9);
}

// COMMIT's order -----------------------------------------------------------------------------------

#[test]
fn a_destroyed_session_does_not_come_back() {
    for lock in ["", "NOLOCK"] {
        let mut bench = Bench::new();
        bench.run("SET s one PX 3600000");
        bench.run(&format!("SESSION OPEN s {A} {lock}"));
        bench.check(&format!("SESSION DESTROY s {B} NONCE n1"), int(1));
        bench.check("PTTL s_GONE", int(900_000));
        let late = format!(
            "SESSION COMMIT s {A} {} TTL 5000 {lock} RECREATE DATA late",
            generation("one")
        );
        bench.check(&late, simple("DESTROYED"));
        bench.check("EXISTS s", int(0));
        bench.check("EXISTS s_LOCK", int(0));
        // Whoever opens it after that may use the id again.
        let known = array([simple("OK"), nil(), bulk("absent"), bulk("n1"), int(0)]);
        bench.check(&format!("SESSION OPEN s {C}"), known);
        let reuse = format!("SESSION COMMIT s {C} absent TTL 5000 NONCE n1 DATA new");
        bench.check(&reuse, ok());
        bench.check(&late, simple("DESTROYED"));
        bench.check("GET s", bulk("new"));
    }
}

#[test]
fn destroy_releases_and_wakes_the_next_with_the_nonce() {
    let mut bench = Bench::new();
    bench.run("SET s one PX 3600000");
    bench.run(&format!("SESSION OPEN s {A}"));
    let _b = bench.park(2, B);
    bench.check(&format!("SESSION DESTROY s {A} NONCE n1 TTL 1000"), int(1));
    let woken = array([simple("OK"), nil(), bulk("absent"), bulk("n1"), int(0)]);
    assert_eq!(bench.delivered(), [(2, woken)]);
    bench.check(&format!("SESSION DESTROY s {B} NONCE n2"), int(0));
}

#[test]
fn equal_bytes_are_ok_whoever_holds_the_lock() {
    let mut bench = Bench::new();
    bench.run("SET s same PX 1000");
    bench.run("SET s_LOCK theirs");
    let commit = format!("SESSION COMMIT s {A} absent TTL 7000 DATA same");
    bench.check(&commit, ok());
    bench.check("PTTL s", int(7_000));
    bench.check("GET s_LOCK", bulk("theirs"));
}

#[test]
fn a_lost_lock_writes_only_over_an_unchanged_generation() {
    let mut bench = Bench::new();
    bench.run("SET s one PX 3600000");
    let old = generation("one");
    bench.check(&format!("SESSION COMMIT s {A} {old} TTL 5000 DATA two"), ok());
    bench.check(&format!("SESSION COMMIT s {B} {old} TTL 5000 DATA three"), simple("LOCKLOST"));
    bench.run("SET s_LOCK theirs");
    let commit = format!("SESSION COMMIT s {B} {} TTL 5000 DATA three", generation("two"));
    bench.check(&commit, simple("LOCKLOST"));
    bench.check("GET s", bulk("two"));
    bench.check("GET s_LOCK", bulk("theirs"));
    // What was absent and is there now has changed too.
    bench.run("DEL s_LOCK");
    bench.check(&format!("SESSION COMMIT s {B} absent TTL 5000 DATA x"), simple("LOCKLOST"));
}

#[test]
fn what_vanished_is_recreated_only_on_request() {
    for lock in ["", "NOLOCK"] {
        let mut bench = Bench::new();
        bench.run("SET s one PX 3600000");
        bench.run(&format!("SESSION OPEN s {A} {lock}"));
        bench.run("DEL s");
        let old = generation("one");
        let commit = format!("SESSION COMMIT s {A} {old} TTL 5000 {lock} DATA two");
        bench.check(&commit, simple("VANISHED"));
        bench.check("EXISTS s s_LOCK", int(0));
        bench.run(&format!("SESSION OPEN s {B} {lock}"));
        let commit = format!("SESSION COMMIT s {B} {old} TTL 5000 {lock} RECREATE DATA two");
        bench.check(&commit, ok());
        bench.check("GET s", bulk("two"));
    }
}

#[test]
fn a_repeated_commit_is_ok_for_a_minute() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A}"));
    let commit = format!("SESSION COMMIT s {A} absent TTL 5000000 DATA one");
    bench.check(&commit, ok());
    bench.run(&format!("SESSION OPEN s {B}"));
    bench.run(&format!("SESSION COMMIT s {B} {} TTL 5000000 DATA two", generation("one")));
    bench.check(&commit, ok());
    bench.check("GET s", bulk("two"));
    bench.check(&format!("SESSION COMMIT s {A} absent TTL 5000000 DATA other"), simple("LOCKLOST"));
    bench.advance(60_001);
    bench.check(&commit, simple("LOCKLOST"));
}

#[test]
fn a_token_that_opens_again_starts_anew() {
    let mut bench = Bench::new();
    bench.run("SET s x PX 5000000");
    let commit = format!("SESSION COMMIT s {A} {} TTL 5000000 DATA one", generation("x"));
    bench.run(&format!("SESSION OPEN s {A}"));
    bench.check(&commit, ok());
    bench.run("SET s x PX 5000000");
    bench.run(&format!("SESSION OPEN s {A}"));
    bench.check(&commit, ok());
    bench.check("GET s", bulk("one"));
}

// The rest -----------------------------------------------------------------------------------------

#[test]
fn touch_renews_and_never_creates() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A}"));
    bench.check(&format!("SESSION TOUCH s {A} TTL 5000"), simple("MISSING"));
    bench.check("EXISTS s s_LOCK", int(0));
    bench.run("SET s one PX 100");
    bench.run(&format!("SESSION OPEN s {A}"));
    let expires = bench.now.0 + 90_000;
    let touch = format!("SESSION TOUCH s {A} TTL 90000");
    bench.check_journal(&touch, &[&format!("PEXPIREAT s {expires}"), "DEL s_LOCK"]);
    bench.run("SET s_LOCK theirs");
    bench.check(&format!("SESSION TOUCH s {A} TTL 5000"), simple("LOCKLOST"));
    bench.check(&format!("SESSION TOUCH s {A} TTL 7000 NOLOCK"), ok());
    bench.check("PTTL s", int(7_000));
    bench.check("GET s_LOCK", bulk("theirs"));
}

#[test]
fn release_is_for_the_holder_only() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A}"));
    bench.check(&format!("SESSION RELEASE s {B}"), int(0));
    bench.check(&format!("SESSION RELEASE s {A}"), int(1));
    bench.check(&format!("SESSION RELEASE s {A}"), int(0));
}

#[test]
fn after_a_restart_native_locks_end_soon_unless_their_token_is_presented() {
    let mut bench = Bench::new();
    // As the log brings them back: keys without owners.
    bench.run(&format!("SET s_LOCK {A} PX 60000"));
    bench.run(&format!("SET t_LOCK {B} PX 60000"));
    bench.run(&format!("SET u_LOCK {C} PX 300"));
    bench.run("SET p_LOCK phpredis PX 60000");
    bench.run(&format!("SET not-a-lock {A} PX 60000"));
    bench.journal();
    unbind_native_locks(&bench.host, &mut bench.worker, bench.now, 16);
    assert_eq!(bench.journal().len(), 2);
    for (key, ttl) in [("s", 5_000), ("t", 5_000), ("u", 300), ("p", 60_000)] {
        bench.check(&format!("PTTL {key}_LOCK"), int(ttl));
    }
    bench.check("PTTL not-a-lock", int(60_000));
    bench.check(&format!("SESSION OPEN s {A}"), opened_absent(0));
    bench.check("PTTL s_LOCK", int(60_000));
    bench.check(&format!("SESSION COMMIT t {B} absent TTL 5000 DATA x"), ok());
}

#[test]
fn a_waiter_that_finds_nothing_leaves_the_lock_to_the_next() {
    let mut bench = Bench::new();
    bench.run("SET s one");
    bench.run(&format!("SESSION OPEN s {A}"));
    let (_, mut b) = bench.as_client(2, &format!("SESSION OPEN s {B} WAIT 5000 MUSTEXIST"));
    let _c = bench.park(3, C);
    bench.run(&format!("SESSION DESTROY s {A} NONCE n"));
    let without_data =
        |status: &str| array([simple(status), nil(), bulk("absent"), bulk("n"), int(0)]);
    assert_eq!(bench.delivered(), [(2, without_data("MISSING")), (3, without_data("OK"))]);
    end_wait(&mut b, b"", &bench.host, &mut bench.worker);
    assert!(b.session_locks.is_empty());
    bench.check("GET s_LOCK", bulk(C));
}

#[test]
fn a_key_of_another_database_is_another_session() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A}"));
    bench.run("SELECT 1");
    bench.check(&format!("SESSION OPEN s {B}"), opened_absent(0));
    let (reply, _waiter) = bench.as_client(2, &format!("SESSION OPEN s {C} WAIT 9"));
    assert_eq!(reply, b"");
    bench.run("FLUSHDB");
    assert!(bench.delivered().is_empty(), "the waiter is in database 0");
    bench.run("SELECT 0");
    bench.run("FLUSHDB");
    assert_eq!(bench.delivered().len(), 1);
}

#[test]
fn renew_keeps_the_lock_and_the_session_of_a_long_request() {
    let mut bench = Bench::new();
    bench.run("SET s one PX 70000");
    bench.check(&format!("SESSION RENEW s {A}"), simple("LOCKLOST"));
    bench.run(&format!("SESSION OPEN s {A} LEASE 30000"));
    bench.advance(29_000);
    bench.check_journal(
        &format!("SESSION RENEW s {A}"),
        &[&format!("PEXPIREAT s_LOCK {}", bench.now.0 + 30_000)],
    );
    bench.check("PTTL s", int(41_000));
    bench.check(&format!("SESSION RENEW s {A} LEASE 60000"), ok());
    bench.check("PTTL s_LOCK", int(60_000));
    bench.check("PTTL s", int(60_000));
    bench.check(&format!("SESSION RENEW s {A} TTL 90000"), ok());
    bench.check("PTTL s_LOCK", int(60_000));
    bench.check("PTTL s", int(90_000));
    bench.check(&format!("SESSION RENEW s {B}"), simple("LOCKLOST"));
    bench.run("SET s_LOCK phpredis PX 30000");
    bench.check(&format!("SESSION RENEW s {A}"), simple("LOCKLOST"));
    bench.check("PTTL s_LOCK", int(30_000));
}

#[test]
fn no_renewal_outlasts_the_longest_hold() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A} LEASE 400000"));
    bench.advance(390_000);
    bench.check(&format!("SESSION RENEW s {A}"), ok());
    bench.check("PTTL s_LOCK", int(210_000));
    // Not for another connection with the same token either.
    let (_, other) = bench.as_client(2, &format!("SESSION OPEN s {A}"));
    bench.swap_client(other);
    bench.check(&format!("SESSION RENEW s {A} LEASE 500000"), ok());
    bench.check("PTTL s_LOCK", int(210_000));
}

#[test]
fn renewing_binds_the_lock_to_the_connection_that_asks() {
    let mut bench = Bench::new();
    let (_, mut old) = bench.as_client(1, &format!("SESSION OPEN s {A} HOLDER web1 7 /slow"));
    let (reply, mut new) = bench.as_client(2, &format!("SESSION RENEW s {A}"));
    assert_eq!(reply, ok());
    bench.leave(&mut old);
    bench.check("GET s_LOCK", bulk(A));
    let shown = bench.run("SESSION LOCKS");
    assert!(String::from_utf8_lossy(&shown).contains("/slow"), "the holder is known still");
    bench.leave(&mut new);
    bench.check("EXISTS s_LOCK", int(0));
}

/// Native locks that are held, and clients that wait.
fn gauges(bench: &Bench) -> (usize, usize) {
    let overview = bench.overview();
    (overview.session_locks, overview.session_waiters)
}
