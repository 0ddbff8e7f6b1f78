//! Directives about PHP sessions; Redis has none of them.

use super::{Directive, INT_MAX, int};
use crate::table::Status;

pub(super) const ROWS: &[Directive] = &[
    Directive::new(
        "session-lock-max-hold",
        int(1, 86_400),
        "600",
        Status::Implemented,
        "Seconds that one request may hold a session's lock, however often its lease is renewed.",
    ),
    Directive::new(
        "session-max-waiters",
        int(0, INT_MAX),
        "10000",
        Status::Implemented,
        "Clients that may wait for one session; clients may ask for less (MAXWAITERS).",
    ),
    Directive::new(
        "session-max-locks-per-client",
        int(1, INT_MAX),
        "64",
        Status::Implemented,
        "Session locks that one connection may hold or wait for at a time.",
    ),
    Directive::new(
        "session-tombstone-ttl",
        int(1, INT_MAX),
        "900",
        Status::Implemented,
        "Seconds for which a session that was ended cannot be brought back by a request under way; \
         never less than session-lock-max-hold.",
    ),
    Directive::new(
        "session-restart-lease",
        int(0, 86_400),
        "5",
        Status::Implemented,
        "Seconds that session locks live on after a restart unless their holders come back.",
    ),
    Directive::new(
        "session-fair-after",
        int(1, INT_MAX),
        "1",
        Status::Implemented,
        "Times in a row that a lock goes from one waiting client to the next before it is left free \
         for one that polls, such as phpredis.",
    ),
    Directive::new(
        "session-fair-window",
        int(0, 1_000),
        "25",
        Status::Implemented,
        "Milliseconds for which it is then left free: longer than phpredis waits between two tries. \
         0 means that only waiting clients are served in order.",
    ),
];
