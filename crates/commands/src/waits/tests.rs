//! Waits at the level of commands: who is served, when, and what the log has of it.

use std::collections::VecDeque;
use std::time::Duration;

use guarda_store::HashedKey;

use super::{Ticket, Unblock, end_wait, tend_shard, unblock, wait_ran_out};
use crate::client::Client;
use crate::execute::Worker;
use crate::sessions::release_session_locks;
use crate::testing::{Bench, array, bulk, bulks, err, int, new_client, ok, wrong_type};

impl Bench {
    /// Has client `id`, which is new, wait by `line`.
    fn wait(&mut self, id: u64, line: &str) -> Client {
        let own = self.swap_client(new_client(id));
        let reply = self.run(line);
        let client = self.swap_client(own);
        assert_eq!(reply, b"", "{line} waits");
        assert!(client.waiting.is_some() && client.card.is_parked(), "{line} waits");
        client
    }

    fn take_delivered(&mut self) -> Vec<(u64, Vec<u8>)> {
        std::mem::take(&mut *self.host.delivered.lock())
    }

    #[track_caller]
    fn check_delivered(&mut self, expected: &[(u64, Vec<u8>)]) {
        assert_eq!(self.take_delivered(), expected);
    }

    fn waiting(&self) -> usize {
        self.overview().element_waiters
    }
}

/// A key of another shard than that of `key`.
fn key_elsewhere(key: &str) -> String {
    let shard = |key: &str| HashedKey::new(key.as_bytes()).shard();
    let mut names = (0..1_000).map(|n| format!("other{n}"));
    names.find(|other| shard(other) != shard(key)).expect("there are many shards")
}

/// Calls `during` while another thread holds the shard of `key`.
fn while_taken(bench: &Bench, key: &str, during: impl FnOnce()) {
    let taken = HashedKey::new(key.as_bytes()).shard();
    let (end, ended) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::channel();
        scope.spawn(move || {
            bench.host.keyspace.with_shard(taken, |_| {
                tell.send(()).expect("somebody listens");
                ended.recv().expect("somebody tells");
            });
        });
        told.recv().expect("the shard is taken");
        during();
        end.send(()).expect("the thread listens");
    });
}

/// `RPUSH key x`, by a thread of its own.
fn push_x(bench: &Bench, worker: &mut Worker, key: &str) {
    let (mut client, mut out) = (new_client(1), Vec::new());
    let args = [b"RPUSH", key.as_bytes(), b"x"];
    let call = crate::gates::resolve(&args).expect("well formed");
    let patience = Duration::from_secs(10);
    crate::execute::execute(&call, &mut client, &bench.host, worker, bench.now, patience, &mut out)
        .expect("its own shard is free");
    assert_eq!(out, b":1\r\n");
}

#[test]
fn an_element_goes_to_the_one_who_waited_longest() {
    let mut bench = Bench::new();
    let _clients = [bench.wait(2, "BLPOP l 0"), bench.wait(3, "BRPOP m l 0")];
    assert_eq!(bench.waiting(), 2);
    bench.check_journal("RPUSH l a b c", &["RPUSH l a b c", "LPOP l", "RPOP l"]);
    bench.check_delivered(&[(2, bulks(["l", "a"])), (3, bulks(["l", "c"]))]);
    bench.check("LRANGE l 0 -1", bulks(["b"]));
    assert_eq!(bench.waiting(), 0);
    bench.check("RPUSH m x", int(1));
    bench.check_delivered(&[]);
}

#[test]
fn whoever_fills_the_key_serves_by_whatever_command() {
    for (fill, journal) in [
        ("RENAME other l", vec!["RENAME other l", "LPOP l"]),
        ("COPY other l", vec!["COPY other l", "LPOP l"]),
        ("LMOVE other l LEFT LEFT", vec!["LMOVE other l left left", "LPOP l"]),
        ("LPUSH l x", vec!["LPUSH l x", "LPOP l"]),
    ] {
        let mut bench = Bench::new();
        bench.run("RPUSH other x");
        let _client = bench.wait(2, "BLPOP l 0");
        bench.check_journal(fill, &journal);
        bench.check_delivered(&[(2, bulks(["l", "x"]))]);
        bench.check("EXISTS l", int(0));
    }
    let mut bench = Bench::new();
    bench.run("RPUSH l x");
    let mut client = new_client(2);
    client.db = 1;
    let own = bench.swap_client(client);
    assert_eq!(bench.run("BLPOP l 0"), b"");
    let _client = bench.swap_client(own);
    bench.check("MOVE l 1", int(1));
    bench.check_delivered(&[(2, bulks(["l", "x"]))]);
}

