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
//!
//! A server's life in short:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use guarda_journal::aof::{AofLayout, LoadEvent, LoadOptions, load, open_manifest};
//! use guarda_journal::log::{Journal, SyncPolicy, Wait};
//! use guarda_journal::rdb::{EntryEncoder, RdbHeader, RdbValueRef, RdbWriter};
//! use guarda_journal::storage::Storage;
//! use guarda_journal::testing::MemoryStorage;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
//! let (layout, now) = (AofLayout::default(), Duration::ZERO);
//!
//! // No log yet: it is off, and a rewrite of what is in memory (here: one key) switches it on.
//! assert!(open_manifest(&storage, &layout)?.is_none());
//! let journal = Journal::off(Arc::clone(&storage), layout.clone(), SyncPolicy::EverySec);
//! let mut rewrite = journal.prepare_rewrite()?;
//! journal.rotate(&mut rewrite); // under all shard locks
//! let header = RdbHeader { redis_version: "7.2.0", created_s: 0, used_memory: 0, aof_base: true };
//! let mut base = RdbWriter::new(rewrite.base_file()?, &header, true)?;
//! base.select_db(0, 1, 0)?;
//! let mut entries = Vec::new();
//! EntryEncoder::new(true).encode(&mut entries, b"old", None, RdbValueRef::Integer(1));
//! base.entries(&entries)?;
//! journal.finish_rewrite(rewrite, base.finish()?)?;
//!
//! // A command: appended under its shard's lock, committed before its reply leaves.
//! let seq = journal.append(0, &[b"SET", b"new", b"2"]);
//! journal.commit(seq, Wait::Policy, now)?;
//! drop(journal);
//!
//! // The next start.
//! let manifest = open_manifest(&storage, &layout)?.expect("there is a log now");
//! let mut keys = Vec::new();
//! let mut sink = |event: LoadEvent<'_>| {
//!     match event {
//!         LoadEvent::Entry { entry, .. } => keys.push(entry.key),
//!         LoadEvent::Command { args, .. } => keys.push(args[1].clone()),
//!         _ => {}
//!     }
//!     Ok(())
//! };
//! load(&storage, &layout, &manifest, LoadOptions::default(), &mut sink)?;
//! assert_eq!(keys, [b"old", b"new"]);
//! let journal = Journal::resume(storage, layout, manifest, SyncPolicy::EverySec)?;
//! assert!(!journal.needs_rewrite()); // else: rewrite before serving
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod aof;

pub mod log;
pub use guarda_rdb as rdb;
pub mod snapshot;
pub mod storage;
mod sync;
pub mod testing;
