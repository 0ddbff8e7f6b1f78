//! All users.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};

use super::log::{DenialLog, LogEntry};
use super::rules::RuleError;
use super::user::{Rules, User};
use crate::families::connection::DEFAULT_USER;

/// What is wrong with an ACL file: every line that is, as Redis words it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join(" "))]
pub struct AclFileError(Vec<String>);

/// Why `ACL SETUSER` changed nothing: the wire text.
pub(crate) type SetUserError = Vec<u8>;

/// All users of a server, and the log of denials.
pub struct Users {
    by_name: RwLock<BTreeMap<Vec<u8>, Arc<User>>>,
    default: Arc<User>,
    /// `acl-pubsub-default allchannels`.
    all_channels: AtomicBool,
    log: Mutex<DenialLog>,
    log_len_max: AtomicUsize,
}

impl Default for Users {
    fn default() -> Users {
        let default = Arc::new(User::new(DEFAULT_USER.as_bytes(), Rules::unrestricted()));
        let by_name = BTreeMap::from([(default.name().to_vec(), Arc::clone(&default))]);
        Users {
            by_name: RwLock::new(by_name),
            default,
            all_channels: AtomicBool::new(false),
            log: Mutex::default(),
            log_len_max: AtomicUsize::new(128),
        }
    }
}

impl Users {
    /// The user of connections that name none.
    pub fn default_user(&self) -> &Arc<User> {
        &self.default
    }

    /// The user with this name.
    pub fn find(&self, name: &[u8]) -> Option<Arc<User>> {
        self.by_name.read().get(name).map(Arc::clone)
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<Arc<User>> {
        self.by_name.read().values().map(Arc::clone).collect()
    }

    /// The user that name and password make a client; nobody if they are wrong or it is off.
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<Arc<User>> {
        let found = self.find(name);
        // Looked at in every case, so that the time does not tell which of the two was wrong.
        let accepted = found.as_ref().unwrap_or(&self.default).accepts(password);
        found.filter(|_| accepted)
    }

    /// `requirepass`: the default user's only password; none lets everybody in.
    pub fn set_default_password(&self, password: Option<&[u8]>) {
        let mut rules = (*self.default.rules()).clone();
        let done = match password {
            Some(password) => rules
                .apply(b"resetpass", false)
                .and_then(|()| rules.apply(&[b">", password].concat(), false)),
            None => rules.apply(b"nopass", false),
        };
        done.expect("rules about passwords are always valid");
        self.default.set_rules(rules);
    }

    /// `acl-pubsub-default`.
    pub fn set_all_channels(&self, all_channels: bool) {
        self.all_channels.store(all_channels, Ordering::Relaxed);
    }

    /// `acllog-max-len`.
    pub fn set_log_len_max(&self, len_max: usize) {
        self.log_len_max.store(len_max, Ordering::Relaxed);
    }

    fn new_rules(&self) -> Rules {
        Rules::new(self.all_channels.load(Ordering::Relaxed))
    }

    /// Makes or changes a user; all rules take effect, or none does.
    pub(crate) fn set_user(&self, name: &[u8], rules: &[&[u8]]) -> Result<(), SetUserError> {
        if name.iter().any(|byte| byte.is_ascii_whitespace() || *byte == 0) {
            return Err(b"ERR Usernames can't contain spaces or null characters".to_vec());
        }
        let mut by_name = self.by_name.write();
        let known = by_name.get(name);
        let mut changed = known.map_or_else(|| self.new_rules(), |user| (*user.rules()).clone());
        let rules = merged_selectors(rules).map_err(|open| {
            let parts: [&[u8]; 3] =
                [b"ERR Unmatched parenthesis in acl selector starting at '", &open, b"'."];
            parts.concat()
        })?;
        for rule in &rules {
            self.apply(&mut changed, rule).map_err(|error| {
                let text = error.to_string();
                let parts: [&[u8]; 4] =
                    [b"ERR Error in ACL SETUSER modifier '", rule, b"': ", text.as_bytes()];
                parts.concat()
            })?;
        }
        match known {
            Some(user) => user.set_rules(changed),
            None => {
                by_name.insert(name.to_vec(), Arc::new(User::new(name, changed)));
            }
        }
        Ok(())
    }

    fn apply(&self, rules: &mut Rules, rule: &[u8]) -> Result<(), RuleError> {
        rules.apply(rule, self.all_channels.load(Ordering::Relaxed))
    }

    /// Defines a user by the words of a `user` line: its name, then its rules. The default user, which is there,
    /// begins anew, as all others do.
    ///
    /// # Errors
    /// The first rule that is wrong.
    pub fn define(&self, words: &[&[u8]]) -> Result<(), String> {
        let Some((name, rules)) = words.split_first() else {
            return Err("a user needs a name".to_owned());
        };
        let rules = [&[&b"reset"[..]], rules].concat();
        self.set_user(name, &rules).map_err(|text| {
            let text = String::from_utf8_lossy(&text).into_owned();
            // The rule may be a password: only what is wrong with it is told.
            let reason = text.rsplit_once("': ").map_or(text.as_str(), |(_, reason)| reason);
            let name = String::from_utf8_lossy(name);
            format!("user `{name}`: {}", reason.strip_prefix("ERR ").unwrap_or(reason))
        })
    }

    /// Forgets a user; whether it was there. The default user stays.
    pub(crate) fn remove(&self, name: &[u8]) -> bool {
        name != self.default.name() && self.by_name.write().remove(name).is_some()
    }

    /// `user` lines, as `ACL LIST` shows them and an ACL file has them.
    pub fn lines(&self) -> Vec<Vec<u8>> {
        self.all()
            .iter()
            .map(|user| [b"user ", user.name(), b" ", &user.rules().text()[..]].concat())
            .collect()
    }

    /// Takes over the users of an ACL file, or of the `user` lines of a configuration, in place of
    /// all there are; returns the names of those that are gone. `origin` names the file in errors.
    ///
    /// # Errors
    /// Everything that is wrong with it; nothing was changed then.
    pub fn load(&self, text: &[u8], origin: &str) -> Result<Vec<Vec<u8>>, AclFileError> {
        let mut loaded: BTreeMap<Vec<u8>, Rules> = BTreeMap::new();
        let mut faults = Vec::new();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if let Err(fault) = self.load_line(line.trim_ascii(), &mut loaded) {
                faults.push(format!("{origin}:{}: {fault}.", index + 1));
            }
        }
        if !faults.is_empty() {
            return Err(AclFileError(faults));
        }
        let default = loaded.remove(self.default.name()).unwrap_or_else(Rules::unrestricted);
        let mut by_name = self.by_name.write();
        let gone = by_name
            .keys()
            .filter(|name| !loaded.contains_key(*name) && *name != self.default.name())
            .cloned()
            .collect();
        self.default.set_rules(default);
        let mut fresh = BTreeMap::from([(self.default.name().to_vec(), Arc::clone(&self.default))]);
        for (name, rules) in loaded {
            let user = match by_name.get(&name) {
                Some(user) => {
                    user.set_rules(rules);
                    Arc::clone(user)
                }
                None => Arc::new(User::new(&name, rules)),
            };
            fresh.insert(name, user);
        }
        *by_name = fresh;
        Ok(gone)
    }

