//! Several sorted sets at once: unions, intersections and differences, answered, stored, counted.
//! Plain sets take part, with 1 for every score.

use std::collections::HashMap;

use guarda_resp::number::parse_f64;
use guarda_store::{Member, SetValue, SortedSetValue, ValueRef, sorted_set_order};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::set_algebra::count_limit;
use crate::families::sorted_set_ranges::store;
use crate::families::sorted_sets::{NEW, write_members};
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};

const READ: CommandSpec = CommandSpec {
    since: "6.2.0",
    arity: Arity::at_least(3),
    flags: Flags::READONLY.union(Flags::MOVABLEKEYS),
    keys: Keys::counted(1, KeyAccess::READ),
    ..NEW
};

const STORE: CommandSpec = CommandSpec {
    since: "2.0.0",
    arity: Arity::at_least(4),
    flags: Flags::WRITE.union(Flags::DENYOOM).union(Flags::MOVABLEKEYS),
    keys: Keys::STORE_COUNTED,
    ..NEW
};

const UNION_COST: &str = "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted \
                          sets, and M being the number of elements in the resulting sorted set.";
const INTER_COST: &str = "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted \
                          set, K being the number of input sorted sets and M being the number of \
                          elements in the resulting sorted set.";
const DIFF_COST: &str = "O(N*K)+O(M*log(M)) worst case with N being the size of the first sorted \
                         set, K being the number of sorted sets and M being the number of \
                         elements in the resulting sorted set.";

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "zdiff",
        summary: "Returns the members of the first sorted set that no other has.",
        complexity: DIFF_COST,
        run: |cx, args| answer(cx, args, &DIFF),
        ..READ
    },
    CommandSpec {
        name: "zdiffstore",
        summary: "Stores the members of the first sorted set that no other has.",
        since: "6.2.0",
        complexity: DIFF_COST,
        run: |cx, args| store_result(cx, args, &DIFF),
        ..STORE
    },
    CommandSpec {
        name: "zinter",
        summary: "Returns the members that all sorted sets have.",
        complexity: INTER_COST,
        run: |cx, args| answer(cx, args, &INTER),
        ..READ
    },
    CommandSpec {
        name: "zintercard",
        summary: "Counts the members that all sorted sets have, up to a limit.",
        since: "7.0.0",
        complexity: "O(N*K) worst case with N being the smallest input sorted set, K being the \
                     number of input sorted sets.",
        run: zintercard,
        ..READ
    },
    CommandSpec {
        name: "zinterstore",
        summary: "Stores the members that all sorted sets have.",
        complexity: INTER_COST,
        run: |cx, args| store_result(cx, args, &INTER),
        ..STORE
    },
    CommandSpec {
        name: "zunion",
        summary: "Returns the members that any of the sorted sets has.",
        complexity: UNION_COST,
        run: |cx, args| answer(cx, args, &UNION),
        ..READ
    },
    CommandSpec {
        name: "zunionstore",
        summary: "Stores the members that any of the sorted sets has.",
        complexity: UNION_COST,
        run: |cx, args| store_result(cx, args, &UNION),
        ..STORE
    },
];

// Operations -----------------------------------------------------------------------------------

/// One way to combine sets.
struct Operation {
    /// The names of the command that answers and of the one that stores.
    names: [&'static str; 2],
    /// Whether there are weights and an aggregate.
    is_weighted: bool,
    combine: fn(&[Input<'_>], Aggregate) -> Vec<Scored>,
}

const UNION: Operation =
    Operation { names: ["zunion", "zunionstore"], is_weighted: true, combine: union };
const INTER: Operation =
    Operation { names: ["zinter", "zinterstore"], is_weighted: true, combine: intersection };
const DIFF: Operation =
    Operation { names: ["zdiff", "zdiffstore"], is_weighted: false, combine: difference };

type Scored = (Vec<u8>, f64);

/// What becomes of the scores of one member.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            // Infinities of both signs add up to nothing, and so does anything with no number.
            Aggregate::Sum => not_nan(a + b),
            Aggregate::Min => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Aggregate::Max => {
                if b > a {
                    b
                } else {
                    a
                }
            }
        }
    }
}

fn not_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// The sets that keys can name here.
#[derive(Clone, Copy)]
enum Source<'a> {
    Missing,
    Plain(&'a SetValue),
    Sorted(&'a SortedSetValue),
}

/// One set with its weight.
struct Input<'a> {
    source: Source<'a>,
    weight: f64,
}

impl<'a> Input<'a> {
    fn len(&self) -> usize {
        match self.source {
            Source::Missing => 0,
            Source::Plain(set) => set.len(),
            Source::Sorted(set) => set.len(),
        }
    }

