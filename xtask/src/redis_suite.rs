//! Redis's own tests, run against `guarda serve`.
//!
//! They are fetched with Debian's source package, of which only the tests are unpacked, and run as they are but for
//! a few procedures ([`stage`]). Those of the exceptions file may fail, each for its reason, and must ([`judge`]).

mod judge;
mod run;
mod stage;

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail};

use crate::build::{guarda, root};
use crate::source::{self, Archive};
use judge::Exceptions;
use run::{Outcomes, run};
use stage::{STAGES_MAX, Stage};

/// The list of tests that may fail, with their reasons.
const EXCEPTIONS: &str = "crates/cli/tests/redis-suite-exceptions.txt";
/// Lines shown of what makes a test fail.
const COMPLAINT_LINES_MAX: usize = 6;

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

/// What is run, the slowest first. Not here: replication, cluster, modules, functions, client tracking, streams,
/// bitmaps, geo, HyperLogLog, which are not there yet or never will be; and tests of how Redis's processes and
/// buffers fare.
const FILES: &[File] = &[
    long("unit/type/list-3"),
    long("unit/aofrw"),
    long("integration/corrupt-dump-fuzzer"),
    long("unit/latency-monitor"),
    file("integration/aof"),
    file("unit/introspection"),
    file("unit/type/zset"),
    file("unit/scripting"),
    file("unit/expire"),
    file("unit/type/list"),
    file("unit/type/list-2"),
    file("unit/scan"),
    file("unit/sort"),
    file("unit/other"),
    file("unit/type/string"),
    file("unit/type/set"),
    file("integration/aof-multi-part"),
    file("integration/rdb"),
    file("integration/redis-cli"),
    file("unit/multi"),
    file("unit/introspection-2"),
    file("unit/acl"),
    file("unit/acl-v2"),
    file("unit/auth"),
    file("unit/dump"),
    file("unit/info"),
    file("unit/info-command"),
    file("unit/keyspace"),
    file("unit/lazyfree"),
    file("unit/limits"),
    file("unit/networking"),
    file("unit/protocol"),
    file("unit/pubsub"),
    file("unit/pubsubshard"),
    file("unit/quit"),
    file("unit/slowlog"),
    file("unit/type/incr"),
    file("integration/convert-zipmap-hash-on-load"),
    file("integration/convert-ziplist-hash-on-load"),
    file("integration/convert-ziplist-zset-on-load"),
];

/// Runs the tests and fails where they show what must not be.
pub(crate) fn pass(with_long: bool) -> Result<()> {
    let fetched = root().join("target/redis-suite");
    let archives = Archive::of_package("redis-server")?;
    let source = source::fetch("redis", &archives, &fetched)?;
    let server = guarda(false)?;
    let scratch = fetched.join("runs");
    let _ = fs::remove_dir_all(&scratch);
    let text = fs::read_to_string(root().join(EXCEPTIONS)).context(EXCEPTIONS)?;
    let exceptions = Exceptions::parse(&text)?;
    let names: Vec<&str> =
        FILES.iter().filter(|file| with_long || !file.long).map(|file| file.name).collect();
    let origin = source.file_name().unwrap_or_default().display();
    println!("redis-suite: {} files of tests of {origin}", names.len());
    let outcomes = run_all(&names, &exceptions, &Setting { source, server, scratch })?;
    for outcome in &outcomes {
        println!("redis-suite: {}", outcome.summary());
    }
    let findings = judge::judge(&exceptions, &outcomes);
    if findings.is_empty() {
        return Ok(());
    }
    for finding in &findings {
        println!("redis-suite: {finding}");
        for line in finding.complaint().lines().take(COMPLAINT_LINES_MAX) {
            println!("    {line}");
        }
    }
    bail!("{} findings; what each file printed is in {}", findings.len(), fetched.display());
}

/// What all files are run with.
struct Setting {
    source: PathBuf,
    server: PathBuf,
    scratch: PathBuf,
}

/// As many files at a time as there are cores: most tests wait for something.
fn run_all(names: &[&str], exceptions: &Exceptions, setting: &Setting) -> Result<Vec<Outcomes>> {
    let jobs = thread::available_parallelism().map_or(1, usize::from).min(STAGES_MAX);
    let queue = Mutex::new(VecDeque::from(names.to_vec()));
    let work = |place: &Path, number: usize| -> Result<Vec<Outcomes>> {
        let stage = Stage::set(&setting.source, &setting.server, place, number)?;
        let mut done = Vec::new();
        loop {
            let next = queue.lock().expect("no worker panics with the queue").pop_front();
            let Some(name) = next else { return Ok(done) };
            done.push(run(&stage, name, &exceptions.skipped(name), &setting.scratch)?);
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
