//! The file that is written, and what happens when it cannot be.

use std::io;
use std::mem;
use std::sync::Arc;

use super::{BUFFER_KEPT_MAX, CommitError, Health, Journal, Mark, SyncPolicy};
use crate::storage::{FileHandle, OpenMode, write_all};
use crate::sync::Ordering;

/// What the writer has. Invariant: `taken[done..]` begins at position `written`.
#[derive(Default)]
pub(super) struct Output {
    /// `None` while the log is off, and after a failed sync: records are then dropped.
    pub(super) file: Option<FileHandle>,
    /// The length of the file up to its last whole record.
    pub(super) len: u64,
    /// There may be a part of a record beyond `len`.
    torn: bool,
    taken: Vec<u8>,
    done: usize,
    mark: Option<Mark>,
    /// The position up to which records went to a file, or were dropped.
    pub(super) written: u64,
    pub(super) synced: u64,
    /// Records were dropped since the log last went on in another file: a base from before that
    /// does not join up with what follows.
    pub(super) hole: bool,
}

impl Output {
    pub(super) fn new(file: FileHandle, len: u64) -> Self {
        Self { file: Some(file), len, ..Self::default() }
    }
}

impl Journal {
    /// Takes the buffer and writes it, until position `upto` or the end is reached.
    pub(super) fn flush(&self, output: &mut Output, upto: u64) -> Result<(), CommitError> {
        loop {
            if output.done == output.taken.len() && output.mark.is_none() && !self.take(output) {
                break;
            }
            let until = match &output.mark {
                Some(mark) => output.done + (mark.at - output.written) as usize,
                None => output.taken.len(),
            };
            if until > output.done {
                self.write_out(output, until)?;
            }
            if let Some(mark) = output.mark.take() {
                self.cross(output, mark)?;
            }
            if output.done == output.taken.len() && output.written >= upto {
                break;
            }
        }
        if output.file.is_none() && self.health() == Health::SyncFailed {
            return Err(self.commit_error());
        }
        if self.health() == Health::WriteFailed {
            self.set_health(Health::Good, None);
        }
        self.publish(output);
        if self.health() == Health::SyncFailed { Err(self.commit_error()) } else { Ok(()) }
    }

    /// Swaps the buffer with the one that was written; `false` when there is nothing in it.
    fn take(&self, output: &mut Output) -> bool {
        output.taken.clear();
        output.done = 0;
        if output.taken.capacity() > BUFFER_KEPT_MAX {
            output.taken = Vec::new();
        }
        let mut buffer = self.lock_buffer();
        if buffer.bytes.is_empty() && buffer.mark.is_none() {
            return false;
        }
        mem::swap(&mut buffer.bytes, &mut output.taken);
        output.mark = buffer.mark.take();
        true
    }

    /// Writes `taken[done..until]`, all of it or nothing.
    fn write_out(&self, output: &mut Output, until: usize) -> Result<(), CommitError> {
        let bytes = &output.taken[output.done..until];
        let len = bytes.len() as u64;
        if let Some(file) = &output.file {
            let cut_back = if output.torn { file.set_len(output.len) } else { Ok(()) };
            if let Err(error) = cut_back.and_then(|()| write_all(&**file, bytes)) {
                if self.health() == Health::SyncFailed {
                    // This file does not count yet: the rewrite that it belongs to has failed.
                    output.file = None;
                    output.hole = true;
                    return Err(self.commit_error());
                }
                output.torn = file.set_len(output.len).is_err();
                let error = Arc::new(error);
                self.set_health(Health::WriteFailed, Some(Arc::clone(&error)));
                return Err(CommitError::WriteFailed(error));
            }
            output.torn = false;
            output.len += len;
            self.current_size.fetch_add(len, Ordering::Relaxed);
        } else {
            output.hole = true;
        }
        output.done = until;
        output.written += len;
        Ok(())
    }

    /// Goes on in the file of `mark`. The file before it is synced first: were it not, a loss of
    /// power could leave it torn with records behind it, and no server would load that.
    fn cross(&self, output: &mut Output, mark: Mark) -> Result<(), CommitError> {
        if mark.detached {
            output.hole = false;
        } else {
            let Some(file) = &output.file else {
                output.hole = true;
                return Ok(());
            };
            if output.synced < output.written
                && let Err(error) = file.sync_data()
            {
                return Err(self.sync_failed(output, error));
            }
        }
        output.synced = output.written;
        output.file = Some(mark.file);
        (output.len, output.torn) = (0, false);
        Ok(())
    }

    /// Syncs while the file is held: the group commit of `always`.
    pub(super) fn sync_inline(&self, output: &mut Output) -> Result<(), CommitError> {
        if output.synced < output.written
            && let Some(file) = &output.file
        {
            if let Err(error) = file.sync_data() {
                return Err(self.sync_failed(output, error));
            }
            output.synced = output.written;
        }
        self.publish(output);
        Ok(())
    }

    /// Closes the file for good: whether its unsynced part is on the disk nobody can tell.
    pub(super) fn sync_failed(&self, output: &mut Output, error: io::Error) -> CommitError {
        let error = Arc::new(error);
        output.file = None;
        output.hole = true;
        // For the next process: it would read the lost pages back from the kernel's memory, sync
        // them with success, and still not have them on the disk.
        let _ = self.storage.open(&self.layout.path(&self.layout.doubt()), OpenMode::Create);
        self.set_health(Health::SyncFailed, Some(Arc::clone(&error)));
        CommitError::SyncFailed(error)
    }

    /// Tells everybody how far the log is; not while it cannot be trusted.
    pub(super) fn publish(&self, output: &Output) {
        if self.health() == Health::SyncFailed {
            return;
        }
        self.synced.fetch_max(output.synced, Ordering::AcqRel);
        self.written.fetch_max(output.written, Ordering::AcqRel);
        let always = self.policy() == SyncPolicy::Always;
        let reached = if always { output.synced } else { output.written };
        self.committed.fetch_max(reached, Ordering::AcqRel);
    }

    pub(super) fn commit_error(&self) -> CommitError {
        let error = self.failure.lock().clone();
        let error = error.unwrap_or_else(|| Arc::new(io::ErrorKind::Other.into()));
        match self.health() {
            Health::SyncFailed => CommitError::SyncFailed(error),
            _ => CommitError::WriteFailed(error),
        }
    }

    /// Forgets everything that is not written, and takes no more.
    pub(super) fn switch_off(&self, output: &mut Output) {
        let mut buffer = self.lock_buffer();
        buffer.enabled = false;
        buffer.bytes = Vec::new();
        buffer.mark = None;
        buffer.selected = None;
        let total = buffer.total;
        *output = Output { written: total, synced: total, ..Output::default() };
        // Nobody is promised anything now, so nobody waits.
        self.set_health(Health::Good, None);
        self.publish(output);
        self.base_size.store(0, Ordering::Relaxed);
        self.current_size.store(0, Ordering::Relaxed);
    }

    /// Whether the log has yet to go on in another file.
    pub(super) fn has_mark(&self, output: &Output) -> bool {
        output.mark.is_some() || self.lock_buffer().mark.is_some()
    }

    /// Forgets what went to a file that will never count.
    pub(super) fn detach(&self, output: &mut Output) {
        let mut buffer = self.lock_buffer();
        buffer.mark = None;
        output.mark = None;
        output.file = None;
        output.hole = true;
    }

    /// From now on the file that is written counts.
    pub(super) fn attach(&self, output: &Output) {
        if self.health() == Health::SyncFailed {
            self.set_health(Health::Good, None);
        }
        self.publish(output);
    }
}
