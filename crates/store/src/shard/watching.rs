//! Who learns of changes: those who watch keys (WATCH), and those who wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Shard;
use crate::hash::HashedKey;

impl Shard {
    /// Sets `flag` when `key` changes, until [`Shard::unwatch`].
    pub fn watch(&mut self, db: u32, key: &[u8], flag: &Arc<AtomicBool>) {
        self.watchers.entry((db, key.into())).or_default().push(Arc::clone(flag));
    }

    /// Ends one watch of `key` by `flag`.
    pub fn unwatch(&mut self, db: u32, key: &[u8], flag: &Arc<AtomicBool>) {
        let name = (db, key.into());
        if let Some(flags) = self.watchers.get_mut(&name) {
            flags.retain(|f| !Arc::ptr_eq(f, flag));
            if flags.is_empty() {
                self.watchers.remove(&name);
            }
        }
    }

    /// Tells the watchers of `key`, and those who wait for it, that it changed. Every command that changes a key calls this.
    pub fn signal_change(&mut self, db: u32, key: &[u8]) {
        if self.attachment.as_ref().is_some_and(|attachment| attachment.awaits(db, key)) {
            self.announce(db, key);
        }
        if self.watchers.is_empty() {
            return;
        }
        if let Some(flags) = self.watchers.get(&(db, Box::from(key))) {
            flags.iter().for_each(|flag| flag.store(true, Ordering::Relaxed));
        }
    }

    /// Tells those who wait for `key` what it holds, if anything.
    pub(super) fn announce(&mut self, db: u32, key: &[u8]) {
        let kind = self.peek(db, HashedKey::new(key)).map(|record| record.value().kind());
        if let (Some(kind), Some(attachment)) = (kind, &mut self.attachment) {
            attachment.appeared(db, key, kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::tests::{NOW, set};

    #[test]
    fn watchers_learn_of_changes_expiry_and_flush_of_their_key_only() {
        let mut shard = Shard::default();
        let flag = Arc::new(AtomicBool::new(false));
        let fired = |flag: &Arc<AtomicBool>| flag.swap(false, Ordering::Relaxed);
        shard.watch(0, b"a", &flag);
        shard.signal_change(0, b"b");
        shard.signal_change(1, b"a");
        shard.flush(0);
        assert!(!fired(&flag), "other keys, other databases, a flush that had not this key");
        shard.signal_change(0, b"a");
        assert!(fired(&flag));
        set(&mut shard, "a", "1", Some(NOW.0));
        shard.sweep(NOW, 10);
        assert!(fired(&flag), "expiry");
        set(&mut shard, "a", "1", None);
        shard.flush(0);
        assert!(fired(&flag), "flush");
        shard.unwatch(0, b"a", &flag);
        shard.signal_change(0, b"a");
        assert!(!fired(&flag) && shard.watchers.is_empty());
    }
}
