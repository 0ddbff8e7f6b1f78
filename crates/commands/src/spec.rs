//! One command's row: everything that the rest of the server derives from it.

use smallvec::SmallVec;

use crate::args::Args;
use crate::context::{CommandResult, Context};
use crate::error::CommandError;

/// A command or subcommand. Write rows with `..CommandSpec::NEW` for what is at its default.
pub struct CommandSpec {
    /// Lower-case name; for a subcommand the word after the container's name.
    pub name: &'static str,
    /// One sentence, ending in a full stop.
    pub summary: &'static str,
    /// Version of Redis that introduced it.
    pub since: &'static str,
    /// Where the documentation files it.
    pub group: Group,
    /// Time complexity as documented.
    pub complexity: &'static str,
    /// How many arguments it takes, the name(s) included.
    pub arity: Arity,
    /// What it does, for gates, ACL categories and `COMMAND INFO`.
    pub flags: Flags,
    /// ACL categories beside those that follow from the group and flags.
    pub categories: Categories,
    /// Which arguments are keys.
    pub keys: Keys,
    /// Which arguments are channels, for access control.
    pub channels: ChannelUse,
    /// Which shards it needs while it runs.
    pub locks: Locks,
    /// Command tips as `COMMAND INFO` lists them.
    pub tips: &'static [&'static str],
    /// How it differs from Redis's, if it does: one sentence for the reference.
    pub note: &'static str,
    /// Subcommands; the container's own `run` is never called then.
    pub subcommands: &'static [CommandSpec],
    /// The behaviour.
    pub run: fn(&mut Context<'_, '_>, &mut Args<'_>) -> CommandResult,
}

impl CommandSpec {
    /// The defaults: a command without keys, flags or subcommands. It must be given a `run`.
    pub const NEW: CommandSpec = CommandSpec {
        name: "",
        summary: "",
        since: "1.0.0",
        group: Group::Generic,
        complexity: "O(1)",
        arity: Arity::exactly(1),
        flags: Flags::NONE,
        categories: Categories::NONE,
        keys: Keys::NONE,
        channels: ChannelUse::None,
        locks: Locks::Keys,
        tips: &[],
        note: "",
        subcommands: &[],
        run: |cx, _| {
            let _ = cx;
            Err(CommandError::UnknownSubcommandOfContainer)
        },
    };

    /// Documentation page of the command, the source of its semantics.
    pub fn documentation(&self) -> String {
        format!("https://redis.io/docs/latest/commands/{}/", self.name)
    }

    /// The ACL categories, derived from the group, the flags and the row's own.
    pub fn categories(&self) -> Categories {
        let mut all = self.categories;
        let by_flag = [
            (Flags::WRITE, Categories::WRITE),
            (Flags::ADMIN, Categories::ADMIN.union(Categories::DANGEROUS)),
            (Flags::PUBSUB, Categories::PUBSUB),
            (Flags::FAST, Categories::FAST),
            (Flags::BLOCKING, Categories::BLOCKING),
        ];
        for (flag, category) in by_flag {
            if self.flags.contains(flag) {
                all = all.union(category);
            }
        }
        if self.flags.contains(Flags::READONLY) && !all.contains(Categories::SCRIPTING) {
            all = all.union(Categories::READ);
        }
        if !self.flags.contains(Flags::FAST) {
            all = all.union(Categories::SLOW);
        }
        all
    }
}

/// How many arguments a command takes, its name included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arity {
    min: usize,
    max: usize,
}

impl Arity {
    /// Exactly `n`.
    pub const fn exactly(n: usize) -> Arity {
        Arity { min: n, max: n }
    }

    /// `n` or more.
    pub const fn at_least(n: usize) -> Arity {
        Arity { min: n, max: usize::MAX }
    }

    /// Whether `n` arguments fit.
    pub fn accepts(self, n: usize) -> bool {
        (self.min..=self.max).contains(&n)
    }

    /// As the protocol has it: negative for "at least".
    pub fn wire(self) -> i64 {
        if self.min == self.max { self.min as i64 } else { -(self.min as i64) }
    }
}

