//! Snapshots of the whole keyspace: SAVE, BGSAVE and the base of the append log.
//!
//! Nothing forks. All shards are locked for the moment in which the snapshot begins; then one
//! thread walks them, a few hundred kilobytes under a lock at a time, while commands go on. What
//! they change before the walk reaches it is saved first (see `guarda_store::SnapshotSink`).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use guarda_commands::{CommandError, with_rdb_value};
use guarda_journal::log::RewriteError;
use guarda_journal::rdb::{EntryEncoder, RdbHeader, RdbUse, RdbValueRef, RdbWriter};
use guarda_journal::snapshot::SnapshotFile;
use guarda_store::{Locked, Preference, Record, SHARDS, SnapshotSink, UnixMillis, Usage};

use crate::info::REDIS_VERSION;
use crate::memory::note_thread;
use crate::persistence::{Activity, Progress};
use crate::state::Server;

/// Encoded bytes gathered under one hold of a shard's lock.
const STEP_LEN: usize = 256 << 10;

/// Old values waiting for the walk, in bytes, at which a snapshot gives up: writers outrun the disk.
const WAITING_LEN_MAX: usize = 1 << 30;

/// Locking all shards waits for the longest script.
const PATIENCE: Duration = Duration::from_hours(1);

/// How long a snapshot that is told to dawdle does not look up.
const DAWDLE_SLICE: Duration = Duration::from_millis(10);

/// A shard's records as RDB entries.
struct RdbSink {
    recorder: Recorder,
    runs: Vec<(u32, Vec<u8>)>,
    pending: usize,
    /// Bytes pending in all shards' sinks.
    waiting: Arc<AtomicUsize>,
}

impl SnapshotSink for RdbSink {
    fn save(&mut self, db: u32, record: &Record) {
        if self.runs.last().is_none_or(|(last, _)| *last != db) {
            self.runs.push((db, Vec::new()));
        }
        let Some((_, out)) = self.runs.last_mut() else { unreachable!("pushed above") };
        let before = out.len();
        self.recorder.record(out, record);
        let added = out.len() - before;
        self.pending += added;
        self.waiting.fetch_add(added, Ordering::Relaxed);
    }

    fn pending_len(&self) -> usize {
        self.pending
    }

    fn take(&mut self) -> Vec<(u32, Vec<u8>)> {
        self.waiting.fetch_sub(self.pending, Ordering::Relaxed);
        self.pending = 0;
        std::mem::take(&mut self.runs)
    }
}

/// Writes records as entries, with what the policy goes by: as in Redis, nothing is said of a key's use
/// under the others.
struct Recorder {
    encoder: EntryEncoder,
    preference: Option<Preference>,
    usage: Arc<Usage>,
    now: UnixMillis,
}

impl Recorder {
    fn new(server: &Server, compression: bool) -> Recorder {
        Recorder {
            encoder: EntryEncoder::new(compression),
            preference: server.eviction.preference(),
            usage: Arc::clone(server.keyspace.usage()),
            now: server.clock.now(),
        }
    }

    fn record(&mut self, out: &mut Vec<u8>, record: &Record) {
        let used = match self.preference {
            Some(Preference::Idle) => {
                let idle = (self.now.seconds() as u32).saturating_sub(record.accessed());
                Some(RdbUse::IdleSeconds(idle.into()))
            }
            Some(Preference::Rare) => {
                Some(RdbUse::Frequency(self.usage.frequency(record, self.now)))
            }
            _ => None,
        };
        if let Some(used) = used {
            self.encoder.note_use(out, used);
        }
        encode_record(&mut self.encoder, out, record);
    }
}

fn encode_record(encoder: &mut EntryEncoder, out: &mut Vec<u8>, record: &Record) {
    let (key, expiry) = (record.key(), record.expiry().map(|at| at.0));
    with_rdb_value(record.value(), |value| encoder.encode(out, key, expiry, value));
}

/// A snapshot that has begun: every shard saves what it changes.
pub(crate) struct Snapshot<'s> {
    server: &'s Server,
    /// Keys and keys with an expiry by database, at the start.
    counts: Vec<(u64, u64)>,
    /// The first shard not yet ended.
    next: usize,
}

