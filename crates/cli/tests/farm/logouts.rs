//! A thousand logouts, each raced by a writer that opened the session before: it never comes back.

use guarda_farm::{Farm, Handler, Site};
use guarda_testkit::connection::Connection;
use guarda_testkit::prng::Prng;

use crate::puppet::Puppet;
use crate::store::connect;
use crate::{on_redis, patient, start, with_extension};

/// Logouts of each test.
const LOGOUTS: usize = 1_000;
/// What was logged out, and must not be found again.
const USER: &str = "alice";

/// A user with two requests in PHP processes of their own, and somebody who looks into the store.
struct Race {
    late: Puppet,
    logout: Puppet,
    next: Puppet,
    store: Connection,
    is_guarda: bool,
}

impl Race {
    fn new(farm: &Farm, is_guarda: bool) -> Self {
        let store = connect(farm);
        let puppet = || Puppet::start(farm, "web1");
        Self { late: puppet(), logout: puppet(), next: puppet(), store, is_guarda }
    }

    fn ask(&mut self, command: &[&str]) -> i64 {
        let answer = self.store.call(command).expect("an answer");
        answer.integer().unwrap_or_else(|| panic!("{} answered {answer}", command[0]))
    }

    /// The user is logged in.
    fn log_in(&mut self, id: &str) {
        self.logout.must(&format!("start {id}"));
        self.logout.must(&format!("set {USER}"));
        self.logout.must("write");
    }

    /// The late request opens the session and changes it, and has not stored it yet.
    fn open_late(&mut self, id: &str) {
        self.late.must(&format!("start {id}"));
        assert_eq!(self.late.does("get"), USER);
        self.late.must(&format!("set {USER}-again"));
    }

    /// The late request stores what it has, and is told that it does not.
    fn write_late(&mut self) {
        let answer = self.late.does("write");
        let refused = ["destroyed meanwhile", "vanished"].iter().any(|why| answer.contains(why));
        assert!(refused, "the late request was answered: {answer}");
    }

    fn assert_gone(&mut self, id: &str) {
        assert_eq!(self.ask(&["EXISTS", &format!("phpSession_{id}")]), 0, "{id} came back");
    }

    /// Ended from outside, by `SESSION KILL` where there is one, and else by deleting the key.
    fn end_from_outside(&mut self, id: &str) {
        let key = format!("phpSession_{id}");
        let killed = if self.is_guarda {
            self.ask(&["SESSION", "KILL", &key])
        } else {
            self.ask(&["DEL", &key])
        };
        assert_eq!(killed, 1);
    }

    /// Frees the lock under its holder: what happens when a request outlives its lease.
    fn free_the_lock(&mut self, id: &str) {
        assert_eq!(self.ask(&["DEL", &format!("phpSession_{id}_LOCK")]), 1);
    }
}

/// Where a session that is ended while a request has it open may go wrong without locks.
fn unlocked(race: &mut Race, id: &str, way: usize) {
    race.log_in(id);
    match way {
        // session_destroy() between the late request's read and its write.
        0 => {
            race.open_late(id);
            race.logout.must(&format!("start {id}"));
            race.logout.must("destroy");
            race.write_late();
        }
        // session_regenerate_id(true): the new id lives on, the old must not.
        1 => {
            race.logout.must(&format!("start {id}"));
            race.open_late(id);
            let new = race.logout.does("regenerate");
            race.logout.must("write");
            race.write_late();
            assert_eq!(race.ask(&["DEL", &format!("phpSession_{new}")]), 1);
        }
        // Destroyed and begun again under the same id: the late write is not the new user's.
        2 => {
            race.open_late(id);
            race.logout.must(&format!("start {id}"));
            race.logout.must("destroy");
            race.next.must(&format!("start {id}"));
            assert_eq!(race.next.does("get"), "nobody");
            race.next.must("set bob");
            race.next.must("write");
            race.write_late();
            race.next.must(&format!("start {id}"));
            assert_eq!(race.next.does("get"), "bob");
            race.next.must("destroy");
        }
        _ => {
            race.open_late(id);
            race.end_from_outside(id);
            race.write_late();
        }
    }
    race.assert_gone(id);
}

