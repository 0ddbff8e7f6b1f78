//! Sorted sets: members added, scored, ranked, removed, listed page by page. Ranges are in
//! `sorted_set_ranges`, what takes or draws members in `sorted_set_pops`, what combines several sets
//! in `sorted_set_algebra`.

use std::cmp::Ordering;

use guarda_resp::number::parse_f64;
use guarda_resp::{Protocol, ReplyWriter, format_double};
use guarda_store::SortedSetValue;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::db::Db;
use crate::error::CommandError;
use crate::families::scan::{PageOptions, begin_page, parse_cursor};
use crate::pubsub::EventClasses;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, KeyAccess, Keys};

pub(crate) const NEW: CommandSpec =
    CommandSpec { group: Group::SortedSet, categories: Categories::SORTEDSET, ..CommandSpec::NEW };

const LOOK: CommandSpec = CommandSpec {
    flags: Flags::READONLY.union(Flags::FAST),
    keys: Keys::at(1, KeyAccess::READ),
    ..NEW
};

const ADD: CommandSpec = CommandSpec {
    since: "1.2.0",
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST),
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "zadd",
        summary: "Adds members with their scores to a sorted set, or gives them new scores.",
        complexity: "O(log(N)) for each item added, where N is the number of elements in the \
                     sorted set.",
        arity: Arity::at_least(4),
        keys: Keys::at(1, KeyAccess::CHANGE),
        run: |cx, args| zadd(cx, args, false),
        ..ADD
    },
    CommandSpec {
        name: "zcard",
        summary: "Returns the number of members of a sorted set.",
        since: "1.2.0",
        arity: Arity::exactly(2),
        keys: Keys::at(1, KeyAccess::PEEK),
        run: zcard,
        ..LOOK
    },
    CommandSpec {
        name: "zincrby",
        summary: "Adds to the score of a member, which counts as 0 if it is missing.",
        complexity: "O(log(N)) where N is the number of elements in the sorted set.",
        arity: Arity::exactly(4),
        keys: Keys::at(1, KeyAccess::UPDATE),
        run: |cx, args| zadd(cx, args, true),
        ..ADD
    },
    CommandSpec {
        name: "zmscore",
        summary: "Returns the scores of several members.",
        since: "6.2.0",
        complexity: "O(N) where N is the number of members being requested.",
        arity: Arity::at_least(3),
        run: zmscore,
        ..LOOK
    },
    CommandSpec {
        name: "zrank",
        summary: "Returns how many members come before a member, in ascending order.",
        since: "2.0.0",
        complexity: "O(log(N))",
        arity: Arity::at_least(3),
        run: |cx, args| zrank(cx, args, "zrank", |rank, _| rank),
        ..LOOK
    },
    CommandSpec {
        name: "zrem",
        summary: "Removes members from a sorted set, and the key with the last of them.",
        since: "1.2.0",
        complexity: "O(M*log(N)) with N being the number of elements in the sorted set and M the \
                     number of elements to be removed.",
        arity: Arity::at_least(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: Keys::at(1, KeyAccess::DELETE),
        run: zrem,
        ..NEW
    },
    CommandSpec {
        name: "zrevrank",
        summary: "Returns how many members come before a member, in descending order.",
        since: "2.0.0",
        complexity: "O(log(N))",
        arity: Arity::at_least(3),
        run: |cx, args| zrank(cx, args, "zrevrank", |rank, len| len - 1 - rank),
        ..LOOK
    },
    CommandSpec {
        name: "zscan",
        summary: "Returns the members of a sorted set with their scores page by page.",
        since: "2.8.0",
        complexity: "O(1) for every call, O(N) for all the calls of a complete walk, with N being \
                     the number of members.",
        arity: Arity::at_least(3),
        flags: Flags::READONLY,
        tips: &["nondeterministic_output"],
        run: zscan,
        ..LOOK
    },
    CommandSpec {
        name: "zscore",
        summary: "Returns the score of a member.",
        since: "1.2.0",
        arity: Arity::exactly(3),
        run: zscore,
        ..LOOK
    },
];

// Replies --------------------------------------------------------------------------------------

/// Members, with their scores if they are asked for: RESP2 has them in one row, RESP3 in pairs.
pub(crate) fn write_members<'a>(
    reply: &mut ReplyWriter<'_>,
    members: impl ExactSizeIterator<Item = (&'a [u8], f64)>,
    with_scores: bool,
) {
    let in_pairs = with_scores && reply.protocol == Protocol::Resp3;
    let is_flat = with_scores && !in_pairs;
    reply.array(if is_flat { 2 * members.len() } else { members.len() });
    for (member, score) in members {
        if in_pairs {
            reply.array(2);
        }
        reply.bulk(member);
        if with_scores {
            reply.double(score);
        }
    }
}

