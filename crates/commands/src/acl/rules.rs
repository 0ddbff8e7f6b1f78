//! The language of rules: `on >password ~keys:* +@read (…)`.

use sha2::{Digest, Sha256};

use super::selector::{KeyPattern, KeyRights, Selector};
use super::user::{PasswordDigest, Rules};
use crate::compatibility;
use crate::spec::Categories;
use crate::table::table;

/// Why a rule was refused. The texts are Redis's, which administrators look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant is its text")]
pub(super) enum RuleError {
    #[error("Syntax error")]
    Syntax,
    #[error("Unknown command or category name in ACL")]
    UnknownCommand,
    #[error(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have \
         any effect. Try 'resetkeys' to start with an empty list of patterns"
    )]
    AllKeys,
    #[error(
        "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not \
         have any effect. Try 'resetchannels' to start with an empty list of channels"
    )]
    AllChannels,
    #[error(
        "The password hash must be exactly 64 characters and contain only lowercase hexadecimal \
         characters"
    )]
    BadHash,
    #[error("The password you are trying to remove from the user does not exist")]
    NoSuchPassword,
    #[error("Allowing first-arg of a subcommand is not supported")]
    FirstArgOfSubcommand,
}

impl Rules {
    /// Applies one rule. On an error the rules may have changed: use a copy.
    pub(super) fn apply(&mut self, rule: &[u8], all_channels: bool) -> Result<(), RuleError> {
        let is = |word: &str| rule.eq_ignore_ascii_case(word.as_bytes());
        if rule.is_empty() {
            // Redis takes it for a rule that says nothing.
        } else if is("on") {
            self.enabled = true;
        } else if is("off") {
            self.enabled = false;
        } else if is("nopass") {
            self.nopass = true;
            self.passwords.clear();
        } else if is("resetpass") {
            self.nopass = false;
            self.passwords.clear();
        } else if is("sanitize-payload") {
            self.sanitizes = true;
        } else if is("skip-sanitize-payload") {
            self.sanitizes = false;
        } else if is("clearselectors") {
            self.further.clear();
        } else if is("reset") {
            *self = Rules::new(all_channels);
        } else {
            return self.apply_by_sign(rule, all_channels);
        }
        Ok(())
    }

    fn apply_by_sign(&mut self, rule: &[u8], all_channels: bool) -> Result<(), RuleError> {
        match rule {
            [b'>', password @ ..] => self.add_password(Sha256::digest(password).into()),
            [b'#', hash @ ..] => self.add_password(digest_of(hash)?),
            [b'<', password @ ..] => self.remove_password(&Sha256::digest(password).into())?,
            [b'!', hash @ ..] => self.remove_password(&digest_of(hash)?)?,
            [b'(', inside @ .., b')'] => {
                let mut selector = Selector::nothing();
                selector.all_channels = all_channels;
                inside
                    .split(|byte| *byte == b' ')
                    .filter(|word| !word.is_empty())
                    .try_for_each(|word| selector.apply(word))?;
                self.further.push(selector);
            }
            [b'(', ..] => return Err(RuleError::Syntax),
            _ => self.root.apply(rule)?,
        }
        Ok(())
    }

    fn add_password(&mut self, digest: PasswordDigest) {
        self.nopass = false;
        if !self.passwords.contains(&digest) {
            self.passwords.push(digest);
        }
    }

    fn remove_password(&mut self, digest: &PasswordDigest) -> Result<(), RuleError> {
        let before = self.passwords.len();
        self.passwords.retain(|one| one != digest);
        if self.passwords.len() == before { Err(RuleError::NoSuchPassword) } else { Ok(()) }
    }
}

