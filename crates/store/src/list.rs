//! A list: elements in order.

/// A list, head first.
#[derive(Clone, Default)]
pub struct ListValue(pub Vec<Box<[u8]>>);

impl ListValue {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none; such a value is removed with its key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes on the heap, for memory accounting.
    pub fn heap_len(&self) -> usize {
        self.0.iter().map(|e| e.len() + 16).sum()
    }
}
