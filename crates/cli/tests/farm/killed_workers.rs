//! PHP workers killed with SIGKILL in the middle of a request.

use std::thread;

use guarda_farm::{Browser, Farm, FarmOptions, Handler, Site};

use crate::traffic::{Ledger, run, stored_marks, with_session};
use crate::{by_length, locking_options, on_redis, options, start, with_extension};

/// Sends an update that stands still at `stage`, and kills the worker that runs it there.
fn kill_at(farm: &Farm, browser: &Browser, ledger: &mut Ledger, mark: &str, stage: &str) {
    let mut doomed = browser.clone();
    let acknowledged = thread::scope(|scope| {
        let query = format!("&stop={stage}");
        let request = scope.spawn(move || ledger.update(&mut doomed, mark, &query));
        let worker = farm.standing_worker(mark).expect("the request reaches its stage");
        farm.kill_process(worker).expect("the worker can be killed");
        request.join().expect("the request's thread")
    });
    assert!(!acknowledged, "the request of a killed worker was answered");
}

#[test]
fn a_worker_killed_before_it_stored_changes_nothing_and_one_killed_after_loses_nothing() {
    let farm = start(options());
    let mut browser = with_session(farm.browser());
    let mut ledger = Ledger::default();
    for round in 0..by_length(5, 50) {
        assert!(ledger.update(&mut browser, &format!("before{round}"), ""));
        let held = format!("held{round}");
        kill_at(&farm, &browser, &mut ledger, &held, "held");
        assert!(ledger.update(&mut browser, &format!("between{round}"), ""));
        let stored = format!("stored{round}");
        kill_at(&farm, &browser, &mut ledger, &stored, "stored");
        assert!(ledger.update(&mut browser, &format!("after{round}"), ""));
        let marks = stored_marks(&mut browser);
        assert!(!marks.contains(&held), "a request that never stored its session changed it");
        assert!(marks.contains(&stored), "a session stored by a worker that died is gone");
    }
    ledger.audit(&mut browser);
}

#[test]
fn the_lock_of_a_killed_worker_ends_by_its_time_and_nothing_is_lost() {
    let farm = start(locking_options(2));
    let mut browser = with_session(farm.browser());
    let mut ledger = Ledger::default();
    assert!(ledger.update(&mut browser, "before", ""));
    kill_at(&farm, &browser, &mut ledger, "held", "held");
    let id = browser.cookie("PHPSESSID").expect("a session cookie").to_owned();
    let lock = farm.redis_cli(&["pttl", &format!("phpSession_{id}_LOCK")]).unwrap();
    let lock_ms: i64 = String::from_utf8_lossy(&lock.stdout).trim().parse().unwrap();
    assert!((1..=2000).contains(&lock_ms), "the orphaned lock has {lock_ms} ms left");
    // phpredis waits for the lock's end and goes on.
    assert!(ledger.update(&mut browser, "after", ""));
    kill_at(&farm, &browser, &mut ledger, "stored", "stored");
    assert!(ledger.update(&mut browser, "last", ""));
    assert_eq!(stored_marks(&mut browser), ["before", "after", "stored", "last"]);
    ledger.audit(&mut browser);
}

/// More browsers than workers: a worker is nearly always in the middle of a request.
fn killed_at_random(options: FarmOptions) {
    let farm = start(FarmOptions { workers: 2, ..options });
    let mut browser = with_session(farm.browser());
    let browsers = vec![browser.clone(); 6];
    let wanted_failures = by_length(4, 40);
    let finished = run(browsers, "&work=2", by_length(2_000, 20_000), |progress| {
        let mut turn = 0;
        while progress.failures() < wanted_failures {
            progress.wait_for_acknowledged(2);
            let workers = farm.php_workers().expect("the list of workers");
            // Masters respawn what was killed; a moment with none at all is possible.
            if let Some(worker) = workers.get(turn % workers.len().max(1)) {
                farm.kill_process(*worker).expect("the worker can be killed");
            }
            turn += 1;
            assert!(turn <= 50 * wanted_failures, "{turn} kills, and hardly a request noticed");
        }
        progress.wait_for_acknowledged(2);
    });
    let whole = Ledger::merged(finished.into_iter().map(|(_, ledger)| ledger));
    whole.audit(&mut browser);
}

#[test]
fn workers_killed_at_random_under_locked_traffic_lose_no_acknowledged_update() {
    killed_at_random(locking_options(3));
    killed_at_random(with_extension(&Site::new(Handler::Guarda)));
    killed_at_random(on_redis(&Site::new(Handler::Guarda).ini("guarda.lock_ttl", "3")));
}
