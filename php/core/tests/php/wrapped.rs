//! Classes of applications and frameworks around the handler.

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
