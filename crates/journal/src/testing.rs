//! Storage in memory that fails and crashes on demand.
//!
//! [`MemoryStorage`] keeps two images: what was written (it survives the death of the process) and
//! what was synced (it survives the loss of power). Every operation is an I/O call with a number, and
//! a call can be made to fail. A test plays its scenario once to count the calls, then once per call
//! with that call failing, takes [`crash`](MemoryStorage::crash) and looks at what is left.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::storage::{FileHandle, OpenMode, Storage, StorageFile};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This one call gets an I/O error; a write writes nothing.
    Error,
    /// This one call finds the disk full; a write writes half and the next write gets the error.
    Short,
    /// From this call on the disk is full; a write writes half first.
    Full,
    /// This call and the four after it get an I/O error. A write writes half first.
    Outage,
    /// From this call on everything gets an I/O error, as when the process were dead: whatever the
    /// code under test does to clean up is not done. A write writes half first.
    Dead,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Error, Self::Short, Self::Full, Self::Outage, Self::Dead];
}

/// What a crash leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// `kill -9`: all that was written.
    Process,
    /// Power loss, at its worst: only synced content under synced names.
    Power,
    /// Power loss where the names survived though nobody synced them, and the content did not. It
    /// finds a rename that was not preceded by a sync.
    PowerKeepsNames,
}

impl Crash {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Process, Self::Power, Self::PowerKeepsNames];
}

#[derive(Debug, Clone, Default)]
struct Node {
    written: Vec<u8>,
    durable: Vec<u8>,
    /// After a failed sync the kernel has forgotten the dirty pages: nothing more becomes durable until
    /// the file is emptied.
    lost: bool,
}

#[derive(Debug, Clone, Default)]
struct State {
    nodes: Vec<Node>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    dirs: Vec<String>,
    calls: u64,
    plan: Option<(u64, Fault)>,
    /// The error of the next write after a short one.
    write_error_due: bool,
    /// From now on all calls fail.
    dead: bool,
    /// So many calls more fail.
    outage: u8,
    /// From now on writes fail for lack of space.
    full: bool,
}

/// What the fault plan says of one call.
enum Verdict {
    Go,
    Half,
    Fail(io::ErrorKind),
}

impl State {
    fn verdict(&mut self, is_write: bool) -> Verdict {
        let call = self.calls;
        self.calls += 1;
        if self.dead {
            return Verdict::Fail(io::ErrorKind::Other);
        }
        if self.outage > 0 {
            self.outage -= 1;
            return Verdict::Fail(io::ErrorKind::Other);
        }
        let planned = match self.plan {
            Some((n, fault)) if n == call => {
                self.plan = None;
                Some(fault)
            }
            _ => None,
        };
        match planned {
            Some(Fault::Error) => Verdict::Fail(io::ErrorKind::Other),
            Some(fault @ (Fault::Dead | Fault::Outage)) => {
                self.dead = fault == Fault::Dead;
                self.outage = 4;
                if is_write { Verdict::Half } else { Verdict::Fail(io::ErrorKind::Other) }
            }
            Some(Fault::Full | Fault::Short) if is_write => {
                self.full |= planned == Some(Fault::Full);
                self.write_error_due = planned == Some(Fault::Short);
                Verdict::Half
            }
            Some(fault) => {
                self.full |= fault == Fault::Full;
                Verdict::Fail(io::ErrorKind::StorageFull)
            }
            None if is_write && (self.full || std::mem::take(&mut self.write_error_due)) => {
                Verdict::Fail(io::ErrorKind::StorageFull)
            }
            None => Verdict::Go,
        }
    }

    /// For calls that are not writes.
    fn admit(&mut self) -> io::Result<()> {
        match self.verdict(false) {
            Verdict::Go => Ok(()),
            Verdict::Half => unreachable!("only writes are cut in half"),
            Verdict::Fail(kind) => Err(kind.into()),
        }
    }

