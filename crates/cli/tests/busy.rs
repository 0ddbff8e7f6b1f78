//! Clients while a script runs: it may take its time, and nobody else's.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::time::Duration;

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::await_true;
use guarda_testkit::server::Server;
use support::{SOON, await_count, call, field, start, text};

/// Takes the key's shard, and never ends by itself.
const ENDLESS: &str = "redis.call('GET', KEYS[1]) while true do end";

/// A server whose scripts are called busy after 100 ms.
fn server() -> Server {
    start(&[("busy-reply-threshold", "100"), ("io-threads", "2")])
}

/// A client whose endless script holds the key `held`, and is known to.
fn run_endless(server: &Server) -> Connection {
    let mut owner = server.connect().unwrap();
    owner.send(&["EVAL", ENDLESS, "1", "held"]).unwrap();
    let mut other = server.connect().unwrap();
    let is_busy = await_true(SOON, || call(&mut other, "GET held").starts_with("BUSY "));
    assert!(is_busy, "the script does not run: {}", server.log());
    owner
}

fn kill_script(server: &Server) {
    let mut control = server.connect().unwrap();
    assert_eq!(call(&mut control, "SCRIPT KILL"), "OK");
    let is_free = await_true(SOON, || call(&mut control, "SET held free") == "OK");
    assert!(is_free, "{}", server.log());
}

#[test]
fn a_long_script_is_busy_for_its_keys_and_nothing_else() {
    let server = server();
    let mut control = server.connect().unwrap();
    assert_eq!(call(&mut control, "SET elsewhere 1"), "OK");
    let mut owner = run_endless(&server);
    // Both threads go on serving; a write has done nothing when it is refused.
    let mut clients: Vec<_> = (0..4).map(|_| server.connect().unwrap()).collect();
    for client in &mut clients {
        for _ in 0..20 {
            assert_eq!(call(client, "PING"), "PONG");
            assert!(call(client, "INCR elsewhere").parse::<u32>().is_ok());
        }
        for command in [
            "SET held x",
            "GET held",
            "SCAN 0",
            "DBSIZE",
            "KEYS *",
            "INFO",
            "MEMORY STATS",
            "FLUSHALL",
        ] {
            let reply = call(client, command);
            assert!(reply.starts_with("BUSY "), "{command}: {reply}");
        }
        assert_eq!(call(client, "MULTI"), "OK");
        assert_eq!(call(client, "SET held x"), "QUEUED");
        assert!(call(client, "EXEC").contains("BUSY"));
    }
    kill_script(&server);
    assert!(text(&owner.read().unwrap()).contains("killed by user"));
    assert_eq!(call(&mut owner, "GET held"), "free");
    assert_eq!(call(&mut control, "GET elsewhere"), "81");
    assert_eq!(call(&mut control, "SCRIPT KILL"), "NOTBUSY No scripts in execution right now.");
}

#[test]
fn what_waits_for_a_short_script_is_served_in_order_when_it_ends() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let mut owner = server.connect().unwrap();
    let script =
        "redis.call('APPEND', KEYS[1], 'set') local i = 0 while i < 5000000 do i = i + 1 end";
    owner.send(&["EVAL", script, "1", "k"]).unwrap();
    owner.send(&["APPEND", "k", "-own"]).unwrap();
    let mut waiting: Vec<_> = (0..50).map(|_| server.connect().unwrap()).collect();
    for client in &mut waiting {
        client.send_raw(b"APPEND k x\r\nECHO second\r\nSTRLEN k\r\n").unwrap();
    }
    for _ in 0..50 {
        assert_eq!(call(&mut control, "PING"), "PONG");
    }
    assert_eq!(text(&owner.read().unwrap()), "$-1");
    assert!(text(&owner.read().unwrap()).parse::<u32>().is_ok());
    for client in &mut waiting {
        assert!(text(&client.read().unwrap()).parse::<u32>().is_ok());
        assert_eq!(text(&client.read().unwrap()), "second");
        assert!(text(&client.read().unwrap()).parse::<u32>().is_ok());
    }
    assert_eq!(call(&mut control, "STRLEN k"), (3 + 4 + 50).to_string());
}

#[test]
fn a_client_is_killed_while_its_script_runs() {
    let server = server();
    let mut owner = run_endless(&server);
    let mut control = server.connect().unwrap();
    let list = call(&mut control, "CLIENT LIST");
    let line = list.lines().find(|line| field(line, "cmd") == "eval").unwrap();
    assert_eq!(call(&mut control, &format!("CLIENT KILL ID {}", field(line, "id"))), "1");
    kill_script(&server);
    assert_eq!(owner.read_to_end().unwrap(), b"");
    await_count(&mut control, "connected_clients", 1);
}

