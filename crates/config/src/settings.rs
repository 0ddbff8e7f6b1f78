//! The directives that the server obeys, typed.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::exposure::BindAddress;
use crate::value::{Amount, ByteCount, OutputLimits, SavePoint, Value};
use crate::{Exposure, Secret, exposure};

/// Everything the server obeys, understood. One field for each implemented directive, under its
/// name.
#[allow(clippy::struct_excessive_bools, reason = "each is a `yes` or `no` of redis.conf")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// `bind`: addresses to listen on; none means no TCP.
    pub bind: Vec<BindAddress>,
    /// `port`: 0 means no TCP.
    pub port: u16,
    /// `protected-mode`: see [`exposure`] and [`crate::serves_peer`].
    pub protected_mode: bool,
    /// The `tls-*` directives.
    pub tls: TlsSettings,
    /// `requirepass`.
    pub requirepass: Option<Secret>,
    /// The words of each `user` line.
    pub users: Vec<Vec<Secret>>,
    /// `aclfile`.
    pub aclfile: Option<PathBuf>,
    /// `acl-pubsub-default allchannels`.
    pub acl_pubsub_all_channels: bool,
    /// The letters of `notify-keyspace-events`.
    pub keyspace_events: String,
    /// `acllog-max-len`.
    pub acllog_max_len: u64,
    /// The two words of each `rename-command` line.
    pub renamed_commands: Vec<(Vec<u8>, Vec<u8>)>,
    /// `unixsocket`.
    pub unixsocket: Option<PathBuf>,
    /// `unixsocketperm`: nothing leaves the bits to the umask.
    pub unixsocketperm: Option<u32>,
    /// `tcp-backlog`.
    pub tcp_backlog: u32,
    /// `tcp-keepalive`.
    pub tcp_keepalive: Option<Duration>,
    /// `timeout`: how long a client may be idle.
    pub timeout: Option<Duration>,
    /// `io-threads`.
    pub io_threads: IoThreads,
    /// `maxclients`, 1 or more.
    pub maxclients: u32,
    /// `databases`, 1 or more.
    pub databases: u32,
    /// `proto-max-bulk-len`, 1 MiB or more.
    pub proto_max_bulk_len: ByteCount,
    /// `client-query-buffer-limit`, 1 MiB or more.
    pub client_query_buffer_limit: ByteCount,
    /// `client-output-buffer-limit`.
    pub client_output_buffer_limit: OutputLimits,
    /// `busy-reply-threshold`, also known as `lua-time-limit`: nothing means no limit.
    pub busy_reply_threshold: Option<Duration>,
    /// `daemonize`.
    pub daemonize: bool,
    /// `supervised`.
    pub supervised: Supervised,
    /// `shutdown-on-sigint`.
    pub shutdown_on_sigint: SignalShutdown,
    /// `shutdown-on-sigterm`.
    pub shutdown_on_sigterm: SignalShutdown,
    /// `crash-log-enabled`.
    pub crash_log_enabled: bool,
    /// `oom-score-adj`.
    pub oom_score_adj: OomScoreAdj,
    /// `oom-score-adj-values`: of a master, of a replica and of a child that saves; from -2000 to 2000.
    pub oom_score_adj_values: [i32; 3],
    /// `enable-debug-command`.
    pub debug_command: AllowedFor,
    /// `enable-protected-configs`.
    pub protected_configs: AllowedFor,
    /// `pidfile`.
    pub pidfile: Option<PathBuf>,
    /// `loglevel`.
    pub loglevel: LogLevel,
    /// `logfile`: nothing means standard output.
    pub logfile: Option<PathBuf>,
    /// `dir`: as written until [`crate::Config::make_dir_absolute`].
    pub dir: PathBuf,
    /// `appendonly`.
    pub appendonly: bool,
    /// `appendfsync`.
    pub appendfsync: AppendFsync,
    /// `appendfilename`.
    pub appendfilename: String,
    /// `appenddirname`.
    pub appenddirname: String,
    /// `auto-aof-rewrite-percentage`: nothing means never.
    pub auto_aof_rewrite_percentage: Option<NonZeroU32>,
    /// `auto-aof-rewrite-min-size`.
    pub auto_aof_rewrite_min_size: ByteCount,
    /// `aof-load-truncated`.
    pub aof_load_truncated: bool,
    /// `save`: none means no snapshots on their own.
    pub save: Vec<SavePoint>,
    /// `dbfilename`.
    pub dbfilename: String,
    /// `rdbcompression`.
    pub rdbcompression: bool,
    /// `rdb-key-save-delay`: microseconds for each key, or, negative, so many keys for each microsecond.
    pub rdb_key_save_delay: i64,
    /// `rdbchecksum`.
    pub rdbchecksum: bool,
    /// `key-load-delay`.
    pub key_load_delay: Duration,
    /// `stop-writes-on-bgsave-error`.
    pub stop_writes_on_bgsave_error: bool,
    /// `maxmemory`: nothing means no limit.
    pub maxmemory: Option<ByteCount>,
    /// `maxmemory-policy`.
    pub maxmemory_policy: MaxmemoryPolicy,
    /// `maxmemory-samples`, 1 or more.
    pub maxmemory_samples: u32,
    /// `maxmemory-eviction-tenacity`, 0 to 100.
    pub maxmemory_eviction_tenacity: u32,
    /// `maxmemory-clients`; 0 means no limit.
    pub maxmemory_clients: Amount,
    /// `lfu-log-factor`.
    pub lfu_log_factor: u32,
    /// `lfu-decay-time`, in minutes; 0: never.
    pub lfu_decay_time: u32,
    /// `slowlog-log-slower-than`, in microseconds; negative: never.
    pub slowlog_log_slower_than: i64,
    /// `slowlog-max-len`.
    pub slowlog_max_len: usize,
    /// `latency-monitor-threshold`; 0: nothing is watched.
    pub latency_monitor_threshold_ms: u64,
    /// `latency-tracking`.
    pub latency_tracking: bool,
    /// `latency-tracking-info-percentiles`, as they are written.
    pub latency_percentiles: Vec<String>,
    /// `lazyfree-lazy-user-del`.
    pub lazyfree_lazy_user_del: bool,
    /// `lazyfree-lazy-user-flush`.
    pub lazyfree_lazy_user_flush: bool,
    /// `hz`, 1 to 500.
    pub hz: u32,
    /// `hash-max-listpack-entries` and `-value`.
    pub hash_max_listpack: EncodingLimits,
    /// `list-max-listpack-size`: elements of a block, or its size class if negative.
    pub list_max_listpack_size: i64,
    /// `set-max-listpack-entries` and `-value`.
    pub set_max_listpack: EncodingLimits,
    /// `set-max-intset-entries`.
    pub set_max_intset_entries: u64,
    /// `zset-max-listpack-entries` and `-value`.
    pub zset_max_listpack: EncodingLimits,
    /// The directives that begin with `session-`.
    pub sessions: SessionSettings,
}