impl<'s> Snapshot<'s> {
    /// Begins a snapshot: of the moment in which `at_start` runs, all shards being locked.
    ///
    /// # Errors
    /// What `at_start` returns; no snapshot is in progress then.
    pub(crate) fn begin<E>(
        server: &'s Server,
        compression: bool,
        at_start: impl FnOnce() -> Result<(), E>,
    ) -> Result<Snapshot<'s>, E> {
        let waiting = Arc::clone(&server.persistence.waiting);
        let mut sinks: Vec<Box<dyn SnapshotSink>> = (0..SHARDS)
            .map(|_| {
                Box::new(RdbSink {
                    recorder: Recorder::new(server, compression),
                    runs: Vec::new(),
                    pending: 0,
                    waiting: Arc::clone(&waiting),
                }) as Box<dyn SnapshotSink>
            })
            .collect();
        let mut counts = vec![(0, 0); server.keyspace.databases() as usize];
        let mut locked = loop {
            if let Some(locked) = server.keyspace.lock_all(PATIENCE) {
                break locked;
            }
        };
        at_start()?;
        for shard in locked.held() {
            for (db, (keys, expiring)) in counts.iter_mut().enumerate() {
                *keys += shard.len(db as u32) as u64;
                *expiring += shard.expiring_len(db as u32) as u64;
            }
            shard.start_snapshot(sinks.pop().expect("one per shard"));
        }
        Ok(Snapshot { server, counts, next: 0 })
    }

    /// Writes the snapshot as an RDB file's content into `sink`.
    pub(crate) fn write(
        mut self,
        sink: impl io::Write,
        header: &RdbHeader<'_>,
        checksum: bool,
    ) -> io::Result<()> {
        let mut writer = RdbWriter::new(sink, header, checksum)?;
        let mut db = None;
        while self.next < SHARDS {
            self.dawdle()?;
            let (runs, done) = self.server.keyspace.with_shard(self.next, |shard| {
                match shard.advance_snapshot(STEP_LEN) {
                    Some(captured) => (captured.sink.take(), captured.done),
                    None => (Vec::new(), true),
                }
            });
            for (run_db, bytes) in runs {
                if db != Some(run_db) {
                    let (keys, expiring) = self.counts[run_db as usize];
                    writer.select_db(run_db, keys, expiring)?;
                    db = Some(run_db);
                }
                writer.entries(&bytes)?;
            }
            if self.server.persistence.snapshot_waiting() > WAITING_LEN_MAX {
                return Err(io::Error::other(
                    "the snapshot was given up: values changed meanwhile wait in memory beyond \
                     1 GiB; the disk is too slow for this write load",
                ));
            }
            note_thread();
            if done {
                self.server.keyspace.with_shard(self.next, guarda_store::Shard::end_snapshot);
                self.next += 1;
            }
        }
        writer.finish()?;
        Ok(())
    }

    /// Waits as `rdb-key-save-delay` says for the keys of the next shard.
    ///
    /// # Errors
    /// Nobody wants the snapshot any more.
    fn dawdle(&self) -> io::Result<()> {
        let persistence = &self.server.persistence;
        let delay = persistence.key_save_delay.load(Ordering::Relaxed);
        let mut left = Duration::ZERO;
        if delay != 0 {
            let databases = 0..self.server.keyspace.databases();
            let keys: usize = self
                .server
                .keyspace
                .with_shard(self.next, |shard| databases.map(|db| shard.len(db)).sum());
            let (keys, size) = (keys as u64, delay.unsigned_abs());
            let micros = if delay > 0 { keys.saturating_mul(size) } else { keys / size };
            left = Duration::from_micros(micros);
        }
        loop {
            if persistence.save_is_void.load(Ordering::Relaxed) {
                return Err(io::Error::other("all that it was to hold was flushed"));
            }
            if left.is_zero() {
                return Ok(());
            }
            let slice = left.min(DAWDLE_SLICE);
            std::thread::sleep(slice);
            left -= slice;
        }
    }
}

