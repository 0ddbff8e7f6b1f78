//! Session layers that frameworks and applications put on top of PHP's: Symfony's HttpFoundation, a
//! subclass of SessionHandler, the same with SessionUpdateTimestampHandlerInterface, and a handler
//! that forwards to PHP's.

use std::thread;

use guarda_farm::{Browser, Farm, FarmOptions, Handler, Response, Site};

use crate::{on_redis, patient, start, with_extension};

/// What applications run on: both handlers of guarda.so with locks, on both stores.
fn farms() -> impl Iterator<Item = Farm> {
    let sites =
        [Site::new(Handler::Guarda), Site::new(Handler::GuardaAsRedis).locking(patient(60))];
    let all: Vec<FarmOptions> =
        sites.iter().flat_map(|site| [with_extension(site), on_redis(site)]).collect();
    all.into_iter().map(start)
}

fn ask(browser: &mut Browser, path: &str) -> Response {
    let answer = browser.get(path).expect("an answer");
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer
}

fn exists(farm: &Farm, id: &str) -> bool {
    let found = farm.redis_cli(&["exists", &format!("phpSession_{id}")]).expect("redis-cli runs");
    match found.stdout.as_slice() {
        b"1\n" => true,
        b"0\n" => false,
        other => panic!("EXISTS answered {}", String::from_utf8_lossy(other)),
    }
}

fn id(browser: &Browser) -> String {
    browser.cookie("PHPSESSID").expect("a session cookie").to_owned()
}

/// `requests` at once that count in one session; returns what it counts afterwards.
fn count_at_once(browser: &Browser, path: &str, requests: usize) {
    thread::scope(|scope| {
        for _ in 0..requests {
            let mut browser = browser.clone();
            scope.spawn(move || ask(&mut browser, &format!("{path}do=count&work=2")));
        }
    });
}

#[test]
fn symfonys_sessions_work() {
    for farm in farms() {
        let mut browser = farm.browser();
        let mut see = |what: &str| ask(&mut browser, &format!("/symfony.php?do={what}"));
        for counter in 1..=4 {
            assert_eq!(see("count").number("counter").unwrap(), counter);
        }
        let before = id(&browser);
        let answer = ask(&mut browser, "/symfony.php?do=login&name=alice");
        assert_eq!(answer.number("counter").unwrap(), 4, "what was there before the login");
        assert_ne!(id(&browser), before, "the login gives another id");
        assert!(!exists(&farm, &before), "the id from before the login lives on");
        let answer = ask(&mut browser, "/symfony.php?do=look");
        assert_eq!(answer.field("user"), Some("alice"));
        assert_eq!(answer.field("flash"), Some("welcome"));
        assert_eq!(ask(&mut browser, "/symfony.php?do=look").field("flash"), Some(""));
        count_at_once(&browser, "/symfony.php?", 20);
        assert_eq!(ask(&mut browser, "/symfony.php").number("counter").unwrap(), 24);
        let logged_in = id(&browser);
        ask(&mut browser, "/symfony.php?do=logout");
        assert!(!exists(&farm, &logged_in), "the session outlives its logout");
        let answer = ask(&mut browser, "/symfony.php?do=look");
        assert_eq!((answer.field("user"), answer.number("counter").unwrap()), (Some(""), 0));
    }
}

#[test]
fn handlers_that_applications_write_around_phps_work() {
    for farm in farms() {
        for class in ["encoded", "timestamped", "wrapper"] {
            let path = format!("/classes.php?class={class}&");
            let mut browser = farm.browser();
            for counter in 1..=4 {
                let answer = ask(&mut browser, &format!("{path}do=count"));
                assert_eq!(answer.number("counter").unwrap(), counter, "{class}");
            }
            count_at_once(&browser, &path, 20);
            // Unchanged: PHP asks for a new time to live alone, where the class can do that.
            let look = |browser: &mut Browser| ask(browser, &path).number("counter").unwrap();
            assert_eq!((look(&mut browser), look(&mut browser)), (24, 24), "{class}");
            let before = id(&browser);
            ask(&mut browser, &format!("{path}do=regenerate"));
            assert_ne!(id(&browser), before, "{class}");
            assert!(!exists(&farm, &before), "{class}: the old id lives on");
            assert_eq!(look(&mut browser), 24, "{class}");
            ask(&mut browser, &format!("{path}do=logout"));
            assert!(!exists(&farm, &id(&browser)), "{class}: the session outlives its logout");
            assert_eq!(look(&mut browser), 0, "{class}");
        }
    }
}
