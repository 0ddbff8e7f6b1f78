//! The configuration as a whole: built from lines, asked by `CONFIG GET`, changed by `CONFIG SET`.

use std::ops::Deref;
use std::path::Path;

use crate::error::{ConfigError, ConfigSetError, Warning, shown_name};
use crate::glob;
use crate::kind::{Kind, shown};
use crate::line::{Line, Origin};
use crate::settings::Settings;
use crate::suggest;
use crate::table::{self, Directive, Runtime, Status, directives};
use crate::value::Value;

/// A valid configuration.
///
/// The typed settings are read by `Deref` (`config.port`). Invariant: they are what the values by
/// name say, which is why they change together, and only by [`Config::config_set`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// One for each row of the table, in its order.
    slots: Vec<Slot>,
    settings: Settings,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    value: Value,
    /// The last line that gave the value; nothing while it is the default or since `CONFIG SET`.
    origin: Option<Origin>,
}

/// A configuration and what the log should say about it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// At most one for each directive.
    pub warnings: Vec<Warning>,
}

/// What a `CONFIG SET` would make of the configuration; see [`Config::propose`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Proposal {
    /// The configuration with all changes.
    pub config: Config,
    /// What changed and what to log.
    pub applied: Applied,
}

/// What a `CONFIG SET` changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// Directives whose value is another one now, by their main name.
    pub changed: Vec<&'static str>,
    /// At most one for each directive.
    pub warnings: Vec<Warning>,
}

impl Default for Config {
    /// Every directive at its default.
    fn default() -> Self {
        let slots: Vec<Slot> =
            directives().map(|row| Slot { value: row.default_value(), origin: None }).collect();
        let settings = settings_of(&slots);
        Self { slots, settings }
    }
}

impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

impl Config {
    /// Builds a configuration from lines in their order: a later one overrides an earlier one,
    /// except that `save` adds up and `client-output-buffer-limit` changes the classes it names.
    ///
    /// # Errors
    ///
    /// The first line that is not understood, or else the first directive of the table that asks
    /// for something Guarda does not have.
    pub fn from_lines(lines: impl IntoIterator<Item = Line>) -> Result<Loaded, ConfigError> {
        let mut config = Self::default();
        for line in lines {
            config.take_line(line)?;
        }
        config.refuse_what_is_absent()?;
        config.settings = settings_of(&config.slots);
        let warnings =
            directives().zip(&config.slots).filter_map(|(row, slot)| warning(row, slot)).collect();
        Ok(Loaded { config, warnings })
    }

    fn take_line(&mut self, line: Line) -> Result<(), ConfigError> {
        let Some((index, row)) = table::find(&line.name) else {
            let name = shown_name(&line.name);
            let nearest = suggest::nearest(&name, directives().flat_map(Directive::names));
            return Err(ConfigError::Unknown { origin: line.origin, name, nearest });
        };
        let slot = &mut self.slots[index];
        let new =
            row.kind.parse(&line.args, Some(&slot.value)).map_err(|_| ConfigError::BadValue {
                origin: line.origin.clone(),
                name: shown_name(&line.name),
                expected: row.kind.expects(),
                got: shown(row.kind, &line.args),
                hint: row.hint,
            })?;
        slot.value = slot.value.followed_by(new, slot.origin.is_none());
        slot.origin = Some(line.origin);
        Ok(())
    }

    fn refuse_what_is_absent(&self) -> Result<(), ConfigError> {
        for (row, slot) in directives().zip(&self.slots) {
            if let (Status::Refused(why), Some(origin)) = (row.status, &slot.origin)
                && differs_from_default(row, &slot.value)
            {
                let origin = origin.clone();
                return Err(ConfigError::NotSupported { origin, name: row.name, why });
            }
        }
        Ok(())
    }

