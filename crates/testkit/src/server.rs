//! Real server processes for tests: each in a directory of its own, on a free loopback port.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::connection::{Connection, Endpoint};
use crate::deadline::{Deadline, await_some};
use crate::reply::Frame;

/// Environment variable that replaces the program under test: `redis-server`, or a path to one.
pub const SUBJECT_VARIABLE: &str = "GUARDA_TESTKIT_SUBJECT";
/// Environment variable that replaces the reference server: a path to a `redis-server`.
pub const REFERENCE_VARIABLE: &str = "GUARDA_TESTKIT_REFERENCE";

/// How long a server may take to answer its first PING.
const START_LIMIT: Duration = Duration::from_secs(90);
/// How long a server may take to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// How often a start is tried again when another process took the port in between.
const PORT_ATTEMPTS_MAX: u32 = 8;
/// Where ports are drawn from.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How many draws may meet a port in use.
const PORT_DRAWS_MAX: u32 = 200;
/// How much of a log goes into an error.
const LOG_TAIL_LINES: usize = 25;

static SERIAL: AtomicU32 = AtomicU32::new(0);

/// What to start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Program {
    /// The `guarda` binary at this path, started as `guarda serve`.
    Guarda(PathBuf),
    /// A `redis-server`: a name to be found in `PATH`, or a path.
    Redis(PathBuf),
}

impl Program {
    /// The program under test: `guarda`, unless [`SUBJECT_VARIABLE`] names another.
    ///
    /// A file called `redis-server` or `valkey-server` is started as one.
    #[must_use]
    pub fn subject(guarda: impl Into<PathBuf>) -> Self {
        match std::env::var_os(SUBJECT_VARIABLE) {
            Some(path) => Self::from_path(path.into()),
            None => Self::Guarda(guarda.into()),
        }
    }

    /// The reference: `redis-server` from `PATH`, unless [`REFERENCE_VARIABLE`] names another.
    #[must_use]
    pub fn reference() -> Self {
        match std::env::var_os(REFERENCE_VARIABLE) {
            Some(path) => Self::Redis(path.into()),
            None => Self::Redis("redis-server".into()),
        }
    }

    fn from_path(path: PathBuf) -> Self {
        match path.file_name().and_then(|name| name.to_str()) {
            Some("redis-server" | "valkey-server") => Self::Redis(path),
            _ => Self::Guarda(path),
        }
    }

    /// Whether it is a `valkey-server`, by its name.
    #[must_use]
    pub fn is_valkey(&self) -> bool {
        matches!(self, Self::Redis(path) if path.file_name().is_some_and(|name| name == "valkey-server"))
    }

    fn command(&self) -> Command {
        match self {
            Self::Guarda(path) => {
                let mut command = Command::new(path);
                command.arg("serve");
                command
            }
            Self::Redis(path) => Command::new(path),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Guarda(path) | Self::Redis(path)) = self;
        write!(out, "{}", path.file_name().unwrap_or(path.as_os_str()).display())
    }
}

/// Program, directives and files to start a server with.
#[derive(Clone, Debug)]
pub struct ServerSpec {
    program: Program,
    directives: Vec<(String, String)>,
    config: Option<String>,
    files: Vec<(PathBuf, Vec<u8>)>,
    environment: Vec<(OsString, OsString)>,
    password: Option<String>,
}

impl ServerSpec {
    /// A server without persistence, on loopback only, until directives say otherwise.
    #[must_use]
    pub fn new(program: Program) -> Self {
        Self {
            program,
            directives: Vec::new(),
            config: None,
            files: Vec::new(),
            environment: Vec::new(),
            password: None,
        }
    }

    /// Adds `--name value`. A directive given here replaces the default of the same name.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.directives.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the server with `requirepass`; [`Server::connect`] then says AUTH.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self.with("requirepass", password)
    }

    /// The password of [`ServerSpec::with_password`].
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Starts the server with a configuration file of this text; directives still follow it.
    #[must_use]
    pub fn with_config(mut self, text: &str) -> Self {
        self.config = Some(text.to_owned());
        self
    }

    /// Puts a file into the server's directory before it starts.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.into(), content.into()));
        self
    }

    /// Sets an environment variable for the server.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Which program this starts.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }
}

