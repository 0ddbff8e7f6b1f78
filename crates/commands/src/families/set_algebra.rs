//! Several sets at once: unions, intersections and differences, answered, stored or counted.

use guarda_store::{Collection as _, Member, Record, SetLimits, SetValue};

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::sets::NEW;
use crate::families::store_result;
use crate::pubsub::EventClasses;
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};

const READ: CommandSpec = CommandSpec {
    arity: Arity::at_least(2),
    flags: Flags::READONLY,
    keys: Keys::range(1, -1, 1, KeyAccess::READ),
    tips: &["nondeterministic_output_order"],
    ..NEW
};

const STORE: CommandSpec = CommandSpec {
    arity: Arity::at_least(3),
    flags: Flags::WRITE.union(Flags::DENYOOM),
    keys: Keys::range(1, -1, 1, KeyAccess::OVERWRITE).then(2, KeyAccess::READ),
    ..NEW
};

const ALL_MEMBERS: &str = "O(N) where N is the total number of elements in all given sets.";
const SMALLEST_TIMES_SETS: &str = "O(N*M) worst case where N is the cardinality of the smallest \
                                   set and M is the number of sets.";

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "sdiff",
        summary: "Returns the members of the first set that no other set has.",
        complexity: ALL_MEMBERS,
        run: |cx, args| answer(cx, args, difference),
        ..READ
    },
    CommandSpec {
        name: "sdiffstore",
        summary: "Stores the members of the first set that no other set has.",
        complexity: ALL_MEMBERS,
        run: |cx, args| store(cx, args, difference, "sdiffstore"),
        ..STORE
    },
    CommandSpec {
        name: "sinter",
        summary: "Returns the members that all sets have.",
        complexity: SMALLEST_TIMES_SETS,
        run: |cx, args| answer(cx, args, intersection),
        ..READ
    },
    CommandSpec {
        name: "sintercard",
        summary: "Counts the members that all sets have, up to a limit.",
        since: "7.0.0",
        complexity: SMALLEST_TIMES_SETS,
        arity: Arity::at_least(3),
        flags: Flags::READONLY.union(Flags::MOVABLEKEYS),
        keys: Keys::counted(1, KeyAccess::READ),
        tips: &[],
        run: sintercard,
        ..READ
    },
    CommandSpec {
        name: "sinterstore",
        summary: "Stores the members that all sets have.",
        complexity: SMALLEST_TIMES_SETS,
        keys: Keys::range(1, -1, 1, KeyAccess::CHANGE).then(2, KeyAccess::READ),
        run: |cx, args| store(cx, args, intersection, "sinterstore"),
        ..STORE
    },
    CommandSpec {
        name: "sunion",
        summary: "Returns the members that any of the sets has.",
        complexity: ALL_MEMBERS,
        run: sunion,
        ..READ
    },
    CommandSpec {
        name: "sunionstore",
        summary: "Stores the members that any of the sets has.",
        complexity: ALL_MEMBERS,
        run: sunionstore,
        ..STORE
    },
];

/// The sets that keys hold; `None` for a missing key.
type Sets<'a> = [Option<&'a SetValue>];
/// Makes one set of several.
type Combine = for<'a> fn(&Sets<'a>) -> Vec<Member<'a>>;

fn sets_of<'a>(records: &[Option<&'a Record>]) -> Result<Vec<Option<&'a SetValue>>, CommandError> {
    let set_of = |record: &'a Record| SetValue::of(record.value()).ok_or(CommandError::WrongType);
    records.iter().map(|record| record.map(set_of).transpose()).collect()
}

/// Members of the smallest set that all others have too.
fn common<'a>(sets: &Sets<'a>) -> impl Iterator<Item = Member<'a>> {
    // One missing set, and there are no members that all have.
    let mut sets: Vec<&SetValue> = sets.iter().copied().collect::<Option<_>>().unwrap_or_default();
    sets.sort_by_key(|set| set.len());
    let smallest = sets.first().copied();
    let members = smallest.into_iter().flat_map(SetValue::iter);
    members.filter(move |member| sets[1..].iter().all(|set| set.contains(member)))
}

