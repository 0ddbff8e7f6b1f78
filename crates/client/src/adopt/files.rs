//! Sessions of PHP's handler `files`, by its rules: `sess_<id>`, flock, the owner checked, no link
//! followed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use guarda_session::SessionId;
use guarda_session::payload::PLAIN_LEN_MAX;
use guarda_session::save_path::FilesPath;
use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, Stat, flock, fstat, open, statat, unlink,
};
use rustix::io::Errno;
use rustix::process::{geteuid, getuid};

use crate::deadline::{Budget, wall_seconds};
use crate::error::Error;

/// First pause between two tries for the lock.
const PAUSE_MIN: Duration = Duration::from_millis(2);
/// Longest such pause.
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// A file with its lock.
pub(super) struct HeldFile {
    file: File,
    path: PathBuf,
    dir: String,
    data: Vec<u8>,
}

impl fmt::Debug for HeldFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "HeldFile({} bytes)", self.data.len())
    }
}

/// Locks and reads. With a `ttl` what is empty or older is not there; without one, any file is.
pub(super) fn take(
    files: &FilesPath,
    id: &SessionId,
    ttl: Option<Duration>,
    budget: &Budget,
) -> Result<Option<HeldFile>, Error> {
    let Some(path) = path_of(files, id) else { return Ok(None) };
    let failed = |reason: String| Error::Adopt { place: files.dir.clone(), reason };
    let unreadable = |error: Errno| failed(format!("{}; may PHP's user read them?", text(error)));
    loop {
        let file = match open_to_lock(&path) {
            Ok(file) => file,
            // PHP could not have made one with a longer name either.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => return Ok(None),
            Err(Errno::LOOP) => return Err(failed("one is a symbolic link".to_owned())),
            Err(error) => return Err(unreadable(error)),
        };
        let stat = fstat(&file).map_err(unreadable)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(failed("one is not a regular file".to_owned()));
        }
        if !is_ours(stat.st_uid) {
            return Err(failed("one belongs to another user than PHP's".to_owned()));
        }
        lock(&file, budget).map_err(|error| match error {
            Errno::TIMEDOUT => failed(
                "another request has held one for as long as this request may wait \
                 (guarda.io_budget)"
                    .to_owned(),
            ),
            other => unreadable(other),
        })?;
        // Whoever held the lock may have deleted the file, by taking it over or destroying it.
        if !is_at(&path, &stat) {
            continue;
        }
        let stat = fstat(&file).map_err(unreadable)?;
        let expired = |ttl: Duration| {
            let age = wall_seconds().saturating_sub(stat.st_mtime);
            u64::try_from(age).is_ok_and(|age| age > ttl.as_secs())
        };
        if ttl.is_some_and(|ttl| stat.st_size == 0 || expired(ttl)) {
            return Ok(None);
        }
        let mut data = Vec::new();
        let limit = PLAIN_LEN_MAX as u64 + 1;
        (&file).take(limit).read_to_end(&mut data).map_err(|error| failed(error.to_string()))?;
        if data.len() > PLAIN_LEN_MAX && ttl.is_some() {
            return Err(failed(format!("one has more than {} MiB", PLAIN_LEN_MAX >> 20)));
        }
        return Ok(Some(HeldFile { file, path, dir: files.dir.clone(), data }));
    }
}

impl HeldFile {
    pub(super) fn data(&self) -> &[u8] {
        &self.data
    }

    /// Deletes the file while it is locked: who waits for the lock finds that it is gone.
    pub(super) fn finish(self) -> Result<(), Error> {
        let failed = |error: Errno| Error::Adopt {
            place: self.dir.clone(),
            reason: format!("{}; may PHP's user delete them?", text(error)),
        };
        let stat = fstat(&self.file).map_err(failed)?;
        if !is_at(&self.path, &stat) {
            return Ok(());
        }
        match unlink(&self.path) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Opens for writing, though nothing is written: only so can a file on NFS be locked for oneself. What
/// may not be written is opened for reading.
fn open_to_lock(path: &Path) -> Result<File, Errno> {
    // Not blocking: it might be a pipe.
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = match open(path, flags | OFlags::RDWR, Mode::empty()) {
        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::ISDIR) => {
            open(path, flags | OFlags::RDONLY, Mode::empty())
        }
        other => other,
    };
    opened.map(File::from)
}

/// Where the file is: one directory for each of the id's first characters. None if the id has too
/// few; PHP makes no such session.
fn path_of(files: &FilesPath, id: &SessionId) -> Option<PathBuf> {
    let id = std::str::from_utf8(id.as_bytes()).ok()?;
    let depth = usize::from(files.depth);
    if id.len() <= depth {
        return None;
    }
    let mut path = PathBuf::from(&files.dir);
    path.extend((0..depth).map(|at| &id[at..=at]));
    path.push(format!("sess_{id}"));
    Some(path)
}

/// PHP's rule: our own file, root's, or anybody's if we are root.
fn is_ours(owner: u32) -> bool {
    let us = [getuid().as_raw(), geteuid().as_raw()];
    owner == 0 || us.contains(&owner) || us[0] == 0
}

fn is_at(path: &Path, stat: &Stat) -> bool {
    statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|there| (there.st_dev, there.st_ino) == (stat.st_dev, stat.st_ino))
}

/// Waits for the lock without blocking, since only so the wait has an end.
fn lock(file: &File, budget: &Budget) -> Result<(), Errno> {
    let mut pause = PAUSE_MIN;
    loop {
        match flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK | Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let left = budget.left().ok_or(Errno::TIMEDOUT)?;
        thread::sleep(pause.min(left));
        pause = (pause * 3 / 2).min(PAUSE_MAX);
    }
}

fn text(error: Errno) -> io::Error {
    error.into()
}

#[cfg(test)]
mod tests {
    use rustix::fs::fcntl_getfl;

    use super::*;

    #[test]
    fn a_file_is_held_as_nfs_wants_it() {
        let dir = std::env::temp_dir().join(format!("guarda-held-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let files = FilesPath { depth: 0, dir: dir.display().to_string() };
        let id = SessionId::new(b"abcdef").unwrap();
        std::fs::write(dir.join("sess_abcdef"), "n|i:1;").unwrap();
        let budget = Budget::start(Duration::from_secs(5));
        let held = take(&files, &id, None, &budget).unwrap().unwrap();
        // An exclusive lock of a file that is open for reading alone is EBADF there (flock(2)).
        assert!(fcntl_getfl(&held.file).unwrap().contains(OFlags::RDWR));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
