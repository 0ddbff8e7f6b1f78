//! Filling the keyspace from files: at start, and for DEBUG.

use std::sync::Arc;
use std::time::Duration;

use guarda_commands::{AuthState, Client, ClientCard, Worker, from_rdb_value, replay_in};
use guarda_journal::aof::{ApplyError, LoadEvent, LoadSink};
use guarda_journal::rdb::{RdbEntry, RdbValue};
use guarda_store::{HashedKey, Locked, UnixMillis};

use crate::state::Server;

/// Applies what files hold to a server, all of whose shards are held: nobody is served meanwhile.
pub(crate) struct Loader<'s, 'k> {
    server: &'s Server,
    locked: &'s mut Locked<'k>,
    client: Client,
    worker: Worker,
    scratch: Vec<u8>,
    /// Keys of a snapshot that are due at this time are left out; `None` keeps them, as the base
    /// of a log requires.
    pub(crate) drop_due_at: Option<UnixMillis>,
    /// A key that is there already ends the loading.
    pub(crate) refuses_known: bool,
    delay: Duration,
    told_percent: u64,
    /// Keys of snapshots that were taken over.
    pub(crate) loaded: u64,
    /// Keys of snapshots that were left out.
    pub(crate) expired: u64,
}

impl<'s, 'k> Loader<'s, 'k> {
    pub(crate) fn new(server: &'s Server, locked: &'s mut Locked<'k>) -> Loader<'s, 'k> {
        let nobody = ClientCard::new(0, String::new(), String::new(), -1, UnixMillis(0));
        Loader {
            server,
            locked,
            client: Client::new(Arc::new(nobody), AuthState::Granted),
            worker: Worker::default(),
            scratch: Vec::new(),
            drop_due_at: None,
            refuses_known: false,
            delay: server.config.lock().key_load_delay,
            told_percent: 0,
            loaded: 0,
            expired: 0,
        }
    }

    fn insert(&mut self, db: u32, entry: RdbEntry) -> Result<(), ApplyError> {
        let now = self.server.clock.now();
        let settings = &self.server.settings;
        let expiry = entry.expiry_ms.map(UnixMillis);
        let hashed = HashedKey::new(&entry.key);
        let shard = self.locked.shard(hashed);
        if self.refuses_known && shard.peek(db, hashed).is_some() {
            return Err("a key of the file is there already".into());
        }
        match entry.value {
            RdbValue::String(bytes) => shard.set_string(db, hashed, &bytes, expiry, now),
            other => shard.set_value(db, hashed, from_rdb_value(other, settings), expiry, now),
        }
        if let Some(idle) = entry.idle_s {
            shard.set_idle(db, hashed, u32::try_from(idle).unwrap_or(u32::MAX), now);
        }
        if let Some(frequency) = entry.frequency {
            shard.set_frequency(db, hashed, frequency);
        }
        Ok(())
    }
}

impl Drop for Loader<'_, '_> {
    /// INFO tells of the last one.
    fn drop(&mut self) {
        self.server.persistence.progress.lock().loaded = (self.loaded, self.expired);
    }
}

impl LoadSink for Loader<'_, '_> {
    fn apply(&mut self, event: LoadEvent<'_>) -> Result<(), ApplyError> {
        match event {
            LoadEvent::Entry { db, entry } => {
                let expiry = entry.expiry_ms.map(UnixMillis);
                let due = matches!((expiry, self.drop_due_at), (Some(at), Some(now)) if at <= now);
                check_db(db, self.server)?;
                if self.delay > Duration::ZERO {
                    std::thread::sleep(self.delay);
                }
                if due {
                    self.expired += 1;
                    return Ok(());
                }
                self.loaded += 1;
                self.insert(db, entry)
            }
            LoadEvent::Sizes { .. } => Ok(()),
            LoadEvent::FunctionLibrary(_) => Err("the file holds Redis functions, which this \
                server does not have yet; `FUNCTION FLUSH` on the old server, save again"
                .into()),
            LoadEvent::Command { db, args } => {
                check_db(db, self.server)?;
                let slices: Vec<&[u8]> = args.iter().map(|arg| &arg[..]).collect();
                self.client.db = db;
                let done = replay_in(
                    &slices,
                    &mut self.client,
                    self.server,
                    &mut self.worker,
                    self.locked,
                    &mut self.scratch,
                );
                done.map_err(|why| {
                    let name = String::from_utf8_lossy(&args[0]).into_owned();
                    format!("the command `{name}` could not be replayed: {why}").into()
                })
            }
        }
    }

    fn progress(&mut self, done: u64, total: u64) {
        let percent = done * 100 / total.max(1);
        if percent >= self.told_percent + 10 {
            self.told_percent = percent;
            tracing::info!("loading: {percent} % of {} MiB", total >> 20);
        }
    }
}

fn check_db(db: u32, server: &Server) -> Result<(), ApplyError> {
    let databases = server.keyspace.databases();
    if db < databases {
        return Ok(());
    }
    Err(format!(
        "the file uses database {db}; set `databases` to at least {} (now {databases})",
        db + 1
    )
    .into())
}
