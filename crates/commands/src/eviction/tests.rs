//! Policies by statistics: what each prefers must be seen by a wide margin, whatever chance does.

use guarda_store::Locked;

use super::*;
use crate::testing::*;

const LRU: EvictionRules =
    EvictionRules { eligible: Eligible::All, preference: Preference::Idle, samples: 5 };

fn rules(eligible: Eligible, preference: Preference) -> EvictionRules {
    EvictionRules { eligible, preference, samples: 5 }
}

fn evict(bench: &Bench, evictor: &mut Evictor, rules: EvictionRules) -> Evicted {
    evictor.evict(rules, &bench.host, bench.now)
}

fn evict_times(bench: &Bench, rules: EvictionRules, times: usize) -> Evictor {
    let mut evictor = Evictor::default();
    for _ in 0..times {
        assert_eq!(evict(bench, &mut evictor, rules), Evicted::One);
    }
    evictor
}

/// How many of `prefix0` … are left.
fn left(bench: &mut Bench, prefix: &str, n: usize) -> usize {
    let there = (0..n).filter(|k| bench.run(&format!("EXISTS {prefix}{k}")) == int(1));
    there.count()
}

fn fill(bench: &mut Bench, prefix: &str, n: usize, ttl_s: Option<usize>) {
    for k in 0..n {
        let ttl = ttl_s.map_or_else(String::new, |ttl| format!(" EX {}", ttl + k));
        bench.check(&format!("SET {prefix}{k} v{ttl}"), ok());
    }
}

#[test]
fn lru_takes_what_was_not_used_for_long_from_all_databases() {
    for eligible in [Eligible::All, Eligible::Expiring] {
        let mut bench = Bench::new();
        for db in 0..4 {
            bench.run(&format!("SELECT {db}"));
            fill(&mut bench, "old", 250, Some(100_000));
            fill(&mut bench, "new", 250, Some(100_000));
        }
        bench.advance(3_600_000);
        for db in 0..4 {
            bench.run(&format!("SELECT {db}"));
            (0..250).for_each(|k| drop(bench.run(&format!("GET new{k}"))));
        }
        evict_times(&bench, rules(eligible, Preference::Idle), 800);
        for db in 0..4 {
            bench.run(&format!("SELECT {db}"));
            // By chance it would be 150 of each.
            let (old, new) = (left(&mut bench, "old", 250), left(&mut bench, "new", 250));
            assert!(new > 235, "{new} of 250 used lately are left in database {db}");
            assert!(old < 90, "{old} of 250 unused ones are left in database {db}");
        }
    }
}

#[test]
fn lfu_takes_what_is_used_seldom_though_it_was_used_last() {
    for eligible in [Eligible::All, Eligible::Expiring] {
        let mut bench = Bench::new();
        bench.host.keyspace.usage().set(true, 10, 1);
        fill(&mut bench, "hot", 300, Some(100_000));
        fill(&mut bench, "cold", 700, Some(100_000));
        for _ in 0..40 {
            (0..300).for_each(|k| drop(bench.run(&format!("GET hot{k}"))));
        }
        bench.advance(30_000);
        (0..700).for_each(|k| drop(bench.run(&format!("GET cold{k}"))));
        evict_times(&bench, rules(eligible, Preference::Rare), 500);
        // By chance 150 of the hot ones would be left.
        let hot = left(&mut bench, "hot", 300);
        assert!(hot > 280, "{hot} of 300 hot ones are left");
    }
}

#[test]
fn ttl_takes_what_expires_soonest() {
    let mut bench = Bench::new();
    fill(&mut bench, "k", 1_000, Some(1_000));
    fill(&mut bench, "persistent", 200, None);
    evict_times(&bench, rules(Eligible::Expiring, Preference::Soonest), 500);
    let mut soon = 0;
    for k in 0..500 {
        soon += usize::from(bench.run(&format!("EXISTS k{k}")) == int(1));
    }
    // By chance it would be 250.
    assert!(soon < 100, "{soon} of the 500 that expire first are left");
    assert_eq!(left(&mut bench, "persistent", 200), 200);
}