fn write_score(reply: &mut ReplyWriter<'_>, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

// Reading --------------------------------------------------------------------------------------

fn zcard(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let len = cx.db.collection(args.key()?)?.map_or(0, SortedSetValue::len);
    cx.reply.integer(len as i64);
    Ok(Outcome::Reply)
}

fn zscore(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, member) = (args.key()?, args.bytes()?);
    let set = cx.db.collection::<SortedSetValue>(key)?;
    write_score(&mut cx.reply, set.and_then(|set| set.score(member)));
    Ok(Outcome::Reply)
}

fn zmscore(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, members) = (args.key()?, args.take_rest());
    let set = cx.db.collection::<SortedSetValue>(key)?;
    cx.reply.array(members.len());
    for member in members {
        write_score(&mut cx.reply, set.and_then(|set| set.score(member)));
    }
    Ok(Outcome::Reply)
}

fn zrank(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    command: &'static str,
    counted_from: fn(usize, usize) -> usize,
) -> CommandResult {
    let (key, member) = (args.key()?, args.bytes()?);
    if args.rest().len() > 1 {
        return Err(CommandError::WrongArity(command.into()));
    }
    let with_score = args.take_word("WITHSCORE");
    args.finish()?;
    let set = cx.db.collection::<SortedSetValue>(key)?;
    let found = set.and_then(|set| {
        set.rank(member).map(|(rank, score)| (counted_from(rank, set.len()), score))
    });
    match (found, with_score) {
        (Some((rank, score)), true) => {
            cx.reply.array(2);
            cx.reply.integer(rank as i64);
            cx.reply.double(score);
        }
        (Some((rank, _)), false) => cx.reply.integer(rank as i64),
        (None, true) => cx.reply.null_array(),
        (None, false) => cx.reply.null(),
    }
    Ok(Outcome::Reply)
}

fn zscan(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    let cursor = parse_cursor(args.bytes()?)?;
    // As with HSCAN, a missing key or another type is answered without reading the options.
    let Some(set) = cx.db.collection::<SortedSetValue>(key)? else {
        begin_page(&mut cx.reply, 0, 0);
        return Ok(Outcome::Reply);
    };
    let options = PageOptions::parse(args)?;
    let mut page = Vec::new();
    let next = set.scan(cursor, options.count, |member, score| {
        if options.shows(member) {
            page.push((member, score));
        }
    });
    begin_page(&mut cx.reply, next, 2 * page.len());
    for (member, score) in page {
        cx.reply.bulk(member);
        cx.reply.bulk(format_double(score).as_bytes());
    }
    Ok(Outcome::Reply)
}

// Changing -------------------------------------------------------------------------------------

/// Which members ZADD touches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existence {
    Any,
    OnlyIfAbsent,
    OnlyIfPresent,
}

/// ZADD's options.
struct AddOptions {
    existence: Existence,
    /// How a new score must compare to the old one (GT, LT).
    toward: Option<Ordering>,
    /// Count members whose score changed too.
    counts_changes: bool,
    /// Add to the score, and answer with it.
    increments: bool,
}

impl AddOptions {
    fn parse(args: &mut Args<'_>) -> Result<AddOptions, CommandError> {
        let (mut nx, mut xx, mut gt, mut lt, mut ch, mut incr) = Default::default();
        let mut words: [(&str, &mut bool); 6] = [
            ("NX", &mut nx),
            ("XX", &mut xx),
            ("GT", &mut gt),
            ("LT", &mut lt),
            ("CH", &mut ch),
            ("INCR", &mut incr),
        ];
        while let Some((_, given)) = words.iter_mut().find(|(word, _)| args.take_word(word)) {
            **given = true;
        }
        let pairs = args.rest().len();
        if pairs == 0 || pairs % 2 == 1 {
            return Err(CommandError::Syntax);
        }
        if nx && xx {
            return Err(CommandError::text(
                "ERR XX and NX options at the same time are not compatible",
            ));
        }
        if (gt || lt) && nx || gt && lt {
            return Err(CommandError::text(
                "ERR GT, LT, and/or NX options at the same time are not compatible",
            ));
        }
        if incr && pairs > 2 {
            return Err(CommandError::text(
                "ERR INCR option supports a single increment-element pair",
            ));
        }
        let existence = match (nx, xx) {
            (true, _) => Existence::OnlyIfAbsent,
            (_, true) => Existence::OnlyIfPresent,
            _ => Existence::Any,
        };
        let toward = match (gt, lt) {
            (true, _) => Some(Ordering::Greater),
            (_, true) => Some(Ordering::Less),
            _ => None,
        };
        Ok(AddOptions { existence, toward, counts_changes: ch, increments: incr })
    }

