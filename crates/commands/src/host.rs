//! What the server lends to commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use guarda_store::{Keyspace, ListLimits, Locked, PackedLimits, Remains, SetLimits, UnixMillis};

use crate::acl::Users;
use crate::client::ClientCard;
use crate::context::{CommandResult, Context};
use crate::diagnostics::Diagnostics;
use crate::effects::{Effects, Records};
use crate::error::CommandError;
use crate::memory::MemoryReport;
use crate::observations::Observations;
use crate::overview::Overview;
use crate::pause::Pause;
use crate::pubsub::{Addressed, PubSub};
use crate::renames::Renames;
use crate::sessions::SessionLimits;
use crate::waits::Ticket;

/// The append log as commands see it.
pub trait Log: Sync {
    /// Takes the records of one command, transaction or script (several of a group are one MULTI…EXEC) and
    /// returns the sequence number that stands for them. Called under the shard locks.
    fn append(&self, records: &Records) -> u64;
}

/// Limits that commands consult and CONFIG SET changes.
#[derive(Debug)]
#[allow(missing_docs, reason = "named after the directives")]
pub struct Settings {
    pub hash_max_listpack_entries: AtomicUsize,
    pub hash_max_listpack_value: AtomicUsize,
    pub list_max_listpack_size: AtomicI64,
    pub set_max_intset_entries: AtomicUsize,
    pub set_max_listpack_entries: AtomicUsize,
    pub set_max_listpack_value: AtomicUsize,
    pub zset_max_listpack_entries: AtomicUsize,
    pub zset_max_listpack_value: AtomicUsize,
    pub proto_max_bulk_len: AtomicUsize,
    /// The hard limit of `client-output-buffer-limit normal`; 0: there is none.
    pub output_hard_max: AtomicUsize,
    /// Whether Redis would share small integers: not where a policy goes by when or how often each key is used.
    pub shares_integers: AtomicBool,
    pub lazyfree_lazy_user_del: AtomicBool,
    pub lazyfree_lazy_user_flush: AtomicBool,
    /// DEBUG SET-DISABLE-DENY-SCRIPTS: scripts may call DEBUG.
    pub scripts_may_debug: AtomicBool,
    /// DEBUG SET-SKIP-CHECKSUM-VALIDATION: what is loaded or restored is not held to its checksum.
    pub skips_checksums: AtomicBool,
    /// Those of sessions.
    pub sessions: SessionLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            hash_max_listpack_entries: AtomicUsize::new(512),
            hash_max_listpack_value: AtomicUsize::new(64),
            list_max_listpack_size: AtomicI64::new(-2),
            set_max_intset_entries: AtomicUsize::new(512),
            set_max_listpack_entries: AtomicUsize::new(128),
            set_max_listpack_value: AtomicUsize::new(64),
            zset_max_listpack_entries: AtomicUsize::new(128),
            zset_max_listpack_value: AtomicUsize::new(64),
            proto_max_bulk_len: AtomicUsize::new(512 << 20),
            output_hard_max: AtomicUsize::new(0),
            shares_integers: AtomicBool::new(true),
            lazyfree_lazy_user_del: AtomicBool::new(false),
            lazyfree_lazy_user_flush: AtomicBool::new(false),
            scripts_may_debug: AtomicBool::new(false),
            skips_checksums: AtomicBool::new(false),
            sessions: SessionLimits::default(),
        }
    }
}

impl Settings {
    /// When a hash leaves its small form.
    pub fn hash_limits(&self) -> PackedLimits {
        PackedLimits {
            entries_max: self.hash_max_listpack_entries.load(Ordering::Relaxed),
            item_len_max: self.hash_max_listpack_value.load(Ordering::Relaxed),
        }
    }

    /// How large a block of a list becomes.
    pub fn list_limits(&self) -> ListLimits {
        ListLimits::new(self.list_max_listpack_size.load(Ordering::Relaxed))
    }

    /// When a set leaves its small forms.
    pub fn set_limits(&self) -> SetLimits {
        SetLimits {
            ints_max: self.set_max_intset_entries.load(Ordering::Relaxed),
            packed: PackedLimits {
                entries_max: self.set_max_listpack_entries.load(Ordering::Relaxed),
                item_len_max: self.set_max_listpack_value.load(Ordering::Relaxed),
            },
        }
    }

    /// When a sorted set leaves its small form.
    pub fn sorted_set_limits(&self) -> PackedLimits {
        PackedLimits {
            entries_max: self.zset_max_listpack_entries.load(Ordering::Relaxed),
            item_len_max: self.zset_max_listpack_value.load(Ordering::Relaxed),
        }
    }

