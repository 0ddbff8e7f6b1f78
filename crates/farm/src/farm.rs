//! The farm itself: who is started in which order, and what can be asked of it.

use std::fs;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::config::{fpm_conf, nginx_conf, php_ini};
use crate::http::Browser;
use crate::port::{free_port, is_free};
use crate::prerequisites::{Need, Tool, require};
use crate::process::{Process, children_of, descendants, kill_one};
use crate::scratch::{Scratch, Secret};
use crate::store::{Store, StoreProgram, tail, with_log};
use crate::wait::{Cancel, wait_until};

/// The names of the two web servers.
pub const WEBS: [&str; 2] = ["web1", "web2"];
/// How long php-fpm or nginx may take until it answers.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// A free port may be taken by others between the look and the start; then another one is drawn.
const START_ATTEMPTS: u32 = 3;

/// Who keeps the sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// phpredis (`session.save_handler = redis`), in the farm's store.
    Phpredis,
    /// PHP's own files, in a directory of each web server's own, as two machines have. No store runs.
    Files,
}

/// phpredis's session locking.
#[derive(Clone, Copy, Debug)]
pub struct Locking {
    /// `lock_expire`: how many seconds a lock outlives a worker that died. 0 is phpredis's default.
    pub expire_s: u32,
    /// `lock_retries`: how often a lock is tried again; -1 for ever.
    pub retries: i32,
    /// `lock_wait_time`: microseconds between two tries.
    pub wait_us: u32,
}

/// What a farm is to be.
#[derive(Clone, Debug)]
pub struct FarmOptions {
    /// The server that keeps the sessions (unless the handler is [`Handler::Files`]).
    pub store: StoreProgram,
    /// Further lines of its redis.conf: directive and value.
    pub store_directives: Vec<(String, String)>,
    /// Who keeps the sessions.
    pub handler: Handler,
    /// phpredis's locking; off by default, as there.
    pub locking: Option<Locking>,
    /// PHP workers of each web server.
    pub workers: u32,
    /// Interrupts the start when it is set.
    pub cancel: Cancel,
}

impl FarmOptions {
    /// The tutorial's farm: phpredis with its defaults, four workers on each web server.
    pub fn new(store: StoreProgram) -> Self {
        Self {
            store,
            store_directives: Vec::new(),
            handler: Handler::Phpredis,
            locking: None,
            workers: 4,
            cancel: Cancel::default(),
        }
    }
}

/// A running farm. Dropping it ends every process and removes the directory.
///
/// It stays on the thread that started it (its programs are tied to that thread's life); the traffic of
/// other threads needs only [`Farm::browser`]s or the [`Farm::address`].
#[derive(Debug)]
pub struct Farm {
    // Fields are dropped in this order: the balancer first, the directory last.
    nginx: Process,
    webs: Vec<Process>,
    store: Option<Store>,
    address: SocketAddr,
    password: Secret,
    scratch: Scratch,
    tied_to_its_thread: PhantomData<*const ()>,
}

impl Farm {
    /// Starts a farm and waits until each part answers.
    ///
    /// # Errors
    ///
    /// When a program is missing, or does not start: the error says which and ends with its log.
    pub fn start(options: FarmOptions) -> Result<Self> {
        require(&[Need::Farm])?;
        let scratch = Scratch::create()?;
        let password = Secret::generate()?;
        scratch.file("password", &format!("{}\n", password.reveal()))?;
        scratch.directory("notes")?;
        let pages = scratch.directory("pages")?;
        scratch.file("pages/index.php", include_str!("../php/index.php"))?;
        scratch.file("pages/probe.php", include_str!("../php/probe.php"))?;
        let FarmOptions { store, store_directives, handler, locking, workers, cancel } = options;
        let store = match handler {
            Handler::Phpredis => {
                Some(Store::create(&scratch, &store, &store_directives, &password, &cancel)?)
            }
            Handler::Files => None,
        };
        let mut webs = Vec::new();
        for web in WEBS {
            let place = scratch.directory(web)?;
            let own_sessions = scratch.directory(&format!("{web}/sessions"))?;
            let kept = store.as_ref().map(|store| (store.port(), &password));
            let ini = php_ini(handler, kept, &own_sessions, locking);
            scratch.directory(&format!("{web}/conf.d"))?;
            scratch.file(&format!("{web}/conf.d/99-session.ini"), &ini)?;
            webs.push(start_web(&scratch, web, &place, workers, &password, &cancel)?);
        }
        let (nginx, address) = start_nginx(&scratch, &pages, &password, &cancel)?;
        Ok(Self { nginx, webs, store, address, password, scratch, tied_to_its_thread: PhantomData })
    }

