//! Servers that are down, hung, or refuse: session_start() is false soon, and says why.

use std::io::Read as _;
use std::net::TcpListener;
use std::thread;

use guarda_testkit::forgetful;

use super::*;

fn closed_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").expect("binds");
    free.local_addr().expect("bound").port()
}

/// Starts a session, changes it, stores it; and how long that took.
const ALL: &str = "$t = microtime(true); var_dump(session_start()); $_SESSION['x'] = 1; \
    session_write_close(); echo microtime(true) - $t < 3 ? 'quick' : 'slow';";

/// What all failures have in common: one warning of ours, then PHP's own; no exception, no secret.
fn failed(php: Php, why: &str) -> String {
    let said = php.run(&session(ALL));
    assert!(said.contains(why), "{why}: {said}");
    assert!(said.contains("bool(false)") && said.ends_with("quick"), "{said}");
    assert_eq!(count(&said, "Warning"), 2, "{said}");
    assert_eq!(count(&said, "Failed to read session data"), 1, "{said}");
    // PHP's own warning shows save_path as it is: docs/php.md has `auth_file` for that.
    let (ours, theirs) = said.split_once("Failed to read").expect("counted");
    assert!(!ours.contains("hunter2"), "{said}");
    assert!(theirs.contains("(path: "), "{said}");
    for never in ["xception", "Fatal", ID] {
        assert!(!said.contains(never), "{never}: {said}");
    }
    said
}

#[test]
fn the_server_down_is_said_at_once_and_without_the_password() {
    let secret = Path::new(env!("CARGO_TARGET_TMPDIR")).join("auth_file");
    fs::write(&secret, "hunter2\n").expect("writes");
    let port = closed_port();
    let path = format!("tcp://127.0.0.1:{port}?auth_file={}", secret.display());
    for handler in ["guarda", "redis"] {
        for strict in ["0", "1"] {
            let php = Php::new(&path).handler(handler).ini("session.use_strict_mode", strict);
            let said = failed(php, &format!("cannot connect to 127.0.0.1:{port}"));
            assert!(!said.contains("hunter2"), "{said}");
        }
        // Without an id, too.
        let said = Php::new(&path).handler(handler).run(ALL);
        assert!(said.contains("cannot connect") && said.ends_with("quick"), "{said}");
    }
    let socket = "unix:///nonexistent/guarda.sock";
    failed(Php::new(socket), "cannot connect to unix:/nonexistent/guarda.sock");
}

/// A server that takes everything and answers nothing.
pub(crate) fn hanging() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || while matches!(client.read(&mut [0; 1024]), Ok(1..)) {});
        }
    });
    port
}

#[test]
fn a_server_that_hangs_costs_no_more_than_the_budget() {
    let port = hanging();
    for (handler, query, budget) in
        [("guarda", "read_timeout=0.5", "10"), ("guarda", "", "0.5"), ("redis", "", "0.5")]
    {
        let path = format!("tcp://127.0.0.1:{port}?{query}");
        let php = Php::new(&path).handler(handler).ini("guarda.io_budget", budget);
        failed(php, "did not answer within");
    }
}

#[test]
fn the_budget_is_for_the_server_and_not_for_the_script() {
    on_every_server(|at| {
        let php = at.php().ini("guarda.io_budget", "0.4");
        assert_eq!(php.run(&session(&format!("{COUNT} usleep(600000);"))), "1");
        assert_eq!(at.raw(&format!("GET {KEY}")), "\"n|i:1;\"");
        // Nor does it count how long the lock was waited for.
        let holder = at.php().spawn(&session("session_start(); usleep(900000);"));
        let locked = || at.has(&format!("{KEY}_LOCK"));
        assert!(guarda_testkit::deadline::await_true(std::time::Duration::from_secs(5), locked));
        assert_eq!(at.php().ini("guarda.io_budget", "0.4").run(&session(COUNT)), "2");
        finish(holder);
    });
}

#[test]
fn each_refusal_of_a_server_is_named() {
    on_every_server(|at| {
        at.raw("CONFIG SET requirepass hunter2");
        let port = at.server.port();
        let with = |query: &str| Php::new(&format!("tcp://127.0.0.1:{port}?{query}"));
        failed(with("timeout=1"), "NOAUTH");
        failed(with("auth=wrong"), "refuses the user or password");
        failed(with("auth=hunter2&database=100000"), "has no database 100000");
    });
}

