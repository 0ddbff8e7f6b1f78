//! The session protocol as Lua scripts, for Redis from 6.2 on and Valkey, which have no `SESSION`.
//!
//! Each is one round trip and atomic. The keys are those of [`crate::session_key`],
//! [`crate::lock_key`], [`crate::tombstone_key`], [`crate::tag_key`] and [`crate::aside_key`]; the
//! generation is the SHA-1 of the stored bytes, or `absent`.

/// One script and what it is called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script {
    /// The operation, for messages.
    pub name: &'static str,
    /// The Lua text.
    pub text: &'static str,
    /// Number of keys before the arguments; [`LIST`] takes them as often as there are sessions.
    pub keys: usize,
    /// Number of arguments.
    pub args: usize,
}

/// Takes the lock if it is free, and reads.
pub const OPEN: Script =
    Script { name: "open", text: include_str!("scripts/open.lua"), keys: 4, args: 4 };

/// Writes if the caller may, and releases its lock.
pub const COMMIT: Script =
    Script { name: "commit", text: include_str!("scripts/commit.lua"), keys: 4, args: 8 };

/// Refreshes the time to live, and releases the lock.
pub const TOUCH: Script =
    Script { name: "touch", text: include_str!("scripts/touch.lua"), keys: 3, args: 3 };

/// Prolongs the lock, if it is the caller's, and keeps the session alive as long.
pub const RENEW: Script =
    Script { name: "renew", text: include_str!("scripts/renew.lua"), keys: 3, args: 3 };

/// Releases the lock.
pub const RELEASE: Script =
    Script { name: "release", text: include_str!("scripts/release.lua"), keys: 1, args: 1 };

/// Deletes the session, releases the lock and leaves a tombstone.
pub const DESTROY: Script =
    Script { name: "destroy", text: include_str!("scripts/destroy.lua"), keys: 5, args: 3 };

/// As [`DESTROY`] from outside: the lock stays its holder's.
pub const KILL: Script =
    Script { name: "kill", text: include_str!("scripts/kill.lua"), keys: 4, args: 3 };

/// Copies the session to where it is kept for a while.
pub const SET_ASIDE: Script =
    Script { name: "set_aside", text: include_str!("scripts/set_aside.lua"), keys: 2, args: 1 };

/// Describes sessions, without their data.
pub const LIST: Script =
    Script { name: "list", text: include_str!("scripts/list.lua"), keys: 3, args: 1 };
