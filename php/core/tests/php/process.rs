use super::*;

#[test]
fn a_child_process_leaves_the_session_of_its_parent_alone() {
    on_every_server(|at| {
        let code = format!(
            "{COUNT} $pid = pcntl_fork(); if ($pid === 0) {{ $_SESSION['n'] = 77; exit; }} \
             pcntl_waitpid($pid, $status); $_SESSION['n'] = 5;"
        );
        // Both processes print what stood in the buffer when they parted: nothing, without one.
        let said = at.php().ini("output_buffering", "0").run(&session(&code));
        assert_eq!(said, "1");
        assert!(at.raw(&format!("GET {KEY}")).contains("n|i:5;"));
    });
}

#[test]
fn a_child_process_has_sessions_of_its_own_after_closing() {
    on_every_server(|at| {
        let code = format!(
            "{COUNT} session_write_close(); $pid = pcntl_fork(); \
             for ($i = 0; $i < 20; $i++) {{ session_start(); $_SESSION['n']++; session_write_close(); }} \
             if ($pid === 0) {{ exit; }} pcntl_waitpid($pid, $status); \
             session_start(); echo ' ', $_SESSION['n'];"
        );
        let said = at.php().ini("output_buffering", "0").run(&session(&code));
        assert_eq!(said, "1 41");
    });
}

#[test]
fn a_session_during_preload_leaves_no_connection_in_the_master() {
    on_redis(|at| {
        let dir = at.server.dir();
        let preload = dir.join("preload.php");
        fs::write(
            &preload,
            format!("<?php session_id('{ID}'); session_start(); $_SESSION['p'] = 1; session_write_close();"),
        )
        .expect("writes");
        let code = format!(
            "$s = stream_socket_client('tcp://127.0.0.1:{}'); fwrite($s, \"CLIENT LIST\\r\\n\"); \
             fgets($s); $n = 0; stream_set_timeout($s, 0, 200000); \
             while (($line = fgets($s)) && str_contains($line, 'addr=')) $n++; echo $n;",
            at.server.port()
        );
        let mut php = at
            .php()
            .ini("zend_extension", "opcache")
            .ini("opcache.enable_cli", "1")
            .ini("opcache.preload", &preload.display().to_string());
        // Where root runs the tests, PHP wants to know as whom to preload.
        php.command.args(["-d", "opcache.preload_user=root"]);
        assert_eq!(php.run(&code), "1", "the asking one alone");
        assert_eq!(at.raw(&format!("GET {KEY}")), "\"p|i:1;\"", "it did run");
    });
}

#[test]
fn many_sessions_in_one_process_leave_no_memory_behind() {
    on_every_server(|at| {
        // Resident memory after a warm-up and after as much again and more: what grows with each
        // request would show; a leak of a session's data (8 KiB) would be 16 MiB.
        let code = "function rss() { preg_match('/VmRSS:\\s+(\\d+)/', file_get_contents('/proc/self/status'), $m); return (int) $m[1]; } \
             function some($times) { for ($i = 0; $i < $times; $i++) { \
                 session_start(); $_SESSION['x'] = random_bytes(4096); guarda_session_info(); session_reset(); \
                 $_SESSION['x'] = random_bytes(4096); session_write_close(); \
                 session_start(['read_and_close' => true]); @session_decode('x'); } } \
             some(500); $before = rss(); some(2000); $grown = rss() - $before; \
             echo $grown < 2048 ? 'flat' : $grown;";
        assert_eq!(at.php().run(&session(code)), "flat");
    });
}

#[test]
fn a_script_that_dies_releases_the_lock() {
    on_every_server(|at| {
        for end in [
            "exit(0);",
            "throw new Exception('x');",
            "trigger_error('x', E_USER_ERROR);",
            "session_abort(); exit;",
        ] {
            let code = format!("{COUNT} ob_end_clean(); {end}");
            drop(at.php().spawn(&session(&code)).wait_with_output().expect("php ends"));
            assert!(!at.has(&format!("{KEY}_LOCK")), "{end}");
        }
    });
}

#[test]
fn a_worker_killed_in_its_request_frees_the_session() {
    on_every_server(|at| {
        let child =
            at.php().ini("guarda.lock_ttl", "2").spawn(&session("session_start(); sleep(60);"));
        let locked = || at.has(&format!("{KEY}_LOCK"));
        assert!(guarda_testkit::deadline::await_true(std::time::Duration::from_secs(10), locked));
        let mut child = child;
        child.kill().expect("kills");
        child.wait().expect("ends");
        let code = "$t = microtime(true); session_start(); echo microtime(true) - $t;";
        let waited: f64 = at.php().run(&session(code)).parse().expect("seconds");
        // At once on Guarda; at the lease's end elsewhere.
        assert!(waited < if at.is_guarda() { 1.0 } else { 4.0 }, "{waited}");
    });
}