    /// The weighted score of a member: no number if the one is infinite and the other nothing, which an
    /// [`Aggregate`] passes over or, adding up, begins anew with.
    fn score(&self, member: &[u8]) -> Option<f64> {
        let score = match self.source {
            Source::Missing => None,
            Source::Plain(set) => set.contains(member).then_some(1.0),
            Source::Sorted(set) => set.score(member),
        };
        score.map(|score| self.weight * score)
    }

    /// All members with their weighted scores, which are numbers.
    fn iter(&self) -> impl Iterator<Item = (Member<'a>, f64)> {
        let (plain, sorted) = match self.source {
            Source::Missing => (None, None),
            Source::Plain(set) => (Some(set), None),
            Source::Sorted(set) => (None, Some(set)),
        };
        let weight = self.weight;
        let plain = plain.into_iter().flat_map(SetValue::iter).map(|member| (member, 1.0));
        let sorted = sorted.into_iter().flatten();
        let sorted = sorted.map(|(member, score)| (Member::from(member), score));
        plain.chain(sorted).map(move |(member, score)| (member, not_nan(weight * score)))
    }
}

/// The inputs from the smallest to the largest: the order in which scores are added up.
fn by_size<'s, 'a>(inputs: &'s [Input<'a>]) -> Vec<&'s Input<'a>> {
    let mut sorted: Vec<_> = inputs.iter().collect();
    sorted.sort_by_key(|input| input.len());
    sorted
}

fn union(inputs: &[Input<'_>], aggregate: Aggregate) -> Vec<Scored> {
    let mut all: HashMap<Vec<u8>, f64> = HashMap::new();
    for (member, score) in by_size(inputs).into_iter().flat_map(Input::iter) {
        if let Some(sum) = all.get_mut(&member[..]) {
            *sum = aggregate.of(*sum, score);
        } else {
            all.insert(member.to_vec(), score);
        }
    }
    all.into_iter().collect()
}

/// Members that all inputs have, with their aggregated scores.
fn common<'s>(
    inputs: &'s [Input<'s>],
    aggregate: Aggregate,
) -> impl Iterator<Item = (Member<'s>, f64)> {
    let sorted = by_size(inputs);
    let (smallest, others) = (sorted[0], sorted[1..].to_vec());
    smallest.iter().filter_map(move |(member, score)| {
        let scores = others.iter().map(|input| input.score(&member));
        let score =
            scores.into_iter().try_fold(score, |sum, score| Some(aggregate.of(sum, score?)));
        score.map(|score| (member, score))
    })
}

fn intersection(inputs: &[Input<'_>], aggregate: Aggregate) -> Vec<Scored> {
    common(inputs, aggregate).map(|(member, score)| (member.to_vec(), score)).collect()
}

fn difference(inputs: &[Input<'_>], _: Aggregate) -> Vec<Scored> {
    let (first, others) = (&inputs[0], &inputs[1..]);
    let is_left =
        |(member, _): &(Member<'_>, f64)| others.iter().all(|set| set.score(member).is_none());
    first.iter().filter(is_left).map(|(member, score)| (member.to_vec(), score)).collect()
}

// Arguments ------------------------------------------------------------------------------------

fn counted_keys<'a>(args: &mut Args<'a>, command: &str) -> Result<&'a [&'a [u8]], CommandError> {
    let count = args.integer()?;
    if count < 1 {
        return Err(CommandError::owned(format!(
            "ERR at least 1 input key is needed for '{command}' command"
        )));
    }
    args.take(usize::try_from(count).unwrap_or(usize::MAX)).ok_or(CommandError::Syntax)
}

/// The sets at `keys`. Redis looks at their types before it reads the options.
fn sources<'c>(
    cx: &'c mut Context<'_, '_>,
    keys: &[&[u8]],
) -> Result<Vec<Source<'c>>, CommandError> {
    let source = |record: Option<&'c guarda_store::Record>| match record.map(|r| r.value()) {
        None => Ok(Source::Missing),
        Some(ValueRef::Set(set)) => Ok(Source::Plain(set)),
        Some(ValueRef::SortedSet(set)) => Ok(Source::Sorted(set)),
        Some(_) => Err(CommandError::WrongType),
    };
    cx.db.read_all(keys).into_iter().map(source).collect()
}

/// Weights, one for each key, and the rest of the options.
struct Options {
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
}

