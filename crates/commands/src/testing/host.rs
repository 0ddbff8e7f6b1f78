//! The server as commands see it, without sockets, disk and clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use guarda_resp::{Frame, decode};
use guarda_store::{Keyspace, Locked, Record, UnixMillis};
use parking_lot::Mutex;

use crate::acl::Users;
use crate::client::ClientCard;
use crate::context::{CommandResult, Context};
use crate::diagnostics::{Crash, Diagnostics, Reload};
use crate::effects::Records;
use crate::error::CommandError;
use crate::families::scripting::sha1_hex;
use crate::host::{ConfigSetRejected, Host, Log, ScriptCall, Scripting, Settings, ShutdownMode};
use crate::observations::Observations;
use crate::overview::Overview;
use crate::pause::Pause;
use crate::pubsub::{Addressed, PubSub};
use crate::waits::Ticket;

/// The time at which every host starts: far from zero, not a whole second.
pub const START: UnixMillis = UnixMillis(1_700_000_000_123);

/// A command of the log, with the database it is for.
pub type LoggedCommand = (u32, Vec<Vec<u8>>);

/// A log that keeps its commands, in the groups in which they were appended.
#[derive(Default)]
pub struct FakeLog {
    groups: Mutex<Vec<Vec<LoggedCommand>>>,
    seq: AtomicU64,
}

impl FakeLog {
    /// What was appended since the last call.
    pub fn take(&self) -> Vec<Vec<LoggedCommand>> {
        std::mem::take(&mut *self.groups.lock())
    }
}