fn intersection<'a>(sets: &Sets<'a>) -> Vec<Member<'a>> {
    common(sets).collect()
}

fn difference<'a>(sets: &Sets<'a>) -> Vec<Member<'a>> {
    let [Some(first), others @ ..] = sets else { return Vec::new() };
    let is_left = |member: &Member<'_>| !others.iter().flatten().any(|set| set.contains(member));
    first.iter().filter(is_left).collect()
}

fn union(sets: &Sets<'_>, limits: SetLimits) -> SetValue {
    let mut all = SetValue::default();
    for member in sets.iter().flatten().flat_map(|set| set.iter()) {
        all.add(&member, limits);
    }
    all
}

fn answer(cx: &mut Context<'_, '_>, args: &mut Args<'_>, combine: Combine) -> CommandResult {
    let records = cx.db.read_all(args.take_rest());
    let members = combine(&sets_of(&records)?);
    cx.reply.set(members.len());
    members.iter().for_each(|member| cx.reply.bulk(member));
    Ok(Outcome::Reply)
}

fn sunion(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let limits = cx.db.settings.set_limits();
    let records = cx.db.read_all(args.take_rest());
    let all = union(&sets_of(&records)?, limits);
    cx.reply.set(all.len());
    all.iter().for_each(|member| cx.reply.bulk(&member));
    Ok(Outcome::Reply)
}

fn store(
    cx: &mut Context<'_, '_>,
    args: &mut Args<'_>,
    combine: Combine,
    event: &'static str,
) -> CommandResult {
    let (to, keys) = (args.key()?, args.take_rest());
    let limits = cx.db.settings.set_limits();
    let mut result = SetValue::default();
    for member in combine(&sets_of(&cx.db.read_all(keys))?) {
        result.add(&member, limits);
    }
    replace(cx, to, result, event)
}

fn sunionstore(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (to, keys) = (args.key()?, args.take_rest());
    let limits = cx.db.settings.set_limits();
    let result = union(&sets_of(&cx.db.read_all(keys))?, limits);
    replace(cx, to, result, "sunionstore")
}

fn replace(
    cx: &mut Context<'_, '_>,
    to: &[u8],
    result: SetValue,
    event: &'static str,
) -> CommandResult {
    let len = result.len();
    store_result(cx, to, (len, result.into_value()), (EventClasses::SET, event))
}

/// The keys that follow a number of them, of SINTERCARD and ZINTERCARD.
pub(crate) fn counted_keys<'a>(args: &mut Args<'a>) -> Result<&'a [&'a [u8]], CommandError> {
    let count = key_count(args)?;
    args.take(count)
        .ok_or(CommandError::text("ERR Number of keys can't be greater than number of args"))
}

