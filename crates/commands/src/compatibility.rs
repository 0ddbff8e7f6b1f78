//! Every command of Redis 7.2, and whether it is here: the table in COMPAT.md.

use std::fmt::Write as _;

use crate::table::table;

/// Commands of Redis 7.2 that belong together.
struct Part {
    title: &'static str,
    /// When those that are missing come.
    plan: &'static str,
    names: &'static [&'static str],
}

const THIRD: &str = "planned, with Redis's other everyday types and operations";
const LATER: &str = "planned, after the everyday types";

/// All 242 commands of Redis 7.2, SENTINEL included.
const REDIS_7_2: &[Part] = &[
    Part {
        title: "Connection",
        plan: THIRD,
        names: &["auth", "client", "echo", "hello", "ping", "quit", "reset", "select"],
    },
    Part {
        title: "Keys of any type",
        plan: THIRD,
        names: &[
            "copy",
            "del",
            "dump",
            "exists",
            "expire",
            "expireat",
            "expiretime",
            "keys",
            "migrate",
            "move",
            "object",
            "persist",
            "pexpire",
            "pexpireat",
            "pexpiretime",
            "pttl",
            "randomkey",
            "rename",
            "renamenx",
            "restore",
            "scan",
            "sort",
            "sort_ro",
            "touch",
            "ttl",
            "type",
            "unlink",
            "wait",
            "waitaof",
        ],
    },
    Part {
        title: "Strings",
        plan: THIRD,
        names: &[
            "append",
            "decr",
            "decrby",
            "get",
            "getdel",
            "getex",
            "getrange",
            "getset",
            "incr",
            "incrby",
            "incrbyfloat",
            "lcs",
            "mget",
            "mset",
            "msetnx",
            "psetex",
            "set",
            "setex",
            "setnx",
            "setrange",
            "strlen",
            "substr",
        ],
    },
    Part {
        title: "Hashes",
        plan: THIRD,
        names: &[
            "hdel",
            "hexists",
            "hget",
            "hgetall",
            "hincrby",
            "hincrbyfloat",
            "hkeys",
            "hlen",
            "hmget",
            "hmset",
            "hrandfield",
            "hscan",
            "hset",
            "hsetnx",
            "hstrlen",
            "hvals",
        ],
    },
    Part {
        title: "Lists",
        plan: THIRD,
        names: &[
            "blmove",
            "blmpop",
            "blpop",
            "brpop",
            "brpoplpush",
            "lindex",
            "linsert",
            "llen",
            "lmove",
            "lmpop",
            "lpop",
            "lpos",
            "lpush",
            "lpushx",
            "lrange",
            "lrem",
            "lset",
            "ltrim",
            "rpop",
            "rpoplpush",
            "rpush",
            "rpushx",
        ],
    },
    Part {
        title: "Sets",
        plan: THIRD,
        names: &[
            "sadd",
            "scard",
            "sdiff",
            "sdiffstore",
            "sinter",
            "sintercard",
            "sinterstore",
            "sismember",
            "smembers",
            "smismember",
            "smove",
            "spop",
            "srandmember",
            "srem",
            "sscan",
            "sunion",
            "sunionstore",
        ],
    },
    Part {
        title: "Sorted sets",
        plan: THIRD,
        names: &[
            "bzmpop",
            "bzpopmax",
            "bzpopmin",
            "zadd",
            "zcard",
            "zcount",
            "zdiff",
            "zdiffstore",
            "zincrby",
            "zinter",
            "zintercard",
            "zinterstore",
            "zlexcount",
            "zmpop",
            "zmscore",
            "zpopmax",
            "zpopmin",
            "zrandmember",
            "zrange",
            "zrangebylex",
            "zrangebyscore",
            "zrangestore",
            "zrank",
            "zrem",
            "zremrangebylex",
            "zremrangebyrank",
            "zremrangebyscore",
            "zrevrange",
            "zrevrangebylex",
            "zrevrangebyscore",
            "zrevrank",
            "zscan",
            "zscore",
            "zunion",
            "zunionstore",
        ],
    },
    Part {
        title: "Streams",
        plan: LATER,
        names: &[
            "xack",
            "xadd",
            "xautoclaim",
            "xclaim",
            "xdel",
            "xgroup",
            "xinfo",
            "xlen",
            "xpending",
            "xrange",
            "xread",
            "xreadgroup",
            "xrevrange",
            "xsetid",
            "xtrim",
        ],
    },
    Part {
        title: "Bitmaps",
        plan: LATER,
        names: &["bitcount", "bitfield", "bitfield_ro", "bitop", "bitpos", "getbit", "setbit"],
    },
    Part {
        title: "HyperLogLog",
        plan: LATER,
        names: &["pfadd", "pfcount", "pfdebug", "pfmerge", "pfselftest"],
    },
    Part {
        title: "Geo",
        plan: LATER,
        names: &[
            "geoadd",
            "geodist",
            "geohash",
            "geopos",
            "georadius",
            "georadius_ro",
            "georadiusbymember",
            "georadiusbymember_ro",
            "geosearch",
            "geosearchstore",
        ],
    },
    Part {
        title: "Publish and subscribe",
        plan: THIRD,
        names: &[
            "psubscribe",
            "publish",
            "pubsub",
            "punsubscribe",
            "spublish",
            "ssubscribe",
            "subscribe",
            "sunsubscribe",
            "unsubscribe",
        ],
    },
    Part {
        title: "Transactions",
        plan: THIRD,
        names: &["discard", "exec", "multi", "unwatch", "watch"],
    },
    Part {
        title: "Scripts",
        plan: LATER,
        names: &[
            "eval",
            "eval_ro",
            "evalsha",
            "evalsha_ro",
            "fcall",
            "fcall_ro",
            "function",
            "script",
        ],
    },
    Part {
        title: "Server",
        plan: THIRD,
        names: &[
            "acl",
            "bgrewriteaof",
            "bgsave",
            "command",
            "config",
            "dbsize",
            "debug",
            "flushall",
            "flushdb",
            "info",
            "lastsave",
            "latency",
            "lolwut",
            "memory",
            "module",
            "monitor",
            "save",
            "shutdown",
            "slowlog",
            "swapdb",
            "time",
        ],
    },
    Part {
        title: "Replication",
        plan: LATER,
        names: &["failover", "psync", "replconf", "replicaof", "role", "slaveof", "sync"],
    },
    Part {
        title: "Cluster and Sentinel",
        plan: LATER,
        names: &["asking", "cluster", "readonly", "readwrite", "restore-asking", "sentinel"],
    },
];