    /// The score that `member` gets; `None` leaves it as it is.
    fn new_score(&self, old: Option<f64>, given: f64) -> Result<Option<f64>, CommandError> {
        let Some(old) = old else {
            let adds = self.existence != Existence::OnlyIfPresent;
            return Ok(adds.then_some(given));
        };
        if self.existence == Existence::OnlyIfAbsent {
            return Ok(None);
        }
        let new = if self.increments { old + given } else { given };
        if new.is_nan() {
            return Err(CommandError::text("ERR resulting score is not a number (NaN)"));
        }
        let goes = self.toward.is_none_or(|toward| new.partial_cmp(&old) == Some(toward));
        Ok(goes.then_some(new))
    }
}

fn zadd(cx: &mut Context<'_, '_>, args: &mut Args<'_>, is_zincrby: bool) -> CommandResult {
    let key = args.key()?;
    let options = if is_zincrby {
        let existence = Existence::Any;
        AddOptions { existence, toward: None, counts_changes: false, increments: true }
    } else {
        AddOptions::parse(args)?
    };
    let (pairs, _) = args.take_rest().as_chunks::<2>();
    let scores: Option<Vec<f64>> = pairs.iter().map(|[score, _]| parse_f64(score)).collect();
    let scores = scores.ok_or(CommandError::NotFloat)?;
    let limits = cx.db.settings.sorted_set_limits();

    if options.existence == Existence::OnlyIfPresent
        && cx.db.peek_collection::<SortedSetValue>(key)?.is_none()
    {
        if options.increments {
            cx.reply.null();
        } else {
            cx.reply.integer(0);
        }
        return Ok(Outcome::Reply);
    }
    let suited = || {
        let len_max = pairs.iter().map(|[_, member]| member.len()).max().unwrap_or(0);
        SortedSetValue::suited(pairs.len(), len_max, limits)
    };
    let set = cx.db.collection_or(key, suited)?;
    set.prepare(pairs.len(), limits);
    let (mut added, mut updated, mut last) = (0, 0, None);
    for ([_, member], given) in pairs.iter().zip(scores) {
        let old = set.score(member);
        last = options.new_score(old, given)?;
        let Some(new) = last else { continue };
        if old.is_none() {
            added += 1;
        } else if old.partial_cmp(&last) == Some(Ordering::Equal) {
            continue;
        } else {
            updated += 1;
        }
        set.insert(member, new, limits);
    }
    if added + updated > 0 {
        cx.db.changed(key);
        cx.db.count_changes(added + updated - 1);
        let event = if options.increments { "zincr" } else { "zadd" };
        cx.db.notify(EventClasses::SORTED_SET, event, key);
    }
    if options.increments {
        write_score(&mut cx.reply, last);
    } else {
        cx.reply.integer((added + if options.counts_changes { updated } else { 0 }) as i64);
    }
    Ok(Outcome::Reply)
}

fn zrem(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (key, members) = (args.key()?, args.take_rest());
    let removed = match cx.db.collection_mut::<SortedSetValue>(key)? {
        Some(set) => members.iter().filter(|member| set.remove(member).is_some()).count(),
        None => 0,
    };
    announce_removed(&mut cx.db, key, removed, "zrem");
    cx.reply.integer(removed as i64);
    Ok(Outcome::Reply)
}

