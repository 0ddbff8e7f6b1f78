//! What Guarda does not have yet: replication, Cluster, modules.
//!
//! The rows still know each name and value, so that a stock redis.conf starts. Those whose loss
//! would break a promise (copies) are refused instead of
//! ignored.

use super::{Directive, INT_MAX, Status, int, size_from};
use crate::kind::Kind;

const NO_REPLICATION: &str = "there is no replication yet";
const NO_CLUSTER: &str =
    "there is no cluster mode; many machines are served by Valkey or Redis Cluster";

const fn ignored(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    why: &'static str,
    doc: &'static str,
) -> Directive {
    Directive::new(name, kind, default, Status::AcceptedIgnored(why), doc)
}

const fn refused(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    why: &'static str,
    doc: &'static str,
) -> Directive {
    Directive::new(name, kind, default, Status::Refused(why), doc)
}

const PORT: Kind = int(0, 65_535);

pub(super) const REPLICATION: &[Directive] = &[
    refused("replicaof", Kind::Master, "", NO_REPLICATION, "Primary to follow.")
        .alias(&["slaveof"])
        .immutable(),
    refused("masterauth", Kind::Secret, "", NO_REPLICATION, "Password for the primary."),
    refused("masteruser", Kind::Text, "", NO_REPLICATION, "User for the primary."),
    refused(
        "min-replicas-to-write",
        int(0, INT_MAX),
        "0",
        "there is no replication yet, so no write would ever be allowed",
        "Replicas without which writes are refused.",
    )
    .alias(&["min-slaves-to-write"]),
    ignored(
        "min-replicas-max-lag",
        int(0, INT_MAX),
        "10",
        NO_REPLICATION,
        "Seconds after which a replica does not count.",
    )
    .alias(&["min-slaves-max-lag"]),
    ignored(
        "replica-serve-stale-data",
        Kind::Bool,
        "yes",
        NO_REPLICATION,
        "Serve reads without a primary.",
    )
    .alias(&["slave-serve-stale-data"]),
    ignored("replica-read-only", Kind::Bool, "yes", NO_REPLICATION, "Refuse writes on a replica.")
        .alias(&["slave-read-only"]),
    ignored(
        "replica-priority",
        int(0, INT_MAX),
        "100",
        NO_REPLICATION,
        "Preference of Sentinel for this replica.",
    )
    .alias(&["slave-priority"]),
    ignored(
        "replica-announced",
        Kind::Bool,
        "yes",
        NO_REPLICATION,
        "Let Sentinel see this replica.",
    ),
    ignored("replica-announce-ip", Kind::Text, "", NO_REPLICATION, "Address told to the primary.")
        .alias(&["slave-announce-ip"]),
    ignored("replica-announce-port", PORT, "0", NO_REPLICATION, "Port told to the primary.")
        .alias(&["slave-announce-port"]),
    ignored(
        "replica-ignore-maxmemory",
        Kind::Bool,
        "yes",
        NO_REPLICATION,
        "Leave eviction to the primary.",
    )
    .alias(&["slave-ignore-maxmemory"]),
    ignored(
        "replica-lazy-flush",
        Kind::Bool,
        "no",
        NO_REPLICATION,
        "Free the old data later when synchronising.",
    )
    .alias(&["slave-lazy-flush"]),
    ignored(
        "replica-ignore-disk-write-errors",
        Kind::Bool,
        "no",
        NO_REPLICATION,
        "Go on when a replica cannot write.",
    ),
    ignored(
        "repl-diskless-sync",
        Kind::Bool,
        "yes",
        NO_REPLICATION,
        "Send snapshots without writing them.",
    ),
    ignored(
        "repl-diskless-sync-delay",
        int(0, INT_MAX),
        "5",
        NO_REPLICATION,
        "Seconds to wait for more replicas.",
    ),
    ignored(
        "repl-diskless-sync-max-replicas",
        int(0, INT_MAX),
        "0",
        NO_REPLICATION,
        "Replicas that end that wait.",
    ),
    ignored(
        "repl-diskless-load",
        Kind::Enum(&["disabled", "on-empty-db", "swapdb"]),
        "disabled",
        NO_REPLICATION,
        "Load a snapshot straight from the connection.",
    ),
    ignored(
        "repl-ping-replica-period",
        int(1, INT_MAX),
        "10",
        NO_REPLICATION,
        "Seconds between two PINGs to replicas.",
    )
    .alias(&["repl-ping-slave-period"]),
    ignored(
        "repl-timeout",
        int(1, INT_MAX),
        "60",
        NO_REPLICATION,
        "Seconds after which a silent peer is given up.",
    ),
    ignored(
        "repl-disable-tcp-nodelay",
        Kind::Bool,
        "no",
        NO_REPLICATION,
        "Save packets instead of time.",
    ),
    ignored(
        "repl-backlog-size",
        size_from(1),
        "1048576",
        NO_REPLICATION,
        "Bytes kept for replicas that come back.",
    ),
    ignored(
        "repl-backlog-ttl",
        int(0, i64::MAX),
        "3600",
        NO_REPLICATION,
        "Seconds they are kept without replicas.",
    ),
    ignored(
        "propagation-error-behavior",
        Kind::Enum(&["ignore", "panic", "panic-on-replicas"]),
        "ignore",
        NO_REPLICATION,
        "What a replicated command that fails does.",
    ),
];

