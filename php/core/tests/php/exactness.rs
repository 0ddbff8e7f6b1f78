use super::*;

#[test]
fn a_late_writer_does_not_bring_a_destroyed_session_back() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        // Both requests in one script, so that the order is certain: the late one forks off, waits
        // for the logout, and writes.
        let code = "session_start(); $_SESSION['late'] = 1; $pid = pcntl_fork(); \
             if ($pid === 0) { exit; } pcntl_waitpid($pid, $status); \
             passthru(getenv('LOGOUT')); session_write_close();";
        let logout = at.path("timeout=2");
        let script = format!(
            "{} -n -d extension={} -d session.use_cookies=0 -d session.save_handler=guarda \
             -d session.save_path='\"{logout}\"' -d guarda.mode=unlocked \
             -r \"session_id('{ID}'); session_start(); var_dump(session_destroy());\"",
            "php",
            extension().display()
        );
        for mode in ["unlocked", "lock"] {
            at.raw("FLUSHALL");
            at.php().run(&session(COUNT));
            let mut php = at.php().ini("guarda.mode", mode);
            php.command.env("LOGOUT", &script);
            let said = php.run(&session(code));
            assert!(said.contains("bool(true)") && said.contains("destroyed meanwhile"), "{said}");
            assert!(at.raw(&format!("EXISTS {KEY} {KEY}_LOCK")).contains('0'), "{mode}");
        }
    });
}

#[test]
fn a_lost_lock_is_noticed_and_nothing_is_overwritten() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        let code = format!(
            "session_start(); $_SESSION['mine'] = 1; \
             $s = stream_socket_client('tcp://127.0.0.1:{}'); \
             fwrite($s, \"SET {KEY}_LOCK other\\r\\nSET {KEY} n|i:50;\\r\\n\"); fgets($s); fgets($s);",
            at.server.port()
        );
        let said = at.php().run(&session(&code));
        assert!(said.contains("not stored") && said.contains("lock_ttl"), "{said}");
        assert!(at.raw(&format!("GET {KEY}")).contains("n|i:50;"));
        assert!(at.raw(&format!("GET {KEY}_LOCK")).contains("other"));
    });
}

#[test]
fn a_held_lock_fails_or_reads_only() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        at.raw(&format!("SET {KEY}_LOCK host|1 EX 100"));
        let php = || at.php().ini("guarda.lock_wait", "0.1");
        let said = php().run(&session("var_dump(session_start());"));
        assert!(said.ends_with("bool(false)") && said.contains("another request"), "{said}");
        let said = php().ini("guarda.on_lock_timeout", "readonly").run(&session(COUNT));
        assert!(said.starts_with('2') && said.contains("read-only"), "{said}");
        let code = "session_start(['read_and_close' => true]); echo $_SESSION['n'];";
        assert_eq!(php().run(&session(code)), "1", "read_and_close takes no lock");
        assert!(at.raw(&format!("GET {KEY}")).contains("n|i:1;"));
    });
}

#[test]
fn data_that_cannot_be_decoded_stays() {
    on_every_server(|at| {
        at.raw(&format!("SET {KEY} corrupt EX 1000"));
        let said = at.php().run(&session("session_start(); $_SESSION['x'] = 1;"));
        assert!(said.contains("keeps it"), "{said}");
        assert!(at.raw(&format!("GET {KEY}")).contains("corrupt"));
        assert!(at.raw(&format!("EXISTS {KEY}_LOCK {KEY}_GONE")).contains('0'));
    });
}

#[test]
fn memory_limit_during_read_does_not_wipe_the_session() {
    on_every_server(|at| {
        let fill = "session_start(); $_SESSION['x'] = str_repeat('x', 8 << 20);";
        at.php().ini("memory_limit", "64M").run(&session(fill));
        let before = at.raw(&format!("STRLEN {KEY}"));
        let child = at.php().ini("memory_limit", "6M").spawn(&session("session_start();"));
        // PHP ends with an error, or by its hard limit: how does not matter here.
        drop(child.wait_with_output().expect("php ends"));
        assert_eq!(at.raw(&format!("STRLEN {KEY}")), before);
    });
}

#[test]
fn eight_processes_lose_no_update() {
    on_every_server(|at| {
        let loops = "for ($i = 0; $i < 25; $i++) { \
             session_start() or exit(1); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; \
             session_write_close(); }";
        let children: Vec<Child> = (0..8).map(|_| at.php().spawn(&session(loops))).collect();
        for child in children {
            assert_eq!(finish(child), "");
        }
        assert!(at.raw(&format!("GET {KEY}")).contains("n|i:200;"));
    });
}

#[test]
fn corrupt_data_is_copied_aside_and_stays() {
    on_every_server(|at| {
        for start in ["session_start();", "@session_start(); "] {
            at.raw("FLUSHALL");
            at.set(KEY, b"corrupt");
            let said = at.php().run(&session(&format!("{start} $_SESSION['x'] = 1;")));
            assert_eq!(said.contains("cannot be decoded"), !start.starts_with('@'), "{said}");
            assert_eq!(at.get(KEY).as_deref(), Some(&b"corrupt"[..]));
            assert_eq!(at.get(&format!("{KEY}_CORRUPT")).as_deref(), Some(&b"corrupt"[..]));
            let life = at.number(&format!("TTL {KEY}_CORRUPT"));
            assert!((3590..=3600).contains(&life), "{life}");
            assert!(!at.has(&format!("{KEY}_LOCK")) && !at.has(&format!("{KEY}_GONE")));
        }
        // What userland gives session_decode() is not what is stored.
        at.raw("FLUSHALL");
        at.php().run(&session(COUNT));
        let said = at.php().run(&session("session_start(); var_dump(@session_decode('corrupt'));"));
        assert_eq!(said, "bool(false)");
        assert_eq!(at.raw("DBSIZE"), ":1");
        assert_eq!(at.raw(&format!("GET {KEY}")), "\"n|i:1;\"");
    });
}