/// Why a server is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The program cannot be run at all.
    #[error("cannot run `{}`: {source}; the tests need it, `cargo xtask test` installs it", .program.display())]
    NoProgram {
        /// Name or path that was tried.
        program: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It ended before it answered.
    #[error(
        "{program} ended with {status} before it answered PING; its log ends with:\n{log_tail}"
    )]
    Died {
        /// Name of the program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// Last lines of its output.
        log_tail: String,
    },
    /// It runs but does not answer, or does not end.
    #[error("{program} did not {what} in {} s; its log ends with:\n{log_tail}", .limit.as_secs())]
    TooSlow {
        /// Name of the program.
        program: String,
        /// What was waited for.
        what: &'static str,
        /// For how long.
        limit: Duration,
        /// Last lines of its output.
        log_tail: String,
    },
    /// Its directory or its process could not be worked on.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A running server; dropping it kills the process and removes its directory.
#[derive(Debug)]
pub struct Server {
    spec: ServerSpec,
    dir: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Server {
    /// Starts a server and waits until it answers PING (with anything but LOADING).
    ///
    /// # Errors
    ///
    /// If the program is missing, ends early or does not answer in 20 s.
    pub fn start(spec: ServerSpec) -> Result<Self, ServerError> {
        let dir = std::env::temp_dir().join(format!(
            "guarda-test-{}-{}",
            std::process::id(),
            SERIAL.fetch_add(1, Ordering::Relaxed)
        ));
        // A leftover of an earlier process with the same id must not be taken for ours.
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        fs::create_dir_all(&dir)?;
        let mut server = Self { spec, dir, port: 0, child: None };
        for (path, content) in &server.spec.files {
            let path = server.dir.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, content)?;
        }
        if let Some(text) = &server.spec.config {
            fs::write(server.dir.join("redis.conf"), text)?;
        }
        let mut attempt = 1;
        loop {
            server.port = free_port()?;
            match server.spawn_and_await() {
                Err(ServerError::Died { log_tail, .. })
                    if attempt < PORT_ATTEMPTS_MAX && is_port_clash(&log_tail) =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
                Ok(()) => return Ok(server),
            }
        }
    }

    /// The server's working directory, removed when the server is dropped.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The TCP port on the loopback address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The Unix socket.
    #[must_use]
    pub fn socket_path(&self) -> PathBuf {
        self.dir.join("redis.sock")
    }

    /// Everything the process wrote to its standard output and error.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    /// The text at [`Server::log_path`]; empty when it cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The process id, or `None` after [`Server::kill9`] or [`Server::terminate`].
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The program's name, for reports.
    #[must_use]
    pub fn name(&self) -> String {
        self.spec.program.to_string()
    }

    /// The TCP endpoint.
    #[must_use]
    pub fn tcp(&self) -> Endpoint {
        Endpoint::Tcp(self.port)
    }

    /// The Unix socket endpoint.
    #[must_use]
    pub fn unix(&self) -> Endpoint {
        Endpoint::Unix(self.socket_path())
    }

    /// A new TCP connection, authenticated if the server was given a password.
    ///
    /// # Errors
    ///
    /// If the server does not accept it.
    pub fn connect(&self) -> io::Result<Connection> {
        let mut connection = Connection::open(&self.tcp())?;
        if let Some(password) = self.spec.password() {
            match connection.call(&["AUTH", password]) {
                Ok(Frame::Simple(_)) => {}
                Ok(other) => return Err(io::Error::other(format!("AUTH: {other}"))),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(connection)
    }

    /// What was started, with which directives.
    #[must_use]
    pub fn spec(&self) -> &ServerSpec {
        &self.spec
    }

    /// Kills the process as a power cut would (SIGKILL) and waits for its end.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Errors mean that it has ended already, which is what was wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks the process to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    ///
    /// If it has not ended after 20 s; it is killed then.
    pub fn terminate(&mut self) -> Result<Option<ExitStatus>, ServerError> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let pid = Pid::from_child(child);
        kill_process(pid, Signal::TERM).map_err(io::Error::from)?;
        if let Some(status) = await_some(STOP_LIMIT, || child.try_wait().transpose()) {
            self.child = None;
            return Ok(Some(status?));
        }
        self.kill9();
        Err(self.too_slow("end after SIGTERM", STOP_LIMIT))
    }

    /// Waits until the process ends by itself, as after SHUTDOWN.
    ///
    /// # Errors
    ///
    /// If it still runs after `limit`.
    pub fn await_exit(&mut self, limit: Duration) -> Result<Option<ExitStatus>, ServerError> {
        let Some(child) = &mut self.child else { return Ok(None) };
        match await_some(limit, || child.try_wait().transpose()) {
            Some(status) => {
                self.child = None;
                Ok(Some(status?))
            }
            None => Err(self.too_slow("end", limit)),
        }
    }

    /// Starts the server again in the same directory on the same port, ending it first if need be.
    ///
    /// # Errors
    ///
    /// As [`Server::start`] and [`Server::terminate`].
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.terminate()?;
        self.spawn_and_await()
    }

