//! The functions that applications call.

use super::*;

#[test]
fn info_tells_no_secret() {
    on_every_server(|at| {
        at.raw("CONFIG SET requirepass hunter2");
        let path = format!("tcp://127.0.0.1:{}?auth=hunter2", at.server.port());
        let code = "var_dump(guarda_session_info()); session_start(); $_SESSION['n'] = 1; \
                    session_write_close(); session_start(); echo json_encode(guarda_session_info());";
        let said = Php::new(&path).run(&session(code));
        assert!(said.starts_with("array(0) { }"), "{said}");
        for part in [
            "\"handler\":\"guarda\"",
            &format!("\"endpoint\":\"127.0.0.1:{}\"", at.server.port()),
            "\"locked\":true",
            "\"readonly\":false",
            "\"existed\":true",
            "\"waited_ms\":0",
            "\"round_trips\":1",
            if at.is_guarda() {
                "\"server\":\"SESSION commands\""
            } else {
                "\"server\":\"scripts\""
            },
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        for secret in [ID, "hunter2", "guarda:"] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    });
}

#[test]
fn without_a_session_they_say_so() {
    on_redis(|at| {
        let code = "var_dump(guarda_session_renew(), guarda_session_tag('x'), guarda_session_ttl(5)); \
                    try { guarda_session_ttl(0); } catch (ValueError $e) { echo $e->getMessage(); }";
        let said = at.php().run(code);
        assert_eq!(count(&said, "there is no open session"), 3, "{said}");
        assert_eq!(count(&said, "bool(false)"), 3, "{said}");
        assert!(said.contains("must be between 1 and 2147483647"), "{said}");
    });
}

#[test]
fn renew_keeps_the_lock_of_a_long_request() {
    on_every_server(|at| {
        let code = format!("{COUNT} var_dump(guarda_session_renew());");
        let php = at.php().ini("guarda.lock_ttl", "500");
        let hold = format!("{code} echo 'held'; usleep(600000);");
        assert_eq!(php.run(&session(&hold)), "1bool(true) held");
        // A lock that is somebody else's is not renewed.
        let stolen = format!(
            "session_start(); $s = stream_socket_client('tcp://127.0.0.1:{}'); \
             fwrite($s, \"SET {KEY}_LOCK other\\r\\n\"); fgets($s); var_dump(guarda_session_renew());",
            at.server.port()
        );
        let said = at.php().run(&session(&stolen));
        assert!(said.contains("has ended already") && said.contains("bool(false)"), "{said}");
        at.raw(&format!("DEL {KEY}_LOCK"));
        let long = "session_start(); usleep(1100000); var_dump(guarda_session_renew());";
        let said = at.php().ini("guarda.lock_max_hold", "1").run(&session(long));
        assert!(said.contains("guarda.lock_max_hold") && said.contains("bool(false)"), "{said}");
        let read = "session_start(['read_and_close' => false]); var_dump(guarda_session_renew());";
        let said = at.php().ini("guarda.mode", "unlocked").run(&session(read));
        assert!(said.contains("without a lock"), "{said}");
    });
}

#[test]
fn a_user_is_stored_as_a_hash_and_follows_the_session() {
    on_every_server(|at| {
        let sha256_of_ana = "24d4b96f58da6d4a8512313bbd02a28ebf0ca95dec6e4c86ef78ce7f01e788ac";
        let tagged = format!("{COUNT} var_dump(guarda_session_tag('ana'));");
        let said = at.php().run(&session(&tagged));
        assert_eq!(said, "1bool(true)");
        let tag = at.get(&format!("{KEY}_TAG")).expect("a tag");
        assert_eq!(tag.len(), 64);
        let check = "echo hash('sha256', 'ana');";
        assert_eq!(at.php().run(check).into_bytes(), tag, "{sha256_of_ana}");
        for delete in ["true", "false"] {
            let code = format!(
                "session_start(); session_regenerate_id({delete}); $_SESSION['x'] = 1; \
                 echo session_id();"
            );
            let id = at.php().run(&session(&code));
            assert_eq!(
                at.get(&format!("PHPREDIS_SESSION:{id}_TAG")),
                Some(tag.clone()),
                "{delete}"
            );
            at.raw("FLUSHALL");
            at.php().run(&session(&tagged));
        }
        // An unchanged session is tagged too.
        at.raw("FLUSHALL");
        at.php().run(&session(COUNT));
        at.php().run(&session("session_start(); guarda_session_tag('ana');"));
        assert_eq!(at.get(&format!("{KEY}_TAG")), Some(tag.clone()));
        at.php().run(&session("session_start(); guarda_session_tag('');"));
        assert_eq!(at.get(&format!("{KEY}_TAG")), None, "taken away");
        let said = at.php().ini("guarda.mode", "readonly").run(&session(&tagged));
        assert!(said.contains("read-only") && said.contains("bool(false)"), "{said}");
    });
}

#[test]
fn a_session_may_live_longer_than_others() {
    on_every_server(|at| {
        let life = |key: &str| at.number(&format!("TTL {key}"));
        at.php().run(&session(&format!("{COUNT} guarda_session_ttl(100000);")));
        assert!((99_990..=100_000).contains(&life(KEY)));
        // Unchanged data, too; and the next id.
        at.php().run(&session("session_start(); guarda_session_ttl(200000);"));
        assert!((199_990..=200_000).contains(&life(KEY)));
        let code = "session_start(); guarda_session_ttl(300000); session_regenerate_id(true); \
                    echo session_id();";
        let id = at.php().run(&session(code));
        assert!((299_990..=300_000).contains(&life(&format!("PHPREDIS_SESSION:{id}"))));
        // Each request says it anew.
        let code = format!("session_id('{id}'); session_start();");
        at.php().run(&code);
        assert!((1430..=1440).contains(&life(&format!("PHPREDIS_SESSION:{id}"))));
    });
}

#[test]
fn a_session_ends_at_its_age_however_busy_it_is() {
    on_every_server(|at| {
        for strict in ["0", "1"] {
            at.raw("FLUSHALL");
            let aged = || {
                at.php()
                    .ini("guarda.absolute_lifetime", "1000")
                    .ini("session.use_strict_mode", strict)
            };
            let id = aged().run("session_start(); $_SESSION['n'] = 1; echo session_id();");
            let key = format!("PHPREDIS_SESSION:{id}");
            let again = format!(
                "session_id('{id}'); session_start(); echo $_SESSION['n'] ?? 'new', ' ', \
                 session_id() === '{id}' ? 'same' : 'other';"
            );
            assert_eq!(aged().run(&again), "1 same");
            // The server ends it in time by itself.
            assert!(at.number(&format!("TTL {key}")) <= 1000);
            let born: i64 = String::from_utf8(at.get(&format!("{key}_BORN")).expect("noted"))
                .expect("text")
                .parse()
                .expect("a number");
            assert_eq!(at.raw(&format!("GET {key}")), "\"n|i:1;\"", "the data is as it was");
            // As if it were old, and another handler had prolonged it.
            at.raw(&format!("SET {key}_BORN {}", born - 1000));
            let expected = if strict == "1" { "new other" } else { "new same" };
            assert_eq!(aged().run(&again), expected);
            assert!(at.has(&format!("{key}_GONE")), "late requests do not bring it back");
        }
    });
}

#[test]
fn the_age_of_a_session_survives_a_new_id() {
    on_every_server(|at| {
        let aged = || at.php().ini("guarda.absolute_lifetime", "1000");
        aged().run(&session(COUNT));
        at.raw(&format!("SET {KEY}_BORN 5"));
        let now: i64 = aged().run("echo time();").parse().expect("a number");
        at.raw(&format!("SET {KEY}_BORN {}", now - 500));
        let code = "session_start(); session_regenerate_id(true); echo session_id(), ' ', \
                    guarda_session_info()['created_at'];";
        let said = aged().run(&session(code));
        let (id, created) = said.split_once(' ').expect("two words");
        assert_eq!(created.parse::<i64>().expect("a number"), now - 500);
        assert_eq!(
            at.get(&format!("PHPREDIS_SESSION:{id}_BORN")),
            Some((now - 500).to_string().into_bytes())
        );
        assert!(at.number(&format!("TTL PHPREDIS_SESSION:{id}")) <= 500);
    });
}
