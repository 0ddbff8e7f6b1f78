//! What can go wrong, in words for a system administrator.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

/// Why an operation failed. No text holds a password, a session id or data of a session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection.
    #[error("cannot connect to {endpoint}: {source}; {}", next_step(source))]
    Connect {
        /// Where to.
        endpoint: String,
        /// Why not.
        source: io::Error,
    },
    /// The connection broke or fell silent.
    #[error("lost the connection to {endpoint}: {source}; its log may say why")]
    Lost {
        /// Where to.
        endpoint: String,
        /// How.
        source: io::Error,
    },
    /// No answer in time.
    #[error(
        "{endpoint} did not answer within {}; is it overloaded, or `read_timeout` too short?",
        rounded(*waited)
    )]
    Timeout {
        /// Who.
        endpoint: String,
        /// How long it was given.
        waited: Duration,
    },
    /// The answer to a write was lost and it must not be repeated.
    #[error("{endpoint} did not confirm the write ({reason}): whether it was done is unknown")]
    OutcomeUnknown {
        /// Who.
        endpoint: String,
        /// What happened instead.
        reason: String,
    },
    /// AUTH was refused.
    #[error("{endpoint} refuses the user or password ({code}): {advice}")]
    Credentials {
        /// Who.
        endpoint: String,
        /// First word of the server's answer.
        code: String,
        /// What to do.
        advice: &'static str,
    },
    /// The file with the password cannot be read.
    #[error("cannot read the password for {endpoint} from {path}: {source}")]
    CredentialsFile {
        /// For whom.
        endpoint: String,
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// SELECT was refused.
    #[error(
        "{endpoint} has no database {database} ({code}); lower `database` in session.save_path, or \
         raise `databases` in redis.conf"
    )]
    Database {
        /// Who.
        endpoint: String,
        /// The number.
        database: u32,
        /// First word of the server's answer.
        code: String,
    },
    /// Any other error that a server answered.
    #[error("{endpoint} answers {code}: {advice}")]
    Server {
        /// Who.
        endpoint: String,
        /// First word of the server's answer.
        code: String,
        /// What that means.
        advice: Cow<'static, str>,
    },
    /// An answer that makes no sense.
    #[error(
        "{endpoint} sent something that is not an answer to what was asked; is this the port of a \
         Redis server?"
    )]
    Protocol {
        /// Who.
        endpoint: String,
    },
    /// TLS failed.
    #[error("no TLS with {endpoint}: {reason}")]
    Tls {
        /// Who.
        endpoint: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The old store of `adopt` does not give a session away.
    #[error("cannot take over a session from {place} (`adopt` in session.save_path): {reason}")]
    Adopt {
        /// A directory or a server.
        place: String,
        /// Why, and what to do. Holds no session id.
        reason: String,
    },
    /// No random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
}

/// What to look at when connecting fails.
fn next_step(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "is the server running, and on this port?",
        io::ErrorKind::NotFound => "does the name in session.save_path exist?",
        io::ErrorKind::PermissionDenied => "may PHP's user open the socket (unixsocketperm)?",
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            "is the address right, and no firewall between? See also `timeout`"
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "is the address right, and the network up?"
        }
        _ => "look at the address in session.save_path and at the server's log",
    }
}

/// A time as one says it.
fn rounded(time: Duration) -> String {
    match time.as_millis() {
        millis @ ..1_000 => format!("{millis} ms"),
        1_000..9_950 => format!("{:.1} s", time.as_secs_f64()),
        _ => format!("{:.0} s", time.as_secs_f64()),
    }
}

/// The longest name of a command that is shown as it was sent.
const COMMAND_LEN_MAX: usize = 40;

/// What a user must be allowed, by the words with which servers deny it, also to scripts.
fn missing_permission(text: &[u8]) -> Option<Cow<'static, str>> {
    let text = String::from_utf8_lossy(text);
    let of_script =
        text.contains("ACL failure in script") || text.contains("user executing the script");
    if !text.starts_with("NOPERM") && !of_script {
        return None;
    }
    let named = text.split_once("to run the '").and_then(|(_, rest)| rest.split_once('\''));
    let is_plain = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'|' | b'-' | b'_');
        (1..=COMMAND_LEN_MAX).contains(&name.len()) && name.bytes().all(plain)
    };
    Some(match named.map(|(name, _)| name).filter(|name| is_plain(name)) {
        Some(name) if name.starts_with("session") => {
            format!("its user may not run {}; allow it: ACL SETUSER <user> +@session", shown(name))
                .into()
        }
        Some(name) => {
            format!("its user may not run {}; allow it: ACL SETUSER <user> +{name}", shown(name))
                .into()
        }
        None if text.contains(" key") => {
            "its user may not use these keys; allow it: ACL SETUSER <user> ~<prefix>*, with the \
             `prefix` of session.save_path"
                .into()
        }
        None => "the user lacks the permission for a session command or key (ACL SETUSER)".into(),
    })
}

