//! What threads share a wait by. `tests/threads/` compiles tickets and queues with shuttle's
//! instead, which plays the orders in which threads may run.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

pub(crate) use parking_lot::Mutex;
