//! The tests of Redis's clients, run against redis-server and against `guarda serve`.
//!
//! They are fetched with the packages that they are part of, and run as they are, where the network is loopback
//! alone. What passes with redis-server must pass with guarda, but for the exceptions file
//! ([`judge`](crate::redis_suite::judge)).

mod php;
mod phpunit;
mod redis_py;
mod report;

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use guarda_testkit::server::{Program, Server, ServerSpec};

use crate::build::{guarda, root};
use crate::loopback;
use crate::redis_suite::Outcomes;
use crate::redis_suite::judge::{Exceptions, conclude};
use report::Report;

/// The step's name.
const NAME: &str = "client-suites";
/// The list of tests that may fail, with their reasons.
const EXCEPTIONS: &str = "crates/cli/tests/client-suite-exceptions.txt";
/// Seconds for a suite with one server.
const SUITE_MAX: &str = "1200";
/// The file that tests report to, one line each.
const REPORT: &str = "report.txt";
/// Where the servers listen.
const HOST: &str = "127.0.0.1";
/// How many suites are run at a time, each with both servers: most tests wait for something.
const SUITES_AT_ONCE: usize = 2;

/// What is run, the slowest first.
const SUITES: [Suite; 7] = [
    redis_py::REDIS_PY_RESP2,
    redis_py::REDIS_PY_RESP3,
    php::PREDIS,
    php::SYMFONY,
    php::PHPREDIS,
    php::PHPREDIS_6,
    php::LARAVEL,
];

/// The tests of one client.
struct Suite {
    /// What sets this run of them apart.
    name: &'static str,
    /// Whose tests they are: the directory that they are prepared in, and their name among the exceptions.
    client: &'static str,
    /// At least so many pass with redis-server. Fewer means that something is missing here.
    passed_min: usize,
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
    server: &'a Server,
    /// Tests that are not run.
    skipped: &'a [&'a str],
}

impl Run<'_> {
    fn port(&self) -> u16 {
        self.server.port()
    }
}

/// What the part of the step that runs without a network is told.
#[derive(Args)]
pub(crate) struct Options {
    /// The suite to run
    suite: String,
    /// The server to run it with
    #[arg(value_enum)]
    role: Role,
    /// The guarda to be tested
    guarda: PathBuf,
}

/// Which of the two servers that are compared.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    Reference,
    Subject,
}

impl Role {
    /// As it is written among the options.
    fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Subject => "subject",
        }
    }
}

/// Runs all suites and fails where they show what must not be.
pub(crate) fn pass() -> Result<()> {
    let exceptions = Exceptions::read(&root().join(EXCEPTIONS))?;
    let clients: BTreeSet<&str> = SUITES.iter().map(|suite| suite.client).collect();
    exceptions.check_files(&clients).context(EXCEPTIONS)?;
    let guarda = guarda(false)?;
    let guarda = guarda.to_str().context("the path of guarda is not UTF-8")?;
    let _ = fs::remove_dir_all(fetched().join("runs"));
    let mut prepared = BTreeSet::new();
    for suite in SUITES.iter().filter(|suite| prepared.insert(suite.client)) {
        let place = suite.place();
        fs::create_dir_all(&place).with_context(|| format!("{}", place.display()))?;
        (suite.prepare)(&place).with_context(|| suite.client.to_owned())?;
    }
    let queue = Mutex::new(VecDeque::from_iter(&SUITES));
    let work = || -> Result<Vec<Outcomes>> {
        let mut outcomes = Vec::new();
        loop {
            let next = queue.lock().expect("no worker panics with the queue").pop_front();
            let Some(suite) = next else { return Ok(outcomes) };
            outcomes.push(suite.compare(guarda).with_context(|| suite.name.to_owned())?);
        }
    };
    let results = thread::scope(|scope| {
        let workers = [(); SUITES_AT_ONCE].map(|()| scope.spawn(work));
        workers.map(|worker| worker.join().expect("a worker does not panic"))
    });
    let mut outcomes = Vec::new();
    for result in results {
        outcomes.extend(result?);
    }
    outcomes.sort_by(|one, other| one.file.cmp(&other.file));
    conclude(NAME, &exceptions, &outcomes, &fetched())
}

