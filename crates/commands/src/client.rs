//! What the server knows of one connected client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use guarda_resp::Protocol;
use guarda_store::{HashedKey, Keyspace, UnixMillis};
use parking_lot::Mutex;

use crate::acl::{User, Users};
use crate::error::CommandError;
use crate::pubsub::Subscriptions;
use crate::sessions::SessionLock;
use crate::spec::CommandSpec;
use crate::waits::Ticket;
use crate::watched::Watched;

/// Whether the client may run commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthState {
    /// A password is required and was not given.
    Required,
    /// Authenticated, or no password is required.
    Granted,
}

/// What Redis keeps of a client's replies in a fixed buffer.
const REPLY_BUFFER_LEN: usize = 16 << 10;

/// The rest is kept in a list of blocks, which are as long as the allocator makes them.
pub(crate) const REPLY_BLOCK_LEN: usize = 20 << 10;

/// Bytes of the blocks that Redis would keep so many unsent bytes in: CLIENT LIST tells them as `omem`, and
/// `client-output-buffer-limit` counts them, and nothing else.
pub fn listed_output(unsent: usize) -> usize {
    unsent.saturating_sub(REPLY_BUFFER_LEN).div_ceil(REPLY_BLOCK_LEN) * REPLY_BLOCK_LEN
}

/// What of so many unsent bytes would be in the fixed buffer (`obl`).
pub(crate) fn buffered_output(unsent: usize) -> usize {
    unsent.min(REPLY_BUFFER_LEN)
}

/// `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    /// Replies are sent.
    On,
    /// No replies until ON.
    Off,
    /// The next command's reply is not sent: set by SKIP.
    SkipNext,
    /// This command's reply is not sent: the one after SKIP.
    SkipThis,
}

/// A command queued by MULTI.
pub struct QueuedCall {
    /// Its row.
    pub spec: &'static CommandSpec,
    /// Its arguments, names included.
    pub args: Vec<Vec<u8>>,
}

/// An open MULTI.
#[derive(Default)]
pub struct Transaction {
    /// Commands to run at EXEC.
    pub queued: Vec<QueuedCall>,
    /// A command was refused while queueing: EXEC will answer EXECABORT.
    pub refused: bool,
}

/// One client's state; owned by the thread that serves the connection.
pub struct Client {
    /// Selected database.
    pub db: u32,
    /// Protocol of the replies.
    pub protocol: Protocol,
    /// Whether commands are admitted.
    pub auth: AuthState,
    /// Whose permissions count; nobody's for the server's own clients, which may do everything.
    pub user: Option<Arc<User>>,
    /// Set when the client gave a password: whether it was right. Whoever runs commands takes it.
    pub login: Option<bool>,
    /// Open transaction.
    pub transaction: Option<Transaction>,
    /// Watched keys.
    pub watched: Watched,
    /// Set by shards when a watched key changes.
    pub watch_dirty: Arc<AtomicBool>,
    /// `CLIENT REPLY`.
    pub reply_mode: ReplyMode,
    /// What others may see of this client.
    pub card: Arc<ClientCard>,
    /// Memory was beyond `maxmemory` when the running command was admitted, whatever was evicted. What
    /// runs inside a transaction or script goes by this: nothing is evicted under it, and what was
    /// begun with room is not broken off halfway.
    pub lacks_memory: bool,
    /// Session locks that this connection holds or waits for: they end with it.
    pub(crate) session_locks: Vec<SessionLock>,
    /// Set while the client is parked.
    pub waiting: Option<Arc<Ticket>>,
    /// When its command came, if that had to wait for the end of a pause; by the monotonic clock.
    pub(crate) asked_at: Option<Duration>,
    /// Journal sequence number of its last change.
    pub(crate) logged_seq: u64,
    /// `CLIENT NO-TOUCH`.
    pub(crate) no_touch: bool,
    /// Shown every command; the register of monitors says the same.
    pub(crate) is_monitor: bool,
    /// What it listens to; the register of all subscriptions says the same.
    pub subscriptions: Subscriptions,
}

/// What CLIENT LIST shows of a client; shared with other threads.
pub struct ClientCard {
    /// Unique for the life of the server, rising.
    pub id: u64,
    /// Remote address, `ip:port` or the socket's path with `:0`.
    pub addr: String,
    /// Local address.
    pub laddr: String,
    /// File descriptor.
    pub fd: i32,
    /// When it connected.
    pub created: UnixMillis,
    /// When it last sent a command, in Unix milliseconds.
    pub active: AtomicI64,
    /// Set while the client is parked.
    pub(crate) wait: Mutex<Option<Arc<Ticket>>>,
    /// Set while its command waits for the end of a pause.
    is_postponed: AtomicBool,
    /// Whether it holds sessions' locks, as far as its connection knows.
    holds_locks: AtomicBool,
    /// Set by shards when a key changes that the client watches.
    pub(crate) watch_dirty: Arc<AtomicBool>,
    /// Asked to be closed by another client.
    pub killed: AtomicBool,
    /// Bytes that the connection takes: buffers, queued commands, and what is kept of each client.
    pub memory: AtomicUsize,
    /// What it is made of.
    pub buffers: ClientBuffers,
    /// The rest, which changes seldom.
    pub details: Mutex<ClientDetails>,
}

