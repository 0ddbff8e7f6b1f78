//! The gates a call passes before it runs. Their order decides which error a client sees.

use crate::client::{AuthState, Client, QueuedCall};
use crate::error::CommandError;
use crate::execute::Call;
use crate::host::Host;
use crate::spec::{CommandSpec, Flags};
use crate::table::table;

/// What the gates decided.
pub enum Admission<'a> {
    /// Run it.
    Run(Call<'a>),
    /// Queued by an open MULTI; answer `QUEUED`.
    Queued,
    /// Refused; an open MULTI is spoilt.
    Refused(CommandError),
}

/// Arguments of an unknown command that its error repeats, in characters.
const ECHOED_ARGS_LEN_MAX: usize = 128;

/// Decides whether `args` may run for `client`.
pub fn admit<'a>(args: &'a [&'a [u8]], client: &mut Client, host: &dyn Host) -> Admission<'a> {
    match check(args, client, host) {
        Ok(call) => {
            let spec = call.spec;
            match &mut client.transaction {
                Some(transaction) if !spec.flags.contains(Flags::NOT_QUEUED) => {
                    let args = args.iter().map(|arg| arg.to_vec()).collect();
                    transaction.queued.push(QueuedCall { spec, args });
                    client.card.details.lock().multi = Some(transaction.queued.len());
                    Admission::Queued
                }
                _ => Admission::Run(call),
            }
        }
        Err(error) if table().find(args[0]).is_some_and(is_exec) => {
            client.abandon_transaction(host.keyspace());
            let text = error.to_string();
            let reason = text.strip_prefix("ERR ").unwrap_or(&text);
            Admission::Refused(CommandError::owned(format!(
                "EXECABORT Transaction discarded because of: {reason}"
            )))
        }
        Err(error) => {
            client.note_refusal();
            Admission::Refused(error)
        }
    }
}

fn check<'a>(
    args: &'a [&'a [u8]],
    client: &Client,
    host: &dyn Host,
) -> Result<Call<'a>, CommandError> {
    let call = resolve(args)?;
    let flags = call.spec.flags;
    if client.auth == AuthState::Required && !flags.contains(Flags::NO_AUTH) {
        return Err(CommandError::NoAuth);
    }
    if client.transaction.is_some() && flags.contains(Flags::NO_MULTI) {
        return Err(CommandError::text("ERR Command not allowed inside a transaction"));
    }
    let executes_writes = |flag| {
        flags.contains(flag)
            || (is_exec(call.spec)
                && client
                    .transaction
                    .as_ref()
                    .is_some_and(|t| t.queued.iter().any(|q| q.spec.flags.contains(flag))))
    };
    if executes_writes(Flags::DENYOOM) && host.is_over_memory() {
        return Err(CommandError::OutOfMemory);
    }
    if (executes_writes(Flags::WRITE) || call.spec.name == "ping")
        && let Some(refusal) = host.refuses_writes()
    {
        return Err(refusal);
    }
    if !flags.contains(Flags::LOADING) && host.is_loading() {
        return Err(CommandError::text("LOADING Redis is loading the dataset in memory"));
    }
    Ok(call)
}

fn is_exec(spec: &CommandSpec) -> bool {
    spec.locks == crate::spec::Locks::Transaction
}

/// Finds the row (and subcommand's row) of a call and checks its arity.
pub(crate) fn resolve<'a>(args: &'a [&'a [u8]]) -> Result<Call<'a>, CommandError> {
    let Some(spec) = table().find(args[0]) else {
        return Err(unknown_command(args));
    };
    if spec.subcommands.is_empty() || args.len() < 2 {
        if !spec.arity.accepts(args.len()) {
            return Err(CommandError::WrongArity(spec.name.into()));
        }
        return Ok(Call { spec, names: 1, args });
    }
    let Some(sub) = spec.subcommand(args[1]) else {
        let name = String::from_utf8_lossy(clipped(args[1], ECHOED_ARGS_LEN_MAX)).into_owned();
        return Err(CommandError::owned(format!(
            "ERR unknown subcommand '{name}'. Try {} HELP.",
            spec.name.to_ascii_uppercase()
        )));
    };
    if !sub.arity.accepts(args.len()) {
        return Err(CommandError::WrongArity(format!("{}|{}", spec.name, sub.name).into()));
    }
    Ok(Call { spec: sub, names: 2, args })
}

fn clipped(bytes: &[u8], len: usize) -> &[u8] {
    &bytes[..bytes.len().min(len)]
}

fn unknown_command(args: &[&[u8]]) -> CommandError {
    let name = String::from_utf8_lossy(clipped(args[0], ECHOED_ARGS_LEN_MAX)).into_owned();
    let mut echoed = String::new();
    for arg in &args[1..] {
        if echoed.len() >= ECHOED_ARGS_LEN_MAX {
            break;
        }
        let room = ECHOED_ARGS_LEN_MAX - echoed.len();
        echoed.push('\'');
        echoed.push_str(&String::from_utf8_lossy(clipped(arg, room)));
        echoed.push_str("' ");
    }
    CommandError::owned(format!("ERR unknown command '{name}', with args beginning with: {echoed}"))
}
