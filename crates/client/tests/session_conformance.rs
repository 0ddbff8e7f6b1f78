//! The session protocol by scripts and plain commands, on a real redis-server: `conformance/cases.rs`. The same table runs
//! against Guarda's `SESSION` commands in the tests of the binary.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod conformance;

#[test]
fn the_scripts_keep_to_the_protocol() {
    conformance::check(&guarda_testkit::server::Program::reference(), false);
}

#[test]
fn the_plain_commands_keep_to_the_protocol() {
    conformance::check(&guarda_testkit::server::Program::reference(), true);
}