const OWN_CLUSTER: &str =
    "a Guarda is one machine: for many, Valkey Cluster or Redis Cluster is the answer";
const OPENS_CONNECTIONS: &str = "a server that connects to wherever a client says is a way into \
    networks; payloads of keys go through the client";
const INTERNAL: &str = "tests Redis's own insides";

/// Commands that will not come, and why.
const NEVER: &[(&str, &str)] = &[
    ("lolwut", "draws pictures"),
    ("migrate", OPENS_CONNECTIONS),
    ("pfdebug", INTERNAL),
    ("pfselftest", INTERNAL),
    ("restore-asking", OWN_CLUSTER),
    ("sentinel", "Sentinel is a program of its own, which can watch over a Guarda"),
];

/// Commands of later versions that are here, and where they come from.
const LATER_VERSIONS: &[(&str, &str)] =
    &[("delex", "Redis 8.4"), ("delifeq", "Valkey 9.0"), ("digest", "Redis 8.4")];

/// The subcommands that Redis 7.2 has of the containers that are here.
const SUBCOMMANDS: &[(&str, &[&str])] = &[
    (
        "acl",
        &[
            "cat", "deluser", "dryrun", "genpass", "getuser", "help", "list", "load", "log",
            "save", "setuser", "users", "whoami",
        ],
    ),
    (
        "cluster",
        &[
            "addslots",
            "addslotsrange",
            "bumpepoch",
            "count-failure-reports",
            "countkeysinslot",
            "delslots",
            "delslotsrange",
            "failover",
            "flushslots",
            "forget",
            "getkeysinslot",
            "help",
            "info",
            "keyslot",
            "links",
            "meet",
            "myid",
            "myshardid",
            "nodes",
            "replicas",
            "replicate",
            "reset",
            "saveconfig",
            "set-config-epoch",
            "setslot",
            "shards",
            "slaves",
            "slots",
        ],
    ),
    (
        "client",
        &[
            "caching",
            "getname",
            "getredir",
            "help",
            "id",
            "info",
            "kill",
            "list",
            "no-evict",
            "no-touch",
            "pause",
            "reply",
            "setinfo",
            "setname",
            "tracking",
            "trackinginfo",
            "unblock",
            "unpause",
        ],
    ),
    ("command", &["count", "docs", "getkeys", "getkeysandflags", "help", "info", "list"]),
    ("config", &["get", "help", "resetstat", "rewrite", "set"]),
    ("latency", &["doctor", "graph", "help", "histogram", "history", "latest", "reset"]),
    ("memory", &["doctor", "help", "malloc-stats", "purge", "stats", "usage"]),
    ("module", &["help", "list", "load", "loadex", "unload"]),
    ("object", &["encoding", "freq", "help", "idletime", "refcount"]),
    ("pubsub", &["channels", "help", "numpat", "numsub", "shardchannels", "shardnumsub"]),
    ("script", &["debug", "exists", "flush", "help", "kill", "load"]),
    ("slowlog", &["get", "help", "len", "reset"]),
];

