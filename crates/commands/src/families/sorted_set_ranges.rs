//! Ranges of a sorted set, by rank, score and lexical order: returned, stored, counted, removed.
//!
//! Every range becomes a range of ranks: both ends are found in O(log n), so are the offset and the
//! count of LIMIT.

use std::ops::Range;

use guarda_resp::number::parse_f64;
use guarda_store::{Collection as _, SortedSetValue};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::{CommandError, until_nul};
use crate::families::sorted_sets::{NEW, announce_removed, write_members};
use crate::families::store_result;
use crate::pubsub::EventClasses;
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};

const RANGE: CommandSpec = CommandSpec {
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the \
                 number of elements returned.",
    arity: Arity::at_least(4),
    flags: Flags::READONLY,
    keys: Keys::at(1, KeyAccess::READ),
    ..NEW
};

const COUNT: CommandSpec = CommandSpec {
    complexity: "O(log(N)) with N being the number of elements in the sorted set.",
    arity: Arity::exactly(4),
    flags: Flags::READONLY.union(Flags::FAST),
    ..RANGE
};

const REMOVE: CommandSpec = CommandSpec {
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the \
                 number of elements removed by the operation.",
    arity: Arity::exactly(4),
    flags: Flags::WRITE,
    keys: Keys::at(1, KeyAccess::DELETE),
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "zcount",
        summary: "Counts the members with scores in a range.",
        since: "2.0.0",
        run: |cx, args| count(cx, args, Order::Score),
        ..COUNT
    },
    CommandSpec {
        name: "zlexcount",
        summary: "Counts the members in a lexical range.",
        since: "2.8.9",
        run: |cx, args| count(cx, args, Order::Lex),
        ..COUNT
    },
    CommandSpec {
        name: "zrange",
        summary: "Returns the members in a range of ranks, scores or lexical order.",
        since: "1.2.0",
        run: |cx, args| zrange(cx, args, Syntax::Any),
        ..RANGE
    },
    CommandSpec {
        name: "zrangebylex",
        summary: "Returns the members in a lexical range.",
        since: "2.8.9",
        run: |cx, args| zrange(cx, args, Syntax::Fixed(Order::Lex, false)),
        ..RANGE
    },
    CommandSpec {
        name: "zrangebyscore",
        summary: "Returns the members with scores in a range.",
        since: "1.0.5",
        run: |cx, args| zrange(cx, args, Syntax::Fixed(Order::Score, false)),
        ..RANGE
    },
    CommandSpec {
        name: "zrangestore",
        summary: "Stores the members in a range of ranks, scores or lexical order.",
        since: "6.2.0",
        complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the \
                     number of elements stored into the destination key.",
        arity: Arity::at_least(5),
        flags: Flags::WRITE.union(Flags::DENYOOM),
        keys: Keys::range(1, 2, 1, KeyAccess::OVERWRITE).then(2, KeyAccess::READ),
        run: zrangestore,
        ..RANGE
    },
    CommandSpec {
        name: "zremrangebylex",
        summary: "Removes the members in a lexical range.",
        since: "2.8.9",
        run: |cx, args| remove(cx, args, Order::Lex),
        ..REMOVE
    },
    CommandSpec {
        name: "zremrangebyrank",
        summary: "Removes the members in a range of ranks.",
        since: "2.0.0",
        run: |cx, args| remove(cx, args, Order::Rank),
        ..REMOVE
    },
    CommandSpec {
        name: "zremrangebyscore",
        summary: "Removes the members with scores in a range.",
        since: "1.2.0",
        run: |cx, args| remove(cx, args, Order::Score),
        ..REMOVE
    },
    CommandSpec {
        name: "zrevrange",
        summary: "Returns the members in a range of ranks, the highest score first.",
        since: "1.2.0",
        run: |cx, args| zrange(cx, args, Syntax::Fixed(Order::Rank, true)),
        ..RANGE
    },
    CommandSpec {
        name: "zrevrangebylex",
        summary: "Returns the members in a lexical range, backwards.",
        since: "2.8.9",
        run: |cx, args| zrange(cx, args, Syntax::Fixed(Order::Lex, true)),
        ..RANGE
    },
    CommandSpec {
        name: "zrevrangebyscore",
        summary: "Returns the members with scores in a range, the highest score first.",
        since: "2.2.0",
        run: |cx, args| zrange(cx, args, Syntax::Fixed(Order::Score, true)),
        ..RANGE
    },
];

