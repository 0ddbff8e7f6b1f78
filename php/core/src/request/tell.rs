//! What applications ask and say about the session that is open.

use guarda_client::Renewed;
use sha2::{Digest as _, Sha256};

use super::{Answer, READ_ONLY, Request, Session, Stage, time_to_live};

/// Hexadecimal digits of a session's fingerprint: enough to tell sessions apart, useless as an id.
const FINGERPRINT_LEN: usize = 16;

/// What `guarda_session_info()` tells. Nothing in it is a secret: neither id, token nor password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Tells sessions apart in logs.
    pub fingerprint: String,
    /// The server's address.
    pub endpoint: String,
    /// `SESSION commands` or `scripts`.
    pub server: &'static str,
    /// Identifies what was read.
    pub generation: String,
    /// Whether this request holds the lock.
    pub locked: bool,
    /// Whether what it writes is stored.
    pub readonly: bool,
    /// Whether there was such a session.
    pub existed: bool,
    /// Milliseconds for which it waited for the lock.
    pub waited_ms: i64,
    /// Seconds since 1970.
    pub opened_s: i64,
    /// When it began, where `guarda.absolute_lifetime` is set.
    pub created_s: Option<i64>,
    /// What `guarda_session_ttl()` asked for.
    pub ttl_s: Option<i64>,
    /// Questions to the server up to now.
    pub round_trips: u64,
}

impl Request {
    fn open_now(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| session.stage == Stage::Read)
    }

    /// Prolongs the lock.
    ///
    /// # Errors
    ///
    /// Why it is not prolonged.
    pub fn renew(&mut self) -> Answer<()> {
        let Some(session) = self.open_now().filter(|_| !self.is_foreign()) else {
            return Err("no session is open that could be renewed".to_owned());
        };
        if !session.locked {
            return Err(
                "this session was opened without a lock: there is nothing to renew".to_owned()
            );
        }
        if session.held.is_none_or(|held| held.left().is_none()) {
            let held = self.settings.lock_max_hold;
            return Err(format!(
                "this request has held the session for {held:?} (guarda.lock_max_hold): its lock is \
                 not prolonged any more"
            ));
        }
        let (id, keys, token) = (session.id.clone(), session.keys.clone(), session.token.clone());
        let (lease, ttl) = (self.settings.lock_ttl, self.carried.ttl.map(time_to_live));
        let renewed = self.with_connection(&id, |connection, budget| {
            connection.renew(&keys, &token, lease, ttl, budget)
        })?;
        match renewed {
            Renewed::Held => Ok(()),
            Renewed::LockLost => Err("the lock of this session has ended already: renew it more \
                                      often than every guarda.lock_ttl (handler redis: \
                                      redis.session.lock_expire) seconds"
                .to_owned()),
        }
    }

    /// Notes whose session this is; stored with it. Only the hash leaves this process.
    ///
    /// # Errors
    ///
    /// Why that cannot be.
    pub fn tag(&mut self, user: &[u8]) -> Answer<()> {
        match self.open_now() {
            None => Err("no session is open that could be tagged".to_owned()),
            Some(session) if session.readonly => Err(READ_ONLY.to_owned()),
            Some(_) => {
                self.carried.tag = Some(if user.is_empty() { String::new() } else { hex(user) });
                Ok(())
            }
        }
    }

    /// How long this session lives when it is stored at the end of this request.
    pub fn set_ttl(&mut self, seconds: i64) {
        self.carried.ttl = Some(seconds);
    }

    /// What can be told of the session that is open.
    pub fn told(&self) -> Option<Told> {
        let session = self.open_now()?;
        let connection = self.connection.as_deref();
        let mut fingerprint = hex(session.id.as_bytes());
        fingerprint.truncate(FINGERPRINT_LEN);
        Some(Told {
            fingerprint,
            endpoint: connection.map(|open| open.endpoint().to_string()).unwrap_or_default(),
            server: match connection.and_then(guarda_client::Connection::has_session_commands) {
                Some(true) => "SESSION commands",
                _ => "scripts",
            },
            generation: String::from_utf8_lossy(&session.opened.generation()).into_owned(),
            locked: session.locked,
            readonly: session.readonly,
            existed: session.existed(),
            waited_ms: i64::try_from(session.opened.waited.as_millis()).unwrap_or(i64::MAX),
            opened_s: self.settings.now,
            created_s: self.carried.created,
            ttl_s: self.carried.ttl,
            round_trips: self.round_trips,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
