//! CLUSTER and its kin, which answer what every Redis does that is no part of a cluster: that it is none.

use crate::args::Args;
use crate::context::{CommandResult, Context};
use crate::error::CommandError;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group};

/// The only answer.
fn disabled(_: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    Err(CommandError::text("ERR This instance has cluster support disabled"))
}

const NEW: CommandSpec = CommandSpec {
    since: "3.0.0",
    group: Group::Cluster,
    note: "Answers that cluster support is disabled, as a Redis that is no part of a cluster.",
    run: disabled,
    ..CommandSpec::NEW
};

const OF_CONNECTION: CommandSpec = CommandSpec { categories: Categories::CONNECTION, ..NEW };

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "asking",
        summary: "Announces a command that was redirected while its slot moves.",
        flags: Flags::FAST,
        ..OF_CONNECTION
    },
    CommandSpec {
        name: "cluster",
        summary: "A container for commands about the cluster.",
        complexity: "Depends on subcommand.",
        arity: Arity::at_least(2),
        subcommands: SUBCOMMANDS,
        ..NEW
    },
    CommandSpec {
        name: "readonly",
        summary: "Lets a connection read from a replica of the cluster.",
        flags: READING,
        ..OF_CONNECTION
    },
    CommandSpec {
        name: "readwrite",
        summary: "Takes READONLY back.",
        flags: READING,
        ..OF_CONNECTION
    },
];

const READING: Flags = Flags::FAST.union(Flags::LOADING).union(Flags::STALE);

/// A question.
const ASK: Flags = Flags::STALE;
/// A question of an operator's.
const OPERATE: Flags = Flags::STALE.union(Flags::ADMIN);
/// A change of the cluster.
const CHANGE: Flags = OPERATE.union(Flags::NO_ASYNC_LOADING);

const UNSTABLE: &[&str] = &["nondeterministic_output"];

