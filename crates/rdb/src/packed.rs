//! The packed forms that Redis keeps small collections in: ziplist, listpack, intset, zipmap.
//!
//! Each arrives as one string. Every step is checked against what is left of it, so damaged bytes
//! are an error and never a panic; nothing is allocated ahead of the data that fills it.

type Result<T> = std::result::Result<T, &'static str>;

/// Walks a slice.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or("a packed value ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into().expect("`take` gives what was asked for"))
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn u32_le(&mut self) -> Result<usize> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }
}

fn decimal(number: i64) -> Vec<u8> {
    itoa::Buffer::new().format(number).as_bytes().to_vec()
}

fn int24(bytes: [u8; 3]) -> i64 {
    let [a, b, c] = bytes;
    i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)
}

/// The elements of a ziplist: header of 10 bytes, entries, 0xff.
pub(super) fn ziplist(blob: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut bytes = Bytes(blob);
    if bytes.u32_le()? != blob.len() {
        return Err("a ziplist's length is not its own");
    }
    let tail = bytes.u32_le()?;
    let count = usize::from(u16::from_le_bytes(bytes.array()?));
    let mut items = Vec::new();
    // What is only there for walking backwards must be right too: where the last entry is, and in each entry
    // how long the one before it is.
    let (mut last, mut last_len) = (blob.len() - bytes.0.len(), 0);
    loop {
        let at = blob.len() - bytes.0.len();
        let before = match bytes.byte()? {
            0xff => break,
            0xfe => bytes.u32_le()?,
            short => usize::from(short),
        };
        if before != last_len {
            return Err("an entry of a ziplist is not as long as the next one says");
        }
        items.push(ziplist_entry(&mut bytes)?);
        (last, last_len) = (at, blob.len() - bytes.0.len() - at);
    }
    if tail != last {
        return Err("a ziplist's last entry is not where it says");
    }
    // The count saturates at 65,535.
    if !bytes.0.is_empty() || (count != usize::from(u16::MAX) && count != items.len()) {
        return Err("a ziplist's count is not its own");
    }
    Ok(items)
}

fn ziplist_entry(bytes: &mut Bytes<'_>) -> Result<Vec<u8>> {
    let tag = bytes.byte()?;
    Ok(match tag {
        0x00..=0x3f => bytes.take(usize::from(tag))?.to_vec(),
        0x40..=0x7f => {
            let low = bytes.byte()?;
            bytes.take(usize::from(tag & 0x3f) << 8 | usize::from(low))?.to_vec()
        }
        0x80 => {
            let len = u32::from_be_bytes(bytes.array()?) as usize;
            bytes.take(len)?.to_vec()
        }
        0xc0 => decimal(i64::from(i16::from_le_bytes(bytes.array()?))),
        0xd0 => decimal(i64::from(i32::from_le_bytes(bytes.array()?))),
        0xe0 => decimal(i64::from_le_bytes(bytes.array()?)),
        0xf0 => decimal(int24(bytes.array()?)),
        0xfe => decimal(i64::from(i8::from_le_bytes(bytes.array()?))),
        0xf1..=0xfd => decimal(i64::from(tag & 0x0f) - 1),
        _ => return Err("an entry of a ziplist has an unknown form"),
    })
}

/// The elements of a listpack: header of 6 bytes, entries, 0xff.
pub(super) fn listpack(blob: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut bytes = Bytes(blob);
    if bytes.u32_le()? != blob.len() {
        return Err("a listpack's length is not its own");
    }
    let count = usize::from(u16::from_le_bytes(bytes.array()?));
    let mut items = Vec::new();
    loop {
        let before = bytes.0.len();
        let tag = bytes.byte()?;
        if tag == 0xff {
            break;
        }
        items.push(listpack_entry(&mut bytes, tag)?);
        back_length(&mut bytes, before)?;
    }
    if !bytes.0.is_empty() || (count != usize::from(u16::MAX) && count != items.len()) {
        return Err("a listpack's count is not its own");
    }
    Ok(items)
}

