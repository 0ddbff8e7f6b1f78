//! Workers killed in the middle of a request while others wait for its session.

use std::thread;
use std::time::Duration;

use guarda_farm::{Browser, Cancel, Farm, Handler, Site, wait_until};
use guarda_testkit::connection::Connection;

use crate::store::{Queue, connect, info};
use crate::traffic::{Ledger, stored_marks, with_session};
use crate::{start, with_extension};

/// Workers killed.
const KILLS: usize = 50;
/// How long the queue may take to look as it should.
const LIMIT: Duration = Duration::from_secs(30);
/// What the grant after a kill may take, by the server's clock: at the median, and at most.
const GRANT_MS: (i64, i64) = (50, 1_000);

/// Sends an update of one browser from a thread of its own.
fn send<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    browser: &Browser,
    mark: String,
    stop: &'static str,
) -> thread::ScopedJoinHandle<'scope, Ledger> {
    let mut browser = browser.clone();
    scope.spawn(move || {
        let mut ledger = Ledger::default();
        ledger.update(&mut browser, &mark, stop);
        ledger
    })
}

fn wait_for_waiters(store: &mut Connection, waiters: usize) {
    let what = format!("{waiters} requests to wait");
    let reached = wait_until(&what, LIMIT, &Cancel::default(), || {
        Ok((Queue::look(store).waiters.len() == waiters).then_some(()))
    });
    reached.unwrap_or_else(|error| panic!("{error:#}"));
}

/// One kill: `doomed` holds the session, a request that waits for it is granted, stores an update and
/// is acknowledged, and the next doomed one, which waited behind, holds the session. Returns how long
/// the grant took.
fn kill_the_holder(
    farm: &Farm,
    store: &mut Connection,
    browser: &Browser,
    kill: usize,
    whole: &mut Vec<Ledger>,
) -> i64 {
    thread::scope(|scope| {
        let doomed = format!("doomed{kill}");
        let dying = send(scope, browser, doomed.clone(), "&stop=held");
        let worker = farm.standing_worker(&doomed).expect("it holds the session");
        let update = format!("update{kill}");
        let waiting = send(scope, browser, update.clone(), "&stop=gated");
        wait_for_waiters(store, 1);
        let before = server_clock_ms(store);
        farm.kill_process(worker).expect("the worker can be killed");
        farm.standing_worker(&update).expect("the one that waited is granted");
        let granted = Queue::look(store).since_ms.expect("somebody holds the session");
        farm.let_go(&update).expect("it goes on");
        let update = waiting.join().expect("a thread");
        update.assert_nothing_failed();
        whole.extend([update, dying.join().expect("a thread")]);
        granted - before
    })
}

fn server_clock_ms(store: &mut Connection) -> i64 {
    let time = store.call(&["TIME"]).expect("an answer");
    let part = |at: usize| time.elements().expect("two numbers")[at].integer().expect("a number");
    part(0) * 1_000 + part(1) / 1_000
}

#[test]
fn the_session_of_a_killed_worker_goes_to_the_next_at_once_and_no_update_is_lost() {
    for site in
        [Site::new(Handler::Guarda), Site::new(Handler::GuardaAsRedis).locking(crate::patient(60))]
    {
        let farm = start(with_extension(&site));
        let mut browser = with_session(farm.browser());
        let mut store = connect(&farm);
        let mut ledgers = Vec::new();
        let mut grants: Vec<i64> = (0..KILLS)
            .map(|kill| kill_the_holder(&farm, &mut store, &browser, kill, &mut ledgers))
            .collect();
        let whole = Ledger::merged(ledgers);
        assert_eq!(whole.acknowledged(), KILLS);
        whole.audit(&mut browser);
        assert_eq!(stored_marks(&mut browser).len(), KILLS, "a killed request changed the session");
        assert_eq!(info(&mut store, "session_releases_disconnect"), KILLS as u64);
        grants.sort_unstable();
        let (median, longest) = (grants[KILLS / 2], grants[KILLS - 1]);
        println!("granted after a kill: median {median} ms, longest {longest} ms");
        assert!(grants[0] >= 0, "granted before the kill: {grants:?}");
        assert!(median <= GRANT_MS.0 && longest <= GRANT_MS.1, "{grants:?}");
    }
}
