//! The figures that take a server and some time each: idle, expire, flush, grow, memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::bench::{Bench, by_side};
use crate::client::{Answer, Client};
use crate::clock;
use crate::histogram::Histogram;
use crate::load::{Timed, paced};
use crate::mix::{self, Expect};
use crate::options::{Figure, Options, name_of};
use crate::reply::{push_command, push_decimal};
use crate::report::Row;
use crate::server::Server;

/// Idle connections, within the default `maxclients`.
pub(crate) const IDLE_CONNECTIONS: usize = 5_000;
const PASSWORD: &str = "the-password-of-an-idle-connection";
/// Sessions of the memory figure, keys that expire at once, and keys that are flushed.
const MANY: usize = 1_000_000;
/// Live sessions that are read while others expire or are flushed.
const LIVE: usize = 100_000;
/// Connections of the paced loads, and their commands a second: far from saturation, since
/// queueing is not the question.
const PACED_CONNECTIONS: usize = 50;
const READS_PER_S: u32 = 5_000;
const INSERTS_PER_S: u32 = 16_000;
/// The table of the grow figure is full at this power of two...
const TABLE_BITS: u32 = 20;
/// ...and is filled by the clock between these shares of it: a table that doubles when full does so
/// at 1, one that doubles at a load of 7/8 at 0.875.
const GROW_FROM: f64 = 0.86;
const GROW_TO: f64 = 1.02;
/// Load before and after the moment of expiry, or of the flush.
const BEFORE: Duration = Duration::from_secs(3);
const AFTER: Duration = Duration::from_secs(10);
/// Expired keys must be gone after this.
const DRAIN_LIMIT: Duration = Duration::from_mins(2);

/// A sample of a slow figure: values named by [`quantities`].
type Sample = Vec<f64>;

/// Names of a figure's values; a target where there is one.
fn quantities(figure: Figure) -> &'static [(&'static str, Option<f64>)] {
    match figure {
        Figure::Idle => &[
            ("authenticated, RSS bytes a connection", Some(1.0)),
            ("after GET and SETEX, RSS bytes a connection", None),
        ],
        Figure::Expire => &[
            ("before: p99.9, us", None),
            ("meanwhile: p50, us", None),
            ("meanwhile: p99, us", None),
            ("meanwhile: p99.9, us", None),
            ("meanwhile: max, us", None),
            ("until all are gone, s", None),
        ],
        Figure::Flush => &[
            ("before: p99.9, us", None),
            ("first second: p50, us", None),
            ("first second: p99, us", None),
            ("first second: p99.9, us", None),
            ("first second: max, us", None),
            ("until FLUSHDB is answered, ms", None),
        ],
        Figure::Grow => {
            &[("p50, us", None), ("p99, us", None), ("p99.9, us", None), ("max, us", None)]
        }
        Figure::Memory => &[("RSS bytes a session", None)],
        _ => &[],
    }
}

/// Expected seconds of one server's turn at `figure`.
fn turn_seconds(figure: Figure, options: &Options) -> f64 {
    match figure {
        Figure::Idle => 2.0 + 20.0 * options.scale,
        Figure::Expire => 4.0 + 50.0 * options.scale,
        Figure::Flush => 4.0 + 25.0 * options.scale,
        Figure::Grow => 1.0 + 20.0 * options.scale,
        Figure::Memory => 2.0 + 25.0 * options.scale,
        _ => 0.0,
    }
}

/// Expected seconds of all rounds.
pub(crate) fn expected_seconds(options: &Options, sides: usize) -> f64 {
    let turns: f64 = options.figures().iter().map(|figure| turn_seconds(*figure, options)).sum();
    turns * sides as f64 * f64::from(options.slow_rounds)
}

