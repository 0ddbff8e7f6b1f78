//! All commands, found by name.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use smallvec::SmallVec;

use crate::families::FAMILIES;
use crate::spec::CommandSpec;

/// Longest command name looked up; longer ones are unknown without a look.
const NAME_LEN_MAX: usize = 32;

/// FNV-1a: the table is fixed and small, so its hash need not resist an attacker.
#[derive(Default)]
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

/// A hash of addresses, looked up once per command.
#[derive(Default)]
struct Scattered(u64);

impl Hasher for Scattered {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_usize(&mut self, address: usize) {
        // The product's high half depends on all bits of the address; a table of hashes uses both
        // ends of them.
        let product = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ (product >> 32);
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only addresses are hashed");
    }
}

/// The command table.
pub struct CommandTable {
    by_name: HashMap<&'static [u8], &'static CommandSpec, BuildHasherDefault<Fnv>>,
    /// Every row, subcommands included, by its address: the number that sets of rows know it by.
    numbers: HashMap<usize, usize, BuildHasherDefault<Scattered>>,
}

/// The table of all families; built once.
pub fn table() -> &'static CommandTable {
    static TABLE: LazyLock<CommandTable> = LazyLock::new(|| {
        let by_name: HashMap<_, &'static CommandSpec, _> = FAMILIES
            .iter()
            .flat_map(|family| family.iter())
            .map(|spec| (spec.name.as_bytes(), spec))
            .collect();
        let rows = by_name.values().flat_map(|spec| std::iter::once(*spec).chain(spec.subcommands));
        let numbers = rows.enumerate().map(|(number, spec)| (address(spec), number)).collect();
        CommandTable { by_name, numbers }
    });
    &TABLE
}

fn address(spec: &'static CommandSpec) -> usize {
    std::ptr::from_ref(spec).addr()
}

impl CommandTable {
    /// The row of the command with this name, in any case of letters.
    pub fn find(&self, name: &[u8]) -> Option<&'static CommandSpec> {
        if name.len() > NAME_LEN_MAX {
            return None;
        }
        let lower: SmallVec<[u8; NAME_LEN_MAX]> = name.iter().map(u8::to_ascii_lowercase).collect();
        self.by_name.get(&lower[..]).copied()
    }

    /// All rows, in family order.
    pub fn iter(&self) -> impl Iterator<Item = &'static CommandSpec> {
        FAMILIES.iter().flat_map(|family| family.iter())
    }

    /// All rows as [`CommandTable::find`] gives them, each followed by its subcommands.
    pub(crate) fn with_subcommands() -> impl Iterator<Item = &'static CommandSpec> {
        table().by_name.values().flat_map(|spec| std::iter::once(*spec).chain(spec.subcommands))
    }

    /// All rows with their full names, `config|get`; a container is followed by its subcommands.
    pub(crate) fn named_rows() -> impl Iterator<Item = (String, &'static CommandSpec)> {
        table().by_name.values().flat_map(|spec| {
            let subcommands = spec.subcommands.iter();
            let below = subcommands.map(|sub| (format!("{}|{}", spec.name, sub.name), sub));
            std::iter::once((spec.name.to_owned(), *spec)).chain(below)
        })
    }

    /// Number of rows, subcommands included.
    pub(crate) fn rows(&self) -> usize {
        self.numbers.len()
    }

    /// The number of a row that [`CommandTable::find`] gave, or of one of its subcommands; below
    /// [`CommandTable::rows`].
    pub(crate) fn row(&self, spec: &'static CommandSpec) -> usize {
        *self.numbers.get(&address(spec)).expect("the row was found in this table")
    }

    /// Number of commands; subcommands are not counted.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is no command; never.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

impl CommandSpec {
    /// The subcommand with this name, in any case of letters.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static CommandSpec>
    where
        Self: 'static,
    {
        self.subcommands.iter().find(|s| s.name.as_bytes().eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::spec::{Flags, KeyPositions};

    #[test]
    fn names_are_unique_lower_case_and_short() {
        let mut names = BTreeSet::new();
        for spec in table().iter() {
            assert!(names.insert(spec.name), "{} twice", spec.name);
            assert_eq!(spec.name, spec.name.to_ascii_lowercase());
            assert!(spec.name.len() <= NAME_LEN_MAX);
            assert_eq!(
                table().find(spec.name.to_ascii_uppercase().as_bytes()).map(|s| s.name),
                Some(spec.name)
            );
        }
        assert_eq!(names.len(), table().len());
    }

    #[test]
    fn key_positions_lie_inside_the_arity() {
        for spec in table().iter() {
            if let KeyPositions::Range { first, .. } = spec.keys.positions {
                let len_min = spec.arity.wire().unsigned_abs() as usize;
                assert!(spec.arity.accepts(len_min.max(first + 1)), "{}", spec.name);
                assert!(first > 0, "{}", spec.name);
            }
        }
    }

    #[test]
    fn every_row_is_complete() {
        for spec in table().iter().flat_map(|s| std::iter::once(s).chain(s.subcommands)) {
            assert!(spec.summary.ends_with('.'), "{}: {:?}", spec.name, spec.summary);
            let both = Flags::WRITE.union(Flags::READONLY);
            assert!(!spec.flags.contains(both), "{} reads only and writes", spec.name);
        }
    }
}