/// How many keys follow.
pub(crate) fn key_count(args: &mut Args<'_>) -> Result<usize, CommandError> {
    let count = args.integer().ok().filter(|count| *count > 0);
    let count = count.ok_or(CommandError::text("ERR numkeys should be greater than 0"))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// LIMIT of SINTERCARD and ZINTERCARD; 0 is none.
pub(crate) fn count_limit(args: &mut Args<'_>) -> Result<usize, CommandError> {
    let mut limit = 0;
    while !args.is_empty() {
        if !args.take_word("LIMIT") || args.is_empty() {
            return Err(CommandError::Syntax);
        }
        let given = args.integer().ok().and_then(|limit| usize::try_from(limit).ok());
        limit = given.ok_or(CommandError::text("ERR LIMIT can't be negative"))?;
    }
    Ok(if limit == 0 { usize::MAX } else { limit })
}

fn sintercard(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let keys = counted_keys(args)?;
    let limit = count_limit(args)?;
    let records = cx.db.read_all(keys);
    let count = common(&sets_of(&records)?).take(limit).count();
    cx.reply.integer(count as i64);
    Ok(Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    fn bench() -> Bench {
        let mut bench = Bench::new();
        bench.run("SADD a 1 2 3 x");
        bench.run("SADD b 2 3 4 x");
        bench.run("SADD c 3 x y");
        bench.run("SADD ints 1 2 3");
        bench.run("SET str v");
        bench
    }

    #[test]
    fn sets_are_combined() {
        let mut bench = bench();
        bench.check("SINTER a", bulks(["1", "2", "3", "x"]));
        bench.check("SINTER a b c", bulks(["3", "x"]));
        bench.check("SINTER a b nokey", array([]));
        bench.check("SDIFF a c", bulks(["1", "2"]));
        bench.check("SDIFF a nokey c b", bulks(["1"]));
        bench.check("SDIFF a a", array([]));
        bench.check("SDIFF nokey a", array([]));
        bench.check("SUNION a b", bulks(["1", "2", "3", "x", "4"]));
        bench.check("SUNION nokey ints", bulks(["1", "2", "3"]));
        bench.check("SUNION nokey", array([]));
        bench.run("HELLO 3");
        bench.check("SINTER a c", "~2\r\n$1\r\n3\r\n$1\r\nx\r\n");
        bench.check("SDIFF nokey", "~0\r\n");
    }

    #[test]
    fn results_are_stored_in_the_place_of_anything() {
        let mut bench = bench();
        bench.check_journal("SINTERSTORE str a b", &["SINTERSTORE str a b"]);
        bench.check("SMEMBERS str", bulks(["2", "3", "x"]));
        bench.run("EXPIRE c 100");
        bench.check("SUNIONSTORE c c ints", int(5));
        bench.check("TTL c", int(-1));
        bench.check("SDIFFSTORE a a b", int(1));
        bench.check("SMEMBERS a", bulks(["1"]));
        bench.check("OBJECT ENCODING a", bulk("intset"));
        bench.check_journal("SDIFFSTORE a a b ints", &["SDIFFSTORE a a b ints"]);
        bench.check("EXISTS a", int(0));
        bench.check_journal("SDIFFSTORE a a b", &[]);
        bench.check_journal("SINTERSTORE nokey a b", &[]);
    }

    #[test]
    fn other_types_are_refused_wherever_they_come() {
        let mut bench = bench();
        for line in [
            "SINTER nokey str",
            "SINTER str",
            "SUNION a str",
            "SDIFF nokey a str",
            "SINTERSTORE a b str",
            "SUNIONSTORE a b str",
            "SDIFFSTORE a nokey str",
            "SINTERCARD 2 nokey str",
        ] {
            bench.check(line, wrong_type());
        }
        bench.check("SCARD a", int(4));
    }

    #[test]
    fn an_intersection_is_counted_up_to_a_limit() {
        let mut bench = bench();
        bench.check("SINTERCARD 2 a b", int(3));
        bench.check("SINTERCARD 2 a b LIMIT 2", int(2));
        bench.check("SINTERCARD 2 a b limit 0", int(3));
        bench.check("SINTERCARD 2 a nokey", int(0));
        let too_few = err("ERR numkeys should be greater than 0");
        for count in ["0", "-1", "x"] {
            bench.check(&format!("SINTERCARD {count} a"), &too_few);
        }
        let too_many = err("ERR Number of keys can't be greater than number of args");
        bench.check("SINTERCARD 3 a b", too_many);
        for line in ["SINTERCARD 1 a b", "SINTERCARD 1 a LIMIT"] {
            bench.check(line, err("ERR syntax error"));
        }
        for limit in ["-1", "x"] {
            let error = err("ERR LIMIT can't be negative");
            bench.check(&format!("SINTERCARD 1 a LIMIT {limit}"), error);
        }
    }
}
