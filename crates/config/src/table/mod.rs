//! The table of directives: everything that is known about each name stands in its row.
//!
//! Parsing, errors, warnings, `CONFIG GET`, `CONFIG SET` and docs/configuration.md derive from it.
//! A new directive is one row here and, when the server obeys it, one field in [`crate::Settings`].

mod absent;
mod access;
mod clients;
mod memory;
mod network;
mod persistence;
mod process;
mod sessions;
mod tls;

use crate::kind::Kind;
use crate::value::Value;

/// A row of the table.
#[derive(Debug)]
#[non_exhaustive]
pub struct Directive {
    /// The name, in lower case.
    pub name: &'static str,
    /// Other names of the same directive, older or newer.
    pub aliases: &'static [&'static str],
    /// What its value may be.
    pub kind: Kind,
    /// The value when nothing is said, as it would be written.
    pub default: &'static str,
    /// Whether `CONFIG SET` may change it.
    pub runtime: Runtime,
    /// What Guarda does with it.
    pub status: Status,
    /// One line for the manual.
    pub doc: &'static str,
    /// What to add to the error about a bad value; may be empty.
    pub hint: &'static str,
    /// For tests: `CONFIG GET` shows it to those who ask by its name, and the manual leaves it out.
    pub hidden: bool,
    /// A warning that some values deserve.
    pub(crate) caveat: Option<fn(&Value) -> Option<&'static str>>,
}

/// Whether `CONFIG SET` may change a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Runtime {
    /// It may.
    Mutable,
    /// It takes a restart.
    Immutable,
    /// It may where `enable-protected-configs` allows it. It says where files are written: a client
    /// that may change it can write a file of its choice.
    Protected,
}

/// What Guarda does with a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It is obeyed.
    Implemented,
    /// Any valid value is accepted and shown, and changes nothing, for the reason given. One other
    /// than the default gets a warning.
    AcceptedIgnored(&'static str),
    /// Only the default is accepted: ignoring another value would break what it asks for.
    Refused(&'static str),
}

/// The sections of the table, in the order of the manual.
pub(crate) const SECTIONS: &[(&str, &[Directive])] = &[
    ("Network", network::ROWS),
    ("Clients", clients::ROWS),
    ("Process and logs", process::ROWS),
    ("Persistence", persistence::ROWS),
    ("Memory, expiry and encodings", memory::ROWS),
    ("Sessions", sessions::ROWS),
    ("TLS", tls::ROWS),
    ("Access control", access::ROWS),
    ("Replication", absent::REPLICATION),
    ("Cluster", absent::CLUSTER),
    ("Modules, scripts and the rest", absent::REST),
];

/// Every directive, in the order of the manual.
pub fn directives() -> impl Iterator<Item = &'static Directive> {
    SECTIONS.iter().flat_map(|(_, rows)| rows.iter())
}

/// The row of `name`, which may be an alias and in any case; and its position in the table.
pub(crate) fn find(name: &[u8]) -> Option<(usize, &'static Directive)> {
    directives()
        .enumerate()
        .find(|(_, row)| row.names().any(|known| known.as_bytes().eq_ignore_ascii_case(name)))
}

impl Directive {
    const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        status: Status,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            aliases: &[],
            kind,
            default,
            runtime: Runtime::Mutable,
            status,
            doc,
            hint: "",
            hidden: false,
            caveat: None,
        }
    }

    const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn immutable(mut self) -> Self {
        self.runtime = Runtime::Immutable;
        self
    }

    const fn protected(mut self) -> Self {
        self.runtime = Runtime::Protected;
        self
    }

    const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }

    const fn caveat(mut self, caveat: fn(&Value) -> Option<&'static str>) -> Self {
        self.caveat = Some(caveat);
        self
    }

    /// The name and its aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Whether `CONFIG GET` knows it.
    pub fn has_value(&self) -> bool {
        !matches!(self.kind, Kind::FileOnly { .. })
    }

    /// The default, understood.
    pub(crate) fn default_value(&self) -> Value {
        if !self.has_value() {
            return Value::Lines(Vec::new());
        }
        // The table's tests parse every default.
        self.kind.parse(&[self.default.as_bytes().to_vec()], None).expect("defaults are valid")
    }
}

/// An integer from `min` to `max`.
const fn int(min: i64, max: i64) -> Kind {
    Kind::Int { min, max }
}

/// The greatest value of Redis's `int` directives.
const INT_MIN: i64 = i32::MIN as i64;
const INT_MAX: i64 = i32::MAX as i64;

/// A size with a least value.
const fn size_from(min: u64) -> Kind {
    Kind::Memory { min, max: i64::MAX as u64 }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_lower_case() {
        let mut seen = HashSet::new();
        for row in directives() {
            for name in row.names() {
                assert!(seen.insert(name), "`{name}` appears twice");
                let plain = |b: u8| b.is_ascii_lowercase() || b == b'-' || b == b'_';
                assert!(name.bytes().all(plain), "`{name}`");
            }
        }
    }

    #[test]
    fn every_default_is_valid_and_reads_back_as_itself() {
        for row in directives().filter(|row| row.has_value()) {
            let value = row.default_value();
            assert_eq!(value.to_text(), row.default, "{}", row.name);
        }
    }

    #[test]
    fn every_row_says_what_it_is() {
        for row in directives() {
            assert!(row.doc.ends_with('.') && !row.doc.contains('|'), "{}: {}", row.name, row.doc);
            if let Status::AcceptedIgnored(why) | Status::Refused(why) = row.status {
                assert!(!why.is_empty() && !why.ends_with('.'), "{}: {why}", row.name);
            }
        }
    }
}
