//! The append log and snapshots.

use super::{Directive, INT_MAX, INT_MIN, Status, int, size_from};
use crate::kind::Kind;
use crate::value::Value;

pub(super) const ROWS: &[Directive] = &[
    Directive::new(
        "dir",
        Kind::Text,
        ".",
        Status::Implemented,
        "Directory of the append log and the snapshots.",
    )
    .protected(),
    Directive::new(
        "appendonly",
        Kind::Bool,
        "yes",
        Status::Implemented,
        "Keep the append log, without which a crash loses what was written since the last \
         snapshot.",
    )
    .caveat(|value| match value {
        Value::Bool(false) => Some(
            "the append log is off: a crash or power loss ends every session written since the \
             last snapshot; `appendonly yes` keeps them",
        ),
        _ => None,
    }),
    Directive::new(
        "appendfsync",
        Kind::Enum(&["everysec", "always", "no"]),
        "everysec",
        Status::Implemented,
        "When the append log is forced to disk: before each reply, once a second, or when the \
         system likes.",
    ),
    Directive::new(
        "appendfilename",
        Kind::FileName,
        "appendonly.aof",
        Status::Implemented,
        "First part of the names of the append log's files.",
    )
    .immutable(),
    Directive::new(
        "appenddirname",
        Kind::FileName,
        "appendonlydir",
        Status::Implemented,
        "Directory of the append log, inside `dir`.",
    )
    .immutable(),
    Directive::new(
        "no-appendfsync-on-rewrite",
        Kind::Bool,
        "no",
        Status::AcceptedIgnored("a rewrite never keeps the log from being forced to disk"),
        "Do not force the append log to disk while it is rewritten or a snapshot runs.",
    ),
    Directive::new(
        "auto-aof-rewrite-percentage",
        int(0, INT_MAX),
        "100",
        Status::Implemented,
        "Growth since the last rewrite, in percent, that starts a rewrite; 0 means never.",
    )
    .hint("0 means never"),
    Directive::new(
        "auto-aof-rewrite-min-size",
        size_from(0),
        "67108864",
        Status::Implemented,
        "Size below which the append log is not rewritten.",
    ),
    Directive::new(
        "aof-load-truncated",
        Kind::Bool,
        "yes",
        Status::Implemented,
        "Cut an unfinished last record off with a warning, instead of refusing to start.",
    ),
    Directive::new(
        "aof-use-rdb-preamble",
        Kind::Bool,
        "yes",
        Status::AcceptedIgnored("the base of the log is always a snapshot"),
        "Write the base of the append log as a snapshot, which loads faster than commands.",
    ),
    Directive::new(
        "aof-timestamp-enabled",
        Kind::Bool,
        "no",
        Status::AcceptedIgnored("the append log carries no times"),
        "Write times into the append log.",
    ),
    Directive::new(
        "aof-rewrite-incremental-fsync",
        Kind::Bool,
        "yes",
        Status::AcceptedIgnored("files are always forced to disk in parts"),
        "Force a rewrite to disk in parts.",
    ),
    Directive::new(
        "aof-disable-auto-gc",
        Kind::Bool,
        "no",
        Status::AcceptedIgnored("files the manifest no longer names are always removed"),
        "Keep old files of the append log.",
    ),
    Directive::new(
        "save",
        Kind::SavePoints,
        "3600 1 300 100 60 10000",
        Status::Implemented,
        "Pairs of seconds and changes after which a snapshot is taken; empty means never.",
    )
    .hint("`save \"\"` means no snapshots"),
    Directive::new(
        "dbfilename",
        Kind::FileName,
        "dump.rdb",
        Status::Implemented,
        "Name of the snapshot, inside `dir`.",
    )
    .protected()
    .hint("`save \"\"` means no snapshots"),
    Directive::new(
        "rdbcompression",
        Kind::Bool,
        "yes",
        Status::Implemented,
        "Compress long strings in snapshots.",
    ),
    Directive::new(
        "rdb-key-save-delay",
        int(INT_MIN, INT_MAX),
        "0",
        Status::Implemented,
        "For tests: microseconds that a snapshot waits for each key; negative, keys for which it waits one.",
    )
    .hidden(),
    Directive::new(
        "rdbchecksum",
        Kind::Bool,
        "yes",
        Status::Implemented,
        "End snapshots with a checksum, and check it when loading.",
    )
    .immutable(),
    Directive::new(
        "stop-writes-on-bgsave-error",
        Kind::Bool,
        "yes",
        Status::Implemented,
        "Refuse writes while the last snapshot failed.",
    ),
    Directive::new(
        "rdb-save-incremental-fsync",
        Kind::Bool,
        "yes",
        Status::AcceptedIgnored("files are always forced to disk in parts"),
        "Force a snapshot to disk in parts.",
    ),
    Directive::new(
        "key-load-delay",
        int(-INT_MAX - 1, INT_MAX),
        "0",
        Status::Implemented,
        "Microseconds that loading a snapshot rests after each key; below 0, not at all.",
    )
    .hidden(),
    Directive::new(
        "loading-process-events-interval-bytes",
        int(1_024, INT_MAX),
        "2097152",
        Status::AcceptedIgnored("clients are answered by other threads while data is loaded"),
        "Bytes of a snapshot after which Redis answers clients while it loads.",
    )
    .hidden(),
    Directive::new(
        "rdb-del-sync-files",
        Kind::Bool,
        "no",
        Status::AcceptedIgnored("there is no replication yet"),
        "Remove snapshots made only for replicas.",
    ),
    Directive::new(
        "sanitize-dump-payload",
        Kind::Enum(&["no", "yes", "clients"]),
        "no",
        Status::AcceptedIgnored("everything that is loaded is always checked"),
        "Check snapshots and RESTORE payloads in depth.",
    ),
];
