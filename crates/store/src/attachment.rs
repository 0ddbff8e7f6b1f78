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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::HashedKey;
    use crate::shard::Shard;
    use crate::time::UnixMillis;

    #[derive(Default)]
    struct Diary(Vec<String>);

    impl Attachment for Diary {
        fn removed(&mut self, db: u32, key: &[u8]) {
            self.0.push(format!("{db}:{}", key.escape_ascii()));
        }

        fn flushed(&mut self, db: u32) {
            self.0.push(format!("{db} flushed"));
        }
    }

    #[test]
    fn it_learns_of_every_key_that_goes_and_of_no_other_change() {
        let mut shard = Shard::default();
        assert!(shard.attachment::<Diary>().is_none());
        shard.attachment_or_new::<Diary>();
        let now = UnixMillis(1_000);
        let key = HashedKey::new;
        for name in [&b"deleted"[..], b"swept", b"met", b"kept"] {
            shard.set_string(2, key(name), b"v", None, now);
            shard.set_string(2, key(name), b"w", Some(UnixMillis(2_000)), now);
        }
        shard.remove(2, key(b"deleted"));
        shard.remove(2, key(b"never there"));
        shard.set_expiry(2, key(b"kept"), None, now);
        assert!(shard.get(2, key(b"met"), UnixMillis(2_000)).is_none());
        shard.sweep(UnixMillis(2_000), 10);
        shard.flush(2);
        let diary = shard.attachment::<Diary>().expect("begun above");
        assert_eq!(diary.0, ["2:deleted", "2:met", "2:swept", "2 flushed"]);
    }
}
