//! What the tests of files and crashes share.

#![allow(dead_code, reason = "every test binary uses another part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::await_true;
use guarda_testkit::dump::{Dump, DumpOptions};
use guarda_testkit::reply::Frame;
use guarda_testkit::server::{Program, Server, ServerSpec};

/// Longest wait for something that a server does in the background.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// The guarda binary itself: what is asked of it here is not asked of a Redis.
pub(crate) fn guarda() -> Program {
    Program::Guarda(env!("CARGO_BIN_EXE_guarda").into())
}

/// Guarda with the append log on.
pub(crate) fn logged() -> ServerSpec {
    ServerSpec::new(guarda()).with("appendonly", "yes")
}

/// A Redis with the append log on.
pub(crate) fn logged_redis() -> ServerSpec {
    ServerSpec::new(Program::reference()).with("appendonly", "yes")
}

/// Whether the long variants were asked for.
pub(crate) fn is_long() -> bool {
    std::env::var_os("GUARDA_LONG").is_some_and(|value| value == "1")
}

/// `GUARDA_SEED`, or one made from the time. Printed, so that a failure can be had again.
#[allow(clippy::print_stderr, reason = "a failing test shows it")]
pub(crate) fn seed() -> u64 {
    let given = std::env::var("GUARDA_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| unix_ms() as u64);
    eprintln!("GUARDA_SEED={seed}");
    seed
}

/// Milliseconds since 1970.
#[allow(clippy::disallowed_methods, reason = "expiries are compared with the real time")]
pub(crate) fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    since.as_millis() as i64
}

/// A command as its words.
pub(crate) fn words(command: &str) -> Vec<Vec<u8>> {
    command.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// Sends a command of plain words; panics unless the reply is no error.
#[track_caller]
pub(crate) fn call(connection: &mut Connection, command: &str) -> Frame {
    let reply = ask(connection, command);
    assert!(!reply.is_error(), "{command}: {reply}");
    reply
}

/// Sends a command of plain words.
#[track_caller]
pub(crate) fn ask(connection: &mut Connection, command: &str) -> Frame {
    connection.call(&words(command)).unwrap_or_else(|error| panic!("{command}: {error}"))
}

/// Sends commands in one piece; panics unless no reply is an error.
#[track_caller]
pub(crate) fn all_well(connection: &mut Connection, commands: &[Vec<Vec<u8>>]) {
    for batch in commands.chunks(500) {
        for (command, reply) in batch.iter().zip(connection.pipeline(batch).unwrap()) {
            let name = String::from_utf8_lossy(&command[0]);
            assert!(!reply.is_error(), "{name}: {reply}");
        }
    }
}

/// The text of a reply, for assertions.
pub(crate) fn text(frame: &Frame) -> String {
    String::from_utf8_lossy(frame.text().unwrap_or_default()).into_owned()
}

/// A field of INFO; empty when there is none.
pub(crate) fn info(connection: &mut Connection, field: &str) -> String {
    let all = text(&call(connection, "INFO all"));
    let line = all.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().trim_end().to_owned()
}

/// A field of INFO that is a number.
#[track_caller]
pub(crate) fn info_number(connection: &mut Connection, field: &str) -> i64 {
    let value = info(connection, field);
    value.parse().unwrap_or_else(|_| panic!("{field} is `{value}`"))
}

/// Waits until no save and no rewrite is under way or planned.
#[track_caller]
pub(crate) fn await_idle(connection: &mut Connection) {
    let fields =
        ["rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled", "loading"];
    let idle = await_true(LIMIT, || {
        let all = text(&call(connection, "INFO persistence"));
        fields.iter().all(|field| all.contains(&format!("{field}:0")))
    });
    assert!(idle, "background work never ended");
}

/// Rewrites the append log and waits for the end.
#[track_caller]
pub(crate) fn rewrite(connection: &mut Connection) {
    call(connection, "BGREWRITEAOF");
    await_idle(connection);
    assert_eq!(info(connection, "aof_last_bgrewrite_status"), "ok");
}

/// Everything in a server.
#[track_caller]
pub(crate) fn dump(server: &Server) -> Dump {
    Dump::take(&mut server.connect().unwrap(), DumpOptions::default()).unwrap()
}

/// Panics unless two dumps agree in every key, type, value and absolute expiry.
#[track_caller]
pub(crate) fn assert_same(first: &Dump, second: &Dump, what: &str) {
    let differences = first.differences(second, 0, 5);
    assert!(differences.is_empty(), "{what}:\n{}", differences.join("\n"));
}

/// The files of a server's directory that are data: path inside it, content.
pub(crate) fn data_files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && entry.file_name() != "server.log" {
                let content = fs::read(&path).unwrap();
                found.insert(path.strip_prefix(dir).unwrap().to_owned(), content);
            }
        }
    }
    found
}

/// Panics unless a directory holds just these files, byte for byte.
#[track_caller]
pub(crate) fn assert_untouched(dir: &Path, before: &BTreeMap<PathBuf, Vec<u8>>) {
    let after = data_files(dir);
    let names: Vec<&PathBuf> = after.keys().collect();
    assert_eq!(names, before.keys().collect::<Vec<_>>(), "the files are others");
    for (path, content) in before {
        assert!(after[path] == *content, "{} was changed", path.display());
    }
}

/// Replaces what a directory holds.
pub(crate) fn restore(dir: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    for path in data_files(dir).keys() {
        fs::remove_file(dir.join(path)).unwrap();
    }
    for (path, content) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// A start that must be refused: what was printed last.
#[track_caller]
pub(crate) fn refused(server: &mut Server) -> String {
    server.kill9();
    match server.restart() {
        Ok(()) => panic!("it started; its log:\n{}", server.log()),
        Err(error) => error.to_string(),
    }
}

/// The increment that is written.
pub(crate) fn incr_path(server: &Server) -> PathBuf {
    files_with(server, ".incr.aof").pop().expect("there is an increment")
}

/// The base of the log.
pub(crate) fn base_path(server: &Server) -> PathBuf {
    files_with(server, ".base.rdb").pop().expect("there is a base")
}

/// The files of the log whose name ends so, in the manifest's order of numbers.
pub(crate) fn files_with(server: &Server, suffix: &str) -> Vec<PathBuf> {
    let folder = server.dir().join("appendonlydir");
    let manifest = fs::read_to_string(folder.join("appendonly.aof.manifest")).unwrap();
    let names = manifest.lines().filter_map(|line| line.split(' ').nth(1));
    names.filter(|name| name.ends_with(suffix)).map(|name| folder.join(name)).collect()
}

/// Runs one of Redis's own checkers; panics unless it is content.
#[track_caller]
pub(crate) fn check(program: &str, file: &Path) {
    let output = std::process::Command::new(program)
        .arg(file)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; `cargo xtask test` installs it"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{program} {}: {said}", file.display());
}

/// Both checkers, over everything in a server's directory.
#[track_caller]
pub(crate) fn check_files(server: &Server) {
    let dump = server.dir().join("dump.rdb");
    if dump.exists() {
        check("redis-check-rdb", &dump);
    }
    let manifest = server.dir().join("appendonlydir/appendonly.aof.manifest");
    if manifest.exists() {
        check("redis-check-aof", &manifest);
    }
}
