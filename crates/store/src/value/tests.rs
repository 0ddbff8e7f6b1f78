//! What values say of their memory, whatever was done to them.

use super::*;
use crate::list::{ListEnd, ListLimits};
use crate::set::{SetForm, SetLimits};
use crate::testing::Random;

const LIMITS: PackedLimits = PackedLimits { entries_max: 128, item_len_max: 64 };
const NOTHING_SMALL: PackedLimits = PackedLimits { entries_max: 0, item_len_max: 0 };

/// One change by chance, of an element that is one of `names`, in which `grows` of 8 add something.
fn change(value: &mut Value, random: &mut Random, names: u64, grows: u64) {
    let item = match random.below(3) {
        0 => random.below(names).to_string().into_bytes(),
        1 => format!("element {}", random.below(names)).into_bytes(),
        _ => vec![b'x'; random.below(names.min(90)) as usize],
    };
    let adds = random.below(8) < grows;
    match value {
        // One that becomes shorter is made anew.
        Value::String(bytes) => bytes.extend_from_slice(&item),
        Value::Hash(hash) if adds => drop(hash.set(&item, &item, LIMITS)),
        Value::Hash(hash) => drop(hash.remove(&item)),
        Value::Set(set) if adds => drop(set.add(&item, SetLimits::default())),
        Value::Set(set) => drop(set.remove(&item)),
        Value::SortedSet(set) if adds => drop(set.insert(&item, item.len() as f64, LIMITS)),
        Value::SortedSet(set) if random.below(9) == 0 => {
            let from = random.below(set.len() as u64 + 1) as usize;
            set.remove_range(from..(from + 40).min(set.len()), |_, _| ());
        }
        Value::SortedSet(set) => drop(set.remove(&item)),
        Value::List(list) => change_list(list, random, &item, adds),
    }
}

fn change_list(list: &mut ListValue, random: &mut Random, item: &[u8], adds: bool) {
    let limits = ListLimits::new(4);
    let end = if random.below(2) == 0 { ListEnd::Head } else { ListEnd::Tail };
    let index = random.below(list.len() as u64 + 1) as usize;
    match (adds, random.below(8)) {
        (true, 0) => list.insert(index, item, limits),
        (true, _) => list.push_all(end, [item], limits),
        (false, 0) => drop(list.set(index, item, limits)),
        (false, 1) => drop(list.remove_equal(item, 2, end, limits)),
        (false, 2) => list.trim(2, list.len().saturating_sub(1), limits),
        (false, _) => drop(list.pop(end, limits)),
    }
}

/// The same elements, put into a new value of the same form one after the other.
fn made_anew(value: &Value) -> (Value, usize) {
    let mut bytes = 0;
    let anew = match value {
        Value::String(text) => {
            bytes += text.len();
            Value::String(text.clone())
        }
        Value::Hash(hash) => {
            let limits = if hash.is_packed() { LIMITS } else { NOTHING_SMALL };
            let mut anew = HashValue::default();
            hash.for_each(|name, value| {
                bytes += name.len() + value.len();
                anew.set(name, value, limits);
            });
            Value::Hash(anew)
        }
        Value::List(list) => {
            let mut anew = ListValue::default();
            list.iter().for_each(|item| {
                // A number may take less than its digits.
                bytes += item.len() / 3;
                anew.push_all(ListEnd::Tail, [&item[..]], ListLimits::new(4));
            });
            Value::List(anew)
        }
        Value::Set(set) => {
            let limits = match set.form() {
                SetForm::Table => SetLimits { ints_max: 0, packed: NOTHING_SMALL },
                _ => SetLimits::default(),
            };
            let mut anew = SetValue::default();
            set.iter().for_each(|item| {
                bytes += item.len() / 3;
                anew.add(&item, limits);
            });
            Value::Set(anew)
        }
        Value::SortedSet(set) => {
            let limits = if set.is_packed() { LIMITS } else { NOTHING_SMALL };
            let mut anew = SortedSetValue::default();
            set.iter().for_each(|(member, score)| {
                bytes += member.len();
                anew.insert(member, score, limits);
            });
            Value::SortedSet(anew)
        }
    };
    (anew, bytes)
}

/// One without elements, in the form in which `value` is.
fn emptied(mut value: Value) -> Value {
    match &mut value {
        Value::String(text) => *text = Vec::new(),
        Value::List(list) => while list.pop(ListEnd::Head, ListLimits::new(4)).is_some() {},
        Value::Hash(hash) => {
            let mut names = Vec::new();
            hash.for_each(|name, _| names.push(name.to_vec()));
            names.iter().for_each(|name| assert!(hash.remove(name)));
        }
        Value::Set(set) => {
            let members: Vec<Vec<u8>> = set.iter().map(|member| member.to_vec()).collect();
            members.iter().for_each(|member| assert!(set.remove(member)));
        }
        Value::SortedSet(set) => set.remove_range(0..set.len(), |_, _| ()),
    }
    value
}

#[test]
fn memory_is_that_of_the_same_elements_anew_and_none_without_any() {
    let new: [fn() -> Value; 5] = [
        || Value::String(Vec::new()),
        || Value::Hash(HashValue::default()),
        || Value::List(ListValue::default()),
        || Value::Set(SetValue::default()),
        || Value::SortedSet(SortedSetValue::default()),
    ];
    for (kind, new) in new.into_iter().enumerate() {
        for (seed, names) in [(1, 12), (2, 60), (3, 400), (4, 1_500)] {
            let mut random = Random::new(seed);
            let (mut value, mut most) = (new(), 0);
            // Grows, comes and goes, shrinks to nearly nothing, and grows again.
            for grows in [7, 4, 1, 0, 5] {
                for _ in 0..names * 3 {
                    change(&mut value, &mut random, names, grows);
                }
                let (anew, bytes) = made_anew(&value);
                let (told, fresh) = (value.heap_len(), anew.heap_len());
                let what = format!("{:?} seed {seed} grows {grows}", value.kind());
                assert!(told >= bytes, "{what}: {told} for {bytes} bytes");
                // Room for more is kept in proportion to what there was: how much of it, the hashes decide.
                most = most.max(fresh);
                assert!(told <= 4 * fresh.max(most / 2) + 1024, "{what}: {told}, and {fresh} anew");
                assert!(2 * told + 1024 >= fresh, "{what}: {told}, and {fresh} anew");
            }
            let rest = emptied(value).heap_len();
            assert!(rest <= 1024, "{kind}, seed {seed}: {rest} bytes of nothing");
        }
    }
}