/// Runs one suite with one server, where nothing else can be reached.
pub(crate) fn run(options: &Options) -> Result<()> {
    loopback::enter()?;
    let Options { suite: name, role, guarda } = options;
    let suite = SUITES.iter().find(|suite| suite.name == name);
    let suite = suite.with_context(|| format!("there is no suite {name}"))?;
    let exceptions = Exceptions::read(&root().join(EXCEPTIONS))?;
    let program = match role {
        Role::Reference => Program::reference(),
        Role::Subject => Program::subject(guarda),
    };
    suite.run(program, &suite.scratch(*role), &exceptions.skipped(suite.client))
}

/// Where everything of this step lies.
fn fetched() -> PathBuf {
    root().join("target").join(NAME)
}

impl Suite {
    /// Where the tests are prepared.
    fn place(&self) -> PathBuf {
        fetched().join(self.client)
    }

    /// Where a run keeps what it writes.
    fn scratch(&self, role: Role) -> PathBuf {
        fetched().join("runs").join(self.name).join(role.name())
    }

    /// Runs the tests with both servers at the same time, each on a network of its own: some listen on a port that
    /// they do not choose.
    fn compare(&self, guarda: &str) -> Result<Outcomes> {
        let report = |role: Role| -> Result<Report> {
            loopback::rerun(&[NAME, self.name, role.name(), guarda])?;
            let file = self.scratch(role).join(REPORT);
            let text = fs::read(&file)
                .with_context(|| format!("no test has reported anything to {}", file.display()))?;
            // What tests complain of may be any bytes.
            Report::read(&String::from_utf8_lossy(&text))
        };
        let [reference, subject] = thread::scope(|scope| {
            let report = &report;
            let workers =
                [Role::Reference, Role::Subject].map(|role| scope.spawn(move || report(role)));
            workers.map(|worker| worker.join().expect("a worker does not panic"))
        });
        let (reference, subject) = (reference?, subject?);
        let measured = reference.measured(self.name, self.passed_min, &subject);
        println!(
            "{NAME}: {}: redis-server passes {}; of those guarda passes {}",
            self.name,
            reference.summary(),
            measured.passed
        );
        Ok(Outcomes { file: self.client.to_owned(), ..measured })
    }

    /// Runs the tests; what they report, what they print and the server's log are kept in `scratch`.
    fn run(&self, program: Program, scratch: &Path, skipped: &[&str]) -> Result<()> {
        fs::create_dir_all(scratch).with_context(|| format!("{}", scratch.display()))?;
        let server = Server::start(server_for_tests(program))?;
        let run = Run { place: &self.place(), scratch, server: &server, skipped };
        let tests = (self.command)(&run)?;
        // What hangs is ended from outside.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", SUITE_MAX]).arg(tests.get_program());
        command.args(tests.get_args()).env("SUITE_REPORT", scratch.join(REPORT));
        command.envs(tests.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(tests.get_current_dir().unwrap_or(scratch)).stdin(Stdio::null());
        let output = command.output().context("cannot run the tests")?;
        let printed = [output.stdout, output.stderr].concat();
        for (name, text) in [("printed.txt", &*printed), ("server.txt", server.log().as_bytes())] {
            fs::write(scratch.join(name), text).context(name)?;
        }
        Ok(())
    }
}

/// One thread for all connections, since some tests rely on commands of several being carried out in the order in
/// which they were sent; and a file, for tests that have it written anew.
fn server_for_tests(program: Program) -> ServerSpec {
    let spec = ServerSpec::new(program).with_config("");
    spec.with("io-threads", "1").with("enable-debug-command", "local")
}
