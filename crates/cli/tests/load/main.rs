//! Ten thousand connections, a hundred of them hostile for the whole time, while sessions are served.
//!
//! Each of the others serves one session after another, by SESSION or as phpredis does; every
//! request counts in its session, and in the end no count is missing.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy exempts tests, but not their helpers"
)]

mod hostile;
mod requests;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::await_true;
use guarda_testkit::server::Server;
use hostile::Hostile;
use requests::{Manner, serve, session};
use support::{SOON, await_count, call, count, rss};

/// All connections that are open at once.
const CONNECTIONS: usize = 10_000;
/// How many of them mean no good.
const HOSTILE: usize = 100;
/// How many serve sessions; the last one looks at INFO.
const SERVING: usize = CONNECTIONS - HOSTILE - 1;
/// Threads that serve, each on connections of its own.
const WORKERS: usize = 8;
/// Sessions that all requests share: few, so that requests meet at their locks.
const SESSIONS: usize = 16;
/// Requests of each connection.
const ROUNDS: usize = 1;

/// One look at the server, and one turn of all hostile connections, each time this passes.
const PACE: Duration = Duration::from_millis(5);
/// What the server may need above what it needs with all connections open and idle. The hostile
/// account for less than half of it: see the limits in [`start`].
const GROWTH_MAX: u64 = 256 << 20;
/// What no answer may take, on a machine that does other things too.
const LATENCY_MAX: Duration = Duration::from_secs(10);
/// What 99 of 100 answers may take.
const LATENCY_P99_MAX: Duration = Duration::from_secs(2);

fn start() -> Server {
    let directives = [
        ("maxclients", "11000"),
        // Those who do not read are cut off.
        ("client-output-buffer-limit", "normal 4mb 0 0 pubsub 1mb 0 0"),
    ];
    support::start(&directives)
}

/// Descriptors for all connections; without them the test cannot be what it says.
fn allow_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let needed = CONNECTIONS as u64 + 500;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let maximum = limit.maximum.map(|maximum| maximum.max(needed));
        setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }).unwrap_or_else(
            |error| panic!("{needed} descriptors are needed, the limit is {limit:?}: {error}"),
        );
    }
}

/// What the server needed at most.
#[derive(Debug, Default)]
struct Peak {
    used: u64,
    resident: u64,
    connected: u64,
}

impl Peak {
    fn note(&mut self, server: &Server, control: &mut Connection) {
        self.used = self.used.max(count(control, "used_memory"));
        self.resident = self.resident.max(rss(server.pid().unwrap()));
        self.connected = self.connected.max(count(control, "connected_clients"));
    }
}

/// Serves requests on `connections`, one after the other; returns how long each answer took.
fn work(connections: &mut [Connection], first: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        for (n, connection) in connections.iter_mut().enumerate() {
            let request = first + n;
            // Neighbours work on the same session, in one manner and in the other.
            let manner = if (n + round) % 4 == 0 { Manner::Phpredis } else { Manner::Session };
            serve(connection, request % SESSIONS, manner, &mut took);
        }
    }
    took
}

#[test]
fn ten_thousand_connections_are_served_exactly_while_a_hundred_are_hostile() {
    allow_descriptors();
    let server = start();
    let mut control = server.connect().unwrap();
    control.set_timeout(LATENCY_MAX).unwrap();
    let mut serving: Vec<Connection> = (0..SERVING).map(|_| requests::connect(&server)).collect();
    await_count(&mut control, "connected_clients", SERVING as u64 + 1);
    let (idle_used, idle_resident) =
        (count(&mut control, "used_memory"), rss(server.pid().unwrap()));

    hostile::prepare(&mut control);
    let mut hostile: Vec<Hostile> = (0..HOSTILE).map(|n| Hostile::new(&server, n)).collect();
    let (stop, stopped) = channel::<()>();
    let latencies = Mutex::new(Vec::new());
    let mut peak = Peak::default();
    thread::scope(|scope| {
        let (attackers, target) = (&mut hostile, &server);
        let attack = scope.spawn(move || {
            while stopped.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
                attackers.iter_mut().for_each(|one| one.turn(target));
            }
        });
        let part = SERVING.div_ceil(WORKERS);
        let workers: Vec<_> = serving
            .chunks_mut(part)
            .enumerate()
            .map(|(n, connections)| {
                let latencies = &latencies;
                scope.spawn(move || {
                    let took = work(connections, n * part);
                    latencies.lock().unwrap().extend(took);
                })
            })
            .collect();
        let all_served = await_true(Duration::from_mins(3), || {
            peak.note(&server, &mut control);
            hostile::publish(&mut control);
            workers.iter().all(ScopedJoinHandle::is_finished)
        });
        // Those who attack end before anything is said of the others.
        drop(stop);
        attack.join().unwrap();
        for worker in workers {
            worker.join().unwrap();
        }
        assert!(all_served, "the sessions were not served in time");
    });

    check_counts(&mut control);
    check_latencies(latencies.into_inner().unwrap());
    println!("idle: {idle_used} used, {idle_resident} resident; at most {peak:?}");
    assert!(peak.used < idle_used + GROWTH_MAX, "{peak:?}, {idle_used} while idle");
    assert!(peak.resident < idle_resident + GROWTH_MAX, "{peak:?}, {idle_resident} while idle");
    assert!(peak.connected >= (CONNECTIONS - HOSTILE / 2) as u64, "{peak:?}");
    hostile::check(&hostile);

    // Nothing is left of them, and everybody else is still there.
    drop(hostile);
    await_count(&mut control, "connected_clients", SERVING as u64 + 1);
    let settled =
        await_true(SOON, || count(&mut control, "used_memory") < idle_used + GROWTH_MAX / 4);
    assert!(settled, "{} used, {idle_used} while idle", count(&mut control, "used_memory"));
    for connection in serving.iter_mut().step_by(100) {
        assert_eq!(call(connection, "PING"), "PONG");
    }
    assert!(!server.log().contains("defect"), "{}", server.log());
}

/// Every request counted once.
fn check_counts(control: &mut Connection) {
    for index in 0..SESSIONS {
        let asked = (0..SERVING).filter(|request| request % SESSIONS == index).count() * ROUNDS;
        assert_eq!(call(control, &format!("GET {}", session(index))), asked.to_string());
        assert_eq!(call(control, &format!("EXISTS {}_LOCK", session(index))), "0");
    }
}

fn check_latencies(mut took: Vec<Duration>) {
    took.sort_unstable();
    let (p99, max) = (took[took.len() * 99 / 100], took[took.len() - 1]);
    println!("{} answers: p99 {p99:?}, max {max:?}", took.len());
    assert!(p99 < LATENCY_P99_MAX, "p99 {p99:?}, max {max:?}");
    assert!(max < LATENCY_MAX, "p99 {p99:?}, max {max:?}");
}
