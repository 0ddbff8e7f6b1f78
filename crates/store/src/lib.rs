//! The keyspace: a sharded table of keys, their values and expiries. No RESP, no I/O, no clock.
//!
//! Time is an argument everywhere; nothing here can fail for I/O reasons, because it does none.
//! [`Keyspace`] is what threads share, [`Locked`] the shards one command holds, [`Shard`] the
//! operations under one lock.

#![forbid(unsafe_code)]

mod attachment;
mod glob;
mod hash;
mod hash_value;
mod int_set;
mod keyspace;
mod list;
mod listpack;
mod locked;
mod packed;
mod random;
mod ranked;
mod record;
mod remains;
mod sequence;
mod set;
mod shard;
mod snapshot;
mod sorted_set;
mod table;
#[cfg(test)]
mod testing;
mod time;
mod usage;
mod value;

pub use attachment::Attachment;
pub use glob::glob_match;
pub use hash::{HashedKey, SHARDS, field_hash, shard_stem};
pub use hash_value::HashValue;
pub use keyspace::{Keyspace, ScanPage};
pub use list::{Element, ListEnd, ListLimits, ListValue};
pub use locked::{Locked, LockedBy};
pub use random::random;
pub use ranked::order as sorted_set_order;
pub use record::Record;
pub use remains::Remains;
pub use set::{Member, SetForm, SetLimits, SetValue};
pub use shard::{Candidate, Eligible, Preference, SWEEP_MAX, Shard};
pub use snapshot::{Captured, SnapshotSink};
pub use sorted_set::{Members, SortedSetValue};
pub use table::{Hashed, Table};
pub use time::UnixMillis;
pub use usage::{USES_AT_FIRST, Usage};
pub use value::{Collection, PackedLimits, Value, ValueKind, ValueRef};
