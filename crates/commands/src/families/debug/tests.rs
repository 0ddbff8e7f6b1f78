use std::sync::atomic::Ordering;

use super::*;
use crate::testing::{Bench, bulk, err, int, nil, ok, simple};

/// A bench where DEBUG is on.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.host.debugs.store(true, Ordering::Relaxed);
    bench
}

fn asked(bench: &Bench) -> Vec<String> {
    std::mem::take(&mut *bench.host.asked.lock())
}

const REFUSED: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \
                       \"local\", you can run it from a local connection, otherwise you need to set \
                       this option in the configuration file, and then restart the server.";

#[test]
fn it_is_refused_unless_its_directive_allows_it() {
    let mut bench = Bench::new();
    bench.check("DEBUG SLEEP 0", err(REFUSED));
    bench.check("DEBUG NOSUCH", err(REFUSED));
    bench.check("DEBUG", err("ERR wrong number of arguments for 'debug' command"));
    assert!(asked(&bench).is_empty());
    bench.host.debugs.store(true, Ordering::Relaxed);
    bench.check("DEBUG SLEEP 0", ok());
}

#[test]
fn what_it_does_to_the_server_is_asked_of_the_server() {
    let mut bench = bench();
    for (line, what) in [
        ("DEBUG SLEEP 0.25", "stop_for 250ms"),
        ("DEBUG SLEEP x", "stop_for 0ns"),
        ("debug sleep -1", "stop_for 0ns"),
        ("DEBUG SET-ACTIVE-EXPIRE 0", "set_active_expiry false"),
        ("DEBUG SET-ACTIVE-EXPIRE 1", "set_active_expiry true"),
        ("DEBUG SET-ACTIVE-EXPIRE x", "set_active_expiry false"),
        ("DEBUG PAUSE-CRON 1", "pause_cron true"),
        ("DEBUG RELOAD", "reload Reload { saves: true, flushes: true, merges: false }"),
        (
            "DEBUG RELOAD nosave MERGE NOFLUSH",
            "reload Reload { saves: false, flushes: false, merges: true }",
        ),
        ("DEBUG LOADAOF", "reload_log"),
        ("DEBUG LOG \"a b\"", "log DEBUG LOG: a b"),
        ("DEBUG CHANGE-REPL-ID", "change_replication_id"),
        ("DEBUG PANIC", "crash Panic"),
        ("DEBUG ASSERT", "crash Panic"),
        ("DEBUG SEGFAULT", "crash Segfault"),
        ("DEBUG OOM", "crash OutOfMemory"),
    ] {
        bench.check(line, ok());
        assert_eq!(asked(&bench), [what], "{line}");
    }
    let refused = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
    bench.check("DEBUG RELOAD NOSAVE x", err(refused));
    assert!(asked(&bench).is_empty());
}

#[test]
fn every_subcommand_has_its_number_of_arguments() {
    let mut bench = bench();
    for sub in SUBCOMMANDS.iter().filter(|sub| *sub.takes.end() != ANY) {
        for given in [sub.takes.start().wrapping_sub(1), sub.takes.end() + 1] {
            if given == usize::MAX {
                continue;
            }
            let line = format!("DEBUG {}{}", sub.name, " 1".repeat(given));
            let error = format!(
                "ERR unknown subcommand or wrong number of arguments for '{}'. Try DEBUG HELP.",
                sub.name
            );
            bench.check(&line, err(&error));
        }
    }
    assert!(asked(&bench).is_empty());
    let names: Vec<_> = SUBCOMMANDS.iter().map(|sub| sub.name).collect();
    assert!(names.iter().all(|name| name.to_ascii_uppercase() == **name));
    assert!(bench.run("DEBUG HELP").starts_with(b"*"));
}

#[test]
fn a_fingerprint_is_of_the_data_and_of_nothing_else() {
    const FILL: [&str; 7] = [
        "SET s v",
        "SET n 12345",
        "RPUSH l a b c",
        "SADD m 1 2 3",
        "ZADD z 1 a 2.5 b -0 c",
        "HSET h f v g w",
        "SET e v EX 100",
    ];
    let mut bench = bench();
    bench.check("DEBUG DIGEST", simple(&"0".repeat(40)));
    FILL.iter().for_each(|line| drop(bench.run(line)));
    let digest = bench.run("DEBUG DIGEST");

    // In another order, by other ways, in other forms.
    let mut other = self::bench();
    other.host.settings.hash_max_listpack_entries.store(0, Ordering::Relaxed);
    other.host.settings.set_max_intset_entries.store(0, Ordering::Relaxed);
    other.host.settings.zset_max_listpack_entries.store(0, Ordering::Relaxed);
    for line in [
        "SET e v EX 7",
        "HSET h g w f v x y",
        "HDEL h x",
        "ZADD z 0 c 2.5 b 1 a",
        "SADD m 3 2 1 zero",
        "SREM m zero",
        "LPUSH l c b a",
        "SET n 12344",
        "INCR n",
        "APPEND s v",
        "SET gone v",
        "DEL gone",
    ] {
        other.run(line);
    }
    assert_eq!(other.run("DEBUG DIGEST"), digest);

    for change in [
        "SET s w",
        "SET s2 v",
        "PERSIST e",
        "EXPIRE s 100",
        "LSET l 0 b",
        "SADD m 4",
        "ZADD z 1.5 a",
        "HSET h f w",
        "MOVE s 1",
        "RENAME s t",
    ] {
        let mut changed = self::bench();
        FILL.iter().for_each(|line| drop(changed.run(line)));
        changed.run(change);
        assert_ne!(changed.run("DEBUG DIGEST"), digest, "{change}");
    }
    // What is due is gone, though nobody has removed it yet.
    let mut due = self::bench();
    FILL[..6].iter().for_each(|line| drop(due.run(line)));
    let without = due.run("DEBUG DIGEST");
    bench.advance(100_000);
    assert_eq!(bench.run("DEBUG DIGEST"), without);
}

