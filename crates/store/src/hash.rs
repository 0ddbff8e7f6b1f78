//! Where a key lives: its hash, its shard, its position in scan order.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// Shards of the keyspace. A power of two, so that the top bits of a hash choose the shard.
pub const SHARDS: usize = 256;

const SHARD_BITS: u32 = SHARDS.trailing_zeros();

/// Bits of a scan position inside a shard. With the shard's bits a cursor stays below 2^46: scripts
/// make it a number, which Lua writes with 14 digits, and back.
pub(crate) const POSITION_BITS: u32 = 46 - SHARD_BITS;

/// SipHash-1-3 under a key drawn at start: session ids come from outside, so the hash must not be
/// predictable.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The ends of the keys that belong to a session's: its lock, tombstone, tag, and data set aside.
const COMPANIONS: [&[u8]; 4] = [b"_LOCK", b"_GONE", b"_TAG", b"_CORRUPT"];

/// The part of a key that chooses its shard: the key without one of `COMPANIONS` at its end, so
/// that a session and what belongs to it sit behind one lock.
pub fn shard_stem(key: &[u8]) -> &[u8] {
    // Few keys end in one of these letters: most are told by a single comparison.
    if !matches!(key.last(), Some(b'K' | b'E' | b'G' | b'T')) {
        return key;
    }
    COMPANIONS.iter().find_map(|end| key.strip_suffix(*end)).unwrap_or(key)
}

/// Hash of a hash field or set member. Such tables live inside one shard.
pub fn field_hash(field: &[u8]) -> u64 {
    HASHER.hash_one(field)
}

/// A key with its hash, computed once per command.
#[derive(Clone, Copy)]
pub struct HashedKey<'k> {
    /// The key as the client sent it.
    pub bytes: &'k [u8],
    /// Top bits: the shard. The rest: the position inside the shard.
    pub hash: u64,
}

impl<'k> HashedKey<'k> {
    /// Hashes `bytes`.
    pub fn new(bytes: &'k [u8]) -> HashedKey<'k> {
        let hash = HASHER.hash_one(bytes);
        let stem = shard_stem(bytes);
        if stem.len() == bytes.len() {
            return HashedKey { bytes, hash };
        }
        let low = u64::MAX >> SHARD_BITS;
        HashedKey { bytes, hash: (HASHER.hash_one(stem) & !low) | (hash & low) }
    }

    /// Index of the shard that holds this key, below [`SHARDS`].
    pub fn shard(self) -> usize {
        (self.hash >> (64 - SHARD_BITS)) as usize
    }
}

/// Position in scan order of an entry inside its shard, below `2^POSITION_BITS`.
pub(crate) fn position(hash: u64) -> u64 {
    (hash >> (64 - SHARD_BITS - POSITION_BITS)) & ((1 << POSITION_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_its_lock_and_its_tombstone_share_a_shard() {
        for n in 0..1000 {
            let session = format!("PHPREDIS_SESSION:{n:032x}");
            let shard = HashedKey::new(session.as_bytes()).shard();
            for suffix in ["_LOCK", "_GONE", "_TAG", "_CORRUPT"] {
                let companion = format!("{session}{suffix}");
                assert_eq!(HashedKey::new(companion.as_bytes()).shard(), shard, "{companion}");
            }
        }
    }

    #[test]
    fn one_suffix_only_is_removed() {
        assert_eq!(shard_stem(b"a_LOCK_LOCK"), b"a_LOCK");
        assert_eq!(shard_stem(b"_LOCK"), b"");
        assert_eq!(shard_stem(b"a_lock"), b"a_lock");
    }
}
