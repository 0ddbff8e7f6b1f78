//! A PHP that tests can run, wherever its files lie.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use guarda_farm::find_program;

/// The programs and files of one PHP.
#[derive(Clone, Debug)]
pub(crate) struct Php {
    /// Major and minor version: `8.2`.
    pub(crate) version: String,
    /// The command line program.
    pub(crate) cli: PathBuf,
    /// The CGI program, without which a third of php-src's session tests are skipped.
    pub(crate) cgi: PathBuf,
    /// `php-config`, which the extension is built with.
    pub(crate) config: PathBuf,
    /// Where the distribution puts extensions.
    pub(crate) modules: PathBuf,
    /// php-src's runner of .phpt files, which comes with PHP's headers.
    pub(crate) run_tests: PathBuf,
}

impl Php {
    /// The one that `php` and `php-config` in `PATH` belong to.
    pub(crate) fn of_this_machine() -> Result<Self> {
        let cli = program(&["php"])?;
        let config = program(&["php-config"])?;
        let version = said(Command::new(&cli).args([
            "-n",
            "-r",
            "echo PHP_MAJOR_VERSION, '.', PHP_MINOR_VERSION;",
        ]))?;
        let headers = said(Command::new(&config).arg("--version"))?;
        if !headers.starts_with(&format!("{version}.")) {
            bail!(
                "php is {version}, but php-config belongs to {headers}: install the same of both"
            );
        }
        let cgi = program(&[&format!("php-cgi{version}"), "php-cgi"])?;
        let modules = PathBuf::from(said(Command::new(&config).arg("--extension-dir"))?);
        let run_tests = modules.join("build/run-tests.php");
        if !run_tests.is_file() {
            bail!("{} is missing: it comes with Debian's php-dev", run_tests.display());
        }
        Ok(Self { version, cli, cgi, config, modules, run_tests })
    }

    /// phpredis and what it stands on, in the order in which they must be loaded; a PHP that we built has none.
    pub(crate) fn phpredis(&self) -> Option<[PathBuf; 2]> {
        let all = ["igbinary.so", "redis.so"].map(|name| self.modules.join(name));
        all.iter().all(|file| file.is_file()).then_some(all)
    }
}

fn program(names: &[&str]) -> Result<PathBuf> {
    find_program(names).with_context(|| format!("{} is not installed", names[0]))
}

/// What a program prints, without the white space around it.
pub(crate) fn said(command: &mut Command) -> Result<String> {
    let name = Path::new(command.get_program()).file_name().map(OsStr::to_owned);
    let name = name.unwrap_or_default().display().to_string();
    let done =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {name}"))?;
    if !done.status.success() {
        let errors = String::from_utf8_lossy(&done.stderr);
        bail!("{name} failed ({}):\n{}", done.status, errors.trim_end());
    }
    Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}
