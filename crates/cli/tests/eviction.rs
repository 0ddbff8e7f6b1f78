//! Memory from outside: its figures, its limit, and what is evicted.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use guarda_testkit::connection::Connection;
use guarda_testkit::deadline::await_true;
use guarda_testkit::server::Server;
use support::{SOON, call, count, field, info, spec, start, text};

const MIB: u64 = 1 << 20;

/// How far beyond the limit memory may be while several connections write: what threads have taken and
/// not yet added up, a turn's input each, and what the test's own questions take.
const SLACK: u64 = MIB;

/// How long a rewrite of all data may take, by a debug build on a busy machine.
const REWRITTEN: Duration = Duration::from_mins(3);

/// Every field of `INFO memory` in Redis 7.2, in its order.
const FIELDS: &str = "used_memory used_memory_human used_memory_rss used_memory_rss_human \
    used_memory_peak used_memory_peak_human used_memory_peak_perc used_memory_overhead \
    used_memory_startup used_memory_dataset used_memory_dataset_perc allocator_allocated \
    allocator_active allocator_resident total_system_memory total_system_memory_human \
    used_memory_lua used_memory_vm_eval used_memory_lua_human used_memory_scripts_eval \
    number_of_cached_scripts number_of_functions number_of_libraries used_memory_vm_functions \
    used_memory_vm_total used_memory_vm_total_human used_memory_functions used_memory_scripts \
    used_memory_scripts_human maxmemory maxmemory_human maxmemory_policy allocator_frag_ratio \
    allocator_frag_bytes allocator_rss_ratio allocator_rss_bytes rss_overhead_ratio \
    rss_overhead_bytes mem_fragmentation_ratio mem_fragmentation_bytes mem_not_counted_for_evict \
    mem_replication_backlog mem_total_replication_buffers mem_clients_slaves mem_clients_normal \
    mem_cluster_links mem_aof_buffer mem_allocator active_defrag_running lazyfree_pending_objects \
    lazyfreed_objects";

/// Sets `n` keys `prefix:0` … of `len` bytes, in batches.
fn fill(connection: &mut Connection, prefix: &str, n: usize, len: usize, ttl_s: Option<usize>) {
    let value = "v".repeat(len);
    for batch in (0..n).collect::<Vec<_>>().chunks(50) {
        let mut bytes = String::new();
        for k in batch {
            let _ = match ttl_s {
                Some(ttl) => write!(bytes, "SETEX {prefix}:{k} {} {value}\r\n", ttl + k),
                None => write!(bytes, "SET {prefix}:{k} {value}\r\n"),
            };
        }
        connection.send_raw(bytes.as_bytes()).unwrap();
        batch.iter().for_each(|_| drop(connection.read_raw().unwrap()));
    }
}

/// The two figures, which must be within 5 % of each other.
#[track_caller]
fn check_figures(connection: &mut Connection, when: &str) {
    let mut last = (0, 0);
    let close = await_true(SOON, || {
        let all = call(connection, "INFO memory");
        let figure = |name: &str| -> u64 {
            let line = all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap().trim().parse().unwrap()
        };
        last = (figure("used_memory"), figure("allocator_allocated"));
        last.0.abs_diff(last.1) * 20 <= last.1
    });
    assert!(close, "{when}: used_memory is {}, the allocator says {}", last.0, last.1);
}