#[test]
fn random_takes_old_and_new_alike() {
    let mut bench = Bench::new();
    fill(&mut bench, "old", 1_000, None);
    bench.advance(3_600_000);
    fill(&mut bench, "new", 1_000, None);
    evict_times(&bench, rules(Eligible::All, Preference::Chance), 1_000);
    let (old, new) = (left(&mut bench, "old", 1_000), left(&mut bench, "new", 1_000));
    assert!((400..=600).contains(&old) && old + new == 1_000, "{old} old and {new} new are left");
}

#[test]
fn volatile_policies_never_take_a_key_that_persists_and_say_when_nothing_is_left() {
    for preference in [Preference::Idle, Preference::Rare, Preference::Soonest, Preference::Chance]
    {
        let mut bench = Bench::new();
        fill(&mut bench, "persistent", 300, None);
        fill(&mut bench, "volatile", 30, Some(100));
        let rules = rules(Eligible::Expiring, preference);
        let mut evictor = evict_times(&bench, rules, 30);
        assert_eq!(evict(&bench, &mut evictor, rules), Evicted::Nothing, "{preference:?}");
        assert_eq!(left(&mut bench, "persistent", 300), 300, "{preference:?}");
        bench.run("EXPIRE persistent7 100");
        assert_eq!(evict(&bench, &mut evictor, rules), Evicted::One, "{preference:?}");
        // One that was drawn and then made to persist.
        fill(&mut bench, "volatile", 10, Some(100));
        assert_eq!(evict(&bench, &mut evictor, rules), Evicted::One);
        for k in 0..10 {
            bench.run(&format!("PERSIST volatile{k}"));
        }
        assert_eq!(evict(&bench, &mut evictor, rules), Evicted::Nothing, "{preference:?}");
        assert_eq!(left(&mut bench, "volatile", 10), 9);
    }
}

#[test]
fn one_that_was_used_since_it_was_drawn_competes_anew() {
    let mut bench = Bench::new();
    fill(&mut bench, "k", 100, None);
    bench.advance(1_000_000);
    // The pool is full of keys idle for 1000 s; all but one are used before the next eviction.
    let mut evictor = evict_times(&bench, LRU, 10);
    let there: Vec<_> = (0..100).filter(|k| bench.run(&format!("EXISTS k{k}")) == int(1)).collect();
    for k in &there[1..] {
        bench.run(&format!("GET k{k}"));
    }
    let mut taken_idle = false;
    for _ in 0..60 {
        assert_eq!(evict(&bench, &mut evictor, LRU), Evicted::One);
        taken_idle |= bench.run(&format!("EXISTS k{}", there[0])) == int(0);
        if taken_idle {
            break;
        }
    }
    assert!(taken_idle, "the only idle key outlived 60 of 90");
}

#[test]
fn an_eviction_is_a_deletion_to_log_watchers_statistics_and_listeners() {
    let mut bench = Bench::new();
    bench.run("SELECT 3");
    bench.run("SET k v");
    bench.run("WATCH k");
    let mut listener = bench.swap_client(new_client(2));
    bench.run("PSUBSCRIBE __key*");
    std::mem::swap(&mut bench.client, &mut listener);
    bench.host.pubsub.set_wanted_events(EventClasses::of_letters("Ke"));
    bench.journal();
    let mut evictor = evict_times(&bench, LRU, 1);
    assert_eq!(evict(&bench, &mut evictor, LRU), Evicted::Nothing);
    assert_eq!(bench.journal(), ["3:DEL k"]);
    let counters = evictor.effects.counters;
    assert_eq!((counters.evicted_keys, counters.dirty, counters.expired_keys), (1, 1, 0));
    let mut told = Vec::new();
    for message in &*bench.host.spread.lock() {
        message.publication.write(&mut told, guarda_resp::Protocol::Resp2);
    }
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("__keyspace@3__:k\r\n$7\r\nevicted\r\n"), "{told}");
    bench.check("MULTI", ok());
    bench.check("EXEC", "*-1\r\n");
}

