//! Memory: limits, policies, MEMORY. Semantics: <https://redis.io/docs/latest/develop/reference/eviction/>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "directives_of_eviction_are_set_at_run_time",
        r"
        CONFIG GET maxmemory-samples
        CONFIG SET maxmemory-samples 10
        CONFIG GET maxmemory-samples
        CONFIG SET maxmemory-samples 0
        CONFIG SET maxmemory-samples -1
        CONFIG SET maxmemory-samples x
        CONFIG SET maxmemory-samples 5
        CONFIG SET lfu-log-factor 0
        CONFIG SET lfu-decay-time 0
        CONFIG GET lfu-*  //~ unordered-pairs -- a hash table has no order
        CONFIG SET lfu-log-factor -1
        CONFIG SET lfu-decay-time x
        CONFIG SET lfu-log-factor 10 lfu-decay-time 1
        CONFIG SET maxmemory-eviction-tenacity 101
        CONFIG SET maxmemory-eviction-tenacity 100
        CONFIG GET maxmemory-eviction-tenacity
        CONFIG SET maxmemory-eviction-tenacity 10
        CONFIG SET maxmemory-clients 0
        CONFIG GET maxmemory-clients
        CONFIG SET maxmemory-policy lru
        CONFIG SET maxmemory-policy ALLKEYS-LFU
        CONFIG GET maxmemory-policy
        CONFIG SET maxmemory-policy noeviction
        ",
    ),
    Case::new(
        "small_integers_are_shared_unless_keys_go_by_their_use",
        r"
        CONFIG SET maxmemory 1gb maxmemory-policy allkeys-lru
        SET a 1
        OBJECT REFCOUNT a
        CONFIG SET maxmemory-policy volatile-lfu
        SET b 1
        OBJECT REFCOUNT b
        CONFIG SET maxmemory-policy volatile-ttl
        SET c 1
        OBJECT REFCOUNT c
        CONFIG SET maxmemory-policy allkeys-lru maxmemory 0
        SET d 1
        OBJECT REFCOUNT d
        SET e 10000
        OBJECT REFCOUNT e
        CONFIG SET maxmemory-policy noeviction
        ",
    ),
    Case::new(
        "uses_are_counted_under_an_lfu_policy",
        r"
        SET k v
        OBJECT FREQ k
        OBJECT IDLETIME k //~ within 1 -- whole seconds of a clock that steps between the two
        CONFIG SET maxmemory-policy allkeys-lfu lfu-log-factor 0
        SET foo a
        OBJECT FREQ foo
        GET foo
        OBJECT FREQ foo
        GET foo
        TTL foo
        TYPE foo
        EXISTS foo
        OBJECT FREQ foo
        OBJECT IDLETIME foo
        OBJECT FREQ missing
        OBJECT IDLETIME missing
        OBJECT FREQ
        TOUCH foo
        OBJECT FREQ foo
        SET foo b
        OBJECT FREQ foo
        RPUSH l a b c
        OBJECT FREQ l
        LRANGE l 0 -1
        OBJECT FREQ l
        CONFIG SET maxmemory-policy volatile-lfu
        OBJECT FREQ foo
        CONFIG SET maxmemory-policy volatile-ttl
        OBJECT FREQ foo
        OBJECT IDLETIME foo //~ shape -- Redis takes the counter for a time; COMPAT.md
        CONFIG SET maxmemory-policy noeviction lfu-log-factor 10
        ",
    ),
    Case::new(
        "a_limit_below_what_is_used_evicts_all_that_may_go_and_then_refuses",
        r"
        SET persistent 1
        SET volatile 1 EX 1000
        RPUSH volatile-list a b
        EXPIRE volatile-list 1000
        SELECT 3
        HSET volatile-hash f v
        PEXPIRE volatile-hash 100000
        CONFIG SET maxmemory-policy volatile-ttl maxmemory-eviction-tenacity 100
        CONFIG SET maxmemory 1
        EXISTS volatile-hash
        SELECT 0
        EXISTS volatile volatile-list
        EXISTS persistent
        SET more 1
        SETEX more 100 1
        GET persistent
        EXPIRE persistent 1000
        GET persistent
        SET more 1
        CONFIG SET maxmemory-policy noeviction
        CONFIG SET maxmemory 0
        SET a 1
        SET b 1
        CONFIG SET maxmemory-policy allkeys-random
        CONFIG SET maxmemory 1
        DBSIZE
        SET a 1
        CONFIG SET maxmemory-policy noeviction maxmemory 0 maxmemory-eviction-tenacity 10
        SET a 1
        ",
    ),
    Case::new(
        "transactions_and_scripts_go_by_the_memory_at_their_start",
        r#"
        CONFIG SET maxmemory-eviction-tenacity 100
        SET a 1
        SET b 1
        MULTI
        GET a
        CONFIG SET maxmemory-policy allkeys-lru maxmemory 1
        SET c 1
        GET b
        EXEC
        EXISTS a b c
        CONFIG SET maxmemory 0
        MULTI
        SET a 1
        CONFIG SET maxmemory 1
        EXEC
        MULTI
        SET a 1
        EXEC
        EVAL "return redis.call('set', KEYS[1], 1)" 1 a
        EVAL "return redis.pcall('set', KEYS[1], 1)" 1 a
        EVAL "return redis.call('get', KEYS[1])" 1 a
        EVAL "redis.call('del', KEYS[1]) return redis.call('set', KEYS[1], 1)" 1 a
        EXISTS a
        CONFIG SET maxmemory 0 maxmemory-policy noeviction maxmemory-eviction-tenacity 10
        EXISTS a
        "#,
    ),
    Case::new(
        "nothing_is_evicted_while_clients_are_paused",
        r#"
        CONFIG SET maxmemory-eviction-tenacity 100
        !each 1 300 SET k:${i} ${x*100}
        CLIENT PAUSE 100000 WRITE
        CONFIG SET maxmemory-policy allkeys-random maxmemory 1
        DBSIZE
        GET k:1
        EVAL_RO "return redis.call('get','k:1')" 0
        !pass 300
        DBSIZE
        MULTI
        GET k:1
        EXEC
        CLIENT UNPAUSE
        PING
        !await ":0\r\n" DBSIZE
        CONFIG SET maxmemory-policy noeviction
        CLIENT PAUSE 100000 WRITE
        GET k
        2> !silent SET k v
        !blocked 1
        CLIENT UNPAUSE
        2> !read
        CONFIG SET maxmemory 0 maxmemory-eviction-tenacity 10
        "#,
    ),
    Case::new(
        "nothing_that_is_due_is_removed_while_clients_are_paused",
        r#"
        !each 1 50 SET e:${i} v PX 50
        CLIENT PAUSE 100000 WRITE
        !pass 400
        DBSIZE
        GET e:1
        EXISTS e:1 e:2
        TTL e:1
        TYPE e:1
        KEYS *
        !scan SCAN 0 COUNT 100
        DBSIZE
        CLIENT UNPAUSE
        !await ":0\r\n" DBSIZE
        "#,
    ),
    Case::new(
        "memory_answers",
        r#"
        SET k v
        MEMORY USAGE missing
        MEMORY USAGE missing SAMPLES 3
        MEMORY USAGE k //~ shape -- how values are kept differs
        MEMORY USAGE k samples 0 //~ shape -- how values are kept differs
        MEMORY USAGE k SAMPLES 1 SAMPLES 2 //~ shape -- how values are kept differs
        MEMORY USAGE k SAMPLES
        MEMORY USAGE k SAMPLES -1
        MEMORY USAGE k SAMPLES x
        MEMORY USAGE k FOO 1
        MEMORY USAGE missing SAMPLES -1
        MEMORY USAGE
        MEMORY PURGE
        MEMORY PURGE now
        MEMORY STATS x
        MEMORY DOCTOR //~ shape -- our own words
        MEMORY DOCTOR x
        MEMORY MALLOC-STATS //~ shape -- another version of the allocator
        MEMORY NOSUCH
        MEMORY
        EVAL "return redis.call('memory', 'usage', KEYS[1]) > 0" 1 k
        EVAL "local s = redis.call('memory', 'stats') local n = {} for i = 1, #s, 2 do n[#n + 1] = s[i] end return n" 0
        "#,
    ),
];
