//! Walks over all keys: SCAN, KEYS, RANDOMKEY.

use guarda_resp::ReplyWriter;
use guarda_store::{Record, SHARDS, UnixMillis, glob_match};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::db::Db;
use crate::error::CommandError;
use crate::families::keys::NEW;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Locks};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "keys",
        summary: "Lists all keys that match a pattern.",
        complexity: "O(N) with N being the number of keys in the database.",
        arity: Arity::exactly(2),
        flags: Flags::READONLY,
        categories: NEW.categories.union(Categories::DANGEROUS),
        locks: Locks::Walk,
        tips: &["request_policy:all_shards", "nondeterministic_output_order"],
        run: keys,
        ..NEW
    },
    CommandSpec {
        name: "scan",
        summary: "Lists the keys of a database page by page.",
        since: "2.8.0",
        complexity: "O(1) for every call, O(N) for all the calls of a complete walk, with N being \
                     the number of keys in the database.",
        arity: Arity::at_least(2),
        flags: Flags::READONLY,
        locks: Locks::Walk,
        tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
        run: scan,
        ..NEW
    },
    CommandSpec {
        name: "randomkey",
        summary: "Names a key of the database chosen at random.",
        flags: Flags::READONLY,
        locks: Locks::Walk,
        tips: &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
        run: random_key,
        ..NEW
    },
];

/// Whether a walk shows this record: one that is due is gone already, though nobody removed it.
fn is_shown(record: &Record, now: UnixMillis, pattern: Option<&[u8]>) -> bool {
    !record.is_due(now) && pattern.is_none_or(|pattern| glob_match(pattern, record.key(), false))
}

/// A pattern that not every key matches.
fn selective(pattern: &[u8]) -> Option<&[u8]> {
    (pattern != b"*").then_some(pattern)
}

fn keys(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let pattern = selective(args.bytes()?);
    let (index, now) = (cx.db.index, cx.db.now);
    let mark = cx.reply.begin_array();
    let mut found = 0;
    cx.db.locked.scan(index, 0, usize::MAX, |record| {
        if is_shown(record, now, pattern) {
            cx.reply.bulk(record.key());
            found += 1;
        }
    });
    cx.reply.end_array(mark, found);
    Ok(Outcome::Reply)
}

/// A cursor as Redis reads it (C's `strtoul`): an optional sign and digits; nothing at all is 0.
pub(crate) fn parse_cursor(text: &[u8]) -> Result<u64, CommandError> {
    let (negative, digits) = match text {
        [sign @ (b'-' | b'+'), digits @ ..] => (*sign == b'-', digits),
        digits => (false, digits),
    };
    if digits.is_empty() && !text.is_empty() {
        return Err(CommandError::InvalidCursor);
    }
    let magnitude = digits.iter().try_fold(0u64, |value, digit| {
        let digit = u64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        value.checked_mul(10)?.checked_add(digit)
    });
    let magnitude = magnitude.ok_or(CommandError::InvalidCursor)?;
    Ok(if negative { magnitude.wrapping_neg() } else { magnitude })
}

/// MATCH and COUNT of HSCAN, SSCAN and ZSCAN.
pub(crate) struct PageOptions<'a> {
    pattern: Option<&'a [u8]>,
    /// About how many elements a page has.
    pub(crate) count: usize,
}

impl<'a> PageOptions<'a> {
    pub(crate) fn parse(args: &mut Args<'a>) -> Result<PageOptions<'a>, CommandError> {
        let mut options = PageOptions { pattern: None, count: 10 };
        while !args.is_empty() {
            if args.take_word("MATCH") {
                options.pattern = Some(args.bytes()?);
            } else if args.take_word("COUNT") {
                let count = usize::try_from(args.integer()?).ok().filter(|count| *count > 0);
                options.count = count.ok_or(CommandError::Syntax)?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }

    /// Whether the element belongs to the page.
    pub(crate) fn shows(&self, element: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob_match(pattern, element, false))
    }
}

/// Begins the reply of HSCAN, SSCAN and ZSCAN: the next cursor, and `len` elements that follow.
pub(crate) fn begin_page(reply: &mut ReplyWriter<'_>, next_cursor: u64, len: usize) {
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next_cursor).as_bytes());
    reply.array(len);
}

