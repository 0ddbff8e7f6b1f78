//! The large form of a sorted set: members found by name, score, rank and lexical order.
//!
//! Each member is stored once, in a row of entries without gaps. Two indexes name entries by their
//! number: a hash table by member, and a sequence in order of score and member.

use std::cmp::Ordering;

use crate::hash::field_hash;
use crate::sequence::Sequence;
use crate::table::{Hashed, Table};

/// Entries of a chunk: what a growing row allocates at once, so that it never moves.
const CHUNK: usize = 256;

#[derive(Clone, Default)]
pub(crate) struct Ranked {
    /// Chunks of [`CHUNK`] entries, the last one partly filled.
    entries: Vec<Vec<Entry>>,
    by_member: Table<Slot>,
    by_score: Sequence,
    /// Bytes of all members.
    members_len: usize,
}

#[derive(Clone)]
struct Entry {
    member: Box<[u8]>,
    score: f64,
}

/// Number of an entry with the hash of its member, in halves to need no padding.
#[derive(Clone)]
struct Slot {
    hash: [u32; 2],
    id: u32,
}

impl Hashed for Slot {
    fn hash(&self) -> u64 {
        u64::from(self.hash[0]) << 32 | u64::from(self.hash[1])
    }
}

/// Order of a sorted set: by score, then by the bytes of the member. No score is NaN.
pub fn order(a: (f64, &[u8]), b: (f64, &[u8])) -> Ordering {
    a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal).then_with(|| a.1.cmp(b.1))
}

impl Ranked {
    pub(crate) fn len(&self) -> usize {
        self.by_score.len()
    }

    pub(crate) fn heap_len(&self) -> usize {
        self.entries.len() * CHUNK * size_of::<Entry>()
            + self.by_member.heap_len()
            + self.by_score.heap_len()
            + self.members_len
    }

    /// The entry with this number, below `len`.
    pub(crate) fn entry(&self, id: usize) -> (f64, &[u8]) {
        let entry = &self.entries[id / CHUNK][id % CHUNK];
        (entry.score, &entry.member)
    }

    fn slot(&self, member: &[u8]) -> Option<u32> {
        let is_it = |slot: &Slot| self.entry(slot.id as usize).1 == member;
        self.by_member.get(field_hash(member), is_it).map(|slot| slot.id)
    }

    pub(crate) fn score(&self, member: &[u8]) -> Option<f64> {
        self.slot(member).map(|id| self.entry(id as usize).0)
    }

    /// The rank of an entry, there or not: how many come before it.
    fn rank_of(&self, entry: (f64, &[u8])) -> usize {
        self.partition_point(|score, member| order((score, member), entry) == Ordering::Less)
    }

