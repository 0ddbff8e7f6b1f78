//! Random commands: templates filled with few keys and nasty values.
//!
//! Times to live are either far away or already past, and never compared with each other where a
//! millisecond decides: GT and LT come with absolute times only, relative ones lie days apart from
//! all absolute ones.

use super::scripts::{CALLS, PAYLOADS, SCRIPTS, SHA, SWAP, TRANSFER, TYPES, UNLOCK};
use super::words::{
    AGGREGATES, BOUNDS, LEX_BOUNDS, LEX_KEYS, MEMBERS, SCORES, SET_KEYS, SORTED_SET_KEYS,
};
use crate::prng::Prng;

/// One command and the connection that sends it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Op {
    /// Index of the connection.
    pub lane: usize,
    /// Whether it is sent along with the command before it, if that is the same connection's.
    pub joined: bool,
    /// The command's words.
    pub args: Vec<Vec<u8>>,
}

/// Weight and words; a word in braces is replaced by one of its kind, or by several.
const TEMPLATES: &[(usize, &str)] = &[
    // Strings.
    (30, "SET {key} {value}"),
    (30, "SET {key} {value} {set-options}"),
    (20, "GET {key}"),
    (8, "GETEX {key} {getex-options}"),
    (4, "GETDEL {key}"),
    (5, "GETSET {key} {value}"),
    (4, "SETNX {key} {value}"),
    (5, "SETEX {key} {seconds} {value}"),
    (4, "PSETEX {key} {millis} {value}"),
    (8, "APPEND {key} {value}"),
    (4, "STRLEN {key}"),
    (6, "SETRANGE {key} {offset} {value}"),
    (6, "GETRANGE {key} {index} {index}"),
    (2, "SUBSTR {key} {index} {index}"),
    (8, "INCR {key}"),
    (6, "DECR {key}"),
    (8, "INCRBY {key} {integer}"),
    (6, "DECRBY {key} {integer}"),
    (8, "INCRBYFLOAT {key} {float}"),
    (5, "MSET {key} {value} {key} {value}"),
    (4, "MSETNX {key} {value} {key} {value}"),
    (5, "MGET {key} {key} {key}"),
    (2, "LCS {key} {key}"),
    (2, "LCS {key} {key} LEN"),
    (2, "LCS {key} {key} IDX WITHMATCHLEN"),
    (1, "LCS {key} {key} IDX MINMATCHLEN {small}"),
    // Keys.
    (6, "DEL {key}"),
    (3, "DEL {key} {key} {key}"),
    (3, "UNLINK {key} {key}"),
    (5, "EXISTS {key} {key}"),
    (3, "TOUCH {key} {key}"),
    (5, "TYPE {key}"),
    (8, "EXPIRE {key} {seconds} {expire-options}"),
    (6, "PEXPIRE {key} {millis} {expire-options}"),
    (8, "EXPIREAT {key} {at} {expireat-options}"),
    (6, "PEXPIREAT {key} {at-millis} {expireat-options}"),
    (5, "TTL {key}"),
    (5, "PTTL {key}"),
    (5, "EXPIRETIME {key}"),
    (5, "PEXPIRETIME {key}"),
    (5, "PERSIST {key}"),
    (5, "RENAME {key} {key}"),
    (4, "RENAMENX {key} {key}"),
    (4, "COPY {key} {key}"),
    (3, "COPY {key} {key} REPLACE"),
    (2, "COPY {key} {key} DB {database} REPLACE"),
    (2, "MOVE {key} {database}"),
    (1, "COPY {zset-key} {set-key} DB {database}"),
    (1, "MOVE {set-key} {database}"),
    (3, "DUMP {key}"),
    (4, "RESTORE {key} {millis} {payload} {restore-options}"),
    (3, "RESTORE {key} {at-millis} {payload} ABSTTL REPLACE"),
    (2, "RESTORE {key} 0 {payload} REPLACE {restore-options}"),
    (4, "EVAL {transfer} 2 {key} {key}"),
    (2, "EVAL {transfer} 2 {set-key} {set-key}"),
    (2, "EVAL {transfer} 2 {zset-key} {zset-key}"),
    (2, "RANDOMKEY"),
    (3, "KEYS {pattern}"),
    (3, "SCAN 0 MATCH {pattern}"),
    (2, "SCAN 0 COUNT 3"),
    (2, "SCAN 0 TYPE hash"),
    (2, "SCAN 0 COUNT 2 MATCH {pattern} TYPE {type}"),
    (3, "DBSIZE"),
    (1, "OBJECT REFCOUNT {key}"),
    (1, "OBJECT FREQ {key}"),
    (1, "OBJECT IDLETIME {key}"),
    (8, "OBJECT ENCODING {key}"),
    // Hashes.
    (20, "HSET {key} {field} {value}"),
    (10, "HSET {key} {field} {value} {field} {value} {field} {value}"),
    (5, "HSETNX {key} {field} {value}"),
    (3, "HMSET {key} {field} {value} {field} {value}"),
    (10, "HGET {key} {field}"),
    (6, "HMGET {key} {field} {field} {field}"),
    (8, "HGETALL {key}"),
    (6, "HDEL {key} {field}"),
    (3, "HDEL {key} {field} {field} {field}"),
    (4, "HLEN {key}"),
    (4, "HSTRLEN {key} {field}"),
    (4, "HEXISTS {key} {field}"),
    (3, "HKEYS {key}"),
    (3, "HVALS {key}"),
    (6, "HINCRBY {key} {field} {integer}"),
    (6, "HINCRBYFLOAT {key} {field} {float}"),
    (2, "HRANDFIELD {key}"),
    (3, "HRANDFIELD {key} {small}"),
    (3, "HRANDFIELD {key} {small} WITHVALUES"),
    (4, "HSCAN {key} 0"),
    (2, "HSCAN {key} 0 COUNT 2 MATCH {pattern}"),
    // Publish and subscribe.
    (2, "PUBLISH {key} {value}"),
    (1, "SPUBLISH {key} {value}"),
    (1, "PUBSUB NUMSUB {key} {key}"),
    (1, "PUBSUB CHANNELS {pattern}"),
    (1, "PUBSUB NUMPAT"),
    // Sets.
    (16, "SADD {set-key} {member}"),
    (12, "SADD {set-key} {member} {member} {member}"),
    (6, "SREM {set-key} {member}"),
    (4, "SREM {set-key} {member} {member} {member}"),
    (4, "SCARD {set-key}"),
    (5, "SISMEMBER {set-key} {member}"),
    (4, "SMISMEMBER {set-key} {member} {member}"),
    (6, "SMEMBERS {set-key}"),
    (5, "SMOVE {set-key} {set-key} {member}"),
    (1, "SPOP {set-key} 0"),
    (2, "SPOP {set-key} 100"),
    (2, "SRANDMEMBER {set-key}"),
    (3, "SRANDMEMBER {set-key} {small}"),
    (4, "SINTER {set-key} {set-key}"),
    (4, "SUNION {set-key} {set-key} {set-key}"),
    (4, "SDIFF {set-key} {set-key}"),
    (4, "SINTERSTORE {set-key} {set-key} {set-key}"),
    (4, "SUNIONSTORE {set-key} {set-key} {set-key}"),
    (4, "SDIFFSTORE {set-key} {set-key} {set-key}"),
    (4, "SINTERCARD 2 {set-key} {set-key}"),
    (2, "SINTERCARD {small} {set-key} LIMIT {small}"),
    (4, "SSCAN {set-key} 0"),
    (2, "SSCAN {set-key} 0 COUNT 2 MATCH {pattern}"),
    (3, "OBJECT ENCODING {set-key}"),
    (2, "DEL {set-key}"),
    // Lists.
    (14, "RPUSH {key} {value}"),
    (10, "LPUSH {key} {value} {value} {value}"),
    (3, "RPUSHX {key} {value}"),
    (3, "LPUSHX {key} {value} {value}"),
    (6, "LPOP {key}"),
    (4, "RPOP {key} {small}"),
    (4, "LLEN {key}"),
    (8, "LRANGE {key} {index} {index}"),
    (5, "LINDEX {key} {index}"),
    (5, "LSET {key} {index} {value}"),
    (3, "LINSERT {key} BEFORE {value} {value}"),
    (3, "LINSERT {key} AFTER {value} {value}"),
    (4, "LREM {key} {integer} {value}"),
    (3, "LTRIM {key} {index} {index}"),
    (4, "LPOS {key} {value}"),
    (3, "LPOS {key} {value} RANK {small} COUNT {small} MAXLEN {small}"),
    (5, "LMOVE {key} {key} LEFT RIGHT"),
    (4, "RPOPLPUSH {key} {key}"),
    (4, "LMPOP 2 {key} {key} RIGHT COUNT {small}"),
    // These wait for a millisecond; the other connection is silent meanwhile.
    (4, "BLPOP {key} {key} 0.001"),
    (2, "BRPOP {key} 0.001"),
    (3, "BLMOVE {key} {key} RIGHT LEFT 0.001"),
    (2, "BRPOPLPUSH {key} {key} 0.001"),
    (3, "BLMPOP 0.001 2 {key} {key} LEFT COUNT {small}"),
    (2, "BZPOPMIN {zset-key} {key} 0.001"),
    (2, "BZPOPMAX {zset-key} 0.001"),
    (2, "BZMPOP 0.001 2 {zset-key} {key} MIN COUNT {small}"),
    // Sorting by text takes the locale into account in Redis, unless the result is stored.
    (3, "SORT {key}"),
    (2, "SORT {key} BY {sort-by} GET # GET {sort-get} LIMIT {small} {small}"),
    (2, "SORT_RO {key} DESC GET {sort-get}"),
    (4, "SORT {key} ALPHA STORE {key}"),
    (2, "SORT {lex-key} BY nosort DESC LIMIT {small} {small}"),
    (2, "SORT {set-key} DESC LIMIT {small} {small}"),
    (2, "CLIENT UNBLOCK {small}"),
    // Sorted sets.
    (16, "ZADD {zset-key} {score} {member}"),
    (10, "ZADD {zset-key} {score} {member} {score} {member} {score} {member}"),
    (8, "ZADD {zset-key} {zadd-options} {score} {member}"),
    (5, "ZINCRBY {zset-key} {score} {member}"),
    (4, "ZREM {zset-key} {member}"),
    (2, "ZREM {zset-key} {member} {member} {member}"),
    (3, "ZCARD {zset-key}"),
    (4, "ZSCORE {zset-key} {member}"),
    (3, "ZMSCORE {zset-key} {member} {member}"),
    (4, "ZRANK {zset-key} {member}"),
    (4, "ZREVRANK {zset-key} {member}"),
    (6, "ZRANGE {zset-key} {index} {index}"),
    (4, "ZRANGE {zset-key} {index} {index} {zrange-options}"),
    (4, "ZRANGE {zset-key} {bound} {bound} BYSCORE {zrange-options}"),
    (4, "ZRANGE {zset-key} {bound} {bound} BYSCORE LIMIT {small} {small} {zrange-options}"),
    (4, "ZREVRANGE {zset-key} {index} {index} WITHSCORES"),
    (4, "ZRANGEBYSCORE {zset-key} {bound} {bound} WITHSCORES"),
    (4, "ZREVRANGEBYSCORE {zset-key} {bound} {bound} LIMIT {small} {small}"),
    (4, "ZRANGESTORE {zset-key} {zset-key} {index} {index}"),
    (3, "ZRANGESTORE {zset-key} {zset-key} {bound} {bound} BYSCORE"),
    (4, "ZCOUNT {zset-key} {bound} {bound}"),
    (2, "ZREMRANGEBYRANK {zset-key} {index} {index}"),
    (2, "ZREMRANGEBYSCORE {zset-key} {bound} {bound}"),
    (2, "ZPOPMIN {zset-key}"),
    (2, "ZPOPMAX {zset-key} {small}"),
    (2, "ZMPOP 2 {zset-key} {zset-key} MIN"),
    (2, "ZMPOP 2 {zset-key} {zset-key} MAX COUNT {small}"),
    (2, "ZRANDMEMBER {zset-key}"),
    (3, "ZRANDMEMBER {zset-key} {small}"),
    (2, "ZRANDMEMBER {zset-key} {small} WITHSCORES"),
    (3, "ZUNION 2 {zset-key} {zset-key} {zunion-options}"),
    (3, "ZINTER 2 {zset-key} {zset-key} {zunion-options}"),
    (2, "ZUNION {small} {zset-key} {set-key} {zset-key} WITHSCORES"),
    (3, "ZDIFF 2 {zset-key} {zset-key} WITHSCORES"),
    (3, "ZUNIONSTORE {zset-key} 2 {zset-key} {set-key} WEIGHTS {score} {score}"),
    (3, "ZUNIONSTORE {zset-key} 2 {zset-key} {zset-key} {zunion-options}"),
    (3, "ZINTERSTORE {zset-key} 2 {zset-key} {zset-key} {zunion-options}"),
    (3, "ZDIFFSTORE {zset-key} 2 {zset-key} {zset-key}"),
    (3, "ZINTERCARD 2 {zset-key} {zset-key} LIMIT {small}"),
    (4, "ZSCAN {zset-key} 0"),
    (2, "ZSCAN {zset-key} 0 COUNT 2 MATCH {pattern}"),
    (3, "OBJECT ENCODING {zset-key}"),
    (2, "DEL {zset-key}"),
    // Lexical ranges need equal scores: nothing else writes to these keys.
    (6, "ZADD {lex-key} 0 {member} 0 {member}"),
    (1, "ZREM {lex-key} {member}"),
    (4, "ZRANGEBYLEX {lex-key} {lex} {lex}"),
    (3, "ZREVRANGEBYLEX {lex-key} {lex} {lex} LIMIT {small} {small}"),
    (3, "ZRANGE {lex-key} {lex} {lex} BYLEX REV"),
    (3, "ZLEXCOUNT {lex-key} {lex} {lex}"),
    (1, "ZREMRANGEBYLEX {lex-key} {lex} {lex}"),
    (1, "DEL {lex-key}"),
    // Transactions and databases.
    (12, "MULTI"),
    (16, "EXEC"),
    (2, "DISCARD"),
    (8, "WATCH {key}"),
    (2, "WATCH {key} {key}"),
    (2, "UNWATCH"),
    (6, "SELECT {database}"),
    (1, "FLUSHDB"),
    (1, "SWAPDB {database} {database}"),
    (1, "FLUSHALL"),
    // Scripts, as the session handler uses them.
    (3, "EVAL {unlock} 1 {key} {value}"),
    (2, "EVAL {swap} 2 {key} {key} {value}"),
    (10, "EVAL {script} 2 {key} {key} {value} {value}"),
    (1, "EVAL {script} {small} {key} {value}"),
    (2, "EVAL_RO {script} 2 {key} {key} {value} {value}"),
    (1, "EVALSHA {sha} 0 {value}"),
    (1, "SCRIPT LOAD {script}"),
    (1, "SCRIPT FLUSH"),
    // Connections.
    (2, "HELLO {protocol}"),
    (1, "RESET"),
    (1, "CLIENT SETNAME {value}"),
    (1, "CLIENT GETNAME"),
    (1, "CLIENT GETREDIR"),
    (1, "CLIENT TRACKINGINFO"),
    (1, "CLIENT TRACKING OFF"),
    (1, "CLIENT PAUSE 0"),
    (1, "CLIENT UNPAUSE"),
    (1, "WAIT 0 {small}"),
    // The rest.
    (1, "TIME"),
    (1, "COMMAND GETKEYS MSET {key} {value}"),
    (1, "CONFIG GET maxmemory"),
    (1, "CONFIG GET lfu-log-factor"),
    (2, "OBJECT FREQ {key}"),
    (1, "MEMORY USAGE missing SAMPLES {small}"),
    (1, "MEMORY USAGE {key} SAMPLES -1"),
    (1, "MEMORY PURGE"),
    (1, "SCRIPT EXISTS {value}"),
    (2, "PING"),
    (1, "ECHO {value}"),
    (1, "NONSENSE {value}"),
];

