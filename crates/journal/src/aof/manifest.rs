//! Which files the log is made of.
//!
//! One line per file: `file <name> seq <number> type <b|i|h>`, where a name with unusual bytes is
//! quoted. `b` is the base (at most one), `i` an increment (in ascending order), `h` history, that
//! is, a file that only waits to be deleted. Lines that begin with `#` are comments.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use super::load::LoadError;
use crate::snapshot::SnapshotFile;
use crate::storage::{FileReader, OpenMode, Storage, join};

/// The largest manifest that is read: thousands of files.
const MANIFEST_LEN_MAX: u64 = 1024 * 1024;
/// Redis refuses longer lines.
const LINE_LEN_MAX: usize = 1_023;

/// Where the log lives: the directives `appenddirname` and `appendfilename`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AofLayout {
    /// The directory, relative to the storage's root.
    pub dir: String,
    /// What all names begin with.
    pub name: String,
}

impl Default for AofLayout {
    /// `appendonlydir` and `appendonly.aof`.
    fn default() -> Self {
        Self { dir: "appendonlydir".to_owned(), name: "appendonly.aof".to_owned() }
    }
}

impl AofLayout {
    /// The path of a file of the log.
    pub fn path(&self, file: &str) -> String {
        join(&self.dir, file)
    }

    /// The name of the manifest.
    pub fn manifest(&self) -> String {
        format!("{}.manifest", self.name)
    }

    pub(crate) fn base(&self, seq: u64) -> String {
        format!("{}.{seq}.base.rdb", self.name)
    }

    pub(crate) fn incr(&self, seq: u64) -> String {
        format!("{}.{seq}.incr.aof", self.name)
    }

    /// The sequence numbers in a name of ours: that of a base, or that of an increment.
    pub(crate) fn seq_of(&self, file: &str) -> Option<u64> {
        let rest = file.strip_prefix(&self.name)?.strip_prefix('.')?;
        let (seq, kind) = rest.split_once('.')?;
        matches!(kind, "base.rdb" | "base.aof" | "incr.aof").then(|| seq.parse().ok())?
    }

    pub(crate) fn temp_manifest(&self) -> String {
        format!("temp-{}.manifest", self.name)
    }

    /// Present while a sync has failed and no new base made up for it. It need not be durable: a
    /// loss of power takes the doubtful pages with it.
    pub(crate) fn doubt(&self) -> String {
        format!("{}.sync-failed", self.name)
    }

    pub(crate) fn temp_base(&self) -> String {
        format!("temp-{}.base.rdb", self.name)
    }
}

/// A file of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AofFile {
    /// Its name inside the directory, never a path.
    pub name: String,
    /// Its number among files of its kind.
    pub seq: u64,
}

/// The files of the log, in the order in which they are replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The data at one moment.
    pub base: Option<AofFile>,
    /// What happened since; invariant: ascending `seq`.
    pub incrs: Vec<AofFile>,
    /// What waits to be deleted.
    pub history: Vec<AofFile>,
}

