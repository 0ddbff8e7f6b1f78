//! INFO: the sections and field names of a real server, and what Redis 7.2 has beyond 7.0.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::collections::BTreeMap;

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::await_true;
use guarda_testkit::server::{Program, Server, ServerSpec};
use support::{SOON, call, count, info, spec};

/// What 7.2's documentation names and 7.0 does not have yet.
const SINCE_7_2: &[(&str, &[&str])] = &[
    ("Server", &["listener0"]),
    ("Clients", &["total_blocking_keys", "total_blocking_keys_on_nokey"]),
    (
        "Stats",
        &[
            "acl_access_denied_auth",
            "acl_access_denied_channel",
            "acl_access_denied_cmd",
            "acl_access_denied_key",
            "eventloop_cycles",
            "eventloop_duration_cmd_sum",
            "eventloop_duration_sum",
            "instantaneous_eventloop_cycles_per_sec",
            "instantaneous_eventloop_duration_usec",
        ],
    ),
];

/// Field names by section.
fn sections(client: &mut Connection) -> BTreeMap<String, Vec<String>> {
    let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut title = String::new();
    for line in call(client, "INFO everything").lines() {
        if let Some(name) = line.strip_prefix("# ") {
            name.trim().clone_into(&mut title);
            sections.entry(title.clone()).or_default();
        } else if let Some((name, _)) = line.split_once(':') {
            sections.get_mut(&title).unwrap().push(name.to_owned());
        }
    }
    sections
}

/// A server with a log, and something in it of all that has fields by name.
fn filled(spec: ServerSpec) -> (Server, BTreeMap<String, Vec<String>>) {
    let server = Server::start(spec.with("appendonly", "yes")).unwrap();
    let mut client = server.connect().unwrap();
    for line in ["CONFIG RESETSTAT", "SET k v", "EXPIRE k 1000", "GET k", "LPUSH k x", "NOSUCH"] {
        call(&mut client, line);
    }
    let sections = sections(&mut client);
    drop(client);
    (server, sections)
}

#[test]
fn every_section_has_every_field_of_redis() {
    let (_reference, theirs) = filled(ServerSpec::new(Program::reference()));
    let (_subject, ours) = filled(spec());
    for (section, fields) in &theirs {
        // Its fields are compared where memory is tested.
        if section == "Memory" {
            continue;
        }
        let ours = ours.get(section).unwrap_or_else(|| panic!("no section {section}"));
        let missing: Vec<_> = fields.iter().filter(|field| !ours.contains(field)).collect();
        assert!(missing.is_empty(), "{section}: {missing:?}");
    }
    for (section, fields) in SINCE_7_2 {
        for field in *fields {
            assert!(ours[*section].iter().any(|ours| ours == field), "{section}: {field}");
        }
    }
    for (section, fields) in &ours {
        let mut seen = std::collections::BTreeSet::new();
        assert!(fields.iter().all(|field| seen.insert(field)), "{section}: a name twice");
    }
}

#[test]
fn counters_count() {
    let server = Server::start(spec().with("appendonly", "yes")).unwrap();
    let mut client = server.connect().unwrap();
    assert_eq!(info(&mut client, "guarda_version"), env!("CARGO_PKG_VERSION"));
    assert!(info(&mut client, "redis_version").starts_with("7.2."));
    let (reads, writes) =
        (count(&mut client, "total_reads_processed"), count(&mut client, "total_writes_processed"));
    for _ in 0..10 {
        call(&mut client, "PING");
    }
    assert!(count(&mut client, "total_reads_processed") >= reads + 10);
    assert!(count(&mut client, "total_writes_processed") >= writes + 10);
    let listener = format!("name=tcp,bind=127.0.0.1,port={}", server.port());
    assert_eq!(info(&mut client, "listener0"), listener);

    assert_eq!(count(&mut client, "rdb_saves"), 0);
    call(&mut client, "SAVE");
    assert_eq!(count(&mut client, "rdb_saves"), 1);
    let rewrites = count(&mut client, "aof_rewrites");
    call(&mut client, "BGREWRITEAOF");
    assert!(await_true(SOON, || count(&mut client, "aof_rewrites") == rewrites + 1));
    assert_eq!(info(&mut client, "aof_current_rewrite_time_sec"), "-1");

    call(&mut client, "ACL SETUSER bob on nopass +get ~a");
    let mut bob = server.connect().unwrap();
    call(&mut bob, "AUTH bob wrong-but-nopass");
    call(&mut bob, "SET a 1");
    call(&mut bob, "GET b");
    call(&mut bob, "GET b");
    call(&mut bob, "AUTH nobody x");
    for (reason, times) in [("auth", 1), ("cmd", 1), ("key", 2), ("channel", 0)] {
        assert_eq!(count(&mut client, &format!("acl_access_denied_{reason}")), times, "{reason}");
    }

    let mut waiter = server.connect().unwrap();
    waiter.send(&["BLPOP", "k1", "k2", "0"]).unwrap();
    assert!(await_true(SOON, || count(&mut client, "total_blocking_keys") == 2));
    call(&mut client, "RPUSH k1 x");
    assert!(await_true(SOON, || count(&mut client, "total_blocking_keys") == 0));

    let busy = await_true(SOON, || {
        (0..50).for_each(|_| drop(call(&mut client, "PING")));
        count(&mut client, "instantaneous_ops_per_sec") > 10
    });
    assert!(busy);
}

#[test]
fn the_work_of_the_event_loops_is_measured() {
    let server = Server::start(spec().with("appendonly", "yes")).unwrap();
    let mut client = server.connect().unwrap();
    (0..100).for_each(|n| drop(call(&mut client, &format!("SET k{n} v"))));
    let commands = count(&mut client, "eventloop_duration_cmd_sum");
    let loops = count(&mut client, "eventloop_duration_sum");
    assert!((1..=loops).contains(&commands), "{commands} of {loops} µs");
    let cycles = count(&mut client, "eventloop_cycles");
    // Housekeeping goes on by itself.
    let average = "instantaneous_eventloop_duration_usec";
    assert!(await_true(SOON, || count(&mut client, "eventloop_cycles") > cycles + 3));
    assert!(await_true(SOON, || count(&mut client, average) > 0));

    for line in ["INFO", "INFO all", "INFO everything"] {
        let text = call(&mut client, line);
        assert!(!text.contains("# Debug"), "{line}");
    }
    let text = call(&mut client, "INFO debug");
    let value = |name: &str| -> u64 {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        lines.next().unwrap_or_else(|| panic!("{name}: {text}")).trim().parse().unwrap()
    };
    assert!(value("eventloop_duration_max") > 0, "{text}");
    assert!(value("eventloop_cmd_per_cycle_max") >= 1, "{text}");
    assert!(value("eventloop_duration_cron_sum") > 0, "{text}");
    value("eventloop_duration_aof_sum");
}

#[test]
fn what_was_loaded_is_counted() {
    let mut server = Server::start(spec().with("appendonly", "no")).unwrap();
    let mut client = server.connect().unwrap();
    for line in ["SET a 1", "SET b 2", "SET c 3 PX 1", "SAVE"] {
        call(&mut client, line);
    }
    server.kill9();
    server.restart().unwrap();
    let mut client = server.connect().unwrap();
    assert_eq!(count(&mut client, "rdb_last_load_keys_loaded"), 2);
}