    /// Where nginx listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a page.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A new browser, without cookies.
    pub fn browser(&self) -> Browser {
        Browser::new(self.address)
    }

    /// The store.
    ///
    /// # Panics
    ///
    /// In a farm whose handler is [`Handler::Files`]: there is none.
    pub fn store(&mut self) -> &mut Store {
        self.store.as_mut().expect("only a farm with the files handler has no store")
    }

    /// The port of the store, if there is one.
    pub fn store_port(&self) -> Option<u16> {
        self.store.as_ref().map(Store::port)
    }

    /// A file that holds the store's password and a newline, readable by its owner only.
    pub fn password_file(&self) -> PathBuf {
        self.scratch.path().join("password")
    }

    /// The store's password.
    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// The directory that holds all files of the farm.
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    /// The process ids of the PHP workers of both web servers.
    ///
    /// # Errors
    ///
    /// When the kernel's process table cannot be read.
    pub fn php_workers(&self) -> Result<Vec<u32>> {
        let mut workers = Vec::new();
        for web in &self.webs {
            workers.extend(children_of(web.id())?);
        }
        Ok(workers)
    }

    /// Kills one process of the farm at once (SIGKILL); one that has ended already is not an error.
    ///
    /// # Errors
    ///
    /// When it is not allowed.
    pub fn kill_process(&self, id: u32) -> Result<()> {
        kill_one(id)
    }

    /// The process id that `probe.php?stop=...&mark=<mark>` left, as soon as it is there.
    ///
    /// # Errors
    ///
    /// When it is not there in time.
    pub fn standing_worker(&self, mark: &str) -> Result<u32> {
        let note = self.scratch.path().join("notes").join(mark);
        let what = format!("the request `{mark}` to stand still");
        wait_until(&what, READY_LIMIT, &Cancel::default(), || {
            Ok(fs::read_to_string(&note).ok().and_then(|id| id.trim().parse().ok()))
        })
    }

    /// Every process of the farm.
    ///
    /// # Errors
    ///
    /// When the kernel's process table cannot be read.
    pub fn processes(&self) -> Result<Vec<u32>> {
        let store = self.store.as_ref().and_then(Store::process);
        let mut all = Vec::new();
        for process in self.webs.iter().chain([&self.nginx]).chain(store) {
            all.push(process.id());
            all.extend(descendants(process.id())?);
        }
        Ok(all)
    }

    /// Fails with the program's name and log if a part of the farm has ended by itself.
    ///
    /// # Errors
    ///
    /// As said, or when the operating system cannot be asked.
    pub fn check(&mut self) -> Result<()> {
        let store = self.store.as_mut().and_then(Store::process_mut);
        for process in self.webs.iter_mut().chain([&mut self.nginx]).chain(store) {
            if let Some(status) = process.ended()? {
                let log = tail(process.log(), &self.password);
                bail!("{} ended by itself ({status}); its log says:\n{log}", process.name());
            }
        }
        Ok(())
    }

    /// Runs `redis-cli` against the store, with the password in its environment.
    ///
    /// # Errors
    ///
    /// When it cannot be run; what it answers, failures too, is in the output.
    pub fn redis_cli(&self, arguments: &[&str]) -> Result<Output> {
        let program = Tool::RedisCli.find().context("redis-cli is not installed")?;
        let port = self.store_port().context("this farm has no store")?.to_string();
        Command::new(program)
            .args(["-h", "127.0.0.1", "-p", &port])
            .args(arguments)
            .env("REDISCLI_AUTH", self.password.reveal())
            .stdin(Stdio::null())
            .output()
            .context("cannot run redis-cli")
    }

