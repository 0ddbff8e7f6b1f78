//! The session protocol as Lua scripts, for Redis from 6.2 on and Valkey, which have no `SESSION`.
//!
//! Each is one round trip and atomic. The keys are those of [`crate::session_key`],
//! [`crate::lock_key`] and [`crate::tombstone_key`]; the generation is the SHA-1 of the stored
//! bytes, or `absent`.

/// One script and what it is called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script {
    /// The operation, for messages.
    pub name: &'static str,
    /// The Lua text.
    pub text: &'static str,
    /// Number of keys before the arguments.
    pub keys: usize,
    /// Number of arguments.
    pub args: usize,
}

/// Takes the lock if it is free, and reads.
pub const OPEN: Script =
    Script { name: "open", text: include_str!("scripts/open.lua"), keys: 3, args: 4 };

/// Writes if the caller may, and releases its lock.
pub const COMMIT: Script =
    Script { name: "commit", text: include_str!("scripts/commit.lua"), keys: 3, args: 7 };

/// Refreshes the time to live, and releases the lock.
pub const TOUCH: Script =
    Script { name: "touch", text: include_str!("scripts/touch.lua"), keys: 2, args: 3 };

/// Releases the lock.
pub const RELEASE: Script =
    Script { name: "release", text: include_str!("scripts/release.lua"), keys: 1, args: 1 };

/// Deletes the session, releases the lock and leaves a tombstone.
pub const DESTROY: Script =
    Script { name: "destroy", text: include_str!("scripts/destroy.lua"), keys: 3, args: 3 };