macro_rules! bit_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$flag_doc:meta])* $flag:ident = $bit:literal $wire:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(u64);

        impl $name {
            /// The empty set.
            pub const NONE: $name = $name(0);
            $($(#[$flag_doc])* pub const $flag: $name = $name(1 << $bit);)*

            /// Both sets' members.
            #[must_use]
            pub const fn union(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            /// Whether all members of `other` are in this set.
            pub const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            /// The members' names on the wire, in the protocol's order; internal ones are left out.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                [$(($name::$flag, $wire)),*]
                    .into_iter()
                    .filter(move |(flag, wire)| self.contains(*flag) && !wire.is_empty())
                    .map(|(_, wire)| wire)
            }

            /// The names of all members on the wire, in the protocol's order.
            pub fn all_names() -> impl Iterator<Item = &'static str> {
                [$($wire),*].into_iter().filter(|wire| !wire.is_empty())
            }

            /// The member with this name on the wire.
            pub fn named(name: &str) -> Option<$name> {
                [$(($name::$flag, $wire)),*]
                    .into_iter()
                    .find(|(_, wire)| !wire.is_empty() && *wire == name)
                    .map(|(flag, _)| flag)
            }
        }
    };
}

bit_set! {
    /// What a command does (`COMMAND INFO`'s flags). An empty wire name marks an internal flag.
    Flags {
        /// May change data.
        WRITE = 0 "write",
        /// Reads data and never changes it.
        READONLY = 1 "readonly",
        /// Refused when `maxmemory` is reached.
        DENYOOM = 2 "denyoom",
        /// An operator's command.
        ADMIN = 3 "admin",
        /// Publish and subscribe.
        PUBSUB = 4 "pubsub",
        /// Not from scripts.
        NOSCRIPT = 5 "noscript",
        /// May park the client.
        BLOCKING = 6 "blocking",
        /// Allowed while data is loaded.
        LOADING = 7 "loading",
        /// Allowed on a stale replica.
        STALE = 8 "stale",
        /// Not shown in MONITOR.
        SKIP_MONITOR = 9 "skip_monitor",
        /// Not put into the slow log.
        SKIP_SLOWLOG = 10 "skip_slowlog",
        /// O(1) or O(log n).
        FAST = 11 "fast",
        /// Allowed before authentication.
        NO_AUTH = 12 "no_auth",
        /// No key is named though it may touch some.
        NO_MANDATORY_KEYS = 18 "no_mandatory_keys",
        /// Not while data is loaded in the background.
        NO_ASYNC_LOADING = 17 "no_async_loading",
        /// Not inside MULTI.
        NO_MULTI = 15 "no_multi",
        /// Its keys cannot be told by first, last and step.
        MOVABLEKEYS = 16 "movablekeys",
        /// Allowed while a script exceeds its time.
        ALLOW_BUSY = 14 "allow_busy",
        /// May be replicated though it is no write (EVAL); Redis does not show it.
        MAY_REPLICATE = 13 "",
        /// Needs the Lua interpreter (internal).
        SCRIPT = 40 "",
        /// Runs at once inside MULTI instead of being queued (internal).
        NOT_QUEUED = 41 "",
        /// Changes no data set although it may take long (internal): not journalled.
        NOT_JOURNALLED = 42 "",
        /// Changes nothing but locks (internal): its reply waits for the log to be written, under
        /// `appendfsync always` too, not for the sync. A lock means nothing after a power loss.
        LOCKS_ONLY = 43 "",
        /// Its reply waits for the records of what it read, not for its own (internal): a lock that is
        /// lost with the process costs no update (decision 0022).
        UNAWAITED = 45 "",
        /// Only where `enable-<name>-command` allows it (internal).
        GUARDED = 44 "",
    }
}

bit_set! {
    /// ACL categories, without the leading `@`.
    Categories {
        /// Keyspace commands that are not tied to a type.
        KEYSPACE = 0 "keyspace",
        /// Reads.
        READ = 1 "read",
        /// Writes.
        WRITE = 2 "write",
        /// Sets.
        SET = 3 "set",
        /// Sorted sets.
        SORTEDSET = 4 "sortedset",
        /// Lists.
        LIST = 5 "list",
        /// Hashes.
        HASH = 6 "hash",
        /// Strings.
        STRING = 7 "string",
        /// Bitmaps.
        BITMAP = 8 "bitmap",
        /// HyperLogLog.
        HYPERLOGLOG = 9 "hyperloglog",
        /// Geo.
        GEO = 10 "geo",
        /// Streams.
        STREAM = 11 "stream",
        /// Publish and subscribe.
        PUBSUB = 12 "pubsub",
        /// Operators' commands.
        ADMIN = 13 "admin",
        /// O(1) and O(log n).
        FAST = 14 "fast",
        /// All others.
        SLOW = 15 "slow",
        /// May park the client.
        BLOCKING = 16 "blocking",
        /// Best kept from applications.
        DANGEROUS = 17 "dangerous",
        /// Connections.
        CONNECTION = 18 "connection",
        /// Transactions.
        TRANSACTION = 19 "transaction",
        /// Scripts.
        SCRIPTING = 20 "scripting",
        /// PHP sessions (Guarda's own).
        SESSION = 21 "session",
    }
}

