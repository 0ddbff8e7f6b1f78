use super::*;

#[test]
fn a_counter_counts_over_processes() {
    on_every_server(|at| {
        for handler in ["guarda", "redis"] {
            at.raw("FLUSHALL");
            for expected in ["1", "2", "3"] {
                assert_eq!(at.php().handler(handler).run(&session(COUNT)), expected, "{handler}");
            }
            assert!(at.raw(&format!("GET {KEY}")).contains("n|i:3;"));
            assert!(at.raw(&format!("EXISTS {KEY}_LOCK")).contains('0'));
        }
    });
}

#[test]
fn an_unchanged_session_lives_on() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        at.raw(&format!("EXPIRE {KEY} 100"));
        assert_eq!(at.php().run(&session("session_start(); echo $_SESSION['n'];")), "1");
        let ttl = at.raw(&format!("TTL {KEY}"));
        assert!(ttl.contains("144") || ttl.contains("143"), "{ttl}");
        assert!(at.raw(&format!("EXISTS {KEY}_LOCK")).contains('0'));
    });
}

#[test]
fn strict_mode_refuses_ids_that_do_not_exist() {
    on_every_server(|at| {
        let strict = || at.php().ini("session.use_strict_mode", "1");
        let id = strict().run(&session("session_start(); $_SESSION['x'] = 1; echo session_id();"));
        assert_ne!(id, ID);
        assert!(at.raw(&format!("EXISTS {KEY} {KEY}_LOCK")).contains('0'));
        let again =
            format!("session_id('{id}'); session_start(); echo session_id(), $_SESSION['x'];");
        assert_eq!(strict().run(&again), format!("{id}1"));
    });
}

#[test]
fn ids_that_are_none_of_ours_address_nothing() {
    on_every_server(|at| {
        at.raw(&format!("SET {KEY}_LOCK precious"));
        let code = format!("session_id('{ID}_LOCK'); var_dump(session_start());");
        let said = at.php().run(&code);
        assert!(said.ends_with("bool(false)") && said.contains("characters"), "{said}");
        assert!(at.raw(&format!("GET {KEY}_LOCK")).contains("precious"));
    });
}

#[test]
fn regenerate_moves_the_session() {
    on_every_server(|at| {
        for (delete, old) in [("true", '0'), ("false", '1')] {
            at.raw("FLUSHALL");
            let code = format!(
                "{COUNT} var_dump(session_regenerate_id({delete})); $_SESSION['m'] = 5; \
                 session_write_close(); session_start(); \
                 echo $_SESSION['n'], $_SESSION['m'], session_id() === '{ID}' ? 'same' : 'new';"
            );
            assert_eq!(at.php().run(&session(&code)), "1bool(true) 15new");
            assert!(at.raw(&format!("EXISTS {KEY}")).contains(old));
            assert!(!at.raw("KEYS *").contains("_LOCK"));
        }
    });
}

#[test]
fn reset_with_locking_does_not_wait_for_itself() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        let code = "session_start(); $_SESSION['n'] = 99; var_dump(session_reset()); \
                    echo $_SESSION['n']; $_SESSION['n'] = 7;";
        let php = at.php().ini("guarda.lock_wait", "3");
        assert_eq!(php.run(&session(code)), "bool(true) 1");
        assert!(at.raw(&format!("GET {KEY}")).contains("i:7;"));
        assert!(at.raw(&format!("EXISTS {KEY}_LOCK")).contains('0'));
    });
}

#[test]
fn empty_sessions_are_not_stored_unless_strict() {
    on_every_server(|at| {
        assert_eq!(at.php().run(&session("session_start();")), "");
        assert!(at.raw("DBSIZE").contains('0'));
        let strict = at.php().ini("session.use_strict_mode", "1");
        let id = strict.run("session_start(); echo session_id();");
        let ttl = at.raw(&format!("TTL PHPREDIS_SESSION:{id}"));
        assert!(ttl.contains("300") || ttl.contains("299"), "{ttl}");
    });
}

#[test]
fn a_class_that_forwards_works() {
    on_every_server(|at| {
        let code = format!(
            "class H extends SessionHandler {{}} session_set_save_handler(new H, true); {COUNT} \
             session_write_close(); session_start(); echo $_SESSION['n']; session_destroy(); \
             var_dump(session_gc() ?: 0);"
        );
        let said = at.php().run(&session(&code));
        assert!(said.starts_with("11"), "{said}");
        assert!(at.raw(&format!("EXISTS {KEY} {KEY}_LOCK")).contains('0'));
        assert!(at.raw(&format!("EXISTS {KEY}_GONE")).contains('1'));
    });
}

#[test]
fn abort_stores_nothing_and_releases() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        let code = "session_start(); $_SESSION['n'] = 9; session_abort(); session_start(); echo $_SESSION['n'];";
        assert_eq!(at.php().run(&session(code)), "1");
        assert!(!at.has(&format!("{KEY}_LOCK")));
    });
}

#[test]
fn reset_keeps_the_lock_it_has() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        for strict in ["0", "1"] {
            let code = format!(
                "session_start(); $s = stream_socket_client('tcp://127.0.0.1:{}'); \
                 $lock = function () use ($s) {{ fwrite($s, \"GET {KEY}_LOCK\\r\\n\"); fgets($s); return fgets($s); }}; \
                 $before = $lock(); session_reset(); echo $lock() === $before ? 'kept' : 'another', \
                 strlen($before) > 30 ? '' : 'none', $_SESSION['n'];",
                at.server.port()
            );
            let php = at.php().ini("session.use_strict_mode", strict);
            assert_eq!(php.run(&session(&code)), "kept1", "strict {strict}");
            assert!(!at.has(&format!("{KEY}_LOCK")));
        }
        // A new session has an id although it is not stored yet.
        let code = "session_start(); $id = session_id(); $_SESSION['x'] = 1; session_reset(); \
                    echo session_id() === $id ? 'same' : 'other', count($_SESSION);";
        assert_eq!(at.php().ini("session.use_strict_mode", "1").run(code), "same0");
    });
}

