use crate::families::session::tests::{A, B, generation};
use crate::testing::{Bench, START, bulk, err, int, nil, ok, simple};

impl Bench {
    fn commit(&mut self, token: &str, before: Option<&str>, options: &str) {
        let generation = before.map_or("absent".to_owned(), generation);
        let line = format!("SESSION COMMIT s {token} {generation} TTL 90000 {options}");
        self.check(&line, ok());
    }
}

#[test]
fn a_tag_is_an_ordinary_key_that_lives_as_long_as_its_session() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A}"));
    bench.journal();
    bench.commit(A, None, "TAG user1 DATA one");
    let expires = START.0 + 90_000;
    let expected = [
        format!("SET s one PXAT {expires}"),
        format!("SET s_TAG user1 PXAT {expires}"),
        "DEL s_LOCK".to_owned(),
    ];
    assert_eq!(bench.journal(), expected);
    bench.advance(1_000);
    bench.commit(A, Some("one"), "DATA two");
    bench.check("PTTL s_TAG", int(90_000));
    bench.advance(1_000);
    bench.commit(A, Some("two"), "DATA two");
    bench.check("PTTL s_TAG", int(90_000));
    bench.run(&format!("SESSION TOUCH s {A} TTL 100000"));
    bench.check("PTTL s_TAG", int(100_000));
    bench.run(&format!("SESSION OPEN s {A} TTL 110000"));
    bench.check("PTTL s_TAG", int(110_000));
    bench.run(&format!("SESSION RENEW s {A} LEASE 120000"));
    bench.check("PTTL s_TAG", int(120_000));
    bench.check("GET s_TAG", bulk("user1"));
}

#[test]
fn a_commit_sets_another_tag_or_none() {
    let mut bench = Bench::new();
    bench.commit(A, None, "TAG user1 DATA one");
    bench.commit(A, Some("one"), "TAG user2 DATA one");
    bench.check("GET s_TAG", bulk("user2"));
    bench.commit(A, Some("one"), r#"TAG "" DATA one"#);
    bench.check("GET s_TAG", nil());
    bench.commit(A, Some("one"), "NOLOCK TAG user3 DATA two");
    bench.check("GET s_TAG", bulk("user3"));
}

#[test]
fn a_tag_that_another_session_left_behind_is_not_inherited() {
    let mut bench = Bench::new();
    bench.run("SET s_TAG somebody PX 90000");
    bench.commit(A, None, "DATA one");
    bench.check("GET s_TAG", nil());
    // One that vanished and is made again is the same session.
    bench.commit(A, Some("one"), "TAG user1 DATA one");
    bench.run("DEL s");
    bench.commit(B, Some("one"), "RECREATE DATA two");
    bench.check("GET s_TAG", bulk("user1"));
}

#[test]
fn a_refused_commit_leaves_the_tag() {
    let mut bench = Bench::new();
    bench.commit(A, None, "TAG user1 DATA one");
    bench.run("SET s_LOCK phpredis");
    let line = format!("SESSION COMMIT s {A} {} TTL 5 TAG user2 DATA two", generation("one"));
    bench.check(&line, simple("LOCKLOST"));
    bench.check("GET s_TAG", bulk("user1"));
    bench.check("PTTL s_TAG", int(90_000));
}

#[test]
fn a_tag_is_short_and_can_be_shown() {
    let mut bench = Bench::new();
    let refusal = err("ERR a session's tag has up to 128 bytes, printable ASCII without spaces");
    let long = "t".repeat(129);
    for bad in [r#""a b""#, r#""\x07""#, r#""\xc3\xa9""#, &long] {
        let line = format!("SESSION COMMIT s {A} absent TTL 5 TAG {bad} DATA x");
        bench.check(&line, &refusal);
    }
    bench.commit(A, None, &format!("TAG {} DATA x", &long[1..]));
    bench.check("STRLEN s_TAG", int(128));
}

#[test]
fn the_same_commit_with_another_tag_is_another_commit() {
    let mut bench = Bench::new();
    bench.commit(A, None, "NOLOCK TAG user1 DATA one");
    bench.run("SET s theirs KEEPTTL");
    bench.commit(A, None, "NOLOCK TAG user1 DATA one");
    bench.check("GET s", bulk("theirs"));
    bench.commit(A, None, "NOLOCK TAG user2 DATA one");
    bench.check("GET s", bulk("one"));
}
