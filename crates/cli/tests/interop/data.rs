//! Data of every kind that a Redis keeps in a PHP shop, and ways to compare it.

use guarda_testkit::connection::Connection;
use guarda_testkit::dump::Dump;
use guarda_testkit::server::Server;

use crate::common::{all_well, assert_same, call, dump, words};

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

/// What follows a snapshot: changes by every kind of command.
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
        "SADD tags a b c 1 2 3",
        "SREM tags b",
        "SADD tags 3 d",
        "SMOVE tags others c",
        "SPOP tags",
        "SPOP others 5",
        "SADD many 1 2 3 4 5 6 7 8 9",
        "SPOP many 3",
        "SUNIONSTORE union tags many",
        "SINTERSTORE inter union many",
        "SDIFFSTORE diff union many",
        "ZADD scores 1 a 2.5 b -0.1 c inf d 0.1 e 3 f",
        "ZADD scores GT CH 0 a 9 b",
        "ZADD scores INCR 0.2 c",
        "ZINCRBY scores 0.1 e",
        "ZREM scores f",
        "ZPOPMIN scores",
        "ZPOPMAX scores 1",
        "ZADD more 5 a 6 x 7 y 8 z",
        "ZMPOP 2 nothing more MAX COUNT 2",
        "ZUNIONSTORE zunion 3 scores more tags WEIGHTS 1 0.3 2 AGGREGATE MAX",
        "ZINTERSTORE zinter 2 scores more",
        "ZDIFFSTORE zdiff 2 zunion more",
        "ZRANGESTORE top zunion 0 1 REV",
        "ZREMRANGEBYRANK zunion 0 0",
        "ZREMRANGEBYSCORE zunion (1 2",
        "ZREMRANGEBYLEX top - [a",
        "EVAL return(redis.call('RESTORE','restored:list',0,redis.call('DUMP','done'))) 0",
        "EVAL return(redis.call('RESTORE','restored:set',0,redis.call('DUMP','union'))) 0",
        "EVAL return(redis.call('RESTORE','restored:zset',0,redis.call('DUMP','zunion'))) 0",
        "EVAL return(redis.call('RESTORE','restored:hash',100000,redis.call('DUMP','small'))) 0",
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

/// Panics unless `server` shows the data of `expected` and nothing else.
#[track_caller]
pub(crate) fn assert_shows(server: &Server, expected: &Dump) {
    assert_same(expected, &dump(server), "what is shown");
}
