//! The PHP side of the tests: which PHP, its source package, and php-src's own tests.

mod installed;
mod packaging;
mod phpt;
mod source;

use anyhow::Result;
use guarda_php_build::{Options as Build, build_for};
use guarda_testkit::server::Program;

use crate::build::{guarda, root};
pub(crate) use installed::said;

use installed::Php;
use source::Archive;

/// The ways in which guarda.so comes to a machine.
pub(crate) fn packaging() -> Result<()> {
    packaging::check(&Php::of_this_machine()?, &root().join("target/packaging"))
}

/// php-src's session tests with this machine's PHP, on guarda and on redis-server.
pub(crate) fn php_src() -> Result<()> {
    let php = Php::of_this_machine()?;
    let scratch = root().join("target/php-src");
    let out = scratch.join("extension");
    let extension = build_for(&Build { root: root(), release: false, out: &out }, &php.config)?;
    let servers = [Program::Guarda(guarda(false)?), Program::reference()];
    let archives = Archive::of_package(&format!("php{}-cli", php.version))?;
    phpt::gate(&php, &archives, &extension, &servers, &scratch.join("runs"))
}
