//! The server's shared state.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use guarda_commands::{
    AuthState, Call, Client, ClientCard, Effects, Observations, Pause, PubSub, Renames, Scripting,
    Settings, Users, Worker,
};
use guarda_config::AllowedFor;
use guarda_resp::Limits;
use guarda_store::{Keyspace, Remains};
use parking_lot::{Mutex, RwLock};

use crate::client_memory::LeavingClients;
use crate::clients::Clients;
use crate::clock::Clock;
use crate::data_dir::DataDir;
use crate::diagnostics::Tampering;
use crate::disk_times::DiskTimes;
use crate::errands::ConfigErrands;
use crate::eviction::Eviction;
use crate::io::{CarriedOut, Errand, Mailbox, Message, OutputLimits};
use crate::listening::Doors;
use crate::log_waits::LogWaits;
use crate::logins::Logins;
use crate::memory::Memory;
use crate::oom_score::OomScore;
use crate::persistence::Persistence;
use crate::reclaim::{AT_ONCE_MAX, Reclaimer, Told};
use crate::rewriting::ConfigSource;
use crate::scripts::ScriptQueue;
use crate::stats::{Rates, Stats};

/// What all threads share.
pub(crate) struct Server {
    pub(crate) clock: Clock,
    pub(crate) keyspace: Keyspace,
    pub(crate) settings: Settings,
    pub(crate) limits: RuntimeLimits,
    pub(crate) stats: Stats,
    pub(crate) rates: Rates,
    pub(crate) disk_times: Arc<DiskTimes>,
    pub(crate) observations: Arc<Observations>,
    pub(crate) clients: Clients,
    /// Bytes that all connections take, as their threads know it.
    pub(crate) clients_memory: AtomicUsize,
    pub(crate) leaving_clients: LeavingClients,
    pub(crate) memory: Memory,
    pub(crate) eviction: Eviction,
    pub(crate) persistence: Persistence,
    pub(crate) scripting: Box<dyn Scripting + Send>,
    pub(crate) scripts: ScriptQueue,
    pub(crate) reclaimer: Reclaimer,
    pub(crate) config: Mutex<guarda_config::Config>,
    /// Held while CONFIG SET changes it.
    pub(crate) config_changes: Mutex<()>,
    pub(crate) config_errands: ConfigErrands,
    pub(crate) users: Arc<Users>,
    pub(crate) pubsub: PubSub,
    pub(crate) pause: Pause,
    pub(crate) log_waits: LogWaits,
    pub(crate) renames: Renames,
    pub(crate) logins: Logins,
    /// What new connections on `tls-port` use; none if there is no such port.
    pub(crate) tls: RwLock<Option<Arc<rustls::ServerConfig>>>,
    mailboxes: OnceLock<Vec<Arc<Mailbox>>>,
    this: OnceLock<Weak<Server>>,
    /// Changes since the last successful save.
    pub(crate) dirty: AtomicU64,
    /// Random, new at each start (INFO's `run_id`).
    pub(crate) run_id: String,
    /// INFO's `master_replid`.
    pub(crate) replication_id: Mutex<String>,
    /// The program file, as it was started.
    pub(crate) executable: String,
    pub(crate) config_source: ConfigSource,
    pub(crate) data: DataDir,
    /// Where it listens.
    pub(crate) doors: Doors,
    pub(crate) oom_score: OomScore,
    /// What DEBUG has changed.
    pub(crate) tampering: Tampering,
    /// Set while SHUTDOWN is under way.
    pub(crate) is_stopping: AtomicBool,
    /// The Unix socket's and the pid file's paths, removed at the end.
    pub(crate) files_to_remove: Mutex<Vec<std::path::PathBuf>>,
}

/// Limits of the I/O layer that CONFIG SET changes.
pub(crate) struct RuntimeLimits {
    /// `enable-debug-command`, which it does not change.
    pub(crate) debug_command: AllowedFor,
    pub(crate) clients_max: AtomicUsize,
    pub(crate) keepalive_s: AtomicU64,
    pub(crate) idle_timeout_s: AtomicU64,
    pub(crate) busy_script_ms: AtomicU64,
    pub(crate) is_protected: AtomicBool,
    pub(crate) tracks_latency: AtomicBool,
    pub(crate) query_buffer_max: AtomicUsize,
    /// `maxmemory-clients`; 0: no limit.
    pub(crate) clients_memory_max: AtomicUsize,
    pub(crate) output: RwLock<OutputLimits>,
}