impl Log for FakeLog {
    /// # Panics
    ///
    /// If a record is not one command.
    fn append(&self, records: &Records) -> u64 {
        let decoded = |(db, bytes)| {
            let (frame, used) = decode(bytes).expect("well formed").expect("whole");
            assert_eq!(used, bytes.len(), "one record, one command");
            let Frame::Array(args) = frame else { panic!("a record is an array") };
            let args = args.into_iter().map(|arg| match arg {
                Frame::Bulk(bytes) => bytes,
                other => panic!("an argument is a bulk string, not {other:?}"),
            });
            (db, args.collect())
        };
        self.groups.lock().extend(records.groups().map(|group| group.map(decoded).collect()));
        self.seq.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Scripts are known by name only; none can be run.
#[derive(Default)]
pub struct NoScripts {
    known: Mutex<Vec<String>>,
}

impl Scripting for NoScripts {
    fn load(&self, text: &[u8]) -> Result<String, CommandError> {
        let sha1 = sha1_hex(text);
        self.known.lock().push(sha1.clone());
        Ok(sha1)
    }

    fn is_known(&self, sha1: &[u8]) -> bool {
        self.known.lock().iter().any(|known| known.as_bytes().eq_ignore_ascii_case(sha1))
    }

    fn flush(&self) {
        self.known.lock().clear();
    }

    fn eval(&self, _: &mut Context<'_, '_>, _: &ScriptCall<'_>) -> CommandResult {
        Err(CommandError::NoScript)
    }

    fn kill(&self) -> Result<(), CommandError> {
        Err(CommandError::text("NOTBUSY No scripts in execution right now."))
    }
}

/// A host over a real keyspace. Its public fields are what tests turn on and look at.
pub struct FakeHost {
    /// The data.
    pub keyspace: Keyspace,
    /// What is journalled.
    pub log: FakeLog,
    /// Limits.
    pub settings: Settings,
    /// What runs scripts.
    pub scripting: Arc<dyn Scripting + Send + Sync>,
    /// Who may do what.
    pub users: Users,
    /// Statistics.
    pub observations: Observations,
    /// Channels.
    pub pubsub: PubSub,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// Messages on their way to subscribers.
    pub spread: Mutex<Vec<Addressed>>,
    /// Whether there is no room.
    pub over_memory: AtomicBool,
    /// Whether data is being loaded.
    pub loading: AtomicBool,
    /// Why writes are refused.
    pub write_refusal: Mutex<Option<CommandError>>,
    /// Whether a command has come as far as asking for that.
    pub write_asked: AtomicBool,
    /// Pairs that CONFIG GET knows and CONFIG SET changes.
    pub config: Mutex<Vec<(String, String)>>,
    /// All clients.
    pub clients: Mutex<Vec<Arc<ClientCard>>>,
    /// Calls that only the server can carry out, by name, in order.
    pub asked: Mutex<Vec<String>>,
    /// The wall clock.
    pub now_ms: AtomicI64,
    /// The monotonic clock, in milliseconds.
    pub monotonic_ms: AtomicU64,
    /// How far the log is on the disk.
    pub synced: AtomicU64,
    /// Who waits for that: client and sequence number.
    pub await_sync: Mutex<Vec<(u64, u64)>>,
    /// Replies to parked clients.
    pub delivered: Mutex<Vec<(u64, Vec<u8>)>>,
    /// Shards to be tended, and when.
    pub tend: Mutex<Vec<(usize, Duration)>>,
    /// Whether DEBUG is on.
    pub debugs: AtomicBool,
}

impl FakeHost {
    /// A host without data, with so many databases.
    #[must_use]
    pub fn new(databases: u32, scripting: Arc<dyn Scripting + Send + Sync>) -> FakeHost {
        FakeHost {
            keyspace: Keyspace::new(databases),
            log: FakeLog::default(),
            settings: Settings::default(),
            scripting,
            users: Users::default(),
            observations: Observations::default(),
            pubsub: PubSub::default(),
            pause: Pause::default(),
            spread: Mutex::default(),
            over_memory: AtomicBool::new(false),
            loading: AtomicBool::new(false),
            write_refusal: Mutex::new(None),
            write_asked: AtomicBool::new(false),
            config: Mutex::new(Vec::new()),
            clients: Mutex::new(Vec::new()),
            asked: Mutex::new(Vec::new()),
            now_ms: AtomicI64::new(START.0),
            monotonic_ms: AtomicU64::new(1_000),
            synced: AtomicU64::new(u64::MAX),
            await_sync: Mutex::default(),
            delivered: Mutex::new(Vec::new()),
            tend: Mutex::new(Vec::new()),
            debugs: AtomicBool::new(false),
        }
    }

    fn ask(&self, what: String) {
        self.asked.lock().push(what);
    }
}

impl Host for FakeHost {
    fn observations(&self) -> &Observations {
        &self.observations
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_ms.load(Ordering::Relaxed))
    }

    fn deliver(&self, client: u64, reply: Vec<u8>, _seq: u64) {
        self.delivered.lock().push((client, reply));
    }

    fn is_synced(&self, seq: u64) -> bool {
        self.synced.load(Ordering::Relaxed) >= seq
    }

    fn await_sync(&self, client: u64, _ticket: &Arc<Ticket>, seq: u64) {
        self.await_sync.lock().push((client, seq));
    }

    fn tend_later(&self, shard: usize, at: Duration) {
        self.tend.lock().push((shard, at));
    }

    fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    fn log(&self) -> Option<&dyn Log> {
        Some(&self.log)
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn scripting(&self) -> &dyn Scripting {
        &*self.scripting
    }

    fn diagnostics(&self) -> Option<&dyn Diagnostics> {
        Some(self)
    }

    fn allows_guarded(&self, _: &ClientCard) -> bool {
        self.debugs.load(Ordering::Relaxed)
    }

    fn pubsub(&self) -> &PubSub {
        &self.pubsub
    }

    fn pause(&self) -> &Pause {
        &self.pause
    }

    fn spread(&self, messages: Vec<Addressed>, _seq: u64) {
        self.spread.lock().extend(messages);
    }

    fn users(&self) -> &Users {
        &self.users
    }

    fn load_users(&self) -> Result<(), CommandError> {
        self.ask("load_users".into());
        Ok(())
    }

    fn user_changed(&self, name: &[u8]) {
        self.ask(format!("user_changed {}", name.escape_ascii()));
    }

    fn save_users(&self) -> Result<(), CommandError> {
        self.ask("save_users".into());
        Ok(())
    }

    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CommandError> {
        bytes.fill(0xa5);
        Ok(())
    }

    fn make_room(&self) -> bool {
        !self.over_memory.load(Ordering::Relaxed)
    }

    fn refuses_writes(&self) -> Option<CommandError> {
        self.write_asked.store(true, Ordering::Release);
        self.write_refusal.lock().clone()
    }

    fn is_loading(&self) -> bool {
        self.loading.load(Ordering::Relaxed)
    }

    fn config_get(&self, patterns: &[&[u8]]) -> Vec<(String, String)> {
        let matches = |name: &str| {
            patterns.iter().any(|p| guarda_store::glob_match(p, name.as_bytes(), true))
        };
        self.config.lock().iter().filter(|(name, _)| matches(name)).cloned().collect()
    }

    fn config_set(
        &self,
        pairs: &[(&[u8], &[u8])],
        _: &ClientCard,
    ) -> Result<(), ConfigSetRejected> {
        let mut config = self.config.lock();
        for (name, value) in pairs {
            let Some(pair) = config.iter_mut().find(|pair| pair.0.as_bytes() == *name) else {
                return Err(ConfigSetRejected("ERR Unknown option".into()));
            };
            pair.1 = String::from_utf8_lossy(value).into_owned();
        }
        Ok(())
    }

    fn config_rewrite(&self) -> Result<(), CommandError> {
        self.ask("config_rewrite".into());
        Ok(())
    }

    fn config_reset_statistics(&self) {
        self.ask("config_reset_statistics".into());
    }

    fn info(&self, sections: &[String], _: &Overview) -> String {
        format!("# {}\r\n", sections.join(","))
    }

    fn clients(&self) -> Vec<Arc<ClientCard>> {
        self.clients.lock().clone()
    }

    fn kill_client(&self, id: u64) {
        self.ask(format!("kill_client {id}"));
    }

    fn save(&self) -> Result<(), CommandError> {
        self.ask("save".into());
        Ok(())
    }

    fn background_save(&self, schedule: bool) -> Result<&'static str, CommandError> {
        self.ask(format!("background_save {schedule}"));
        Ok("Background saving started")
    }

    fn background_rewrite(&self) -> Result<&'static str, CommandError> {
        self.ask("background_rewrite".into());
        Ok("Background append only file rewriting started")
    }