#[test]
fn a_client_is_killed_while_it_waits_for_a_script() {
    // It waits for long before it would hear BUSY.
    let server = start(&[("busy-reply-threshold", "60000")]);
    let mut control = server.connect().unwrap();
    let mut owner = server.connect().unwrap();
    owner.send(&["EVAL", ENDLESS, "1", "held"]).unwrap();
    let mut waiting = server.connect().unwrap();
    call(&mut waiting, "CLIENT SETNAME waiting");
    // Once it is not answered, the script has begun.
    waiting.set_timeout(Duration::from_millis(100)).unwrap();
    let mut answered = 0;
    while waiting.call(&["INCR", "held"]).is_ok() {
        answered += 1;
    }
    let line = |control: &mut Connection| {
        let list = call(control, "CLIENT LIST");
        list.lines().find(|line| field(line, "name") == "waiting").map(str::to_owned)
    };
    // Its command came back to the buffer: it waits.
    let waits = await_true(SOON, || line(&mut control).is_some_and(|l| field(&l, "qbuf") != "0"));
    assert!(waits, "{:?}", line(&mut control));
    let id = field(&line(&mut control).unwrap(), "id").to_owned();
    assert_eq!(call(&mut control, &format!("CLIENT KILL ID {id}")), "1");
    assert_eq!(waiting.read_to_end().unwrap(), b"");
    assert_eq!(call(&mut control, "SCRIPT KILL"), "OK");
    assert!(text(&owner.read().unwrap()).contains("killed by user"));
    let held = await_true(SOON, || call(&mut control, "INCRBY held 0") == answered.to_string());
    assert!(held, "the command of the killed client was carried out");
}

#[test]
fn connections_that_close_meanwhile_are_cleaned_up() {
    let server = server();
    let mut control = server.connect().unwrap();
    let mut watchers: Vec<_> = (0..20).map(|_| server.connect().unwrap()).collect();
    for watcher in &mut watchers {
        assert_eq!(call(watcher, "WATCH held other"), "OK");
    }
    let owner = run_endless(&server);
    // Watches of `held` cannot be ended now, and must not hold up the threads.
    for (n, mut watcher) in watchers.into_iter().enumerate() {
        match n % 4 {
            0 => drop(watcher),
            1 => assert!(call(&mut watcher, "UNWATCH").starts_with("BUSY")),
            2 => assert!(call(&mut watcher, "RESET").starts_with("BUSY")),
            _ => assert_eq!(call(&mut watcher, "QUIT"), "OK"),
        }
        assert_eq!(call(&mut control, "PING"), "PONG");
    }
    drop(owner);
    for _ in 0..50 {
        assert_eq!(call(&mut control, "PING"), "PONG");
    }
    kill_script(&server);
    await_count(&mut control, "connected_clients", 1);
    // A watch that was left over would still be found dirty, or be a leak; new ones work.
    assert_eq!(call(&mut control, "WATCH held"), "OK");
    assert_eq!(call(&mut control, "MULTI"), "OK");
    assert_eq!(call(&mut control, "GET held"), "QUEUED");
    assert_eq!(call(&mut control, "EXEC"), r#"["free"]"#);
}

#[test]
fn a_refused_transaction_does_not_hold_up_the_thread() {
    let server = server();
    let mut control = server.connect().unwrap();
    let mut client = server.connect().unwrap();
    for (command, expected) in
        [("WATCH held", "OK"), ("MULTI", "OK"), ("SET elsewhere x", "QUEUED")]
    {
        assert_eq!(call(&mut client, command), expected);
    }
    assert_eq!(call(&mut control, "CONFIG SET maxmemory 1"), "OK");
    let _owner = run_endless(&server);
    // Its refusal for want of memory ends the watch, whose shard the script holds.
    client.send(&["EXEC"]).unwrap();
    for _ in 0..20 {
        assert_eq!(call(&mut control, "PING"), "PONG");
    }
    assert!(text(&client.read().unwrap()).contains("BUSY"));
    assert_eq!(call(&mut control, "SCRIPT KILL"), "OK");
}

#[test]
fn a_script_of_a_client_that_has_finished_sending_is_answered() {
    let server = start(&[]);
    for _ in 0..50 {
        let mut client = server.connect().unwrap();
        client.send(&["EVAL", "return redis.call('INCR', KEYS[1])", "1", "n"]).unwrap();
        client.send(&["GET", "n"]).unwrap();
        client.finish_sending().unwrap();
        let said = String::from_utf8(client.read_to_end().unwrap()).unwrap();
        assert!(said.starts_with(':') && said.contains("\r\n$"), "{said}");
    }
}

#[test]
fn the_locks_of_sessions_elsewhere_are_prolonged_meanwhile() {
    let server = server();
    let mut holder = server.connect().unwrap();
    for n in 0..3 {
        let open = format!("SESSION OPEN s{n} guarda:0123456789abcdef0123456789abcdef LEASE 1000");
        call(&mut holder, &open);
    }
    let _owner = run_endless(&server);
    let mut other = server.connect().unwrap();
    let mut prolonged = 0;
    for n in 0..3 {
        let (mut last, mut times) = (0, 0);
        let mut left = || call(&mut other, &format!("PTTL s{n}_LOCK"));
        if left().starts_with("BUSY ") {
            // It is in the script's shard by chance.
            continue;
        }
        let is_prolonged = await_true(SOON, || {
            let left: i64 = left().parse().unwrap();
            times += i32::from(left > last && last > 0);
            last = left;
            times >= 4
        });
        assert!(is_prolonged, "prolonged {times} times; {last} ms are left");
        prolonged += 1;
    }
    assert!(prolonged > 0, "two of three share a shard with another once in 65536 runs");
    kill_script(&server);
}