/// Measures the slow ones among `figures`: one server at a time, the first place going round.
pub(crate) fn run(bench: &mut Bench<'_>, figures: &[Figure]) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for &figure in figures.iter().filter(|figure| !quantities(**figure).is_empty()) {
        let mut rounds = Vec::new();
        for round in 0..bench.options.slow_rounds as usize {
            let what = format!(
                "{}: round {} of {}",
                name_of(figure),
                round + 1,
                bench.options.slow_rounds
            );
            let expected = turn_seconds(figure, bench.options) * bench.programs.len() as f64;
            bench.progress.step(&what, expected);
            let samples = by_side(bench.order(round), |side| sample(bench, figure, side));
            rounds.push(samples.context(what)?);
        }
        rows.extend(rows_of(bench, figure, &rounds));
    }
    Ok(rows)
}

fn rows_of(bench: &Bench<'_>, figure: Figure, rounds: &[Vec<Sample>]) -> Vec<Row> {
    let detail = match figure {
        Figure::Idle => format!("{} connections", idle_count(bench.options)),
        Figure::Expire | Figure::Flush => format!("{} keys", bench.options.scaled(MANY, 1)),
        Figure::Grow => format!("through {} keys", table_size(bench.options)),
        _ => format!("{} sessions", bench.options.scaled(MANY, 1)),
    };
    let row = |(index, (quantity, target)): (usize, &(&'static str, Option<f64>))| Row {
        figure: name_of(figure),
        detail: detail.clone(),
        quantity,
        samples: (0..bench.programs.len())
            .map(|side| rounds.iter().map(|samples| samples[side][index]).collect())
            .collect(),
        target: *target,
        primary: true,
    };
    quantities(figure).iter().enumerate().map(row).collect()
}

fn sample(bench: &Bench<'_>, figure: Figure, side: usize) -> anyhow::Result<Sample> {
    match figure {
        Figure::Idle => idle(bench, side),
        Figure::Expire => expire(bench, side),
        Figure::Flush => flush(bench, side),
        Figure::Grow => grow(bench, side),
        _ => memory(bench, side),
    }
}

fn idle_count(options: &Options) -> usize {
    options.scaled(IDLE_CONNECTIONS, 10)
}

fn idle(bench: &Bench<'_>, side: usize) -> anyhow::Result<Sample> {
    let server = bench.start(side, Some(PASSWORD))?;
    let count = idle_count(bench.options);
    let before = bench.settled_memory(&server)? as f64;
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let mut client = Client::connect(server.tcp())?;
        let answer = client.call(&[b"AUTH", PASSWORD.as_bytes()])?;
        ensure!(answer == Answer::Text(b"OK".to_vec()), "AUTH gave {answer:?}");
        clients.push(client);
    }
    let authenticated = bench.settled_memory(&server)? as f64;
    // One key for all, so that it is the connections that are weighed and not their sessions. The
    // largest state: it leaves behind the buffers that a farm's connections have.
    let payload = bench.payloads.states(9).iter().max_by_key(|state| state.len());
    let (key, payload) = (mix::key(0), payload.context("a session has states")?);
    for client in &mut clients {
        client.all_ok(1, |_, out| mix::push_setex(out, &key, payload))?;
        let value = client.call(&[b"GET", &key])?;
        ensure!(value == Answer::Text(payload.clone()), "GET gave {value:?}");
    }
    let used = bench.settled_memory(&server)? as f64;
    Ok(vec![(authenticated - before) / count as f64, (used - before) / count as f64])
}

fn memory(bench: &Bench<'_>, side: usize) -> anyhow::Result<Sample> {
    let server = bench.start(side, None)?;
    let count = bench.options.scaled(MANY, 1);
    let before = bench.settled_memory(&server)? as f64;
    bench.preload(&server, 0, count)?;
    Ok(vec![(bench.settled_memory(&server)? as f64 - before) / count as f64])
}

/// `TABLE_BITS`, shrunk by whole powers of two.
fn table_size(options: &Options) -> usize {
    let bits = f64::from(TABLE_BITS) + options.scale.log2();
    1 << (bits.round() as u32).clamp(6, 26)
}

