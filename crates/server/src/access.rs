//! The users of the configuration and of the ACL file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use guarda_commands::{CommandError, Users, close_connections_of};
use guarda_config::{Config, Secret};

use crate::replace::replace_file;
use crate::state::Server;

/// Why the users could not be taken over; what to do is in the text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsersError {
    /// Two sources, of which one would win silently.
    #[error(
        "there are `user` lines and an `aclfile`: keep users in one place, either the configuration \
         or {}",
        .0.display()
    )]
    TwoSources(PathBuf),
    /// The ACL file cannot be read.
    #[error("aclfile {}: {source}; create it (it may be empty) or take `aclfile` out", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A user's rules are wrong.
    #[error("{0}")]
    Rules(String),
}

/// The users that the configuration asks for.
pub(crate) fn users_of(config: &Config) -> Result<Arc<Users>, UsersError> {
    let users = Users::default();
    apply(&users, config);
    users.set_default_password(config.requirepass.as_ref().map(Secret::reveal));
    match acl_file(config) {
        Some(path) if !config.users.is_empty() => return Err(UsersError::TwoSources(path)),
        Some(path) => {
            let text = std::fs::read(&path)
                .map_err(|source| UsersError::File { path: path.clone(), source })?;
            users
                .load(&text, &path.display().to_string())
                .map_err(|error| UsersError::Rules(error.to_string()))?;
        }
        None => {
            let mut named = HashSet::new();
            for line in &config.users {
                let words: Vec<&[u8]> = line.iter().map(Secret::reveal).collect();
                let name = words.first().copied().unwrap_or_default();
                if !named.insert(name) {
                    let name = String::from_utf8_lossy(name);
                    let text = format!("Duplicate user found: `{name}` has several `user` lines");
                    return Err(UsersError::Rules(text));
                }
                users
                    .define(&words)
                    .map_err(|error| UsersError::Rules(format!("a `user` line: {error}")))?;
            }
        }
    }
    Ok(Arc::new(users))
}

/// What of the users CONFIG SET may change.
pub(crate) fn apply(users: &Users, config: &Config) {
    users.set_all_channels(config.acl_pubsub_all_channels);
    users.set_log_len_max(usize::try_from(config.acllog_max_len).unwrap_or(usize::MAX));
}

/// `aclfile`; relative paths are seen from `dir`, as in Redis.
fn acl_file(config: &Config) -> Option<PathBuf> {
    config.aclfile.as_ref().map(|path| config.dir.join(path))
}

const NO_FILE: &str = "ERR This Redis instance is not configured to use an ACL file. You may want to \
                       specify users via the ACL SETUSER command and then issue a CONFIG REWRITE \
                       (assuming you have a Redis configuration file set) in order to store users in \
                       the Redis configuration.";

/// ACL LOAD.
pub(crate) fn load(server: &Server) -> Result<(), CommandError> {
    let path = acl_file(&server.config.lock()).ok_or(CommandError::text(NO_FILE))?;
    let text = std::fs::read(&path).map_err(|error| failed("read", &path, &error))?;
    let gone = server.users.load(&text, &path.display().to_string()).map_err(|error| {
        CommandError::owned(format!(
            "ERR {error} WARNING: ACL errors detected, no change to the previously active ACL \
                 rules was performed"
        ))
    })?;
    gone.iter().for_each(|name| close_connections_of(name, server));
    server.users.all().iter().for_each(|user| end_forbidden_subscriptions(server, user.name()));
    Ok(())
}

/// Closes the connections of a user that listen to what it may no longer hear.
pub(crate) fn end_forbidden_subscriptions(server: &Server, name: &[u8]) {
    let Some(user) = server.users.find(name) else { return };
    let overhearing = server.pubsub.overhearing(&user);
    if overhearing.is_empty() {
        return;
    }
    let name = String::from_utf8_lossy(name);
    for card in server.clients.cards() {
        if overhearing.contains(&card.id) && card.details.lock().user == name {
            server.kill(card.id);
        }
    }
}

/// ACL SAVE: a new file takes the old one's place once it is whole and on the disk.
pub(crate) fn save(server: &Server) -> Result<(), CommandError> {
    let path = acl_file(&server.config.lock()).ok_or(CommandError::text(NO_FILE))?;
    let mut text = server.users.lines().join(&b'\n');
    text.push(b'\n');
    replace_file(&path, &text).map_err(|error| {
        tracing::warn!("aclfile {}: {error}", path.display());
        CommandError::text("ERR There was an error trying to save the ACLs. Please check the server logs for more information")
    })
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::owned(format!("ERR cannot {what} {}: {error}", path.display()))
}
