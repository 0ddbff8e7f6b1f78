//! Whether a server that says nothing hangs, or lets its client wait for a lock, as it was asked to.

use std::io;
use std::time::Duration;

use crate::connection::Connection;
use crate::deadline::Budget;
use crate::endpoint::Endpoint;
use crate::error::Error;

/// Asks on a connection of its own, which takes no longer than `limit`. Only silence is a sign: a server that
/// refuses the connection, or what was asked, is there.
pub(crate) fn hangs(endpoint: &Endpoint, limit: Duration) -> bool {
    let budget = Budget::start(limit);
    let asked = Connection::connect(endpoint, &budget)
        .and_then(|mut connection| connection.ask_at_once(&[b"PING"], Duration::ZERO, &budget));
    match asked {
        Err(Error::Timeout { .. }) => true,
        Err(Error::Connect { source, .. }) => {
            matches!(source.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
        }
        _ => false,
    }
}