fn listpack_entry(bytes: &mut Bytes<'_>, tag: u8) -> Result<Vec<u8>> {
    Ok(match tag {
        0x00..=0x7f => decimal(i64::from(tag)),
        0x80..=0xbf => bytes.take(usize::from(tag & 0x3f))?.to_vec(),
        0xc0..=0xdf => {
            // 13 bits, signed: shifted up to the sign bit and back.
            let raw = u16::from_be_bytes([tag & 0x1f, bytes.byte()?]);
            decimal(i64::from((raw << 3).cast_signed() >> 3))
        }
        0xe0..=0xef => {
            let low = bytes.byte()?;
            bytes.take(usize::from(tag & 0x0f) << 8 | usize::from(low))?.to_vec()
        }
        0xf0 => {
            let len = bytes.u32_le()?;
            bytes.take(len)?.to_vec()
        }
        0xf1 => decimal(i64::from(i16::from_le_bytes(bytes.array()?))),
        0xf2 => decimal(int24(bytes.array()?)),
        0xf3 => decimal(i64::from(i32::from_le_bytes(bytes.array()?))),
        0xf4 => decimal(i64::from_le_bytes(bytes.array()?)),
        _ => return Err("an entry of a listpack has an unknown form"),
    })
}

/// Skips the length of the entry, which follows it for walking backwards: up to five bytes, seven
/// bits each, highest first.
///
/// How many bytes is found by reading until the value is right, since writers differ by one at the
/// boundaries. A shorter reading never matches a longer form, whose upper bits come first.
fn back_length(bytes: &mut Bytes<'_>, before: usize) -> Result<()> {
    let expected = (before - bytes.0.len()) as u64;
    let mut found = 0;
    for _ in 0..5 {
        found = found << 7 | u64::from(bytes.byte()? & 0x7f);
        if found == expected {
            return Ok(());
        }
    }
    Err("an entry of a listpack has a wrong length")
}

/// The members of an intset: width, count, then the numbers.
pub(super) fn intset(blob: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut bytes = Bytes(blob);
    let width = bytes.u32_le()?;
    let count = bytes.u32_le()?;
    if !matches!(width, 2 | 4 | 8) || count.checked_mul(width) != Some(bytes.0.len()) {
        return Err("an intset's length is not its own");
    }
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        numbers.push(match width {
            2 => i64::from(i16::from_le_bytes(bytes.array()?)),
            4 => i64::from(i32::from_le_bytes(bytes.array()?)),
            _ => i64::from_le_bytes(bytes.array()?),
        });
    }
    if !numbers.is_sorted_by(|a, b| a < b) {
        return Err("an intset's numbers do not ascend");
    }
    Ok(numbers.into_iter().map(decimal).collect())
}

/// The fields of a zipmap (hashes of Redis 2.4 and older).
pub(super) fn zipmap(blob: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut bytes = Bytes(blob);
    let count = usize::from(bytes.byte()?);
    let mut fields = Vec::new();
    while let Some(len) = zipmap_length(&mut bytes)? {
        let field = bytes.take(len)?.to_vec();
        let len = zipmap_length(&mut bytes)?.ok_or("a zipmap has a field without a value")?;
        let unused = usize::from(bytes.byte()?);
        let value = bytes.take(len)?.to_vec();
        bytes.take(unused)?;
        fields.push((field, value));
    }
    // The count saturates at 254.
    if !bytes.0.is_empty() || (count < 254 && count != fields.len()) {
        return Err("a zipmap's count is not its own");
    }
    Ok(fields)
}

fn zipmap_length(bytes: &mut Bytes<'_>) -> Result<Option<usize>> {
    Ok(match bytes.byte()? {
        0xff => None,
        0xfe => Some(bytes.u32_le()?),
        short => Some(usize::from(short)),
    })
}

/// Elements taken as field, value, field, value.
pub(super) fn pairs(items: Vec<Vec<u8>>) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    if !items.len().is_multiple_of(2) {
        return Err("a packed hash or sorted set has an odd number of elements");
    }
    let mut pairs = Vec::with_capacity(items.len() / 2);
    let mut items = items.into_iter();
    while let (Some(first), Some(second)) = (items.next(), items.next()) {
        pairs.push((first, second));
    }
    Ok(pairs)
}

/// Elements taken as member, score, member, score.
pub(super) fn scored(items: Vec<Vec<u8>>) -> Result<Vec<(Vec<u8>, f64)>> {
    pairs(items)?.into_iter().map(|(member, text)| Ok((member, score(&text)?))).collect()
}