const KEYS: &[&[u8]] =
    &[b"a", b"b", b"c", b"d", b"e", b"h1", b"h2", b"h3", b"", b"bin\x00\r\n\xff", b"sess_LOCK"];

const FIELDS: &[&[u8]] =
    &[b"f", b"g", b"h", b"i", b"j", b"", b"\x00\xff", b"1", b"field with spaces", &[b'l'; 70]];

const VALUES: &[&[u8]] = &[
    b"",
    b"a",
    b"text",
    b"0",
    b"1",
    b"-1",
    b"10",
    b"9223372036854775807",
    b"9223372036854775806",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551615",
    b"1.5",
    b"-0",
    b"-0.0",
    b"0.1",
    b"3.0",
    b"1e3",
    b"1e400",
    b"1e-20",
    b"nan",
    b"inf",
    b"-inf",
    b" 1",
    b"1 ",
    b"+1",
    b"01",
    b"0x10",
    b"\x00",
    b"\xff\xfe\x00",
    b"a\r\nb",
    b"$5\r\nhello\r\n",
    &[b'v'; 44],
    &[b'v'; 45],
    &[b'v'; 64],
    &[b'v'; 65],
    &[b'v'; 400],
];

const INTEGERS: &[&[u8]] = &[
    b"0",
    b"1",
    b"-1",
    b"5",
    b"100",
    b"-70",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"4611686018427387904",
    b"1.5",
    b"abc",
    b"",
    b" 1",
    b"+1",
    b"01",
];

