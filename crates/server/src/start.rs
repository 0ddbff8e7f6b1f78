//! `guarda serve`, from the command line to the first client.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use guarda_commands::{
    Observations, RenameError, Renames, ShutdownMode, Users, Worker, unbind_native_locks,
};
use guarda_config::{Arguments, Config, ConfigError, ConfigFile, Exposure, IoThreads};
use guarda_journal::aof::{AofLayout, LoadError, LoadOptions, load, load_dump, open_manifest};
use guarda_journal::log::Journal;
use guarda_journal::snapshot::remove_stale_dumps;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::clock::Clock;
use crate::data_dir::DataDir;
use crate::disk_times::{DiskTimes, TimedStorage};
use crate::errands::ConfigErrands;
use crate::io::{IoThread, Listener, Message};
use crate::listening::{Doors, listen};
use crate::loading::Loader;
use crate::memory::Allocator;
use crate::persistence::Persistence;
use crate::rewriting::ConfigSource;
use crate::scripts::ScriptQueue;
use crate::state::{Parts, Server};
use crate::supervision::{Background, Supervisor};
use crate::tls::{self, TlsError};
use crate::{
    access, configure, crash, cron, eviction, logging, memory, reclaim, shutdown, snapshots,
    supervision,
};

/// Most I/O threads that are started without being asked for.
const THREADS_AUTOMATIC_MAX: usize = 8;

/// What the binary gives the server beside the command line.
pub struct Program {
    /// Arguments after `serve`.
    pub args: Vec<OsString>,
    /// What to ask the allocator, which the binary chose.
    pub allocator: Allocator,
}

