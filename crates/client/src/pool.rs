//! Idle connections, kept between requests.

use std::fmt;
use std::time::Duration;

use guarda_session::save_path::{Address, Credentials, Host};

use crate::connection::Connection;
use crate::deadline::Budget;
use crate::error::Error;

/// Most idle connections of one process; the oldest goes first.
const IDLE_MAX: usize = 32;

/// Everything in which connections differ: two sites share one only if all of this is equal.
///
/// `Display` shows the address alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where the server listens.
    pub address: Address,
    /// Whether TLS is asked for.
    pub tls: bool,
    /// What AUTH is given.
    pub credentials: Credentials,
    /// What SELECT is given.
    pub database: Option<u32>,
    /// `persistent_id` of the save_path.
    pub persistent_id: Vec<u8>,
    /// For connecting; None: what the budget leaves.
    pub connect_timeout: Option<Duration>,
    /// For each answer; None: what the budget leaves.
    pub read_timeout: Option<Duration>,
}

impl Endpoint {
    /// The endpoint of a host, with timeouts for where it sets none.
    pub fn of(host: &Host, connect: Option<Duration>, read: Option<Duration>) -> Self {
        Self {
            address: host.address.clone(),
            tls: host.tls,
            credentials: host.credentials.clone(),
            database: host.database,
            persistent_id: host.persistent_id.clone(),
            connect_timeout: host.connect_timeout.or(connect),
            read_timeout: host.read_timeout.filter(|limit| !limit.is_zero()).or(read),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(out)
    }
}

/// The idle connections of one process, or of one of its threads.
#[derive(Debug, Default)]
pub struct Pool {
    idle: Vec<Connection>,
}

impl Pool {
    /// An empty pool.
    pub const fn new() -> Self {
        Self { idle: Vec::new() }
    }

    /// An idle connection that is as good as new, or a new one.
    ///
    /// # Errors
    ///
    /// [`Error`] if a new one was needed and failed.
    pub fn take(&mut self, endpoint: &Endpoint, budget: &Budget) -> Result<Connection, Error> {
        while let Some(at) = self.idle.iter().rposition(|idle| idle.endpoint == *endpoint) {
            let mut connection = self.idle.remove(at);
            if connection.is_clean() {
                connection.reused = true;
                return Ok(connection);
            }
        }
        Connection::connect(endpoint, budget)
    }

    /// Keeps a connection for the next request, unless it is broken or of another process, which is
    /// closed: without a word to the server, since after a fork the parent still uses it.
    pub fn put(&mut self, connection: Connection) {
        if connection.is_broken() || connection.pid != std::process::id() {
            return;
        }
        if self.idle.len() == IDLE_MAX {
            self.idle.remove(0);
        }
        self.idle.push(connection);
    }

    /// Number of idle connections.
    pub fn len(&self) -> usize {
        self.idle.len()
    }

    /// Whether there is no idle connection.
    pub fn is_empty(&self) -> bool {
        self.idle.is_empty()
    }
}
