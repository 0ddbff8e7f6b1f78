//! The append-only directory of Redis 7: a manifest, one base, and increments.
//!
//! ```text
//! appendonlydir/appendonly.aof.manifest        which files count, in which order
//! appendonlydir/appendonly.aof.3.base.rdb      the data at one moment
//! appendonlydir/appendonly.aof.7.incr.aof      the commands since, as RESP arrays
//! ```
//!
//! [`open_manifest`] finds them (and takes over the single file of Redis 6 and older), [`load`]
//! replays them, [`load_dump`] reads `dump.rdb` where there is no log yet. The live end of the log is
//! in [`log`](crate::log).

mod load;
mod manifest;
mod record;

pub use load::{
    ApplyError, Cut, LoadError, LoadEvent, LoadOptions, LoadReport, LoadSink, load, load_dump,
};
pub(crate) use manifest::take_over;
pub use manifest::{AofFile, AofLayout, Manifest, ManifestError, open_manifest};
pub use record::encode_command;

pub(crate) use record::{encode_exec, encode_multi, encode_select};
