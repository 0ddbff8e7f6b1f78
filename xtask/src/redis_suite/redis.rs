//! Redis 7.0's tests.

use super::stage::Change;
use super::{File, Suite, file, long};
use crate::source::Archive;

/// Redis's tests, of the version that this system has.
pub(crate) const REDIS: Suite = Suite {
    name: "redis-suite",
    package: "redis",
    archives: || Archive::of_package("redis-server"),
    exceptions: "crates/cli/tests/redis-suite-exceptions.txt",
    files: FILES,
    changes: CHANGES,
    adaptations: include_str!("redis.tcl"),
    prefix: "redis-",
};

/// All files of the suite's own list (which leaves out `integration/aof-race`) but those of families that are not there
/// yet or never will be:
///
/// - streams: `unit/type/stream`, `unit/type/stream-cgroups`; bitmaps: `unit/bitops`, `unit/bitfield`; `unit/geo`;
///   `unit/hyperloglog`; `unit/functions`; `unit/tracking`;
/// - replication: `integration/replication*`, `psync2*`, `block-repl`, `failover`, `shutdown` (that of a master),
///   `unit/wait` and `unit/pendingquerybuf` (a replica from their first test on);
/// - cluster and modules: `unit/cluster*`, `unit/moduleapi/*`;
///
/// and but a few that look at the insides of Redis's process:
///
/// - `integration/logging`: the symbols of Redis's source in the report of a crash;
/// - `integration/dismiss-mem`: what a child gives back of the memory that it shares with its parent;
/// - `unit/tls`: does nothing unless the suite itself runs over TLS, which takes Tcl's package `tls`.
const FILES: &[File] = &[
    long("unit/type/list-3"),
    long("unit/aofrw"),
    long("unit/obuf-limits"),
    long("integration/corrupt-dump-fuzzer"),
    long("unit/latency-monitor"),
    file("integration/corrupt-dump"),
    file("unit/maxmemory"),
    file("unit/client-eviction"),
    file("integration/aof"),
    file("unit/introspection"),
    file("unit/type/zset"),
    file("unit/scripting"),
    file("unit/expire"),
    file("unit/type/list"),
    file("unit/type/list-2"),
    file("unit/scan"),
    file("unit/sort"),
    file("unit/other"),
    file("unit/type/string"),
    file("unit/type/set"),
    file("integration/aof-multi-part"),
    file("integration/rdb"),
    file("integration/redis-cli"),
    file("unit/type/hash"),
    file("unit/multi"),
    file("unit/pause"),
    file("unit/memefficiency"),
    file("unit/shutdown"),
    file("unit/introspection-2"),
    file("unit/acl"),
    file("unit/acl-v2"),
    file("unit/auth"),
    file("unit/dump"),
    file("unit/info"),
    file("unit/info-command"),
    file("unit/keyspace"),
    file("unit/lazyfree"),
    file("unit/limits"),
    file("unit/networking"),
    file("unit/protocol"),
    file("unit/pubsub"),
    file("unit/pubsubshard"),
    file("unit/querybuf"),
    file("unit/quit"),
    file("unit/replybufsize"),
    file("unit/slowlog"),
    file("unit/type/incr"),
    file("unit/oom-score-adj"),
    file("unit/printver"),
    file("unit/violations"),
    file("integration/redis-benchmark"),
    file("integration/convert-zipmap-hash-on-load"),
    file("integration/convert-ziplist-hash-on-load"),
    file("integration/convert-ziplist-zset-on-load"),
];

const CHANGES: &[Change] = &[
    // Tests of the append log source this file again.
    Change {
        file: "tests/support/aofmanifest.tcl",
        from: "\nproc start_server_aof {",
        to: "\nproc start_server_aof_of_7_0 {",
    },
    // Sets as 7.0 has them, whose tests look at the encodings.
    Change {
        file: "tests/assets/default.conf",
        from: "\nio-threads 1",
        to: "\nset-max-listpack-entries 0\nio-threads 1",
    },
    // Every test by EVAL alone: there are no functions yet.
    Change {
        file: "tests/unit/scripting.tcl",
        from: "foreach is_eval {0 1} {",
        to: "foreach is_eval {1} {",
    },
    // Outside of tests, where an error ends the file: there is no active defragmentation, ...
    Change {
        file: "tests/unit/memefficiency.tcl",
        from: "&& [r debug mallctl arenas.page] <= 8192} {",
        to: "&& 0} {",
    },
    // ... and no replica to be paused.
    Change {
        file: "tests/unit/pause.tcl",
        from: "    start_server {tags {needs:repl external:skip}} {",
        to: "    if {0} {",
    },
];