impl Drop for Snapshot<'_> {
    /// Ends it in the shards that it has not been through.
    fn drop(&mut self) {
        for shard in self.next..SHARDS {
            self.server.keyspace.with_shard(shard, guarda_store::Shard::end_snapshot);
        }
        self.server.persistence.waiting.store(0, Ordering::Relaxed);
    }
}

/// What a file written now says of itself.
fn header(server: &Server, aof_base: bool) -> RdbHeader<'static> {
    RdbHeader {
        redis_version: REDIS_VERSION,
        created_s: server.clock.now().seconds(),
        used_memory: server.memory.used() as u64,
        aof_base,
    }
}

/// The directives that shape a file.
struct Shape {
    compression: bool,
    checksum: bool,
    dump_name: String,
}

fn shape(server: &Server) -> Shape {
    let config = server.config.lock();
    Shape {
        compression: config.rdbcompression,
        checksum: config.rdbchecksum,
        dump_name: config.dbfilename.clone(),
    }
}

// Saving ---------------------------------------------------------------------------------------

const SAVE_RUNS: CommandError = CommandError::text("ERR Background save already in progress");

/// Claims the right to work on files; at most one holds it.
fn claim(server: &Server, activity: Activity) -> Result<(), Activity> {
    let mut progress = server.persistence.progress.lock();
    if progress.activity != Activity::Idle {
        return Err(progress.activity);
    }
    start(server, &mut progress, activity);
    Ok(())
}

fn start(server: &Server, progress: &mut Progress, activity: Activity) {
    progress.activity = activity;
    progress.began = server.clock.now().seconds();
    server.persistence.save_is_void.store(false, Ordering::Relaxed);
}

fn release(server: &Server) {
    server.persistence.progress.lock().activity = Activity::Idle;
}

/// While this is held, no file of the server is being written.
pub(crate) struct IdleFiles<'s>(&'s Server);

impl<'s> IdleFiles<'s> {
    /// `None` while one is.
    pub(crate) fn claim(server: &'s Server) -> Option<IdleFiles<'s>> {
        claim(server, Activity::Saving).ok().map(|()| IdleFiles(server))
    }
}

impl Drop for IdleFiles<'_> {
    fn drop(&mut self) {
        release(self.0);
    }
}

/// SAVE: writes `dump.rdb` and returns when it is durable. Other threads go on.
pub(crate) fn save_now(server: &Server) -> Result<(), CommandError> {
    match claim(server, Activity::Saving) {
        Ok(()) => {}
        Err(Activity::Saving) => return Err(SAVE_RUNS),
        Err(_) => {
            return Err(CommandError::text(
                "ERR Another child process is active (AOF?): can't SAVE right now.",
            ));
        }
    }
    let saved = save(server);
    release(server);
    saved.map_err(|_| CommandError::text("ERR"))
}

/// Writes `dump.rdb` of the present moment and notes how it went.
fn save(server: &Server) -> io::Result<()> {
    let began = server.clock.monotonic();
    let dirty = server.dirty.load(Ordering::Relaxed);
    let shape = shape(server);
    let mut state = 0;
    let take = || {
        state = take_state(server);
        Ok::<(), io::Error>(())
    };
    let written = Snapshot::begin(server, shape.compression, take)
        .and_then(|snapshot| write_dump(server, snapshot, state, &shape));
    if written.is_err() && server.persistence.save_is_void.load(Ordering::Relaxed) {
        // No failure that writes would have to be refused for.
        tracing::info!("the snapshot was given up: FLUSHALL has removed what it was to hold");
        return written;
    }
    note_saved(server, &written, began, dirty);
    written
}

/// After a FLUSHALL, whose caller holds all shards: a save in progress is given up, and where there are save
/// points, `dump.rdb` is written anew, so that what was removed does not come back. Says whether that was done;
/// where a file is being written, it follows.
pub(crate) fn save_flushed(server: &Server, locked: &mut Locked<'_>) -> bool {
    let has_points = !server.config.lock().save.is_empty();
    {
        let mut progress = server.persistence.progress.lock();
        if progress.activity != Activity::Idle {
            // It cannot be waited for: it needs the shards to come to its end.
            if progress.activity == Activity::Saving {
                server.persistence.save_is_void.store(true, Ordering::Relaxed);
            }
            progress.save_scheduled |= has_points;
            return false;
        }
        if !has_points {
            return false;
        }
        start(server, &mut progress, Activity::Saving);
    }
    let (began, dirty) = (server.clock.monotonic(), server.dirty.load(Ordering::Relaxed));
    let saved = save_locked(server, locked);
    note_saved(server, &saved, began, dirty);
    release(server);
    saved.is_ok()
}