#[test]
fn a_user_without_the_permission_is_told_so() {
    on_redis(|at| {
        at.raw("ACL SETUSER app on >hunter2 ~other:* +@all");
        let path = format!("{}&auth[user]=app&auth[pass]=hunter2", at.path("timeout=2"));
        failed(Php::new(&path), "NOPERM: its user may not use these keys");
        // And it is no reason to do without the lock.
        assert_eq!(at.raw("DBSIZE"), ":0");
    });
}

#[test]
fn the_permission_that_is_missing_is_named() {
    on_every_server(|at| {
        let path = format!("{}&auth[user]=app&auth[pass]=hunter2", at.path("timeout=2"));
        let (rules, part) = if at.is_guarda() {
            (
                "-@session",
                "its user may not run SESSION OPEN; allow it: ACL SETUSER <user> +@session",
            )
        } else {
            (
                "-eval -evalsha -watch",
                "its user may not run EVALSHA; allow it: ACL SETUSER <user> +evalsha",
            )
        };
        at.raw(&format!("ACL SETUSER app reset on >hunter2 ~* &* +@all {rules}"));
        failed(Php::new(&path), part);
        at.raw("ACL SETUSER app resetkeys ~other:* +@all");
        failed(
            Php::new(&path),
            "its user may not use these keys; allow it: ACL SETUSER <user> ~<prefix>*",
        );
        // With what it takes, and no more.
        at.raw("ACL SETUSER app resetkeys ~PHPREDIS_SESSION:*");
        assert_eq!(Php::new(&path).run(&session(COUNT)), "1");
    });
}

#[test]
fn a_confirmation_that_is_lost_on_its_way() {
    on_every_server(|at| {
        let port = forgetful(at.server.port(), "this answer is lost");
        let php = || Php::new(&format!("tcp://127.0.0.1:{port}?timeout=2"));
        let said = php().run(&session(&format!(
            "{COUNT} $_SESSION['m'] = 'this answer is lost'; session_write_close();"
        )));
        if at.is_guarda() {
            // It knows what it has stored, and is asked once more.
            assert_eq!(said, "1");
        } else {
            assert!(said.contains("whether it was done is unknown"), "{said}");
        }
        let stored = "\"n|i:1;m|s:19:\\\"this answer is lost\\\";\"";
        assert_eq!(at.raw(&format!("GET {KEY}")), stored);
        assert_eq!(php().run(&session(COUNT)), "2");
    });
}

#[test]
fn a_full_server_keeps_what_it_has() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        at.raw("CONFIG SET maxmemory-policy noeviction");
        at.raw("CONFIG SET maxmemory 1");
        let said = at.php().run(&session("session_start(); $_SESSION['n'] = 2;"));
        assert!(said.contains("OOM") && said.contains("out of memory"), "{said}");
        for never in ["xception", "Fatal", ID] {
            assert!(!said.contains(never), "{never}: {said}");
        }
        at.raw("CONFIG SET maxmemory 0");
        assert_eq!(at.raw(&format!("GET {KEY}")), "\"n|i:1;\"");
    });
}

/// Asks the server for something in the middle of a request.
pub(crate) const SAY: &str = "function say($port, $command) { $c = fsockopen('127.0.0.1', $port); \
    fwrite($c, $command . \"\\r\\n\"); return fgets($c); }";

#[test]
fn a_refused_write_leaves_no_lock_behind_while_the_worker_lives_on() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        at.raw("CONFIG SET maxmemory-policy noeviction");
        let port = at.server.port();
        let mut refusals = vec![("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0")];
        if at.is_guarda() {
            // Here the lock cannot even be released: only the end of the connection does that.
            let denied = "ACL SETUSER default -session|commit -session|release -session|destroy";
            refusals.push((denied, "ACL SETUSER default +@all"));
        }
        for (refuse, allow) in refusals {
            for change in ["$_SESSION['n'] = 7; session_write_close();", "session_destroy();"] {
                let said = at.php().ini("guarda.lock_wait", "1").run(&session(&format!(
                    "{SAY} session_start(); say({port}, '{refuse}'); @{change} say({port}, '{allow}');\
                     @session_abort(); echo session_start() ? 'open' : 'locked';"
                )));
                // What may still be done under `refuse` is done: destroying needs no memory.
                assert!(said.ends_with("open"), "{refuse}, {change}: {said}");
            }
        }
    });
}