    /// Gives further starts another program, to show that one loads what the other wrote.
    pub fn replace_program(&mut self, program: Program) {
        self.spec.program = program;
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        if self.spec.config.is_some() {
            arguments.push(self.dir.join("redis.conf").into());
        }
        let port = self.port.to_string();
        let dir = self.dir.display().to_string();
        let socket = self.socket_path().display().to_string();
        let defaults = [
            ("port", port.as_str()),
            ("dir", &dir),
            ("unixsocket", &socket),
            ("bind", "127.0.0.1"),
            ("save", ""),
            ("appendonly", "no"),
        ];
        // Valkey calls itself Redis, in HELLO and in the errors of scripts, only on demand.
        let compatible = [("extended-redis-compatibility", "yes")];
        let own: &[_] = if self.spec.program.is_valkey() { &compatible } else { &[] };
        for (name, value) in defaults.iter().chain(own) {
            if !self.spec.directives.iter().any(|(given, _)| given == name) {
                arguments.extend([format!("--{name}").into(), value.into()]);
            }
        }
        for (name, value) in &self.spec.directives {
            arguments.extend([format!("--{name}").into(), value.into()]);
        }
        arguments
    }

    fn spawn_and_await(&mut self) -> Result<(), ServerError> {
        let log = OpenOptions::new().create(true).append(true).open(self.log_path())?;
        // The socket of a killed server would otherwise look like the new one's.
        let _ = fs::remove_file(self.socket_path());
        let log_error: File = log.try_clone()?;
        let child = self
            .spec
            .program
            .command()
            .args(self.arguments())
            .envs(self.spec.environment.iter().cloned())
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(log_error)
            .spawn()
            .map_err(|source| {
                let (Program::Guarda(program) | Program::Redis(program)) = &self.spec.program;
                ServerError::NoProgram { program: program.clone(), source }
            })?;
        self.child = Some(child);
        self.await_ping()
    }

