//! Hashes as a whole: HGETALL, HKEYS, HVALS, HSCAN, HRANDFIELD.

use std::collections::HashSet;

use guarda_resp::{Protocol, ReplyWriter};
use guarda_store::HashValue;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::db::Db;
use crate::error::CommandError;
use crate::families::draws::{
    DRAWN_LEN_MAX, Draws, admit_draws, draw_count, is_beyond_pairs, shuffle_front,
};
use crate::families::hashes::NEW;
use crate::families::scan::{PageOptions, begin_page, parse_cursor};
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};

const WALK: CommandSpec =
    CommandSpec { flags: Flags::READONLY, keys: Keys::at(1, KeyAccess::READ), ..NEW };

/// What reads a whole hash.
const WHOLE: CommandSpec = CommandSpec {
    complexity: "O(N) where N is the size of the hash.",
    arity: Arity::exactly(2),
    tips: &["nondeterministic_output_order"],
    ..WALK
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "hgetall",
        summary: "Returns all fields of a hash with their values.",
        run: hgetall,
        ..WHOLE
    },
    CommandSpec {
        name: "hkeys",
        summary: "Returns all fields of a hash.",
        run: |cx, args| column(cx, args, |field, _| field),
        ..WHOLE
    },
    CommandSpec {
        name: "hrandfield",
        summary: "Returns fields of a hash chosen at random.",
        note: "A negative count gets at most 1,000,000 fields and 512 MiB.",
        since: "6.2.0",
        complexity: "O(N) where N is the number of fields returned",
        arity: Arity::at_least(2),
        tips: &["nondeterministic_output"],
        run: hrandfield,
        ..WALK
    },
    CommandSpec {
        name: "hscan",
        summary: "Returns the fields of a hash with their values page by page.",
        since: "2.8.0",
        complexity: "O(1) for every call, O(N) for all the calls of a complete walk, with N being \
                     the number of fields.",
        arity: Arity::at_least(3),
        tips: &["nondeterministic_output"],
        run: hscan,
        ..WALK
    },
    CommandSpec {
        name: "hvals",
        summary: "Returns all values of a hash.",
        run: |cx, args| column(cx, args, |_, value| value),
        ..WHOLE
    },
];

fn hgetall(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let hash = cx.db.collection::<HashValue>(args.key()?)?;
    let reply = &mut cx.reply;
    reply.map(hash.map_or(0, HashValue::len));
    if let Some(hash) = hash {
        hash.for_each(|field, value| {
            reply.bulk(field);
            reply.bulk(value);
        });
    }
    Ok(Outcome::Reply)
}

fn column(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    choose: for<'a> fn(&'a [u8], &'a [u8]) -> &'a [u8],
) -> CommandResult {
    let hash = cx.db.collection::<HashValue>(args.key()?)?;
    let reply = &mut cx.reply;
    reply.array(hash.map_or(0, HashValue::len));
    if let Some(hash) = hash {
        hash.for_each(|field, value| reply.bulk(choose(field, value)));
    }
    Ok(Outcome::Reply)
}

// HSCAN ----------------------------------------------------------------------------------------

fn hscan(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let cursor = parse_cursor(args.bytes()?)?;
    // Unlike elsewhere the key is looked at before the options are: Redis answers a missing key
    // or another type without reading them.
    let Some(hash) = cx.db.collection::<HashValue>(key)? else {
        begin_page(&mut cx.reply, 0, 0);
        return Ok(Outcome::Reply);
    };
    let options = PageOptions::parse(args)?;
    let mut page = Vec::new();
    let next = hash.scan(cursor, options.count, |field, value| {
        if options.shows(field) {
            page.push((field, value));
        }
    });
    begin_page(&mut cx.reply, next, 2 * page.len());
    for (field, value) in page {
        cx.reply.bulk(field);
        cx.reply.bulk(value);
    }
    Ok(Outcome::Reply)
}

// HRANDFIELD -----------------------------------------------------------------------------------

type Pair<'a> = (&'a [u8], &'a [u8]);

