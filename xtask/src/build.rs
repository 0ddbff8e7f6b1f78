//! Where the workspace is, and how the `guarda` binary is made.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use guarda_php_build::{Options as Extension, build};

/// The root of the workspace: the parent of this crate's directory.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace's root")
}

/// Where this program lies, looked up once, at its start: `cargo test --workspace` may replace the
/// file while we run, and the system then gives the path of what is gone.
pub(crate) fn own_path() -> Result<&'static Path> {
    static OWN: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = OWN.get() {
        return Ok(path);
    }
    let path = env::current_exe().context("cannot find this program's own path")?;
    Ok(OWN.get_or_init(|| path))
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The directory that cargo builds in, wherever that is configured to be.
pub(crate) fn target() -> Result<&'static Path> {
    // This program lies in <target directory>/<profile>/.
    own_path()?.parent().and_then(Path::parent).context("this program lies in no profile")
}

/// The paths of all files that git does not ignore, from the workspace's root; also those deleted since.
pub(crate) fn listed_files() -> Result<Vec<String>> {
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = list.current_dir(root()).output().context("cannot run git")?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("git cannot list the files of this directory: {}", complaint.trim());
    }
    let paths = String::from_utf8(output.stdout).context("a path that is not UTF-8")?;
    Ok(paths.split_terminator('\0').map(str::to_owned).collect())
}

/// Builds `guarda` and returns the path of the binary.
pub(crate) fn guarda(release: bool) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--package", "guarda"]);
    if release {
        build.arg("--release");
    }
    let status = build.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("building guarda failed; cargo's messages are above");
    }
    let binary = target()?.join(if release { "release" } else { "debug" }).join("guarda");
    if !binary.is_file() {
        bail!("cargo built guarda, but not where it was expected: {}", binary.display());
    }
    Ok(binary)
}

/// Builds guarda.so beside the binary of the same profile and returns its path.
pub(crate) fn extension(release: bool) -> Result<PathBuf> {
    let own = own_path()?;
    let target = own.parent().and_then(Path::parent).context("this program lies in no profile")?;
    let out = target.join(if release { "release" } else { "debug" }).join("php");
    Ok(build(&Extension { root: root(), release, out: &out })?)
}

/// Writes a program that is one line of shell.
pub(crate) fn write_program(path: &Path, line: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\n{line}\n"))
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot write {}", path.display()))
}
