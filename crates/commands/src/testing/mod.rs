//! What tests of commands stand on, here and, with the feature `testing`, in the crates that run commands.

#[cfg(test)]
mod bench;
mod host;

#[cfg(test)]
pub(crate) use bench::*;
pub use host::{FakeHost, FakeLog, LoggedCommand, NoScripts, START};
