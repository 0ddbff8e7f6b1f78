//! Clients that wait for elements, from outside: their order, what ends a wait, and that nothing is
//! lost or given twice, whatever happens.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use guarda_testkit::connection::{Connection, encode};
use guarda_testkit::deadline::await_true;
use guarda_testkit::server::Server;
use support::{SOON, call, field, start, text};

/// Waits until so many clients are blocked.
fn await_blocked(control: &mut Connection, expected: usize) {
    let wanted = format!("blocked_clients:{expected}");
    let reached = await_true(SOON, || {
        call(control, "INFO clients").lines().any(|line| line.trim_end() == wanted)
    });
    assert!(reached, "not {expected} clients are blocked: {}", call(control, "INFO clients"));
}

/// A new connection that has sent `command` and waits; the `n`th that does.
fn waiter(server: &Server, control: &mut Connection, command: &str, n: usize) -> Connection {
    let mut connection = server.connect().unwrap();
    connection.set_timeout(SOON).unwrap();
    connection.send(&command.split_whitespace().collect::<Vec<_>>()).unwrap();
    await_blocked(control, n);
    connection
}

/// The element of BLPOP's reply.
fn element(connection: &mut Connection) -> String {
    let reply = connection.read().unwrap();
    text(&reply.elements().unwrap_or_else(|| panic!("BLPOP answered {reply}"))[1])
}

#[test]
fn a_thousand_clients_on_one_key_are_served_in_the_order_of_their_arrival() {
    const CLIENTS: usize = 1_000;
    let server = start(&[("io-threads", "2"), ("maxclients", "2000")]);
    let mut control = server.connect().unwrap();
    let mut waiters: Vec<Connection> =
        (1..=CLIENTS).map(|n| waiter(&server, &mut control, "BLPOP other queue 0", n)).collect();
    let mut pushes = Vec::new();
    for first in (0..CLIENTS).step_by(4) {
        // Three at once, then one.
        let three: Vec<String> = (first..first + 3).map(|n| n.to_string()).collect();
        encode(&mut pushes, &["RPUSH", "queue", &three[0], &three[1], &three[2]]);
        encode(&mut pushes, &["RPUSH", "queue", &(first + 3).to_string()]);
    }
    control.send_raw(&pushes).unwrap();
    for _ in 0..CLIENTS / 2 {
        control.read().unwrap();
    }
    for (n, connection) in waiters.iter_mut().enumerate() {
        assert_eq!(element(connection), n.to_string());
    }
    assert_eq!(call(&mut control, "LLEN queue"), "0");
    await_blocked(&mut control, 0);
}

#[test]
fn a_client_that_is_gone_takes_nothing_with_it() {
    let server = start(&[("timeout", "1")]);
    let mut control = server.connect().unwrap();
    let first = waiter(&server, &mut control, "BLPOP queue 0", 1);
    let mut killed = waiter(&server, &mut control, "BLPOP queue 0", 2);
    let mut served = waiter(&server, &mut control, "BLPOP queue 0", 3);
    drop(first);
    await_blocked(&mut control, 2);
    let list = call(&mut control, "CLIENT LIST");
    let blocked: Vec<&str> =
        list.lines().filter(|line| field(line, "flags").contains('b')).collect();
    assert_eq!(blocked.len(), 2, "{list}");
    let id = field(blocked[0], "id").to_owned();
    // In one write: the push must not serve one whose end was acknowledged before it.
    let mut both = Vec::new();
    encode(&mut both, &["CLIENT", "KILL", "ID", &id]);
    encode(&mut both, &["RPUSH", "queue", "x"]);
    control.send_raw(&both).unwrap();
    assert_eq!(
        (text(&control.read().unwrap()), text(&control.read().unwrap())),
        ("1".into(), "1".into())
    );
    assert_eq!(element(&mut served), "x");
    assert!(killed.read().is_err());
    // `timeout` is for clients that could do something and do not.
    let mut patient = waiter(&server, &mut control, "BLPOP queue 0", 1);
    let waits = call(&mut control, "CLIENT LIST");
    let line = waits.lines().find(|line| field(line, "flags") == "b").unwrap();
    let id = field(line, "id").to_owned();
    let is_idle_for_long = |control: &mut Connection| {
        let list = call(control, &format!("CLIENT LIST ID {id}"));
        field(list.lines().next().unwrap(), "idle").parse::<u64>().unwrap() >= 3
    };
    assert!(await_true(SOON, || is_idle_for_long(&mut control)));
    call(&mut control, "RPUSH queue y");
    assert_eq!(element(&mut patient), "y");
}

#[test]
fn a_move_to_a_key_that_a_script_holds_is_made_when_the_script_has_ended() {
    let server = start(&[("io-threads", "2")]);
    let mut control = server.connect().unwrap();
    let mut mover = waiter(&server, &mut control, "BLMOVE queue held RIGHT LEFT 0", 1);
    let mut next = waiter(&server, &mut control, "BLPOP queue 0", 2);
    let mut scripting = server.connect().unwrap();
    // Long enough for the pushes to come by, on most machines; right in any case.
    let script = "for n = 1, 20000 do redis.call('LLEN', KEYS[1]) end return 'done'";
    scripting.send(&["EVAL", script, "1", "held"]).unwrap();
    // The push waits for no script; whether the move is made before or after is the script's affair.
    call(&mut control, "RPUSH queue first");
    call(&mut control, "RPUSH queue second");
    // A move that had to wait for the script takes from the end that the list has by then.
    let served = [text(&mover.read().unwrap()), element(&mut next)];
    assert!(matches!(
        served.each_ref().map(String::as_str),
        ["first", "second"] | ["second", "first"]
    ));
    assert_eq!(text(&scripting.read().unwrap()), "done");
    assert_eq!(call(&mut control, "LLEN held"), "1");
    assert_eq!(call(&mut control, "LLEN queue"), "0");
}

