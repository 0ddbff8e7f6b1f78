//! MODULE: of modules there are none, and none can be loaded.

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::families::subcommand_help;
use crate::spec::{Arity, CommandSpec, Flags, Group};

const NEW: CommandSpec =
    CommandSpec { since: "4.0.0", group: Group::Server, complexity: "O(1)", ..CommandSpec::NEW };

pub(crate) const FAMILY: &[CommandSpec] = &[CommandSpec {
    name: "module",
    summary: "Groups the commands that deal with modules.",
    note: "There are none, and none can be loaded.",
    complexity: "Depends on subcommand.",
    arity: Arity::at_least(2),
    subcommands: SUBCOMMANDS,
    ..NEW
}];

const OPERATOR: Flags = Flags::ADMIN.union(Flags::NOSCRIPT);

/// What changes which modules there are.
const CHANGE: CommandSpec = CommandSpec {
    note: "Is refused.",
    flags: OPERATOR.union(Flags::NO_ASYNC_LOADING),
    run: refuse,
    ..NEW
};

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "help",
        summary: "Lists the subcommands.",
        since: "5.0.0",
        arity: Arity::exactly(2),
        flags: Flags::LOADING.union(Flags::STALE),
        run: |cx, _| subcommand_help(cx, "MODULE", SUBCOMMANDS),
        ..NEW
    },
    CommandSpec {
        name: "list",
        summary: "Lists the modules that are loaded.",
        complexity: "O(N) where N is the number of loaded modules.",
        arity: Arity::exactly(2),
        flags: OPERATOR,
        tips: &["nondeterministic_output_order"],
        run: list,
        ..NEW
    },
    CommandSpec { name: "load", summary: "Loads a module.", arity: Arity::at_least(3), ..CHANGE },
    CommandSpec {
        name: "loadex",
        summary: "Loads a module with settings of its own.",
        since: "7.0.0",
        arity: Arity::at_least(3),
        ..CHANGE
    },
    CommandSpec {
        name: "unload",
        summary: "Unloads a module.",
        arity: Arity::exactly(3),
        ..CHANGE
    },
];

fn list(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.array(0);
    Ok(Outcome::Reply)
}

/// As Redis, unless it is told to allow the command.
fn refuse(_: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    Err(CommandError::text("ERR MODULE command not allowed: Guarda has no modules"))
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn there_are_no_modules_and_none_comes() {
        let mut bench = Bench::new();
        bench.check("MODULE LIST", array([]));
        let refused = "ERR MODULE command not allowed: Guarda has no modules";
        for line in ["MODULE LOAD /x.so a", "MODULE LOADEX /x.so ARGS a", "MODULE UNLOAD x"] {
            bench.check(line, err(refused));
        }
        bench.check("MODULE NOSUCH", err("ERR unknown subcommand 'NOSUCH'. Try MODULE HELP."));
        bench
            .check("MODULE LIST x", err("ERR wrong number of arguments for 'module|list' command"));
    }
}
