use super::*;

#[test]
fn both_extensions_in_either_order() {
    let server = Server::start(ServerSpec::new(Program::reference())).expect("starts");
    let at = Fixture { server };
    let own = extension().display().to_string();
    for order in [["redis", &own], [&own, "redis"]] {
        let mut php = at.php();
        php.command = Command::new("php");
        php.command.arg("-n").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut php = php.ini("extension", "igbinary");
        for extension in order {
            php = php.ini("extension", extension);
        }
        for handler in ["guarda", "redis"] {
            at.raw("FLUSHALL");
            let mut run = Command::new("php");
            run.args(php.command.get_args());
            run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let run = Php { command: run }
                .ini("session.use_cookies", "0")
                .ini("session.cache_limiter", "")
                .ini("display_errors", "1")
                .ini("session.save_path", &format!("\"{}\"", at.path("timeout=2")))
                .handler(handler)
                .ini("redis.session.locking_enabled", "1");
            let code = format!("{COUNT} echo class_exists('Redis') ? 'phpredis' : 'alone';");
            assert_eq!(run.run(&session(&code)), "1phpredis", "{order:?} {handler}");
            assert!(at.raw(&format!("GET {KEY}")).contains("n|i:1;"));
        }
    }
}

#[test]
fn nonsense_in_an_entry_is_refused_with_what_it_takes() {
    on_redis(|at| {
        for (entry, bad, takes) in [
            ("guarda.mode", "locked", "one of lock, readonly, unlocked"),
            ("guarda.lock_wait", "5m", "or -1 for ever"),
            ("guarda.lock_ttl", "0", "from 1 to 600"),
            ("guarda.lock_max_hold", "-1", "from 1 to 86400"),
            ("guarda.lock_max_waiters", "many", "a whole number"),
            ("guarda.on_lock_timeout", "ignore", "fail, readonly"),
            ("guarda.on_vanished", "1", "refuse, recreate"),
            ("guarda.io_budget", "0", "from 0.1"),
            ("guarda.empty_ttl", "0", "from 1 to 2147483647"),
            ("guarda.absolute_lifetime", "8h", "from 0 to 2147483647"),
            ("guarda.keep_connections", "maybe", "0 or 1"),
        ] {
            let code = format!(
                "$old = ini_get('{entry}'); var_dump(ini_set('{entry}', '{bad}')); \
                                echo ini_get('{entry}') === $old ? 'as it was' : 'changed';"
            );
            let said = at.php().run(&code);
            assert!(said.contains(&format!("Warning: ini_set(): {entry} takes ")), "{said}");
            assert!(said.contains(takes), "{takes}: {said}");
            assert!(said.ends_with("bool(false) as it was"), "{said}");
            // In php.ini the default is taken, and the start says so.
            let php = at.php().ini(entry, bad).ini("display_startup_errors", "1");
            let said = php.run(&format!("echo ini_get('{entry}');"));
            assert!(said.contains(&format!("{entry} takes ")), "{said}");
        }
    });
}

#[test]
fn entries_hold_for_sessions_that_are_opened_afterwards() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        at.raw(&format!("SET {KEY}_LOCK host|1 EX 100"));
        let code = format!(
            "ini_set('guarda.mode', 'unlocked'); {COUNT} ini_set('guarda.mode', 'readonly');"
        );
        assert_eq!(at.php().run(&session(&code)), "2", "frozen at open");
        assert_eq!(at.raw(&format!("GET {KEY}")), "\"n|i:2;\"");
        let code = "ini_set('guarda.mode', 'readonly'); session_start(); $_SESSION['n'] = 9;";
        let said = at.php().run(&session(code));
        assert!(said.contains("read-only"), "{said}");
        assert_eq!(at.raw(&format!("GET {KEY}")), "\"n|i:2;\"");
    });
}

