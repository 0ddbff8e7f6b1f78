//! Seeded random commands, compared reply by reply with a real redis-server, and the whole
//! database at the end.
//!
//! `GUARDA_SEED` repeats a sequence, `GUARDA_RANDOM_OPS` sets its length. With `--long` there are a million
//! commands in sequences of 50,000, from that seed on.

use guarda_testkit::random::{LEFT_OUT, commands, run, settings, survive};
use guarda_testkit::server::{Program, Server, ServerSpec};

/// Found by chance once, kept for ever: sequences that every run repeats.
const SEEDS: &[u64] = &[1, 2, 3];
/// Length of each of them.
const SEED_OPS: usize = 3_000;

/// Commands of `--long`, and of each of its sequences.
const LONG_OPS: usize = 1_000_000;
const LONG_SEQUENCE_OPS: usize = 50_000;

fn compare(seed: u64, count: usize) {
    let subject = Program::subject(env!("CARGO_BIN_EXE_guarda"));
    // Small, so that collections outgrow their first form often.
    let spec = |program| {
        ServerSpec::new(program)
            .with("hash-max-listpack-entries", "6")
            .with("set-max-intset-entries", "6")
            .with("zset-max-listpack-entries", "6")
            .with("enable-debug-command", "local")
    };
    let specs = [Program::reference(), subject].map(spec);
    let [reference, subject] = specs;
    // The reference may be older than 7.2 and have no packed sets.
    let subject = subject.with("set-max-listpack-entries", "0");
    match run(seed, count, reference, subject) {
        Ok(None) => {}
        Ok(Some(found)) => panic!("{found}"),
        Err(error) => panic!("seed {seed}: {error}"),
    }
}

#[test]
fn a_new_random_sequence_every_run() {
    let (seed, count) = settings();
    if std::env::var_os("GUARDA_LONG").is_none_or(|value| value != "1") {
        return compare(seed, count);
    }
    for next in 0..LONG_OPS / LONG_SEQUENCE_OPS {
        compare(seed.wrapping_add(next as u64), LONG_SEQUENCE_OPS);
    }
}

#[test]
fn the_same_random_sequences_every_run() {
    for seed in SEEDS {
        compare(*seed, SEED_OPS);
    }
}

#[test]
fn random_data_survives_restarts_and_is_read_by_redis() {
    let (seed, count) = settings();
    let subject = ServerSpec::new(Program::subject(env!("CARGO_BIN_EXE_guarda")));
    let subject = subject.with("appendonly", "yes");
    match survive(seed, count, subject, &Program::reference()) {
        Ok(None) => {}
        Ok(Some(found)) => panic!("{found}"),
        Err(error) => panic!("seed {seed}: {error}"),
    }
}

#[test]
fn every_command_comes_in_random_sequences_or_is_left_out_for_a_reason() {
    let server =
        Server::start(ServerSpec::new(Program::Guarda(env!("CARGO_BIN_EXE_guarda").into())));
    let server = server.expect("guarda starts");
    let mut connection = server.connect().expect("it can be reached");
    let list = connection.call(&["COMMAND", "LIST"]).expect("it answers");
    let mut known: Vec<String> = list
        .elements()
        .expect("a list")
        .iter()
        .map(|name| String::from_utf8_lossy(name.text().expect("a name")).into_owned())
        .collect();
    known.sort();
    let tried = commands();
    let is_left_out = |name: &str| {
        let container = name.split('|').next();
        LEFT_OUT.iter().any(|(left_out, _)| *left_out == name || Some(*left_out) == container)
    };
    let missing: Vec<&String> =
        known.iter().filter(|name| !tried.contains(*name) && !is_left_out(name)).collect();
    assert!(missing.is_empty(), "neither tried nor left out: {missing:?}");
    for (name, _) in LEFT_OUT {
        assert!(known.iter().any(|known| known == name), "{name} is left out and no command");
        assert!(!tried.contains(*name), "{name} is left out and tried");
    }
}
