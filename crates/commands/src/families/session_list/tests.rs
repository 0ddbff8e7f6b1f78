use std::collections::BTreeSet;

use guarda_resp::Frame;

use crate::families::session::tests::A;
use crate::testing::{Bench, array, bulk, err, int, nil};

#[test]
fn list_tells_everything_but_data_and_tokens() {
    let mut bench = Bench::new();
    bench.run("SET s secret PX 70000");
    bench.run("SET s_TAG user1 PX 70000");
    bench.run(&format!("SESSION OPEN s {A}"));
    bench.run("SESSION SETASIDE s");
    bench.run("SET due x PX 1");
    bench.make_hash("h");
    bench.advance(1);
    let session = [
        [bulk("key"), bulk("s")],
        [bulk("ttl_ms"), int(69_999)],
        [bulk("size"), int(6)],
        [bulk("locked"), int(1)],
        [bulk("tag"), bulk("user1")],
    ];
    let session = [b"*10\r\n".to_vec(), session.concat().concat()].concat();
    bench.check("SESSION LIST COUNT 1000", array([bulk("0"), array([session])]));
    bench.run("SET t x");
    let session = [
        [bulk("key"), bulk("t")],
        [bulk("ttl_ms"), nil()],
        [bulk("size"), int(1)],
        [bulk("locked"), int(0)],
        [bulk("tag"), nil()],
    ];
    let session = [b"*10\r\n".to_vec(), session.concat().concat()].concat();
    bench.check("SESSION LIST MATCH t COUNT 1000", array([bulk("0"), array([session])]));
}

/// The keys of all pages.
fn walk(bench: &mut Bench, options: &str) -> Vec<String> {
    let (mut cursor, mut seen) = ("0".to_owned(), Vec::new());
    loop {
        let Frame::Array(page) = bench.frame(&format!("SESSION LIST CURSOR {cursor} {options}"))
        else {
            panic!("a page")
        };
        let [next, Frame::Array(sessions)] = &page[..] else { panic!("a cursor and sessions") };
        for session in sessions {
            let Frame::Array(fields) = session else { panic!("a session") };
            let key = fields[1].as_bytes().expect("a key");
            seen.push(String::from_utf8(key.to_vec()).expect("text"));
        }
        cursor = String::from_utf8(next.as_bytes().expect("text").to_vec()).expect("a number");
        if cursor == "0" {
            return seen;
        }
    }
}

#[test]
fn a_walk_shows_every_session_that_is_there_all_along() {
    let mut bench = Bench::new();
    for n in 0..300 {
        bench.run(&format!("SET p:{n} x"));
        bench.run(&format!("SET q:{n} x PX 90000"));
        bench.run(&format!("SET q:{n}_TAG user{} PX 90000", n % 3));
    }
    let all = walk(&mut bench, "COUNT 7");
    assert_eq!(all.len(), 600);
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 600);
    assert_eq!(walk(&mut bench, "COUNT 7 MATCH p:*").len(), 300);
    assert_eq!(walk(&mut bench, "TAG user1").len(), 100);
    assert_eq!(walk(&mut bench, "TAG user1 MATCH p:*").len(), 0);
}

#[test]
fn a_tag_without_its_session_does_not_count() {
    let mut bench = Bench::new();
    bench.run("SET s_TAG user1");
    assert!(walk(&mut bench, "").is_empty());
    bench.check("SESSION KILL TAG user1", int(0));
    bench.check("EXISTS s_GONE", int(0));
}

#[test]
fn malformed_calls_are_refused() {
    let mut bench = Bench::new();
    for options in ["BOGUS", "CURSOR", "MATCH", "TAG", "COUNT"] {
        bench.check(&format!("SESSION LIST {options}"), err("ERR syntax error"));
    }
    for count in ["0", "-1", "100001"] {
        let line = format!("SESSION LIST COUNT {count}");
        bench.check(&line, err("ERR value is out of range"));
    }
    bench.check("SESSION LIST COUNT 100000", array([bulk("0"), array([])]));
    bench.check("SESSION LIST CURSOR x", err("ERR invalid cursor"));
}
