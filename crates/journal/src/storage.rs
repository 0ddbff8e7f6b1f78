//! The few file operations that durability is built from.
//!
//! Everything is relative to one root directory. Paths are UTF-8, separated by `/`, and never leave
//! the root: an absolute path or a `..` is refused, so a damaged manifest cannot reach elsewhere.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;

/// Permissions of the files that are created: they hold sessions, so they are the owner's alone.
pub const FILE_MODE: u32 = 0o600;

/// How [`Storage::open`] opens a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// The file must exist; only reading is promised.
    Read,
    /// The file must exist; writes go to its end.
    Append,
    /// The file is created, or emptied when it exists; writes go to its end.
    Create,
}

/// An open file. Methods take `&self`: a sync may run on one thread while another one writes.
pub trait StorageFile: Send + Sync {
    /// Appends some of `bytes` to the end of the file; returns how many were taken, as `write(2)`.
    ///
    /// # Errors
    ///
    /// Whatever the disk says. Some bytes may have been written all the same only if the return
    /// value of an earlier call said so.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Reads at `offset`, returns how many bytes; 0 is the end of the file.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Waits until the content (and the length) is on stable storage.
    ///
    /// # Errors
    ///
    /// After an error the content written since the last success must be taken as lost: the kernel
    /// forgets what it could not write, and a second call that succeeds proves nothing.
    fn sync_data(&self) -> io::Result<()>;

    /// As [`sync_data`](Self::sync_data), with all metadata.
    fn sync_all(&self) -> io::Result<()>;

    /// Cuts (or extends with zeros) the file to `len` bytes.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no content.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// A shared handle to an open file.
pub type FileHandle = Arc<dyn StorageFile>;

/// A directory tree with the operations that durability needs, and no others.
///
/// A name (create, rename, remove) is durable only after [`sync_dir`](Self::sync_dir) of the
/// directory that holds it; content only after [`StorageFile::sync_data`].
pub trait Storage: Send + Sync {
    /// Opens or creates a file.
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<FileHandle>;

    /// Renames a file over whatever has the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// The names (not paths) in a directory, in no particular order; `""` is the root.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    /// Creates a directory; one that exists already is fine.
    fn create_dir(&self, dir: &str) -> io::Result<()>;

    /// Waits until the names in a directory are on stable storage; `""` is the root.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// Whether a file or directory of that name exists.
    fn exists(&self, path: &str) -> io::Result<bool>;
}

/// Appends all of `bytes`.
///
/// # Errors
///
/// The disk's error, or [`io::ErrorKind::WriteZero`] when it takes no more. The file then holds an
/// unknown part of `bytes`; the caller cuts it back.
pub fn write_all(file: &dyn StorageFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => bytes = &bytes[taken..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Joins a directory and a name, where `""` is the root.
pub fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// Reads a file from its beginning, as [`io::Read`].
pub struct FileReader {
    file: FileHandle,
    offset: u64,
}

impl FileReader {
    /// Reads `file` from its first byte.
    pub fn new(file: FileHandle) -> Self {
        Self { file, offset: 0 }
    }
}

impl io::Read for FileReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(self.offset, into)?;
        self.offset += got as u64;
        Ok(got)
    }
}

/// The real disk, below one directory.
#[derive(Debug)]
pub struct DiskStorage {
    root: RwLock<PathBuf>,
}

impl DiskStorage {
    /// A storage below `root`, which must be an existing directory.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        if !fs::metadata(&root)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { root: RwLock::new(root) })
    }

    /// From now on the storage is below `root`, which must be an existing directory; returns the old
    /// one. Files that are open stay where they are.
    pub fn move_to(&self, root: impl Into<PathBuf>) -> PathBuf {
        std::mem::replace(&mut *self.root.write(), root.into())
    }

