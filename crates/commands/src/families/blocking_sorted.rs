//! Commands that wait for a member of a sorted set: BZPOPMIN, BZPOPMAX, BZMPOP.

use crate::args::Args;
use crate::context::{CommandResult, Context};
use crate::error::CommandError;
use crate::families::blocking::{take_or_wait, timeout_of};
use crate::families::sorted_set_pops::{End, pop_arguments};
use crate::families::sorted_sets;
use crate::spec::{Arity, CommandSpec, Flags, KeyAccess, Keys};
use crate::waits::Want;

const POP: CommandSpec = CommandSpec {
    since: "5.0.0",
    complexity: "O(log(N)) with N being the number of elements in the sorted set.",
    arity: Arity::at_least(3),
    flags: Flags::WRITE.union(Flags::BLOCKING).union(Flags::FAST),
    keys: Keys::range(1, -2, 1, KeyAccess::TAKE),
    ..sorted_sets::NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "bzpopmin",
        summary: "Removes and returns the member with the lowest score, or waits for one.",
        run: |cx, args| pop(cx, args, End::Min),
        ..POP
    },
    CommandSpec {
        name: "bzpopmax",
        summary: "Removes and returns the member with the highest score, or waits for one.",
        run: |cx, args| pop(cx, args, End::Max),
        ..POP
    },
    CommandSpec {
        name: "bzmpop",
        summary: "Removes and returns members of the first of several sorted sets that has any, or \
                  waits for some.",
        since: "7.0.0",
        complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number \
                     of elements in the sorted set, and M being the number of elements popped.",
        arity: Arity::at_least(5),
        flags: Flags::WRITE.union(Flags::BLOCKING).union(Flags::MOVABLEKEYS),
        keys: Keys::counted(2, KeyAccess::TAKE),
        run: bzmpop,
        ..sorted_sets::NEW
    },
];

fn pop(cx: &mut Context<'_, '_>, args: &mut Args<'_>, end: End) -> CommandResult {
    let (text, keys) = args.take_rest().split_last().ok_or(CommandError::Syntax)?;
    let timeout = timeout_of(cx, text)?;
    take_or_wait(cx, keys, Want::Member(end), timeout)
}

fn bzmpop(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let text = args.bytes()?;
    let (keys, end, count) = pop_arguments(args)?;
    let timeout = timeout_of(cx, text)?;
    take_or_wait(cx, keys, Want::Members(end, count), timeout)
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn members_go_to_those_who_wait_lowest_or_highest_first() {
        let mut bench = Bench::new();
        bench.check("ZADD z 1 a 2 b 3 c", int(3));
        bench.check_journal("BZPOPMIN none z 0", &["ZPOPMIN z 1"]);
        bench.check("BZPOPMAX z 0", bulks(["z", "c", "3"]));
        bench.check("BZMPOP 0 1 z MIN COUNT 5", array([bulk("z"), array([bulks(["b", "2"])])]));
        for (id, line) in [(2, "BZPOPMIN z 0"), (3, "BLPOP z 0"), (4, "BZMPOP 0 2 y z MAX COUNT 2")]
        {
            let own = bench.swap_client(new_client(id));
            assert_eq!(bench.run(line), b"");
            bench.swap_client(own);
        }
        let journal = ["ZADD z 1 a 2 b 3 c 4 d", "ZPOPMIN z 1", "ZPOPMAX z 2"];
        bench.check_journal("ZADD z 1 a 2 b 3 c 4 d", &journal);
        let pairs = array([bulks(["d", "4"]), bulks(["c", "3"])]);
        let delivered = std::mem::take(&mut *bench.host.delivered.lock());
        let expected = [(2, bulks(["z", "a", "1"])), (4, array([bulk("z"), pairs]))];
        assert_eq!(delivered, expected, "a sorted set is nothing to one who waits for a list");
        bench.check("ZCARD z", int(1));
    }
}
