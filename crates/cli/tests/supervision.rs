//! What supervisors see: systemd's messages and watchdog, upstart's stop, signals, crash reports.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt as _;

use guarda_testkit::connection::{Connection, Endpoint};
use guarda_testkit::deadline::{await_some, await_true};
use rustix::process::{Pid, Signal, kill_process};
use support::{Launch, SOON, call, free_port, names, scratch};

/// A server under a supervisor's environment, and the socket on which systemd would listen.
fn supervised(text: &str, environment: &[(&str, &str)]) -> (Launch, UnixDatagram, u16) {
    let (dir, port) = (scratch(), free_port());
    let socket = UnixDatagram::bind(dir.join("notify")).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let file = format!("port {port}\ndir {}\nappendonly no\n{text}\n", dir.display());
    fs::write(dir.join("redis.conf"), file).unwrap();
    let mut command = support::guarda(&dir, &["serve", "redis.conf"]);
    command.envs(environment.iter().copied());
    if text.contains("supervised systemd") {
        command.env("NOTIFY_SOCKET", dir.join("notify"));
    }
    (Launch { child: command.spawn().unwrap(), dir }, socket, port)
}

fn message(socket: &UnixDatagram) -> String {
    let mut message = [0; 256];
    let len = socket.recv(&mut message).unwrap();
    String::from_utf8_lossy(&message[..len]).into_owned()
}

fn open(port: u16) -> Connection {
    await_some(SOON, || Connection::open(&Endpoint::Tcp(port)).ok()).expect("it listens")
}

fn signal(launch: &Launch, signal: Signal) {
    kill_process(Pid::from_child(&launch.child), signal).unwrap();
}

#[test]
fn systemd_hears_of_the_end_and_of_one_that_failed() {
    let (mut launch, socket, port) = supervised("supervised systemd\nsave 3600 1000000", &[]);
    assert!(message(&socket).starts_with("READY=1\n"));
    let mut client = open(port);
    call(&mut client, "SET k v");
    // A directory in the file's place cannot be replaced by a file.
    fs::create_dir(launch.dir.join("dump.rdb")).unwrap();
    fs::write(launch.dir.join("dump.rdb/x"), "").unwrap();
    signal(&launch, Signal::TERM);
    assert_eq!(message(&socket), "STATUS=Making the data safe before the end\n");
    assert!(message(&socket).contains("could not be saved: serving on"));
    assert_eq!(call(&mut client, "GET k"), "v");
    fs::remove_dir_all(launch.dir.join("dump.rdb")).unwrap();
    signal(&launch, Signal::TERM);
    assert_eq!(message(&socket), "STATUS=Making the data safe before the end\n");
    assert_eq!(message(&socket), "STOPPING=1\nSTATUS=Ended in good order\n");
    let status = await_some(SOON, || launch.child.try_wait().unwrap()).unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(launch.dir.join("dump.rdb").is_file());
}

#[test]
fn the_watchdog_is_fed_while_the_server_serves() {
    let environment = [("WATCHDOG_USEC", "200000")];
    let text = "supervised systemd\nenable-debug-command yes\nio-threads 1";
    let (_launch, socket, port) = supervised(text, &environment);
    let mut fed = 0;
    while fed < 3 {
        fed += u32::from(message(&socket) == "WATCHDOG=1\n");
    }
    // One who serves nobody is not fed: of two seconds, some hundreds of milliseconds at most.
    let mut client = open(port);
    client.send(&["DEBUG", "SLEEP", "2"]).unwrap();
    let silent = await_true(SOON, || {
        socket.set_read_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
        socket.recv(&mut [0; 256]).is_err()
    });
    assert!(silent, "it was fed in its sleep");
    client.read().unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(message(&socket), "WATCHDOG=1\n");
}

#[test]
fn another_process_watchdog_is_left_alone() {
    let environment = [("WATCHDOG_USEC", "100000"), ("WATCHDOG_PID", "1")];
    let (_launch, socket, _) = supervised("supervised systemd", &environment);
    assert!(message(&socket).starts_with("READY=1\n"));
    socket.set_read_timeout(Some(std::time::Duration::from_millis(500))).unwrap();
    assert!(socket.recv(&mut [0; 256]).is_err());
}

#[test]
fn upstart_is_told_by_a_stop() {
    for directive in ["upstart", "auto"] {
        let text = format!("supervised {directive}\ndaemonize yes");
        let (launch, _socket, port) = supervised(&text, &[("UPSTART_JOB", "guarda")]);
        let state = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", launch.child.id())).unwrap();
            stat.rsplit_once(") ").unwrap().1.chars().next()
        };
        assert!(await_true(SOON, || state() == Some('T')), "{}", launch.output());
        signal(&launch, Signal::CONT);
        assert_eq!(call(&mut open(port), "PING"), "PONG");
    }
}

#[test]
fn signals_end_the_server_as_their_directives_say() {
    for (text, sent, saved) in [
        ("save \"\"\nshutdown-on-sigterm save", Signal::TERM, true),
        ("save \"\"\nshutdown-on-sigterm save", Signal::INT, false),
        ("save \"\"\nshutdown-on-sigint save now", Signal::INT, true),
        ("save 3600 1\nshutdown-on-sigint nosave", Signal::INT, false),
        ("save 3600 1", Signal::INT, true),
    ] {
        let (mut launch, _socket, port) = supervised(text, &[]);
        call(&mut open(port), "SET k v");
        signal(&launch, sent);
        let status = await_some(SOON, || launch.child.try_wait().unwrap()).unwrap();
        assert_eq!(status.code(), Some(0), "{text}");
        let has_dump = names(&launch.dir).contains(&"dump.rdb".to_owned());
        assert_eq!(has_dump, saved, "{text} {sent:?}");
    }
    // By force it ends though nothing could be saved.
    let (mut launch, _socket, port) = supervised("save 3600 1", &[]);
    let mut client = open(port);
    call(&mut client, "SET k v");
    fs::create_dir(launch.dir.join("dump.rdb")).unwrap();
    fs::write(launch.dir.join("dump.rdb/x"), "").unwrap();
    call(&mut client, "CONFIG SET shutdown-on-sigterm force");
    signal(&launch, Signal::TERM);
    assert!(await_some(SOON, || launch.child.try_wait().unwrap()).is_some());
}

#[test]
fn a_panic_leaves_a_report_without_data_and_ends_the_process() {
    for (enabled, reported) in [("yes", true), ("no", false)] {
        let text = format!("enable-debug-command yes\ncrash-log-enabled {enabled}");
        let (mut launch, _socket, port) = supervised(&text, &[]);
        let mut client = open(port);
        call(&mut client, "SET some-secret-key some-secret-value");
        let _ = client.call(&["DEBUG", "PANIC"]);
        let status = await_some(SOON, || launch.child.try_wait().unwrap()).unwrap();
        assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()));
        let said = launch.output();
        assert!(said.contains("a defect at "), "{said}");
        let facts = [
            "GUARDA CRASH REPORT START",
            env!("CARGO_PKG_VERSION"),
            "thread io-",
            "1 connections",
            "guarda_server::",
            "GUARDA CRASH REPORT END",
        ];
        for fact in if reported { &facts[..] } else { &[] } {
            assert!(said.contains(fact), "{fact}: {said}");
        }
        assert_eq!(said.contains("CRASH REPORT"), reported, "{said}");
        assert!(!said.contains("some-secret"), "{said}");
    }
}