    fn load_line(&self, line: &[u8], loaded: &mut BTreeMap<Vec<u8>, Rules>) -> Result<(), String> {
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(());
        }
        let words: Vec<&[u8]> =
            line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
        let [keyword, name, rules @ ..] = &words[..] else {
            return Err("a line is `user <name> <rules>`".to_owned());
        };
        if !keyword.eq_ignore_ascii_case(b"user") {
            return Err("should start with the user keyword".to_owned());
        }
        if loaded.contains_key(*name) {
            return Err(format!(
                "WARNING: Duplicate user '{}' found",
                String::from_utf8_lossy(name)
            ));
        }
        let mut made = self.new_rules();
        let rules = merged_selectors(rules)
            .map_err(|_| "Unmatched parenthesis in selector definition".to_owned())?;
        for rule in rules {
            self.apply(&mut made, &rule).map_err(|error| error.to_string())?;
        }
        loaded.insert(name.to_vec(), made);
        Ok(())
    }

    // The log ----------------------------------------------------------------------------------

    pub(crate) fn note(&self, entry: LogEntry) {
        self.log.lock().add(entry, self.log_len_max.load(Ordering::Relaxed));
    }

    /// How often somebody was turned away: at AUTH, for a command, a key, a channel. CONFIG RESETSTAT
    /// leaves that alone.
    pub fn denial_counts(&self) -> [u64; 4] {
        self.log.lock().counts()
    }

    pub(crate) fn denials(&self, count: usize) -> Vec<LogEntry> {
        self.log.lock().newest(count)
    }

    pub(crate) fn forget_denials(&self) {
        self.log.lock().clear();
    }
}

/// The rules, those of one selector joined to one; the beginning of a selector that does not end.
fn merged_selectors(rules: &[&[u8]]) -> Result<Vec<Vec<u8>>, Vec<u8>> {
    let mut merged: Vec<Vec<u8>> = Vec::new();
    let mut rest = rules.iter();
    while let Some(rule) = rest.next() {
        let mut whole = rule.to_vec();
        if rule.starts_with(b"(") {
            while !whole.ends_with(b")") {
                let Some(more) = rest.next() else { return Err(rule.to_vec()) };
                whole.push(b' ');
                whole.extend_from_slice(more);
            }
        }
        merged.push(whole);
    }
    Ok(merged)
}
