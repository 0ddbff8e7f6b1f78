use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_store::HashedKey;

use crate::families::session::tests::{A, B, C, opened_absent, refused};
use crate::sessions::SessionCounters;
use crate::testing::{Bench, bulk, int, nil, ok, simple};

impl Bench {
    /// What was counted since the last call, without what is zero.
    fn counted(&mut self) -> Vec<(&'static str, u64)> {
        let counters = std::mem::take(&mut self.worker.effects.counters.sessions);
        let all = SessionCounters::NAMES.into_iter().zip(counters.values());
        all.filter(|(_, count)| *count > 0).collect()
    }

    /// Why the lock that `token` took was freed by `command`.
    fn cause(&mut self, command: &str) -> Vec<&'static str> {
        self.run("FLUSHALL");
        self.run(&format!("SESSION OPEN s {A}"));
        self.counted();
        self.run(command);
        self.check("EXISTS s_LOCK", int(0));
        let names = self.counted().into_iter().map(|(name, _)| name);
        names.filter_map(|name| name.strip_prefix("session_releases_")).collect()
    }
}

#[test]
fn every_release_is_counted_by_its_cause() {
    let mut bench = Bench::new();
    for (command, cause) in [
        (format!("SESSION COMMIT s {A} absent TTL 5000 DATA x"), "commit"),
        (format!("SESSION TOUCH s {A} TTL 5000"), "touch"),
        (format!("SESSION RELEASE s {A}"), "release"),
        (format!("SESSION DESTROY s {A} NONCE n"), "destroy"),
        ("DEL s_LOCK".to_owned(), "deleted"),
        ("RENAME s_LOCK elsewhere".to_owned(), "deleted"),
        ("PEXPIREAT s_LOCK 1".to_owned(), "deleted"),
        ("FLUSHDB".to_owned(), "flush"),
        ("SWAPDB 0 1".to_owned(), "swap"),
    ] {
        assert_eq!(bench.cause(&command), [cause], "{command}");
    }
    for (killed, cause) in [(false, "disconnect"), (true, "kill")] {
        let (_, mut client) = bench.as_client(9, &format!("SESSION OPEN t {B}"));
        client.card.killed.store(killed, Ordering::Relaxed);
        bench.counted();
        bench.leave(&mut client);
        let name = format!("session_releases_{cause}");
        assert_eq!(bench.counted(), [(&*name, 1)]);
    }
    bench.run(&format!("SESSION OPEN u {A} LEASE 5000"));
    bench.counted();
    bench.advance(5_001);
    bench.check("EXISTS u_LOCK", int(0));
    assert_eq!(bench.counted(), [("session_releases_expiry", 1)]);
    bench.run(&format!("SESSION OPEN u {A}"));
    bench.run("SET u_LOCK phpredis PX 9000");
    bench.counted();
    bench.tend();
    assert_eq!(bench.counted(), [("session_releases_replaced", 1)]);
    bench.run("DEL u_LOCK");
    assert_eq!(bench.counted(), [], "phpredis's locks are its own business");
}

#[test]
fn opens_and_waits_are_counted_by_how_they_end() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A}"));
    assert_eq!(bench.counted(), [("sessions_opened", 1), ("session_locks_granted", 1)]);
    bench.run(&format!("SESSION OPEN s {A}"));
    assert_eq!(bench.counted(), [("sessions_opened", 1)], "it has the lock already");
    bench.run(&format!("SESSION OPEN s {B}"));
    bench.run(&format!("SESSION OPEN s {B} WAIT 5 MAXWAITERS 0"));
    bench.run(&format!("SESSION OPEN t {B} MUSTEXIST"));
    let expected =
        [("session_opens_missing", 1), ("session_opens_busy", 1), ("session_opens_full", 1)];
    assert_eq!(bench.counted(), expected);
    let mut b = bench.park(2, B);
    let _c = bench.park(3, C);
    bench.leave(&mut b);
    bench.run(&format!("SESSION RELEASE s {A}"));
    let expected = [
        ("sessions_opened", 1),
        ("session_waits", 2),
        ("session_waits_served", 1),
        ("session_waits_abandoned", 1),
        ("session_locks_granted", 1),
        ("session_releases_release", 1),
    ];
    assert_eq!(bench.counted(), expected);
}

#[test]
fn the_configured_number_of_clients_may_wait() {
    let mut bench = Bench::new();
    bench.host.settings.sessions.max_waiters.store(1, Ordering::Relaxed);
    bench.run(&format!("SESSION OPEN s {A}"));
    let _b = bench.park(2, B);
    let line = format!("SESSION OPEN s {C} WAIT 5000 MAXWAITERS 9");
    bench.check(&line, refused("FULL", 0));
}

