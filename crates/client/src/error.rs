//! What can go wrong, in words for a system administrator.

use std::io;
use std::time::Duration;

/// Why an operation failed. No text holds a password, a session id or data of a session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection.
    #[error("cannot connect to {endpoint}: {source}")]
    Connect {
        /// Where to.
        endpoint: String,
        /// Why not.
        source: io::Error,
    },
    /// The connection broke or fell silent.
    #[error("lost the connection to {endpoint}: {source}")]
    Lost {
        /// Where to.
        endpoint: String,
        /// How.
        source: io::Error,
    },
    /// No answer in time.
    #[error("{endpoint} did not answer within {waited:?}")]
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
    #[error("{endpoint} refuses the user or password: {code}")]
    Credentials {
        /// Who.
        endpoint: String,
        /// First word of the server's answer.
        code: String,
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
    #[error("{endpoint} has no database {database}, or it may not be used: {code}")]
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
    #[error("{endpoint} sent something that is not an answer to what was asked")]
    Protocol {
        /// Who.
        endpoint: String,
    },
    /// TLS is not there yet.
    #[error("{endpoint}: TLS is not supported yet; use tcp:// or unix://, or a TLS tunnel")]
    Tls {
        /// Who.
        endpoint: String,
    },
    /// No random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
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
        "NOPERM" => "the user lacks the permission for a session command or key (ACL)",
        "READONLY" => "this is a replica; session.save_path must name the master",
        "OOM" => "the server is out of memory (maxmemory)",
        "LOADING" => "the server is still loading its data",
        "MISCONF" => "the server refuses writes, since it cannot save to disk",
        "WRONGTYPE" => "the key is there and is no session",
        "CLUSTERDOWN" | "MOVED" | "ASK" | "CROSSSLOT" => "a cluster is not supported",
        "BUSY" => "a script is running on the server",
        _ => "the command was refused; the server may be older than Redis 6.2",
    };
    (if code.is_empty() { "an error".to_owned() } else { code }, advice)
}
