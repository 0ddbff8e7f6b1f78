//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use std::sync::atomic::Ordering;

use guarda_store::HashedKey;

use crate::acl;
use crate::args::Args;
use crate::client::Transaction;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::execute::{Call, as_slices, note_refusal, run};
use crate::spec::{Arity, Categories, CommandSpec, Flags, Group, KeyAccess, Keys, Locks};

const NEW: CommandSpec = CommandSpec {
    group: Group::Transactions,
    categories: Categories::TRANSACTION,
    ..CommandSpec::NEW
};

const FLAGS: Flags = Flags::NOSCRIPT
    .union(Flags::LOADING)
    .union(Flags::STALE)
    .union(Flags::ALLOW_BUSY)
    .union(Flags::NOT_QUEUED);

pub(crate) const FAMILY: &[CommandSpec] = &[
    CommandSpec {
        name: "multi",
        summary: "Begins a transaction: what follows is queued.",
        since: "1.2.0",
        flags: FLAGS.union(Flags::FAST),
        locks: Locks::Walk,
        run: multi,
        ..NEW
    },
    CommandSpec {
        name: "exec",
        summary: "Runs the queued commands as one.",
        since: "1.2.0",
        complexity: "Depends on commands in the transaction",
        flags: Flags::NOSCRIPT
            .union(Flags::LOADING)
            .union(Flags::STALE)
            .union(Flags::SKIP_SLOWLOG)
            .union(Flags::NOT_QUEUED),
        locks: Locks::Transaction,
        run: exec,
        ..NEW
    },
    CommandSpec {
        name: "discard",
        summary: "Gives up the queued commands.",
        since: "2.0.0",
        complexity: "O(N), when N is the number of queued commands",
        flags: FLAGS.union(Flags::FAST),
        locks: Locks::Walk,
        run: discard,
        ..NEW
    },
    CommandSpec {
        name: "watch",
        summary: "Has the next EXEC fail if one of these keys changes.",
        since: "2.2.0",
        complexity: "O(1) for every key.",
        arity: Arity::at_least(2),
        flags: FLAGS.union(Flags::FAST),
        keys: Keys::range(1, -1, 1, KeyAccess::PEEK),
        run: watch,
        ..NEW
    },
    CommandSpec {
        name: "unwatch",
        summary: "Ends all watches of the connection.",
        since: "2.2.0",
        flags: Flags::NOSCRIPT
            .union(Flags::LOADING)
            .union(Flags::STALE)
            .union(Flags::FAST)
            .union(Flags::ALLOW_BUSY),
        locks: Locks::Walk,
        run: unwatch,
        ..NEW
    },
];

fn multi(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    if cx.client.transaction.is_some() {
        return Err(CommandError::text("ERR MULTI calls can not be nested"));
    }
    cx.client.transaction = Some(Transaction::default());
    cx.client.card.details.lock().multi = Some(0);
    cx.reply.ok();
    Ok(Outcome::Reply)
}

/// Leaves the transaction and ends all watches; the watched keys' shards are held.
fn leave(cx: &mut Context<'_, '_>) -> Option<Transaction> {
    let transaction = cx.client.transaction.take();
    for (db, key) in std::mem::take(&mut cx.client.watched).iter() {
        let index = HashedKey::new(key).shard();
        let flag = &cx.client.watch_dirty;
        cx.db.locked.visit_shard(index, |shard| shard.unwatch(db, key, flag));
    }
    cx.client.watch_dirty.store(false, Ordering::Relaxed);
    let mut details = cx.client.card.details.lock();
    details.multi = None;
    details.watch = 0;
    drop(details);
    transaction
}

/// Whether a watched key changed, or expired since it was watched.
fn watch_failed(cx: &mut Context<'_, '_>) -> bool {
    if cx.client.watch_dirty.load(Ordering::Relaxed) {
        return true;
    }
    let now = cx.db.now;
    cx.client.watched.iter().any(|(db, key)| {
        let key = HashedKey::new(key);
        cx.db.locked.shard(key).peek(db, key).is_some_and(|record| record.is_due(now))
    })
}

fn exec(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    if cx.client.transaction.is_none() {
        return Err(CommandError::text("ERR EXEC without MULTI"));
    }
    let failed = watch_failed(cx);
    let Some(transaction) = leave(cx) else { unreachable!("checked above") };
    if transaction.refused {
        return Err(CommandError::ExecAbort);
    }
    if failed {
        cx.reply.null_array();
        return Ok(Outcome::Reply);
    }
    cx.reply.array(transaction.queued.len());
    cx.caller = Caller::Transaction;
    // CLIENT INFO among the commands shows the transaction.
    cx.client.card.details.lock().multi = Some(transaction.queued.len());
    let mut outcome = Outcome::Reply;
    for queued in &transaction.queued {
        let args = as_slices(&queued.args);
        let names = if is_subcommand(queued.spec, &args) { 2 } else { 1 };
        cx.db.index = cx.client.db;
        cx.reply.protocol = cx.client.protocol;
        let call = Call { spec: queued.spec, names, args: &args };
        if let Err(denied) = acl::admit_at_exec(&call, cx.client, cx.host) {
            let text = denied.wire();
            note_refusal(&args, &text, cx.db.effects);
            cx.reply.error_bytes(&text);
            continue;
        }
        match run(&call, cx) {
            Outcome::Reply | Outcome::Parked => {}
            ends => outcome = ends,
        }
    }
    cx.client.card.details.lock().multi = None;
    cx.db.index = cx.client.db;
    // The records of the queued commands stand for EXEC itself, and their changes are counted.
    cx.db.record_nothing();
    cx.db.forget_changes();
    Ok(outcome)
}

fn is_subcommand(spec: &CommandSpec, args: &[&[u8]]) -> bool {
    !spec.name.as_bytes().eq_ignore_ascii_case(args[0])
}

fn discard(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    if cx.client.transaction.is_none() {
        return Err(CommandError::text("ERR DISCARD without MULTI"));
    }
    leave(cx);
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn watch(cx: &mut Context<'_, '_>, args: &mut Args<'_>) -> CommandResult {
    if cx.client.transaction.is_some() {
        return Err(CommandError::text("ERR WATCH inside MULTI is not allowed"));
    }
    let db = cx.db.index;
    for key in args.take_rest() {
        if cx.client.is_watching(db, key) {
            continue;
        }
        // What is due goes first: its removal must not count as a change after the WATCH.
        cx.db.peek(key);
        let hashed = cx.db.hashed(key);
        cx.db.locked.shard(hashed).watch(db, key, &cx.client.watch_dirty);
        cx.client.note_watched(db, key);
    }
    cx.client.card.details.lock().watch = cx.client.watched.len();
    cx.reply.ok();
    Ok(Outcome::Reply)
}

fn unwatch(cx: &mut Context<'_, '_>, _: &mut Args<'_>) -> CommandResult {
    if cx.caller == Caller::Transaction {
        // EXEC has ended all watches before its commands run.
        cx.reply.ok();
        return Ok(Outcome::Reply);
    }
    let transaction = cx.client.transaction.take();
    leave(cx);
    cx.client.transaction = transaction;
    cx.reply.ok();
    Ok(Outcome::Reply)
}