fn scan(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let cursor = parse_cursor(args.bytes()?)?;
    let (mut pattern, mut kind, mut count) = (None, None, 10);
    while !args.is_empty() {
        if args.take_word("MATCH") {
            pattern = selective(args.bytes()?);
        } else if args.take_word("TYPE") {
            kind = Some(args.bytes()?);
        } else if args.take_word("COUNT") {
            count = args.integer()?;
            if count < 1 {
                return Err(CommandError::Syntax);
            }
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let (index, now) = (cx.db.index, cx.db.now);
    let start = cx.reply.buf.len();
    let mark = cx.reply.begin_array();
    let mut found = 0;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let next = cx.db.locked.scan(index, cursor, count, |record| {
        let is_kind =
            |kind: &[u8]| record.value().kind().name().as_bytes().eq_ignore_ascii_case(kind);
        if is_shown(record, now, pattern) && kind.is_none_or(is_kind) {
            cx.reply.bulk(record.key());
            found += 1;
        }
    });
    cx.reply.end_array(mark, found);
    // The cursor stands before the keys but is known only after them.
    let keys_end = cx.reply.buf.len();
    cx.reply.array(2);
    cx.reply.bulk(itoa::Buffer::new().format(next.next_cursor).as_bytes());
    let head = cx.reply.buf.len() - keys_end;
    cx.reply.buf[start..].rotate_right(head);
    Ok(Outcome::Reply)
}

/// Draws before [`random_key`] gives up and takes the first living key there is.
const DRAWS_MAX: usize = 100;

fn random_key(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    let (index, now) = (cx.db.index, cx.db.now);
    // Each shard's share of the draw is its share of the keys, so that few keys in some of the
    // shards have equal chances too. The counts may change meanwhile; then a draw misses.
    let mut ends = [0; SHARDS];
    let mut total = 0;
    for (shard, end) in ends.iter_mut().enumerate() {
        total += cx.db.locked.visit_shard(shard, |shard| shard.len(index)) as u64;
        *end = total;
    }
    for _ in 0..DRAWS_MAX {
        if total == 0 {
            break;
        }
        let drawn = Db::random() % total;
        let shard = ends.partition_point(|&end| end <= drawn);
        let found = cx.db.locked.visit_shard(shard, |shard| {
            let record = shard.random(index, Db::random).filter(|r| is_shown(r, now, None));
            record.map(|record| cx.reply.bulk(record.key()))
        });
        if found.is_some() {
            return Ok(Outcome::Reply);
        }
    }
    // Nearly all keys are due and not yet removed.
    let mut found = false;
    let mut shard = 0;
    while !found && shard < SHARDS {
        cx.db.locked.visit_shard(shard, |shard| {
            shard.scan(index, 0, usize::MAX, |record| {
                if !found && is_shown(record, now, None) {
                    cx.reply.bulk(record.key());
                    found = true;
                }
            })
        });
        shard += 1;
    }
    if !found {
        cx.reply.null();
    }
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use guarda_resp::Frame;

    use crate::testing::*;

    fn filled(keys: usize) -> Bench {
        let mut bench = Bench::new();
        for n in 0..keys {
            bench.check(&format!("SET key:{n} v"), ok());
        }
        bench
    }

    fn names(frame: Frame) -> Vec<Vec<u8>> {
        let Frame::Array(items) = frame else { panic!("not an array") };
        let name = |item| match item {
            Frame::Bulk(name) => name,
            other => panic!("not a key: {other:?}"),
        };
        items.into_iter().map(name).collect()
    }

    /// Keys of all pages of a scan with these options, and the number of pages.
    fn scan_all(bench: &mut Bench, options: &str) -> (Vec<Vec<u8>>, usize) {
        let (mut cursor, mut found, mut pages) = ("0".to_owned(), Vec::new(), 0);
        loop {
            let Frame::Array(page) = bench.frame(&format!("SCAN {cursor} {options}")) else {
                panic!("not an array")
            };
            let [Frame::Bulk(next), keys] = &page[..] else { panic!("not a page") };
            cursor = String::from_utf8(next.clone()).expect("digits");
            found.extend(names(keys.clone()));
            pages += 1;
            if cursor == "0" {
                return (found, pages);
            }
        }
    }

    #[test]
    fn a_scan_finds_every_key_once_in_pages() {
        let mut bench = filled(1_000);
        for (options, pages_min) in [("", 90), ("COUNT 1", 500), ("COUNT 100000", 1)] {
            let (found, pages) = scan_all(&mut bench, options);
            assert_eq!(found.len(), 1_000, "{options}");
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>().len(), 1_000, "{options}");
            assert!(pages >= pages_min, "{options}: {pages} pages");
        }
    }

    #[test]
    fn a_scan_filters_by_pattern_type_and_life() {
        let mut bench = filled(100);
        bench.make_hash("h");
        bench.check("PSETEX key:due 5 v", ok());
        bench.advance(5);
        assert_eq!(scan_all(&mut bench, "MATCH key:1*").0.len(), 11);
        assert_eq!(scan_all(&mut bench, "TYPE HASH").0, [b"h"]);
        assert_eq!(scan_all(&mut bench, "TYPE string").0.len(), 100);
        assert_eq!(scan_all(&mut bench, "TYPE nosuch COUNT 5").0.len(), 0);
        assert_eq!(scan_all(&mut bench, "match key:due").0.len(), 0);
        bench.client.db = 1;
        assert_eq!(scan_all(&mut bench, "").0.len(), 0);
    }

    #[test]
    fn cursors_are_read_leniently_and_options_strictly() {
        let mut bench = Bench::new();
        for cursor in ["0", "\"\"", "+0", "00", "-1", "18446744073709551615"] {
            bench.check(&format!("SCAN {cursor}"), array([bulk("0"), array([])]));
        }
        for cursor in ["x", "1x", "\" 1\"", "18446744073709551616", "-", "1.0"] {
            bench.check(&format!("SCAN {cursor} NOSUCH"), err("ERR invalid cursor"));
        }
        for options in ["COUNT", "COUNT 0", "COUNT -1", "MATCH", "TYPE", "NOSUCH 1"] {
            bench.check(&format!("SCAN 0 {options}"), err("ERR syntax error"));
        }
        bench.check("SCAN 0 COUNT x", err("ERR value is not an integer or out of range"));
    }

    #[test]
    fn keys_lists_what_matches_and_lives() {
        let mut bench = filled(20);
        bench.check("PSETEX due 5 v", ok());
        bench.advance(5);
        assert_eq!(names(bench.frame("KEYS *")).len(), 20);
        assert_eq!(names(bench.frame("KEYS key:1?")).len(), 10);
        bench.check("KEYS due", array([]));
        bench.check("KEYS key:7", bulks(["key:7"]));
    }

    #[test]
    fn every_key_has_its_chance_to_be_the_random_one() {
        let mut bench = filled(3);
        bench.check("PSETEX due 5 v", ok());
        bench.advance(5);
        let mut drawn = std::collections::BTreeMap::<_, usize>::new();
        for _ in 0..3_000 {
            *drawn.entry(bench.run("RANDOMKEY")).or_default() += 1;
        }
        assert_eq!(drawn.len(), 3, "a key that is due is not drawn");
        assert!(drawn.values().all(|&times| times > 700), "{:?}", drawn.values());
    }

    #[test]
    fn a_random_key_is_found_among_many_that_are_due() {
        let mut bench = Bench::new();
        for n in 0..500 {
            bench.check(&format!("PSETEX due:{n} 5 v"), ok());
        }
        bench.advance(5);
        bench.check("RANDOMKEY", nil());
        bench.check("SET alive v", ok());
        bench.check("RANDOMKEY", bulk("alive"));
    }

    #[test]
    fn a_walk_depends_on_the_journal_position_of_what_it_saw() {
        let mut bench = filled(5);
        let written = bench.worker.seen_seq;
        assert_eq!(written, 5);
        for walk in ["KEYS *", "SCAN 0 COUNT 100", "RANDOMKEY"] {
            bench.worker.seen_seq = 0;
            bench.run(walk);
            assert_eq!(bench.worker.seen_seq, written, "{walk}");
        }
    }
}