/// Limits of sessions and their locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// `session-lock-max-hold`, in seconds, 1 or more.
    pub lock_max_hold_s: u64,
    /// `session-max-waiters`.
    pub max_waiters: u64,
    /// `session-max-locks-per-client`, 1 or more.
    pub max_locks_per_client: u64,
    /// `session-tombstone-ttl`, in seconds, 1 or more.
    pub tombstone_ttl_s: u64,
    /// `session-restart-lease`, in seconds.
    pub restart_lease_s: u64,
    /// `session-fair-after`, 1 or more.
    pub fair_after: u64,
    /// `session-fair-window`, in milliseconds.
    pub fair_window_ms: u64,
}

/// Up to which size a collection is kept as one compact block, which `OBJECT ENCODING` calls
/// `listpack`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodingLimits {
    /// Most entries.
    pub entries: u64,
    /// Longest entry.
    pub value: ByteCount,
}

/// `io-threads`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoThreads {
    /// As many as the processors suggest.
    Automatic,
    /// So many, 1 to 128.
    Fixed(NonZeroU32),
}

/// `shutdown-on-sigint` and `shutdown-on-sigterm`: how a signal ends the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignalShutdown {
    /// Whether a snapshot is written; `None`: if there are save points.
    pub save: Option<bool>,
    /// Nothing is waited for.
    pub now: bool,
    /// The server ends even if the data cannot be made safe.
    pub force: bool,
}

impl SignalShutdown {
    fn from_words(words: &[String]) -> Self {
        let has = |word: &str| words.iter().any(|known| known == word);
        let save = (has("save") || has("nosave")).then(|| has("save"));
        Self { save, now: has("now"), force: has("force") }
    }
}

/// A type for the words of an enumerated directive.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The word in redis.conf.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            fn from_word(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)*
                    other => unreachable!("the table has a word more: {other}"),
                }
            }
        }
    };
}

words! {
    /// `oom-score-adj`: how readily the kernel kills the process when memory runs out.
    OomScoreAdj {
        /// As whoever started it says.
        No = "no",
        /// The same as `relative`.
        Yes = "yes",
        /// Changed by what `oom-score-adj-values` says.
        Relative = "relative",
        /// As `oom-score-adj-values` says.
        Absolute = "absolute",
    }
}

