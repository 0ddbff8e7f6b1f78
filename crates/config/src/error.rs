//! What can be wrong with a configuration, for the operator and for the client of `CONFIG SET`.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::kind::BadValue;
use crate::line::Origin;

/// The longest part of a name that an error repeats.
const NAME_SHOWN_LEN_MAX: usize = 128;

/// Why the server cannot start with this configuration. The text names the place and the remedy,
/// and never repeats a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{}cannot read `{}`: {source}", prefix(.origin.as_ref()), .path.display())]
    Unreadable {
        /// The `include` that named it, if it was one.
        origin: Option<Origin>,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is longer than any configuration.
    #[error(
        "`{}` is longer than {} bytes; is it a configuration file?",
        .path.display(),
        crate::FILE_LEN_MAX
    )]
    FileTooLong {
        /// The file, or `standard input`.
        path: PathBuf,
    },
    /// Files include one another too deeply.
    #[error("{origin}: `include` goes deeper than {} files", crate::INCLUDE_DEPTH_MAX)]
    IncludeTooDeep {
        /// The `include`.
        origin: Origin,
    },
    /// A file includes itself, perhaps through others.
    #[error(
        "{origin}: `{}` is being read already and would include itself for ever",
        .path.display()
    )]
    IncludeCycle {
        /// The `include`.
        origin: Origin,
        /// The file it names.
        path: PathBuf,
    },
    /// Too many files in all.
    #[error("{origin}: more than {} files are included", crate::FILES_MAX)]
    TooManyFiles {
        /// The `include`.
        origin: Origin,
    },
    /// Quotes do not pair up.
    #[error("{origin}: the quotes do not pair up; a closing quote ends its word")]
    UnbalancedQuotes {
        /// The line.
        origin: Origin,
    },
    /// No directive has this name.
    #[error("{origin}: unknown directive `{name}`{}", did_you_mean(*nearest))]
    Unknown {
        /// The line.
        origin: Origin,
        /// The beginning of what was written, as far as it looks like a name.
        name: String,
        /// The name that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A value is not what the directive takes.
    #[error("{origin}: `{name}` takes {expected}, got {got}{}", hint_text(hint))]
    BadValue {
        /// The line.
        origin: Origin,
        /// The directive, as written.
        name: String,
        /// What it takes.
        expected: String,
        /// What it got, in backquotes; of a secret only how many words.
        got: String,
        /// More advice, or nothing.
        hint: &'static str,
    },
    /// A directive asks for what Guarda does not have, and ignoring it would break a promise.
    #[error("{origin}: `{name}` is not supported yet: {why}; remove the line")]
    NotSupported {
        /// The line.
        origin: Origin,
        /// The directive.
        name: &'static str,
        /// Why.
        why: &'static str,
    },
}

fn prefix(origin: Option<&Origin>) -> String {
    origin.map(|origin| format!("{origin}: ")).unwrap_or_default()
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn hint_text(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("; {hint}") }
}

/// The part of a mistyped line that looks like a name. A value that was glued to it, as in
/// `requirepass=secret`, is cut off.
pub(crate) fn shown_name(name: &[u8]) -> String {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let end = name.iter().position(|byte| !is_name(byte)).unwrap_or(name.len());
    if end == 0 {
        return "?".into();
    }
    String::from_utf8_lossy(&name[..end.min(NAME_SHOWN_LEN_MAX)]).into_owned()
}

/// Something the operator should know although the server starts: for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// Where the directive was written; nothing when `CONFIG SET` gave it.
    pub origin: Option<Origin>,
    /// The directive.
    pub name: &'static str,
    /// What to know about it.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}`{}`: {}", prefix(self.origin.as_ref()), self.name, self.text)
    }
}

/// Why `CONFIG SET` changed nothing. `Display` gives the exact error reply of Redis 7.0, one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigSetError {
    /// No directive has this name.
    #[error("ERR Unknown option or number of arguments for CONFIG SET - '{argument}'")]
    Unknown {
        /// The name, as sent.
        argument: String,
    },
    /// A directive cannot have this value, or not now.
    #[error("ERR CONFIG SET failed (possibly related to argument '{argument}') - {reason}")]
    Failed {
        /// The name, as sent.
        argument: String,
        /// Why.
        reason: String,
    },
}

impl ConfigSetError {
    /// The error of a server that could not put an accepted value into effect.
    pub fn failed(argument: impl AsRef<[u8]>, reason: impl fmt::Display) -> Self {
        Self::Failed { argument: one_line(argument.as_ref()), reason: reason.to_string() }
    }

    pub(crate) fn unknown(argument: &[u8]) -> Self {
        Self::Unknown { argument: one_line(argument) }
    }

    pub(crate) fn bad_value(argument: &[u8], name: &str, reason: &BadValue) -> Self {
        match reason {
            // Redis names the directive once more.
            BadValue::Path => Self::failed(argument, format!("{name} {reason}")),
            _ => Self::failed(argument, reason),
        }
    }
}

/// A client's text inside an error reply: no line end may leave the reply, and it is cut to a sane
/// length.
fn one_line(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(NAME_SHOWN_LEN_MAX)])
        .replace(['\r', '\n', '\0'], " ")
}