impl Selector {
    /// Applies one rule about commands, keys or channels.
    fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let is = |word: &str| rule.eq_ignore_ascii_case(word.as_bytes());
        if is("allkeys") || rule == b"~*" {
            self.all_keys = true;
            self.keys.clear();
        } else if is("resetkeys") {
            self.all_keys = false;
            self.keys.clear();
        } else if is("allchannels") || rule == b"&*" {
            self.all_channels = true;
            self.channels.clear();
        } else if is("resetchannels") {
            self.all_channels = false;
            self.channels.clear();
        } else if is("allcommands") || is("+@all") {
            self.set_all(true);
        } else if is("nocommands") || is("-@all") {
            self.set_all(false);
        } else {
            match rule {
                [b'~', pattern @ ..] => self.add_keys(pattern, KeyRights::BOTH)?,
                [b'%', rest @ ..] => self.add_keys_with_rights(rest)?,
                [b'&', pattern @ ..] => self.add_channels(pattern)?,
                [b'+', name @ ..] => self.change_commands(name, true)?,
                [b'-', name @ ..] => self.change_commands(name, false)?,
                _ => return Err(RuleError::Syntax),
            }
        }
        Ok(())
    }

    /// `R~pattern`, `W~pattern`, `RW~pattern`.
    fn add_keys_with_rights(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::AllKeys);
        }
        // As in Redis, `%RW` alone is the pattern of the empty key.
        let end = rule.iter().position(|byte| *byte == b'~').unwrap_or(rule.len());
        let mut rights = KeyRights { read: false, write: false };
        for letter in &rule[..end] {
            let right = match letter.to_ascii_uppercase() {
                b'R' => &mut rights.read,
                b'W' => &mut rights.write,
                _ => return Err(RuleError::Syntax),
            };
            if std::mem::replace(right, true) {
                return Err(RuleError::Syntax);
            }
        }
        if !rights.read && !rights.write {
            return Err(RuleError::Syntax);
        }
        let pattern = rule.get(end + 1..).unwrap_or_default();
        if rights == KeyRights::BOTH && pattern == b"*" {
            self.all_keys = true;
            self.keys.clear();
            return Ok(());
        }
        self.add_keys(pattern, rights)
    }

    fn add_keys(&mut self, pattern: &[u8], rights: KeyRights) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::AllKeys);
        }
        let pattern = plain(pattern)?.to_vec();
        match self.keys.iter_mut().find(|known| known.pattern == pattern) {
            Some(known) => {
                known.rights.read |= rights.read;
                known.rights.write |= rights.write;
            }
            None => self.keys.push(KeyPattern { rights, pattern }),
        }
        Ok(())
    }

    fn add_channels(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        if self.all_channels {
            return Err(RuleError::AllChannels);
        }
        let pattern = plain(pattern)?.to_vec();
        if !self.channels.contains(&pattern) {
            self.channels.push(pattern);
        }
        Ok(())
    }

    fn change_commands(&mut self, name: &[u8], allowed: bool) -> Result<(), RuleError> {
        let name = std::str::from_utf8(name).map_err(|_| RuleError::UnknownCommand)?;
        let name = name.to_ascii_lowercase();
        if let Some(category) = name.strip_prefix('@') {
            return self.change_category(category, &name, allowed);
        }
        let Some((command, sub)) = name.split_once('|') else {
            match table().find(name.as_bytes()) {
                Some(spec) => self.set_row(spec, allowed),
                // Redis has it and this server does not yet: nothing to allow or deny.
                None if compatibility::is_redis_command(&name) => {}
                None => return Err(RuleError::UnknownCommand),
            }
            self.show(allowed, name);
            return Ok(());
        };
        let Some(spec) = table().find(command.as_bytes()) else {
            if !compatibility::is_redis_command(command) {
                return Err(RuleError::UnknownCommand);
            }
            plain(sub.as_bytes())?;
            self.show(allowed, name);
            return Ok(());
        };
        self.change_subcommand(spec, sub, allowed)?;
        self.show(allowed, name);
        Ok(())
    }

    fn change_subcommand(
        &mut self,
        spec: &'static crate::spec::CommandSpec,
        sub: &str,
        allowed: bool,
    ) -> Result<(), RuleError> {
        if spec.subcommands.is_empty() {
            return match sub {
                _ if !allowed => Err(RuleError::UnknownCommand),
                "" => Err(RuleError::Syntax),
                _ if sub.contains('|') => Err(RuleError::UnknownCommand),
                first_arg => {
                    self.allow_first_arg(spec, plain(first_arg.as_bytes())?);
                    Ok(())
                }
            };
        }
        if let Some(row) = spec.subcommand(sub.as_bytes()) {
            self.set_row(row, allowed);
            return Ok(());
        }
        match sub.split_once('|') {
            Some((known, _)) if allowed && spec.subcommand(known.as_bytes()).is_some() => {
                Err(RuleError::FirstArgOfSubcommand)
            }
            _ => Err(RuleError::UnknownCommand),
        }
    }

    fn change_category(
        &mut self,
        category: &str,
        shown: &str,
        allowed: bool,
    ) -> Result<(), RuleError> {
        let category = Categories::named(category).ok_or(RuleError::UnknownCommand)?;
        self.set_rows(|spec| spec.categories().contains(category), allowed);
        self.show(allowed, shown.to_owned());
        Ok(())
    }
}

/// A pattern, or a first argument, without blanks and NULs, which the text form could not hold.
fn plain(pattern: &[u8]) -> Result<&[u8], RuleError> {
    let is_bad = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0 || *byte == 0x0b;
    if pattern.iter().any(is_bad) { Err(RuleError::Syntax) } else { Ok(pattern) }
}

/// The digest behind 64 lower-case hexadecimal digits.
fn digest_of(hash: &[u8]) -> Result<PasswordDigest, RuleError> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(RuleError::BadHash),
    };
    let mut digest = PasswordDigest::default();
    if hash.len() != 2 * digest.len() {
        return Err(RuleError::BadHash);
    }
    for (byte, pair) in digest.iter_mut().zip(hash.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(digest)
}