words! {
    /// `appendfsync`: when the append log is forced to disk.
    AppendFsync {
        /// Once a second.
        Everysec = "everysec",
        /// Before the reply leaves.
        Always = "always",
        /// When the operating system likes.
        No = "no",
    }
}

words! {
    /// `tls-auth-clients`: whether clients need a certificate.
    TlsClients {
        /// None is asked for.
        NotAsked = "no",
        /// Everybody needs one.
        Required = "yes",
        /// Who gives one must give a good one.
        Optional = "optional",
    }
}

/// The `tls-*` directives. Paths are seen from `dir`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "named after the directives")]
pub struct TlsSettings {
    /// 0 means no TLS.
    pub port: u16,
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    /// `tls-key-file-pass` is given.
    pub has_key_passphrase: bool,
    pub ca_cert_file: Option<PathBuf>,
    pub ca_cert_dir: Option<PathBuf>,
    pub clients: TlsClients,
    /// `None` means the default ones.
    pub protocols: Option<String>,
    /// Of TLS 1.3; `None` means the default ones.
    pub ciphersuites: Option<String>,
    pub prefer_server_ciphers: bool,
    pub session_caching: bool,
}

words! {
    /// `loglevel`: the least important messages that are logged.
    LogLevel {
        /// Everything.
        Debug = "debug",
        /// Much.
        Verbose = "verbose",
        /// What an operator wants to know.
        Notice = "notice",
        /// What an operator must know.
        Warning = "warning",
        /// No log at all.
        Nothing = "nothing",
    }
}

words! {
    /// `enable-debug-command` and its kin: who may use what is best kept from most.
    AllowedFor {
        /// Nobody.
        Nobody = "no",
        /// Everybody whose permissions allow it.
        Everybody = "yes",
        /// Likewise, but only over loopback and Unix sockets.
        Local = "local",
    }
}

impl AllowedFor {
    /// Whether a client may, of which `is_local` says whether it came over loopback or a Unix socket.
    pub fn allows(self, is_local: bool) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::Local => is_local,
        }
    }
}

words! {
    /// `supervised`: who is told that the server is ready.
    Supervised {
        /// upstart, by stopping until it lets the server go on.
        Upstart = "upstart",
        /// systemd, by `NOTIFY_SOCKET`.
        Systemd = "systemd",
        /// systemd if it asks to be told.
        Auto = "auto",
        /// Nobody.
        No = "no",
    }
}

words! {
    /// `maxmemory-policy`: what is evicted.
    MaxmemoryPolicy {
        /// Least recently used, among keys with a TTL.
        VolatileLru = "volatile-lru",
        /// Least often used, among keys with a TTL.
        VolatileLfu = "volatile-lfu",
        /// Any, among keys with a TTL.
        VolatileRandom = "volatile-random",
        /// Soonest to expire.
        VolatileTtl = "volatile-ttl",
        /// Least recently used.
        AllkeysLru = "allkeys-lru",
        /// Least often used.
        AllkeysLfu = "allkeys-lfu",
        /// Any.
        AllkeysRandom = "allkeys-random",
        /// Nothing: writes are refused.
        Noeviction = "noeviction",
    }
}

