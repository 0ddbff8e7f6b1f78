//! RDB files: whatever the bytes, an error or entries; and entries that were read can be written
//! and are read back the same.

#![no_main]

use guarda_journal::rdb::{EntryEncoder, RdbEntry, RdbEvent, RdbHeader, RdbReader, RdbWriter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (entries, _) = read(input, false);
    let header =
        RdbHeader { redis_version: "7.2.0", created_s: 0, used_memory: 0, aof_base: false };
    let mut writer = RdbWriter::new(Vec::new(), &header, true).expect("memory");
    let mut encoder = EntryEncoder::new(true);
    for (db, entry) in &entries {
        let mut bytes = Vec::new();
        let (key, expiry) = (&entry.key, entry.expiry_ms);
        entry.value.with_ref(|value| encoder.encode(&mut bytes, key, expiry, value));
        writer.select_db(*db, 1, 0).expect("memory");
        writer.entries(&bytes).expect("memory");
    }
    let file = writer.finish().expect("memory");
    let (again, whole) = read(&file, true);
    assert!(whole, "our own file is refused");
    assert_eq!(again.len(), entries.len());
    for ((db, old), (db_again, new)) in entries.iter().zip(&again) {
        let same = (db, &old.key, old.expiry_ms) == (db_again, &new.key, new.expiry_ms)
            && old.value == new.value;
        assert!(same, "{old:?} became {new:?}");
    }
});

/// All entries up to the end or the first fault, and whether there was none.
fn read(bytes: &[u8], verify: bool) -> (Vec<(u32, RdbEntry)>, bool) {
    let Ok(reader) = RdbReader::new(bytes) else { return (Vec::new(), false) };
    let mut reader = reader.verify_checksum(verify).string_len_max(1 << 20);
    let (mut entries, mut db) = (Vec::new(), 0);
    loop {
        match reader.next_event() {
            Ok(Some(RdbEvent::Entry(entry))) => entries.push((db, entry)),
            Ok(Some(RdbEvent::SelectDb(selected))) => db = selected,
            Ok(Some(_)) => {}
            Ok(None) => return (entries, true),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return (entries, false);
            }
        }
    }
}