#[test]
fn used_memory_is_within_5_percent_of_the_allocator_s_own_figure() {
    let server = start(&[("appendonly", "yes"), ("io-threads", "4")]);
    let mut control = server.connect().unwrap();
    let idle = count(&mut control, "used_memory");
    let writers: Vec<_> = (0..4)
        .map(|n| {
            let mut connection = server.connect().unwrap();
            std::thread::spawn(move || {
                fill(&mut connection, &format!("small{n}"), 10_000, 100, None);
                fill(&mut connection, &format!("large{n}"), 200, 60_000, Some(1_000));
                for k in 0..2_000 {
                    call(&mut connection, &format!("RPUSH list{n} element-{k}"));
                    call(&mut connection, &format!("HSET hash{n} field-{k} value-{k}"));
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    check_figures(&mut control, "filled");
    let full = count(&mut control, "used_memory");
    assert!(full > idle + 50 * MIB, "{idle} before, {full} after");
    // Threads that come and go leave nothing unaccounted for, and what one frees another has taken.
    for _ in 0..3 {
        call(&mut control, "BGREWRITEAOF");
        let done = await_true(REWRITTEN, || info(&mut control, "aof_rewrite_in_progress") == "0");
        assert!(done, "the rewrite does not end");
    }
    check_figures(&mut control, "after rewrites of the log");
    let overhead = count(&mut control, "used_memory_overhead");
    let dataset = count(&mut control, "used_memory_dataset");
    assert!(dataset > 50 * MIB && overhead < 8 * MIB, "{dataset} of data, {overhead} of overhead");
    for n in 0..4 {
        let keys: Vec<String> = (0..200).map(|k| format!("large{n}:{k}")).collect();
        call(&mut control, &format!("DEL {}", keys.join(" ")));
    }
    let fallen = await_true(SOON, || count(&mut control, "used_memory") < full - 45 * MIB);
    assert!(fallen, "{full} before, {} after deletions", count(&mut control, "used_memory"));
    check_figures(&mut control, "after deletions");
    assert!(count(&mut control, "used_memory_peak") >= full);
    call(&mut control, "FLUSHALL");
    assert_eq!(call(&mut control, "MEMORY PURGE"), "OK");
    let given_back = await_true(SOON, || count(&mut control, "allocator_rss_bytes") < 16 * MIB);
    assert!(given_back, "{} are kept", info(&mut control, "allocator_rss_bytes"));
}

#[test]
fn info_has_every_field_of_redis_and_so_has_memory_stats() {
    let server = start(&[]);
    let mut connection = server.connect().unwrap();
    let all = call(&mut connection, "INFO memory");
    let names: Vec<&str> =
        all.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    assert_eq!(names.join(" "), FIELDS);
    assert!(call(&mut connection, "MEMORY MALLOC-STATS").contains("jemalloc"));
    assert!(!call(&mut connection, "MEMORY DOCTOR").is_empty());
    call(&mut connection, "EVAL return(1) 0");
    assert_eq!(info(&mut connection, "number_of_cached_scripts"), "1");
}

/// What of `prefix:0` … is there.
fn there(connection: &mut Connection, prefix: &str, n: usize) -> BTreeSet<usize> {
    let asked: String = (0..n).fold(String::new(), |mut asked, k| {
        let _ = write!(asked, "EXISTS {prefix}:{k}\r\n");
        asked
    });
    connection.send_raw(asked.as_bytes()).unwrap();
    (0..n).filter(|_| connection.read_raw().unwrap() == b":1\r\n").collect()
}

fn limit_above_use(connection: &mut Connection, room: u64) -> u64 {
    let limit = count(connection, "used_memory") + room;
    assert_eq!(call(connection, &format!("CONFIG SET maxmemory {limit}")), "OK");
    limit
}

#[test]
fn memory_stays_below_the_limit_while_many_write_and_what_was_evicted_stays_gone() {
    for policy in ["allkeys-lru", "volatile-ttl", "allkeys-lfu"] {
        let mut server =
            start(&[("appendonly", "yes"), ("maxmemory-policy", policy), ("io-threads", "3")]);
        let mut control = server.connect().unwrap();
        let limit = limit_above_use(&mut control, 8 * MIB);
        let highest = AtomicU64::new(0);
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..6)
                .map(|n| {
                    let mut connection = server.connect().unwrap();
                    let fill = move || {
                        fill(&mut connection, &format!("k{n}"), 4_000, 1_500, Some(10_000));
                    };
                    scope.spawn(fill)
                })
                .collect();
            let (highest, is_done, control) = (&highest, &is_done, &mut control);
            scope.spawn(move || {
                while !is_done.load(Ordering::Relaxed) {
                    highest.fetch_max(count(control, "used_memory"), Ordering::Relaxed);
                }
            });
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            is_done.store(true, Ordering::Relaxed);
        });
        let highest = highest.into_inner();
        assert!(highest <= limit + SLACK, "{policy}: {highest} used, {limit} allowed");
        assert!(highest > limit - MIB, "{policy}: {highest} used of {limit}");
        call(&mut control, "CONFIG SET maxmemory 0");
        let evicted = count(&mut control, "evicted_keys");
        let left = call(&mut control, "DBSIZE");
        assert!(evicted > 10_000, "{policy}: {evicted} evicted");
        assert_eq!(left.parse::<u64>().unwrap() + evicted, 24_000, "{policy}");
        let before: Vec<_> = (0..6).map(|n| there(&mut control, &format!("k{n}"), 1_000)).collect();
        drop(control);
        server.kill9();
        server.restart().unwrap();
        let mut control = server.connect().unwrap();
        call(&mut control, "CONFIG SET maxmemory 0");
        assert_eq!(call(&mut control, "DBSIZE"), left, "{policy}");
        let after: Vec<_> = (0..6).map(|n| there(&mut control, &format!("k{n}"), 1_000)).collect();
        assert!(before == after, "{policy}: other keys are left after the restart");
    }
}

#[test]
fn a_lowered_limit_evicts_at_once_though_nobody_sends_a_command() {
    let server = start(&[("maxmemory-policy", "allkeys-random"), ("notify-keyspace-events", "Ee")]);
    let mut control = server.connect().unwrap();
    let idle = count(&mut control, "used_memory");
    fill(&mut control, "k", 20_000, 1_000, None);
    let mut listener = server.connect().unwrap();
    listener.call(&["SUBSCRIBE", "__keyevent@0__:evicted"]).unwrap();
    let full = count(&mut control, "used_memory");
    let limit = idle + (full - idle) / 2;
    assert_eq!(call(&mut control, &format!("CONFIG SET maxmemory {limit}")), "OK");
    // Half of them, told one by one, before anything else is asked.
    for _ in 0..8_000 {
        let message = listener.read().unwrap();
        assert_eq!(text(&message.elements().unwrap()[1]), "__keyevent@0__:evicted");
    }
    assert!(await_true(SOON, || count(&mut control, "used_memory") <= limit + SLACK));
    call(&mut control, "CONFIG SET maxmemory 0");
    let evicted = count(&mut control, "evicted_keys");
    assert!((8_000..14_000).contains(&evicted), "{evicted} evicted");
    assert_eq!(call(&mut control, "DBSIZE"), (20_000 - evicted).to_string());
    call(&mut control, "CONFIG RESETSTAT");
    assert_eq!(count(&mut control, "evicted_keys"), 0);
}

#[test]
fn volatile_policies_refuse_writes_when_only_keys_that_persist_are_left() {
    let oom = "OOM command not allowed when used memory > 'maxmemory'.";
    let server = start(&[("maxmemory-policy", "volatile-lru")]);
    let mut client = server.connect().unwrap();
    fill(&mut client, "persistent", 2_000, 1_000, None);
    fill(&mut client, "volatile", 500, 1_000, Some(1_000));
    limit_above_use(&mut client, MIB);
    let value = "v".repeat(1_000);
    let refused = (0..10_000).find(|k| call(&mut client, &format!("SET more:{k} {value}")) == oom);
    let refused = refused.expect("there is an end");
    // All that expire went first, and made room for as many.
    assert!(refused > 1_000, "refused after {refused}");
    assert_eq!(there(&mut client, "volatile", 500).len(), 0);
    assert_eq!(there(&mut client, "persistent", 2_000).len(), 2_000);
    assert_eq!(call(&mut client, "GET persistent:7"), value);
    let some: Vec<String> = (0..100).map(|k| format!("persistent:{k}")).collect();
    assert_eq!(call(&mut client, &format!("DEL {}", some.join(" "))), "100");
    assert_eq!(call(&mut client, "SET a 1"), "OK");
    assert!(count(&mut client, "total_eviction_exceeded_time") > 0);
}

#[test]
fn a_session_under_way_outlives_any_eviction_and_is_committed() {
    let server = start(&[("maxmemory-policy", "allkeys-lru")]);
    let mut php = server.connect().unwrap();
    let token = format!("guarda:{}", "a".repeat(32));
    let open = |php: &mut Connection| {
        let reply = php.call(&["SESSION", "OPEN", "s", &token]).unwrap();
        text(&reply.elements().unwrap()[2])
    };
    let commit = |php: &mut Connection, generation: &str, data: &str| {
        let words = [
            "SESSION", "COMMIT", "s", &token, generation, "TTL", "100000", "TAG", "u", "DATA", data,
        ];
        text(&php.call(&words).unwrap())
    };
    let generation = open(&mut php);
    assert_eq!(commit(&mut php, &generation, "one"), "OK");
    let generation = open(&mut php);
    let mut control = server.connect().unwrap();
    limit_above_use(&mut control, MIB);
    fill(&mut control, "k", 10_000, 1_000, None);
    assert!(count(&mut control, "evicted_keys") > 5_000);
    assert_eq!(call(&mut control, "EXISTS s s_LOCK s_TAG"), "3");
    assert_eq!(commit(&mut php, &generation, "two"), "OK");
    // Nobody has it any more: it goes in its turn, and its tag with it.
    fill(&mut control, "l", 10_000, 1_000, None);
    assert_eq!(call(&mut control, "EXISTS s s_LOCK s_TAG"), "0");
}

#[test]
fn how_often_a_key_is_used_outlives_a_restart() {
    let mut server = Server::start(
        spec()
            .with("maxmemory-policy", "allkeys-lfu")
            .with("lfu-log-factor", "0")
            .with("lfu-decay-time", "0"),
    )
    .unwrap();
    let mut client = server.connect().unwrap();
    call(&mut client, "SET k v");
    (0..40).for_each(|_| drop(call(&mut client, "GET k")));
    assert_eq!(call(&mut client, "OBJECT FREQ k"), "45");
    assert_eq!(call(&mut client, "SAVE"), "OK");
    server.kill9();
    server.restart().unwrap();
    let mut client = server.connect().unwrap();
    assert_eq!(call(&mut client, "OBJECT FREQ k"), "45");
}

/// Has the server answer 8 MiB that nobody reads: more than the kernel keeps.
fn ask_for_much(server: &Server, name: &str) -> Connection {
    let mut client = server.connect().unwrap();
    assert_eq!(call(&mut client, &format!("CLIENT SETNAME {name}")), "OK");
    client.send_raw(&b"GET big\r\n".repeat(16)).unwrap();
    client
}

#[test]
fn what_clients_watch_and_listen_to_counts_as_theirs() {
    let server = start(&[("maxmemory-clients", "200kb")]);
    let mut control = server.connect().unwrap();
    for word in ["WATCH", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"] {
        let mut client = server.connect().unwrap();
        let before = count(&mut control, "evicted_clients");
        let commands: String = (0..5_000).map(|n| format!("{word} name:{n}\r\n")).collect();
        // It may be closed before all is sent.
        let _ = client.send_raw(commands.as_bytes());
        let closed = await_true(SOON, || count(&mut control, "evicted_clients") == before + 1);
        assert!(closed, "{word}: {}", call(&mut control, "CLIENT LIST"));
    }
    // A few are no harm, and nothing is left of them when they end.
    let idle = |line: &str| field(line, "tot-mem").parse::<usize>().unwrap();
    let own = call(&mut control, "CLIENT INFO");
    assert_eq!(call(&mut control, "WATCH a b c"), "OK");
    assert!(idle(&call(&mut control, "CLIENT INFO")) > idle(&own));
    assert_eq!(call(&mut control, "UNWATCH"), "OK");
    assert_eq!(idle(&call(&mut control, "CLIENT INFO")), idle(&own));
}

#[test]
fn clients_that_take_too_much_together_are_closed_largest_first() {
    let server = start(&[("maxmemory-clients", "0")]);
    let mut control = server.connect().unwrap();
    control.call(&["SET", "big", &"b".repeat(MIB as usize)]).unwrap();
    assert_eq!(call(&mut control, "CLIENT NO-EVICT on"), "OK");
    let mut modest = server.connect().unwrap();
    assert_eq!(call(&mut modest, "CLIENT SETNAME modest"), "OK");
    let _greedy = [ask_for_much(&server, "greedy1"), ask_for_much(&server, "greedy2")];
    let held = await_true(SOON, || count(&mut control, "mem_clients_normal") > 8 * MIB);
    assert!(held, "{}", call(&mut control, "CLIENT LIST"));
    assert_eq!(call(&mut control, "CONFIG SET maxmemory-clients 4mb"), "OK");
    let closed = await_true(SOON, || {
        call(&mut modest, "PING");
        !call(&mut control, "CLIENT LIST").contains("greedy")
    });
    assert!(closed, "{}", call(&mut control, "CLIENT LIST"));
    assert_eq!(count(&mut control, "evicted_clients"), 2);
    assert_eq!(call(&mut modest, "PING"), "PONG");
    assert!(count(&mut control, "mem_clients_normal") < 4 * MIB);
    assert!(server.log().contains("maxmemory-clients"));
    // A share of no limit is no limit; of one, it is.
    assert_eq!(call(&mut control, "CONFIG SET maxmemory-clients 1%"), "OK");
    let _greedy = ask_for_much(&server, "greedy3");
    assert!(await_true(SOON, || count(&mut control, "mem_clients_normal") > 4 * MIB));
    assert_eq!(call(&mut control, "CONFIG SET maxmemory 100mb"), "OK");
    assert!(await_true(SOON, || count(&mut control, "evicted_clients") == 3));
}

#[test]
fn no_key_goes_for_a_client_that_is_closed_for_its_replies() {
    let server = start(&[
        ("maxmemory-clients", "1mb"),
        ("maxmemory-policy", "allkeys-lru"),
        ("io-threads", "1"),
    ]);
    let mut control = server.connect().unwrap();
    assert_eq!(call(&mut control, "CLIENT NO-EVICT on"), "OK");
    for k in 0..50 {
        assert_eq!(call(&mut control, &format!("SETRANGE k:{k} 99999 v")), "100000");
    }
    limit_above_use(&mut control, 4 * MIB);
    // All at once, more than memory has room for: each command would evict keys for the replies before it.
    for closed in 1..=3 {
        let mut greedy = server.connect().unwrap();
        greedy.send_raw(&b"GET k:1\r\n".repeat(300)).unwrap();
        assert!(await_true(SOON, || count(&mut control, "evicted_clients") == closed));
    }
    assert_eq!(count(&mut control, "evicted_keys"), 0);
    assert_eq!(call(&mut control, "DBSIZE"), "50");
}
