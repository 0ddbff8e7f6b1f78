//! Ends in good order: SIGTERM and SHUTDOWN with everything that can be asked of it.

use std::fs;
use std::process::Command;

use guarda_testkit::connection::{Connection, ConnectionError};
use guarda_testkit::dump::Dump;
use guarda_testkit::reply::Frame;
use guarda_testkit::server::{Program, Server, ServerSpec};

use crate::common::{
    LIMIT, all_well, ask, assert_same, await_idle, call, check_files, dump, guarda, logged, words,
};

/// Commands that leave a bit of everything.
const DATA: [&str; 7] = [
    "SET text value",
    "SETEX session 1000 data",
    "HSET hash a 1 b 2",
    "PEXPIREAT hash 33177117420000",
    "SELECT 5",
    "INCR other",
    "SELECT 0",
];

fn started(spec: ServerSpec) -> (Server, Connection, Dump) {
    let server = Server::start(spec).unwrap();
    let mut connection = server.connect().unwrap();
    for command in DATA {
        call(&mut connection, command);
    }
    let data = dump(&server);
    (server, connection, data)
}

fn unlogged() -> ServerSpec {
    ServerSpec::new(guarda())
}

/// Sends SHUTDOWN and awaits the end; the connection must close without an answer.
#[track_caller]
fn shut_down(server: &mut Server, connection: &mut Connection, command: &str) {
    match connection.call(&words(command)) {
        Err(ConnectionError::Closed { partial }) => assert_eq!(partial, b"", "{command}"),
        other => panic!("{command}: {other:?}"),
    }
    let status = server.await_exit(LIMIT).unwrap().expect("it ran");
    assert!(status.success(), "{command}: {status}");
    assert!(!server.socket_path().exists(), "the socket is left behind");
}

#[test]
fn a_signal_or_a_command_ends_a_logged_server_without_loss() {
    for how in ["SIGTERM", "SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN SAVE", "SHUTDOWN NOW"] {
        let (mut server, mut connection, data) = started(logged());
        if how == "SIGTERM" {
            let status = server.terminate().unwrap().expect("it ran");
            assert!(status.success(), "{status}");
        } else {
            shut_down(&mut server, &mut connection, how);
        }
        let saved = server.dir().join("dump.rdb").exists();
        assert_eq!(saved, how == "SHUTDOWN SAVE", "{how}: dump.rdb");
        check_files(&server);
        server.restart().unwrap();
        assert_same(&data, &dump(&server), how);
    }
}

#[test]
fn save_points_decide_what_a_plain_end_does_without_the_log() {
    for (points, how, kept) in [
        ("3600 1000000", "SIGTERM", true),
        ("3600 1000000", "SHUTDOWN", true),
        ("3600 1000000", "SHUTDOWN NOSAVE", false),
        ("", "SIGTERM", false),
        ("", "SHUTDOWN", false),
        ("", "SHUTDOWN SAVE", true),
    ] {
        let (mut server, mut connection, data) = started(unlogged().with("save", points));
        if how == "SIGTERM" {
            server.terminate().unwrap();
        } else {
            shut_down(&mut server, &mut connection, how);
        }
        let what = format!("save `{points}`, {how}");
        assert_eq!(server.dir().join("dump.rdb").exists(), kept, "{what}");
        check_files(&server);
        server.restart().unwrap();
        let expected = if kept { data } else { Dump::default() };
        assert_same(&expected, &dump(&server), &what);
    }
}

