//! Replays the log at start.

use std::error::Error;
use std::io::{self, Read};
use std::sync::Arc;

use super::manifest::{AofLayout, Manifest, ManifestError, place_of};
use super::record::{Record, RecordFault, read_record, swallows_records};
use crate::rdb::{RdbEntry, RdbError, RdbEvent, RdbReader};
use crate::storage::{FileHandle, FileReader, OpenMode, Storage};
use guarda_rdb::input::Input;

/// How much of a torn end is searched for records that a damaged length swallowed.
const TAIL_SEARCH_MAX: u64 = 64 * 1024 * 1024;
/// How the names of bases end that are snapshots, Redis's too.
const BASE_END: &str = ".base.rdb";
/// Progress is told each time that this much was read.
const PROGRESS_EVERY: u64 = 2 * 1024 * 1024;

/// Why the caller could not apply something; loading stops with it.
pub type ApplyError = Box<dyn Error + Send + Sync>;

/// One thing to apply. Databases are given with each, so that no state has to be kept.
#[derive(Debug)]
pub enum LoadEvent<'a> {
    /// A key from a snapshot. It may have expired long ago.
    Entry {
        /// Its database.
        db: u32,
        /// The key and its value.
        entry: RdbEntry,
    },
    /// About how many keys of a database follow. A hint from the file: cap it before reserving.
    Sizes {
        /// The database.
        db: u32,
        /// All its keys.
        keys: u64,
        /// Those with an expiry.
        expires: u64,
    },
    /// A library of functions.
    FunctionLibrary(Vec<u8>),
    /// A command of the log. Those of a transaction come after its EXEC was seen, in order; SELECT,
    /// MULTI and EXEC themselves do not come.
    Command {
        /// The database that was selected.
        db: u32,
        /// Name and arguments; never empty.
        args: &'a [Vec<u8>],
    },
}

/// Who applies. A closure `FnMut(LoadEvent) -> Result<(), ApplyError>` is one.
pub trait LoadSink {
    /// Applies one thing.
    ///
    /// # Errors
    ///
    /// Loading stops, and reports the error with file and offset.
    fn apply(&mut self, event: LoadEvent<'_>) -> Result<(), ApplyError>;

    /// Told now and then how many bytes of how many were read.
    fn progress(&mut self, _done: u64, _total: u64) {}
}

impl<F: FnMut(LoadEvent<'_>) -> Result<(), ApplyError>> LoadSink for F {
    fn apply(&mut self, event: LoadEvent<'_>) -> Result<(), ApplyError> {
        self(event)
    }
}

/// How to load.
#[derive(Debug, Clone, Copy)]
pub struct LoadOptions {
    /// Cut a torn end (`aof-load-truncated`), or refuse it.
    pub cut_torn_end: bool,
    /// Compare the checksum of snapshots (`rdbchecksum`).
    pub verify_checksum: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { cut_torn_end: true, verify_checksum: true }
    }
}

/// A torn end that was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub file: String,
    /// Its length now.
    pub kept: u64,
    /// How many bytes are gone.
    pub removed: u64,
}

/// What was loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Keys from snapshots.
    pub entries: u64,
    /// Commands.
    pub commands: u64,
    /// Bytes read.
    pub bytes: u64,
    /// The end that was torn, which the operator must be told of.
    pub cut: Option<Cut>,
}

/// Why nothing could be loaded. The texts say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The manifest is not one.
    #[error("{file}: {source}")]
    Manifest {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The disk failed.
    #[error("{file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// The disk's error.
        source: io::Error,
    },
    /// A file of the manifest is not there.
    #[error("{file} is named by the manifest: No such file or directory")]
    Missing {
        /// The file.
        file: String,
    },
    /// A snapshot is damaged, or holds what this server does not keep.
    #[error("{file}: {source}; `redis-check-rdb` shows more")]
    Rdb {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: RdbError,
    },
    /// The log is damaged.
    #[error(
        "{file}: Bad file format reading the append only file at byte {offset}: {what}; make a copy, then `redis-check-aof --fix` cuts the log there"
    )]
    Damaged {
        /// The file.
        file: String,
        /// Where the record begins.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The end is torn where it may not be: in a file that others follow, or with
    /// `aof-load-truncated no`.
    #[error(
        "{file}: Unexpected end of file reading the append only file: the record at byte {offset} is not whole; `aof-load-truncated yes` cuts it off at the end of the last file, elsewhere `redis-check-aof --fix` does"
    )]
    Torn {
        /// The file.
        file: String,
        /// Where the record, or its transaction, begins.
        offset: u64,
    },
    /// The caller refused something.
    #[error("{file}: at byte {offset}: {source}")]
    Apply {
        /// The file.
        file: String,
        /// Where it ends or begins.
        offset: u64,
        /// The caller's reason.
        source: ApplyError,
    },
}