impl Settings {
    /// Builds the settings; `value` gives the value of a directive by its name.
    pub(crate) fn new<'a>(value: impl Fn(&str) -> &'a Value) -> Self {
        let v = Lookup(value);
        Self {
            bind: v.words("bind").iter().map(|word| BindAddress::parse(word)).collect(),
            port: v.int("port") as u16,
            protected_mode: v.bool("protected-mode"),
            tls: TlsSettings {
                port: v.int("tls-port") as u16,
                cert_file: v.path("tls-cert-file"),
                key_file: v.path("tls-key-file"),
                has_key_passphrase: !v.secret("tls-key-file-pass").is_empty(),
                ca_cert_file: v.path("tls-ca-cert-file"),
                ca_cert_dir: v.path("tls-ca-cert-dir"),
                clients: TlsClients::from_word(v.choice("tls-auth-clients")),
                protocols: Some(v.text("tls-protocols").to_owned()).filter(|t| !t.is_empty()),
                ciphersuites: Some(v.text("tls-ciphersuites").to_owned()).filter(|t| !t.is_empty()),
                prefer_server_ciphers: v.bool("tls-prefer-server-ciphers"),
                session_caching: v.bool("tls-session-caching"),
            },
            requirepass: Some(v.secret("requirepass")).filter(|secret| !secret.is_empty()),
            users: v.lines("user").to_vec(),
            aclfile: v.path("aclfile"),
            acl_pubsub_all_channels: v.choice("acl-pubsub-default") == "allchannels",
            keyspace_events: v.text("notify-keyspace-events").to_owned(),
            acllog_max_len: v.int("acllog-max-len") as u64,
            renamed_commands: v
                .lines("rename-command")
                .iter()
                .map(|words| (words[0].reveal().to_vec(), words[1].reveal().to_vec()))
                .collect(),
            unixsocket: v.path("unixsocket"),
            unixsocketperm: v.octal("unixsocketperm"),
            tcp_backlog: v.int("tcp-backlog") as u32,
            tcp_keepalive: v.seconds("tcp-keepalive"),
            timeout: v.seconds("timeout"),
            io_threads: NonZeroU32::new(v.int("io-threads") as u32)
                .map_or(IoThreads::Automatic, IoThreads::Fixed),
            maxclients: v.int("maxclients") as u32,
            databases: v.int("databases") as u32,
            proto_max_bulk_len: v.bytes("proto-max-bulk-len"),
            client_query_buffer_limit: v.bytes("client-query-buffer-limit"),
            client_output_buffer_limit: v.output_limits("client-output-buffer-limit"),
            busy_reply_threshold: Some(v.int("busy-reply-threshold") as u64)
                .filter(|ms| *ms > 0)
                .map(Duration::from_millis),
            daemonize: v.bool("daemonize"),
            supervised: Supervised::from_word(v.choice("supervised")),
            shutdown_on_sigint: SignalShutdown::from_words(v.words("shutdown-on-sigint")),
            shutdown_on_sigterm: SignalShutdown::from_words(v.words("shutdown-on-sigterm")),
            crash_log_enabled: v.bool("crash-log-enabled"),
            oom_score_adj: OomScoreAdj::from_word(v.choice("oom-score-adj")),
            oom_score_adj_values: v.three("oom-score-adj-values"),
            debug_command: AllowedFor::from_word(v.choice("enable-debug-command")),
            protected_configs: AllowedFor::from_word(v.choice("enable-protected-configs")),
            pidfile: v.path("pidfile"),
            loglevel: LogLevel::from_word(v.choice("loglevel")),
            logfile: v.path("logfile"),
            dir: PathBuf::from(v.text("dir")),
            appendonly: v.bool("appendonly"),
            appendfsync: AppendFsync::from_word(v.choice("appendfsync")),
            appendfilename: v.text("appendfilename").into(),
            appenddirname: v.text("appenddirname").into(),
            auto_aof_rewrite_percentage: NonZeroU32::new(
                v.int("auto-aof-rewrite-percentage") as u32
            ),
            auto_aof_rewrite_min_size: v.bytes("auto-aof-rewrite-min-size"),
            aof_load_truncated: v.bool("aof-load-truncated"),
            save: v.save_points("save"),
            dbfilename: v.text("dbfilename").into(),
            rdbcompression: v.bool("rdbcompression"),
            rdb_key_save_delay: v.int("rdb-key-save-delay"),
            rdbchecksum: v.bool("rdbchecksum"),
            key_load_delay: Duration::from_micros(
                u64::try_from(v.int("key-load-delay")).unwrap_or(0),
            ),
            stop_writes_on_bgsave_error: v.bool("stop-writes-on-bgsave-error"),
            maxmemory: Some(v.bytes("maxmemory")).filter(|bytes| bytes.0 > 0),
            maxmemory_policy: MaxmemoryPolicy::from_word(v.choice("maxmemory-policy")),
            maxmemory_samples: v.int("maxmemory-samples") as u32,
            maxmemory_eviction_tenacity: v.int("maxmemory-eviction-tenacity") as u32,
            maxmemory_clients: v.amount("maxmemory-clients"),
            lfu_log_factor: v.int("lfu-log-factor") as u32,
            lfu_decay_time: v.int("lfu-decay-time") as u32,
            slowlog_log_slower_than: v.int("slowlog-log-slower-than"),
            slowlog_max_len: v.int("slowlog-max-len") as usize,
            latency_monitor_threshold_ms: v.int("latency-monitor-threshold") as u64,
            latency_tracking: v.bool("latency-tracking"),
            latency_percentiles: v.words("latency-tracking-info-percentiles").to_vec(),
            lazyfree_lazy_user_del: v.bool("lazyfree-lazy-user-del"),
            lazyfree_lazy_user_flush: v.bool("lazyfree-lazy-user-flush"),
            hz: v.int("hz") as u32,
            hash_max_listpack: v.encoding("hash-max-listpack-entries", "hash-max-listpack-value"),
            list_max_listpack_size: v.int("list-max-listpack-size"),
            set_max_listpack: v.encoding("set-max-listpack-entries", "set-max-listpack-value"),
            set_max_intset_entries: v.int("set-max-intset-entries") as u64,
            zset_max_listpack: v.encoding("zset-max-listpack-entries", "zset-max-listpack-value"),
            sessions: SessionSettings {
                lock_max_hold_s: v.int("session-lock-max-hold") as u64,
                max_waiters: v.int("session-max-waiters") as u64,
                max_locks_per_client: v.int("session-max-locks-per-client") as u64,
                tombstone_ttl_s: v.int("session-tombstone-ttl") as u64,
                restart_lease_s: v.int("session-restart-lease") as u64,
                fair_after: v.int("session-fair-after") as u64,
                fair_window_ms: v.int("session-fair-window") as u64,
            },
        }
    }

    /// Whether the server may listen as configured; `has_password`: whether the default user, which
    /// every connection is at first, has to give one.
    pub fn exposure(&self, has_password: bool) -> Exposure {
        // A port for TLS is as reachable as one without.
        let port = if self.port == 0 { self.tls.port } else { self.port };
        exposure(port, &self.bind, self.protected_mode, has_password)
    }
}

