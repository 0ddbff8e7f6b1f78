//! CLIENT PAUSE across threads, sessions and gone clients.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::time::Duration;

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::Deadline;
use support::{await_count, call, count, field, start, text};

const TOKENS: [&str; 2] =
    ["guarda:00000000000000000000000000000001", "guarda:00000000000000000000000000000002"];

#[test]
fn commands_of_all_threads_wait_in_order_and_go_on_together() {
    let server = start(&[("io-threads", "2")]);
    let mut control = server.connect().unwrap();
    assert_eq!(call(&mut control, "CLIENT PAUSE 1000000 WRITE"), "OK");
    let mut writers: Vec<Connection> = (0..20).map(|_| server.connect().unwrap()).collect();
    for (n, writer) in writers.iter_mut().enumerate() {
        writer
            .send_raw(format!("RPUSH l{n} a\r\nRPUSH l{n} b\r\nLRANGE l{n} 0 -1\r\n").as_bytes())
            .unwrap();
    }
    await_count(&mut control, "blocked_clients", 20);
    let list = call(&mut control, "CLIENT LIST");
    assert_eq!(list.lines().filter(|line| field(line, "flags") == "b").count(), 20);
    assert_eq!(call(&mut control, "DBSIZE"), "0");
    let waiting = list.lines().find(|line| field(line, "flags") == "b").unwrap();
    let unblock = format!("CLIENT UNBLOCK {}", field(waiting, "id"));
    assert_eq!(call(&mut control, &unblock), "0", "a pause is not a wait that it could end");
    assert_eq!(call(&mut control, "CLIENT UNPAUSE"), "OK");
    for writer in &mut writers {
        let replies: Vec<String> = (0..3).map(|_| text(&writer.read().unwrap())).collect();
        assert_eq!(replies[..2], ["1", "2"]);
    }
    assert_eq!(count(&mut control, "blocked_clients"), 0);
}

#[test]
fn a_pause_ends_by_itself() {
    let server = start(&[("io-threads", "2")]);
    let mut clients = [server.connect().unwrap(), server.connect().unwrap()];
    let end = Deadline::after(Duration::from_millis(300));
    assert_eq!(call(&mut clients[0], "CLIENT PAUSE 300"), "OK");
    for client in &mut clients {
        assert_eq!(call(client, "PING"), "PONG");
        assert!(end.has_passed());
    }
}

#[test]
fn what_gone_and_killed_clients_asked_for_in_a_pause_is_not_done() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    assert_eq!(call(&mut control, "CLIENT PAUSE 1000000 WRITE"), "OK");
    let mut gone = server.connect().unwrap();
    gone.send(&["SET", "gone", "1"]).unwrap();
    let mut killed = server.connect().unwrap();
    let id = call(&mut killed, "CLIENT ID");
    killed.send(&["SET", "killed", "1"]).unwrap();
    await_count(&mut control, "blocked_clients", 2);
    drop(gone);
    await_count(&mut control, "blocked_clients", 1);
    assert_eq!(call(&mut control, &format!("CLIENT KILL ID {id}")), "1");
    assert_eq!(killed.read_to_end().unwrap(), b"");
    assert_eq!(call(&mut control, "CLIENT UNPAUSE"), "OK");
    assert_eq!(call(&mut control, "EXISTS gone killed"), "0");
}

#[test]
fn a_session_is_opened_after_the_pause_and_its_time_to_wait_goes_on_meanwhile() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let mut holder = server.connect().unwrap();
    holder.call(&["SESSION", "OPEN", "s", TOKENS[0]]).unwrap();
    let end = Deadline::after(Duration::from_secs(2));
    let too_late = Deadline::after(Duration::from_millis(3500));
    assert_eq!(call(&mut control, "CLIENT PAUSE 2000 WRITE"), "OK");
    let mut asker = server.connect().unwrap();
    // Less than the pause takes: when it gets to ask, its time has run out.
    asker.send(&["SESSION", "OPEN", "s", TOKENS[1], "WAIT", "1500"]).unwrap();
    await_count(&mut control, "blocked_clients", 1);
    let reply = asker.read().unwrap();
    assert_eq!(text(&reply.elements().unwrap()[0]), "BUSY");
    assert!(end.has_passed());
    assert!(!too_late.has_passed(), "its time began anew");
}
