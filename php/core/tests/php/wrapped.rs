//! Classes of applications and frameworks around the handler.

use super::failures::SAY;
use super::*;

/// Forwards everything, as frameworks do.
const FORWARDING: &str = "class H extends SessionHandler {}";

/// With the interface that tells strict mode and unchanged sessions.
const WHOLE: &str = "class H extends SessionHandler implements SessionUpdateTimestampHandlerInterface { \
     function validateId(string $id): bool { return $this->read($id) !== ''; } \
     function updateTimestamp(string $id, string $data): bool { return $this->write($id, $data); } }";

/// Changes the data on its way, as an encrypting handler does.
const ENCRYPTING: &str = "class H extends SessionHandler { \
     function read(string $id): string|false { $d = parent::read($id); return $d === false ? false : strrev($d); } \
     function write(string $id, string $data): bool { return parent::write($id, strrev($data)); } }";

/// Ends sessions itself while they are read.
const EXPIRING: &str = "class H extends SessionHandler { \
     function read(string $id): string|false { $d = parent::read($id); \
         if (str_contains($d, 'old')) { $this->destroy($id); return ''; } return $d; } }";

fn installed(class: &str, code: &str) -> String {
    session(&format!("{class} session_set_save_handler(new H, true); {code}"))
}

#[test]
fn forwarding_classes_work_with_every_setting() {
    on_every_server(|at| {
        for (name, class) in
            [("forwarding", FORWARDING), ("whole", WHOLE), ("encrypting", ENCRYPTING)]
        {
            for handler in ["guarda", "redis"] {
                for strict in ["0", "1"] {
                    at.raw("FLUSHALL");
                    let php = || {
                        at.php()
                            .handler(handler)
                            .ini("redis.session.locking_enabled", "1")
                            .ini("redis.session.lock_retries", "5")
                            .ini("guarda.lock_wait", "1")
                            .ini("session.use_strict_mode", strict)
                    };
                    // In strict mode an id must exist to be accepted.
                    let made = format!(
                        "{class} session_set_save_handler(new H, true); session_start(); \
                         $_SESSION['n'] = 1; echo session_id();"
                    );
                    let id = php().run(&made);
                    let next = format!(
                        "{class} session_id('{id}'); session_set_save_handler(new H, true); {COUNT} \
                         session_write_close(); session_start(); echo $_SESSION['n']; \
                         session_write_close(); session_start(); session_reset(); echo $_SESSION['n']; \
                         var_dump(session_regenerate_id(true)); session_write_close(); \
                         session_start(); echo $_SESSION['n']; session_destroy();"
                    );
                    let what = format!("{name} {handler} strict={strict}");
                    assert_eq!(php().run(&next), "222bool(true) 2", "{what}");
                    assert!(!at.raw("KEYS *").contains("_LOCK"), "{what}");
                    assert!(!at.has(&format!("PHPREDIS_SESSION:{id}")), "{what}");
                }
            }
        }
    });
}

#[test]
fn a_class_that_ends_a_session_while_reading_it_deletes_it() {
    on_every_server(|at| {
        at.set(KEY, b"age|s:3:\"old\";");
        let said = at.php().run(&installed(EXPIRING, "session_start(); var_dump($_SESSION);"));
        assert_eq!(said, "array(0) { }");
        assert!(!at.has(KEY) && at.has(&format!("{KEY}_GONE")));
    });
}

#[test]
fn a_failed_write_is_told_to_the_class_that_asked() {
    on_every_server(|at| {
        let class = "class H extends SessionHandler { \
            function write(string $id, string $data): bool { \
                $ok = @parent::write($id, $data); echo $ok ? 'stored' : 'refused'; return true; } }";
        at.php().run(&session(COUNT));
        let code = "session_start(); $_SESSION['x'] = 1; session_write_close();";
        let said = at.php().ini("guarda.mode", "readonly").run(&installed(class, code));
        assert_eq!(said, "refused");
        assert_eq!(at.php().run(&installed(class, code)), "stored");
    });
}

#[test]
fn undecodable_data_of_a_class_stays() {
    on_every_server(|at| {
        at.set(KEY, b"no session at all");
        for class in [FORWARDING, WHOLE, ENCRYPTING] {
            let said = at.php().run(&installed(class, "session_start(); $_SESSION['x'] = 1;"));
            assert!(said.contains("cannot be decoded"), "{said}");
            assert_eq!(at.get(KEY).as_deref(), Some(&b"no session at all"[..]));
            assert!(!at.has(&format!("{KEY}_LOCK")) && !at.has(&format!("{KEY}_GONE")));
        }
    });
}

