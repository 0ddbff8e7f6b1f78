//! Running an admitted call: locks, context, reply, journal.

use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_resp::{Protocol, ReplyWriter};
use guarda_store::{HashedKey, Keyspace, Locked, Remains, UnixMillis};
use smallvec::SmallVec;

use crate::args::Args;
use crate::client::Client;
use crate::context::{Caller, CommandResult, Context, Outcome};
use crate::db::Db;
use crate::effects::{Effects, Lookup};
use crate::error::CommandError;
use crate::families::{scripting, sort};
use crate::gates::unknown_command;
use crate::host::Host;
use crate::monitors;
use crate::pause;
use crate::pubsub::EventClasses;
use crate::renames::Meaning;
use crate::spec::{CommandSpec, Flags, Locks};
use crate::table::table;
use crate::waits::{Deliveries, serve_waiters};

/// A call whose row is known and whose arity fits.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The row, of the subcommand where there is one.
    pub spec: &'static CommandSpec,
    /// Arguments that are names: 1, or 2 with a subcommand.
    pub names: usize,
    /// All arguments, names included.
    pub args: &'a [&'a [u8]],
}

impl Call<'_> {
    /// Whether it walks shard by shard, and so may wait for shards while it runs.
    pub fn walks(&self) -> bool {
        walks(self.spec, self.args)
    }
}

fn walks(spec: &CommandSpec, args: &[&[u8]]) -> bool {
    match spec.locks {
        Locks::Walk => true,
        Locks::KeysOrWalk => spec.keys.of(args).is_empty(),
        Locks::Keys | Locks::KeysAndPatterns | Locks::All | Locks::Transaction => false,
    }
}

/// The shards a call needs were held by others for longer than the caller's patience. Nothing was
/// done; call again later.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy;

/// What one thread keeps between commands.
#[derive(Default)]
pub struct Worker {
    /// Scratch for the running command's effects, and the thread's counters.
    pub effects: Effects,
    /// Highest journal sequence number that a reply of this batch depends on: replies leave only
    /// after the log has reached it.
    pub seen_seq: u64,
    /// Set when a command was journalled whose reply depends on it; the owner resets it.
    pub wrote: bool,
    /// Commands that were journalled since the owner last reset it, and whose replies do not depend
    /// on it ([`Flags::UNAWAITED`]): their records may wait for the next group, but not for ever.
    pub unawaited: u32,
    /// Set when a command published something; the owner resets it.
    pub published: bool,
    /// What commands removed and is to be freed before they are answered; the owner does that, or has it done.
    pub remains: Remains,
}

/// Whether a call needs the Lua interpreter, and so must run on the thread that has it.
pub fn needs_script_thread(call: &Call<'_>, client: &Client, host: &dyn Host) -> bool {
    let is_lua = |spec: &CommandSpec, args: &[&[u8]]| {
        spec.flags.contains(Flags::SCRIPT) && !scripting::is_native(args, host)
    };
    if call.spec.locks != Locks::Transaction {
        return is_lua(call.spec, call.args);
    }
    let queued = client.transaction.iter().flat_map(|t| &t.queued);
    queued
        .into_iter()
        .any(|q| q.spec.flags.contains(Flags::SCRIPT) && is_lua(q.spec, &as_slices(&q.args)))
}

pub(crate) fn as_slices(args: &[Vec<u8>]) -> SmallVec<[&[u8]; 8]> {
    args.iter().map(|arg| &arg[..]).collect()
}

