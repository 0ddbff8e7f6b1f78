//! `cargo xtask ext`: the PHP extension.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use guarda_php_build::{Options as Build, build_for};

use crate::build::root;
use crate::php::said;

/// The command's options.
#[derive(Args)]
pub(crate) struct Options {
    /// Build without optimisation
    #[arg(long)]
    debug: bool,
    /// The directory that the files go to
    #[arg(long, default_value = "target/php")]
    out: PathBuf,
    /// Where the files lie below it: as in the root of a system, or guarda.so alone
    #[arg(long, value_enum, default_value_t = Layout::Plain)]
    layout: Layout,
    /// The php-config of the PHP to build for; otherwise $PHP_CONFIG, or the one in $PATH
    #[arg(long, value_name = "FILE")]
    php_config: Option<PathBuf>,
}

/// Where a distribution keeps extensions and the settings that load them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// guarda.so alone
    Plain,
    /// Debian, Ubuntu: /usr/lib/php/API, /etc/php/VERSION/mods-available; then `phpenmod guarda`
    Debian,
    /// EL9: /usr/lib64/php/modules, /etc/php.d/50-guarda.ini; with ZTS php-zts
    El,
}

/// The files of a layout, from the root of the system.
#[derive(Debug, PartialEq, Eq)]
struct Names {
    extension: PathBuf,
    settings: Option<PathBuf>,
}

impl Layout {
    /// `api` as `php-config --phpapi` gives it, `version` as `--version` does.
    fn names(self, version: &str, api: &str, zts: bool) -> Result<Names> {
        let minor: Vec<&str> = version.splitn(3, '.').collect();
        let [major, minor, _] = minor.as_slice() else { bail!("PHP {version} is no version") };
        let (extension, settings) = match (self, zts) {
            (Self::Plain, _) => ("guarda.so".to_owned(), None),
            // Debian builds no ZTS; a PHP of one's own in its place keeps API and kind in one name.
            (Self::Debian, _) => (
                format!("usr/lib/php/{api}/guarda.so"),
                Some(format!("etc/php/{major}.{minor}/mods-available/guarda.ini")),
            ),
            (Self::El, false) => (
                "usr/lib64/php/modules/guarda.so".to_owned(),
                Some("etc/php.d/50-guarda.ini".to_owned()),
            ),
            (Self::El, true) => (
                "usr/lib64/php-zts/modules/guarda.so".to_owned(),
                Some("etc/php-zts.d/50-guarda.ini".to_owned()),
            ),
        };
        Ok(Names { extension: extension.into(), settings: settings.map(PathBuf::from) })
    }
}

/// Builds guarda.so and says where its files are.
pub(crate) fn run(options: &Options) -> Result<()> {
    let out = root().join(&options.out);
    let named = options.php_config.clone().or_else(|| env::var_os("PHP_CONFIG").map(PathBuf::from));
    let config = named.unwrap_or_else(|| "php-config".into());
    for file in lay(&out, options.layout, &config, !options.debug)? {
        println!("{}", file.display());
    }
    Ok(())
}

/// Builds guarda.so for the PHP of `php_config` and puts its files where the layout has them below `out`.
pub(crate) fn lay(
    out: &Path,
    layout: Layout,
    php_config: &Path,
    release: bool,
) -> Result<Vec<PathBuf>> {
    let ask = |option: &str| said(Command::new(php_config).arg(option));
    let directory = ask("--extension-dir")?;
    let names = layout.names(&ask("--version")?, &ask("--phpapi")?, directory.contains("zts"))?;
    let extension = out.join(&names.extension);
    let place = extension.parent().context("a file lies in a directory")?;
    build_for(&Build { root: root(), release, out: place }, php_config)?;
    let mut files = vec![extension];
    if let Some(settings) = names.settings {
        let settings = out.join(settings);
        let place = settings.parent().context("a file lies in a directory")?;
        fs::create_dir_all(place).with_context(|| format!("{}", place.display()))?;
        fs::copy(root().join("php/guarda.ini"), &settings)
            .with_context(|| format!("cannot write {}", settings.display()))?;
        files.push(settings);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_as_each_distribution_names_them() {
        for (layout, zts, extension, settings) in [
            (Layout::Plain, false, "guarda.so", None),
            (
                Layout::Debian,
                false,
                "usr/lib/php/20220829/guarda.so",
                Some("etc/php/8.2/mods-available/guarda.ini"),
            ),
            (Layout::El, false, "usr/lib64/php/modules/guarda.so", Some("etc/php.d/50-guarda.ini")),
            (
                Layout::El,
                true,
                "usr/lib64/php-zts/modules/guarda.so",
                Some("etc/php-zts.d/50-guarda.ini"),
            ),
        ] {
            let expected =
                Names { extension: extension.into(), settings: settings.map(PathBuf::from) };
            assert_eq!(layout.names("8.2.36", "20220829", zts).unwrap(), expected);
        }
        assert!(Layout::Plain.names("8", "20220829", false).is_err());
    }
}