    /// Longest string a command may make.
    pub fn string_len_max(&self) -> usize {
        self.proto_max_bulk_len.load(Ordering::Relaxed)
    }
}

/// Why CONFIG SET changed nothing: the wire text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSetRejected(pub String);

/// How SHUTDOWN was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ShutdownMode {
    /// SAVE or NOSAVE; `None`: as the configuration says.
    pub save: Option<bool>,
    /// NOW.
    pub now: bool,
    /// FORCE.
    pub force: bool,
}

/// One EVAL or EVALSHA.
pub struct ScriptCall<'a> {
    /// The script's text, or its SHA-1 in hexadecimal.
    pub script: ScriptRef<'a>,
    /// KEYS.
    pub keys: &'a [&'a [u8]],
    /// ARGV.
    pub args: &'a [&'a [u8]],
    /// The `_RO` variants.
    pub read_only: bool,
}

/// How a script is named.
#[derive(Clone, Copy)]
pub enum ScriptRef<'a> {
    /// By its text.
    Text(&'a [u8]),
    /// By the SHA-1 of its text, 40 hexadecimal digits in any case.
    Sha1(&'a [u8]),
}

/// The script engine.
pub trait Scripting: Sync {
    /// Compiles and keeps a script; returns its SHA-1.
    fn load(&self, text: &[u8]) -> Result<String, CommandError>;
    /// Whether a script with this SHA-1 (any case) is kept.
    fn is_known(&self, sha1: &[u8]) -> bool;
    /// Whether a script says of itself that it writes nothing.
    fn declares_no_writes(&self, _script: ScriptRef<'_>) -> bool {
        false
    }
    /// Forgets all scripts.
    fn flush(&self);
    /// Runs a script and writes its reply. The caller holds the exclusive lock.
    fn eval(&self, cx: &mut Context<'_, '_>, call: &ScriptCall<'_>) -> CommandResult;
    /// Asks the running script to end (SCRIPT KILL).
    fn kill(&self) -> Result<(), CommandError>;
    /// Numbers for INFO. Waits for no script.
    fn statistics(&self) -> ScriptStatistics {
        ScriptStatistics::default()
    }
}

/// What INFO tells of scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScriptStatistics {
    /// Scripts that EVALSHA may name.
    pub scripts: usize,
    /// Bytes of their texts.
    pub scripts_bytes: usize,
    /// Bytes the interpreter held after the last script.
    pub interpreter_bytes: usize,
}

/// What a host without files, sockets or a system around it answers.
const UNSUPPORTED: CommandError = CommandError::text("ERR this server cannot do that");

/// The server, as far as commands need it. Methods with a body are for hosts that are more than data.
pub trait Host: Sync {
    /// The data.
    fn keyspace(&self) -> &Keyspace;
    /// The append log, if one is kept.
    fn log(&self) -> Option<&dyn Log>;
    /// Configurable limits.
    fn settings(&self) -> &Settings;
    /// The script engine.
    fn scripting(&self) -> &dyn Scripting;
    /// What DEBUG does to the server, if this is one that lets it.
    fn diagnostics(&self) -> Option<&dyn Diagnostics> {
        None
    }
    /// Whether this client may use commands that are [`GUARDED`](crate::Flags::GUARDED).
    fn allows_guarded(&self, _client: &ClientCard) -> bool {
        false
    }
    /// The users and what they may do.
    fn users(&self) -> &Users;
    /// Who listens to what.
    fn pubsub(&self) -> &PubSub;
    /// CLIENT PAUSE.
    fn pause(&self) -> &Pause;
    /// The pause is over: has those go on who waited for that.
    fn end_pause(&self) {}
    /// Sends messages to those they are addressed to, once the log has reached `seq`. Called by one
    /// thread at a time, in the order of the log; a host without connections sends nothing.
    fn spread(&self, _messages: Vec<Addressed>, _seq: u64) {}
    /// Commands that go by other names, if any do.
    fn renames(&self) -> Option<&Renames> {
        None
    }
    /// ACL LOAD: takes over the users of the configured file.
    fn load_users(&self) -> Result<(), CommandError> {
        Err(UNSUPPORTED)
    }
    /// ACL SAVE: writes the users to the configured file.
    fn save_users(&self) -> Result<(), CommandError> {
        Err(UNSUPPORTED)
    }
    /// A user was made or changed: subscriptions that it may no longer have end.
    fn user_changed(&self, _name: &[u8]) {}
    /// Random bytes that nobody can guess (ACL GENPASS).
    fn fill_random(&self, _bytes: &mut [u8]) -> Result<(), CommandError> {
        Err(UNSUPPORTED)
    }
    /// Makes room for a command that is about to run, by evicting keys if the policy says so; false if
    /// memory is beyond `maxmemory` all the same. Called while no shard is held.
    fn make_room(&self) -> bool;
    /// Why writes are refused at the moment (MISCONF…), if they are.
    fn refuses_writes(&self) -> Option<CommandError>;
    /// Whether data is still being loaded.
    fn is_loading(&self) -> bool;
    /// CONFIG GET: names and values that match any of the patterns.
    fn config_get(&self, patterns: &[&[u8]]) -> Vec<(String, String)>;
    /// CONFIG SET, sent by this client: all of the pairs or none.
    fn config_set(
        &self,
        pairs: &[(&[u8], &[u8])],
        client: &ClientCard,
    ) -> Result<(), ConfigSetRejected>;
    /// CONFIG REWRITE.
    fn config_rewrite(&self) -> Result<(), CommandError> {
        Err(UNSUPPORTED)
    }
    /// What is observed of commands.
    fn observations(&self) -> &Observations;
    /// Adds what this thread has counted to what INFO shows, before its turn ends.
    fn collect(&self, _effects: &mut Effects) {}
    /// CONFIG RESETSTAT.
    fn config_reset_statistics(&self);
    /// INFO's text for these sections (lower case; empty: the default ones).
    fn info(&self, sections: &[String], overview: &Overview) -> String;
    /// What is known of memory; `overview` tells of the keys.
    fn memory(&self, overview: &Overview) -> MemoryReport {
        let mut report = MemoryReport::default();
        report.note_tables(overview);
        report
    }
    /// MEMORY PURGE.
    fn purge_memory(&self) {}
    /// MEMORY MALLOC-STATS.
    fn allocator_report(&self) -> String {
        "Stats not supported for the current allocator".to_owned()
    }
    /// All clients, by rising id.
    fn clients(&self) -> Vec<Arc<ClientCard>>;
    /// Has a client's connection closed.
    fn kill_client(&self, id: u64);
    /// Frees what was removed while no client waits for that; at once, if there is no other thread.
    fn free_later(&self, _remains: Remains) {}
    /// SAVE: writes the RDB file and returns when it is durable.
    fn save(&self) -> Result<(), CommandError>;
    /// After a FLUSHALL, under all shards: brings the RDB file in line where the server saves by itself, and
    /// says whether it has.
    fn save_flushed(&self, _locked: &mut Locked<'_>) -> bool {
        false
    }
    /// Tells the operator that a payload (RESTORE) was damaged behind a good checksum.
    fn note_refused_payload(&self, _why: &str) {}
    /// BGSAVE; `schedule` waits for a rewrite in progress. Returns the status text.
    fn background_save(&self, schedule: bool) -> Result<&'static str, CommandError>;
    /// BGREWRITEAOF. Returns the status text.
    fn background_rewrite(&self) -> Result<&'static str, CommandError>;
    /// LASTSAVE, in Unix seconds.
    fn last_save(&self) -> i64;
    /// SHUTDOWN: returns only if it could not be begun.
    fn shutdown(&self, mode: ShutdownMode) -> Result<(), CommandError>;
    /// SHUTDOWN ABORT.
    fn abort_shutdown(&self) -> Result<(), CommandError>;
    /// Wall clock in microseconds (TIME).
    fn now_micros(&self) -> i64;
    /// The time a command starts at.
    fn now(&self) -> UnixMillis;
    /// A clock that never jumps, for leases and waits.
    fn monotonic(&self) -> Duration;
    /// Whether the append log is on the disk up to this sequence number.
    fn is_synced(&self, _seq: u64) -> bool {
        true
    }
    /// Has a client's wait end once that is so.
    fn await_sync(&self, _client: u64, _ticket: &Arc<Ticket>, _seq: u64) {}
    /// Ends a parked client's wait with this reply, which depends on journal record `seq`. Called
    /// under a shard's lock, once the client was marked as served; one that has gone by now is
    /// nobody's concern: the end of its connection frees its locks.
    fn deliver(&self, client: u64, reply: Vec<u8>, seq: u64);
    /// Asks for [`tend_shard`](crate::tend_shard) of this shard once `at` has come, by
    /// [`Host::monotonic`]. Called under the shard's lock.
    fn tend_later(&self, shard: usize, at: Duration);
}
