//! The PHP session domain shared by server and clients. No I/O.
//!
//! So far: how phpredis names what it keeps, which every other part has to agree with. The lock
//! protocol, the `save_path` grammar and the payload codecs come with the `SESSION` commands.

#![forbid(unsafe_code)]

mod keys;

pub use keys::{
    DEFAULT_PREFIX, LOCK_SUFFIX, PHPREDIS_UNLOCK_SHA1, TOMBSTONE_SUFFIX, lock_key, session_key,
    tombstone_key,
};
