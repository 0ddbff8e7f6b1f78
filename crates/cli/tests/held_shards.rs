//! Commands that name no key, called while their own transaction or script holds shards: none may
//! wait for a shard that its caller has.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use guarda_testkit::connection::Connection;
use support::{call, start};

/// What cannot be queued, waits by design, ends the connection or the server, or changes its replies.
const LEFT_OUT: &[&str] = &[
    "auth",
    "client|kill",
    "client|pause",
    "client|reply",
    "debug|sleep",
    "debug|segfault",
    "discard",
    "exec",
    "monitor",
    "multi",
    "psubscribe",
    "quit",
    "reset",
    "shutdown",
    "ssubscribe",
    "subscribe",
    "watch",
];

/// Commands with subcommands, whose HELP names them.
const CONTAINERS: &[&str] = &[
    "acl", "client", "command", "config", "debug", "latency", "memory", "object", "pubsub",
    "script", "session", "slowlog",
];

/// Names of all commands and subcommands.
fn commands(client: &mut Connection) -> Vec<String> {
    let listed = call(client, "COMMAND LIST");
    let names: Vec<String> = listed
        .trim_matches(['[', ']'])
        .split(", ")
        .map(|name| name.trim_matches('"').to_owned())
        .collect();
    assert!(names.len() > 100, "{listed}");
    let mut all = names.clone();
    for name in names.iter().filter(|name| CONTAINERS.contains(&name.as_str())) {
        let help = call(client, &format!("{name} HELP"));
        let words = help.split([',', '+', '[', ']']).map(str::trim);
        let is_name = |word: &&str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
        };
        all.extend(words.filter(is_name).map(|sub| format!("{name}|{}", sub.to_lowercase())));
    }
    all
}

/// Calls for each command: without arguments, and some with those that take it far.
fn calls(client: &mut Connection) -> Vec<String> {
    let bare = commands(client)
        .into_iter()
        .filter(|name| !LEFT_OUT.contains(&name.as_str()))
        .map(|name| name.replace('|', " "));
    let with_arguments = [
        "INFO everything",
        "INFO keyspace",
        "CONFIG SET appendonly no",
        "CONFIG SET appendonly yes",
        "CONFIG SET maxmemory 0",
        "CONFIG SET requirepass x",
        "CONFIG SET save 60",
        "FLUSHALL",
        "FLUSHDB ASYNC",
        "SCAN 0 COUNT 1000",
        "KEYS *",
        "SWAPDB 0 1",
        "SESSION LIST",
        "SESSION LOCKS",
        "SESSION KILL TAG t",
        "CLIENT LIST",
        "CLIENT NO-EVICT on",
        "ACL SETUSER bob on",
        "ACL DELUSER bob",
        "BGSAVE SCHEDULE",
        "DEBUG SET-ACTIVE-EXPIRE 1",
        "DEBUG DIGEST",
        "DEBUG RELOAD",
        "WAIT 1 1",
        "WAITAOF 1 0 1",
    ];
    bare.chain(with_arguments.map(str::to_owned)).collect()
}

#[test]
fn every_command_answers_inside_a_transaction_that_holds_shards() {
    let server = start(&[("appendonly", "yes")]);
    let mut client = server.connect().unwrap();
    for line in calls(&mut client) {
        let mut client = server.connect().unwrap();
        call(&mut client, "MULTI");
        for n in 0..8 {
            call(&mut client, &format!("SET key:{n} v"));
        }
        call(&mut client, &line);
        // A deadlock ends in the connection's read timeout, with the command named.
        let words = ["EXEC"];
        let answer = client.call(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
        drop(answer);
        let mut other = server.connect().unwrap();
        call(&mut other, "CONFIG SET requirepass \"\"");
        let pong = other.call(&["SET", "key:0", "w"]);
        assert!(pong.is_ok(), "after {line} nobody is served: {pong:?}");
    }
}

#[test]
fn every_command_answers_inside_a_script_that_holds_shards() {
    let server = start(&[("appendonly", "yes")]);
    let mut client = server.connect().unwrap();
    for line in calls(&mut client) {
        let words: Vec<String> = line.split_whitespace().map(|word| format!("'{word}'")).collect();
        let script = format!(
            "for n = 1, 8 do redis.call('set', 'key:' .. n, 'v') end \
             local r = redis.pcall({}) return type(r)",
            words.join(", ")
        );
        let answer = client.call(&["EVAL", &script, "0"]);
        assert!(answer.is_ok(), "{line}: {answer:?}");
        let pong = server.connect().unwrap().call(&["SET", "key:1", "w"]);
        assert!(pong.is_ok(), "after {line} nobody is served: {pong:?}");
    }
}
