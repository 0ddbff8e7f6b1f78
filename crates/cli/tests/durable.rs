//! What replies say about the disk: under `appendfsync always` they wait for it, WAITAOF waits for it
//! under every policy, and nothing else does.
//!
//! A small library, loaded before libc, holds every sync of the server while a file is there.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::await_true;
use guarda_testkit::server::Server;
use support::{SOON, await_count, call, count, scratch, spec, text};

const TOKEN: &str = "guarda:0123456789abcdef0123456789abcdef";

/// Long enough for any reply that does not wait for the disk.
const A_WHILE: Duration = Duration::from_millis(500);

/// A server whose syncs can be held.
struct Gated {
    server: Server,
    dir: PathBuf,
}

impl Gated {
    /// One with the log, and this `appendfsync`.
    fn start(appendfsync: &str) -> Gated {
        Gated::with(&[("appendonly", "yes"), ("appendfsync", appendfsync)])
    }

    fn with(directives: &[(&str, &str)]) -> Gated {
        let dir = scratch();
        let library = dir.join("gate.so");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/gate.c"))
            .status()
            .expect("a C compiler builds the extension too");
        assert!(compiled.success());
        let spec = directives
            .iter()
            .fold(spec(), |spec, (name, value)| spec.with(name, value))
            .with("io-threads", "2")
            .with_env("LD_PRELOAD", &library)
            .with_env("GUARDA_TEST_GATE", dir.join("gate"));
        Gated { server: Server::start(spec).unwrap(), dir }
    }

    /// From now on syncs wait.
    fn hold(&self) {
        File::create(self.dir.join("gate")).unwrap();
    }

    /// From now on syncs of files wait whose path has `part`.
    fn hold_only(&self, part: &str) {
        let named = self.dir.join("named");
        fs::write(&named, part).unwrap();
        fs::rename(named, self.dir.join("gate")).unwrap();
    }

    fn let_go(&self) {
        let _ = fs::remove_file(self.dir.join("gate"));
    }
}