/// The seldom-changing part of a [`ClientCard`].
#[derive(Clone)]
#[allow(missing_docs, reason = "named after CLIENT LIST's fields")]
pub struct ClientDetails {
    pub name: Vec<u8>,
    pub lib_name: Vec<u8>,
    pub lib_ver: Vec<u8>,
    pub user: String,
    pub db: u32,
    pub resp: u8,
    /// Queued commands, `None` outside MULTI.
    pub multi: Option<usize>,
    pub watch: usize,
    pub sub: usize,
    pub psub: usize,
    pub ssub: usize,
    pub no_evict: bool,
    pub no_touch: bool,
    pub is_monitor: bool,
    /// Full name of the last command, `client|list`.
    pub cmd: String,
}

/// What a connection keeps in memory, in bytes, as CLIENT LIST shows it. Written by the connection's own
/// thread; others read it for what it was a moment ago.
#[derive(Default)]
pub struct ClientBuffers {
    /// Received and not carried out yet.
    pub query: AtomicUsize,
    /// Room behind it.
    pub query_free: AtomicUsize,
    /// Arguments of the command that runs; only shown while it is a CLIENT.
    pub args: AtomicUsize,
    /// Commands that an open MULTI has queued.
    pub queued: AtomicUsize,
    /// Size of the buffer of replies.
    pub reply: AtomicUsize,
    /// Replies in it that the peer has not taken.
    pub unsent: AtomicUsize,
}

impl ClientCard {
    /// The card of a client that just connected.
    pub fn new(id: u64, addr: String, laddr: String, fd: i32, created: UnixMillis) -> ClientCard {
        ClientCard {
            id,
            addr,
            laddr,
            fd,
            created,
            active: AtomicI64::new(created.0),
            wait: Mutex::new(None),
            is_postponed: AtomicBool::new(false),
            holds_locks: AtomicBool::new(false),
            watch_dirty: Arc::default(),
            killed: AtomicBool::new(false),
            memory: AtomicUsize::new(0),
            buffers: ClientBuffers::default(),
            details: Mutex::new(ClientDetails {
                name: Vec::new(),
                lib_name: Vec::new(),
                lib_ver: Vec::new(),
                user: "default".to_owned(),
                db: 0,
                resp: 2,
                multi: None,
                watch: 0,
                sub: 0,
                psub: 0,
                ssub: 0,
                no_evict: false,
                no_touch: false,
                is_monitor: false,
                cmd: "NULL".to_owned(),
            }),
        }
    }
}

impl ClientCard {
    /// Whether the client is parked: not idle, however long it sends nothing.
    pub fn is_parked(&self) -> bool {
        self.wait.lock().is_some() || self.is_postponed.load(Ordering::Relaxed)
    }

    /// Whether the client holds sessions' locks: its request is at work, though it sends nothing. One
    /// that was lost without the client's knowledge counts, too.
    pub fn holds_locks(&self) -> bool {
        self.holds_locks.load(Ordering::Relaxed)
    }

    /// Whether the client waits, but not for ever.
    pub fn has_deadline(&self) -> bool {
        let wait = self.wait.lock();
        wait.as_ref().is_some_and(|ticket| ticket.is_waiting() && ticket.deadline.is_some())
    }

    /// Whether the client waits for something still, be it the end of a pause.
    pub fn is_blocked(&self) -> bool {
        self.wait.lock().as_ref().is_some_and(|ticket| ticket.is_waiting())
            || self.is_postponed.load(Ordering::Relaxed)
    }

    /// Whether the client listens to a channel: it is not idle either.
    pub fn is_subscriber(&self) -> bool {
        let details = self.details.lock();
        details.sub + details.psub + details.ssub > 0
    }

    /// Whether the client is a monitor: nor is that one.
    pub fn is_monitor(&self) -> bool {
        self.details.lock().is_monitor
    }

    /// Takes the client out of the queues it stands in: it is about to be closed, and what it would
    /// be given would be lost.
    pub fn give_up_wait(&self) {
        if let Some(ticket) = &*self.wait.lock() {
            ticket.cancel();
        }
    }

    /// Whether the client is on this machine: it came over loopback or a Unix socket.
    pub fn is_local(&self) -> bool {
        self.address().is_none_or(|address| address.is_loopback())
    }

