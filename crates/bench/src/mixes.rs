//! Rounds of the command mixes.

use std::time::Duration;

use crate::bench::{Bench, by_side, load_unlock_script};
use crate::load::{Phase, Plan, closed_loop};
use crate::mix::Lane;
use crate::options::{Figure, Transport, name_of};
use crate::report::Row;
use crate::server::Server;

/// Sessions stored before a mix begins.
const KEYS: usize = 100_000;
/// The targets are for this many connections.
const TARGET_CONNECTIONS: u32 = 50;

/// A mix over a transport.
#[derive(Clone, Copy)]
struct Case {
    figure: Figure,
    transport: Transport,
}

type Quantity = (&'static str, fn(&Phase) -> f64);

/// What is taken from a phase; the first is the figure proper.
const QUANTITIES: [Quantity; 5] = [
    ("CPU, us a command", |phase| phase.cpu.as_secs_f64() * 1e6 / phase.commands as f64),
    ("commands/s", |phase| phase.commands as f64 / phase.elapsed.as_secs_f64()),
    ("round trip p50, us", |phase| phase.latency.quantile_us(0.5)),
    ("round trip p99, us", |phase| phase.latency.quantile_us(0.99)),
    ("round trip p99.9, us", |phase| phase.latency.quantile_us(0.999)),
];

/// Expected seconds of all rounds.
pub(crate) fn expected_seconds(bench: &crate::options::Options, sides: usize) -> f64 {
    let mixes = bench.figures().iter().filter(|figure| is_mix(**figure)).count();
    if mixes == 0 {
        return 0.0;
    }
    let phases = (mixes * bench.transport.len()) as f64 * phase_seconds(bench.seconds);
    f64::from(bench.rounds) * sides as f64 * (phases + preload_seconds(bench))
}

fn phase_seconds(measured: f64) -> f64 {
    measured * 1.2 + 0.1
}

fn preload_seconds(options: &crate::options::Options) -> f64 {
    2.0 * options.scale + 0.2
}

fn is_mix(figure: Figure) -> bool {
    !matches!(
        figure,
        Figure::Idle | Figure::Expire | Figure::Flush | Figure::Grow | Figure::Memory | Figure::Php
    )
}

/// Measures the mixes among `figures`: in every round fresh servers with fresh data, and for every
/// case one phase on each of them, right after one another, the first place going round.
pub(crate) fn run(bench: &mut Bench<'_>, figures: &[Figure]) -> anyhow::Result<Vec<Row>> {
    let transports = bench.options.transport.clone();
    let cases: Vec<Case> = figures
        .iter()
        .filter(|figure| is_mix(**figure))
        .flat_map(|&figure| transports.iter().map(move |&transport| Case { figure, transport }))
        .collect();
    if cases.is_empty() {
        return Ok(Vec::new());
    }
    let mut rounds: Vec<Vec<Vec<Phase>>> = cases.iter().map(|_| Vec::new()).collect();
    for round in 0..bench.options.rounds as usize {
        let servers = start_loaded(bench, round)?;
        for (index, case) in cases.iter().enumerate() {
            let what = format!(
                "round {} of {}: {} over {}",
                round + 1,
                bench.options.rounds,
                name_of(case.figure),
                name_of(case.transport)
            );
            let sides = servers.len() as f64;
            bench.progress.step(&what, phase_seconds(bench.options.seconds) * sides);
            let phases =
                by_side(bench.order(round + index), |side| phase(bench, *case, &servers[side]));
            let phases = phases.map_err(|error| error.context(what))?;
            rounds[index].push(phases);
        }
    }
    Ok(cases.iter().zip(&rounds).flat_map(|(case, rounds)| rows(bench, *case, rounds)).collect())
}

fn start_loaded(bench: &mut Bench<'_>, round: usize) -> anyhow::Result<Vec<Server>> {
    let keys = key_count(bench);
    let what = format!("round {}: start and fill", round + 1);
    let expected = preload_seconds(bench.options) * bench.programs.len() as f64;
    bench.progress.step(&what, expected);
    by_side(bench.order(round), |side| {
        let server = bench.start(side, None)?;
        bench.preload(&server, 0, keys)?;
        load_unlock_script(&server)?;
        Ok(server)
    })
}

/// Every lane needs keys of its own.
fn key_count(bench: &Bench<'_>) -> usize {
    bench.options.scaled(KEYS, bench.options.connections as usize)
}

fn phase(bench: &Bench<'_>, case: Case, server: &Server) -> anyhow::Result<Phase> {
    let endpoint = match case.transport {
        Transport::Tcp => server.tcp(),
        Transport::Unix => server.unix(),
    };
    let (lanes, keys) = (bench.options.connections as usize, key_count(bench));
    let lane = |number| Lane::new(case.figure, &bench.payloads, number, lanes, keys);
    let mut lanes: Vec<Lane<'_>> = (0..lanes).map(lane).collect();
    let measure = Duration::from_secs_f64(bench.options.seconds);
    let plan = Plan { warm_up: measure / 5, measure };
    server.settle()?;
    closed_loop(endpoint, &mut lanes, &bench.payloads, plan, &server.cpu())
}

fn rows(bench: &Bench<'_>, case: Case, rounds: &[Vec<Phase>]) -> Vec<Row> {
    let target = match case.figure {
        _ if bench.options.connections != TARGET_CONNECTIONS => None,
        Figure::Get | Figure::Nolock | Figure::Locked => Some(0.85),
        Figure::Pipe16 => Some(0.6),
        _ => None,
    };
    let row = |index: usize, (quantity, value): &Quantity| Row {
        figure: name_of(case.figure),
        detail: format!("{}, {} connections", name_of(case.transport), bench.options.connections),
        quantity,
        samples: (0..bench.programs.len())
            .map(|side| rounds.iter().map(|phases| value(&phases[side])).collect())
            .collect(),
        target: target.filter(|_| index == 0),
        primary: index == 0,
    };
    QUANTITIES.iter().enumerate().map(|(index, quantity)| row(index, quantity)).collect()
}
