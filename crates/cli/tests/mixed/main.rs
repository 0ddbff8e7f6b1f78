//! Everything that a server is used for, at once and for long: its memory stays flat.
//!
//! Twenty seconds, or thirty minutes with `GUARDA_LONG=1`; `GUARDA_MIXED_SECONDS` sets another length.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy exempts tests, but not their helpers"
)]

#[path = "../support/mod.rs"]
mod support;
mod traffic;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::{Deadline, await_true};
use guarda_testkit::server::Server;
use support::{SOON, call, count, info, rss};
use traffic::{Mix, jobs_left};

const SECONDS: u64 = 20;
const LONG_SECONDS: u64 = 30 * 60;
/// The warm-up, the first and the last stretch that are compared: each a sixth of the whole.
const PARTS: usize = 6;
/// Samples of the memory in the whole time, if the machine keeps up, and the fewest that tell
/// anything.
const SAMPLES: u32 = 120;
const SAMPLES_MIN: usize = 2 * PARTS;
/// After so many samples the log is rewritten.
const REWRITE_EVERY: usize = 6;

/// What the data may take: little, so that it is full before the warm-up ends, also on a busy
/// machine, and stays so however fast the traffic is.
const MAXMEMORY: &str = "24mb";
/// How much more the last stretch may need than the first, in percent, and in bytes on top of it:
/// samples fall into rewrites and out of them.
const GROWTH_PERCENT_MAX: u64 = 10;
const GROWTH_MAX: u64 = 16 << 20;

/// How long it goes on.
fn length() -> Duration {
    let given = std::env::var("GUARDA_MIXED_SECONDS").ok().map(|text| text.parse().unwrap());
    let is_long = std::env::var_os("GUARDA_LONG").is_some_and(|value| value == "1");
    let usual = if is_long { LONG_SECONDS } else { SECONDS };
    Duration::from_secs(given.unwrap_or(usual))
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    used: u64,
    resident: u64,
    keys: u64,
}

impl Sample {
    fn take(server: &Server, control: &mut Connection) -> Sample {
        let resident = rss(server.pid().unwrap());
        let keys = call(control, "DBSIZE").parse().unwrap();
        Sample { used: count(control, "used_memory"), resident, keys }
    }
}

/// Looks at the memory and has the log rewritten until the time is over.
fn watch(server: &Server, control: &mut Connection, length: Duration) -> Vec<Sample> {
    let (end, mut samples) = (Deadline::after(length), Vec::new());
    while !end.has_passed() {
        let next = Deadline::after(length / SAMPLES);
        if samples.len() % REWRITE_EVERY == 0 {
            let said = call(control, "BGREWRITEAOF");
            let is_known = said.contains("rewriting") || said.contains("in progress");
            assert!(is_known, "{said}");
        }
        samples.push(Sample::take(server, control));
        thread::sleep(next.remaining());
    }
    samples
}

#[test]
fn memory_stays_flat_under_everything_at_once() {
    let length = length();
    let server = support::start(&[
        ("appendonly", "yes"),
        ("maxmemory", MAXMEMORY),
        // Of what has a time to live, what was not used for long: the cache, not sessions or queues.
        ("maxmemory-policy", "volatile-lru"),
    ]);
    let mut control = server.connect().unwrap();
    control.set_timeout(SOON).unwrap();
    let mix = Mix::default();
    let samples = thread::scope(|scope| {
        mix.start(&server, scope);
        let samples = watch(&server, &mut control, length);
        mix.is_over.store(true, Ordering::Relaxed);
        samples
    });

    check_flat(&samples);
    mix.check();
    let moved = mix.jobs_done.load(Ordering::Relaxed) + jobs_left(&mut control);
    assert_eq!(mix.jobs.load(Ordering::Relaxed), moved, "a job is lost, or was done twice");
    for field in ["evicted_keys", "expired_keys"] {
        assert!(count(&mut control, field) > 0, "{field}: the mix is not what it should be");
    }
    let ended = await_true(SOON, || count(&mut control, "aof_rewrite_in_progress") == 0);
    assert!(ended, "the last rewrite never ended");
    assert_eq!(info(&mut control, "aof_last_bgrewrite_status"), "ok");
    assert_eq!(info(&mut control, "aof_last_write_status"), "ok");
    assert!(!server.log().contains("defect"), "{}", server.log());
}

/// The last stretch needs no more than the first behind the warm-up, and holds as much: were
/// something lost within `maxmemory`, eviction would make up for it.
fn check_flat(samples: &[Sample]) {
    assert!(samples.len() >= SAMPLES_MIN, "{samples:?}");
    let part = samples.len() / PARTS;
    let (first, last) = (&samples[part..2 * part], &samples[samples.len() - part..]);
    let highest = |of: fn(&Sample) -> u64| {
        let most = |stretch: &[Sample]| stretch.iter().map(of).max().unwrap();
        (most(first), most(last))
    };
    let (begin, end) = highest(|sample| sample.keys);
    println!("keys: {begin} behind the warm-up, {end} in the end");
    assert!(end * 2 > begin, "{end} keys are left of {begin}: {samples:?}");
    for (name, (begin, end)) in [
        ("used_memory", highest(|sample| sample.used)),
        ("resident memory", highest(|sample| sample.resident)),
    ] {
        println!("{name}: {begin} behind the warm-up, {end} in the end");
        let allowed = begin + begin * GROWTH_PERCENT_MAX / 100 + GROWTH_MAX;
        assert!(end < allowed, "{name} grew from {begin} to {end}: {samples:?}");
    }
}
