use std::collections::VecDeque;

use super::{ListEnd, ListLimits, ListValue};

/// A list and its model, changed alike and compared.
struct Both {
    list: ListValue,
    model: VecDeque<Vec<u8>>,
    limits: ListLimits,
}

impl Both {
    fn push(&mut self, end: ListEnd, items: &[Vec<u8>]) {
        self.list.push_all(end, items.iter().map(|item| &item[..]), self.limits);
        for item in items {
            match end {
                ListEnd::Head => self.model.push_front(item.clone()),
                ListEnd::Tail => self.model.push_back(item.clone()),
            }
        }
    }

    fn pop(&mut self, end: ListEnd) {
        let expected = match end {
            ListEnd::Head => self.model.pop_front(),
            ListEnd::Tail => self.model.pop_back(),
        };
        assert_eq!(self.list.pop(end, self.limits), expected);
    }

    fn remove(&mut self, item: &[u8], limit: usize, end: ListEnd) {
        let mut expected = 0;
        while expected < limit {
            let at = match end {
                ListEnd::Head => self.model.iter().position(|known| known == item),
                ListEnd::Tail => self.model.iter().rposition(|known| known == item),
            };
            let Some(at) = at else { break };
            self.model.remove(at);
            expected += 1;
        }
        assert_eq!(self.list.remove_equal(item, limit, end, self.limits), expected);
    }

    fn trim(&mut self, start: usize, end: usize) {
        self.list.trim(start, end, self.limits);
        let end = end.min(self.model.len());
        self.model.truncate(end);
        self.model.drain(..start.min(end));
    }

    fn check(&self, index: usize) {
        assert_eq!(
            (self.list.len(), self.list.is_empty()),
            (self.model.len(), self.model.is_empty())
        );
        let element = self.list.get(index).map(|element| element.to_vec());
        assert_eq!(element.as_ref(), self.model.get(index));
        let ends = [ListEnd::Head, ListEnd::Tail].map(|end| self.list.end(end).map(|e| e.to_vec()));
        assert_eq!(ends, [self.model.front().cloned(), self.model.back().cloned()]);
    }

    fn check_all(&self, index: usize) {
        let all = |items: &mut dyn Iterator<Item = super::Element<'_>>| -> Vec<Vec<u8>> {
            items.map(|element| element.to_vec()).collect()
        };
        let model: Vec<Vec<u8>> = self.model.iter().cloned().collect();
        assert_eq!(all(&mut self.list.iter()), model);
        let from: Vec<Vec<u8>> = self.model.iter().skip(index).cloned().collect();
        assert_eq!(all(&mut self.list.iter_from(index)), from);
        let back: Vec<Vec<u8>> = self.model.iter().rev().cloned().collect();
        assert_eq!(all(&mut self.list.iter_back()), back);
        assert!(self.list.blocks.iter().all(|block| block.len() > 0), "no block is empty");
        for block in &self.list.blocks {
            let fits = self.limits.allow(block.len(), block.byte_len());
            assert!(fits || block.len() == 1, "only an element alone may exceed a block");
        }
    }
}

#[test]
fn a_list_behaves_like_a_deque_whatever_its_blocks_are() {
    for (seed, fill) in [-1, -2, -5, 1, 2, 3, 17, 0].into_iter().enumerate() {
        let mut state = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut random = move |n: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % n as u64) as usize
        };
        let limits = ListLimits::new(fill);
        let mut both = Both { list: ListValue::default(), model: VecDeque::new(), limits };
        for step in 0..4_000 {
            let item = match random(20) {
                0 => vec![b'x'; random(300)],
                1 => vec![b'y'; 5_000 + random(9_000)],
                2..10 => (random(2_000_000) as i64 - 1_000_000).to_string().into_bytes(),
                _ => format!("item {}", random(12)).into_bytes(),
            };
            let end = if random(2) == 0 { ListEnd::Head } else { ListEnd::Tail };
            let index = random(both.model.len() + 2);
            match random(14) {
                0..5 => both.push(end, &[item]),
                5 => both.push(end, &[item.clone(), b"1".to_vec(), item]),
                6..8 => both.pop(end),
                8 | 9 => {
                    both.list.insert(index, &item, limits);
                    both.model.insert(index.min(both.model.len()), item);
                }
                10 | 11 => {
                    let there = both.model.get_mut(index);
                    assert_eq!(both.list.set(index, &item, limits), there.is_some());
                    if let Some(there) = there {
                        *there = item;
                    }
                }
                12 => {
                    let limit = if random(3) == 0 { usize::MAX } else { 1 + random(3) };
                    both.remove(&item, limit, end);
                }
                _ if random(12) == 0 => both.trim(index, index + random(both.model.len() + 3)),
                _ => both.trim(random(2), both.model.len().saturating_sub(random(2))),
            }
            both.check(index);
            if step % 50 == 0 {
                both.check_all(index);
            }
        }
        both.check_all(0);
    }
}

#[test]
fn a_list_is_a_listpack_up_to_one_block_and_again_below_half_of_one() {
    let limits = ListLimits::new(4);
    let mut list = ListValue::default();
    for n in 0..4 {
        list.push_all(ListEnd::Tail, [&b"x"[..]], limits);
        assert!(list.is_listpack(), "{n}");
    }
    list.push_all(ListEnd::Head, [&b"x"[..]], limits);
    assert!(!list.is_listpack());
    while list.len() > 3 {
        list.pop(ListEnd::Tail, limits);
        assert!(!list.is_listpack(), "{} elements", list.len());
    }
    list.trim(0, 2, limits);
    let is_one_block = list.blocks.len() == 1;
    assert_eq!(list.is_listpack(), is_one_block);
    let mut list = ListValue::default();
    list.push_all(ListEnd::Tail, [&[b'x'; 8_186][..]], ListLimits::default());
    assert!(!list.is_listpack(), "7 + 8186 bytes are more than 8192");
}

#[test]
fn a_long_list_takes_little_more_than_its_elements() {
    let mut list = ListValue::default();
    for n in 0..100_000 {
        let end = if n % 2 == 0 { ListEnd::Head } else { ListEnd::Tail };
        list.push_all(end, [&b"ten bytes."[..]], ListLimits::default());
    }
    let per_element = list.heap_len() as f64 / 100_000.0;
    assert!(per_element < 13.0, "{per_element} bytes for one of ten");
}
