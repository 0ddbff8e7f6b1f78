//! A server without sockets for the families' tests: real gates, locks and keyspace, a host that
//! remembers what was journalled, and time as a field.
//!
//! ```text
//! let mut bench = Bench::new();
//! bench.check("SET k v NX XX", err("ERR syntax error"));
//! bench.check(r#"SET k "a\r\n\x00""#, ok());
//! assert_eq!(bench.journal(), ["SET k a\\r\\n\\x00"]);
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use guarda_resp::{Frame, ReplyWriter, decode};
use guarda_store::{HashValue, HashedKey, Keyspace, Locked, Record, UnixMillis, Value};
use parking_lot::Mutex;

use crate::acl::Users;
use crate::client::{AuthState, Client, ClientCard};
use crate::context::{CommandResult, Context};
use crate::diagnostics::{Crash, Diagnostics, Reload};
use crate::effects::Records;
use crate::error::CommandError;
use crate::execute::{Worker, execute, note_refusal};
use crate::families::scripting::sha1_hex;
use crate::gates::{Admission, admit};
use crate::host::{ConfigSetRejected, Host, Log, ScriptCall, Scripting, Settings, ShutdownMode};
use crate::observations::Observations;
use crate::overview::Overview;

/// The time at which every bench starts: far from zero, not a whole second.
pub(crate) const START: UnixMillis = UnixMillis(1_700_000_000_123);

/// A database, one client and the time.
pub(crate) struct Bench {
    /// The server as commands see it.
    pub(crate) host: FakeHost,
    /// The client that [`Bench::call`] speaks for; swap it to speak for another.
    pub(crate) client: Client,
    /// Counters and scratch of the one thread.
    pub(crate) worker: Worker,
    /// What the next command takes for the present.
    pub(crate) now: UnixMillis,
}

impl Bench {
    /// An empty server with 16 databases and a client on database 0.
    pub(crate) fn new() -> Bench {
        Bench {
            host: FakeHost::new(),
            client: new_client(1),
            worker: Worker::default(),
            now: START,
        }
    }

    /// Lets `millis` pass.
    pub(crate) fn advance(&mut self, millis: i64) {
        self.now.0 += millis;
        self.host.monotonic_ms.fetch_add(millis as u64, Ordering::Relaxed);
    }

    /// Puts a hash `{f: v}` at `key` behind the commands' back, for tests of other types.
    pub(crate) fn make_hash(&mut self, key: &str) {
        let mut hash = HashValue::default();
        hash.set(b"f", b"v", self.host.settings.hash_limits());
        let key = HashedKey::new(key.as_bytes());
        self.host.keyspace.with_shard(key.shard(), |shard| {
            shard.set_value(self.client.db, key, Value::Hash(hash), None, self.now);
        });
    }

    /// Makes another client the one that speaks; returns the one that spoke.
    pub(crate) fn swap_client(&mut self, other: Client) -> Client {
        std::mem::replace(&mut self.client, other)
    }

    /// Runs one command as the server would and returns its reply.
    pub(crate) fn call(&mut self, args: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        match admit(args, &mut self.client, &self.host) {
            Admission::Run(call) => {
                let patience = Duration::from_secs(10);
                let (client, host) = (&mut self.client, &self.host);
                execute(&call, client, host, &mut self.worker, self.now, patience, &mut out)
                    .expect("nobody else holds a lock");
            }
            Admission::Dropped => {}
            Admission::Postponed => out.extend_from_slice(b"(postponed)"),
            Admission::Queued(_) => {
                ReplyWriter::new(&mut out, self.client.protocol).simple("QUEUED");
            }
            Admission::Refused(error) => {
                note_refusal(args, &error.wire(), &mut self.worker.effects);
                ReplyWriter::new(&mut out, self.client.protocol).error_bytes(&error.wire());
            }
        }
        out
    }

    /// Runs a command line; words are separated by blanks, `"…"` quotes with `\r \n \" \\ \xNN`.
    pub(crate) fn run(&mut self, line: &str) -> Vec<u8> {
        let words = words(line);
        let args: Vec<&[u8]> = words.iter().map(|word| &word[..]).collect();
        self.call(&args)
    }

    /// Runs a command line and compares the reply byte for byte.
    #[track_caller]
    pub(crate) fn check(&mut self, line: &str, expected: impl AsRef<[u8]>) {
        let reply = self.run(line);
        assert_eq!(escaped(&reply), escaped(expected.as_ref()), "{line}");
    }