fn grow(bench: &Bench<'_>, side: usize) -> anyhow::Result<Sample> {
    let server = bench.start(side, None)?;
    let full = table_size(bench.options) as f64;
    let (from, to) = ((full * GROW_FROM) as usize, (full * GROW_TO) as usize);
    // Counters: the smallest sessions, so that it is the table that is measured.
    let payload = &bench.payloads.states(0)[0];
    let mut client = Client::connect(server.unix())?;
    client.all_ok(from, |index, out| mix::push_setex(out, &mix::key(index), payload))?;
    server.settle()?;
    let length = Duration::from_secs_f64((to - from) as f64 / f64::from(INSERTS_PER_S));
    let timed = paced(
        server.tcp(),
        PACED_CONNECTIONS,
        INSERTS_PER_S,
        length,
        &bench.payloads,
        |number, out, expects| {
            mix::push_setex(out, &mix::key(from + number as usize), payload);
            expects.push(Expect::Ok);
        },
    )?;
    let stored = client.number(&[b"DBSIZE"])?;
    ensure!(stored == (from + timed.len()) as i64, "DBSIZE is {stored} after the growth");
    let latency = histogram(&timed, |_| true);
    Ok(vec![
        latency.quantile_us(0.5),
        latency.quantile_us(0.99),
        latency.quantile_us(0.999),
        latency.max_us(),
    ])
}

fn histogram(timed: &[Timed], part: impl Fn(Duration) -> bool) -> Histogram {
    let mut histogram = Histogram::default();
    for command in timed.iter().filter(|command| part(command.due)) {
        histogram.record(command.latency);
    }
    histogram
}

fn expire(bench: &Bench<'_>, side: usize) -> anyhow::Result<Sample> {
    let server = bench.start(side, None)?;
    let live = bench.options.scaled(LIVE, PACED_CONNECTIONS);
    let begun = clock::now();
    bench.preload(&server, 0, live)?;
    let count = bench.options.scaled(MANY, 1);
    let fill = begun.elapsed().mul_f64(count as f64 / live as f64);
    let due_ms = fill_expiring(bench, &server, live, count, fill)?;
    server.settle()?;
    let lead = bench.options.scaled_time(BEFORE);
    let left = Duration::from_millis(due_ms.saturating_sub(clock::unix_millis()));
    // Wait for the moment; the last of the wait is load already.
    std::thread::sleep(left.saturating_sub(lead));
    let before = Duration::from_millis(due_ms.saturating_sub(clock::unix_millis()));

    let stop = AtomicBool::new(false);
    let (timed, drained) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch_drain(&server, live, before, &stop));
        let timed = read(bench, &server, live, before + bench.options.scaled_time(AFTER));
        stop.store(timed.is_err(), Ordering::Relaxed);
        let drained = watcher.join().expect("the watcher does not panic");
        anyhow::Ok((timed?, drained?))
    })?;
    let mut sample = around(&timed, before, bench.options.scaled_time(AFTER))?;
    sample.push(drained.as_secs_f64());
    Ok(sample)
}

fn flush(bench: &Bench<'_>, side: usize) -> anyhow::Result<Sample> {
    let server = bench.start(side, None)?;
    let live = bench.options.scaled(LIVE, PACED_CONNECTIONS);
    bench.preload(&server, 0, live)?;
    let mut client = Client::connect(server.unix())?;
    let answer = client.call(&[b"SELECT", b"1"])?;
    ensure!(answer == Answer::Text(b"OK".to_vec()), "SELECT gave {answer:?}");
    client.all_ok(bench.options.scaled(MANY, 1), |index, out| {
        mix::push_setex(out, &mix::key(index), &bench.payloads.states(index)[0]);
    })?;
    server.settle()?;
    let (before, after) = (bench.options.scaled_time(BEFORE), bench.options.scaled_time(AFTER));
    let (timed, answered) = std::thread::scope(|scope| {
        let flusher = scope.spawn(|| {
            std::thread::sleep(before);
            let begun = clock::now();
            let answer = client.call(&[b"FLUSHDB"])?;
            ensure!(answer == Answer::Text(b"OK".to_vec()), "FLUSHDB gave {answer:?}");
            Ok(begun.elapsed())
        });
        let timed = read(bench, &server, live, before + after);
        let answered = flusher.join().expect("it does not panic");
        anyhow::Ok((timed?, answered?))
    })?;
    let mut sample = around(&timed, before, Duration::from_secs(1).min(after))?;
    sample.push(answered.as_secs_f64() * 1_000.0);
    Ok(sample)
}