/// Whether Redis 7.2 has a command of this name, in lower case, be it here or not.
pub(crate) fn is_redis_command(name: &str) -> bool {
    REDIS_7_2.iter().any(|part| part.names.contains(&name))
}

/// Whether a command of Redis 7.2 is here.
enum State {
    Done,
    NotYet(&'static str),
    Never(&'static str),
}

impl State {
    fn of(name: &str, plan: &'static str) -> State {
        if table().find(name.as_bytes()).is_some() {
            return State::Done;
        }
        match NEVER.iter().find(|(never, _)| *never == name) {
            Some((_, reason)) => State::Never(reason),
            None => State::NotYet(plan),
        }
    }
}

/// COMPAT.md's section on commands: those of Redis 7.2, part by part, as done, not yet, or never.
pub fn compatibility_markdown() -> String {
    let all = || REDIS_7_2.iter().flat_map(|p| p.names.iter().map(|n| State::of(n, p.plan)));
    let done = all().filter(|state| matches!(state, State::Done)).count();
    let never = all().filter(|state| matches!(state, State::Never(_))).count();
    let total = all().count();
    let mut page = format!(
        "Of Redis 7.2's {total} commands {done} are here, {} are not yet, {never} will never be.\n\n\
         | part | done | not yet | never |\n| --- | --- | --- | --- |\n",
        total - done - never,
    );
    for part in REDIS_7_2 {
        let (mut here, mut missing, mut never) = (Vec::new(), Vec::new(), Vec::new());
        let mut plan = String::new();
        for name in part.names {
            let shown = format!("`{}`", name.to_ascii_uppercase());
            match State::of(name, part.plan) {
                State::Done => here.push(format!("{shown}{}", missing_parts(name))),
                State::NotYet(when) => {
                    missing.push(shown);
                    plan = format!(": {when}");
                }
                State::Never(reason) => never.push(format!("{shown} ({reason})")),
            }
        }
        let _ = writeln!(
            page,
            "| {} | {} | {}{plan} | {} |",
            part.title,
            here.join(", "),
            missing.join(", "),
            never.join(", "),
        );
    }
    let later = LATER_VERSIONS.iter();
    let later: Vec<String> =
        later.map(|(name, from)| format!("`{}` ({from})", name.to_ascii_uppercase())).collect();
    let _ = writeln!(page, "\nOf later versions there are also {}.", later.join(", "));
    page
}

/// Subcommands that are here to say that they cannot do what they are for.
const REFUSED: [(&str, &str); 1] = [("client", "tracking")];

/// Commands of which a part is here, and what to say of the rest.
const PARTS: &[(&str, &str)] = &[
    (
        "module",
        "never: LOAD, LOADEX, UNLOAD, since code in C that is loaded at run time could break every other \
         promise",
    ),
    ("replicaof", "as yet only NO ONE"),
    ("slaveof", "as yet only NO ONE"),
];

/// What a command that is here lacks, in brackets.
fn missing_parts(container: &str) -> String {
    if let Some((_, rest)) = PARTS.iter().find(|(name, _)| *name == container) {
        return format!(" ({rest})");
    }
    let Some(spec) = table().find(container.as_bytes()) else { return String::new() };
    let known = SUBCOMMANDS.iter().find(|(name, _)| *name == container);
    let missing: Vec<String> = known
        .into_iter()
        .flat_map(|(_, subcommands)| subcommands.iter())
        .filter(|sub| {
            spec.subcommand(sub.as_bytes()).is_none() || REFUSED.contains(&(container, sub))
        })
        .map(|sub| sub.to_ascii_uppercase())
        .collect();
    if missing.is_empty() {
        return String::new();
    }
    format!(" (not yet: {})", missing.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::spec::Categories;

    fn all_names() -> impl Iterator<Item = &'static str> {
        REDIS_7_2.iter().flat_map(|part| part.names.iter().copied())
    }

    #[test]
    fn the_list_names_each_command_of_redis_once() {
        let names: BTreeSet<&str> = all_names().collect();
        assert_eq!(all_names().count(), 242);
        assert_eq!(names.len(), 242);
        for part in REDIS_7_2 {
            assert!(part.names.is_sorted(), "{}", part.title);
            assert!(!part.plan.is_empty());
        }
    }

    #[test]
    fn every_command_here_is_listed_or_our_own() {
        let names: BTreeSet<&str> = all_names().collect();
        for spec in table().iter() {
            let own = spec.categories.contains(Categories::SESSION);
            let later = LATER_VERSIONS.iter().any(|(name, _)| *name == spec.name);
            assert!(own || later != names.contains(spec.name), "{}: in one list", spec.name);
        }
        assert!(LATER_VERSIONS.iter().all(|(name, _)| table().find(name.as_bytes()).is_some()));
    }

    #[test]
    fn what_will_never_come_is_listed_and_has_not_come() {
        for (name, reason) in NEVER {
            assert!(all_names().any(|known| known == *name), "{name}");
            assert!(table().find(name.as_bytes()).is_none(), "{name} has come after all");
            assert!(!reason.is_empty());
        }
    }

    #[test]
    fn subcommands_here_are_listed_or_our_own() {
        for spec in table().iter().filter(|spec| !spec.subcommands.is_empty()) {
            if spec.categories.contains(Categories::SESSION) {
                continue;
            }
            let (_, known) = SUBCOMMANDS
                .iter()
                .find(|(name, _)| *name == spec.name)
                .unwrap_or_else(|| panic!("{} is missing in SUBCOMMANDS", spec.name));
            for sub in spec.subcommands {
                assert!(known.contains(&sub.name), "{} {}", spec.name, sub.name);
            }
        }
    }

    #[test]
    fn the_page_says_of_every_command_where_it_stands() {
        let page = compatibility_markdown();
        for name in all_names() {
            let shown = format!("`{}`", name.to_ascii_uppercase());
            assert_eq!(page.matches(&shown).count(), 1, "{name}");
        }
        let hashes = page.lines().find(|line| line.starts_with("| Hashes |"));
        assert!(hashes.is_some_and(|line| line.ends_with("`HVALS` |  |  |")), "{hashes:?}");
        let client = "`CLIENT` (not yet: TRACKING)";
        assert!(page.contains(client), "{page}");
    }
}
