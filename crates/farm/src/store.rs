//! The store server of a farm: started, stopped, killed and started again on the same port and data.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};

use crate::config::store_conf;
use crate::port::{free_port, is_free};
use crate::process::{Process, find_program};
use crate::scratch::{Scratch, Secret};
use crate::wait::{Cancel, wait_until};

/// How long the server may take until it answers PING: debug builds on a busy machine, loading a log.
const READY_LIMIT: Duration = Duration::from_mins(1);
/// How long one PING may take.
const PING_LIMIT: Duration = Duration::from_secs(2);
/// A free port may be taken by others between the look and the start; then another one is drawn.
const START_ATTEMPTS: u32 = 3;

/// A program that serves the Redis protocol when it is given the path of a redis.conf.
#[derive(Clone, Debug)]
pub struct StoreProgram {
    label: String,
    program: PathBuf,
    arguments: Vec<String>,
}

impl StoreProgram {
    /// `guarda serve`, with the binary at `program`.
    pub fn guarda(program: impl Into<PathBuf>) -> Self {
        let (label, arguments) = ("guarda serve".to_owned(), vec!["serve".to_owned()]);
        Self { label, program: program.into(), arguments }
    }

    /// The `redis-server` of this machine, for comparison.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn redis_server() -> Result<Self> {
        let program = find_program(&["redis-server"]).context(
            "redis-server is not installed (Debian: apt-get install redis-server; EL: dnf install redis)",
        )?;
        Ok(Self { label: "redis-server".to_owned(), program, arguments: Vec::new() })
    }

    /// How people call it.
    pub fn label(&self) -> &str {
        &self.label
    }
}

/// The store: one server process, its port, its data directory and its password.
#[derive(Debug)]
pub struct Store {
    program: StoreProgram,
    directory: PathBuf,
    conf: PathBuf,
    port: u16,
    password: Secret,
    process: Option<Process>,
    cancel: Cancel,
}

impl Store {
    /// Starts a server on a free port with its data in the scratch directory.
    pub(crate) fn create(
        scratch: &Scratch,
        program: &StoreProgram,
        directives: &[(String, String)],
        password: &Secret,
        cancel: &Cancel,
    ) -> Result<Self> {
        let directory = scratch.directory("store")?;
        let mut attempt = 1;
        loop {
            let port = free_port()?;
            let conf =
                scratch.file("redis.conf", &store_conf(port, password, &directory, directives))?;
            let mut store = Self {
                program: program.clone(),
                directory: directory.clone(),
                conf,
                port,
                password: password.clone(),
                process: None,
                cancel: cancel.clone(),
            };
            match store.start() {
                Ok(()) => return Ok(store),
                Err(error) if attempt == START_ATTEMPTS || is_free(port) => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address clients connect to.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The directory that holds the server's append log and snapshots.
    pub fn data_directory(&self) -> &Path {
        &self.directory
    }

    /// The process id while the server runs.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    pub(crate) fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    pub(crate) fn process_mut(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// Starts the server again, on the same port and data, and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it ends instead of answering, or does not answer in time; the error ends with its log.
    pub fn start(&mut self) -> Result<()> {
        if self.process.is_some() {
            bail!("{} runs already", self.program.label);
        }
        let log = self.conf.with_file_name("store.log");
        let mut command = Command::new(&self.program.program);
        command.args(&self.program.arguments).arg(&self.conf);
        let mut process = Process::start(&self.program.label, &command, &log)?;
        let what = format!("{} answering on port {}", self.program.label, self.port);
        let (cancel, address) = (self.cancel.clone(), self.address());
        let ready = wait_until(&what, READY_LIMIT, &cancel, || {
            if let Some(status) = process.ended()? {
                bail!("{} ended at its start: {status}", self.program.label);
            }
            Ok(answers_ping(address, &self.password).then_some(()))
        });
        ready.map_err(|error| with_log(&error, &log, &self.password))?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends the server by SIGTERM, as an operator's restart does, and waits for it.
    ///
    /// # Errors
    ///
    /// When it does not run, does not end in time, or ends with a failure.
    pub fn stop(&mut self) -> Result<()> {
        let mut process = self.process.take().context("the store does not run")?;
        let status = process.stop()?;
        if !status.success() {
            let log = tail(process.log(), &self.password);
            bail!("{} ended with {status} after SIGTERM; its log says:\n{log}", self.program.label);
        }
        Ok(())
    }

    /// Kills the server (SIGKILL), as a crash does.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("the store does not run")?.kill()
    }
}

/// Whether the server at `address` takes the password and answers PING with PONG.
fn answers_ping(address: SocketAddr, password: &Secret) -> bool {
    ping(address, password).is_ok_and(|answer| answer == *b"+OK\r\n+PONG\r\n")
}

fn ping(address: SocketAddr, password: &Secret) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, PING_LIMIT)?;
    stream.set_read_timeout(Some(PING_LIMIT))?;
    let word = password.reveal();
    write!(stream, "*2\r\n$4\r\nAUTH\r\n${}\r\n{word}\r\n*1\r\n$4\r\nPING\r\n", word.len())?;
    let mut answer = vec![0; 12];
    match stream.read_exact(&mut answer) {
        // An error such as LOADING is shorter or longer: not ready, whatever it says.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(()) => Ok(answer),
    }
}

/// The error, followed by the end of the log of the program it is about.
pub(crate) fn with_log(error: &Error, log: &Path, password: &Secret) -> Error {
    anyhow!("{error:#}; its log says:\n{}", tail(log, password))
}

/// The last lines of a log, without the password.
pub(crate) fn tail(log: &Path, password: &Secret) -> String {
    const LINES_MAX: usize = 20;
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES_MAX)..].join("\n");
    if last.is_empty() { "(nothing)".to_owned() } else { password.redact(&last) }
}
