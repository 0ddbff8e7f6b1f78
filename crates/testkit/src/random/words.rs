//! Words for the commands of sets and sorted sets, and for those of the server.

/// Keys that mostly hold sets.
pub(super) const SET_KEYS: &[&[u8]] = &[b"s1", b"s2", b"s3"];

/// Keys that mostly hold sorted sets.
pub(super) const SORTED_SET_KEYS: &[&[u8]] = &[b"z1", b"z2", b"z3"];

/// Keys of sorted sets whose scores are all zero.
pub(super) const LEX_KEYS: &[&[u8]] = &[b"lex1", b"lex2"];

pub(super) const SCORES: &[&[u8]] = &[
    b"0",
    b"1",
    b"2",
    b"-1",
    b"1.5",
    b"3",
    b"0.1",
    b"-0.3",
    b"100000000",
    b"1e20",
    b"1e-7",
    b"12345.678901",
    b"inf",
    b"-inf",
    b"0x10",
    b"+5",
    b"-0",
    b"nan",
    b"abc",
    b" 1",
    b"1e400",
];

pub(super) const BOUNDS: &[&[u8]] = &[
    b"-inf", b"+inf", b"-inf", b"+inf", b"0", b"(1", b"2", b"(2", b"1.5", b"0.1", b"(inf", b" 1",
    b"", b"1e400", b"abc", b"nan",
];

pub(super) const LEX_BOUNDS: &[&[u8]] =
    &[b"-", b"+", b"-", b"+", b"[1", b"(1", b"[3", b"(x", b"[x", b"[", b"(", b"[zz", b"x", b""];

pub(super) const MEMBERS: &[&[u8]] = &[
    b"1",
    b"2",
    b"3",
    b"4",
    b"5",
    b"-7",
    b"300",
    b"70000",
    b"9223372036854775807",
    b"01",
    b"x",
    b"y",
    b"",
    b"\x00\xff",
    &[b'l'; 65],
];

pub(super) const AGGREGATES: &[&[u8]] = &[b"SUM", b"MIN", b"MAX", b"AVG"];

/// Directives that may be changed at any time, and good and bad values. Sets of integers have room for as
/// many members as one command adds: since 7.2 those decide what a set is at first. Items may always be as long:
/// Redis loads a packed value whose items have become too long for that as it is, and Guarda's payloads are not packed.
pub(super) const SETTINGS: &[(&str, &[&str])] = &[
    ("hash-max-listpack-entries", &["6", "3", "512", "0", "-1", "abc", "1.5"]),
    ("hash-max-listpack-value", &["64", "x"]),
    ("set-max-intset-entries", &["6", "4", "512", "-5"]),
    ("zset-max-listpack-entries", &["6", "3", "128", "x"]),
    ("zset-max-listpack-value", &["64", "x"]),
    ("list-max-listpack-size", &["-2", "5", "128", "-1", "-5", "x"]),
    ("lfu-log-factor", &["10", "0", "100", "-1", "x"]),
    ("lfu-decay-time", &["1", "0", "x"]),
    ("maxmemory-samples", &["5", "10", "0", "x"]),
    ("maxmemory", &["0", "10gb", "99999999kb", "-1", "1xb"]),
    ("maxmemory-policy", &["noeviction", "allkeys-lru", "volatile-ttl", "ALLKEYS-LFU", "lru"]),
    ("timeout", &["0", "1000", "-1", "abc"]),
    ("tcp-keepalive", &["300", "60", "-5"]),
    ("slowlog-max-len", &["128", "5", "-1", "x"]),
    ("slowlog-log-slower-than", &["10000", "-1", "x"]),
    ("latency-monitor-threshold", &["0", "x", "-1"]),
    ("notify-keyspace-events", &["", "KEA", "Kx", "KEQ"]),
    ("proto-max-bulk-len", &["512mb", "1mb", "1", "x"]),
    ("activerehashing", &["yes", "no", "maybe"]),
    ("lazyfree-lazy-user-del", &["yes", "no", "1"]),
    ("acllog-max-len", &["128", "-1"]),
    ("busy-reply-threshold", &["5000", "x"]),
    ("databases", &["5"]),
    ("nonsense", &["x"]),
];

pub(super) const ACL_RULES: &[&[u8]] = &[
    b"on",
    b"off",
    b"nopass",
    b">secret",
    b"<secret",
    b"+@all",
    b"-@all",
    b"+hset",
    b"-hset",
    b"+@write",
    b"-@hash",
    b"+config|get",
    b"-config|get",
    b"~*",
    b"~h*",
    b"%R~a*",
    b"%W~b*",
    b"resetkeys",
    b"&*",
    b"resetchannels",
    b"reset",
    b"(+get ~x*)",
    b"clearselectors",
    b"+nosuch",
    b"nonsense",
    b"%X~*",
    b"",
];

/// Those of DEBUG PROTOCOL.
pub(super) const EXAMPLES: &[&[u8]] =
    &[b"string", b"integer", b"bignum", b"null", b"array", b"verbatim", b"true", b"nonsense"];

/// Subcommands of CLUSTER, all of which say that there is none.
pub(super) const CLUSTER: &[&[u8]] = &[
    b"ADDSLOTS",
    b"ADDSLOTSRANGE",
    b"BUMPEPOCH",
    b"COUNT-FAILURE-REPORTS",
    b"COUNTKEYSINSLOT",
    b"DELSLOTS",
    b"DELSLOTSRANGE",
    b"FAILOVER",
    b"FLUSHSLOTS",
    b"FORGET",
    b"GETKEYSINSLOT",
    b"INFO",
    b"KEYSLOT",
    b"LINKS",
    b"MEET",
    b"MYID",
    b"NODES",
    b"REPLICAS",
    b"REPLICATE",
    b"RESET",
    b"SAVECONFIG",
    b"SET-CONFIG-EPOCH",
    b"SETSLOT",
    b"SHARDS",
    b"SLAVES",
    b"SLOTS",
    b"nonsense",
];