    /// Asks over the Unix socket: it lies in our own directory, so no other server can answer.
    fn await_ping(&mut self) -> Result<(), ServerError> {
        let deadline = Deadline::after(START_LIMIT);
        loop {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                self.child = None;
                return Err(ServerError::Died {
                    program: self.name(),
                    status,
                    log_tail: self.log_tail(),
                });
            }
            let remaining = deadline.remaining().min(Duration::from_secs(1));
            if answers(&self.unix(), remaining) && answers(&self.tcp(), remaining) {
                return Ok(());
            }
            if deadline.has_passed() {
                self.kill9();
                return Err(self.too_slow("answer PING", START_LIMIT));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// How the process ended and what its log ends with, if it ended without being told to.
    fn unexpected_end(&mut self) -> Option<String> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        let (program, log) = (self.name(), self.log_tail());
        Some(format!("{program} ended by itself ({status}); its log ends with:\n{log}"))
    }

    fn too_slow(&self, what: &'static str, limit: Duration) -> ServerError {
        ServerError::TooSlow { program: self.name(), what, limit, log_tail: self.log_tail() }
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }
}

impl Drop for Server {
    #[allow(clippy::print_stderr, reason = "a failing test shows it")]
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(end) = self.unexpected_end()
        {
            eprintln!("{end}");
        }
        self.kill9();
        // Nothing useful can be done about a directory that cannot be removed.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn answers(endpoint: &Endpoint, limit: Duration) -> bool {
    let Ok(mut connection) = Connection::open(endpoint) else { return false };
    if connection.set_timeout(limit.max(Duration::from_millis(1))).is_err() {
        return false;
    }
    match connection.call(&["PING"]) {
        Ok(Frame::Error(text)) => !text.starts_with(b"LOADING"),
        Ok(_) => true,
        Err(_) => false,
    }
}

/// One below Linux's default range for outgoing connections (32768 and up), so that no client of another
/// program takes the port of a server that is down for a restart.
fn free_port() -> io::Result<u16> {
    for _ in 0..PORT_DRAWS_MAX {
        let draw = RandomState::new().build_hasher().finish();
        let width = u64::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(draw % width).expect("a remainder of a u16 width");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(ErrorKind::AddrInUse.into())
}

fn is_port_clash(log: &str) -> bool {
    let log = log.to_ascii_lowercase();
    log.contains("address already in use") || log.contains("address in use")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis() -> ServerSpec {
        ServerSpec::new(Program::reference())
    }

    #[test]
    fn a_server_answers_on_both_sockets_and_leaves_nothing_behind() {
        let server = Server::start(redis()).unwrap();
        for endpoint in [server.tcp(), server.unix()] {
            let mut connection = Connection::open(&endpoint).unwrap();
            assert_eq!(connection.call(&["PING"]).unwrap(), Frame::Simple(b"PONG".to_vec()));
        }
        let dir = server.dir().to_owned();
        let port = server.port();
        assert!(dir.join("server.log").exists());
        drop(server);
        assert!(!dir.exists());
        assert!(Connection::open(&Endpoint::Tcp(port)).is_err());
    }

    #[test]
    fn restart_keeps_the_directory_and_the_port() {
        let mut server = Server::start(redis().with("appendonly", "yes")).unwrap();
        let (pid, port) = (server.pid(), server.port());
        server.connect().unwrap().call(&["SET", "k", "v"]).unwrap();
        server.restart().unwrap();
        assert_ne!(server.pid(), pid);
        assert_eq!(server.port(), port);
        let reply = server.connect().unwrap().call(&["GET", "k"]).unwrap();
        assert_eq!(reply, Frame::Bulk(b"v".to_vec()));
        server.kill9();
        assert_eq!(server.pid(), None);
        server.restart().unwrap();
    }

    #[test]
    fn a_server_that_ends_early_is_reported_with_its_log() {
        let error = Server::start(redis().with("maxmemory-policy", "nonsense")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("before it answered PING"), "{text}");
        assert!(text.contains("maxmemory-policy"), "{text}");
    }

    #[test]
    fn an_end_that_nobody_asked_for_is_told_with_the_log() {
        let mut server = Server::start(redis()).unwrap();
        assert_eq!(server.unexpected_end(), None);
        let id = Pid::from_child(server.child.as_ref().unwrap());
        kill_process(id, Signal::KILL).unwrap();
        let end = await_some(STOP_LIMIT, || server.unexpected_end()).unwrap();
        assert!(end.contains("redis-server ended by itself (signal: 9 (SIGKILL))"), "{end}");
        assert!(end.contains("Ready to accept connections"), "{end}");
        let mut server = Server::start(redis()).unwrap();
        server.kill9();
        assert_eq!(server.unexpected_end(), None);
    }

    #[test]
    fn a_missing_program_is_a_clear_failure() {
        let spec = ServerSpec::new(Program::Redis("no-such-redis-server".into()));
        let text = Server::start(spec).unwrap_err().to_string();
        assert!(text.contains("no-such-redis-server"), "{text}");
        assert!(text.contains("cargo xtask test"), "{text}");
    }

    #[test]
    fn a_password_does_not_keep_the_server_from_being_seen() {
        let server = Server::start(redis().with_password("secret")).unwrap();
        let pong = Frame::Simple(b"PONG".to_vec());
        assert_eq!(server.connect().unwrap().call(&["PING"]).unwrap(), pong);
        let reply = Connection::open(&server.tcp()).unwrap().call(&["PING"]).unwrap();
        assert!(reply.is_error(), "{reply}");
    }
}
