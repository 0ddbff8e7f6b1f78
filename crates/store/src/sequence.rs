//! A sequence of numbers that grows and shrinks anywhere in O(log n): a B-tree by position.
//!
//! It knows nothing of an order; who keeps it sorted finds places with
//! [`partition_point`](Sequence::partition_point).

/// Items of a leaf at most.
const LEAF_MAX: usize = 64;
/// Children of an inner node at most.
const INNER_MAX: usize = 32;

/// See the module's documentation.
#[derive(Clone)]
pub(crate) struct Sequence {
    root: Node,
    len: usize,
}

#[derive(Clone)]
enum Node {
    Leaf(Vec<u32>),
    Inner(Vec<Child>),
}

#[derive(Clone)]
struct Child {
    node: Node,
    /// Items below.
    len: u32,
    /// The first of them.
    first: u32,
}

impl Default for Sequence {
    fn default() -> Self {
        Sequence { root: Node::Leaf(Vec::new()), len: 0 }
    }
}

impl Sequence {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap, by estimate: leaves are three quarters full, and an inner node's child
    /// stands for dozens of items.
    pub(crate) fn heap_len(&self) -> usize {
        self.len * 6
    }

    /// How many items at the front `pred` holds for; it must hold for none behind the first that it
    /// does not hold for.
    pub(crate) fn partition_point(&self, mut pred: impl FnMut(u32) -> bool) -> usize {
        let (mut node, mut before) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(items) => return before + items.partition_point(|item| pred(*item)),
                Node::Inner(children) => {
                    // The boundary lies in the last child whose first item is before it.
                    let at = children.partition_point(|child| pred(child.first)).saturating_sub(1);
                    before += children[..at].iter().map(|child| child.len as usize).sum::<usize>();
                    node = &children[at].node;
                }
            }
        }
    }

    /// The items from `rank` to the end of their leaf; empty at the end.
    pub(crate) fn run_from(&self, rank: usize) -> &[u32] {
        let (items, at) = self.leaf(rank);
        items.get(at..).unwrap_or(&[])
    }

    /// The items from the beginning of a leaf up to `rank`, without it; empty at the beginning.
    pub(crate) fn run_before(&self, rank: usize) -> &[u32] {
        match rank.checked_sub(1) {
            Some(last) => {
                let (items, at) = self.leaf(last);
                &items[..=at]
            }
            None => &[],
        }
    }

    /// The leaf that holds `rank`, and where in it.
    fn leaf(&self, mut rank: usize) -> (&[u32], usize) {
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(items) => return (items, rank),
                Node::Inner(children) => {
                    let at;
                    (at, rank) = child_at(children, rank);
                    node = &children[at].node;
                }
            }
        }
    }

    /// Puts another item at `rank`, which is there.
    pub(crate) fn replace(&mut self, rank: usize, item: u32) {
        self.root.replace(rank, item);
    }

    /// Inserts `item` so that it gets `rank`, at most `len`.
    pub(crate) fn insert(&mut self, rank: usize, item: u32) {
        debug_assert!(rank <= self.len);
        self.len += 1;
        if let Some(right) = self.root.insert(rank, item) {
            let left = std::mem::replace(&mut self.root, Node::Leaf(Vec::new()));
            self.root = Node::Inner(vec![Child::new(left), Child::new(right)]);
        }
    }

    /// Removes and returns the item at `rank`, which is there.
    pub(crate) fn remove(&mut self, rank: usize) -> u32 {
        debug_assert!(rank < self.len);
        self.len -= 1;
        let item = self.root.remove(rank);
        while let Node::Inner(children) = &mut self.root
            && children.len() == 1
        {
            self.root = children.pop().expect("there is one").node;
        }
        item
    }
}

