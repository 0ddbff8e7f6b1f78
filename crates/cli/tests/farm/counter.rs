//! The tutorial, step by step, and its promise: the session follows the user.

use std::process::{Command, Output};

use guarda_farm::{Browser, FarmOptions, Handler, WEBS, find_program};

use crate::{options, start};

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

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_counter_follows_the_user_over_both_web_servers() {
    let farm = start(options());
    assert_eq!(visits(&mut farm.browser()), expected([1, 2, 3, 4, 5, 6]));
}

#[test]
fn with_the_files_handler_it_does_not_follow() {
    let farm = start(FarmOptions { handler: Handler::Files, ..options() });
    assert_eq!(visits(&mut farm.browser()), expected([1, 1, 2, 2, 3, 3]));
    let settings = text(&farm.php("web1", &["-i"]).unwrap());
    assert!(settings.contains("session.save_handler => files => files"), "{settings}");
}

#[test]
fn the_tutorials_steps_work_one_by_one() {
    let farm = start(options());
    let port = farm.store_port().expect("a store").to_string();
    let password = farm.password().reveal();

    for web in WEBS {
        // php -m | grep redis
        let modules = text(&farm.php(web, &["-m"]).unwrap());
        assert!(modules.lines().any(|module| module == "redis"), "{modules}");
        // php -i | grep session.save
        let settings = text(&farm.php(web, &["-i"]).unwrap());
        let path = format!(
            "tcp://127.0.0.1:{port}?auth={password}&timeout=5&persistent=1&weight=1&database=0\
             &prefix=phpSession_&read_timeout=5&name=PHP_REDIS_SESSION"
        );
        for line in [
            "session.save_handler => redis => redis".to_owned(),
            format!("session.save_path => {path} => {path}"),
        ] {
            assert!(settings.lines().any(|setting| setting == line), "{web}: no `{line}`");
        }
    }

    // redis-cli -h 127.0.0.1 -p 6379 -a sua_senha_segura
    let redis_cli = |arguments: &[&str]| {
        let program = find_program(&["redis-cli"]).expect("redis-cli is installed");
        let mut command = Command::new(program);
        command.args(["-h", "127.0.0.1", "-p", &port]).args(arguments).env_remove("REDISCLI_AUTH");
        command.output().expect("redis-cli runs")
    };
    assert_eq!(text(&redis_cli(&["-a", password, "ping"])), "PONG\n");
    assert!(text(&redis_cli(&["ping"])).starts_with("NOAUTH "));
    let wrong = redis_cli(&["-a", "wrong", "ping"]);
    let complaints = String::from_utf8_lossy(&wrong.stderr);
    assert!(complaints.contains("AUTH failed: WRONGPASS"), "{complaints}");

    // SCAN 0, after a visit
    let mut browser = farm.browser();
    browser.get("/").expect("an answer");
    let id = browser.cookie("PHPSESSID").expect("a session cookie");
    let key = format!("phpSession_{id}");
    assert_eq!(text(&farm.redis_cli(&["scan", "0"]).unwrap()), format!("0\n{key}\n"));
    assert_eq!(text(&farm.redis_cli(&["get", &key]).unwrap()), "counter|i:1;\n");
    let ttl: u32 = text(&farm.redis_cli(&["ttl", &key]).unwrap()).trim().parse().unwrap();
    assert!((1400..=1440).contains(&ttl), "session.gc_maxlifetime is 1440 s, the key has {ttl} s");
}