/// Tells of members that were removed, and removes the key with the last of them.
pub(crate) fn announce_removed(
    db: &mut Db<'_, '_>,
    key: &[u8],
    removed: usize,
    event: &'static str,
) {
    if removed > 0 {
        db.changed(key);
        db.count_changes(removed as u64 - 1);
        db.notify(EventClasses::SORTED_SET, event, key);
        db.remove_if_empty(key);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use guarda_resp::Frame;

    use crate::testing::*;

    #[test]
    fn members_are_scored_ranked_and_removed() {
        let mut bench = Bench::new();
        bench.check("ZADD z 2 b 1 a 3 c 1 a", int(3));
        bench.check("ZADD z 1.5 c 4 d", int(1));
        bench.check("ZRANGE z 0 -1 WITHSCORES", bulks(["a", "1", "c", "1.5", "b", "2", "d", "4"]));
        bench.check("ZCARD z", int(4));
        bench.check("ZSCORE z c", bulk("1.5"));
        bench.check("ZSCORE z zz", nil());
        bench.check("ZMSCORE z a zz d", array([bulk("1"), nil(), bulk("4")]));
        bench.check("ZRANK z b", int(2));
        bench.check("ZREVRANK z b", int(1));
        bench.check("ZRANK z b WITHSCORE", array([int(2), bulk("2")]));
        bench.check("ZREVRANK z d withscore", array([int(0), bulk("4")]));
        bench.check("ZRANK z zz", nil());
        bench.check("ZRANK z zz WITHSCORE", "*-1\r\n");
        bench.check("ZRANK nokey a WITHSCORE", "*-1\r\n");
        bench.check("ZRANK z b WITHSCORES", err("ERR syntax error"));
        let arity = err("ERR wrong number of arguments for 'zrank' command");
        bench.check("ZRANK z b WITHSCORE x", arity);
        bench.check("ZREM z a zz a", int(1));
        bench.check("ZREM z b c d", int(3));
        bench.check("EXISTS z", int(0));
        bench.check("ZCARD z", int(0));
        bench.check("ZMSCORE z a", array([nil()]));
        bench.run("ZADD z 0.1 a");
        bench.run("HELLO 3");
        bench.check("ZSCORE z a", ",0.1\r\n");
        bench.check("ZADD z INCR 1 a", ",1.1\r\n");
        bench.check("ZRANK z zz WITHSCORE", "_\r\n");
        bench.check("ZRANGE z 0 0 WITHSCORES", "*1\r\n*2\r\n$1\r\na\r\n,1.1\r\n");
        bench.check("ZSCAN z 0", array([bulk("0"), bulks(["a", "1.1"])]));
    }

    #[test]
    fn options_decide_what_is_added() {
        let mut bench = Bench::new();
        bench.run("ZADD z 5 a");
        bench.check("ZADD z NX 9 a 1 b", int(1));
        bench.check("ZSCORE z a", bulk("5"));
        bench.check("ZADD z XX 9 a 1 new", int(0));
        bench.check("ZSCORE z a", bulk("9"));
        bench.check("ZADD z XX CH 10 a 1 b 2 new", int(1));
        bench.check("ZADD z GT CH 9 a 2 b 7 c", int(2));
        bench.check("ZADD z LT CH 9 a 3 b", int(1));
        bench.check("ZADD z xx gt ch 8 a 3 b", int(1));
        bench.check("ZMSCORE z a b c", bulks(["9", "3", "7"]));
        bench.check("ZADD z INCR 1.5 a", bulk("10.5"));
        bench.check("ZADD z NX INCR 1 a", nil());
        bench.check("ZADD z GT INCR -1 a", nil());
        bench.check("ZADD z XX INCR 1 nosuch", nil());
        bench.check("ZADD nokey XX INCR 1 a", nil());
        bench.check("ZADD nokey XX 1 a", int(0));
        bench.check("EXISTS nokey", int(0));
        bench.check("ZINCRBY z 2 a", bulk("12.5"));
        bench.check("ZINCRBY z -1 fresh", bulk("-1"));
        bench.check(
            "ZADD z NX XX 1 a",
            err("ERR XX and NX options at the same time are not compatible"),
        );
        let not_with = err("ERR GT, LT, and/or NX options at the same time are not compatible");
        for line in ["ZADD z GT LT 1 a", "ZADD z NX GT 1 a", "ZADD z LT NX 1 a"] {
            bench.check(line, &not_with);
        }
        let single = err("ERR INCR option supports a single increment-element pair");
        bench.check("ZADD z INCR 1 a 2 b", single);
        for line in ["ZADD z NX 1", "ZADD z 1 a 2", "ZADD z NX XX", "ZADD z CH INCR"] {
            bench.check(line, err("ERR syntax error"));
        }
    }

    #[test]
    fn scores_are_numbers_and_stay_numbers() {
        let mut bench = Bench::new();
        for score in ["x", "nan", "\" 1\"", "1e400", "\"\""] {
            let error = err("ERR value is not a valid float");
            bench.check(&format!("ZADD z 1 a {score} b"), error);
        }
        bench.check("EXISTS z", int(0));
        bench.check("ZADD z inf a -inf b 0x10 c +1.50 d 1e3 e", int(5));
        bench.check("ZMSCORE z a b c d e", bulks(["inf", "-inf", "16", "1.5", "1000"]));
        bench.check("ZINCRBY z -inf a", err("ERR resulting score is not a number (NaN)"));
        bench.check("ZADD z INCR inf b", err("ERR resulting score is not a number (NaN)"));
        bench.check("ZSCORE z a", bulk("inf"));
        bench.check_journal("ZINCRBY z -inf a", &[]);
        bench.check("ZADD z -0 zero", int(1));
        bench.check("ZSCORE z zero", bulk("0"));
    }

    #[test]
    fn other_types_are_refused() {
        let mut bench = Bench::new();
        bench.run("SET str v");
        for line in [
            "ZADD str 1 a",
            "ZADD str XX 1 a",
            "ZINCRBY str 1 a",
            "ZREM str a",
            "ZCARD str",
            "ZSCORE str a",
            "ZMSCORE str a",
            "ZRANK str a",
            "ZREVRANK str a",
            "ZSCAN str 0",
        ] {
            bench.check(line, wrong_type());
        }
        bench.check("GET str", bulk("v"));
    }

    #[test]
    fn what_changed_is_journalled_verbatim_and_nothing_else_is() {
        let mut bench = Bench::new();
        bench.check_journal("zadd z 1 a 2 b", &["zadd z 1 a 2 b"]);
        bench.check_journal("ZADD z 1 a", &[]);
        bench.check_journal("ZADD z NX 5 a", &[]);
        bench.check_journal("ZINCRBY z 0.1 a", &["ZINCRBY z 0.1 a"]);
        bench.check_journal("ZINCRBY z 0 a", &[]);
        bench.check_journal("ZREM z zz", &[]);
        bench.check_journal("ZREM z a zz", &["ZREM z a zz"]);
        let before = bench.worker.effects.counters.dirty;
        bench.run("ZADD z 3 b 1 c 1 d");
        bench.run("ZREM z c d");
        assert_eq!(bench.worker.effects.counters.dirty - before, 5);
        bench.run("PEXPIRE z 100");
        bench.advance(100);
        bench.check_journal("ZADD z 1 d", &["DEL z", "ZADD z 1 d"]);
    }

    #[test]
    fn a_sorted_set_changes_its_form_at_its_limits() {
        let mut bench = Bench::new();
        for n in 0..129 {
            bench.check(&format!("ZADD z {n} m{n}"), int(1));
            if n >= 127 {
                let encoding = if n < 128 { "listpack" } else { "skiplist" };
                bench.check("OBJECT ENCODING z", bulk(encoding));
            }
        }
        bench.check("ZRANK z m100", int(100));
        bench.run(&format!("ZADD long 1 {}", "x".repeat(65)));
        bench.check("OBJECT ENCODING long", bulk("skiplist"));
        bench.run(&format!("ZADD hinted {}", "1 a ".repeat(129)));
        bench.check("OBJECT ENCODING hinted", bulk("skiplist"));
        bench.run("COPY z y");
        bench.check("ZREM y m5", int(1));
        bench.check("ZRANK z m100", int(100));
        bench.check("ZRANK y m100", int(99));
    }

    #[test]
    fn a_scan_meets_every_member_once() {
        let mut bench = Bench::new();
        for n in 0..1_000 {
            bench.run(&format!("ZADD z {n} m{n}"));
        }
        let (mut cursor, mut seen, mut pages) = ("0".to_owned(), BTreeMap::new(), 0);
        loop {
            let Frame::Array(reply) = bench.frame(&format!("ZSCAN z {cursor} COUNT 50")) else {
                panic!("an array");
            };
            let [Frame::Bulk(next), Frame::Array(page)] = &reply[..] else { panic!("{reply:?}") };
            for pair in page.chunks(2) {
                let [Frame::Bulk(member), Frame::Bulk(score)] = pair else { panic!("{pair:?}") };
                assert_eq!(member[1..], score[..]);
                assert!(seen.insert(member.clone(), score.clone()).is_none());
            }
            pages += 1;
            cursor = String::from_utf8(next.clone()).expect("digits");
            if cursor == "0" {
                break;
            }
        }
        assert!(pages > 5 && seen.len() == 1_000, "{} in {pages} pages", seen.len());
        bench.check("ZSCAN z x", err("ERR invalid cursor"));
        bench.check("ZSCAN z 0 COUNT 0", err("ERR syntax error"));
        bench.check("ZSCAN nokey 0 bogus", array([bulk("0"), array([])]));
    }
}