/// Everything [`Server::new`] needs beside the configuration.
pub(crate) struct Parts {
    pub(crate) config: guarda_config::Config,
    pub(crate) users: Arc<Users>,
    pub(crate) renames: Renames,
    pub(crate) scripting: Box<dyn Scripting + Send>,
    pub(crate) persistence: Persistence,
    pub(crate) observations: Arc<Observations>,
    pub(crate) disk_times: Arc<DiskTimes>,
    pub(crate) run_id: String,
    pub(crate) executable: String,
    pub(crate) config_source: ConfigSource,
    pub(crate) data: DataDir,
    pub(crate) doors: Doors,
}

impl Server {
    pub(crate) fn new(parts: Parts) -> Arc<Server> {
        let Parts {
            config,
            users,
            renames,
            scripting,
            persistence,
            observations,
            disk_times,
            run_id,
            executable,
            config_source,
            data,
            doors,
        } = parts;
        let server = Server {
            clock: Clock::start(),
            keyspace: Keyspace::new(config.databases),
            settings: Settings::default(),
            limits: RuntimeLimits {
                debug_command: config.debug_command,
                clients_max: AtomicUsize::new(0),
                keepalive_s: AtomicU64::new(0),
                idle_timeout_s: AtomicU64::new(0),
                busy_script_ms: AtomicU64::new(0),
                is_protected: AtomicBool::new(true),
                tracks_latency: AtomicBool::new(true),
                query_buffer_max: AtomicUsize::new(0),
                clients_memory_max: AtomicUsize::new(0),
                output: RwLock::default(),
            },
            stats: Stats::default(),
            rates: Rates::default(),
            disk_times,
            observations,
            clients: Clients::default(),
            clients_memory: AtomicUsize::new(0),
            leaving_clients: LeavingClients::default(),
            memory: Memory::default(),
            eviction: Eviction::default(),
            persistence,
            scripting,
            scripts: ScriptQueue::new(),
            reclaimer: Reclaimer::new(),
            data,
            doors,
            config: Mutex::new(config),
            config_changes: Mutex::new(()),
            config_errands: ConfigErrands::new(),
            users,
            pubsub: PubSub::default(),
            pause: Pause::default(),
            log_waits: LogWaits::default(),
            renames,
            logins: Logins::default(),
            tls: RwLock::default(),
            mailboxes: OnceLock::new(),
            this: OnceLock::new(),
            dirty: AtomicU64::new(0),
            replication_id: Mutex::new(run_id.clone()),
            run_id,
            executable,
            config_source,
            oom_score: OomScore::default(),
            tampering: Tampering::default(),
            is_stopping: AtomicBool::new(false),
            files_to_remove: Mutex::default(),
        };
        let server = Arc::new(server);
        let _ = server.this.set(Arc::downgrade(&server));
        let config = server.config.lock().clone();
        crate::configure::apply(&server, &config);
        server
    }

    // Threads ----------------------------------------------------------------------------------

    pub(crate) fn set_mailboxes(&self, mailboxes: Vec<Arc<Mailbox>>) {
        assert!(self.mailboxes.set(mailboxes).is_ok(), "the threads are started once");
    }

    pub(crate) fn mailbox(&self, thread: usize) -> &Mailbox {
        &self.mailboxes.get().expect("set before any thread starts")[thread]
    }

    /// The thread with the fewest connections; `own` if it is one of them.
    pub(crate) fn least_loaded_thread(&self, own: usize) -> usize {
        let mailboxes = self.mailboxes.get().expect("set before any thread starts");
        let least = mailboxes.iter().enumerate().min_by_key(|(_, mailbox)| mailbox.load());
        match least {
            Some((index, mailbox)) if mailbox.load() < mailboxes[own].load() => index,
            _ => own,
        }
    }

    /// Adds a thread's counters to the totals.
    pub(crate) fn collect(&self, worker: &mut Worker) {
        self.collect_effects(&mut worker.effects);
    }