/// Reads the first `live` sessions by the clock, for a while.
fn read(
    bench: &Bench<'_>,
    server: &Server,
    live: usize,
    length: Duration,
) -> anyhow::Result<Vec<Timed>> {
    paced(
        server.tcp(),
        PACED_CONNECTIONS,
        READS_PER_S,
        length,
        &bench.payloads,
        |number, out, expects| {
            // A stride that has no divisor in common with the count visits every session.
            let session = number as usize * 7919 % live;
            push_command(out, &[b"GET".as_slice(), &mix::key(session)]);
            expects.push(Expect::Session(session));
        },
    )
}

/// What reads took: p99.9 before the moment `at`, and p50, p99, p99.9 and the longest in a while from it on.
fn around(timed: &[Timed], at: Duration, length: Duration) -> anyhow::Result<Sample> {
    let quiet = histogram(timed, |due| due < at);
    let meanwhile = histogram(timed, |due| (at..at + length).contains(&due));
    ensure!(quiet.len() > 0 && meanwhile.len() > 0, "too little load before or after {at:?}");
    Ok(vec![
        quiet.quantile_us(0.999),
        meanwhile.quantile_us(0.5),
        meanwhile.quantile_us(0.99),
        meanwhile.quantile_us(0.999),
        meanwhile.max_us(),
    ])
}

/// Stores `count` sessions that all expire in the same millisecond, which is given back. `guess` is
/// how long that should take; with too little time, once more with more.
fn fill_expiring(
    bench: &Bench<'_>,
    server: &Server,
    from: usize,
    count: usize,
    guess: Duration,
) -> anyhow::Result<u64> {
    let mut client = Client::connect(server.unix())?;
    let lead = bench.options.scaled_time(BEFORE);
    let mut allowed = guess.mul_f64(1.5) + lead + Duration::from_millis(500);
    for _ in 0..4 {
        let due_ms = clock::unix_millis() + allowed.as_millis() as u64;
        let mut due = Vec::new();
        push_decimal(&mut due, due_ms);
        client.all_ok(count, |index, out| {
            let index = from + index;
            let payload = &bench.payloads.states(index)[0];
            let words: [&[u8]; 5] = [b"SET", &mix::key(index), payload, b"PXAT", &due];
            push_command(out, &words);
        })?;
        let in_time = clock::unix_millis() + lead.as_millis() as u64 <= due_ms;
        if in_time && client.number(&[b"DBSIZE"])? == (from + count) as i64 {
            return Ok(due_ms);
        }
        allowed *= 2;
    }
    anyhow::bail!("storing {count} sessions takes longer than {allowed:?}")
}

/// How long after `due` the expired keys were all gone.
fn watch_drain(
    server: &Server,
    live: usize,
    due: Duration,
    stop: &AtomicBool,
) -> anyhow::Result<Duration> {
    let begun = clock::now();
    let mut client = Client::connect(server.unix())?;
    std::thread::sleep(due);
    let drained = clock::poll_until(Duration::from_millis(20), DRAIN_LIMIT, || {
        ensure!(!stop.load(Ordering::Relaxed), "the load has failed");
        let left = client.number(&[b"DBSIZE"])?;
        ensure!(left >= live as i64, "{left} of {live} sessions that should live are left");
        Ok((left == live as i64).then(|| begun.elapsed().saturating_sub(due)))
    })?;
    drained.context("the expired keys do not go away")
}