/// The class that docs/php.md gives to users of Laravel.
fn documented_class() -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/php.md");
    let text = fs::read_to_string(docs).expect("reads");
    let from = text.split_once("Session::extend('php', fn () => ").expect("the class").1;
    from.split_once("\n});").expect("its end").0.to_owned() + "\n}"
}

#[test]
fn the_class_for_laravel_locks_from_read_to_write() {
    on_every_server(|at| {
        let class = documented_class();
        // As Laravel's store calls it: read, then write at the end; a new id after a login.
        let request = format!(
            "$h = {class}; ob_end_clean(); $n = (int) $h->read('{ID}'); usleep(20000); \
             $h->write('{ID}', (string) ($n + 1));"
        );
        let children: Vec<Child> = (0..6).map(|_| at.php().spawn(&request)).collect();
        for child in children {
            assert_eq!(finish(child), "");
        }
        let login = format!(
            "$h = {class}; echo $h->read('{ID}'); $h->destroy('{ID}'); $h->write('fedcba9876543210', 'in'); \
             echo $h->read('fedcba9876543210'), $h->read('{ID}');"
        );
        assert_eq!(at.php().run(&login), "6in");
    });
}

/// As PHP's manual has it, and Symfony's classes do by their return types: what could not be read is
/// taken for empty. Symfony's, besides, destroy through methods of their own, and what is empty
/// instead of storing it.
const TRUSTING: &str = "class H extends SessionHandler { \
     function read(string $id): string|false { return (string) @parent::read($id); } \
     function write(string $id, string $data): bool { \
         return $data === '' ? $this->destroy($id) : parent::write($id, $data); } \
     function destroy(string $id): bool { return $this->doDestroy($id); } \
     function doDestroy(string $id): bool { return parent::destroy($id); } }";

#[test]
fn a_session_that_could_not_be_read_is_not_overwritten_by_a_class_that_took_it_for_empty() {
    on_every_server(|at| {
        for handler in ["guarda", "redis"] {
            for change in ["$_SESSION['x'] = 1;", ""] {
                at.raw("FLUSHALL");
                at.php().run(&session(COUNT));
                at.raw(&format!("SET {KEY}_LOCK host|1 EX 100"));
                let free = format!(
                    "{SAY} session_start(); {change} say({}, 'DEL {KEY}_LOCK'); \
                     session_write_close(); echo 'end';",
                    at.server.port()
                );
                let php = at
                    .php()
                    .handler(handler)
                    .ini("redis.session.locking_enabled", "1")
                    .ini("redis.session.lock_retries", "5")
                    .ini("guarda.lock_wait", "0.1");
                let said = php.run(&installed(TRUSTING, &free));
                assert!(said.contains("was not read") && said.ends_with("end"), "{said}");
                assert_eq!(at.raw(&format!("GET {KEY}")), "\"n|i:1;\"", "{handler} {change}");
                assert!(!at.has(&format!("{KEY}_LOCK")) && !at.has(&format!("{KEY}_GONE")));
            }
        }
    });
}

#[test]
fn undecodable_data_stays_whatever_methods_a_class_destroys_by() {
    on_every_server(|at| {
        at.set(KEY, b"no session at all");
        for change in ["$_SESSION['x'] = 1;", ""] {
            let said = at.php().run(&installed(TRUSTING, &format!("session_start(); {change}")));
            assert!(said.contains("cannot be decoded"), "{said}");
            assert_eq!(at.get(KEY).as_deref(), Some(&b"no session at all"[..]));
            assert!(!at.has(&format!("{KEY}_LOCK")) && !at.has(&format!("{KEY}_GONE")));
        }
    });
}

#[test]
fn the_user_stays_with_a_session_whose_class_destroys_by_other_methods() {
    on_every_server(|at| {
        at.php().run(&session(&format!("{COUNT} guarda_session_tag('ana');")));
        let code = "session_start(); session_regenerate_id(true); echo session_id();";
        let id = at.php().run(&installed(TRUSTING, code));
        assert!(at.has(&format!("PHPREDIS_SESSION:{id}_TAG")), "{id}");
        // A logout is one, even so.
        let code = "session_start(); session_destroy(); echo 'out';";
        let said = at.php().run(&format!(
            "{TRUSTING} session_id('{id}'); session_set_save_handler(new H, true); {code}"
        ));
        assert_eq!(said, "out");
        assert!(!at.has(&format!("PHPREDIS_SESSION:{id}")));
    });
}