#[test]
fn a_new_id_for_later_leaves_the_open_session_alone() {
    on_every_server(|at| {
        for strict in ["0", "1"] {
            at.raw("FLUSHALL");
            at.set(KEY, b"n|i:1;");
            let code = "session_start(); $new = session_create_id('pre-'); echo strlen($new) > 20 ? 'made' : $new; \
                 $_SESSION['n']++; session_write_close(); session_start(); echo $_SESSION['n'];";
            let php = at.php().ini("session.use_strict_mode", strict);
            assert_eq!(php.run(&session(code)), "made2");
            assert_eq!(at.raw("DBSIZE"), ":1", "nothing but the session");
        }
        assert_eq!(at.php().run("echo strlen(session_create_id());"), "32", "without a session");
    });
}

#[test]
fn read_and_close_takes_no_lock_and_prolongs_nothing() {
    on_every_server(|at| {
        at.set(KEY, b"n|i:1;");
        at.raw(&format!("EXPIRE {KEY} 50"));
        at.raw(&format!("SET {KEY}_LOCK host|1 EX 100"));
        for options in ["['read_and_close' => true]", "options: ['read_and_close' => 1]"] {
            let code = format!("session_start({options}); echo $_SESSION['n'];");
            assert_eq!(at.php().run(&session(&code)), "1");
        }
        assert!(at.number(&format!("TTL {KEY}")) <= 50);
    });
}

#[test]
fn a_session_that_becomes_empty_is_stored_empty() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        at.php().run(&session("session_start(); session_unset();"));
        assert_eq!(at.get(KEY).as_deref(), Some(&b""[..]));
        let strict = at.php().ini("session.use_strict_mode", "1").ini("guarda.empty_ttl", "50");
        let id = strict.run("session_start(); echo session_id();");
        assert!(at.number(&format!("TTL PHPREDIS_SESSION:{id}")) <= 50);
        // The other serializers' empty sessions are empty, too.
        at.raw("FLUSHALL");
        at.php()
            .ini("session.serialize_handler", "php_serialize")
            .run(&session("session_start();"));
        at.php()
            .ini("extension", "igbinary")
            .ini("session.serialize_handler", "igbinary")
            .run(&session("session_start();"));
        assert_eq!(at.raw("DBSIZE"), ":0");
    });
}

#[test]
fn storing_what_is_there_only_prolongs() {
    on_every_server(|at| {
        at.set(KEY, b"n|i:1;");
        at.raw(&format!("EXPIRE {KEY} 50"));
        at.raw("CONFIG RESETSTAT");
        at.php().ini("session.lazy_write", "0").run(&session("session_start();"));
        assert!(at.number(&format!("TTL {KEY}")) > 1400);
        let stats = at.raw("INFO commandstats");
        assert!(!stats.contains("cmdstat_set:") || !at.is_guarda(), "{stats}");
        assert!(!stats.contains("session|commit"), "{stats}");
    });
}

#[test]
fn destroy_then_start_uses_the_id_again() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        let code = format!(
            "session_start(); session_destroy(); session_id('{ID}'); session_start(); \
             echo count($_SESSION); $_SESSION['again'] = 1;"
        );
        assert_eq!(at.php().run(&session(&code)), "0");
        assert_eq!(at.raw(&format!("GET {KEY}")), "\"again|i:1;\"");
        let said = at
            .php()
            .run(&session("session_start(); session_destroy(); var_dump(session_destroy());"));
        assert!(said.contains("Trying to destroy uninitialized session"), "{said}");
    });
}

#[test]
fn the_holder_of_a_lock_is_named_without_its_query() {
    on_every_server(|at| {
        if !at.is_guarda() {
            return;
        }
        let script = at.server.dir().join("slow.php");
        fs::write(&script, format!("<?php session_id('{ID}'); session_start(); sleep(60);"))
            .expect("writes");
        let mut php = Php::bare("php-cgi", &at.path("timeout=2"))
            .ini("extension", &extension().display().to_string())
            .handler("guarda")
            .ini("cgi.force_redirect", "0");
        php.command
            .env("REQUEST_METHOD", "GET")
            .env("SCRIPT_FILENAME", &script)
            .env("REQUEST_URI", "/slow.php?token=hunter2");
        let mut child = php.command.spawn().expect("php-cgi runs");
        let mut seen = String::new();
        let named =
            guarda_testkit::deadline::await_true(std::time::Duration::from_secs(10), || {
                seen = at.raw("SESSION LOCKS");
                seen.contains("/slow.php")
            });
        child.kill().expect("kills");
        child.wait().expect("ends");
        assert!(named && seen.contains(&child.id().to_string()), "{seen}");
        assert!(!seen.contains("hunter2"), "{seen}");
    });
}

#[test]
fn sessions_that_start_by_themselves_are_locked_as_others_are() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        let code = "echo guarda_session_info()['locked'] ? 'locked' : 'not';";
        assert_eq!(at.php().ini("session.auto_start", "1").run(code), "locked");
    });
}

#[test]
fn without_a_save_path_it_says_what_one_looks_like() {
    let said = Php::new("").run("var_dump(session_start());");
    assert!(said.contains("save_path is empty") && said.contains("tcp://127.0.0.1:6379"), "{said}");
    assert!(said.contains("bool(false)"), "{said}");
}
