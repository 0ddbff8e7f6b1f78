//! RDB files, to and from the real redis-server.

#![allow(clippy::unwrap_used, reason = "clippy exempts test functions and not their helpers")]

mod common;

use std::fs;

use common::{Contents, Redis, Scratch, assert_checked, assert_same, fill, noise, read_rdb};
use guarda_journal::rdb::{EntryEncoder, RdbErrorKind, RdbEvent, RdbHeader, RdbReader, RdbWriter};

/// Our own file with these contents.
fn write_rdb(contents: &Contents, compression: bool, checksum: bool) -> Vec<u8> {
    let header = RdbHeader {
        redis_version: "7.2.0",
        created_s: 1_700_000_000,
        used_memory: 1,
        aof_base: false,
    };
    let mut writer = RdbWriter::new(Vec::new(), &header, checksum).unwrap();
    let mut encoder = EntryEncoder::new(compression);
    let mut selected = None;
    for ((db, key), (expiry, value)) in contents {
        if selected != Some(*db) {
            selected = Some(*db);
            let keys = contents.range((*db, Vec::new())..(db + 1, Vec::new()));
            let expires = keys.clone().filter(|(_, (expiry, _))| expiry.is_some()).count();
            writer.select_db(*db, keys.count() as u64, expires as u64).unwrap();
        }
        let mut out = Vec::new();
        value.with_ref(|value| encoder.encode(&mut out, key, *expiry, value));
        writer.entries(&out).unwrap();
    }
    writer.finish().unwrap()
}

fn saved(redis: &mut Redis, scratch: &Scratch) -> Vec<u8> {
    redis.run("SAVE");
    fs::read(scratch.path().join("dump.rdb")).unwrap()
}

#[test]
fn we_read_what_redis_wrote_and_redis_reads_what_we_wrote() {
    let scratch = Scratch::new();
    let mut redis = Redis::start(scratch.path(), &[]);
    fill(&mut redis);
    let theirs = redis.contents();
    assert_same(&read_rdb(&saved(&mut redis, &scratch)), &theirs);
    redis.run("CONFIG SET rdbcompression no");
    let uncompressed = saved(&mut redis, &scratch);
    assert_same(&read_rdb(&uncompressed), &theirs);
    drop(redis);

    for (compression, checksum) in [(true, true), (false, true), (true, false)] {
        let ours = write_rdb(&theirs, compression, checksum);
        assert_same(&read_rdb(&ours), &theirs);
        let scratch = Scratch::new();
        let file = scratch.path().join("dump.rdb");
        fs::write(&file, &ours).unwrap();
        assert_checked("redis-check-rdb", &[&file]);
        let mut redis = Redis::start(scratch.path(), &[]);
        assert_same(&redis.contents(), &theirs);
    }
    let (small, large) =
        (write_rdb(&theirs, true, true).len(), write_rdb(&theirs, false, true).len());
    assert!(small < large, "compression makes it smaller: {small} of {large}");
}

#[test]
fn the_use_of_a_key_is_read_where_the_policy_records_it() {
    let scratch = Scratch::new();
    for (policy, has_frequency) in [("allkeys-lfu", true), ("allkeys-lru", false)] {
        let mut redis = Redis::start(scratch.path(), &["--maxmemory-policy", policy]);
        redis.run("SET key value");
        let file = saved(&mut redis, &scratch);
        let mut reader = RdbReader::new(&file[..]).unwrap();
        let mut found = None;
        while let Some(event) = reader.next_event().unwrap() {
            if let RdbEvent::Entry(entry) = event {
                found = Some((entry.frequency.is_some(), entry.idle_s.is_some()));
            }
        }
        assert_eq!(found, Some((has_frequency, !has_frequency)), "{policy}");
    }
}

