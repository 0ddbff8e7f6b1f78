//! DUMP and RESTORE. Semantics: <https://redis.io/docs/latest/commands/restore/>.
//!
//! Payloads are those of Redis 7.0, or made by hand and sealed with its checksum. That each server takes
//! what the other gives for all values there are is shown in `interop/payloads.rs`.

use guarda_testkit::diff::Case;

/// What is told of the uses of a key where the policy does not count them.
macro_rules! idle_times {
    () => {
        r#"
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE FREQ 5
        OBJECT FREQ k
        OBJECT IDLETIME k //~ within 1 -- whole seconds of a clock that steps between the two
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE IDLETIME 500
        OBJECT IDLETIME k //~ within 1 -- whole seconds of a clock that steps between the two
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE
        OBJECT IDLETIME k //~ within 1 -- whole seconds of a clock that steps between the two
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE IDLETIME 100
        COPY k l REPLACE
        OBJECT IDLETIME l //~ within 1 -- whole seconds of a clock that steps between the two
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE IDLETIME 100
        RENAME k m
        OBJECT IDLETIME m //~ within 1 -- whole seconds of a clock that steps between the two
        "#
    };
}

/// Frequencies of keys restored, copied and renamed under an LFU policy.
macro_rules! frequencies {
    () => {
        r#"
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE FREQ 55
        OBJECT FREQ k
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE FREQ 0
        OBJECT FREQ k
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE FREQ 255
        OBJECT FREQ k
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE
        OBJECT FREQ k
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE IDLETIME 500
        OBJECT FREQ k
        OBJECT IDLETIME k
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE FREQ 255
        COPY k l REPLACE
        OBJECT FREQ l
        SET k new
        OBJECT FREQ k
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE FREQ 255
        DEL m
        RENAME k m
        OBJECT FREQ m
        "#
    };
}