#[test]
fn an_error_handler_may_close_the_session_that_a_notice_is_about() {
    on_every_server(|at| {
        for handler in ["guarda", "redis"] {
            for ttl in ["0", "3000000000"] {
                for change in ["$_SESSION['n'] = 5;", ""] {
                    at.raw("FLUSHALL");
                    at.set(KEY, b"n|i:5;");
                    let code = format!(
                        "$seen = 0; set_error_handler(function () use (&$seen) {{ \
                             $seen++; error_reporting(0); session_write_close(); session_start(); \
                             session_abort(); error_reporting(E_ALL); }}); \
                         session_start(); {change} session_write_close(); \
                         session_start(); {change} session_write_close(); echo $seen;"
                    );
                    let said = at
                        .php()
                        .handler(handler)
                        .ini("session.gc_maxlifetime", ttl)
                        .run(&session(&code));
                    assert_eq!(said, "2", "{handler} {ttl} {change}");
                    assert_eq!(at.raw(&format!("GET {KEY}")), "\"n|i:5;\"");
                }
            }
        }
    });
}

#[test]
fn what_a_class_makes_of_the_data_comes_back_though_it_looks_compressed() {
    // A byte in front that is one of LZF's, as an encrypting class may have it by chance.
    let class = "class H extends SessionHandler { \
         function read(string $id): string|false { return substr(parent::read($id), 1); } \
         function write(string $id, string $data): bool { \
             return parent::write($id, chr(strlen($data) - 1) . $data); } }";
    on_every_server(|at| {
        for compression in ["none", "lzf"] {
            at.raw("FLUSHALL");
            for n in ["1", "2", "3"] {
                let php = at.php().handler("redis").ini("redis.session.compression", compression);
                assert_eq!(php.run(&installed(class, COUNT)), n, "{compression}");
            }
        }
    });
}

/// As Symfony's: an id is valid if reading it gives something.
const VALIDATING: &str = "class H extends SessionHandler implements SessionUpdateTimestampHandlerInterface { \
     function read(string $id): string|false { return (string) @parent::read($id); } \
     function validateId(string $id): bool { return $this->read($id) !== ''; } \
     function updateTimestamp(string $id, string $data): bool { return $this->write($id, $data); } }";

#[test]
fn a_class_that_could_not_read_a_session_does_not_take_its_cookie_away() {
    on_every_server(|at| {
        let script = at.server.dir().join("page.php");
        let code = format!(
            "<?php {VALIDATING} session_set_save_handler(new H, true); session_start(); \
             echo 'n=', $_SESSION['n'] ?? 'none'; session_write_close(); \
             if (isset($_GET['again'])) {{ session_start(); session_regenerate_id(); }}"
        );
        fs::write(&script, code).expect("writes");
        let request = |id: &str, query: &str| {
            let mut php = Php::bare("php-cgi", &at.path("timeout=2"))
                .ini("extension", &extension().display().to_string())
                .handler("guarda")
                .ini("session.use_cookies", "1")
                .ini("session.use_strict_mode", "1")
                .ini("output_buffering", "4096")
                .ini("guarda.lock_wait", "0.1");
            let cookie = format!("PHPSESSID={id}");
            php.command.envs([("HTTP_COOKIE", &*cookie), ("QUERY_STRING", query)]);
            php.command.envs([("REQUEST_METHOD", "GET"), ("REDIRECT_STATUS", "200")]);
            php.command.env("SCRIPT_FILENAME", &script);
            finish(php.command.spawn().expect("php-cgi runs"))
        };
        at.set(KEY, b"n|i:1;");
        let said = request(ID, "");
        assert!(said.contains("n=1") && !said.contains("Set-Cookie"), "{said}");
        at.raw(&format!("SET {KEY}_LOCK host|1 EX 100"));
        let said = request(ID, "");
        assert!(said.contains("n=none") && !said.contains("Set-Cookie"), "{said}");
        // What comes later in the request gets its cookie, and so does who has no session, or no id.
        assert!(request(ID, "again=1").contains("Set-Cookie"));
        assert!(request("fedcba9876543210", "").contains("Set-Cookie"));
        assert!(request("no-id*", "").contains("Set-Cookie"));
        at.raw(&format!("DEL {KEY}_LOCK"));
        assert!(request(ID, "").contains("n=1"));
    });
}
