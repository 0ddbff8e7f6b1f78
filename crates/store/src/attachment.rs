//! What the layer above keeps with a shard, under the shard's lock.

use std::any::Any;

/// State of the layer above that lives in a shard and learns of the keys that go: the session
/// locks' owners and waiters.
pub trait Attachment: Any + Send {
    /// `key` of database `db` was removed: deleted, expired, renamed, replaced by another type.
    fn removed(&mut self, db: u32, key: &[u8]);

    /// Database `db` was emptied.
    fn flushed(&mut self, db: u32);
}
