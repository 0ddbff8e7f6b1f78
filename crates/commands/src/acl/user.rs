//! A user: who may be it, and what it may do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::check::Denial;
use super::selector::Selector;
use crate::execute::Call;

/// SHA-256 of a password.
pub(crate) type PasswordDigest = [u8; 32];

/// What a user may do, and how one becomes it. A value: changes replace it whole.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(super) enabled: bool,
    pub(super) nopass: bool,
    /// `sanitize-payload`: shown; RESTORE checks every payload here, whoever sends it.
    pub(super) sanitizes: bool,
    pub(super) passwords: Vec<PasswordDigest>,
    pub(super) root: Selector,
    pub(super) further: Vec<Selector>,
}

impl Rules {
    /// What a new user has: nothing.
    pub(super) fn new(all_channels: bool) -> Rules {
        let mut root = Selector::nothing();
        root.all_channels = all_channels;
        Rules {
            enabled: false,
            nopass: false,
            sanitizes: true,
            passwords: Vec::new(),
            root,
            further: Vec::new(),
        }
    }

    /// What the default user has unless the configuration says otherwise: everything.
    pub(super) fn unrestricted() -> Rules {
        Rules { enabled: true, nopass: true, root: Selector::everything(), ..Rules::new(true) }
    }

    /// The root selector, then the others.
    pub(crate) fn selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.further)
    }

    fn accepts(&self, password: &[u8]) -> bool {
        let digest: PasswordDigest = Sha256::digest(password).into();
        // All of them, in constant time each: how long it takes says only how many there are.
        let known = self
            .passwords
            .iter()
            .fold(subtle::Choice::from(0), |found, one| found | one.ct_eq(&digest));
        self.enabled && (self.nopass || bool::from(known))
    }
}

/// A user of the server.
pub struct User {
    name: Vec<u8>,
    rules: RwLock<Arc<Rules>>,
    /// Nothing is denied to it: no call needs a look at the rules.
    unrestricted: AtomicBool,
}

impl User {
    pub(super) fn new(name: &[u8], rules: Rules) -> User {
        let unrestricted = AtomicBool::new(rules.root.is_everything());
        User { name: name.to_vec(), rules: RwLock::new(Arc::new(rules)), unrestricted }
    }

    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Its rules at this moment.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read())
    }

    pub(super) fn set_rules(&self, rules: Rules) {
        let mut held = self.rules.write();
        self.unrestricted.store(rules.root.is_everything(), Ordering::Release);
        *held = Arc::new(rules);
    }

    /// Whether this password makes a client this user. Digests are compared in constant time.
    pub fn accepts(&self, password: &[u8]) -> bool {
        self.rules().accepts(password)
    }

    /// Whether anybody may be it without a password.
    pub fn is_open(&self) -> bool {
        let rules = self.rules.read();
        rules.enabled && rules.nopass
    }

    /// Whether it has no password to be given.
    pub fn has_no_password(&self) -> bool {
        self.rules.read().nopass
    }

    /// Whether the call may run.
    ///
    /// # Errors
    /// What stands against it.
    pub fn check(&self, call: &Call<'_>) -> Result<(), Denial> {
        if self.unrestricted.load(Ordering::Acquire) {
            return Ok(());
        }
        self.rules().check(call)
    }

    /// Whether it may read every key there is, whatever its name (SORT's patterns).
    pub fn may_read_all_keys(&self) -> bool {
        let needed = super::selector::KeyRights { read: true, write: false };
        self.unrestricted.load(Ordering::Acquire)
            || self.rules().selectors().any(|selector| selector.allows_all_keys(needed))
    }

    /// Whether it may read this key, or with `changes` change it: for commands that name no key and
    /// walk over all of them.
    pub(crate) fn may_use(&self, key: &[u8], changes: bool) -> bool {
        let needed = super::selector::KeyRights { read: !changes, write: changes };
        self.unrestricted.load(Ordering::Acquire)
            || self.rules().selectors().any(|selector| selector.allows_key(key, needed))
    }

    /// Whether it may hear this channel (or exactly this pattern).
    pub fn may_hear(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.unrestricted.load(Ordering::Acquire)
            || self.rules().selectors().any(|selector| selector.allows_channel(channel, is_pattern))
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "User({})", String::from_utf8_lossy(&self.name))
    }
}
