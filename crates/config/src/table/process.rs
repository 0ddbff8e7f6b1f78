//! The process itself: background, logs, signals, statistics.

use super::{Directive, INT_MAX, Status, int};
use crate::kind::Kind;

/// The words of `shutdown-on-sigint` and `shutdown-on-sigterm`.
const SHUTDOWN: Kind = Kind::Flags(&["default", "save", "nosave", "now", "force"]);

pub(super) const ROWS: &[Directive] = &[
    Directive::new("daemonize", Kind::Bool, "no", Status::Implemented, "Run in the background.")
        .immutable(),
    Directive::new(
        "supervised",
        Kind::Enum(&["upstart", "systemd", "auto", "no"]),
        "no",
        Status::Implemented,
        "Tell the supervisor when the server is ready; `auto` finds out by the environment which one.",
    )
    .immutable(),
    Directive::new(
        "pidfile",
        Kind::Text,
        "",
        Status::Implemented,
        "File that holds the process id; empty means none.",
    )
    .immutable(),
    Directive::new(
        "loglevel",
        Kind::Enum(&["debug", "verbose", "notice", "warning", "nothing"]),
        "notice",
        Status::Implemented,
        "Least important messages that are logged.",
    ),
    Directive::new(
        "logfile",
        Kind::Text,
        "",
        Status::Implemented,
        "Log file; empty means standard output.",
    )
    .immutable(),
    Directive::new(
        "syslog-enabled",
        Kind::Bool,
        "no",
        Status::AcceptedIgnored("logs go to `logfile` or standard output, which systemd forwards"),
        "Log to syslog.",
    )
    .immutable(),
    Directive::new(
        "syslog-ident",
        Kind::Text,
        "redis",
        Status::AcceptedIgnored("there is no syslog output"),
        "Name in syslog.",
    )
    .immutable(),
    Directive::new(
        "syslog-facility",
        Kind::Enum(&[
            "user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
        ]),
        "local0",
        Status::AcceptedIgnored("there is no syslog output"),
        "Facility in syslog.",
    )
    .immutable(),
    Directive::new(
        "shutdown-timeout",
        int(0, INT_MAX),
        "10",
        Status::AcceptedIgnored("there are no replicas to wait for"),
        "Seconds to wait for replicas when stopping.",
    ),
    Directive::new(
        "shutdown-on-sigint",
        SHUTDOWN,
        "default",
        Status::Implemented,
        "How SIGINT stops the server.",
    ),
    Directive::new(
        "shutdown-on-sigterm",
        SHUTDOWN,
        "default",
        Status::Implemented,
        "How SIGTERM stops the server.",
    ),
    Directive::new(
        "slowlog-log-slower-than",
        int(-1, i64::MAX),
        "10000",
        Status::Implemented,
        "Microseconds from which a command is logged as slow; -1 means never.",
    ),
    Directive::new(
        "slowlog-max-len",
        int(0, i64::MAX),
        "128",
        Status::Implemented,
        "Slow commands that are remembered.",
    ),
    Directive::new(
        "latency-monitor-threshold",
        int(0, i64::MAX),
        "0",
        Status::Implemented,
        "Milliseconds from which an event is recorded by LATENCY.",
    ),
    Directive::new(
        "latency-tracking",
        Kind::Bool,
        "yes",
        Status::Implemented,
        "Keep a histogram of each command's latency.",
    ),
    Directive::new(
        "latency-tracking-info-percentiles",
        Kind::Percentiles,
        "50 99 99.9",
        Status::Implemented,
        "Percentiles that INFO shows.",
    ),
    Directive::new(
        "always-show-logo",
        Kind::Bool,
        "no",
        Status::AcceptedIgnored("there is no logo"),
        "Show the logo at start.",
    )
    .immutable(),
    Directive::new(
        "set-proc-title",
        Kind::Bool,
        "yes",
        Status::AcceptedIgnored("the process keeps its command line"),
        "Rewrite the process title.",
    )
    .immutable(),
    Directive::new(
        "proc-title-template",
        Kind::Text,
        "{title} {listen-addr} {server-mode}",
        Status::AcceptedIgnored("the process keeps its command line"),
        "What the process title says.",
    ),
    Directive::new(
        "crash-log-enabled",
        Kind::Bool,
        "yes",
        Status::Implemented,
        "Log a report, without any data, when the server ends by a defect that it notices.",
    ),
    Directive::new(
        "crash-memcheck-enabled",
        Kind::Bool,
        "yes",
        Status::AcceptedIgnored("memory is not tested after a crash"),
        "Test the memory after a crash.",
    ),
    Directive::new(
        "use-exit-on-panic",
        Kind::Bool,
        "no",
        Status::AcceptedIgnored("a defect ends the process after its report in every case"),
        "For tests: end by exit, not by abort.",
    )
    .hidden(),
    Directive::new(
        "oom-score-adj",
        Kind::Enum(&["no", "yes", "relative", "absolute"]),
        "no",
        Status::Implemented,
        "Adjust how readily the kernel kills the process when memory runs out.",
    ),
    Directive::new(
        "oom-score-adj-values",
        Kind::OomScores,
        "0 200 800",
        Status::Implemented,
        "The adjustment; those of a replica and of a saving child, which are the second and third, are kept.",
    ),
    Directive::new(
        "disable-thp",
        Kind::Bool,
        "yes",
        Status::AcceptedIgnored("huge pages do no harm here, since nothing forks"),
        "Switch transparent huge pages off.",
    )
    .immutable(),
    Directive::new(
        "server_cpulist",
        Kind::Text,
        "",
        Status::AcceptedIgnored("set CPUAffinity= in the systemd unit instead"),
        "Processors for the server's threads.",
    )
    .immutable(),
    Directive::new(
        "bio_cpulist",
        Kind::Text,
        "",
        Status::AcceptedIgnored("set CPUAffinity= in the systemd unit instead"),
        "Processors for background threads.",
    )
    .immutable(),
    Directive::new(
        "aof_rewrite_cpulist",
        Kind::Text,
        "",
        Status::AcceptedIgnored("set CPUAffinity= in the systemd unit instead"),
        "Processors for log rewrites.",
    )
    .immutable(),
    Directive::new(
        "bgsave_cpulist",
        Kind::Text,
        "",
        Status::AcceptedIgnored("set CPUAffinity= in the systemd unit instead"),
        "Processors for snapshots.",
    )
    .immutable(),
    Directive::new(
        "ignore-warnings",
        Kind::Text,
        "",
        Status::AcceptedIgnored("there is no start-up check to silence"),
        "Start-up checks that only warn.",
    ),
];