/// The documentation's groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the documentation's own group names")]
pub enum Group {
    Generic,
    String,
    Hash,
    List,
    Set,
    SortedSet,
    Connection,
    Server,
    Transactions,
    Scripting,
    PubSub,
    Session,
    Cluster,
}

impl Group {
    /// The name in `COMMAND DOCS`.
    pub fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::Hash => "hash",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Transactions => "transactions",
            Group::Scripting => "scripting",
            Group::PubSub => "pubsub",
            Group::Session => "session",
            Group::Cluster => "cluster",
        }
    }
}

/// Which arguments are keys, and what happens to them.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// Where they are.
    pub positions: KeyPositions,
    /// What the command does with them (`COMMAND INFO`'s key specification flags).
    pub access: KeyAccess,
    /// From which argument on it does something else with them, and what (RENAME's new name).
    pub then: Option<(usize, KeyAccess)>,
    /// With this word in the place of the first there are none (SESSION KILL TAG).
    pub unless: Option<&'static str>,
}

/// Where a command's keys are among its arguments (the name is argument 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPositions {
    /// There are none.
    None,
    /// From `first` to `last` (negative: from the end) by `step`.
    Range {
        /// First key.
        first: usize,
        /// Last key; -1 is the last argument.
        last: isize,
        /// Distance.
        step: usize,
    },
    /// Argument `at` says how many follow it.
    Counted {
        /// Where the count is.
        at: usize,
    },
    /// The first argument, where a result goes, and as many as argument 2 says, after it.
    StoreCounted,
    /// The first argument, the one after the last `STORE` if there may be one, and others that
    /// follow from the value (SORT).
    Sorted {
        /// Whether STORE is an option.
        stores: bool,
    },
}

/// What a command does with its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyAccess(pub &'static [&'static str]);

impl KeyAccess {
    /// Reads the value.
    pub const READ: KeyAccess = KeyAccess(&["RO", "access"]);
    /// Looks at the key, not its value.
    pub const PEEK: KeyAccess = KeyAccess(&["RO"]);
    /// Reads and changes the value.
    pub const UPDATE: KeyAccess = KeyAccess(&["RW", "access", "update"]);
    /// Changes the value without returning it.
    pub const CHANGE: KeyAccess = KeyAccess(&["RW", "update"]);
    /// Adds to the value.
    pub const INSERT: KeyAccess = KeyAccess(&["RW", "insert"]);
    /// Removes from the value.
    pub const DELETE: KeyAccess = KeyAccess(&["RW", "delete"]);
    /// Removes from the value and returns what was removed.
    pub const TAKE: KeyAccess = KeyAccess(&["RW", "access", "delete"]);
    /// Replaces the value.
    pub const OVERWRITE: KeyAccess = KeyAccess(&["OW", "update"]);
    /// Stores a value where there was none.
    pub const NEW: KeyAccess = KeyAccess(&["OW", "insert"]);
    /// Removes the key.
    pub const REMOVE: KeyAccess = KeyAccess(&["RM", "delete"]);
}

impl Keys {
    /// No keys.
    pub const NONE: Keys =
        Keys { positions: KeyPositions::None, access: KeyAccess(&[]), then: None, unless: None };

    /// One key at argument `position`.
    pub const fn at(position: usize, access: KeyAccess) -> Keys {
        Keys::range(position, position as isize, 1, access)
    }

    /// Keys from `first` to `last` by `step`.
    pub const fn range(first: usize, last: isize, step: usize, access: KeyAccess) -> Keys {
        Keys { positions: KeyPositions::Range { first, last, step }, access, ..Keys::NONE }
    }

    /// As many keys as argument `at` says, right after it.
    pub const fn counted(at: usize, access: KeyAccess) -> Keys {
        Keys { positions: KeyPositions::Counted { at }, access, ..Keys::NONE }
    }

    /// The first argument, to be overwritten, and as many keys as argument 2 says, after it, to
    /// be read (ZUNIONSTORE).
    pub const STORE_COUNTED: Keys = Keys {
        positions: KeyPositions::StoreCounted,
        access: KeyAccess::OVERWRITE,
        then: Some((3, KeyAccess::READ)),
        ..Keys::NONE
    };

