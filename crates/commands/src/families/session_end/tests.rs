use crate::families::session::tests::{A, B, generation};
use crate::testing::{Bench, START, bulk, bulks, err, int, simple};

#[test]
fn kill_ends_sessions_and_keeps_their_requests_from_writing_them_again() {
    let mut bench = Bench::new();
    bench.run("SET s one PX 3600000");
    bench.run("SET t two PX 3600000");
    bench.run(&format!("SESSION OPEN s {A}"));
    bench.journal();
    bench.check("SESSION KILL s t missing", int(2));
    assert_eq!(bench.journal().len(), 4);
    bench.check("EXISTS s t missing missing_GONE", int(0));
    bench.check("GET s_LOCK", bulk(A));
    let commit = format!("SESSION COMMIT s {A} {} TTL 5000 DATA back", generation("one"));
    bench.check(&commit, simple("DESTROYED"));
    bench.check("EXISTS s s_LOCK", int(0));
    bench.check("PTTL t_GONE", int(900_000));
    let suffix =
        err("ERR a session's key does not end in _LOCK, _GONE, _TAG or _CORRUPT: those are what \
         belongs to it");
    bench.run("SET u three");
    bench.check("SESSION KILL u u_LOCK", suffix);
    bench.check("EXISTS u", int(1));
}

#[test]
fn a_destroy_that_is_sent_again_spares_what_was_made_since() {
    let mut bench = Bench::new();
    bench.run("SET s old PX 3600000");
    bench.run(&format!("SESSION OPEN s {A}"));
    bench.check(&format!("SESSION DESTROY s {A} NONCE n"), int(1));
    let commit = format!("SESSION COMMIT s {B} absent TTL 60000 NONCE n TAG user DATA new");
    bench.check(&commit, simple("OK"));
    bench.journal();
    bench.check(&format!("SESSION DESTROY s {A} NONCE n"), int(0));
    assert!(bench.journal().is_empty());
    bench.check("MGET s s_TAG s_GONE", bulks(["new", "user", "n"]));
    bench.check(&format!("SESSION DESTROY s {A} NONCE other"), int(1));
    bench.check("EXISTS s s_TAG", int(0));
    bench.check("GET s_GONE", bulk("other"));
}

#[test]
fn what_belongs_to_a_session_ends_with_it() {
    for line in [format!("SESSION DESTROY s {A} NONCE n"), "SESSION KILL s".to_owned()] {
        let mut bench = Bench::new();
        for key in ["s", "s_TAG", "s_CORRUPT"] {
            bench.run(&format!("SET {key} x PX 60000"));
        }
        bench.check(&line, int(1));
        bench.check("EXISTS s s_TAG s_CORRUPT", int(0));
        bench.check("PTTL s_GONE", int(900_000));
    }
}

#[test]
fn data_set_aside_is_a_copy_that_nobody_takes_for_a_session() {
    let mut bench = Bench::new();
    bench.check("SESSION SETASIDE s", int(0));
    assert!(bench.journal().is_empty());
    bench.run(r#"SET s "\x00bad" PX 70000"#);
    bench.run(&format!("SESSION OPEN s {A}"));
    let expires = START.0 + 3_600_000;
    bench.check_journal("SESSION SETASIDE s", &[&format!(r"SET s_CORRUPT \x00bad PXAT {expires}")]);
    bench.check("PTTL s", int(70_000));
    bench.check("GET s_LOCK", bulk(A));
    bench.check("SESSION SETASIDE s TTL 5000", int(1));
    bench.check("PTTL s_CORRUPT", int(5_000));
    bench.check("SESSION SETASIDE s TTL", err("ERR syntax error"));
    bench.check("SESSION SETASIDE s TTL 5 TTL 6", err("ERR syntax error"));
    // Restored by plain commands.
    bench.run("DEL s");
    bench.check("COPY s_CORRUPT s", int(1));
    bench.check("GET s", bulk("\x00bad"));
}

#[test]
fn kill_by_tag_ends_the_sessions_of_one_user() {
    let mut bench = Bench::new();
    for (key, tag) in [("p:a", "one"), ("p:b", "two"), ("q:c", "one"), ("q:d", "one")] {
        bench.run(&format!("SET {key} data PX 60000"));
        bench.run(&format!("SET {key}_TAG {tag} PX 60000"));
    }
    bench.run(&format!("SESSION OPEN q:d {A}"));
    bench.journal();
    bench.check("SESSION KILL TAG one MATCH p:*", int(1));
    let journal = bench.journal();
    assert_eq!(journal[1..], ["DEL p:a", "DEL p:a_TAG"]);
    assert!(journal[0].starts_with("SET p:a_GONE "), "{journal:?}");
    bench.check("SESSION KILL tag one", int(2));
    bench.check("EXISTS q:c q:c_TAG q:d q:d_TAG", int(0));
    bench.check("EXISTS p:a_GONE q:c_GONE q:d_GONE p:b p:b_TAG", int(5));
    bench.check("GET q:d_LOCK", bulk(A));
    let commit = format!("SESSION COMMIT q:d {A} {} TTL 5000 DATA back", generation("data"));
    bench.check(&commit, simple("DESTROYED"));
    assert_eq!(bench.worker.effects.counters.sessions.sessions_killed, 3);
    bench.check("SESSION KILL TAG one x", err("ERR syntax error"));
    bench.check("SESSION KILL TAG", err("ERR syntax error"));
    bench.check("COMMAND GETKEYS SESSION KILL TAG one", crate::testing::array([]));
    bench.check("COMMAND GETKEYS SESSION KILL a b", crate::testing::bulks(["a", "b"]));
}

#[test]
fn kill_by_tag_inside_a_transaction_is_part_of_it() {
    let mut bench = Bench::new();
    bench.run("SET s data");
    bench.run("SET s_TAG one");
    bench.journal();
    for line in ["MULTI", "INCR n", "SESSION KILL TAG one"] {
        bench.run(line);
    }
    bench.check("EXEC", crate::testing::array([int(1), int(1)]));
    assert_eq!(bench.journal().len(), 4);
    bench.check("EXISTS s s_TAG", int(0));
}