#[test]
fn a_transaction_serves_when_it_has_ended_and_in_the_order_of_its_changes() {
    let mut bench = Bench::new();
    let _clients = [bench.wait(2, "BLPOP a b 0"), bench.wait(3, "BLPOP c 0")];
    bench.check("MULTI", ok());
    for line in ["RPUSH c 1", "DEL c", "RPUSH b 2", "RPUSH a 3"] {
        bench.run(line);
    }
    bench.check("EXEC", array([int(1), int(1), int(1), int(1)]));
    bench.check_delivered(&[(2, bulks(["a", "3"]))]);
    bench.check("LRANGE b 0 -1", bulks(["2"]));
    assert_eq!(bench.waiting(), 1, "what came and went was nobody's");
}

#[test]
fn the_log_has_what_was_served_behind_what_served_it() {
    let mut bench = Bench::new();
    let _clients = [bench.wait(2, "BLPOP a 0"), bench.wait(3, "BRPOP a 0")];
    bench.run("MULTI");
    for line in ["SET s v", "RPUSH a 1 2", "RPUSH b 3"] {
        bench.run(line);
    }
    bench.journal();
    bench.run("EXEC");
    let groups = bench.host.log.take();
    let names = |group: &Vec<(u32, Vec<Vec<u8>>)>| -> Vec<String> {
        group.iter().map(|(_, args)| String::from_utf8_lossy(&args[0]).into_owned()).collect()
    };
    let names: Vec<Vec<String>> = groups.iter().map(names).collect();
    assert_eq!(names, [vec!["SET", "RPUSH", "RPUSH"], vec!["LPOP"], vec!["RPOP"]]);
}

#[test]
fn what_is_due_when_a_transaction_ends_serves_nobody() {
    let mut bench = Bench::new();
    let _client = bench.wait(2, "BLPOP l 0");
    bench.run("MULTI");
    bench.run("RPUSH l x");
    bench.run("PEXPIRE l 20");
    let end = bench.now.0 + 20;
    // The host's clock goes on while the transaction runs.
    bench.host.now_ms.store(end, std::sync::atomic::Ordering::Relaxed);
    let due = format!("PEXPIREAT l {end}");
    bench.check_journal("EXEC", &["RPUSH l x", &due]);
    bench.check_delivered(&[]);
    bench.advance(20);
    bench.check_journal("EXISTS l", &["DEL l"]);
    bench.check("RPUSH l y", int(1));
    bench.check_delivered(&[(2, bulks(["l", "y"]))]);
}

#[test]
fn a_waiter_is_served_as_if_it_asked_only_now() {
    let mut bench = Bench::new();
    let _clients = [bench.wait(2, "BLPOP a b 0"), bench.wait(3, "BLPOP b 0")];
    bench.run("SET a v");
    bench.check("RPUSH b x", int(1));
    bench.check_delivered(&[(2, wrong_type()), (3, bulks(["b", "x"]))]);
    // What is in a shard where somebody else is at work is not looked at.
    let other = key_elsewhere("b");
    let _client = bench.wait(4, &format!("BLPOP {other} b 0"));
    bench.run(&format!("SET {other} v"));
    while_taken(&bench, &other, || push_x(&bench, &mut Worker::default(), "b"));
    bench.check_delivered(&[(4, bulks(["b", "x"]))]);
}

