//! The tests of Redis's clients, run against redis-server and then against `guarda serve`.
//!
//! They are fetched with the packages that they are part of, and run as they are. What passes with redis-server must
//! pass with guarda, but for the exceptions file ([`judge`](crate::redis_suite::judge)).

mod php;
mod redis_py;
mod report;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};
use guarda_testkit::server::{Program, Server, ServerSpec};

use crate::build::{guarda, root};
use crate::redis_suite::Outcomes;
use crate::redis_suite::judge::{Exceptions, conclude};
use report::Report;

/// The step's name.
const NAME: &str = "client-suites";
/// The list of tests that may fail, with their reasons.
const EXCEPTIONS: &str = "crates/cli/tests/client-suite-exceptions.txt";
/// Seconds for a suite with one server.
const SUITE_MAX: &str = "2700";
/// Where the servers listen.
const HOST: &str = "127.0.0.1";

/// What is run.
const SUITES: [Suite; 4] =
    [php::PHPREDIS, php::PREDIS, redis_py::REDIS_PY_RESP2, redis_py::REDIS_PY_RESP3];

/// The tests of one client.
struct Suite {
    /// What sets this run of them apart.
    name: &'static str,
    /// Whose tests they are: the directory that they are prepared in, and their name among the exceptions.
    client: &'static str,
    /// Fetches the tests and what they run on into a directory.
    prepare: fn(&Path) -> Result<()>,
    /// The command that runs them, and reports to the file that `SUITE_REPORT` names.
    command: fn(&Run<'_>) -> Result<Command>,
}

/// What a suite is run with.
struct Run<'a> {
    /// Where it was prepared.
    place: &'a Path,
    /// A directory for what this run writes.
    scratch: &'a Path,
    port: u16,
    /// Tests that are not run.
    skipped: &'a [&'a str],
}

/// Runs all suites and fails where they show what must not be.
pub(crate) fn pass() -> Result<()> {
    let fetched = root().join("target").join(NAME);
    let scratch = fetched.join("runs");
    let _ = fs::remove_dir_all(&scratch);
    let exceptions = Exceptions::read(&root().join(EXCEPTIONS))?;
    let subject = Program::subject(guarda(false)?);
    let mut outcomes = Vec::new();
    for suite in &SUITES {
        let skipped = exceptions.skipped(suite.client);
        let measured = suite.compare(&subject, &skipped, &fetched, &scratch.join(suite.name));
        let measured = measured.with_context(|| suite.name.to_owned())?;
        println!("{NAME}: {}", measured.summary());
        outcomes.push(measured);
    }
    conclude(NAME, &exceptions, &outcomes, &fetched)
}

impl Suite {
    /// Runs the tests with both servers, at the same time: most of them wait for something.
    fn compare(
        &self,
        subject: &Program,
        skipped: &[&str],
        fetched: &Path,
        scratch: &Path,
    ) -> Result<Outcomes> {
        let place = fetched.join(self.client);
        fs::create_dir_all(&place).with_context(|| format!("{}", place.display()))?;
        (self.prepare)(&place)?;
        let [reference, subject] = thread::scope(|scope| {
            let programs = [("reference", Program::reference()), ("subject", subject.clone())];
            let workers = programs.map(|(role, program)| {
                let (place, scratch) = (place.as_path(), scratch.join(role));
                scope.spawn(move || self.run(program, place, &scratch, skipped))
            });
            workers.map(|worker| worker.join().expect("a worker does not panic"))
        });
        let (reference, subject) = (reference?, subject?);
        if !reference.is_whole() {
            bail!("the tests ended without a word with redis-server; see {}", scratch.display());
        }
        let name = self.name;
        println!(
            "{NAME}: {name}: redis-server passes {}, guarda {}",
            reference.summary(),
            subject.summary()
        );
        Ok(reference.measured(self.client, &subject))
    }

    fn run(
        &self,
        program: Program,
        place: &Path,
        scratch: &Path,
        skipped: &[&str],
    ) -> Result<Report> {
        fs::create_dir_all(scratch).with_context(|| format!("{}", scratch.display()))?;
        let server = Server::start(server_for_tests(program))?;
        let run = Run { place, scratch, port: server.port(), skipped };
        let tests = (self.command)(&run)?;
        let report = scratch.join("report.txt");
        // What hangs is ended from outside.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", SUITE_MAX]).arg(tests.get_program());
        command.args(tests.get_args()).env("SUITE_REPORT", &report);
        command.envs(tests.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(tests.get_current_dir().unwrap_or(scratch)).stdin(Stdio::null());
        let output = command.output().context("cannot run the tests")?;
        let printed = [output.stdout, output.stderr].concat();
        fs::write(scratch.join("printed.txt"), printed).context("printed.txt")?;
        let text = fs::read(&report)
            .with_context(|| format!("no test has reported anything; see {}", scratch.display()))?;
        // What tests complain of may be any bytes.
        Report::read(&String::from_utf8_lossy(&text))
    }
}

/// One thread for all connections, since some tests rely on commands of several being carried out in the order in
/// which they were sent; and a file, for tests that have it written anew.
fn server_for_tests(program: Program) -> ServerSpec {
    let spec = ServerSpec::new(program).with_config("");
    spec.with("io-threads", "1").with("enable-debug-command", "local")
}
