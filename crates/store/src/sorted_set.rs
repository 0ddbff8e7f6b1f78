//! A sorted set: members ordered by score, then by their bytes.

use std::cmp::Ordering;
use std::ops::Range;

use crate::packed::Packed;
use crate::ranked::{Ranked, order};
use crate::value::PackedLimits;

/// A sorted set: packed in order while it is small, indexed by member, score and rank from then on.
#[derive(Clone)]
pub struct SortedSetValue(Repr);

#[derive(Clone)]
enum Repr {
    /// Member, score, member, score, … in order.
    Packed(Packed),
    Ranked(Box<Ranked>),
}

impl Default for SortedSetValue {
    fn default() -> Self {
        SortedSetValue(Repr::Packed(Packed::default()))
    }
}

/// A score as a packed set keeps it: small integers in few bytes.
struct PackedScore {
    bytes: [u8; 8],
    len: usize,
}

impl PackedScore {
    fn new(score: f64) -> PackedScore {
        let whole = score as i64;
        let mut bytes = whole.to_le_bytes();
        // Bits are compared through the total order: a number is whole if it comes back. The sign
        // of a zero is lost, as in Redis's packed form.
        let len = if (whole as f64).total_cmp(&(score + 0.0)).is_ne() {
            bytes = score.to_le_bytes();
            8
        } else if i8::try_from(whole).is_ok() {
            1
        } else if i16::try_from(whole).is_ok() {
            2
        } else if i32::try_from(whole).is_ok() {
            4
        } else {
            bytes = score.to_le_bytes();
            8
        };
        PackedScore { bytes, len }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn read(bytes: &[u8]) -> f64 {
        match bytes.len() {
            1 => i8::from_le_bytes([bytes[0]]).into(),
            2 => i16::from_le_bytes([bytes[0], bytes[1]]).into(),
            4 => i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).into(),
            8 => f64::from_le_bytes(*bytes.first_chunk().expect("eight bytes")),
            _ => unreachable!("a score has 1, 2, 4 or 8 bytes"),
        }
    }
}

/// One entry of a packed set.
struct PackedEntry<'a> {
    /// The byte at which it starts.
    at: usize,
    member: &'a [u8],
    score: f64,
}

fn entries(packed: &Packed) -> impl Iterator<Item = PackedEntry<'_>> {
    let mut items = packed.iter();
    std::iter::from_fn(move || {
        let ((at, member), (_, score)) = (items.next()?, items.next()?);
        Some(PackedEntry { at, member, score: PackedScore::read(score) })
    })
}

/// Inserts an absent member where it belongs.
fn insert_packed(packed: &mut Packed, member: &[u8], score: f64) {
    let next = entries(packed)
        .find(|entry| order((entry.score, entry.member), (score, member)) == Ordering::Greater)
        .map(|entry| entry.at);
    let score = PackedScore::new(score);
    if let Some(at) = next {
        // The score first: the member then goes before it.
        packed.insert(at, score.bytes());
        packed.insert(at, member);
    } else {
        packed.push(member);
        packed.push(score.bytes());
    }
}

impl SortedSetValue {
    /// An empty set that suits `count` members of which the longest has `len_max` bytes.
    pub fn suited(count: usize, len_max: usize, limits: PackedLimits) -> SortedSetValue {
        if count <= limits.entries_max && len_max <= limits.item_len_max {
            SortedSetValue::default()
        } else {
            SortedSetValue(Repr::Ranked(Box::default()))
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Packed(packed) => packed.len() / 2,
            Repr::Ranked(ranked) => ranked.len(),
        }
    }

    /// Whether there is none; such a set is removed with its key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the set is in its small form (`OBJECT ENCODING` says `listpack`).
    pub fn is_packed(&self) -> bool {
        matches!(self.0, Repr::Packed(_))
    }