/// Why a manifest was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ManifestError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl Manifest {
    /// Reads the text of a manifest.
    ///
    /// # Errors
    ///
    /// With the line, for anything that Redis would not accept, and for a file without any entry.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let mut manifest = Self::default();
        let mut number = 0;
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            number = index + 1;
            let fail = |what| ManifestError { line: number, what };
            // An entry cut off in the middle could pass for another one.
            let line = line
                .strip_suffix(b"\n")
                .ok_or(fail("Invalid AOF manifest file format: the last line has no end"))?;
            if line.len() > LINE_LEN_MAX {
                return Err(fail("The AOF manifest file contains too long line"));
            }
            let line = line.trim_ascii();
            if line.is_empty() {
                return Err(fail("Invalid AOF manifest file format: an empty line"));
            }
            if line[0] != b'#' {
                manifest.add(line).map_err(fail)?;
            }
        }
        if manifest == Self::default() {
            return Err(ManifestError {
                line: number,
                what: "Found an empty AOF manifest: no file is listed",
            });
        }
        Ok(manifest)
    }

    fn add(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let words = split_words(line)?;
        if words.len() < 6 || !words.len().is_multiple_of(2) {
            return Err(
                "Invalid AOF manifest file format: expected `file <name> seq <number> type <b|i|h>`",
            );
        }
        let (mut name, mut seq, mut kind) = (None, None, None);
        for pair in words.chunks_exact(2) {
            let value = pair[1].as_str();
            match pair[0].to_ascii_lowercase().as_str() {
                "file" => name = Some(value),
                "seq" => seq = value.parse().ok().filter(|seq| *seq > 0_u64),
                "type" => kind = Some(value),
                // Later versions may say more about a file.
                _ => {}
            }
        }
        let name = name.ok_or("Invalid AOF manifest file format: an entry without a file name")?;
        if name.is_empty() || name == "." || name == ".." || name.contains('/') {
            return Err(
                "Invalid AOF manifest file format: a file name should be a name in the log's own directory",
            );
        }
        let seq = seq.ok_or("Invalid AOF manifest file format: `seq` takes a number above 0")?;
        let file = AofFile { name: name.to_owned(), seq };
        if entry(&file, 'b').len() > LINE_LEN_MAX {
            return Err("a file's name is too long for a line that can be written and read again");
        }
        match kind {
            Some("b") if self.base.is_some() => {
                return Err("Found duplicate base file information");
            }
            Some("b") => self.base = Some(file),
            Some("h") => self.history.push(file),
            Some("i") if self.incrs.last().is_some_and(|last| last.seq >= seq) => {
                return Err(
                    "Found a non-monotonic sequence number: increments are in ascending order",
                );
            }
            Some("i") => self.incrs.push(file),
            _ => return Err("Unknown AOF file type: `type` is b, i or h"),
        }
        Ok(())
    }

    /// The text of the manifest, as Redis writes it.
    pub fn render(&self) -> String {
        let base = self.base.iter().map(|file| (file, 'b'));
        let history = self.history.iter().map(|file| (file, 'h'));
        let incrs = self.incrs.iter().map(|file| (file, 'i'));
        let mut text = String::new();
        for (file, kind) in base.chain(history).chain(incrs) {
            let _ = writeln!(text, "{}", entry(file, kind));
        }
        text
    }

    /// The files to replay, in order.
    pub fn live(&self) -> impl Iterator<Item = &AofFile> {
        self.base.iter().chain(&self.incrs)
    }

    /// Reads the manifest from its file; `None` when there is none.
    pub fn read(storage: &dyn Storage, layout: &AofLayout) -> Result<Option<Self>, LoadError> {
        let path = layout.path(&layout.manifest());
        let io = |source| LoadError::Io { file: path.clone(), source };
        if !storage.exists(&path).map_err(io)? {
            return Ok(None);
        }
        let file = storage.open(&path, OpenMode::Read).map_err(io)?;
        let mut text = Vec::new();
        FileReader::new(file).take(MANIFEST_LEN_MAX + 1).read_to_end(&mut text).map_err(io)?;
        let parsed = if text.len() as u64 > MANIFEST_LEN_MAX {
            Err(ManifestError { line: 1, what: "the file is too long for a manifest" })
        } else {
            Self::parse(&text)
        };
        parsed.map(Some).map_err(|source| LoadError::Manifest { file: path.clone(), source })
    }

    /// Makes this the manifest, atomically and durably.
    ///
    /// # Errors
    ///
    /// After an error the manifest on disk is the old one or this one; every file that either names
    /// must stay.
    pub fn persist(&self, storage: &Arc<dyn Storage>, layout: &AofLayout) -> io::Result<()> {
        let mut file =
            SnapshotFile::create(Arc::clone(storage), &layout.dir, &layout.temp_manifest())?;
        file.write_all(self.render().as_bytes())?;
        file.commit(&layout.manifest()).map(drop)
    }
}

/// Finds the log; `None` when there is none, neither of Redis 7 nor of an older one. Changes nothing.
///
/// The single file of Redis 6 and older (`appendonly.aof` in the root) is the base of a manifest
/// that is not on the disk yet: [`load`](super::load) reads the file where it is, and only
/// [`Journal::resume`](crate::log::Journal::resume), when everything could be loaded, moves it.
pub fn open_manifest(
    storage: &Arc<dyn Storage>,
    layout: &AofLayout,
) -> Result<Option<Manifest>, LoadError> {
    let manifest = Manifest::read(&**storage, layout)?;
    let old = of_old(layout);
    let io = |source| LoadError::Io { file: layout.name.clone(), source };
    match manifest {
        None if storage.exists(&layout.name).map_err(io)? => Ok(Some(old)),
        // With a manifest, a file of that name in the root is not part of the log, or it is the one
        // whose move was cut short.
        other => Ok(other),
    }
}

/// What the single file of Redis 6 and older is, once it is taken over.
fn of_old(layout: &AofLayout) -> Manifest {
    let base = Some(AofFile { name: layout.name.clone(), seq: 1 });
    Manifest { base, ..Manifest::default() }
}

/// The path of a file of the log, wherever it lies: one that is being taken over is still in the
/// root.
pub(super) fn place_of(
    storage: &dyn Storage,
    layout: &AofLayout,
    manifest: &Manifest,
    file: &AofFile,
) -> io::Result<String> {
    let path = layout.path(&file.name);
    let in_root = *manifest == of_old(layout) && !storage.exists(&path)?;
    Ok(if in_root { layout.name.clone() } else { path })
}

