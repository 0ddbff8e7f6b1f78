//! A list: elements in order.

use std::collections::VecDeque;

pub use crate::listpack::Element;
use crate::listpack::{HEADER_LEN, Listpack};

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListEnd {
    /// LEFT.
    Head,
    /// RIGHT.
    Tail,
}

/// How large a block of a list may become (`list-max-listpack-size`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListLimits {
    entries_max: usize,
    bytes_max: usize,
}

/// Bytes of a block that is limited by its number of elements.
const COUNTED_BYTES_MAX: usize = 8192;

impl ListLimits {
    /// The limits that the directive's value stands for: elements if it is positive, else one of
    /// five sizes.
    pub fn new(fill: i64) -> ListLimits {
        if let Ok(entries @ 1..) = usize::try_from(fill) {
            return ListLimits { entries_max: entries, bytes_max: COUNTED_BYTES_MAX };
        }
        if fill == 0 {
            return ListLimits { entries_max: 1, bytes_max: COUNTED_BYTES_MAX };
        }
        let class = fill.unsigned_abs().min(5) as u32;
        ListLimits { entries_max: usize::MAX, bytes_max: 2048 << class }
    }

    fn allow(self, entries: usize, bytes: usize) -> bool {
        entries <= self.entries_max && bytes <= self.bytes_max
    }

    fn halved(self) -> ListLimits {
        ListLimits { entries_max: self.entries_max / 2, bytes_max: self.bytes_max / 2 }
    }
}

impl Default for ListLimits {
    /// Redis's default: blocks of 8 KiB.
    fn default() -> Self {
        ListLimits::new(-2)
    }
}

/// A list, head first: blocks of packed elements.
///
/// Both ends cost O(1), an index O(number of blocks), a change in the middle one block besides. No
/// block is empty.
#[derive(Clone)]
pub struct ListValue {
    blocks: VecDeque<Listpack>,
    len: usize,
    /// Whether Redis 7.2 would keep it as one listpack (`OBJECT ENCODING`): it becomes a quicklist
    /// when it exceeds one block, and a listpack again once it fits half of one.
    is_listpack: bool,
}

impl Default for ListValue {
    fn default() -> Self {
        ListValue { blocks: VecDeque::new(), len: 0, is_listpack: true }
    }
}

/// Where an element is: its block, and its index in there.
struct Place {
    block: usize,
    index: usize,
}

impl ListValue {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none; such a value is removed with its key.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of blocks that hold the elements.
    pub(crate) fn blocks_len(&self) -> usize {
        self.blocks.len()
    }

    /// Bytes on the heap, for memory accounting.
    pub fn heap_len(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(Listpack::heap_len).sum();
        blocks + self.blocks.capacity() * size_of::<Listpack>()
    }

    /// Blocks that it is kept in.
    pub fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// Whether Redis 7.2 calls its encoding `listpack`.
    pub fn is_listpack(&self) -> bool {
        self.is_listpack
    }

    // Ends -------------------------------------------------------------------------------------

