//! Installing what is missing from the distribution's packages: says what and why, asks nothing.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::prerequisites::{Need, Tool, missing, require};
use crate::process::find_program;

/// A family of distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    /// Debian, Ubuntu: apt.
    Debian,
    /// Rocky, Alma, RHEL 9 and later: dnf or microdnf.
    El,
}

impl System {
    /// The family of this machine, by the package tool it has.
    pub(crate) fn detect() -> Option<Self> {
        if find_program(&["apt-get"]).is_some() {
            return Some(Self::Debian);
        }
        find_program(&["microdnf", "dnf"]).is_some().then_some(Self::El)
    }
}

/// Installs the tools of `needs` that are missing; `say` receives one line for each thing it does.
///
/// # Errors
///
/// When something is missing and this process may not install it, or the package tool fails. The error
/// holds the command to run.
pub fn install(needs: &[Need], say: &mut dyn FnMut(&str)) -> Result<()> {
    let absent = missing(needs);
    if absent.is_empty() {
        return Ok(());
    }
    let Some(system) = System::detect() else { return require(needs) };
    if !is_root() {
        let command = install_command(system, &absent);
        bail!(
            "missing on this machine: {absent:?}. Only root may install them; run this, then try \
             again:\n  sudo {command}"
        );
    }
    say("installing what is missing:");
    for tool in &absent {
        say(&format!("  {:<14} {}", tool.packages(system), tool.purpose()));
    }
    match system {
        System::Debian => install_debian(&absent, say)?,
        System::El => run(system, &package_names(system, &absent))?,
    }
    disable_services(&absent);
    require(needs).context("the packages are installed, but")
}

/// Whether this process may do what only root may.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The command that installs the packages of `tools`.
pub(crate) fn install_command(system: System, tools: &[Tool]) -> String {
    let program = match system {
        System::Debian => "apt-get",
        System::El => "dnf",
    };
    let mut words = vec![program];
    words.extend(arguments(system));
    words.extend(package_names(system, tools));
    words.join(" ")
}

fn arguments(system: System) -> &'static [&'static str] {
    match system {
        System::Debian => &["install", "-y", "--no-install-recommends"],
        System::El => &["install", "-y"],
    }
}

fn package_names(system: System, tools: &[Tool]) -> Vec<&'static str> {
    let mut names: Vec<_> =
        tools.iter().flat_map(|tool| tool.packages(system).split_whitespace()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn install_debian(tools: &[Tool], say: &mut dyn FnMut(&str)) -> Result<()> {
    let _quiet = ServicesStayDown::begin()?;
    let packages = package_names(System::Debian, tools);
    let unlisted = packages.iter().any(|package| !is_listed(package));
    if !unlisted && run(System::Debian, &packages).is_ok() {
        return Ok(());
    }
    say("refreshing the package lists: they are empty or out of date");
    let mut update = Command::new("apt-get");
    update.args(["update", "-qq"]);
    finish(update)?;
    run(System::Debian, &packages)
}

/// Whether apt's lists know the package. They are empty on a fresh container image.
fn is_listed(package: &str) -> bool {
    let mut show = Command::new("apt-cache");
    show.args(["show", "--no-all-versions", package]);
    show.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    show.status().is_ok_and(|status| status.success())
}

fn run(system: System, packages: &[&str]) -> Result<()> {
    let mut command = match system {
        System::Debian => {
            let mut command = Command::new("apt-get");
            command.args(["-q", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=300"]);
            command
        }
        // Containers often have microdnf alone, as in the tutorial.
        System::El => Command::new(find_program(&["dnf", "microdnf"]).context("no dnf")?),
    };
    command.args(arguments(system)).args(packages);
    finish(command)
}

/// Runs a package tool; its output, which nobody needs when all is well, goes to stderr.
fn finish(mut command: Command) -> Result<()> {
    let name = format!("{command:?}").replace('"', "");
    let status = command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::from(std::io::stderr()))
        .status()
        .with_context(|| format!("cannot run `{name}`"))?;
    if !status.success() {
        bail!("`{name}` failed ({status}); its messages are above");
    }
    Ok(())
}

/// Keeps Debian's packages from starting their services while they are installed: a web server that
/// nobody asked for must not appear on port 80 of somebody's machine.
///
/// That is what `policy-rc.d` is for. One that is there already is respected and left alone.
#[derive(Debug)]
struct ServicesStayDown {
    ours: Option<PathBuf>,
}

impl ServicesStayDown {
    fn begin() -> Result<Self> {
        Self::at(Path::new("/usr/sbin/policy-rc.d"))
    }

    fn at(path: &Path) -> Result<Self> {
        let text =
            "#!/bin/sh\n# Written by `cargo xtask` for the time of one installation.\nexit 101\n";
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(path);
        match file {
            Ok(mut file) => {
                let guard = Self { ours: Some(path.to_path_buf()) };
                file.write_all(text.as_bytes())
                    .with_context(|| format!("cannot write {}", path.display()))?;
                Ok(guard)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Self { ours: None }),
            Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
        }
    }
}

impl Drop for ServicesStayDown {
    fn drop(&mut self) {
        if let Some(path) = &self.ours {
            let _ = fs::remove_file(path);
        }
    }
}

/// Under systemd, Debian's packages also enable their services for the next boot: undone here for the
/// packages that we brought, and only for those.
fn disable_services(installed: &[Tool]) {
    if !Path::new("/run/systemd/system").is_dir() {
        return;
    }
    for service in installed.iter().filter_map(|tool| tool.service()) {
        // php-fpm's unit carries PHP's version in its name on Debian; systemctl takes no pattern here.
        let units = if service == "php-fpm" { fpm_units() } else { vec![service.to_owned()] };
        for unit in units {
            let mut disable = Command::new("systemctl");
            disable.args(["disable", "--quiet", &unit]);
            disable.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let _ = disable.status();
        }
    }
}

fn fpm_units() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/lib/systemd/system") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("php") && name.ends_with("-fpm.service"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn the_policy_file_is_not_left_behind() {
        let scratch = Scratch::create().unwrap();
        let path = scratch.path().join("policy-rc.d");
        let guard = ServicesStayDown::at(&path).unwrap();
        assert!(path.exists());
        drop(guard);
        assert!(!path.exists());
    }

    #[test]
    fn a_policy_file_of_somebody_else_stays() {
        let scratch = Scratch::create().unwrap();
        let path = scratch.file("policy-rc.d", "theirs").unwrap();
        drop(ServicesStayDown::at(&path).unwrap());
        assert_eq!(fs::read_to_string(path).unwrap(), "theirs");
    }

    #[test]
    fn the_command_names_each_package_once() {
        let tools = [Tool::RedisCli, Tool::RedisServer, Tool::Nginx];
        assert_eq!(install_command(System::El, &tools), "dnf install -y nginx redis");
        assert_eq!(
            install_command(System::Debian, &tools),
            "apt-get install -y --no-install-recommends nginx redis-server redis-tools"
        );
    }
}
