//! What INFO counts, from outside.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use guarda_testkit::deadline::await_true;
use support::{SOON, await_count, call, count, info, start};

#[test]
fn denials_are_counted_by_their_kind_and_survive_resetstat() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let mut user = server.connect().unwrap();
    let kinds = ["auth", "cmd", "key", "channel"];
    let mut denied = || -> Vec<u64> {
        kinds.iter().map(|kind| count(&mut control, &format!("acl_access_denied_{kind}"))).collect()
    };
    assert_eq!(denied(), [0, 0, 0, 0]);
    assert!(call(&mut user, "AUTH nobody x").starts_with("WRONGPASS"));
    call(&mut user, "ACL SETUSER u on nopass +get +publish ~a &a");
    assert_eq!(call(&mut user, "AUTH u x"), "OK");
    for command in ["SET a 1", "DEL a", "GET b", "PUBLISH b x"] {
        assert!(call(&mut user, command).starts_with("NOPERM"), "{command}");
    }
    assert_eq!(denied(), [1, 2, 1, 1]);
    let mut other = server.connect().unwrap();
    assert_eq!(call(&mut other, "CONFIG RESETSTAT"), "OK");
    assert_eq!(denied(), [1, 2, 1, 1]);
}

#[test]
fn traffic_is_counted_and_rated_until_resetstat() {
    let server = start(&[("io-threads", "2")]);
    let mut control = server.connect().unwrap();
    let mut client = server.connect().unwrap();
    let busy = await_true(SOON, || {
        (0..100).for_each(|_| assert_eq!(call(&mut client, "PING"), "PONG"));
        info(&mut control, "instantaneous_input_kbps").parse::<f64>().unwrap() > 0.0
    });
    assert!(busy, "no rate although clients are busy");
    assert!(count(&mut control, "instantaneous_ops_per_sec") > 0);
    let reads = count(&mut control, "total_reads_processed");
    assert!(reads >= 100, "{reads}");
    assert!(count(&mut control, "total_writes_processed") >= 100);
    assert_eq!(call(&mut control, "CONFIG RESETSTAT"), "OK");
    for counter in ["total_reads_processed", "total_commands_processed", "total_writes_processed"] {
        let now = count(&mut control, counter);
        assert!(now < 20, "{counter} is {now}");
    }
    // Rates go down to nothing by themselves.
    let idle = await_true(SOON, || count(&mut control, "instantaneous_ops_per_sec") < 50);
    assert!(idle, "a rate although clients are idle");
}

#[test]
fn those_who_wait_are_counted_with_and_without_an_end() {
    let server = start(&[]);
    let mut control = server.connect().unwrap();
    let mut waiting: Vec<_> = ["BLPOP l 0", "BLPOP l 100", "WAIT 1 0", "WAIT 1 100000"]
        .into_iter()
        .map(|command| {
            let mut client = server.connect().unwrap();
            client.send(&command.split(' ').collect::<Vec<_>>()).unwrap();
            client
        })
        .collect();
    await_count(&mut control, "blocked_clients", 4);
    assert_eq!(count(&mut control, "clients_in_timeout_table"), 2);
    assert!(!info(&mut control, "instantaneous_ops_per_sec").is_empty());
    let stats = call(&mut control, "INFO commandstats");
    assert!(!stats.contains("cmdstat_blpop"), "it waits still: {stats}");
    assert_eq!(call(&mut control, "RPUSH l a b"), "2");
    assert_eq!(count(&mut control, "blocked_clients"), 2);
    let stats = call(&mut control, "INFO commandstats");
    assert!(stats.contains("cmdstat_blpop:calls=2,"), "{stats}");
    waiting.clear();
    await_count(&mut control, "blocked_clients", 0);
}
