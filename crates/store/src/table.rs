//! A hash table that grows in small steps and can be walked in hash order while it changes.
//!
//! Extendible hashing: a directory, indexed by the leading bits of an entry's position, points to
//! segments of bounded size. A full segment is split in two, which moves at most [`SEGMENT_MAX`]
//! entries; there is never a rehash of the whole. Since segments hold contiguous ranges of
//! positions, a position is a cursor that stays valid whatever was split in between.

use hashbrown::HashTable;

use crate::hash::{POSITION_BITS, position};

/// An entry that knows its hash.
pub trait Hashed {
    /// The hash the entry is stored under; never changes while it is in a table.
    fn hash(&self) -> u64;
}

/// Entries at which a segment is split: the capacity of a hashbrown table of 512 buckets.
const SEGMENT_MAX: usize = 448;

/// Directory bits at most. Beyond, segments grow instead: only colliding hashes can get there.
const DEPTH_MAX: u32 = 28;

/// See the module's documentation.
#[derive(Clone)]
pub struct Table<T> {
    /// Segment index by leading position bits; `2^depth` items.
    directory: Vec<u32>,
    depth: u32,
    segments: Vec<Segment<T>>,
    len: usize,
}

#[derive(Clone)]
struct Segment<T> {
    entries: HashTable<T>,
    /// How many leading bits of the position all entries of this segment share.
    depth: u32,
}

/// hashbrown takes its tag from the top bits and its bucket from the low bits; the top bits of our
/// hashes are equal within a shard and a segment, so both are taken from the middle.
fn inner_hash(hash: u64) -> u64 {
    hash.rotate_left(40)
}

impl<T: Hashed> Default for Table<T> {
    fn default() -> Self {
        Table { directory: Vec::new(), depth: 0, segments: Vec::new(), len: 0 }
    }
}