impl Options {
    fn parse(
        args: &mut Args<'_>,
        keys: usize,
        is_weighted: bool,
        may_have_scores: bool,
    ) -> Result<Options, CommandError> {
        let mut options =
            Options { weights: vec![1.0; keys], aggregate: Aggregate::Sum, with_scores: false };
        while !args.is_empty() {
            if is_weighted && args.rest().len() > keys && args.take_word("WEIGHTS") {
                let error = CommandError::text("ERR weight value is not a float");
                for weight in &mut options.weights {
                    *weight = parse_f64(args.bytes()?).ok_or_else(|| error.clone())?;
                }
            } else if is_weighted && args.rest().len() > 1 && args.take_word("AGGREGATE") {
                options.aggregate = if args.take_word("SUM") {
                    Aggregate::Sum
                } else if args.take_word("MIN") {
                    Aggregate::Min
                } else if args.take_word("MAX") {
                    Aggregate::Max
                } else {
                    return Err(CommandError::Syntax);
                };
            } else if may_have_scores && args.take_word("WITHSCORES") {
                options.with_scores = true;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

/// Carries out an operation up to its result, in order.
fn result(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    operation: &Operation,
    stores: bool,
) -> Result<(Vec<Scored>, bool), CommandError> {
    let keys = counted_keys(args, operation.names[usize::from(stores)])?;
    let sources = sources(cx, keys)?;
    let options = Options::parse(args, keys.len(), operation.is_weighted, !stores)?;
    let inputs = sources.into_iter().zip(&options.weights);
    let inputs: Vec<Input<'_>> =
        inputs.map(|(source, weight)| Input { source, weight: *weight }).collect();
    let mut members = (operation.combine)(&inputs, options.aggregate);
    members.sort_unstable_by(|a, b| sorted_set_order((a.1, &a.0), (b.1, &b.0)));
    Ok((members, options.with_scores))
}

fn answer(cx: &mut Context<'_, '_>, args: &mut Args<'_>, operation: &Operation) -> CommandResult {
    let (members, with_scores) = result(cx, args, operation, false)?;
    let members = members.iter().map(|(member, score)| (&member[..], *score));
    write_members(&mut cx.reply, members, with_scores);
    Ok(Outcome::Reply)
}

fn store_result(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    operation: &Operation,
) -> CommandResult {
    let to = args.key()?;
    let limits = cx.db.settings.sorted_set_limits();
    let (members, _) = result(cx, args, operation, true)?;
    let len_max = members.iter().map(|(member, _)| member.len()).max().unwrap_or(0);
    let mut set = SortedSetValue::suited(members.len(), len_max, limits);
    for (member, score) in &members {
        set.insert(member, *score, limits);
    }
    store(cx, to, set, operation.names[1])
}

fn zintercard(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let keys = counted_keys(args, "zintercard")?;
    let sources = sources(cx, keys)?;
    let limit = count_limit(args)?;
    let inputs: Vec<Input<'_>> =
        sources.into_iter().map(|source| Input { source, weight: 1.0 }).collect();
    let count = common(&inputs, Aggregate::Sum).take(limit).count();
    cx.reply.integer(count as i64);
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    fn bench() -> Bench {
        let mut bench = Bench::new();
        bench.run("ZADD a 1 x 2 y 3 z");
        bench.run("ZADD b 10 y 20 z 30 w");
        bench.run("SADD s y 7");
        bench.run("SET str v");
        bench
    }

    #[test]
    fn sorted_sets_are_combined() {
        let mut bench = bench();
        bench.check("ZUNION 2 a b WITHSCORES", bulks(["x", "1", "y", "12", "z", "23", "w", "30"]));
        bench.check("ZUNION 2 a nokey", bulks(["x", "y", "z"]));
        bench.check("ZUNION 2 a s WITHSCORES", bulks(["7", "1", "x", "1", "y", "3", "z", "3"]));
        bench.check("ZINTER 2 a b WITHSCORES", bulks(["y", "12", "z", "23"]));
        bench.check("ZINTER 2 a a WITHSCORES", bulks(["x", "2", "y", "4", "z", "6"]));
        bench.check("ZINTER 2 a nokey", array([]));
        bench.check("ZDIFF 2 a b WITHSCORES", bulks(["x", "1"]));
        bench.check("ZDIFF 3 a nokey s", bulks(["x", "z"]));
        bench.check("ZDIFF 2 nokey a", array([]));
        bench.check("ZDIFF 1 s WITHSCORES", bulks(["7", "1", "y", "1"]));
        bench.run("HELLO 3");
        bench.check("ZDIFF 2 a b WITHSCORES", "*1\r\n*2\r\n$1\r\nx\r\n,1\r\n");
        bench.check("ZDIFF 2 a b", "*1\r\n$1\r\nx\r\n");
    }

    #[test]
    fn scores_are_weighted_and_aggregated() {
        let mut bench = bench();
        let union = |options: &str| format!("ZUNION 2 a b {options} WITHSCORES");
        bench.check(&union("WEIGHTS 2 -1"), bulks(["w", "-30", "z", "-14", "y", "-6", "x", "2"]));
        bench.check(&union("AGGREGATE MAX"), bulks(["x", "1", "y", "10", "z", "20", "w", "30"]));
        bench.check(&union("aggregate min"), bulks(["x", "1", "y", "2", "z", "3", "w", "30"]));
        bench.check(
            "ZINTER 2 a b AGGREGATE SUM WEIGHTS 1 0.5 WITHSCORES",
            bulks(["y", "7", "z", "13"]),
        );
        bench.run("ZADD inf inf i -inf j 0 k");
        bench.run("ZADD ninf -inf i inf j 1 k");
        bench.check("ZUNION 2 inf ninf WITHSCORES", bulks(["i", "0", "j", "0", "k", "1"]));
        bench.check("ZUNION 1 inf WEIGHTS 0 WITHSCORES", bulks(["i", "0", "j", "0", "k", "0"]));
        bench.check("ZUNION 2 a b WEIGHTS 1 x", err("ERR weight value is not a float"));
        for line in [
            "ZUNION 2 a b WEIGHTS 1",
            "ZUNION 1 a AGGREGATE",
            "ZUNION 1 a AGGREGATE AVG",
            "ZUNION 1 a NONSENSE",
            "ZDIFF 1 a WEIGHTS 1",
            "ZDIFF 1 a AGGREGATE SUM",
            "ZUNION 3 a b",
            "ZUNIONSTORE t 1 a WITHSCORES",
        ] {
            bench.check(line, err("ERR syntax error"));
        }
    }

    #[test]
    fn results_are_stored_in_the_place_of_anything() {
        let mut bench = bench();
        bench.check_journal("ZUNIONSTORE str 2 a b", &["ZUNIONSTORE str 2 a b"]);
        bench.check("ZCARD str", int(4));
        bench.check("ZINTERSTORE a 2 a b WEIGHTS 1 2", int(2));
        bench.check("ZRANGE a 0 -1 WITHSCORES", bulks(["y", "22", "z", "43"]));
        bench.check("ZDIFFSTORE b 2 b a", int(1));
        bench.check("ZRANGE b 0 -1", bulks(["w"]));
        bench.check("ZDIFFSTORE b 2 b b", int(0));
        bench.check("EXISTS b", int(0));
        bench.check_journal("ZINTERSTORE b 1 nokey", &[]);
        for n in 0..200 {
            bench.run(&format!("ZADD big {n} m{n}"));
        }
        bench.run("ZUNIONSTORE t 1 big");
        bench.check("OBJECT ENCODING t", bulk("skiplist"));
        bench.run("ZINTERSTORE t 2 big a");
        bench.run("ZUNIONSTORE t 2 big a");
        bench.run("ZADD few 1 m5 1 m6");
        bench.run("ZINTERSTORE t 2 big few");
        bench.check("OBJECT ENCODING t", bulk("listpack"));
        bench.check("ZRANGE t 0 -1 WITHSCORES", bulks(["m5", "6", "m6", "7"]));
    }

    #[test]
    fn keys_are_counted_and_of_the_right_type() {
        let mut bench = bench();
        bench.check("ZUNION x a", err("ERR value is not an integer or out of range"));
        bench.check("ZUNION 0 a", err("ERR at least 1 input key is needed for 'zunion' command"));
        bench.check(
            "ZINTERSTORE t -1 a",
            err("ERR at least 1 input key is needed for 'zinterstore' command"),
        );
        for line in [
            "ZUNION 1 str",
            "ZINTER 2 nokey str",
            "ZDIFF 2 a str",
            "ZUNIONSTORE t 1 str",
            "ZINTERCARD 1 str LIMIT x",
            "ZUNION 1 str NONSENSE",
        ] {
            bench.check(line, wrong_type());
        }
    }

    #[test]
    fn an_intersection_is_counted_up_to_a_limit() {
        let mut bench = bench();
        bench.check("ZINTERCARD 2 a b", int(2));
        bench.check("ZINTERCARD 2 a b LIMIT 1", int(1));
        bench.check("ZINTERCARD 2 a b LIMIT 0", int(2));
        bench.check("ZINTERCARD 2 a s", int(1));
        bench.check("ZINTERCARD 2 a nokey", int(0));
        bench.check("ZINTERCARD 1 a LIMIT -1", err("ERR LIMIT can't be negative"));
        bench.check("ZINTERCARD 1 a LIMIT", err("ERR syntax error"));
        bench.check(
            "ZINTERCARD 0 a",
            err("ERR at least 1 input key is needed for 'zintercard' command"),
        );
    }
}
