//! A block of a list: elements one after the other, walked from either end.
//!
//! The bytes are those of the published listpack format without its header: integers take one to
//! nine bytes, other elements their bytes and a length, and each is followed by its own length to be
//! read backwards. So a block takes as much memory as Redis's, and its thresholds are the same.

use std::ops::Deref;

/// Bytes of a listpack beside its elements, which limits count.
pub(crate) const HEADER_LEN: usize = 7;

/// Longest text of an integer: `-9223372036854775808`.
const DIGITS_MAX: usize = 20;

/// An element of a list as bytes, whatever it is kept as.
#[derive(Clone, Copy)]
pub enum Element<'a> {
    /// Kept as they are.
    Bytes(&'a [u8]),
    /// Kept as a number: its digits, and how many there are.
    Digits([u8; DIGITS_MAX], u8),
}

impl Deref for Element<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Element::Bytes(bytes) => bytes,
            Element::Digits(digits, len) => &digits[..usize::from(*len)],
        }
    }
}

impl Element<'_> {
    fn number(value: i64) -> Element<'static> {
        let mut buffer = itoa::Buffer::new();
        let text = buffer.format(value).as_bytes();
        let mut digits = [0; DIGITS_MAX];
        digits[..text.len()].copy_from_slice(text);
        Element::Digits(digits, text.len() as u8)
    }
}

/// The integer whose text `item` is, if it is one in its only form.
fn canonical(item: &[u8]) -> Option<i64> {
    let digits = item.strip_prefix(b"-").unwrap_or(item);
    let is_short = (1..DIGITS_MAX).contains(&digits.len()) && item.len() <= DIGITS_MAX;
    if !is_short || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if digits[0] == b'0' && item.len() > 1 {
        return None;
    }
    std::str::from_utf8(item).ok()?.parse().ok()
}

/// Appends the encoding of `item`, with its length behind it.
fn encode(out: &mut Vec<u8>, item: &[u8]) {
    let start = out.len();
    match canonical(item) {
        Some(n @ 0..=127) => out.push(n as u8),
        Some(n @ -4096..=4095) => {
            let bits = (n & 0x1fff) as u16;
            out.extend_from_slice(&[0xc0 | (bits >> 8) as u8, bits as u8]);
        }
        Some(n) => {
            let bytes = n.to_le_bytes();
            let (tag, len) = match n {
                -0x8000..=0x7fff => (0xf1, 2),
                -0x80_0000..=0x7f_ffff => (0xf2, 3),
                -0x8000_0000..=0x7fff_ffff => (0xf3, 4),
                _ => (0xf4, 8),
            };
            out.push(tag);
            out.extend_from_slice(&bytes[..len]);
        }
        None => {
            let len = item.len();
            if len < 64 {
                out.push(0x80 | len as u8);
            } else if len < 4096 {
                out.extend_from_slice(&[0xe0 | (len >> 8) as u8, len as u8]);
            } else {
                out.push(0xf0);
                out.extend_from_slice(&(len as u32).to_le_bytes());
            }
            out.extend_from_slice(item);
        }
    }
    let len = out.len() - start;
    let groups = back_len(len);
    // It is read from its end on: the low seven bits come last, the high bit says that more precede.
    for group in (0..groups).rev() {
        let more = if group + 1 < groups { 0x80 } else { 0 };
        out.push((len >> (7 * group) & 0x7f) as u8 | more);
    }
}

/// Bytes of the length behind an encoding of `len` bytes.
fn back_len(len: usize) -> usize {
    match len {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..0x1000_0000 => 4,
        _ => 5,
    }
}

