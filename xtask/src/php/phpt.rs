//! php-src's own tests of its session module, run against every handler on every server.
//!
//! They are fetched with Debian's source package, copied, and rewritten where they take the handler `files`
//! for granted ([`rewrite`]). What `files` passes, our handlers must pass, but for the tests of the exceptions
//! file ([`judge`]), none of which phpredis may pass. Under valgrind they must also show nothing that `files`
//! does not show in the same test ([`memory`]).

mod judge;
mod memory;
mod rewrite;
mod run;

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail};
use guarda_testkit::server::{Program, Server, ServerSpec};

use super::installed::Php;
use crate::build::root;
use crate::source::{self, Archive};
use judge::Exceptions;
use run::{Outcomes, Subject, run};

/// The list of tests that are left out, with their reasons.
const EXCEPTIONS: &str = "php/php-src-exceptions.txt";
/// Lines shown of what makes a test fail.
const DIFFERENCE_LINES_MAX: usize = 30;
/// How many databases a server has.
const DATABASES_MAX: usize = 16;
/// What of the source package the tests are made of.
const MEMBERS: [&str; 2] = ["*/ext/session/tests/*", "*/sapi/cgi/tests/include.inc"];

/// A save handler as php-src's tests are run with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Keeper {
    /// PHP's own `files`: what the tests were written for.
    Files,
    /// phpredis's `redis`: what we are compared with.
    Phpredis,
    /// Our handler `guarda`.
    Guarda,
    /// Our handler `redis`.
    Redis,
}

/// How the tests are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Every handler, without and with locking, on every server.
    Plain,
    /// `guarda` with locking, on the first server, each test under valgrind.
    Valgrind,
}

/// What the tests are run with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate<'a> {
    pub(crate) php: &'a Php,
    /// Where the source package comes from.
    pub(crate) archives: &'a [Archive],
    /// guarda.so, built for that PHP.
    pub(crate) extension: &'a Path,
    pub(crate) servers: &'a [Program],
}

impl Gate<'_> {
    /// The source of this PHP; where the archive names a version that it does not have, that of this system's,
    /// whose tests do not know what has been deprecated since. Whether it is this PHP's comes along.
    fn source(&self) -> Result<(PathBuf, bool)> {
        let fetched = root().join("target/php-src");
        let error =
            match source::fetch(&format!("php{}", self.php.version), self.archives, &fetched) {
                Ok(source) => return Ok((source, true)),
                Err(error) => error,
            };
        let system = Php::of_this_machine()?.version;
        if system == self.php.version {
            return Err(error);
        }
        println!("php-src: the tests of PHP {system} instead: {error:#}");
        let archives = Archive::of_package(&format!("php{system}-cli"))?;
        Ok((source::fetch(&format!("php{system}"), &archives, &fetched)?, false))
    }

    /// Runs the tests and fails where they show what must not be.
    ///
    /// `scratch` is emptied; afterwards it holds what each run left behind.
    pub(crate) fn pass(&self, scratch: &Path, manner: Manner) -> Result<()> {
        let (source, same_version) = self.source()?;
        let _ = fs::remove_dir_all(scratch);
        let pristine = scratch.join("pristine");
        source::unpack(&source, &MEMBERS, &pristine)?;
        let servers = self
            .servers
            .iter()
            .map(|program| Server::start(ServerSpec::new(program.clone())))
            .collect::<Result<Vec<_>, _>>()?;
        let mut subjects = match (manner, servers.as_slice()) {
            (Manner::Plain, servers) => subjects(self.php, self.extension, servers),
            (Manner::Valgrind, [server, ..]) => {
                under_valgrind(self.extension, server, &names(&pristine)?)
            }
            (Manner::Valgrind, []) => bail!("no server to run the tests on"),
        };
        if !same_version {
            subjects.iter_mut().for_each(|subject| subject.without_deprecations = true);
        }
        let file = source.file_name().unwrap_or_default().display();
        println!("php-src: the tests of {file}, {} times", subjects.len());
        let mut outcomes = run_all(self.php, &pristine, scratch, subjects)?;
        self.ask_files(&pristine, scratch, &mut outcomes)?;
        let text = fs::read_to_string(root().join(EXCEPTIONS)).context(EXCEPTIONS)?;
        let findings = judge::judge(&Exceptions::parse(&text)?, &outcomes);
        for outcome in &outcomes {
            println!("php-src: {}", outcome.summary());
        }
        if findings.is_empty() {
            return Ok(());
        }
        for finding in &findings {
            println!("php-src: {finding}");
            if let Some((test, run)) = finding.example() {
                print_difference(&scratch.join(run), test);
            }
        }
        bail!("{} findings; what each run left is in {}", findings.len(), scratch.display());
    }

    /// Has valgrind say, too, what it thinks of `files` in the tests of which it reported something.
    fn ask_files(&self, pristine: &Path, scratch: &Path, outcomes: &mut [Outcomes]) -> Result<()> {
        let tests: BTreeSet<&String> =
            outcomes.iter().flat_map(|outcomes| outcomes.reports.keys()).collect();
        if tests.is_empty() {
            return Ok(());
        }
        let only = tests.into_iter().cloned().collect();
        let subject = Subject { under_valgrind: true, only, ..Subject::files() };
        let asked = run(self.php, pristine, scratch, subject)?;
        let mut plain = outcomes.iter_mut().filter(|run| run.subject.keeper == Keeper::Files);
        plain.next().context("a run with `files`")?.reports = asked.reports;
        Ok(())
    }
}

