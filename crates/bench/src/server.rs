//! Starts a server for measuring and stops it again.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::accounting::{self, CpuMeter};
use crate::client::{Answer, Client};
use crate::clock;
use crate::machine::Pinning;
use crate::options::Persistence;

/// A server that does not answer within this is broken.
const START_LIMIT: Duration = Duration::from_secs(20);
/// A background rewrite or snapshot of the sizes used here is long done by then.
const BACKGROUND_LIMIT: Duration = Duration::from_mins(2);
/// Lines of a failed server's output that are shown.
const LAST_WORDS_MAX: usize = 3;

/// Where a server listens.
#[derive(Debug, Clone)]
pub(crate) enum Endpoint {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A server program, one side of the comparison.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    /// What the tables call it.
    pub name: String,
    /// The first line of `--version`.
    pub version: String,
}

impl Program {
    /// Asks the program at `path` (or found in `PATH`) for its version.
    ///
    /// # Errors
    ///
    /// When it cannot be run.
    pub fn new(path: &Path) -> anyhow::Result<Self> {
        let output = Command::new(path)
            .arg("--version")
            .output()
            .with_context(|| format!("cannot run `{} --version`", path.display()))?;
        ensure!(output.status.success(), "`{} --version` failed", path.display());
        let said = String::from_utf8_lossy(&output.stdout);
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        // It runs in a directory of its own, where a relative path would lead elsewhere. Links stay:
        // Debian's redis-server is one, and goes by the name it is called by.
        let in_place = path.components().count() > 1;
        let absolute = in_place.then(|| std::path::absolute(path)).transpose()?;
        Ok(Self {
            path: absolute.unwrap_or_else(|| path.to_path_buf()),
            name: name.with_context(|| format!("{} is no program", path.display()))?,
            version: said.lines().next().unwrap_or("unknown version").trim().to_owned(),
        })
    }

    /// Guarda takes redis-server's options after its subcommand `serve`.
    fn is_guarda(&self) -> bool {
        self.name == "guarda"
    }

    /// The command line as it is shown, with the changing parts named.
    pub(crate) fn command_line(&self, persistence: Persistence) -> String {
        let here = Listening { port: "PORT".to_owned(), dir: PathBuf::from("DIR"), password: None };
        let words = self.arguments(&here, persistence);
        let quoted = words.iter().map(|word| if word.is_empty() { "\"\"" } else { word });
        format!("{} {}", self.name, quoted.collect::<Vec<_>>().join(" "))
    }

    fn arguments(&self, here: &Listening, persistence: Persistence) -> Vec<String> {
        let socket = here.dir.join("server.sock").display().to_string();
        let dir = here.dir.display().to_string();
        let (append, fsync) = match persistence {
            Persistence::Off => ("no", "everysec"),
            Persistence::Everysec => ("yes", "everysec"),
            Persistence::Always => ("yes", "always"),
        };
        let options = [
            ("port", here.port.as_str()),
            ("bind", "127.0.0.1"),
            ("unixsocket", &socket),
            ("dir", &dir),
            ("save", ""),
            ("appendonly", append),
            ("appendfsync", fsync),
            // A rewrite that falls into one phase and not into its pair would be most of what is
            // seen: it costs about as much as a phase. Neither side rewrites while measured.
            ("auto-aof-rewrite-percentage", "0"),
        ];
        let mut words: Vec<String> =
            self.is_guarda().then(|| "serve".to_owned()).into_iter().collect();
        let password = here.password.as_deref().map(|password| ("requirepass", password));
        for (name, value) in options.into_iter().chain(password) {
            words.extend([format!("--{name}"), value.to_owned()]);
        }
        words
    }
}

/// Where one started server listens.
struct Listening {
    port: String,
    dir: PathBuf,
    password: Option<String>,
}

/// A directory of its own that disappears with the value.
#[derive(Debug)]
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// Makes one under `base`.
    pub(crate) fn new(base: &Path) -> anyhow::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = base.join(format!("guarda-bench-{}-{number}", std::process::id()));
        fs::create_dir_all(base)
            .and_then(|()| fs::create_dir(&dir))
            .with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A running server; stopped and its files removed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    tcp: Endpoint,
    unix: Endpoint,
    dir: Scratch, // Dropped after `drop` has stopped the child.
}