/// The element at `at`, and where the next one starts; `None` at the end.
fn decode(bytes: &[u8], at: usize) -> Option<(Element<'_>, usize)> {
    let rest = &bytes[at..];
    let first = *rest.first()?;
    let integer = |len: usize| {
        let mut wide = [0; 8];
        wide[..len].copy_from_slice(&rest[1..=len]);
        let shift = 64 - 8 * len as u32;
        (Element::number(i64::from_le_bytes(wide) << shift >> shift), 1 + len)
    };
    let text = |start: usize, len: usize| (Element::Bytes(&rest[start..start + len]), start + len);
    let (element, len) = match first {
        0..0x80 => (Element::number(i64::from(first)), 1),
        0x80..0xc0 => text(1, usize::from(first & 0x3f)),
        0xc0..0xe0 => {
            let bits = i64::from(first & 0x1f) << 8 | i64::from(rest[1]);
            (Element::number(bits << 51 >> 51), 2)
        }
        0xe0..0xf0 => text(2, usize::from(first & 0x0f) << 8 | usize::from(rest[1])),
        0xf0 => {
            let len = *rest[1..].first_chunk().expect("written whole");
            text(5, u32::from_le_bytes(len) as usize)
        }
        0xf1 => integer(2),
        0xf2 => integer(3),
        0xf3 => integer(4),
        _ => integer(8),
    };
    Some((element, at + len + back_len(len)))
}

/// Where the element that ends at `end` starts.
fn start_of(bytes: &[u8], end: usize) -> usize {
    let (mut len, mut groups) = (0, 0);
    loop {
        let byte = bytes[end - 1 - groups];
        len |= usize::from(byte & 0x7f) << (7 * groups);
        groups += 1;
        if byte & 0x80 == 0 {
            return end - groups - len;
        }
    }
}

/// Elements in one allocation, with room at its front once some was taken there.
#[derive(Clone, Default)]
pub(crate) struct Listpack {
    /// The elements are `bytes[start..]`.
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Listpack {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Length of a listpack with these elements, its header included.
    pub(crate) fn byte_len(&self) -> usize {
        HEADER_LEN + self.bytes.len() - self.start
    }

    pub(crate) fn heap_len(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) fn push_back(&mut self, item: &[u8]) {
        encode(&mut self.bytes, item);
        self.len += 1;
    }

    pub(crate) fn push_front(&mut self, item: &[u8]) {
        let mut encoded = Vec::new();
        encode(&mut encoded, item);
        if self.start < encoded.len() {
            // Room for more to come, in proportion, so that filling a block from its front moves
            // each element a few times only.
            let room = encoded.len() + (self.bytes.len() - self.start) / 2;
            self.bytes.splice(..self.start, std::iter::repeat_n(0, room));
            self.start = room;
        }
        let start = self.start - encoded.len();
        self.bytes[start..self.start].copy_from_slice(&encoded);
        self.start = start;
        self.len += 1;
    }

    /// Gives back room that is not used.
    pub(crate) fn shrink(&mut self) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.shrink_to_fit();
    }