#[test]
fn who_may_no_longer_do_what_it_waits_for_is_turned_away() {
    let mut bench = Bench::new();
    bench.run("ACL SETUSER bob on nopass +@all allkeys");
    let mut bob = new_client(2);
    let own = bench.swap_client(bob);
    bench.check("AUTH bob x", ok());
    assert_eq!(bench.run("BLPOP a b 0"), b"");
    bob = bench.swap_client(own);
    let _other = bench.wait(3, "BLPOP a 0");
    bench.check("ACL SETUSER bob resetkeys ~b", ok());
    bench.check("RPUSH a x", int(1));
    let refusal = err("NOPERM No permissions to access a key");
    bench.check_delivered(&[(2, refusal.clone()), (3, bulks(["a", "x"]))]);
    let log = String::from_utf8(bench.run("ACL LOG")).unwrap();
    assert!(log.contains("\r\nbob\r\n") && log.contains("id=2 "), "{log}");
    end_wait(&mut bob, &refusal, &bench.host, &mut bench.worker);
    let statistics = &bench.host.observations.commands;
    statistics.collect(&mut bench.worker.effects.tallies, true);
    let tally = statistics.commands().remove("blpop").unwrap();
    assert_eq!((tally.calls, tally.rejected), (1, 1), "the other's call, and this one's refusal");
}

#[test]
fn a_value_of_another_type_is_none_to_those_who_wait() {
    let mut bench = Bench::new();
    bench.run("SET s v");
    bench.check("BLPOP missing s 0", wrong_type());
    let _client = bench.wait(2, "BLPOP l 0");
    bench.check("SET l v", ok());
    bench.check_delivered(&[]);
    bench.check("DEL l", int(1));
    bench.check("RPUSH l x", int(1));
    bench.check_delivered(&[(2, bulks(["l", "x"]))]);
}

#[test]
fn an_element_moved_to_a_list_serves_those_who_wait_there() {
    let mut bench = Bench::new();
    let _clients = [
        bench.wait(2, "BLMOVE a b LEFT RIGHT 0"),
        bench.wait(3, "BRPOPLPUSH b c 0"),
        bench.wait(4, "BLMPOP 0 2 d c LEFT COUNT 5"),
    ];
    let expected =
        ["RPUSH a x", "LMOVE a b left right", "RPOPLPUSH b c", "LPOP c 1"].map(str::to_owned);
    bench.journal();
    bench.check("RPUSH a x", int(1));
    assert_eq!(bench.journal(), expected);
    let popped = array([bulk("c"), bulks(["x"])]);
    bench.check_delivered(&[(2, bulk("x")), (3, bulk("x")), (4, popped)]);
    bench.check("DBSIZE", int(0));
}

#[test]
fn a_move_to_a_value_of_another_type_fails_and_the_next_is_served() {
    let mut bench = Bench::new();
    bench.run("SET s v");
    let _clients = [bench.wait(2, "BLMOVE l s LEFT LEFT 0"), bench.wait(3, "BLPOP l 0")];
    bench.check("RPUSH l x", int(1));
    bench.check_delivered(&[(2, wrong_type()), (3, bulks(["l", "x"]))]);
}

#[test]
fn a_move_whose_other_shard_is_taken_waits_for_it_and_keeps_its_turn() {
    let mut bench = Bench::new();
    let other = key_elsewhere("l");
    let line = format!("BLMOVE l {other} LEFT LEFT 0");
    let _clients = [bench.wait(2, &line), bench.wait(3, "BLPOP l 0")];
    let index = HashedKey::new(b"l").shard();
    while_taken(&bench, &other, || {
        let mut worker = Worker::default();
        push_x(&bench, &mut worker, "l");
        let host = &bench.host;
        assert!(host.delivered.lock().is_empty(), "nobody waits for a shard");
        assert_eq!(host.tend.lock().len(), 1, "but somebody will come back");
        assert!(!tend_shard(host, &mut worker, index, bench.now, Duration::ZERO));
    });
    bench.run("RPUSH l y");
    bench.check_delivered(&[(2, bulk("x")), (3, bulks(["l", "y"]))]);
    assert!(tend_shard(&bench.host, &mut bench.worker, index, bench.now, Duration::ZERO));
    bench.check_delivered(&[]);
    bench.check(&format!("LRANGE {other} 0 -1"), bulks(["x"]));
}

