//! The tests of redis-py, Python's client, over RESP2 and RESP3.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use guarda_farm::find_program;

use super::{HOST, Run, Suite};
use crate::php::said;
use crate::source;

/// The last version that was made for Redis 7.2.
const VERSION: &str = "5.0.8";
/// What its tests run on.
const PACKAGES: [&str; 5] = [
    "pytest==8.3.4",
    "pytest-asyncio==0.23.8",
    "pytest-timeout==2.3.1",
    "async-timeout==5.0.1",
    "mock==5.2.0",
];
/// Tests of modules, of a cluster, and of TLS with certificates of their own.
const IGNORED: [&str; 7] = ["bloom", "cluster", "graph", "json", "search", "ssl", "timeseries"];

/// Over RESP2.
pub(super) const REDIS_PY_RESP2: Suite = Suite {
    name: "redis-py",
    client: "redis-py",
    passed_min: 1_800,
    prepare,
    command: |run| command(run, "2"),
};
/// Over RESP3.
pub(super) const REDIS_PY_RESP3: Suite =
    Suite { name: "redis-py-resp3", command: |run| command(run, "3"), ..REDIS_PY_RESP2 };

fn python(place: &Path) -> PathBuf {
    place.join("python/bin/python")
}

/// An environment of Python's with what the tests run on, and their source, which the package comes with.
fn prepare(place: &Path) -> Result<()> {
    if !python(place).is_file() {
        let system = find_program(&["python3"]).context("python3 is not installed")?;
        said(Command::new(system).args(["-m", "venv"]).arg(place.join("python")))?;
    }
    let pip = |arguments: &[&str]| {
        let mut pip = Command::new(python(place));
        pip.args(["-m", "pip", "--disable-pip-version-check", "-q"]).args(arguments);
        said(pip.current_dir(place))
    };
    pip(&[&["install"], PACKAGES.as_slice()].concat())?;
    let archive = place.join(format!("redis-{VERSION}.tar.gz"));
    if !archive.is_file() {
        let package = format!("redis=={VERSION}");
        pip(&["download", "--no-deps", "--no-binary", ":all:", &package])?;
    }
    source::unpack(&archive, &[], &place.join("source"))?;
    fs::write(place.join("pytest_report.py"), include_str!("pytest_report.py"))
        .context("pytest_report.py")
}

fn command(run: &Run<'_>, protocol: &str) -> Result<Command> {
    let source = run.place.join("source");
    let paths = std::env::join_paths([&source, run.place]).context("a path has a colon")?;
    let mut command = Command::new(python(run.place));
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pytest_report"]);
    command.args(["-W", "ignore", "--timeout", "30", "--asyncio-mode", "auto"]);
    // pytest's own tracebacks take seconds each: for every line it reads the syntax of the whole file.
    command.arg("--tb=native");
    command.args(["-m", "not onlycluster and not redismod and not ssl"]);
    for name in IGNORED {
        command.arg(format!("--ignore-glob=*/test_{name}*"));
    }
    command.args(run.skipped.iter().map(|test| format!("--deselect={test}")));
    command.arg(format!("--redis-url=redis://{HOST}:{}/0", run.port()));
    command.args(["--protocol", protocol, "tests"]);
    command.env("PYTHONPATH", paths).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(source);
    Ok(command)
}