    /// Bytes on the heap, for memory accounting.
    pub fn heap_len(&self) -> usize {
        match &self.0 {
            Repr::Packed(packed) => packed.heap_len(),
            Repr::Ranked(ranked) => size_of::<Ranked>() + ranked.heap_len(),
        }
    }

    /// The score of `member`.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0 {
            Repr::Packed(packed) => {
                entries(packed).find(|entry| entry.member == member).map(|entry| entry.score)
            }
            Repr::Ranked(ranked) => ranked.score(member),
        }
    }

    /// How many members come before `member`, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match &self.0 {
            Repr::Packed(packed) => entries(packed)
                .enumerate()
                .find(|(_, entry)| entry.member == member)
                .map(|(rank, entry)| (rank, entry.score)),
            Repr::Ranked(ranked) => ranked.rank(member),
        }
    }

    /// How many members at the front `pred` holds for, given score and member; it must hold for
    /// none behind the first that it does not hold for. Costs O(log n) in the large form.
    pub fn partition_point(&self, mut pred: impl FnMut(f64, &[u8]) -> bool) -> usize {
        match &self.0 {
            Repr::Packed(packed) => {
                entries(packed).take_while(|entry| pred(entry.score, entry.member)).count()
            }
            Repr::Ranked(ranked) => ranked.partition_point(pred),
        }
    }

    /// Becomes the large form if `count` members are about to come that the small one has no room
    /// for.
    pub fn prepare(&mut self, count: usize, limits: PackedLimits) {
        if count > limits.entries_max {
            self.make_ranked();
        }
    }

    /// Sets the score of `member`, which must not be NaN; returns the score it had. `limits` decide
    /// when the small form is left.
    pub fn insert(&mut self, member: &[u8], score: f64, limits: PackedLimits) -> Option<f64> {
        debug_assert!(!score.is_nan());
        if let Repr::Packed(packed) = &mut self.0 {
            let found = entries(packed).find(|entry| entry.member == member);
            let old = found.map(|entry| (entry.at, entry.score));
            if let Some((at, old)) = old {
                packed.remove(at, 2);
                insert_packed(packed, member, score);
                return Some(old);
            }
            if packed.len() / 2 < limits.entries_max && member.len() <= limits.item_len_max {
                insert_packed(packed, member, score);
                return None;
            }
            self.make_ranked();
        }
        let Repr::Ranked(ranked) = &mut self.0 else { unreachable!("made above") };
        ranked.insert(member, score)
    }

    /// Removes `member`; returns the score it had.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match &mut self.0 {
            Repr::Packed(packed) => {
                let found = entries(packed).find(|entry| entry.member == member);
                let (at, score) = found.map(|entry| (entry.at, entry.score))?;
                packed.remove(at, 2);
                Some(score)
            }
            Repr::Ranked(ranked) => ranked.remove(member),
        }
    }

    /// Removes the members at these ranks, all of which are there, and calls `visit` with each, in
    /// order. Costs O(log n) for each in the large form.
    pub fn remove_range(&mut self, ranks: Range<usize>, mut visit: impl FnMut(&[u8], f64)) {
        if ranks.is_empty() {
            return;
        }
        match &mut self.0 {
            Repr::Packed(packed) => {
                let chosen = entries(packed).skip(ranks.start).take(ranks.len());
                let mut first = None;
                chosen.for_each(|entry| {
                    first.get_or_insert(entry.at);
                    visit(entry.member, entry.score);
                });
                packed.remove(first.expect("the range is not empty"), 2 * ranks.len() as u32);
            }
            Repr::Ranked(ranked) => {
                for _ in 0..ranks.len() {
                    let (score, member) = ranked.remove_at(ranks.start);
                    visit(&member, score);
                }
            }
        }
    }

    fn make_ranked(&mut self) {
        if let Repr::Packed(packed) = &self.0 {
            let mut ranked = Box::<Ranked>::default();
            entries(packed).for_each(|entry| ranked.insert_new(entry.member, entry.score));
            self.0 = Repr::Ranked(ranked);
        }
    }

    /// The members at these ranks, all of which are there, with their scores, from either end.
    pub fn range(&self, ranks: Range<usize>) -> Members<'_> {
        debug_assert!(ranks.start <= ranks.end && ranks.end <= self.len());
        match &self.0 {
            Repr::Packed(packed) => {
                let chosen = entries(packed).skip(ranks.start).take(ranks.len());
                let all: Vec<_> = chosen.map(|entry| (entry.member, entry.score)).collect();
                Members(Walk::Packed(all.into_iter()))
            }
            Repr::Ranked(ranked) => {
                Members(Walk::Ranked { ranked, ranks, front: [].iter(), back: [].iter() })
            }
        }
    }

    /// All members in order.
    pub fn iter(&self) -> Members<'_> {
        self.range(0..self.len())
    }

    /// The member with this number, below `len`; numbers are in no order, but each member has one:
    /// for drawing lots. Costs O(1) in the large form.
    pub fn numbered(&self, number: usize) -> (&[u8], f64) {
        match &self.0 {
            Repr::Packed(packed) => {
                let entry = entries(packed).nth(number).expect("the number is below `len`");
                (entry.member, entry.score)
            }
            Repr::Ranked(ranked) => {
                let (score, member) = ranked.entry(number);
                (member, score)
            }
        }
    }

    /// ZSCAN: visits about `count` members from `cursor` on; returns the next cursor, 0 at the end.
    /// The small form is visited whole, as in Redis.
    pub fn scan<'a>(
        &'a self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(&'a [u8], f64),
    ) -> u64 {
        match &self.0 {
            Repr::Packed(packed) => {
                entries(packed).for_each(|entry| visit(entry.member, entry.score));
                0
            }
            Repr::Ranked(ranked) => ranked.scan(cursor, count, visit),
        }
    }
}