    fn node(&self, path: &str) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// A directory tree in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    state: Arc<Mutex<State>>,
}

impl MemoryStorage {
    /// An empty tree on a disk without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many I/O calls were made.
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// Makes the `n`-th call (counted from the creation, or the crash, of this storage) fail.
    pub fn fail_at(&self, n: u64, fault: Fault) {
        self.state.lock().plan = Some((n, fault));
    }

    /// Ends every fault: there is space again, and the disk answers.
    pub fn repair(&self) {
        let mut state = self.state.lock();
        (state.plan, state.dead, state.full, state.write_error_due) = (None, false, false, false);
        state.outage = 0;
    }

    /// A new storage with what is left after a crash. Handles of this one do not reach it.
    #[must_use]
    pub fn crash(&self, crash: Crash) -> Self {
        let old = self.state.lock();
        let names = match crash {
            Crash::Process | Crash::PowerKeepsNames => &old.names,
            Crash::Power => &old.durable_names,
        };
        let mut new = State { dirs: old.dirs.clone(), ..State::default() };
        // One node may have a durable old name and a new one: both tables map into `nodes`.
        new.nodes.clone_from(&old.nodes);
        new.names.clone_from(names);
        // A process that dies takes no dirty page with it: they are as unsynced as before.
        new.durable_names.clone_from(if crash == Crash::Process {
            &old.durable_names
        } else {
            names
        });
        if crash != Crash::Process {
            for node in &mut new.nodes {
                node.written.clone_from(&node.durable);
                node.lost = false;
            }
        }
        Self { state: Arc::new(Mutex::new(new)) }
    }

    /// The written content of a file; not an I/O call.
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.state.lock();
        state.names.get(path).map(|&node| state.nodes[node].written.clone())
    }

    /// Puts a file in place, durable at once; not an I/O call.
    pub fn put(&self, path: &str, content: &[u8]) {
        let mut state = self.state.lock();
        let (written, durable) = (content.to_vec(), content.to_vec());
        state.nodes.push(Node { written, durable, lost: false });
        let node = state.nodes.len() - 1;
        state.names.insert(path.to_owned(), node);
        state.durable_names.insert(path.to_owned(), node);
        if let Some((dir, _)) = path.rsplit_once('/')
            && !state.dirs.iter().any(|known| known == dir)
        {
            state.dirs.push(dir.to_owned());
        }
    }

    /// The paths of all files; not an I/O call.
    pub fn paths(&self) -> Vec<String> {
        self.state.lock().names.keys().cloned().collect()
    }
}

struct MemoryFile {
    state: Arc<Mutex<State>>,
    node: usize,
}

impl MemoryFile {
    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        let admitted = state.admit();
        let node = &mut state.nodes[self.node];
        if admitted.is_err() {
            node.lost = true;
        } else if !node.lost {
            node.durable.clone_from(&node.written);
        }
        admitted
    }
}

