//! Sessions on the servers of an old save_path, under phpredis's lock.

use std::fmt;
use std::time::Duration;

use guarda_session::{DEFAULT_PREFIX, SavePath, SessionId, lock_token};

use super::{Destination, OldStore};
use crate::connection::Connection;
use crate::deadline::Budget;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::pool::Pool;
use crate::session::{Keys, Lock, Open, Status};

/// How long the lock lives if this process dies.
const LEASE: Duration = Duration::from_secs(10);
/// How long a late write at the old store is kept from bringing the session back there.
const TOMBSTONE_LIFE: Duration = Duration::from_mins(1);

/// Where the session is in the old store.
pub(super) struct Place {
    endpoint: Endpoint,
    keys: Keys,
}

impl Place {
    pub(super) fn of(path: &SavePath, id: &SessionId, old: &OldStore<'_>) -> Self {
        let host = path.host(id.as_bytes());
        let prefix = host.prefix.as_deref().unwrap_or(DEFAULT_PREFIX.as_bytes());
        Self {
            endpoint: Endpoint::of(host, old.connect_timeout, old.read_timeout),
            keys: Keys::new([prefix, id.as_bytes()].concat()),
        }
    }

    /// Whether the session is to be kept there: with one host more in a save_path most ids stay
    /// where they are, and their lock is held already.
    pub(super) fn is(&self, to: Destination<'_>) -> bool {
        let database = |endpoint: &Endpoint| endpoint.database.unwrap_or(0);
        self.endpoint.address == to.endpoint.address
            && database(&self.endpoint) == database(to.endpoint)
            && self.keys.session() == to.key
    }
}

/// A key with its lock.
pub(super) struct HeldKey {
    connection: Box<Connection>,
    keys: Keys,
    token: String,
    data: Vec<u8>,
}

impl fmt::Debug for HeldKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "HeldKey({} bytes)", self.data.len())
    }
}

pub(super) fn take(at: Place, pool: &mut Pool, budget: &Budget) -> Result<Option<HeldKey>, Error> {
    let mut connection = pool.take(&at.endpoint, budget)?;
    let token = lock_token(&crate::random()?);
    // Half of what is left: the other half is for storing the session where it belongs.
    let wait = budget.left().unwrap_or_default() / 2;
    let lock = Some(Lock { lease: LEASE, wait, waiters_max: None });
    let open = Open { token: &token, lock, ttl: None, must_exist: true, holder: None };
    let opened = connection.open(&at.keys, &open, &mut budget.clone())?;
    match (opened.status, opened.data) {
        (Status::Open, Some(data)) => {
            let held = HeldKey { connection, keys: at.keys, token, data };
            if held.data.is_empty() {
                held.abandon(pool, budget);
                return Ok(None);
            }
            Ok(Some(held))
        }
        (Status::Busy | Status::Full, _) => Err(Error::Adopt {
            place: at.endpoint.to_string(),
            reason: "another request holds its lock there (key + `_LOCK`); long requests should \
                     call session_write_close() early"
                .to_owned(),
        }),
        (Status::Open | Status::Missing, _) => {
            pool.put(connection);
            Ok(None)
        }
    }
}

pub(super) fn forget(at: &Place, pool: &mut Pool, budget: &Budget) -> Result<(), Error> {
    let mut connection = pool.take(&at.endpoint, budget)?;
    let nonce = lock_token(&crate::random()?);
    connection.destroy(&at.keys, "", &nonce, TOMBSTONE_LIFE, budget)?;
    pool.put(connection);
    Ok(())
}

impl HeldKey {
    pub(super) fn data(&self) -> &[u8] {
        &self.data
    }

    pub(super) fn finish(mut self, pool: &mut Pool, budget: &Budget) -> Result<(), Error> {
        let nonce = lock_token(&crate::random()?);
        self.connection.destroy(&self.keys, &self.token, &nonce, TOMBSTONE_LIFE, budget)?;
        pool.put(self.connection);
        Ok(())
    }

    pub(super) fn abandon(mut self, pool: &mut Pool, budget: &Budget) {
        // If that fails the lock ends with its lease.
        if self.connection.release(&self.keys, &self.token, budget).is_ok() {
            pool.put(self.connection);
        }
    }
}