/// The child that holds `rank`, the last one for a rank at the end, and the rank inside it.
fn child_at(children: &[Child], mut rank: usize) -> (usize, usize) {
    for (at, child) in children.iter().enumerate() {
        if rank < child.len as usize || at + 1 == children.len() {
            return (at, rank);
        }
        rank -= child.len as usize;
    }
    unreachable!("an inner node has children")
}

/// Splits off the upper half of `items`, or only what follows `at` if that is their end: items that
/// come in order leave full nodes behind.
fn split<T>(items: &mut Vec<T>, at: usize) -> Vec<T> {
    let middle = if at + 1 == items.len() { at } else { items.len() / 2 };
    let mut upper = Vec::with_capacity(items.len());
    upper.extend(items.drain(middle..));
    upper
}

impl Child {
    fn new(node: Node) -> Child {
        Child { len: node.count() as u32, first: node.first().unwrap_or(0), node }
    }
}

impl Node {
    /// Items below.
    fn count(&self) -> usize {
        match self {
            Node::Leaf(items) => items.len(),
            Node::Inner(children) => children.iter().map(|child| child.len as usize).sum(),
        }
    }

    fn first(&self) -> Option<u32> {
        match self {
            Node::Leaf(items) => items.first().copied(),
            Node::Inner(children) => children.first().map(|child| child.first),
        }
    }

    /// Own items or children, and how many there may be.
    fn width(&self) -> (usize, usize) {
        match self {
            Node::Leaf(items) => (items.len(), LEAF_MAX),
            Node::Inner(children) => (children.len(), INNER_MAX),
        }
    }

    fn replace(&mut self, rank: usize, item: u32) {
        match self {
            Node::Leaf(items) => items[rank] = item,
            Node::Inner(children) => {
                let (at, rank) = child_at(children, rank);
                let child = &mut children[at];
                child.node.replace(rank, item);
                child.first = child.node.first().unwrap_or(item);
            }
        }
    }

    /// Inserts; returns what was split off to the right if the node was full.
    fn insert(&mut self, rank: usize, item: u32) -> Option<Node> {
        match self {
            Node::Leaf(items) => {
                items.insert(rank, item);
                (items.len() > LEAF_MAX).then(|| Node::Leaf(split(items, rank)))
            }
            Node::Inner(children) => {
                let (at, rank) = child_at(children, rank);
                let child = &mut children[at];
                let right = child.node.insert(rank, item).map(Child::new);
                child.len += 1;
                child.first = child.node.first().unwrap_or(item);
                let right = right?;
                child.len -= right.len;
                children.insert(at + 1, right);
                (children.len() > INNER_MAX).then(|| Node::Inner(split(children, at + 1)))
            }
        }
    }

    fn remove(&mut self, rank: usize) -> u32 {
        match self {
            Node::Leaf(items) => items.remove(rank),
            Node::Inner(children) => {
                let (at, rank) = child_at(children, rank);
                let child = &mut children[at];
                let item = child.node.remove(rank);
                child.len -= 1;
                match child.node.first() {
                    Some(first) => {
                        child.first = first;
                        merge(children, at);
                    }
                    None => {
                        children.remove(at);
                    }
                }
                item
            }
        }
    }

    /// Takes in the items of the node to the right, of the same height.
    fn append(&mut self, right: Node) {
        match (self, right) {
            (Node::Leaf(items), Node::Leaf(more)) => items.extend(more),
            (Node::Inner(children), Node::Inner(more)) => children.extend(more),
            _ => unreachable!("all leaves are equally deep"),
        }
    }
}