const FLOATS: &[&[u8]] = &[
    b"0",
    b"1",
    b"-1",
    b"0.5",
    b"1.5",
    b"-2.25",
    b"0.1",
    b"3.0e3",
    b"1e-3",
    b"1e17",
    b"-1e10",
    b"123456.789",
    b"100",
    b"nan",
    b"inf",
    b"-inf",
    b"1e5000",
    b"abc",
    b"",
    b" 1",
    b"0x10",
];

const SECONDS: &[&[u8]] = &[
    b"100",
    b"5000",
    b"90000",
    b"100",
    b"5000",
    b"90000",
    b"0",
    b"-1",
    b"abc",
    b"1.5",
    b"",
    b"9223372036854775807",
    b"9223372036854775",
    b"-9223372036854775808",
];

const MILLIS: &[&[u8]] = &[
    b"100000",
    b"5000000",
    b"90000000",
    b"100000",
    b"5000000",
    b"0",
    b"-1",
    b"abc",
    b"9223372036854775807",
    b"9223372036854775808",
];

const AT: &[&[u8]] = &[
    b"33177117420",
    b"33177117430",
    b"40000000000",
    b"33177117420",
    b"40000000000",
    b"1",
    b"0",
    b"-1",
    b"abc",
    b"9223372036854775807",
];

