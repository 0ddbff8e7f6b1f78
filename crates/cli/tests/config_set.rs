//! CONFIG SET of what needs the server around it: where it listens, where its files are.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::fs;
use std::net::TcpListener;

use guarda_testkit::connection::{Connection, Endpoint};
use guarda_testkit::deadline::await_true;
use support::{SOON, call, free_port, launch, names, scratch, text};

fn open(port: u16) -> Connection {
    Connection::open(&Endpoint::Tcp(port)).unwrap()
}

fn answers(port: u16) -> bool {
    let connection = Connection::open(&Endpoint::Tcp(port));
    connection.is_ok_and(|mut connection| connection.call(&["PING"]).is_ok())
}

fn get(client: &mut Connection, name: &str) -> String {
    text(&client.call(&["CONFIG", "GET", name]).unwrap())
}

fn set(client: &mut Connection, pairs: &[&str]) -> String {
    let words: Vec<&str> = ["CONFIG", "SET"].iter().chain(pairs).copied().collect();
    text(&client.call(&words).unwrap())
}

const TAKEN: &str = "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen \
                     on this port. Check server logs.";
const NO_ADDRESS: &str = "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to \
                          bind to specified addresses.";

#[test]
fn the_port_changes_and_those_who_are_connected_stay() {
    let (_launch, port) = launch("io-threads 3");
    let mut clients: Vec<_> = (0..4).map(|_| open(port)).collect();
    for other in [free_port(), free_port()] {
        assert_eq!(call(&mut clients[0], &format!("CONFIG SET port {other}")), "OK");
        // At once: no time passes between the answer and the first connection.
        assert!(answers(other));
        assert_eq!(get(&mut clients[0], "port"), format!("[\"port\", \"{other}\"]"));
        assert_eq!(support::info(&mut clients[0], "tcp_port"), other.to_string());
        for client in &mut clients {
            assert_eq!(call(client, "PING"), "PONG");
        }
    }
    assert!(await_true(SOON, || !answers(port)), "the first port is still open");
    assert_eq!(call(&mut clients[0], "CONFIG SET port 0"), "OK");
    assert_eq!(call(&mut clients[1], &format!("CONFIG SET port {port}")), "OK");
    assert!(answers(port));
}

