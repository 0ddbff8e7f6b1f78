//! When the memory of what is removed comes back, and who waits for that.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::await_true;
use guarda_testkit::server::{Program, Server, ServerSpec};
use support::{SOON, await_count, call, count, spec, start};

const DEBUG: (&str, &str) = ("enable-debug-command", "yes");

/// Makes a hash that Redis frees in the background.
fn make_large_hash(connection: &mut Connection, key: &str) {
    let fields: Vec<String> = (0..2_000).map(|n| format!("field{n} value")).collect();
    call(connection, &format!("HSET {key} {}", fields.join(" ")));
}

/// What the server has freed while nobody waited, once it has come to an end.
fn lazily_freed(connection: &mut Connection) -> u64 {
    await_count(connection, "lazyfree_pending_objects", 0);
    count(connection, "lazyfreed_objects")
}

#[test]
fn what_is_freed_while_nobody_waits_is_counted_as_in_redis() {
    for spec in [spec(), ServerSpec::new(Program::reference())] {
        let server = Server::start(spec.with(DEBUG.0, DEBUG.1)).unwrap();
        let name = server.name();
        let mut client = server.connect().unwrap();
        let mut expect = |commands: &[&str], freed: u64| {
            make_large_hash(&mut client, "large");
            call(&mut client, "SET small value");
            call(&mut client, "CONFIG RESETSTAT");
            commands.iter().for_each(|command| drop(call(&mut client, command)));
            assert_eq!(call(&mut client, "EXISTS large"), "0", "{name}: {commands:?}");
            assert_eq!(lazily_freed(&mut client), freed, "{name}: {commands:?}");
        };
        expect(&["DEL large small"], 0);
        expect(&["UNLINK large small"], 1);
        expect(&["MULTI", "UNLINK large", "EXEC"], 1);
        expect(&["SET large overwritten", "DEL large"], 0);
        expect(&["FLUSHALL", "DEBUG POPULATE 100", "FLUSHDB ASYNC"], 100);
        expect(&["FLUSHALL SYNC"], 0);
        expect(&["CONFIG SET lazyfree-lazy-user-del yes", "DEL large small"], 1);
        let by_default = ["CONFIG SET lazyfree-lazy-user-flush yes", "FLUSHALL SYNC"];
        expect(&by_default, 0);
        expect(&["FLUSHALL"], 2);
        expect(&["FLUSHDB"], 2);
    }
}

#[test]
fn memory_is_back_when_the_reply_comes() {
    let server = start(&[DEBUG]);
    let mut client = server.connect().unwrap();
    let idle = count(&mut client, "used_memory");
    let flushes: [&[&str]; 4] = [
        &["FLUSHALL"],
        &["MULTI", "FLUSHDB", "EXEC"],
        &["EVAL return(redis.call('flushall')) 0"],
        &["DEBUG POPULATE 1", "DEBUG RELOAD NOSAVE NOFLUSH", "FLUSHALL SYNC"],
    ];
    for commands in flushes {
        call(&mut client, "DEBUG POPULATE 50000 key 100");
        let full = count(&mut client, "used_memory");
        assert!(full > idle + 8_000_000, "{idle} before, {full} after");
        commands.iter().for_each(|command| drop(call(&mut client, command)));
        assert_eq!(call(&mut client, "DBSIZE"), "0", "{commands:?}");
        let left = count(&mut client, "used_memory");
        assert!(left < idle + 2_000_000, "{commands:?}: {idle} before, {full} full, {left} after");
    }
}

#[test]
fn others_are_served_while_a_flushed_database_is_freed() {
    let server = start(&[DEBUG, ("io-threads", "2")]);
    let mut client = server.connect().unwrap();
    call(&mut client, "DEBUG POPULATE 400000");
    let (mut other, mut on_the_same_thread) =
        (server.connect().unwrap(), server.connect().unwrap());
    let is_answered = AtomicBool::new(false);
    let mut meanwhile = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let commands: [&[&str]; 3] = [&["FLUSHALL"], &["SET", "new", "1"], &["GET", "new"]];
            let replies = client.pipeline(&commands.map(<[_]>::to_vec)).unwrap();
            is_answered.store(true, Ordering::Relaxed);
            let replies: Vec<String> = replies.iter().map(support::text).collect();
            assert_eq!(replies, ["OK", "OK", "1"]);
        });
        while !is_answered.load(Ordering::Relaxed) {
            for connection in [&mut other, &mut on_the_same_thread] {
                let gone = call(connection, "EXISTS key:1") == "0";
                meanwhile += u32::from(gone && !is_answered.load(Ordering::Relaxed));
            }
        }
    });
    assert!(meanwhile > 20, "{meanwhile} requests were served while the keys were freed");
}

#[test]
fn a_client_that_goes_while_its_flush_is_freed_leaves_nothing_behind() {
    let server = start(&[DEBUG]);
    let mut client = server.connect().unwrap();
    let mut control = server.connect().unwrap();
    for way_to_go in ["close", "kill"] {
        call(&mut client, "DEBUG POPULATE 100000");
        let id = call(&mut client, "CLIENT ID");
        client.send(&["FLUSHALL"]).unwrap();
        let flushed = await_true(SOON, || call(&mut control, "DBSIZE") == "0");
        assert!(flushed, "{way_to_go}: FLUSHALL has no effect");
        if way_to_go == "kill" {
            assert_eq!(call(&mut control, &format!("CLIENT KILL ID {id}")), "1");
        }
        client = server.connect().unwrap();
        await_count(&mut control, "connected_clients", 2);
    }
}