/// Joins a child that has become small with a neighbour, if both leave room in one node.
fn merge(children: &mut Vec<Child>, at: usize) {
    let (width, max) = children[at].node.width();
    if width > max / 4 {
        return;
    }
    for left in [at.checked_sub(1), Some(at)].into_iter().flatten() {
        let Some(right) = children.get(left + 1) else { continue };
        if children[left].node.width().0 + right.node.width().0 <= max * 3 / 4 {
            let right = children.remove(left + 1);
            let left = &mut children[left];
            left.len += right.len;
            left.node.append(right.node);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    impl Node {
        /// Checks counts, firsts and widths; returns the height.
        fn checked(&self, is_root: bool) -> usize {
            let (width, max) = self.width();
            assert!(width <= max && (width > 0 || is_root), "{width} of {max}");
            match self {
                Node::Leaf(_) => 1,
                Node::Inner(children) => {
                    let heights: Vec<usize> = children
                        .iter()
                        .map(|child| {
                            assert_eq!(child.len as usize, child.node.count());
                            assert_eq!(Some(child.first), child.node.first());
                            child.node.checked(false)
                        })
                        .collect();
                    assert!(heights.iter().all(|height| *height == heights[0]), "{heights:?}");
                    heights[0] + 1
                }
            }
        }
    }

    fn all(sequence: &Sequence) -> Vec<u32> {
        let mut all = Vec::new();
        while all.len() < sequence.len() {
            all.extend_from_slice(sequence.run_from(all.len()));
        }
        assert!(sequence.run_from(all.len()).is_empty());
        all
    }

    #[test]
    fn it_behaves_like_a_vector() {
        let mut random = Random::new(5);
        let (mut sequence, mut model) = (Sequence::default(), Vec::new());
        // Grows to about 20,000, shrinks to nothing, three times.
        for round in 0..3 {
            for step in 0..60_000u32 {
                let grows = if step < 30_000 { 5 } else { 1 };
                if random.below(6) < grows {
                    let rank = random.below(model.len() as u64 + 1) as usize;
                    sequence.insert(rank, step);
                    model.insert(rank, step);
                } else if !model.is_empty() {
                    let rank = random.below(model.len() as u64) as usize;
                    assert_eq!(sequence.remove(rank), model.remove(rank));
                }
                if step % 10_000 == 0 {
                    assert_eq!(all(&sequence), model, "round {round}");
                    assert!(sequence.root.checked(true) <= 5);
                }
            }
            while !model.is_empty() {
                let rank = random.below(model.len() as u64) as usize;
                assert_eq!(sequence.remove(rank), model.remove(rank));
            }
            assert_eq!(sequence.root.checked(true), 1);
        }
    }

    #[test]
    fn places_in_an_ordered_sequence_are_found() {
        let mut sequence = Sequence::default();
        for item in 0..5_000 {
            sequence.insert(item as usize, item * 2);
        }
        for limit in [0, 1, 2, 63, 64, 65, 127, 128, 4_999, 9_998, 9_999, 20_000] {
            let expected = (limit as usize).div_ceil(2).min(5_000);
            assert_eq!(sequence.partition_point(|item| item < limit), expected, "{limit}");
        }
        assert_eq!(Sequence::default().partition_point(|_| true), 0);
    }

    #[test]
    fn runs_go_both_ways_and_items_are_replaced() {
        let mut sequence = Sequence::default();
        (0..1_000).for_each(|item| sequence.insert(item as usize, item));
        sequence.replace(0, 7_777);
        sequence.replace(500, 5);
        sequence.root.checked(true);
        let mut backwards = Vec::new();
        while backwards.len() < 1_000 {
            backwards.extend(sequence.run_before(1_000 - backwards.len()).iter().rev());
        }
        assert!(sequence.run_before(0).is_empty());
        backwards.reverse();
        assert_eq!(backwards, all(&sequence));
        assert_eq!((backwards[0], backwards[500], backwards[999]), (7_777, 5, 999));
    }

    #[test]
    fn items_that_come_in_order_leave_full_leaves() {
        let mut sequence = Sequence::default();
        (0..6_400).for_each(|item| sequence.insert(item as usize, item));
        assert_eq!(sequence.run_from(0).len(), LEAF_MAX);
        assert_eq!(sequence.run_from(64 * 50).len(), LEAF_MAX);
    }
}