fn hrandfield(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    if args.is_empty() {
        match cx.db.collection::<HashValue>(key)?.and_then(|hash| hash.random(Db::random)) {
            Some((field, _)) => cx.reply.bulk(field),
            None => cx.reply.null(),
        }
        return Ok(Outcome::Reply);
    }
    let count = draw_count(args)?;
    let with_values = args.take_word("WITHVALUES");
    args.finish()?;
    if is_beyond_pairs(count, with_values) {
        return Err(CommandError::OutOfRange);
    }
    if cx.db.collection::<HashValue>(key)?.is_none() {
        cx.reply.array(0);
        return Ok(Outcome::Reply);
    }
    if count < 0 && admit_draws(cx, count.unsigned_abs())? == Draws::Overflow {
        return Ok(Outcome::Overflow);
    }
    let hash = cx.db.peek_collection::<HashValue>(key)?.expect("looked at above");
    if count < 0 {
        let start = cx.reply.buf.len();
        let draws = count.unsigned_abs() as usize;
        // A small form is walked at every draw: laying it out once is cheaper.
        let all = if hash.is_packed() { pairs_of(hash) } else { Vec::new() };
        begin_pairs(&mut cx.reply, draws, with_values);
        for _ in 0..draws {
            let pair = match all.len() as u64 {
                0 => hash.random(Db::random).expect("no hash is empty"),
                len => all[(Db::random() % len) as usize],
            };
            write_pair(&mut cx.reply, pair, with_values);
            if cx.reply.buf.len() - start > DRAWN_LEN_MAX {
                return Err(CommandError::OutOfRange);
            }
        }
    } else {
        let chosen = distinct(hash, usize::try_from(count).unwrap_or(usize::MAX));
        begin_pairs(&mut cx.reply, chosen.len(), with_values);
        for pair in chosen {
            write_pair(&mut cx.reply, pair, with_values);
        }
    }
    Ok(Outcome::Reply)
}

fn pairs_of(hash: &HashValue) -> Vec<Pair<'_>> {
    let mut all = Vec::with_capacity(hash.len());
    hash.for_each(|field, value| all.push((field, value)));
    all
}

/// `count` different fields, or all in order if there are no more than that.
fn distinct(hash: &HashValue, count: usize) -> Vec<Pair<'_>> {
    let len = hash.len();
    if count < len / 3 && !hash.is_packed() {
        // Few of many: draw until enough different ones have come.
        let mut seen = HashSet::with_capacity(count);
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count {
            let pair = hash.random(Db::random).expect("no hash is empty");
            if seen.insert(pair.0) {
                chosen.push(pair);
            }
        }
        return chosen;
    }
    let mut all = pairs_of(hash);
    if count < len {
        shuffle_front(&mut all, count);
        all.truncate(count);
    }
    all
}

/// Header of a reply of fields: RESP2 has fields and values in one row, RESP3 pairs.
fn begin_pairs(reply: &mut ReplyWriter<'_>, len: usize, with_values: bool) {
    let is_flat = with_values && reply.protocol == Protocol::Resp2;
    reply.array(if is_flat { 2 * len } else { len });
}

