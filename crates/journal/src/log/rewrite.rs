//! Replacing the base: the only way in which the log gets shorter, is switched on, and recovers from
//! a failed sync.

use std::io;
use std::sync::Arc;

use super::output::Output;
use super::{Health, Journal, Mark, RewriteError, Seq};
use crate::aof::{AofFile, AofLayout, Manifest, take_over};
use crate::snapshot::SnapshotFile;
use crate::storage::{FileHandle, OpenMode, Storage};
use crate::sync::Ordering;

/// Which files count. Invariant: `next_base` and `next_incr` are above every number that was ever
/// used, also for files that came to nothing, so that no file of a manifest is ever overwritten.
#[derive(Default)]
pub(super) struct Books {
    /// `None` until it was looked for: the log was off.
    manifest: Option<Manifest>,
    next_seq: u64,
    /// The rewrite that is at work.
    current: Option<u64>,
    last_id: u64,
}

impl Books {
    /// Whatever rewrite is at work will come to nothing.
    pub(super) fn supersede(&mut self) {
        self.current = None;
    }

    fn take_seq(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq
    }
}

/// A rewrite at work. The steps, in order:
///
/// 1. [`Journal::prepare_rewrite`], holding no shard: opens the next increment.
/// 2. [`Journal::rotate`], holding all shards: from here on records go to that increment. No I/O.
///    The snapshot that becomes the base shows the data of this moment.
/// 3. Write the base to [`base_file`](Self::base_file), while the server goes on.
/// 4. [`Journal::finish_rewrite`], holding no shard; or [`Journal::abort_rewrite`] at any time.
#[must_use = "a rewrite is finished or aborted"]
pub struct Rewrite {
    id: u64,
    base: AofFile,
    incr: AofFile,
    file: FileHandle,
    /// The increment enters the manifest only together with its base: the log is off, or broken.
    detached: bool,
    /// The log was off.
    enabling: bool,
    rotated: Option<u64>,
    storage: Arc<dyn Storage>,
    layout: AofLayout,
}

impl Rewrite {
    /// The file for the base: an RDB file whose header says `aof_base`.
    pub fn base_file(&self) -> io::Result<SnapshotFile> {
        SnapshotFile::create(Arc::clone(&self.storage), &self.layout.dir, &self.layout.temp_base())
    }

    /// Whether this one switches the log on.
    pub fn enables(&self) -> bool {
        self.enabling
    }
}

/// Where a log that was loaded goes on.
pub(super) struct Resumed {
    pub(super) books: Books,
    pub(super) output: Output,
    pub(super) base_size: u64,
    pub(super) size: u64,
    /// A sync failed in an earlier process and nothing has made up for it.
    pub(super) doubtful: bool,
}

pub(super) fn resume(
    storage: &Arc<dyn Storage>,
    layout: &AofLayout,
    mut manifest: Manifest,
) -> io::Result<Resumed> {
    take_over(storage, layout, &manifest)?;
    let names = storage.list(&layout.dir)?;
    // What was read may not be durable yet, and something else may be: before anything is removed
    // or acknowledged, make it so.
    storage.sync_dir(&layout.dir)?;
    let mut next_seq = names.iter().filter_map(|name| layout.seq_of(name)).max().unwrap_or(0);
    let listed = manifest.live().chain(&manifest.history).map(|file| file.seq).max();
    next_seq = next_seq.max(listed.unwrap_or(0));
    let mut base_size = 0;
    let mut size = 0;
    for file in manifest.live() {
        let handle = storage.open(&layout.path(&file.name), OpenMode::Append)?;
        if let Err(error) = handle.sync_data() {
            // The next process would find a sync that succeeds, for nothing.
            let _ = storage.open(&layout.path(&layout.doubt()), OpenMode::Create);
            return Err(error);
        }
        size += handle.len()?;
        if manifest.base.as_ref() == Some(file) {
            base_size = size;
        }
    }
    // Before a manifest is written, which takes the name of its leftover away.
    for temp in [layout.temp_base(), layout.temp_manifest()] {
        if names.contains(&temp) {
            storage.remove(&layout.path(&temp))?;
        }
    }
    if manifest.incrs.is_empty() {
        next_seq += 1;
        let incr = AofFile { name: layout.incr(next_seq), seq: next_seq };
        storage.open(&layout.path(&incr.name), OpenMode::Create)?;
        manifest.incrs.push(incr);
        manifest.persist(storage, layout)?;
    }
    let last = manifest.incrs.last().expect("there is one now");
    let file = storage.open(&layout.path(&last.name), OpenMode::Append)?;
    let len = file.len()?;
    let mut books = Books { manifest: Some(manifest), next_seq, ..Books::default() };
    drop_history(storage, layout, &mut books);
    let doubtful = names.contains(&layout.doubt());
    Ok(Resumed { books, output: Output::new(file, len), base_size, size, doubtful })
}

