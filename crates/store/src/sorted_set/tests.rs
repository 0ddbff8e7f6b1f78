use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::testing::Random;

const LIMITS: PackedLimits = PackedLimits { entries_max: 128, item_len_max: 64 };

type Model = BTreeMap<Vec<u8>, f64>;

/// The model's members in order.
fn in_order(model: &Model) -> Vec<(Vec<u8>, f64)> {
    let mut all: Vec<_> = model.iter().map(|(member, score)| (member.clone(), *score)).collect();
    all.sort_by(|a, b| order((a.1, &a.0), (b.1, &b.0)));
    all
}

fn owned<'a>(members: impl Iterator<Item = (&'a [u8], f64)>) -> Vec<(Vec<u8>, f64)> {
    members.map(|(member, score)| (member.to_vec(), score)).collect()
}

fn check(set: &SortedSetValue, model: &Model, random: &mut Random) {
    let all = in_order(model);
    assert_eq!(set.len(), all.len());
    assert_eq!(owned(set.iter()), all);
    let mut reversed = owned(set.iter().rev());
    reversed.reverse();
    assert_eq!(reversed, all);
    assert_eq!(owned(set.clone().iter()), all);
    for _ in 0..20 {
        let a = random.below(all.len() as u64 + 1) as usize;
        let b = random.below(all.len() as u64 + 1) as usize;
        let (from, to) = (a.min(b), a.max(b));
        assert_eq!(owned(set.range(from..to)), all[from..to]);
        assert_eq!(set.range(from..to).len(), to - from);
        // Both ends in turn meet in the middle.
        let (mut walk, mut ends) = (set.range(from..to), (from, to));
        while ends.0 < ends.1 {
            let forward = random.below(2) == 0;
            let got = if forward { walk.next() } else { walk.next_back() };
            let expected = if forward { &all[ends.0] } else { &all[ends.1 - 1] };
            assert_eq!(got.map(|(m, s)| (m.to_vec(), s)).as_ref(), Some(expected));
            ends = if forward { (ends.0 + 1, ends.1) } else { (ends.0, ends.1 - 1) };
        }
        assert!(walk.next().is_none() && walk.next_back().is_none());
        let limit = random.below(60) as f64 - 30.0;
        let below = all.iter().filter(|(_, score)| *score < limit).count();
        assert_eq!(set.partition_point(|score, _| score < limit), below);
    }
    for (rank, (member, score)) in all.iter().enumerate().step_by(7) {
        assert_eq!(set.rank(member), Some((rank, *score)));
    }
    let numbered: BTreeSet<&[u8]> = (0..set.len()).map(|n| set.numbered(n).0).collect();
    assert_eq!(numbered.len(), all.len());
    let (mut cursor, mut seen) = (0, BTreeMap::new());
    loop {
        cursor = set.scan(cursor, 10, |member, score| {
            assert!(seen.insert(member.to_vec(), score).is_none());
        });
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(&seen, model);
}

#[test]
fn a_sorted_set_behaves_like_an_ordered_map_in_both_forms() {
    for (seed, names, packed) in [(1, 100, true), (2, 1_500, false), (3, 250, false)] {
        let mut random = Random::new(seed);
        let (mut set, mut model) = (SortedSetValue::default(), Model::new());
        for step in 0..12_000 {
            let member = format!("m{}", random.below(names)).into_bytes();
            assert_eq!(set.score(&member), model.get(&member).copied());
            match random.below(8) {
                0 | 1 => assert_eq!(set.remove(&member), model.remove(&member)),
                2 if step % 100 == 0 => {
                    let from = random.below(set.len() as u64 + 1) as usize;
                    let to = (from + random.below(200) as usize).min(set.len());
                    let expected = in_order(&model)[from..to].to_vec();
                    let mut removed = Vec::new();
                    set.remove_range(from..to, |member, score| {
                        removed.push((member.to_vec(), score));
                    });
                    assert_eq!(removed, expected);
                    removed.iter().for_each(|(member, _)| {
                        model.remove(member);
                    });
                }
                _ => {
                    let score = match random.below(20) {
                        0 => f64::INFINITY,
                        1 => f64::NEG_INFINITY,
                        2 => random.below(1_000) as f64 / 7.0,
                        3 => 1e300,
                        // Few scores, so that members decide the order.
                        _ => random.below(60) as f64 - 30.0,
                    };
                    assert_eq!(
                        set.insert(&member, score, LIMITS),
                        model.insert(member.clone(), score)
                    );
                    assert_eq!(set.rank(&member).map(|(_, score)| score), Some(score));
                }
            }
            assert_eq!(set.len(), model.len());
            if step % 1_000 == 0 {
                check(&set, &model, &mut random);
            }
        }
        check(&set, &model, &mut random);
        assert_eq!(set.is_packed(), packed);
        let all = in_order(&model);
        for (member, score) in all {
            assert_eq!(set.remove(&member), Some(score));
        }
        assert!(set.is_empty() && set.iter().next().is_none());
    }
}

#[test]
fn scores_of_every_size_are_kept_exactly() {
    let scores = [
        0.0,
        1.0,
        -1.0,
        127.0,
        128.0,
        -128.0,
        -129.0,
        32_767.0,
        32_768.0,
        -32_769.0,
        2_147_483_647.0,
        2_147_483_648.0,
        -2_147_483_649.0,
        9e15,
        1e300,
        -1e300,
        0.1,
        1.5,
        f64::MIN_POSITIVE,
        5e-324,
        f64::MAX,
        f64::MIN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9_223_372_036_854_775_807.0,
    ];
    for score in scores {
        for limits in [LIMITS, PackedLimits { entries_max: 0, item_len_max: 0 }] {
            let mut set = SortedSetValue::default();
            set.insert(b"m", score, limits);
            assert_eq!(set.score(b"m").map(f64::to_bits), Some(score.to_bits()), "{score}");
        }
    }
}

#[test]
fn forms_change_at_their_limits_and_by_what_is_to_come() {
    let mut set = SortedSetValue::default();
    (0..128).for_each(|n: i32| {
        set.insert(n.to_string().as_bytes(), n.into(), LIMITS);
    });
    set.insert(b"5", 99.0, LIMITS);
    assert!(set.is_packed());
    set.insert(b"one more", 0.0, LIMITS);
    assert!(!set.is_packed());
    set.remove(b"one more");
    assert!(!set.is_packed(), "never back by itself");
    assert_eq!(set.rank(b"5"), Some((98, 99.0)), "just before `99`");

    let mut set = SortedSetValue::default();
    set.insert(&[b'x'; 64], 0.0, LIMITS);
    assert!(set.is_packed());
    set.prepare(128, LIMITS);
    assert!(set.is_packed());
    set.insert(&[b'x'; 65], 0.0, LIMITS);
    assert!(!set.is_packed());

    assert!(SortedSetValue::suited(128, 64, LIMITS).is_packed());
    assert!(!SortedSetValue::suited(129, 64, LIMITS).is_packed());
    assert!(!SortedSetValue::suited(128, 65, LIMITS).is_packed());
    let mut set = SortedSetValue::default();
    set.prepare(129, LIMITS);
    assert!(!set.is_packed());
}

#[test]
fn memory_grows_and_shrinks_with_the_members() {
    let mut set = SortedSetValue::default();
    for n in 0..10_000 {
        set.insert(format!("member:{n}").as_bytes(), f64::from(n), LIMITS);
    }
    let full = set.heap_len();
    assert!((400_000..900_000).contains(&full), "{full}");
    set.remove_range(100..10_000, |_, _| {});
    assert!(set.heap_len() < full / 20, "{} of {full}", set.heap_len());
}

#[test]
fn only_the_large_form_keeps_the_sign_of_a_zero() {
    let mut set = SortedSetValue::default();
    set.insert(b"m", -0.0, LIMITS);
    assert_eq!(set.score(b"m").map(f64::to_bits), Some(0.0f64.to_bits()));
    set.prepare(129, LIMITS);
    set.insert(b"n", -0.0, LIMITS);
    assert_eq!(set.score(b"n").map(f64::to_bits), Some((-0.0f64).to_bits()));
}