fn write_dump(
    server: &Server,
    snapshot: Snapshot<'_>,
    state: u64,
    shape: &Shape,
) -> io::Result<()> {
    let storage = Arc::clone(&server.persistence.storage);
    let mut file = SnapshotFile::create_dump(storage, std::process::id())?;
    snapshot.write(&mut file, &header(server, false), shape.checksum)?;
    if server.persistence.save_is_void.load(Ordering::Relaxed) {
        return Err(io::Error::other("all that it holds was flushed"));
    }
    put_in_place(server, file, state, &shape.dump_name)
}

/// Numbers the state of this moment, in which all shards are held.
fn take_state(server: &Server) -> u64 {
    let mut placed = server.persistence.placed.lock();
    placed.taken += 1;
    placed.taken
}

/// Gives a dump its name, unless a newer one has it by now.
fn put_in_place(server: &Server, mut file: SnapshotFile, state: u64, name: &str) -> io::Result<()> {
    file.make_durable()?;
    let mut placed = server.persistence.placed.lock();
    if placed.newest.0 > state && placed.newest.1 == name {
        return Ok(());
    }
    file.commit(name)?;
    placed.newest = (state, name.to_owned());
    Ok(())
}

pub(crate) fn note_saved(server: &Server, saved: &io::Result<()>, began: Duration, dirty: u64) {
    let took = server.clock.since(began);
    match saved {
        Ok(()) => {
            // What changed while it was written is not in it.
            server.dirty.fetch_sub(dirty, Ordering::Relaxed);
            tracing::info!("DB saved on disk in {:.3} s", took.as_secs_f64());
        }
        Err(error) => tracing::error!(%error, "the snapshot could not be saved"),
    }
    server.persistence.note_save(saved.is_ok(), took, server.clock.now().seconds());
}

/// Stands for the process in the temporary file's name, so that such a save does not meet the file
/// of a background save that is cut off, or held up, by it.
const UNDER_ALL_LOCKS: u32 = 0;

/// Saves while the caller holds all shards.
pub(crate) fn save_locked(server: &Server, locked: &mut Locked<'_>) -> io::Result<()> {
    let shape = shape(server);
    let state = take_state(server);
    let storage = Arc::clone(&server.persistence.storage);
    let mut file = SnapshotFile::create_dump(storage, UNDER_ALL_LOCKS)?;
    let mut writer = RdbWriter::new(&mut file, &header(server, false), shape.checksum)?;
    let mut recorder = Recorder::new(server, shape.compression);
    let mut encoded = Vec::new();
    for db in 0..server.keyspace.databases() {
        let mut cursor = 0;
        let keys: usize = locked.held().map(|shard| shard.len(db)).sum();
        let expiring: usize = locked.held().map(|shard| shard.expiring_len(db)).sum();
        if keys == 0 {
            continue;
        }
        writer.select_db(db, keys as u64, expiring as u64)?;
        loop {
            encoded.clear();
            let page = locked.scan(db, cursor, 512, |record| recorder.record(&mut encoded, record));
            writer.entries(&encoded)?;
            cursor = page.next_cursor;
            if cursor == 0 {
                break;
            }
        }
    }
    writer.finish()?;
    put_in_place(server, file, state, &shape.dump_name)
}

/// Bytes that a record's value takes in a snapshot.
pub(crate) fn serialized_len(server: &Server, record: &Record) -> usize {
    let mut encoder = EntryEncoder::new(shape(server).compression);
    let (mut whole, mut empty) = (Vec::new(), Vec::new());
    encode_record(&mut encoder, &mut whole, record);
    let expiry = record.expiry().map(|at| at.0);
    encoder.encode(&mut empty, record.key(), expiry, RdbValueRef::String(b""));
    // The empty string has one byte of its own.
    whole.len() + 1 - empty.len()
}

