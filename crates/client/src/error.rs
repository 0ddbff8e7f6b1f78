//! What can go wrong, in words for a system administrator.

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
        "{endpoint} did not answer within {waited:.1?}; is it overloaded, or `read_timeout` too short?"
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
        advice: &'static str,
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
    /// The old store of `adopt` is made of files, and they cannot be used.
    #[error("cannot take over a session from the files in {dir}: {reason}")]
    Adopt {
        /// The directory.
        dir: String,
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

/// The code word of a server's error, and what it means. The rest of its text is not shown: it may
/// repeat what was sent.
pub(crate) fn code_and_advice(text: &[u8]) -> (String, &'static str) {
    // Redis lets clients without a password send short commands only, and says no more than that.
    let long = text.starts_with(b"ERR Protocol error: unauthenticated");
    let text = if long { b"NOAUTH" } else { text };
    let word: Vec<u8> = text.iter().copied().take_while(u8::is_ascii_uppercase).take(32).collect();
    let code = String::from_utf8_lossy(&word).into_owned();
    let advice = match code.as_str() {
        "NOAUTH" => "a password is needed; set `auth` or `auth_file` in session.save_path",
        "WRONGPASS" => "the user or password is wrong",
        "NOPERM" => "the user lacks the permission for a session command or key (ACL SETUSER)",
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