/// Replays the files of a manifest, in order.
///
/// An incomplete record or transaction at the very end of the last file (of the last one that is not
/// empty: a crash may come just after a new one was opened) is cut off and reported.
///
/// # Errors
///
/// A [`LoadError`] for anything else; what was applied until then must be thrown away.
pub fn load(
    storage: &Arc<dyn Storage>,
    layout: &AofLayout,
    manifest: &Manifest,
    options: LoadOptions,
    sink: &mut dyn LoadSink,
) -> Result<LoadReport, LoadError> {
    let mut files = Vec::new();
    for file in manifest.live() {
        let path = place_of(&**storage, layout, manifest, file)
            .map_err(|source| LoadError::Io { file: file.name.clone(), source })?;
        let handle = match storage.open(&path, OpenMode::Append) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LoadError::Missing { file: path });
            }
            other => other.map_err(|source| LoadError::Io { file: path.clone(), source })?,
        };
        let len = handle.len().map_err(|source| LoadError::Io { file: path.clone(), source })?;
        files.push((path, handle, len));
    }
    let last = files.iter().rposition(|(_, _, len)| *len > 0);
    let mut loading = Loading::new(sink, options, files.iter().map(|(_, _, len)| len).sum());
    for (index, (path, handle, len)) in files.iter().enumerate() {
        // A file without a word is an increment just begun; a base of nothing has a header and an end.
        if *len > 0 || path.ends_with(BASE_END) {
            let mut replay = Replay { loading: &mut loading, file: path, handle, len: *len };
            replay.run(Some(index) == last)?;
        }
        loading.before += len;
    }
    loading.report.bytes = loading.before;
    loading.sink.progress(loading.before, loading.total);
    Ok(loading.report)
}

/// Loads a snapshot such as `dump.rdb`; `None` when there is no such file.
pub fn load_dump(
    storage: &dyn Storage,
    path: &str,
    options: LoadOptions,
    sink: &mut dyn LoadSink,
) -> Result<Option<LoadReport>, LoadError> {
    let io = |source| LoadError::Io { file: path.to_owned(), source };
    if !storage.exists(path).map_err(io)? {
        return Ok(None);
    }
    let handle = storage.open(path, OpenMode::Read).map_err(io)?;
    let len = handle.len().map_err(io)?;
    let mut loading = Loading::new(sink, options, len);
    let input = Input::new(FileReader::new(Arc::clone(&handle)));
    Replay { loading: &mut loading, file: path, handle: &handle, len }.snapshot(input)?;
    loading.sink.progress(len, len);
    loading.report.bytes = len;
    Ok(Some(loading.report))
}

struct Loading<'s> {
    sink: &'s mut dyn LoadSink,
    options: LoadOptions,
    report: LoadReport,
    /// Bytes in the files before this one.
    before: u64,
    total: u64,
    told: u64,
}

impl<'s> Loading<'s> {
    fn new(sink: &'s mut dyn LoadSink, options: LoadOptions, total: u64) -> Self {
        Self { sink, options, report: LoadReport::default(), before: 0, total, told: 0 }
    }

    fn progress(&mut self, offset: u64) {
        let done = self.before + offset;
        if done - self.told >= PROGRESS_EVERY {
            self.told = done;
            self.sink.progress(done, self.total);
        }
    }
}

/// One file being replayed.
struct Replay<'r, 's> {
    loading: &'r mut Loading<'s>,
    file: &'r str,
    handle: &'r FileHandle,
    len: u64,
}

/// Commands between MULTI and EXEC, kept until EXEC is seen.
struct Transaction {
    /// Where MULTI begins.
    offset: u64,
    commands: Vec<(u32, Vec<Vec<u8>>)>,
}

impl Replay<'_, '_> {
    fn run(&mut self, may_be_torn: bool) -> Result<(), LoadError> {
        let mut input = Input::new(FileReader::new(Arc::clone(self.handle)));
        // A base is a snapshot; so is the beginning of an old log with a preamble.
        let first = input.peek().map_err(|fault| self.fault(0, fault.into()))?;
        if first.is_none_or(|first| first == b'R') {
            input = self.snapshot(input)?;
        }
        match self.commands(&mut input)? {
            None => Ok(()),
            Some(offset) => self.torn(offset, may_be_torn),
        }
    }