#[test]
fn the_longest_hold_bounds_leases_and_raises_tombstones() {
    let mut bench = Bench::new();
    bench.host.settings.sessions.lock_max_hold_s.store(2_000, Ordering::Relaxed);
    bench.run(&format!("SESSION OPEN s {A} LEASE 9000000"));
    bench.check("PTTL s_LOCK", int(2_000_000));
    bench.run(&format!("SESSION DESTROY s {A} NONCE n"));
    bench.check("PTTL s_GONE", int(2_000_000));
    bench.host.settings.sessions.lock_max_hold_s.store(5, Ordering::Relaxed);
    bench.run(&format!("SESSION OPEN s {A}"));
    bench.check("PTTL s_LOCK", int(5_000));
    bench.run(&format!("SESSION DESTROY s {A} NONCE m"));
    bench.check("PTTL s_GONE", int(900_000));
}

#[test]
fn a_lock_that_is_waited_for_is_looked_at_when_it_is_due() {
    let mut bench = Bench::new();
    let shard = HashedKey::new(b"s").shard();
    let alarms = |bench: &mut Bench| {
        let began = Duration::from_secs(1);
        let asked = std::mem::take(&mut *bench.host.tend.lock());
        assert!(asked.iter().all(|(at, _)| *at == shard));
        asked.iter().map(|(_, at)| at.saturating_sub(began).as_millis()).collect::<Vec<_>>()
    };
    bench.run("SET s_LOCK phpredis PX 300");
    assert!(alarms(&mut bench).is_empty(), "nobody waits");
    let _b = bench.park(2, B);
    assert_eq!(alarms(&mut bench), [300]);
    bench.advance(100);
    let _c = bench.park(3, C);
    assert!(alarms(&mut bench).is_empty(), "once is enough");
    bench.run("PEXPIRE s_LOCK 500");
    bench.advance(200);
    bench.tend();
    assert_eq!(alarms(&mut bench), [600], "it was due later by then");
    bench.advance(300);
    bench.tend();
    assert_eq!(bench.delivered(), [(2, opened_absent(600))]);
    assert_eq!(alarms(&mut bench), [60_600], "the next one waits for this lease");
}

#[test]
fn swapdb_leaves_waiters_where_they_wait_and_locks_to_their_leases() {
    let mut bench = Bench::new();
    // The waiter of database 0 finds the lock gone, the one of database 1 finds one there.
    let (_, mut a) = bench.as_client(1, &format!("SESSION OPEN s {A}"));
    let _b = bench.park(2, B);
    bench.run("SELECT 1");
    bench.run("SET s_LOCK phpredis PX 30000");
    bench.run("SELECT 0");
    bench.check("SWAPDB 0 1", ok());
    assert!(bench.delivered().is_empty(), "phpredis has the lock now");
    let overview = bench.overview();
    assert_eq!((overview.session_locks, overview.session_waiters), (0, 1));
    // The old holder's lock is in database 1 and bound to nobody: its connection frees it no more.
    bench.leave(&mut a);
    bench.run("SELECT 1");
    bench.check("GET s_LOCK", bulk(A));
    bench.check("SWAPDB 1 2", ok());
    bench.check("GET s_LOCK", nil());
    bench.run("SELECT 0");
    bench.check("SWAPDB 1 0", ok());
    assert_eq!(bench.delivered(), [(2, opened_absent(0))]);
    bench.check(&format!("SESSION COMMIT s {A} absent TTL 5000 DATA x"), simple("LOCKLOST"));
}

#[test]
fn the_answer_depends_on_what_was_read_and_not_on_the_lock() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A}"));
    assert_eq!((bench.worker.seen_seq, bench.worker.wrote, bench.worker.unawaited), (0, false, 1));
    bench.run(&format!("SESSION COMMIT s {A} absent TTL 5000 DATA x"));
    let committed = bench.worker.seen_seq;
    assert!(committed > 0 && bench.worker.wrote);
    (bench.worker.seen_seq, bench.worker.wrote) = (0, false);
    bench.run(&format!("SESSION OPEN s {B}"));
    assert_eq!(bench.worker.seen_seq, committed, "the data it answers must be in the log");
    assert_eq!((bench.worker.wrote, bench.worker.unawaited), (false, 2));
    bench.run(&format!("SESSION RELEASE s {B}"));
    assert!(bench.worker.seen_seq > committed + 1 && bench.worker.wrote);
}
