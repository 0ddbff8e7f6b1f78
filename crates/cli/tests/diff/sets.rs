//! Set commands. Semantics: <https://redis.io/docs/latest/commands/?group=set>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "members_are_added_and_removed",
        r#"
        SADD s a b a c
        SADD s c d
        SADD s d
        SCARD s
        SADD s "" "\x00\r\n\xff"
        SMEMBERS s //~ unordered -- Redis 7.0 keeps words in a table
        SADD n 3 1 2 -5 3
        SMEMBERS n
        SADD n 9223372036854775807 -9223372036854775808 40000 -40000 3000000000
        SMEMBERS n
        SADD n 9223372036854775808
        SCARD n
        SREM n 9223372036854775808 1 1 77
        SREM n zz
        SREM n 01 +3
        SMEMBERS n //~ unordered -- a table has no order
        SREM s a b c d "" "\x00\r\n\xff"
        EXISTS s
        SREM missing a
        SCARD missing
        SMEMBERS missing
        TYPE n
        SADD
        SADD s
        SREM
        SREM s
        SCARD
        SCARD s x
        SMEMBERS
        SMEMBERS s x
        SET str v
        SADD str a
        SREM str a
        SCARD str
        SMEMBERS str
        "#,
    ),
    Case::new(
        "membership",
        r"
        SADD s a b 1
        SISMEMBER s a
        SISMEMBER s z
        SISMEMBER s 1
        SISMEMBER s 01
        SISMEMBER missing a
        SMISMEMBER s a z b a
        SMISMEMBER missing a b
        SADD n 1 2 300000
        SISMEMBER n 2
        SISMEMBER n 65537
        SISMEMBER n x
        SMISMEMBER n 1 x 300000
        SISMEMBER
        SISMEMBER s
        SISMEMBER s a b
        SMISMEMBER
        SMISMEMBER s
        SET str v
        SISMEMBER str a
        SMISMEMBER str a
        ",
    ),
    Case::new(
        "smove",
        r"
        SADD s a b c 1
        SADD t x
        SMOVE s t a
        SMOVE s t zz
        SMOVE s new b
        SMEMBERS new
        SMOVE s t c
        SMOVE s t 1
        EXISTS s
        SMEMBERS t //~ unordered -- a table has no order
        SADD u a
        SMOVE t u a
        SMEMBERS u
        SMOVE u u a
        SMOVE u u zz
        SET str v
        SMOVE missing t a
        SMOVE missing str a
        SMOVE t str a
        SMOVE t str x
        SMOVE str t x
        SMOVE s
        SMOVE s t
        SMOVE s t a b
        ",
    ),
    Case::new(
        "unions_intersections_and_differences",
        r"
        SADD a 1 2 3 4 x
        SADD b 3 4 5 x y
        SADD c 4 x z
        SADD ints 4 3 9
        SET str v
        SINTER a b c //~ unordered -- a table has no order
        SINTER a //~ unordered -- a table has no order
        SINTER a ints //~ unordered -- a table has no order
        SINTER ints
        SINTER a missing
        SINTER missing
        SINTER missing str
        SINTER a str missing
        SINTER str
        SUNION a b c //~ unordered -- a table has no order
        SUNION ints
        SUNION ints missing ints
        SUNION missing
        SUNION a str
        SUNION missing str
        SDIFF a b //~ unordered -- a table has no order
        SDIFF a b c ints //~ unordered -- a table has no order
        SDIFF a a
        SDIFF a missing //~ unordered -- a table has no order
        SDIFF ints a
        SDIFF missing a
        SDIFF missing str
        SDIFF a str
        SINTER
        SUNION
        SDIFF
        ",
    ),
    Case::new(
        "stored_results",
        r"
        SADD a 1 2 3 x
        SADD b 2 3 4 x
        SADD ints 1 2 3
        SET str v
        EXPIRE a 100
        SINTERSTORE to a b
        SMEMBERS to //~ unordered -- a table has no order
        SUNIONSTORE to a b
        SMEMBERS to //~ unordered -- a table has no order
        SDIFFSTORE to a b
        SMEMBERS to
        OBJECT ENCODING to
        TTL to
        SDIFFSTORE to a a
        EXISTS to
        SDIFFSTORE to a a
        SUNIONSTORE str ints
        TYPE str
        SMEMBERS str
        SINTERSTORE str missing a
        EXISTS str
        SUNIONSTORE a a b
        TTL a
        SCARD a
        SINTERSTORE ints ints ints
        SMEMBERS ints
        SET str v
        SINTERSTORE to a str
        SUNIONSTORE to str a
        SDIFFSTORE to missing str
        SINTERSTORE to missing str
        EXISTS to
        SUNIONSTORE to missing
        SINTERSTORE to
        SUNIONSTORE to
        SDIFFSTORE to
        SINTERSTORE
        ",
    ),
    Case::new(
        "sintercard",
        r"
        SADD a 1 2 3 x
        SADD b 2 3 4 x
        SINTERCARD 1 a
        SINTERCARD 2 a b
        SINTERCARD 2 a b LIMIT 2
        SINTERCARD 2 a b LIMIT 0
        SINTERCARD 2 a b limit 100
        SINTERCARD 2 a b LIMIT 1 LIMIT 2
        SINTERCARD 2 a missing
        SINTERCARD 0 a
        SINTERCARD -1 a
        SINTERCARD x a
        SINTERCARD 3 a b
        SINTERCARD 1 a b
        SINTERCARD 1 a LIMIT
        SINTERCARD 1 a LIMIT -1
        SINTERCARD 1 a LIMIT x
        SINTERCARD 1 a NONSENSE 1
        SINTERCARD
        SINTERCARD 1
        SET str v
        SINTERCARD 1 str
        SINTERCARD 2 missing str
        SINTERCARD 1 str LIMIT x
        ",
    ),
    Case::new(
        "spop",
        r"
        SADD one a
        SPOP one
        SPOP one
        EXISTS one
        SADD s a b c d e
        SPOP s 0
        SPOP s 2 //~ shape -- the choice is random
        SCARD s
        SPOP s //~ shape -- the choice is random
        SCARD s
        SPOP s 100 //~ shape -- the order is random
        EXISTS s
        SPOP s 100
        SPOP s
        SADD n 1 2 3
        SPOP n 3
        SADD s a b c
        SPOP s -1
        SPOP s x
        SPOP s 1 2
        SPOP s x y
        SPOP missing -1
        SPOP
        SCARD s
        SET str v
        SPOP str
        SPOP str 1
        SPOP str 0
        ",
    ),
    Case::new(
        "srandmember",
        r"
        SADD one a
        SRANDMEMBER one
        SRANDMEMBER one 5
        SRANDMEMBER one -3
        SRANDMEMBER one 0
        SADD s a b c d e
        SRANDMEMBER s //~ shape -- the choice is random
        SRANDMEMBER s 3 //~ shape -- the choice is random
        SRANDMEMBER s 10 //~ unordered -- a table has no order
        SRANDMEMBER s -10 //~ shape -- the choice is random
        SRANDMEMBER missing
        SRANDMEMBER missing 3
        SRANDMEMBER missing -3
        SRANDMEMBER missing -999999999
        SRANDMEMBER s x
        SRANDMEMBER s 1 2
        SRANDMEMBER s x 2
        SRANDMEMBER s -9223372036854775808
        SRANDMEMBER s 9223372036854775807 //~ unordered -- a table has no order
        SRANDMEMBER missing x
        SRANDMEMBER
        SCARD s
        SET str v
        SRANDMEMBER str
        SRANDMEMBER str 1
        SRANDMEMBER str 0
        ",
    ),
    Case::new(
        "sscan",
        r"
        SSCAN missing 0
        SSCAN missing x
        SSCAN missing 0 NONSENSE
        SADD n 3 1 2
        SSCAN n 0
        SSCAN n 0 COUNT 1
        SSCAN n 0 MATCH [12]
        SADD s a b c
        !scan SSCAN s 0
        !scan SSCAN s 0 MATCH [ab]
        SSCAN s x
        SSCAN s 0 COUNT
        SSCAN s 0 COUNT 0
        SSCAN s 0 COUNT x
        SSCAN s 0 MATCH
        SSCAN s 0 TYPE set
        SSCAN s 0 NOVALUES
        SSCAN
        SSCAN s
        !each 1 700 SADD big m${i}
        !scan SSCAN big 0
        !scan SSCAN big 0 COUNT 100 MATCH *7
        SET str v
        SSCAN str 0
        SSCAN str x
        SSCAN str 0 NONSENSE
        ",
    ),
    Case::new(
        "large_sets_hold_everything",
        r"
        !each 1 1500 SADD s m${i}
        SCARD s
        SMEMBERS s //~ unordered -- a table has no order
        SISMEMBER s m1500
        SISMEMBER s m1501
        !each 1 600 SADD n ${i}
        SCARD n
        SMEMBERS n //~ unordered -- a table has no order
        SINTERSTORE both s n
        SUNIONSTORE all s n
        SCARD all
        !each 1 1400 SREM s m${i}
        SCARD s
        SMEMBERS s //~ unordered -- a table has no order
        SPOP s 99 //~ shape -- the choice is random
        SPOP s 1 //~ shape -- the choice is random
        EXISTS s
        ",
    ),
    Case::new(
        "object_encoding_of_sets",
        r#"
        SADD n 1 2 3
        OBJECT ENCODING n
        !each 1 512 SADD n ${i}
        OBJECT ENCODING n
        SADD n 513
        OBJECT ENCODING n
        SADD w a
        OBJECT ENCODING w //~ 7.2 "$8\r\nlistpack\r\n" -- sets have a listpack form since 7.2
        SADD m 1 2
        SADD m word
        OBJECT ENCODING m //~ 7.2 "$8\r\nlistpack\r\n" -- sets have a listpack form since 7.2
        SADD l ${x*64}
        OBJECT ENCODING l //~ 7.2 "$8\r\nlistpack\r\n" -- sets have a listpack form since 7.2
        SADD l ${x*65}
        OBJECT ENCODING l
        !each 1 128 SADD p m${i}
        OBJECT ENCODING p //~ 7.2 "$8\r\nlistpack\r\n" -- sets have a listpack form since 7.2
        SADD p m129
        OBJECT ENCODING p
        SREM p m129 m1 m2 m3
        OBJECT ENCODING p
        COPY n n2
        OBJECT ENCODING n2
        CONFIG SET set-max-intset-entries 3
        SADD few 1 2 3
        OBJECT ENCODING few
        SADD few 4
        OBJECT ENCODING few
        "#,
    ),
    Case::new(
        "sets_among_other_commands",
        r#"
        SADD s a 1
        RENAME s t
        SMEMBERS t //~ unordered -- a table has no order
        COPY t u
        SADD u b
        SCARD t
        SCARD u
        MOVE u 1
        EXISTS u
        SELECT 1
        SCARD u
        SELECT 0
        PEXPIREAT t 1
        SCARD t
        MULTI
        SADD q 3 1 2
        SMEMBERS q
        SREM q 1 2 3
        SADD q x
        SPOP q
        EXEC
        EVAL 'redis.call("SADD", KEYS[1], 5, 3, 4) return redis.call("SMEMBERS", KEYS[1])' 1 lua
        EVAL 'redis.setresp(3) return redis.call("SMEMBERS", KEYS[1]).set["5"]' 1 lua
        GET lua
        HGET lua f
        INCR lua
        "#,
    ),
];
