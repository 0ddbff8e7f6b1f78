//! `session.save_path`: which servers keep the sessions, and how they are reached.
//!
//! phpredis's grammar (URLs separated by blanks or commas, parameters after `?`), read as PHP's
//! `parse_url` and `parse_str` read it, and besides `redis://`, `rediss://`, user and password in the
//! URL, `/database`, `auth_file` and `adopt`.
//!
//! [`SavePath::parse`] first; show its [`notices`](SavePath::notices) once, and never the save_path
//! itself but [`SavePath::masked`], or [`mask`] for one that was refused.

mod adopt;
mod auth;
mod host;
mod mask;
mod query;
mod tls;
mod url;

use std::fmt;
use std::time::Duration;

pub use adopt::{Adopt, FilesPath};
pub use mask::mask;
pub use query::{Parameter, Value, float, integer, parse as parse_query};
pub use tls::{TlsOptions, TlsVersions};
pub use url::Url;

/// Most hosts in one save_path.
pub const HOSTS_MAX: usize = 1024;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// Host name or address, without the brackets of IPv6, and port.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// Path of a unix socket.
    Unix(String),
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(out, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(out, "{host}:{port}"),
            Self::Unix(path) => write!(out, "unix:{path}"),
        }
    }
}

/// What a connection says in AUTH. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// Nothing is said.
    None,
    /// Password of the default user or of `user`.
    Password {
        /// None: the default user.
        user: Option<Vec<u8>>,
        /// The password.
        password: Vec<u8>,
    },
    /// The first line of this file is the password.
    File {
        /// None: the default user.
        user: Option<Vec<u8>>,
        /// Path of the file.
        path: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::None => "None",
            Self::Password { .. } => "Password(..)",
            Self::File { .. } => "File(..)",
        })
    }
}

/// One server of a save_path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Where it listens.
    pub address: Address,
    /// How TLS is spoken, if the URL asks for it.
    pub tls: Option<TlsOptions>,
    /// Its share of the sessions; positive.
    pub weight: u32,
    /// `timeout`: for connecting. None: the handler's default.
    pub connect_timeout: Option<Duration>,
    /// `read_timeout`: for each answer. None or zero: the handler's default.
    pub read_timeout: Option<Duration>,
    /// `persistent`. Guarda keeps its connections either way.
    pub persistent: bool,
    /// `persistent_id`: connections of different ids are not shared.
    pub persistent_id: Vec<u8>,
    /// `retry_interval`: the pause between tries to connect again.
    pub retry_interval: Duration,
    /// `database`: what SELECT is given; None: nothing.
    pub database: Option<u32>,
    /// `prefix` of the keys. None: phpredis's default.
    pub prefix: Option<Vec<u8>>,
    /// What AUTH is given.
    pub credentials: Credentials,
}

/// A parsed save_path with at least one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavePath {
    hosts: Vec<Host>,
    adopt: Option<Adopt>,
    masked: String,
    /// What the writer of the save_path should know, without secrets.
    pub notices: Vec<String>,
}

/// What a save_path may ask for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// `sentinel://`.
    Sentinel,
    /// `seed[]=`.
    Cluster,
}

impl fmt::Display for Later {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Sentinel => "Sentinel (sentinel://) is not supported yet; name the master itself",
            Self::Cluster => "Redis Cluster (seed[]=) is not supported yet; name one server",
        })
    }
}

