//! Telling who started the server how it is: pid file, systemd, the background.

use std::env;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use guarda_config::Supervised;
use rustix::process::{Signal, getpid, kill_process};

/// Set in the environment of the process that serves, so that it does not go to the background again.
const DETACHED: &str = "GUARDA_DETACHED";

/// Set by systemd in the environment of a service that is to say when it is ready.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// What it says on its standard error once it serves.
const READY: &[u8] = b"\0ready\n";

/// Most that is read of what it says before.
const SAID_LEN_MAX: u64 = 64 << 10;

/// Set by upstart likewise.
const UPSTART_JOB: &str = "UPSTART_JOB";

/// Who waits to be told that the server is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Supervisor {
    None,
    Systemd,
    Upstart,
}

impl Supervisor {
    /// The one that the directive names, if the environment says that it is there.
    pub(crate) fn found(directive: Supervised) -> Supervisor {
        let (systemd, upstart) = match directive {
            Supervised::No => (false, false),
            Supervised::Systemd => (true, false),
            Supervised::Upstart => (false, true),
            Supervised::Auto => (true, true),
        };
        if systemd && env::var_os(NOTIFY_SOCKET).is_some() {
            Supervisor::Systemd
        } else if upstart && env::var_os(UPSTART_JOB).is_some() {
            Supervisor::Upstart
        } else {
            Supervisor::None
        }
    }

    /// Says that the server is ready.
    pub(crate) fn tell_ready(self) {
        match self {
            Supervisor::None => {}
            Supervisor::Systemd => self.tell("READY=1\nSTATUS=Ready to accept connections\n"),
            // `expect stop`: upstart waits for the process to stop, and has it go on.
            Supervisor::Upstart => {
                if let Err(error) = kill_process(getpid(), Signal::STOP) {
                    tracing::warn!(%error, "upstart could not be told");
                }
            }
        }
    }

    /// Tells systemd how things are.
    pub(crate) fn tell(self, state: &str) {
        if self == Supervisor::Systemd
            && let Err(error) = notify(state)
        {
            tracing::warn!(%error, "systemd could not be told");
        }
    }

    /// How often systemd's watchdog wants to hear from this process: twice as often as it must.
    pub(crate) fn watchdog_period(self) -> Option<Duration> {
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        let own = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let micros = number("WATCHDOG_USEC").filter(|micros| *micros > 0)?;
        (self == Supervisor::Systemd && own).then(|| Duration::from_micros(micros) / 2)
    }
}

/// Tells systemd something (`READY=1`), if it asked to be told.
///
/// # Errors
/// The socket's error.
pub(crate) fn notify(state: &str) -> io::Result<bool> {
    let Some(path) = env::var_os(NOTIFY_SOCKET) else { return Ok(false) };
    let name = path.to_string_lossy().into_owned();
    let address = match name.strip_prefix('@') {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name)?,
        None => SocketAddr::from_pathname(Path::new(&path))?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(true)
}

/// Writes the pid file.
pub(crate) fn write_pid(path: &Path) -> io::Result<()> {
    fs::write(path, format!("{}\n", std::process::id()))
}

/// How a start in the background went, seen from the foreground.
pub(crate) enum Background {
    /// This is the process that serves.
    Serve,
    /// Another one serves; this one has nothing more to do.
    Started,
    /// The other one has ended again; what it said.
    Failed(String),
}

/// `daemonize yes`: starts this program again in a session of its own, without a terminal, and waits
/// until it is ready. `stdin` is what it reads there.
///
/// Starting anew instead of forking keeps the rule that no thread's state is ever copied.
///
/// # Errors
/// When the program could not be started.
pub(crate) fn detach(stdin: &[u8]) -> io::Result<Background> {
    if is_detached() {
        // setsid fails only for a group leader, which the child of a shell's job may be; it then
        // has no terminal to lose either way.
        let _ = rustix::process::setsid();
        return Ok(Background::Serve);
    }
    let mut child = Command::new(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env(DETACHED, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // One that ends before it has read this says why on its standard error.
        let _ = pipe.write_all(stdin);
    }
    let mut said = Vec::new();
    if let Some(pipe) = child.stderr.take() {
        pipe.take(SAID_LEN_MAX).read_to_end(&mut said)?;
    }
    if said.ends_with(READY) {
        return Ok(Background::Started);
    }
    let status = child.wait()?;
    let said = String::from_utf8_lossy(&said);
    let said = said.trim().trim_start_matches("guarda serve: ");
    Ok(Background::Failed(match said {
        "" => format!("the process in the background ended with {status}"),
        said => said.to_owned(),
    }))
}

fn is_detached() -> bool {
    env::var_os(DETACHED).is_some()
}

/// Tells whoever started this process in the background that it serves, and leaves its terminal.
pub(crate) fn tell_foreground() -> io::Result<()> {
    if !is_detached() {
        return Ok(());
    }
    io::stderr().write_all(READY)?;
    let null = fs::OpenOptions::new().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stderr(&null)?)
}