#[test]
fn one_who_gave_up_gets_nothing_and_the_element_stays() {
    let mut bench = Bench::new();
    let mut gone = bench.wait(2, "BLPOP l 0");
    let patience = Duration::ZERO;
    assert!(release_session_locks(&mut gone, &bench.host, &mut bench.worker, bench.now, patience));
    let killed = bench.wait(3, "BLPOP l 0");
    killed.card.give_up_wait();
    let mut late = bench.wait(4, "BLPOP l 0.2");
    bench.advance(200);
    let now = crate::host::Host::monotonic(&bench.host);
    assert_eq!(
        wait_ran_out(&mut late, &bench.host, &mut bench.worker, now),
        Some(b"*-1\r\n".to_vec())
    );
    assert!(late.waiting.is_none() && !late.card.is_parked());
    assert_eq!(bench.waiting(), 0);
    bench.check_journal("RPUSH l x", &["RPUSH l x"]);
    bench.check_delivered(&[]);
    bench.check("LRANGE l 0 -1", bulks(["x"]));
}

#[test]
fn a_wait_is_ended_once_by_whoever_comes_first() {
    let mut bench = Bench::new();
    let mut client = bench.wait(2, "BLPOP l 0.2");
    bench.check("RPUSH l x", int(1));
    bench.advance(200);
    let now = crate::host::Host::monotonic(&bench.host);
    assert_eq!(
        wait_ran_out(&mut client, &bench.host, &mut bench.worker, now),
        None,
        "its reply is on its way"
    );
    end_wait(&mut client, b"", &bench.host, &mut bench.worker);
    assert!(client.waiting.is_none());
    let client = bench.wait(3, "BLPOP l 0");
    let ticket: &Ticket = client.waiting.as_ref().expect("it waits");
    let mut reply = Vec::new();
    let mut writer = guarda_resp::ReplyWriter::new(&mut reply, client.protocol);
    assert!(unblock(ticket, Unblock::Error, now, &mut writer));
    assert!(!unblock(ticket, Unblock::Timeout, now, &mut writer));
    assert_eq!(reply, err("UNBLOCKED client unblocked via CLIENT UNBLOCK"));
}

#[test]
fn inside_a_transaction_nobody_waits() {
    let mut bench = Bench::new();
    bench.check("MULTI", ok());
    for line in ["BLPOP l 0", "BLMOVE l m LEFT LEFT 0", "BRPOPLPUSH l m 0", "BLMPOP 0 1 l LEFT"] {
        bench.run(line);
    }
    bench.check("EXEC", b"*4\r\n*-1\r\n$-1\r\n$-1\r\n*-1\r\n");
    assert_eq!(bench.waiting(), 0);
    bench.run("RPUSH l a b c d");
    bench.check("MULTI", ok());
    bench.run("BLMPOP 0 1 l LEFT COUNT 2");
    bench.run("BRPOP l 0");
    bench.check_journal("EXEC", &["LPOP l 2", "RPOP l"]);
}

#[test]
fn timeouts_are_fractions_of_seconds() {
    let mut bench = Bench::new();
    for (text, error) in [
        ("abc", "ERR timeout is not a float or out of range"),
        ("nan", "ERR timeout is not a float or out of range"),
        ("\"\"", "ERR timeout is not a float or out of range"),
        ("-1", "ERR timeout is negative"),
        ("-inf", "ERR timeout is negative"),
        ("1e30", "ERR timeout is out of range"),
        ("inf", "ERR timeout is out of range"),
        ("9223372036854775", "ERR timeout is out of range"),
    ] {
        bench.check(&format!("BLPOP l {text}"), err(error));
    }
    let now = crate::host::Host::monotonic(&bench.host);
    for (text, millis) in [("0.0001", 1), ("1.5", 1_500), ("0x10", 16_000)] {
        let client = bench.wait(2, &format!("BLPOP l {text}"));
        let deadline = client.waiting.as_ref().expect("it waits").deadline;
        assert_eq!(deadline, Some(now + Duration::from_millis(millis)), "{text}");
    }
    assert_eq!(bench.wait(2, "BLPOP l 0").waiting.expect("it waits").deadline, None);
}

