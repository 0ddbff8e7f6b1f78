//! A farm leaves nothing behind.

use std::time::Duration;

use guarda_farm::{Cancel, Farm, is_running, wait_until};

use crate::{options, start};

/// How long the system may take to end a killed process.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_dropped_farm_leaves_no_process_and_no_file() {
    let farm = start(options());
    let mut browser = farm.browser();
    browser.get("/").expect("an answer");
    let directory = farm.directory().to_path_buf();
    let processes = farm.processes().expect("the list of processes");
    // The store, nginx with one worker, two masters with four workers each.
    assert!(processes.len() >= 13, "{processes:?}");
    assert!(processes.iter().all(|id| is_running(*id)));
    assert!(directory.is_dir());
    drop(farm);
    let survivors: Vec<_> = processes.iter().filter(|id| is_running(**id)).collect();
    assert!(survivors.is_empty(), "still running: {survivors:?}");
    assert!(!directory.exists());
    assert!(browser.get("/").is_err(), "somebody still answers");
}

#[test]
fn a_farm_whose_crashed_store_was_not_noticed_leaves_nothing_either() {
    let mut farm = start(options());
    let directory = farm.directory().to_path_buf();
    let processes = farm.processes().expect("the list of processes");
    let store = farm.store().id().expect("a running store");
    farm.check().expect("everybody lives");
    farm.kill_process(store).expect("the store can be killed");
    // As a zombie, which it is until it is asked for, it still counts as there.
    let said = wait_until("its end", SOON, &Cancel::default(), || Ok(farm.check().err()));
    let said = format!("{:#}", said.expect("the check sees it"));
    assert!(said.contains(" ended by itself (signal: 9 (SIGKILL))\n--- store.log\n"), "{said}");
    assert!(said.contains("Ready to accept connections"), "{said}");
    drop(farm);
    assert!(!processes.iter().any(|id| is_running(*id)));
    assert!(!directory.exists());
}

#[test]
fn a_store_that_cannot_start_is_named_with_its_log() {
    let mut options = options();
    options.store_directives.push(("no-such-directive".to_owned(), "yes".to_owned()));
    let error = format!("{:#}", Farm::start(options).expect_err("the directive is unknown"));
    assert!(error.contains(" ended at its start: "), "{error}");
    assert!(error.contains("no-such-directive"), "{error}");
}
