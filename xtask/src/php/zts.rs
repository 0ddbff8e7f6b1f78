//! A thread-safe PHP with debugging, built from Debian's source package: the one kind that Debian does not build.
//! PHP's debug build reports what an extension forgets to free.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};

use super::installed::{Php, said};
use crate::source::{self, Archive};

/// The smallest PHP that has sessions. Unoptimised: it is built more often than it runs.
const CONFIGURE: [&str; 9] = [
    "--disable-all",
    "--disable-phpdbg",
    "--enable-cli",
    "--enable-cgi",
    "--enable-session",
    "--enable-pcntl",
    "--enable-zts",
    "--enable-debug",
    "CFLAGS=-O0 -g",
];

/// Builds PHP `version` below `place`, unless an earlier run has.
pub(super) fn prepare(version: &str, archives: &[Archive], place: &Path) -> Result<Php> {
    let place = place.join(version);
    let prefix = place.join("installed");
    let config = prefix.join("bin/php-config");
    let complete = place.join("complete");
    if !complete.is_file() {
        println!("zts: building a thread-safe PHP {version} with debugging, which takes minutes");
        let _ = fs::remove_dir_all(&place);
        let tree = place.join("source");
        let fetched = crate::build::root().join("target/php-src");
        let source = source::fetch(&format!("php{version}"), archives, &fetched)?;
        source::unpack(&source, &[], &tree)?;
        make(&tree, &prefix, &place.join("build"))?;
        // php-src installs its runner of tests into a directory of its own.
        fs::write(&complete, "").context("cannot mark the end of the build")?;
    }
    Ok(Php {
        version: version.to_owned(),
        cli: prefix.join("bin/php"),
        cgi: prefix.join("bin/php-cgi"),
        run_tests: prefix.join("lib/php/build/run-tests.php"),
        modules: PathBuf::from(said(Command::new(&config).arg("--extension-dir"))?),
        config,
    })
}

/// Out of the tree, which stays as it was fetched.
fn make(tree: &Path, prefix: &Path, build: &Path) -> Result<()> {
    fs::create_dir_all(build).with_context(|| format!("{}", build.display()))?;
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut configure = Command::new(tree.join("configure"));
    configure.args(CONFIGURE).arg(format!("--prefix={}", prefix.display()));
    said(configure.current_dir(build))?;
    said(Command::new("make").args(["-s", &format!("-j{jobs}")]).current_dir(build))?;
    said(Command::new("make").args(["-s", "install"]).current_dir(build)).map(drop)
}
