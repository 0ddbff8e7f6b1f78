//! Whole PHP requests: `session_start`, a change, `session_write_close`, by guarda.so and by phpredis.
//!
//! PHP and the server it talks to share one processor, so that wall time is the work of both and not
//! the scheduler's wake-ups. Every contender has a PHP process of its own in every round; two have none, and
//! show what is left without PHP and without a handler.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::accounting::CpuMeter;
use crate::bare::Bare;
use crate::bench::{Bench, by_side};
use crate::clock;
use crate::options::Options;
use crate::report::Row;
use crate::server::{Endpoint, Server};

/// The PHP worker.
const SCRIPT: &str = include_str!("requests.php");
/// Measured requests of a contender in a round.
const REQUESTS: usize = 8_000;
/// Requests before them, as a share of them.
const WARM_UP: usize = 8;
/// Expected seconds of a contender's turn.
const TURN_SECONDS: f64 = 1.2;

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Subject,
    Peer,
}

/// One way to keep sessions.
struct Contender {
    name: &'static str,
    on: On,
    /// None: without PHP.
    ini: Ini,
    query: &'static str,
}

/// The contenders; [`RATIOS`] refers to their places.
const CONTENDERS: [Contender; 9] = [
    Contender { name: "guarda.so, locked", on: On::Subject, ini: GUARDA, query: "" },
    Contender { name: "guarda.so, unlocked", on: On::Subject, ini: UNLOCKED, query: "" },
    Contender { name: "guarda.so, locked", on: On::Peer, ini: GUARDA, query: "" },
    Contender { name: "guarda.so, unlocked", on: On::Peer, ini: UNLOCKED, query: "" },
    Contender { name: "phpredis kept, locked", on: On::Peer, ini: LOCKED, query: "?persistent=1" },
    Contender { name: "phpredis kept, unlocked", on: On::Peer, ini: REDIS, query: "?persistent=1" },
    Contender { name: "phpredis, locked", on: On::Peer, ini: LOCKED, query: "" },
    Contender { name: "GET, SETEX without PHP", on: On::Subject, ini: None, query: "" },
    Contender { name: "GET, SETEX without PHP", on: On::Peer, ini: None, query: "" },
];

type Ini = Option<&'static [&'static str]>;
const GUARDA: Ini = Some(&["session.save_handler=guarda"]);
const UNLOCKED: Ini = Some(&["session.save_handler=guarda", "guarda.mode=unlocked"]);
const REDIS: Ini = Some(&["session.save_handler=redis"]);
const LOCKED: Ini = Some(&["session.save_handler=redis", "redis.session.locking_enabled=1"]);

/// What is asked of a pair of contenders.
struct Ratio {
    figure: &'static str,
    pair: (usize, usize),
    quantity: Quantity,
    target: Option<f64>,
}

#[derive(Clone, Copy)]
enum Quantity {
    Wall,
    ServerCpu,
    PhpCpu,
}

impl Quantity {
    fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall time, us a request",
            Self::ServerCpu => "server CPU, us a request",
            Self::PhpCpu => "PHP CPU, us a request",
        }
    }

    fn of(self, turn: &Turn) -> f64 {
        let time = match self {
            Self::Wall => turn.wall,
            Self::ServerCpu => turn.server_cpu,
            Self::PhpCpu => turn.php_cpu,
        };
        time.as_secs_f64() * 1e6 / turn.requests as f64
    }
}

const fn wall(figure: &'static str, pair: (usize, usize), target: Option<f64>) -> Ratio {
    Ratio { figure, pair, quantity: Quantity::Wall, target }
}

