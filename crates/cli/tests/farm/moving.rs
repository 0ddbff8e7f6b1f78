//! Farms that move from one handler to another while their users go on.

use guarda_farm::{Browser, Farm, FarmOptions, Handler, Site, WEBS};

use crate::traffic::{Ledger, Progress, run, with_session};
use crate::{by_length, on_redis, patient, start, with_extension};

/// Acknowledged updates of each browser between two steps of a move.
const UPDATES_BETWEEN: usize = 5;
/// A bound on each browser's requests, far above what a move needs.
const REQUESTS_MAX: usize = 20_000;

fn phpredis() -> Site {
    Site::new(Handler::Phpredis).locking(patient(60))
}

/// Some browsers with sessions of their own, then some that share one.
fn users(farm: &Farm) -> (Vec<Browser>, Vec<Browser>) {
    let own = (0..3).map(|_| with_session(farm.browser())).collect();
    let shared = vec![with_session(farm.browser()); 3];
    (own, shared)
}

/// Runs traffic while `drive` moves the farm; no request may fail, none may be lost, and nobody gets
/// another session.
fn under_traffic(farm: &mut Farm, drive: impl FnOnce(&mut Farm, &Progress)) {
    let (own, shared) = users(farm);
    let cookie = |browser: &Browser| browser.cookie("PHPSESSID").map(str::to_owned);
    let before: Vec<_> = own.iter().chain(&shared).map(cookie).collect();
    let browsers = [own.clone(), shared].concat();
    let mut finished = run(browsers, "&work=2", REQUESTS_MAX, |progress| drive(farm, progress));
    let after: Vec<_> = finished.iter().map(|(browser, _)| cookie(browser)).collect();
    assert_eq!(before, after, "somebody was given another session");
    for (mut browser, ledger) in finished.drain(..own.len()) {
        ledger.assert_nothing_failed();
        ledger.audit(&mut browser);
    }
    let mut browser = finished[0].0.clone();
    let whole = Ledger::merged(finished.into_iter().map(|(_, ledger)| ledger));
    whole.assert_nothing_failed();
    whole.audit(&mut browser);
}

/// From phpredis to `new` one machine after the other, and back in the same order.
fn there_and_back(farm: &mut Farm, new: &Site) {
    under_traffic(farm, |farm, progress| {
        for _ in 0..by_length(1, 5) {
            for site in [new, &phpredis()] {
                for web in WEBS {
                    progress.wait_for_acknowledged(UPDATES_BETWEEN);
                    farm.reconfigure(web, site).expect("php-fpm reloads");
                }
            }
        }
        progress.wait_for_acknowledged(UPDATES_BETWEEN);
    });
}

/// The sites that a farm with phpredis's locking moves to.
fn destinations() -> [Site; 2] {
    [Site::new(Handler::Guarda), Site::new(Handler::GuardaAsRedis).locking(patient(60))]
}

fn farm_of_phpredis(options: FarmOptions) -> Farm {
    start(options.both(&phpredis()))
}

#[test]
fn a_farm_moves_from_phpredis_to_guarda_so_and_back_machine_by_machine() {
    for new in destinations() {
        there_and_back(&mut farm_of_phpredis(with_extension(&new)), &new);
    }
}

#[test]
fn a_farm_moves_from_phpredis_to_guarda_so_and_back_on_redis() {
    for new in destinations() {
        there_and_back(&mut farm_of_phpredis(on_redis(&new)), &new);
    }
}

#[test]
fn a_mixed_fleet_counts_exactly_for_as_long_as_it_lasts() {
    let sites = vec![Site::new(Handler::Guarda), phpredis()];
    let mut farm = start(FarmOptions { sites, ..with_extension(&phpredis()) });
    under_traffic(&mut farm, |_, progress| {
        progress.wait_for_acknowledged(by_length(20, 500));
    });
}

/// One web server with files, as most sites begin.
fn single(site: &Site) -> FarmOptions {
    FarmOptions { sites: vec![site.clone()], ..with_extension(site) }
}

/// guarda.so that takes over what the web server has in files.
fn adopting(farm: &Farm, site: Site) -> Site {
    let files = farm.session_files("web1").display().to_string();
    Site { adopt: Some(files), ..site }
}

fn keys(farm: &Farm) -> usize {
    let answer = farm.redis_cli(&["dbsize"]).expect("redis-cli runs");
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    text.trim().parse().unwrap_or_else(|_| panic!("DBSIZE answered {text}"))
}

#[test]
fn a_farm_moves_from_files_under_traffic_and_nobody_is_logged_out() {
    for new in destinations() {
        let mut farm = start(single(&Site::new(Handler::Files)));
        let mut away = with_session(farm.browser());
        let mut ledger = Ledger::default();
        assert!(ledger.update(&mut away, "before", ""));
        under_traffic(&mut farm, |farm, progress| {
            progress.wait_for_acknowledged(UPDATES_BETWEEN);
            assert_eq!(keys(farm), 0, "the farm is not on files");
            let site = adopting(farm, new.clone());
            farm.reconfigure("web1", &site).expect("php-fpm reloads");
            progress.wait_for_acknowledged(UPDATES_BETWEEN);
        });
        // Whoever was away meanwhile is taken over at the next visit.
        assert!(ledger.update(&mut away, "after", ""));
        ledger.audit(&mut away);
        assert_eq!(keys(&farm), 3 + 1 + 1, "three own sessions, a shared one, and the late one");
    }
}
