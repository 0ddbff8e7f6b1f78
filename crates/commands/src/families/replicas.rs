//! WAIT: for replicas, of which there are none yet.

use std::time::Duration;

use crate::args::Args;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::spec::{Arity, Categories, CommandSpec, Group};
use crate::waits::{Awaited, Ticket};

pub(crate) const FAMILY: &[CommandSpec] = &[CommandSpec {
    name: "wait",
    summary: "Waits until so many replicas have what this connection wrote.",
    note: "There are no replicas yet: who asks for one waits out the timeout and is answered 0.",
    since: "3.0.0",
    complexity: "O(1)",
    arity: Arity::exactly(3),
    categories: Categories::CONNECTION,
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    run: wait,
    group: Group::Generic,
    ..CommandSpec::NEW
}];

fn wait(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let replicas = args.integer()?;
    let not_an_integer = |_| CommandError::text("ERR timeout is not an integer or out of range");
    let millis = args.integer().map_err(not_an_integer)?;
    let millis =
        u64::try_from(millis).map_err(|_| CommandError::text("ERR timeout is negative"))?;
    if replicas <= 0 || cx.caller != Caller::Client {
        cx.reply.integer(0);
        return Ok(Outcome::Reply);
    }
    let now = cx.host.monotonic();
    let timeout = Some(Duration::from_millis(millis)).filter(|timeout| !timeout.is_zero());
    let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
    cx.client.park(Ticket::new(Awaited::Replicas, now, deadline));
    Ok(Outcome::Parked)
}
