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

/// The ends of the keys that belong to a session's: its lock, tombstone, tag, and data set aside; and in which
/// bits their hashes differ from the session's.
const COMPANIONS: [(&[u8], u64); 4] = [
    (b"_LOCK", 0x6a09_e667_f3bc_c908),
    (b"_GONE", 0xbb67_ae85_84ca_a73b),
    (b"_TAG", 0x3c6e_f372_fe94_f82b),
    (b"_CORRUPT", 0xa54f_f53a_5f1d_36f1),
];

/// The session's key, and the bits in which this one's hash differs from its; the key itself if it is no
/// companion's.
fn stem(key: &[u8]) -> (&[u8], u64) {
    // Few keys end in one of these letters: most are told by a single comparison.
    if !matches!(key.last(), Some(b'K' | b'E' | b'G' | b'T')) {
        return (key, 0);
    }
    let stem = |(end, bits): &(&[u8], u64)| key.strip_suffix(*end).map(|stem| (stem, *bits));
    COMPANIONS.iter().find_map(stem).unwrap_or((key, 0))
}

/// The part of a key that chooses its shard: the key without one of `COMPANIONS` at its end, so
/// that a session and what belongs to it sit behind one lock.
pub fn shard_stem(key: &[u8]) -> &[u8] {
    stem(key).0
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
        let (stem, bits) = stem(bytes);
        HashedKey { bytes, hash: HASHER.hash_one(stem) ^ (bits & (u64::MAX >> SHARD_BITS)) }
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
