//! One key and its value as RDB bytes.

use guarda_lzf::Compressor;

use super::{kind, opcode};

/// Strings up to this length are not worth compressing (a copy token needs three equal bytes).
const COMPRESS_LEN_MIN: usize = 21;

/// A value to be written, in the caller's own shape. Collections are walked once.
pub enum RdbValueRef<'a, 'i> {
    /// A string.
    String(&'a [u8]),
    /// A string that the caller keeps as a number.
    Integer(i64),
    /// A list, head first.
    List(&'i mut dyn ExactSizeIterator<Item = &'a [u8]>),
    /// A set.
    Set(&'i mut dyn ExactSizeIterator<Item = &'a [u8]>),
    /// A hash: field, value.
    Hash(&'i mut dyn ExactSizeIterator<Item = (&'a [u8], &'a [u8])>),
    /// A sorted set: member, score.
    SortedSet(&'i mut dyn ExactSizeIterator<Item = (&'a [u8], f64)>),
}

/// Encodes entries one at a time; what it appends can be concatenated into a file in any order.
///
/// The plain types are written (no packed ones): every Redis from 2.x loads them and chooses its own
/// packing. Keep one per worker, since the compressor's table (32 KiB) is reused.
pub struct EntryEncoder {
    compressor: Option<Compressor>,
}

/// What a file says of a key's use, under an LRU or an LFU policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RdbUse {
    /// Seconds since it was last used.
    IdleSeconds(u64),
    /// How often it was used, on the logarithmic scale of an LFU policy.
    Frequency(u8),
}

impl EntryEncoder {
    /// An encoder; `compression` is the directive `rdbcompression`.
    pub fn new(compression: bool) -> Self {
        Self { compressor: compression.then(Compressor::new) }
    }

    /// Says of the entry that is appended next when or how often it was used.
    pub fn note_use(&mut self, out: &mut Vec<u8>, used: RdbUse) {
        match used {
            RdbUse::IdleSeconds(seconds) => {
                out.push(opcode::IDLE);
                length(out, seconds);
            }
            RdbUse::Frequency(frequency) => out.extend_from_slice(&[opcode::FREQ, frequency]),
        }
    }

    /// Appends the entry of `key` to `out`. An empty collection, which no key can hold, adds nothing.
    ///
    /// `expiry_ms` is in milliseconds since the Unix epoch. Costs one pass over the value.
    ///
    /// # Panics
    ///
    /// When an iterator yields another number of elements than it announced.
    pub fn encode(
        &mut self,
        out: &mut Vec<u8>,
        key: &[u8],
        expiry_ms: Option<i64>,
        value: RdbValueRef<'_, '_>,
    ) {
        let (kind, len) = kind_and_len(&value);
        if len == 0 {
            return;
        }
        if let Some(at) = expiry_ms {
            out.push(opcode::EXPIRE_MS);
            out.extend_from_slice(&at.to_le_bytes());
        }
        out.push(kind);
        self.string(out, key);
        self.value(out, value, len);
    }

    /// Appends the type of `value` and what it holds: a payload without its seal.
    pub(super) fn bare_value(&mut self, out: &mut Vec<u8>, value: RdbValueRef<'_, '_>) {
        let (kind, len) = kind_and_len(&value);
        out.push(kind);
        self.value(out, value, len);
    }

    fn value(&mut self, out: &mut Vec<u8>, value: RdbValueRef<'_, '_>, len: usize) {
        let mut written = 0;
        match value {
            RdbValueRef::String(bytes) => return self.string(out, bytes),
            RdbValueRef::Integer(number) => return integer(out, number),
            RdbValueRef::List(items) | RdbValueRef::Set(items) => {
                length(out, len as u64);
                for item in items {
                    self.string(out, item);
                    written += 1;
                }
            }
            RdbValueRef::Hash(fields) => {
                length(out, len as u64);
                for (field, value) in fields {
                    self.string(out, field);
                    self.string(out, value);
                    written += 1;
                }
            }
            RdbValueRef::SortedSet(members) => {
                length(out, len as u64);
                for (member, score) in members {
                    self.string(out, member);
                    out.extend_from_slice(&score.to_le_bytes());
                    written += 1;
                }
            }
        }
        assert_eq!(written, len, "an iterator's length is what it yields");
    }

    fn string(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        if let Some(number) = canonical_i32(bytes) {
            return integer(out, i64::from(number));
        }
        if bytes.len() >= COMPRESS_LEN_MIN
            && let Some(compressor) = &mut self.compressor
            && let Some(packed) = compressor.compress(bytes, bytes.len() - 4)
        {
            out.push(0xc3);
            length(out, packed.len() as u64);
            length(out, bytes.len() as u64);
            out.extend_from_slice(packed);
            return;
        }
        plain_string(out, bytes);
    }
}

/// The type of a value, and how many elements it has; a string has one.
fn kind_and_len(value: &RdbValueRef<'_, '_>) -> (u8, usize) {
    match value {
        RdbValueRef::String(_) | RdbValueRef::Integer(_) => (kind::STRING, 1),
        RdbValueRef::List(items) => (kind::LIST, items.len()),
        RdbValueRef::Set(items) => (kind::SET, items.len()),
        RdbValueRef::Hash(fields) => (kind::HASH, fields.len()),
        RdbValueRef::SortedSet(members) => (kind::ZSET_2, members.len()),
    }
}

/// Appends a length of 1, 2, 5 or 9 bytes.
pub(super) fn length(out: &mut Vec<u8>, len: u64) {
    if len < 1 << 6 {
        out.push(len as u8);
    } else if len < 1 << 14 {
        out.extend_from_slice(&(0x4000 | len as u16).to_be_bytes());
    } else if let Ok(len) = u32::try_from(len) {
        out.push(0x80);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(0x81);
        out.extend_from_slice(&len.to_be_bytes());
    }
}

/// Appends a string as it is.
pub(super) fn plain_string(out: &mut Vec<u8>, bytes: &[u8]) {
    length(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a number as a string, in binary when it has at most 32 bits.
pub(super) fn integer(out: &mut Vec<u8>, number: i64) {
    if let Ok(small) = i8::try_from(number) {
        out.push(0xc0);
        out.extend_from_slice(&small.to_le_bytes());
    } else if let Ok(small) = i16::try_from(number) {
        out.push(0xc1);
        out.extend_from_slice(&small.to_le_bytes());
    } else if let Ok(small) = i32::try_from(number) {
        out.push(0xc2);
        out.extend_from_slice(&small.to_le_bytes());
    } else {
        plain_string(out, itoa::Buffer::new().format(number).as_bytes());
    }
}

/// The number whose only decimal form is `bytes`.
fn canonical_i32(bytes: &[u8]) -> Option<i32> {
    if bytes.is_empty() || bytes.len() > 11 {
        return None;
    }
    let number: i32 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    (itoa::Buffer::new().format(number).as_bytes() == bytes).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_decimal_form_becomes_a_number() {
        for text in ["0", "-1", "127", "-128", "32767", "2147483647", "-2147483648"] {
            assert!(canonical_i32(text.as_bytes()).is_some(), "{text}");
        }
        for text in
            ["", "-0", "+1", "01", " 1", "1 ", "2147483648", "-2147483649", "1.0", "\u{0661}"]
        {
            assert!(canonical_i32(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn an_empty_collection_writes_nothing() {
        let mut out = Vec::new();
        let mut none = std::iter::empty::<&[u8]>();
        EntryEncoder::new(true).encode(&mut out, b"k", Some(1), RdbValueRef::Set(&mut none));
        assert!(out.is_empty());
    }
}
