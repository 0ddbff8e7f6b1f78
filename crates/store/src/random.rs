//! Chance, for choices among keys; not for secrets.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// A uniform random number, from a generator that each thread has for itself (xorshift64*).
pub fn random() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0) | 1);
    }
    STATE.with(|state| {
        let mut x = state.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.set(x);
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    })
}