/// Values by name and type. Names and types are those of the table's own rows, so that a miss is a
/// mistake in this file, which any test that builds a configuration finds.
struct Lookup<F>(F);

impl<'a, F: Fn(&str) -> &'a Value> Lookup<F> {
    fn bool(&self, name: &str) -> bool {
        matches!((self.0)(name), Value::Bool(true))
    }

    fn int(&self, name: &str) -> i64 {
        match (self.0)(name) {
            Value::Int(number) => *number,
            _ => unreachable!("{name} is a number"),
        }
    }

    fn bytes(&self, name: &str) -> ByteCount {
        match (self.0)(name) {
            Value::Memory(bytes) => *bytes,
            _ => unreachable!("{name} is a size"),
        }
    }

    fn amount(&self, name: &str) -> Amount {
        match (self.0)(name) {
            Value::Amount(amount) => *amount,
            _ => unreachable!("{name} is a size or a share"),
        }
    }

    fn text(&self, name: &str) -> &'a str {
        match (self.0)(name) {
            Value::Text(text) => text,
            _ => unreachable!("{name} is text"),
        }
    }

    fn choice(&self, name: &str) -> &'static str {
        match (self.0)(name) {
            Value::Choice(word) => word,
            _ => unreachable!("{name} is one of some words"),
        }
    }

    fn words(&self, name: &str) -> &'a [String] {
        match (self.0)(name) {
            Value::Words(words) => words,
            _ => unreachable!("{name} is a list"),
        }
    }

    fn three(&self, name: &str) -> [i32; 3] {
        let numbers: Vec<i32> = self.words(name).iter().filter_map(|n| n.parse().ok()).collect();
        numbers.try_into().unwrap_or_else(|_| unreachable!("{name} is three numbers"))
    }

    fn secret(&self, name: &str) -> Secret {
        match (self.0)(name) {
            Value::Secret(secret) => secret.clone(),
            _ => unreachable!("{name} is a secret"),
        }
    }

    fn lines(&self, name: &str) -> &'a [Vec<Secret>] {
        match (self.0)(name) {
            Value::Lines(lines) => lines,
            _ => unreachable!("{name} is of the file only"),
        }
    }

    fn octal(&self, name: &str) -> Option<u32> {
        match (self.0)(name) {
            Value::Octal(bits) => Some(*bits).filter(|bits| *bits > 0),
            _ => unreachable!("{name} is octal"),
        }
    }

    fn output_limits(&self, name: &str) -> OutputLimits {
        match (self.0)(name) {
            Value::Output(limits) => *limits,
            _ => unreachable!("{name} is output limits"),
        }
    }

    fn save_points(&self, name: &str) -> Vec<SavePoint> {
        match (self.0)(name) {
            Value::Save(points) => points.clone(),
            _ => unreachable!("{name} is save points"),
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(PathBuf::from)
    }

    fn seconds(&self, name: &str) -> Option<Duration> {
        Some(self.int(name) as u64).filter(|seconds| *seconds > 0).map(Duration::from_secs)
    }

    fn encoding(&self, entries: &str, value: &str) -> EncodingLimits {
        EncodingLimits { entries: self.int(entries) as u64, value: self.bytes(value) }
    }
}
