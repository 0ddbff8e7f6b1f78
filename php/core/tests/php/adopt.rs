//! `adopt=`: sessions of the old store are taken over at their first use.

use super::*;

/// A save_path at this server that adopts from another.
fn adopting(at: &Fixture, old: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    let encoded: String = old.bytes().map(encode).collect();
    at.path(&format!("timeout=2&adopt={encoded}"))
}

/// A directory in which PHP's own handler has stored the session.
fn stored_by_files(at: &Fixture, name: &str) -> PathBuf {
    let dir = at.server.dir().join(name);
    fs::create_dir_all(&dir).expect("makes");
    let php = Php::bare("php", &dir.display().to_string()).handler("files");
    assert_eq!(php.ini("output_buffering", "4096").run(&session(COUNT)), "1");
    dir
}

#[test]
fn sessions_of_the_files_handler_are_taken_over_once() {
    on_every_server(|at| {
        for handler in ["guarda", "redis"] {
            for strict in ["0", "1"] {
                at.raw("FLUSHALL");
                let dir = stored_by_files(at, "sessions");
                let file = dir.join(format!("sess_{ID}"));
                let php = || {
                    Php::new(&adopting(at, &dir.display().to_string()))
                        .handler(handler)
                        .ini("session.use_strict_mode", strict)
                };
                assert_eq!(php().run(&session(COUNT)), "2", "{handler} {strict}");
                assert!(!file.exists() && at.raw(&format!("GET {KEY}")) == "\"n|i:2;\"");
                assert_eq!(php().run(&session(COUNT)), "3");
                assert!(!at.raw("KEYS *").contains("_LOCK"));
                // A copy that a crash has left does not bring a destroyed session back.
                php().run(&session("session_start(); session_destroy();"));
                stored_by_files(at, "sessions");
                let code = "session_start(); echo $_SESSION['n'] ?? 'new';";
                assert_eq!(php().run(&session(code)), "new");
                // Nor does it outlive the logout itself.
                fs::remove_file(&file).expect("was left alone");
                at.raw("FLUSHALL");
                at.set(KEY, b"n|i:9;");
                stored_by_files(at, "sessions");
                php().run(&session("session_start(); session_destroy();"));
                assert!(!file.exists(), "{handler} {strict}");
            }
        }
    });
}

#[test]
fn sessions_of_another_redis_are_taken_over_and_strict_mode_finds_them() {
    let old = Server::start(ServerSpec::new(Program::reference())).expect("starts");
    let old = Fixture { server: old };
    on_every_server(|at| {
        for strict in ["0", "1"] {
            at.raw("FLUSHALL");
            old.raw("FLUSHALL");
            let phpredis = Php::bare("php", &old.path("timeout=2"))
                .ini("extension", "igbinary")
                .ini("extension", "redis")
                .handler("redis")
                .ini("output_buffering", "4096");
            assert_eq!(phpredis.run(&session(COUNT)), "1");
            let php = || {
                Php::new(&adopting(at, &old.path("timeout=2")))
                    .ini("session.use_strict_mode", strict)
            };
            let read = "session_start(['read_and_close' => true]); echo $_SESSION['n'] ?? 'new';";
            assert_eq!(php().run(&session(read)), "1", "a reader takes it over, too");
            assert_eq!(php().run(&session(COUNT)), "2");
            assert!(!old.has(KEY) && !at.has(&format!("{KEY}_LOCK")));
            // An id that neither has.
            let code = "session_id('nobodyhasthis'); session_start(); echo session_id();";
            assert_eq!(php().run(code) == "nobodyhasthis", strict == "0");
            assert!(!at.raw("KEYS *").contains("_LOCK"));
        }
    });
}

#[test]
fn requests_that_come_at_once_take_a_session_over_once() {
    on_every_server(|at| {
        let dir = stored_by_files(at, "crowd");
        let path = adopting(at, &dir.display().to_string());
        let children: Vec<Child> = (0..6).map(|_| Php::new(&path).spawn(&session(COUNT))).collect();
        for child in children {
            finish(child);
        }
        assert_eq!(at.raw(&format!("GET {KEY}")), "\"n|i:7;\"");
    });
}

#[test]
fn an_old_store_that_fails_fails_the_read() {
    on_every_server(|at| {
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
            free.local_addr().expect("bound").port()
        };
        let php = || Php::new(&adopting(at, &format!("tcp://127.0.0.1:{port}")));
        let said = php().run(&session("var_dump(session_start());"));
        assert!(said.contains("cannot connect") && said.ends_with("bool(false)"), "{said}");
        assert_eq!(at.raw("DBSIZE"), ":0", "no lock is left");
        // Sessions that are here need no old store.
        at.set(KEY, b"n|i:1;");
        assert_eq!(php().run(&session(COUNT)), "2");
    });
}

#[test]
fn an_old_store_that_hangs_leaves_no_lock_here() {
    let port = failures::hanging();
    let held = std::env::temp_dir().join(format!("guarda-held-{}", std::process::id()));
    fs::create_dir_all(&held).expect("makes");
    let file = fs::File::create(held.join(format!("sess_{ID}"))).expect("makes");
    file.lock().expect("locks");
    on_every_server(|at| {
        for old in [format!("tcp://127.0.0.1:{port}"), held.display().to_string()] {
            for handler in ["guarda", "redis"] {
                let php = Php::new(&adopting(at, &old))
                    .handler(handler)
                    .ini("redis.session.locking_enabled", "1")
                    .ini("guarda.io_budget", "0.6");
                let said = php.run(&session("var_dump(session_start());"));
                assert!(said.ends_with("bool(false)"), "{said}");
                assert_eq!(at.raw("DBSIZE"), ":0", "{old} {handler}");
            }
        }
    });
    fs::remove_dir_all(&held).expect("removes");
}