/// Why the server did not start. The texts say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration is not understood.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Strangers could reach the server without a password.
    #[error("{0}")]
    Exposed(String),
    /// TLS cannot be served as configured.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The users cannot be taken over.
    #[error(transparent)]
    Users(#[from] access::UsersError),
    /// A command cannot be renamed as asked.
    #[error(transparent)]
    Rename(#[from] RenameError),
    /// The log file cannot be written.
    #[error("logfile {}: {source}", .path.display())]
    LogFile {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The data directory cannot be used.
    #[error("dir {}: {source}; it must exist and be writable", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// Another server works in the data directory.
    #[error("dir {}: another server uses it; stop that one, or set another `dir`", .path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The data cannot be loaded.
    #[error("the data could not be loaded, and nothing was changed: {0}")]
    Load(#[from] LoadError),
    /// A new log cannot be begun.
    #[error("the append log could not be begun: {0}")]
    Log(String),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address or path.
        address: String,
        /// The operating system's error.
        source: io::Error,
    },
    /// There is nothing to listen on.
    #[error("there is no address to listen on: set `bind` and `port`, or `unixsocket`")]
    NoAddress,
    /// `daemonize yes`, and the process in the background ended at once.
    #[error("{0}")]
    Background(String),
    /// Something of the operating system's failed.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The operating system's error.
        source: io::Error,
    },
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::System { what, source }
}

/// Runs the server until it is told to stop.
///
/// # Errors
/// Why it did not start. Once it serves, it ends by SHUTDOWN or a signal and does not return.
pub fn run(program: Program) -> Result<(), StartError> {
    memory::set_allocator(program.allocator);
    // The caller tells whoever started it; this is for those who read the log.
    begin(program).inspect_err(|error| tracing::error!("{error}"))
}

fn begin(program: Program) -> Result<(), StartError> {
    let arguments = Arguments::parse(program.args);
    let stdin = match arguments.file {
        Some(ConfigFile::StandardInput) => read_stdin().map_err(system("standard input"))?,
        _ => Vec::new(),
    };
    let loaded = guarda_config::load(&arguments, &stdin[..])?;
    let mut config = loaded.config;
    let current = std::env::current_dir().map_err(system("current directory"))?;
    config.make_dir_absolute(&current);
    let users = access::users_of(&config)?;
    let renames = Renames::new(&config.renamed_commands)?;
    let exposed = match config.exposure(!users.default_user().is_open()) {
        Exposure::Ok => Vec::new(),
        Exposure::RefuseToStart(why) => return Err(StartError::Exposed(why)),
        Exposure::WarnExposed(addresses) => addresses,
    };
    // As in Redis: who is supervised stays in the foreground.
    let supervisor = Supervisor::found(config.supervised);
    if config.daemonize && supervisor == Supervisor::None {
        match supervision::detach(&stdin).map_err(system("daemonize"))? {
            Background::Serve => {}
            Background::Started => return Ok(()),
            Background::Failed(why) => return Err(StartError::Background(why)),
        }
    }
    let file = match &arguments.file {
        Some(ConfigFile::Path(path)) => Some(std::path::absolute(path).map_err(system("path"))?),
        _ => None,
    };
    let config_source = ConfigSource { file, started_in: current };
    // As in Redis, relative paths of other directives are seen from `dir`.
    std::env::set_current_dir(&config.dir)
        .map_err(|source| StartError::Directory { path: config.dir.clone(), source })?;
    logging::start(config.loglevel, config.logfile.as_deref()).map_err(|source| {
        StartError::LogFile { path: config.logfile.clone().unwrap_or_default(), source }
    })?;
    // This line and `Ready to accept connections` are what scripts look for in Redis's log.
    tracing::info!("Guarda {} is starting, PID: {}", env!("CARGO_PKG_VERSION"), std::process::id());
    crash::end_on_panic();
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    configure::warn_exposed(&exposed);
    config = fit_descriptors(config);
    let data = DataDir::open(&config.dir)?;
    let tls = (config.tls.port != 0).then(|| tls::server_config(&config.tls)).transpose()?;
    // Listen before loading, so that a taken port is known at once.
    let (listeners, doors) = listen(&config)?;
    memory::note_startup();
    let server = build(config, Ready { users, renames, data, doors, config_source })?;
    *server.tls.write() = tls;
    serve(&server, listeners)
}

/// The configuration on standard input, one byte beyond its limit at most.
fn read_stdin() -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    io::stdin().take(guarda_config::FILE_LEN_MAX + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Descriptors beyond the clients' own: files, listeners, events.
const DESCRIPTORS_SPARE: u64 = 64;

/// Raises the limit of open descriptors to what `maxclients` needs. Where it may not be raised so
/// far, `maxclients` is lowered, as Redis does: a client too many is told so, while a server without
/// descriptors could not even write its snapshot.
fn fit_descriptors(config: Config) -> Config {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = u64::from(config.maxclients) + DESCRIPTORS_SPARE;
    let limit = getrlimit(Resource::Nofile);
    let Some(mut current) = limit.current.filter(|current| *current < wanted) else {
        return config;
    };
    let possible = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if setrlimit(Resource::Nofile, Rlimit { current: Some(possible), ..limit }).is_ok() {
        current = possible;
    }
    if current >= wanted {
        return config;
    }
    let fitting = current.saturating_sub(DESCRIPTORS_SPARE).max(1);
    tracing::warn!(
        "`maxclients` is {fitting} instead of {}: only {current} descriptors may be open; raise \
         `ulimit -n`",
        config.maxclients
    );
    let value = fitting.to_string();
    match config.propose(&[(b"maxclients", value.as_bytes())], false) {
        Ok(proposal) => proposal.config,
        Err(_) => config,
    }
}

// Data -----------------------------------------------------------------------------------------

/// What was made ready before the data is loaded.
struct Ready {
    users: Arc<Users>,
    renames: Renames,
    data: DataDir,
    doors: Doors,
    config_source: ConfigSource,
}

/// Loads the data and builds the server around it.
fn build(config: Config, ready: Ready) -> Result<Arc<Server>, StartError> {
    let observations = Arc::new(Observations::default());
    let disk_times = DiskTimes::new(Arc::clone(&observations));
    let storage = TimedStorage::around(ready.data.storage(), Arc::clone(&disk_times));
    let clock = Clock::start();
    let policy = configure::sync_policy(&config);
    let layout =
        AofLayout { dir: config.appenddirname.clone(), name: config.appendfilename.clone() };
    let manifest = if config.appendonly { open_manifest(&storage, &layout)? } else { None };
    let wants_log = config.appendonly;
    let options = LoadOptions {
        cut_torn_end: config.aof_load_truncated,
        verify_checksum: config.rdbchecksum,
    };
    let dump_name = config.dbfilename.clone();

    let server = Server::new(Parts {
        config,
        users: ready.users,
        renames: ready.renames,
        data: ready.data,
        doors: ready.doors,
        scripting: guarda_script::engine(),
        observations,
        disk_times,
        persistence: Persistence::new(Arc::clone(&storage), clock.now().seconds()),
        run_id: random_hex().map_err(system("random numbers"))?,
        executable: std::env::current_exe()
            .map(|path| path.display().to_string())
            .unwrap_or_default(),
        config_source: ready.config_source,
    });
    if let Err(error) = server.oom_score.apply(&server.config.lock()) {
        // Redis starts too.
        tracing::warn!(%error, "the kernel refuses what `oom-score-adj` asks for");
    }
    let began = server.clock.monotonic();
    server.persistence.set_loading(true);
    let report = {
        let mut locked = server.keyspace.lock_all(Duration::MAX).expect("nobody else is there yet");
        let mut loader = Loader::new(&server, &mut locked);
        if let Some(manifest) = &manifest {
            Some(load(&storage, &layout, manifest, options, &mut loader)?)
        } else {
            loader.drop_due_at = Some(server.clock.now());
            load_dump(&*storage, &dump_name, options, &mut loader)?
        }
    };
    let now = server.clock.now();
    server.keyspace.for_each_shard(|shard| shard.settle_access_times(now));
    server.persistence.set_loading(false);
    // Only now: a start that is refused leaves everything as it was.
    if let Ok(n @ 1..) = remove_stale_dumps(&*storage) {
        tracing::info!("{n} unfinished snapshots of earlier runs were removed");
    }
    if let Some(report) = &report {
        if let Some(cut) = &report.cut {
            tracing::warn!(
                "{}: the last write was torn; {} bytes were cut, {} kept",
                cut.file,
                cut.removed,
                cut.kept
            );
        }
        tracing::info!(
            "loaded {} keys and {} commands in {:.3} s",
            report.entries,
            report.commands,
            server.clock.since(began).as_secs_f64()
        );
    }
    server.dirty.store(0, std::sync::atomic::Ordering::Relaxed);
    let journal = match manifest {
        Some(manifest) => Journal::resume(storage, layout, manifest, policy)
            .map_err(|error| StartError::Log(error.to_string()))?,
        None => Journal::off(storage, layout, policy),
    };
    // A log whose sync failed before the restart can only be trusted after a new base.
    let begins_log = wants_log && (!journal.is_enabled() || journal.needs_rewrite());
    server.persistence.set_journal(journal);
    let databases = server.keyspace.databases();
    let (mut worker, now) = (Worker::default(), server.clock.now());
    unbind_native_locks(&*server, &mut worker, now, databases);
    server.collect(&mut worker);
    if begins_log {
        snapshots::rewrite_now(&server).map_err(StartError::Log)?;
    }
    if !wants_log {
        tracing::warn!("`appendonly no`: a crash loses every change since the last snapshot");
    }
    Ok(server)
}

/// Forty random digits.
pub(crate) fn random_hex() -> io::Result<String> {
    let mut bytes = [0u8; 20];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

// Serving --------------------------------------------------------------------------------------

fn thread_count(config: &Config) -> usize {
    match config.io_threads {
        IoThreads::Fixed(n) => n.get() as usize,
        IoThreads::Automatic => {
            thread::available_parallelism().map_or(1, usize::from).min(THREADS_AUTOMATIC_MAX)
        }
    }
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
    start(thread::Builder::new().name(name), work)
}

fn start(thread: thread::Builder, work: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
    thread.spawn(work).map(drop).map_err(system("starting a thread"))
}

/// Starts all threads; the calling one waits for signals.
fn serve(server: &Arc<Server>, listeners: Vec<Listener>) -> Result<(), StartError> {
    let (threads, supervisor, pidfile, unixsocket, port) = {
        let config = server.config.lock();
        let files = (config.pidfile.clone(), config.unixsocket.clone());
        let supervisor = Supervisor::found(config.supervised);
        (thread_count(&config), supervisor, files.0, files.1, config.port)
    };
    crash::note_server(server);
    // All before the first client, which may end the server at once.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(system("signals"))?;
    // Absolute: CONFIG SET may change the working directory.
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    server.files_to_remove.lock().extend(unixsocket.map(absolute));
    if let Some(path) = pidfile.map(absolute) {
        match supervision::write_pid(&path) {
            Ok(()) => server.files_to_remove.lock().push(path),
            Err(error) => tracing::warn!(%error, "pidfile {} was not written", path.display()),
        }
    }
    let mut prepared = Vec::new();
    for _ in 0..threads {
        prepared.push(IoThread::prepare().map_err(system("epoll"))?);
    }
    server.set_mailboxes(prepared.iter().map(|(_, mailbox)| Arc::clone(mailbox)).collect());
    let mut listeners = Some(listeners);
    for (index, (poll, mailbox)) in prepared.into_iter().enumerate() {
        let own = listeners.take().unwrap_or_default();
        let io = IoThread::new(index, Arc::clone(server), poll, mailbox, own);
        spawn(format!("io-{index}"), move || {
            if let Err(error) = io.run() {
                tracing::error!(%error, "an I/O thread failed; the server ends");
                std::process::exit(1);
            }
        })?;
    }
    let for_scripts = Arc::clone(server);
    let for_lua = thread::Builder::new().name("script".to_owned());
    let for_lua = for_lua.stack_size(guarda_script::STACK_LEN_MIN);
    start(for_lua, move || ScriptQueue::serve(&for_scripts))?;
    let for_freeing = Arc::clone(server);
    spawn("reclaim".to_owned(), move || reclaim::run(&for_freeing))?;
    let for_config = Arc::clone(server);
    spawn("config".to_owned(), move || ConfigErrands::serve(&for_config))?;
    let for_cron = Arc::clone(server);
    spawn("cron".to_owned(), move || cron::run(&for_cron))?;
    let for_eviction = Arc::clone(server);
    spawn("eviction".to_owned(), move || eviction::run(&for_eviction))?;
    let for_sync = Arc::clone(server);
    spawn("sync".to_owned(), move || {
        loop {
            thread::sleep(Duration::from_secs(1));
            for_sync.persistence.sync_tick();
            for_sync.log_waits.serve(&for_sync);
            memory::note_thread();
        }
    })?;

    if let Some(period) = supervisor.watchdog_period() {
        let for_watchdog = Arc::clone(server);
        spawn("watchdog".to_owned(), move || watchdog(&for_watchdog, period))?;
    }
    supervisor.tell_ready();
    if let Err(error) = supervision::tell_foreground() {
        tracing::warn!(%error, "whoever started the server could not be told");
    }
    tracing::info!(threads, port, "Ready to accept connections");
    memory::note_thread();
    wait_for_signals(server, signals);
    Ok(())
}

/// SIGTERM and SIGINT end the server in good order; a second one while that fails is tried again.
/// SIGHUP is ignored, as Redis does: a terminal that closes does not end the server.
fn wait_for_signals(server: &Server, mut signals: Signals) {
    for signal in signals.forever().filter(|signal| *signal != SIGHUP) {
        tracing::info!(signal, "told to end");
        let how = {
            let config = server.config.lock();
            if signal == SIGINT { config.shutdown_on_sigint } else { config.shutdown_on_sigterm }
        };
        let mode = ShutdownMode { save: how.save, now: how.now, force: how.force };
        // An error was logged; the server goes on serving, as Redis does.
        let _ = shutdown::shutdown(server, mode);
    }
}

/// Tells systemd (`WatchdogSec=`) that the server serves, once an I/O thread has shown that it does.
fn watchdog(server: &Server, period: Duration) {
    let answered = Arc::new(AtomicBool::new(true));
    loop {
        // A save at the end may keep all of them waiting for long.
        let ends = server.is_stopping.load(Ordering::Relaxed);
        if answered.swap(false, Ordering::Relaxed) || ends {
            let _ = supervision::notify("WATCHDOG=1\n");
        }
        for thread in 0..server.thread_count() {
            server.mailbox(thread).send(Message::Beat(Arc::clone(&answered)));
        }
        thread::sleep(period);
    }
}