    /// Runs a command line and returns the decoded reply.
    pub(crate) fn frame(&mut self, line: &str) -> Frame {
        let reply = self.run(line);
        decode(&reply).expect("well formed").expect("whole").0
    }

    /// What INFO would count.
    pub(crate) fn overview(&self) -> Overview {
        Overview::of(&mut self.host.keyspace.lock_none(), self.now)
    }

    /// What was journalled since the last call: one line a record, arguments separated by blanks
    /// and escaped, preceded by `<db>:` for databases other than 0.
    pub(crate) fn journal(&mut self) -> Vec<String> {
        std::mem::take(&mut *self.host.log.lines.lock())
    }

    /// Runs a command line and compares what it journalled.
    #[track_caller]
    pub(crate) fn check_journal(&mut self, line: &str, expected: &[&str]) {
        self.journal();
        let reply = self.run(line);
        assert_eq!(self.journal(), expected, "{line} answered {}", escaped(&reply));
    }
}

/// A client that just connected, authenticated.
pub(crate) fn new_client(id: u64) -> Client {
    let card = ClientCard::new(id, "127.0.0.1:1".into(), "127.0.0.1:2".into(), 9, START);
    Client::new(Arc::new(card), AuthState::Granted)
}

// Expected replies ---------------------------------------------------------------------------------

/// `+OK`.
pub(crate) fn ok() -> Vec<u8> {
    simple("OK")
}

/// A simple string.
pub(crate) fn simple(text: &str) -> Vec<u8> {
    format!("+{text}\r\n").into_bytes()
}

/// An error; `text` without the `-`.
pub(crate) fn err(text: &str) -> Vec<u8> {
    format!("-{text}\r\n").into_bytes()
}

/// The error for a value of another type.
pub(crate) fn wrong_type() -> Vec<u8> {
    err("WRONGTYPE Operation against a key holding the wrong kind of value")
}

/// An integer.
pub(crate) fn int(value: i64) -> Vec<u8> {
    format!(":{value}\r\n").into_bytes()
}

