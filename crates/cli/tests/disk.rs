//! A disk that is full: writes are refused, reads go on, nothing acknowledged is lost, and when there
//! is room again all goes on.
//!
//! The disk is as full as a limit on the size of files makes it (`RLIMIT_FSIZE`, with its signal
//! ignored): writes then come back short or fail, as on a full disk, and no mount is needed.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions and not their helpers")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use guarda_testkit::connection::{Connection, ConnectionError};
use guarda_testkit::deadline::await_true;
use guarda_testkit::prng::Prng;
use guarda_testkit::reply::Frame;
use guarda_testkit::server::{Program, Server, ServerSpec};

#[path = "crash/common.rs"]
mod common;

use common::{
    LIMIT, ask, assert_same, await_idle, call, check_files, data_files, dump, files_with, info,
    text, words,
};

/// The size at which files end, in the beginning.
const FULL_AT: u64 = 200_000;
const VALUE_LEN: usize = 2_000;

static SERIAL: AtomicU32 = AtomicU32::new(0);

/// A program that runs under conditions; removed when dropped.
struct Wrapped {
    dir: PathBuf,
}

impl Wrapped {
    /// A script that sets up `conditions`, then becomes the program: `"$0"` stands for nothing else.
    fn new(conditions: &str, program: &str, redirection: &str) -> Self {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("guarda-disk-{}-{serial}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        let script = format!("#!/bin/sh\n{conditions} '{program}' \"$@\" {redirection}\n");
        let path = dir.join("wrapped");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.join("wrapped")
    }

    /// Files end at `limit` bytes; the limit can be changed by [`set_limit`].
    fn limited(program: &str, limit: u64) -> Self {
        let limit = format!("trap '' XFSZ\nexec prlimit --fsize={limit}:unlimited");
        Self::new(&limit, program, "")
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

const GUARDA: &str = env!("CARGO_BIN_EXE_guarda");

/// Makes room, or takes it away.
fn set_limit(server: &Server, limit: &str) {
    let pid = server.pid().expect("it runs").to_string();
    let status = Command::new("prlimit")
        .args(["--pid", &pid, &format!("--fsize={limit}:unlimited")])
        .status()
        .expect("prlimit is part of util-linux");
    assert!(status.success(), "prlimit: {status}");
}

/// Values that no compression makes shorter.
fn value(prng: &mut Prng) -> Vec<u8> {
    (0..VALUE_LEN).map(|_| prng.below(256) as u8).collect()
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Writes until that is refused; returns what was acknowledged. The first write that fails is
/// answered by nothing: whether it will be there is unknown.
fn write_until_full(server: &Server, prefix: &str, prng: &mut Prng) -> Pairs {
    let mut acknowledged = Vec::new();
    let mut connection = server.connect().unwrap();
    for n in 0..100_000 {
        let (key, value) = (format!("{prefix}{n}").into_bytes(), value(prng));
        match connection.call(&[&b"SET"[..], &key, &value]) {
            Ok(Frame::Simple(_)) => acknowledged.push((key, value)),
            Ok(Frame::Error(error)) => {
                let error = String::from_utf8_lossy(&error).into_owned();
                assert!(error.starts_with("MISCONF Errors writing to the AOF file: "), "{error}");
                return acknowledged;
            }
            Err(ConnectionError::Closed { partial }) => {
                assert_eq!(partial, b"");
                connection = server.connect().unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("the disk never got full");
}

#[track_caller]
fn assert_there(connection: &mut Connection, pairs: &Pairs) {
    for (key, value) in pairs {
        let reply = connection.call(&[&b"GET"[..], key]).unwrap();
        assert!(reply == Frame::Bulk(value.clone()), "{}", String::from_utf8_lossy(key));
    }
}

#[track_caller]
fn await_write(server: &Server, command: &str) {
    let written = await_true(LIMIT, || {
        let reply = server.connect().unwrap().call(&words(command));
        reply.is_ok_and(|reply| !reply.is_error())
    });
    assert!(written, "{command} is still refused; the log:\n{}", server.log());
}

fn full_disk(policy: &str) {
    let wrapped = Wrapped::limited(GUARDA, FULL_AT);
    let spec = ServerSpec::new(Program::Guarda(wrapped.path()))
        .with("appendonly", "yes")
        .with("appendfsync", policy);
    let mut server = Server::start(spec).unwrap();
    let mut prng = Prng::new(1);
    let mut reader = server.connect().unwrap();
    call(&mut reader, "PING");

    let acknowledged = write_until_full(&server, "a", &mut prng);
    assert!(acknowledged.len() > 50, "{} writes", acknowledged.len());
    for command in
        ["SET k v", "DEL a0", "HSET h f v", "EXPIRE a0 1000", "FLUSHALL", "PING", "SELECT 1"]
    {
        let reply = ask(&mut reader, command);
        let refused = matches!(&reply, Frame::Error(text) if text.starts_with(b"MISCONF "));
        // Redis answers PING so too, since it is a health check.
        let is_write = !matches!(command, "SELECT 1");
        assert_eq!(refused, is_write, "{command}: {reply}");
    }
    call(&mut reader, "SELECT 0");
    assert_there(&mut reader, &acknowledged);
    assert_eq!(info(&mut reader, "aof_last_write_status"), "err");

    // An end in good order would lose the write whose outcome is unknown: refused, and all goes on.
    let reply = ask(&mut reader, "SHUTDOWN");
    assert_eq!(reply.to_string(), "-ERR Errors trying to SHUTDOWN. Check logs.");
    assert_there(&mut reader, &acknowledged);

    // A crash now, and a start on the full disk.
    server.kill9();
    server.restart().unwrap();
    let mut reader = server.connect().unwrap();
    assert_there(&mut reader, &acknowledged);
    let more = write_until_full(&server, "b", &mut prng);
    assert_there(&mut reader, &more);

    // Room again: without a restart, writes work.
    set_limit(&server, "unlimited");
    await_write(&server, "SET again yes");
    assert_eq!(info(&mut reader, "aof_last_write_status"), "ok");
    for pairs in [&acknowledged, &more] {
        assert_there(&mut reader, pairs);
    }
    // What clients see now is what they see after a crash.
    let seen = dump(&server);
    server.kill9();
    check_files(&server);
    server.restart().unwrap();
    assert_same(&seen, &dump(&server), "after the crash");
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing_with_everysec() {
    full_disk("everysec");
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing_with_always() {
    full_disk("always");
}

#[test]
fn the_operator_is_told_once_and_not_at_each_try() {
    let wrapped = Wrapped::limited(GUARDA, FULL_AT);
    let spec = ServerSpec::new(Program::Guarda(wrapped.path())).with("appendonly", "yes");
    let server = Server::start(spec).unwrap();
    let acknowledged = write_until_full(&server, "a", &mut Prng::new(2));
    let mut reader = server.connect().unwrap();
    for _ in 0..20 {
        assert_there(&mut reader, &acknowledged[..10].to_vec());
        assert!(ask(&mut reader, "SET k v").is_error());
    }
    let log = server.log();
    assert_eq!(log.matches("writes are refused").count(), 1, "{log}");
    set_limit(&server, "unlimited");
    await_write(&server, "SET again yes");
    assert!(await_true(LIMIT, || server.log().contains("is written again")), "{}", server.log());
}

#[test]
fn a_log_that_cannot_be_written_can_be_switched_off() {
    let wrapped = Wrapped::limited(GUARDA, FULL_AT);
    let spec = ServerSpec::new(Program::Guarda(wrapped.path())).with("appendonly", "yes");
    let server = Server::start(spec).unwrap();
    let acknowledged = write_until_full(&server, "a", &mut Prng::new(5));
    let mut connection = server.connect().unwrap();
    // Were it refused and the log off all the same, nobody would know that nothing is logged.
    call(&mut connection, "CONFIG SET appendonly no");
    assert!(ask(&mut connection, "CONFIG GET appendonly").to_string().contains("\"no\""));
    assert_eq!(info(&mut connection, "aof_enabled"), "0");
    call(&mut connection, "SET k v");
    assert_there(&mut connection, &acknowledged);
    set_limit(&server, "unlimited");
    call(&mut connection, "CONFIG SET appendonly yes");
    assert_eq!(info(&mut connection, "aof_enabled"), "1");
    check_files(&server);
}

#[test]
fn a_rewrite_that_fails_leaves_the_log_as_good_as_before() {
    let wrapped = Wrapped::limited(GUARDA, 100_000_000);
    let spec = ServerSpec::new(Program::Guarda(wrapped.path())).with("appendonly", "yes");
    let mut server = Server::start(spec).unwrap();
    let mut connection = server.connect().unwrap();
    let mut prng = Prng::new(3);
    for n in 0..200 {
        let key = format!("k{n}");
        connection.call(&[&b"SET"[..], key.as_bytes(), &value(&mut prng)]).unwrap();
    }
    set_limit(&server, "100000");
    for round in 0..3 {
        call(&mut connection, "BGREWRITEAOF");
        await_idle(&mut connection);
        assert_eq!(info(&mut connection, "aof_last_bgrewrite_status"), "err");
        // The log went on in a new file, which has room.
        call(&mut connection, &format!("SET after{round} failure"));
    }
    let seen = dump(&server);
    server.kill9();
    check_files(&server);
    server.restart().unwrap();
    assert_same(&seen, &dump(&server), "after failed rewrites and a crash");
    set_limit(&server, "unlimited");
    let mut connection = server.connect().unwrap();
    common::rewrite(&mut connection);
    assert_eq!(files_with(&server, ".incr.aof").len(), 1, "the old increments are gone");
    server.kill9();
    server.restart().unwrap();
    assert_same(&seen, &dump(&server), "after the rewrite and a crash");
    let left = data_files(server.dir());
    assert_eq!(left.len(), 3, "base, increment and manifest: {:?}", left.keys());
}

/// A server whose save fails for want of room; the answer to a write then.
fn failing_save(program: Program, save: &str) -> (Server, Connection) {
    let spec = ServerSpec::new(program).with("save", save);
    let server = Server::start(spec).unwrap();
    let mut connection = server.connect().unwrap();
    let mut prng = Prng::new(4);
    for n in 0..200 {
        let key = format!("k{n}");
        connection.call(&[&b"SET"[..], key.as_bytes(), &value(&mut prng)]).unwrap();
    }
    call(&mut connection, "BGSAVE");
    let failed = await_true(LIMIT, || info(&mut connection, "rdb_last_bgsave_status") == "err");
    assert!(failed, "the save went well");
    await_idle(&mut connection);
    (server, connection)
}

#[test]
fn a_failed_save_stops_writes_as_it_does_in_redis() {
    let points = "3600 1000000";
    let wrapped = [Wrapped::limited(GUARDA, 100_000), Wrapped::limited("redis-server", 100_000)];
    let (server, mut connection) = failing_save(Program::Guarda(wrapped[0].path()), points);
    let (redis, mut reference) = failing_save(Program::Redis(wrapped[1].path()), points);
    for command in ["SET k v", "DEL k0", "PING", "EXISTS k0", "DBSIZE", "MULTI", "SET k v", "EXEC"]
    {
        let replies = [ask(&mut connection, command), ask(&mut reference, command)];
        assert_eq!(replies[0], replies[1], "{command}");
    }
    assert!(ask(&mut connection, "SET k v").is_error());
    let leftovers: Vec<_> = data_files(server.dir()).into_keys().collect();
    assert_eq!(leftovers, Vec::<PathBuf>::new(), "the unfinished file is removed");
    for (server, connection) in [(&server, &mut connection), (&redis, &mut reference)] {
        call(connection, "CONFIG SET stop-writes-on-bgsave-error no");
        call(connection, "SET unheeded yes");
        call(connection, "CONFIG SET stop-writes-on-bgsave-error yes");
        assert!(ask(connection, "SET k v").is_error());
        set_limit(server, "unlimited");
        call(connection, "BGSAVE");
        await_idle(connection);
        assert_eq!(info(connection, "rdb_last_bgsave_status"), "ok");
        call(connection, "SET k v");
    }
    check_files(&server);
}

#[test]
fn without_save_points_a_failed_save_stops_nothing() {
    let wrapped = Wrapped::limited(GUARDA, 100_000);
    let (_server, mut connection) = failing_save(Program::Guarda(wrapped.path()), "");
    call(&mut connection, "SET k v");
    assert_eq!(ask(&mut connection, "SAVE").to_string(), "-ERR");
    assert_eq!(text(&call(&mut connection, "GET k")), "v");
}

#[test]
fn a_log_for_people_that_cannot_be_written_stops_nothing() {
    // Both the log lines and what would be said about them go where nothing can be written.
    let wrapped = Wrapped::new("exec", GUARDA, ">/dev/full 2>/dev/full");
    let spec = ServerSpec::new(Program::Guarda(wrapped.path())).with("appendonly", "yes");
    let mut server = Server::start(spec).unwrap();
    let mut connection = server.connect().unwrap();
    call(&mut connection, "CONFIG SET loglevel debug");
    call(&mut connection, "SET k v");
    common::rewrite(&mut connection);
    // A bad frame is told of, too.
    let mut bad = server.connect().unwrap();
    bad.send_raw(b"*x\r\n").unwrap();
    bad.read_to_end().unwrap();
    call(&mut connection, "SET k2 v");
    server.terminate().unwrap();
    server.restart().unwrap();
    assert_eq!(text(&call(&mut server.connect().unwrap(), "GET k2")), "v");
}
