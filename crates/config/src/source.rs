//! From a command line and files to lines: arguments, `include`, and the limits on both.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::config::{Config, Loaded};
use crate::error::ConfigError;
use crate::glob;
use crate::line::{Line, Origin, split_words};

/// The longest configuration file, in bytes. A stock redis.conf has 110 KB.
pub const FILE_LEN_MAX: u64 = 4 << 20;
/// How deep files may include one another; the first file is at depth 1.
pub const INCLUDE_DEPTH_MAX: usize = 16;
/// How many files may be read in all.
pub const FILES_MAX: usize = 1_000;

/// The file of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigFile {
    /// A file by its path.
    Path(PathBuf),
    /// `-`: standard input.
    StandardInput,
}

/// A command line as redis-server takes it: `[redis.conf | -] [--name value ...] [-]`.
///
/// The first argument is a file unless it begins with `-`. `--name` begins a directive; the next
/// argument is its first value whatever it looks like, further ones go on until one begins with
/// `--`. Only `--save` may have no value before another option, and then means `save ""`. A `-` as
/// the first or the last argument reads standard input after the file and before the options.
/// Verified against redis-server 7.0.15 by tests/real_server.rs.
///
/// `Debug` shows no value, since one may be a password.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Arguments {
    /// What to read first, if anything.
    pub file: Option<ConfigFile>,
    /// The last argument is `-`: standard input is read after the file.
    standard_input_last: bool,
    /// The directives of the command line, in their order. Not checked yet.
    options: Vec<Words>,
}

/// A directive of the command line, not yet split: the first word is raw text, as in a file.
type Words = Vec<Vec<u8>>;

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arguments(file: {:?}, {} options)", self.file, self.options.len())
    }
}

impl Arguments {
    /// Sorts the arguments, without the program's name. Whether they mean anything is found out by
    /// [`load`].
    pub fn parse<A: Into<OsString>>(args: impl IntoIterator<Item = A>) -> Self {
        let mut args: Vec<Vec<u8>> = args.into_iter().map(|arg| arg.into().into_vec()).collect();
        let file = match args.first().map(Vec::as_slice) {
            Some(b"-") => Some(ConfigFile::StandardInput),
            // An empty first argument stands for no file, as in Redis.
            Some([b'-', ..] | []) | None => None,
            Some(path) => Some(ConfigFile::Path(OsStr::from_bytes(path).into())),
        };
        if file.is_some() || args.first().is_some_and(Vec::is_empty) {
            args.remove(0);
        }
        let standard_input_last = args.pop_if(|last| last == b"-").is_some();
        let mut options: Vec<Words> = Vec::new();
        for arg in args {
            let begins = match options.last() {
                None => true,
                Some(words) => arg.starts_with(b"--") && !takes_any_value(words),
            };
            if begins {
                options.push(Vec::new());
            }
            if let Some(words) = options.last_mut() {
                words.push(arg);
            }
        }
        Self { file, standard_input_last, options }
    }

    fn lines(&self) -> Result<Vec<Line>, ConfigError> {
        let mut lines = Vec::new();
        for words in &self.options {
            let unbalanced = |_| ConfigError::UnbalancedQuotes { origin: Origin::CommandLine };
            let Some((first, values)) = words.split_first() else { continue };
            let mut words = match first.strip_prefix(b"--") {
                // Redis pastes the name into a line of text: `"--hz 20"` and a lone `--` before a
                // name work.
                Some(name) => split_words(name).map_err(unbalanced)?,
                None => vec![first.clone()],
            };
            words.extend_from_slice(values);
            lines.extend(line_from_words(Origin::CommandLine, words));
        }
        Ok(lines)
    }
}

/// Whether the next argument belongs to `words` even if it begins with `--`.
fn takes_any_value(words: &Words) -> bool {
    match words.as_slice() {
        // `"--maxmemory 700mb"` has its value already.
        [name] if name.contains(&b' ') => false,
        [name] => !name.eq_ignore_ascii_case(b"--save") && name.starts_with(b"--"),
        _ => false,
    }
}

/// Reads everything that `arguments` name, the command line last, and builds the configuration.
///
/// Relative paths, of `include` too, are seen from the current directory. `stdin` is read only if
/// the command line says `-`.
///
/// # Errors
///
/// See [`ConfigError`].
pub fn load(arguments: &Arguments, stdin: impl Read) -> Result<Loaded, ConfigError> {
    let mut reader = Reader::default();
    if let Some(ConfigFile::Path(path)) = &arguments.file {
        reader.read_file(path, None)?;
    }
    if arguments.standard_input_last || arguments.file == Some(ConfigFile::StandardInput) {
        let text = read_limited(stdin, Path::new("standard input"), None)?;
        reader.read_text(&text, |line| Origin::StandardInput { line })?;
    }
    reader.lines.extend(arguments.lines()?);
    Config::from_lines(reader.lines)
}

/// Builds the configuration of a file's text, with the files that it includes; relative ones are seen
/// from `base`.
pub(crate) fn load_text(text: &[u8], path: &Path, base: &Path) -> Result<Loaded, ConfigError> {
    let mut reader = Reader { base: base.to_owned(), ..Reader::default() };
    let name = Arc::new(path.to_owned());
    reader.read_text(text, |line| Origin::File { path: Arc::clone(&name), line })?;
    Config::from_lines(reader.lines)
}

/// Splits a text into lines without reading any file: an `include` in it stays a line like the
/// others.
///
/// # Errors
///
/// Only [`ConfigError::UnbalancedQuotes`].
pub fn parse_text(text: &[u8], path: &Path) -> Result<Vec<Line>, ConfigError> {
    let path = Arc::new(path.to_owned());
    text_lines(text, |line| Origin::File { path: Arc::clone(&path), line }).collect()
}

