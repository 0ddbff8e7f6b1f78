//! A server without sockets around a real engine, keyspace, gates and journal.

#![allow(dead_code, reason = "each of the tests uses a part of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use guarda_commands::{
    Admission, AuthState, Client, ClientCard, CommandError, ConfigSetRejected, Host, Log,
    Observations, Overview, Records, Scripting, Settings, ShutdownMode, Users, Worker, admit,
    execute,
};
use guarda_resp::ReplyWriter;
use guarda_script::{LuaEngine, ScriptLimits};
use guarda_store::{Keyspace, UnixMillis};
use parking_lot::Mutex;

const NOW: UnixMillis = UnixMillis(1_700_000_000_123);

/// The server as commands see it.
pub(crate) struct FakeHost {
    keyspace: Keyspace,
    settings: Settings,
    users: Users,
    observations: Observations,
    pubsub: guarda_commands::PubSub,
    pause: guarda_commands::Pause,
    pub(crate) engine: LuaEngine,
    log: FakeLog,
    pub(crate) over_memory: AtomicBool,
    pub(crate) write_refusal: Mutex<Option<CommandError>>,
    /// A write command came as far as asking for `write_refusal`.
    pub(crate) write_asked: AtomicBool,
}

/// Keeps each group of records as text.
#[derive(Default)]
struct FakeLog {
    groups: Mutex<Vec<Vec<String>>>,
    seq: AtomicU64,
}

/// One client of the host.
pub(crate) struct Bench {
    pub(crate) host: Arc<FakeHost>,
    pub(crate) client: Client,
    worker: Worker,
}

impl Bench {
    pub(crate) fn new(limits: ScriptLimits) -> Bench {
        let host = FakeHost {
            keyspace: Keyspace::new(16),
            settings: Settings::default(),
            users: Users::default(),
            observations: Observations::default(),
            pubsub: guarda_commands::PubSub::default(),
            pause: guarda_commands::Pause::default(),
            engine: LuaEngine::new(limits),
            log: FakeLog::default(),
            over_memory: AtomicBool::new(false),
            write_refusal: Mutex::new(None),
            write_asked: AtomicBool::new(false),
        };
        Bench::of(&Arc::new(host))
    }

    /// Another client of the same host.
    pub(crate) fn of(host: &Arc<FakeHost>) -> Bench {
        let card = ClientCard::new(1, "127.0.0.1:1".into(), "127.0.0.1:2".into(), 9, NOW);
        let client = Client::new(Arc::new(card), AuthState::Granted);
        Bench { host: Arc::clone(host), client, worker: Worker::default() }
    }

    /// Runs a command and returns its reply.
    pub(crate) fn call(&mut self, args: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let host = &*self.host;
        match admit(args, &mut self.client, host) {
            Admission::Run(call) => {
                let patience = Duration::from_mins(1);
                execute(&call, &mut self.client, host, &mut self.worker, NOW, patience, &mut out)
                    .expect("nobody holds a lock for so long");
            }
            Admission::Queued(_) => {
                ReplyWriter::new(&mut out, self.client.protocol).simple("QUEUED");
            }
            Admission::Refused(error) => {
                ReplyWriter::new(&mut out, self.client.protocol).error(&error.to_string());
            }
            Admission::Dropped | Admission::Postponed => {}
        }
        out
    }

    /// Runs a script without keys; the reply as text.
    pub(crate) fn eval(&mut self, script: &str) -> String {
        self.eval_with(script, &[])
    }

    /// Runs a script with these ARGV; the reply as text.
    pub(crate) fn eval_with(&mut self, script: &str, argv: &[&[u8]]) -> String {
        let mut args: Vec<&[u8]> = vec![b"EVAL", script.as_bytes(), b"0"];
        args.extend(argv);
        self.call(&args).escape_ascii().to_string()
    }

    #[track_caller]
    pub(crate) fn check(&mut self, script: &str, expected: &str) {
        assert_eq!(self.eval(script), expected.as_bytes().escape_ascii().to_string(), "{script}");
    }

    /// Checks an error's text, of which `{}` is where its digest and line stand.
    #[track_caller]
    pub(crate) fn check_error(&mut self, script: &str, text: &str) {
        let sha1 = guarda_commands::sha1_hex(script.as_bytes());
        let at = format!(" script: {sha1}, on @user_script:");
        self.check(script, &format!("-{}\r\n", text.replace("{}", &at)));
    }

    /// The groups of records journalled since the last call.
    pub(crate) fn journal(&mut self) -> Vec<Vec<String>> {
        std::mem::take(&mut *self.host.log.groups.lock())
    }
}

impl Log for FakeLog {
    fn append(&self, records: &Records) -> u64 {
        let group = records
            .iter()
            .map(|(db, bytes)| {
                let words: Vec<String> = bytes
                    .split(|&byte| byte == b'\n')
                    .skip(2)
                    .step_by(2)
                    .map(|word| word.trim_ascii_end().escape_ascii().to_string())
                    .filter(|word| !word.is_empty())
                    .collect();
                format!("{db}: {}", words.join(" "))
            })
            .collect();
        self.groups.lock().push(group);
        self.seq.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Host for FakeHost {
    fn observations(&self) -> &Observations {
        &self.observations
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    fn deliver(&self, _client: u64, _reply: Vec<u8>, _seq: u64) {}

    fn tend_later(&self, _shard: usize, _at: std::time::Duration) {}

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
        &self.engine
    }

    fn pause(&self) -> &guarda_commands::Pause {
        &self.pause
    }

    fn pubsub(&self) -> &guarda_commands::PubSub {
        &self.pubsub
    }

    fn users(&self) -> &Users {
        &self.users
    }

    fn make_room(&self) -> bool {
        !self.over_memory.load(Ordering::Relaxed)
    }

    fn refuses_writes(&self) -> Option<CommandError> {
        self.write_asked.store(true, Ordering::Release);
        self.write_refusal.lock().clone()
    }

    fn is_loading(&self) -> bool {
        false
    }

    fn config_get(&self, _: &[&[u8]]) -> Vec<(String, String)> {
        Vec::new()
    }

    fn config_set(&self, _: &[(&[u8], &[u8])], _: &ClientCard) -> Result<(), ConfigSetRejected> {
        Ok(())
    }

    fn config_reset_statistics(&self) {}

    fn info(&self, _: &[String], _: &Overview) -> String {
        "# Server\r\n".into()
    }

    fn clients(&self) -> Vec<Arc<ClientCard>> {
        Vec::new()
    }

    fn kill_client(&self, _: u64) {}

    fn save(&self) -> Result<(), CommandError> {
        Ok(())
    }

    fn background_save(&self, _: bool) -> Result<&'static str, CommandError> {
        Ok("Background saving started")
    }

    fn background_rewrite(&self) -> Result<&'static str, CommandError> {
        Ok("Background append only file rewriting started")
    }

    fn last_save(&self) -> i64 {
        0
    }

    fn shutdown(&self, _: ShutdownMode) -> Result<(), CommandError> {
        Ok(())
    }

    fn abort_shutdown(&self) -> Result<(), CommandError> {
        Ok(())
    }

    fn now_micros(&self) -> i64 {
        NOW.0 * 1000
    }

    fn now(&self) -> UnixMillis {
        NOW
    }
}