impl StorageFile for MemoryFile {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        let take = match state.verdict(true) {
            Verdict::Go => bytes.len(),
            Verdict::Half => bytes.len() / 2,
            Verdict::Fail(kind) => return Err(kind.into()),
        };
        state.nodes[self.node].written.extend_from_slice(&bytes[..take]);
        Ok(take)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        state.admit()?;
        let written = &state.nodes[self.node].written;
        let from = usize::try_from(offset).map_or(written.len(), |at| at.min(written.len()));
        let take = into.len().min(written.len() - from);
        into[..take].copy_from_slice(&written[from..from + take]);
        Ok(take)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.admit()?;
        state.nodes[self.node].written.resize(len as usize, 0);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.state.lock();
        state.admit()?;
        Ok(state.nodes[self.node].written.len() as u64)
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

impl Storage for MemoryStorage {
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<FileHandle> {
        let mut state = self.state.lock();
        state.admit()?;
        let node = match (state.node(path), mode) {
            (Ok(node), OpenMode::Create) => {
                // Of the pages that a failed sync lost none is left.
                state.nodes[node].written.clear();
                state.nodes[node].lost = false;
                node
            }
            (Ok(node), _) => node,
            (Err(_), OpenMode::Create) => {
                let dir = parent(path);
                if !dir.is_empty() && !state.dirs.iter().any(|known| known == dir) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                state.nodes.push(Node::default());
                let node = state.nodes.len() - 1;
                state.names.insert(path.to_owned(), node);
                node
            }
            (Err(error), _) => return Err(error),
        };
        Ok(Arc::new(MemoryFile { state: Arc::clone(&self.state), node }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.admit()?;
        let node = state.node(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), node);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.admit()?;
        state.node(path)?;
        state.names.remove(path);
        Ok(())
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut state = self.state.lock();
        state.admit()?;
        let names = state.names.keys().filter(|path| parent(path) == dir);
        let files = names.map(|path| path[dir.len()..].trim_start_matches('/').to_owned());
        let dirs = if dir.is_empty() { state.dirs.clone() } else { Vec::new() };
        Ok(files.chain(dirs).collect())
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.admit()?;
        if !state.dirs.iter().any(|known| known == dir) {
            state.dirs.push(dir.to_owned());
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.state.lock();
        state.admit()?;
        let state = &mut *state;
        state.durable_names.retain(|path, _| parent(path) != dir);
        let names = state.names.iter().filter(|(path, _)| parent(path) == dir);
        state.durable_names.extend(names.map(|(path, &node)| (path.clone(), node)));
        Ok(())
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        let mut state = self.state.lock();
        state.admit()?;
        Ok(state.names.contains_key(path) || state.dirs.iter().any(|dir| dir == path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::write_all;

    #[test]
    fn power_loss_keeps_what_was_synced_under_synced_names() {
        let storage = MemoryStorage::new();
        let file = storage.open("a", OpenMode::Create).unwrap();
        write_all(&*file, b"synced").unwrap();
        file.sync_data().unwrap();
        write_all(&*file, b" and not").unwrap();
        assert_eq!(storage.crash(Crash::Process).read("a").unwrap(), b"synced and not");
        assert_eq!(storage.crash(Crash::Power).read("a"), None, "the name was not synced");
        storage.sync_dir("").unwrap();
        assert_eq!(storage.crash(Crash::Power).read("a").unwrap(), b"synced");
        storage.rename("a", "b").unwrap();
        assert_eq!(storage.crash(Crash::Power).paths(), ["a"]);
        assert_eq!(storage.crash(Crash::PowerKeepsNames).read("b").unwrap(), b"synced");
    }

    #[test]
    fn a_sync_after_a_failed_sync_succeeds_and_saves_nothing() {
        let storage = MemoryStorage::new();
        let file = storage.open("a", OpenMode::Create).unwrap();
        storage.sync_dir("").unwrap();
        write_all(&*file, b"x").unwrap();
        storage.fail_at(storage.calls(), Fault::Error);
        assert!(file.sync_data().is_err());
        assert!(file.sync_data().is_ok());
        assert_eq!(storage.crash(Crash::Power).read("a").unwrap(), b"");
    }

    #[test]
    fn a_short_write_takes_half_and_then_the_disk_is_full() {
        let storage = MemoryStorage::new();
        let file = storage.open("a", OpenMode::Create).unwrap();
        storage.fail_at(storage.calls(), Fault::Short);
        assert_eq!(file.write(b"1234").unwrap(), 2);
        assert_eq!(file.write(b"34").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.write(b"34").unwrap(), 2);
        storage.fail_at(storage.calls(), Fault::Full);
        assert_eq!(file.write(b"5678").unwrap(), 2);
        assert!(file.write(b"78").is_err() && file.write(b"78").is_err());
        storage.repair();
        assert_eq!(file.write(b"78").unwrap(), 2);
    }
}