/// Runs an admitted call and writes its reply to `out`.
///
/// # Errors
/// [`Busy`] when locks could not be had within about `patience`.
pub fn execute(
    call: &Call<'_>,
    client: &mut Client,
    host: &dyn Host,
    worker: &mut Worker,
    now: UnixMillis,
    patience: Duration,
    out: &mut Vec<u8>,
) -> Result<Outcome, Busy> {
    worker.effects.wanted_events = host.pubsub().wanted_events();
    worker.effects.lookup = lookup(call, client, host);
    let keyspace = host.keyspace();
    let mut locked = lock(call, client, host, keyspace, patience).ok_or(Busy)?;
    let mut cx = Context {
        db: Db {
            locked: &mut locked,
            index: client.db,
            now,
            settings: host.settings(),
            effects: &mut worker.effects,
        },
        reply: ReplyWriter::new(out, client.protocol),
        client,
        host,
        caller: Caller::Client,
    };
    let outcome = run(call, &mut cx);
    // What monitors among this thread's own clients are shown, waits in its mailbox.
    worker.published |= host.observations().monitors.any();
    settle_call(call, client, &mut locked, host, worker, now);
    locked.give_remains(&mut worker.remains);
    Ok(outcome)
}

/// [`settle`], and notes what the client has in the log. An [`UNAWAITED`](Flags::UNAWAITED) command's
/// reply depends on what was journalled before it alone (decision 0022).
fn settle_call(
    call: &Call<'_>,
    client: &mut Client,
    locked: &mut Locked<'_>,
    host: &dyn Host,
    worker: &mut Worker,
    now: UnixMillis,
) {
    let before = worker.seen_seq.max(locked.last_seq());
    let wrote_before = std::mem::take(&mut worker.wrote);
    // What took a while has left the time at which it began behind: those who wait get nothing that is due by now.
    let is_long = call.spec.locks == Locks::Transaction || call.spec.flags.contains(Flags::SCRIPT);
    let now = if is_long { host.now() } else { now };
    settle(locked, host, worker, now, Deliveries::new());
    if worker.wrote {
        client.logged_seq = worker.seen_seq;
    }
    if call.spec.flags.contains(Flags::UNAWAITED) {
        worker.unawaited += u32::from(worker.wrote);
        (worker.seen_seq, worker.wrote) = (before, false);
    }
    worker.wrote |= wrote_before;
}

/// How a call looks keys up. What writes removes what is due even in a pause, since it may put something
/// in its place.
fn lookup(call: &Call<'_>, client: &Client, host: &dyn Host) -> Lookup {
    if host.pause().is_on() && !pause::may_change(call, client, host) {
        Lookup::Still
    } else if client.no_touch {
        Lookup::Untouched
    } else {
        Lookup::Usual
    }
}

/// The shards that a call needs.
fn lock<'k>(
    call: &Call<'_>,
    client: &Client,
    host: &dyn Host,
    keyspace: &'k Keyspace,
    patience: Duration,
) -> Option<Locked<'k>> {
    let spec = call.spec;
    if spec.flags.contains(Flags::SCRIPT) && !scripting::is_native(call.args, host) {
        return keyspace.lock_growing(patience);
    }
    match spec.locks {
        Locks::Walk => Some(keyspace.lock_none()),
        Locks::All => keyspace.lock_all(patience),
        Locks::KeysAndPatterns if sort::reads_by_pattern(call.args) => {
            keyspace.lock_growing(patience)
        }
        Locks::Keys | Locks::KeysOrWalk | Locks::KeysAndPatterns => {
            let keys = spec.keys.of(call.args);
            if let [key] = keys[..] {
                let key = HashedKey::new(key);
                let mut locked = keyspace.lock_one(key.shard(), patience)?;
                locked.remember_hash(key);
                return Some(locked);
            }
            let shards: SmallVec<[usize; 16]> =
                keys.iter().map(|key| HashedKey::new(key).shard()).collect();
            keyspace.lock_many(&shards, patience)
        }
        Locks::Transaction => lock_transaction(client, host, keyspace, patience),
    }
}

