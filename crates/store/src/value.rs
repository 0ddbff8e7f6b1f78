//! What a key can hold.

use crate::hash_value::HashValue;
use crate::list::ListValue;
use crate::set::{SetForm, SetValue};
use crate::sorted_set::SortedSetValue;

/// The type names of the protocol (`TYPE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the protocol's own type names")]
pub enum ValueKind {
    String,
    List,
    Set,
    SortedSet,
    Hash,
}

impl ValueKind {
    /// The name `TYPE` answers.
    pub fn name(self) -> &'static str {
        match self {
            ValueKind::String => "string",
            ValueKind::List => "list",
            ValueKind::Set => "set",
            ValueKind::SortedSet => "zset",
            ValueKind::Hash => "hash",
        }
    }
}

/// A value that is not kept in the record's own allocation.
#[derive(Clone)]
pub enum Value {
    /// A string that grows in place (APPEND, SETRANGE); others live in their record.
    String(Vec<u8>),
    /// Fields and values.
    Hash(HashValue),
    /// Elements, head first.
    List(ListValue),
    /// Members.
    Set(SetValue),
    /// Members with scores.
    SortedSet(SortedSetValue),
}

impl Value {
    /// The value's type.
    pub fn kind(&self) -> ValueKind {
        self.view().kind()
    }

    /// The value, borrowed.
    pub fn view(&self) -> ValueRef<'_> {
        match self {
            Value::String(bytes) => ValueRef::String(bytes),
            Value::Hash(hash) => ValueRef::Hash(hash),
            Value::List(list) => ValueRef::List(list),
            Value::Set(set) => ValueRef::Set(set),
            Value::SortedSet(set) => ValueRef::SortedSet(set),
        }
    }

    /// Allocations the value is made of, about: what freeing it costs.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Value::Hash(hash) if !hash.is_packed() => hash.len(),
            Value::List(list) => list.blocks_len(),
            Value::Set(set) if set.form() == SetForm::Table => set.len(),
            Value::SortedSet(set) if !set.is_packed() => set.len(),
            Value::String(_) | Value::Hash(_) | Value::Set(_) | Value::SortedSet(_) => 1,
        }
    }

    /// Bytes the value has on the heap, for memory accounting.
    pub fn heap_len(&self) -> usize {
        match self {
            Value::String(bytes) => bytes.capacity(),
            Value::Hash(hash) => hash.heap_len(),
            Value::List(list) => list.heap_len(),
            Value::Set(set) => set.heap_len(),
            Value::SortedSet(set) => set.heap_len(),
        }
    }
}

/// A type of value that is removed with its key when it is empty: all but strings.
pub trait Collection: Default {
    /// The value, if it is of this type.
    fn of(value: ValueRef<'_>) -> Option<&Self>;

    /// As [`Collection::of`], to change it.
    fn of_mut(value: &mut Value) -> Option<&mut Self>;

    /// The value as one that a key can hold.
    fn into_value(self) -> Value;
}

macro_rules! collections {
    ($($variant:ident: $type:ty),*) => {$(
        impl Collection for $type {
            fn of(value: ValueRef<'_>) -> Option<&Self> {
                match value {
                    ValueRef::$variant(it) => Some(it),
                    _ => None,
                }
            }

            fn of_mut(value: &mut Value) -> Option<&mut Self> {
                match value {
                    Value::$variant(it) => Some(it),
                    _ => None,
                }
            }

            fn into_value(self) -> Value {
                Value::$variant(self)
            }
        }
    )*};
}

collections!(Hash: HashValue, List: ListValue, Set: SetValue, SortedSet: SortedSetValue);

/// A value, borrowed from its record.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the variants mirror `Value`")]
pub enum ValueRef<'a> {
    String(&'a [u8]),
    Hash(&'a HashValue),
    List(&'a ListValue),
    Set(&'a SetValue),
    SortedSet(&'a SortedSetValue),
}

impl ValueRef<'_> {
    /// The value's type.
    pub fn kind(&self) -> ValueKind {
        match self {
            ValueRef::String(_) => ValueKind::String,
            ValueRef::Hash(_) => ValueKind::Hash,
            ValueRef::List(_) => ValueKind::List,
            ValueRef::Set(_) => ValueKind::Set,
            ValueRef::SortedSet(_) => ValueKind::SortedSet,
        }
    }

    /// Whether this is a collection without elements, which is removed with its key.
    pub fn is_empty_collection(&self) -> bool {
        match self {
            ValueRef::String(_) => false,
            ValueRef::Hash(hash) => hash.is_empty(),
            ValueRef::List(list) => list.is_empty(),
            ValueRef::Set(set) => set.is_empty(),
            ValueRef::SortedSet(set) => set.is_empty(),
        }
    }
}

/// When a collection leaves its small form (`hash-max-listpack-entries` and `-value`).
#[derive(Clone, Copy, Debug)]
pub struct PackedLimits {
    /// Entries at most.
    pub entries_max: usize,
    /// Bytes of one item at most.
    pub item_len_max: usize,
}

impl Default for PackedLimits {
    /// Redis 7's defaults.
    fn default() -> Self {
        PackedLimits { entries_max: 512, item_len_max: 64 }
    }
}

#[cfg(test)]
mod tests;
