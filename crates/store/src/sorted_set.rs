//! A sorted set: members ordered by score.

/// A sorted set's members and scores.
#[derive(Clone, Default)]
pub struct SortedSetValue(pub Vec<(Box<[u8]>, f64)>);

impl SortedSetValue {
    /// Number of members.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none; such a value is removed with its key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes on the heap, for memory accounting.
    pub fn heap_len(&self) -> usize {
        self.0.iter().map(|(m, _)| m.len() + 24).sum()
    }
}