fn lock_transaction<'k>(
    client: &Client,
    host: &dyn Host,
    keyspace: &'k Keyspace,
    patience: Duration,
) -> Option<Locked<'k>> {
    let mut shards: SmallVec<[usize; 16]> =
        client.watched.iter().map(|(_, key)| HashedKey::new(key).shard()).collect();
    for queued in client.transaction.iter().flat_map(|t| &t.queued) {
        let args = as_slices(&queued.args);
        let script = queued.spec.flags.contains(Flags::SCRIPT);
        let grows = match queued.spec.locks {
            Locks::All => true,
            Locks::KeysAndPatterns => sort::reads_by_pattern(&args),
            _ => script && !scripting::is_native(&args, host),
        };
        if grows {
            return keyspace.lock_growing(patience);
        }
        // A walk inside a transaction holds every shard: all of it is one moment.
        if walks(queued.spec, &args) {
            return keyspace.lock_all(patience);
        }
        let keys = queued.spec.keys.of(&args);
        shards.extend(keys.iter().map(|key| HashedKey::new(key).shard()));
    }
    keyspace.lock_many(&shards, patience)
}

/// Runs a call in `cx`; an error replaces whatever it had written. Its journal records are in the
/// effects afterwards.
pub(crate) fn run(call: &Call<'_>, cx: &mut Context<'_, '_>) -> Outcome {
    let start = cx.reply.buf.len();
    cx.db.effects.changes = 0;
    cx.db.effects.explicit = false;
    if cx.caller == Caller::Script {
        // What the script itself did since its last call is not this command's.
        cx.db.effects.mark = cx.host.monotonic();
    }
    let began = cx.db.effects.mark;
    let is_watched = cx.caller != Caller::Log && cx.host.observations().monitors.any();
    if is_watched {
        monitors::show_script(call, cx);
    }
    let mut args = Args::new(call.args, call.names);
    let lookup = cx.db.effects.lookup;
    if lookup == Lookup::Untouched && call.spec.name == "touch" {
        cx.db.effects.lookup = Lookup::Usual;
    }
    let result: CommandResult = (call.spec.run)(cx, &mut args);
    cx.db.effects.lookup = lookup;
    let effects = &mut *cx.db.effects;
    if effects.changes > 0 {
        effects.counters.dirty += effects.changes;
        let recorded = effects.explicit || call.spec.flags.contains(Flags::NOT_JOURNALLED);
        if !recorded && call.spec.flags.contains(Flags::WRITE) {
            cx.db.record(call.args);
        }
    }
    cx.db.record_expired();
    cx.db.effects.address_notices(cx.host);
    let outcome = result.unwrap_or_else(|error| {
        let text = error.wire();
        cx.db.effects.note_error(&text);
        cx.reply.buf.truncate(start);
        cx.reply.error_bytes(&text);
        Outcome::Reply
    });
    note_cost(call, cx, began, start, outcome);
    if is_watched {
        monitors::show_command(call, cx);
    }
    outcome
}

/// Notes what a call took, from `began` to now, and whether it failed; its reply begins at `start`.
fn note_cost(
    call: &Call<'_>,
    cx: &mut Context<'_, '_>,
    began: Duration,
    start: usize,
    outcome: Outcome,
) {
    let ended = cx.host.monotonic();
    let effects = &mut *cx.db.effects;
    let holds_error = std::mem::take(&mut effects.reply_holds_error);
    let failed = holds_error || cx.reply.buf.get(start) == Some(&b'-');
    effects.mark = ended;
    let took = ended.saturating_sub(began);
    effects.counters.command_nanos += took.as_nanos() as u64;
    if let (Outcome::Parked, Some(ticket)) = (outcome, &cx.client.waiting) {
        ticket.remember(call, took, cx.client);
        return;
    }
    effects.tallies.note_call(call.spec, took, failed);
    let (observed, now_s) = (cx.host.observations(), || cx.host.now_micros() / 1_000_000);
    observed.latency.note(latency_event(call.spec), took, now_s);
    let micros = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
    if observed.slow.is_slow(micros) && !call.spec.flags.contains(Flags::SKIP_SLOWLOG) {
        let card = &cx.client.card;
        let name = card.details.lock().name.clone();
        observed.slow.add(call, now_s(), micros, card.addr.clone(), name);
    }
}

/// What LATENCY calls the calls of a command.
pub(crate) fn latency_event(spec: &CommandSpec) -> &'static str {
    if spec.flags.contains(Flags::FAST) { "fast-command" } else { "command" }
}

