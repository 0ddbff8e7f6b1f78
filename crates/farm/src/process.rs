//! Child processes that leave nothing behind.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::wait::{Cancel, wait_until};

/// How long a program may take to end after SIGTERM before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// How long the kernel may take to make a killed process group disappear.
const GONE_LIMIT: Duration = Duration::from_secs(10);
/// Where servers live that an ordinary user's `PATH` leaves out.
const SERVER_DIRECTORIES: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The first of `names` found in `PATH` or in the usual directories of servers.
pub fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> =
        env::split_paths(&path).chain(SERVER_DIRECTORIES.iter().map(PathBuf::from)).collect();
    names
        .iter()
        .flat_map(|name| directories.iter().map(move |directory| directory.join(name)))
        .find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// A server program and all of its children, in a process group of their own.
///
/// Dropping it ends the whole group. Should this process be killed before it can do so, the program gets
/// SIGTERM from the kernel (`setpriv --pdeathsig`, where there is one). That signal is tied to the
/// *thread* that started the program: keep a `Process` on the thread that made it.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, with both outputs appended to the file `log`.
    pub(crate) fn start(name: &str, command: &Command, log: &Path) -> Result<Self> {
        let mut guarded = guarded(command);
        let child = guarded
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(append(log)?)
            .stderr(append(log)?)
            .spawn()
            .with_context(|| {
                format!("cannot start {name} ({})", command.get_program().display())
            })?;
        Ok(Self { name: name.to_owned(), child, log: log.to_path_buf() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> Pid {
        let id = i32::try_from(self.child.id()).expect("process ids fit an i32");
        Pid::from_raw(id).expect("a child's process id is not zero")
    }

    /// The exit status, if the program has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot ask after {}", self.name))
    }

    /// Asks the program to end (SIGTERM) and waits for it, then for its whole group.
    pub(crate) fn stop(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            self.clear_group()?;
            return Ok(status);
        }
        self.signal(Signal::TERM)?;
        let what = format!("the end of {} after SIGTERM", self.name);
        let ended = wait_until(&what, STOP_LIMIT, &Cancel::default(), || self.ended());
        self.clear_group()?;
        ended
    }

    /// Sends the program a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid(), signal)
            .with_context(|| format!("cannot send {signal:?} to {}", self.name))
    }

    /// Kills the program and its group at once (SIGKILL).
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.clear_group()
    }

    /// Kills whatever is left of the group and waits until no member of it runs any more.
    fn clear_group(&mut self) -> Result<()> {
        let group = self.pid();
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
        wait_until(&format!("the end of {}", self.name), GONE_LIMIT, &Cancel::default(), || {
            Ok(processes()?.iter().all(|process| process.group != self.id()).then_some(()))
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error cannot be reported from here; the tests look for survivors.
        if self.stop().is_err() {
            let _ = self.clear_group();
        }
    }
}

/// The same command, run so that the kernel ends it with us.
fn guarded(command: &Command) -> Command {
    let Some(setpriv) = find_program(&["setpriv"]) else {
        return copy_onto(Command::new(command.get_program()), command);
    };
    let mut outer = Command::new(setpriv);
    outer.args(["--pdeathsig", "TERM", "--"]).arg(command.get_program());
    copy_onto(outer, command)
}

fn copy_onto(mut target: Command, source: &Command) -> Command {
    target.args(source.get_args());
    for (name, value) in source.get_envs() {
        match value {
            Some(value) => target.env(name, value),
            None => target.env_remove(name),
        };
    }
    if let Some(directory) = source.get_current_dir() {
        target.current_dir(directory);
    }
    target
}

fn append(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// A line of the kernel's process table.
struct Listed {
    id: u32,
    parent: u32,
    group: u32,
}

/// Every process of this machine that runs. A zombie does not: whoever inherited it will collect it.
fn processes() -> Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot list the kernel's process table")? {
        let name = entry.context("cannot list the kernel's process table")?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end between the listing and the look: then it does not run.
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        listed.extend(running_in_stat(id, &stat));
    }
    Ok(listed)
}

/// Reads a line of `/proc/<id>/stat`, where the program's name in parentheses may hold anything.
fn running_in_stat(id: u32, stat: &str) -> Option<Listed> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?;
    let (parent, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    (!matches!(state, "Z" | "X")).then_some(Listed { id, parent, group })
}

/// The running children of process `parent`.
pub(crate) fn children_of(parent: u32) -> Result<Vec<u32>> {
    let all = processes()?;
    Ok(all.iter().filter(|process| process.parent == parent).map(|process| process.id).collect())
}

/// The running children of process `ancestor`, their children, and so on.
///
/// # Errors
///
/// When the kernel's process table cannot be read.
pub fn descendants(ancestor: u32) -> Result<Vec<u32>> {
    let all = processes()?;
    let mut family = vec![ancestor];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(all.iter().filter(|process| process.parent == parent).map(|child| child.id));
        next += 1;
    }
    Ok(family.split_off(1))
}

/// Whether the process runs.
pub fn is_running(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat"))
        .is_ok_and(|stat| running_in_stat(id, &stat).is_some())
}

/// The resident memory of a running process, in KiB.
///
/// # Errors
///
/// When the process does not run.
pub fn resident_kib(id: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))
        .with_context(|| format!("process {id} does not run"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok())
        .with_context(|| format!("process {id} has no memory"))
}

/// Kills one process at once. A process that has ended already is not an error.
pub(crate) fn kill_one(id: u32) -> Result<()> {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    let Some(pid) = pid else { bail!("{id} is not a process id") };
    match kill_process(pid, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot kill process {id}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn the_process_table_is_read_past_a_hostile_program_name() {
        let listed = running_in_stat(12, "12 (a) b (c) S 7 13 12 0").unwrap();
        assert_eq!((listed.id, listed.parent, listed.group), (12, 7, 13));
        for not_running in ["12 (sh) Z 7 13 12", "12 (sh) S 7", "12 (sh) S", ""] {
            assert!(running_in_stat(12, not_running).is_none(), "{not_running}");
        }
    }

    #[test]
    fn dropping_a_process_ends_its_whole_group() {
        let scratch = Scratch::create().unwrap();
        let mut command = Command::new("sh");
        // The shell ignores SIGTERM's default for its child: only the group kill reaches that one.
        command.args(["-c", "(trap '' TERM; sleep 600) & wait"]);
        let process = Process::start("shell", &command, &scratch.path().join("log")).unwrap();
        let shell = process.id();
        assert!(is_running(shell));
        let child = wait_until("a child", GONE_LIMIT, &Cancel::default(), || {
            Ok(children_of(shell)?.first().copied())
        })
        .unwrap();
        drop(process);
        assert!(!is_running(shell) && !is_running(child));
    }

    #[test]
    fn programs_are_found_by_the_first_name_that_exists() {
        let shell = find_program(&["no-such-program", "sh"]).unwrap();
        assert_eq!(shell.file_name().unwrap(), "sh");
        assert_eq!(find_program(&["no-such-program"]), None);
    }
}