/// A bulk string.
pub(crate) fn bulk(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// No value, in RESP2.
pub(crate) fn nil() -> Vec<u8> {
    b"$-1\r\n".to_vec()
}

/// An array of replies.
#[allow(clippy::needless_pass_by_value, reason = "a list of expected replies is written in place")]
pub(crate) fn array<const N: usize>(items: [Vec<u8>; N]) -> Vec<u8> {
    [format!("*{N}\r\n").into_bytes(), items.concat()].concat()
}

/// An array of bulk strings.
pub(crate) fn bulks<const N: usize>(items: [&str; N]) -> Vec<u8> {
    array(items.map(bulk))
}

/// Splits a command line into words.
fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start().as_bytes();
    while let Some(&first) = rest.first() {
        let mut word = Vec::new();
        if first == b'"' {
            rest = &rest[1..];
            while rest[0] != b'"' {
                let (byte, used) = unescaped(rest);
                word.push(byte);
                rest = &rest[used..];
            }
            rest = &rest[1..];
        } else {
            let end = rest.iter().position(|&byte| byte == b' ').unwrap_or(rest.len());
            word.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
        words.push(word);
        rest = rest.trim_ascii_start();
    }
    words
}

fn unescaped(text: &[u8]) -> (u8, usize) {
    match text {
        [b'\\', b'x', high, low, ..] => {
            let digit = |c: u8| char::from(c).to_digit(16).expect("two hexadecimal digits");
            ((digit(*high) * 16 + digit(*low)) as u8, 4)
        }
        [b'\\', b'r', ..] => (b'\r', 2),
        [b'\\', b'n', ..] => (b'\n', 2),
        [b'\\', other, ..] => (*other, 2),
        [plain, ..] => (*plain, 1),
        [] => panic!("a quote is not closed"),
    }
}

fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

// The host -----------------------------------------------------------------------------------------

/// A log that keeps its records as text.
#[derive(Default)]
pub(crate) struct FakeLog {
    lines: Mutex<Vec<String>>,
    seq: AtomicU64,
}

impl Log for FakeLog {
    fn append(&self, records: &Records) -> u64 {
        let mut lines = self.lines.lock();
        for (db, bytes) in records.iter() {
            let (frame, used) = decode(bytes).expect("well formed").expect("whole");
            assert_eq!(used, bytes.len(), "one record, one command");
            let Frame::Array(args) = frame else { panic!("a record is an array") };
            let args: Vec<String> = args
                .iter()
                .map(|arg| match arg {
                    Frame::Bulk(bytes) => escaped(bytes),
                    other => panic!("an argument is a bulk string, not {other:?}"),
                })
                .collect();
            let db = if db == 0 { String::new() } else { format!("{db}:") };
            lines.push(format!("{db}{}", args.join(" ")));
        }
        self.seq.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Scripts are known by name only; none can be run.
#[derive(Default)]
pub(crate) struct FakeScripting {
    known: Mutex<Vec<String>>,
}

impl Scripting for FakeScripting {
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
pub(crate) struct FakeHost {
    pub(crate) keyspace: Keyspace,
    pub(crate) log: FakeLog,
    pub(crate) settings: Settings,
    pub(crate) scripting: FakeScripting,
    pub(crate) users: Users,
    pub(crate) observations: Observations,
    pub(crate) pubsub: crate::pubsub::PubSub,
    pub(crate) pause: crate::pause::Pause,
    /// Messages on their way to subscribers.
    pub(crate) spread: Mutex<Vec<crate::pubsub::Addressed>>,
    pub(crate) over_memory: AtomicBool,
    pub(crate) loading: AtomicBool,
    pub(crate) write_refusal: Mutex<Option<CommandError>>,
    /// Pairs that CONFIG GET knows and CONFIG SET changes.
    pub(crate) config: Mutex<Vec<(String, String)>>,
    pub(crate) clients: Mutex<Vec<Arc<ClientCard>>>,
    /// Calls that only the server can carry out, by name, in order.
    pub(crate) asked: Mutex<Vec<String>>,
    /// The monotonic clock, in milliseconds; [`Bench::advance`] moves it with the wall clock.
    pub(crate) monotonic_ms: AtomicU64,
    /// How far the log is on the disk, and who waits for that: client and sequence number.
    pub(crate) synced: AtomicU64,
    pub(crate) await_sync: Mutex<Vec<(u64, u64)>>,
    /// Replies to parked clients.
    pub(crate) delivered: Mutex<Vec<(u64, Vec<u8>)>>,
    /// Shards to be tended, and when.
    pub(crate) tend: Mutex<Vec<(usize, Duration)>>,
    /// Whether DEBUG is on.
    pub(crate) debugs: AtomicBool,
}

impl FakeHost {
    fn new() -> FakeHost {
        FakeHost {
            keyspace: Keyspace::new(16),
            log: FakeLog::default(),
            settings: Settings::default(),
            scripting: FakeScripting::default(),
            users: Users::default(),
            observations: Observations::default(),
            pubsub: crate::pubsub::PubSub::default(),
            pause: crate::pause::Pause::default(),
            spread: Mutex::default(),
            over_memory: AtomicBool::new(false),
            loading: AtomicBool::new(false),
            write_refusal: Mutex::new(None),
            config: Mutex::new(Vec::new()),
            clients: Mutex::new(Vec::new()),
            asked: Mutex::new(Vec::new()),
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

    fn await_sync(&self, client: u64, _ticket: &Arc<crate::waits::Ticket>, seq: u64) {
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
        &self.scripting
    }

    fn diagnostics(&self) -> Option<&dyn Diagnostics> {
        Some(self)
    }

    fn allows_guarded(&self, _: &ClientCard) -> bool {
        self.debugs.load(Ordering::Relaxed)
    }

    fn pubsub(&self) -> &crate::pubsub::PubSub {
        &self.pubsub
    }

    fn pause(&self) -> &crate::pause::Pause {
        &self.pause
    }

    fn spread(&self, messages: Vec<crate::pubsub::Addressed>, _seq: u64) {
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
        self.ask(format!("user_changed {}", escaped(name)));
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
        START.0 * 1000
    }

    fn now(&self) -> UnixMillis {
        START
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

#[test]
fn a_command_line_is_split_as_redis_cli_splits_it() {
    let expected: [&[u8]; 4] = [b"SET", b"a b", b"\x00\r\n\"", b"x\"y"];
    assert_eq!(words(r#" SET "a b"  "\x00\r\n\"" x"y "#), expected);
    assert_eq!(words(r#"GET """#), [&b"GET"[..], b""]);
}

#[test]
fn a_bench_admits_executes_and_replies() {
    let mut bench = Bench::new();
    bench.check("MULTI", ok());
    bench.check("NOSUCH a", err("ERR unknown command 'NOSUCH', with args beginning with: 'a' "));
    bench.check("EXEC", err("EXECABORT Transaction discarded because of previous errors."));
    let other = bench.swap_client(new_client(2));
    assert_eq!((other.card.id, bench.client.card.id), (1, 2));
}
