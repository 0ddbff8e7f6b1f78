//! `session.save_path`: which servers keep the sessions, and how they are reached.
//!
//! phpredis's grammar (URLs separated by blanks or commas, parameters after `?`), and besides
//! `redis://`, user and password in the URL, `/database` and `auth_file`.

mod host;
mod query;

use std::fmt;
use std::time::Duration;

pub use host::parse_host;

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
    /// Whether the URL asks for TLS.
    pub tls: bool,
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
    /// `retry_interval`.
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
    /// What the writer of the save_path should know, without secrets.
    pub notices: Vec<String>,
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
        "host {number} of session.save_path has the unknown scheme `{scheme}`; there are tcp, unix, redis"
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
    pub fn parse(text: &str) -> Result<Self, SavePathError> {
        let mut path = Self { hosts: Vec::new(), notices: Vec::new() };
        let blank = |c: char| c == ',' || c.is_ascii_whitespace() || c == '\x0b';
        for url in text.split(blank).filter(|url| !url.is_empty()) {
            if path.hosts.len() == HOSTS_MAX {
                return Err(SavePathError::TooMany);
            }
            let number = path.hosts.len() + 1;
            path.hosts.push(parse_host(url, number, &mut path.notices)?);
        }
        if path.hosts.is_empty() { Err(SavePathError::Empty) } else { Ok(path) }
    }

    /// The hosts in the order written; at least one.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The host that keeps the session with this id, by phpredis's arithmetic: the first four bytes
    /// of the id as a little-endian number, modulo the sum of the weights, along the list from its
    /// end. Little-endian, as on every machine on which phpredis was seen; an id shorter than four
    /// bytes is filled with zeros.
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

#[cfg(test)]
mod tests;
