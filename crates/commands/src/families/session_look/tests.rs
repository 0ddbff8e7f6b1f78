use crate::families::session::tests::{A, B, C};
use crate::testing::{Bench, START, array, bulk, err, int, nil};

#[test]
fn locks_shows_holder_and_waiters_in_order() {
    let mut bench = Bench::new();
    bench.run(&format!("SESSION OPEN s {A} HOLDER web1 42 /index.php"));
    bench.run(&format!("SESSION OPEN t {A}"));
    let line = format!("SESSION OPEN s {B} WAIT 9000 HOLDER web2 43 /");
    let (_, _b) = bench.as_client(7, &line);
    bench.advance(30);
    let _c = bench.park(8, C);
    bench.advance(5);
    let holder = |host: &str, pid: Option<i64>, url: &str| {
        let pid = pid.map_or_else(nil, int);
        [bulk("host"), bulk(host), bulk("pid"), pid, bulk("url"), bulk(url)].concat()
    };
    let map = |fields: &[Vec<u8>], len: usize| {
        [format!("*{}\r\n", 2 * len).into_bytes(), fields.concat()].concat()
    };
    let waiter = |client: i64, holder: Vec<u8>, waited: i64| {
        map(&[bulk("client"), int(client), holder, bulk("waited_ms"), int(waited)], 5)
    };
    let waiters =
        array([waiter(7, holder("web2", Some(43), "/"), 35), waiter(8, holder("", None, ""), 5)]);
    let card = |key: &str, holder: Vec<u8>, waiters: Vec<u8>| {
        let key = [bulk("key"), bulk(key), bulk("client"), int(1)].concat();
        let held = [bulk("since_ms"), int(START.0), bulk("held_ms"), int(35)].concat();
        map(&[key, holder, held, bulk("waiters"), waiters], 8)
    };
    let s = card("s", holder("web1", Some(42), "/index.php"), waiters);
    bench.check("SESSION LOCKS MATCH s", array([s]));
    bench.check(
        "SESSION LOCKS MATCH t COUNT 1",
        array([card("t", holder("", None, ""), array([]))]),
    );
    let guarda_resp::Frame::Array(one) = bench.frame("SESSION LOCKS COUNT 1") else { panic!() };
    assert_eq!(one.len(), 1, "never more than asked for");
    bench.check("SESSION LOCKS MATCH nothing", array([]));
    bench.check("SESSION LOCKS COUNT 0", err("ERR value is out of range"));
}

#[test]
fn info_describes_without_telling_data_or_token() {
    let mut bench = Bench::new();
    bench.run("SET s secret PX 70000");
    bench.run(&format!("SESSION OPEN s {A} HOLDER me 1 /"));
    let reply = bench.run("SESSION INFO s");
    let text = String::from_utf8_lossy(&reply).into_owned();
    assert!(!text.contains("secret") && !text.contains(A), "{text}");
    for part in ["size\r\n:6", "ttl_ms\r\n:70000", "locked\r\n:1", "lease_ms\r\n:60000", "me\r\n"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let reply = bench.run("SESSION INFO missing");
    assert!(String::from_utf8_lossy(&reply).contains("locked\r\n:0"));
}