impl Server {
    /// Starts `program` in a new directory under `scratch` and waits until it answers.
    pub(crate) fn start(
        program: &Program,
        persistence: Persistence,
        pinning: Pinning,
        scratch: &Path,
        password: Option<&str>,
    ) -> anyhow::Result<Self> {
        let dir = Scratch::new(scratch)?;
        let port = free_port()?;
        let here = Listening {
            port: port.to_string(),
            dir: dir.0.clone(),
            password: password.map(str::to_owned),
        };
        let log = File::create(dir.0.join("output.log"))?;
        let mut command = Command::new(&program.path);
        command.args(program.arguments(&here, persistence)).current_dir(&dir.0);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = pinning
            .on_server_cpu(|| command.spawn())
            .with_context(|| format!("cannot start {}", program.path.display()))?;
        let mut server = Self {
            child,
            tcp: Endpoint::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            unix: Endpoint::Unix(dir.0.join("server.sock")),
            dir,
        };
        server.wait_until_it_answers(password)?;
        Ok(server)
    }

    fn wait_until_it_answers(&mut self, password: Option<&str>) -> anyhow::Result<()> {
        let endpoints = [self.tcp.clone(), self.unix.clone()];
        let answered = clock::poll_until(Duration::from_millis(5), START_LIMIT, || {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended at once ({status}): {}", self.last_words());
            }
            let ready = endpoints.iter().all(|endpoint| answers(endpoint, password));
            Ok(ready.then_some(()))
        })?;
        answered.with_context(|| format!("the server does not answer: {}", self.last_words()))
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.dir.0.join("output.log")).unwrap_or_default();
        let mut lines: Vec<&str> =
            log.lines().rev().filter(|line| !line.trim().is_empty()).take(LAST_WORDS_MAX).collect();
        lines.reverse();
        if lines.is_empty() { "no output".to_owned() } else { lines.join(" | ") }
    }

    /// The TCP address.
    pub(crate) fn tcp(&self) -> &Endpoint {
        &self.tcp
    }

    /// The Unix socket.
    pub(crate) fn unix(&self) -> &Endpoint {
        &self.unix
    }

    /// Its processor time.
    pub(crate) fn cpu(&self) -> CpuMeter {
        CpuMeter::new(self.child.id())
    }

    /// Its resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        accounting::resident_bytes(self.child.id())
    }

    /// Waits until no rewrite or snapshot is running in the background, so that work of the filling
    /// does not fall into the measuring.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        const RUNNING: [&str; 4] = [
            "aof_rewrite_in_progress:1",
            "aof_rewrite_scheduled:1",
            "rdb_bgsave_in_progress:1",
            "loading:1",
        ];
        let mut client = Client::connect(&self.tcp)?;
        let settled = clock::poll_until(Duration::from_millis(50), BACKGROUND_LIMIT, || {
            let info = client.text(&[b"INFO", b"persistence"])?;
            Ok((!info.lines().any(|line| RUNNING.contains(&line.trim()))).then_some(()))
        })?;
        settled.context("the server's background work does not end")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed, not asked: nothing in the scratch directory is wanted any more.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn answers(endpoint: &Endpoint, password: Option<&str>) -> bool {
    let Ok(mut client) = Client::connect(endpoint) else { return false };
    if let Some(password) = password
        && client.call(&[b"AUTH", password.as_bytes()]).is_err()
    {
        return false;
    }
    client.call(&[b"PING"]).is_ok_and(|answer| answer == Answer::Text(b"PONG".to_vec()))
}

/// A port that was free a moment ago. Another process may take it first; the start then fails.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str) -> Program {
        Program { path: name.into(), name: name.to_owned(), version: String::new() }
    }

    #[test]
    fn both_sides_get_the_same_options() {
        let ours = program("guarda").command_line(Persistence::Always);
        let theirs = program("redis-server").command_line(Persistence::Always);
        assert_eq!(
            ours.strip_prefix("guarda serve").unwrap(),
            theirs.strip_prefix("redis-server").unwrap()
        );
        assert!(ours.contains("--save \"\" --appendonly yes --appendfsync always"), "{ours}");
    }

    #[test]
    fn a_program_that_is_no_server_is_reported_with_its_words() {
        let program = Program::new(Path::new("cat")).unwrap();
        let error =
            Server::start(&program, Persistence::Off, Pinning::Free, &std::env::temp_dir(), None)
                .unwrap_err();
        assert!(error.to_string().contains("unrecognized option"), "{error:#}");
    }
}
