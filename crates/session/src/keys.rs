//! The keys of a session, as phpredis has them.

/// What phpredis puts before a session id unless `prefix` says otherwise.
pub const DEFAULT_PREFIX: &str = "PHPREDIS_SESSION:";

/// What follows a session's key in the name of its lock.
pub const LOCK_SUFFIX: &str = "_LOCK";

/// What follows a session's key in the name of its tombstone.
pub const TOMBSTONE_SUFFIX: &str = "_GONE";

/// What follows a session's key in the name of its tag.
pub const TAG_SUFFIX: &str = "_TAG";

/// What follows a session's key in the name of the copy that is set aside when its data makes no
/// sense to the one that read it.
pub const ASIDE_SUFFIX: &str = "_CORRUPT";

/// What follows a session's key in the name of the time at which it began.
pub const CREATED_SUFFIX: &str = "_BORN";

/// The ends of the keys that belong to a session's own: no session's key has one of them.
pub const COMPANION_SUFFIXES: [&str; 5] =
    [LOCK_SUFFIX, TOMBSTONE_SUFFIX, TAG_SUFFIX, ASIDE_SUFFIX, CREATED_SUFFIX];

/// SHA-1 of the script with which phpredis releases a session lock: one key, one argument; deletes
/// the key if its value is the argument, and returns the number of keys deleted.
pub const PHPREDIS_UNLOCK_SHA1: &str = "b70c2384248f88e6b75b9f89241a180f856ad852";

/// The key of session `id`.
///
/// ```
/// # use guarda_session::session_key;
/// assert_eq!(session_key("PHPREDIS_SESSION:", b"abc"), b"PHPREDIS_SESSION:abc");
/// ```
pub fn session_key(prefix: &str, id: &[u8]) -> Vec<u8> {
    [prefix.as_bytes(), id].concat()
}

/// The key of the lock of the session at `session_key`.
pub fn lock_key(session_key: &[u8]) -> Vec<u8> {
    [session_key, LOCK_SUFFIX.as_bytes()].concat()
}

/// The key of the tombstone of the session at `session_key`.
pub fn tombstone_key(session_key: &[u8]) -> Vec<u8> {
    [session_key, TOMBSTONE_SUFFIX.as_bytes()].concat()
}

/// The key of the tag of the session at `session_key`.
pub fn tag_key(session_key: &[u8]) -> Vec<u8> {
    [session_key, TAG_SUFFIX.as_bytes()].concat()
}

/// The key of the copy of the session at `session_key` that was set aside.
pub fn aside_key(session_key: &[u8]) -> Vec<u8> {
    [session_key, ASIDE_SUFFIX.as_bytes()].concat()
}

/// The key of the time at which the session at `session_key` began.
pub fn created_key(session_key: &[u8]) -> Vec<u8> {
    [session_key, CREATED_SUFFIX.as_bytes()].concat()
}

/// Whether `key` belongs to a session and is none itself.
///
/// ```
/// # use guarda_session::is_companion;
/// assert!(is_companion(b"PHPREDIS_SESSION:abc_LOCK") && !is_companion(b"PHPREDIS_SESSION:abc"));
/// ```
pub fn is_companion(key: &[u8]) -> bool {
    COMPANION_SUFFIXES.iter().any(|suffix| key.ends_with(suffix.as_bytes()))
}
