//! Small collections in one allocation: byte strings one after the other, each with its length.

/// A sequence of byte strings in insertion order. Every operation walks it: for small ones only.
///
/// Each item is its length (one byte, or 255 and four little-endian bytes) and its bytes.
#[derive(Clone, Default)]
pub(crate) struct Packed {
    bytes: Vec<u8>,
    len: u32,
}

const LONG: u8 = u8::MAX;

fn header(item: &[u8]) -> usize {
    if item.len() < usize::from(LONG) { 1 } else { 5 }
}

impl Packed {
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) fn heap_len(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) fn push(&mut self, item: &[u8]) {
        self.bytes.reserve_exact(header(item) + item.len());
        if header(item) == 1 {
            self.bytes.push(item.len() as u8);
        } else {
            self.bytes.push(LONG);
            self.bytes.extend_from_slice(&(item.len() as u32).to_le_bytes());
        }
        self.bytes.extend_from_slice(item);
        self.len += 1;
    }

    /// Inserts an item before the one that starts at byte `at`, or at the end.
    pub(crate) fn insert(&mut self, at: usize, item: &[u8]) {
        let mut encoded = Packed::default();
        encoded.push(item);
        self.bytes.reserve_exact(encoded.bytes.len());
        self.bytes.splice(at..at, encoded.bytes);
        self.len += 1;
    }

    /// Replaces the item that starts at byte `at`.
    pub(crate) fn replace(&mut self, at: usize, item: &[u8]) {
        let (old, next) = self.item_at(at).expect("`at` comes from `iter`");
        if header(old) == header(item) && old.len() == item.len() {
            self.bytes[next - item.len()..next].copy_from_slice(item);
            return;
        }
        let mut encoded = Packed::default();
        encoded.push(item);
        self.bytes.splice(at..next, encoded.bytes);
    }

    /// Removes `items` items from the one that starts at byte `at` on.
    pub(crate) fn remove(&mut self, at: usize, items: u32) {
        let mut end = at;
        for _ in 0..items {
            end = self.item_at(end).expect("the caller counts the items").1;
        }
        self.bytes.drain(at..end);
        self.bytes.shrink_to_fit();
        self.len -= items;
    }

    fn item_at(&self, at: usize) -> Option<(&[u8], usize)> {
        let rest = self.bytes.get(at..)?;
        let (&first, rest) = rest.split_first()?;
        if first != LONG {
            let len = usize::from(first);
            return Some((&rest[..len], at + 1 + len));
        }
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let len = u32::from_le_bytes(*len) as usize;
        Some((&rest[..len], at + 5 + len))
    }

    /// Items with the byte at which each starts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (item, next) = self.item_at(at)?;
            let start = std::mem::replace(&mut at, next);
            Some((start, item))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(packed: &Packed) -> Vec<Vec<u8>> {
        packed.iter().map(|(_, item)| item.to_vec()).collect()
    }

    #[test]
    fn items_of_every_length_come_back_in_order() {
        let mut packed = Packed::default();
        let all: Vec<Vec<u8>> = [0, 1, 254, 255, 256, 70_000].map(|n| vec![7; n]).to_vec();
        all.iter().for_each(|item| packed.push(item));
        assert_eq!(items(&packed), all);
        assert_eq!(packed.len(), 6);
    }

    #[test]
    fn an_item_is_inserted_anywhere() {
        let mut packed = Packed::default();
        packed.insert(0, b"bb");
        packed.insert(0, b"a");
        let at = packed.iter().nth(1).expect("two items").0;
        packed.insert(at, &[7; 300]);
        packed.insert(packed.bytes.len(), b"c");
        assert_eq!(items(&packed), [b"a".to_vec(), vec![7; 300], b"bb".to_vec(), b"c".to_vec()]);
        assert_eq!(packed.len(), 4);
    }

    #[test]
    fn replace_and_remove_keep_the_neighbours() {
        for new in [0, 3, 254, 255, 300] {
            let mut packed = Packed::default();
            [&b"aa"[..], b"bb", b"cc"].iter().for_each(|item| packed.push(item));
            let at = packed.iter().nth(1).expect("three items").0;
            packed.replace(at, &vec![9; new]);
            assert_eq!(items(&packed), [b"aa".to_vec(), vec![9; new], b"cc".to_vec()]);
            packed.remove(at, 2);
            assert_eq!(items(&packed), [b"aa".to_vec()]);
        }
    }
}
