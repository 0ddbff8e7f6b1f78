//! Generic key commands. Semantics: <https://redis.io/docs/latest/commands/?group=generic>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "del_unlink_exists_touch_count_what_they_find",
        r"
        MSET a 1 b 2 c 3 d 4
        EXISTS a
        EXISTS a a missing b
        TOUCH a b missing a
        DEL a missing a
        UNLINK b b missing
        DEL missing
        UNLINK missing
        EXISTS a b c d
        DEL
        UNLINK
        EXISTS
        TOUCH
        HSET h f v
        DEL h c d
        DBSIZE
        ",
    ),
    Case::new(
        "type_names_the_type",
        r"
        TYPE missing
        SET s v
        TYPE s
        HSET h f v
        TYPE h
        TYPE
        TYPE a b
        ",
    ),
    Case::new(
        "expire_family_sets_times",
        r"
        EXPIRE missing 10
        PEXPIRE missing 10
        EXPIREAT missing 33177117420
        PEXPIREAT missing 33177117420000
        SET k v
        EXPIRE k 100
        TTL k //~ within 2 -- time passes between the two servers
        PTTL k //~ within 100 -- time passes between the two servers
        PEXPIRE k 200000
        PTTL k //~ within 100 -- time passes between the two servers
        EXPIREAT k 33177117420
        EXPIRETIME k
        PEXPIREAT k 33177117420123
        PEXPIRETIME k
        EXPIRETIME k
        HSET h f v
        EXPIRE h 100
        TTL h //~ within 2 -- time passes between the two servers
        ",
    ),
    Case::new(
        "a_time_in_the_past_deletes",
        r"
        SET k v
        EXPIRE k 0
        EXISTS k
        SET k v
        EXPIRE k -1
        EXISTS k
        SET k v
        PEXPIRE k -100
        EXISTS k
        SET k v
        EXPIREAT k 1
        EXISTS k
        SET k v
        PEXPIREAT k 1
        EXISTS k
        SET k v
        EXPIREAT k 0
        EXISTS k
        SET k v
        EXPIREAT k -5
        EXISTS k
        SET k v
        EXPIRE k -1 NX
        EXISTS k
        SET k v
        EXPIRE k -1 XX
        EXISTS k
        EXPIRE k -1 GT
        EXISTS k
        EXPIRE k -1 LT
        EXISTS k
        DBSIZE
        ",
    ),
    Case::new(
        "expire_conditions",
        r"
        SET k v
        PEXPIREAT k 33177117420000 XX
        PTTL k
        PEXPIREAT k 33177117420000 GT
        PTTL k
        PEXPIREAT k 33177117420000 NX
        PEXPIRETIME k
        PEXPIREAT k 33177117430000 NX
        PEXPIRETIME k
        PEXPIREAT k 33177117410000 GT
        PEXPIREAT k 33177117420000 GT
        PEXPIREAT k 33177117430000 GT
        PEXPIRETIME k
        PEXPIREAT k 33177117440000 LT
        PEXPIREAT k 33177117430000 LT
        PEXPIREAT k 33177117420000 LT
        PEXPIRETIME k
        PEXPIREAT k 33177117450000 XX
        PEXPIRETIME k
        PERSIST k
        PEXPIREAT k 33177117450000 LT
        PEXPIRETIME k
        EXPIRE k 100 GT
        EXPIRE k 100 LT
        TTL k //~ within 2 -- time passes between the two servers
        EXPIRE k 200 xx gt
        TTL k //~ within 2 -- time passes between the two servers
        EXPIRE k 50 XX LT
        TTL k //~ within 2 -- time passes between the two servers
        EXPIREAT k 33177117420 GT GT
        EXPIRETIME k
        EXPIREAT missing 33177117420 XX
        ",
    ),
    Case::new(
        "expire_refuses_what_makes_no_sense",
        r#"
        SET k v
        EXPIRE
        EXPIRE k
        EXPIRE k abc
        EXPIRE k 1.5
        EXPIRE k ""
        EXPIRE k 10 NONSENSE
        EXPIRE k 10 NX XX
        EXPIRE k 10 NX GT
        EXPIRE k 10 NX LT
        EXPIRE k 10 GT LT
        EXPIRE k 10 XX GT LT
        EXPIRE k 10 NX NONSENSE
        EXPIRE k 10 NX XX NONSENSE
        EXPIRE k 9223372036854775807
        EXPIRE k 9223372036854775808
        EXPIRE k 9223372036854775
        EXPIRE k -9223372036854775808
        EXPIRE k -9223372036854776
        EXPIREAT k 9223372036854775807
        EXPIREAT k 9223372036854775
        EXPIREAT k -9223372036854775808
        PEXPIRE k 9223372036854775807
        PEXPIRE k 9223372036854775808
        PEXPIREAT k 9223372036854775807
        PEXPIRETIME k //~ within 1 -- the last millisecond of all stands for no expiry
        PEXPIREAT k -9223372036854775808
        EXISTS k
        EXPIRE missing abc
        EXPIRE missing 10 NONSENSE
        EXPIRE missing 9223372036854775807
        PEXPIREAT
        EXPIREAT k
        "#,
    ),
    Case::new(
        "ttl_family_reads_times",
        r"
        TTL missing
        PTTL missing
        EXPIRETIME missing
        PEXPIRETIME missing
        SET k v
        TTL k
        PTTL k
        EXPIRETIME k
        PEXPIRETIME k
        SET k v PXAT 33177117420999
        EXPIRETIME k
        PEXPIRETIME k
        SET k v PX 1700
        TTL k //~ within 1 -- time passes between the two servers
        SET k v PX 1400
        TTL k //~ within 1 -- time passes between the two servers
        TTL
        TTL a b
        PTTL
        EXPIRETIME
        PEXPIRETIME a b
        ",
    ),
    Case::new(
        "persist_and_writes_that_clear_the_time",
        r"
        PERSIST missing
        SET k v
        PERSIST k
        EXPIRE k 100
        PERSIST k
        TTL k
        EXPIRE k 100
        SET k w
        TTL k
        EXPIRE k 100
        GETSET k x
        TTL k
        EXPIREAT k 33177117420
        INCR k
        APPEND k y
        EXPIRETIME k
        DEL k
        SET k v
        TTL k
        PERSIST
        PERSIST a b
        ",
    ),
    Case::new(
        "keys_are_gone_when_their_time_is_up",
        r"
        SET k v PX 20
        HSET h f v
        PEXPIRE h 20
        SET stays v
        !pass 40
        GET k
        EXISTS k h
        TTL k
        TYPE h
        HGETALL h
        HLEN h
        KEYS *
        DEL k h
        PERSIST k
        EXPIRE h 10
        RENAME k x
        DBSIZE
        SET k v PX 20
        !pass 40
        SET k v NX
        SET k2 v PX 20
        !pass 40
        INCR k2
        APPEND k2 x
        TTL k2
        HSET h f v
        PEXPIRE h 20
        !pass 40
        HSET h g w
        HGETALL h
        TTL h
        SET r v PX 20
        !pass 40
        RENAMENX stays r
        COPY r t
        MSETNX a 1 b 2
        RANDOMKEY //~ shape -- the choice is random
        ",
    ),
    Case::new(
        "rename_moves_value_and_time",
        r"
        RENAME missing x
        SET a 1
        RENAME a b
        EXISTS a
        GET b
        RENAME b b
        GET b
        SET c 2 PXAT 33177117420000
        RENAME c b
        GET b
        PEXPIRETIME b
        SET d 3
        RENAME b d
        PEXPIRETIME d
        SET e 4
        RENAME e d
        TTL d
        HSET h f v
        RENAME h d
        TYPE d
        RENAME missing missing
        RENAME
        RENAME a
        RENAME a b c
        ",
    ),
    Case::new(
        "renamenx_refuses_an_existing_name",
        r"
        RENAMENX missing x
        MSET a 1 b 2
        RENAMENX a b
        MGET a b
        RENAMENX a c
        MGET a c
        RENAMENX c c
        EXPIREAT c 33177117420
        RENAMENX c d
        EXPIRETIME d
        RENAMENX
        RENAMENX a b c
        ",
    ),
    Case::new(
        "copy_and_its_options",
        r"
        SET a 1 PXAT 33177117420000
        COPY a b
        GET b
        PEXPIRETIME b
        COPY a b
        SET a 2
        COPY a b REPLACE
        GET b
        TTL b
        COPY missing x
        COPY missing b REPLACE
        GET b
        COPY a a
        COPY a a DB 0
        COPY a a DB 1
        COPY a c DB 1 REPLACE
        COPY a c REPLACE DB 1
        COPY a c DB 1
        COPY a c DB 16
        COPY a c DB -1
        COPY a c DB abc
        COPY a c DB
        COPY a c NONSENSE
        COPY a c DB 1 DB 2
        COPY a
        COPY
        HSET h f v g w
        COPY h h2
        HSET h f changed
        HGETALL h2
        SELECT 1
        MGET a c
        SELECT 2
        EXISTS c
        ",
    ),
    Case::new(
        "randomkey_of_none_and_one",
        r"
        RANDOMKEY
        SET only v
        RANDOMKEY
        RANDOMKEY x
        MSET a 1 b 2
        RANDOMKEY //~ shape -- the choice is random
        ",
    ),
    Case::new(
        "keys_globs",
        r#"
        MSET hello 1 hallo 2 hxllo 3 hllo 4 heello 5 h*llo 6 h?llo 7 "h[llo" 8 "h\\llo" 9 a-b 10 a]b 11 "" 12 "b\x00n" 13 HELLO 14 ^ 15
        KEYS * //~ unordered -- the keyspace has no order
        KEYS h?llo //~ unordered -- the keyspace has no order
        KEYS h*llo //~ unordered -- the keyspace has no order
        KEYS h[ae]llo //~ unordered -- the keyspace has no order
        KEYS h[^e]llo //~ unordered -- the keyspace has no order
        KEYS h[a-b]llo //~ unordered -- the keyspace has no order
        KEYS h[b-a]llo //~ unordered -- the keyspace has no order
        KEYS h[a-]llo //~ unordered -- the keyspace has no order
        KEYS h[-a]llo //~ unordered -- the keyspace has no order
        KEYS h[]llo //~ unordered -- the keyspace has no order
        KEYS h[^]llo //~ unordered -- the keyspace has no order
        KEYS h[ //~ unordered -- the keyspace has no order
        KEYS h[a //~ unordered -- the keyspace has no order
        KEYS h[a- //~ unordered -- the keyspace has no order
        KEYS h[^ //~ unordered -- the keyspace has no order
        KEYS "h\\*llo" //~ unordered -- the keyspace has no order
        KEYS "h\\?llo" //~ unordered -- the keyspace has no order
        KEYS "h\\[llo" //~ unordered -- the keyspace has no order
        KEYS "h\\\\llo" //~ unordered -- the keyspace has no order
        KEYS "h[\\[]llo" //~ unordered -- the keyspace has no order
        KEYS "h[\\]]llo" //~ unordered -- the keyspace has no order
        KEYS "a[\\]]b" //~ unordered -- the keyspace has no order
        KEYS "a[]]b" //~ unordered -- the keyspace has no order
        KEYS "a[,--]b" //~ unordered -- the keyspace has no order
        KEYS "\\h\\e\\l\\l\\o" //~ unordered -- the keyspace has no order
        KEYS "hello\\" //~ unordered -- the keyspace has no order
        KEYS "" //~ unordered -- the keyspace has no order
        KEYS ? //~ unordered -- the keyspace has no order
        KEYS ** //~ unordered -- the keyspace has no order
        KEYS h**o //~ unordered -- the keyspace has no order
        KEYS *l*l* //~ unordered -- the keyspace has no order
        KEYS *? //~ unordered -- the keyspace has no order
        KEYS ?* //~ unordered -- the keyspace has no order
        KEYS hello* //~ unordered -- the keyspace has no order
        KEYS hello? //~ unordered -- the keyspace has no order
        KEYS "b\x00n" //~ unordered -- the keyspace has no order
        KEYS "b?n" //~ unordered -- the keyspace has no order
        KEYS "b[\x00-\x01]n" //~ unordered -- the keyspace has no order
        KEYS "[^]" //~ unordered -- the keyspace has no order
        KEYS "[^a]" //~ unordered -- the keyspace has no order
        KEYS h[A-Z]llo //~ unordered -- the keyspace has no order
        KEYS H* //~ unordered -- the keyspace has no order
        KEYS "[[]" //~ unordered -- the keyspace has no order
        KEYS "*[*]*" //~ unordered -- the keyspace has no order
        KEYS ${a**30}b //~ unordered -- the keyspace has no order
        KEYS
        KEYS a b
        "#,
    ),
    Case::new(
        "scan_finds_every_key",
        r"
        SCAN 0
        !each 1 300 SET key:${i} v
        !each 1 20 HSET hash:${i} f v
        !scan SCAN 0
        !scan SCAN 0 COUNT 1
        !scan SCAN 0 COUNT 1000
        !scan SCAN 0 MATCH key:1?
        !scan SCAN 0 MATCH hash:* COUNT 5
        !scan SCAN 0 MATCH nothing
        !scan SCAN 0 TYPE hash
        !scan SCAN 0 TYPE string MATCH *:2
        !scan SCAN 0 TYPE HASH
        !scan SCAN 0 TYPE list
        !scan scan 0 count 3 match *1 type hash
        !each 1 290 DEL key:${i}
        !scan SCAN 0
        SELECT 1
        SCAN 0
        SET one v
        SCAN 0
        SCAN 0 COUNT 10 COUNT 20 MATCH x MATCH one
        ",
    ),
    Case::new(
        "scan_refuses_what_makes_no_sense",
        r#"
        SET k v
        SCAN
        SCAN abc
        SCAN -1 //~ shape -- a cursor that no server handed out; only that it is accepted counts
        SCAN ""
        SCAN 1.5
        SCAN " 0"
        SCAN 18446744073709551616
        SCAN 0 COUNT
        SCAN 0 COUNT 0
        SCAN 0 COUNT -5
        SCAN 0 COUNT abc
        SCAN 0 COUNT 9223372036854775808
        SCAN 0 MATCH
        SCAN 0 TYPE
        SCAN 0 NONSENSE
        SCAN 0 NONSENSE x
        SCAN 0 MATCH * NONSENSE
        SCAN 0 TYPE nonsense
        "#,
    ),
    Case::new(
        "scan_skips_expired_keys",
        r"
        SET gone v PX 10
        SET here v
        !pass 30
        !scan SCAN 0
        KEYS *
        !scan SCAN 0 TYPE string
        ",
    ),
    Case::new(
        "object_and_its_subcommands",
        r"
        OBJECT ENCODING missing
        OBJECT REFCOUNT missing
        OBJECT IDLETIME missing
        OBJECT FREQ missing
        SET k v
        OBJECT ENCODING k
        OBJECT REFCOUNT k
        OBJECT IDLETIME k //~ within 2 -- time passes between the two servers
        OBJECT FREQ k
        SET n 12
        OBJECT REFCOUNT n //~ any -- small integers are shared objects in Redis only
        object encoding n
        OBJECT HELP //~ any -- the help is in our own words
        OBJECT help //~ any -- the help is in our own words
        OBJECT
        OBJECT NONSENSE
        OBJECT NONSENSE k
        OBJECT ENCODING
        OBJECT ENCODING a b
        OBJECT HELP x
        OBJECT FREQ
        ",
    ),
    Case::new(
        "databases_are_apart",
        r"
        SET k zero
        SELECT 1
        GET k
        SET k one
        SELECT 15
        SET k fifteen
        SELECT 0
        GET k
        2> GET k
        2> SELECT 1
        2> GET k
        GET k
        DBSIZE
        SELECT 15
        FLUSHDB
        DBSIZE
        SELECT 1
        DBSIZE
        ",
    ),
    Case::new(
        "move_between_databases",
        r"
        SET k v PXAT 33177117420000
        MOVE k 1
        EXISTS k
        MOVE k 1
        SELECT 1
        GET k
        PEXPIRETIME k
        MOVE k 1
        MOVE k 16
        MOVE k -1
        MOVE k abc
        MOVE k
        2> SET k w
        MOVE k 0
        GET k
        ",
    ),
];