/// What is compared, with what is wanted of it.
const RATIOS: [Ratio; 14] = [
    wall("php: locked", (0, 4), Some(0.45)),
    wall("php: locked, same server", (2, 4), Some(0.55)),
    wall("php: unlocked", (1, 5), Some(0.65)),
    wall("php: unlocked, same server", (3, 5), Some(0.65)),
    wall("php: price of locking", (0, 1), Some(1.25)),
    wall("php: against connecting each time", (0, 6), Some(0.30)),
    Ratio {
        figure: "php: server's part, locked",
        pair: (0, 4),
        quantity: Quantity::ServerCpu,
        target: Some(0.45),
    },
    wall("php: two round trips alone", (7, 5), None),
    wall("php: two round trips alone, same server", (8, 5), None),
    wall("php: price of locking, same server", (2, 3), None),
    wall("php: price of locking, phpredis", (4, 5), None),
    Ratio {
        figure: "php: server's part, unlocked",
        pair: (1, 5),
        quantity: Quantity::ServerCpu,
        target: None,
    },
    Ratio {
        figure: "php: PHP's part, locked",
        pair: (0, 4),
        quantity: Quantity::PhpCpu,
        target: None,
    },
    Ratio {
        figure: "php: PHP's part, unlocked",
        pair: (1, 5),
        quantity: Quantity::PhpCpu,
        target: None,
    },
];

/// A contender's turn.
#[derive(Debug)]
struct Turn {
    requests: usize,
    wall: Duration,
    php_cpu: Duration,
    server_cpu: Duration,
}

/// Expected seconds of all rounds.
pub(crate) fn expected_seconds(options: &Options) -> f64 {
    f64::from(options.rounds) * (CONTENDERS.len() as f64 * TURN_SECONDS * options.scale + 1.0)
}

/// PHP's and phpredis's versions.
pub(crate) fn versions() -> anyhow::Result<String> {
    let code = "echo 'PHP ', PHP_VERSION, ', phpredis ', phpversion('redis') ?: 'missing';";
    let output = Command::new("php").args(["-r", code]).output().context("cannot run `php`")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(!text.contains("missing"), "PHP has no phpredis to compare with: install php-redis");
    Ok(text)
}

/// Measures: in every round fresh servers, and on each all of its contenders one after the other, the
/// first place going round.
pub(crate) fn run(bench: &mut Bench<'_>, extension: &Path) -> anyhow::Result<Vec<Row>> {
    let mut rounds: Vec<Vec<Turn>> = Vec::new();
    for round in 0..bench.options.rounds as usize {
        let what = format!("round {} of {}: PHP requests", round + 1, bench.options.rounds);
        let seconds = CONTENDERS.len() as f64 * TURN_SECONDS * bench.options.scale + 1.0;
        bench.progress.step(&what, seconds);
        let servers = [bench.start(0, None)?, bench.start(1, None)?];
        let count = CONTENDERS.len();
        let order = (0..count).map(|place| (place + round) % count);
        let turns = by_side(order, |number| {
            let contender = &CONTENDERS[number];
            let server = &servers[usize::from(contender.on == On::Peer)];
            turn(bench, contender, server, extension).with_context(|| contender.name)
        });
        rounds.push(turns.context(what)?);
    }
    let names = [bench.programs[0].name.as_str(), bench.programs[1].name.as_str()];
    Ok(RATIOS.iter().map(|ratio| row(ratio, names, &rounds)).collect())
}

fn row(ratio: &Ratio, servers: [&str; 2], rounds: &[Vec<Turn>]) -> Row {
    let side =
        |number: usize| rounds.iter().map(|turns| ratio.quantity.of(&turns[number])).collect();
    let name = |number: usize| {
        let contender = &CONTENDERS[number];
        let server = servers[usize::from(contender.on == On::Peer)];
        format!("{} on {server}", contender.name)
    };
    let (ours, theirs) = ratio.pair;
    Row {
        figure: ratio.figure.to_owned(),
        detail: format!("{} : {}", name(ours), name(theirs)),
        quantity: ratio.quantity.name(),
        samples: vec![side(ours), side(theirs)],
        target: ratio.target,
        primary: ratio.target.is_some(),
    }
}