/// BGSAVE.
pub(crate) fn background_save(
    server: &Server,
    schedule: bool,
) -> Result<&'static str, CommandError> {
    let mut progress = server.persistence.progress.lock();
    match progress.activity {
        Activity::Saving => Err(SAVE_RUNS),
        Activity::Rewriting if schedule => {
            progress.save_scheduled = true;
            Ok("Background saving scheduled")
        }
        Activity::Rewriting => Err(CommandError::text(
            "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE \
             SCHEDULE in order to schedule a BGSAVE whenever possible.",
        )),
        Activity::Idle => {
            start(server, &mut progress, Activity::Saving);
            drop(progress);
            spawn(server, |server| {
                let _ = save(server);
            });
            Ok("Background saving started")
        }
    }
}

/// Runs `work` on a thread of its own, then whatever was scheduled meanwhile.
fn spawn(server: &Server, work: impl FnOnce(&Server) + Send + 'static) {
    let Some(server) = server.handle() else { return release(server) };
    let thread = std::thread::Builder::new().name("snapshot".to_owned());
    let for_thread = Arc::clone(&server);
    let spawned = thread.spawn(move || {
        work(&for_thread);
        release(&for_thread);
        let (save, rewrite) = {
            let mut progress = for_thread.persistence.progress.lock();
            (
                std::mem::take(&mut progress.save_scheduled),
                std::mem::take(&mut progress.rewrite_scheduled),
            )
        };
        if rewrite {
            let _ = background_rewrite(&for_thread);
        }
        if save {
            let _ = background_save(&for_thread, true);
        }
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread for the snapshot");
        release(&server);
    }
}

// Rewriting ------------------------------------------------------------------------------------

/// BGREWRITEAOF.
pub(crate) fn background_rewrite(server: &Server) -> Result<&'static str, CommandError> {
    let mut progress = server.persistence.progress.lock();
    match progress.activity {
        Activity::Rewriting => {
            Err(CommandError::text("ERR Background append only file rewriting already in progress"))
        }
        Activity::Saving => {
            progress.rewrite_scheduled = true;
            Ok("Background append only file rewriting scheduled")
        }
        Activity::Idle => {
            start(server, &mut progress, Activity::Rewriting);
            drop(progress);
            spawn(server, |server| {
                let _ = rewrite(server);
            });
            Ok("Background append only file rewriting started")
        }
    }
}

/// Rewrites the log before it returns; for switching it on.
pub(crate) fn rewrite_now(server: &Server) -> Result<(), String> {
    claim(server, Activity::Rewriting)
        .map_err(|activity| format!("{activity:?} is under way, try again when it has ended"))?;
    let done = rewrite(server);
    release(server);
    done.map_err(|error| error.to_string())
}

/// Writes a new base for the log; switches the log on if it was off.
pub(crate) fn rewrite(server: &Server) -> Result<(), RewriteError> {
    let began = server.clock.monotonic();
    let done = rewrite_base(server);
    let took = server.clock.since(began);
    match &done {
        Ok(()) => tracing::info!("append log rewritten in {:.3} s", took.as_secs_f64()),
        Err(error) => tracing::error!(%error, "the append log could not be rewritten"),
    }
    let mut progress = server.persistence.progress.lock();
    progress.last_rewrite_ok = done.is_ok();
    progress.rewrites += u64::from(done.is_ok());
    progress.rewrites_failed_in_a_row =
        if done.is_ok() { 0 } else { progress.rewrites_failed_in_a_row + 1 };
    progress.last_rewrite_s = took.as_secs() as i64;
    progress.last_rewrite_tried = server.clock.now().seconds();
    done
}

