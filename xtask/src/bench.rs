//! `cargo xtask bench`: builds the server if need be and hands over to the benchmark.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};
use guarda_bench::Options;

use crate::build;

/// Runs the benchmark; without `--subject`, of this workspace's own server, and without `--extension`,
/// of its own guarda.so.
pub(crate) fn run(mut options: Options) -> anyhow::Result<()> {
    if options.extension.is_none() && options.wants_php() {
        options.extension = Some(build::extension(true)?);
    }
    if options.subject.is_none() {
        options.subject = Some(build_server()?);
    }
    guarda_bench::run(&options)
}

/// Builds `guarda` for release and says where it is: beside the profile xtask itself was built in,
/// which follows `CARGO_TARGET_DIR` and the configuration without asking either.
fn build_server() -> anyhow::Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--package", "guarda", "--bin", "guarda"])
        .status()
        .context("cannot run cargo")?;
    ensure!(built.success(), "guarda does not build");
    let own = crate::build::own_path()?;
    let target = own.ancestors().nth(2).context("xtask runs from <target>/<profile>/xtask")?;
    Ok(target.join("release").join("guarda"))
}
