//! Members of a sorted set taken from an end, or drawn at random: ZPOPMIN, ZPOPMAX, ZMPOP,
//! ZRANDMEMBER.

use guarda_resp::{Protocol, ReplyWriter};
use guarda_store::SortedSetValue;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::db::Db;
use crate::error::CommandError;
use crate::families::draws::{
    DRAWN_LEN_MAX, Draws, admit_draws, draw_count, is_beyond_pairs, shuffle_front,
};
use crate::families::set_algebra::key_count;
use crate::families::sorted_sets::{NEW, announce_removed, write_members};
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};

const POP: CommandSpec = CommandSpec {
    since: "5.0.0",
    complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being \
                 the number of elements popped.",
    arity: Arity::at_least(2),
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::at(1, KeyAccess::TAKE),
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "zmpop",
        summary: "Removes the members with the lowest or highest scores from the first sorted set \
                  that has any, and returns them.",
        since: "7.0.0",
        complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number \
                     of elements in the sorted set, and M being the number of elements popped.",
        arity: Arity::at_least(4),
        flags: Flags::WRITE.union(Flags::MOVABLEKEYS),
        keys: Keys::counted(1, KeyAccess::TAKE),
        run: zmpop,
        ..POP
    },
    CommandSpec {
        name: "zpopmax",
        summary: "Removes the members with the highest scores and returns them.",
        run: |cx, args| zpop(cx, args, End::Max),
        ..POP
    },
    CommandSpec {
        name: "zpopmin",
        summary: "Removes the members with the lowest scores and returns them.",
        run: |cx, args| zpop(cx, args, End::Min),
        ..POP
    },
    CommandSpec {
        name: "zrandmember",
        summary: "Returns members of a sorted set chosen at random.",
        note: "A negative count gets at most 1,000,000 members and 512 MiB.",
        since: "6.2.0",
        complexity: "O(N) where N is the number of elements returned",
        flags: Flags::READONLY,
        keys: Keys::at(1, KeyAccess::READ),
        tips: &["nondeterministic_output"],
        run: zrandmember,
        ..POP
    },
];

// Taking ---------------------------------------------------------------------------------------

/// From which end members are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The lowest scores first.
    Min,
    /// The highest scores first.
    Max,
}

impl End {
    /// The word MIN or MAX.
    pub(crate) fn parse(args: &mut Args<'_>) -> Result<End, CommandError> {
        if args.take_word("MIN") {
            Ok(End::Min)
        } else if args.take_word("MAX") {
            Ok(End::Max)
        } else {
            Err(CommandError::Syntax)
        }
    }
}

/// Members with their scores, in the order in which they were taken.
pub(crate) type Popped = Vec<(Vec<u8>, f64)>;

/// Takes up to `count` members from an end of the sorted set at `key`, and the key with the last of
/// them; journalled as ZPOPMIN or ZPOPMAX of that many. None if there is no such key.
pub(crate) fn pop(
    db: &mut Db<'_, '_>,
    key: &[u8],
    end: End,
    count: usize,
) -> Result<Popped, CommandError> {
    let len = db.peek_collection(key)?.map_or(0, SortedSetValue::len);
    let count = count.min(len);
    let mut popped = Popped::with_capacity(count);
    if count == 0 {
        return Ok(popped);
    }
    let ranks = match end {
        End::Min => 0..count,
        End::Max => len - count..len,
    };
    if let Some(set) = db.collection_mut::<SortedSetValue>(key)? {
        set.remove_range(ranks, |member, score| popped.push((member.to_vec(), score)));
    }
    let command: &[u8] = match end {
        End::Min => b"ZPOPMIN",
        End::Max => {
            popped.reverse();
            b"ZPOPMAX"
        }
    };
    let event = if end == End::Min { "zpopmin" } else { "zpopmax" };
    announce_removed(db, key, count, event);
    db.record(&[command, key, itoa::Buffer::new().format(count).as_bytes()]);
    Ok(popped)
}

