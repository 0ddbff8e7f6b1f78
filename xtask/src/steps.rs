//! `cargo xtask test`: everything that CI runs, step by step, up to the first that fails.

mod cargo_test;

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use guarda_farm::{Need, install};

use crate::build::{cargo, guarda, own_path};
use crate::{client_suites, codegen, php, redis_suite, tidy};
use cargo_test::Closing;

/// The version that reads `deny.toml`.
const CARGO_DENY: &str = "0.20.2";
/// What the fuzz step may take, in all.
const FUZZ_SECONDS: &str = "60";
/// Tells tests outside of its package where the program is.
const BINARY: &str = "GUARDA_TEST_BINARY";
/// What `--long` sets for the tests, and what they look at.
const LONG: &str = "GUARDA_LONG";

/// The command's options.
#[derive(Args)]
pub(crate) struct Options {
    /// Run the longer variants of the tests too
    #[arg(long)]
    long: bool,
    /// Run also on a Debian 13 beside this system: PHP 8.4, phpredis 6.2, valkey 8.1, redis 8.0.
    /// debootstrap prepares it below target/, as root, once
    #[arg(long)]
    matrix: bool,
    /// Run only these steps, separated by commas
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    /// cargo fmt --check
    Fmt,
    /// cargo clippy with every warning an error
    Clippy,
    /// cargo doc with every warning an error
    Doc,
    /// cargo deny: licences, banned crates, sources
    Deny,
    /// cargo xtask tidy
    Tidy,
    /// Generated files are what their sources say
    Codegen,
    /// Every test of the workspace, unit to end-to-end
    Unit,
    /// Only the end-to-end tests with real PHP, which `unit` includes
    Farm,
    /// php-src's own tests of sessions with guarda.so, fetched with Debian's source package
    PhpSrc,
    /// What --long adds: Redis's own tests with the server, fetched with Debian's source package
    RedisSuite,
    /// What --long adds: Valkey's own tests with the server, fetched with Debian 13's source package
    ValkeySuite,
    /// What --long adds: the tests of phpredis, Predis, redis-py, Symfony and Laravel, with redis-server and with guarda
    ClientSuites,
    /// guarda.so by phpize and make, and as the files of packages
    Packaging,
    /// What --matrix adds
    Matrix,
    /// What --long adds: php-src's tests with a thread-safe debug build of PHP, which reports leaks
    Zts,
    /// What --long adds: php-src's tests under valgrind
    Valgrind,
    /// cargo xtask demo --once
    Demo,
    /// Each fuzz target for a moment
    Fuzz,
}

/// CI's order: what fails fastest comes first.
const ALL: [Step; 11] = [
    Step::Fmt,
    Step::Clippy,
    Step::Doc,
    Step::Deny,
    Step::Tidy,
    Step::Codegen,
    Step::Unit,
    Step::PhpSrc,
    Step::Packaging,
    Step::Demo,
    Step::Fuzz,
];

/// What --long adds.
const LONG_STEPS: &[Step] =
    &[Step::Zts, Step::Valgrind, Step::RedisSuite, Step::ValkeySuite, Step::ClientSuites];

/// What a run has found out so far.
#[derive(Default)]
struct Run {
    long: bool,
    closings: Vec<Closing>,
}

