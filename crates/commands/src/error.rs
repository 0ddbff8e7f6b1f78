//! Wire texts of errors. The first word is API; the rest is what Redis says, letter for letter.

use std::borrow::Cow;

/// Why a command was not carried out. `Display` is the text on the wire, without the `-`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant is its wire text")]
pub enum CommandError {
    #[error("ERR syntax error")]
    Syntax,
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    #[error("ERR value is not a valid float")]
    NotFloat,
    #[error("ERR value is out of range, must be positive")]
    NotPositive,
    #[error("ERR value is out of range")]
    OutOfRange,
    #[error("ERR index out of range")]
    IndexOutOfRange,
    #[error("ERR no such key")]
    NoSuchKey,
    #[error("ERR invalid cursor")]
    InvalidCursor,
    #[error("ERR wrong number of arguments for '{0}' command")]
    WrongArity(Cow<'static, str>),
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpire(&'static str),
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    StringTooLong,
    #[error("ERR DB index is out of range")]
    DbOutOfRange,
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    #[error("WRONGPASS invalid username-password pair or user is disabled.")]
    WrongPassword,
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    #[error(
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
    )]
    BusyScript,
    #[error("NOSCRIPT No matching script. Please use EVAL.")]
    NoScript,
    #[error("EXECABORT Transaction discarded because of previous errors.")]
    ExecAbort,
    #[error("ERR unknown subcommand or wrong number of arguments.")]
    UnknownSubcommandOfContainer,
    #[error("NOPROTO unsupported protocol version")]
    NoProto,
    /// Any other text, whole.
    #[error("{0}")]
    Text(Cow<'static, str>),
    /// A text that quotes what the client sent, byte for byte; see [`CommandError::quoting`].
    #[error("{}", String::from_utf8_lossy(.0))]
    Quoting(Vec<u8>),
}

impl CommandError {
    /// An error with a fixed text.
    pub const fn text(text: &'static str) -> CommandError {
        CommandError::Text(Cow::Borrowed(text))
    }

    /// An error whose text quotes bytes of the client. Each part ends at its first NUL, as it does
    /// in Redis.
    pub fn quoting(parts: &[&[u8]]) -> CommandError {
        CommandError::Quoting(parts.iter().flat_map(|part| until_nul(part)).copied().collect())
    }

    /// The bytes on the wire, without the `-`: what `Display` says, except that quoted bytes which
    /// are no UTF-8 stay as they are.
    pub fn wire(&self) -> Cow<'_, [u8]> {
        match self {
            CommandError::Quoting(bytes) => Cow::Borrowed(bytes),
            CommandError::Text(text) => Cow::Borrowed(text.as_bytes()),
            other => Cow::Owned(other.to_string().into_bytes()),
        }
    }

    /// An error with a text made at run time.
    pub fn owned(text: String) -> CommandError {
        CommandError::Text(Cow::Owned(text))
    }
}

/// The bytes before the first NUL.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}