// Bounds ---------------------------------------------------------------------------------------

/// By what a range is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Rank,
    Score,
    Lex,
}

/// A range as it was asked for.
enum Bounds<'a> {
    Ranks(i64, i64),
    Scores(ScoreBound, ScoreBound),
    Lex(LexBound<'a>, LexBound<'a>),
}

struct ScoreBound {
    value: f64,
    is_exclusive: bool,
}

impl ScoreBound {
    fn parse(text: &[u8]) -> Result<ScoreBound, CommandError> {
        let (is_exclusive, number) = match text {
            [b'(', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let error = CommandError::text("ERR min or max is not a float");
        let value = parse_loosely(until_nul(number)).ok_or(error)?;
        Ok(ScoreBound { value, is_exclusive })
    }
}

/// A bound's number as C's `strtod` reads it, which Redis trusts here: after blanks, nothing at all
/// being 0, and what is out of range infinite or 0.
fn parse_loosely(text: &[u8]) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let number = &text[text.iter().take_while(|byte| is_blank(byte)).count()..];
    parse_f64(number).or_else(|| {
        let decimal: f64 = std::str::from_utf8(number).ok()?.parse().ok()?;
        (!decimal.is_nan()).then_some(decimal)
    })
}

enum LexBound<'a> {
    BeforeAll,
    Inclusive(&'a [u8]),
    Exclusive(&'a [u8]),
    AfterAll,
}

impl<'a> LexBound<'a> {
    fn parse(text: &'a [u8]) -> Result<LexBound<'a>, CommandError> {
        match text {
            [b'-'] | [b'-', 0, ..] => Ok(LexBound::BeforeAll),
            [b'+'] | [b'+', 0, ..] => Ok(LexBound::AfterAll),
            [b'[', member @ ..] => Ok(LexBound::Inclusive(member)),
            [b'(', member @ ..] => Ok(LexBound::Exclusive(member)),
            _ => Err(CommandError::text("ERR min or max not valid string range item")),
        }
    }

    /// Whether `member` comes before a range that begins here.
    fn begins_after(&self, member: &[u8]) -> bool {
        match self {
            LexBound::BeforeAll => false,
            LexBound::Inclusive(bound) => member < *bound,
            LexBound::Exclusive(bound) => member <= *bound,
            LexBound::AfterAll => true,
        }
    }

    /// Whether `member` does not come behind a range that ends here.
    fn ends_after(&self, member: &[u8]) -> bool {
        match self {
            LexBound::BeforeAll => false,
            LexBound::Inclusive(bound) => member <= *bound,
            LexBound::Exclusive(bound) => member < *bound,
            LexBound::AfterAll => true,
        }
    }
}

impl<'a> Bounds<'a> {
    fn parse(order: Order, min: &'a [u8], max: &'a [u8]) -> Result<Bounds<'a>, CommandError> {
        let rank = |text| guarda_resp::number::parse_i64(text).ok_or(CommandError::NotInteger);
        Ok(match order {
            Order::Rank => Bounds::Ranks(rank(min)?, rank(max)?),
            Order::Score => Bounds::Scores(ScoreBound::parse(min)?, ScoreBound::parse(max)?),
            Order::Lex => Bounds::Lex(LexBound::parse(min)?, LexBound::parse(max)?),
        })
    }

    /// The ranks of the members in the range.
    fn of(&self, set: &SortedSetValue) -> Range<usize> {
        let (start, end) = match self {
            Bounds::Ranks(start, stop) => ranks_between(*start, *stop, set.len()),
            Bounds::Scores(min, max) => (
                set.partition_point(|score, _| {
                    if min.is_exclusive { score <= min.value } else { score < min.value }
                }),
                set.partition_point(|score, _| {
                    if max.is_exclusive { score < max.value } else { score <= max.value }
                }),
            ),
            Bounds::Lex(min, max) => (
                set.partition_point(|_, member| min.begins_after(member)),
                set.partition_point(|_, member| max.ends_after(member)),
            ),
        };
        start..end.max(start)
    }
}

/// Ranks from `start` to `stop`, which is included; negative ones count from the end.
fn ranks_between(start: i64, stop: i64, len: usize) -> (usize, usize) {
    let from_front = |rank: i64| if rank < 0 { rank.saturating_add(len as i64) } else { rank };
    let start = usize::try_from(from_front(start)).unwrap_or(0).min(len);
    let end = from_front(stop).saturating_add(1);
    (start, usize::try_from(end).unwrap_or(0).min(len))
}

// Reading --------------------------------------------------------------------------------------

/// How a command is written.
#[derive(Clone, Copy)]
enum Syntax {
    /// ZRANGE: words say what range it is.
    Any,
    /// ZRANGESTORE: as ZRANGE, without scores.
    Stored,
    /// One order and direction.
    Fixed(Order, bool),
}

/// One call of ZRANGE or its kin.
struct Query<'a> {
    bounds: Bounds<'a>,
    is_reversed: bool,
    /// Offset and count.
    limit: (i64, i64),
    with_scores: bool,
}

impl<'a> Query<'a> {
    fn parse(args: &mut Args<'a>, syntax: Syntax) -> Result<Query<'a>, CommandError> {
        let (min, max) = (args.bytes()?, args.bytes()?);
        let (mut order, mut is_reversed, is_free) = match syntax {
            Syntax::Any | Syntax::Stored => (Order::Rank, false, true),
            Syntax::Fixed(order, is_reversed) => (order, is_reversed, false),
        };
        let (mut limit, mut with_scores) = ((0, -1), false);
        while !args.is_empty() {
            if !matches!(syntax, Syntax::Stored) && args.take_word("WITHSCORES") {
                with_scores = true;
            } else if args.rest().len() > 2 && args.take_word("LIMIT") {
                limit = (args.integer()?, args.integer()?);
            } else if is_free && !is_reversed && args.take_word("REV") {
                is_reversed = true;
            } else if is_free && order == Order::Rank && args.take_word("BYSCORE") {
                order = Order::Score;
            } else if is_free && order == Order::Rank && args.take_word("BYLEX") {
                order = Order::Lex;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if limit.1 != -1 && order == Order::Rank {
            return Err(CommandError::text(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or \
                 BYLEX",
            ));
        }
        if with_scores && order == Order::Lex {
            return Err(CommandError::text(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let swaps = is_reversed && order != Order::Rank;
        let (min, max) = if swaps { (max, min) } else { (min, max) };
        Ok(Query { bounds: Bounds::parse(order, min, max)?, is_reversed, limit, with_scores })
    }

    /// The ranks of the members asked for.
    fn ranks(&self, set: &SortedSetValue) -> Range<usize> {
        let found = self.bounds.of(set);
        if let Bounds::Ranks(..) = self.bounds {
            // Ranks count from the other end when the order is reversed; LIMIT is not for them.
            let len = set.len();
            return if self.is_reversed { len - found.end..len - found.start } else { found };
        }
        let (offset, count) = self.limit;
        // A negative offset leaves nothing, a negative count everything.
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(found.len());
        let left = found.len() - offset;
        let count = usize::try_from(count).map_or(left, |count| count.min(left));
        let start =
            if self.is_reversed { found.end - offset - count } else { found.start + offset };
        start..start + count
    }
}

fn zrange(cx: &mut Context<'_, '_>, args: &mut Args<'_>, syntax: Syntax) -> CommandResult {
    let key = args.key()?;
    let query = Query::parse(args, syntax)?;
    let Some(set) = cx.db.collection::<SortedSetValue>(key)? else {
        cx.reply.array(0);
        return Ok(Outcome::Reply);
    };
    let members = set.range(query.ranks(set));
    if query.is_reversed {
        write_members(&mut cx.reply, members.rev(), query.with_scores);
    } else {
        write_members(&mut cx.reply, members, query.with_scores);
    }
    Ok(Outcome::Reply)
}

fn zrangestore(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (to, from) = (args.key()?, args.key()?);
    let query = Query::parse(args, Syntax::Stored)?;
    let limits = cx.db.settings.sorted_set_limits();
    let mut result = SortedSetValue::default();
    if let Some(set) = cx.db.collection::<SortedSetValue>(from)? {
        let ranks = query.ranks(set);
        result.prepare(ranks.len(), limits);
        for (member, score) in set.range(ranks) {
            result.insert(member, score, limits);
        }
    }
    store(cx, to, result, "zrangestore")
}

/// Puts a sorted set in the place of whatever `to` holds; see [`store_result`].
pub(crate) fn store(
    cx: &mut Context<'_, '_>,
    to: &[u8],
    result: SortedSetValue,
    event: &'static str,
) -> CommandResult {
    let len = result.len();
    store_result(cx, to, (len, result.into_value()), (EventClasses::SORTED_SET, event))
}

fn count(cx: &mut Context<'_, '_>, args: &mut Args<'_>, order: Order) -> CommandResult {
    let key = args.key()?;
    let bounds = Bounds::parse(order, args.bytes()?, args.bytes()?)?;
    let found = cx.db.collection(key)?.map_or(0, |set| bounds.of(set).len());
    cx.reply.integer(found as i64);
    Ok(Outcome::Reply)
}

// Removing -------------------------------------------------------------------------------------

fn remove(cx: &mut Context<'_, '_>, args: &mut Args<'_>, order: Order) -> CommandResult {
    let key = args.key()?;
    let bounds = Bounds::parse(order, args.bytes()?, args.bytes()?)?;
    // Looked at first: a set from which nothing goes is not saved for a snapshot.
    let found = cx.db.peek_collection(key)?.map(|set| bounds.of(set)).unwrap_or_default();
    if !found.is_empty()
        && let Some(set) = cx.db.collection_mut::<SortedSetValue>(key)?
    {
        set.remove_range(found.clone(), |_, _| {});
    }
    let event = match order {
        Order::Rank => "zremrangebyrank",
        Order::Score => "zremrangebyscore",
        Order::Lex => "zremrangebylex",
    };
    announce_removed(&mut cx.db, key, found.len(), event);
    cx.reply.integer(found.len() as i64);
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    /// Members `a` to `e` with scores 1 to 5 at `z`, `a` to `e` with score 0 at `l`.
    fn bench() -> Bench {
        let mut bench = Bench::new();
        bench.run("ZADD z 1 a 2 b 3 c 4 d 5 e");
        bench.run("ZADD l 0 a 0 b 0 c 0 d 0 e");
        bench
    }

    #[test]
    fn ranks_count_from_either_end() {
        let mut bench = bench();
        bench.check("ZRANGE z 0 1", bulks(["a", "b"]));
        bench.check("ZRANGE z -2 -1", bulks(["d", "e"]));
        bench.check("ZRANGE z 1 100", bulks(["b", "c", "d", "e"]));
        bench.check("ZRANGE z -100 0", bulks(["a"]));
        bench.check("ZRANGE z 3 1", array([]));
        bench.check("ZRANGE z 5 10", array([]));
        bench.check("ZRANGE z 0 -100", array([]));
        bench.check("ZREVRANGE z 0 1 WITHSCORES", bulks(["e", "5", "d", "4"]));
        bench.check("ZRANGE z 0 0 REV", bulks(["e"]));
        bench.check(
            "ZRANGE z -9223372036854775808 9223372036854775807 REV",
            bulks(["e", "d", "c", "b", "a"]),
        );
        bench.check("ZRANGE z 0 x", err("ERR value is not an integer or out of range"));
        bench.check("ZRANGE nokey 0 -1", array([]));
    }

    #[test]
    fn scores_are_bounded_on_both_sides() {
        let mut bench = bench();
        bench.check("ZRANGEBYSCORE z 2 4", bulks(["b", "c", "d"]));
        bench.check("ZRANGEBYSCORE z (2 (4", bulks(["c"]));
        bench.check("ZRANGEBYSCORE z -inf +inf LIMIT 1 2", bulks(["b", "c"]));
        bench.check("ZREVRANGEBYSCORE z 4 2 LIMIT 1 1 WITHSCORES", bulks(["c", "3"]));
        bench.check("ZRANGE z (4 2 BYSCORE REV", bulks(["c", "b"]));
        bench.check("ZRANGEBYSCORE z 4 2", array([]));
        bench.check("ZRANGEBYSCORE z (3 3", array([]));
        bench.check("ZRANGEBYSCORE z (3 (3", array([]));
        bench.check("ZRANGEBYSCORE z 0 9 LIMIT -1 2", array([]));
        bench.check("ZRANGEBYSCORE z 0 9 LIMIT 3 -5", bulks(["d", "e"]));
        bench.check("ZRANGEBYSCORE z 0 9 LIMIT 9 1", array([]));
        bench.check("ZCOUNT z (1 5", int(4));
        bench.check("ZCOUNT z 5 1", int(0));
        bench.check("ZCOUNT z \"\" \" 2\"", int(2));
        bench.check("ZCOUNT z -1e400 1e400", int(5));
        bench.check("ZCOUNT z ( \"( 2\"", int(1));
        for bound in ["x", "nan", "\"1 \"", "((1", "[1"] {
            let error = err("ERR min or max is not a float");
            bench.check(&format!("ZCOUNT z {bound} 2"), &error);
            bench.check(&format!("ZRANGEBYSCORE z 0 {bound}"), &error);
        }
    }

    #[test]
    fn members_are_bounded_on_both_sides() {
        let mut bench = bench();
        bench.check("ZRANGEBYLEX l - +", bulks(["a", "b", "c", "d", "e"]));
        bench.check("ZRANGEBYLEX l [b (d", bulks(["b", "c"]));
        bench.check("ZRANGEBYLEX l (b [d LIMIT 1 1", bulks(["d"]));
        bench.check("ZREVRANGEBYLEX l [c -", bulks(["c", "b", "a"]));
        bench.check("ZRANGE l (c - BYLEX REV", bulks(["b", "a"]));
        bench.check("ZRANGEBYLEX l + -", array([]));
        bench.check("ZLEXCOUNT l (a [c", int(2));
        bench.check("ZLEXCOUNT l [b [b", int(1));
        bench.check("ZLEXCOUNT l (b [b", int(0));
        for bound in ["x", "\"\"", "-a", "++"] {
            let error = err("ERR min or max not valid string range item");
            bench.check(&format!("ZLEXCOUNT l {bound} +"), error);
        }
    }

    #[test]
    fn options_that_do_not_go_together_are_refused() {
        let mut bench = bench();
        let limit = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE \
                     or BYLEX";
        bench.check("ZRANGE z 0 1 LIMIT 0 1", err(limit));
        bench.check("ZREVRANGE z 0 1 LIMIT 0 1", err(limit));
        bench.check("ZRANGE z 0 1 LIMIT 0 -1", bulks(["a", "b"]));
        let scores = err("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        bench.check("ZRANGE l - + BYLEX WITHSCORES", &scores);
        bench.check("ZRANGEBYLEX l - + WITHSCORES", &scores);
        for line in [
            "ZRANGE z 0 1 BYSCORE BYLEX",
            "ZRANGE z 0 1 LIMIT 0",
            "ZRANGE z 0 1 NONSENSE",
            "ZRANGEBYSCORE z 0 1 REV",
            "ZRANGEBYLEX l - + BYLEX",
            "ZREVRANGE z 0 1 BYSCORE",
            "ZRANGESTORE t z 0 1 WITHSCORES",
        ] {
            bench.check(line, err("ERR syntax error"));
        }
        bench.check(
            "ZRANGEBYSCORE z 0 1 LIMIT x 1",
            err("ERR value is not an integer or out of range"),
        );
    }

    #[test]
    fn ranges_are_stored_in_the_place_of_anything() {
        let mut bench = bench();
        bench.run("SET t v");
        bench.check_journal("ZRANGESTORE t z 1 2", &["ZRANGESTORE t z 1 2"]);
        bench.check("ZRANGE t 0 -1 WITHSCORES", bulks(["b", "2", "c", "3"]));
        bench.check("ZRANGESTORE t z (2 +inf BYSCORE LIMIT 1 1", int(1));
        bench.check("ZRANGE t 0 -1", bulks(["d"]));
        bench.check("ZRANGESTORE t z 4 2 BYSCORE REV LIMIT 0 2", int(2));
        bench.check("ZRANGE t 0 -1", bulks(["c", "d"]));
        bench.check("ZRANGESTORE z z 0 1", int(2));
        bench.check("ZRANGESTORE t nokey 0 -1", int(0));
        bench.check("EXISTS t", int(0));
        bench.check_journal("ZRANGESTORE t nokey 0 -1", &[]);
    }

    #[test]
    fn ranges_are_removed() {
        let mut bench = bench();
        bench.check_journal("ZREMRANGEBYRANK z 0 -5", &["ZREMRANGEBYRANK z 0 -5"]);
        bench.check("ZREMRANGEBYSCORE z (2 3", int(1));
        bench.check("ZRANGE z 0 -1", bulks(["b", "d", "e"]));
        bench.check_journal("ZREMRANGEBYSCORE z 100 200", &[]);
        let before = bench.worker.effects.counters.dirty;
        bench.check("ZREMRANGEBYLEX l [b [c", int(2));
        assert_eq!(bench.worker.effects.counters.dirty - before, 2);
        bench.check("ZRANGE l 0 -1", bulks(["a", "d", "e"]));
        bench.check("ZREMRANGEBYRANK z 0 -1", int(3));
        bench.check("EXISTS z", int(0));
        bench.check("ZREMRANGEBYRANK z 0 -1", int(0));
        bench.run("SET str v");
        for line in [
            "ZREMRANGEBYRANK str 0 1",
            "ZREMRANGEBYSCORE str 0 1",
            "ZREMRANGEBYLEX str - +",
            "ZRANGE str 0 1",
            "ZCOUNT str 0 1",
            "ZLEXCOUNT str - +",
            "ZRANGESTORE t str 0 1",
        ] {
            bench.check(line, wrong_type());
        }
    }

    #[test]
    fn a_large_set_is_cut_anywhere() {
        let mut bench = Bench::new();
        for n in 0..1_000 {
            bench.run(&format!("ZADD z {} m{n:04}", n / 10));
        }
        bench.check("ZCOUNT z 10 19", int(100));
        bench.check("ZRANGEBYSCORE z 50 50 LIMIT 3 2", bulks(["m0503", "m0504"]));
        bench.check("ZREVRANGEBYSCORE z 50 50 LIMIT 3 2", bulks(["m0506", "m0505"]));
        bench.check("ZRANGE z 777 778", bulks(["m0777", "m0778"]));
        bench.check("ZREMRANGEBYSCORE z 10 89", int(800));
        bench.check("ZRANGE z 99 100", bulks(["m0099", "m0900"]));
    }
}
