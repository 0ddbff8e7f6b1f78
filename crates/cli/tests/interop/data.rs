//! Data of every kind that a Redis keeps in a PHP shop, and ways to compare it.

use guarda_testkit::connection::Connection;
use guarda_testkit::dump::{Dump, Entry};
use guarda_testkit::reply::Frame;
use guarda_testkit::server::Server;

use crate::common::{all_well, ask, call, words};

/// An expiry in the year 3021: exact on both sides.
pub(crate) const FAR: &str = "33177117420000";

fn command(name: &str, args: &[&[u8]]) -> Vec<Vec<u8>> {
    std::iter::once(name.as_bytes()).chain(args.iter().copied()).map(<[u8]>::to_vec).collect()
}

/// Strings and hashes, in each of their encodings.
pub(crate) fn fill_plain(connection: &mut Connection) {
    let long = "PHP sessions compress well. ".repeat(4_000);
    let binary: Vec<u8> = (0..=255).collect();
    let mut commands: Vec<Vec<Vec<u8>>> = [
        "SET int 12345",
        "SET negative -1",
        "SET min -9223372036854775808",
        "SET max 9223372036854775807",
        "SET almost-int 00123",
        "SET short value",
        "SETEX session:1 100000 a:1:{s:1:\"k\";i:1;}",
        "HSET small f1 v1 f2 2 f3 -3",
        "HSET expiring f v",
        "SELECT 1",
        "SET elsewhere yes",
    ]
    .iter()
    .map(|command| words(command))
    .collect();
    commands.push(words(&format!("SET far value PXAT {FAR}")));
    commands.push(words("SELECT 0"));
    commands.push(words(&format!("PEXPIREAT expiring {FAR}")));
    commands.push(command("SET", &[b"long", long.as_bytes()]));
    commands.push(command("SET", &[b"empty", b""]));
    commands.push(command("SET", &[b"", b"the empty key"]));
    commands.push(command("SET", &[&binary, &binary]));
    commands.push(command("HSET", &[b"odd", &binary, b"", b"", &binary, b"long", long.as_bytes()]));
    for n in 0..700_i64 {
        // Lengths and numbers around each limit of their encodings.
        let (field, value) = (format!("field{n}"), format!("{}", (n - 350) * 1_000_003));
        commands.push(command("HSET", &[b"big", field.as_bytes(), value.as_bytes()]));
        let (key, value) = (format!("k{n}"), "v".repeat(n as usize));
        commands.push(command("SET", &[key.as_bytes(), value.as_bytes()]));
    }
    commands.push(words("SELECT 15"));
    for n in 0..300 {
        commands.push(words(&format!("SETEX t{n} {} value{n}", 10_000 + n)));
    }
    commands.push(words("SELECT 0"));
    all_well(connection, &commands);
}

/// Lists, sets and sorted sets, in each of their encodings.
pub(crate) fn fill_collections(connection: &mut Connection) {
    let long = "x".repeat(100);
    let mut commands = vec![words("SELECT 2")];
    for line in [
        "RPUSH list a b c 1 2 -3 70000 12345678901",
        "SADD ints 1 2 3",
        "SADD ints32 1 100000 -100000",
        "SADD ints64 1 9223372036854775807 -9223372036854775808",
        "SADD mixed 1 two three",
        "ZADD sorted 1 a 2.5 b -0.1 c inf d -inf e 1e300 f 3 g",
        "RPUSH same x x x",
    ] {
        commands.push(words(line));
    }
    commands.push(words(&format!("PEXPIREAT list {FAR}")));
    commands.push(command("RPUSH", &[b"odd", b"", b"\r\n\0\xff", &vec![b'z'; 70_000]]));
    for n in 0..1_500_i64 {
        let member = format!("{long}{n}");
        commands.push(words(&format!("RPUSH long {member}")));
        commands.push(words(&format!("SADD bigints {}", n * 7)));
        commands.push(words(&format!("SADD bigset {member}")));
        commands.push(words(&format!("ZADD bigsorted {} {member}", n as f64 / 3.0 - 100.0)));
    }
    commands.push(words("SELECT 0"));
    all_well(connection, &commands);
}

/// What follows a snapshot: changes by every kind of command that strings, hashes, lists and keys have.
pub(crate) fn change_plain(connection: &mut Connection) {
    for line in [
        "INCR int",
        "INCRBYFLOAT negative 0.25",
        "APPEND short +more",
        "SETRANGE long 5 XYZ",
        "GETDEL k1",
        "GETEX k2 PERSIST",
        "GETEX k3 EX 5000",
        "DEL k4 k5 nothing",
        "UNLINK k6",
        "RENAME k7 k8",
        "COPY k9 copied REPLACE",
        "MSET m1 1 m2 2",
        "SETEX session:1 200000 other",
        "PERSIST expiring",
        "EXPIRE k10 100000",
        "HSET small f1 other f4 new",
        "HDEL small f2",
        "HINCRBY small f3 10",
        "HINCRBYFLOAT small f5 1.5",
        "HDEL big field1 field2 field3",
        "MOVE k11 4",
        "RPUSH queue a b c d e f g h",
        "LPUSH queue z 12 -7",
        "LPOP queue",
        "RPOP queue 2",
        "LSET queue 1 y",
        "LINSERT queue BEFORE c x",
        "LREM queue 0 b",
        "LMOVE queue done LEFT RIGHT",
        "RPOPLPUSH queue done",
        "LMPOP 1 queue LEFT COUNT 2",
        "BLPOP queue 0",
        "BLMOVE queue done LEFT LEFT 0",
        "LTRIM done 0 1",
        "MULTI",
        "SET in-group 1",
        "HSET group f v",
        "EXEC",
        "SELECT 15",
        "FLUSHDB",
        "SET t0 again",
        "SELECT 3",
        "SETNX only 1",
        "PSETEX gone 1 soon",
        "SELECT 0",
    ] {
        call(connection, line);
    }
}

/// Panics unless `server` shows each key of `expected`, and no others, with type and expiry; strings,
/// hashes and lists also with their values (the server under test has no commands for the rest yet).
#[track_caller]
pub(crate) fn assert_shows(server: &Server, expected: &Dump) {
    let mut connection = server.connect().unwrap();
    for db in 0..16_u16 {
        call(&mut connection, &format!("SELECT {db}"));
        let entries: Vec<&Entry> = expected.entries.iter().filter(|e| e.database == db).collect();
        let keys = call(&mut connection, "KEYS *");
        assert_eq!(keys.elements().unwrap().len(), entries.len(), "db{db}");
        for entry in entries {
            let name = String::from_utf8_lossy(&entry.key);
            let mut with = |command: &str| -> Frame {
                let mut args = words(command);
                args.push(entry.key.clone());
                connection.call(&args).unwrap()
            };
            assert_eq!(with("TYPE"), Frame::Simple(entry.kind.clone().into_bytes()), "{name}");
            assert_eq!(with("PEXPIRETIME"), Frame::Integer(entry.expires_at_ms), "{name}");
            match entry.kind.as_str() {
                "string" => assert!(with("GET").to_string() == entry.value, "{name}"),
                "hash" => {
                    let mut pairs = with("HGETALL").pairs().expect("pairs");
                    pairs.sort();
                    assert!(Frame::Map(pairs).to_string() == entry.value, "{name}");
                }
                "list" => {
                    let all = connection.call(&[&b"LRANGE"[..], &entry.key, b"0", b"-1"]).unwrap();
                    assert!(all.to_string() == entry.value, "{name}");
                }
                _ => {}
            }
        }
    }
    assert!(!ask(&mut connection, "SELECT 0").is_error());
}
