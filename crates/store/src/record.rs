//! One key with its value and expiry.

use crate::table::Hashed;
use crate::time::UnixMillis;
use crate::usage::USES_AT_FIRST;
use crate::value::{Value, ValueRef};

/// A key with its value, expiry and housekeeping.
///
/// A string and its key share one allocation (header, key, value); other values have their own.
/// The header is read and written as fixed-width little-endian fields, so no `unsafe` is needed.
#[derive(Clone)]
pub struct Record(Repr);

#[derive(Clone)]
enum Repr {
    Compact(Box<[u8]>),
    Boxed(Box<Object>),
}

#[derive(Clone)]
struct Object {
    header: [u8; HEADER],
    key: Box<[u8]>,
    value: Value,
}

// Header fields: offset, and width by type.
const HASH: usize = 0; // u64
const EXPIRY: usize = 8; // i64, NEVER = none
const INDEXED: usize = 16; // i64, where the expiry index holds this record, NEVER = nowhere
const ACCESSED: usize = 24; // u32, seconds since 1970, wrapping
const KEY_LEN: usize = 28; // u32
const EPOCH: usize = 32; // u16, the last snapshot that has seen this record
const USES: usize = 34; // u8, how often it is used, on the scale of `usage`
const HEADER: usize = 35;

const NEVER: i64 = i64::MAX;

/// An expiry at the very last millisecond, which means "never" here, is kept one earlier.
fn expiry_field(expiry: Option<UnixMillis>) -> i64 {
    expiry.map_or(NEVER, |at| at.0.min(NEVER - 1))
}

impl Hashed for Record {
    fn hash(&self) -> u64 {
        u64::from_le_bytes(self.field(HASH))
    }
}

