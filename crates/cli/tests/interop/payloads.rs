//! DUMP on one server, RESTORE on the other: every type and encoding, both ways; and the payloads of
//! servers too old to be asked, made by hand.

use guarda_rdb::payload::seal;
use guarda_testkit::connection::Connection;
use guarda_testkit::dump::{Dump, DumpOptions};
use guarda_testkit::reply::Frame;
use guarda_testkit::server::{Program, Server, ServerSpec};

use crate::common::{assert_same, call, dump, guarda, text};
use crate::data::{fill_collections, fill_plain};

fn filled(program: Program) -> Server {
    let server = Server::start(ServerSpec::new(program)).unwrap();
    let mut connection = server.connect().unwrap();
    fill_plain(&mut connection);
    fill_collections(&mut connection);
    server
}

/// That values are kept in the same way; "in a day" was said to both at different times.
#[track_caller]
fn assert_same_encodings(one: &Server, other: &Server) {
    let [one, other] = [one, other].map(|server| {
        let options = DumpOptions { encoding: true, ..DumpOptions::default() };
        Dump::take(&mut server.connect().unwrap(), options).unwrap()
    });
    let differences = one.differences(&other, 3_600_000, 5);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Moves every key of every database by its payload.
fn transfer(from: &Server, to: &Server) {
    let (mut from, mut to) = (from.connect().unwrap(), to.connect().unwrap());
    let mut moved = 0;
    for database in 0..16 {
        for connection in [&mut from, &mut to] {
            call(connection, &format!("SELECT {database}"));
        }
        let keys = call(&mut from, "KEYS *");
        for key in keys.elements().unwrap().iter().filter_map(Frame::text) {
            let payload = from.call(&[&b"DUMP"[..], key]).unwrap();
            let at = from.call(&[&b"PEXPIRETIME"[..], key]).unwrap().integer().unwrap().max(0);
            let (at, payload) = (at.to_string(), payload.text().expect("a payload"));
            let args = [&b"RESTORE"[..], key, at.as_bytes(), payload, b"ABSTTL"];
            let reply = to.call(&args).unwrap();
            assert_eq!(text(&reply), "OK", "{}", key.escape_ascii());
            moved += 1;
        }
    }
    assert!(moved > 1_000, "{moved} keys");
}

#[test]
fn guarda_takes_what_redis_dumps() {
    let redis = filled(Program::reference());
    let ours = Server::start(ServerSpec::new(guarda())).unwrap();
    transfer(&redis, &ours);
    assert_same(&dump(&redis), &dump(&ours), "after DUMP and RESTORE");
    // Also the encodings are those of values that were made here.
    let made_here = filled(guarda());
    assert_same_encodings(&made_here, &ours);
}

#[test]
fn redis_takes_what_guarda_dumps() {
    let ours = filled(guarda());
    let redis = Server::start(ServerSpec::new(Program::reference())).unwrap();
    transfer(&ours, &redis);
    assert_same(&dump(&ours), &dump(&redis), "after DUMP and RESTORE");
    let made_there = filled(Program::reference());
    assert_same_encodings(&made_there, &redis);
}

/// A type and a packed value as one string.
fn packed(kind: u8, blob: &[u8]) -> Vec<u8> {
    let mut content = vec![kind, u8::try_from(blob.len()).unwrap()];
    assert!(blob.len() < 64, "a length of one byte");
    content.extend(blob);
    content
}

/// A ziplist of short strings and small numbers.
fn ziplist(items: &[&str]) -> Vec<u8> {
    let (mut entries, mut last, mut before) = (Vec::new(), 0, 0_u8);
    for item in items {
        last = entries.len();
        let mut entry = vec![before];
        if let Ok(number @ 0..=12) = item.parse::<u8>() {
            entry.push(0xf1 + number);
        } else {
            entry.push(item.len() as u8);
            entry.extend(item.as_bytes());
        }
        before = entry.len() as u8;
        entries.extend(entry);
    }
    let len = entries.len() as u32 + 11;
    let mut blob = len.to_le_bytes().to_vec();
    blob.extend((10 + last as u32).to_le_bytes());
    blob.extend((items.len() as u16).to_le_bytes());
    blob.extend(entries);
    blob.push(0xff);
    blob
}

/// What servers from 2.2 on dumped: names, RDB version, type and value.
fn old_payloads() -> Vec<(&'static str, u16, Vec<u8>)> {
    let zipmap = [2, 1, b'f', 1, 0, b'v', 2, b'g', b'2', 3, 0, b'1', b'2', b'3', 0xff];
    let node = ziplist(&["a", "7", "long element"]);
    let mut quicklist = vec![14, 2];
    for _ in 0..2 {
        quicklist.push(node.len() as u8);
        quicklist.extend(&node);
    }
    vec![
        ("zipmap", 2, packed(9, &zipmap)),
        ("list-ziplist", 6, packed(10, &node)),
        ("intset", 6, packed(11, &[2, 0, 0, 0, 3, 0, 0, 0, 0xff, 0xff, 1, 0, 7, 0])),
        ("zset-ziplist", 6, packed(12, &ziplist(&["one", "1", "two", "2.5"]))),
        ("hash-ziplist", 6, packed(13, &ziplist(&["f", "v", "g", "12"]))),
        ("quicklist", 7, quicklist),
        ("zset-texts", 6, [&[3, 2, 1, b'a', 3][..], b"1.5", &[1, b'b', 254]].concat()),
        ("plain-list", 1, vec![1, 2, 1, b'a', 0xc0, 5]),
        ("plain-set", 1, vec![2, 2, 1, b'a', 0xc1, 0, 1]),
        ("plain-hash", 1, vec![4, 1, 1, b'f', 0xc2, 0, 0, 1, 0]),
    ]
}

fn restore(connection: &mut Connection, key: &str, payload: &[u8]) -> String {
    let args = [&b"RESTORE"[..], key.as_bytes(), b"0", payload];
    text(&connection.call(&args).unwrap())
}

#[test]
fn the_payloads_of_old_servers_are_taken_as_redis_takes_them() {
    let servers = [Program::reference(), guarda()]
        .map(|program| Server::start(ServerSpec::new(program)).unwrap());
    for server in &servers {
        let mut connection = server.connect().unwrap();
        for (name, version, mut content) in old_payloads() {
            seal(&mut content, version);
            assert_eq!(restore(&mut connection, name, &content), "OK", "{name}");
        }
    }
    let [theirs, ours] = &servers;
    assert_same(&dump(theirs), &dump(ours), "payloads of old servers");
}

/// Without the seal's protection every bit of a payload may be anything: an answer comes all the same,
/// the server lives, and what it took it gives and takes again.
#[test]
fn damaged_payloads_with_a_fitting_seal_do_no_harm() {
    let server = Server::start(ServerSpec::new(guarda())).unwrap();
    let mut connection = server.connect().unwrap();
    let (mut taken, mut refused) = (0, 0);
    for (name, version, content) in old_payloads() {
        for bit in 0..content.len() * 8 {
            let mut damaged = content.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            seal(&mut damaged, version);
            call(&mut connection, "FLUSHALL");
            match restore(&mut connection, "k", &damaged).as_str() {
                "OK" => {
                    taken += 1;
                    let again = connection.call(&["DUMP", "k"]).unwrap();
                    let payload = again.text().expect("what was taken is there");
                    assert_eq!(restore(&mut connection, "l", payload), "OK", "{name}, bit {bit}");
                    let both = dump(&server);
                    assert_eq!(both.entries[0].value, both.entries[1].value, "{name}, bit {bit}");
                }
                error => {
                    refused += 1;
                    assert!(error.starts_with("ERR Bad data format"), "{name}, bit {bit}: {error}");
                    assert_eq!(call(&mut connection, "EXISTS k").integer(), Some(0));
                }
            }
        }
    }
    assert!(taken > 100 && refused > 100, "{taken} taken, {refused} refused");
}

#[test]
fn a_stream_is_refused_as_bad_data() {
    let redis = Server::start(ServerSpec::new(Program::reference())).unwrap();
    let mut theirs = redis.connect().unwrap();
    call(&mut theirs, "XADD log 1-1 field value");
    let payload = theirs.call(&["DUMP", "log"]).unwrap();
    let server = Server::start(ServerSpec::new(guarda())).unwrap();
    let mut ours = server.connect().unwrap();
    let error = restore(&mut ours, "log", payload.text().unwrap());
    assert_eq!(error, "ERR Bad data format: a key of type stream cannot be loaded by this server");
}
