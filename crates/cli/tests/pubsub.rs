//! Publish and subscribe between many connections, from outside.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::await_true;
use guarda_testkit::reply::Frame;
use guarda_testkit::server::Server;
use support::{SOON, call, start, text};

fn subscribe(server: &Server, channel: &str) -> Connection {
    let mut connection = server.connect().unwrap();
    connection.call(&["SUBSCRIBE", channel]).unwrap();
    connection
}

#[test]
fn a_thousand_subscribers_get_every_message_in_order_and_one_that_does_not_read_is_closed() {
    const SUBSCRIBERS: usize = 1_000;
    const MESSAGES: usize = 20;
    let server = start(&[("client-output-buffer-limit", "pubsub 1mb 0 0"), ("timeout", "0")]);
    let mut subscribers: Vec<Connection> =
        (0..SUBSCRIBERS).map(|_| subscribe(&server, "news")).collect();
    let mut publisher = server.connect().unwrap();
    for n in 0..MESSAGES {
        let received = publisher.call(&["PUBLISH", "news", &n.to_string()]).unwrap();
        assert_eq!(received, Frame::Integer(SUBSCRIBERS as i64));
    }
    for subscriber in &mut subscribers {
        for n in 0..MESSAGES {
            let message = subscriber.read().unwrap();
            let words: Vec<String> = message.elements().unwrap().iter().map(text).collect();
            assert_eq!(words, ["message", "news", &n.to_string()]);
        }
    }
    drop(subscribers);
    let all_gone = || call(&mut publisher, "PUBSUB NUMSUB news").contains('0');
    assert!(await_true(SOON, all_gone), "subscriptions outlive their connections");

    let slow = subscribe(&server, "flood");
    let mut reader = subscribe(&server, "quiet");
    let large = "x".repeat(256 << 10);
    let closed = await_true(SOON, || {
        publisher.call(&["PUBLISH", "flood", &large]).unwrap() == Frame::Integer(0)
    });
    assert!(closed, "a subscriber that reads nothing is kept");
    drop(slow);
    assert!(server.log().contains("client-output-buffer-limit"));
    publisher.call(&["PUBLISH", "quiet", "still here"]).unwrap();
    assert_eq!(reader.read().unwrap().elements().unwrap().len(), 3);
}

/// As in Redis since 7.2. In 7.0 it preceded the reply, and broke EXEC's in two.
#[test]
fn what_a_client_publishes_to_itself_follows_the_reply() {
    let server = start(&[]);
    let mut client = server.connect().unwrap();
    let mut ask = |bytes: &str, replies: usize| -> String {
        client.send_raw(bytes.as_bytes()).unwrap();
        let all = (0..replies).map(|_| client.read_raw().unwrap()).collect::<Vec<_>>().concat();
        String::from_utf8(all).unwrap().replace("\r\n", " ")
    };
    ask("HELLO 3\r\nSUBSCRIBE a\r\n", 2);
    let message = ">3 $7 message $1 a $1 x ";
    let pipelined = ask("PUBLISH a x\r\nPING\r\n", 3);
    assert_eq!(pipelined, format!(":1 {message}+PONG "));
    let transaction = "MULTI\r\nPUBLISH a x\r\nPING\r\nPUBLISH a x\r\nEXEC\r\nPING\r\n";
    let queued = "+OK +QUEUED +QUEUED +QUEUED ";
    let executed = "*3 :1 +PONG :1 ";
    assert_eq!(ask(transaction, 8), format!("{queued}{executed}{message}{message}+PONG "));
    let script = "EVAL \"redis.call('publish', 'a', 'x') return 7\" 0\r\nPING\r\n";
    assert_eq!(ask(script, 3), format!(":7 {message}+PONG "));
}

#[test]
fn subscribers_are_not_idle_and_a_user_that_may_hear_no_longer_is_closed() {
    let server = start(&[("timeout", "1")]);
    let mut admin = server.connect().unwrap();
    call(&mut admin, "ACL SETUSER bob on nopass +@all resetchannels &news");
    let mut bob = server.connect().unwrap();
    call(&mut bob, "AUTH bob x");
    call(&mut bob, "SUBSCRIBE news");
    let mut idle = server.connect().unwrap();
    call(&mut idle, "PING");
    assert!(idle.read().is_err(), "an idle client is closed");
    let mut admin = server.connect().unwrap();
    assert_eq!(admin.call(&["PUBLISH", "news", "x"]).unwrap(), Frame::Integer(1));
    assert_eq!(bob.read().unwrap().elements().unwrap().len(), 3);
    call(&mut admin, "ACL SETUSER bob resetchannels");
    assert!(bob.read().is_err(), "bob listens to what he may not hear");
}

#[test]
fn events_come_in_the_order_of_the_log_whatever_thread_they_come_from() {
    const WRITERS: usize = 6;
    const KEYS: usize = 200;
    let server = start(&[
        ("io-threads", "4"),
        ("appendonly", "yes"),
        ("appendfsync", "no"),
        ("notify-keyspace-events", "E$"),
    ]);
    let mut listener = subscribe(&server, "__keyevent@0__:set");
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let mut connection = server.connect().unwrap();
            scope.spawn(move || {
                for key in 0..KEYS {
                    connection.call(&["SET", &format!("key:{writer}:{key}"), "v"]).unwrap();
                }
            });
        }
    });
    let mut told = Vec::new();
    for _ in 0..WRITERS * KEYS {
        told.push(text(&listener.read().unwrap().elements().unwrap()[2]));
    }
    let mut log = String::new();
    for entry in std::fs::read_dir(server.dir().join("appendonlydir")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(".incr.aof") {
            log = String::from_utf8(std::fs::read(path).unwrap()).unwrap();
        }
    }
    let logged: Vec<&str> = log.lines().filter(|line| line.starts_with("key:")).collect();
    assert_eq!(told, logged);
}

#[test]
fn a_subscriber_beyond_the_soft_limit_has_its_seconds_and_normal_clients_another_limit() {
    let limits = "normal 0 0 0 pubsub 0 1mb 1";
    let server = start(&[("client-output-buffer-limit", limits)]);
    let mut publisher = server.connect().unwrap();
    let slow = subscribe(&server, "flood");
    let large = "x".repeat(1 << 20);
    let mut sent = 0;
    let closed = await_true(SOON, || {
        // What the kernel keeps for the reader comes first; beyond that the time begins.
        if sent < 24 {
            sent += 1;
            publisher.call(&["PUBLISH", "flood", &large]).unwrap();
        }
        call(&mut publisher, "CLIENT LIST TYPE pubsub").is_empty()
    });
    assert!(closed, "{}", call(&mut publisher, "CLIENT LIST"));
    assert!(server.log().contains("soft client-output-buffer-limit"), "{}", server.log());
    drop(slow);
    let set = "client-output-buffer-limit";
    let shown = |publisher: &mut Connection| call(publisher, &format!("CONFIG GET {set}"));
    assert!(shown(&mut publisher).contains("pubsub 0 1048576 1"), "{}", shown(&mut publisher));
    let changed = publisher.call(&["CONFIG", "SET", set, "pubsub 1mb 0 0 slave 1gb 0 0"]).unwrap();
    assert_eq!(text(&changed), "OK");
    let expected = "normal 0 0 0 slave 1073741824 0 0 pubsub 1048576 0 0";
    assert!(shown(&mut publisher).contains(expected), "{}", shown(&mut publisher));
}