#[test]
fn a_save_that_fails_keeps_the_server_alive_unless_forced() {
    let (mut server, mut connection, data) = started(unlogged().with("save", "3600 1000000"));
    // A directory in the file's place cannot be replaced by a file, not even by root.
    let obstacle = server.dir().join("dump.rdb");
    fs::create_dir(&obstacle).unwrap();
    fs::write(obstacle.join("something"), "").unwrap();
    for command in ["SHUTDOWN", "SHUTDOWN SAVE"] {
        let Frame::Error(said) = ask(&mut connection, command) else {
            panic!("{command} went well")
        };
        assert_eq!(said, b"ERR Errors trying to SHUTDOWN. Check logs.", "{command}");
        assert_same(&data, &dump(&server), command);
    }
    // SIGTERM fails in the same way; the log says so, and the server goes on.
    let pid = server.pid().expect("it runs").to_string();
    let failures = |server: &Server| server.log().matches("can't exit").count();
    let before = failures(&server);
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(guarda_testkit::deadline::await_true(LIMIT, || failures(&server) > before));
    call(&mut connection, "SET after failure");
    // With the obstacle away it works; the attempts before have left nothing behind.
    fs::remove_dir_all(&obstacle).unwrap();
    let data = dump(&server);
    shut_down(&mut server, &mut connection, "SHUTDOWN");
    let left: Vec<_> = crate::common::data_files(server.dir()).into_keys().collect();
    assert_eq!(left, [std::path::PathBuf::from("dump.rdb")]);
    server.restart().unwrap();
    assert_same(&data, &dump(&server), "after all");
    let mut connection = server.connect().unwrap();
    fs::remove_file(&obstacle).unwrap();
    fs::create_dir(&obstacle).unwrap();
    shut_down(&mut server, &mut connection, "SHUTDOWN SAVE FORCE");
}

#[test]
fn an_end_in_the_middle_of_a_save_or_rewrite_loses_nothing() {
    for (during, how) in [
        ("BGSAVE", "SHUTDOWN"),
        ("BGSAVE", "SHUTDOWN SAVE"),
        ("BGREWRITEAOF", "SHUTDOWN SAVE"),
        ("BGREWRITEAOF", "SIGTERM"),
    ] {
        let (mut server, mut connection, _) = started(logged());
        let value = "v".repeat(300);
        let fill: Vec<_> = (0..3_000).map(|n| words(&format!("SET k{n} {value}{n}"))).collect();
        all_well(&mut connection, &fill);
        let data = dump(&server);
        await_idle(&mut connection);
        call(&mut connection, during);
        if how == "SIGTERM" {
            server.terminate().unwrap();
        } else {
            shut_down(&mut server, &mut connection, how);
        }
        check_files(&server);
        server.restart().unwrap();
        assert_same(&data, &dump(&server), &format!("{how} during {during}"));
        // What was cut off has left nothing behind.
        let files = crate::common::data_files(server.dir());
        let leftover = files.keys().find(|path| path.to_string_lossy().contains("temp-"));
        assert_eq!(leftover, None, "{how} during {during}");
    }
}

/// The first answer means that the server is ready for its end, too.
#[test]
fn a_server_can_be_ended_from_its_first_answer_on() {
    for round in 0..15 {
        let mut server = Server::start(logged()).unwrap();
        if round % 2 == 0 {
            let status = server.terminate().unwrap().expect("it ran");
            assert!(status.success(), "round {round}: {status}");
            assert!(!server.socket_path().exists(), "the socket is left behind");
        } else {
            let mut connection = Connection::open(&server.unix()).unwrap();
            shut_down(&mut server, &mut connection, "SHUTDOWN");
        }
    }
}

/// Starts guarda by itself and waits for its end; what it printed.
fn attempt(dir: &std::path::Path, port: u16) -> String {
    let Program::Guarda(path) = guarda() else { unreachable!() };
    let output = Command::new(path)
        .args(["serve", "--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"])
        .arg(dir)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_second_server_on_the_same_directory_or_port_is_refused() {
    let (server, mut connection, data) = started(logged());
    let said = attempt(server.dir(), 0);
    assert!(said.contains("another server uses it"), "{said}");
    assert!(said.contains(&server.dir().display().to_string()), "{said}");

    let elsewhere = server.dir().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let said = attempt(&elsewhere, server.port());
    assert!(said.contains(&format!("127.0.0.1:{}", server.port())), "{said}");
    assert!(said.to_lowercase().contains("in use"), "{said}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "it left something behind");

    assert_same(&data, &dump(&server), "the first server");
    assert_eq!(call(&mut connection, "PING"), Frame::Simple(b"PONG".to_vec()));
}
