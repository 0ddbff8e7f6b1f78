//! The store stopped, killed and started again while browsers go on.

use guarda_farm::{Browser, Farm, FarmOptions, Store};

use crate::traffic::{Ledger, Progress, run, with_session};
use crate::{by_length, locking_options, options, start};

/// Acknowledged updates of each browser between two outages.
const UPDATES_BETWEEN: usize = 5;

/// How the store goes down.
type Outage = fn(&mut Store) -> anyhow::Result<()>;

/// Under traffic, takes the store down, lets requests fail, starts it again; several times over.
fn outages(farm: &mut Farm, outage: Outage, rounds: usize, progress: &Progress) {
    for _ in 0..rounds {
        progress.wait_for_acknowledged(UPDATES_BETWEEN);
        outage(farm.store()).expect("the store goes down");
        progress.wait_for_failures(3);
        farm.store().start().expect("the store comes back");
    }
    progress.wait_for_acknowledged(UPDATES_BETWEEN);
}

/// Each browser has a session of its own and sends one request after the other: nothing overlaps, so
/// phpredis without locking promises that every acknowledged update is found again.
fn sessions_survive(outage: Outage, rounds: usize) {
    let mut farm = start(options());
    let browsers: Vec<Browser> = (0..6).map(|_| with_session(farm.browser())).collect();
    let finished = run(browsers, "", requests_max(rounds), |progress| {
        outages(&mut farm, outage, rounds, progress);
    });
    for (mut browser, ledger) in finished {
        assert!(ledger.acknowledged() > rounds * UPDATES_BETWEEN);
        ledger.audit(&mut browser);
    }
}

/// All browsers share one session, and only the locks keep their updates apart: the locks must survive
/// the outage with the session. A lock held when the store goes down is an orphan until it expires.
fn locked_session_survives(outage: Outage, rounds: usize) {
    let mut farm = start(FarmOptions { workers: 3, ..locking_options(4) });
    let mut browser = with_session(farm.browser());
    let browsers = vec![browser.clone(); 4];
    let finished = run(browsers, "&work=1", requests_max(rounds), |progress| {
        outages(&mut farm, outage, rounds, progress);
    });
    let whole = Ledger::merged(finished.into_iter().map(|(_, ledger)| ledger));
    assert!(whole.acknowledged() > rounds * UPDATES_BETWEEN);
    whole.audit(&mut browser);
}

/// A bound on each browser's requests, far above what the outages need.
fn requests_max(rounds: usize) -> usize {
    5_000 * (rounds + 1)
}

#[test]
fn sessions_survive_a_restart_of_the_store_under_traffic() {
    sessions_survive(Store::stop, by_length(3, 20));
}

#[test]
fn sessions_survive_a_crash_of_the_store_under_traffic() {
    sessions_survive(Store::kill, by_length(3, 20));
}

#[test]
fn a_locked_session_survives_restarts_of_the_store_under_traffic() {
    locked_session_survives(Store::stop, by_length(2, 10));
}

#[test]
fn a_locked_session_survives_crashes_of_the_store_under_traffic() {
    locked_session_survives(Store::kill, by_length(2, 10));
}