#[test]
fn another_serializer_fails_the_read_and_leaves_the_session() {
    on_every_server(|at| {
        let made =
            [("php", ""), ("php_serialize", ""), ("php_binary", ""), ("igbinary", "igbinary")];
        for (writer, needs) in made {
            for (reader, also) in made {
                at.raw("FLUSHALL");
                let php = |name: &str, extension: &str| {
                    let php = at.php().ini("session.serialize_handler", name);
                    if extension.is_empty() { php } else { php.ini("extension", extension) }
                };
                // The serializer must be known before php.ini names it.
                let write = "session_start(); $_SESSION['n'] = 41;";
                php(writer, needs).run(&session(write));
                let stored = at.get(KEY);
                let said = php(reader, also)
                    .run(&session("var_dump(session_start()); echo ++$_SESSION['n'];"));
                if writer == reader {
                    assert_eq!(said, "bool(true) 42", "{writer}");
                } else {
                    assert!(
                        said.contains(&format!("session.serialize_handler = {writer}")),
                        "{reader}: {said}"
                    );
                    assert!(said.contains("bool(false)"), "{said}");
                    assert_eq!(at.get(KEY), stored, "{writer} by {reader}");
                    assert_eq!(at.raw("DBSIZE"), ":1");
                }
            }
        }
    });
}

#[test]
fn a_session_that_vanished_is_not_made_again_unless_wanted() {
    on_every_server(|at| {
        let code = format!(
            "session_start(); $s = stream_socket_client('tcp://127.0.0.1:{}'); \
             fwrite($s, \"DEL {KEY}\\r\\n\"); fgets($s); $_SESSION['n'] = 5;",
            at.server.port()
        );
        at.php().run(&session(COUNT));
        let said = at.php().run(&session(&code));
        assert!(said.contains("vanished") && said.contains("guarda.on_vanished"), "{said}");
        assert!(!at.has(KEY) && !at.has(&format!("{KEY}_LOCK")));
        at.php().run(&session(COUNT));
        assert_eq!(at.php().ini("guarda.on_vanished", "recreate").run(&session(&code)), "");
        assert_eq!(at.raw(&format!("GET {KEY}")), "\"n|i:5;\"");
        // Unchanged data, too.
        let code = code.replace("$_SESSION['n'] = 5;", "");
        assert_eq!(at.php().run(&session(&code)), "");
        assert!(!at.has(KEY), "and nothing of that request was lost");
        at.php().run(&session(COUNT));
        at.php().ini("guarda.on_vanished", "recreate").run(&session(&code));
        assert!(at.has(KEY));
    });
}

#[test]
fn a_holder_that_outlived_its_lock_may_write_if_nobody_came() {
    on_redis(|at| {
        at.php().run(&session(COUNT));
        let slow = format!("{COUNT} usleep(1200000);");
        let php = || at.php().ini("guarda.lock_ttl", "1");
        assert_eq!(php().run(&session(&slow)), "2");
        assert_eq!(at.raw(&format!("GET {KEY}")), "\"n|i:2;\"");
        let child = php().spawn(&session(&slow));
        let locked = || at.has(&format!("{KEY}_LOCK"));
        assert!(guarda_testkit::deadline::await_true(std::time::Duration::from_secs(5), locked));
        let other = "session_start(); echo $_SESSION['n']; $_SESSION['n'] = 50;";
        assert_eq!(php().run(&session(other)), "2", "the lock has ended");
        let said = finish(child);
        assert!(said.starts_with('3') && said.contains("not stored"), "{said}");
        assert_eq!(at.raw(&format!("GET {KEY}")), "\"n|i:50;\"");
    });
}

#[test]
fn too_many_waiters_are_turned_away_on_guarda() {
    on_every_server(|at| {
        if !at.is_guarda() {
            return;
        }
        let holder = at.php().spawn(&session("session_start(); usleep(1500000);"));
        let locked = || at.has(&format!("{KEY}_LOCK"));
        assert!(guarda_testkit::deadline::await_true(std::time::Duration::from_secs(5), locked));
        let waiter = at.php().spawn(&session(COUNT));
        let waiting = || {
            at.raw("SESSION LOCKS").matches("waiters").count() > 0
                && at.raw("INFO all").contains("session_waiters:1")
        };
        assert!(guarda_testkit::deadline::await_true(std::time::Duration::from_secs(5), waiting));
        let said = at
            .php()
            .ini("guarda.lock_max_waiters", "1")
            .run(&session("var_dump(session_start());"));
        assert!(said.contains("guarda.lock_max_waiters") && said.contains("bool(false)"), "{said}");
        finish(holder);
        assert_eq!(finish(waiter), "1");
    });
}