    /// Runs PHP's command line with the configuration of web server `web`.
    ///
    /// # Errors
    ///
    /// When it cannot be run; what it answers, failures too, is in the output.
    pub fn php(&self, web: &str, arguments: &[&str]) -> Result<Output> {
        Command::new(Tool::PhpCli.find().context("php is not installed")?)
            .args(arguments)
            .env("PHP_INI_SCAN_DIR", scan_directories(&self.scratch.path().join(web)))
            .stdin(Stdio::null())
            .output()
            .context("cannot run php")
    }

    /// The ends of all logs, without the password.
    pub fn logs(&self) -> String {
        let names = ["store.log", "web1/error.log", "web2/error.log", "nginx/error.log"];
        let tails = names.map(|name| {
            format!("--- {name}\n{}\n", tail(&self.scratch.path().join(name), &self.password))
        });
        tails.concat()
    }
}

/// The distribution's own directories (an empty item means those), which load phpredis, then ours: the
/// last one wins, as lines at the end of php.ini do in the tutorial.
fn scan_directories(place: &Path) -> String {
    format!(":{}", place.join("conf.d").display())
}

fn start_web(
    scratch: &Scratch,
    web: &str,
    place: &Path,
    workers: u32,
    password: &Secret,
    cancel: &Cancel,
) -> Result<Process> {
    let notes = scratch.path().join("notes");
    let text = fpm_conf(web, place, &notes, workers, root_user());
    let conf = scratch.file(&format!("{web}/fpm.conf"), &text)?;
    let mut command = Command::new(Tool::PhpFpm.find().context("php-fpm is not installed")?);
    command.arg("--nodaemonize").arg("--fpm-config").arg(conf);
    if root_user().is_some() {
        command.arg("--allow-to-run-as-root");
    }
    command.env("PHP_INI_SCAN_DIR", scan_directories(place));
    let socket = place.join("fpm.sock");
    let mut process =
        Process::start(&format!("php-fpm {web}"), &command, &place.join("error.log"))?;
    ready(&mut process, password, cancel, || UnixStream::connect(&socket).is_ok())?;
    Ok(process)
}

fn start_nginx(
    scratch: &Scratch,
    pages: &Path,
    password: &Secret,
    cancel: &Cancel,
) -> Result<(Process, SocketAddr)> {
    let place = scratch.directory("nginx")?;
    let sockets = WEBS.map(|web| scratch.path().join(web).join("fpm.sock"));
    let program = Tool::Nginx.find().context("nginx is not installed")?;
    let mut attempt = 1;
    loop {
        let port = free_port()?;
        let text = nginx_conf(port, &place, pages, &sockets, root_user());
        let conf = scratch.file("nginx/nginx.conf", &text)?;
        let log = place.join("error.log");
        let mut command = Command::new(&program);
        command.arg("-p").arg(&place).arg("-e").arg(&log).arg("-c").arg(conf);
        let mut process = Process::start("nginx", &command, &log)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let alive = || Browser::new(address).get("/alive").is_ok_and(|answer| answer.status == 204);
        match ready(&mut process, password, cancel, alive) {
            Ok(()) => return Ok((process, address)),
            Err(error) if attempt == START_ATTEMPTS => return Err(error),
            Err(error) => {
                drop(process);
                if is_free(port) {
                    return Err(error);
                }
                attempt += 1;
            }
        }
    }
}

/// Waits until `answers`, unless the program ends first.
fn ready(
    process: &mut Process,
    password: &Secret,
    cancel: &Cancel,
    answers: impl Fn() -> bool,
) -> Result<()> {
    let name = process.name().to_owned();
    let log = process.log().to_path_buf();
    wait_until(&format!("{name} to answer"), READY_LIMIT, cancel, || {
        if let Some(status) = process.ended()? {
            bail!("{name} ended at its start: {status}");
        }
        Ok(answers().then_some(()))
    })
    .map_err(|error| with_log(&error, &log, password))
}

/// The user that php-fpm and nginx are told to run their workers as; they ask only when they are root.
fn root_user() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("root")
}
