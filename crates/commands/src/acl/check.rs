//! Whether a user may run a call, and if not, why.

use std::borrow::Cow;

use super::selector::{KeyRights, Selector};
use super::user::Rules;
use crate::error::CommandError;
use crate::execute::Call;
use crate::spec::ChannelUse;

/// What stands between a user and a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The command: its full name.
    Command(String),
    /// A key.
    Key(Vec<u8>),
    /// A channel.
    Channel(Vec<u8>),
}

/// Where a call was turned away; it decides the wording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Sent by a client.
    Client,
    /// Queued before, and no longer allowed at EXEC.
    Exec,
    /// Called by a script.
    Script,
}

impl Denial {
    /// What the caller is told.
    pub fn error(&self, user: &[u8], scope: Scope) -> CommandError {
        let reason = self.reason(user);
        let text = match scope {
            Scope::Client => format!("NOPERM {reason}"),
            Scope::Exec => format!(
                "NOPERM ACLs rules changed between the moment the transaction was accumulated and \
                 the EXEC call. This command is no longer allowed for the following reason: {}",
                self.reason_at_exec()
            ),
            Scope::Script => format!("ERR ACL failure in script: {reason}"),
        };
        CommandError::owned(text)
    }

    /// The reason, without the name of a key or channel.
    fn reason(&self, user: &[u8]) -> Cow<'static, str> {
        match self {
            Denial::Command(name) => {
                let user = String::from_utf8_lossy(user);
                format!("User {user} has no permissions to run the '{name}' command").into()
            }
            Denial::Key(_) => "No permissions to access a key".into(),
            Denial::Channel(_) => "No permissions to access a channel".into(),
        }
    }

    fn reason_at_exec(&self) -> &'static str {
        match self {
            Denial::Command(_) => "no permission to execute the command or subcommand",
            Denial::Key(_) => "no permission to touch the specified keys",
            Denial::Channel(_) => "no permission to access one of the channels used as arguments",
        }
    }

    /// The reason for an administrator, who may know the name (`ACL DRYRUN`).
    pub(crate) fn explanation(&self, user: &[u8]) -> Vec<u8> {
        let (name, kind) = match self {
            Denial::Command(_) => return self.reason(user).into_owned().into_bytes(),
            Denial::Key(name) => (name, "key"),
            Denial::Channel(name) => (name, "channel"),
        };
        let parts: [&[u8]; 6] =
            [b"User ", user, b" has no permissions to access the '", name, b"' ", kind.as_bytes()];
        parts.concat()
    }

    /// How far the check had come: of several selectors' denials the furthest is told.
    fn progress(&self, position: usize) -> (u8, usize) {
        let stage = match self {
            Denial::Command(_) => 0,
            Denial::Key(_) => 1,
            Denial::Channel(_) => 2,
        };
        (stage, position)
    }
}

impl Rules {
    /// Whether the call may run.
    ///
    /// # Errors
    /// The denial of the selector that came furthest.
    pub(crate) fn check(&self, call: &Call<'_>) -> Result<(), Denial> {
        let mut furthest: Option<((u8, usize), Denial)> = None;
        for selector in self.selectors() {
            match selector.check(call) {
                Ok(()) => return Ok(()),
                Err((position, denial)) => {
                    let progress = denial.progress(position);
                    if furthest.as_ref().is_none_or(|(best, _)| progress > *best) {
                        furthest = Some((progress, denial));
                    }
                }
            }
        }
        let (_, denial) = furthest.expect("every user has a root selector");
        Err(denial)
    }
}

impl Selector {
    fn check(&self, call: &Call<'_>) -> Result<(), (usize, Denial)> {
        let spec = call.spec;
        // Who may not even authenticate could never become somebody else.
        let is_open = spec.flags.contains(crate::spec::Flags::NO_AUTH);
        if !is_open && !self.allows_command(spec, call.args) {
            return Err((0, Denial::Command(full_name(call))));
        }
        if !self.all_keys {
            for (index, key) in spec.keys.of(call.args).iter().enumerate() {
                let needed = needed_rights(call, index);
                if !self.allows_key(key, needed) {
                    return Err((index, Denial::Key(key.to_vec())));
                }
            }
        }
        if !self.all_channels && spec.channels != ChannelUse::None {
            let is_pattern = matches!(spec.channels, ChannelUse::Patterns);
            for (index, channel) in spec.channels.of(call.args).iter().enumerate() {
                if !self.allows_channel(channel, is_pattern) {
                    return Err((index, Denial::Channel(channel.to_vec())));
                }
            }
        }
        Ok(())
    }
}

/// The rights that a call takes on its `index`th key.
fn needed_rights(call: &Call<'_>, index: usize) -> KeyRights {
    let flags = call.spec.keys.access_of(index).0;
    let has = |names: &[&str]| flags.iter().any(|flag| names.contains(flag));
    // SET returns the old value only when asked to.
    let reads = match call.spec.name {
        "set" => call.args.iter().skip(3).any(|arg| arg.eq_ignore_ascii_case(b"get")),
        _ => has(&["access"]),
    };
    KeyRights { read: reads, write: has(&["update", "insert", "delete"]) }
}

/// `get`, or `config|get`.
pub(crate) fn full_name(call: &Call<'_>) -> String {
    let mut name = String::new();
    write_full_name(&mut name, call);
    name
}

/// The same in the place of what `name` holds, and in its memory.
pub(crate) fn write_full_name(name: &mut String, call: &Call<'_>) {
    name.clear();
    if call.names == 2 {
        // A command was found by it: it is ASCII.
        name.extend(call.args[0].iter().map(|byte| char::from(byte.to_ascii_lowercase())));
        name.push('|');
    }
    name.push_str(call.spec.name);
}