    /// `CONFIG GET`: names and values, in the order of the patterns and then of the table.
    ///
    /// A pattern without `*`, `?` or `[` is a name in any case, answered under the name as asked. A
    /// glob finds names and aliases, which are answered as they are. No name comes twice. Secrets
    /// are included, as in Redis: the caller checks who asks.
    pub fn config_get<P: AsRef<[u8]>>(
        &self,
        patterns: impl IntoIterator<Item = P>,
    ) -> Vec<(String, Vec<u8>)> {
        let mut found: Vec<(String, Vec<u8>)> = Vec::new();
        let mut add = |name: &str, value: &Value| {
            if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                found.push((name.to_owned(), value.to_wire()));
            }
        };
        for pattern in patterns {
            let pattern = pattern.as_ref();
            if !glob::is_pattern(pattern) {
                if let Some((index, row)) = table::find(pattern)
                    && row.has_value()
                {
                    add(&String::from_utf8_lossy(pattern), &self.slots[index].value);
                }
                continue;
            }
            let shown = |row: &Directive| row.has_value() && !row.hidden;
            for (row, slot) in directives().zip(&self.slots).filter(|(row, _)| shown(row)) {
                for name in row.names().filter(|n| glob::matches(pattern, n.as_bytes(), true)) {
                    add(name, &slot.value);
                }
            }
        }
        found
    }

    /// `CONFIG SET` by one who may not change what is protected: changes all of `pairs` or, on an
    /// error, nothing.
    ///
    /// # Errors
    ///
    /// As [`Config::propose`].
    pub fn config_set<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        pairs: &[(N, V)],
    ) -> Result<Applied, ConfigSetError> {
        let proposal = self.propose(pairs, false)?;
        *self = proposal.config;
        Ok(proposal.applied)
    }

    /// What `CONFIG SET` would make of this configuration, for a server that must first put the
    /// change into effect and may fail in that; it then answers [`ConfigSetError::failed`] and
    /// keeps the old configuration. `may_change_protected` is what `enable-protected-configs` says to
    /// the one who asks.
    ///
    /// # Errors
    ///
    /// As Redis 7.0: names are looked at first, in their order (unknown, not changeable, given
    /// twice), values afterwards. What only start-up refuses (`replicaof`) is refused here too.
    pub fn propose<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        pairs: &[(N, V)],
        may_change_protected: bool,
    ) -> Result<Proposal, ConfigSetError> {
        let rows = changeable_rows(pairs, may_change_protected)?;
        let mut config = self.clone();
        for ((argument, value), (index, row)) in pairs.iter().zip(&rows) {
            let argument = argument.as_ref();
            let slot = &mut config.slots[*index];
            let new = row
                .kind
                .parse_set(value.as_ref(), &slot.value)
                .map_err(|reason| ConfigSetError::bad_value(argument, row.name, &reason))?;
            if let Status::Refused(why) = row.status
                && differs_from_default(row, &new)
            {
                let reason = format!("not supported yet: {why}");
                return Err(ConfigSetError::failed(argument, reason));
            }
            *slot = Slot { value: new, origin: None };
        }
        config.settings = settings_of(&config.slots);
        let mut changed: Vec<_> = rows
            .iter()
            .filter(|(index, _)| config.slots[*index].value != self.slots[*index].value)
            .map(|(index, row)| (*index, *row))
            .collect();
        changed.sort_by_key(|(index, _)| *index);
        changed.dedup_by_key(|(index, _)| *index);
        let warnings =
            changed.iter().filter_map(|(index, row)| warning(row, &config.slots[*index])).collect();
        let changed = changed.iter().map(|(_, row)| row.name).collect();
        Ok(Proposal { config, applied: Applied { changed, warnings } })
    }

    /// The directives whose values are others than in `other`.
    pub(crate) fn differing(&self, other: &Config) -> Vec<&'static Directive> {
        let pairs = self.slots.iter().zip(&other.slots);
        let rows = directives().zip(pairs).filter(|(row, _)| row.has_value());
        rows.filter(|(_, (ours, theirs))| ours.value != theirs.value).map(|(row, _)| row).collect()
    }

    /// The value of a directive.
    pub(crate) fn value_of(&self, row: &Directive) -> &Value {
        let (index, _) = table::find(row.name.as_bytes()).expect("a row of the table");
        &self.slots[index].value
    }

    /// Makes `dir` absolute, as seen from the directory `current`, so that `CONFIG GET dir` shows
    /// what Redis would.
    pub fn make_dir_absolute(&mut self, current: &Path) {
        let joined: std::path::PathBuf = current.join(&self.settings.dir).components().collect();
        let (index, _) = table::find(b"dir").expect("`dir` is in the table");
        // A path that is not UTF-8 cannot have come from the configuration; `CONFIG GET` shows it
        // roughly.
        self.slots[index].value = Value::Text(joined.to_string_lossy().into_owned());
        self.settings.dir = joined;
    }
}

/// Looks the names up; fails at the first that is unknown, not changeable or there twice.
fn changeable_rows<N: AsRef<[u8]>, V>(
    pairs: &[(N, V)],
    may_change_protected: bool,
) -> Result<Vec<(usize, &'static Directive)>, ConfigSetError> {
    let mut rows = Vec::with_capacity(pairs.len());
    for (position, (argument, _)) in pairs.iter().enumerate() {
        let argument = argument.as_ref();
        let (index, row) = table::find(argument)
            .filter(|(_, row)| row.has_value())
            .ok_or_else(|| ConfigSetError::unknown(argument))?;
        let reason = match row.runtime {
            Runtime::Immutable => Some("can't set immutable config"),
            Runtime::Protected if !may_change_protected => Some("can't set protected config"),
            Runtime::Protected | Runtime::Mutable => None,
        };
        if let Some(reason) = reason {
            return Err(ConfigSetError::failed(argument, reason));
        }
        // Two names of one directive are not a duplicate in Redis: the last one wins.
        let same = |(other, _): &(N, V)| other.as_ref().eq_ignore_ascii_case(argument);
        if pairs[..position].iter().any(same) {
            return Err(ConfigSetError::failed(argument, "duplicate parameter"));
        }
        rows.push((index, row));
    }
    Ok(rows)
}

fn settings_of(slots: &[Slot]) -> Settings {
    Settings::new(|name| {
        let (index, _) = table::find(name.as_bytes()).expect("settings name rows of the table");
        &slots[index].value
    })
}

/// Whether a value that was given says something else than the default. A directive without a value
/// always does.
fn differs_from_default(row: &Directive, value: &Value) -> bool {
    matches!(row.kind, Kind::FileOnly { .. }) || *value != row.default_value()
}

/// The warning that a value deserves, if any.
fn warning(row: &'static Directive, slot: &Slot) -> Option<Warning> {
    let given = slot.origin.is_some() || row.has_value();
    let text = match row.status {
        Status::AcceptedIgnored(why) if given && differs_from_default(row, &slot.value) => {
            format!("accepted, but changes nothing: {why}")
        }
        _ => row.caveat.and_then(|caveat| caveat(&slot.value))?.to_owned(),
    };
    Some(Warning { origin: slot.origin.clone(), name: row.name, text })
}