/// Deletes the files that count no more. One that cannot be deleted stays in the manifest and is
/// tried again after the next rewrite.
fn drop_history(storage: &Arc<dyn Storage>, layout: &AofLayout, books: &mut Books) {
    let Some(manifest) = &mut books.manifest else { return };
    if manifest.history.is_empty() {
        return;
    }
    let gone = |file: &AofFile| match storage.remove(&layout.path(&file.name)) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    let mut left = manifest.clone();
    left.history.retain(|file| !gone(file));
    // A manifest that still lists what is gone does no harm: history is never read.
    if left.persist(storage, layout).is_ok() {
        *manifest = left;
    }
}

impl Journal {
    /// Step 1 of a [`Rewrite`].
    ///
    /// # Errors
    ///
    /// The log is as before.
    pub fn prepare_rewrite(&self) -> Result<Rewrite, RewriteError> {
        let mut books = self.books.lock();
        if books.current.is_some() {
            return Err(RewriteError::Busy);
        }
        let enabled = self.is_enabled();
        if enabled && self.health() != Health::SyncFailed {
            // Most of the old increment is made durable here, so that the sync at the switch, for
            // which commits wait, has little to do.
            self.sync_without_stopping();
        }
        if self.has_mark(&self.output.lock()) {
            return Err(RewriteError::Busy);
        }
        let detached = !enabled || self.health() == Health::SyncFailed;
        self.read_books(&mut books)?;
        let seq = books.take_seq();
        let incr = AofFile { name: self.layout.incr(seq), seq };
        let base = AofFile { name: self.layout.base(seq), seq };
        let file = self.storage.open(&self.layout.path(&incr.name), OpenMode::Create)?;
        self.storage.sync_dir(&self.layout.dir)?;
        if !detached {
            let mut manifest = books.manifest.clone().unwrap_or_default();
            manifest.incrs.push(incr.clone());
            manifest.persist(&self.storage, &self.layout)?;
            books.manifest = Some(manifest);
        }
        books.last_id += 1;
        books.current = Some(books.last_id);
        self.lock_buffer().rewrite = books.current;
        self.rewriting.store(true, Ordering::Release);
        Ok(Rewrite {
            id: books.last_id,
            base,
            incr,
            file,
            detached,
            enabling: !enabled,
            rotated: None,
            storage: Arc::clone(&self.storage),
            layout: self.layout.clone(),
        })
    }

    /// Learns what is on disk, when the log was off until now.
    fn read_books(&self, books: &mut Books) -> Result<(), RewriteError> {
        if books.manifest.is_some() {
            return Ok(());
        }
        self.storage.create_dir(&self.layout.dir)?;
        self.storage.sync_dir("")?;
        let manifest = Manifest::read(&*self.storage, &self.layout)?.unwrap_or_default();
        let names = self.storage.list(&self.layout.dir)?;
        let listed = manifest.live().chain(&manifest.history).map(|file| file.seq);
        let used = names.iter().filter_map(|name| self.layout.seq_of(name)).chain(listed);
        books.next_seq = used.max().unwrap_or(0);
        books.manifest = Some(manifest);
        Ok(())
    }

    /// Best effort; a failure shows in the health.
    fn sync_without_stopping(&self) {
        let (file, target) = {
            let mut output = self.output.lock();
            if self.flush(&mut output, u64::MAX).is_err() {
                return;
            }
            match &output.file {
                Some(file) => (Arc::clone(file), output.written),
                None => return,
            }
        };
        let synced = file.sync_data();
        let mut output = self.output.lock();
        match synced {
            Ok(()) => {
                output.synced = output.synced.max(target);
                self.publish(&output);
            }
            Err(error) => drop(self.sync_failed(&mut output, error)),
        }
    }

    /// Step 2 of a [`Rewrite`]: to be called holding all shards, once. Does no I/O.
    ///
    /// Returns the position at which the increment begins.
    pub fn rotate(&self, rewrite: &mut Rewrite) -> Seq {
        let mut buffer = self.lock_buffer();
        let at = buffer.total;
        // Otherwise the log was switched off meanwhile, and finishing says so.
        if rewrite.rotated.is_none() && buffer.rewrite == Some(rewrite.id) {
            let file = Arc::clone(&rewrite.file);
            buffer.mark = Some(Mark { at, file, detached: rewrite.detached });
            buffer.selected = None;
            buffer.enabled = true;
            rewrite.rotated = Some(at);
        }
        Seq(at)
    }

