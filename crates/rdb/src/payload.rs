//! One value by itself: its type, what it holds, the version of the format and a checksum over all of
//! it. `DUMP` gives such payloads and `RESTORE` takes them.

use super::input::{CRC64, Input};
use super::{EntryEncoder, RdbErrorKind, RdbReader, RdbValue, RdbValueRef};
use super::{VERSION_READ_MAX, VERSION_WRITTEN};

/// The version, 2 bytes, and the checksum, 8 bytes.
const SEAL_LEN: usize = 10;
/// A payload is read in pieces of at most this size.
const BUFFER_LEN_MAX: usize = 4096;

/// Why a payload was refused.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// It is no payload, of a version that is not known, or damaged: nothing in it was looked at.
    #[error("the payload's version or checksum is wrong")]
    Seal,
    /// It is whole, and holds what is no value.
    #[error("the payload holds no value: {0}")]
    Value(#[from] RdbErrorKind),
}

/// Writes `value` as a payload of its own.
///
/// # Panics
///
/// When an iterator yields another number of elements than it announced.
pub fn write(encoder: &mut EntryEncoder, value: RdbValueRef<'_, '_>) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.bare_value(&mut out, value);
    seal(&mut out, VERSION_WRITTEN as u16);
    out
}

/// Appends the version and the checksum to a type and its value.
pub fn seal(out: &mut Vec<u8>, version: u16) {
    out.extend_from_slice(&version.to_le_bytes());
    append_checksum(out);
}

/// The payload with the checksum that it should have; as it is, if it is too short for one.
#[must_use]
pub fn resealed(payload: &[u8]) -> Vec<u8> {
    let Some((content, _)) = payload.split_last_chunk::<8>() else { return payload.to_vec() };
    let mut out = content.to_vec();
    append_checksum(&mut out);
    out
}

fn append_checksum(out: &mut Vec<u8>) {
    let sum = CRC64.checksum(out);
    out.extend_from_slice(&sum.to_le_bytes());
}

/// Reads a payload, of any version up to the newest that is read; strings in it have at most
/// `string_len_max` bytes. Memory use follows the payload's own length.
///
/// Bytes between the value and the seal are ignored, as Redis does.
///
/// # Errors
///
/// A [`PayloadError`]. An empty collection, which no key holds, is one.
pub fn read(payload: &[u8], string_len_max: u64) -> Result<RdbValue, PayloadError> {
    let (content, sum) = payload.split_last_chunk::<8>().ok_or(PayloadError::Seal)?;
    if CRC64.checksum(content) != u64::from_le_bytes(*sum) {
        return Err(PayloadError::Seal);
    }
    read_unsealed(payload, string_len_max)
}

/// As [`read`], whatever the checksum says: for tests of what comes behind it.
///
/// # Errors
///
/// A [`PayloadError`].
pub fn read_unsealed(payload: &[u8], string_len_max: u64) -> Result<RdbValue, PayloadError> {
    let (content, _) = payload.split_last_chunk::<8>().ok_or(PayloadError::Seal)?;
    let (value, version) = content.split_last_chunk::<2>().ok_or(PayloadError::Seal)?;
    let version = u32::from(u16::from_le_bytes(*version));
    if version > VERSION_READ_MAX {
        return Err(PayloadError::Seal);
    }
    debug_assert_eq!(value.len() + SEAL_LEN, payload.len());
    let input = Input::with_buffer(value, value.len().min(BUFFER_LEN_MAX));
    let mut reader = RdbReader::after_header(input, version).string_len_max(string_len_max);
    let value = reader.bare_value()?;
    if value.is_empty() {
        return Err(RdbErrorKind::Malformed("a collection of nothing").into());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn the_payload_of_a_string_is_the_one_that_redis_7_0_writes() {
        let payload = write(&mut EntryEncoder::new(true), RdbValueRef::String(b"v"));
        assert_eq!(payload, hex("0001760a009108ceb219388ace"));
        assert_eq!(read(&payload, 10).unwrap(), RdbValue::String(b"v".to_vec()));
    }

    #[test]
    fn a_payload_may_be_read_whatever_its_checksum_is() {
        let mut payload = write(&mut EntryEncoder::new(true), RdbValueRef::String(b"v"));
        *payload.last_mut().unwrap() ^= 1;
        assert!(matches!(read(&payload, 10), Err(PayloadError::Seal)));
        assert_eq!(read_unsealed(&payload, 10).unwrap(), RdbValue::String(b"v".to_vec()));
        assert!(matches!(read_unsealed(&payload[..3], 10), Err(PayloadError::Seal)));
        // Its version is none that is known.
        let version = payload.len() - 9;
        payload[version] = 0xff;
        assert!(matches!(read_unsealed(&payload, 10), Err(PayloadError::Seal)));
    }

    #[test]
    fn any_changed_bit_and_any_missing_byte_breaks_the_seal() {
        let payload = write(&mut EntryEncoder::new(true), RdbValueRef::Integer(1_000));
        for end in 0..payload.len() {
            assert!(matches!(read(&payload[..end], 10), Err(PayloadError::Seal)), "{end}");
        }
        for bit in 0..payload.len() * 8 {
            let mut damaged = payload.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(read(&damaged, 10), Err(PayloadError::Seal)), "{bit}");
        }
    }

    /// `content` with the seal that it should have.
    fn sealed(content: &[u8], version: u16) -> Vec<u8> {
        let mut payload = content.to_vec();
        seal(&mut payload, version);
        payload
    }

    #[test]
    fn a_broken_seal_is_mended_where_there_is_one() {
        let payload = write(&mut EntryEncoder::new(true), RdbValueRef::Integer(1_000));
        let mut damaged = payload.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(resealed(&damaged), payload);
        assert_eq!(resealed(b"1234567"), b"1234567");
    }

    #[test]
    fn a_newer_version_is_refused_and_an_older_one_is_not() {
        let string = [0, 1, b'v'];
        for (version, taken) in [(0, true), (1, true), (10, true), (11, true), (12, false)] {
            let payload = sealed(&string, version);
            assert_eq!(read(&payload, 10).is_ok(), taken, "{version}");
        }
    }

    #[test]
    fn whole_payloads_that_hold_no_value_are_refused() {
        let cases: &[(&[u8], &str)] = &[
            (&[], "nothing at all"),
            (&[0], "a string without its length"),
            (&[0, 2, b'v'], "a string that is too short"),
            (&[0, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "a length without end"),
            (&[0, 0xc3, 1, 0x80, 0xff, 0xff, 0xff, 0xff, 0], "a compressed string of 4 GiB"),
            (
                &[0, 11, b'0', b'1', b'2', b'3', b'4', b'5', b'6', b'7', b'8', b'9', b'x'],
                "too long",
            ),
            (&[1, 0], "an empty list"),
            (&[2, 0], "an empty set"),
            (&[4, 0], "an empty hash"),
            (&[5, 0], "an empty sorted set"),
            (&[1, 0x80, 0xff, 0xff, 0xff, 0xff], "a list of four milliards of elements"),
            (&[4, 1, 1, b'f'], "a field without its value"),
            (&[5, 1, 1, b'm', 0, 0, 0, 0, 0, 0, 0xf8, 0x7f], "a score that is NaN"),
            (&[15, 0], "a stream"),
            (&[7, 0], "a module's"),
            (&[8, 0], "no type"),
            (&[252, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, b'v'], "an expiry"),
            (&[255], "an end"),
        ];
        for (content, what) in cases {
            let read = read(&sealed(content, 10), 10);
            assert!(matches!(read, Err(PayloadError::Value(_))), "{what}");
        }
    }
}