const AT_MILLIS: &[&[u8]] = &[
    b"33177117420000",
    b"33177117420001",
    b"40000000000123",
    b"33177117420000",
    b"1",
    b"0",
    b"-1",
    b"abc",
    b"9223372036854775808",
];

const OFFSETS: &[&[u8]] =
    &[b"0", b"1", b"5", b"43", b"100", b"-1", b"536870912", b"9223372036854775807", b"abc"];

const INDEXES: &[&[u8]] = &[
    b"0",
    b"1",
    b"2",
    b"5",
    b"100",
    b"-1",
    b"-2",
    b"-5",
    b"-100",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"abc",
];

const SMALL: &[&[u8]] = &[b"0", b"1", b"3", b"100", b"-1", b"-5", b"abc"];

const PATTERNS: &[&[u8]] =
    &[b"*", b"?", b"h*", b"[a-c]", b"[^a]*", b"*\\*", b"h[12]", b"", b"bin*", b"[", b"*_LOCK"];

/// All with a star: without one a set would keep the order it has.
const SORT_BY: &[&[u8]] = &[b"*", b"h*", b"h*->f", b"*->g", b"sess*", b"h*->"];

const SORT_GET: &[&[u8]] = &[b"#", b"*", b"h*", b"h*->f", b"h*->1", b"h1", b"*->", b""];