#[test]
fn a_value_has_the_same_fingerprint_under_every_key() {
    let mut bench = bench();
    bench.run("MSET a v b v c w");
    let reply = bench.run("DEBUG DIGEST-VALUE a b c missing");
    let lines: Vec<_> = reply.split(|byte| *byte == b'\n').collect();
    assert_eq!(lines[0], b"*4\r");
    assert_eq!(lines[1], lines[2]);
    assert_ne!(lines[1], lines[3]);
    assert_eq!(lines[4], [&b"+"[..], &[b'0'; 40], b"\r"].concat());
    bench.check("DEBUG DIGEST-VALUE", "*0\r\n");
}

#[test]
fn populate_makes_what_is_missing_and_journals_it() {
    let mut bench = bench();
    bench.run("SET key:1 mine");
    bench.check_journal("DEBUG POPULATE 3", &["SET key:0 value:0", "SET key:2 value:2"]);
    bench.check("GET key:1", bulk("mine"));
    bench.check("DEBUG POPULATE 2 p 9", ok());
    bench.check("GET p:1", bulk(b"value:1\0\0"));
    bench.check("DEBUG POPULATE 1 q 2", ok());
    bench.check("GET q:0", bulk("va"));
    bench.check("DBSIZE", int(6));
    let refused = err("ERR value is out of range, must be positive");
    bench.check("DEBUG POPULATE -1", &refused);
    bench.check("DEBUG POPULATE 1 p x", &refused);
}

#[test]
fn looks_at_values_name_what_they_are_no_look_for() {
    let mut bench = bench();
    for line in ["SET n 5", "SET s text", "RPUSH l a", "HSET h f v", "SADD m a"] {
        bench.run(line);
    }
    for sub in ["OBJECT", "LISTPACK", "QUICKLIST", "SDSLEN", "HTSTATS-KEY"] {
        bench.check(&format!("DEBUG {sub} missing"), err("ERR no such key"));
    }
    let text = String::from_utf8(bench.run("DEBUG OBJECT n")).expect("text");
    assert!(text.contains(" refcount:1 encoding:int serializedlength:99 lru:"), "{text}");
    bench.check("DEBUG LISTPACK n", err("ERR Not a listpack encoded object."));
    bench.check("DEBUG LISTPACK h", simple("Listpack structure printed on stdout"));
    bench.check("DEBUG QUICKLIST l", err("ERR Not a quicklist encoded object."));
    bench.check("DEBUG SDSLEN n", err("ERR Not an sds encoded string."));
    bench.check("DEBUG SDSLEN l", err("ERR Not an sds encoded string."));
    assert!(bench.run("DEBUG SDSLEN s").starts_with(b"+key_sds_len:1, "));
    let no_table = "ERR The value stored at the specified key is not represented using an hash \
                    table";
    bench.check("DEBUG HTSTATS-KEY h", err(no_table));
    bench.check("DEBUG HTSTATS 16", err("ERR Out of range database"));
    bench.check("DEBUG HTSTATS x", err("ERR value is not an integer or out of range"));
    assert!(bench.run("DEBUG HTSTATS 0").starts_with(b"$"));
    bench.check("OBJECT IDLETIME missing", nil());
}

#[test]
fn examples_of_the_protocol_are_those_of_redis() {
    let mut bench = bench();
    bench.check("DEBUG PROTOCOL map", "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n");
    bench.check("DEBUG PROTOCOL push", err("ERR RESP2 is not supported by this command"));
    bench.check("DEBUG ERROR \"MY own\\r\\nerror\"", err("MY own  error"));
    bench.run("HELLO 3");
    bench.check("DEBUG PROTOCOL double", ",3.141\r\n");
    bench.check("DEBUG PROTOCOL false", "#f\r\n");
    let wrong = bench.run("DEBUG PROTOCOL x");
    assert!(wrong.starts_with(b"-ERR Wrong protocol type name. Please use one of the following: "));
}
