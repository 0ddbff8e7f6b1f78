//! Append log and snapshots (AOF and RDB formats) over a `Storage` trait.
//!
//! What this crate is, as absences: it opens no socket, reads no clock (time is an argument), knows
//! nothing of the store's types, and touches files only through [`storage::Storage`]. So every
//! failure of a disk can be played against it ([`testing::MemoryStorage`]), and the server glues the
//! keyspace to it with [`rdb::EntryEncoder`] (out) and the load callbacks (in).
//!
//! | module | what it is |
//! | --- | --- |
//! | [`storage`] | the trait over which all file work runs, and the real disk |
//! | [`rdb`] | RDB files: written as version 10, read up to 11 |
//! | [`snapshot`] | one whole file put in place atomically, `dump.rdb` first of all |
//! | [`aof`] | the multi-part append-only directory of Redis 7: manifest, loading, upgrade |
//! | [`log`] | the live log: append under shard locks, group commit outside of them |
//! | [`testing`] | storage in memory that fails and crashes on demand |

#![forbid(unsafe_code)]

pub mod aof;
mod input;
pub mod log;
pub mod rdb;
pub mod snapshot;
pub mod storage;
pub mod testing;
