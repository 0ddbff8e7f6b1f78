//! The PHP session domain shared by server and clients. No I/O.
//!
//! - [`session_key`], [`lock_key`]: where a session lies, as phpredis has it; [`tombstone_key`],
//!   [`tag_key`], [`aside_key`]: what else may lie beside it.
//! - [`SessionId`], [`lock_token`]: ids that may become keys, tokens that make locks distinct.
//! - [`Holder`]: who holds a lock, for people.
//! - [`payload`]: how phpredis compresses what is stored.
//! - [`SavePath`]: `session.save_path`, phpredis's grammar and what Guarda adds to it.
//! - [`scripts`]: the session protocol for servers that have no `SESSION` commands.

#![forbid(unsafe_code)]

mod holder;
mod id;
mod keys;
pub mod payload;
pub mod save_path;
pub mod scripts;
mod token;

pub use holder::{HOLDER_HOST_LEN_MAX, HOLDER_URL_LEN_MAX, Holder};
pub use id::SessionId;
pub use keys::{
    ASIDE_SUFFIX, COMPANION_SUFFIXES, CREATED_SUFFIX, DEFAULT_PREFIX, LOCK_SUFFIX,
    PHPREDIS_UNLOCK_SHA1, TAG_SUFFIX, TOMBSTONE_SUFFIX, aside_key, created_key, is_companion,
    lock_key, session_key, tag_key, tombstone_key,
};
pub use save_path::{SavePath, SavePathError};
pub use token::{TOKEN_PREFIX, lock_token};