    pub(crate) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        Some((self.rank_of((score, member)), score))
    }

    pub(crate) fn partition_point(&self, mut pred: impl FnMut(f64, &[u8]) -> bool) -> usize {
        self.by_score.partition_point(|id| {
            let (score, member) = self.entry(id as usize);
            pred(score, member)
        })
    }

    /// Adds a member that the caller knows to be absent.
    pub(crate) fn insert_new(&mut self, member: &[u8], score: f64) {
        let id = self.len();
        self.by_score.insert(self.rank_of((score, member)), id as u32);
        let hash = field_hash(member);
        let hash = [(hash >> 32) as u32, hash as u32];
        self.by_member.insert_new(Slot { hash, id: id as u32 });
        if id.is_multiple_of(CHUNK) {
            self.entries.push(Vec::with_capacity(CHUNK));
        }
        let last = self.entries.last_mut().expect("a chunk was pushed for the first entry");
        last.push(Entry { member: member.into(), score });
        self.members_len += member.len();
    }

    /// Changes the score of a member, or adds it; returns the score it had.
    pub(crate) fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let Some(id) = self.slot(member) else {
            self.insert_new(member, score);
            return None;
        };
        let id = id as usize;
        let (old, _) = self.entry(id);
        let from = self.rank_of((old, member));
        self.by_score.remove(from);
        let to = self.rank_of((score, member));
        self.by_score.insert(to, id as u32);
        self.entries[id / CHUNK][id % CHUNK].score = score;
        Some(old)
    }

    /// Removes a member; returns the score it had.
    pub(crate) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let (rank, score) = self.rank(member)?;
        self.remove_at(rank);
        Some(score)
    }

    /// Removes the member at `rank`, which is there. The last entry takes its number.
    pub(crate) fn remove_at(&mut self, rank: usize) -> (f64, Box<[u8]>) {
        let id = self.by_score.run_from(rank)[0];
        let last = self.len() - 1;
        // Before the last entry takes its number: a lookup by number goes by a few bits of the hash
        // alone, and could meet the other one's slot first.
        let hash = field_hash(self.entry(id as usize).1);
        self.by_member.remove(hash, |slot| slot.id == id).expect("every entry is in both indexes");
        if id as usize != last {
            let moved = self.rank_of(self.entry(last));
            self.by_score.replace(moved, id);
            let hash = field_hash(self.entry(last).1);
            let slot = self.by_member.get_mut(hash, |slot| slot.id as usize == last);
            slot.expect("every entry is in both indexes").id = id;
        }
        self.by_score.remove(rank);
        let chunk = self.entries.last_mut().expect("there is an entry");
        let entry = chunk.pop().expect("the last chunk is not empty");
        if chunk.is_empty() {
            self.entries.pop();
        }
        let removed = if id as usize == last {
            entry
        } else {
            let place = &mut self.entries[id as usize / CHUNK][id as usize % CHUNK];
            std::mem::replace(place, entry)
        };
        self.members_len -= removed.member.len();
        (removed.score, removed.member)
    }

    /// Numbers of entries in order, from `rank` to the end of a run; empty at the end.
    pub(crate) fn run_from(&self, rank: usize) -> &[u32] {
        self.by_score.run_from(rank)
    }

    /// As [`Ranked::run_from`], up to `rank` without it.
    pub(crate) fn run_before(&self, rank: usize) -> &[u32] {
        self.by_score.run_before(rank)
    }

    /// Visits about `count` members in hash order from `cursor` on; returns the next cursor.
    pub(crate) fn scan<'a>(
        &'a self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(&'a [u8], f64),
    ) -> u64 {
        let mut page = Vec::new();
        let next = self.by_member.scan_refs(cursor, count, &mut page);
        for slot in page {
            let (score, member) = self.entry(slot.id as usize);
            visit(member, score);
        }
        next.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_last_entry_is_found_though_the_removed_one_stood_beside_it_in_the_index() {
        // Whatever key the hashes have: three members that a table of any size looks for at the same
        // place by the same tag (bits 17 to 32), two of which a larger one keeps apart (bit 55).
        let mut alike: HashMap<u64, Vec<(u64, Vec<u8>)>> = HashMap::new();
        let names = (0..).map(|n: u32| n.to_string().into_bytes());
        let found = names.into_iter().find_map(|name| {
            let hash = field_hash(&name);
            let group = alike.entry(hash >> 17 & 0xffff).or_default();
            group.push((hash >> 55 & 1, name));
            let removed = group.iter().find(|(bit, _)| *bit != group[0].0)?;
            (group.len() == 3).then(|| (removed.1.clone(), group.clone()))
        });
        let (removed, group) = found.expect("there are endlessly many");
        let others: Vec<&Vec<u8>> =
            group.iter().map(|(_, name)| name).filter(|name| **name != removed).collect();
        let [first, last] = others[..] else { panic!("three in all") };

        let mut ranked = Ranked::default();
        // The last one's slot is where the first one's was, in front of the other's.
        ranked.insert_new(first, 1.0);
        ranked.insert_new(&removed, 2.0);
        assert_eq!(ranked.remove(first), Some(1.0));
        ranked.insert_new(last, 3.0);
        assert_eq!(ranked.remove(&removed), Some(2.0));
        for n in 0..1_000 {
            ranked.insert_new(format!("other {n}").as_bytes(), 4.0);
        }
        assert_eq!(ranked.score(last), Some(3.0));
        assert_eq!(ranked.insert(last, 5.0), Some(3.0), "it is not added again");
        assert_eq!(ranked.remove(last), Some(5.0));
        assert_eq!((ranked.score(&removed), ranked.len()), (None, 1_000));
    }
}
