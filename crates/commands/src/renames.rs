//! `rename-command`: other names for commands, or none.

use std::collections::HashMap;

use crate::table::table;

/// Commands that go by another name, or are gone.
#[derive(Default)]
pub struct Renames {
    /// Lower-case new name: the command's own.
    originals: HashMap<Vec<u8>, &'static str>,
    /// Own names that no longer mean anything, in lower case.
    hidden: Vec<&'static str>,
}

/// What a name means where commands go by other names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// What it means everywhere.
    Itself,
    /// The command with this name of its own.
    Command(&'static str),
    /// Nothing any more.
    Nothing,
}

/// Why a `rename-command` line cannot be obeyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenameError {
    /// There is no such command, so whoever wrote the line would rely on nothing.
    #[error("rename-command: there is no command `{0}`")]
    NoSuchCommand(String),
    /// The new name means something else already.
    #[error("rename-command: the name `{0}` is taken")]
    Taken(String),
}

impl Renames {
    /// Takes over pairs of a command and its new name, which may be empty.
    ///
    /// # Errors
    /// The first pair that cannot be obeyed.
    pub fn new(pairs: &[(Vec<u8>, Vec<u8>)]) -> Result<Renames, RenameError> {
        let mut renames = Renames::default();
        for (command, name) in pairs {
            let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let spec = table()
                .find(command)
                .filter(|spec| !renames.hidden.contains(&spec.name))
                .ok_or_else(|| RenameError::NoSuchCommand(shown(command)))?;
            renames.hidden.push(spec.name);
            if name.is_empty() {
                continue;
            }
            let lower = name.to_ascii_lowercase();
            let is_command =
                table().find(&lower).is_some_and(|spec| !renames.hides(spec.name.as_bytes()));
            if is_command || renames.originals.contains_key(&lower) {
                return Err(RenameError::Taken(shown(name)));
            }
            renames.originals.insert(lower, spec.name);
        }
        Ok(renames)
    }

    /// Whether every command goes by its own name.
    pub fn is_empty(&self) -> bool {
        self.hidden.is_empty()
    }

    /// What a client means by this name.
    pub fn meaning(&self, name: &[u8]) -> Meaning {
        match self.original(name) {
            Some(original) => Meaning::Command(original),
            None if self.hides(name) => Meaning::Nothing,
            None => Meaning::Itself,
        }
    }

    /// The command that goes by this name instead of its own.
    fn original(&self, name: &[u8]) -> Option<&'static str> {
        self.originals.get(&name.to_ascii_lowercase()).copied()
    }

    /// Whether this is a command's own name that no longer means it.
    fn hides(&self, name: &[u8]) -> bool {
        self.hidden.iter().any(|hidden| hidden.as_bytes().eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renames(pairs: &[(&str, &str)]) -> Result<Renames, RenameError> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(from, to)| (from.as_bytes().to_vec(), to.as_bytes().to_vec()))
            .collect();
        Renames::new(&pairs)
    }

    #[test]
    fn a_command_goes_by_its_new_name_alone() {
        let renames =
            renames(&[("CONFIG", "Secret-Config"), ("flushall", ""), ("get", "config")]).unwrap();
        assert_eq!(renames.original(b"SECRET-config"), Some("config"));
        assert_eq!(renames.original(b"config"), Some("get"));
        assert!(renames.hides(b"FLUSHALL") && renames.hides(b"Config"));
        assert_eq!(renames.original(b"flushall"), None);
        assert!(!renames.hides(b"set") && !renames.is_empty());
    }

    #[test]
    fn names_that_would_mean_two_things_are_refused() {
        for (pairs, error) in [
            (&[("nosuch", "x")][..], RenameError::NoSuchCommand("nosuch".into())),
            (&[("get", "a"), ("GET", "b")], RenameError::NoSuchCommand("GET".into())),
            (&[("get", "SET")], RenameError::Taken("SET".into())),
            (&[("get", "x"), ("set", "X")], RenameError::Taken("X".into())),
        ] {
            assert_eq!(renames(pairs).err(), Some(error));
        }
    }
}
