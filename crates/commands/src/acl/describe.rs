//! Rules as text: `ACL LIST`, the ACL file, and the parts that `ACL GETUSER` shows.

use std::fmt::Write as _;

use super::selector::{KeyRights, Selector};
use super::user::{PasswordDigest, Rules};

impl Selector {
    /// `-@all +get`: the rules about commands in the order in which they count.
    pub(crate) fn commands_text(&self) -> String {
        let mut text = if self.begins_with_all { "+@all" } else { "-@all" }.to_owned();
        for rule in &self.shown {
            let sign = if rule.allows { '+' } else { '-' };
            let _ = write!(text, " {sign}{}", rule.name);
        }
        text
    }

    /// `~a %R~b`, or `~*`.
    pub(crate) fn keys_text(&self) -> Vec<u8> {
        if self.all_keys {
            return b"~*".to_vec();
        }
        let patterns: Vec<Vec<u8>> = self
            .keys
            .iter()
            .map(|key| {
                let sign: &[u8] = match key.rights {
                    KeyRights { read: true, write: false } => b"%R~",
                    KeyRights { read: false, write: true } => b"%W~",
                    KeyRights { .. } => b"~",
                };
                [sign, &key.pattern[..]].concat()
            })
            .collect();
        patterns.join(&b' ')
    }

    /// `&a &b`, or `&*`.
    pub(crate) fn channels_text(&self) -> Vec<u8> {
        if self.all_channels {
            return b"&*".to_vec();
        }
        let patterns: Vec<Vec<u8>> =
            self.channels.iter().map(|channel| [b"&", &channel[..]].concat()).collect();
        patterns.join(&b' ')
    }

    /// All of it, as rules that make it from nothing.
    fn text(&self) -> Vec<u8> {
        let mut parts = Vec::new();
        if self.all_keys || !self.keys.is_empty() {
            parts.push(self.keys_text());
        }
        if !self.all_channels {
            parts.push(b"resetchannels".to_vec());
        }
        if self.all_channels || !self.channels.is_empty() {
            parts.push(self.channels_text());
        }
        parts.push(self.commands_text().into_bytes());
        parts.join(&b' ')
    }
}

impl Rules {
    /// The flags, in the order in which they are shown.
    pub(crate) fn flags(&self) -> Vec<&'static str> {
        let mut flags = vec![if self.enabled { "on" } else { "off" }];
        if self.nopass {
            flags.push("nopass");
        }
        flags.push(if self.sanitizes { "sanitize-payload" } else { "skip-sanitize-payload" });
        flags
    }

    /// The digests of the passwords, in hexadecimal.
    pub(crate) fn password_hashes(&self) -> Vec<String> {
        self.passwords.iter().map(hexadecimal).collect()
    }

    /// The rules that make this user from a new one.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut parts: Vec<Vec<u8>> =
            self.flags().iter().map(|flag| flag.as_bytes().to_vec()).collect();
        parts.extend(self.password_hashes().iter().map(|hash| format!("#{hash}").into_bytes()));
        parts.push(self.root.text());
        parts.extend(self.further.iter().map(|one| [b"(", &one.text()[..], b")"].concat()));
        parts.join(&b' ')
    }
}

fn hexadecimal(digest: &PasswordDigest) -> String {
    digest.iter().fold(String::with_capacity(2 * digest.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