/// The name of a command as one types it.
fn shown(name: &str) -> String {
    name.replace('|', " ").to_ascii_uppercase()
}

/// The code word of a server's error, and what it means. The rest of its text is not shown: it may
/// repeat what was sent.
pub(crate) fn code_and_advice(text: &[u8]) -> (String, Cow<'static, str>) {
    if let Some(advice) = missing_permission(text) {
        return ("NOPERM".to_owned(), advice);
    }
    let (code, advice) = code_and_fixed_advice(text);
    (code, advice.into())
}

fn code_and_fixed_advice(text: &[u8]) -> (String, &'static str) {
    // Redis lets clients without a password send short commands only, and says no more than that.
    let long = text.starts_with(b"ERR Protocol error: unauthenticated");
    let text = if long { b"NOAUTH" } else { text };
    let word: Vec<u8> = text.iter().copied().take_while(u8::is_ascii_uppercase).take(32).collect();
    let code = String::from_utf8_lossy(&word).into_owned();
    let advice = match code.as_str() {
        "NOAUTH" => "a password is needed; set `auth` or `auth_file` in session.save_path",
        "WRONGPASS" => "the user or password is wrong",
        "READONLY" => "this is a replica; session.save_path must name the master",
        "MASTERDOWN" => {
            "this is a replica that has lost its master; session.save_path must name the master"
        }
        "OOM" => "the server is out of memory; raise maxmemory or let sessions expire earlier",
        "LOADING" => "the server is still loading its data; try again shortly",
        "MISCONF" => "the server refuses writes, since it cannot save to disk; see its log",
        "NOREPLICAS" => "the server refuses writes without enough replicas (min-replicas-to-write)",
        "DENIED" => {
            "protected mode: the server has no password and takes connections from its own machine \
             only; set one (requirepass)"
        }
        "WRONGTYPE" => "the key is there and is no session; set another `prefix`",
        "CLUSTERDOWN" | "MOVED" | "ASK" | "CROSSSLOT" => {
            "this is a node of a Redis Cluster, which is not supported yet; name a single server"
        }
        "BUSY" => "a script is running on the server; SCRIPT KILL ends it",
        _ if text.starts_with(b"ERR max number of clients") => {
            "it has as many clients as it takes; raise maxclients or lower PHP's pm.max_children"
        }
        _ => "the command was refused; the server may be older than Redis 6.2",
    };
    (if code.is_empty() { "an error".to_owned() } else { code }, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded() {
        for (millis, expected) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (9_949, "9.9 s"),
            (9_950, "10 s"),
            (31_030, "31 s"),
        ] {
            assert_eq!(rounded(Duration::from_millis(millis)), expected);
        }
    }

    #[test]
    fn a_denial_names_what_is_missing_and_nothing_that_was_sent() {
        for (text, part) in [
            (
                "NOPERM User app has no permissions to run the 'session|open' command",
                "SESSION OPEN; allow it: ACL SETUSER <user> +@session",
            ),
            (
                "NOPERM this user has no permissions to run the 'evalsha' command",
                "EVALSHA; allow it: ACL SETUSER <user> +evalsha",
            ),
            (
                "ERR ACL failure in script: User app has no permissions to run the 'get' command script: f00, on @user_script:1.",
                "+get",
            ),
            ("NOPERM No permissions to access a key", "~<prefix>*"),
            (
                "NOPERM this user has no permissions to access one of the keys used as arguments",
                "~<prefix>*",
            ),
            (
                "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
                "~<prefix>*",
            ),
            (
                "ERR The user executing the script can't run this command or subcommand",
                "lacks the permission",
            ),
            (
                "NOPERM User app has no permissions to run the 'HUNTER2' command",
                "lacks the permission",
            ),
        ] {
            let (code, advice) = code_and_advice(text.as_bytes());
            assert_eq!(code, "NOPERM", "{text}");
            assert!(advice.contains(part), "{text}: {advice}");
            assert!(!advice.contains("app") && !advice.contains("HUNTER2"), "{advice}");
        }
    }
}