#[test]
fn a_port_or_an_address_that_cannot_be_had_changes_nothing() {
    let (_launch, port) = launch("maxmemory 123456789\nappendfsync no");
    let mut client = open(port);
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let first = ["port", &taken, "maxmemory", "1gb", "appendfsync", "always"];
    let last = ["maxmemory", "1gb", "appendfsync", "always", "port", &taken];
    assert_eq!(set(&mut client, &first), TAKEN);
    assert_eq!(set(&mut client, &last), TAKEN);
    for bind in ["999.999.999.999", "nosuch.invalid", "192.0.2.77", "127.0.0.1 192.0.2.77"] {
        assert_eq!(set(&mut client, &["maxmemory", "1gb", "bind", bind]), NO_ADDRESS, "{bind}");
    }
    let both = "* 127.0.0.1";
    assert_eq!(set(&mut client, &["bind", both]), NO_ADDRESS);
    assert!(answers(port));
    assert_eq!(get(&mut client, "maxmemory"), r#"["maxmemory", "123456789"]"#);
    assert_eq!(get(&mut client, "appendfsync"), r#"["appendfsync", "no"]"#);
    assert_eq!(get(&mut client, "bind"), r#"["bind", "127.0.0.1 -::1"]"#);
}

#[test]
fn addresses_change_though_one_contains_the_other() {
    let (_launch, port) = launch("bind 127.0.0.1");
    let mut client = open(port);
    for bind in ["-192.0.2.77 127.0.0.1", "0.0.0.0", "127.0.0.1", "*", "127.0.0.1 127.0.0.2"] {
        assert_eq!(set(&mut client, &["bind", bind]), "OK", "{bind}");
        assert!(answers(port), "{bind}");
        assert_eq!(call(&mut client, "PING"), "PONG");
    }
    assert_eq!(set(&mut client, &["bind", ""]), "OK");
    assert!(await_true(SOON, || !answers(port)));
    assert_eq!(set(&mut client, &["bind", "127.0.0.1"]), "OK");
    assert!(answers(port));
}

#[test]
fn snapshots_go_where_dir_and_dbfilename_say() {
    let (launch, port) = launch("enable-protected-configs local\nappendonly no\nsave \"\"");
    let other = scratch();
    let mut client = open(port);
    call(&mut client, "SET k v");
    let at = other.display().to_string();
    assert_eq!(set(&mut client, &["dir", &at, "dbfilename", "other.rdb"]), "OK");
    assert_eq!(call(&mut client, "SAVE"), "OK");
    assert_eq!(names(&other), ["other.rdb"]);
    for (dir, why) in [
        ("/nonexistent", "No such file or directory"),
        ("", "No such file or directory"),
        ("/etc/passwd", "Not a directory"),
    ] {
        let error = format!("ERR CONFIG SET failed (possibly related to argument 'dir') - {why}");
        assert_eq!(set(&mut client, &["timeout", "7", "dir", dir]), error);
    }
    // All or nothing: the directory goes back if the port is taken.
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let first = launch.dir.display().to_string();
    assert_eq!(set(&mut client, &["dir", &first, "port", &taken]), TAKEN);
    assert_eq!(get(&mut client, "dir"), format!("[\"dir\", \"{at}\"]"));
    assert_eq!(get(&mut client, "timeout"), r#"["timeout", "0"]"#);
    assert_eq!(call(&mut client, "CONFIG SET dbfilename again.rdb"), "OK");
    assert_eq!(call(&mut client, "SAVE"), "OK");
    assert_eq!(names(&other), ["again.rdb", "other.rdb"]);
    assert_eq!(
        set(&mut client, &["dir", ".", "dbfilename", "a/b"]).split(" - ").last(),
        Some("dbfilename can't be a path, just a filename")
    );
    // A log that begins now is there too; it then holds the directory.
    assert_eq!(call(&mut client, "CONFIG SET appendonly yes"), "OK");
    assert_eq!(names(&other), ["again.rdb", "appendonlydir", "other.rdb"]);
    assert!(set(&mut client, &["dir", &first]).contains("`appendonly no` first"));
    fs::remove_dir_all(other).unwrap();
}

#[test]
fn a_directory_of_another_server_is_refused() {
    let text = "enable-protected-configs yes\nappendonly no";
    let ((one, port), (_other, other_port)) = (launch(text), launch(text));
    let mut client = open(other_port);
    let taken = one.dir.display().to_string();
    assert!(set(&mut client, &["dir", &taken]).contains("another server uses this directory"));
    // It lets go of its own when it leaves.
    let (mut first, elsewhere) = (open(port), scratch());
    assert_eq!(set(&mut first, &["dir", &elsewhere.display().to_string()]), "OK");
    assert_eq!(set(&mut client, &["dir", &taken]), "OK");
    fs::remove_dir_all(elsewhere).unwrap();
}

#[test]
fn protected_directives_stay_as_they_are_unless_that_is_allowed() {
    let (_launch, port) = launch("appendonly no");
    let mut client = open(port);
    for name in ["dir", "dbfilename"] {
        let error = format!(
            "ERR CONFIG SET failed (possibly related to argument '{name}') - can't set protected \
             config"
        );
        assert_eq!(set(&mut client, &[name, "x"]), error);
    }
}

#[test]
fn the_log_is_not_switched_within_a_transaction_that_holds_keys() {
    let (_launch, port) = launch("io-threads 2\nappendonly no");
    let mut client = open(port);
    let (on, off) = (r#"["appendonly", "yes"]"#, r#"["appendonly", "no"]"#);
    for command in ["MULTI", "SET k v", "CONFIG SET appendonly yes", "EXEC"] {
        call(&mut client, command);
    }
    // It answers, the server lives, and what the transaction did beside is done.
    assert_eq!(call(&mut client, "GET k"), "v");
    assert_eq!(get(&mut client, "appendonly"), off);
    for command in ["MULTI", "CONFIG SET appendonly yes", "EXEC"] {
        call(&mut client, command);
    }
    assert_eq!(get(&mut client, "appendonly"), on);
}

#[test]
fn others_are_served_while_the_log_is_switched_on() {
    // One thread for all, and a base that takes two seconds.
    let slow = [("io-threads", "1"), ("appendonly", "no"), ("rdb-key-save-delay", "20000")];
    let mut server = support::start(&slow);
    let mut client = server.connect().unwrap();
    for n in 0..100 {
        assert_eq!(call(&mut client, &format!("SET before{n} v")), "OK");
    }
    let mut switching = server.connect().unwrap();
    switching.send(&["CONFIG", "SET", "appendonly", "yes"]).unwrap();
    support::await_count(&mut client, "aof_rewrite_in_progress", 1);
    for n in 0..20 {
        assert_eq!(call(&mut client, &format!("SET during{n} v")), "OK");
    }
    // What comes meanwhile is done after it; a transaction, which holds shards that it needs, does not wait.
    let mut later = server.connect().unwrap();
    later.send(&["CONFIG", "SET", "hz", "20"]).unwrap();
    for command in ["MULTI", "SET held v", "CONFIG SET hz 30"] {
        call(&mut client, command);
    }
    let refused = call(&mut client, "EXEC");
    assert!(refused.contains("another change of the configuration is under way"), "{refused}");
    assert_eq!(support::count(&mut client, "aof_rewrite_in_progress"), 1, "over before its time");
    assert_eq!(get(&mut client, "hz"), r#"["hz", "10"]"#);
    assert_eq!(text(&switching.read().unwrap()), "OK");
    assert_eq!(text(&later.read().unwrap()), "OK");
    assert_eq!(get(&mut client, "hz"), r#"["hz", "20"]"#);

    // From here on nothing that was acknowledged is lost.
    server.kill9();
    let dir = server.dir().to_str().unwrap();
    let again = support::start(&[("appendonly", "yes"), ("dir", dir)]);
    assert_eq!(call(&mut again.connect().unwrap(), "DBSIZE"), "121");
}

/// What the kernel has for the server.
fn oom_score(client: &mut Connection) -> i32 {
    let pid = support::info(client, "process_id");
    fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim().parse().unwrap()
}

/// Sets what the kernel has for the server, behind its back.
fn set_oom_score(client: &mut Connection, score: i32) {
    let pid = support::info(client, "process_id");
    fs::write(format!("/proc/{pid}/oom_score_adj"), score.to_string()).unwrap();
}

#[test]
fn the_kernel_is_told_how_readily_to_kill_the_server() {
    let (_launch, port) = launch("oom-score-adj absolute\noom-score-adj-values 700 800 900");
    let mut client = open(port);
    let before = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    let before: i32 = before.trim().parse().unwrap();
    assert_eq!(oom_score(&mut client), 700, "from the start");
    assert_eq!(set(&mut client, &["oom-score-adj", "no"]), "OK");
    assert_eq!(oom_score(&mut client), before, "as it was before");

    let base = before + 3;
    set_oom_score(&mut client, base);
    assert_eq!(set(&mut client, &["oom-score-adj-values", "20 30 40"]), "OK");
    assert_eq!(oom_score(&mut client), base, "nothing is touched while it is off");
    for (pairs, expected) in [
        (&["oom-score-adj", "yes"][..], base + 20),
        (&["oom-score-adj-values", "25 30 40"], base + 25),
        (&["oom-score-adj", "absolute"], 25),
        (&["oom-score-adj-values", "1500 2000 2000"], 1000),
        (&["oom-score-adj-values", "9 9 9", "oom-score-adj", "relative"], base + 9),
        (&["oom-score-adj", "no"], base),
    ] {
        assert_eq!(set(&mut client, pairs), "OK", "{pairs:?}");
        assert_eq!(oom_score(&mut client), expected, "{pairs:?}");
    }
}

#[test]
fn what_fails_after_the_kernel_was_told_is_taken_back() {
    let (_launch, port) = launch("");
    let mut client = open(port);
    let before = oom_score(&mut client);
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let pairs = ["oom-score-adj-values", "500 500 500", "oom-score-adj", "yes", "port", &taken];
    assert_eq!(set(&mut client, &pairs), TAKEN);
    assert_eq!(oom_score(&mut client), before);
    assert_eq!(get(&mut client, "oom-score-adj"), r#"["oom-score-adj", "no"]"#);
    assert_eq!(
        get(&mut client, "oom-score-adj-values"),
        r#"["oom-score-adj-values", "0 200 800"]"#
    );
}

#[test]
fn what_the_kernel_refuses_is_refused_and_changes_nothing() {
    let (_launch, port) = launch("");
    let mut client = open(port);
    let before = oom_score(&mut client);
    assert_eq!(set(&mut client, &["oom-score-adj-values", "-1000 0 0"]), "OK");
    let answer = set(&mut client, &["maxmemory", "1gb", "oom-score-adj", "yes"]);
    // Lowering it takes a privilege, which who runs the test may have.
    if answer == "OK" {
        assert_eq!(oom_score(&mut client), -1000);
        return;
    }
    let refused = "ERR CONFIG SET failed (possibly related to argument 'oom-score-adj') - Failed to \
                   set current oom_score_adj. Check server logs.";
    assert_eq!(answer, refused);
    assert_eq!(oom_score(&mut client), before);
    assert_eq!(get(&mut client, "oom-score-adj"), r#"["oom-score-adj", "no"]"#);
    assert_eq!(get(&mut client, "maxmemory"), r#"["maxmemory", "0"]"#);
}