    /// The peer's address; nothing for a Unix socket.
    pub fn address(&self) -> Option<std::net::IpAddr> {
        self.addr.parse::<std::net::SocketAddr>().ok().map(|peer| peer.ip().to_canonical())
    }
}

impl Client {
    /// Notes on the card whether it holds sessions' locks, after each of its commands.
    pub fn note_locks(&self) {
        self.card.holds_locks.store(!self.session_locks.is_empty(), Ordering::Relaxed);
    }

    /// A client that just connected.
    pub fn new(card: Arc<ClientCard>, auth: AuthState) -> Client {
        Client {
            db: 0,
            protocol: Protocol::Resp2,
            auth,
            user: None,
            login: None,
            transaction: None,
            watched: Watched::default(),
            watch_dirty: Arc::clone(&card.watch_dirty),
            reply_mode: ReplyMode::On,
            card,
            lacks_memory: false,
            session_locks: Vec::new(),
            waiting: None,
            asked_at: None,
            logged_seq: 0,
            no_touch: false,
            is_monitor: false,
            subscriptions: Subscriptions::default(),
        }
    }

    /// Its command waits for the end of a pause from now on.
    pub fn postpone(&mut self, now: Duration) {
        self.asked_at.get_or_insert(now);
        self.card.is_postponed.store(true, Ordering::Relaxed);
    }

    /// The pause is over.
    pub fn go_on(&mut self) {
        self.card.is_postponed.store(false, Ordering::Relaxed);
    }

    /// Whether the client's user may read this key, or with `changes` change it.
    pub(crate) fn may_use(&self, key: &[u8], changes: bool) -> bool {
        self.user.as_ref().is_none_or(|user| user.may_use(key, changes))
    }

    /// Makes the client what every new connection is: the default user, which may have to give a
    /// password first.
    pub fn become_default_user(&mut self, users: &Users) {
        let user = users.default_user();
        self.auth = if user.is_open() { AuthState::Granted } else { AuthState::Required };
        self.set_user(user);
    }

    /// Makes the client this user; whether it may be is settled before.
    pub(crate) fn set_user(&mut self, user: &Arc<User>) {
        self.card.details.lock().user = String::from_utf8_lossy(user.name()).into_owned();
        self.user = Some(Arc::clone(user));
    }

    /// Watches `key` in the selected database. The caller holds the key's shard.
    pub(crate) fn note_watched(&mut self, db: u32, key: &[u8]) {
        self.watched.insert(db, key);
    }

    /// Whether `key` is watched already.
    pub(crate) fn is_watching(&self, db: u32, key: &[u8]) -> bool {
        self.watched.contains(db, key)
    }

    /// Ends the watches whose shards can be had within `patience` each; whether that were all.
    pub fn unwatch_within(&mut self, keyspace: &Keyspace, patience: Duration) -> bool {
        self.watched.retain(|db, key| {
            let key = HashedKey::new(key);
            match keyspace.lock_one(key.shard(), patience) {
                Some(mut locked) => {
                    locked.shard(key).unwatch(db, key.bytes, &self.watch_dirty);
                    false
                }
                None => true,
            }
        });
        self.watched.is_empty()
    }

    /// Ends all watches. Locks each shard for a moment; the caller holds none.
    pub fn unwatch_all(&mut self, keyspace: &Keyspace) {
        for (db, key) in std::mem::take(&mut self.watched).iter() {
            let shard = HashedKey::new(key).shard();
            keyspace.with_shard(shard, |shard| shard.unwatch(db, key, &self.watch_dirty));
        }
        self.watch_dirty.store(false, Ordering::Relaxed);
    }

    /// Leaves the transaction, nothing of it done, and ends all watches. The caller holds no shard.
    pub(crate) fn abandon_transaction(&mut self, keyspace: &Keyspace) {
        self.transaction = None;
        self.unwatch_all(keyspace);
        let mut details = self.card.details.lock();
        details.multi = None;
        details.watch = 0;
    }

    /// Notes that a command was refused: an open transaction can no longer be executed.
    pub fn note_refusal(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.refused = true;
        }
    }

    /// Selects a database.
    pub fn select(&mut self, db: u32, databases: u32) -> Result<(), CommandError> {
        if db >= databases {
            return Err(CommandError::DbOutOfRange);
        }
        if db != self.db {
            self.db = db;
            self.card.details.lock().db = db;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_unix_sockets_are_local() {
        for (addr, is_local) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("/run/guarda.sock:0", true),
            ("192.0.2.1:1", false),
            ("[2001:db8::1]:1", false),
        ] {
            let card = ClientCard::new(1, addr.into(), String::new(), 9, UnixMillis(0));
            assert_eq!(card.is_local(), is_local, "{addr}");
        }
    }
}
