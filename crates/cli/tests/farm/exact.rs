//! A hundred requests at once that increment one session, each holding it 20 ms.

use std::thread;
use std::time::Duration;

use guarda_farm::{Browser, Cancel, Farm, FarmOptions, Handler, Locking, Site, wait_until};

use crate::store::{Queue, connect};
use crate::traffic::{Ledger, stored_marks, with_session};
use crate::{on_redis, options, start, with_extension};

/// Requests sent at once.
const REQUESTS: usize = 100;
/// Enough for a worker for each of them, and one more that holds them all back.
const WORKERS: u32 = 51;
/// How long a hundred requests of 20 ms may take on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

/// guarda.so with its own handler and room for all requests in one queue (32 by default).
fn guarda() -> Site {
    Site::new(Handler::Guarda).ini("guarda.lock_max_waiters", "128")
}

/// guarda.so in phpredis's place, with locking on.
fn guarda_as_redis() -> Site {
    Site::new(Handler::GuardaAsRedis).locking(raised()).ini("guarda.lock_max_waiters", "128")
}

/// phpredis's polling, for a minute instead of two seconds.
fn raised() -> Locking {
    Locking { retries: 3_000, ..Locking::defaults() }
}

fn one_each(options: FarmOptions) -> FarmOptions {
    FarmOptions { workers: WORKERS, ..options }
}

/// Lets every browser send one update, all at the same time.
fn at_once(browsers: Vec<Browser>) -> Ledger {
    let ledgers: Vec<Ledger> = thread::scope(|scope| {
        let send = |(number, mut browser): (usize, Browser)| {
            scope.spawn(move || {
                let mut ledger = Ledger::default();
                ledger.update(&mut browser, &format!("u{number}"), "&work=20");
                ledger
            })
        };
        let running: Vec<_> = browsers.into_iter().enumerate().map(send).collect();
        running.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    });
    Ledger::merged(ledgers)
}

fn assert_exact(farm: &Farm) {
    let mut browser = with_session(farm.browser());
    let ledger = at_once(vec![browser.clone(); REQUESTS]);
    ledger.assert_nothing_failed();
    ledger.audit(&mut browser);
    assert_eq!(stored_marks(&mut browser).len(), REQUESTS);
}

#[test]
fn a_hundred_at_once_count_to_a_hundred() {
    for site in [guarda(), guarda_as_redis()] {
        assert_exact(&start(one_each(with_extension(&site))));
    }
}

#[test]
fn a_hundred_at_once_count_to_a_hundred_on_redis() {
    for site in [guarda(), guarda_as_redis()] {
        assert_exact(&start(one_each(on_redis(&site))));
    }
}

#[test]
fn half_of_the_workers_on_phpredis_count_to_a_hundred_too() {
    let sites = vec![guarda(), Site::new(Handler::Phpredis).locking(raised())];
    for options in [with_extension(&guarda()), on_redis(&guarda())] {
        assert_exact(&start(one_each(FarmOptions { sites: sites.clone(), ..options })));
    }
}

/// phpredis gives up after two seconds, and its user gets an error: beside guarda.so it must not
/// happen more often than among its own.
#[test]
fn with_its_default_limits_phpredis_fails_no_more_often_beside_guarda_so_than_alone() {
    let phpredis = Site::new(Handler::Phpredis).locking(Locking::defaults());
    let alone = failures(one_each(options().both(&phpredis)));
    let sites = vec![guarda(), phpredis];
    let beside = failures(one_each(FarmOptions { sites, ..with_extension(&guarda()) }));
    println!("failed of {REQUESTS}: {alone} with phpredis alone, {beside} beside guarda.so");
    assert!(beside <= alone, "{beside} requests failed, {alone} in a farm of phpredis alone");
}

fn failures(options: FarmOptions) -> usize {
    let farm = start(options);
    let mut browser = with_session(farm.browser());
    let ledger = at_once(vec![browser.clone(); REQUESTS]);
    ledger.audit(&mut browser);
    REQUESTS - ledger.acknowledged()
}