pub(super) const CLUSTER: &[Directive] = &[
    refused("cluster-enabled", Kind::Bool, "no", NO_CLUSTER, "Run as a node of a cluster.")
        .immutable(),
    ignored(
        "cluster-config-file",
        Kind::Text,
        "nodes.conf",
        NO_CLUSTER,
        "File of the node's state.",
    )
    .immutable(),
    ignored(
        "cluster-node-timeout",
        int(0, i64::MAX),
        "15000",
        NO_CLUSTER,
        "Milliseconds after which a node counts as failed.",
    ),
    ignored("cluster-port", PORT, "0", NO_CLUSTER, "Port of the cluster bus.").immutable(),
    ignored("cluster-announce-ip", Kind::Text, "", NO_CLUSTER, "Address told to other nodes."),
    ignored("cluster-announce-port", PORT, "0", NO_CLUSTER, "Port told to other nodes."),
    ignored("cluster-announce-tls-port", PORT, "0", NO_CLUSTER, "TLS port told to other nodes."),
    ignored("cluster-announce-bus-port", PORT, "0", NO_CLUSTER, "Bus port told to other nodes."),
    ignored(
        "cluster-announce-hostname",
        Kind::HostName,
        "",
        NO_CLUSTER,
        "Host name told to clients.",
    ),
    ignored(
        "cluster-announce-human-nodename",
        Kind::HostName,
        "",
        NO_CLUSTER,
        "Name of the node in logs.",
    ),
    ignored(
        "cluster-preferred-endpoint-type",
        Kind::Enum(&["ip", "hostname", "unknown-endpoint"]),
        "ip",
        NO_CLUSTER,
        "How nodes are named to clients.",
    ),
    ignored(
        "cluster-replica-validity-factor",
        int(0, INT_MAX),
        "10",
        NO_CLUSTER,
        "How stale a replica may be to take over.",
    )
    .alias(&["cluster-slave-validity-factor"]),
    ignored("cluster-replica-no-failover", Kind::Bool, "no", NO_CLUSTER, "Never take over.")
        .alias(&["cluster-slave-no-failover"]),
    ignored(
        "cluster-migration-barrier",
        int(0, INT_MAX),
        "1",
        NO_CLUSTER,
        "Replicas a primary keeps.",
    ),
    ignored(
        "cluster-allow-replica-migration",
        Kind::Bool,
        "yes",
        NO_CLUSTER,
        "Let replicas change their primary.",
    ),
    ignored(
        "cluster-require-full-coverage",
        Kind::Bool,
        "yes",
        NO_CLUSTER,
        "Serve only when every slot is served.",
    ),
    ignored(
        "cluster-allow-reads-when-down",
        Kind::Bool,
        "no",
        NO_CLUSTER,
        "Serve reads when the cluster is down.",
    ),
    ignored(
        "cluster-allow-pubsubshard-when-down",
        Kind::Bool,
        "yes",
        NO_CLUSTER,
        "Serve sharded channels when the cluster is down.",
    ),
    ignored(
        "cluster-link-sendbuf-limit",
        Kind::Memory { min: 0, max: u64::MAX },
        "0",
        NO_CLUSTER,
        "Most bytes that wait for another node.",
    ),
];

pub(super) const REST: &[Directive] = &[
    Directive::new(
        "include",
        Kind::FileOnly { args_min: 1, args_max: 1 },
        "",
        Status::Implemented,
        "Read another file at this place; a pattern reads all files it matches.",
    ),
    Directive::new(
        "notify-keyspace-events",
        Kind::KeyspaceEvents,
        "",
        Status::Implemented,
        "Classes of events published to subscribers.",
    ),
    refused(
        "loadmodule",
        Kind::FileOnly { args_min: 1, args_max: usize::MAX },
        "",
        "there are no modules",
        "A module to load.",
    ),
    refused(
        "sentinel",
        Kind::FileOnly { args_min: 0, args_max: usize::MAX },
        "",
        "Guarda is no Sentinel; run redis-sentinel beside it",
        "A directive of Sentinel.",
    ),
    ignored(
        "locale-collate",
        Kind::Text,
        "",
        "strings are compared byte by byte",
        "Locale of string comparison.",
    ),
    ignored(
        "lua-replicate-commands",
        Kind::FileOnly { args_min: 1, args_max: 1 },
        "",
        "effects are journalled, never scripts",
        "Has meant nothing since Redis 7.0.",
    ),
    ignored(
        "list-max-ziplist-entries",
        Kind::FileOnly { args_min: 1, args_max: 1 },
        "",
        "it has meant nothing since Redis 3.2",
        "Has meant nothing since Redis 3.2.",
    ),
    ignored(
        "list-max-ziplist-value",
        Kind::FileOnly { args_min: 1, args_max: 1 },
        "",
        "it has meant nothing since Redis 3.2",
        "Has meant nothing since Redis 3.2.",
    ),
];
