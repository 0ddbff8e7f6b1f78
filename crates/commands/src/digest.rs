//! A fingerprint of data (DEBUG DIGEST): the same data has the same one, however it is kept, in
//! whatever order it came, on whatever server. It is not Redis's number.

use guarda_store::{Record, ValueRef};
use sha1::{Digest as _, Sha1};

/// SHA-1's length.
pub(crate) type Fingerprint = [u8; 20];

/// What there is of nothing.
pub(crate) const NOTHING: Fingerprint = [0; 20];

/// Adds `other` to `sum`, in whatever order such come: none comes twice.
pub(crate) fn mix(sum: &mut Fingerprint, other: Fingerprint) {
    sum.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
}

/// The fingerprint of parts in their order; none can be mistaken for two.
fn of(parts: &[&[u8]]) -> Fingerprint {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn of_unordered(parts: impl Iterator<Item = Fingerprint>) -> Fingerprint {
    let mut sum = NOTHING;
    parts.for_each(|part| mix(&mut sum, part));
    sum
}

/// Of a value, and whether it expires; when does not count, as in Redis.
pub(crate) fn of_value(record: &Record) -> Fingerprint {
    let value = record.value();
    let content = match value {
        ValueRef::String(bytes) => of(&[bytes]),
        ValueRef::List(list) => {
            let mut hash = Sha1::new();
            for element in list.iter() {
                hash.update((element.len() as u64).to_le_bytes());
                hash.update(&*element);
            }
            hash.finalize().into()
        }
        ValueRef::Set(set) => of_unordered(set.iter().map(|member| of(&[&*member]))),
        ValueRef::SortedSet(set) => {
            // Negative zero is zero.
            let bits = |score: f64| (score + 0.0).to_bits().to_le_bytes();
            of_unordered(set.iter().map(|(member, score)| of(&[member, &bits(score)])))
        }
        ValueRef::Hash(hash) => {
            let mut sum = NOTHING;
            hash.for_each(|field, value| mix(&mut sum, of(&[field, value])));
            sum
        }
    };
    let expires: &[u8] = if record.expiry().is_some() { b"expires" } else { b"" };
    of(&[value.kind().name().as_bytes(), expires, &content])
}

/// Of a key of database `db` with its value.
pub(crate) fn of_record(db: u32, record: &Record) -> Fingerprint {
    of(&[&db.to_le_bytes(), record.key(), &of_value(record)])
}

/// Its digits.
pub(crate) fn hex(fingerprint: Fingerprint) -> String {
    fingerprint.iter().map(|byte| format!("{byte:02x}")).collect()
}
