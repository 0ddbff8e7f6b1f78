//! RDB, the format of Redis's snapshots: written as version 10, read up to version 11.
//!
//! [`EntryEncoder`] turns one key into bytes with no file in sight, so that a snapshot worker can do
//! it under a shard lock; [`RdbWriter`] frames such bytes into a file; [`RdbReader`] reads every
//! encoding of strings, lists, sets, sorted sets and hashes that Redis 2.x to 7.2 wrote. The layout
//! was learned from published descriptions and from files that a real server wrote.
//!
//! [`payload`] is one value by itself, as `DUMP` gives it and `RESTORE` takes it.

#![forbid(unsafe_code)]

mod encode;
pub mod input;
mod packed;
pub mod payload;
mod read;
mod write;

pub use encode::{EntryEncoder, RdbUse, RdbValueRef};
pub use read::{RdbEntry, RdbEvent, RdbReader};
pub use write::{RdbHeader, RdbWriter};

use std::io;

use crate::input::InputError;

/// The version that is written; Redis 7.0 and 7.2 load it.
pub const VERSION_WRITTEN: u32 = 10;
/// The newest version that is read (Redis 7.2).
pub const VERSION_READ_MAX: u32 = 11;
/// The longest string, key or packed value that is read unless told otherwise: beyond whatever
/// `proto-max-bulk-len` let in. Memory is taken as bytes arrive.
pub const STRING_LEN_MAX: u64 = 1 << 40;

/// Opcodes between the entries.
mod opcode {
    pub(super) const FUNCTION: u8 = 245;
    pub(super) const FUNCTION_PRERELEASE: u8 = 246;
    pub(super) const MODULE_AUX: u8 = 247;
    pub(super) const IDLE: u8 = 248;
    pub(super) const FREQ: u8 = 249;
    pub(super) const AUX: u8 = 250;
    pub(super) const RESIZE_DB: u8 = 251;
    pub(super) const EXPIRE_MS: u8 = 252;
    pub(super) const EXPIRE_S: u8 = 253;
    pub(super) const SELECT_DB: u8 = 254;
    pub(super) const EOF: u8 = 255;
}

/// Value types.
mod kind {
    pub(super) const STRING: u8 = 0;
    pub(super) const LIST: u8 = 1;
    pub(super) const SET: u8 = 2;
    pub(super) const ZSET: u8 = 3;
    pub(super) const HASH: u8 = 4;
    pub(super) const ZSET_2: u8 = 5;
    pub(super) const MODULE_PRERELEASE: u8 = 6;
    pub(super) const MODULE: u8 = 7;
    pub(super) const HASH_ZIPMAP: u8 = 9;
    pub(super) const LIST_ZIPLIST: u8 = 10;
    pub(super) const SET_INTSET: u8 = 11;
    pub(super) const ZSET_ZIPLIST: u8 = 12;
    pub(super) const HASH_ZIPLIST: u8 = 13;
    pub(super) const LIST_QUICKLIST: u8 = 14;
    pub(super) const STREAM: u8 = 15;
    pub(super) const HASH_LISTPACK: u8 = 16;
    pub(super) const ZSET_LISTPACK: u8 = 17;
    pub(super) const LIST_QUICKLIST_2: u8 = 18;
    pub(super) const STREAM_2: u8 = 19;
    pub(super) const SET_LISTPACK: u8 = 20;
    pub(super) const STREAM_3: u8 = 21;
}

/// A value, decoded from whatever encoding the file had.
///
/// Members of sets and fields of hashes are in file order; a damaged or foreign file may repeat one.
#[derive(Clone, PartialEq)]
pub enum RdbValue {
    /// A string.
    String(Vec<u8>),
    /// A list, head first.
    List(Vec<Vec<u8>>),
    /// A set.
    Set(Vec<Vec<u8>>),
    /// A hash: field, value.
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    /// A sorted set: member, score. A score is never NaN.
    SortedSet(Vec<(Vec<u8>, f64)>),
}

impl RdbValue {
    /// The name that `TYPE` has for it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Hash(_) => "hash",
            Self::SortedSet(_) => "zset",
        }
    }

    /// Runs `take` on the value as it is written.
    pub fn with_ref<R>(&self, take: impl FnOnce(RdbValueRef<'_, '_>) -> R) -> R {
        match self {
            Self::String(bytes) => take(RdbValueRef::String(bytes)),
            Self::List(items) => take(RdbValueRef::List(&mut items.iter().map(Vec::as_slice))),
            Self::Set(items) => take(RdbValueRef::Set(&mut items.iter().map(Vec::as_slice))),
            Self::Hash(fields) => {
                let mut fields = fields.iter().map(|(field, value)| (&field[..], &value[..]));
                take(RdbValueRef::Hash(&mut fields))
            }
            Self::SortedSet(members) => {
                let mut members = members.iter().map(|(member, score)| (&member[..], *score));
                take(RdbValueRef::SortedSet(&mut members))
            }
        }
    }

    /// How many elements it has; a string has one.
    pub fn len(&self) -> usize {
        match self {
            Self::String(_) => 1,
            Self::List(items) | Self::Set(items) => items.len(),
            Self::Hash(fields) => fields.len(),
            Self::SortedSet(members) => members.len(),
        }
    }

    /// Whether it is a collection of nothing, which no key holds.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Debug for RdbValue {
    /// Type and length only: values never reach logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::String(bytes) => write!(f, "string of {} bytes", bytes.len()),
            other => write!(f, "{} of {}", other.type_name(), other.len()),
        }
    }
}

/// Why an RDB file was refused, and where.
#[derive(Debug, thiserror::Error)]
#[error("at byte {offset}: {kind}")]
pub struct RdbError {
    /// Offset from the start of the file, at or shortly after the fault.
    pub offset: u64,
    /// What is wrong.
    pub kind: RdbErrorKind,
}

/// What can be wrong with an RDB file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RdbErrorKind {
    /// The disk failed.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
    /// The file ends too early.
    #[error("the file ends in the middle of the data")]
    Truncated,
    /// The first bytes are not `REDIS` and a version.
    #[error("this is not an RDB file")]
    NotRdb,
    /// A version that is not known.
    #[error("RDB version {0} is not supported; versions 1 to {VERSION_READ_MAX} are")]
    Version(u32),
    /// A length above its limit.
    #[error("a length of {len} is above the limit of {max}")]
    TooLong {
        /// What the file says.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// Known to Redis, and not kept by this server.
    #[error("{0} cannot be loaded by this server")]
    Unsupported(&'static str),
    /// Known to nobody.
    #[error("unknown type or opcode {0}")]
    UnknownOpcode(u8),
    /// Bytes that no writer produces.
    #[error("damaged data: {0}")]
    Malformed(&'static str),
    /// The checksum at the end is not that of the content.
    #[error("CRC error: the checksum is {found:016x}, the content's is {computed:016x}")]
    Checksum {
        /// What the file says.
        found: u64,
        /// What the content has.
        computed: u64,
    },
}

impl From<InputError> for RdbErrorKind {
    fn from(error: InputError) -> Self {
        match error {
            InputError::End => Self::Truncated,
            InputError::Io(error) => Self::Io(error),
        }
    }
}
