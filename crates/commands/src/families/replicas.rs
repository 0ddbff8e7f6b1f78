//! WAIT and WAITAOF: for replicas, of which there are none yet, and for the disk.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::args::Args;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::spec::{Arity, Categories, CommandSpec, Group};
use crate::waits::{Awaited, LogWanted, NO_LOG, Ticket};

const NEW: CommandSpec = CommandSpec {
    complexity: "O(1)",
    categories: Categories::CONNECTION,
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    group: Group::Generic,
    ..CommandSpec::NEW
};

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "wait",
        summary: "Waits until so many replicas have what this connection wrote.",
        note: "There are no replicas yet: who asks for one waits out the timeout and is answered 0.",
        since: "3.0.0",
        arity: Arity::exactly(3),
        run: wait,
        ..NEW
    },
    CommandSpec {
        name: "waitaof",
        summary: "Waits until what this connection wrote is on the disk, here and on so many replicas.",
        note: "There are no replicas yet: who asks for one waits out the timeout and is answered 0 \
               for them.",
        since: "7.2.0",
        arity: Arity::exactly(4),
        run: waitaof,
        ..NEW
    },
];

fn wait(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let replicas = args.integer()?;
    let timeout = timeout(args)?;
    if replicas <= 0 || cx.caller != Caller::Client {
        cx.reply.integer(0);
        return Ok(Outcome::Reply);
    }
    park(cx, Awaited::Replicas, timeout);
    Ok(Outcome::Parked)
}

/// How long to wait; zero is for ever.
fn timeout(args: &mut Args<'_>) -> Result<Option<Duration>, CommandError> {
    let not_an_integer = |_| CommandError::text("ERR timeout is not an integer or out of range");
    let millis = args.integer().map_err(not_an_integer)?;
    let millis =
        u64::try_from(millis).map_err(|_| CommandError::text("ERR timeout is negative"))?;
    Ok((millis > 0).then(|| Duration::from_millis(millis)))
}

fn park(cx: &mut Context<'_, '_>, awaited: Awaited, timeout: Option<Duration>) -> Arc<Ticket> {
    let now = cx.host.monotonic();
    let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
    cx.client.park(Ticket::new(awaited, now, deadline))
}

fn waitaof(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    let local = args.integer()?;
    if !(0..=1).contains(&local) {
        return Err(CommandError::text("ERR value is out of range, value must between 0 and 1"));
    }
    let must_be_positive = CommandError::text("ERR value is out of range, must be positive");
    let replicas = args.integer().ok().filter(|replicas| *replicas >= 0);
    let replicas = replicas.ok_or(must_be_positive)? > 0;
    let (local, timeout) = (local > 0, timeout(args)?);
    if local && cx.host.log().is_none() {
        return Err(CommandError::text(NO_LOG));
    }
    let (client, seq) = (cx.client.card.id, cx.client.logged_seq);
    let is_synced = cx.host.log().is_some() && cx.host.is_synced(seq);
    if (is_synced || !local) && !replicas || cx.caller != Caller::Client {
        cx.reply.array(2);
        cx.reply.integer(is_synced.into());
        cx.reply.integer(0);
        return Ok(Outcome::Reply);
    }
    let wanted = LogWanted { local, replicas, is_synced: AtomicBool::new(is_synced) };
    let ticket = park(cx, Awaited::Log(Arc::new(wanted)), timeout);
    cx.host.await_sync(client, &ticket, seq);
    Ok(Outcome::Parked)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::testing::{Bench, array, err, int, new_client, ok};
    use crate::waits::wait_ran_out;

    fn acknowledged(local: i64) -> Vec<u8> {
        array([int(local), int(0)])
    }

    #[test]
    fn waitaof_refuses_what_means_nothing() {
        let mut bench = Bench::new();
        let one_of_two = "ERR value is out of range, value must between 0 and 1";
        for (line, error) in [
            ("WAITAOF 0 0", "ERR wrong number of arguments for 'waitaof' command"),
            ("WAITAOF 2 0 0", one_of_two),
            ("WAITAOF -1 x 0", one_of_two),
            ("WAITAOF x 0 0", "ERR value is not an integer or out of range"),
            ("WAITAOF 0 x 0", "ERR value is out of range, must be positive"),
            ("WAITAOF 0 -1 x", "ERR value is out of range, must be positive"),
            ("WAITAOF 0 0 x", "ERR timeout is not an integer or out of range"),
            ("WAITAOF 0 0 -1", "ERR timeout is negative"),
        ] {
            bench.check(line, err(error));
        }
    }

    #[test]
    fn waitaof_waits_for_this_clients_last_change_and_no_other() {
        let mut bench = Bench::new();
        bench.host.synced.store(0, Ordering::Relaxed);
        bench.check("WAITAOF 1 0 0", acknowledged(1));
        bench.check("SET k v", ok());
        let own = bench.swap_client(new_client(2));
        bench.check("SET k w", ok());
        let other = bench.swap_client(own);
        assert_eq!((bench.client.logged_seq, other.logged_seq), (1, 2));
        bench.check("GET k", "$1\r\nw\r\n");
        bench.check("WAITAOF 0 0 0", acknowledged(0));
        assert_eq!(bench.run("WAITAOF 1 0 0"), b"", "parked");
        assert_eq!(*bench.host.await_sync.lock(), [(1, 1)]);
        let ticket = bench.client.waiting.clone().expect("parked");
        assert_eq!(ticket.note_synced(), Some(acknowledged(1)));
        assert_eq!(ticket.note_log_off(), None, "it was answered");
        bench.host.synced.store(1, Ordering::Relaxed);
        bench.swap_client(new_client(3));
        bench.client.logged_seq = 1;
        bench.check("WAITAOF 1 0 0", acknowledged(1));
    }

    #[test]
    fn replicas_are_waited_for_in_vain_and_the_log_is_told_at_the_end() {
        let mut bench = Bench::new();
        bench.host.synced.store(0, Ordering::Relaxed);
        bench.check("SET k v", ok());
        for (line, synced, local) in [("WAITAOF 1 1 50", true, 1), ("WAITAOF 0 1 50", false, 0)] {
            let mut client = new_client(2);
            client.logged_seq = 1;
            let own = bench.swap_client(client);
            assert_eq!(bench.run(line), b"");
            let mut client = bench.swap_client(own);
            let ticket = client.waiting.clone().expect("parked");
            if synced {
                assert_eq!(ticket.note_synced(), None, "there is no replica");
            }
            let (host, worker) = (&bench.host, &mut bench.worker);
            let reply = wait_ran_out(&mut client, host, worker, Duration::from_secs(9));
            assert_eq!(reply, Some(acknowledged(local)));
        }
    }

    #[test]
    fn nothing_waits_in_a_transaction_and_a_log_switched_off_ends_the_wait() {
        let mut bench = Bench::new();
        bench.host.synced.store(0, Ordering::Relaxed);
        bench.check("SET k v", ok());
        for line in ["MULTI", "WAITAOF 1 0 0", "WAIT 1 0"] {
            bench.run(line);
        }
        bench.check("EXEC", array([acknowledged(0), int(0)]));
        assert_eq!(bench.run("WAITAOF 1 0 0"), b"");
        let ticket = bench.client.waiting.clone().expect("parked");
        assert_eq!(ticket.note_log_off(), Some(err(NO_LOG)));
        assert_eq!(ticket.note_synced(), None);
    }
}
