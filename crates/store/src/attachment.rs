//! What the layer above keeps with a shard, under the shard's lock.

use std::any::Any;

use crate::value::ValueKind;

/// State of the layer above that lives in a shard and learns of the keys that go: the session
/// locks' owners, the clients that wait.
pub trait Attachment: Any + Send {
    /// `key` of database `db` was removed: deleted, renamed, replaced by another type, or because it
    /// was due.
    fn removed(&mut self, db: u32, key: &[u8], was_due: bool);

    /// Database `db` was emptied.
    fn flushed(&mut self, db: u32);

    /// The contents of databases `a` and `b` changed places.
    fn swapped(&mut self, a: u32, b: u32);

    /// Whether it wants to be told when `key` of database `db` holds something.
    fn awaits(&self, db: u32, key: &[u8]) -> bool;

    /// The keys of database `db` of which it wants to be told.
    fn awaited(&self, db: u32) -> Vec<Box<[u8]>>;

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
        fn removed(&mut self, db: u32, key: &[u8], was_due: bool) {
            let why = if was_due { " due" } else { "" };
            self.0.push(format!("{db}:{}{why}", key.escape_ascii()));
        }

        fn flushed(&mut self, db: u32) {
            self.0.push(format!("{db} flushed"));
        }

        fn swapped(&mut self, a: u32, b: u32) {
            self.0.push(format!("{a} and {b} swapped"));
        }

        fn awaits(&self, db: u32, key: &[u8]) -> bool {
            (db, key) == (2, b"awaited")
        }

        fn awaited(&self, db: u32) -> Vec<Box<[u8]>> {
            if db == 2 { vec![Box::from(&b"awaited"[..])] } else { Vec::new() }
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
        // A whole database may bring it along.
        shard.flush(2);
        shard.swap(1, 2, UnixMillis(0));
        let diary = shard.attachment::<Diary>().expect("begun above");
        let expected =
            ["2:awaited is a string", "2 flushed", "1 and 2 swapped", "2:awaited is a string"];
        assert_eq!(diary.0, expected);
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
        shard.swap(2, 0, now);
        let diary = shard.attachment::<Diary>().expect("begun above");
        let expected = ["2:deleted", "2:met due", "2:swept due", "2 flushed", "2 and 0 swapped"];
        assert_eq!(diary.0, expected);
    }
}