/// `once()` opens the session, says for how many seconds it is locked, or how it is open without a
/// lock, and closes it.
fn script_that_says_how_it_opens(at: &Fixture, code: &str) -> String {
    let port = at.server.port();
    session(&format!(
        "$server = stream_socket_client('tcp://127.0.0.1:{port}');
         function once() {{
             session_start();
             $session = guarda_session_info();
             fwrite($GLOBALS['server'], \"PTTL {KEY}_LOCK\\r\\n\");
             $lease = ceil((int) substr(fgets($GLOBALS['server']), 1) / 1000);
             echo $session['locked'] ? $lease : ($session['readonly'] ? 'reads' : 'free'), ' ';
             session_abort();
         }}
         {code}"
    ))
}

#[test]
fn an_entry_that_changes_between_two_sessions_counts_for_the_second() {
    on_every_server(|at| {
        at.php().run(&session(COUNT));
        let code = "once();
             ini_set('guarda.lock_ttl', '7'); once();
             ini_set('guarda.mode', 'unlocked'); once();
             ini_set('guarda.mode', 'readonly'); once();
             ini_restore('guarda.mode'); once();
             @ini_set('guarda.lock_ttl', '0'); once();
             ini_restore('guarda.lock_ttl'); once();
             session_start(['read_and_close' => true]); once();";
        let said = at.php().run(&script_that_says_how_it_opens(at, code));
        assert_eq!(said, "60 7 free reads 7 7 60 60");
        let code = "once();
             ini_set('redis.session.locking_enabled', '1'); once();
             set_time_limit(50); once();
             set_time_limit(0); once();
             ini_set('guarda.lock_ttl', '8'); once();
             ini_set('redis.session.lock_expire', '9'); once();
             ini_restore('redis.session.lock_expire'); once();
             ini_set('session.save_handler', 'guarda'); once();
             ini_set('guarda.mode', 'unlocked'); once();
             ini_set('session.save_handler', 'redis'); once();
             ini_restore('redis.session.locking_enabled'); once();";
        let php = at.php().handler("redis").ini("max_execution_time", "40");
        let said = php.run(&script_that_says_how_it_opens(at, code));
        assert_eq!(said, "free 40 50 60 8 9 8 8 free 8 free");
    });
}

#[test]
fn a_warning_about_an_entry_may_open_a_session() {
    on_every_server(|at| {
        // While the entry is asked, it has its old value; and what is refused keeps it.
        let code = "set_error_handler(function () { once(); });
             once(); ini_set('guarda.lock_ttl', '7'); once();
             ini_set('guarda.lock_ttl', 'long'); once();
             ini_set('guarda.lock_ttl', '8'); once();";
        let said = at.php().run(&script_that_says_how_it_opens(at, code));
        assert_eq!(said, "60 7 7 7 8");
    });
}

#[test]
fn phpinfo_shows_owners_and_no_password() {
    on_redis(|at| {
        let path = format!("{}&auth=hunter2", at.path("timeout=2"));
        let said = Php::new(&path).run("phpinfo();");
        assert!(!said.contains("hunter2"), "{said}");
        for part in [
            "Save handler guarda => yes",
            "Save handler redis => yes",
            "session.save_handler now => guarda",
            "redis.session.locking_enabled => guarda",
            "guarda.lock_wait => 30 => 30",
            &format!("session.save_path now => tcp://127.0.0.1:{}", at.server.port()),
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let both = Php::bare("php", &path)
            .ini("extension", &extension().display().to_string())
            .ini("extension", "igbinary")
            .ini("extension", "redis");
        let said = both.run("phpinfo();");
        assert!(!said.contains("hunter2"), "{said}");
        assert!(
            said.contains("Save handler redis => no: it belongs to another extension"),
            "{said}"
        );
        assert!(said.contains("redis.session.locking_enabled => redis"), "{said}");
    });
}

#[test]
fn a_parameter_that_does_not_exist_is_explained_in_the_log() {
    on_redis(|at| {
        let path = at.path("name=PHPREDIS&timeout=2");
        let log = at.server.dir().join("php.log");
        let php =
            Php::new(&path).ini("log_errors", "1").ini("error_log", &log.display().to_string());
        assert_eq!(php.run(&session(COUNT)), "1", "not on the page");
        let log = fs::read_to_string(log).expect("a log");
        assert!(log.contains("`name` is not a parameter") && log.contains("session.name"), "{log}");
    });
}

#[test]
fn gc_has_nothing_to_do_and_says_so() {
    on_redis(|at| {
        for handler in ["guarda", "redis"] {
            let said = at.php().handler(handler).run("session_start(); var_dump(session_gc());");
            assert_eq!(said, "int(0)");
        }
    });
}

#[test]
fn a_process_may_load_it_anew_for_each_of_its_requests() {
    on_redis(|at| {
        let dir = extension().parent().expect("a directory").display().to_string();
        let script = at.server.dir().join("dl.php");
        let code = format!(
            "<?php ob_start(); dl('guarda.so'); ini_set('session.save_handler', 'guarda'); {} echo ';';",
            session(COUNT)
        );
        fs::write(&script, code).expect("writes");
        let mut php = Php::bare("php-cgi", &at.path("timeout=2")).ini("extension_dir", &dir);
        // More often than PHP has places for save handlers.
        php.command.args(["-T", "40"]).arg(&script);
        let said = finish(php.command.spawn().expect("php-cgi runs"));
        assert!(!said.contains("Warning"), "{said}");
        assert!(said.contains("1;") && said.contains("40;"), "{said}");
    });
}
