//! What one client, and all of them together, may use.

use super::{Directive, INT_MAX, Status, int, size_from};
use crate::kind::Kind;

/// The least limit Redis accepts for lengths that come from the wire.
const WIRE_LIMIT_MIN: u64 = 1 << 20;

pub(super) const ROWS: &[Directive] = &[
    Directive::new(
        "requirepass",
        Kind::Secret,
        "",
        Status::Implemented,
        "Password of the default user; empty means none.",
    ),
    Directive::new(
        "maxclients",
        int(1, u32::MAX as i64),
        "10000",
        Status::Implemented,
        "Connections served at once; one more gets an error and is closed.",
    ),
    Directive::new(
        "databases",
        int(1, INT_MAX),
        "16",
        Status::Implemented,
        "Number of databases that SELECT can choose from.",
    )
    .immutable(),
    Directive::new(
        "proto-max-bulk-len",
        size_from(WIRE_LIMIT_MIN),
        "536870912",
        Status::Implemented,
        "Longest string a client may send.",
    ),
    Directive::new(
        "client-query-buffer-limit",
        size_from(WIRE_LIMIT_MIN),
        "1073741824",
        Status::Implemented,
        "Most bytes of one client's unfinished commands.",
    ),
    Directive::new(
        "client-output-buffer-limit",
        Kind::OutputLimits,
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        Status::Implemented,
        "Most bytes of replies that a client may leave unread, by class: hard limit, soft limit, \
         seconds; 0 means no limit.",
    ),
    Directive::new(
        "maxmemory-clients",
        Kind::MemoryOrPercent,
        "0",
        Status::Implemented,
        "Most memory of all clients together, or a share of maxmemory; beyond it the largest are closed.",
    ),
    Directive::new(
        "busy-reply-threshold",
        int(0, i64::MAX),
        "5000",
        Status::Implemented,
        "Milliseconds a script may run before others are answered BUSY; 0 means for ever.",
    )
    .alias(&["lua-time-limit"])
    .hint("0 means no limit"),
    Directive::new(
        "tracking-table-max-keys",
        int(0, i64::MAX),
        "1000000",
        Status::AcceptedIgnored("there is no client-side caching yet"),
        "Keys remembered for client-side caching.",
    ),
];
