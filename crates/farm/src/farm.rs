//! The farm itself: who is started in which order, and what can be asked of it.

use std::fs;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::config::nginx_conf;
use crate::fastcgi::FastCgi;
use crate::http::Browser;
use crate::port::{free_port, is_free};
use crate::prerequisites::{Need, Tool, require};
use crate::process::{Process, children_of, descendants, kill_one};
use crate::relay::Relay;
use crate::scratch::{Scratch, Secret};
use crate::site::{Handler, Site};
use crate::store::{Store, StoreProgram, tail, with_log};
use crate::wait::{Cancel, wait_until};
use crate::web::{Shared, Web, scan_directories};

/// The names of the two web servers.
pub const WEBS: [&str; 2] = ["web1", "web2"];
/// How long php-fpm or nginx may take until it answers.
pub(crate) const READY_LIMIT: Duration = Duration::from_secs(30);
/// A free port may be taken by others between the look and the start; then another one is drawn.
const START_ATTEMPTS: u32 = 3;

/// The applications of the demo and of the tests.
const PAGES: [(&str, &str); 5] = [
    ("index.php", include_str!("../php/index.php")),
    ("probe.php", include_str!("../php/probe.php")),
    ("symfony.php", include_str!("../php/symfony.php")),
    ("classes.php", include_str!("../php/classes.php")),
    ("soak.php", include_str!("../php/soak.php")),
];

/// What a farm is to be.
#[derive(Clone, Debug)]
pub struct FarmOptions {
    /// The server that keeps the sessions (unless a site's handler is [`Handler::Files`]).
    pub store: StoreProgram,
    /// Further lines of its redis.conf: directive and value.
    pub store_directives: Vec<(String, String)>,
    /// The web servers' session settings; one or two of them.
    pub sites: Vec<Site>,
    /// guarda.so; needed where a site's handler is its own.
    pub extension: Option<PathBuf>,
    /// PHP workers of each web server.
    pub workers: u32,
    /// Whether PHP reaches the store through a [`Relay`] that counts round trips.
    pub counted: bool,
    /// Interrupts the start when it is set.
    pub cancel: Cancel,
}

impl FarmOptions {
    /// The tutorial's farm: two web servers, phpredis with its defaults, four workers on each.
    pub fn new(store: StoreProgram) -> Self {
        Self {
            store,
            store_directives: Vec::new(),
            sites: vec![Site::new(Handler::Phpredis); WEBS.len()],
            extension: None,
            workers: 4,
            counted: false,
            cancel: Cancel::default(),
        }
    }

    /// The same with both web servers as `site` says.
    #[must_use]
    pub fn both(self, site: &Site) -> Self {
        Self { sites: vec![site.clone(); WEBS.len()], ..self }
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
    webs: Vec<Web>,
    relay: Option<Relay>,
    store: Store,
    address: SocketAddr,
    shared: Shared,
    cancel: Cancel,
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
        let FarmOptions { store, store_directives, sites, extension, workers, counted, cancel } =
            options;
        ensure!((1..=WEBS.len()).contains(&sites.len()), "a farm has one or two web servers");
        let scratch = Scratch::create()?;
        let password = Secret::generate()?;
        scratch.file("password", &format!("{}\n", password.reveal()))?;
        scratch.directory("notes")?;
        let pages = scratch.directory("pages")?;
        for (name, text) in PAGES {
            scratch.file(&format!("pages/{name}"), text)?;
        }
        let store = Store::create(&scratch, &store, &store_directives, &password, &cancel)?;
        let relay = if counted { Some(Relay::start(store.address())?) } else { None };
        let port = relay.as_ref().map_or(store.port(), |relay| relay.address().port());
        let shared = Shared { port, password, extension, workers };
        let mut webs = Vec::new();
        for (web, site) in WEBS.iter().zip(&sites) {
            webs.push(Web::start(web, &scratch, site, &shared, &cancel)?);
        }
        let (nginx, address) = start_nginx(&scratch, &pages, &webs, &shared.password, &cancel)?;
        let tied_to_its_thread = PhantomData;
        Ok(Self { nginx, webs, relay, store, address, shared, cancel, scratch, tied_to_its_thread })
    }

    /// Gives the web server `web` other session settings and reloads its PHP gracefully: requests
    /// under way are finished with the old settings, later ones begin with the new.
    ///
    /// # Errors
    ///
    /// When there is no such web server, or its workers are not new within half a minute.
    pub fn reconfigure(&mut self, web: &str, site: &Site) -> Result<()> {
        let server = self.webs.iter_mut().find(|server| server.name() == web);
        let server = server.with_context(|| format!("this farm has no `{web}`"))?;
        server.configure(&self.scratch, site, &self.shared)?;
        server.reload(&self.shared, &self.cancel)
    }

    /// Where the files handler of the web server `web` keeps its sessions.
    pub fn session_files(&self, web: &str) -> PathBuf {
        self.scratch.path().join(web).join("sessions")
    }

