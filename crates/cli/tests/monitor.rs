//! MONITOR between many connections, from outside.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use guarda_testkit::connection::{Connection, encode};
use guarda_testkit::deadline::await_true;
use guarda_testkit::server::Server;
use support::{SOON, await_count, call, count, field, start, text};

fn monitor(server: &Server) -> Connection {
    let mut connection = server.connect().unwrap();
    assert_eq!(call(&mut connection, "MONITOR"), "OK");
    connection
}

#[test]
fn every_command_is_shown_once_and_those_of_one_key_in_the_order_in_which_they_ran() {
    const EACH: usize = 500;
    let server = start(&[("io-threads", "2")]);
    let mut monitors = [monitor(&server), monitor(&server), monitor(&server)];
    let mut writers: Vec<Connection> = (0..4).map(|_| server.connect().unwrap()).collect();
    for (n, writer) in writers.iter_mut().enumerate() {
        let mut bytes = Vec::new();
        for call in 0..EACH {
            encode(&mut bytes, &["RPUSH", "l", &format!("{n}-{call}")]);
        }
        writer.send_raw(&bytes).unwrap();
    }
    let total = 4 * EACH;
    for writer in &mut writers {
        (0..EACH).for_each(|_| drop(writer.read().unwrap()));
    }
    let list = writers[0].call(&["LRANGE", "l", "0", "-1"]).unwrap();
    let expected: Vec<String> = list
        .elements()
        .unwrap()
        .iter()
        .map(|e| format!("\"RPUSH\" \"l\" \"{}\"", text(e)))
        .collect();
    for monitor in &mut monitors {
        let lines: Vec<String> = (0..total).map(|_| text(&monitor.read().unwrap())).collect();
        let commands: Vec<&str> =
            lines.iter().map(|line| line.split_once("] ").unwrap().1).collect();
        assert_eq!(commands, expected);
        assert!(text(&monitor.read().unwrap()).ends_with(r#""LRANGE" "l" "0" "-1""#));
    }
}

#[test]
fn a_monitor_that_does_not_read_is_closed_by_the_limit_of_its_output() {
    let large = "x".repeat(256 << 10);
    for limit in ["normal 1mb 0 0", "normal 0 0 0 pubsub 1mb 0 0"] {
        let server = start(&[("client-output-buffer-limit", limit)]);
        let mut client = server.connect().unwrap();
        let slow = monitor(&server);
        let mut reader = monitor(&server);
        let mut shown = 0;
        let closed = await_true(SOON, || {
            call(&mut client, &format!("SET k {large}"));
            shown += 1;
            assert!(text(&reader.read().unwrap()).contains(r#""SET" "k" "xxx"#));
            let monitors = call(&mut client, "CLIENT LIST").matches("flags=O").count();
            monitors == 1
        });
        assert!(closed, "one that reads nothing is kept, under {limit}");
        assert_eq!(count(&mut client, "client_output_buffer_limit_disconnections"), 1);
        assert!(server.log().contains("client-output-buffer-limit"));
        drop(slow);
    }
}

#[test]
fn a_monitor_leaves_by_reset_quit_or_its_end_and_is_not_idle() {
    let server = start(&[("timeout", "1"), ("io-threads", "2")]);
    let mut control = server.connect().unwrap();
    let mut one = monitor(&server);
    let two = monitor(&server);
    let mut three = monitor(&server);
    let flags = |control: &mut Connection| -> Vec<String> {
        let list = call(control, "CLIENT LIST");
        list.lines().map(|line| field(line, "flags").to_owned()).collect()
    };
    assert_eq!(flags(&mut control), ["N", "O", "O", "O"]);
    drop(two);
    await_count(&mut control, "connected_clients", 3);
    one.send(&["RESET"]).unwrap();
    let mut last = String::new();
    let reset = await_true(SOON, || {
        last = text(&one.read().unwrap());
        last == "RESET"
    });
    assert!(reset, "{last}");
    assert_eq!(call(&mut one, "GET k"), "$-1", "it may use keys again");
    assert_eq!(flags(&mut control), ["N", "N", "O"]);
    // Clients that send nothing are closed after a second; a monitor has nothing to send.
    drop(one);
    let mut idle = server.connect().unwrap();
    assert_eq!(idle.read_to_end().unwrap(), b"");
    let shows =
        |three: &mut Connection| text(&three.read().unwrap()).ends_with("\"ECHO\" \"still here\"");
    let mut control = server.connect().unwrap();
    control.call(&["ECHO", "still here"]).unwrap();
    assert!(await_true(SOON, || shows(&mut three)));
    three.send(&["QUIT"]).unwrap();
    let said = String::from_utf8(three.read_to_end().unwrap()).unwrap();
    assert!(said.contains("+OK\r\n"), "{said}");
}

#[test]
fn what_scripts_call_is_shown_as_theirs() {
    let server = start(&[]);
    let mut client = server.connect().unwrap();
    let mut monitor = monitor(&server);
    let script = "redis.call('select', 2) return redis.call('set', KEYS[1], ARGV[1])";
    client.call(&["EVAL", script, "1", "k", "v"]).unwrap();
    let lines: Vec<String> = (0..3).map(|_| text(&monitor.read().unwrap())).collect();
    let address = client.local_address();
    let expected = [
        format!("[0 {address}] \"EVAL\" \"{script}\" \"1\" \"k\" \"v\""),
        "[2 lua] \"select\" \"2\"".to_owned(),
        "[2 lua] \"set\" \"k\" \"v\"".to_owned(),
    ];
    for (line, expected) in lines.iter().zip(&expected) {
        assert!(line.ends_with(expected), "{line}");
    }
}