impl<T: Hashed> Table<T> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn slot(&self, hash: u64) -> usize {
        (position(hash) >> (POSITION_BITS - self.depth)) as usize
    }

    fn segment(&self, hash: u64) -> Option<usize> {
        self.directory.get(self.slot(hash)).map(|&index| index as usize)
    }

    /// The entry with this hash for which `eq` holds.
    pub fn get(&self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<&T> {
        self.segments[self.segment(hash)?].entries.find(inner_hash(hash), eq)
    }

    /// As [`Table::get`], to change the entry. Its hash must stay as it is.
    pub fn get_mut(&mut self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let segment = self.segment(hash)?;
        self.segments[segment].entries.find_mut(inner_hash(hash), eq)
    }

    /// Adds an entry that the caller knows to be absent. Costs at most one segment's split.
    pub fn insert_new(&mut self, entry: T) {
        if self.segments.is_empty() {
            self.directory.push(0);
            self.segments.push(Segment { entries: HashTable::new(), depth: 0 });
        }
        let hash = entry.hash();
        let mut index = self.segment(hash).expect("every directory slot has a segment");
        while self.segments[index].entries.len() >= SEGMENT_MAX
            && self.segments[index].depth < DEPTH_MAX
        {
            self.split(index, hash);
            index = self.segment(hash).expect("every directory slot has a segment");
        }
        self.segments[index]
            .entries
            .insert_unique(inner_hash(hash), entry, |e| inner_hash(e.hash()));
        self.len += 1;
    }

    /// Splits the segment that holds `hash`; the upper half of its range goes to a new one.
    fn split(&mut self, index: usize, hash: u64) {
        let depth = self.segments[index].depth;
        if depth == self.depth {
            self.directory = self.directory.iter().flat_map(|&s| [s, s]).collect();
            self.depth += 1;
        }
        let bit = 1u64 << (POSITION_BITS - depth - 1);
        let mut upper = HashTable::with_capacity(SEGMENT_MAX / 2);
        for entry in self.segments[index].entries.extract_if(|e| position(e.hash()) & bit != 0) {
            let hash = inner_hash(entry.hash());
            upper.insert_unique(hash, entry, |e: &T| inner_hash(e.hash()));
        }
        self.segments[index].depth = depth + 1;
        let new = self.segments.len() as u32;
        self.segments.push(Segment { entries: upper, depth: depth + 1 });

        // The directory slots of the old segment are contiguous; their upper half moves over.
        let span = 1usize << (self.depth - depth);
        let first = self.slot(hash) & !(span - 1);
        self.directory[first + span / 2..first + span].fill(new);
    }

    /// Removes and returns the entry with this hash for which `eq` holds.
    pub fn remove(&mut self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<T> {
        let index = self.segment(hash)?;
        let segment = &mut self.segments[index].entries;
        let (entry, _) = segment.find_entry(inner_hash(hash), eq).ok()?.remove();
        // Give memory back by steps, each of which moves at most a segment.
        if segment.len() * 8 < segment.capacity() && segment.capacity() > 16 {
            segment.shrink_to(segment.len() * 2, |e| inner_hash(e.hash()));
        }
        self.len -= 1;
        if self.len == 0 {
            *self = Table::default();
        }
        Some(entry)
    }

    /// Visits entries in scan order from position `from` until at least `count` were visited and
    /// all entries of the last position with them; returns where to go on, or `None` at the end.
    ///
    /// An entry that is present from the first call to the last is visited at least once, exactly
    /// once unless the caller starts again: positions never change.
    pub fn scan(&self, from: u64, count: usize, visit: impl FnMut(&T)) -> Option<u64> {
        let mut page = Vec::new();
        let next = self.scan_refs(from, count, &mut page);
        page.into_iter().for_each(visit);
        next
    }

    /// As [`Table::scan`], collecting references.
    pub(crate) fn scan_refs<'a>(
        &'a self,
        mut from: u64,
        count: usize,
        page: &mut Vec<&'a T>,
    ) -> Option<u64> {
        while from >> POSITION_BITS == 0 {
            let slot = (from >> (POSITION_BITS - self.depth)) as usize;
            let index = *self.directory.get(slot)? as usize;
            // With the positions: an entry may have to work out its hash.
            let entries = self.segments[index].entries.iter().map(|e| (position(e.hash()), e));
            let mut due: Vec<(u64, &T)> = entries.filter(|(at, _)| *at >= from).collect();
            due.sort_unstable_by_key(|(at, _)| *at);
            let mut last = None;
            for (here, entry) in due {
                if page.len() >= count && last != Some(here) {
                    return Some(here);
                }
                page.push(entry);
                last = Some(here);
            }
            from = self.segment_end(slot, index)?;
        }
        None
    }

    /// The first position after the segment at directory slot `slot`; `None` at the table's end.
    fn segment_end(&self, slot: usize, index: usize) -> Option<u64> {
        let span = 1usize << (self.depth - self.segments[index].depth);
        let next = (slot & !(span - 1)) + span;
        (next < self.directory.len()).then(|| (next as u64) << (POSITION_BITS - self.depth))
    }

    /// Visits, changeably, the whole segment that holds position `from`, until `visit` returns
    /// false; returns where the next segment begins, the same `from` if stopped, `None` at the end.
    pub fn visit_segment(
        &mut self,
        from: u64,
        mut visit: impl FnMut(&mut T) -> bool,
    ) -> Option<u64> {
        let slot = (from >> (POSITION_BITS - self.depth)) as usize;
        let index = *self.directory.get(slot)? as usize;
        for entry in &mut self.segments[index].entries {
            if !visit(entry) {
                return Some(from);
            }
        }
        self.segment_end(slot, index)
    }

    /// An entry chosen by `random`, a source of uniform numbers; `None` if the table is empty.
    ///
    /// Each entry has about the same chance: segments differ in how full they are, by two at most.
    pub fn random(&self, mut random: impl FnMut() -> u64) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        loop {
            let slot = (random() % self.directory.len() as u64) as usize;
            let entries = &self.segments[self.directory[slot] as usize].entries;
            if entries.is_empty() {
                continue;
            }
            for _ in 0..64 {
                let bucket = (random() % entries.num_buckets() as u64) as usize;
                if let Some(entry) = entries.get_bucket(bucket) {
                    return Some(entry);
                }
            }
        }
    }

    /// Entries for which there is room without taking more memory.
    pub fn room(&self) -> usize {
        self.segments.iter().map(|segment| segment.entries.capacity()).sum()
    }

    /// Bytes the table has on the heap, without what entries own. Costs a walk over the segments.
    pub(crate) fn heap_len(&self) -> usize {
        let buckets: usize = self.segments.iter().map(|s| s.entries.num_buckets()).sum();
        self.directory.capacity() * size_of::<u32>()
            + self.segments.capacity() * size_of::<Segment<T>>()
            + buckets * (size_of::<T>() + 1)
    }

    /// All entries, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.segments.iter().flat_map(|s| s.entries.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::hash::field_hash;

    struct Item(u64);

    impl Hashed for Item {
        fn hash(&self) -> u64 {
            field_hash(&self.0.to_le_bytes())
        }
    }

    fn hash(n: u64) -> u64 {
        Item(n).hash()
    }

    fn filled(n: u64) -> Table<Item> {
        let mut table = Table::default();
        (0..n).for_each(|i| table.insert_new(Item(i)));
        table
    }

    #[test]
    fn finds_what_was_inserted_and_nothing_else() {
        let mut table = filled(100_000);
        assert_eq!(table.len(), 100_000);
        for i in 0..100_000 {
            assert!(table.get(hash(i), |e| e.0 == i).is_some());
        }
        assert!(table.get(hash(100_000), |e| e.0 == 100_000).is_none());
        for i in 0..100_000 {
            assert!(table.remove(hash(i), |e| e.0 == i).is_some());
        }
        assert!(table.is_empty());
        assert!(table.get(hash(1), |e| e.0 == 1).is_none());
    }

    #[test]
    fn segments_stay_small() {
        let table = filled(100_000);
        let largest = table.segments.iter().map(|s| s.entries.len()).max();
        assert!(largest <= Some(SEGMENT_MAX), "{largest:?}");
    }

    #[test]
    fn a_scan_meets_every_lasting_entry_once_while_the_table_grows_and_shrinks() {
        let mut table = filled(5_000);
        let mut seen = Vec::new();
        let mut cursor = Some(0);
        let mut next = 5_000;
        while let Some(from) = cursor {
            cursor = table.scan(from, 10, |e| seen.push(e.0));
            for _ in 0..20 {
                table.insert_new(Item(next));
                next += 1;
            }
            // Entries 0..1000 come and go; the others last.
            let victim = next % 1_000;
            table.remove(hash(victim), |e| e.0 == victim);
        }
        let lasting: Vec<u64> =
            seen.iter().copied().filter(|n| (1_000..5_000).contains(n)).collect();
        assert_eq!(lasting.len(), 4_000, "each once");
        assert_eq!(lasting.into_iter().collect::<BTreeSet<_>>().len(), 4_000, "all of them");
    }

    #[test]
    fn a_scan_page_is_about_as_long_as_asked() {
        let table = filled(10_000);
        let mut visited = 0;
        table.scan(0, 10, |_| visited += 1);
        assert_eq!(visited, 10);
    }

    #[test]
    fn segments_are_visited_to_the_end_though_they_split_meanwhile() {
        let mut table = filled(3_000);
        let mut seen = BTreeSet::new();
        let mut cursor = Some(0);
        let mut next = 3_000;
        while let Some(from) = cursor {
            cursor = table.visit_segment(from, |e| {
                seen.insert(e.0);
                true
            });
            for _ in 0..500 {
                table.insert_new(Item(next));
                next += 1;
            }
            if next > 50_000 {
                break;
            }
        }
        assert!((0..3_000).all(|n| seen.contains(&n)) || next > 50_000);
    }

    #[test]
    fn random_picks_reach_every_entry_of_a_small_table() {
        let table = filled(20);
        let mut state = 1u64;
        let mut seen = BTreeSet::new();
        for _ in 0..2_000 {
            let entry = table.random(|| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state >> 16
            });
            seen.insert(entry.expect("the table is not empty").0);
        }
        assert_eq!(seen.len(), 20);
    }
}
