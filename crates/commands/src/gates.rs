//! The gates a call passes before it runs. Their order decides which error a client sees.

use guarda_resp::Protocol;

use crate::acl;
use crate::client::{AuthState, Client, QueuedCall};
use crate::error::{CommandError, until_nul};
use crate::execute::Call;
use crate::host::Host;
use crate::pause;
use crate::spec::{CommandSpec, Flags};
use crate::table::table;

/// What the gates decided.
pub enum Admission<'a> {
    /// Run it.
    Run(Call<'a>),
    /// Queued by an open MULTI; answer `QUEUED`.
    Queued(Call<'a>),
    /// Clients are paused: try again when that is over.
    Postponed,
    /// Refused; an open MULTI is spoilt.
    Refused(CommandError),
    /// A line of an HTTP request: close the connection without a word. A web page may have made a
    /// browser send it, and the next line could be a command.
    Dropped,
}

/// Arguments of an unknown command that its error repeats, in characters.
const ECHOED_ARGS_LEN_MAX: usize = 128;

/// Decides whether `args` may run for `client`.
pub fn admit<'a>(args: &'a [&'a [u8]], client: &mut Client, host: &dyn Host) -> Admission<'a> {
    if args[0].eq_ignore_ascii_case(b"post") || args[0].eq_ignore_ascii_case(b"host:") {
        return Admission::Dropped;
    }
    match check(args, client, host) {
        Ok(call) => {
            if host.pause().is_on() && pause::holds_back(&call, client, host) {
                return Admission::Postponed;
            }
            let spec = call.spec;
            match &mut client.transaction {
                Some(transaction) if !spec.flags.contains(Flags::NOT_QUEUED) => {
                    let args = args.iter().map(|arg| arg.to_vec()).collect();
                    transaction.queued.push(QueuedCall { spec, args });
                    client.card.details.lock().multi = Some(transaction.queued.len());
                    Admission::Queued(call)
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
    client: &mut Client,
    host: &dyn Host,
) -> Result<Call<'a>, CommandError> {
    let call = resolve(args)?;
    note_command(client, &call);
    let flags = call.spec.flags;
    if flags.contains(Flags::GUARDED) && !host.allows_guarded(&client.card) {
        return Err(not_enabled(call.spec));
    }
    if client.auth == AuthState::Required && !flags.contains(Flags::NO_AUTH) {
        return Err(CommandError::NoAuth);
    }
    if client.transaction.is_some() && flags.contains(Flags::NO_MULTI) {
        return Err(CommandError::text("ERR Command not allowed inside a transaction"));
    }
    acl::admit(&call, client, host)?;
    // Whatever the command is: also one that only reads gets a server with room.
    client.lacks_memory = !host.make_room();
    let executes = |flag| {
        flags.contains(flag)
            || (is_exec(call.spec)
                && client
                    .transaction
                    .as_ref()
                    .is_some_and(|t| t.queued.iter().any(|q| q.spec.flags.contains(flag))))
    };
    // What is queued takes memory too; so does what it says, whatever it does.
    let takes_memory =
        executes(Flags::DENYOOM) || client.transaction.is_some() && !ends_transaction(call.spec);
    if takes_memory && client.lacks_memory {
        return Err(CommandError::OutOfMemory);
    }
    if (executes(Flags::WRITE) || call.spec.name == "ping")
        && let Some(refusal) = host.refuses_writes()
    {
        return Err(refusal);
    }
    if client.protocol == Protocol::Resp2 && client.is_subscriber() && !suits_subscribers(call.spec)
    {
        let name = acl::full_name(&call);
        return Err(CommandError::owned(format!(
            "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
             RESET are allowed in this context"
        )));
    }
    if !flags.contains(Flags::LOADING) && host.is_loading() {
        return Err(CommandError::text("LOADING Redis is loading the dataset in memory"));
    }
    let touches_keys = [Flags::WRITE, Flags::READONLY, Flags::MAY_REPLICATE];
    if client.is_monitor() && touches_keys.into_iter().any(executes) {
        return Err(CommandError::text("ERR Replica can't interact with the keyspace"));
    }
    Ok(call)
}

/// Keeps the client's card up to date for CLIENT LIST and ACL LOG, which name a refused command, too.
fn note_command(client: &Client, call: &Call<'_>) {
    let mut details = client.card.details.lock();
    if call.names != 1 || details.cmd != call.spec.name {
        acl::write_full_name(&mut details.cmd, call);
    }
}

fn not_enabled(spec: &CommandSpec) -> CommandError {
    let (upper, name) = (spec.name.to_ascii_uppercase(), spec.name);
    CommandError::owned(format!(
        "ERR {upper} command not allowed. If the enable-{name}-command option is set to \"local\", \
         you can run it from a local connection, otherwise you need to set this option in the \
         configuration file, and then restart the server."
    ))
}

/// Whether one who speaks RESP2 and has subscriptions may send this.
fn suits_subscribers(spec: &CommandSpec) -> bool {
    matches!(spec.name, "ping" | "quit" | "reset") || spec.name.ends_with("subscribe")
}

fn ends_transaction(spec: &CommandSpec) -> bool {
    is_exec(spec) || matches!(spec.name, "discard" | "quit" | "reset")
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
        let container = spec.name.to_ascii_uppercase();
        return Err(CommandError::quoting(&[
            b"ERR unknown subcommand '",
            clipped(args[1], ECHOED_ARGS_LEN_MAX),
            b"'. Try ",
            container.as_bytes(),
            b" HELP.",
        ]));
    };
    if !sub.arity.accepts(args.len()) {
        return Err(CommandError::WrongArity(format!("{}|{}", spec.name, sub.name).into()));
    }
    Ok(Call { spec: sub, names: 2, args })
}

fn clipped(bytes: &[u8], len: usize) -> &[u8] {
    &bytes[..bytes.len().min(len)]
}

/// The error for a command that is none.
pub fn unknown_command(args: &[&[u8]]) -> CommandError {
    let mut echoed: Vec<u8> = Vec::new();
    for arg in &args[1..] {
        if echoed.len() >= ECHOED_ARGS_LEN_MAX {
            break;
        }
        let room = ECHOED_ARGS_LEN_MAX - echoed.len();
        echoed.push(b'\'');
        echoed.extend_from_slice(until_nul(clipped(arg, room)));
        echoed.extend_from_slice(b"' ");
    }
    CommandError::quoting(&[
        b"ERR unknown command '",
        clipped(args[0], ECHOED_ARGS_LEN_MAX),
        b"', with args beginning with: ",
        &echoed,
    ])
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn errors_quote_what_was_sent_byte_for_byte_up_to_a_nul() {
        let mut bench = Bench::new();
        for (call, error) in [
            (
                "a\\x00b \\x00 c",
                &b"-ERR unknown command 'a', with args beginning with: '' 'c' \r\n"[..],
            ),
            ("\\xff\\xfe", b"-ERR unknown command '\xff\xfe', with args beginning with: \r\n"),
            ("CLIENT \\xff", b"-ERR unknown subcommand '\xff'. Try CLIENT HELP.\r\n"),
        ] {
            let line: Vec<String> = call.split(' ').map(|word| format!("\"{word}\"")).collect();
            bench.check(&line.join(" "), error);
        }
    }

    #[test]
    fn http_requests_are_dropped_whatever_the_client_may_do() {
        let mut bench = Bench::new();
        for line in ["POST / HTTP/1.1", "Host: example.org", "host: x"] {
            bench.check(line, b"");
            bench.check("MULTI", ok());
            bench.check(line, b"");
            bench.check("DISCARD", ok());
        }
    }

    #[test]
    fn over_maxmemory_a_transaction_can_only_be_ended() {
        let mut bench = Bench::new();
        let refused = err("OOM command not allowed when used memory > 'maxmemory'.");
        bench.check("SET k v", ok());
        bench.check("MULTI", ok());
        bench.host.over_memory.store(true, std::sync::atomic::Ordering::Relaxed);
        for line in ["GET k", "DEL k", "PING", "WATCH k", "UNWATCH"] {
            bench.check(line, &refused);
        }
        bench.check("EXEC", err("EXECABORT Transaction discarded because of previous errors."));
        bench.check("GET k", bulk("v"));
        bench.check("SET k w", &refused);
        bench.check("MULTI", ok());
        bench.check("DISCARD", ok());
    }
}
