//! The PHP side of the tests: which PHP, its source package, and php-src's own tests.

mod installed;
mod matrix;
mod packaging;
mod phpt;
mod zts;

use std::path::{Path, PathBuf};

use anyhow::Result;
use guarda_php_build::{Options as Build, build_for};
use guarda_testkit::server::Program;

use crate::build::{guarda, root};
use crate::source::Archive;
pub(crate) use installed::said;
pub(crate) use matrix::Other;

use installed::Php;
use phpt::{Gate, Manner};

/// The ways in which guarda.so comes to a machine.
pub(crate) fn packaging() -> Result<()> {
    packaging::check(&Php::of_this_machine()?, &root().join("target/packaging"))
}

/// php-src's session tests with this machine's PHP, on guarda and on redis-server.
pub(crate) fn php_src() -> Result<()> {
    let php = Php::of_this_machine()?;
    let scratch = root().join("target/php-src");
    let extension = extension(&php, &scratch.join("extension"))?;
    let servers = [Program::Guarda(guarda(false)?), Program::reference()];
    let archives = Archive::of_package(&format!("php{}-cli", php.version))?;
    let gate = Gate { php: &php, archives: &archives, extension: &extension, servers: &servers };
    gate.pass(&scratch.join("runs"), Manner::Plain)
}

/// The same tests under valgrind, in one configuration.
pub(crate) fn valgrind() -> Result<()> {
    let php = Php::of_this_machine()?;
    let scratch = root().join("target/valgrind");
    let extension = extension(&php, &scratch.join("extension"))?;
    let archives = Archive::of_package(&format!("php{}-cli", php.version))?;
    let servers = [Program::Guarda(guarda(false)?)];
    let gate = Gate { php: &php, archives: &archives, extension: &extension, servers: &servers };
    gate.pass(&scratch.join("runs"), Manner::Valgrind)
}

/// The same tests with a thread-safe PHP of this machine's version, whose debug build reports leaks.
pub(crate) fn zts() -> Result<()> {
    let version = Php::of_this_machine()?.version;
    let archives = Archive::of_package(&format!("php{version}-cli"))?;
    let place = root().join("target/zts");
    let php = zts::prepare(&version, &archives, &place)?;
    let extension = extension(&php, &place.join("extension"))?;
    let servers = [Program::Guarda(guarda(false)?), Program::reference()];
    let gate = Gate { php: &php, archives: &archives, extension: &extension, servers: &servers };
    gate.pass(&place.join("runs"), Manner::Plain)
}

fn extension(php: &Php, out: &Path) -> Result<PathBuf> {
    Ok(build_for(&Build { root: root(), release: false, out }, &php.config)?)
}

/// php-src's session tests on Debian 13, which is handed on for the tests of the workspace.
pub(crate) fn matrix() -> Result<Other> {
    let place = root().join("target/matrix");
    let other = Other::prepare(&place)?;
    matrix::php_src(&other, &place)?;
    Ok(other)
}
