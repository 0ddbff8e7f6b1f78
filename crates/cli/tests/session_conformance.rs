//! The session protocol by `SESSION` commands: the table that the scripts for other servers pass too.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

#[path = "../../client/tests/conformance/mod.rs"]
mod conformance;

#[test]
fn the_commands_keep_to_the_protocol() {
    conformance::check(
        &guarda_testkit::server::Program::subject(env!("CARGO_BIN_EXE_guarda")),
        false,
    );
}
