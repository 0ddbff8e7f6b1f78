//! What the layer above keeps with a shard, under the shard's lock.

use std::any::Any;

use crate::value::ValueKind;

/// State of the layer above that lives in a shard and learns of the keys that go: the session
/// locks' owners, the clients that wait.
pub trait Attachment: Any + Send {
    /// `key` of database `db` was removed: deleted, expired, renamed, replaced by another type.
    fn removed(&mut self, db: u32, key: &[u8]);

    /// Database `db` was emptied.
    fn flushed(&mut self, db: u32);

    /// Whether it wants to be told when `key` of database `db` holds something.
    fn awaits(&self, db: u32, key: &[u8]) -> bool;

    /// `key`, which it [awaits](Attachment::awaits), was changed and holds a value of this kind.
    fn appeared(&mut self, db: u32, key: &[u8], kind: ValueKind);
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

        fn awaits(&self, db: u32, key: &[u8]) -> bool {
            (db, key) == (2, b"awaited")
        }

        fn appeared(&mut self, db: u32, key: &[u8], kind: ValueKind) {
            self.0.push(format!("{db}:{} is a {}", key.escape_ascii(), kind.name()));
        }
    }

    #[test]
    fn it_learns_of_what_appears_under_the_keys_it_awaits() {
        let mut shard = Shard::default();
        shard.attachment_or_new::<Diary>();
        let key = HashedKey::new(b"awaited");
        shard.signal_change(2, b"awaited");
        for db in [1, 2] {
            shard.set_string(db, key, b"v", None, UnixMillis(0));
            shard.signal_change(db, b"awaited");
            shard.signal_change(db, b"another");
        }
        let diary = shard.attachment::<Diary>().expect("begun above");
        assert_eq!(diary.0, ["2:awaited is a string"]);
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