/// Why a save_path cannot be used. No text holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SavePathError {
    /// No URL at all.
    #[error("session.save_path is empty; it takes a URL like tcp://127.0.0.1:6379?database=0")]
    Empty,
    /// More hosts than [`HOSTS_MAX`].
    #[error("session.save_path has more than {HOSTS_MAX} hosts")]
    TooMany,
    /// A scheme that names no transport of ours.
    #[error(
        "host {number} of session.save_path has the unknown scheme `{scheme}`; there are tcp, tls, \
         tlsv1.2, tlsv1.3, unix, redis and rediss"
    )]
    Scheme {
        /// Which host, from 1.
        number: usize,
        /// What stood before `://`.
        scheme: String,
    },
    /// No host name, or a port that is none.
    #[error("host {number} of session.save_path has no usable host name and port")]
    Address {
        /// Which host, from 1.
        number: usize,
    },
    /// TLS before 1.2.
    #[error(
        "host {number} of session.save_path asks for SSL or for TLS before 1.2, which are broken; write tls://"
    )]
    OldTls {
        /// Which host, from 1.
        number: usize,
    },
    /// Something that will be understood later.
    #[error("host {number} of session.save_path: {what}")]
    NotYet {
        /// Which host, from 1.
        number: usize,
        /// What.
        what: Later,
    },
    /// php.ini cut the value off.
    #[error(
        "host {number} of session.save_path ends with `{name}` and no value: php.ini cuts an unquoted \
         value at its first `=` and ignores the rest of the file; put the value between double quotes"
    )]
    Cut {
        /// Which host, from 1.
        number: usize,
        /// The last that was left.
        name: &'static str,
    },
    /// The old store of `adopt`.
    #[error("`adopt` in session.save_path: {reason}")]
    Adopt {
        /// What is wrong with it.
        reason: String,
    },
    /// A parameter whose value makes no sense.
    #[error("host {number} of session.save_path: `{name}` must be {expected}")]
    Parameter {
        /// Which host, from 1.
        number: usize,
        /// The parameter.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
    },
}

impl SavePath {
    /// Parses a save_path.
    ///
    /// ```
    /// use guarda_session::SavePath;
    ///
    /// let path = SavePath::parse("tcp://10.0.0.1:6379?weight=2 tcp://10.0.0.2:6379").unwrap();
    /// assert_eq!(path.hosts().len(), 2);
    /// ```
    ///
    /// # Errors
    ///
    /// [`SavePathError`] if a host cannot be understood. An unknown parameter is a notice.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, SavePathError> {
        let text = text.as_ref();
        let masked = mask(text);
        let mut path = Self { hosts: Vec::new(), adopt: None, masked, notices: Vec::new() };
        for piece in text.split(|byte| is_separator(*byte)).filter(|piece| !piece.is_empty()) {
            if path.hosts.len() == HOSTS_MAX {
                return Err(SavePathError::TooMany);
            }
            let number = path.hosts.len() + 1;
            let (host, adopt) = host::parse(piece, number, &mut path.notices)?;
            path.hosts.push(host);
            if path.adopt.is_some() && adopt.is_some() && path.adopt != adopt {
                let reason = "the hosts name different old stores".to_owned();
                return Err(SavePathError::Adopt { reason });
            }
            path.adopt = path.adopt.or(adopt);
        }
        if path.hosts.is_empty() { Err(SavePathError::Empty) } else { Ok(path) }
    }

    /// The old store whose sessions are taken over, if there is one: see `guarda_client::adopt`.
    pub fn adopt(&self) -> Option<&Adopt> {
        self.adopt.as_ref()
    }

    /// As it was written, with `***` for secrets: for phpinfo and messages.
    pub fn masked(&self) -> &str {
        &self.masked
    }

    /// The hosts in the order written; at least one.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The host that keeps the session with this id, by phpredis's arithmetic: the first four bytes
    /// of the id as a little-endian number, modulo the sum of the weights, along the list from its
    /// end. Little-endian, as on every machine on which phpredis was seen; an id shorter than four
    /// bytes is filled with zeros (phpredis reads whatever lies behind it in memory).
    pub fn host(&self, id: &[u8]) -> &Host {
        let mut head = [0; 4];
        head.iter_mut().zip(id).for_each(|(to, from)| *to = *from);
        let sum: u64 = self.hosts.iter().map(|host| u64::from(host.weight)).sum();
        let mut left = u64::from(u32::from_le_bytes(head)) % sum.max(1);
        for host in self.hosts.iter().rev() {
            match left.checked_sub(u64::from(host.weight)) {
                Some(rest) => left = rest,
                None => return host,
            }
        }
        &self.hosts[0]
    }
}

/// What stands between two URLs: commas, and what C calls white space.
fn is_separator(byte: u8) -> bool {
    byte == b',' || byte.is_ascii_whitespace() || byte == 0x0b
}

#[cfg(test)]
mod tests;