/// What run-tests.php wrote about a test that failed.
fn print_difference(place: &Path, test: &str) {
    let file = place.join("ext/session/tests").join(format!("{test}.diff"));
    let text = fs::read(file).unwrap_or_default();
    for line in String::from_utf8_lossy(&text).lines().take(DIFFERENCE_LINES_MAX) {
        println!("    {line}");
    }
}

/// `files` once, all others on each server, without and with locking.
fn subjects(php: &Php, extension: &Path, servers: &[Server]) -> Vec<Subject> {
    let mut subjects = vec![Subject::files()];
    for server in servers {
        let mut databases = 0..DATABASES_MAX;
        for keeper in [Keeper::Phpredis, Keeper::Guarda, Keeper::Redis] {
            let extensions = match (keeper, php.phpredis()) {
                (Keeper::Phpredis, None) => continue,
                (Keeper::Phpredis, Some(files)) => files.to_vec(),
                _ => vec![extension.to_owned()],
            };
            for locking in [false, true] {
                let database = databases.next().expect("three handlers, without and with locking");
                subjects.push(Subject {
                    keeper,
                    extensions: extensions.clone(),
                    locking,
                    server: server.name(),
                    save_path: save_path(server, database),
                    ..Subject::files()
                });
            }
        }
    }
    subjects
}

/// `files` as it is, and `guarda` with locking under valgrind, in as many parts as there are processors.
fn under_valgrind(extension: &Path, server: &Server, tests: &[String]) -> Vec<Subject> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let parts = processors.min(DATABASES_MAX).min(tests.len());
    let part = |part| Subject {
        keeper: Keeper::Guarda,
        extensions: vec![extension.to_owned()],
        locking: true,
        under_valgrind: true,
        only: tests.iter().skip(part).step_by(parts).cloned().collect(),
        part: Some(part),
        server: server.name(),
        save_path: save_path(server, part),
        ..Subject::files()
    };
    (0..parts).map(part).chain([Subject::files()]).collect()
}

/// A database for each run: the tests share session ids.
fn save_path(server: &Server, database: usize) -> String {
    format!("tcp://127.0.0.1:{}?database={database}", server.port())
}

/// The names of all tests.
fn names(pristine: &Path) -> Result<Vec<String>> {
    let directory = pristine.join("ext/session/tests");
    let mut names = Vec::new();
    for entry in fs::read_dir(&directory).with_context(|| format!("{}", directory.display()))? {
        let path = entry?.path();
        if path.extension() == Some("phpt".as_ref()) {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

fn run_all(
    php: &Php,
    pristine: &Path,
    scratch: &Path,
    subjects: Vec<Subject>,
) -> Result<Vec<Outcomes>> {
    let jobs = thread::available_parallelism().map_or(1, usize::from).min(subjects.len());
    let queue = Mutex::new(VecDeque::from(subjects));
    let work = || -> Result<Vec<Outcomes>> {
        let mut done = Vec::new();
        loop {
            let next = queue.lock().expect("no worker panics with the queue").pop_front();
            let Some(subject) = next else { return Ok(done) };
            done.push(run(php, pristine, scratch, subject)?);
        }
    };
    let results: Vec<Result<Vec<Outcomes>>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    let mut all = Vec::new();
    for result in results {
        all.extend(result?);
    }
    all.sort_by_key(|outcomes| outcomes.subject.name());
    Ok(all)
}