fn zpop(cx: &mut Context<'_, '_>, args: &mut Args<'_>, end: End) -> CommandResult {
    let key = args.key()?;
    if args.rest().len() > 1 {
        return Err(CommandError::Syntax);
    }
    let count = if args.is_empty() { None } else { Some(args.count()?) };
    let popped = pop(&mut cx.db, key, end, count.unwrap_or(1))?;
    if count.is_some() {
        let members = popped.iter().map(|(member, score)| (&member[..], *score));
        write_members(&mut cx.reply, members, true);
        return Ok(Outcome::Reply);
    }
    // Without a count it is no pair in a row of pairs, in RESP3 either.
    cx.reply.array(2 * popped.len());
    for (member, score) in popped {
        cx.reply.bulk(&member);
        cx.reply.double(score);
    }
    Ok(Outcome::Reply)
}

/// ZMPOP's and BZMPOP's reply: the key and what was taken from it, in pairs.
pub(crate) fn write_popped_from(reply: &mut ReplyWriter<'_>, key: &[u8], popped: &Popped) {
    reply.array(2);
    reply.bulk(key);
    reply.array(popped.len());
    for (member, score) in popped {
        reply.array(2);
        reply.bulk(member);
        reply.double(*score);
    }
}

/// What follows the number of keys in ZMPOP and BZMPOP: the keys, the end and COUNT.
pub(crate) fn pop_arguments<'a>(
    args: &mut Args<'a>,
) -> Result<(&'a [&'a [u8]], End, usize), CommandError> {
    let count = key_count(args)?;
    let keys = args.take(count).ok_or(CommandError::Syntax)?;
    let end = End::parse(args)?;
    let mut count = 1;
    if args.rest().len() > 1 && args.take_word("COUNT") {
        let given = args.integer().ok().and_then(|count| usize::try_from(count).ok());
        let error = CommandError::text("ERR count should be greater than 0");
        count = given.filter(|count| *count > 0).ok_or(error)?;
    }
    args.finish()?;
    Ok((keys, end, count))
}

fn zmpop(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (keys, end, count) = pop_arguments(args)?;
    for key in keys {
        let popped = pop(&mut cx.db, key, end, count)?;
        if !popped.is_empty() {
            write_popped_from(&mut cx.reply, key, &popped);
            return Ok(Outcome::Reply);
        }
    }
    cx.reply.null_array();
    Ok(Outcome::Reply)
}

// Drawing --------------------------------------------------------------------------------------

fn zrandmember(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let key = args.key()?;
    if args.is_empty() {
        match cx.db.collection::<SortedSetValue>(key)? {
            Some(set) => {
                let (member, _) = set.numbered((Db::random() % set.len() as u64) as usize);
                cx.reply.bulk(member);
            }
            None => cx.reply.null(),
        }
        return Ok(Outcome::Reply);
    }
    let count = draw_count(args)?;
    let with_scores = args.take_word("WITHSCORES");
    args.finish()?;
    if is_beyond_pairs(count, with_scores) {
        return Err(CommandError::OutOfRange);
    }
    if cx.db.collection::<SortedSetValue>(key)?.is_none() {
        cx.reply.array(0);
        return Ok(Outcome::Reply);
    }
    if count < 0 && admit_draws(cx, count.unsigned_abs())? == Draws::Overflow {
        return Ok(Outcome::Overflow);
    }
    let set = cx.db.peek_collection::<SortedSetValue>(key)?.expect("looked at above");
    if count >= 0 {
        let chosen = distinct(set, usize::try_from(count).unwrap_or(usize::MAX));
        write_members(&mut cx.reply, chosen.into_iter(), with_scores);
        return Ok(Outcome::Reply);
    }
    draw(&mut cx.reply, set, count.unsigned_abs(), with_scores)
}