const PROTOCOLS: &[&[u8]] = &[b"2", b"3", b"2", b"3", b"4", b"abc"];

const DATABASES: &[&[u8]] = &[b"0", b"0", b"1", b"2", b"15", b"16", b"-1", b"abc"];

/// How many commands in a hundred come in one write with the one before.
const JOINED_PERCENT: usize = 40;
/// How many commands in a hundred a script calls.
const SCRIPTED_PERCENT: usize = 8;

/// Makes `count` commands out of `seed`, over `lanes` connections.
#[must_use]
pub fn generate(seed: u64, count: usize, lanes: usize) -> Vec<Op> {
    let mut prng = Prng::new(seed);
    let total: usize = TEMPLATES.iter().map(|(weight, _)| weight).sum();
    let mut lane = 0;
    (0..count)
        .map(|_| {
            let mut left = prng.below(total);
            let mut template = "";
            for (weight, words) in TEMPLATES {
                template = words;
                if left < *weight {
                    break;
                }
                left -= weight;
            }
            let joined = prng.percent(JOINED_PERCENT);
            if !joined {
                lane = prng.below(lanes);
            }
            Op { lane, joined, args: fill(&mut prng, template) }
        })
        .collect()
}

fn fill(prng: &mut Prng, template: &str) -> Vec<Vec<u8>> {
    let mut args = Vec::new();
    for word in template.split(' ') {
        match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
            Some(kind) => words_of(prng, kind, &mut args),
            None => args.push(word.as_bytes().to_vec()),
        }
    }
    match prng.below(60) {
        // Without its count, SPOP would take what chance chooses.
        0 if args.len() > 1 && args[0] != b"SPOP" => {
            args.pop();
        }
        // ZRANK has one more argument since 7.2.
        1 if !matches!(&args[0][..], b"ZRANK" | b"ZREVRANK") => args.push(b"extra".to_vec()),
        _ => {}
    }
    let may_wait = args[0].starts_with(b"B") || args[0].starts_with(b"WAIT");
    args[0] = mixed_case(prng, &args[0]);
    // Before 7.2 scripts may not call those that could wait.
    if prng.percent(SCRIPTED_PERCENT) && !may_wait {
        let script = prng.pick(CALLS);
        args.splice(0..0, [b"EVAL", script, &b"0"[..]].map(<[u8]>::to_vec));
    }
    args
}

