//! Telling who started the server how it is: pid file, systemd, the background.

use std::env;
use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::{Command, Stdio};

/// Set in the environment of the process that serves, so that it does not go to the background again.
const DETACHED: &str = "GUARDA_DETACHED";

/// Tells systemd something (`READY=1`), if it asked to be told.
///
/// # Errors
/// The socket's error.
pub(crate) fn notify(state: &str) -> io::Result<bool> {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else { return Ok(false) };
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

/// `daemonize yes`: starts this program again in a session of its own, without a terminal. Returns
/// true in the process that is to end now.
///
/// Starting anew instead of forking keeps the rule that no thread's state is ever copied.
///
/// # Errors
/// When the program could not be started.
pub(crate) fn detach() -> io::Result<bool> {
    if env::var_os(DETACHED).is_some() {
        // setsid fails only for a group leader, which the child of a shell's job may be; it then
        // has no terminal to lose either way.
        let _ = rustix::process::setsid();
        return Ok(false);
    }
    Command::new(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env(DETACHED, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(true)
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