    /// Tries to become the only holder of this directory; `None` when another process has it.
    ///
    /// Two servers that append to one log destroy it. The lock is advisory, on the directory itself
    /// (no file is left behind), and ends with the returned value or the process.
    pub fn try_lock(&self) -> io::Result<Option<DirectoryLock>> {
        let dir = File::open(&*self.root.read())?;
        match dir.try_lock() {
            Ok(()) => Ok(Some(DirectoryLock { _dir: dir })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn resolve(&self, path: &str) -> io::Result<PathBuf> {
        let relative = Path::new(path);
        if relative.components().all(|part| matches!(part, Component::Normal(_))) {
            Ok(self.root.read().join(relative))
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "path leaves the data directory"))
        }
    }
}

/// Held while this process is the only one that works in a directory.
#[derive(Debug)]
pub struct DirectoryLock {
    _dir: File,
}

struct DiskFile(File);

impl StorageFile for DiskFile {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(into, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

impl Storage for DiskStorage {
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<FileHandle> {
        let path = self.resolve(path)?;
        let mut options = OpenOptions::new();
        options.read(true).mode(FILE_MODE);
        match mode {
            OpenMode::Read => {}
            OpenMode::Append => {
                options.append(true);
            }
            OpenMode::Create => {
                // `append` and `truncate` exclude each other in std, so the file is emptied below.
                options.append(true).create(true);
            }
        }
        let file = options.open(path)?;
        if mode == OpenMode::Create {
            file.set_len(0)?;
        }
        Ok(Arc::new(DiskFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.resolve(from)?, self.resolve(to)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.resolve(path)?)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.resolve(dir)?)? {
            // A name that is not UTF-8 cannot be one of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        match fs::create_dir(self.resolve(dir)?) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        File::open(self.resolve(dir)?)?.sync_all()
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        self.resolve(path)?.try_exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn scratch(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("guarda-storage-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn the_disk_appends_cuts_and_renames() {
        let root = scratch("disk");
        let storage = DiskStorage::open(&root).unwrap();
        storage.create_dir("dir").unwrap();
        storage.create_dir("dir").unwrap();
        let file = storage.open("dir/a", OpenMode::Create).unwrap();
        write_all(&*file, b"12345").unwrap();
        file.set_len(2).unwrap();
        write_all(&*file, b"x").unwrap();
        file.sync_data().unwrap();
        storage.rename("dir/a", "dir/b").unwrap();
        storage.sync_dir("dir").unwrap();
        storage.sync_dir("").unwrap();
        let again = storage.open("dir/b", OpenMode::Append).unwrap();
        write_all(&*again, b"y").unwrap();
        let mut content = String::new();
        io::Read::read_to_string(&mut FileReader::new(again), &mut content).unwrap();
        assert_eq!(content, "12xy");
        assert_eq!(storage.list("dir").unwrap(), ["b"]);
        assert!(storage.exists("dir/b").unwrap() && !storage.exists("dir/a").unwrap());
        let mode = fs::metadata(root.join("dir/b")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "sessions are the owner's alone");
        assert!(storage.open("dir/b", OpenMode::Create).unwrap().is_empty().unwrap());
        storage.remove("dir/b").unwrap();
        assert!(storage.open("dir/b", OpenMode::Append).is_err());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_storage_that_moves_has_other_files() {
        let (from, to) = (scratch("from"), scratch("to"));
        let storage = DiskStorage::open(&from).unwrap();
        let file = storage.open("a", OpenMode::Create).unwrap();
        assert_eq!(storage.move_to(&to), from);
        assert!(!storage.exists("a").unwrap());
        write_all(&*file, b"x").unwrap();
        assert_eq!(fs::read(from.join("a")).unwrap(), b"x");
        storage.open("b", OpenMode::Create).unwrap();
        assert!(to.join("b").exists());
        fs::remove_dir_all(from).unwrap();
        fs::remove_dir_all(to).unwrap();
    }

    #[test]
    fn nothing_outside_of_the_root_is_reached_and_one_process_has_it() {
        let root = scratch("root");
        let storage = DiskStorage::open(&root).unwrap();
        for path in ["../x", "/etc/passwd", "dir/../../x"] {
            let error = storage.open(path, OpenMode::Create).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path}");
        }
        let lock = storage.try_lock().unwrap();
        assert!(lock.is_some());
        assert!(DiskStorage::open(&root).unwrap().try_lock().unwrap().is_none());
        drop(lock);
        assert!(storage.try_lock().unwrap().is_some());
        assert!(DiskStorage::open(root.join("none")).is_err());
        fs::remove_dir_all(root).unwrap();
    }
}