fn turn(
    bench: &Bench<'_>,
    contender: &Contender,
    server: &Server,
    extension: &Path,
) -> anyhow::Result<Turn> {
    let requests = bench.options.scaled(REQUESTS, WARM_UP);
    let Endpoint::Tcp(address) = server.tcp() else { unreachable!("Server::tcp is TCP") };
    let Some(ini) = contender.ini else {
        let measure = || turn_without_php(*address, server, requests);
        return bench.pinning.on_server_cpu(measure);
    };
    let mut command = Command::new("php");
    command.arg("-d").arg(format!("extension={}", extension.display()));
    let path = format!("session.save_path=\"tcp://{address}{}\"", contender.query);
    for setting in ini.iter().copied().chain([path.as_str()]) {
        command.args(["-d", setting]);
    }
    command.args(["-r", SCRIPT.trim_start_matches("<?php"), "--"]);
    command.args([(requests / WARM_UP).to_string(), requests.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = bench.pinning.on_server_cpu(|| command.spawn()).context("cannot run `php`")?;
    let mut worker = Worker { child };
    measure(&mut worker, server, requests).map_err(|error| worker.explain(error))
}

/// On this thread, in place of a PHP process.
fn turn_without_php(
    address: SocketAddr,
    server: &Server,
    requests: usize,
) -> std::io::Result<Turn> {
    let mut client = Bare::connect(address)?;
    (0..requests / WARM_UP).try_for_each(|_| client.request())?;
    let meters = [CpuMeter::new(std::process::id()), server.cpu()];
    let read = || -> anyhow::Result<Vec<_>> { meters.iter().map(CpuMeter::read).collect() };
    let before = read().map_err(std::io::Error::other)?;
    let begin = clock::now();
    (0..requests).try_for_each(|_| client.request())?;
    let wall = begin.elapsed();
    let after = read().map_err(std::io::Error::other)?;
    let [php_cpu, server_cpu] = [0, 1].map(|at| after[at].since(&before[at]));
    Ok(Turn { requests, wall, php_cpu, server_cpu })
}

/// A PHP process that ends with us.
struct Worker {
    child: Child,
}

impl Worker {
    /// The error, and what PHP said about it.
    fn explain(&mut self, error: anyhow::Error) -> anyhow::Error {
        drop(self.child.kill());
        let Some(stderr) = self.child.stderr.take() else { return error };
        let said = BufReader::new(stderr).lines().map_while(Result::ok).next();
        error.context(said.unwrap_or_else(|| "php said nothing".to_owned()))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn measure(worker: &mut Worker, server: &Server, requests: usize) -> anyhow::Result<Turn> {
    let mut steps = worker.child.stdin.take().context("no way to tell php anything")?;
    let answers = worker.child.stdout.take().context("no way to hear php")?;
    let mut answers = BufReader::new(answers).lines();
    let mut answer = || answers.next().context("php ended in the middle")?.context("php is silent");
    let ready = answer()?;
    ensure!(ready == "ready", "php was to say `ready`");
    let meter = server.cpu();
    let before = meter.read()?;
    writeln!(steps, "go").context("php does not listen")?;
    let times = answer()?;
    let server_cpu = meter.read()?.since(&before);
    let (wall, cpu) = times.split_once(' ').context("php was to print two times")?;
    Ok(Turn {
        requests,
        wall: Duration::from_nanos(wall.parse().context("not a time")?),
        php_cpu: Duration::from_micros(cpu.parse().context("not a time")?),
        server_cpu,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_compares_contenders_and_names_them() {
        let turn = |us: u64| Turn {
            requests: 2,
            wall: Duration::from_micros(us),
            php_cpu: Duration::ZERO,
            server_cpu: Duration::ZERO,
        };
        let rounds = [(1..=9).map(|n| turn(n * 100)).collect::<Vec<_>>()];
        let row = row(&RATIOS[0], ["guarda", "redis-server"], &rounds);
        assert_eq!(row.samples, [[50.0], [250.0]]);
        assert_eq!(
            row.detail,
            "guarda.so, locked on guarda : phpredis kept, locked on redis-server"
        );
    }

    #[test]
    fn every_pair_names_contenders() {
        for ratio in &RATIOS {
            assert!(ratio.pair.0 < CONTENDERS.len() && ratio.pair.1 < CONTENDERS.len());
            assert_ne!(ratio.pair.0, ratio.pair.1);
        }
    }
}
