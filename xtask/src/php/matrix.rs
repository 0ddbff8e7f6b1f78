//! A Debian 13 beside this system: another PHP, another phpredis, other servers.
//!
//! debootstrap lays its files below `target/`; its programs run on this system's kernel and files, through the
//! root's own dynamic loader, so that paths are the same on both sides and nothing is mounted.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use guarda_farm::is_root;
use guarda_testkit::server::{Program, REFERENCE_VARIABLE};

use super::installed::{Php, said};
use super::phpt::{Gate, Manner};
use crate::build::{guarda, write_program};
use crate::source::Archive;

const SUITE: &str = "trixie";
const PHP: &str = "8.4";
/// What of it is needed; apt's dependencies come along.
const PACKAGES: [&str; 7] = [
    "php8.4-cli",
    "php8.4-cgi",
    "php8.4-fpm",
    "php8.4-dev",
    "php8.4-redis",
    "redis-server",
    "valkey-server",
];
/// A file that says that debootstrap came to its end.
const COMPLETE: &str = "complete";

/// The other system, and the programs that run its own.
#[derive(Debug)]
pub(crate) struct Other {
    root: PathBuf,
    /// Small scripts, one for each program; with this directory first in `PATH` they take its place.
    programs: PathBuf,
}

impl Other {
    /// Lays the system out, unless an earlier run has.
    pub(super) fn prepare(place: &Path) -> Result<Self> {
        let other = Self { root: place.join(SUITE), programs: place.join("bin") };
        if !place.join(COMPLETE).is_file() {
            if !is_root() {
                bail!(
                    "this step prepares a Debian 13 with debootstrap, which only root may do: run it \
                     once as root, or leave --matrix out"
                );
            }
            let _ = fs::remove_dir_all(place);
            fs::create_dir_all(place).with_context(|| format!("{}", place.display()))?;
            println!("matrix: debootstrap {SUITE} into {}", other.root.display());
            let mut debootstrap = Command::new("debootstrap");
            debootstrap.arg("--variant=minbase").arg(format!("--include={}", PACKAGES.join(",")));
            debootstrap.arg(SUITE).arg(&other.root).arg(&Archive::of_suite(SUITE)?.address);
            said(&mut debootstrap)?;
            fs::write(place.join(COMPLETE), "").context("cannot mark the end of debootstrap")?;
        }
        other.write_programs()?;
        Ok(other)
    }

    fn write_programs(&self) -> Result<()> {
        fs::create_dir_all(&self.programs)
            .with_context(|| format!("{}", self.programs.display()))?;
        let modules = format!("-d extension_dir={}", self.modules().display());
        for (name, file, options) in [
            ("php", "usr/bin/php8.4", modules.as_str()),
            ("php-cgi", "usr/bin/php-cgi8.4", &modules),
            ("php-fpm8.4", "usr/sbin/php-fpm8.4", &modules),
            ("redis-server", "usr/bin/redis-server", ""),
            ("valkey-server", "usr/bin/valkey-server", ""),
        ] {
            let root = self.root.display();
            let loader = self.loader()?;
            let loader = loader.display();
            write_program(
                &self.programs.join(name),
                &format!(
                    "exec {loader} --library-path {root}/usr/lib/{machine}-linux-gnu --argv0 {name} \
                     {root}/{file} {options} \"$@\"",
                    machine = env::consts::ARCH
                ),
            )?;
        }
        // php-config is a script that speaks of its own system's paths.
        let root = self.root.display();
        let rewrite = format!("sed 's#\\(^\\|-I\\|[ =]\\)/usr/#\\1{root}/usr/#g'");
        write_program(
            &self.programs.join("php-config"),
            &format!("sh {root}/usr/bin/php-config{PHP} \"$@\" | {rewrite}"),
        )
    }

    /// The dynamic loader of its libc.
    fn loader(&self) -> Result<PathBuf> {
        for directory in ["usr/lib64", "usr/lib"] {
            let Ok(entries) = fs::read_dir(self.root.join(directory)) else { continue };
            for entry in entries {
                let path = entry.context("cannot list the loader's directory")?.path();
                if path
                    .file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"))
                {
                    return Ok(path);
                }
            }
        }
        bail!("{} has no dynamic loader", self.root.display())
    }

    fn modules(&self) -> PathBuf {
        let all = self.root.join("usr/lib/php");
        let mut found =
            fs::read_dir(&all).into_iter().flatten().flatten().map(|entry| entry.path());
        // Named by the number of the API, beside a directory of the packages' scripts.
        found.find(|path| path.join("redis.so").is_file()).unwrap_or(all)
    }

    /// Its PHP.
    pub(super) fn php(&self) -> Php {
        Php {
            version: PHP.to_owned(),
            cli: self.programs.join("php"),
            cgi: self.programs.join("php-cgi"),
            config: self.programs.join("php-config"),
            run_tests: self.modules().join("build/run-tests.php"),
            modules: self.modules(),
        }
    }

    /// Its servers.
    pub(crate) fn servers(&self) -> [Program; 2] {
        ["valkey-server", "redis-server"].map(|name| Program::Redis(self.programs.join(name)))
    }

    /// Has a command's tests run with its PHP, and with `server`, one of its own, for the reference.
    pub(crate) fn use_in_tests(&self, server: &Program, command: &mut Command) -> Result<()> {
        let Program::Redis(file) = server else { bail!("{server} is no reference") };
        // Its programs are found before this system's.
        let path = env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.programs.clone()).chain(env::split_paths(&path));
        let all: OsString = env::join_paths(all).context("a directory of PATH has a colon")?;
        command.env("PATH", all).env(REFERENCE_VARIABLE, file);
        Ok(())
    }
}

/// php-src's session tests there, on guarda and on both servers.
pub(super) fn php_src(other: &Other, place: &Path) -> Result<()> {
    let php = other.php();
    let extension = super::extension(&php, &place.join("extension"))?;
    let [valkey, redis] = other.servers();
    let servers = [Program::Guarda(guarda(false)?), valkey, redis];
    let archives = [Archive::of_suite(SUITE)?];
    let gate = Gate { php: &php, archives: &archives, extension: &extension, servers: &servers };
    gate.pass(&place.join("php-src"), Manner::Plain)
}
