//! Telling who started the server how it is: pid file, systemd, the background.

use std::env;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::{Command, Stdio};

/// Set in the environment of the process that serves, so that it does not go to the background again.
const DETACHED: &str = "GUARDA_DETACHED";

/// Set by systemd in the environment of a service that is to say when it is ready.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// What it says on its standard error once it serves.
const READY: &[u8] = b"\0ready\n";

/// Most that is read of what it says before.
const SAID_LEN_MAX: u64 = 64 << 10;

/// Whether systemd waits to be told.
pub(crate) fn is_awaited() -> bool {
    env::var_os(NOTIFY_SOCKET).is_some()
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

/// From here on a panic ends the process, after a log line that says where it was. Its message is
/// left out: it may hold a key or a value.
///
/// Going on without one of its threads, the server would leave clients hanging; started again, it
/// has everything that was acknowledged.
pub(crate) fn end_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!("a defect at {place}: the server ends; please report it");
        std::process::abort();
    }));
}
