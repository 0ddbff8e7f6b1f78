//! One whole file, put in place atomically: `dump.rdb`, the base of a log, a manifest.

use std::io::{self, Write};
use std::sync::Arc;

use crate::storage::{FileHandle, OpenMode, Storage, join, write_all};

/// Bytes collected before they are handed to the disk.
const BUFFER_LEN: usize = 256 * 1024;
/// Bytes after which a sync is done on the way, so that the last one is short and a snapshot does
/// not fill the page cache with dirty pages that delay the log's own sync.
const SYNC_EVERY: u64 = 4 * 1024 * 1024;

/// A file that does not exist under its name before it is whole and durable.
///
/// It is written under a temporary name; [`commit`](Self::commit) syncs it, renames it over the
/// final name and syncs the directory. Dropped before that, the temporary file is removed.
pub struct SnapshotFile {
    storage: Arc<dyn Storage>,
    /// `None` once committed.
    file: Option<FileHandle>,
    dir: String,
    temp: String,
    buffer: Vec<u8>,
    written: u64,
    synced: u64,
    /// Nothing came since it was made durable.
    durable: bool,
}

impl SnapshotFile {
    /// Begins a file in `dir` under the temporary name `temp`, which is overwritten.
    pub fn create(storage: Arc<dyn Storage>, dir: &str, temp: &str) -> io::Result<Self> {
        let temp = join(dir, temp);
        let file = storage.open(&temp, OpenMode::Create)?;
        let buffer = Vec::with_capacity(BUFFER_LEN);
        Ok(Self {
            storage,
            file: Some(file),
            dir: dir.to_owned(),
            temp,
            buffer,
            written: 0,
            synced: 0,
            durable: false,
        })
    }

    /// Begins a snapshot in the root directory under the name that Redis uses, `temp-<pid>.rdb`.
    pub fn create_dump(storage: Arc<dyn Storage>, pid: u32) -> io::Result<Self> {
        Self::create(storage, "", &format!("temp-{pid}.rdb"))
    }

    /// The length so far in bytes.
    pub fn written(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Makes its content durable, still under the temporary name: what takes long of
    /// [`commit`](Self::commit).
    ///
    /// # Errors
    ///
    /// The disk's error; it can only be dropped then.
    pub fn make_durable(&mut self) -> io::Result<()> {
        if !self.durable {
            self.flush_buffer()?;
            self.file()?.sync_all()?;
            self.durable = true;
        }
        Ok(())
    }

    /// Makes it durable under `name`; returns its length.
    ///
    /// # Errors
    ///
    /// Before the rename: `name` is untouched. From the rename on: `name` is the old file or the new
    /// one, and both are whole.
    pub fn commit(mut self, name: &str) -> io::Result<u64> {
        self.make_durable()?;
        self.storage.rename(&self.temp, &join(&self.dir, name))?;
        self.file = None;
        self.storage.sync_dir(&self.dir)?;
        Ok(self.written)
    }

    fn file(&self) -> io::Result<&FileHandle> {
        self.file.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn flush_buffer(&mut self) -> io::Result<()> {
        write_all(&**self.file()?, &self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Write for SnapshotFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.durable = false;
        if !self.buffer.is_empty() && self.buffer.len() + bytes.len() > BUFFER_LEN {
            self.flush_buffer()?;
        }
        if bytes.len() >= BUFFER_LEN {
            write_all(&**self.file()?, bytes)?;
            self.written += bytes.len() as u64;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        if self.written - self.synced >= SYNC_EVERY {
            self.file()?.sync_data()?;
            self.synced = self.written;
        }
        Ok(bytes.len())
    }

    /// Hands the bytes to the kernel; durability comes with [`commit`](SnapshotFile::commit).
    fn flush(&mut self) -> io::Result<()> {
        self.flush_buffer()
    }
}

impl Drop for SnapshotFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nothing more can be done about a temporary file that cannot be removed.
            let _ = self.storage.remove(&self.temp);
        }
    }
}

/// Removes what an earlier process left behind when it died while writing `dump.rdb`.
///
/// Returns how many files were removed.
pub fn remove_stale_dumps(storage: &dyn Storage) -> io::Result<usize> {
    let mut removed = 0;
    for name in storage.list("")? {
        let pid = name.strip_prefix("temp-").and_then(|rest| rest.strip_suffix(".rdb"));
        if pid.is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())) {
            storage.remove(&name)?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Crash, Fault, MemoryStorage};

    fn replace(storage: &MemoryStorage, content: &[u8]) -> io::Result<u64> {
        let mut file = SnapshotFile::create_dump(Arc::new(storage.clone()), 7)?;
        for piece in content.chunks(100_000) {
            file.write_all(piece)?;
        }
        file.commit("dump.rdb")
    }

    #[test]
    fn whatever_call_fails_the_old_file_or_the_new_one_is_there_after_any_crash() {
        let (old, new) = (vec![b'o'; 10], vec![b'n'; SYNC_EVERY as usize + 10]);
        let start = MemoryStorage::new();
        replace(&start, &old).unwrap();
        let count = {
            let counting = start.crash(Crash::Process);
            replace(&counting, &new).unwrap();
            counting.calls()
        };
        assert!(count > 5, "the scenario has calls to fail");
        for n in 0..count {
            for fault in Fault::ALL {
                let storage = start.crash(Crash::Process);
                storage.fail_at(n, fault);
                let outcome = replace(&storage, &new);
                for crash in Crash::ALL {
                    let after = storage.crash(crash);
                    let found = after.read("dump.rdb").expect("there is always a dump");
                    assert!(found == old || found == new, "call {n}, {fault:?}, {crash:?}");
                    if outcome.is_ok() {
                        assert_eq!(found, new, "acknowledged: call {n}, {fault:?}, {crash:?}");
                    }
                }
                if outcome.is_err() && matches!(fault, Fault::Error | Fault::Short) {
                    let left = storage.paths();
                    assert_eq!(left, ["dump.rdb"], "call {n}, {fault:?}: temporary file left");
                }
            }
        }
    }

    #[test]
    fn only_files_that_a_dying_server_left_are_removed() {
        let storage = MemoryStorage::new();
        for name in ["temp-12.rdb", "temp-.rdb", "temp-mine.rdb", "dump.rdb"] {
            storage.put(name, b"x");
        }
        assert_eq!(remove_stale_dumps(&storage).unwrap(), 1);
        assert!(!storage.exists("temp-12.rdb").unwrap());
    }
}