impl Drop for Gated {
    fn drop(&mut self) {
        // A server that waits for the disk would not end.
        self.let_go();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Sends a command and asserts that it is not answered.
fn unanswered(connection: &mut Connection, command: &[&str]) {
    connection.send(command).unwrap();
    still_unanswered(connection);
}

fn still_unanswered(connection: &mut Connection) {
    connection.set_timeout(A_WHILE).unwrap();
    let reply = connection.read();
    assert!(reply.is_err(), "answered before the sync: {reply:?}");
    connection.set_timeout(SOON).unwrap();
}

#[test]
fn under_always_every_reply_to_a_write_waits_for_the_sync_but_a_locks() {
    let gated = Gated::start("always");
    let writes: [&[&str]; 4] = [
        &["SET", "k", "v"],
        &["RPUSH", "l", "x"],
        &["EVAL", "return redis.call('INCR', KEYS[1])", "1", "n"],
        &["SESSION", "COMMIT", "s", TOKEN, "absent", "TTL", "60000", "NOLOCK", "DATA", "a|i:1;"],
    ];
    for command in writes {
        let mut client = gated.server.connect().unwrap();
        gated.hold();
        unanswered(&mut client, command);
        gated.let_go();
        assert!(!client.read().unwrap().is_error(), "{command:?}");
    }
    // A wait that somebody's write ends.
    let mut waiting = gated.server.connect().unwrap();
    waiting.send(&["BLPOP", "q", "0"]).unwrap();
    let mut client = gated.server.connect().unwrap();
    await_count(&mut client, "blocked_clients", 1);
    gated.hold();
    unanswered(&mut client, &["RPUSH", "q", "x"]);
    still_unanswered(&mut waiting);
    gated.let_go();
    assert_eq!(text(&client.read().unwrap()), "1");
    assert_eq!(waiting.read().unwrap().elements().unwrap().len(), 2);
    // A lock means nothing after a power loss.
    let mut client = gated.server.connect().unwrap();
    gated.hold();
    let opened = client.call(&["SESSION", "OPEN", "t", TOKEN]).unwrap();
    assert_eq!(text(&opened.elements().unwrap()[0]), "OK");
    gated.let_go();
}

#[test]
fn what_the_disk_takes_is_told_by_latency() {
    let gated = Gated::start("always");
    let mut client = gated.server.connect().unwrap();
    assert_eq!(call(&mut client, "CONFIG SET latency-monitor-threshold 100"), "OK");
    gated.hold();
    unanswered(&mut client, &["SET", "k", "v"]);
    gated.let_go();
    assert_eq!(text(&client.read().unwrap()), "OK");
    let latest = client.call(&["LATENCY", "LATEST"]).unwrap();
    let events = latest.elements().unwrap().to_vec();
    let found = events.iter().find(|e| text(&e.elements().unwrap()[0]) == "aof-fsync-always");
    let longest = text(&found.unwrap().elements().unwrap()[3]);
    assert!(longest.parse::<u64>().unwrap() >= 300, "{longest}");
    let graph = call(&mut client, "LATENCY GRAPH aof-fsync-always");
    assert!(graph.contains(&format!("all time high {longest} ms")), "{graph}");
    assert!(call(&mut client, "LATENCY DOCTOR").contains("append log"));
    assert_eq!(call(&mut client, "CONFIG SET appendfsync everysec"), "OK");
    assert_eq!(call(&mut client, "LATENCY RESET aof-fsync-always"), "1");
    let graph = call(&mut client, "LATENCY GRAPH aof-fsync-always");
    assert_eq!(graph, "ERR No samples available for event 'aof-fsync-always'");
}

#[test]
fn under_everysec_replies_do_not_wait_and_waitaof_does() {
    let gated = Gated::start("everysec");
    let mut client = gated.server.connect().unwrap();
    let mut control = gated.server.connect().unwrap();
    gated.hold();
    assert_eq!(call(&mut client, "SET k v"), "OK");
    assert_eq!(
        text(&control.call(&["WAITAOF", "1", "0", "0"]).unwrap().elements().unwrap()[0]),
        "1"
    );
    unanswered(&mut client, &["WAITAOF", "1", "0", "0"]);
    assert_eq!(count(&mut control, "blocked_clients"), 1);
    gated.let_go();
    assert_eq!(text(&client.read().unwrap().elements().unwrap()[0]), "1");
    assert_eq!(count(&mut control, "blocked_clients"), 0);
}

#[test]
fn waitaof_ends_by_its_timeout_by_unblock_and_with_the_log() {
    let gated = Gated::start("no");
    let mut control = gated.server.connect().unwrap();
    let mut client = gated.server.connect().unwrap();
    let local = |client: &mut Connection, command: &str| -> String {
        let words: Vec<&str> = command.split(' ').collect();
        let reply = client.call(&words).unwrap();
        reply.elements().unwrap().iter().map(text).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(call(&mut client, "SET k v"), "OK");
    assert_eq!(local(&mut client, "WAITAOF 1 0 50"), "0 0");
    let id = call(&mut client, "CLIENT ID");
    for (how, expected) in [("TIMEOUT", "[0, 0]"), ("ERROR", "UNBLOCKED")] {
        client.send(&["WAITAOF", "1", "0", "0"]).unwrap();
        await_count(&mut control, "blocked_clients", 1);
        assert_eq!(call(&mut control, &format!("CLIENT UNBLOCK {id} {how}")), "1");
        let reply = client.read().unwrap();
        let said = reply.elements().map_or_else(
            || text(&reply),
            |elements| format!("[{}]", elements.iter().map(text).collect::<Vec<_>>().join(", ")),
        );
        assert!(said.starts_with(expected), "{said}");
    }
    assert_eq!(local(&mut client, "WAITAOF 1 1 50"), "0 0");
    client.send(&["WAITAOF", "1", "0", "0"]).unwrap();
    await_count(&mut control, "blocked_clients", 1);
    assert_eq!(call(&mut control, "CONFIG SET appendfsync always"), "OK");
    assert_eq!(text(&client.read().unwrap().elements().unwrap()[0]), "1", "that synced the log");
    assert_eq!(call(&mut control, "CONFIG SET appendfsync no"), "OK");
    assert_eq!(call(&mut client, "SET k w"), "OK");
    client.send(&["WAITAOF", "1", "0", "0"]).unwrap();
    await_count(&mut control, "blocked_clients", 1);
    assert_eq!(call(&mut control, "CONFIG SET appendonly no"), "OK");
    let refused = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    assert_eq!(text(&client.read().unwrap()), refused);
    assert_eq!(call(&mut client, "WAITAOF 1 0 0"), refused);
    assert_eq!(local(&mut client, "WAITAOF 0 0 0"), "0 0");
    assert!(await_true(SOON, || count(&mut control, "blocked_clients") == 0));
}

#[test]
fn a_save_that_is_late_does_not_replace_a_newer_one() {
    let directives = [("appendonly", "no"), ("save", ""), ("enable-debug-command", "yes")];
    let mut gated = Gated::with(&directives);
    let mut client = gated.server.connect().unwrap();
    call(&mut client, "SET k old");
    let temp = format!("temp-{}.rdb", gated.server.pid().unwrap());
    gated.hold_only(&temp);
    call(&mut client, "BGSAVE");
    let file = gated.server.dir().join(&temp);
    let waits_for_the_disk = || fs::metadata(&file).is_ok_and(|file| file.len() > 0);
    assert!(await_true(SOON, waits_for_the_disk));
    call(&mut client, "SET k new");
    // As SHUTDOWN does, it saves whatever else is under way.
    assert_eq!(call(&mut client, "DEBUG RELOAD"), "OK");
    gated.let_go();
    await_count(&mut client, "rdb_bgsave_in_progress", 0);
    gated.server.kill9();
    gated.server.restart().unwrap();
    let mut client = gated.server.connect().unwrap();
    assert_eq!(call(&mut client, "GET k"), "new");
    assert!(!file.exists(), "nothing is left behind");
}
