//! What threads share an inbox by. `tests/threads/` compiles it with shuttle's instead, which plays
//! the orders in which threads may run.

pub(crate) use parking_lot::Mutex;