/// How a step went.
struct Timing {
    name: String,
    passed: bool,
    took: Duration,
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<()> {
    let steps: Vec<Step> = match options.only.as_slice() {
        [] => all(options),
        only => only.to_vec(),
    };
    let mut run = Run { long: options.long, ..Run::default() };
    let mut timings = Vec::new();
    let prepared = timed("prepare", &mut timings, || prepare(&steps));
    let outcome = prepared.and_then(|()| {
        steps.iter().try_for_each(|step| timed(&step.name(), &mut timings, || step.run(&mut run)))
    });
    println!("\nsteps:");
    for Timing { name, passed, took } in &timings {
        let word = if *passed { "ok" } else { "FAILED" };
        println!("  {name:<8} {word:<7} {:>7.1} s", took.as_secs_f64());
    }
    if let Some(whole) = Closing::sum(&run.closings) {
        println!("\n{whole}");
    }
    outcome
}

/// CI's order, with what the options add before the slowest.
fn all(options: &Options) -> Vec<Step> {
    let with_more = |step: &Step| {
        let matrix = options.matrix.then_some(Step::Matrix);
        let long = if options.long { LONG_STEPS } else { &[] };
        let more = matrix.into_iter().chain(long.iter().copied());
        let more: Vec<Step> = if *step == Step::Demo { more.collect() } else { Vec::new() };
        more.into_iter().chain([*step])
    };
    ALL.iter().flat_map(with_more).collect()
}

/// Runs one step between a headline and an entry in the list of timings.
#[allow(clippy::disallowed_methods, reason = "the time of a step is shown to people")]
fn timed(name: &str, timings: &mut Vec<Timing>, step: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n=== {name}");
    // The step's programs write to the same place, past our buffer.
    std::io::stdout().flush().context("stdout is closed")?;
    let begin = Instant::now();
    let outcome = step();
    let took = begin.elapsed();
    timings.push(Timing { name: name.to_owned(), passed: outcome.is_ok(), took });
    println!("=== {name}: {:.1} s", took.as_secs_f64());
    outcome.with_context(|| format!("step `{name}`"))
}

impl Step {
    fn name(self) -> String {
        let value = self.to_possible_value().expect("no step is hidden");
        value.get_name().to_owned()
    }

    fn run(self, run: &mut Run) -> Result<()> {
        match self {
            Self::Fmt => {
                succeed(cargo().args(["fmt", "--all", "--check"]))?;
                // A workspace of its own.
                succeed(cargo().args(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))
            }
            Self::Clippy => {
                let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
                succeed(cargo().args(clippy))
            }
            Self::Doc => succeed(
                cargo()
                    .args(["doc", "--workspace", "--no-deps"])
                    .env("RUSTDOCFLAGS", "-D warnings"),
            ),
            Self::Deny => succeed(cargo().args(["deny", "check", "bans", "licenses", "sources"])),
            Self::Tidy => tidy::run(),
            Self::Codegen => codegen::run(&codegen::Options { check: true }),
            Self::Unit => tests(run, &["--workspace"], |_| Ok(())),
            Self::Farm => tests(run, &["--package", "guarda", "--test", "farm"], |_| Ok(())),
            Self::PhpSrc => php::php_src(),
            Self::RedisSuite => redis_suite::REDIS.pass(run.long),
            Self::ValkeySuite => redis_suite::VALKEY.pass(run.long),
            Self::ClientSuites => client_suites::pass(),
            Self::Packaging => php::packaging(),
            Self::Matrix => matrix(run),
            Self::Zts => php::zts(),
            Self::Valgrind => php::valgrind(),
            Self::Demo => succeed(itself()?.args(["demo", "--once"])),
            Self::Fuzz => succeed(itself()?.args(["fuzz", "--seconds", FUZZ_SECONDS])),
        }
    }

    /// What of the distribution the step runs on.
    fn needs(self) -> &'static [Need] {
        match self {
            Self::Fmt | Self::Deny | Self::Tidy | Self::Codegen => &[],
            Self::Clippy | Self::Doc => &[Need::Build],
            Self::Unit
            | Self::Farm
            | Self::PhpSrc
            | Self::Packaging
            | Self::Zts
            | Self::Demo
            | Self::Fuzz => &[Need::Tests],
            Self::Matrix => &[Need::Tests, Need::Matrix],
            Self::Valgrind => &[Need::Tests, Need::Valgrind],
            Self::RedisSuite | Self::ValkeySuite => &[Need::RedisSuite],
            Self::ClientSuites => &[Need::ClientSuites],
        }
    }
}

/// php-src's tests there, then the extension's own and the client's with each server, and the differential tables
/// with Valkey, which shows what Redis 7.2 does.
fn matrix(run: &mut Run) -> Result<()> {
    let other = php::matrix()?;
    for server in other.servers() {
        println!("matrix: the tests of the extension and of its client with {server}");
        let packages = ["--package", "guarda-php", "--package", "guarda-client", "--tests"];
        tests(run, &packages, |command| other.use_in_tests(&server, command))
            .with_context(|| format!("on Debian 13 with {server}"))?;
    }
    let [valkey, _] = other.servers();
    println!("matrix: the differential tables with {valkey}");
    tests(run, &["--package", "guarda", "--test", "diff"], |command| {
        other.use_in_tests(&valkey, command)
    })
    .context("compared with Valkey")
}