    pub(crate) fn first(&self) -> Option<Element<'_>> {
        decode(&self.bytes, self.start).map(|(element, _)| element)
    }

    pub(crate) fn last(&self) -> Option<Element<'_>> {
        self.iter_back().next()
    }

    /// Removes the first element.
    pub(crate) fn drop_first(&mut self) {
        if let Some((_, next)) = decode(&self.bytes, self.start) {
            self.start = next;
            self.len -= 1;
            self.give_back();
        }
    }

    /// Removes the last element.
    pub(crate) fn drop_last(&mut self) {
        if self.len > 0 {
            self.bytes.truncate(start_of(&self.bytes, self.bytes.len()));
            self.len -= 1;
            self.give_back();
        }
    }

    /// Gives back memory once most of it lies idle.
    fn give_back(&mut self) {
        let used = self.bytes.len() - self.start;
        if self.bytes.capacity() > 4 * used + 64 {
            self.shrink();
        }
    }

    /// Elements from the first one on, each with where it starts.
    pub(crate) fn iter_at(&self, at: usize) -> impl Iterator<Item = (usize, Element<'_>)> {
        let mut at = at;
        std::iter::from_fn(move || {
            let (element, next) = decode(&self.bytes, at)?;
            Some((std::mem::replace(&mut at, next), element))
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Element<'_>> {
        self.iter_at(self.start).map(|(_, element)| element)
    }

    /// Elements from the last one back.
    pub(crate) fn iter_back(&self) -> impl Iterator<Item = Element<'_>> {
        let mut end = self.bytes.len();
        std::iter::from_fn(move || {
            if end == self.start {
                return None;
            }
            end = start_of(&self.bytes, end);
            decode(&self.bytes, end).map(|(element, _)| element)
        })
    }

    /// Where the element `index` starts, found from the nearer end; the end for `index == len`.
    pub(crate) fn position(&self, index: usize) -> usize {
        if index <= self.len / 2 {
            let mut at = self.start;
            for _ in 0..index {
                at = decode(&self.bytes, at).expect("the index is inside").1;
            }
            return at;
        }
        let mut at = self.bytes.len();
        for _ in index..self.len {
            at = start_of(&self.bytes, at);
        }
        at
    }

    /// The element at a position that [`Listpack::position`] gave.
    pub(crate) fn at(&self, position: usize) -> Option<Element<'_>> {
        decode(&self.bytes, position).map(|(element, _)| element)
    }

    pub(crate) fn insert(&mut self, index: usize, item: &[u8]) {
        let at = self.position(index);
        let mut encoded = Vec::new();
        encode(&mut encoded, item);
        self.bytes.splice(at..at, encoded);
        self.len += 1;
    }

    pub(crate) fn replace(&mut self, index: usize, item: &[u8]) {
        let at = self.position(index);
        let end = decode(&self.bytes, at).expect("the index is inside").1;
        let mut encoded = Vec::new();
        encode(&mut encoded, item);
        self.bytes.splice(at..end, encoded);
    }

    /// Removes the `count` elements from `index` on.
    pub(crate) fn remove(&mut self, index: usize, count: usize) {
        let (from, to) = (self.position(index), self.position(index + count));
        self.bytes.drain(from..to);
        self.len -= count;
        self.give_back();
    }

    /// Takes the elements from `index` on into a block of their own.
    pub(crate) fn split_off(&mut self, index: usize) -> Listpack {
        let bytes = self.bytes.split_off(self.position(index));
        let len = std::mem::replace(&mut self.len, index) - index;
        Listpack { bytes, start: 0, len }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_every_form_come_back_from_both_ends() {
        let mut items: Vec<Vec<u8>> = [0usize, 1, 63, 64, 127, 128, 4095, 4096, 20_000, 300_000]
            .map(|len| vec![b'x'; len])
            .to_vec();
        for n in [
            0i64,
            1,
            127,
            128,
            -1,
            4095,
            4096,
            -4096,
            -4097,
            32_767,
            32_768,
            -32_768,
            -32_769,
            8_388_607,
            8_388_608,
            -8_388_608,
            -8_388_609,
            i64::from(i32::MAX),
            i64::from(i32::MIN),
            i64::from(i32::MAX) + 1,
            i64::MAX,
            i64::MIN,
        ] {
            items.push(n.to_string().into_bytes());
        }
        for text in ["-0", "00", "01", "+1", "-", "1.0", "9223372036854775808", " 1", "1 "] {
            items.push(text.into());
        }
        let (mut forwards, mut backwards) = (Listpack::default(), Listpack::default());
        items.iter().for_each(|item| forwards.push_back(item));
        items.iter().rev().for_each(|item| backwards.push_front(item));
        for pack in [&forwards, &backwards] {
            assert_eq!(pack.len(), items.len());
            let seen: Vec<Vec<u8>> = pack.iter().map(|element| element.to_vec()).collect();
            assert_eq!(seen, items);
            let mut back: Vec<Vec<u8>> = pack.iter_back().map(|element| element.to_vec()).collect();
            back.reverse();
            assert_eq!(back, items);
            for (index, item) in items.iter().enumerate() {
                let found = pack.at(pack.position(index)).expect("inside");
                assert_eq!(&*found, &item[..]);
            }
        }
        assert_eq!(forwards.byte_len(), backwards.byte_len());
    }

    #[test]
    fn integers_take_as_much_as_the_format_says() {
        for (item, len) in [
            (&b"7"[..], 2),
            (b"-7", 3),
            (b"4095", 3),
            (b"30000", 4),
            (b"70000", 5),
            (b"2147483647", 6),
            (b"9223372036854775807", 10),
            (b"", 2),
            (b"abc", 5),
        ] {
            let mut pack = Listpack::default();
            pack.push_back(item);
            assert_eq!(pack.byte_len() - HEADER_LEN, len, "{}", item.escape_ascii());
        }
        let mut pack = Listpack::default();
        pack.push_back(&[b'x'; 126]);
        assert_eq!(pack.byte_len() - HEADER_LEN, 2 + 126 + 2, "a length of two bytes behind it");
    }
}
