//! The tutorial's promise: the session follows the user.

use guarda_farm::{Browser, Handler, Site, WEBS};

use crate::{on_redis, options, start, with_extension};

/// Six visits of one browser: which web server answered, and the counter.
fn visits(browser: &mut Browser) -> Vec<(String, u64)> {
    let visit = |_| {
        let answer = browser.get("/").expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
        let web = answer.field("web").expect("the web server's name").to_owned();
        assert_eq!(answer.header("x-backend"), Some(web.as_str()));
        (web, answer.number("counter").expect("a counter"))
    };
    (0..6).map(visit).collect()
}

fn expected(counters: [u64; 6]) -> Vec<(String, u64)> {
    counters.into_iter().zip(WEBS.iter().cycle()).map(|(n, web)| ((*web).to_owned(), n)).collect()
}

#[test]
fn the_counter_follows_the_user_over_both_web_servers() {
    let sites = [Handler::Phpredis, Handler::Guarda, Handler::GuardaAsRedis].map(Site::new);
    let on_guarda = sites.iter().map(with_extension);
    let on_redis = sites[1..].iter().map(on_redis);
    for options in on_guarda.chain(on_redis) {
        let farm = start(options);
        assert_eq!(visits(&mut farm.browser()), expected([1, 2, 3, 4, 5, 6]));
    }
}

#[test]
fn with_the_files_handler_it_does_not_follow() {
    let farm = start(options().both(&Site::new(Handler::Files)));
    assert_eq!(visits(&mut farm.browser()), expected([1, 1, 2, 2, 3, 3]));
}
