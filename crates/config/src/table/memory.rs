//! Memory, expiry, background work, and how values are encoded.

use super::{Directive, INT_MAX, Status, int, size_from};
use crate::kind::Kind;

const NO_COMPRESSION: &str = "lists are not compressed in memory";
const NO_STREAMS: &str = "there are no streams yet";
const NO_DEFRAG: &str = "memory is not defragmented actively";
const LAZY: &str = "large collections are always freed after the locks are given back";

pub(super) const ROWS: &[Directive] = &[
    Directive::new(
        "maxmemory",
        Kind::Memory { min: 0, max: u64::MAX },
        "0",
        Status::Implemented,
        "Most memory in use; beyond it, keys are evicted as `maxmemory-policy` says, or writes that \
         need memory are refused; 0 means no limit.",
    )
    .hint("0 means no limit"),
    Directive::new(
        "maxmemory-policy",
        Kind::Enum(&[
            "volatile-lru",
            "volatile-lfu",
            "volatile-random",
            "volatile-ttl",
            "allkeys-lru",
            "allkeys-lfu",
            "allkeys-random",
            "noeviction",
        ]),
        "noeviction",
        Status::Implemented,
        "Which keys are evicted when `maxmemory` is reached: of all, or of those that expire, the \
         least recently or least often used, any, or those that expire soonest; `noeviction`: none, \
         writes are refused. Sessions in use and session locks are never evicted.",
    ),
    Directive::new(
        "maxmemory-samples",
        int(1, INT_MAX),
        "5",
        Status::Implemented,
        "Keys drawn to find one to evict; more come closer to the policy and take longer.",
    ),
    Directive::new(
        "maxmemory-eviction-tenacity",
        int(0, 100),
        "10",
        Status::Implemented,
        "How long eviction may hold up a command: 0.5 ms at 10, each step beyond 15 % longer, 100 \
         without end. The rest goes on in the background.",
    ),
    Directive::new(
        "lfu-log-factor",
        int(0, INT_MAX),
        "10",
        Status::Implemented,
        "How slowly the counter of uses rises under an LFU policy.",
    ),
    Directive::new(
        "lfu-decay-time",
        int(0, INT_MAX),
        "1",
        Status::Implemented,
        "Minutes without use after which the counter of uses falls by one; 0: never.",
    ),
    Directive::new(
        "hz",
        Kind::Hz,
        "10",
        Status::AcceptedIgnored("housekeeping has its own pace: it follows what is due"),
        "Rounds of background work per second.",
    ),
    Directive::new(
        "dynamic-hz",
        Kind::Bool,
        "yes",
        Status::AcceptedIgnored("background work follows what is due, not the number of clients"),
        "More rounds of background work when there are many clients.",
    ),
    Directive::new(
        "active-expire-effort",
        int(1, 10),
        "1",
        Status::AcceptedIgnored("everything that is due is removed at once, in short slices"),
        "How much work goes into removing expired keys that nobody asks for.",
    ),
    Directive::new(
        "lazyfree-lazy-eviction",
        Kind::Bool,
        "no",
        Status::AcceptedIgnored(LAZY),
        "Free evicted values later.",
    ),
    Directive::new(
        "lazyfree-lazy-expire",
        Kind::Bool,
        "no",
        Status::AcceptedIgnored(LAZY),
        "Free expired values later.",
    ),
    Directive::new(
        "lazyfree-lazy-server-del",
        Kind::Bool,
        "no",
        Status::AcceptedIgnored(LAZY),
        "Free overwritten values later.",
    ),
    Directive::new(
        "lazyfree-lazy-user-del",
        Kind::Bool,
        "no",
        Status::Implemented,
        "Make DEL behave like UNLINK.",
    ),
    Directive::new(
        "lazyfree-lazy-user-flush",
        Kind::Bool,
        "no",
        Status::Implemented,
        "Make FLUSHALL and FLUSHDB behave as with ASYNC, unless SYNC is given.",
    ),
    Directive::new(
        "activerehashing",
        Kind::Bool,
        "yes",
        Status::AcceptedIgnored("the table grows by small steps in any case"),
        "Move entries to a grown table in the background.",
    ),
    Directive::new(
        "activedefrag",
        Kind::Bool,
        "no",
        Status::AcceptedIgnored(NO_DEFRAG),
        "Defragment memory.",
    ),
    Directive::new(
        "active-defrag-ignore-bytes",
        size_from(1),
        "104857600",
        Status::AcceptedIgnored(NO_DEFRAG),
        "Least waste that starts defragmentation.",
    ),
    Directive::new(
        "active-defrag-threshold-lower",
        int(0, 1000),
        "10",
        Status::AcceptedIgnored(NO_DEFRAG),
        "Least fragmentation, in percent.",
    ),
    Directive::new(
        "active-defrag-threshold-upper",
        int(0, 1000),
        "100",
        Status::AcceptedIgnored(NO_DEFRAG),
        "Fragmentation of full effort, in percent.",
    ),
    Directive::new(
        "active-defrag-cycle-min",
        int(1, 99),
        "1",
        Status::AcceptedIgnored(NO_DEFRAG),
        "Least effort, in percent of a processor.",
    ),
    Directive::new(
        "active-defrag-cycle-max",
        int(1, 99),
        "25",
        Status::AcceptedIgnored(NO_DEFRAG),
        "Full effort, in percent of a processor.",
    ),
    Directive::new(
        "active-defrag-max-scan-fields",
        int(1, i64::MAX),
        "1000",
        Status::AcceptedIgnored(NO_DEFRAG),
        "Fields of one value moved at once.",
    ),
    Directive::new(
        "jemalloc-bg-thread",
        Kind::Bool,
        "yes",
        Status::AcceptedIgnored("the allocator's own settings hold"),
        "Let jemalloc purge in a thread.",
    ),
    Directive::new(
        "hash-max-listpack-entries",
        int(0, i64::MAX),
        "512",
        Status::Implemented,
        "Fields up to which a hash is kept as one compact block.",
    )
    .alias(&["hash-max-ziplist-entries"]),
    Directive::new(
        "hash-max-listpack-value",
        size_from(0),
        "64",
        Status::Implemented,
        "Longest field or value of a hash kept as one compact block.",
    )
    .alias(&["hash-max-ziplist-value"]),
    Directive::new(
        "list-max-listpack-size",
        int(i32::MIN as i64, INT_MAX),
        "-2",
        Status::Implemented,
        "Entries of one block of a list, or its size class if negative.",
    )
    .alias(&["list-max-ziplist-size"]),
    Directive::new(
        "list-compress-depth",
        int(0, INT_MAX),
        "0",
        Status::AcceptedIgnored(NO_COMPRESSION),
        "Blocks at each end of a list left uncompressed.",
    ),
    Directive::new(
        "set-max-intset-entries",
        int(0, i64::MAX),
        "512",
        Status::Implemented,
        "Members up to which a set of integers is kept as integers.",
    ),
    Directive::new(
        "set-max-listpack-entries",
        int(0, i64::MAX),
        "128",
        Status::Implemented,
        "Members up to which a set is kept as one compact block.",
    ),
    Directive::new(
        "set-max-listpack-value",
        size_from(0),
        "64",
        Status::Implemented,
        "Longest member of a set kept as one compact block.",
    ),
    Directive::new(
        "zset-max-listpack-entries",
        int(0, i64::MAX),
        "128",
        Status::Implemented,
        "Members up to which a sorted set is kept as one compact block.",
    )
    .alias(&["zset-max-ziplist-entries"]),
    Directive::new(
        "zset-max-listpack-value",
        size_from(0),
        "64",
        Status::Implemented,
        "Longest member of a sorted set kept as one compact block.",
    )
    .alias(&["zset-max-ziplist-value"]),
    Directive::new(
        "hll-sparse-max-bytes",
        size_from(0),
        "3000",
        Status::AcceptedIgnored("there is no HyperLogLog yet"),
        "Size up to which a HyperLogLog is kept sparse.",
    ),
    Directive::new(
        "stream-node-max-bytes",
        size_from(0),
        "4096",
        Status::AcceptedIgnored(NO_STREAMS),
        "Bytes of one block of a stream.",
    ),
    Directive::new(
        "stream-node-max-entries",
        int(0, i64::MAX),
        "100",
        Status::AcceptedIgnored(NO_STREAMS),
        "Entries of one block of a stream.",
    ),
];
