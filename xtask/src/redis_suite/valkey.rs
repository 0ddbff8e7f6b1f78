//! Valkey 8.1's tests: those of Redis 7.2, from which it descends, and what came after.

use super::stage::Change;
use super::{File, Suite, file, long};
use crate::source::Archive;

/// Valkey's tests, of the version that Debian 13 has.
pub(crate) const VALKEY: Suite = Suite {
    name: "valkey-suite",
    package: "valkey",
    archives: || Ok(vec![Archive::of_suite("trixie")?]),
    exceptions: "crates/cli/tests/valkey-suite-exceptions.txt",
    files: FILES,
    changes: CHANGES,
    adaptations: include_str!("valkey.tcl"),
    prefix: "valkey-",
};

/// All files below `tests/unit` (those of `cluster` and `moduleapi` are left out whole), `tests/unit/type` and
/// `tests/integration` but those
///
/// - of families that are not there yet or never will be: streams (`unit/type/stream`, `unit/type/stream-cgroups`), bitmaps
///   (`unit/bitops`, `unit/bitfield`), `unit/geo`, `unit/hyperloglog`, `unit/functions`, `unit/tracking`; replication
///   (`integration/replication*`, `psync2*`, `block-repl`, `failover`, `shutdown`, `dual-channel-replication`,
///   `replica-redirect`, `cross-version-replication`, `skip-rdb-checksum`, and `unit/wait`);
/// - of what came after Redis 7.2: `unit/commandlog`;
/// - which `redis-suite` has: `integration/valkey-cli` (the program is Redis 7.0's here) and `unit/oom-score-adj`;
/// - of the insides of Valkey's process: `integration/logging` (the symbols in the report of a crash) and
///   `integration/dismiss-mem`;
/// - that do nothing unless the suite itself runs over TLS, by an extension of Tcl: `unit/tls`.
const FILES: &[File] = &[
    long("unit/type/list-3"),
    long("unit/aofrw"),
    long("unit/latency-monitor"),
    long("unit/maxmemory"),
    long("unit/memefficiency"),
    long("unit/obuf-limits"),
    long("integration/corrupt-dump-fuzzer"),
    file("unit/scripting"),
    file("integration/corrupt-dump"),
    file("unit/client-eviction"),
    file("integration/aof"),
    file("unit/introspection"),
    file("unit/type/zset"),
    file("unit/expire"),
    file("unit/type/list"),
    file("unit/type/list-2"),
    file("unit/type/hash"),
    file("unit/scan"),
    file("unit/sort"),
    file("unit/other"),
    file("unit/type/string"),
    file("unit/type/set"),
    file("integration/aof-multi-part"),
    file("integration/aof-race"),
    file("integration/rdb"),
    file("integration/valkey-benchmark"),
    file("unit/multi"),
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
    file("unit/pause"),
    file("unit/protocol"),
    file("unit/pubsub"),
    file("unit/pubsubshard"),
    file("unit/querybuf"),
    file("unit/quit"),
    file("unit/replybufsize"),
    file("unit/shutdown"),
    file("unit/slowlog"),
    file("unit/type/incr"),
    file("unit/violations"),
    file("integration/convert-zipmap-hash-on-load"),
    file("integration/convert-ziplist-hash-on-load"),
    file("integration/convert-ziplist-zset-on-load"),
];

const CHANGES: &[Change] = &[
    // Directives that came after Redis 7.2.
    Change { file: "tests/assets/default.conf", from: "\nenable-debug-assert yes\n", to: "\n" },
    Change { file: "tests/assets/default.conf", from: "\nhide-user-data-from-log no\n", to: "\n" },
    // A server is taken off the list of those that run before the end of the procedure, where an error came of outside
    // of a test, and would be taken off once more there.
    Change {
        file: "tests/support/server.tcl",
        from: "\n                error $error $backtrace\n            }",
        to: "\n                error $error $backtrace\n            }\n            dict unset srv client\n            lappend ::servers $srv",
    },
    // Outside of tests, where an error ends the file: there is no active defragmentation, ...
    Change {
        file: "tests/unit/memefficiency.tcl",
        from: "&& [r debug mallctl arenas.page] <= 8192} {",
        to: "&& 0} {",
    },
    // ... and how Valkey 8 fetches ahead for several threads is its own.
    Change {
        file: "tests/unit/networking.tcl",
        from: "if {[r config get io-threads] ne \"io-threads 1\"} {",
        to: "if {0} {",
    },
    // Every test by EVAL alone, and by `redis` alone: there are no functions yet, and `server` came after Redis 7.2.
    Change {
        file: "tests/unit/scripting.tcl",
        from: "foreach is_eval {0 1} {\nforeach script_compatibility_api {server redis} {",
        to: "foreach is_eval {1} {\nforeach script_compatibility_api {redis} {",
    },
];