    fn snapshot<R: Read>(&mut self, input: Input<R>) -> Result<Input<R>, LoadError> {
        let file = self.file;
        let rdb = |source| LoadError::Rdb { file: file.to_owned(), source };
        let mut reader = RdbReader::over(input)
            .map_err(rdb)?
            .verify_checksum(self.loading.options.verify_checksum);
        let mut db = 0;
        while let Some(event) = reader.next_event().map_err(rdb)? {
            let event = match event {
                RdbEvent::Aux { .. } => continue,
                RdbEvent::SelectDb(selected) => {
                    db = selected;
                    continue;
                }
                RdbEvent::ResizeDb { keys, expires } => LoadEvent::Sizes { db, keys, expires },
                RdbEvent::FunctionLibrary(code) => LoadEvent::FunctionLibrary(code),
                RdbEvent::Entry(entry) => {
                    self.loading.report.entries += 1;
                    LoadEvent::Entry { db, entry }
                }
            };
            let offset = reader.offset();
            self.apply(offset, event)?;
            self.loading.progress(offset);
        }
        Ok(reader.into_input())
    }

    /// Replays commands to the end; `Some` is where an incomplete record or transaction begins.
    fn commands<R: Read>(&mut self, input: &mut Input<R>) -> Result<Option<u64>, LoadError> {
        let mut db = 0;
        let mut transaction: Option<Transaction> = None;
        loop {
            let offset = input.offset();
            self.loading.progress(offset);
            let args = match read_record(input) {
                Ok(Record::Command(args)) => args,
                Ok(Record::Annotation) => continue,
                Ok(Record::End) => return Ok(transaction.map(|group| group.offset)),
                Err(RecordFault::Torn) => {
                    self.refuse_swallowed(offset)?;
                    return Ok(Some(transaction.map_or(offset, |group| group.offset)));
                }
                Err(fault) => return Err(self.fault(offset, fault)),
            };
            let name = args[0].to_ascii_uppercase();
            match (name.as_slice(), &mut transaction) {
                (b"SELECT", _) => {
                    let number = args.get(1).and_then(|text| std::str::from_utf8(text).ok());
                    db = number.and_then(|number| number.parse().ok()).ok_or_else(|| {
                        self.damaged(offset, "SELECT takes the number of a database")
                    })?;
                }
                (b"MULTI", None) => {
                    transaction = Some(Transaction { offset, commands: Vec::new() });
                }
                (b"MULTI", Some(_)) => {
                    return Err(self.damaged(offset, "MULTI inside of a transaction"));
                }
                (b"EXEC", _) => {
                    let group = transaction
                        .take()
                        .ok_or_else(|| self.damaged(offset, "EXEC without its MULTI"))?;
                    for (db, args) in &group.commands {
                        self.command(offset, *db, args)?;
                    }
                }
                (_, Some(group)) => group.commands.push((db, args)),
                (_, None) => self.command(offset, db, &args)?,
            }
        }
    }

    fn command(&mut self, offset: u64, db: u32, args: &[Vec<u8>]) -> Result<(), LoadError> {
        self.loading.report.commands += 1;
        self.apply(offset, LoadEvent::Command { db, args })
    }

    fn apply(&mut self, offset: u64, event: LoadEvent<'_>) -> Result<(), LoadError> {
        let applied = self.loading.sink.apply(event);
        applied.map_err(|source| LoadError::Apply { file: self.file.to_owned(), offset, source })
    }

    /// An error when the record at `offset` only seems torn because its length is damaged.
    fn refuse_swallowed(&self, offset: u64) -> Result<(), LoadError> {
        let mut tail = Vec::new();
        let len = (self.len - offset).min(TAIL_SEARCH_MAX) as usize;
        tail.resize(len, 0);
        let mut have = 0;
        while have < len {
            let got = self
                .handle
                .read_at(offset + have as u64, &mut tail[have..])
                .map_err(|error| self.fault(offset, RecordFault::Io(error)))?;
            if got == 0 {
                break;
            }
            have += got;
        }
        if swallows_records(&tail[..have]) {
            return Err(self.damaged(offset, "a length reaches over the records that follow"));
        }
        Ok(())
    }

    fn torn(&mut self, offset: u64, may_be_torn: bool) -> Result<(), LoadError> {
        if !may_be_torn || !self.loading.options.cut_torn_end {
            return Err(LoadError::Torn { file: self.file.to_owned(), offset });
        }
        let cut = self.handle.set_len(offset).and_then(|()| self.handle.sync_data());
        cut.map_err(|error| self.fault(offset, RecordFault::Io(error)))?;
        let removed = self.len - offset;
        self.loading.report.cut = Some(Cut { file: self.file.to_owned(), kept: offset, removed });
        Ok(())
    }

    fn damaged(&self, offset: u64, what: &'static str) -> LoadError {
        LoadError::Damaged { file: self.file.to_owned(), offset, what }
    }

    fn fault(&self, offset: u64, fault: RecordFault) -> LoadError {
        let file = self.file.to_owned();
        match fault {
            RecordFault::Io(source) => LoadError::Io { file, source },
            RecordFault::Damaged(what) => LoadError::Damaged { file, offset, what },
            RecordFault::Torn => LoadError::Torn { file, offset },
        }
    }
}
