//! Redis's own tests, and those of Valkey, which descend from Redis 7.2's, run against `guarda serve`.
//!
//! They are fetched with Debian's source packages, of which only the tests are unpacked, and run as they are but for
//! a few procedures ([`stage`]). Those of the exceptions file may fail, each for its reason, and must ([`judge`]).

pub(crate) mod judge;
mod redis;
mod run;
mod stage;
mod valkey;

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;

use crate::build::{guarda, root};
use crate::source::{self, Archive};
use judge::Exceptions;
pub(crate) use run::Outcomes;
use run::run;
use stage::{Change, STAGES_MAX, Stage};

pub(crate) use redis::REDIS;
pub(crate) use valkey::VALKEY;

/// A suite of tests: where it comes from, and what of it is run how.
pub(crate) struct Suite {
    /// Its name among the steps, and that of its directory below `target`.
    name: &'static str,
    /// The source package that it is part of.
    package: &'static str,
    archives: fn() -> Result<Vec<Archive>>,
    /// The list of tests that may fail, with their reasons.
    exceptions: &'static str,
    /// What is run, the slowest first.
    files: &'static [File],
    /// What is changed in its files, besides what is changed in both suites.
    changes: &'static [Change],
    /// Procedures of our own in the place of some of its own, besides those of both suites.
    adaptations: &'static str,
    /// What its programs' names begin with, where Redis's do with `redis-`.
    prefix: &'static str,
}

/// A file of tests, and when it is run.
#[derive(Clone, Copy, Debug)]
struct File {
    name: &'static str,
    /// Only with `--long`: it takes minutes.
    long: bool,
}

const fn file(name: &'static str) -> File {
    File { name, long: false }
}

const fn long(name: &'static str) -> File {
    File { name, long: true }
}

impl Suite {
    /// Runs the tests and fails where they show what must not be.
    pub(crate) fn pass(&self, with_long: bool) -> Result<()> {
        let Self { name, package, exceptions, files, .. } = *self;
        let fetched = root().join("target").join(name);
        let source = source::fetch(package, &(self.archives)()?, &fetched)?;
        let server = guarda(false)?;
        let scratch = fetched.join("runs");
        let _ = fs::remove_dir_all(&scratch);
        let exceptions = Exceptions::read(&root().join(exceptions))?;
        let files: Vec<&str> =
            files.iter().filter(|file| with_long || !file.long).map(|file| file.name).collect();
        let origin = source.file_name().unwrap_or_default().display();
        println!("{name}: {} files of tests of {origin}", files.len());
        let setting = Setting { suite: self, source, server, scratch };
        let outcomes = run_all(&files, &exceptions, &setting)?;
        judge::conclude(name, &exceptions, &outcomes, &fetched)
    }
}

/// What all files are run with.
struct Setting<'a> {
    suite: &'a Suite,
    source: PathBuf,
    server: PathBuf,
    scratch: PathBuf,
}

/// As many files at a time as there are cores: most tests wait for something.
fn run_all(
    names: &[&str],
    exceptions: &Exceptions,
    setting: &Setting<'_>,
) -> Result<Vec<Outcomes>> {
    let jobs = thread::available_parallelism().map_or(1, usize::from).min(STAGES_MAX);
    let queue = Mutex::new(VecDeque::from(names.to_vec()));
    let (count, ended) = (names.len(), AtomicUsize::new(0));
    let work = |place: &Path, number: usize| -> Result<Vec<Outcomes>> {
        let stage = Stage::set(setting.suite, &setting.source, &setting.server, place, number)?;
        let mut done = Vec::new();
        loop {
            let next = queue.lock().expect("no worker panics with the queue").pop_front();
            let Some(name) = next else { return Ok(done) };
            let outcomes = run(&stage, name, &exceptions.skipped(name), &setting.scratch)?;
            let ended = ended.fetch_add(1, Ordering::Relaxed) + 1;
            println!("{}: {ended}/{count} {}", setting.suite.name, outcomes.summary());
            done.push(outcomes);
        }
    };
    let results: Vec<Result<Vec<Outcomes>>> = thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..jobs)
            .map(|number| {
                let place = setting.scratch.join(format!("stage-{number}"));
                scope.spawn(move || work(&place, number))
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    let mut all = Vec::new();
    for result in results {
        all.extend(result?);
    }
    all.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(all)
}
