//! DUMP and RESTORE: a value as bytes that another server takes.

use std::sync::atomic::Ordering;

use guarda_rdb::payload::{PayloadError, resealed};
use guarda_rdb::{RdbErrorKind, STRING_LEN_MAX};
use guarda_store::{USES_AT_FIRST, UnixMillis};
use itoa::Buffer;

use crate::args::Args;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::keys::NEW;
use crate::payload;
use crate::pubsub::EventClasses;
use crate::spec::{Arity, Categories, CommandSpec, Flags, KeyAccess, Keys};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "dump",
        summary: "Gives the value at a key as a payload for RESTORE.",
        since: "2.6.0",
        complexity: "O(N) for collections of N elements, O(1) for strings.",
        arity: Arity::exactly(2),
        flags: Flags::READONLY,
        keys: Keys::at(1, KeyAccess::READ),
        tips: &["nondeterministic_output"],
        run: dump,
        ..NEW
    },
    CommandSpec {
        name: "restore",
        summary: "Makes a key of the payload that DUMP gave, here or on another server.",
        since: "2.6.0",
        complexity: "O(N) for collections of N elements, O(1) for strings; sorted sets O(N*log(N)).",
        arity: Arity::at_least(4),
        flags: Flags::WRITE.union(Flags::DENYOOM),
        categories: NEW.categories.union(Categories::DANGEROUS),
        keys: Keys::at(1, KeyAccess::OVERWRITE),
        run: restore,
        ..NEW
    },
];

const BUSY_KEY: CommandError = CommandError::text("BUSYKEY Target key name already exists.");
const NEGATIVE_TTL: CommandError = CommandError::text("ERR Invalid TTL value, must be >= 0");
const NEGATIVE_IDLE_TIME: CommandError =
    CommandError::text("ERR Invalid IDLETIME value, must be >= 0");
const BAD_FREQUENCY: CommandError =
    CommandError::text("ERR Invalid FREQ value, must be >= 0 and <= 255");
const BAD_SEAL: CommandError = CommandError::text("ERR DUMP payload version or checksum are wrong");
const BAD_VALUE: CommandError = CommandError::text("ERR Bad data format");

/// Seconds that a key may claim not to have been used: as many as the difference of two times of the
/// record's width can say.
const IDLE_MAX_S: i64 = i32::MAX as i64;

#[derive(Default)]
struct RestoreOptions<'a> {
    replace: bool,
    /// The TTL is an instant: the word that says so, as it was written.
    absolute: Option<&'a [u8]>,
    idle_s: Option<i64>,
    frequency: Option<u8>,
}