impl<'a> IntoIterator for &'a SortedSetValue {
    type Item = (&'a [u8], f64);
    type IntoIter = Members<'a>;

    fn into_iter(self) -> Members<'a> {
        self.iter()
    }
}

/// Members with their scores, in order.
pub struct Members<'a>(Walk<'a>);

enum Walk<'a> {
    Packed(std::vec::IntoIter<(&'a [u8], f64)>),
    Ranked {
        ranked: &'a Ranked,
        /// Ranks that are in neither run yet.
        ranks: Range<usize>,
        front: std::slice::Iter<'a, u32>,
        back: std::slice::Iter<'a, u32>,
    },
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Packed(all) => all.next(),
            Walk::Ranked { ranked, ranks, front, back } => {
                if front.len() == 0 && ranks.start < ranks.end {
                    let run = ranked.run_from(ranks.start);
                    let run = &run[..run.len().min(ranks.len())];
                    ranks.start += run.len();
                    *front = run.iter();
                }
                let id = front.next().or_else(|| back.next())?;
                let (score, member) = ranked.entry(*id as usize);
                Some((member, score))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = match &self.0 {
            Walk::Packed(all) => all.len(),
            Walk::Ranked { ranks, front, back, .. } => ranks.len() + front.len() + back.len(),
        };
        (len, Some(len))
    }
}

impl DoubleEndedIterator for Members<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Packed(all) => all.next_back(),
            Walk::Ranked { ranked, ranks, front, back } => {
                if back.len() == 0 && ranks.start < ranks.end {
                    let run = ranked.run_before(ranks.end);
                    let run = &run[run.len() - run.len().min(ranks.len())..];
                    ranks.end -= run.len();
                    *back = run.iter();
                }
                let id = back.next_back().or_else(|| front.next_back())?;
                let (score, member) = ranked.entry(*id as usize);
                Some((member, score))
            }
        }
    }
}

impl ExactSizeIterator for Members<'_> {}

#[cfg(test)]
mod tests;
