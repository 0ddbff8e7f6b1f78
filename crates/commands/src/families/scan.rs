//! Walks over all keys: SCAN, KEYS, RANDOMKEY.

use guarda_resp::ReplyWriter;
use guarda_store::{HashedKey, Record, SHARDS, SWEEP_MAX, Shard, UnixMillis, glob_match};

use crate::args::Args;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::db::Db;
use crate::effects::{Effects, Lookup};
use crate::error::CommandError;
use crate::families::keys::NEW;
use crate::host::Host;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Locks};
use crate::waits::ShardWaits;

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

/// Removes what a walk meets that is due, as whoever reads such a key does.
struct Expiry<'a> {
    effects: &'a mut Effects,
    host: &'a dyn Host,
    db: u32,
    now: UnixMillis,
    /// Transactions and scripts hold all shards, and go to the log as one.
    holds_one: bool,
}

impl<'a> Expiry<'a> {
    fn of(
        effects: &'a mut Effects,
        host: &'a dyn Host,
        db: u32,
        now: UnixMillis,
        caller: Caller,
    ) -> Expiry<'a> {
        Expiry { effects, host, db, now, holds_one: caller == Caller::Client }
    }

    /// Removes those of `due` that are, at most [`SWEEP_MAX`] of them. Locks of sessions that somebody
    /// holds or awaits are left to the sweep, which renews their leases first: else a jump of the clock would
    /// free them all.
    fn remove(&mut self, shard: &mut Shard, due: &[Box<[u8]>]) {
        if self.effects.lookup == Lookup::Still {
            return;
        }
        for key in due.iter().take(SWEEP_MAX) {
            let waits = ShardWaits::of(shard);
            if !waits.is_some_and(|waits| waits.sessions.is_tended(self.db, key)) {
                let _gone = shard.get(self.db, HashedKey::new(key), self.now);
            }
        }
        if self.holds_one {
            self.effects.append_expired_for(shard, self.host);
        }
    }
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
        // As in Redis it hides what is due, and leaves it: SCAN and RANDOMKEY do not.
        let is_wanted = pattern.is_none_or(|pattern| glob_match(pattern, record.key(), false));
        if is_wanted && !record.is_due(now) {
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

/// Whether SCAN's MATCH and TYPE let a record through.
fn is_listed(record: &Record, pattern: Option<&[u8]>, kind: Option<&[u8]>) -> bool {
    let is_kind = |kind: &[u8]| record.value().kind().name().as_bytes().eq_ignore_ascii_case(kind);
    pattern.is_none_or(|pattern| glob_match(pattern, record.key(), false))
        && kind.is_none_or(is_kind)
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
    let mut expiry = Expiry::of(cx.db.effects, cx.host, index, now, cx.caller);
    let next = cx.db.locked.scan_by_shard(cursor, count, |shard, from, left| {
        let mut due: Vec<Box<[u8]>> = Vec::new();
        let next = shard.scan(index, from, *left, |record| {
            *left = left.saturating_sub(1);
            if !is_listed(record, pattern, kind) {
                return;
            }
            if !record.is_due(now) {
                cx.reply.bulk(record.key());
                found += 1;
            } else if due.len() < SWEEP_MAX {
                due.push(record.key().into());
            }
        });
        expiry.remove(shard, &due);
        next
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
    let mut expiry = Expiry::of(cx.db.effects, cx.host, index, now, cx.caller);
    for _ in 0..DRAWS_MAX {
        if total == 0 {
            break;
        }
        let drawn = Db::random() % total;
        let shard = ends.partition_point(|&end| end <= drawn);
        let found = cx.db.locked.visit_shard(shard, |shard| {
            let record = shard.random(index, Db::random)?;
            if !record.is_due(now) {
                cx.reply.bulk(record.key());
                return Some(());
            }
            let due = record.key().into();
            expiry.remove(shard, &[due]);
            None
        });
        if found.is_some() {
            return Ok(Outcome::Reply);
        }
    }
    // Nearly all keys were due.
    let mut found = false;
    let mut shard = 0;
    while !found && shard < SHARDS {
        cx.db.locked.visit_shard(shard, |shard| {
            let mut due: Vec<Box<[u8]>> = Vec::new();
            shard.scan(index, 0, usize::MAX, |record| {
                if !found && !record.is_due(now) {
                    cx.reply.bulk(record.key());
                    found = true;
                } else if !found && due.len() < SWEEP_MAX {
                    due.push(record.key().into());
                }
            });
            expiry.remove(shard, &due);
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
    use guarda_store::{HashedKey, SWEEP_MAX};

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

    /// The bench with a key that lives and these that are due.
    fn with_due(due: usize) -> Bench {
        let mut bench = filled(1);
        for n in 0..due {
            bench.check(&format!("PSETEX due:{n} 5 v"), ok());
        }
        bench.make_hash("h");
        bench.check("PEXPIRE h 5", int(1));
        bench.advance(5);
        bench.journal();
        bench
    }

    #[test]
    fn a_scan_removes_what_it_meets_that_is_due() {
        let mut bench = with_due(3);
        let mut expired = bench.worker.effects.counters.expired_keys;
        for (options, left, gone) in [
            ("MATCH nothing*", 5, 0),
            ("MATCH due:1", 4, 1),
            ("TYPE list", 4, 0),
            ("TYPE hash", 3, 1),
            ("", 1, 2),
            ("", 1, 0),
        ] {
            scan_all(&mut bench, options);
            bench.check("DBSIZE", int(left));
            expired += gone as u64;
            assert_eq!(bench.worker.effects.counters.expired_keys, expired, "{options}");
            // Each by itself, as in Redis: keys that are due have nothing to do with each other.
            let groups = bench.host.log.take();
            assert_eq!(groups.len(), gone, "{options}: {groups:?}");
            assert!(groups.iter().all(|group| group.len() == 1 && group[0].1[0] == b"DEL"));
        }
    }

    #[test]
    fn what_a_transaction_removes_goes_to_the_log_with_it() {
        let mut bench = with_due(2);
        for line in ["MULTI", "SCAN 0 COUNT 100", "SET k v", "EXEC"] {
            bench.run(line);
        }
        let groups = bench.host.log.take();
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [4], "{groups:?}");
    }

    #[test]
    fn a_random_keys_draw_removes_what_is_due() {
        let mut bench = with_due(300);
        for _ in 0..1_000 {
            bench.check("RANDOMKEY", bulk("key:0"));
        }
        bench.check("DBSIZE", int(1));
        assert_eq!(bench.worker.effects.counters.expired_keys, 301);
    }

    #[test]
    fn keys_hides_what_is_due_and_leaves_it() {
        let mut bench = with_due(3);
        bench.check("KEYS *", bulks(["key:0"]));
        bench.check("DBSIZE", int(5));
        assert!(bench.journal().is_empty());
    }

    #[test]
    fn a_walk_in_a_pause_removes_nothing() {
        let mut bench = with_due(3);
        bench.check("CLIENT PAUSE 1000 WRITE", ok());
        assert_eq!(scan_all(&mut bench, "").0, [b"key:0"]);
        bench.check("RANDOMKEY", bulk("key:0"));
        for line in ["MULTI", "SCAN 0 COUNT 100", "RANDOMKEY", "GET due:1", "EXEC"] {
            bench.run(line);
        }
        bench.check("DBSIZE", int(5));
        assert!(bench.journal().is_empty());
    }

    #[test]
    fn one_hold_of_a_lock_removes_no_more_than_a_sweep_does() {
        let mut bench = Bench::new();
        let names = (0..).map(|n| format!("due:{n}"));
        let of_one_shard = names.filter(|name| HashedKey::new(name.as_bytes()).shard() == 7);
        for name in of_one_shard.take(SWEEP_MAX + 50) {
            bench.check(&format!("PSETEX {name} 5 v"), ok());
        }
        bench.advance(5);
        for left in [50, 0] {
            assert_eq!(scan_all(&mut bench, "COUNT 1000").0.len(), 0);
            bench.check("DBSIZE", int(left));
        }
    }

    #[test]
    fn a_jump_of_the_clock_lets_a_scan_take_no_lock_from_a_connection() {
        let mut bench = Bench::new();
        bench.run("SESSION OPEN s guarda:0000000000000000000000000000000a LEASE 10000");
        bench.check("EXISTS s_LOCK", int(1));
        bench.now.0 += 3_600_000;
        scan_all(&mut bench, "");
        bench.check("RANDOMKEY", nil());
        bench.check("DBSIZE", int(1));
        bench.tend();
        bench.check("PTTL s_LOCK", int(10_000));
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
