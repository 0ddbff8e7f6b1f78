//! `cargo xtask ext`: the PHP extension.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use guarda_php_build::{Options as Build, build};

use crate::build::root;

/// The command's options.
#[derive(Args)]
pub(crate) struct Options {
    /// Build without optimisation
    #[arg(long)]
    debug: bool,
    /// The directory that guarda.so goes to
    #[arg(long, default_value = "target/php")]
    out: PathBuf,
}

/// Builds guarda.so and says where it is.
pub(crate) fn run(options: &Options) -> Result<()> {
    let out = root().join(&options.out);
    let extension = build(&Build { root: root(), release: !options.debug, out: &out })?;
    println!("{}", extension.display());
    Ok(())
}
