//! The old store of `adopt=`: a session is taken over at its first use, under its lock there, so that
//! changing the store logs nobody out. docs/decisions/ has the reasons, crash by crash.
//!
//! What a save handler does, with `adopt` from [`SavePath::adopt`](guarda_session::SavePath::adopt):
//!
//! ```text
//! OPEN at the new store, without MUSTEXIST -> no data; a tombstone's nonce: stop, it was destroyed
//! OldStore::take                           -> None: there is no such session
//! COMMIT Taken::data at the new store      -> anything but Stored: Taken::abandon
//! Taken::finish                            -> gone from the old store, its lock released
//! OPEN again                               -> the data, and the lock that COMMIT released
//! ```
//!
//! - After `take` has answered None the first OPEN holds if it took a lock. Without one OPEN must be
//!   asked again: another request may have taken the session over in between.
//! - An error of `take` fails the read: an empty session in its place would log the user out.
//! - An error of `finish` is for the log alone: the session has been taken over.
//! - DESTROY at the new store is followed by [`OldStore::forget`]: a crash between COMMIT and `finish`
//!   leaves the old copy, which must not become a session again after a logout.
//! - The data is as it was stored, it may be compressed: read it by
//!   [`payload::unpack`](guarda_session::payload::unpack) like any other.

mod files;
mod servers;

use std::time::Duration;

use guarda_session::SessionId;
use guarda_session::save_path::Adopt;

use self::files::HeldFile;
use self::servers::HeldKey;
use crate::deadline::Budget;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::pool::Pool;

/// The store where sessions were kept before.
#[derive(Debug, Clone, Copy)]
pub struct OldStore<'a> {
    /// Where it is.
    pub adopt: &'a Adopt,
    /// For connecting to old servers, where their save_path sets none.
    pub connect_timeout: Option<Duration>,
    /// For each of their answers, where their save_path sets none.
    pub read_timeout: Option<Duration>,
}

/// Where the session is going to be kept.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The new server.
    pub endpoint: &'a Endpoint,
    /// The session's key there.
    pub key: &'a [u8],
}

/// A session of the old store, locked there. `Debug` shows no data.
///
/// Dropped, it stays in the old store: a file is unlocked at once, a key when its lease ends.
#[must_use = "finish or abandon it"]
#[derive(Debug)]
pub struct Taken {
    held: Held,
}

#[derive(Debug)]
enum Held {
    File(HeldFile),
    Key(Box<HeldKey>),
}

impl OldStore<'_> {
    /// Locks the session and reads it; None if there is no such session, if it is empty or, of a
    /// file, older than `ttl` (`session.gc_maxlifetime`), or if the old place is the new one.
    ///
    /// Waits for the old lock, but never longer than the budget allows.
    ///
    /// # Errors
    ///
    /// [`Error::Adopt`], or what happened to the connection to an old server.
    pub fn take(
        &self,
        id: &SessionId,
        ttl: Duration,
        to: Destination<'_>,
        pool: &mut Pool,
        budget: &Budget,
    ) -> Result<Option<Taken>, Error> {
        let held = match self.adopt {
            Adopt::Files(files) => files::take(files, id, Some(ttl), budget)?.map(Held::File),
            Adopt::Servers(path) => {
                let at = servers::Place::of(path, id, self);
                if at.is(to) {
                    return Ok(None);
                }
                servers::take(at, pool, budget)?.map(|held| Held::Key(Box::new(held)))
            }
        };
        Ok(held.map(|held| Taken { held }))
    }

    /// Removes what the old store may still have of a session that was destroyed.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take); the old copy may then still be there.
    pub fn forget(
        &self,
        id: &SessionId,
        to: Destination<'_>,
        pool: &mut Pool,
        budget: &Budget,
    ) -> Result<(), Error> {
        match self.adopt {
            Adopt::Files(files) => match files::take(files, id, None, budget)? {
                Some(held) => held.finish(),
                None => Ok(()),
            },
            Adopt::Servers(path) => {
                let at = servers::Place::of(path, id, self);
                if at.is(to) { Ok(()) } else { servers::forget(&at, pool, budget) }
            }
        }
    }
}

impl Taken {
    /// The stored bytes.
    pub fn data(&self) -> &[u8] {
        match &self.held {
            Held::File(held) => held.data(),
            Held::Key(held) => held.data(),
        }
    }

    /// Deletes it from the old store and releases its lock: the new store has it.
    ///
    /// # Errors
    ///
    /// Why a copy may be left.
    pub fn finish(self, pool: &mut Pool, budget: &Budget) -> Result<(), Error> {
        match self.held {
            Held::File(held) => held.finish(),
            Held::Key(held) => held.finish(pool, budget),
        }
    }

    /// Leaves it in the old store and releases its lock.
    pub fn abandon(self, pool: &mut Pool, budget: &Budget) {
        match self.held {
            // Closing the file unlocks it.
            Held::File(held) => drop(held),
            Held::Key(held) => held.abandon(pool, budget),
        }
    }
}