fn write_pair(reply: &mut ReplyWriter<'_>, (field, value): Pair<'_>, with_values: bool) {
    if with_values && reply.protocol == Protocol::Resp3 {
        reply.array(2);
    }
    reply.bulk(field);
    if with_values {
        reply.bulk(value);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use guarda_resp::Frame;

    use crate::families::draws::DRAWS_MAX;
    use crate::testing::{Bench, array, bulk, bulks, err, int, nil, wrong_type};

    /// Bulk strings of a (flat or nested) array, in order.
    fn texts(frame: &Frame) -> Vec<String> {
        match frame {
            Frame::Bulk(bytes) => vec![String::from_utf8(bytes.clone()).expect("ASCII")],
            Frame::Array(items) => items.iter().flat_map(texts).collect(),
            other => panic!("{other:?} in a reply of fields"),
        }
    }

    /// A bench with `h`, `len` fields `f0: v0` and so on.
    fn bench_with(len: usize) -> Bench {
        let mut bench = Bench::new();
        for n in 0..len {
            bench.check(&format!("HSET h f{n} v{n}"), int(1));
        }
        bench
    }

    #[test]
    fn whole_hashes_come_in_order_while_they_are_small() {
        let mut bench = bench_with(3);
        bench.run("HSET h f0 again");
        bench.check("HGETALL h", bulks(["f0", "again", "f1", "v1", "f2", "v2"]));
        bench.check("HKEYS h", bulks(["f0", "f1", "f2"]));
        bench.check("HVALS h", bulks(["again", "v1", "v2"]));
        for line in ["HGETALL nokey", "HKEYS nokey", "HVALS nokey"] {
            bench.check(line, array([]));
        }
        bench.run("HELLO 3");
        bench.check("HGETALL nokey", "%0\r\n");
        bench.run("HDEL h f1 f2");
        bench.check("HGETALL h", "%1\r\n$2\r\nf0\r\n$5\r\nagain\r\n");
        bench.check("HKEYS h", bulks(["f0"]));
    }

    #[test]
    fn other_types_are_refused() {
        let mut bench = Bench::new();
        bench.run("SET s v");
        for line in
            ["HGETALL s", "HKEYS s", "HVALS s", "HSCAN s 0", "HRANDFIELD s", "HRANDFIELD s 0"]
        {
            bench.check(line, wrong_type());
        }
    }

    #[test]
    fn a_large_hash_comes_whole_and_a_scan_meets_every_field_once() {
        let mut bench = bench_with(1_000);
        let all: BTreeMap<String, String> =
            (0..1_000).map(|n| (format!("f{n}"), format!("v{n}"))).collect();
        let pairs = |items: Vec<String>| -> Vec<(String, String)> {
            items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
        };
        let whole = pairs(texts(&bench.frame("HGETALL h")));
        assert_eq!(whole.len(), 1_000);
        assert_eq!(whole.into_iter().collect::<BTreeMap<_, _>>(), all);
        let (mut cursor, mut seen, mut pages) = ("0".to_owned(), Vec::new(), 0);
        loop {
            let mut page = texts(&bench.frame(&format!("HSCAN h {cursor} COUNT 50")));
            cursor = page.remove(0);
            assert!(page.len() < 2 * 100, "about fifty fields a page");
            seen.extend(pairs(page));
            pages += 1;
            if cursor == "0" {
                break;
            }
        }
        assert!(pages > 5);
        assert_eq!(seen.len(), 1_000);
        assert_eq!(seen.into_iter().collect::<BTreeMap<_, _>>(), all);
    }

    #[test]
    fn a_scan_filters_fields_and_checks_its_options_once_there_is_a_hash() {
        let mut bench = bench_with(3);
        let page = |items: Vec<u8>| array([bulk("0"), items]);
        bench.check("HSCAN h 0", page(bulks(["f0", "v0", "f1", "v1", "f2", "v2"])));
        bench.check("HSCAN h 0 COUNT 1", page(bulks(["f0", "v0", "f1", "v1", "f2", "v2"])));
        bench.check("HSCAN h 0 match *1", page(bulks(["f1", "v1"])));
        bench.check("HSCAN h 0 MATCH *1 COUNT 5 MATCH f2", page(bulks(["f2", "v2"])));
        bench.check("HSCAN h 0 MATCH v*", page(array([])));
        bench.check("HSCAN h 12345", page(bulks(["f0", "v0", "f1", "v1", "f2", "v2"])));
        for line in [
            "HSCAN h 0 MATCH",
            "HSCAN h 0 COUNT 0",
            "HSCAN h 0 COUNT -1",
            "HSCAN h 0 NOVALUES",
            "HSCAN h 0 TYPE hash",
        ] {
            bench.check(line, err("ERR syntax error"));
        }
        bench.check("HSCAN h 0 COUNT x", err("ERR value is not an integer or out of range"));
        bench.check("HSCAN h x", err("ERR invalid cursor"));
        bench.check("HSCAN nokey x", err("ERR invalid cursor"));
        bench.check("HSCAN nokey 0 bogus", page(array([])));
    }

    #[test]
    fn one_random_field_is_any_field() {
        for len in [8, 600] {
            let mut bench = bench_with(len);
            let mut seen = BTreeSet::new();
            let mut draws = 0;
            while seen.len() < len {
                seen.extend(texts(&bench.frame("HRANDFIELD h")));
                draws += 1;
                assert!(draws < 100 * len, "{} of {len} fields in {draws} draws", seen.len());
            }
        }
        let mut bench = Bench::new();
        bench.check("HRANDFIELD nokey", nil());
        bench.check("HRANDFIELD nokey 3", array([]));
    }

    #[test]
    fn random_fields_are_different_for_a_positive_count() {
        for (len, counts) in [(8, vec![1, 3, 7]), (600, vec![1, 5, 150, 250, 599])] {
            let mut bench = bench_with(len);
            for count in counts {
                let drawn = texts(&bench.frame(&format!("HRANDFIELD h {count}")));
                assert_eq!(drawn.len(), count);
                assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), count);
                let drawn = texts(&bench.frame(&format!("HRANDFIELD h {count} WITHVALUES")));
                assert_eq!(drawn.len(), 2 * count);
                for pair in drawn.chunks(2) {
                    assert_eq!(pair[0][1..], pair[1][1..], "a field with its own value");
                }
            }
            bench.check("HRANDFIELD h 0", array([]));
            let all = bench.run("HKEYS h");
            bench.check(&format!("HRANDFIELD h {len}"), &all);
            bench.check("HRANDFIELD h 9223372036854775807", &all);
        }
    }

    #[test]
    fn random_fields_may_repeat_for_a_negative_count() {
        for len in [2, 600] {
            let mut bench = bench_with(len);
            assert_eq!(texts(&bench.frame("HRANDFIELD h -1000")).len(), 1_000);
            let drawn = texts(&bench.frame("HRANDFIELD h -50 withvalues"));
            assert_eq!(drawn.len(), 100);
            assert!(drawn.chunks(2).all(|pair| pair[0][1..] == pair[1][1..]));
        }
    }

    #[test]
    fn random_fields_with_values_are_pairs_in_resp3() {
        let mut bench = bench_with(1);
        bench.check("HRANDFIELD h -2 WITHVALUES", bulks(["f0", "v0", "f0", "v0"]));
        bench.run("HELLO 3");
        let pair = || bulks(["f0", "v0"]);
        bench.check("HRANDFIELD h -2 WITHVALUES", array([pair(), pair()]));
        bench.check("HRANDFIELD h 2 WITHVALUES", array([pair()]));
        bench.check("HRANDFIELD h 2", bulks(["f0"]));
        bench.check("HRANDFIELD nokey", "_\r\n");
    }

    #[test]
    fn random_counts_have_limits() {
        let mut bench = bench_with(1);
        let min = "ERR value is out of range, value must between -9223372036854775807 and \
                   9223372036854775807";
        bench.check("HRANDFIELD h -9223372036854775808", err(min));
        bench.check("HRANDFIELD nokey -9223372036854775808", err(min));
        for line in [
            "HRANDFIELD h 9223372036854775807 WITHVALUES",
            "HRANDFIELD h -4611686018427387904 WITHVALUES",
            "HRANDFIELD h -1000001",
        ] {
            bench.check(line, err("ERR value is out of range"));
        }
        bench.check("HRANDFIELD h x", err("ERR value is not an integer or out of range"));
        for line in ["HRANDFIELD h 2 bogus", "HRANDFIELD h 2 WITHVALUES x", "HRANDFIELD nokey 1 b"]
        {
            bench.check(line, err("ERR syntax error"));
        }
        bench.check("HRANDFIELD nokey -999999999", array([]));
        let head = format!("*{DRAWS_MAX}\r\n");
        assert!(bench.run(&format!("HRANDFIELD h -{DRAWS_MAX}")).starts_with(head.as_bytes()));
    }
}