    /// SORT's: the first is read, the one after STORE overwritten.
    pub const SORT: Keys = Keys {
        positions: KeyPositions::Sorted { stores: true },
        access: KeyAccess::READ,
        then: Some((2, KeyAccess::OVERWRITE)),
        ..Keys::NONE
    };

    /// SORT_RO's: the first is read.
    pub const SORT_RO: Keys = Keys {
        positions: KeyPositions::Sorted { stores: false },
        access: KeyAccess::READ,
        ..Keys::NONE
    };

    /// The same keys, those from argument `at` on treated otherwise.
    #[must_use]
    pub const fn then(self, at: usize, access: KeyAccess) -> Keys {
        Keys { then: Some((at, access)), ..self }
    }

    /// The same keys, and none where `word` (upper case) stands in the place of the first.
    #[must_use]
    pub const fn unless(self, word: &'static str) -> Keys {
        Keys { unless: Some(word), ..self }
    }

    /// What the command does with its `index`th key.
    pub fn access_of(&self, index: usize) -> KeyAccess {
        let position = match self.positions {
            KeyPositions::Range { first, step, .. } => first + index * step,
            KeyPositions::StoreCounted if index > 0 => 2 + index,
            KeyPositions::StoreCounted => 1,
            KeyPositions::Sorted { .. } => 1 + index,
            KeyPositions::None | KeyPositions::Counted { .. } => 0,
        };
        match self.then {
            Some((at, access)) if position >= at => access,
            _ => self.access,
        }
    }

    /// The keys among `args`, as far as they are there: malformed calls give fewer, and the
    /// command itself then finds the error.
    pub fn of<'a>(&self, args: &[&'a [u8]]) -> SmallVec<[&'a [u8]; 4]> {
        match self.positions {
            KeyPositions::None => SmallVec::new(),
            KeyPositions::Range { first, .. }
                if self.unless.is_some_and(|word| {
                    args.get(first).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
                }) =>
            {
                SmallVec::new()
            }
            KeyPositions::Range { first, last, step } => {
                let end = if last < 0 {
                    args.len().saturating_sub(last.unsigned_abs() - 1)
                } else {
                    args.len().min(last as usize + 1)
                };
                args.get(first..end).unwrap_or(&[]).iter().step_by(step).copied().collect()
            }
            KeyPositions::Counted { at } => counted(args, at).iter().copied().collect(),
            KeyPositions::StoreCounted => {
                let counted = counted(args, 2);
                let first = if counted.is_empty() { &[] } else { &args[1..2] };
                first.iter().chain(counted).copied().collect()
            }
            KeyPositions::Sorted { stores } => {
                let options = args.get(2..).unwrap_or(&[]);
                let store = options.iter().rposition(|word| word.eq_ignore_ascii_case(b"STORE"));
                let stored = store.filter(|_| stores).and_then(|at| options.get(at + 1));
                args.get(1).into_iter().chain(stored).copied().collect()
            }
        }
    }
}

/// Which of a command's arguments are channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelUse {
    /// None.
    None,
    /// The first argument (PUBLISH).
    First,
    /// All of them (SUBSCRIBE).
    All,
    /// All of them, as patterns (PSUBSCRIBE).
    Patterns,
}

impl ChannelUse {
    /// The channels or patterns among `args`.
    pub fn of<'s, 'a>(self, args: &'s [&'a [u8]]) -> &'s [&'a [u8]] {
        let end = match self {
            ChannelUse::None => 1,
            ChannelUse::First => 2,
            ChannelUse::All | ChannelUse::Patterns => args.len(),
        };
        args.get(1..end.min(args.len())).unwrap_or_default()
    }
}

/// As many arguments as argument `at` says, after it; none if there are not so many.
fn counted<'s, 'a>(args: &'s [&'a [u8]], at: usize) -> &'s [&'a [u8]] {
    let count = args.get(at).and_then(|n| guarda_resp::number::parse_i64(n)).unwrap_or(0);
    let end = (at + 1).saturating_add(usize::try_from(count).unwrap_or(0));
    args.get(at + 1..end).unwrap_or(&[])
}

/// Which shards a command needs while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locks {
    /// Those of its keys.
    Keys,
    /// None; it may walk shard by shard (SCAN, KEYS, DBSIZE).
    Walk,
    /// Those of its keys; without keys it walks (SESSION KILL TAG).
    KeysOrWalk,
    /// Those of its keys; all that it touches, at first touch, if it reads keys by patterns (SORT).
    KeysAndPatterns,
    /// All (FLUSHALL).
    All,
    /// Those of the queued commands and watched keys (EXEC).
    Transaction,
}
