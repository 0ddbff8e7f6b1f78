//! The gate that asks for a client's permissions, and notes whom it turned away.

use super::check::{Denial, Scope, full_name};
use super::log::{LogContext, LogEntry};
use super::user::User;
use crate::client::{Client, ClientCard};
use crate::error::CommandError;
use crate::execute::Call;
use crate::families::client::describe;
use crate::host::Host;

/// A command that a client sent.
pub(crate) fn admit(call: &Call<'_>, client: &Client, host: &dyn Host) -> Result<(), CommandError> {
    let context =
        if client.transaction.is_some() { LogContext::Multi } else { LogContext::TopLevel };
    ask(call, client, host, Scope::Client, context)
}

/// A command that was queued, at EXEC: the rules may have changed since.
pub(crate) fn admit_at_exec(
    call: &Call<'_>,
    client: &Client,
    host: &dyn Host,
) -> Result<(), CommandError> {
    ask(call, client, host, Scope::Exec, LogContext::Multi)
}

/// A command whose client has waited and is to be served: the rules may have changed since.
pub(crate) fn admit_when_served(
    call: &Call<'_>,
    user: &User,
    card: &ClientCard,
    host: &dyn Host,
) -> Result<(), CommandError> {
    ask_for(call, user, card, host, Scope::Client, LogContext::TopLevel)
}

/// A command that a client's script calls.
pub(crate) fn admit_in_script(
    call: &Call<'_>,
    client: &Client,
    host: &dyn Host,
) -> Result<(), CommandError> {
    ask(call, client, host, Scope::Script, LogContext::Lua)
}

fn ask(
    call: &Call<'_>,
    client: &Client,
    host: &dyn Host,
    scope: Scope,
    context: LogContext,
) -> Result<(), CommandError> {
    let Some(user) = &client.user else { return Ok(()) };
    ask_for(call, user, &client.card, host, scope, context)
}

fn ask_for(
    call: &Call<'_>,
    user: &User,
    card: &ClientCard,
    host: &dyn Host,
    scope: Scope,
    context: LogContext,
) -> Result<(), CommandError> {
    user.check(call).map_err(|denial| {
        let (reason, object) = match &denial {
            Denial::Command(_) => ("command", full_name(call).into_bytes()),
            Denial::Key(key) => ("key", key.clone()),
            Denial::Channel(channel) => ("channel", channel.clone()),
        };
        note(card, host, reason, context, object, user.name());
        denial.error(user.name(), scope)
    })
}

/// Notes that a client gave a wrong password, or none that is right for this user.
pub(crate) fn note_failed_login(client: &Client, host: &dyn Host, user: &[u8]) {
    note(&client.card, host, "auth", LogContext::TopLevel, b"AUTH".to_vec(), user);
}

fn note(
    card: &ClientCard,
    host: &dyn Host,
    reason: &'static str,
    context: LogContext,
    object: Vec<u8>,
    user: &[u8],
) {
    let now = host.now();
    let mut described = Vec::new();
    describe(&mut described, card, now);
    let client = String::from_utf8_lossy(described.trim_ascii_end()).into_owned();
    host.users().note(LogEntry {
        id: 0,
        count: 1,
        reason,
        context,
        object,
        username: user.to_vec(),
        created: now.0,
        updated: now.0,
        client,
    });
}