    pub(crate) fn collect_effects(&self, effects: &mut Effects) {
        let dirty = self.stats.collect(&mut effects.counters);
        let latency = self.limits.tracks_latency.load(Ordering::Relaxed);
        self.observations.commands.collect(&mut effects.tallies, latency);
        if dirty > 0 {
            self.dirty.fetch_add(dirty, Ordering::Relaxed);
        }
    }

    /// How many I/O threads serve clients.
    pub(crate) fn thread_count(&self) -> usize {
        self.mailboxes.get().map_or(0, Vec::len)
    }

    /// The shared handle, for threads that outlive the caller; `None` before start-up is complete.
    pub(crate) fn handle(&self) -> Option<Arc<Server>> {
        self.this.get().and_then(Weak::upgrade)
    }

    pub(crate) fn run_script(&self, errand: Errand) {
        self.scripts.push(errand);
    }

    /// Whether a call changes the configuration and is carried out by the thread that is for that: it switches
    /// the log, or comes while that is under way.
    pub(crate) fn changes_configuration_apart(&self, call: &Call<'_>) -> bool {
        if call.names < 2
            || !matches!(call.spec.name, "set" | "rewrite")
            || !call.args[0].eq_ignore_ascii_case(b"config")
        {
            return false;
        }
        let mut names = call.args.iter().skip(call.names).step_by(2);
        names.any(|name| name.eq_ignore_ascii_case(b"appendonly")) || self.config_errands.is_busy()
    }

    /// Tells a thread of a command that was carried out for its client, once `remains` are freed.
    pub(crate) fn tell(&self, thread: usize, done: CarriedOut, remains: Remains) {
        if remains.weight() > AT_ONCE_MAX {
            self.reclaimer.free_then(remains, Told { thread, done });
        } else {
            drop(remains);
            self.mailbox(thread).send(Message::CarriedOut(Box::new(done)));
        }
    }

    /// Whether a script runs.
    pub(crate) fn script_is_running(&self) -> bool {
        self.scripts.running_for(Duration::ZERO).is_some()
    }

    /// Whether a script has run for longer than `busy-reply-threshold`.
    pub(crate) fn script_is_over_time(&self) -> bool {
        let limit = self.limits.busy_script_ms.load(Ordering::Relaxed);
        self.scripts
            .running_for(self.clock.monotonic())
            .is_some_and(|running| limit > 0 && running >= Duration::from_millis(limit))
    }

    /// Tells all threads that shards may have become free.
    pub(crate) fn retry_parked(&self) {
        for mailbox in self.mailboxes.get().into_iter().flatten() {
            mailbox.send_retry();
        }
    }

    /// Tells all threads that a pause of clients is over.
    pub(crate) fn end_pause(&self) {
        for mailbox in self.mailboxes.get().into_iter().flatten() {
            mailbox.send(Message::PauseEnded);
        }
        // Nothing was evicted meanwhile.
        self.eviction.wake();
    }

    // Clients ----------------------------------------------------------------------------------

    /// Frame limits for authenticated clients.
    pub(crate) fn frame_limits(&self) -> Limits {
        Limits { bulk_len_max: self.settings.string_len_max(), ..Limits::AUTHENTICATED }
    }

    pub(crate) fn register_client(&self, card: Arc<ClientCard>) -> Client {
        self.stats.connections_received.fetch_add(1, Ordering::Relaxed);
        self.clients.add(Arc::clone(&card));
        let mut client = Client::new(card, AuthState::Required);
        client.become_default_user(&self.users);
        client
    }

    pub(crate) fn is_full(&self) -> bool {
        self.clients.len() >= self.limits.clients_max.load(Ordering::Relaxed)
    }

    /// Whether protected mode keeps this peer out; `None` is a Unix socket.
    pub(crate) fn is_protected_from(&self, peer: Option<IpAddr>) -> bool {
        let is_protected = self.limits.is_protected.load(Ordering::Relaxed);
        let has_password = !self.users.default_user().is_open();
        !guarda_config::serves_peer(peer, is_protected, has_password)
    }

    pub(crate) fn kill(&self, id: u64) {
        if let Some(place) = self.clients.kill(id) {
            let slot = place.slot as usize;
            self.mailbox(place.thread as usize).send(Message::Kill { slot, id });
        }
    }

    /// `client-output-buffer-limit`.
    pub(crate) fn output_limits(&self) -> OutputLimits {
        *self.limits.output.read()
    }
}
