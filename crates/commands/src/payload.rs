//! Between the values of keys and those of RDB: for DUMP and RESTORE, and for the server's files.

use std::cell::RefCell;
use std::sync::atomic::Ordering;

use guarda_rdb::payload::{PayloadError, read, read_unsealed, write};
use guarda_rdb::{EntryEncoder, RdbErrorKind, RdbValue, RdbValueRef};
use guarda_store::{HashValue, ListEnd, ListValue, SetValue, SortedSetValue, Value, ValueRef};

use crate::host::Settings;

/// Calls `with` with `value` as RDB's encoder takes it.
pub fn with_rdb_value<T>(value: ValueRef<'_>, with: impl FnOnce(RdbValueRef<'_, '_>) -> T) -> T {
    match value {
        ValueRef::String(bytes) => with(RdbValueRef::String(bytes)),
        ValueRef::Hash(hash) => {
            let mut fields = Vec::with_capacity(hash.len());
            hash.for_each(|field, value| fields.push((field, value)));
            with(RdbValueRef::Hash(&mut fields.into_iter()))
        }
        ValueRef::List(list) => {
            let elements: Vec<_> = list.iter().collect();
            with(RdbValueRef::List(&mut elements.iter().map(|element| &**element)))
        }
        ValueRef::Set(set) => {
            let members: Vec<_> = set.iter().collect();
            with(RdbValueRef::Set(&mut members.iter().map(|member| &**member)))
        }
        ValueRef::SortedSet(set) => with(RdbValueRef::SortedSet(&mut set.iter())),
    }
}

/// The value as a key holds it. Of elements that come twice the last one counts.
pub fn from_rdb_value(value: RdbValue, settings: &Settings) -> Value {
    match value {
        RdbValue::String(bytes) => Value::String(bytes),
        RdbValue::List(items) => {
            let mut list = ListValue::default();
            for item in &items {
                list.push_all(ListEnd::Tail, [&item[..]], settings.list_limits());
            }
            Value::List(list)
        }
        RdbValue::Set(members) => {
            let limits = settings.set_limits();
            let mut set = SetValue::default();
            set.prepare(members.len(), limits);
            members.iter().for_each(|member| {
                set.add(member, limits);
            });
            Value::Set(set)
        }
        RdbValue::SortedSet(members) => {
            let limits = settings.sorted_set_limits();
            let mut set = SortedSetValue::default();
            set.prepare(members.len(), limits);
            members.iter().for_each(|(member, score)| {
                set.insert(member, *score, limits);
            });
            Value::SortedSet(set)
        }
        RdbValue::Hash(fields) => {
            let limits = settings.hash_limits();
            let mut hash = HashValue::default();
            for (field, value) in fields {
                hash.set(&field, &value, limits);
            }
            Value::Hash(hash)
        }
    }
}

/// The payload of a value, as DUMP gives it.
pub(crate) fn dump(value: ValueRef<'_>) -> Vec<u8> {
    thread_local! {
        /// The compressor in it has a table worth keeping.
        static ENCODER: RefCell<EntryEncoder> = RefCell::new(EntryEncoder::new(true));
    }
    ENCODER.with_borrow_mut(|encoder| with_rdb_value(value, |value| write(encoder, value)))
}

/// The value in a payload; strings in it have at most `string_len_max` bytes.
///
/// # Errors
/// A [`PayloadError`], also for a collection in which an element comes twice.
pub(crate) fn restore(
    payload: &[u8],
    string_len_max: u64,
    settings: &Settings,
) -> Result<Value, PayloadError> {
    let skips_checksum = settings.skips_checksums.load(Ordering::Relaxed);
    let read = if skips_checksum { read_unsealed } else { read };
    let value = read(payload, string_len_max)?;
    let announced = value.len();
    let value = from_rdb_value(value, settings);
    let len = match value.view() {
        ValueRef::String(_) => announced,
        ValueRef::Hash(hash) => hash.len(),
        ValueRef::List(list) => list.len(),
        ValueRef::Set(set) => set.len(),
        ValueRef::SortedSet(set) => set.len(),
    };
    if len != announced {
        return Err(RdbErrorKind::Malformed("an element comes twice").into());
    }
    Ok(value)
}
