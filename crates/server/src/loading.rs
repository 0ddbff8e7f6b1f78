//! Filling the keyspace from files at start.

use std::sync::Arc;

use guarda_commands::{AuthState, Client, ClientCard, Worker, from_rdb_value, replay};
use guarda_journal::aof::{ApplyError, LoadEvent, LoadSink};
use guarda_journal::rdb::RdbValue;
use guarda_store::{HashedKey, UnixMillis};

use crate::state::Server;

/// Applies what files hold to a server that serves nobody yet.
pub(crate) struct Loader<'s> {
    server: &'s Server,
    client: Client,
    worker: Worker,
    scratch: Vec<u8>,
    /// Keys of a snapshot that are due at this time are left out; `None` keeps them, as the base
    /// of a log requires.
    pub(crate) drop_due_at: Option<UnixMillis>,
    told_percent: u64,
}

impl<'s> Loader<'s> {
    pub(crate) fn new(server: &'s Server) -> Loader<'s> {
        let nobody = ClientCard::new(0, String::new(), String::new(), -1, UnixMillis(0));
        Loader {
            server,
            client: Client::new(Arc::new(nobody), AuthState::Granted),
            worker: Worker::default(),
            scratch: Vec::new(),
            drop_due_at: None,
            told_percent: 0,
        }
    }

    fn insert(&self, db: u32, key: &[u8], value: RdbValue, expiry: Option<UnixMillis>) {
        let now = self.server.clock.now();
        let settings = &self.server.settings;
        let hashed = HashedKey::new(key);
        self.server.keyspace.with_shard(hashed.shard(), |shard| match value {
            RdbValue::String(bytes) => shard.set_string(db, hashed, &bytes, expiry, now),
            other => shard.set_value(db, hashed, from_rdb_value(other, settings), expiry, now),
        });
    }
}

impl LoadSink for Loader<'_> {
    fn apply(&mut self, event: LoadEvent<'_>) -> Result<(), ApplyError> {
        match event {
            LoadEvent::Entry { db, entry } => {
                let expiry = entry.expiry_ms.map(UnixMillis);
                let due = matches!((expiry, self.drop_due_at), (Some(at), Some(now)) if at <= now);
                check_db(db, self.server)?;
                if !due {
                    self.insert(db, &entry.key, entry.value, expiry);
                }
                Ok(())
            }
            LoadEvent::Sizes { .. } => Ok(()),
            LoadEvent::FunctionLibrary(_) => Err("the file holds Redis functions, which this \
                server does not have yet; `FUNCTION FLUSH` on the old server, save again"
                .into()),
            LoadEvent::Command { db, args } => {
                check_db(db, self.server)?;
                let slices: Vec<&[u8]> = args.iter().map(|arg| &arg[..]).collect();
                self.client.db = db;
                let done = replay(
                    &slices,
                    &mut self.client,
                    self.server,
                    &mut self.worker,
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