#[test]
fn one_that_is_due_expires_instead() {
    let mut bench = Bench::new();
    bench.run("SET k v PX 5");
    bench.advance(5);
    bench.journal();
    let evictor = evict_times(&bench, LRU, 1);
    assert_eq!(bench.journal(), ["DEL k"]);
    let counters = evictor.effects.counters;
    assert_eq!((counters.evicted_keys, counters.expired_keys), (0, 1));
}

#[test]
fn a_session_in_use_its_lock_tombstone_and_tag_stay() {
    let token = format!("guarda:{}", "a".repeat(32));
    for (eligible, preference) in [
        (Eligible::All, Preference::Idle),
        (Eligible::Expiring, Preference::Chance),
        (Eligible::Expiring, Preference::Soonest),
    ] {
        let mut bench = Bench::new();
        let rules = rules(eligible, preference);
        // One is open by Guarda's protocol, one by phpredis's; of one only the tombstone is left.
        bench.run(&format!("SESSION OPEN s1 {token}"));
        bench.run(&format!("SESSION COMMIT s1 {token} absent TTL 500000 TAG user DATA one"));
        bench.run(&format!("SESSION OPEN s1 {token}"));
        bench.run("SET s2 two EX 500");
        bench.run("SET s2_LOCK other EX 30 NX");
        bench.run(&format!("SESSION DESTROY s3 {token} NONCE n"));
        let mut evictor = Evictor::default();
        assert_eq!(evict(&bench, &mut evictor, rules), Evicted::Nothing);
        bench.run("SET other v EX 400");
        assert_eq!(evict(&bench, &mut evictor, rules), Evicted::One);
        bench.check("EXISTS other", int(0));
        let kept = "EXISTS s1 s1_LOCK s1_TAG s2 s2_LOCK s3_GONE";
        bench.check(kept, int(6));
        // Its lock released, a session may go, and takes its tag along.
        bench.run(&format!("SESSION RELEASE s1 {token}"));
        bench.journal();
        assert_eq!(evict(&bench, &mut evictor, rules), Evicted::One);
        assert_eq!(bench.journal(), ["DEL s1", "DEL s1_TAG"]);
        bench.check(kept, int(3));
        assert_eq!(evict(&bench, &mut evictor, rules), Evicted::Nothing);
        // A lock that nobody renewed protects nothing.
        bench.advance(31_000);
        assert_eq!(evict(&bench, &mut evictor, rules), Evicted::One);
        bench.check("EXISTS s2", int(0));
    }
}

#[test]
fn shards_that_others_hold_are_passed_over_and_nothing_is_certain_then() {
    let mut bench = Bench::new();
    fill(&mut bench, "k", 3, None);
    let mut evictor = Evictor::default();
    {
        let keyspace = &bench.host.keyspace;
        let held: Locked<'_> = keyspace.lock_all(Duration::ZERO).expect("free");
        assert_eq!(evict(&bench, &mut evictor, LRU), Evicted::Later);
        drop(held);
        let shards: Vec<usize> =
            (0..2).map(|k| HashedKey::new(format!("k{k}").as_bytes()).shard()).collect();
        let held = keyspace.lock_many(&shards, Duration::ZERO).expect("free");
        assert_eq!(evict(&bench, &mut evictor, LRU), Evicted::One);
        assert_eq!(evict(&bench, &mut evictor, LRU), Evicted::Later);
        drop(held);
    }
    assert_eq!(left(&mut bench, "k", 3), 2);
    assert_eq!(evict(&bench, &mut evictor, LRU), Evicted::One);
}