#[test]
fn elements_that_travel_from_list_to_list_arrive_once_each_and_all() {
    const PUSHERS: u64 = 3;
    const EACH: u64 = 300;
    const STATIONS: usize = 4;
    let server = start(&[("io-threads", "2")]);
    let arrived = AtomicU64::new(0);
    let mut seen: Vec<u64> = std::thread::scope(|scope| {
        for pusher in 0..PUSHERS {
            let server = &server;
            scope.spawn(move || {
                let mut connection = server.connect().unwrap();
                for n in 0..EACH {
                    call(&mut connection, &format!("LPUSH s0 {}", pusher * EACH + n));
                }
            });
        }
        for station in 0..STATIONS {
            for _ in 0..2 {
                let (server, arrived) = (&server, &arrived);
                scope.spawn(move || {
                    let mut connection = server.connect().unwrap();
                    let command = format!("BLMOVE s{station} s{} RIGHT LEFT 0.2", station + 1);
                    while arrived.load(Ordering::Relaxed) < PUSHERS * EACH {
                        call(&mut connection, &command);
                    }
                });
            }
        }
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let (server, arrived) = (&server, &arrived);
                scope.spawn(move || {
                    let mut connection = server.connect().unwrap();
                    let last = format!("s{STATIONS}");
                    let mut seen = Vec::new();
                    while arrived.load(Ordering::Relaxed) < PUSHERS * EACH {
                        let reply = connection.call(&["BRPOP", &last, "0.2"]).unwrap();
                        if let Some([_, element]) = reply.elements() {
                            seen.push(text(element).parse().unwrap());
                            arrived.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    seen
                })
            })
            .collect();
        takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect()
    });
    seen.sort_unstable();
    assert_eq!(seen, (0..PUSHERS * EACH).collect::<Vec<_>>());
    let mut control = server.connect().unwrap();
    assert_eq!(call(&mut control, "DBSIZE"), "0");
}

/// A reply leaves after its record: what a client was given is gone from the log, and what nobody
/// was given is there, but for the one element that may be on its way to each.
#[test]
fn after_kill_9_no_element_is_there_that_was_given_and_none_is_missing_that_was_not() {
    const TAKERS: usize = 6;
    for round in 0..3 {
        let mut server = start(&[("appendonly", "yes"), ("io-threads", "2")]);
        let pushed = AtomicU64::new(0);
        let kill_at = 300 + 200 * round;
        let given: BTreeSet<u64> = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..TAKERS)
                .map(|n| {
                    let mut connection = server.connect().unwrap();
                    connection.set_timeout(SOON).unwrap();
                    scope.spawn(move || {
                        let command = if n % 2 == 0 { "BLPOP" } else { "BRPOP" };
                        let mut given = Vec::new();
                        while let Ok(reply) = connection.call(&[command, "queue", "0"]) {
                            let Some([_, element]) = reply.elements() else { break };
                            given.push(text(element).parse::<u64>().unwrap());
                        }
                        given
                    })
                })
                .collect();
            let mut connection = server.connect().unwrap();
            let pushed = &pushed;
            let pusher = scope.spawn(move || {
                for n in 0.. {
                    if connection.call(&["RPUSH", "queue", &n.to_string()]).is_err() {
                        return;
                    }
                    pushed.store(n + 1, Ordering::Relaxed);
                }
            });
            assert!(await_true(SOON, || pushed.load(Ordering::Relaxed) > kill_at));
            server.kill9();
            pusher.join().unwrap();
            let all: Vec<u64> =
                takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
            let given: BTreeSet<u64> = all.iter().copied().collect();
            assert_eq!(given.len(), all.len(), "none is given twice");
            given
        });
        server.restart().unwrap();
        let mut control = server.connect().unwrap();
        let left = control.call(&["LRANGE", "queue", "0", "-1"]).unwrap();
        let left: BTreeSet<u64> =
            left.elements().unwrap().iter().map(|n| text(n).parse().unwrap()).collect();
        assert_eq!(left.intersection(&given).count(), 0, "what was given is gone");
        let missing = (0..pushed.load(Ordering::Relaxed))
            .filter(|n| !left.contains(n) && !given.contains(n))
            .count();
        assert!(missing <= TAKERS, "{missing} elements are missing");
    }
}

#[test]
fn waits_end_by_their_own_clocks() {
    let server = start(&[]);
    let mut connection = server.connect().unwrap();
    connection.set_timeout(SOON).unwrap();
    let mut bytes = Vec::new();
    for seconds in ["0.05", "0.001", "0.02"] {
        encode(&mut bytes, &["BLPOP", "nothing", seconds]);
    }
    encode(&mut bytes, &["PING"]);
    connection.send_raw(&bytes).unwrap();
    for _ in 0..3 {
        assert_eq!(connection.read_raw().unwrap(), b"*-1\r\n");
    }
    assert_eq!(text(&connection.read().unwrap()), "PONG");
}