/// The command that a script which only calls one is called with; else the command itself.
#[must_use]
pub fn innermost(args: &[Vec<u8>]) -> &[Vec<u8>] {
    match args {
        [name, script, _, command @ ..]
            if name.eq_ignore_ascii_case(b"EVAL")
                && CALLS.contains(&&script[..])
                && !command.is_empty() =>
        {
            command
        }
        _ => args,
    }
}

fn words_of(prng: &mut Prng, kind: &str, args: &mut Vec<Vec<u8>>) {
    let choices = match kind {
        "key" => KEYS,
        "set-key" | "zset-key" if prng.percent(10) => KEYS,
        "set-key" => SET_KEYS,
        "zset-key" => SORTED_SET_KEYS,
        "lex-key" => LEX_KEYS,
        "lex" => LEX_BOUNDS,
        "bound" => BOUNDS,
        "score" => &SCORES[..if prng.percent(80) { 8 } else { SCORES.len() }],
        "zadd-options" => {
            options(prng, args, &["NX", "XX", "GT", "LT", "CH", "INCR", "?"]);
            return;
        }
        "zrange-options" => {
            options(prng, args, &["REV", "WITHSCORES", "?"]);
            return;
        }
        "zunion-options" => {
            options(prng, args, &["WITHSCORES", "AGGREGATE", "WEIGHTS", "?"]);
            return;
        }
        // Mostly the first few, which are integers.
        "member" => &MEMBERS[..if prng.percent(60) { 5 } else { MEMBERS.len() }],
        "field" => FIELDS,
        "value" => {
            args.push(value(prng));
            return;
        }
        "integer" | "float" if prng.percent(30) => {
            args.push(number(prng, kind == "float"));
            return;
        }
        "integer" => INTEGERS,
        "float" => FLOATS,
        "pattern" if prng.percent(40) => {
            args.push(pattern(prng));
            return;
        }
        "seconds" => SECONDS,
        "millis" => MILLIS,
        "at" => AT,
        "at-millis" => AT_MILLIS,
        "offset" => OFFSETS,
        "index" => INDEXES,
        "small" => SMALL,
        "sort-by" => SORT_BY,
        "sort-get" => SORT_GET,
        "pattern" => PATTERNS,
        "database" => DATABASES,
        "protocol" => PROTOCOLS,
        "payload" => PAYLOADS,
        "type" => TYPES,
        "restore-options" => {
            options(prng, args, &["REPLACE", "ABSTTL", "IDLETIME", "FREQ", "?"]);
            return;
        }
        "transfer" => &[TRANSFER],
        "unlock" => &[UNLOCK],
        "swap" => &[SWAP],
        "script" => SCRIPTS,
        "sha" => &[SHA],
        "set-options" => {
            options(prng, args, &["NX", "XX", "GET", "KEEPTTL", "EX", "PX", "EXAT", "PXAT", "?"]);
            return;
        }
        "getex-options" => {
            options(prng, args, &["EX", "PX", "EXAT", "PXAT", "PERSIST", "?"]);
            return;
        }
        "expire-options" => {
            options(prng, args, &["NX", "XX", "?"]);
            return;
        }
        "expireat-options" => {
            options(prng, args, &["NX", "XX", "GT", "LT", "?"]);
            return;
        }
        other => unreachable!("no kind of word is called {other}"),
    };
    args.push(prng.pick(choices).to_vec());
}