    /// Step 4 of a [`Rewrite`]: `base` holds the data as of [`rotate`](Self::rotate).
    ///
    /// Afterwards the log is that base and what came since; the files before it are deleted.
    ///
    /// # Errors
    ///
    /// The log is as it would be after [`abort_rewrite`](Self::abort_rewrite).
    #[allow(clippy::needless_pass_by_value, reason = "a rewrite ends once")]
    pub fn finish_rewrite(&self, rewrite: Rewrite, base: SnapshotFile) -> Result<(), RewriteError> {
        let mut books = self.books.lock();
        if books.current != Some(rewrite.id) || rewrite.rotated.is_none() {
            drop(base);
            self.give_up(&mut books, &rewrite, true);
            return Err(RewriteError::Superseded);
        }
        let mut listed = false;
        let outcome = self.put_in_place(&mut books, &rewrite, base, &mut listed);
        if let Err(error) = outcome {
            self.give_up(&mut books, &rewrite, !listed);
            return Err(error);
        }
        self.end(&mut books);
        drop_history(&self.storage, &self.layout, &mut books);
        Ok(())
    }

    fn put_in_place(
        &self,
        books: &mut Books,
        rewrite: &Rewrite,
        base: SnapshotFile,
        listed: &mut bool,
    ) -> Result<(), RewriteError> {
        let base_size = base.commit(&rewrite.base.name)?;
        self.join_up(rewrite)?;
        let old = books.manifest.clone().unwrap_or_default();
        let (dead, live): (Vec<_>, Vec<_>) =
            old.incrs.into_iter().partition(|incr| incr.seq < rewrite.incr.seq);
        let mut manifest =
            Manifest { base: Some(rewrite.base.clone()), incrs: live, history: old.history };
        if rewrite.detached {
            manifest.incrs.push(rewrite.incr.clone());
        }
        manifest.history.extend(old.base);
        manifest.history.extend(dead);
        // From here on the new files may be the ones that count, whatever is answered.
        *listed = true;
        manifest.persist(&self.storage, &self.layout)?;
        books.manifest = Some(manifest);
        let output = self.output.lock();
        if output.hole {
            // A sync failed at this very moment: base and increment are sound up to there.
            return Ok(());
        }
        if rewrite.detached {
            self.attach(&output);
            // Left behind, it costs one rewrite at the next start.
            let _ = self.storage.remove(&self.layout.path(&self.layout.doubt()));
        }
        let size = base_size + output.len;
        self.base_size.store(size, Ordering::Relaxed);
        self.current_size.store(size, Ordering::Relaxed);
        Ok(())
    }

    /// Makes sure that the increment begins where the base ends, and that what is in it is durable
    /// before anybody relies on it.
    fn join_up(&self, rewrite: &Rewrite) -> Result<(), RewriteError> {
        if rewrite.detached {
            self.sync_without_stopping();
        }
        let mut output = self.output.lock();
        let flushed = self.flush(&mut output, u64::MAX);
        if output.hole || self.has_mark(&output) {
            return Err(flushed.err().map_or(RewriteError::Superseded, RewriteError::Commit));
        }
        if rewrite.detached {
            self.sync_inline(&mut output)?;
        }
        Ok(())
    }

    /// Ends a [`Rewrite`] that comes to nothing. The log goes on as before: off, broken, or whole with
    /// one increment more.
    #[allow(clippy::needless_pass_by_value, reason = "a rewrite ends once")]
    pub fn abort_rewrite(&self, rewrite: Rewrite) {
        let mut books = self.books.lock();
        self.give_up(&mut books, &rewrite, true);
    }

    fn end(&self, books: &mut Books) {
        books.current = None;
        self.lock_buffer().rewrite = None;
        self.rewriting.store(false, Ordering::Release);
    }

    /// Takes an increment that was never used out of the manifest again.
    fn unlist(&self, books: &mut Books, incr: &AofFile) {
        let Some(manifest) = &mut books.manifest else { return };
        let mut without = manifest.clone();
        without.incrs.retain(|listed| listed != incr);
        // Where that fails an empty file stays listed, which does no harm.
        if without.persist(&self.storage, &self.layout).is_ok() {
            *manifest = without;
            let _ = self.storage.remove(&self.layout.path(&incr.name));
        }
    }

    /// `removable`: no manifest on disk can name the new files.
    fn give_up(&self, books: &mut Books, rewrite: &Rewrite, removable: bool) {
        let current = books.current == Some(rewrite.id);
        if current {
            self.end(books);
        }
        if current && rewrite.detached && rewrite.rotated.is_some() {
            let mut output = self.output.lock();
            if rewrite.enabling {
                self.switch_off(&mut output);
            } else {
                self.detach(&mut output);
            }
        }
        if current && !rewrite.detached && rewrite.rotated.is_none() {
            self.unlist(books, &rewrite.incr);
        }
        if removable {
            // A base or an increment that stays behind is never read, and its number never reused.
            let _ = self.storage.remove(&self.layout.path(&rewrite.base.name));
            if rewrite.detached {
                let _ = self.storage.remove(&self.layout.path(&rewrite.incr.name));
            }
        }
    }
}