/// The same with locks.
fn locked(race: &mut Race, id: &str, way: usize) {
    race.log_in(id);
    match way {
        // The late request lost its lock to the logout.
        0 => {
            race.open_late(id);
            race.logout.begin(&format!("start {id}"));
            race.free_the_lock(id);
            assert_eq!(race.logout.end(), "yes");
            race.logout.must("destroy");
            race.write_late();
        }
        // The late request waits for the lock while the session is destroyed, and finds nobody.
        1 => {
            race.logout.must(&format!("start {id}"));
            race.late.begin(&format!("start {id}"));
            race.logout.must("destroy");
            assert_eq!(race.late.end(), "yes");
            assert_eq!(race.late.does("get"), "nobody");
            race.late.must("write");
        }
        // The same with session_regenerate_id(true).
        2 => {
            race.logout.must(&format!("start {id}"));
            race.late.begin(&format!("start {id}"));
            let new = race.logout.does("regenerate");
            race.logout.must("write");
            assert_eq!(race.late.end(), "yes");
            assert_eq!(race.late.does("get"), "nobody");
            race.late.must("write");
            assert_eq!(race.ask(&["DEL", &format!("phpSession_{new}")]), 1);
        }
        _ => {
            race.open_late(id);
            race.end_from_outside(id);
            race.write_late();
        }
    }
    race.assert_gone(id);
}

fn thousand(farm: &Farm, is_guarda: bool, play: fn(&mut Race, &str, usize)) {
    let mut race = Race::new(farm, is_guarda);
    for logout in 0..LOGOUTS {
        play(&mut race, &format!("logout{logout}"), logout % 4);
    }
}

fn sites_with_locks() -> [Site; 2] {
    [Site::new(Handler::Guarda), Site::new(Handler::GuardaAsRedis).locking(patient(60))]
}

fn sites_without_locks() -> [Site; 2] {
    [Site::new(Handler::Guarda).ini("guarda.mode", "unlocked"), Site::new(Handler::GuardaAsRedis)]
}

#[test]
fn a_thousand_sessions_destroyed_under_a_late_writer_stay_destroyed_without_locks() {
    for site in sites_without_locks() {
        thousand(&start(with_extension(&site)), true, unlocked);
        thousand(&start(on_redis(&site)), false, unlocked);
    }
}

#[test]
fn a_thousand_sessions_destroyed_under_a_late_writer_stay_destroyed_with_locks() {
    for site in sites_with_locks() {
        thousand(&start(with_extension(&site)), true, locked);
        thousand(&start(on_redis(&site)), false, locked);
    }
}

/// No order is given: writers and logouts run into each other as they will. A writer that finds
/// nobody logged in stores nothing, as applications do.
#[test]
fn a_thousand_logouts_and_writers_that_run_freely_leave_no_session() {
    for site in sites_with_locks().into_iter().chain(sites_without_locks()) {
        let farm = start(with_extension(&site));
        let mut race = Race::new(&farm, true);
        let mut prng = Prng::new(20_240_607);
        for logout in 0..LOGOUTS {
            let id = format!("free{logout}");
            race.log_in(&id);
            free(&mut race, &id, &mut prng);
            race.assert_gone(&id);
        }
    }
}

/// Two visits and a logout, sent at the same time in an order of their own.
fn free(race: &mut Race, id: &str, prng: &mut Prng) {
    let visit = format!("visit {id} {}", prng.below(300));
    let leave = format!("leave {id}");
    let mut steps =
        [(&mut race.late, &visit), (&mut race.next, &visit), (&mut race.logout, &leave)];
    let first = prng.below(steps.len());
    steps.rotate_left(first);
    for (puppet, step) in &mut steps {
        puppet.begin(step);
    }
    race.late.end();
    race.next.end();
    assert_eq!(race.logout.end(), "yes");
}