/// Moves the single file of Redis 6 and older into the log's directory, as Redis 7 does it; one that
/// is there already stays. A crash on the way is made good by the next start.
pub(crate) fn take_over(
    storage: &Arc<dyn Storage>,
    layout: &AofLayout,
    manifest: &Manifest,
) -> io::Result<()> {
    let moved = layout.path(&layout.name);
    if *manifest != of_old(layout) || storage.exists(&moved)? {
        return Ok(());
    }
    storage.create_dir(&layout.dir)?;
    storage.sync_dir("")?;
    manifest.persist(storage, layout)?;
    storage.rename(&layout.name, &moved)?;
    storage.sync_dir(&layout.dir)?;
    storage.sync_dir("")
}

/// The line of a file, without its end.
fn entry(file: &AofFile, kind: char) -> String {
    format!("file {} seq {} type {kind}", quoted(&file.name), file.seq)
}

fn quoted(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if name.bytes().all(plain) {
        return name.to_owned();
    }
    let mut out = String::from("\"");
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x07 => out.push_str("\\a"),
            0x08 => out.push_str("\\b"),
            0x20..=0x7e => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
    out
}

/// Splits a line at spaces; double quotes know escapes, single quotes only `\'`.
fn split_words(line: &[u8]) -> Result<Vec<String>, &'static str> {
    const OPEN: &str = "a quote is not closed, or not followed by a space";
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while let Some(&first) = rest.first() {
        let mut word = Vec::new();
        if first == b'"' || first == b'\'' {
            rest = quoted_word(&rest[1..], first, &mut word).ok_or(OPEN)?;
            if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                return Err(OPEN);
            }
        } else {
            let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            word.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
        words.push(String::from_utf8(word).map_err(|_| "a file name should be UTF-8")?);
        rest = rest.trim_ascii_start();
    }
    Ok(words)
}

/// Takes a word up to its closing quote; returns what follows it.
fn quoted_word<'a>(mut rest: &'a [u8], quote: u8, word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        if byte == quote {
            return Some(rest);
        }
        if byte != b'\\' || (quote == b'\'' && rest.first() != Some(&b'\'')) {
            word.push(byte);
            continue;
        }
        let (&escaped, after) = rest.split_first()?;
        rest = after;
        word.push(match escaped {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 0x07,
            b'b' => 0x08,
            b'x' => match rest.get(..2).and_then(hex) {
                Some(byte) => {
                    rest = &rest[2..];
                    byte
                }
                None => b'x',
            },
            other => other,
        });
    }
}

fn hex(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    Some((value(digits[0])? << 4 | value(digits[1])?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, seq: u64) -> AofFile {
        AofFile { name: name.to_owned(), seq }
    }

    #[test]
    fn a_manifest_comes_back_as_it_was_written() {
        for name in ["appendonly.aof", "with space", "quo\"te'\\", "n\u{e9}\n\u{7}\u{1}", "#x"] {
            let manifest = Manifest {
                base: Some(file(&format!("{name}.1.base.rdb"), 1)),
                incrs: vec![file(&format!("{name}.2.incr.aof"), 2), file(name, 3)],
                history: vec![file(name, 1)],
            };
            assert_eq!(Manifest::parse(manifest.render().as_bytes()).unwrap(), manifest);
        }
    }

    #[test]
    fn comments_order_and_unknown_words_are_tolerated() {
        let text = b"# a comment\nfile a seq 2 type i startoffset 7\nseq 1 type b file 'it\\'s'\n";
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.base, Some(file("it's", 1)));
        assert_eq!(manifest.incrs, [file("a", 2)]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line) in [
            ("", 0),
            ("# only a comment\n", 1),
            ("file a seq 1 type b", 1),
            ("file a seq 1 type b\n\n", 2),
            ("file a seq 1 type b\nfile b seq 2 type b\n", 2),
            ("file a seq 2 type i\nfile b seq 2 type i\n", 2),
            ("file a seq 0 type b\n", 1),
            ("file a seq x type b\n", 1),
            ("file a seq 1 type z\n", 1),
            ("file a seq 1 type\n", 1),
            ("file ../a seq 1 type b\n", 1),
            ("file .. seq 1 type b\n", 1),
            ("file \"a seq 1 type b\n", 1),
            ("file \"a\"b seq 1 type b\n", 1),
            (&format!("#{}\n", "x".repeat(LINE_LEN_MAX - 1)), 1),
            // Found by the fuzzer: four bytes each where they are written again.
            (&format!("file {} seq 1 type b\n", "\0".repeat(LINE_LEN_MAX / 4)), 1),
        ] {
            let error = Manifest::parse(text.as_bytes()).expect_err(text);
            assert_eq!(error.line, line, "{text:?}: {error}");
        }
    }

    #[test]
    fn any_bytes_are_a_manifest_or_an_error() {
        let sound = b"file \"a\\x41\\\"\" seq 1 type b\nfile 'b' seq 2 type i\n";
        for at in 0..sound.len() {
            let _ = Manifest::parse(&sound[..at]);
            for byte in 0..=255 {
                let mut damaged = sound.to_vec();
                damaged[at] = byte;
                let _ = Manifest::parse(&damaged);
            }
        }
    }
}