/// None, one, or sometimes several that may exclude each other; `?` is no option at all.
fn options(prng: &mut Prng, args: &mut Vec<Vec<u8>>, choices: &[&str]) {
    let count = match prng.below(10) {
        0..3 => 0,
        3..8 => 1,
        _ => 2,
    };
    for _ in 0..count {
        let option = prng.pick(choices);
        if option == "?" {
            if prng.percent(20) {
                args.push(b"NONSENSE".to_vec());
            }
            continue;
        }
        args.push(mixed_case(prng, option.as_bytes()));
        let times = match option {
            "EX" => SECONDS,
            "PX" => MILLIS,
            "EXAT" => AT,
            "PXAT" => AT_MILLIS,
            "AGGREGATE" => AGGREGATES,
            "IDLETIME" | "FREQ" => SMALL,
            "WEIGHTS" => {
                args.push(prng.pick(SCORES).to_vec());
                SCORES
            }
            _ => continue,
        };
        args.push(prng.pick(times).to_vec());
    }
}

fn value(prng: &mut Prng) -> Vec<u8> {
    match prng.below(10) {
        0 => (0..prng.below(30)).map(|_| prng.below(256) as u8).collect(),
        1 => prng.below(1000).to_string().into_bytes(),
        2 => {
            let is_float = prng.percent(50);
            number(prng, is_float)
        }
        _ => prng.pick(VALUES).to_vec(),
    }
}

/// A number of up to 20 digits; a float has a fraction and now and then an exponent.
fn number(prng: &mut Prng, is_float: bool) -> Vec<u8> {
    let mut text = String::new();
    if prng.percent(40) {
        text.push('-');
    }
    digits(prng, &mut text, 20);
    if is_float {
        text.push('.');
        digits(prng, &mut text, 20);
        if prng.percent(20) {
            text.push_str(if prng.percent(50) { "e-" } else { "e" });
            digits(prng, &mut text, 2);
        }
    }
    text.into_bytes()
}

fn digits(prng: &mut Prng, text: &mut String, count_max: usize) {
    for _ in 0..=prng.below(count_max) {
        text.push(char::from(b'0' + prng.below(10) as u8));
    }
}

/// A glob pattern, well formed or not, over the letters of the keys.
fn pattern(prng: &mut Prng) -> Vec<u8> {
    (0..prng.below(8)).map(|_| b"abceh123sLOCK[]^-\\**?"[prng.below(21)]).collect()
}

fn mixed_case(prng: &mut Prng, word: &[u8]) -> Vec<u8> {
    match prng.below(10) {
        0 => word.to_ascii_lowercase(),
        1 => word
            .iter()
            .map(|byte| if prng.percent(50) { byte.to_ascii_lowercase() } else { *byte })
            .collect(),
        _ => word.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn equal_seeds_give_equal_commands_and_others_do_not() {
        assert_eq!(generate(1, 500, 2), generate(1, 500, 2));
        assert_ne!(generate(1, 500, 2), generate(2, 500, 2));
    }

    #[test]
    fn every_template_is_used() {
        let used: BTreeSet<Vec<u8>> = generate(3, 20_000, 2)
            .into_iter()
            .map(|op| innermost(&op.args)[0].to_ascii_uppercase())
            .collect();
        for (_, template) in TEMPLATES {
            let name = template.split(' ').next().unwrap();
            assert!(used.contains(name.as_bytes()), "{name} never came");
        }
    }
}