#[test]
fn a_function_library_is_an_event_and_a_stream_is_a_typed_error() {
    let scratch = Scratch::new();
    let mut redis = Redis::start(scratch.path(), &[]);
    let code = b"#!lua name=lib\nredis.register_function('f', function() return 1 end)";
    redis.call(&[b"FUNCTION", b"LOAD", code]);
    redis.run("XADD stream 1-1 field value");
    let file = saved(&mut redis, &scratch);
    let mut reader = RdbReader::new(&file[..]).unwrap();
    let (mut library, mut error) = (None, None);
    while error.is_none() {
        match reader.next_event() {
            Ok(Some(RdbEvent::FunctionLibrary(code))) => library = Some(code),
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream was not noticed"),
            Err(found) => error = Some(found),
        }
    }
    assert_eq!(library.as_deref(), Some(&code[..]));
    let error = error.unwrap();
    assert!(matches!(error.kind, RdbErrorKind::Unsupported(what) if what.contains("stream")));
    assert!(error.offset > 9 && error.offset < file.len() as u64);

    // And back: a library that we write is one that Redis has.
    let header =
        RdbHeader { redis_version: "7.2.0", created_s: 1, used_memory: 1, aof_base: false };
    let mut writer = RdbWriter::new(Vec::new(), &header, true).unwrap();
    writer.function_library(code).unwrap();
    drop(redis);
    fs::write(scratch.path().join("dump.rdb"), writer.finish().unwrap()).unwrap();
    let mut redis = Redis::start(scratch.path(), &[]);
    assert_eq!(redis.run("FCALL f 0"), common::Reply::Integer(1));
}

#[test]
fn every_truncation_and_every_flipped_bit_is_an_error() {
    let scratch = Scratch::new();
    let mut redis = Redis::start(scratch.path(), &[]);
    redis.run("SET number 12345");
    redis.run("SET expiring x PXAT 4102444800000");
    redis.call(&[b"SET", b"packed", &[b'a'; 200]]);
    for n in 0..6 {
        redis.run(&format!("RPUSH list {n} b{n}"));
        redis.run(&format!("HSET hash f{n} v{n}"));
        redis.run(&format!("ZADD zset {n} m{n}"));
        redis.run(&format!("SADD intset {n}"));
        redis.run(&format!("SADD set m{n}"));
    }
    redis.call(&[b"RPUSH", b"list", &noise(40)]);
    let theirs = saved(&mut redis, &scratch);
    let ours = write_rdb(&redis.contents(), true, true);
    for file in [theirs, ours] {
        let read = |bytes: &[u8], check: bool| -> Result<(), ()> {
            let mut reader = RdbReader::new(bytes).map_err(drop)?.verify_checksum(check);
            while reader.next_event().map_err(drop)?.is_some() {}
            Ok(())
        };
        assert!(read(&file, true).is_ok());
        for at in 0..file.len() {
            assert!(read(&file[..at], true).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut damaged = file.clone();
                damaged[at] ^= 1 << bit;
                assert!(read(&damaged, true).is_err(), "bit {bit} of byte {at}");
                // Without the checksum other values may come out, but nothing panics.
                let _ = read(&damaged, false);
            }
        }
    }
}

#[test]
fn versions_beyond_the_known_ones_and_other_files_are_refused() {
    let kind = |bytes: &[u8]| RdbReader::new(bytes).err().expect("refused").kind;
    assert!(matches!(kind(b"REDIS0012"), RdbErrorKind::Version(12)));
    assert!(matches!(kind(b"REDIS0000"), RdbErrorKind::Version(0)));
    assert!(matches!(kind(b"REDIS+011"), RdbErrorKind::NotRdb));
    assert!(matches!(kind(b"*2\r\n$6\r\nSELECT"), RdbErrorKind::NotRdb));
    assert!(matches!(kind(b"REDI"), RdbErrorKind::Truncated));
}

#[test]
fn lengths_are_checked_before_memory_is_taken() {
    let one = |tail: &[u8], max: u64| {
        let file = [b"REDIS0010\x00\x01k", tail].concat();
        RdbReader::new(&file[..])
            .unwrap()
            .string_len_max(max)
            .next_event()
            .map_err(|error| error.kind)
    };
    // 2^64 - 1 bytes announced; a string at and above its limit; a hopeless compression ratio.
    assert!(matches!(
        one(b"\x81\xff\xff\xff\xff\xff\xff\xff\xff", 1 << 20),
        Err(RdbErrorKind::TooLong { .. })
    ));
    assert!(one(b"\x02ab", 2).is_ok());
    assert!(matches!(one(b"\x03abc", 2), Err(RdbErrorKind::TooLong { len: 3, max: 2 })));
    assert!(matches!(
        one(b"\xc3\x02\x80\x10\x00\x00\x00ab", 1 << 30),
        Err(RdbErrorKind::Malformed(_))
    ));
    // Allowed by the limit, but not there.
    assert!(matches!(one(b"\x80\x1f\xff\xff\xffab", 1 << 30), Err(RdbErrorKind::Truncated)));
}
