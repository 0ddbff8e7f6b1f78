//! Who may do what.

use super::{Directive, Status, int};
use crate::kind::Kind;

const YES_NO_LOCAL: Kind = Kind::Enum(&["no", "yes", "local"]);

pub(super) const ROWS: &[Directive] = &[
    Directive::new(
        "aclfile",
        Kind::Text,
        "",
        Status::Implemented,
        "File of users, one `user <name> <rules>` a line; seen from `dir`.",
    )
    .immutable(),
    Directive::new(
        "user",
        Kind::FileOnly { args_min: 1, args_max: usize::MAX },
        "",
        Status::Implemented,
        "A user and its rules; any number of lines, unless there is an `aclfile`.",
    ),
    Directive::new(
        "rename-command",
        Kind::FileOnly { args_min: 2, args_max: 2 },
        "",
        Status::Implemented,
        "Another name for a command; an empty one takes the command away. Permissions \
         (`user`) are the better way.",
    ),
    Directive::new(
        "acl-pubsub-default",
        Kind::Enum(&["allchannels", "resetchannels"]),
        "resetchannels",
        Status::Implemented,
        "Channels of a new user: all or none.",
    ),
    Directive::new(
        "acllog-max-len",
        int(0, i64::MAX),
        "128",
        Status::Implemented,
        "Entries that ACL LOG keeps.",
    ),
    Directive::new(
        "enable-protected-configs",
        YES_NO_LOCAL,
        "no",
        Status::Implemented,
        "Whether CONFIG SET may change `dir` and `dbfilename`: never, sent by anybody, or over \
         loopback and Unix sockets.",
    )
    .immutable(),
    Directive::new(
        "enable-debug-command",
        YES_NO_LOCAL,
        "no",
        Status::Implemented,
        "Whether DEBUG may be used: not at all, by everybody, or over loopback and Unix sockets.",
    )
    .immutable(),
    Directive::new(
        "enable-module-command",
        YES_NO_LOCAL,
        "no",
        Status::AcceptedIgnored("there are no modules"),
        "Whether modules may be loaded.",
    )
    .immutable(),
];
