//! A set: members without order.

/// A set's members.
#[derive(Clone, Default)]
pub struct SetValue(pub Vec<Box<[u8]>>);

impl SetValue {
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
        self.0.iter().map(|m| m.len() + 16).sum()
    }
}