/// Commands under an eviction policy.
macro_rules! under {
    ($policy:literal, $commands:ident) => {
        concat!("CONFIG SET maxmemory-policy ", $policy, "\n", $commands!())
    };
}

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "payloads_of_strings_are_those_of_redis",
        r#"
        DUMP missing
        SET k v
        DUMP k
        SET k ""
        DUMP k
        SET k 127
        DUMP k
        SET k -32768
        DUMP k
        SET k 2147483647
        DUMP k
        SET k 2147483648
        DUMP k
        SET k 01
        DUMP k
        APPEND k 2
        DUMP k
        SETRANGE k 0 12
        DUMP k
        SET k "\x00\xff\r\n"
        DUMP k
        SET k ${a*20}
        DUMP k
        SET k ${abc*100}
        DUMP k //~ any -- the same compression, which finds other repetitions
        SET k 0123456789abcdefghijklmnopqrstuvwxyz
        DUMP k
        SET k ${0123456789abcdefghijklmnopqrstuvwxyz*3}0
        DUMP k //~ any -- the same compression, which finds other repetitions
        DUMP
        DUMP k l
        "#,
    ),
    Case::new(
        "what_a_server_dumps_it_takes_back",
        r#"
        RPUSH list a 1 "" ${x*100}
        SADD ints 1 2 3
        SADD set a b c
        HSET hash f v g 2
        ZADD zset 1.5 a -inf b 3 c
        SET string 17
        !let list DUMP list
        !let ints DUMP ints
        !let set DUMP set
        !let hash DUMP hash
        !let zset DUMP zset
        !let string DUMP string
        RESTORE l 0 ${list}
        LRANGE l 0 -1
        RESTORE i 0 ${ints}
        SMEMBERS i
        OBJECT ENCODING i
        RESTORE s 0 ${set}
        SMEMBERS s //~ unordered -- a set has no order
        RESTORE h 0 ${hash}
        HGETALL h
        OBJECT ENCODING h
        RESTORE z 0 ${zset}
        ZRANGE z 0 -1 WITHSCORES
        OBJECT ENCODING z
        RESTORE t 0 ${string}
        OBJECT ENCODING t
        INCR t
        RESTORE t 0 ${list} REPLACE
        TYPE t
        "#,
    ),
    Case::new(
        "options_and_their_refusals",
        r#"
        SET k v
        RESTORE
        RESTORE k 0
        RESTORE k 0 x
        RESTORE k a x
        RESTORE k -1 x
        RESTORE k 0 x NOSUCH
        RESTORE k 0 x REPLACE NOSUCH
        RESTORE k a x REPLACE
        RESTORE k -1 x REPLACE
        RESTORE k -1 x ABSTTL REPLACE
        RESTORE k 0 x IDLETIME
        RESTORE k 0 x IDLETIME a
        RESTORE k 0 x IDLETIME -1
        RESTORE k 0 x FREQ
        RESTORE k 0 x FREQ a
        RESTORE k 0 x FREQ -1
        RESTORE k 0 x FREQ 256
        RESTORE k 0 x IDLETIME 1 FREQ 1
        RESTORE k 0 x FREQ 1 IDLETIME 1
        RESTORE k 0 x replace absttl ABSTTL REPLACE
        RESTORE l 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" IDLETIME 1 IDLETIME 100
        OBJECT IDLETIME l //~ within 1 -- whole seconds of a clock that steps between the two
        RESTORE l 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE IDLETIME 0
        OBJECT IDLETIME l //~ within 1 -- whole seconds of a clock that steps between the two
        RESTORE l 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE FREQ 0 FREQ 255
        OBJECT IDLETIME l //~ within 1 -- whole seconds of a clock that steps between the two
        RESTORE l 10000 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE
        PTTL l //~ within 100 -- time passes between the two servers
        RESTORE l 33177117420000 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE ABSTTL
        PEXPIRETIME l
        RESTORE l 1 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE ABSTTL
        EXISTS l
        RESTORE l 1 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" ABSTTL
        EXISTS l
        RESTORE l 9223372036854775807 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce"
        EXISTS l
        RESTORE l 9223372036854775808 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce"
        GET k
        "#,
    ),
    Case::new(
        "uses_are_told_as_the_policy_goes_by_them",
        concat!(
            under!("noeviction", idle_times),
            under!("allkeys-lru", idle_times),
            under!("volatile-random", idle_times),
            under!("volatile-ttl", idle_times),
            under!("allkeys-lfu", frequencies),
            under!("volatile-lfu", frequencies),
            "CONFIG SET maxmemory-policy noeviction\n",
        ),
    ),
    Case::new(
        "a_broken_seal_is_refused",
        r#"
        RESTORE k 0 ""
        RESTORE k 0 123456789
        RESTORE k 0 1234567890
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xcf"
        RESTORE k 0 "\x00\x01w\n\x00\x91\b\xce\xb2\x198\x8a\xce"
        RESTORE k 0 "\x00\x01v\t\x00\x91\b\xce\xb2\x198\x8a\xce"
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xcex"
        RESTORE k 0 "x\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce"
        EXISTS k
        "#,
    ),
    Case::new(
        "a_transaction_and_a_script_may_restore",
        r#"
        WATCH k
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce"
        MULTI
        GET k
        EXEC
        MULTI
        DUMP k
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce"
        RESTORE l 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce"
        EXEC
        EVAL "return redis.call('RESTORE', KEYS[2], 0, redis.call('DUMP', KEYS[1]))" 2 k m
        GET m
        EVAL "return redis.pcall('RESTORE', KEYS[1], 0, 'x')" 1 n
        EVAL_RO "return redis.call('RESTORE', KEYS[1], 0, redis.call('DUMP', KEYS[1]))" 1 k //~ code -- the script's hash and line follow
        "#,
    ),
    Case::new(
        "those_who_wait_are_served",
        r"
        RPUSH list a b
        ZADD zset 1 a 2 b
        !let list DUMP list
        !let zset DUMP zset
        2> !silent BLPOP l 0
        !blocked 1
        RESTORE l 0 ${zset}
        RESTORE l 0 ${list} REPLACE
        2> !read
        LRANGE l 0 -1
        2> !silent BZPOPMIN z 0
        !blocked 1
        RESTORE z 0 ${zset}
        2> !read
        ZRANGE z 0 -1
        ",
    ),
    Case::new(
        "rows_of_the_command_table",
        r#"
        COMMAND INFO dump restore //~ unordered-deep -- flags and categories are sets
        COMMAND GETKEYS RESTORE k 0 x REPLACE
        COMMAND GETKEYSANDFLAGS RESTORE k 0 x //~ unordered-deep -- flags are a set
        ACL SETUSER bob on nopass %R~k* %W~w* +dump +restore
        ACL DRYRUN bob DUMP k
        ACL DRYRUN bob RESTORE w 0 x
        ACL DRYRUN bob DUMP w //~ 7.2-has "User bob has no permissions to access the 'w' key" -- names the user
        ACL DRYRUN bob RESTORE k 0 x //~ 7.2-has "User bob has no permissions to access the 'k' key" -- names the user
        ACL DELUSER bob
        "#,
    ),
    Case::new(
        "events",
        r#"
        CONFIG SET notify-keyspace-events EAn
        2> PSUBSCRIBE __key*
        RESTORE k 0 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce"
        2> !read
        2> !read
        RESTORE k 100000 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE
        2> !read
        2> !read
        RESTORE k 1 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE ABSTTL
        2> !read
        RESTORE k 1 "\x00\x01v\n\x00\x91\b\xce\xb2\x198\x8a\xce" REPLACE ABSTTL
        RESTORE k 0 x
        DUMP k
        2> PING
        CONFIG SET notify-keyspace-events ""
        "#,
    ),
];