/// The directives of a text: comments and empty lines are left out.
fn text_lines<'a>(
    text: &'a [u8],
    origin: impl Fn(u32) -> Origin + 'a,
) -> impl Iterator<Item = Result<Line, ConfigError>> + 'a {
    text.split(|byte| *byte == b'\n').zip(1u32..).filter_map(move |(line, number)| {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return None;
        }
        match split_words(line) {
            Ok(words) => line_from_words(origin(number), words).map(Ok),
            Err(_) => Some(Err(ConfigError::UnbalancedQuotes { origin: origin(number) })),
        }
    })
}

fn line_from_words(origin: Origin, words: Words) -> Option<Line> {
    let mut words = words.into_iter();
    let name = words.next()?;
    Some(Line { origin, name, args: words.collect() })
}

/// Collects lines and follows `include`.
#[derive(Default)]
struct Reader {
    lines: Vec<Line>,
    /// The files being read, outermost first, in canonical form.
    open: Vec<PathBuf>,
    files_read: usize,
    /// Where relative paths are seen from; empty means the current directory.
    base: PathBuf,
}

impl Reader {
    fn read_file(&mut self, path: &Path, include: Option<&Origin>) -> Result<(), ConfigError> {
        let unreadable = |source| ConfigError::Unreadable {
            origin: include.cloned(),
            path: path.to_owned(),
            source,
        };
        let canonical = fs::canonicalize(path).map_err(unreadable)?;
        if let Some(origin) = include {
            self.check_limits(origin, path, &canonical)?;
        }
        let text = read_limited(File::open(path).map_err(unreadable)?, path, include)?;
        self.files_read += 1;
        self.open.push(canonical);
        let name = Arc::new(path.to_owned());
        self.read_text(&text, |line| Origin::File { path: Arc::clone(&name), line })?;
        self.open.pop();
        Ok(())
    }

    fn check_limits(
        &self,
        origin: &Origin,
        path: &Path,
        canonical: &Path,
    ) -> Result<(), ConfigError> {
        let origin = || origin.clone();
        if self.open.iter().any(|open| open == canonical) {
            return Err(ConfigError::IncludeCycle { origin: origin(), path: path.to_owned() });
        }
        if self.open.len() >= INCLUDE_DEPTH_MAX {
            return Err(ConfigError::IncludeTooDeep { origin: origin() });
        }
        if self.files_read >= FILES_MAX {
            return Err(ConfigError::TooManyFiles { origin: origin() });
        }
        Ok(())
    }

    fn read_text(
        &mut self,
        text: &[u8],
        origin: impl Fn(u32) -> Origin,
    ) -> Result<(), ConfigError> {
        for line in text_lines(text, origin) {
            let line = line?;
            match line.args.as_slice() {
                [pattern] if line.name.eq_ignore_ascii_case(b"include") => {
                    self.include(pattern, &line.origin)?;
                }
                // A wrong number of arguments is found out with all other values.
                _ => self.lines.push(line),
            }
        }
        Ok(())
    }

    /// Reads the files that `pattern` matches, in the order of their names; a plain name must
    /// exist.
    fn include(&mut self, pattern: &[u8], origin: &Origin) -> Result<(), ConfigError> {
        let path = &self.base.join(OsStr::from_bytes(pattern));
        if !glob::is_pattern(pattern) {
            return self.read_file(path, Some(origin));
        }
        let matched = expand(path).map_err(|source| ConfigError::Unreadable {
            origin: Some(origin.clone()),
            path: path.to_owned(),
            source,
        })?;
        matched.iter().try_for_each(|path| self.read_file(path, Some(origin)))
    }
}

/// The paths that match `pattern`, sorted. A directory that is not there matches nothing; one that
/// may not be read is an error, for files that were meant must not be missed in silence.
fn expand(pattern: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let Component::Normal(name) = component else {
            extend_all(&mut found, component.as_os_str());
            continue;
        };
        if !glob::is_pattern(name.as_bytes()) {
            extend_all(&mut found, name);
            found.retain(|path| fs::symlink_metadata(path).is_ok());
            continue;
        }
        let mut next = Vec::new();
        for directory in &found {
            next.extend(entries_matching(directory, name.as_bytes())?);
        }
        next.sort();
        found = next;
    }
    Ok(found)
}

fn extend_all(paths: &mut [PathBuf], component: &OsStr) {
    for path in paths {
        path.push(component);
    }
}

fn entries_matching(directory: &Path, pattern: &[u8]) -> io::Result<Vec<PathBuf>> {
    let shown = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let entries = match fs::read_dir(shown) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(e) => return Err(e),
    };
    let mut matching = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        // As in a shell, a hidden file is matched only by a pattern that begins with a dot.
        let hidden = name.as_bytes().starts_with(b".") && !pattern.starts_with(b".");
        if !hidden && glob::matches(pattern, name.as_bytes(), false) {
            matching.push(directory.join(name));
        }
    }
    Ok(matching)
}

fn read_limited(
    source: impl Read,
    path: &Path,
    include: Option<&Origin>,
) -> Result<Vec<u8>, ConfigError> {
    let mut text = Vec::new();
    source.take(FILE_LEN_MAX + 1).read_to_end(&mut text).map_err(|source| {
        ConfigError::Unreadable { origin: include.cloned(), path: path.to_owned(), source }
    })?;
    if text.len() as u64 > FILE_LEN_MAX {
        return Err(ConfigError::FileTooLong { path: path.to_owned() });
    }
    Ok(text)
}
