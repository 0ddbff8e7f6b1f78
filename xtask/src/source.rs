//! Source packages from the archive that this machine's apt knows, without a change to its settings.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use guarda_farm::find_program;

use crate::php::said;

/// Debian's own keys; an archive that apt trusts by other means needs no line of ours.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A part of an archive: one line of apt's sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Archive {
    pub(crate) address: String,
    pub(crate) suite: String,
    pub(crate) component: String,
}

impl Archive {
    /// Where this machine's apt finds a binary package, one for each version it could install.
    pub(crate) fn of_package(package: &str) -> Result<Vec<Self>> {
        if find_program(&["apt-cache"]).is_none() {
            bail!("this step fetches a source package of Debian, and there is no apt here");
        }
        let listed = || said(Command::new("apt-cache").args(["madison", package]));
        let mut archives: Vec<Self> = listed()?.lines().filter_map(archive_of_line).collect();
        if archives.is_empty() {
            // A fresh container image has no lists.
            said(Command::new("apt-get").args(["update", "-qq"]))
                .context("apt's lists are empty, and cannot be refreshed")?;
            archives = listed()?.lines().filter_map(archive_of_line).collect();
        }
        if archives.is_empty() {
            bail!("apt knows no archive that has the package {package}");
        }
        Ok(archives)
    }

    /// Another suite of Debian, where this machine gets its own from.
    pub(crate) fn of_suite(suite: &str) -> Result<Self> {
        let all = Self::of_package("base-files")?;
        let main = all.into_iter().find(|archive| !archive.suite.contains('-'));
        let main = main.context("apt's sources have no suite of Debian itself")?;
        Ok(Self { suite: suite.to_owned(), component: "main".to_owned(), ..main })
    }

    fn line(&self) -> String {
        let Self { address, suite, component } = self;
        let keys = if Path::new(KEYRING).is_file() {
            format!("[signed-by={KEYRING}] ")
        } else {
            String::new()
        };
        format!("deb-src {keys}{address} {suite} {component}")
    }
}

/// `php8.2-cli | 8.2.30-1 | http://archive/debian bookworm/main amd64 Packages`
fn archive_of_line(line: &str) -> Option<Archive> {
    let (_, place) = line.rsplit_once(" | ")?;
    let mut words = place.split_whitespace();
    let address = words.next()?.to_owned();
    let (suite, component) = words.next()?.rsplit_once('/')?;
    words.last().is_some_and(|word| word == "Packages").then_some(Archive {
        address,
        suite: suite.to_owned(),
        component: component.to_owned(),
    })
}

/// Fetches the original source of a package, of the newest version that is there, and returns the archive.
///
/// What an earlier run fetched into `directory` is used as it is.
pub(crate) fn fetch(package: &str, archives: &[Archive], directory: &Path) -> Result<PathBuf> {
    let directory = directory.join(package);
    if let Some(file) = fetched(&directory)? {
        return Ok(file);
    }
    let apt = Apt::prepare(&directory, archives)?;
    apt.run(["update"], "apt-get")?;
    let versions = apt.run(["showsrc", package], "apt-cache")?;
    let mut tried = String::new();
    // The newest that is installed here is often gone from the pool before the index says so.
    for version in newest_first(&versions) {
        let wanted = format!("{package}={version}");
        match apt.run(["source", "--download-only", "--tar-only", &wanted], "apt-get") {
            Ok(_) => {
                return fetched(&directory)?
                    .with_context(|| format!("apt-get source {wanted} left no source"));
            }
            Err(error) => writeln!(tried, "{error:#}").expect("writing to a String cannot fail"),
        }
    }
    bail!("no version of the source package {package} can be fetched:\n{tried}")
}

/// Unpacks `members` (tar's patterns; none for everything) of a source into `directory`, without the
/// directory that all of it lies in. What was there before is gone: it may be of another version.
pub(crate) fn unpack(source: &Path, members: &[&str], directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{}", directory.display()));
        }
        _ => {}
    }
    fs::create_dir_all(directory).with_context(|| format!("{}", directory.display()))?;
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(source).arg("-C").arg(directory).args(["--strip-components=1"]);
    tar.args(["--wildcards", "--no-same-owner"]).args(members);
    said(&mut tar).map(drop)
}

fn fetched(directory: &Path) -> Result<Option<PathBuf>> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(None) };
    for entry in entries {
        let path = entry.with_context(|| format!("cannot list {}", directory.display()))?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        // `php8.2_8.2.32.orig.tar` and a compression; a signature has one more.
        if stem.ends_with(".orig.tar") {
            return Ok(Some(path.clone()));
        }
    }
    Ok(None)
}

/// The versions of `apt-cache showsrc`.
fn newest_first(showsrc: &str) -> Vec<&str> {
    // Numbers decide in versions of the shape 8.2.32-1~deb12u1, and that is all there is to order.
    let numbers = |version: &str| -> Vec<u64> {
        version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
    };
    let mut versions: Vec<&str> =
        showsrc.lines().filter_map(|line| line.strip_prefix("Version: ")).collect();
    versions.sort_by_key(|version| std::cmp::Reverse(numbers(version)));
    versions.dedup();
    versions
}

/// apt with lists and sources of its own, below one directory.
struct Apt {
    directory: PathBuf,
}

impl Apt {
    fn prepare(directory: &Path, archives: &[Archive]) -> Result<Self> {
        let apt = Self { directory: directory.to_owned() };
        for part in ["apt/lists/partial", "apt/cache/archives/partial"] {
            fs::create_dir_all(directory.join(part))
                .with_context(|| format!("cannot create {part} in {}", directory.display()))?;
        }
        let lines: Vec<String> = archives.iter().map(Archive::line).collect();
        fs::write(directory.join("apt/sources.list"), lines.join("\n") + "\n")
            .context("cannot write the list of sources")?;
        Ok(apt)
    }

    fn run<const N: usize>(&self, arguments: [&str; N], program: &str) -> Result<String> {
        let own = self.directory.join("apt");
        let mut command = Command::new(program);
        for (name, value) in [
            ("Dir::Etc::SourceList", own.join("sources.list")),
            ("Dir::Etc::SourceParts", "/dev/null".into()),
            ("Dir::State::Lists", own.join("lists")),
            ("Dir::Cache", own.join("cache")),
            // The directory may be one that apt's own user cannot enter.
            ("APT::Sandbox::User", "root".into()),
        ] {
            command.arg("-o").arg(format!("{name}={}", value.display()));
        }
        command.args(["-q"]).args(arguments).current_dir(&self.directory).stdin(Stdio::null());
        said(&mut command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_read_from_apts_list() {
        let line = "php8.2-cli | 8.2.30-1~deb12u1 | http://archive.test/debian-security \
                    bookworm-security/main amd64 Packages";
        let expected = Archive {
            address: "http://archive.test/debian-security".to_owned(),
            suite: "bookworm-security".to_owned(),
            component: "main".to_owned(),
        };
        assert_eq!(archive_of_line(line), Some(expected.clone()));
        assert!(
            expected.line().ends_with("http://archive.test/debian-security bookworm-security main")
        );
        for other in
            ["", "php | 8.2", "php | 8.2 | http://archive.test/debian bookworm/main Sources"]
        {
            assert_eq!(archive_of_line(other), None, "{other}");
        }
    }

    #[test]
    fn the_newest_version_is_tried_first() {
        let text =
            "Package: a\nVersion: 8.2.9-1\nFormat: x\n\nPackage: a\nVersion: 8.2.10-1~deb12u1\n";
        assert_eq!(newest_first(text), ["8.2.10-1~deb12u1", "8.2.9-1"]);
    }
}
