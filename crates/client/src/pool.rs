//! Idle connections, kept between requests.

use std::time::{Duration, Instant};

use guarda_session::save_path::Address;

use crate::connection::Connection;
use crate::deadline::{Budget, now};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::process::process_id;

/// Most idle connections of one process; the oldest goes first.
pub const IDLE_MAX: usize = 32;
/// Longest time without a request, after which whatever is on the way may have forgotten it.
const IDLE_TIME_MAX: Duration = Duration::from_mins(5);
/// Longest life of a connection, so that a changed address, password or certificate is seen.
const AGE_MAX: Duration = Duration::from_hours(1);
/// How long it is remembered that a server has `SESSION` commands or not.
const MEMORY: Duration = Duration::from_mins(10);
/// Servers that are remembered.
const MEMORY_MAX: usize = 64;

/// The idle connections of one process, or of one of its threads.
///
/// [`take`](Self::take) one for a request and [`put`](Self::put) it back. Connections are shared
/// only where everything in the [`Endpoint`] is equal, so never between sites that differ in
/// anything that the server could see.
#[derive(Debug, Default)]
pub struct Pool {
    idle: Vec<Idle>,
    known: Vec<Known>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// Saves a new connection the round trip that finds out.
#[derive(Debug)]
struct Known {
    address: Address,
    has_session_commands: bool,
    since: Instant,
}

fn is_over(since: Instant, limit: Duration) -> bool {
    now().saturating_duration_since(since) > limit
}

impl Pool {
    /// An empty pool.
    pub const fn new() -> Self {
        Self { idle: Vec::new(), known: Vec::new() }
    }

    /// An idle connection that is as good as new, or a new one.
    ///
    /// # Errors
    ///
    /// [`Error`] if a new one was needed and failed.
    pub fn take(&mut self, endpoint: &Endpoint, budget: &Budget) -> Result<Connection, Error> {
        let mut closed = false;
        while let Some(at) = self.idle.iter().rposition(|i| i.connection.endpoint == *endpoint) {
            let Idle { mut connection, since } = self.idle.remove(at);
            let old = is_over(since, IDLE_TIME_MAX) || is_over(connection.made, AGE_MAX);
            if !old && connection.is_clean() {
                connection.reused = true;
                return Ok(connection);
            }
            closed |= !old;
        }
        let mut connection = if closed {
            Connection::connect_again(endpoint, budget)?
        } else {
            Connection::connect(endpoint, budget)?
        };
        self.known.retain(|known| !is_over(known.since, MEMORY));
        let known = self.known.iter().find(|known| known.address == endpoint.address);
        connection.has_session_commands = known.map(|known| known.has_session_commands);
        Ok(connection)
    }

    /// Keeps a connection for the next request, unless it is broken or of another process, which is
    /// closed: without a word to the server, since after a fork the parent still uses it.
    pub fn put(&mut self, connection: Connection) {
        if connection.is_broken() || connection.pid != process_id() {
            return;
        }
        if let Some(has_session_commands) = connection.has_session_commands {
            let address = &connection.endpoint.address;
            if !self.known.iter().any(|known| known.address == *address) {
                if self.known.len() == MEMORY_MAX {
                    self.known.remove(0);
                }
                let address = address.clone();
                self.known.push(Known { address, has_session_commands, since: now() });
            }
        }
        if self.idle.len() == IDLE_MAX {
            self.idle.remove(0);
        }
        self.idle.push(Idle { connection, since: now() });
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
