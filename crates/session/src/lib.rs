//! The PHP session domain shared by server and clients. No I/O.
//!
//! - [`session_key`], [`lock_key`], [`tombstone_key`]: where a session lies, as phpredis has it.
//! - [`SessionId`], [`lock_token`]: ids that may become keys, tokens that make locks distinct.
//! - [`SavePath`]: `session.save_path`, phpredis's grammar and what Guarda adds to it.
//! - [`scripts`]: the session protocol for servers that have no `SESSION` commands.

#![forbid(unsafe_code)]

mod id;
mod keys;
pub mod save_path;
pub mod scripts;
mod token;

pub use id::SessionId;
pub use keys::{
    DEFAULT_PREFIX, LOCK_SUFFIX, PHPREDIS_UNLOCK_SHA1, TOMBSTONE_SUFFIX, lock_key, session_key,
    tombstone_key,
};
pub use save_path::{SavePath, SavePathError};
pub use token::{TOKEN_PREFIX, lock_token};