/// A subcommand that came with clusters and costs the same in every one.
const fn sub(name: &'static str, arity: Arity, flags: Flags, summary: &'static str) -> CommandSpec {
    CommandSpec { name, summary, arity, flags, ..NEW }
}

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        complexity: "O(N) where N is the total number of hash slot arguments.",
        ..sub("addslots", Arity::at_least(3), CHANGE, "Gives slots to this node.")
    },
    CommandSpec {
        since: "7.0.0",
        complexity: "O(N) where N is the total number of slots in the ranges.",
        ..sub("addslotsrange", Arity::at_least(4), CHANGE, "Gives ranges of slots to this node.")
    },
    CommandSpec {
        tips: UNSTABLE,
        ..sub("bumpepoch", Arity::exactly(2), CHANGE, "Raises the epoch of the configuration.")
    },
    CommandSpec {
        complexity: "O(N) where N is the number of failure reports.",
        tips: UNSTABLE,
        ..sub(
            "count-failure-reports",
            Arity::exactly(3),
            OPERATE,
            "Counts the failure reports about a node.",
        )
    },
    sub("countkeysinslot", Arity::exactly(3), ASK, "Counts the keys of a slot."),
    CommandSpec {
        complexity: "O(N) where N is the total number of hash slot arguments.",
        ..sub("delslots", Arity::at_least(3), CHANGE, "Takes slots from this node.")
    },
    CommandSpec {
        since: "7.0.0",
        complexity: "O(N) where N is the total number of slots in the ranges.",
        ..sub("delslotsrange", Arity::at_least(4), CHANGE, "Takes ranges of slots from this node.")
    },
    sub("failover", Arity::at_least(2), CHANGE, "Has a replica take its master's place."),
    sub("flushslots", Arity::exactly(2), CHANGE, "Takes all slots from this node."),
    sub("forget", Arity::exactly(3), CHANGE, "Takes a node off the table of nodes."),
    CommandSpec {
        complexity: "O(N) where N is the number of requested keys.",
        tips: UNSTABLE,
        ..sub("getkeysinslot", Arity::exactly(4), ASK, "Lists keys of a slot.")
    },
    CommandSpec {
        since: "5.0.0",
        ..sub(
            "help",
            Arity::exactly(2),
            Flags::STALE.union(Flags::LOADING),
            "Lists the subcommands.",
        )
    },
    CommandSpec {
        tips: UNSTABLE,
        ..sub("info", Arity::exactly(2), ASK, "Describes the state of the cluster.")
    },
    CommandSpec {
        complexity: "O(N) where N is the number of bytes in the key.",
        ..sub("keyslot", Arity::exactly(3), ASK, "Returns the slot of a key.")
    },
    CommandSpec {
        since: "7.0.0",
        complexity: "O(N) where N is the total number of nodes.",
        tips: UNSTABLE,
        ..sub("links", Arity::exactly(2), ASK, "Lists the connections to other nodes.")
    },
    sub("meet", Arity::at_least(4), CHANGE, "Makes another node known to this one."),
    sub("myid", Arity::exactly(2), ASK, "Returns the id of this node."),
    CommandSpec {
        since: "7.2.0",
        tips: UNSTABLE,
        ..sub("myshardid", Arity::exactly(2), ASK, "Returns the id of this node's shard.")
    },
    CommandSpec {
        complexity: "O(N) where N is the total number of nodes.",
        tips: UNSTABLE,
        ..sub("nodes", Arity::exactly(2), ASK, "Lists the nodes.")
    },
    CommandSpec {
        since: "5.0.0",
        complexity: "O(N) where N is the number of replicas.",
        tips: UNSTABLE,
        ..sub("replicas", Arity::exactly(3), OPERATE, "Lists the replicas of a node.")
    },
    sub("replicate", Arity::exactly(3), CHANGE, "Makes this node a replica of another."),
    CommandSpec {
        complexity: "O(N) where N is the number of known nodes.",
        ..sub(
            "reset",
            Arity::at_least(2),
            OPERATE.union(Flags::NOSCRIPT),
            "Makes this node forget the cluster.",
        )
    },
    sub(
        "saveconfig",
        Arity::exactly(2),
        CHANGE,
        "Writes the configuration of the cluster to the disk.",
    ),
    sub("set-config-epoch", Arity::exactly(3), CHANGE, "Sets the epoch of the configuration."),
    sub("setslot", Arity::at_least(4), CHANGE, "Binds a slot to a node."),
    CommandSpec {
        since: "7.0.0",
        complexity: "O(N) where N is the total number of nodes.",
        tips: UNSTABLE,
        ..sub("shards", Arity::exactly(2), ASK, "Lists the shards and their nodes.")
    },
    CommandSpec {
        complexity: "O(N) where N is the number of replicas.",
        tips: UNSTABLE,
        ..sub("slaves", Arity::exactly(3), OPERATE, "The older name of CLUSTER REPLICAS.")
    },
    CommandSpec {
        complexity: "O(N) where N is the total number of nodes.",
        tips: UNSTABLE,
        ..sub("slots", Arity::exactly(2), ASK, "Lists which nodes have which slots.")
    },
];

#[cfg(test)]
mod tests {
    use super::SUBCOMMANDS;
    use crate::testing::{Bench, err};

    #[test]
    fn every_word_of_it_is_answered_that_there_is_none() {
        let mut bench = Bench::new();
        let disabled = || err("ERR This instance has cluster support disabled");
        for sub in SUBCOMMANDS {
            let words = usize::try_from(sub.arity.wire().unsigned_abs()).expect("small");
            let line = format!("CLUSTER {}{}", sub.name, " x".repeat(words - 2));
            bench.check(&line, disabled());
        }
        for line in ["ASKING", "READONLY", "READWRITE"] {
            bench.check(line, disabled());
        }
        bench.check("CLUSTER nosuch", err("ERR unknown subcommand 'nosuch'. Try CLUSTER HELP."));
        bench.check("ASKING x", err("ERR wrong number of arguments for 'asking' command"));
    }
}