fn rewrite_base(server: &Server) -> Result<(), RewriteError> {
    let shape = shape(server);
    let persistence = &server.persistence;
    let journal = persistence.journal();
    let mut rewrite = journal.prepare_rewrite()?;
    let enables = rewrite.enables();
    let begun = Snapshot::begin(server, shape.compression, || {
        journal.rotate(&mut rewrite);
        if enables {
            persistence.note_logging(true);
        }
        Ok::<(), RewriteError>(())
    });
    let base = begun.and_then(|snapshot| {
        let mut base = rewrite.base_file()?;
        snapshot.write(&mut base, &header(server, true), shape.checksum)?;
        Ok(base)
    });
    let done = match base {
        Ok(base) => journal.finish_rewrite(rewrite, base),
        Err(error) => {
            journal.abort_rewrite(rewrite);
            Err(error)
        }
    };
    persistence.note_logging(journal.is_enabled());
    done
}

/// Forgets what was to follow the work in progress: the process is about to end.
pub(crate) fn forget_scheduled(server: &Server) {
    let mut progress = server.persistence.progress.lock();
    progress.save_scheduled = false;
    progress.rewrite_scheduled = false;
}

/// Seconds after a failed attempt before the next one by itself.
const RETRY_AFTER_S: i64 = 5;

/// Rewrites that fail in a row before the next ones wait for longer: each that gets as far as to begin
/// leaves one increment more.
const REWRITES_AT_ONCE: u64 = 3;

/// Longest such wait, in seconds.
const REWRITE_PAUSE_MAX_S: i64 = 3600;

/// Seconds from a failed rewrite to the next by itself: a minute after the third in a row, then twice as
/// long each time, as in Redis. If writes are refused until one succeeds, there is no use in waiting.
fn rewrite_pause_s(failed_in_a_row: u64, is_needed: bool) -> i64 {
    match failed_in_a_row.checked_sub(REWRITES_AT_ONCE) {
        Some(more) if !is_needed => (60 << more.min(6)).min(REWRITE_PAUSE_MAX_S),
        _ => RETRY_AFTER_S,
    }
}

/// Whether something that was tried at `tried` may be tried again; a clock that was set back does not
/// put it off.
fn is_past(tried: i64, pause_s: i64, now: i64) -> bool {
    !(0..=pause_s).contains(&(now - tried))
}

/// Starts a save when a save point is reached, or a rewrite when the log has grown enough.
pub(crate) fn start_if_due(server: &Server) {
    let now = server.clock.now().seconds();
    let progress = server.persistence.progress.lock().clone();
    if progress.activity != Activity::Idle {
        return;
    }
    let (points, percentage, size_min) = {
        let config = server.config.lock();
        (
            config.save.clone(),
            config.auto_aof_rewrite_percentage.map_or(0, |p| u64::from(p.get())),
            config.auto_aof_rewrite_min_size.0,
        )
    };
    let journal = server.persistence.journal();
    let pause = rewrite_pause_s(progress.rewrites_failed_in_a_row, journal.needs_rewrite());
    let retry = progress.last_rewrite_ok || is_past(progress.last_rewrite_tried, pause, now);
    if server.persistence.is_logging()
        && retry
        && journal.status().wants_rewrite(percentage, size_min)
    {
        tracing::info!("the append log has grown: rewriting it");
        let _ = background_rewrite(server);
        return;
    }
    let dirty = server.dirty.load(Ordering::Relaxed);
    let since = now - server.persistence.last_save.load(Ordering::Relaxed);
    let retry = progress.last_save_ok || is_past(progress.last_save_tried, RETRY_AFTER_S, now);
    let reached = points.iter().find(|point| {
        dirty >= point.changes && since > i64::try_from(point.seconds).unwrap_or(i64::MAX)
    });
    if let Some(point) = reached.filter(|_| retry) {
        tracing::info!("{} changes in {} seconds: saving", point.changes, point.seconds);
        let _ = background_save(server, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewrites_that_fail_again_and_again_are_tried_less_and_less_often() {
        let pauses = [0, 1, 2, 3, 4, 5, 9, 10, u64::MAX].map(|n| rewrite_pause_s(n, false));
        assert_eq!(pauses, [5, 5, 5, 60, 120, 240, 3600, 3600, 3600]);
        assert_eq!(rewrite_pause_s(100, true), 5, "writes are refused until then");
        assert!(!is_past(100, 5, 105) && is_past(100, 5, 106) && is_past(100, 5, 99));
    }
}