    fn last_save(&self) -> i64 {
        START.seconds()
    }

    fn shutdown(&self, mode: ShutdownMode) -> Result<(), CommandError> {
        self.ask(format!("shutdown {mode:?}"));
        Ok(())
    }

    fn abort_shutdown(&self) -> Result<(), CommandError> {
        self.ask("abort_shutdown".into());
        Ok(())
    }

    fn now_micros(&self) -> i64 {
        self.now().0 * 1000
    }

    fn now(&self) -> UnixMillis {
        UnixMillis(self.now_ms.load(Ordering::Relaxed))
    }
}

impl Diagnostics for FakeHost {
    fn stop_for(&self, time: Duration) {
        self.ask(format!("stop_for {time:?}"));
    }

    fn set_active_expiry(&self, on: bool) {
        self.ask(format!("set_active_expiry {on}"));
    }

    fn pause_cron(&self, paused: bool) {
        self.ask(format!("pause_cron {paused}"));
    }

    fn reload(&self, _: &mut Locked<'_>, how: Reload) -> Result<(), CommandError> {
        self.ask(format!("reload {how:?}"));
        Ok(())
    }

    fn reload_log(&self, _: &mut Locked<'_>) -> Result<(), CommandError> {
        self.ask("reload_log".into());
        Ok(())
    }

    fn log(&self, line: &str) {
        self.ask(format!("log {line}"));
    }

    fn serialized_len(&self, _: &Record) -> usize {
        99
    }

    fn change_replication_id(&self) -> Result<(), CommandError> {
        self.ask("change_replication_id".into());
        Ok(())
    }

    fn crash(&self, how: Crash) {
        self.ask(format!("crash {how:?}"));
    }
}