impl<'a> RestoreOptions<'a> {
    fn parse(args: &mut Args<'a>) -> Result<RestoreOptions<'a>, CommandError> {
        let mut options = RestoreOptions::default();
        while let Some(word) = args.rest().first() {
            if args.take_word("REPLACE") {
                options.replace = true;
            } else if args.take_word("ABSTTL") {
                options.absolute = Some(word);
            } else if options.frequency.is_none() && args.take_word("IDLETIME") {
                let idle = args.integer()?;
                options.idle_s = Some(idle).filter(|idle| *idle >= 0);
                options.idle_s.ok_or(NEGATIVE_IDLE_TIME)?;
            } else if options.idle_s.is_none() && args.take_word("FREQ") {
                options.frequency = u8::try_from(args.integer()?).ok();
                options.frequency.ok_or(BAD_FREQUENCY)?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

fn dump(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let payload = cx.db.read(args.key()?).map(|record| payload::dump(record.value()));
    match payload {
        Some(payload) => cx.reply.bulk(&payload),
        None => cx.reply.null(),
    }
    Ok(Outcome::Reply)
}

fn restore(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, ttl, payload) = (args.key()?, args.bytes()?, args.bytes()?);
    let options = RestoreOptions::parse(args)?;
    if !options.replace && cx.db.exists(key) {
        return Err(BUSY_KEY);
    }
    let ttl = guarda_resp::number::parse_i64(ttl).ok_or(CommandError::NotInteger)?;
    if ttl < 0 {
        return Err(NEGATIVE_TTL);
    }
    // What was taken once is taken again, whatever the limit is now.
    let string_len_max = match cx.caller {
        Caller::Log => STRING_LEN_MAX,
        _ => cx.db.settings.string_len_max() as u64,
    };
    // The log gets the right checksum: it is read when nobody passes over wrong ones.
    let mended = cx.db.settings.skips_checksums.load(Ordering::Relaxed).then(|| resealed(payload));
    let payload = mended.as_deref().unwrap_or(payload);
    let value = payload::restore(payload, string_len_max, cx.db.settings);
    let value = value.map_err(|error| match error {
        PayloadError::Seal => BAD_SEAL,
        PayloadError::Value(RdbErrorKind::Unsupported(what)) => {
            CommandError::owned(format!("{BAD_VALUE}: {what} cannot be loaded by this server"))
        }
        PayloadError::Value(why) => {
            cx.host.note_refused_payload(&why.to_string());
            BAD_VALUE
        }
    })?;
    let at = match ttl {
        0 => None,
        at if options.absolute.is_some() => Some(at),
        // A time beyond all times wraps into the past, as in Redis: the key is gone at once.
        ttl => Some(cx.db.now.0.wrapping_add(ttl)),
    };
    // The store means "never" by the last millisecond of all.
    let expiry = at.map(|at| UnixMillis(at.min(i64::MAX - 1)));
    if expiry.is_some_and(|at| at <= cx.db.now) {
        if cx.db.delete(key) {
            cx.db.notify(EventClasses::GENERIC, "del", key);
            cx.db.record(&[b"DEL", key]);
        }
        cx.reply.ok();
        return Ok(Outcome::Reply);
    }
    if cx.db.exists(key) {
        // What is replaced counts as deleted and made anew.
        cx.db.notify(EventClasses::NEW, "new", key);
    }
    cx.db.set_value(key, value, expiry);
    // It is new, whatever was there. As in Redis only that counts which the policy goes by.
    cx.db.set_frequency(key, options.frequency.unwrap_or(USES_AT_FIRST));
    if let Some(idle) = options.idle_s.filter(|_| !cx.host.keyspace().usage().counts()) {
        cx.db.set_idle(key, idle.min(IDLE_MAX_S) as u32);
    }
    cx.db.notify(EventClasses::GENERIC, "restore", key);
    let mut digits = Buffer::new();
    let at = digits.format(expiry.map_or(0, |at| at.0)).as_bytes();
    let record: [&[u8]; 6] =
        [b"RESTORE", key, at, payload, options.absolute.unwrap_or(b"ABSTTL"), b"REPLACE"];
    cx.db.record(&record[..5 + usize::from(options.replace)]);
    cx.reply.ok();
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use guarda_rdb::payload;
    use guarda_rdb::{EntryEncoder, RdbValueRef};

    use crate::client::AuthState;
    use crate::execute::replay;
    use crate::testing::*;

    /// The payload of the string `v`, as Redis 7.0 writes it.
    const V: &str = r#""\x00\x01v\n\x00\x91\x08\xce\xb2\x198\x8a\xce""#;

    fn payload_of(value: RdbValueRef<'_, '_>) -> Vec<u8> {
        payload::write(&mut EntryEncoder::new(true), value)
    }

    #[test]
    fn a_dump_is_a_payload_and_a_payload_a_key() {
        let mut bench = Bench::new();
        bench.check("DUMP k", nil());
        bench.check("SET k v", ok());
        bench.check("DUMP k", bulk(b"\x00\x01v\n\x00\x91\x08\xce\xb2\x198\x8a\xce"));
        bench.check(&format!("RESTORE k 0 {V}"), err("BUSYKEY Target key name already exists."));
        bench.check(&format!("RESTORE l 0 {V}"), ok());
        bench.check("GET l", bulk("v"));
        bench.check("TTL l", int(-1));
    }

    #[test]
    fn every_type_comes_back_as_it_went() {
        let mut bench = Bench::new();
        for (make, read) in [
            ("SET k 12345678901", "GET k"),
            ("RPUSH k a 1 b", "LRANGE k 0 -1"),
            ("SADD k 3 1 2", "SMEMBERS k"),
            ("SADD k a b c", "SMEMBERS k"),
            ("HSET k f v g w", "HGETALL k"),
            ("ZADD k 1.5 a -inf b 3 c", "ZRANGE k 0 -1 WITHSCORES"),
        ] {
            bench.run("DEL k copy");
            bench.run(make);
            let payload = bench.frame("DUMP k");
            let guarda_resp::Frame::Bulk(payload) = payload else { panic!("{payload:?}") };
            assert_eq!(bench.call(&[b"RESTORE", b"copy", b"0", &payload]), ok(), "{make}");
            let (before, encoding) = (bench.run(read), bench.run("OBJECT ENCODING k"));
            bench.run("RENAME copy k");
            bench.check(read, before);
            bench.check("OBJECT ENCODING k", encoding);
        }
    }

    #[test]
    fn it_is_journalled_with_the_instant() {
        let mut bench = Bench::new();
        let shown = V.trim_matches('"');
        let until = START.0 + 5_000;
        for (line, ttl, options) in [
            (format!("RESTORE k 5000 {V} IDLETIME 3"), until, "ABSTTL"),
            (format!("RESTORE k 0 {V} replace FREQ 3"), 0, "ABSTTL REPLACE"),
            (format!("RESTORE k {until} {V} ABSTTL REPLACE"), until, "ABSTTL REPLACE"),
            (format!("RESTORE k {until} {V} abstTL replace"), until, "abstTL REPLACE"),
        ] {
            bench.check_journal(&line, &[&format!("RESTORE k {ttl} {shown} {options}")]);
        }
        bench.check("PTTL k", int(5_000));
        bench.check_journal(&format!("RESTORE k 1 {V} ABSTTL REPLACE"), &["DEL k"]);
        bench.check_journal(&format!("RESTORE k 1 {V} ABSTTL"), &[]);
        bench.check_journal(&format!("RESTORE k 9223372036854775807 {V}"), &[]);
        bench.check("EXISTS k", int(0));
        let last = i64::MAX;
        bench.check(&format!("RESTORE k {last} {V} ABSTTL"), ok());
        bench.check("PEXPIRETIME k", int(last - 1));
    }

    #[test]
    fn the_log_takes_back_what_the_limit_would_refuse_now() {
        let mut bench = Bench::new();
        let payload = payload_of(RdbValueRef::String(&[b'x'; 100]));
        bench.host.settings.proto_max_bulk_len.store(99, Ordering::Relaxed);
        let args: [&[u8]; 4] = [b"RESTORE", b"k", b"0", &payload];
        assert_eq!(bench.call(&args), err("ERR Bad data format"));
        let mut client = new_client(2);
        client.auth = AuthState::Granted;
        let mut worker = crate::execute::Worker::default();
        replay(&args, &mut client, &bench.host, &mut worker, &mut Vec::new()).expect("replayed");
        bench.check("STRLEN k", int(100));
    }

    #[test]
    fn a_wrong_checksum_may_be_passed_over_and_is_not_written_down() {
        let mut bench = Bench::new();
        let wrong = V.replace(r"\xce\xb2", r"\xce\xb3");
        let refused = err("ERR DUMP payload version or checksum are wrong");
        bench.check(&format!("RESTORE k 0 {wrong}"), &refused);
        bench.host.settings.skips_checksums.store(true, Ordering::Relaxed);
        let shown = V.trim_matches('"');
        bench.check_journal(
            &format!("RESTORE k 0 {wrong}"),
            &[&format!("RESTORE k 0 {shown} ABSTTL")],
        );
        bench.check("GET k", bulk("v"));
        for payload in [r#""\x00\x01v\xff\x0012345678""#, "123456789", r#""""#] {
            bench.check(&format!("RESTORE l 0 {payload}"), &refused);
        }
        let cut = r#""\x00\x05abc\n\x0012345678""#;
        bench.check(&format!("RESTORE l 0 {cut}"), err("ERR Bad data format"));
    }

    #[test]
    fn refusals_come_in_the_order_of_redis() {
        let mut bench = Bench::new();
        bench.check("SET k v", ok());
        for (rest, error) in [
            ("a x NOSUCH", "ERR syntax error"),
            ("a x IDLETIME", "ERR syntax error"),
            ("a x IDLETIME a", "ERR value is not an integer or out of range"),
            ("a x IDLETIME -1", "ERR Invalid IDLETIME value, must be >= 0"),
            ("a x FREQ 256", "ERR Invalid FREQ value, must be >= 0 and <= 255"),
            ("a x FREQ 1 IDLETIME 1", "ERR syntax error"),
            ("a x IDLETIME 1 FREQ 1", "ERR syntax error"),
            ("a x", "BUSYKEY Target key name already exists."),
            ("a x REPLACE", "ERR value is not an integer or out of range"),
            ("-1 x REPLACE", "ERR Invalid TTL value, must be >= 0"),
            ("1 x REPLACE", "ERR DUMP payload version or checksum are wrong"),
        ] {
            bench.check(&format!("RESTORE k {rest}"), err(error));
        }
        bench.check("GET k", bulk("v"));
    }

    #[test]
    fn an_element_that_comes_twice_is_no_value() {
        let mut bench = Bench::new();
        let twice: [&[u8]; 2] = [b"a", b"a"];
        let refused = [
            payload_of(RdbValueRef::Set(&mut twice.into_iter())),
            payload_of(RdbValueRef::Hash(&mut twice.map(|a| (a, a)).into_iter())),
            payload_of(RdbValueRef::SortedSet(&mut twice.map(|a| (a, 1.0)).into_iter())),
        ];
        for payload in refused {
            let reply = bench.call(&[b"RESTORE", b"k", b"0", &payload]);
            assert_eq!(reply, err("ERR Bad data format"));
        }
        let list = payload_of(RdbValueRef::List(&mut twice.into_iter()));
        assert_eq!(bench.call(&[b"RESTORE", b"k", b"0", &list]), ok());
        bench.check("LLEN k", int(2));
    }

    #[test]
    fn the_idle_time_is_kept() {
        let mut bench = Bench::new();
        for (idle, shown) in [("100", 100), ("0", 0), ("9223372036854775807", i64::from(i32::MAX))]
        {
            bench.check(&format!("RESTORE k 0 {V} REPLACE IDLETIME {idle}"), ok());
            bench.check("OBJECT IDLETIME k", int(shown));
        }
    }

    #[test]
    fn uses_are_those_said_or_those_of_a_new_key() {
        let mut bench = Bench::new();
        bench.host.keyspace.usage().set(true, 0, 1);
        for (options, uses) in
            [("FREQ 255", 255), ("", 5), ("FREQ 0", 0), ("IDLETIME 600", 5), ("FREQ 100", 100)]
        {
            bench.check(&format!("RESTORE k 0 {V} REPLACE {options}"), ok());
            bench.check("OBJECT FREQ k", int(uses));
        }
        bench.check("COPY k l", int(1));
        bench.check("OBJECT FREQ l", int(5));
        bench.check("RENAME k m", ok());
        bench.check("OBJECT FREQ m", int(101));
    }
}
