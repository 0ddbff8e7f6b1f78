//! Many at once: sessions stay apart, and locked updates of one session are exact.

use std::collections::BTreeSet;
use std::thread;

use guarda_farm::{Browser, FarmOptions};

use crate::traffic::{Ledger, stored_marks, with_session};
use crate::{by_length, locking_options, options, start};

#[test]
fn every_one_of_many_parallel_browsers_keeps_its_own_exact_counter() {
    let (browsers, visits) = (by_length(40, 400), by_length(10, 40));
    let farm = start(options());
    let new_browsers: Vec<Browser> = (0..browsers).map(|_| farm.browser()).collect();
    let threads: Vec<Vec<Browser>> = new_browsers.chunks(10).map(<[Browser]>::to_vec).collect();
    let finished: Vec<(Browser, Ledger)> = thread::scope(|scope| {
        let running: Vec<_> = threads
            .into_iter()
            .enumerate()
            .map(|(thread, browsers)| scope.spawn(move || visit_in_turns(thread, browsers, visits)))
            .collect();
        running.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
    });
    let mut ids = BTreeSet::new();
    for (mut browser, ledger) in finished {
        ledger.assert_nothing_failed();
        ledger.audit(&mut browser);
        assert_eq!(stored_marks(&mut browser).len(), visits);
        assert!(ids.insert(browser.cookie("PHPSESSID").expect("a cookie").to_owned()));
    }
    assert_eq!(ids.len(), browsers);
}

/// The browsers of one thread take turns, so that all sessions are alive at once.
fn visit_in_turns(thread: usize, browsers: Vec<Browser>, visits: usize) -> Vec<(Browser, Ledger)> {
    let mut all: Vec<_> = browsers.into_iter().map(|new| (new, Ledger::default())).collect();
    for visit in 0..visits {
        for (number, (browser, ledger)) in all.iter_mut().enumerate() {
            ledger.update(browser, &format!("t{thread}b{number}v{visit}"), "");
        }
    }
    all
}

#[test]
fn locked_updates_of_one_session_are_exact() {
    let (threads, updates) = (12, by_length(10, 100));
    let farm = start(FarmOptions { workers: 6, ..locking_options(60) });
    let mut browser = with_session(farm.browser());
    let ledgers: Vec<Ledger> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let mut browser = browser.clone();
                scope.spawn(move || {
                    let mut ledger = Ledger::default();
                    for update in 0..updates {
                        ledger.update(&mut browser, &format!("t{thread}u{update}"), "&work=1");
                    }
                    ledger
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    });
    let whole = Ledger::merged(ledgers);
    whole.assert_nothing_failed();
    whole.audit(&mut browser);
    assert_eq!(stored_marks(&mut browser).len(), threads * updates);
}
