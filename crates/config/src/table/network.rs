//! Where the server listens and how connections are kept.

use super::{Directive, INT_MAX, Status, int};
use crate::kind::Kind;

pub(super) const ROWS: &[Directive] = &[
    Directive::new(
        "bind",
        Kind::Addresses,
        "127.0.0.1 -::1",
        Status::Implemented,
        "Addresses to listen on; `*` is every IPv4 address, `::*` every IPv6 one; one after `-` \
         may be missing; none at all means no TCP.",
    ),
    Directive::new(
        "port",
        int(0, 65_535),
        "6379",
        Status::Implemented,
        "TCP port; 0 means no TCP.",
    )
    .hint("0 means no TCP"),
    Directive::new(
        "protected-mode",
        Kind::Bool,
        "yes",
        Status::Implemented,
        "Without a password, serve only this machine. Listening beyond loopback without a password \
         needs `no`.",
    ),
    Directive::new(
        "unixsocket",
        Kind::Text,
        "",
        Status::Implemented,
        "Path of the Unix socket; empty means none.",
    )
    .immutable(),
    Directive::new(
        "unixsocketperm",
        Kind::Octal,
        "0",
        Status::Implemented,
        "Permission bits of the Unix socket, in octal; 0 leaves them to the umask.",
    )
    .immutable(),
    Directive::new(
        "tcp-backlog",
        int(0, INT_MAX),
        "511",
        Status::Implemented,
        "Connections that may wait to be accepted.",
    )
    .immutable(),
    Directive::new(
        "tcp-keepalive",
        int(0, INT_MAX),
        "300",
        Status::Implemented,
        "Seconds after which a silent peer is probed; 0 means never.",
    )
    .hint("0 means never"),
    Directive::new(
        "timeout",
        int(0, INT_MAX),
        "0",
        Status::Implemented,
        "Seconds after which an idle client is disconnected; 0 means never.",
    )
    .hint("0 means never"),
    Directive::new(
        "io-threads",
        int(0, 128),
        "0",
        Status::Implemented,
        "Threads that serve connections and run commands; 0 chooses by the number of processors.",
    )
    .immutable()
    .hint("0 chooses by the number of processors"),
    Directive::new(
        "io-threads-do-reads",
        Kind::Bool,
        "no",
        Status::AcceptedIgnored("every I/O thread reads, runs and writes"),
        "Whether I/O threads also read.",
    )
    .immutable(),
    Directive::new(
        "bind-source-addr",
        Kind::Text,
        "",
        Status::AcceptedIgnored("the server opens no connections of its own yet"),
        "Source address of outgoing connections.",
    ),
    Directive::new(
        "socket-mark-id",
        int(0, u32::MAX as i64),
        "0",
        Status::AcceptedIgnored("sockets are not marked"),
        "Mark put on sockets for firewall rules.",
    )
    .immutable(),
];