/// Writes `draws` members that may repeat.
fn draw(
    reply: &mut ReplyWriter<'_>,
    set: &SortedSetValue,
    draws: u64,
    with_scores: bool,
) -> CommandResult {
    let start = reply.buf.len();
    // A packed set is walked at every draw: laying it out once is cheaper.
    let all: Vec<_> = if set.is_packed() { set.iter().collect() } else { Vec::new() };
    let in_pairs = with_scores && reply.protocol == Protocol::Resp3;
    let words = if with_scores && !in_pairs { 2 * draws } else { draws };
    reply.array(words as usize);
    for _ in 0..draws {
        let number = (Db::random() % set.len() as u64) as usize;
        let (member, score) = all.get(number).copied().unwrap_or_else(|| set.numbered(number));
        if in_pairs {
            reply.array(2);
        }
        reply.bulk(member);
        if with_scores {
            reply.double(score);
        }
        if reply.buf.len() - start > DRAWN_LEN_MAX {
            return Err(CommandError::OutOfRange);
        }
    }
    Ok(Outcome::Reply)
}

/// `count` different members, or all in order if there are no more than that.
fn distinct(set: &SortedSetValue, count: usize) -> Vec<(&[u8], f64)> {
    let len = set.len();
    if count >= len {
        return set.iter().collect();
    }
    if set.is_packed() {
        let mut all: Vec<_> = set.iter().collect();
        shuffle_front(&mut all, count);
        all.truncate(count);
        return all;
    }
    // Every member has a number: draw numbers, each at most once.
    let mut seen = std::collections::HashSet::with_capacity(count);
    for top in len - count..len {
        let number = (Db::random() % (top as u64 + 1)) as usize;
        if !seen.insert(number) {
            seen.insert(top);
        }
    }
    seen.into_iter().map(|number| set.numbered(number)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use guarda_resp::Frame;

    use crate::testing::*;

    fn bench() -> Bench {
        let mut bench = Bench::new();
        bench.run("ZADD z 1 a 2 b 3 c 4 d 5 e");
        bench
    }

    #[test]
    fn members_are_taken_from_either_end() {
        let mut bench = bench();
        bench.check_journal("ZPOPMIN z", &["ZPOPMIN z 1"]);
        bench.check("ZPOPMAX z 2", bulks(["e", "5", "d", "4"]));
        bench.check("ZPOPMIN z 0", array([]));
        bench.check_journal("ZPOPMAX z 10", &["ZPOPMAX z 2"]);
        bench.check("EXISTS z", int(0));
        bench.check("ZPOPMIN z", array([]));
        bench.check_journal("ZPOPMIN z 5", &[]);
        for line in ["ZPOPMIN z -1", "ZPOPMAX z x"] {
            bench.check(line, err("ERR value is out of range, must be positive"));
        }
        bench.check("ZPOPMIN z 1 2", err("ERR syntax error"));
    }

    #[test]
    fn taken_members_are_pairs_in_resp3_only_if_there_is_a_count() {
        let mut bench = bench();
        bench.run("HELLO 3");
        bench.check("ZPOPMIN z", "*2\r\n$1\r\na\r\n,1\r\n");
        bench.check("ZPOPMIN z 1", "*1\r\n*2\r\n$1\r\nb\r\n,2\r\n");
        bench.check("ZPOPMIN nokey", "*0\r\n");
        bench.check("ZMPOP 1 nokey MIN", "_\r\n");
    }

    #[test]
    fn the_first_set_with_members_is_taken_from() {
        let mut bench = bench();
        let pairs = array([bulks(["a", "1"]), bulks(["b", "2"])]);
        bench.check("ZMPOP 2 nokey z MIN COUNT 2", array([bulk("z"), pairs]));
        bench.check_journal("ZMPOP 2 nokey z max", &["ZPOPMAX z 1"]);
        bench.check(
            "ZMPOP 1 z MAX COUNT 10",
            array([bulk("z"), array([bulks(["d", "4"]), bulks(["c", "3"])])]),
        );
        bench.check("ZMPOP 1 z MIN", "*-1\r\n");
        for numkeys in ["0", "-1", "x"] {
            let error = err("ERR numkeys should be greater than 0");
            bench.check(&format!("ZMPOP {numkeys} z MIN"), error);
        }
        for count in ["0", "-1", "x"] {
            let error = err("ERR count should be greater than 0");
            bench.check(&format!("ZMPOP 1 z MIN COUNT {count}"), error);
        }
        for line in [
            "ZMPOP 2 z MIN",
            "ZMPOP 1 z x MIN",
            "ZMPOP 1 z NONSENSE",
            "ZMPOP 1 z MIN COUNT",
            "ZMPOP 1 z MIN COUNT 1 COUNT 1",
            "ZMPOP 1 z MIN 3",
        ] {
            bench.check(line, err("ERR syntax error"));
        }
        bench.run("SET str v");
        for line in ["ZMPOP 2 nokey str MIN", "ZPOPMIN str", "ZPOPMAX str 0", "ZRANDMEMBER str"] {
            bench.check(line, wrong_type());
        }
    }

    fn texts(frame: &Frame) -> Vec<String> {
        match frame {
            Frame::Bulk(bytes) => vec![String::from_utf8(bytes.clone()).expect("ASCII")],
            Frame::Array(items) => items.iter().flat_map(texts).collect(),
            other => panic!("{other:?} among members"),
        }
    }

    #[test]
    fn members_are_drawn_with_and_without_repetition() {
        for (len, counts) in [(8, vec![1, 3, 7]), (600, vec![1, 5, 150, 250, 599])] {
            let mut bench = Bench::new();
            (0..len).for_each(|n| bench.check(&format!("ZADD z {n} m{n}"), int(1)));
            for count in counts {
                let drawn = texts(&bench.frame(&format!("ZRANDMEMBER z {count} WITHSCORES")));
                assert_eq!(drawn.len(), 2 * count);
                assert!(drawn.chunks(2).all(|pair| pair[0][1..] == pair[1][..]));
                assert_eq!(drawn.chunks(2).map(|p| &p[0]).collect::<BTreeSet<_>>().len(), count);
            }
            let all = bench.run("ZRANGE z 0 -1");
            bench.check("ZRANDMEMBER z 9223372036854775807", all);
            let drawn = texts(&bench.frame("ZRANDMEMBER z -2000"));
            assert_eq!(drawn.len(), 2_000);
            let drawn = texts(&bench.frame("ZRANDMEMBER z -50 withscores"));
            assert!(drawn.chunks(2).all(|pair| pair[0][1..] == pair[1][..]));
            let mut seen = BTreeSet::new();
            (0..100 * len).for_each(|_| {
                seen.insert(bench.run("ZRANDMEMBER z"));
            });
            assert_eq!(seen.len(), len);
        }
    }

    #[test]
    fn draws_have_rules() {
        let mut bench = bench();
        bench.check("ZRANDMEMBER nokey", nil());
        bench.check("ZRANDMEMBER nokey 5", array([]));
        bench.check("ZRANDMEMBER z 0", array([]));
        bench.check("ZRANDMEMBER z x", err("ERR value is not an integer or out of range"));
        bench.check("ZRANDMEMBER z 1 NONSENSE", err("ERR syntax error"));
        for line in ["ZRANDMEMBER z -1000001", "ZRANDMEMBER z 9223372036854775807 WITHSCORES"] {
            bench.check(line, err("ERR value is out of range"));
        }
        bench.run("HELLO 3");
        bench.run("ZREMRANGEBYRANK z 1 -1");
        bench.check("ZRANDMEMBER z -1 WITHSCORES", "*1\r\n*2\r\n$1\r\na\r\n,1\r\n");
        bench.check("ZRANDMEMBER z 2 WITHSCORES", "*1\r\n*2\r\n$1\r\na\r\n,1\r\n");
    }
}
