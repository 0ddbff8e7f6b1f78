//! The append log: its manifest and its files. What is loaded after a torn end was cut is exactly
//! what a second start loads.
//!
//! The first byte says what the rest is: the last file of a log, its base, the single file of an old
//! server, or the manifest.

#![no_main]

use std::sync::Arc;

use guarda_journal::aof::{
    AofLayout, LoadEvent, LoadOptions, LoadReport, Manifest, load, open_manifest,
};
use guarda_journal::rdb::RdbEntry;
use guarda_journal::storage::Storage;
use guarda_journal::testing::MemoryStorage;
use libfuzzer_sys::fuzz_target;

const INCR: &str = "appendonlydir/appendonly.aof.1.incr.aof";
const BASE: &str = "appendonlydir/appendonly.aof.1.base.aof";
const MANIFEST: &str = "appendonlydir/appendonly.aof.manifest";
const LISTED: &[u8] = b"file appendonly.aof.1.base.aof seq 1 type b\n\
                        file appendonly.aof.1.incr.aof seq 1 type i\n";

fuzz_target!(|input: &[u8]| {
    let [kind, rest @ ..] = input else { return };
    let memory = Arc::new(MemoryStorage::new());
    let storage: Arc<dyn Storage> = memory.clone();
    storage.create_dir("appendonlydir").expect("memory");
    let files: [(&str, &[u8]); 3] = match kind % 4 {
        0 => [(MANIFEST, LISTED), (BASE, b""), (INCR, rest)],
        1 => [(MANIFEST, LISTED), (BASE, rest), (INCR, b"")],
        2 => [("appendonly.aof", rest), (BASE, b""), (INCR, b"")],
        _ => [(MANIFEST, rest), (BASE, b""), (INCR, b"")],
    };
    for (path, content) in files {
        memory.put(path, content);
    }
    let layout = AofLayout::default();
    let manifest = match open_manifest(&storage, &layout) {
        Ok(Some(manifest)) => manifest,
        Ok(None) => return,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(Manifest::parse(manifest.render().as_bytes()).expect("our own"), manifest);
    let Some((events, _)) = replay(&storage, &layout, &manifest) else { return };
    let (again, report) = replay(&storage, &layout, &manifest).expect("it was loaded before");
    assert_eq!(events, again, "a second start loads something else");
    assert_eq!(report.cut, None, "a second start cuts again");
});

/// What a start applied, in order.
#[derive(Debug, PartialEq)]
enum Applied {
    Entry(u32, RdbEntry),
    Command(u32, Vec<Vec<u8>>),
    Function(Vec<u8>),
    Sizes(u32, u64, u64),
}

/// Loads the log, or nothing if it is refused.
fn replay(
    storage: &Arc<dyn Storage>,
    layout: &AofLayout,
    manifest: &Manifest,
) -> Option<(Vec<Applied>, LoadReport)> {
    let mut events = Vec::new();
    let mut sink = |event: LoadEvent<'_>| {
        events.push(match event {
            LoadEvent::Entry { db, entry } => Applied::Entry(db, entry),
            LoadEvent::Command { db, args } => Applied::Command(db, args.to_vec()),
            LoadEvent::FunctionLibrary(code) => Applied::Function(code),
            LoadEvent::Sizes { db, keys, expires } => Applied::Sizes(db, keys, expires),
        });
        Ok(())
    };
    let options = LoadOptions { cut_torn_end: true, verify_checksum: false };
    match load(storage, layout, manifest, options, &mut sink) {
        Ok(report) => Some((events, report)),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}
