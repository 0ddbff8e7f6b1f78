//! ROLE, REPLICAOF and SLAVEOF, as a master without replicas answers them: there are no others yet.

use guarda_resp::number::parse_i64;

use crate::args::Args;
use crate::context::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group};

const NEW: CommandSpec =
    CommandSpec { group: Group::Server, complexity: "O(1)", ..CommandSpec::NEW };

const REPLICAOF: CommandSpec = CommandSpec {
    summary: "Makes the server a replica of another one, or with NO ONE a master.",
    note: "NO ONE is accepted; anybody else is refused, since there is no replication yet.",
    arity: Arity::exactly(3),
    flags: Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
    run: replicaof,
    ..NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec { name: "replicaof", since: "5.0.0", ..REPLICAOF },
    CommandSpec {
        name: "role",
        summary: "Returns whether the server is a master or a replica, and how far it is.",
        since: "2.8.12",
        flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::FAST),
        categories: Categories::ADMIN.union(Categories::DANGEROUS),
        run: role,
        ..NEW
    },
    CommandSpec { name: "slaveof", ..REPLICAOF },
];

/// A master, which has sent nothing to none.
fn role(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    cx.reply.array(3);
    cx.reply.bulk(b"master");
    cx.reply.integer(0);
    cx.reply.array(0);
    Ok(Outcome::Reply)
}

fn replicaof(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let (host, port) = (args.bytes()?, args.bytes()?);
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        cx.reply.ok();
        return Ok(Outcome::Reply);
    }
    if parse_i64(port).is_none_or(|port| u16::try_from(port).is_err()) {
        return Err(CommandError::text("ERR Invalid master port"));
    }
    Err(CommandError::text("ERR there is no replication yet: a Guarda follows NO ONE"))
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn a_guarda_is_a_master_without_replicas() {
        let mut bench = Bench::new();
        bench.check("ROLE", array([bulk("master"), int(0), array([])]));
        bench.run("HELLO 3");
        bench.check("ROLE", array([bulk("master"), int(0), array([])]));
    }

    #[test]
    fn a_guarda_follows_no_one() {
        let mut bench = Bench::new();
        for name in ["REPLICAOF", "SLAVEOF"] {
            bench.check(&format!("{name} No oNe"), ok());
            for port in ["x", "-1", "65536", "two"] {
                bench.check(&format!("{name} no {port}"), err("ERR Invalid master port"));
            }
            let refused = "ERR there is no replication yet: a Guarda follows NO ONE";
            bench.check(&format!("{name} 127.0.0.1 6379"), err(refused));
        }
        assert!(bench.journal().is_empty());
    }
}
