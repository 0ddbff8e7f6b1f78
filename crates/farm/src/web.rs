//! One web server: a php-fpm master with its own configuration, which can be changed while it runs.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::config::{Place, fpm_conf, php_ini};
use crate::farm::{READY_LIMIT, ready, root_user};
use crate::prerequisites::Tool;
use crate::process::{Process, children_of};
use crate::scratch::{Scratch, Secret};
use crate::site::{Handler, Site};
use crate::wait::{Cancel, wait_until};

/// What the web servers of a farm have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The port that PHP reaches the store on.
    pub(crate) port: u16,
    pub(crate) password: Secret,
    /// guarda.so.
    pub(crate) extension: Option<PathBuf>,
    /// PHP workers of each web server.
    pub(crate) workers: u32,
}

/// The web server.
#[derive(Debug)]
pub(crate) struct Web {
    name: &'static str,
    process: Process,
    place: PathBuf,
}

impl Web {
    /// Starts php-fpm and waits until it answers.
    pub(crate) fn start(
        name: &'static str,
        scratch: &Scratch,
        site: &Site,
        shared: &Shared,
        cancel: &Cancel,
    ) -> Result<Self> {
        let place = scratch.directory(name)?;
        scratch.directory(&format!("{name}/sessions"))?;
        configure(name, scratch, site, shared)?;
        let notes = scratch.path().join("notes");
        let text = fpm_conf(name, &place, &notes, shared.workers, root_user());
        let conf = scratch.file(&format!("{name}/fpm.conf"), &text)?;
        let mut command = Command::new(fpm()?);
        command.arg("--nodaemonize").arg("--fpm-config").arg(conf);
        if root_user().is_some() {
            command.arg("--allow-to-run-as-root");
        }
        command.env("PHP_INI_SCAN_DIR", scan_directories(&place));
        let log = place.join("error.log");
        let process = Process::start(&format!("php-fpm {name}"), &command, &log)?;
        let mut web = Self { name, process, place };
        let socket = web.socket();
        let answers = || UnixStream::connect(&socket).is_ok();
        ready(&mut web.process, &shared.password, cancel, answers)?;
        web.wait_for_workers(&[], shared, cancel)?;
        Ok(web)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.place.join("fpm.sock")
    }

    /// Writes other session settings, which count from the next [`Web::reload`] on.
    pub(crate) fn configure(&self, scratch: &Scratch, site: &Site, shared: &Shared) -> Result<()> {
        configure(self.name, scratch, site, shared)
    }

    /// Reloads gracefully and waits until all workers are new.
    pub(crate) fn reload(&mut self, shared: &Shared, cancel: &Cancel) -> Result<()> {
        let old = children_of(self.process.id())?;
        self.process.signal(Signal::USR2)?;
        self.wait_for_workers(&old, shared, cancel)
    }

    /// Waits until there are as many workers as there are to be, and none of `old`.
    fn wait_for_workers(&self, old: &[u32], shared: &Shared, cancel: &Cancel) -> Result<()> {
        let what = format!("the workers of {}", self.name);
        wait_until(&what, READY_LIMIT, cancel, || {
            let now = children_of(self.process.id())?;
            let all_new = now.iter().all(|worker| !old.contains(worker));
            Ok((all_new && now.len() >= shared.workers as usize).then_some(()))
        })
    }
}

/// Writes the configuration files of PHP for `name`.
fn configure(name: &str, scratch: &Scratch, site: &Site, shared: &Shared) -> Result<()> {
    if site.handler.needs_extension() {
        shared.extension.as_ref().context("a site with guarda.so, and no extension given")?;
    }
    let modules = scratch.directory(&format!("{name}/modules.d"))?;
    copy_modules(&modules, site.handler != Handler::GuardaAsRedis)?;
    let place = Place {
        port: shared.port,
        password: &shared.password,
        files: &scratch.path().join(name).join("sessions"),
        extension: shared.extension.as_deref(),
    };
    scratch.directory(&format!("{name}/conf.d"))?;
    scratch.file(&format!("{name}/conf.d/99-session.ini"), &php_ini(site, place))?;
    Ok(())
}

/// The directories that PHP reads: the distribution's files, then ours; the last one wins, as lines at
/// the end of php.ini do in the tutorial.
pub(crate) fn scan_directories(place: &Path) -> String {
    format!("{}:{}", place.join("modules.d").display(), place.join("conf.d").display())
}

fn fpm() -> Result<PathBuf> {
    Tool::PhpFpm.find().context("php-fpm is not installed")
}

/// Fills `target` with the distribution's files for php-fpm, which load the modules; the one that loads
/// phpredis only if `phpredis`.
fn copy_modules(target: &Path, phpredis: bool) -> Result<()> {
    let told = Command::new(fpm()?)
        .arg("-i")
        .env_remove("PHP_INI_SCAN_DIR")
        .stdin(Stdio::null())
        .output()
        .context("cannot run php-fpm")?;
    let told = String::from_utf8_lossy(&told.stdout);
    let source = told
        .lines()
        .find_map(|line| line.strip_prefix("Scan this dir for additional .ini files => "))
        .context("php-fpm does not say where its .ini files are")?;
    for entry in fs::read_dir(source).with_context(|| format!("cannot list {source}"))? {
        let from = entry?.path();
        let (Some(name), Ok(text)) = (from.file_name(), fs::read_to_string(&from)) else {
            continue;
        };
        let to = target.join(name);
        if phpredis || !loads_phpredis(&text) {
            fs::write(&to, text).with_context(|| format!("cannot write {}", to.display()))?;
        } else if to.exists() {
            fs::remove_file(&to).with_context(|| format!("cannot remove {}", to.display()))?;
        }
    }
    Ok(())
}

fn loads_phpredis(ini: &str) -> bool {
    ini.lines().filter_map(|line| line.split_once('=')).any(|(name, value)| {
        name.trim() == "extension"
            && ["redis", "redis.so"].contains(&value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_loads_phpredis_is_known_by_its_line() {
        assert!(loads_phpredis("; priority=20\nextension=redis.so\n"));
        assert!(loads_phpredis("extension = \"redis\""));
        assert!(!loads_phpredis("extension=igbinary.so\n; extension=redis.so\n"));
    }
}