#[test]
fn locks_are_granted_in_the_order_of_the_tickets() {
    let farm = start(one_each(with_extension(&guarda())));
    let mut browser = with_session(farm.browser());
    let mut store = connect(&farm);
    let mut first = browser.clone();
    let browsers = vec![browser.clone(); REQUESTS];
    let never = Cancel::default();
    let ledger = thread::scope(|scope| {
        let gate = scope.spawn(move || {
            let mut ledger = Ledger::default();
            ledger.update(&mut first, "first", "&stop=gated");
            ledger
        });
        farm.standing_worker("first").expect("the first request holds the session");
        let all = scope.spawn(move || at_once(browsers));
        let tickets = wait_until("all requests to wait", LIMIT, &never, || {
            let queue = Queue::look(&mut store);
            Ok((queue.waiters.len() == REQUESTS).then_some(queue.waiters))
        })
        .unwrap();
        farm.let_go("first").expect("the gate opens");
        // At each look, whoever holds the lock is the next of the list and all others wait behind.
        let mut holders = 0;
        wait_until("the end of the queue", LIMIT, &never, || {
            let queue = Queue::look(&mut store);
            let served = REQUESTS - queue.waiters.len();
            assert_eq!(queue.waiters, tickets[served..], "another order than that of the tickets");
            if let (Some(holder), Some(last)) = (queue.holder, served.checked_sub(1)) {
                assert_eq!(holder, tickets[last], "the lock went to another than the next");
                holders += 1;
            }
            Ok((queue.holder.is_none() && queue.waiters.is_empty()).then_some(()))
        })
        .unwrap();
        assert!(holders >= 10, "the queue was seen only {holders} times");
        Ledger::merged([gate.join().expect("a thread"), all.join().expect("a thread")])
    });
    ledger.assert_nothing_failed();
    ledger.audit(&mut browser);
    assert_eq!(stored_marks(&mut browser).len(), REQUESTS + 1);
}

/// One worker on each web server: after a visit to each, nothing is left to be connected.
fn counted(options: FarmOptions) -> Farm {
    start(FarmOptions { workers: 1, counted: true, ..options })
}

/// Round trips that `requests` of each browser, sent at the same time, took; nothing else.
fn round_trips(farm: &Farm, browsers: &[Browser], requests: usize) -> u64 {
    let relay = farm.relay().expect("a counted farm");
    let (trips, connections) = (relay.round_trips(), relay.connections());
    thread::scope(|scope| {
        for (number, browser) in browsers.iter().enumerate() {
            let mut browser = browser.clone();
            scope.spawn(move || {
                let mut ledger = Ledger::default();
                for request in 0..requests {
                    ledger.update(&mut browser, &format!("b{number}r{request}"), "&work=5");
                }
                ledger.assert_nothing_failed();
            });
        }
    });
    assert_eq!(relay.connections(), connections, "a connection was not kept");
    relay.round_trips() - trips
}

#[test]
fn a_request_takes_two_round_trips_even_when_it_waits() {
    for site in [guarda(), guarda_as_redis()] {
        let farm = counted(with_extension(&site));
        let mut browser = with_session(farm.browser());
        stored_marks(&mut browser);
        let trips = round_trips(&farm, &[browser.clone(), browser.clone()], 20);
        assert_eq!(trips, 2 * 2 * 20);
    }
}

#[test]
fn on_redis_a_request_that_need_not_wait_takes_two_round_trips() {
    for site in [guarda(), guarda_as_redis()] {
        let farm = counted(on_redis(&site));
        let mut browser = with_session(farm.browser());
        stored_marks(&mut browser);
        // The first write makes its script known to the server.
        let mut ledger = Ledger::default();
        for web in 0..2 {
            ledger.update(&mut browser, &format!("warm{web}"), "");
        }
        let trips = round_trips(&farm, &[browser.clone()], 20);
        assert_eq!(trips, 2 * 20);
    }
}