impl Record {
    fn header(hash: u64, key_len: usize, expiry: Option<UnixMillis>) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[HASH..HASH + 8].copy_from_slice(&hash.to_le_bytes());
        header[EXPIRY..EXPIRY + 8].copy_from_slice(&expiry_field(expiry).to_le_bytes());
        header[INDEXED..INDEXED + 8].copy_from_slice(&NEVER.to_le_bytes());
        header[KEY_LEN..KEY_LEN + 4].copy_from_slice(&(key_len as u32).to_le_bytes());
        header[USES] = USES_AT_FIRST;
        header
    }

    /// A string record, in one allocation.
    pub(crate) fn string(hash: u64, key: &[u8], value: &[u8], expiry: Option<UnixMillis>) -> Self {
        let mut bytes = Vec::with_capacity(HEADER + key.len() + value.len());
        bytes.extend_from_slice(&Self::header(hash, key.len(), expiry));
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
        Record(Repr::Compact(bytes.into_boxed_slice()))
    }

    /// A record of any type.
    pub(crate) fn object(hash: u64, key: &[u8], value: Value, expiry: Option<UnixMillis>) -> Self {
        let header = Self::header(hash, key.len(), expiry);
        Record(Repr::Boxed(Box::new(Object { header, key: key.into(), value })))
    }

    /// The same value, expiry and count of uses under another key; in no index.
    pub(crate) fn renamed(self, hash: u64, key: &[u8]) -> Self {
        let (expiry, uses) = (self.expiry(), self.uses());
        let mut renamed = match (&self.0, self.value()) {
            (Repr::Compact(_), ValueRef::String(value)) => Self::string(hash, key, value, expiry),
            _ => match self.0 {
                Repr::Boxed(object) => Self::object(hash, key, object.value, expiry),
                Repr::Compact(_) => unreachable!("a compact record is a string"),
            },
        };
        renamed.set_uses(uses);
        renamed
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Compact(bytes) => bytes,
            Repr::Boxed(object) => &object.header,
        }
    }

    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        *self.bytes()[at..].first_chunk().expect("every record has a whole header")
    }

    fn set_field<const N: usize>(&mut self, at: usize, value: [u8; N]) {
        let bytes = match &mut self.0 {
            Repr::Compact(bytes) => &mut bytes[..],
            Repr::Boxed(object) => &mut object.header,
        };
        bytes[at..at + N].copy_from_slice(&value);
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        match &self.0 {
            Repr::Compact(bytes) => {
                let len = u32::from_le_bytes(self.field(KEY_LEN)) as usize;
                &bytes[HEADER..HEADER + len]
            }
            Repr::Boxed(object) => &object.key,
        }
    }

    /// The value, borrowed.
    pub fn value(&self) -> ValueRef<'_> {
        match &self.0 {
            Repr::Compact(bytes) => {
                let len = u32::from_le_bytes(self.field(KEY_LEN)) as usize;
                ValueRef::String(&bytes[HEADER + len..])
            }
            Repr::Boxed(object) => object.value.view(),
        }
    }

    /// Whether the string is kept apart from its record to grow in place (`OBJECT ENCODING` says
    /// `raw` however short it is).
    pub fn is_growing_string(&self) -> bool {
        matches!(&self.0, Repr::Boxed(object) if matches!(object.value, Value::String(_)))
    }

    /// The value of a boxed record; `None` for a string in its record's own allocation.
    pub(crate) fn object_mut(&mut self) -> Option<&mut Value> {
        match &mut self.0 {
            Repr::Compact(_) => None,
            Repr::Boxed(object) => Some(&mut object.value),
        }
    }

    /// Turns a string record into its growing form and returns the string; `None` for other types.
    pub(crate) fn growing_string(&mut self) -> Option<&mut Vec<u8>> {
        if let (Repr::Compact(bytes), ValueRef::String(value)) = (&self.0, self.value()) {
            let header = *bytes.first_chunk().expect("every record has a whole header");
            let value = Value::String(value.to_vec());
            self.0 = Repr::Boxed(Box::new(Object { header, key: self.key().into(), value }));
        }
        match self.object_mut() {
            Some(Value::String(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Overwrites a compact string whose length stays the same; returns whether it could.
    pub(crate) fn overwrite(&mut self, value: &[u8]) -> bool {
        let Repr::Compact(bytes) = &mut self.0 else { return false };
        let key_len = *bytes[KEY_LEN..].first_chunk().expect("every record has a whole header");
        let start = HEADER + u32::from_le_bytes(key_len) as usize;
        if bytes.len() - start != value.len() {
            return false;
        }
        bytes[start..].copy_from_slice(value);
        true
    }

    /// When the key expires.
    pub fn expiry(&self) -> Option<UnixMillis> {
        let at = i64::from_le_bytes(self.field(EXPIRY));
        (at != NEVER).then_some(UnixMillis(at))
    }

    /// Whether the key's expiry is at or before `now`.
    pub fn is_due(&self, now: UnixMillis) -> bool {
        i64::from_le_bytes(self.field(EXPIRY)) <= now.0
    }

    pub(crate) fn set_expiry(&mut self, expiry: Option<UnixMillis>) {
        self.set_field(EXPIRY, expiry_field(expiry).to_le_bytes());
    }

    /// Where the expiry index holds this record.
    pub(crate) fn indexed_at(&self) -> Option<i64> {
        let at = i64::from_le_bytes(self.field(INDEXED));
        (at != NEVER).then_some(at)
    }

    pub(crate) fn set_indexed_at(&mut self, at: Option<i64>) {
        self.set_field(INDEXED, at.unwrap_or(NEVER).to_le_bytes());
    }

    /// Seconds (wall clock, wrapping) at which the key was last read or written.
    pub fn accessed(&self) -> u32 {
        u32::from_le_bytes(self.field(ACCESSED))
    }

    pub(crate) fn set_accessed(&mut self, now: UnixMillis) {
        self.set_field(ACCESSED, (now.seconds() as u32).to_le_bytes());
    }

    /// How often the key was used by the time it was used last; see [`Usage`](crate::Usage).
    pub(crate) fn uses(&self) -> u8 {
        let [uses] = self.field(USES);
        uses
    }

    pub(crate) fn set_uses(&mut self, uses: u8) {
        self.set_field(USES, [uses]);
    }

    /// A copy for another key, which nobody has used yet.
    #[must_use]
    pub fn copied(&self) -> Record {
        let mut copy = self.clone();
        copy.set_uses(USES_AT_FIRST);
        copy
    }

    pub(crate) fn epoch(&self) -> u16 {
        u16::from_le_bytes(self.field(EPOCH))
    }

    pub(crate) fn set_epoch(&mut self, epoch: u16) {
        self.set_field(EPOCH, epoch.to_le_bytes());
    }

    /// Allocations the value is made of, about: what freeing it costs.
    pub(crate) fn weight(&self) -> usize {
        match &self.0 {
            Repr::Compact(_) => 1,
            Repr::Boxed(object) => object.value.weight(),
        }
    }

    /// Bytes the record has on the heap, its slot in the table included; what `MEMORY USAGE` and
    /// the weight of a snapshot step count.
    pub fn heap_len(&self) -> usize {
        let own = match &self.0 {
            Repr::Compact(bytes) => bytes.len(),
            Repr::Boxed(object) => size_of::<Object>() + object.key.len() + object.value.heap_len(),
        };
        own + size_of::<Record>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gives_back_what_it_was_given() {
        let mut record = Record::string(42, b"key", b"value", Some(UnixMillis(99)));
        assert_eq!((record.hash(), record.key()), (42, &b"key"[..]));
        assert!(matches!(record.value(), ValueRef::String(b"value")));
        assert_eq!(record.expiry(), Some(UnixMillis(99)));
        assert!(record.is_due(UnixMillis(99)) && !record.is_due(UnixMillis(98)));
        record.set_expiry(None);
        assert!(record.expiry().is_none() && !record.is_due(UnixMillis(i64::MAX - 1)));
        assert_eq!(record.indexed_at(), None);
    }

    #[test]
    fn a_growing_string_keeps_its_key_and_header() {
        let mut record = Record::string(42, b"key", b"value", Some(UnixMillis(99)));
        record.set_epoch(3);
        record.growing_string().expect("a string").extend_from_slice(b"!");
        assert!(matches!(record.value(), ValueRef::String(b"value!")));
        assert_eq!((record.key(), record.epoch()), (&b"key"[..], 3));
        assert_eq!(record.expiry(), Some(UnixMillis(99)));
    }

    #[test]
    fn a_renamed_record_keeps_its_form_value_and_expiry() {
        let mut record = Record::string(42, b"key", b"value", Some(UnixMillis(99)));
        record.set_indexed_at(Some(7));
        let mut renamed = record.renamed(43, b"longer key");
        assert_eq!((renamed.hash(), renamed.key()), (43, &b"longer key"[..]));
        assert!(matches!(renamed.value(), ValueRef::String(b"value")));
        assert_eq!((renamed.expiry(), renamed.indexed_at()), (Some(UnixMillis(99)), None));
        renamed.growing_string().expect("a string").push(b'!');
        let again = renamed.clone().renamed(44, b"k");
        assert!(again.is_growing_string() && renamed.is_growing_string());
        assert!(matches!(again.value(), ValueRef::String(b"value!")));
        assert_eq!(
            (again.hash(), again.key(), again.expiry()),
            (44, &b"k"[..], Some(UnixMillis(99)))
        );
    }

    #[test]
    fn a_slot_of_the_table_is_two_words() {
        assert_eq!(size_of::<Record>(), 16);
    }
}