/// A score written as text.
pub(super) fn score(text: &[u8]) -> Result<f64> {
    let text = std::str::from_utf8(text).map_err(|_| "a score is not a number")?;
    let number: f64 = text.trim().parse().map_err(|_| "a score is not a number")?;
    if number.is_nan() { Err("a score is not a number") } else { Ok(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(items: &[Vec<u8>]) -> Vec<String> {
        items.iter().map(|item| String::from_utf8_lossy(item).into_owned()).collect()
    }

    #[test]
    fn a_ziplist_with_every_integer_width_is_read() {
        let mut entries = vec![0, 2, b'h', b'i'];
        entries.extend([4, 0xf1]); // 0
        entries.extend([2, 0xfd]); // 12
        entries.extend([2, 0xfe, 0x80]); // -128
        entries.extend([3, 0xc0, 0x00, 0x80]); // -32768
        entries.extend([4, 0xf0, 0x00, 0x00, 0x80]); // -8388608
        entries.extend([5, 0xd0, 0, 0, 0, 0x80]);
        entries.extend([6, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80]);
        entries.extend([10, 0x40, 1, b'x']); // a 14-bit length
        entries.extend([0xfe, 4, 0, 0, 0, 0x80, 0, 0, 0, 1, b'y']); // long forms of both lengths
        let mut blob = ((entries.len() + 11) as u32).to_le_bytes().to_vec();
        // The last entry has 11 bytes.
        let tail = entries.len() as u32 + 10 - 11;
        blob.extend(tail.to_le_bytes());
        blob.extend([10, 0]);
        blob.extend(entries);
        blob.push(0xff);
        assert_eq!(
            text(&ziplist(&blob).unwrap()),
            [
                "hi",
                "0",
                "12",
                "-128",
                "-32768",
                "-8388608",
                "-2147483648",
                "-9223372036854775808",
                "x",
                "y"
            ]
        );
        every_damage(&blob, |blob| drop(ziplist(blob)));
        // The offset of the last entry; the length that the second and the last entry give of the one before.
        let (last, second) = (tail as usize, 10 + 4);
        for wrong in [4, second, last + 1] {
            let mut blob = blob.clone();
            blob[wrong] ^= 1;
            assert!(ziplist(&blob).is_err(), "byte {wrong}");
        }
        for end in 0..blob.len() {
            assert!(ziplist(&blob[..end]).is_err());
        }
    }

    #[test]
    fn a_zipmap_with_unused_bytes_is_read() {
        let blob =
            [2, 1, b'a', 2, 3, b'x', b'y', 0, 0, 0, 0xfe, 1, 0, 0, 0, b'b', 1, 0, b'z', 0xff];
        assert_eq!(
            zipmap(&blob).unwrap(),
            [(b"a".to_vec(), b"xy".to_vec()), (b"b".to_vec(), b"z".to_vec())]
        );
        every_damage(&blob, |blob| drop(zipmap(blob)));
    }

    #[test]
    fn damaged_listpacks_and_intsets_are_errors_or_other_values_but_no_panics() {
        let list = [15, 0, 0, 0, 3, 0, 0x05, 1, 0x82, b'a', b'b', 3, 0xdf, 0xff, 2, 0xff];
        let mut whole = list.to_vec();
        whole[0] = whole.len() as u8;
        assert_eq!(text(&listpack(&whole).unwrap()), ["5", "ab", "-1"]);
        every_damage(&whole, |blob| drop(listpack(blob)));
        let ints = [2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 7, 0];
        assert_eq!(text(&intset(&ints).unwrap()), ["-1", "7"]);
        every_damage(&ints, |blob| drop(intset(blob)));
        for unsorted in [[1, 0, 1, 0], [2, 0, 1, 0]] {
            assert!(intset(&[&[2, 0, 0, 0, 2, 0, 0, 0][..], &unsorted].concat()).is_err());
        }
        // A count whose product with the width overflows 32 bits.
        assert!(intset(&[8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    #[test]
    fn a_score_is_a_number() {
        assert_eq!(score(b"1e+20"), Ok(1e20));
        assert_eq!(score(b"-inf"), Ok(f64::NEG_INFINITY));
        assert!(score(b"nan").is_err());
        assert!(score(b"").is_err());
        assert!(scored(vec![b"member".to_vec()]).is_err());
    }

    fn every_damage(blob: &[u8], read: impl Fn(&[u8])) {
        for at in 0..blob.len() {
            read(&blob[..at]);
            for bit in 0..8 {
                let mut damaged = blob.to_vec();
                damaged[at] ^= 1 << bit;
                read(&damaged);
            }
        }
    }
}