#[test]
fn a_replica_is_named_as_one() {
    on_redis(|at| {
        at.php().run(&session(COUNT));
        at.raw(&format!("REPLICAOF 127.0.0.1 {}", closed_port()));
        failed(at.php(), "READONLY");
    });
}

/// A server that has the same answer to everything.
fn always(answer: &'static str) -> u16 {
    use std::io::Write as _;
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                while matches!(client.read(&mut [0; 4096]), Ok(1..)) {
                    if client.write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    port
}

#[test]
fn a_server_that_loads_or_makes_no_sense_is_said_to() {
    for (answer, why) in [
        ("-LOADING Redis is loading the dataset in memory\r\n", "still loading"),
        ("-MISCONF Errors writing to the AOF file\r\n", "cannot save to disk"),
        ("-CLUSTERDOWN Hash slot not served\r\n", "CLUSTERDOWN"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "is not an answer"),
        ("+OK\r\n", "is not an answer"),
    ] {
        failed(Php::new(&format!("tcp://127.0.0.1:{}", always(answer))), why);
    }
}

#[test]
fn a_server_killed_during_a_request_costs_a_warning() {
    let guarda = std::env::var_os("GUARDA_TEST_BINARY").map(|path| Program::Guarda(path.into()));
    for program in std::iter::once(Program::reference()).chain(guarda) {
        let mut server = Server::start(ServerSpec::new(program)).expect("starts");
        let path = format!("tcp://127.0.0.1:{}", server.port());
        let flag = server.dir().join("go");
        let code = format!(
            "session_start(); $_SESSION['n'] = 1; touch('{0}.up'); \
             while (!file_exists('{0}')) {{ usleep(5000); clearstatcache(); }}",
            flag.display()
        );
        let child = Php::new(&path).spawn(&session(&code));
        let up = flag.with_extension("up");
        assert!(guarda_testkit::deadline::await_true(std::time::Duration::from_secs(10), || up
            .exists()));
        server.kill9();
        fs::write(&flag, "").expect("writes");
        let said = finish(child);
        assert_eq!(count(&said, "Warning"), 1, "{said}");
        assert!(said.contains(&format!("127.0.0.1:{}", server.port())), "{said}");
        for never in ["xception", "Fatal", ID] {
            assert!(!said.contains(never), "{never}: {said}");
        }
    }
}

#[test]
fn a_connection_that_died_between_two_sessions_is_made_again_unseen() {
    on_every_server(|at| {
        let code = format!(
            "{COUNT} session_write_close(); \
             $s = stream_socket_client('tcp://127.0.0.1:{}'); \
             fwrite($s, \"CLIENT KILL TYPE normal SKIPME yes\\r\\n\"); fgets($s); \
             {COUNT} $_SESSION['x'] = 1; \
             fwrite($s, \"CLIENT KILL TYPE normal SKIPME yes\\r\\n\"); fgets($s);",
            at.server.port()
        );
        assert_eq!(at.php().run(&session(&code)), "12");
        assert_eq!(at.raw(&format!("GET {KEY}")), "\"n|i:2;x|i:1;\"");
    });
}

#[test]
fn a_password_from_a_file_opens_the_server() {
    let secret = Path::new(env!("CARGO_TARGET_TMPDIR")).join("good_auth_file");
    fs::write(&secret, "s3cret\n").expect("writes");
    let spec = ServerSpec::new(Program::reference()).with_password("s3cret");
    let server = Server::start(spec).expect("starts");
    let base = format!("tcp://127.0.0.1:{}", server.port());
    let good = format!("{base}?auth_file={}", secret.display());
    assert_eq!(Php::new(&good).run(&session(COUNT)), "1");
    let url = format!("redis://:s3cret@127.0.0.1:{}/1", server.port());
    assert_eq!(Php::new(&url).run(&session(COUNT)), "1", "another database");
    let said = Php::new(&base).run(&session("var_dump(session_start());"));
    assert!(said.contains("NOAUTH") && said.ends_with("bool(false)"), "{said}");
}
