//! One selector: commands, keys and channels that are allowed together.

use smallvec::SmallVec;

use crate::spec::CommandSpec;
use crate::table::{CommandTable, table};

/// What a key pattern allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyRights {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl KeyRights {
    pub(crate) const BOTH: KeyRights = KeyRights { read: true, write: true };

    /// Whether these rights are enough for `needed`.
    pub(crate) fn cover(self, needed: KeyRights) -> bool {
        (self.read || !needed.read) && (self.write || !needed.write)
    }
}

/// A pattern of keys and what may be done with those that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyPattern {
    pub(crate) rights: KeyRights,
    pub(crate) pattern: Vec<u8>,
}

/// A set of rows of the command table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rows(SmallVec<[u64; 8]>);

impl Rows {
    fn none() -> Rows {
        Rows(SmallVec::from_elem(0, table().rows().div_ceil(64)))
    }

    fn all() -> Rows {
        Rows(SmallVec::from_elem(u64::MAX, table().rows().div_ceil(64)))
    }

    fn contains(&self, row: usize) -> bool {
        self.0[row / 64] & (1 << (row % 64)) != 0
    }

    fn set(&mut self, row: usize, allowed: bool) {
        let bit = 1 << (row % 64);
        if allowed {
            self.0[row / 64] |= bit;
        } else {
            self.0[row / 64] &= !bit;
        }
    }
}

/// A rule about commands as it is shown: its name without the sign, and the sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShownRule {
    pub(super) allows: bool,
    /// `get`, `config|get`, `select|0` or `@read`.
    pub(super) name: String,
}

/// Commands, keys and channels that are allowed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    rows: Rows,
    /// Commands without subcommands that are allowed only with this first argument.
    first_args: Vec<(usize, Vec<u8>)>,
    /// Whether everything was allowed before `shown` began to count.
    pub(super) begins_with_all: bool,
    pub(super) shown: Vec<ShownRule>,
    pub(super) all_keys: bool,
    pub(super) keys: Vec<KeyPattern>,
    pub(super) all_channels: bool,
    pub(super) channels: Vec<Vec<u8>>,
}

impl Selector {
    /// Nothing is allowed.
    pub(super) fn nothing() -> Selector {
        Selector {
            rows: Rows::none(),
            first_args: Vec::new(),
            begins_with_all: false,
            shown: Vec::new(),
            all_keys: false,
            keys: Vec::new(),
            all_channels: false,
            channels: Vec::new(),
        }
    }

    /// Everything is allowed.
    pub(super) fn everything() -> Selector {
        Selector {
            rows: Rows::all(),
            begins_with_all: true,
            all_keys: true,
            all_channels: true,
            ..Selector::nothing()
        }
    }

    /// Whether nothing at all is denied.
    pub(super) fn is_everything(&self) -> bool {
        self.begins_with_all && self.shown.is_empty() && self.all_keys && self.all_channels
    }

    /// `+@all` and `-@all`.
    pub(super) fn set_all(&mut self, allowed: bool) {
        self.rows = if allowed { Rows::all() } else { Rows::none() };
        self.first_args.clear();
        self.begins_with_all = allowed;
        self.shown.clear();
    }

    /// `+name` and `-name`: the row, and its subcommands.
    pub(super) fn set_row(&mut self, spec: &'static CommandSpec, allowed: bool) {
        for row in std::iter::once(spec).chain(spec.subcommands) {
            let row = table().row(row);
            self.rows.set(row, allowed);
            self.first_args.retain(|(other, _)| *other != row);
        }
    }

    /// `+@category` and `-@category`.
    pub(super) fn set_rows(&mut self, is_meant: impl Fn(&CommandSpec) -> bool, allowed: bool) {
        for spec in CommandTable::with_subcommands().filter(|spec| is_meant(spec)) {
            let row = table().row(spec);
            self.rows.set(row, allowed);
            self.first_args.retain(|(other, _)| *other != row);
        }
    }

    /// `+name|argument` for a command without subcommands.
    pub(super) fn allow_first_arg(&mut self, spec: &'static CommandSpec, arg: &[u8]) {
        let entry = (table().row(spec), arg.to_ascii_lowercase());
        if !self.first_args.contains(&entry) {
            self.first_args.push(entry);
        }
    }

    /// Keeps the rules about commands in the order in which they were given, each name once; a
    /// command replaces what was said of its subcommands.
    pub(super) fn show(&mut self, allows: bool, name: String) {
        let below = format!("{name}|");
        self.shown.retain(|rule| rule.name != name && !rule.name.starts_with(&below));
        self.shown.push(ShownRule { allows, name });
    }

    /// Whether the command may run with these arguments.
    pub(super) fn allows_command(&self, spec: &'static CommandSpec, args: &[&[u8]]) -> bool {
        let row = table().row(spec);
        self.rows.contains(row)
            || self.first_args.iter().any(|(allowed, first)| {
                *allowed == row && args.get(1).is_some_and(|arg| arg.eq_ignore_ascii_case(first))
            })
    }

    /// Whether a key may be used in this way.
    pub(crate) fn allows_key(&self, key: &[u8], needed: KeyRights) -> bool {
        self.all_keys
            || self.keys.iter().any(|allowed| {
                allowed.rights.cover(needed)
                    && guarda_store::glob_match(&allowed.pattern, key, false)
            })
    }

    /// Whether every key may be used in this way.
    pub(crate) fn allows_all_keys(&self, needed: KeyRights) -> bool {
        self.all_keys
            || self
                .keys
                .iter()
                .any(|allowed| allowed.rights.cover(needed) && allowed.pattern == b"*")
    }

    /// Whether a channel may be used; a pattern must be one that the rules have, letter for letter.
    pub(crate) fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.all_channels
            || self.channels.iter().any(|allowed| {
                if is_pattern {
                    allowed == channel
                } else {
                    guarda_store::glob_match(allowed, channel, false)
                }
            })
    }
}