/// Serves those who wait for what was freed, hands the records to the log, still under the locks,
/// and notes what replies depend on.
pub(crate) fn settle(
    locked: &mut Locked<'_>,
    host: &dyn Host,
    worker: &mut Worker,
    now: UnixMillis,
    mut deliveries: Deliveries,
) {
    worker.effects.wanted_events = host.pubsub().wanted_events();
    serve_waiters(locked, &mut worker.effects, host, now, &mut deliveries);
    worker.effects.address_notices(host);
    // The place of the records in the log is the place of the messages among all messages.
    let turn = (!worker.effects.published.is_empty()).then(|| host.pubsub().take_turn());
    if let Some(seq) = worker.effects.append_to_log(host) {
        locked.set_last_seq(seq);
    }
    worker.wrote |= std::mem::take(&mut worker.effects.logged);
    let seq = locked.last_seq();
    worker.seen_seq = worker.seen_seq.max(seq);
    if turn.is_some() {
        worker.published = true;
        host.spread(std::mem::take(&mut worker.effects.published), seq);
    }
    drop(turn);
    for (client, reply) in deliveries {
        host.deliver(client, reply, seq);
    }
}

/// What a nested call may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NestedRules {
    /// Refuse commands that write.
    pub read_only: bool,
    /// Run commands that need memory though it has reached `maxmemory`.
    pub allow_oom: bool,
}

/// Counts the error of a gate, and the call that it refused if there is such a command.
pub fn note_refusal(args: &[&[u8]], error: &[u8], effects: &mut Effects) {
    effects.note_error(error);
    let Some(spec) = args.first().and_then(|name| table().find(name)) else { return };
    match args.get(1) {
        Some(name) if !spec.subcommands.is_empty() => {
            if let Some(sub) = spec.subcommand(name) {
                effects.tallies.note_rejected(sub);
            }
        }
        _ => effects.tallies.note_rejected(spec),
    }
}

/// Runs a command of the append log, as it was journalled: no gates, nothing expires, nothing is
/// journalled again.
///
/// # Errors
/// Why it could not be replayed: an unknown command, or the error it answered.
pub fn replay(
    args: &[&[u8]],
    client: &mut Client,
    host: &dyn Host,
    worker: &mut Worker,
    scratch: &mut Vec<u8>,
) -> Result<(), String> {
    let call = resolve_logged(args)?;
    let mut locked = lock(&call, client, host, host.keyspace(), Duration::from_hours(1))
        .ok_or("the keyspace is locked")?;
    replay_in(args, client, host, worker, &mut locked, scratch)
}