    /// Adds elements at an end, one after the other.
    pub fn push_all<'i>(
        &mut self,
        end: ListEnd,
        items: impl IntoIterator<Item = &'i [u8]> + Clone,
        limits: ListLimits,
    ) {
        self.note_growth(items.clone(), limits);
        for item in items {
            self.push(end, item, limits);
        }
    }

    /// Leaves the listpack encoding if it cannot take these elements too.
    fn note_growth<'i>(&mut self, items: impl IntoIterator<Item = &'i [u8]>, limits: ListLimits) {
        if self.is_listpack {
            let (mut entries, mut bytes) = (self.len, self.byte_len());
            for item in items {
                entries += 1;
                bytes += item.len();
            }
            self.is_listpack = limits.allow(entries, bytes);
        }
    }

    /// Elements have gone: returns to the listpack encoding if half of its limits suffice, and gives
    /// back the room of blocks once most of it lies idle.
    fn note_loss(&mut self, limits: ListLimits) {
        if self.blocks.capacity() > 4 * self.blocks.len() + 8 {
            self.blocks.shrink_to(2 * self.blocks.len());
        }
        if !self.is_listpack && self.blocks.len() <= 1 {
            self.is_listpack = limits.halved().allow(self.len, self.byte_len());
        }
    }

    /// Length of one listpack of all elements.
    fn byte_len(&self) -> usize {
        let elements = self.blocks.iter().map(|block| block.byte_len() - HEADER_LEN);
        HEADER_LEN + elements.sum::<usize>()
    }

    fn push(&mut self, end: ListEnd, item: &[u8], limits: ListLimits) {
        let block = match end {
            ListEnd::Head => self.blocks.front_mut(),
            ListEnd::Tail => self.blocks.back_mut(),
        };
        self.len += 1;
        match (block, end) {
            (Some(block), _) if !has_room(block, item, limits) => block.shrink(),
            (Some(block), ListEnd::Head) => return block.push_front(item),
            (Some(block), ListEnd::Tail) => return block.push_back(item),
            (None, _) => {}
        }
        let mut block = Listpack::default();
        block.push_back(item);
        match end {
            ListEnd::Head => self.blocks.push_front(block),
            ListEnd::Tail => self.blocks.push_back(block),
        }
    }

    /// Removes and returns the element at an end.
    pub fn pop(&mut self, end: ListEnd, limits: ListLimits) -> Option<Vec<u8>> {
        let element = self.end(end)?.to_vec();
        let block = match end {
            ListEnd::Head => self.blocks.front_mut(),
            ListEnd::Tail => self.blocks.back_mut(),
        };
        let block = block.expect("it has an element");
        match end {
            ListEnd::Head => block.drop_first(),
            ListEnd::Tail => block.drop_last(),
        }
        if block.len() == 0 {
            match end {
                ListEnd::Head => self.blocks.pop_front(),
                ListEnd::Tail => self.blocks.pop_back(),
            };
        }
        self.len -= 1;
        self.note_loss(limits);
        Some(element)
    }

    /// The element at an end.
    pub fn end(&self, end: ListEnd) -> Option<Element<'_>> {
        match end {
            ListEnd::Head => self.blocks.front()?.first(),
            ListEnd::Tail => self.blocks.back()?.last(),
        }
    }

    // Anywhere ---------------------------------------------------------------------------------

    /// Where element `index`, which must be inside, lies.
    fn place(&self, mut index: usize) -> Place {
        if index <= self.len / 2 {
            for (block, pack) in self.blocks.iter().enumerate() {
                if index < pack.len() {
                    return Place { block, index };
                }
                index -= pack.len();
            }
        }
        let mut behind = self.len - index;
        for (block, pack) in self.blocks.iter().enumerate().rev() {
            if behind <= pack.len() {
                return Place { block, index: pack.len() - behind };
            }
            behind -= pack.len();
        }
        unreachable!("the caller keeps the index inside")
    }

    /// The element at `index`.
    pub fn get(&self, index: usize) -> Option<Element<'_>> {
        if index >= self.len {
            return None;
        }
        let place = self.place(index);
        let block = &self.blocks[place.block];
        block.at(block.position(place.index))
    }

    /// Elements from `index` on.
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = Element<'_>> {
        let place = if index < self.len {
            self.place(index)
        } else {
            Place { block: self.blocks.len(), index: 0 }
        };
        let first = self.blocks.get(place.block);
        let begun = first.into_iter().flat_map(move |block| {
            block.iter_at(block.position(place.index)).map(|(_, element)| element)
        });
        begun.chain(self.blocks.iter().skip(place.block + 1).flat_map(Listpack::iter))
    }

    /// All elements, from the head on.
    pub fn iter(&self) -> impl Iterator<Item = Element<'_>> {
        self.blocks.iter().flat_map(Listpack::iter)
    }

    /// All elements, from the tail back.
    pub fn iter_back(&self) -> impl Iterator<Item = Element<'_>> {
        self.blocks.iter().rev().flat_map(Listpack::iter_back)
    }

    /// Replaces the element at `index`; false if there is none.
    pub fn set(&mut self, index: usize, item: &[u8], limits: ListLimits) -> bool {
        if index >= self.len {
            return false;
        }
        self.note_growth([item], limits);
        let place = self.place(index);
        self.blocks[place.block].replace(place.index, item);
        self.split_if_too_large(&place, limits);
        self.note_loss(limits);
        true
    }

    /// Puts an element in front of the one at `index`, which must be inside, or at the tail.
    pub fn insert(&mut self, index: usize, item: &[u8], limits: ListLimits) {
        self.note_growth([item], limits);
        if index >= self.len {
            self.push(ListEnd::Tail, item, limits);
            return;
        }
        let place = self.place(index);
        self.blocks[place.block].insert(place.index, item);
        self.len += 1;
        self.split_if_too_large(&place, limits);
    }

    /// Splits a block that a change at `place` has made too large: in its middle, or so that an
    /// element too large for any block is alone.
    fn split_if_too_large(&mut self, place: &Place, limits: ListLimits) {
        let block = &mut self.blocks[place.block];
        if limits.allow(block.len(), block.byte_len()) || block.len() == 1 {
            return;
        }
        let middle = block.len() / 2;
        let right = block.split_off(middle);
        block.shrink();
        self.blocks.insert(place.block + 1, right);
        let (block, index) = if place.index < middle {
            (place.block, place.index)
        } else {
            (place.block + 1, place.index - middle)
        };
        self.split_if_too_large(&Place { block, index }, limits);
    }

    /// Removes elements equal to `item`, at most `limit` of them counted from `end`; returns how
    /// many there were.
    pub fn remove_equal(
        &mut self,
        item: &[u8],
        limit: usize,
        end: ListEnd,
        limits: ListLimits,
    ) -> usize {
        let mut left = limit;
        let count = self.blocks.len();
        for n in 0..count {
            if left == 0 {
                break;
            }
            let block = match end {
                ListEnd::Head => &mut self.blocks[n],
                ListEnd::Tail => &mut self.blocks[count - 1 - n],
            };
            left -= remove_from(block, item, left, end);
        }
        let removed = limit - left;
        if removed > 0 {
            self.len -= removed;
            self.blocks.retain(|block| block.len() > 0);
            self.note_loss(limits);
        }
        removed
    }

    /// Keeps the elements from `start` on up to, but without, `end`.
    pub fn trim(&mut self, start: usize, end: usize, limits: ListLimits) {
        let end = end.min(self.len);
        if start >= end {
            self.blocks.clear();
            self.len = 0;
            self.note_loss(limits);
            return;
        }
        let mut front = start;
        while let Some(block) = self.blocks.front_mut() {
            if front < block.len() {
                block.remove(0, front);
                break;
            }
            front -= block.len();
            self.blocks.pop_front();
        }
        let mut back = self.len - end;
        while let Some(block) = self.blocks.back_mut() {
            if back < block.len() {
                block.remove(block.len() - back, back);
                break;
            }
            back -= block.len();
            self.blocks.pop_back();
        }
        self.len = end - start;
        self.note_loss(limits);
    }
}

fn has_room(block: &Listpack, item: &[u8], limits: ListLimits) -> bool {
    // At most eleven bytes come with an element.
    limits.allow(block.len() + 1, block.byte_len() + item.len() + 11)
}

/// Removes up to `limit` elements equal to `item` from one block; returns how many.
fn remove_from(block: &mut Listpack, item: &[u8], limit: usize, end: ListEnd) -> usize {
    let equal: Vec<usize> = block
        .iter()
        .enumerate()
        .filter(|(_, element)| **element == *item)
        .map(|(index, _)| index)
        .collect();
    let count = equal.len().min(limit);
    let chosen = match end {
        ListEnd::Head => &equal[..count],
        ListEnd::Tail => &equal[equal.len() - count..],
    };
    if count > 1 {
        // Rebuilt once instead of closing a gap for each.
        let mut kept = Listpack::default();
        let mut chosen = chosen.iter().peekable();
        for (index, element) in block.iter().enumerate() {
            if chosen.next_if_eq(&&index).is_none() {
                kept.push_back(&element);
            }
        }
        *block = kept;
    } else if let [index] = chosen {
        block.remove(*index, 1);
    }
    count
}

#[cfg(test)]
mod tests;
