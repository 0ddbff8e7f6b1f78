//! The directory with the server's files, which CONFIG SET may change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use guarda_journal::storage::{DirectoryLock, DiskStorage, Storage};
use parking_lot::Mutex;

use crate::start::StartError;

/// The directory, held against other servers.
pub(crate) struct DataDir {
    storage: Arc<DiskStorage>,
    lock: Mutex<DirectoryLock>,
}

impl DataDir {
    /// Opens and claims it.
    pub(crate) fn open(path: &Path) -> Result<DataDir, StartError> {
        let failed = |source| StartError::Directory { path: path.to_owned(), source };
        let storage = DiskStorage::open(path).map_err(failed)?;
        match storage.try_lock().map_err(failed)? {
            Some(lock) => Ok(DataDir { storage: Arc::new(storage), lock: Mutex::new(lock) }),
            None => Err(StartError::InUse { path: path.to_owned() }),
        }
    }

    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        Arc::<DiskStorage>::clone(&self.storage)
    }

    /// From now on files are in `path`, which is the working directory too; returns where they were.
    /// None may be in use: no append log, no snapshot under way.
    ///
    /// # Errors
    /// The system's; nothing has changed then.
    pub(crate) fn move_to(&self, path: &Path) -> io::Result<PathBuf> {
        // First, for an error in the system's own words.
        std::fs::read_dir(path)?;
        let lock = DiskStorage::open(path)?.try_lock()?;
        let lock = lock.ok_or_else(|| io::Error::other("another server uses this directory"))?;
        std::env::set_current_dir(path)?;
        *self.lock.lock() = lock;
        Ok(self.storage.move_to(path))
    }
}