/// Clients are shown what they sent with an unknown command; the server's own log, where this goes, is not to show
/// data.
fn resolve_logged<'a>(args: &'a [&'a [u8]]) -> Result<Call<'a>, String> {
    match crate::table::table().find(args[0]) {
        Some(_) => crate::gates::resolve(args).map_err(|error| error.to_string()),
        None => Err(format!("unknown command '{}'", String::from_utf8_lossy(args[0]))),
    }
}

/// As [`replay`], under locks that are held already.
///
/// # Errors
/// As [`replay`].
pub fn replay_in(
    args: &[&[u8]],
    client: &mut Client,
    host: &dyn Host,
    worker: &mut Worker,
    locked: &mut Locked<'_>,
    scratch: &mut Vec<u8>,
) -> Result<(), String> {
    let call = resolve_logged(args)?;
    scratch.clear();
    // Nobody is told of what happened long ago.
    worker.effects.wanted_events = EventClasses::default();
    let mut cx = Context {
        db: Db {
            locked,
            index: client.db,
            // As in Redis, nothing is due while the log is read: a key that expires is deleted by a
            // record of its own, and what a record does to it before must still happen.
            now: UnixMillis(0),
            settings: host.settings(),
            effects: &mut worker.effects,
        },
        reply: ReplyWriter::new(scratch, client.protocol),
        client,
        host,
        caller: Caller::Log,
    };
    run(&call, &mut cx);
    worker.effects.records.clear();
    worker.effects.tallies.clear();
    match scratch.strip_prefix(b"-") {
        Some(error) => Err(String::from_utf8_lossy(error.trim_ascii_end()).into_owned()),
        None => Ok(()),
    }
}

/// Runs a call inside another one, for scripts: under the caller's locks and in its journal group.
///
/// The reply goes to `out` in `protocol`. Gates that depend on the caller (authentication,
/// transactions) were passed by the script itself; those of the command are passed here.
///
/// # Errors
/// The error that a gate or the command answered.
pub fn execute_nested(
    cx: &mut Context<'_, '_>,
    args: &[&[u8]],
    protocol: Protocol,
    rules: NestedRules,
    out: &mut Vec<u8>,
) -> Result<(), CommandError> {
    let meaning = cx.host.renames().zip(args.first());
    let own: SmallVec<[&[u8]; 8]>;
    let args = match meaning.map(|(renames, name)| renames.meaning(name)) {
        Some(Meaning::Command(name)) => {
            own = std::iter::once(name.as_bytes()).chain(args[1..].iter().copied()).collect();
            &own
        }
        Some(Meaning::Nothing) => return Err(script_error(unknown_command(args))),
        Some(Meaning::Itself) | None => args,
    };
    let call = admit_nested(args, rules, cx.client, cx.host)
        .inspect_err(|error| note_refusal(args, &error.wire(), cx.db.effects))?;
    let mut nested = Context {
        db: Db {
            locked: &mut *cx.db.locked,
            index: cx.db.index,
            now: cx.db.now,
            settings: cx.db.settings,
            effects: &mut *cx.db.effects,
        },
        reply: ReplyWriter::new(out, protocol),
        client: &mut *cx.client,
        host: cx.host,
        caller: Caller::Script,
    };
    run(&call, &mut nested);
    nested.db.forget_changes();
    // A SELECT inside the script holds until its end.
    cx.db.index = cx.client.db;
    Ok(())
}

/// The gates of a nested call.
fn admit_nested<'a>(
    args: &'a [&'a [u8]],
    rules: NestedRules,
    client: &Client,
    host: &dyn Host,
) -> Result<Call<'a>, CommandError> {
    if args.is_empty() {
        return Err(CommandError::text(
            "ERR Please specify at least one argument for this redis lib call",
        ));
    }
    let call = crate::gates::resolve(args).map_err(script_error)?;
    let flags = call.spec.flags;
    if flags.contains(Flags::NOSCRIPT) && !may_debug(&call, client, host) {
        return Err(CommandError::text("ERR This Redis command is not allowed from script"));
    }
    crate::acl::admit_in_script(&call, client, host)?;
    let may_write = flags.contains(Flags::WRITE) || flags.contains(Flags::MAY_REPLICATE);
    if rules.read_only && may_write {
        return Err(CommandError::text(
            "ERR Write commands are not allowed from read-only scripts.",
        ));
    }
    if flags.contains(Flags::WRITE)
        && let Some(refusal) = host.refuses_writes()
    {
        return Err(refusal);
    }
    if flags.contains(Flags::DENYOOM) && !rules.allow_oom && client.lacks_memory {
        return Err(CommandError::OutOfMemory);
    }
    Ok(call)
}

/// Whether a script may call this though it is DEBUG: where that is on, and DEBUG has said so.
fn may_debug(call: &Call<'_>, client: &Client, host: &dyn Host) -> bool {
    call.spec.flags.contains(Flags::GUARDED)
        && host.settings().scripts_may_debug.load(Ordering::Relaxed)
        && host.allows_guarded(&client.card)
}

/// Scripts word some of the gates' errors in their own way.
fn script_error(error: CommandError) -> CommandError {
    match error {
        CommandError::WrongArity(_) => {
            CommandError::text("ERR Wrong number of args calling Redis command from script")
        }
        other if other.to_string().starts_with("ERR unknown ") => {
            CommandError::text("ERR Unknown Redis command called from script")
        }
        other => other,
    }
}
