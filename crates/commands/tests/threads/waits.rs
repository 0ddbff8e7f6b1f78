//! The module `waits` of the crate, as far as tickets and queues need it.

#[path = "../../src/waits/queue.rs"]
#[allow(dead_code, reason = "the tests use a part of it")]
pub(crate) mod queue;
#[path = "../../src/waits/ticket.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests use a part of it")]
pub(crate) mod ticket;

/// The call that is counted when a wait is over: none here.
mod accounting {
    pub(crate) struct ParkedCall;
}

/// The names of `src/waits/sync.rs`, by shuttle: at each call another thread may be the next to run.
mod sync {
    pub(crate) use shuttle::sync::Mutex;
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU8, Ordering};
}
