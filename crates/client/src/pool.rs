//! Idle connections, kept between requests.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use guarda_session::save_path::{Address, Host};

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
    /// Boxed: it is large, and goes through many hands.
    connection: Box<Connection>,
    since: Instant,
}

/// Saves a new connection the round trip that finds out.
#[derive(Debug)]
struct Known {
    address: Address,
    has_session_commands: bool,
    since: Instant,
}

fn is_over(since: Instant, limit: Duration, time: Instant) -> bool {
    time.saturating_duration_since(since) > limit
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
    pub fn take(&mut self, endpoint: &Endpoint, budget: &Budget) -> Result<Box<Connection>, Error> {
        self.take_where(|idle| idle == endpoint, || Cow::Borrowed(endpoint), budget)
    }

    /// [`take`](Self::take) for the endpoint of a host, with timeouts for where it sets none: where
    /// one is idle, nothing is copied.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    pub fn take_for(
        &mut self,
        host: &Host,
        connect: Option<Duration>,
        read: Option<Duration>,
        budget: &Budget,
    ) -> Result<Box<Connection>, Error> {
        let endpoint = || Cow::Owned(Endpoint::of(host, connect, read));
        self.take_where(|idle| idle.is_of(host, connect, read), endpoint, budget)
    }

    fn take_where<'a>(
        &mut self,
        leads_there: impl Fn(&Endpoint) -> bool,
        endpoint: impl FnOnce() -> Cow<'a, Endpoint>,
        budget: &Budget,
    ) -> Result<Box<Connection>, Error> {
        let mut closed = false;
        while let Some(at) = self.idle.iter().rposition(|i| leads_there(&i.connection.endpoint)) {
            let Idle { mut connection, since } = self.idle.remove(at);
            let time = now();
            let old =
                is_over(since, IDLE_TIME_MAX, time) || is_over(connection.made, AGE_MAX, time);
            if !old && connection.is_clean() {
                connection.reused = true;
                return Ok(connection);
            }
            closed |= !old;
        }
        let endpoint = endpoint();
        let mut connection = Box::new(if closed {
            Connection::connect_again(&endpoint, budget)?
        } else {
            Connection::connect(&endpoint, budget)?
        });
        let time = now();
        self.known.retain(|known| !is_over(known.since, MEMORY, time));
        let known = self.known.iter().find(|known| known.address == endpoint.address);
        connection.has_session_commands = known.map(|known| known.has_session_commands);
        Ok(connection)
    }

    /// Keeps a connection for the next request, unless it is broken or of another process, which is
    /// closed: without a word to the server, since after a fork the parent still uses it.
    pub fn put(&mut self, connection: Box<Connection>) {
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
