//! `cargo xtask fuzz`: builds the fuzz targets with coverage, on the stable toolchain, and runs them.

mod material;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::{env, thread};

use anyhow::{Context, Result, bail};
use clap::Args;
use guarda_farm::{Need, install};
use guarda_testkit::random::{SEED_VARIABLE, settings};

use crate::build::{cargo, root};

/// rustc's own coverage pass. cargo-fuzz asks for the same, with a sanitizer that only the nightly
/// toolchain has; all but one crate here forbid unsafe code.
const RUSTFLAGS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1";
/// An input that takes longer is a fault.
const INPUT_SECONDS_MAX: u32 = 10;
/// So is one that takes more memory.
const INPUT_MIB_MAX: u32 = 2048;
/// Lines of a target's log that are shown after a crash.
const LOG_LINES_SHOWN: usize = 60;

/// The command's options.
#[derive(Args)]
pub(crate) struct Options {
    /// Run only these targets, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    target: Vec<String>,
    /// How long all of it may take, after the build; divided among the targets
    #[arg(long, default_value_t = 60, value_name = "N")]
    seconds: u64,
    /// Run the one target on this input, once: what a crash says to do
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
}

/// Where everything is.
struct Places {
    /// Programs and what is generated: ours, so that the flags do not rebuild the workspace.
    target_dir: PathBuf,
    programs: PathBuf,
    fuzz: PathBuf,
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<()> {
    let fuzz = root().join("fuzz");
    let known = targets(&fuzz)?;
    let chosen = choose(&known, &options.target)?;
    install(&[Need::Tests], &mut |line| eprintln!("{line}"))?;
    let places = build(fuzz, &chosen)?;
    if let Some(input) = &options.input {
        let [target] = chosen.as_slice() else { bail!("--input takes one --target") };
        return reproduce(&places, target, input);
    }
    material::write(&places.target_dir)?;
    let jobs = thread::available_parallelism().map_or(1, usize::from).min(chosen.len());
    let seconds = seconds_each(options.seconds, chosen.len(), jobs);
    println!("fuzz: {} targets, {seconds} s each, {jobs} at a time", chosen.len());
    let queue = Mutex::new(VecDeque::from(chosen));
    let results: Vec<Result<bool>> = thread::scope(|scope| {
        let workers: Vec<_> =
            (0..jobs).map(|_| scope.spawn(|| work(&places, &queue, seconds))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    let mut clean = true;
    for result in results {
        clean &= result?;
    }
    if !clean {
        bail!("the fuzzer found inputs that break something; they are named above");
    }
    Ok(())
}

/// The names of all targets, sorted.
fn targets(fuzz: &Path) -> Result<Vec<String>> {
    let files = fs::read_dir(fuzz.join("targets")).context("cannot list fuzz/targets")?;
    let mut names = Vec::new();
    for file in files {
        let name = file.context("cannot list fuzz/targets")?.file_name();
        names.extend(name.to_string_lossy().strip_suffix(".rs").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn choose(known: &[String], wanted: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        bail!("there is no fuzz target `{unknown}`; there are: {}", known.join(", "));
    }
    let all = if wanted.is_empty() { known } else { wanted };
    Ok(all.to_vec())
}

/// What each target gets when `jobs` of them run at a time and all are to end after `total`.
fn seconds_each(total: u64, targets: usize, jobs: usize) -> u64 {
    let rounds = targets.div_ceil(jobs.max(1)).max(1) as u64;
    (total / rounds).max(1)
}

fn build(fuzz: PathBuf, chosen: &[String]) -> Result<Places> {
    // This program lies in <target directory>/<profile>/, wherever that is configured to be.
    let own = crate::build::own_path()?;
    let target = own.parent().and_then(Path::parent).context("this program lies in no profile")?;
    let target_dir = target.join("fuzz");
    let host = host()?;
    let mut build = cargo();
    // With --target the flags reach neither build scripts nor macros, which could not be linked.
    build
        .args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &host])
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("RUSTFLAGS", RUSTFLAGS)
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    for name in chosen {
        build.args(["--bin", name]);
    }
    if !build.stdin(Stdio::null()).status().context("cannot run cargo")?.success() {
        bail!("building the fuzz targets failed; cargo's messages are above");
    }
    Ok(Places { programs: target_dir.join(host).join("release"), target_dir, fuzz })
}

/// The platform that this toolchain builds for.
fn host() -> Result<String> {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let output = rustc.arg("-vV").output().context("cannot run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` names no host")
}

/// Runs targets of the queue until it is empty; whether none of them crashed.
fn work(places: &Places, queue: &Mutex<VecDeque<String>>, seconds: u64) -> Result<bool> {
    let mut clean = true;
    loop {
        let next = queue.lock().expect("no worker panics").pop_front();
        let Some(target) = next else { return Ok(clean) };
        clean &= fuzz(places, &target, seconds)?;
    }
}

/// Runs one target; whether it did not crash.
fn fuzz(places: &Places, target: &str, seconds: u64) -> Result<bool> {
    let corpus = places.fuzz.join("corpus").join(target);
    let artifacts = places.fuzz.join("artifacts").join(target);
    let generated = material::directory(&places.target_dir, target);
    for directory in [&corpus, &artifacts, &generated] {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
    }
    let log = places.target_dir.join(format!("{target}.log"));
    let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(places.programs.join(target));
    let mut prefix = OsString::from("-artifact_prefix=");
    prefix.push(artifacts.join(""));
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-rss_limit_mb={INPUT_MIB_MAX}"))
        .arg(prefix);
    // The same way through the inputs as long as the program is the same; without it a new one each time.
    if env::var_os(SEED_VARIABLE).is_some() {
        // libFuzzer takes 32 bits, and zero for none.
        command.arg(format!("-seed={}", (settings().0 as u32).max(1)));
    }
    if let Some(dictionary) = material::dictionary(&places.target_dir, target) {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    // The first directory is the one that new inputs go to.
    command.args([&corpus, &places.fuzz.join("seeds").join(target), &generated]);
    let errors = output.try_clone().context("cannot write the log")?;
    let status = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .status()
        .with_context(|| format!("cannot run the fuzz target `{target}`"))?;
    let text = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
    if status.success() {
        println!("fuzz: {target:<14} {}", text.lines().last().unwrap_or_default());
        return Ok(true);
    }
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
    println!("fuzz: {target:<14} FAILED ({status}); the end of {}:", log.display());
    println!("{}", shown.join("\n"));
    let found = shown.iter().find_map(|line| line.split_once("Test unit written to "));
    let input = found.map_or("FILE", |(_, path)| path.trim());
    println!("fuzz: again with `cargo xtask fuzz --target {target} --input {input}`");
    Ok(false)
}

/// Runs a target on one input, with its output shown.
fn reproduce(places: &Places, target: &str, input: &Path) -> Result<()> {
    let mut command = Command::new(places.programs.join(target));
    let status = command.arg(input).status().context("cannot run the fuzz target")?;
    if !status.success() {
        bail!("`{target}` fails on {} ({status})", input.display());
    }
    println!("fuzz: {target} passes on {}", input.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_for_all_targets_together() {
        assert_eq!(seconds_each(60, 7, 2), 15);
        assert_eq!(seconds_each(60, 7, 1), 8);
        assert_eq!(seconds_each(3, 7, 1), 1);
        assert_eq!(seconds_each(3600, 1, 1), 3600);
    }

    #[test]
    fn each_target_is_built_and_has_seeds() {
        let fuzz = root().join("fuzz");
        let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        let targets = targets(&fuzz).unwrap();
        assert!(!targets.is_empty());
        for name in &targets {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            let seeds = fs::read_dir(fuzz.join("seeds").join(name)).unwrap().count();
            assert!(seeds > 0, "{name} has no seed");
        }
    }

    #[test]
    fn a_target_that_is_not_there_is_named_with_those_that_are() {
        let known = ["aof".to_owned(), "rdb".to_owned()];
        assert_eq!(choose(&known, &[]).unwrap(), known);
        let error = choose(&known, &["rbd".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "there is no fuzz target `rbd`; there are: aof, rdb");
    }
}