/// `cargo test` with these arguments; all tests run, also after one has failed.
fn tests(
    run: &mut Run,
    arguments: &[&str],
    change: impl FnOnce(&mut Command) -> Result<()>,
) -> Result<()> {
    let mut command = cargo();
    command.args(["test", "--no-fail-fast"]).args(arguments);
    command.env(BINARY, guarda(false)?);
    if run.long {
        command.env(LONG, "1");
    } else {
        command.env_remove(LONG);
    }
    change(&mut command)?;
    let (passed, closings) = cargo_test::run(command)?;
    let failed: Vec<&str> =
        closings.iter().flat_map(|closing| &closing.failed_tests).map(String::as_str).collect();
    run.closings.extend(closings.iter().cloned());
    if !failed.is_empty() {
        bail!("these tests failed; what they said is above:\n  {}", failed.join("\n  "));
    }
    if !passed {
        bail!("cargo test failed before the tests could say so; its messages are above");
    }
    Ok(())
}

/// Installs what the steps run on.
fn prepare(steps: &[Step]) -> Result<()> {
    let needs: Vec<Need> = steps.iter().flat_map(|step| step.needs()).copied().collect();
    install(&needs, &mut |line| eprintln!("{line}"))?;
    for (step, component) in [(Step::Fmt, "rustfmt"), (Step::Clippy, "clippy")] {
        if steps.contains(&step) {
            install_component(&step.name(), component)?;
        }
    }
    if steps.contains(&Step::Deny) {
        install_cargo_deny()?;
    }
    Ok(())
}

fn install_component(subcommand: &str, component: &str) -> Result<()> {
    if answers(cargo().args([subcommand, "--version"])) {
        return Ok(());
    }
    eprintln!("adding the toolchain's component {component}");
    succeed(Command::new("rustup").args(["component", "add", component]))
        .with_context(|| format!("`cargo {subcommand}` is missing: install {component}"))
}

fn install_cargo_deny() -> Result<()> {
    if answers(cargo().args(["deny", "--version"])) {
        return Ok(());
    }
    eprintln!(
        "installing cargo-deny {CARGO_DENY}, which checks licences and sources of dependencies"
    );
    succeed(cargo().args(["install", "--locked", "cargo-deny", "--version", CARGO_DENY]))
}

/// This program once more.
fn itself() -> Result<Command> {
    Ok(Command::new(own_path()?))
}

/// Runs a command whose output people see.
fn succeed(command: &mut Command) -> Result<()> {
    let name = words(command);
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("cannot run `{name}`"))?;
    if !status.success() {
        bail!("`{name}` failed ({status}); its messages are above");
    }
    Ok(())
}

/// Whether a command can be run at all; its output is of no interest.
fn answers(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
}

/// The command as one would type it.
fn words(command: &Command) -> String {
    let program = command.get_program();
    let name = std::path::Path::new(program).file_name().unwrap_or(program);
    let all: Vec<_> =
        std::iter::once(name).chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    all.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_run_has_every_step_but_the_one_that_unit_includes() {
        let steps = |long, matrix| all(&Options { long, matrix, only: Vec::new() });
        let times = |steps: &[Step], step| steps.iter().filter(|other| **other == step).count();
        for step in Step::value_variants() {
            let own = usize::from(*step != Step::Farm);
            assert_eq!(times(&steps(true, true), *step), own, "{step:?}");
            let added = match step {
                Step::Matrix => steps(false, true),
                step if LONG_STEPS.contains(step) => steps(true, false),
                _ => continue,
            };
            assert_eq!(times(&added, *step), 1, "{step:?}");
            assert_eq!(times(&steps(false, false), *step), 0, "{step:?}");
        }
    }

    #[test]
    fn the_first_step_that_fails_is_timed_and_named() {
        let mut timings = Vec::new();
        assert!(timed("first", &mut timings, || Ok(())).is_ok());
        let error = timed("second", &mut timings, || bail!("broken")).unwrap_err();
        assert_eq!(format!("{error:#}"), "step `second`: broken");
        assert_eq!(timings.iter().map(|timing| timing.passed).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_command_that_fails_is_named_without_its_directory() {
        let error = succeed(Command::new("/bin/sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c exit 3` failed (exit status: 3); its messages are above"
        );
    }
}