    /// What PHP reaches the store through, in a farm that is [`FarmOptions::counted`].
    pub fn relay(&self) -> Option<&Relay> {
        self.relay.as_ref()
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
    pub fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// The port of the store.
    pub fn store_port(&self) -> u16 {
        self.store.port()
    }

    /// A file that holds the store's password and a newline, readable by its owner only.
    pub fn password_file(&self) -> PathBuf {
        self.scratch.path().join("password")
    }

    /// The store's password.
    pub fn password(&self) -> &Secret {
        &self.shared.password
    }

    /// The directory that holds all files of the farm.
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    /// A connection to one worker of web server `web`, past nginx.
    ///
    /// # Errors
    ///
    /// When there is no such web server, or it does not listen.
    pub fn fastcgi(&self, web: &str) -> Result<FastCgi> {
        let web = self.webs.iter().find(|known| known.name() == web).context("no such web")?;
        FastCgi::connect(&web.socket())
    }

    /// Where the file of a page is.
    pub fn page(&self, name: &str) -> PathBuf {
        self.scratch.path().join("pages").join(name)
    }

    /// The process ids of the PHP workers of both web servers.
    ///
    /// # Errors
    ///
    /// When the kernel's process table cannot be read.
    pub fn php_workers(&self) -> Result<Vec<u32>> {
        let mut workers = Vec::new();
        for web in &self.webs {
            workers.extend(children_of(web.process().id())?);
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

    /// The process id that `probe.php?stop=<stage>&mark=<mark>` left, as soon as it is there.
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

    /// Lets a request go on that stands at `probe.php?stop=gated&mark=<mark>`.
    ///
    /// # Errors
    ///
    /// When the file that tells it so cannot be written.
    pub fn let_go(&self, mark: &str) -> Result<()> {
        self.scratch.file(&format!("notes/{mark}.go"), "").map(drop)
    }

    /// Every process of the farm.
    ///
    /// # Errors
    ///
    /// When the kernel's process table cannot be read.
    pub fn processes(&self) -> Result<Vec<u32>> {
        let webs = self.webs.iter().map(Web::process);
        let mut all = Vec::new();
        for process in webs.chain([&self.nginx]).chain(self.store.process()) {
            all.push(process.id());
            all.extend(descendants(process.id())?);
        }
        Ok(all)
    }

    /// Fails with the program's name and all logs if a part of the farm has ended by itself.
    ///
    /// # Errors
    ///
    /// As said, or when the operating system cannot be asked.
    pub fn check(&mut self) -> Result<()> {
        let ended = self.ended_by_themselves()?;
        ensure!(ended.is_empty(), "{}\n{}", ended.join("\n"), self.logs());
        Ok(())
    }

    /// A line for each part that has ended without being told to.
    fn ended_by_themselves(&mut self) -> Result<Vec<String>> {
        let webs = self.webs.iter_mut().map(Web::process_mut);
        let mut ended = Vec::new();
        // The store comes first: the others complain of its end.
        for process in self.store.process_mut().into_iter().chain(webs).chain([&mut self.nginx]) {
            if let Some(status) = process.ended()? {
                ended.push(format!("{} ended by itself ({status})", process.name()));
            }
        }
        Ok(ended)
    }

    /// Runs `redis-cli` against the store, with the password in its environment.
    ///
    /// # Errors
    ///
    /// When it cannot be run; what it answers, failures too, is in the output.
    pub fn redis_cli(&self, arguments: &[&str]) -> Result<Output> {
        let program = Tool::RedisCli.find().context("redis-cli is not installed")?;
        let port = self.store_port().to_string();
        Command::new(program)
            .args(["-h", "127.0.0.1", "-p", &port])
            .args(arguments)
            .env("REDISCLI_AUTH", self.shared.password.reveal())
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
        let mut php = self.php_command(web)?;
        php.args(arguments).stdin(Stdio::null()).output().context("cannot run php")
    }

    /// PHP's command line with the configuration of web server `web`, to be given arguments and run.
    ///
    /// # Errors
    ///
    /// When it is not installed.
    pub fn php_command(&self, web: &str) -> Result<Command> {
        let mut php = Command::new(Tool::PhpCli.find().context("php is not installed")?);
        php.env("PHP_INI_SCAN_DIR", scan_directories(&self.scratch.path().join(web)));
        Ok(php)
    }

    /// The ends of all logs, without the password.
    pub fn logs(&self) -> String {
        let names = ["store.log", "web1/error.log", "web2/error.log", "nginx/error.log"];
        let tails = names.map(|name| {
            format!(
                "--- {name}\n{}\n",
                tail(&self.scratch.path().join(name), &self.shared.password)
            )
        });
        tails.concat()
    }
}

impl Drop for Farm {
    /// A test that fails shows the logs, which go with the directory, and who died.
    #[allow(clippy::print_stderr, reason = "a failing test shows it")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let unknown = |error: anyhow::Error| vec![format!("{error:#}")];
            let ended = self.ended_by_themselves().unwrap_or_else(unknown);
            eprintln!("{}\n{}", ended.join("\n"), self.logs());
        }
    }
}

fn start_nginx(
    scratch: &Scratch,
    pages: &Path,
    webs: &[Web],
    password: &Secret,
    cancel: &Cancel,
) -> Result<(Process, SocketAddr)> {
    let place = scratch.directory("nginx")?;
    let sockets: Vec<PathBuf> = webs.iter().map(Web::socket).collect();
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
pub(crate) fn ready(
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
pub(crate) fn root_user() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("root")
}
