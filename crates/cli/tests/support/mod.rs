//! What the end-to-end tests of this crate share.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

pub(crate) mod sessions;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::{await_some, await_true};
use guarda_testkit::reply::Frame;
use guarda_testkit::server::{Program, Server, ServerSpec};

/// How long anything may take that should take no time.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A server on loopback without persistence, to be changed by directives.
pub(crate) fn spec() -> ServerSpec {
    ServerSpec::new(Program::subject(env!("CARGO_BIN_EXE_guarda")))
}

/// Starts it with these directives.
pub(crate) fn start(directives: &[(&str, &str)]) -> Server {
    let spec = directives.iter().fold(spec(), |spec, (name, value)| spec.with(name, value));
    Server::start(spec).unwrap()
}

/// The text of a reply, whatever its kind.
pub(crate) fn text(frame: &Frame) -> String {
    match frame {
        Frame::Verbatim(text) => String::from_utf8_lossy(&text[4..]).into_owned(),
        Frame::Error(text) | Frame::Simple(text) | Frame::Bulk(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
        Frame::Integer(number) => number.to_string(),
        other => other.to_string(),
    }
}

/// Runs one command given as words.
pub(crate) fn call(connection: &mut Connection, command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    text(&connection.call(&words).unwrap())
}

/// A field of INFO.
pub(crate) fn info(connection: &mut Connection, field: &str) -> String {
    let all = call(connection, "INFO everything");
    let line = all.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("INFO has no {field}: {all}")).trim().to_owned()
}

/// A field of INFO that is a number.
pub(crate) fn count(connection: &mut Connection, field: &str) -> u64 {
    info(connection, field).parse().unwrap()
}

/// Waits until a field of INFO has a value.
pub(crate) fn await_count(connection: &mut Connection, field: &str, expected: u64) {
    let reached = await_true(SOON, || count(connection, field) == expected);
    assert!(reached, "{field} is {}, not {expected}", info(connection, field));
}

/// A field of a line of CLIENT LIST or CLIENT INFO.
pub(crate) fn field<'t>(line: &'t str, name: &str) -> &'t str {
    let value = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no field {name} in {line}"))
}

/// Resident memory of a process, in bytes.
pub(crate) fn rss(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// A `guarda` started with exactly these arguments, in a directory of its own.
pub(crate) struct Launch {
    pub(crate) child: Child,
    pub(crate) dir: PathBuf,
}

/// A directory for one test; the caller removes it, or [`Launch`] does.
pub(crate) fn scratch() -> PathBuf {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("guarda-cli-{}-{serial}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// A free TCP port.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The command `guarda` with these arguments, in `dir`, its output in the file `output` there.
pub(crate) fn guarda(dir: &Path, args: &[&str]) -> Command {
    let output = File::create(dir.join("output")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_guarda"));
    command.args(args).current_dir(dir).stdin(Stdio::null());
    command.stdout(output.try_clone().unwrap()).stderr(output);
    command
}

impl Launch {
    /// Starts `guarda serve` in `dir` and waits until it says that it is ready.
    pub(crate) fn start(dir: PathBuf, args: &[&str]) -> Launch {
        let args: Vec<&str> = ["serve"].iter().chain(args).copied().collect();
        let command = guarda(&dir, &args);
        Self::run(dir, command)
    }

    /// Starts a server by a command of [`guarda`] in `dir` and waits until it says that it is ready.
    pub(crate) fn run(dir: PathBuf, mut command: Command) -> Launch {
        let child = command.spawn().unwrap();
        let mut launch = Launch { child, dir };
        let is_ready = await_true(SOON, || {
            let ended = launch.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", launch.output());
            launch.output().contains("Ready to accept connections")
        });
        assert!(is_ready, "{}", launch.output());
        launch
    }

    /// What it wrote to its standard output and error.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.dir.join("output")).unwrap()
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Runs `guarda` to its end: exit code and output.
pub(crate) fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut child = guarda(dir, args).spawn().unwrap();
    let Some(status) = await_some(SOON, || child.try_wait().unwrap()) else {
        let _ = child.kill();
        let _ = child.wait();
        panic!("guarda {args:?} did not end: {}", fs::read_to_string(dir.join("output")).unwrap());
    };
    (status.code(), fs::read_to_string(dir.join("output")).unwrap())
}

/// The names in a directory, sorted.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Starts the server with a configuration file of this text, `dir` and a free port added.
pub(crate) fn launch(text: &str) -> (Launch, u16) {
    let dir = scratch();
    let port = free_port();
    let text = format!("port {port}\ndir {}\n{text}\n", dir.display());
    fs::write(dir.join("redis.conf"), text).unwrap();
    (Launch::start(dir, &["redis.conf"]), port)
}

/// Runs a server that must not start with this file; returns what it said.
pub(crate) fn refused(text: &str) -> String {
    let dir = scratch();
    fs::create_dir(dir.join("data")).unwrap();
    fs::write(dir.join("redis.conf"), format!("dir {}/data\n{text}\n", dir.display())).unwrap();
    let (code, said) = run(&dir, &["serve", "redis.conf"]);
    assert_eq!(code, Some(1), "{text}: {said}");
    assert_eq!(names(&dir), ["data", "output", "redis.conf"], "{text}: {said}");
    assert_eq!(names(&dir.join("data")), [""; 0], "{text}: {said}");
    fs::remove_dir_all(dir).unwrap();
    said
}
