//! Round trips: two a locked request, one to read.

use super::proxy::Proxy;
use super::*;

/// Round trips of one session in a process that has done the same before.
fn trips(at: &Fixture, php: impl Fn(Php) -> Php, once: &str) -> usize {
    let run = |times: usize| {
        let proxy = Proxy::to(at.server.port());
        let path = format!("tcp://127.0.0.1:{}?timeout=2", proxy.port);
        let code = format!("for ($i = 0; $i < {times}; $i++) {{ {once} }}");
        let said = php(Php::new(&path)).run(&session(&code));
        assert_eq!(said, "", "{once}");
        assert_eq!(proxy.connections(), 1, "one connection for all");
        proxy.trips()
    };
    // The first to use a server sends it the scripts.
    run(2);
    let (few, many) = (run(2), run(12));
    assert_eq!((many - few) % 10, 0, "{once}: {few} for 2, {many} for 12");
    (many - few) / 10
}

const WRITE: &str =
    "session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; session_write_close();";

#[test]
fn a_locked_request_asks_twice_and_a_reader_once() {
    on_every_server(|at| {
        let same = |php: Php| php;
        let strict = |php: Php| php.ini("session.use_strict_mode", "1");
        let redis = |php: Php| php.handler("redis").ini("redis.session.locking_enabled", "1");
        let unlocked = |php: Php| php.handler("redis");
        at.php().run(&session(COUNT));
        for (name, php) in [
            ("guarda", &same as &dyn Fn(Php) -> Php),
            ("strict", &strict),
            ("redis, locking", &redis),
            ("redis", &unlocked),
        ] {
            let ask = |once: &str| trips(at, php, once);
            assert_eq!(ask(WRITE), 2, "{name}: changed");
            assert_eq!(ask("session_start(); session_write_close();"), 2, "{name}: unchanged");
            assert_eq!(ask("session_start(['read_and_close' => true]);"), 1, "{name}: read");
        }
        let lazy = |php: Php| php.ini("session.lazy_write", "0");
        assert_eq!(trips(at, lazy, "session_start(); session_write_close();"), 2, "not lazy");
        let early = |php: Php| php.handler("redis").ini("redis.session.early_refresh", "1");
        assert_eq!(trips(at, early, "session_start(); session_write_close();"), 1, "early_refresh");
        assert_eq!(trips(at, same, "session_start(); session_abort();"), 2, "abort releases");
        let readonly = |php: Php| php.ini("guarda.mode", "readonly");
        assert_eq!(trips(at, readonly, "session_start(); session_abort();"), 1, "read-only");
    });
}

#[test]
fn new_sessions_and_new_ids_cost_no_question_of_their_own() {
    on_every_server(|at| {
        let same = |php: Php| php;
        let strict = |php: Php| php.ini("session.use_strict_mode", "1");
        // session_id('') lets PHP make one.
        let fresh = "session_id(''); session_start(); $_SESSION['x'] = 1; session_write_close();";
        assert_eq!(trips(at, same, fresh), 2, "create_sid opens what it made");
        assert_eq!(trips(at, strict, fresh), 2, "and is not asked for it again");
        let unknown = "session_id(bin2hex(random_bytes(9))); session_start(); $_SESSION['x'] = 1; \
                       session_write_close();";
        assert_eq!(trips(at, strict, unknown), 3, "the id that nobody has, the new one, COMMIT");
        let create =
            "session_start(); $_SESSION['x'] = session_create_id(); session_write_close();";
        assert_eq!(trips(at, same, create), 3, "one question whether the id is taken");
        let regenerate = "session_start(); $_SESSION['n'] = 1; session_regenerate_id(); \
                          session_write_close();";
        for php in [&same as &dyn Fn(Php) -> Php, &strict] {
            // OPEN, the user's hash, COMMIT; OPEN, COMMIT of the new one.
            assert_eq!(trips(at, php, regenerate), 5, "regenerate");
        }
        let aged = |php: Php| php.ini("guarda.absolute_lifetime", "3600");
        at.php().run(&session(COUNT));
        assert_eq!(trips(at, aged, WRITE), 3, "the age is one question more");
    });
}

#[test]
fn what_guarda_session_info_counts_is_what_happens() {
    on_every_server(|at| {
        let code = format!(
            "{COUNT} session_write_close(); session_start(); \
             echo ' ', guarda_session_info()['round_trips']; guarda_session_renew(); \
             echo ' ', guarda_session_info()['round_trips'];"
        );
        let said = at.php().run(&session(&code));
        // Where scripts are used, the first RENEW of a server has to be sent whole.
        let expected = if at.is_guarda() { "1 1 2" } else { "1 1 3" };
        assert_eq!(said, expected);
    });
}

#[test]
fn connections_are_not_kept_where_that_is_not_wanted() {
    on_redis(|at| {
        let proxy = Proxy::to(at.server.port());
        let path = format!("tcp://127.0.0.1:{}", proxy.port);
        let twice = format!("{WRITE} {WRITE}");
        Php::new(&path).ini("guarda.keep_connections", "0").run(&session(&twice));
        assert_eq!(proxy.connections(), 2);
    });
}
