//! A server without sockets or clock, for the target that runs commands.

#![forbid(unsafe_code)]

mod checks;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use guarda_commands::testing::{FakeHost, NoScripts, START};
use guarda_commands::{
    Admission, AuthState, Client, ClientCard, Log, Outcome, Records, Scripting, Worker, admit,
    execute, replay,
};
use guarda_resp::ReplyWriter;
use guarda_store::{Keyspace, SWEEP_MAX, UnixMillis, ValueRef};

pub use checks::run_checks;
use snapshot::Snapshot;

/// Longest string a command may make: the point is the commands, not the memory.
const STRING_LEN_MAX: usize = 64 * 1024;
/// Nobody else holds a lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database with its log and one client.
pub struct Bench {
    host: FakeHost,
    client: Client,
    worker: Worker,
    now: UnixMillis,
    snapshot: Option<Snapshot>,
    /// Clients that wait for locks or elements.
    parked: Vec<Client>,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new(Arc::new(NoScripts::default()))
    }
}

impl Bench {
    /// An empty server with this script engine.
    pub fn new(scripts: Arc<dyn Scripting + Send + Sync>) -> Self {
        let card = ClientCard::new(1, "127.0.0.1:1".into(), "127.0.0.1:2".into(), 9, START);
        let card = Arc::new(card);
        let host = FakeHost::new(4, scripts);
        host.settings.proto_max_bulk_len.store(STRING_LEN_MAX, Ordering::Relaxed);
        host.clients.lock().push(Arc::clone(&card));
        let client = Client::new(card, AuthState::Granted);
        let worker = Worker::default();
        Self { host, client, worker, now: START, snapshot: None, parked: Vec::new() }
    }

    /// Lets time pass, and does what a server does meanwhile: active expiry, and a step of the
    /// snapshot if there is one.
    pub fn advance(&mut self, millis: i64) {
        self.now.0 += millis;
        self.host.now_ms.store(self.now.0, Ordering::Relaxed);
        let (now, host) = (self.now, &self.host);
        host.keyspace.for_each_shard(|shard| {
            shard.sweep(now, SWEEP_MAX);
            let mut records = Records::default();
            for (db, key) in shard.take_expired() {
                records.push(db, &[b"DEL", &key]);
            }
            if !records.is_empty() {
                shard.set_last_seq(host.log.append(&records));
            }
        });
        if self.snapshot.is_some() {
            Snapshot::step(&host.keyspace);
        }
    }

    /// Begins a snapshot of this moment, once the one in progress is finished and compared.
    pub fn begin_snapshot(&mut self) {
        self.finish_snapshot();
        let everything = data(&self.host.keyspace, None);
        self.snapshot = Some(Snapshot::begin(&self.host.keyspace, everything));
    }

    /// Finishes the snapshot in progress.
    ///
    /// # Panics
    ///
    /// When it is not the state of its beginning.
    pub fn finish_snapshot(&mut self) {
        if let Some(snapshot) = self.snapshot.take() {
            snapshot.finish(&self.host.keyspace);
        }
    }

    /// Runs one command as the server would; its reply, and whether the connection goes on.
    pub fn call(&mut self, args: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        let mut goes_on = true;
        match admit(args, &mut self.client, &self.host) {
            Admission::Run(call) => {
                let (client, host) = (&mut self.client, &self.host);
                let done =
                    execute(&call, client, host, &mut self.worker, self.now, PATIENCE, &mut out);
                goes_on = matches!(done, Ok(Outcome::Reply | Outcome::Parked));
                if matches!(done, Ok(Outcome::Parked)) {
                    // It waits on, to be served by what comes; another goes on in its place.
                    let mut next = Client::new(Arc::clone(&self.client.card), AuthState::Granted);
                    (next.db, next.protocol) = (self.client.db, self.client.protocol);
                    self.parked.push(std::mem::replace(&mut self.client, next));
                    ReplyWriter::new(&mut out, self.client.protocol).simple("PARKED");
                }
            }
            Admission::Queued { .. } => {
                ReplyWriter::new(&mut out, self.client.protocol).simple("QUEUED")
            }
            Admission::Dropped => goes_on = false,
            Admission::Postponed => {
                ReplyWriter::new(&mut out, self.client.protocol).simple("POSTPONED")
            }
            Admission::Refused(error) => {
                ReplyWriter::new(&mut out, self.client.protocol).error_bytes(&error.wire());
            }
        }
        (out, goes_on)
    }

    /// What a server holds that reads this one's log.
    ///
    /// # Panics
    ///
    /// When a record cannot be replayed.
    pub fn replayed(&self) -> Data {
        let mut other = Self::default();
        for (db, args) in self.host.log.take().into_iter().flatten() {
            other.client.db = db;
            let args: Vec<&[u8]> = args.iter().map(|arg| &arg[..]).collect();
            let mut scratch = Vec::new();
            let (client, worker) = (&mut other.client, &mut other.worker);
            if let Err(why) = replay(&args, client, &other.host, worker, &mut scratch) {
                panic!("{} cannot be replayed: {why}", String::from_utf8_lossy(args[0]));
            }
        }
        data(&other.host.keyspace, Some(self.now))
    }

    /// Everything that is not due.
    pub fn data(&self) -> Data {
        data(&self.host.keyspace, Some(self.now))
    }
}

/// A comparable copy of all databases: by database and key, the expiry and the value's parts.
pub type Data = BTreeMap<(u32, Vec<u8>), (Option<i64>, Vec<Vec<u8>>)>;

/// Everything but what is due `now`.
fn data(keyspace: &Keyspace, now: Option<UnixMillis>) -> Data {
    let mut data = Data::new();
    for db in 0..keyspace.databases() {
        let mut cursor = 0;
        loop {
            let mut locked = keyspace.lock_none();
            let page = locked.scan(db, cursor, 100, |record| {
                if now.is_none_or(|now| !record.is_due(now)) {
                    let expiry = record.expiry().map(|at| at.0);
                    data.insert((db, record.key().to_vec()), (expiry, parts(record.value())));
                }
            });
            cursor = page.next_cursor;
            if cursor == 0 {
                break;
            }
        }
    }
    data
}

/// A value as a list of byte strings that is equal for equal values.
fn parts(value: ValueRef<'_>) -> Vec<Vec<u8>> {
    match value {
        ValueRef::String(bytes) => vec![bytes.to_vec()],
        ValueRef::Hash(hash) => {
            let mut fields = BTreeMap::new();
            hash.for_each(|field, value| {
                fields.insert(field.to_vec(), value.to_vec());
            });
            fields.into_iter().flat_map(|(field, value)| [field, value]).collect()
        }
        ValueRef::Set(set) => {
            let members: BTreeSet<Vec<u8>> = set.iter().map(|member| member.to_vec()).collect();
            members.into_iter().collect()
        }
        ValueRef::SortedSet(set) => set
            .iter()
            .flat_map(|(member, score)| [member.to_vec(), score.to_string().into_bytes()])
            .collect(),
        ValueRef::List(list) => list.iter().map(|element| element.to_vec()).collect(),
    }
}
