//! `cargo xtask bench`: a server beside the Redis-compatible servers found on the machine.
//!
//! The figure is **processor time per command by the operating system's accounts**, not commands a
//! second: generator and server share the machine, so throughput says as much about one as about
//! the other. Rounds are paired (every server in every round, right after one another, the first
//! place going round), the ratio is taken pair by pair, and what is shown is the median over the
//! rounds with an interval by order statistics. A ratio within some percent of 1 means nothing:
//! run a server against itself (`--subject redis-server --peer redis-server`) to see how many.
//!
//! What keeps it honest:
//!
//! - every server gets the same options, a fresh directory, and sessions made by real PHP;
//! - every reply is verified, session values byte for byte, and an error reply ends the run;
//! - children a server forks count as the server;
//! - the generator is one thread; it and the servers have a processor each where there are two.
//!
//! Module map: [`options`] what is asked; `payload` and `mix` what is sent; `connection` and `load`
//! the generator; `server`, `accounting` and `machine` the measured side; `mixes`, `slow`
//! and `php` the rounds; [`stats`] and [`report`] what is made of them.

#![forbid(unsafe_code)]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

mod accounting;
mod bare;
mod bench;
mod client;
mod clock;
mod connection;
mod histogram;
mod interrupt;
mod json;
mod load;
mod machine;
mod mix;
mod mixes;
pub mod options;
mod payload;
mod php;
mod progress;
mod reply;
pub mod report;
mod server;
mod slow;
pub mod stats;

use bench::Bench;
use machine::Noise;
pub use options::Options;
use options::{Figure, name_of};
use progress::Progress;
pub use report::Report;
pub use server::Program;

/// Peers that are looked for in `PATH` when none is named.
const PEERS: [&str; 2] = ["redis-server", "valkey-server"];

/// Measures, prints the tables on stdout and, if asked, writes the JSON file.
///
/// # Errors
///
/// When no peer is found, a server cannot be started, or one answers anything but what it should.
pub fn run(options: &Options) -> anyhow::Result<()> {
    interrupt::install()?;
    let report = measure(options, true)?;
    std::io::stdout().write_all(report.table().as_bytes())?;
    if let Some(path) = &options.json {
        std::fs::write(path, report.json())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Measures. Progress goes to stderr if `show_progress`.
///
/// The calling thread is left on the generator's processor, unless `--no-pin`.
///
/// # Errors
///
/// As [`run`].
pub fn measure(options: &Options, show_progress: bool) -> anyhow::Result<Report> {
    let programs = programs(options)?;
    let figures = options.figures();
    let sides = programs.len();
    let with_php = figures.contains(&Figure::Php);
    let mut seconds =
        mixes::expected_seconds(options, sides) + slow::expected_seconds(options, sides);
    if with_php {
        seconds += php::expected_seconds(options);
    }
    machine::raise_open_files(files_needed(options, &figures))?;
    let noise = Noise::now();
    let progress = Progress::new(seconds, show_progress);
    let mut bench = Bench::new(options, programs, progress)?;
    let mut rows = mixes::run(&mut bench, &figures)?;
    rows.extend(slow::run(&mut bench, &figures)?);
    let php = if with_php {
        let extension = options.extension.as_deref().context("no guarda.so: --extension FILE")?;
        php::run(&mut bench, extension)?
    } else {
        Vec::new()
    };
    let servers = unique_names(&bench.programs);
    let mut facts = facts(&bench, &servers, &noise);
    if with_php {
        facts.push(("php", php::versions()?));
    }
    Ok(Report { facts, servers, rows, php })
}

fn programs(options: &Options) -> anyhow::Result<Vec<Program>> {
    let subject = options.subject.as_deref().context("no server under test: --subject PROGRAM")?;
    let mut paths = vec![subject.to_path_buf()];
    if options.peer.is_empty() {
        paths.extend(PEERS.iter().filter_map(|name| in_path(name)));
    } else {
        paths.extend(options.peer.iter().cloned());
    }
    if paths.len() < 2 {
        bail!("neither {} is installed: nothing to compare with", PEERS.join(" nor "));
    }
    paths.iter().map(|path| Program::new(path)).collect()
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// Descriptors of this process at most; a server's need is about as large.
fn files_needed(options: &Options, figures: &[Figure]) -> u64 {
    let idle = options.scaled(slow::IDLE_CONNECTIONS, 10);
    let idle = if figures.contains(&Figure::Idle) { idle as u64 } else { 0 };
    idle.max(u64::from(options.connections)) + 200
}

/// A server against itself would have one name twice.
fn unique_names(programs: &[Program]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for program in programs {
        let same = programs.iter().filter(|other| other.name == program.name).count();
        let name = match names.len() {
            0 if same > 1 => format!("{} (subject)", program.name),
            number if same > 1 => format!("{} ({number})", program.name),
            _ => program.name.clone(),
        };
        names.push(name);
    }
    names
}

fn facts(bench: &Bench<'_>, servers: &[String], noise: &Noise) -> Vec<(&'static str, String)> {
    let options = bench.options;
    let mut command: Vec<String> = std::env::args().skip(1).collect();
    command.insert(0, "cargo xtask".to_owned());
    let mut facts = vec![
        ("command", command.join(" ")),
        ("machine", machine::describe()),
        ("noise", noise.until(&Noise::now())),
        ("processors", bench.pinning.to_string()),
    ];
    for (name, program) in servers.iter().zip(&bench.programs) {
        let role =
            if facts.iter().any(|(role, _)| *role == "subject") { "peer" } else { "subject" };
        facts.push((role, format!("{name}: {}", program.version)));
        facts.push(("", program.command_line(options.persistence)));
    }
    facts.push((
        "sessions",
        format!(
            "{} made by PHP, mean {:.0} bytes{}",
            bench.payloads.len(),
            bench.payloads.mean_len(),
            if (options.scale - 1.0).abs() > f64::EPSILON {
                format!("; counts scaled by {}", options.scale)
            } else {
                String::new()
            }
        ),
    ));
    facts.push((
        "method",
        format!(
            "persistence {}; {} paired rounds of {} s a phase for the mixes, {} rounds for idle, \
         expire, flush, grow, memory; ratio subject / peer by round, median, interval by order statistics",
            name_of(options.persistence),
            options.rounds,
            options.seconds,
            options.slow_rounds
        ),
    ));
    facts
}

#[cfg(test)]
mod tests;
