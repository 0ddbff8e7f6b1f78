//! The ways in which guarda.so comes to a machine: phpize and make, as PIE does it, and the files of packages;
//! and what a PHP says that it does not fit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::installed::{Php, said};
use crate::build::{listed_files, root, target};
use crate::ext::{Layout, lay};

/// Has PHP say who we are, and take our handlers in turn: it answers with the one before.
const ASK: &str = "$said = [phpversion('guarda')]; foreach (['guarda', 'redis', 'guarda'] as $name) \
    { $said[] = session_module_name($name); } echo implode(' ', $said);";

/// Checks all of it; `scratch` is emptied first.
pub(super) fn check(php: &Php, scratch: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(scratch);
    check_composer(php)?;
    let built = phpize(php, &scratch.join("phpize")).context("phpize, configure, make")?;
    expect_loaded(php, Command::new(&php.cli).arg("-n").arg("-d").arg(setting(&built)))?;
    println!("packaging: phpize, configure and make build a guarda.so that PHP loads");
    for layout in [Layout::Debian, Layout::El] {
        let out = scratch.join(format!("{layout:?}"));
        let files = lay(&out, layout, &php.config, false)?;
        check_layout(php, &files).with_context(|| format!("the files of {layout:?}"))?;
    }
    println!("packaging: the files of packages load guarda.so");
    let foreign = of_another_php(php, &built, &scratch.join("foreign.so"))?;
    expect_refused(php, &foreign)?;
    println!("packaging: PHP refuses a guarda.so of another version, and goes on");
    Ok(())
}

fn setting(extension: &Path) -> String {
    format!("extension={}", extension.display())
}

/// composer.json says where PIE finds what it builds.
fn check_composer(php: &Php) -> Result<()> {
    let read = "$all = json_decode(file_get_contents($argv[1]), true, 9, JSON_THROW_ON_ERROR); \
        echo $all['type'], ' ', $all['php-ext']['extension-name'], ' ', $all['php-ext']['build-path'];";
    let file = root().join("composer.json");
    let mut ask = Command::new(&php.cli);
    ask.args(["-n", "-r", read, "--"]).arg(&file);
    let said = said(&mut ask).context("composer.json")?;
    ensure!(said == "php-ext guarda php/ext", "composer.json says `{said}`");
    Ok(())
}

/// Builds the extension in a copy of the source, since phpize works in place.
fn phpize(php: &Php, copy: &Path) -> Result<PathBuf> {
    for path in listed_files()? {
        let (from, to) = (root().join(&path), copy.join(&path));
        // One that was deleted is still listed.
        if from.is_file() {
            let parent = to.parent().context("a file lies in a directory")?;
            fs::create_dir_all(parent).with_context(|| format!("{}", parent.display()))?;
            fs::copy(&from, &to).with_context(|| format!("cannot copy {path}"))?;
        }
    }
    let place = copy.join("php/ext");
    let phpize = php.config.with_file_name("phpize");
    let configure = place.join("configure");
    let with_config = format!("--with-php-config={}", php.config.display());
    run(&place, Command::new(phpize))?;
    let mut command = Command::new(configure);
    // What is built there already, without optimisation, is taken.
    command.arg(with_config).env("GUARDA_PROFILE", "dev").env("CARGO_TARGET_DIR", target()?);
    run(&place, command)?;
    let mut make = Command::new("make");
    // cargo would take the copy for the workspace that its target directory belongs to, and mix them up.
    make.arg(format!("GUARDA_ROOT={}", root().display()));
    run(&place, make)?;
    Ok(place.join("modules/guarda.so"))
}

fn run(place: &Path, mut command: Command) -> Result<()> {
    said(command.current_dir(place)).map(drop)
}

/// The files work where they are, if PHP is told to look there.
fn check_layout(php: &Php, files: &[PathBuf]) -> Result<()> {
    let [extension, settings] = files else { bail!("two files are expected, not {files:?}") };
    let directory = |file: &Path| file.parent().map(|place| place.display().to_string());
    let modules = directory(extension).context("guarda.so lies in a directory")?;
    let scanned = directory(settings).context("the settings lie in a directory")?;
    let mut command = Command::new(&php.cli);
    // No php.ini of the machine's, and no extension of its own.
    command.args(["-c", "/dev/null", "-d"]).arg(format!("extension_dir={modules}"));
    command.env("PHP_INI_SCAN_DIR", scanned);
    expect_loaded(php, &mut command)
}

fn expect_loaded(php: &Php, command: &mut Command) -> Result<()> {
    let said = all_said(command.args(["-r", ASK]))?;
    let expected = format!("{} files guarda redis", env!("CARGO_PKG_VERSION"));
    ensure!(said == expected, "PHP {} says `{said}`, not `{expected}`", php.version);
    Ok(())
}

/// The extension as if it had been built for another PHP: with another number of the module API.
fn of_another_php(php: &Php, extension: &Path, to: &Path) -> Result<PathBuf> {
    let mut bytes = fs::read(extension).context("cannot read guarda.so")?;
    let api = said(Command::new(&php.config).arg("--phpapi"))?;
    let number: u32 = api.parse().with_context(|| format!("`{api}` is no number"))?;
    let (old, new) = (number.to_le_bytes(), (number - 1).to_le_bytes());
    let places: Vec<usize> =
        (0..bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(&old)).collect();
    ensure!(!places.is_empty(), "guarda.so does not hold the number {number}");
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(&new);
    }
    fs::write(to, bytes).with_context(|| format!("{}", to.display()))?;
    Ok(to.to_owned())
}

fn expect_refused(php: &Php, foreign: &Path) -> Result<()> {
    let mut command = Command::new(&php.cli);
    command.args(["-n", "-d", "display_errors=1", "-d"]).arg(setting(foreign));
    command.args(["-r", "echo extension_loaded('guarda') ? 'loaded' : 'PHP goes on';"]);
    let said = all_said(&mut command)?;
    for part in ["guarda: Unable to initialize module", "PHP goes on"] {
        ensure!(said.contains(part), "PHP says `{said}`; `{part}` was expected");
    }
    Ok(())
}

/// Both outputs of a program that ends well, on one line.
fn all_said(command: &mut Command) -> Result<String> {
    let done = command.stdin(Stdio::null()).output().context("cannot run php")?;
    let text = [done.stdout, done.stderr].concat();
    let text = String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ");
    ensure!(done.status.success(), "php ended with {}: {text}", done.status);
    Ok(text)
}