#[test]
fn the_queues_of_keys_that_never_fill_do_not_grow() {
    let mut bench = Bench::new();
    let hashed = HashedKey::new(b"never");
    for id in 2..500 {
        let _client = bench.wait(id, "BLPOP never often 0");
        bench.check("RPUSH often x", int(1));
    }
    bench.host.keyspace.with_shard(hashed.shard(), |shard| {
        let waits = super::ShardWaits::of_or_new(shard);
        let queue = waits.keys.queue(0, b"never").expect("not pruned yet");
        assert!(queue.prune() == 0);
    });
    let index = hashed.shard();
    assert!(tend_shard(&bench.host, &mut bench.worker, index, bench.now, Duration::ZERO));
    bench.host.keyspace.with_shard(hashed.shard(), |shard| {
        assert!(super::ShardWaits::of_or_new(shard).keys.queue(0, b"never").is_none());
    });
}

/// Random waits, pushes and ends against a model: two queues of waiters in order of arrival.
#[test]
fn elements_and_waiters_meet_in_order_whatever_happens() {
    let mut lost = 0;
    for seed in 1..40u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut random = move |n: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % n
        };
        let mut bench = Bench::new();
        let mut waiting: VecDeque<Client> = VecDeque::new();
        let mut lists: [VecDeque<u64>; 2] = Default::default();
        let keys = ["l0", "l1"];
        for n in 0..400u64 {
            let which = random(2) as usize;
            match random(6) {
                0..3 => {
                    let own = bench.swap_client(new_client(10 + n));
                    let reply = bench.run(&format!("BLPOP {} {} 0", keys[which], keys[1 - which]));
                    let client = bench.swap_client(own);
                    let from = [which, 1 - which].into_iter().find(|&at| !lists[at].is_empty());
                    match from {
                        Some(at) => {
                            let element = lists[at].pop_front().expect("checked").to_string();
                            assert_eq!(reply, bulks([keys[at], &element]));
                        }
                        None => waiting.push_back(client),
                    }
                }
                3 if !waiting.is_empty() => {
                    let at = random(waiting.len() as u64) as usize;
                    waiting.remove(at).expect("inside").card.give_up_wait();
                    lost += 1;
                }
                _ => {
                    bench.run(&format!("RPUSH {} {n}", keys[which]));
                    let expected = if let Some(client) = waiting.pop_front() {
                        vec![(client.card.id, bulks([keys[which], &n.to_string()]))]
                    } else {
                        lists[which].push_back(n);
                        Vec::new()
                    };
                    assert_eq!(bench.take_delivered(), expected, "seed {seed}, step {n}");
                }
            }
            assert_eq!(bench.waiting(), waiting.len(), "seed {seed}, step {n}");
        }
    }
    assert!(lost > 0);
}

/// One serves, one cancels: exactly one of them wins, and the element is either delivered or there.
#[test]
fn of_serving_and_cancelling_at_once_exactly_one_happens() {
    for round in 0..300 {
        let mut bench = Bench::new();
        let client = bench.wait(2, "BLPOP l 0");
        let ticket = std::sync::Arc::clone(client.waiting.as_ref().expect("it waits"));
        let start = std::sync::Barrier::new(2);
        let cancelled = std::thread::scope(|scope| {
            let canceller = scope.spawn(|| {
                start.wait();
                ticket.cancel()
            });
            start.wait();
            bench.run("RPUSH l x");
            canceller.join().expect("no panic")
        });
        let delivered = bench.take_delivered().len();
        bench.check("LLEN l", int(cancelled.into()));
        assert_eq!(delivered, usize::from(!cancelled), "round {round}");
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "what is tested is how long it takes")]
fn waiting_for_very_many_keys_takes_no_longer_for_each_of_them() {
    let mut bench = Bench::new();
    let keys: Vec<String> = (0..100_000).map(|n| format!("key:{n}")).collect();
    let began = std::time::Instant::now();
    let client = bench.wait(7, &format!("BLPOP {} key:5 0", keys.join(" ")));
    // Compared with each other they would take a minute, with their shards held all the time.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    bench.check("RPUSH key:5 a", int(1));
    bench.check_delivered(&[(7, bulks(["key:5", "a"]))]);
    assert_eq!(bench.waiting(), 0);
    drop(client);
}
