//! Hash commands. Semantics: <https://redis.io/docs/latest/commands/?group=hash>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "hset_and_hget",
        r#"
        HSET h f v
        HSET h f w
        HSET h g 1 f x i 2
        HGET h f
        HGET h missing
        HGET missing f
        HSET h "" empty
        HGET h ""
        HSET h "\x00\r\n" "\xff\x00"
        HGET h "\x00\r\n"
        HSET h d 1 d 2
        HGET h d
        HGETALL h
        HLEN h
        HSET
        HSET h
        HSET h f
        HSET h f v g
        HGET
        HGET h
        HGET h f g
        SET s v
        HSET s f v
        HGET s f
        HSET s f
        HLEN h
        "#,
    ),
    Case::new(
        "hsetnx_and_hmset_and_hmget",
        r"
        HSETNX h f v
        HSETNX h f w
        HGET h f
        HSETNX h
        HSETNX h f
        HSETNX h f v w
        HMSET h a 1 b 2
        HMSET h a 3
        HMSET h
        HMSET h a
        HMSET h a 1 b
        HMGET h a b missing a
        HMGET missing a b
        HMGET h
        HMGET
        SET s v
        HSETNX s f v
        HMSET s f v
        HMGET s f
        HMGET s f g
        ",
    ),
    Case::new(
        "hgetall_hkeys_hvals_of_a_small_hash_keep_the_order",
        r"
        HGETALL missing
        HKEYS missing
        HVALS missing
        HSET h z 1 a 2 m 3 z 4
        HGETALL h
        HKEYS h
        HVALS h
        HDEL h a
        HSET h a 5
        HGETALL h
        HGETALL
        HGETALL h x
        HKEYS
        HVALS h x
        SET s v
        HGETALL s
        HKEYS s
        HVALS s
        ",
    ),
    Case::new(
        "hdel_removes_fields_and_an_empty_hash",
        r"
        HDEL missing f
        HSET h a 1 b 2 c 3
        HDEL h a missing
        HDEL h a
        HDEL h b b
        HLEN h
        HDEL h c
        EXISTS h
        TYPE h
        HSET t f v
        EXPIRE t 100
        HDEL t f
        HSET t f v
        TTL t
        HDEL
        HDEL h
        SET s v
        HDEL s f
        ",
    ),
    Case::new(
        "hlen_hstrlen_hexists",
        r#"
        HSET h f value e "" n 12345 m -1
        HLEN h
        HLEN missing
        HSTRLEN h f
        HSTRLEN h e
        HSTRLEN h n
        HSTRLEN h m
        HSTRLEN h missing
        HSTRLEN missing f
        HEXISTS h f
        HEXISTS h missing
        HEXISTS missing f
        HLEN
        HLEN h x
        HSTRLEN h
        HSTRLEN h f g
        HEXISTS h
        HEXISTS h f g
        SET s v
        HLEN s
        HSTRLEN s f
        HEXISTS s f
        "#,
    ),
    Case::new(
        "hincrby_counts_in_64_bits",
        r#"
        HINCRBY h n 5
        HINCRBY h n -3
        HINCRBY h n 0
        HGET h n
        HSET h n 9223372036854775806
        HINCRBY h n 1
        HINCRBY h n 1
        HSET h n -9223372036854775807
        HINCRBY h n -1
        HINCRBY h n -1
        HGET h n
        HSET h t abc
        HINCRBY h t 1
        HSET h t 1.0
        HINCRBY h t 1
        HSET h t " 1"
        HINCRBY h t 1
        HSET h t ""
        HINCRBY h t 1
        HSET h t 01
        HINCRBY h t 1
        HINCRBY h n abc
        HINCRBY h n 1.0
        HINCRBY h n 9223372036854775808
        HINCRBY h n ""
        HINCRBY h
        HINCRBY h n
        HINCRBY h n 1 2
        SET s v
        HINCRBY s n 1
        HINCRBY s n abc
        HINCRBY missing n abc
        EXISTS missing
        HGETALL h
        "#,
    ),
    Case::new(
        "hincrbyfloat_formats_like_incrbyfloat",
        r#"
        HINCRBYFLOAT h f 1.5
        HINCRBYFLOAT h f 0.1
        HINCRBYFLOAT h f -1.6
        HINCRBYFLOAT h f 5.0e3
        HINCRBYFLOAT h f 1e20
        HINCRBYFLOAT h g 0.1
        HINCRBYFLOAT h g 0.2
        HINCRBYFLOAT h g 1e-17
        HGET h g
        HINCRBYFLOAT h g abc
        HINCRBYFLOAT h g inf
        HINCRBYFLOAT h g -inf
        HINCRBYFLOAT h g nan
        HINCRBYFLOAT h g ""
        HINCRBYFLOAT h g " 1"
        HINCRBYFLOAT h g 1e5000
        HINCRBYFLOAT fresh f nan
        EXISTS fresh
        HSET h t abc
        HINCRBYFLOAT h t 1
        HSET h t " 1"
        HINCRBYFLOAT h t 1
        HSET h t inf
        HINCRBYFLOAT h t 1
        HSET h t nan
        HINCRBYFLOAT h t 1
        HSET h t 10
        HINCRBYFLOAT h t 0
        HINCRBYFLOAT h t -0.5
        HINCRBYFLOAT h t 99999999999999999
        HINCRBYFLOAT h
        HINCRBYFLOAT h t
        HINCRBYFLOAT h t 1 2
        SET s v
        HINCRBYFLOAT s f 1
        HGETALL h
        "#,
    ),
    Case::new(
        "hrandfield_where_the_answer_is_certain",
        r"
        HRANDFIELD missing
        HRANDFIELD missing 5
        HRANDFIELD missing -5
        HRANDFIELD missing 5 WITHVALUES
        HRANDFIELD missing 0
        HRANDFIELD missing -999999999
        HSET one f v
        HRANDFIELD one
        HRANDFIELD one 1
        HRANDFIELD one 5
        HRANDFIELD one -3
        HRANDFIELD one 5 WITHVALUES
        HRANDFIELD one -3 withvalues
        HRANDFIELD one 0
        HRANDFIELD one 0 WITHVALUES
        HSET h a 1 b 2 c 3
        HRANDFIELD h 3 //~ unordered -- the order is random
        HRANDFIELD h 10 //~ unordered -- the order is random
        HRANDFIELD h 10 WITHVALUES //~ unordered-pairs -- the order is random
        HRANDFIELD h //~ shape -- the choice is random
        HRANDFIELD h 2 //~ shape -- the choice is random
        HRANDFIELD h -10 //~ shape -- the choice is random
        HRANDFIELD h -10 WITHVALUES //~ shape -- the choice is random
        HRANDFIELD h 2 WITHVALUES //~ shape -- the choice is random
        ",
    ),
    Case::new(
        "hrandfield_refuses_what_makes_no_sense",
        r"
        HSET h a 1
        HRANDFIELD
        HRANDFIELD h abc
        HRANDFIELD h 1.5
        HRANDFIELD h 1 NONSENSE
        HRANDFIELD h 1 WITHVALUES x
        HRANDFIELD h WITHVALUES
        HRANDFIELD h 9223372036854775808
        HRANDFIELD h -9223372036854775808
        HRANDFIELD h -9223372036854775808 WITHVALUES
        HRANDFIELD h 9223372036854775807 WITHVALUES
        HRANDFIELD h 4611686018427387904 WITHVALUES
        HRANDFIELD h -4611686018427387905 WITHVALUES
        HRANDFIELD missing -9223372036854775808
        HRANDFIELD missing abc
        SET s v
        HRANDFIELD s
        HRANDFIELD s 1
        HRANDFIELD s 1 WITHVALUES
        HRANDFIELD s abc
        ",
    ),
    Case::new(
        "hscan_finds_every_field",
        r"
        HSCAN missing 0
        HSET h a 1 b 2 c 3
        HSCAN h 0
        HSCAN h 0 COUNT 1
        HSCAN h 0 MATCH a*
        HSCAN h 0 MATCH nothing
        HSCAN h 0 match [bc] count 100
        HSCAN h 0 COUNT 10 MATCH a COUNT 20 MATCH b
        !each 1 600 HSET big f${i} v${i}
        !scan HSCAN big 0
        !scan HSCAN big 0 COUNT 1
        !scan HSCAN big 0 COUNT 1000
        !scan HSCAN big 0 MATCH f1?
        !scan HSCAN big 0 MATCH nothing COUNT 7
        !scan HSCAN missing 0
        ",
    ),
    Case::new(
        "hscan_refuses_what_makes_no_sense",
        r"
        HSET h a 1
        HSCAN
        HSCAN h
        HSCAN h abc
        HSCAN h 0 COUNT
        HSCAN h 0 MATCH
        HSCAN h 0 COUNT 0
        HSCAN h 0 COUNT -1
        HSCAN h 0 COUNT abc
        HSCAN h 0 COUNT 9223372036854775808
        HSCAN h 0 NONSENSE
        HSCAN h 0 NONSENSE x
        HSCAN h 0 TYPE hash
        HSCAN h -1
        HSCAN missing abc
        HSCAN missing 0 NONSENSE
        HSCAN missing 0 COUNT 0
        SET s v
        HSCAN s 0
        HSCAN s abc
        HSCAN s 0 COUNT 0
        ",
    ),
    Case::new(
        "hscan_novalues_is_not_in_7_2",
        r"
        HSET h a 1
        HSCAN h 0 NOVALUES
        ",
    ),
    Case::new(
        "big_hashes_hold_everything",
        r#"
        !each 1 1000 HSET h f${i} v${i}
        HLEN h
        !each 1 1000 HGET h f${i}
        HGETALL h //~ unordered-pairs -- a hash table has no order
        HKEYS h //~ unordered -- a hash table has no order
        HVALS h //~ unordered -- a hash table has no order
        HRANDFIELD h 2000 //~ unordered -- a hash table has no order
        HRANDFIELD h 500 //~ shape -- the choice is random
        !each 1 999 HDEL h f${i}
        HGETALL h
        HDEL h f1000
        EXISTS h
        HSET long f ${x*100000}
        HGET long f
        HSTRLEN long f
        HSET long ${k*70000} v
        HEXISTS long ${k*70000}
        HSET long "${\x00*100}" v
        "#,
    ),
    Case::new(
        "object_encoding_of_hashes",
        r"
        HSET h f v
        OBJECT ENCODING h
        HSET h f ${x*64}
        OBJECT ENCODING h
        HSET h f ${x*65}
        OBJECT ENCODING h
        HSET h f v
        OBJECT ENCODING h
        HSET k ${x*64} v
        OBJECT ENCODING k
        HSET k ${x*65} v
        OBJECT ENCODING k
        !each 1 512 HSET many f${i} v
        OBJECT ENCODING many
        HSET many one-more v
        OBJECT ENCODING many
        HDEL many one-more
        OBJECT ENCODING many
        ",
    ),
    Case::new(
        "hash_commands_keep_the_expiry",
        r"
        HSET h f 1
        EXPIREAT h 33177117420
        HSET h g 2
        HINCRBY h f 1
        HINCRBYFLOAT h f 1.5
        HDEL h g
        HSETNX h x y
        EXPIRETIME h
        ",
    ),
    Case::new(
        "hash_field_expiry_is_not_in_7_2",
        r"
        HSET h f v
        HEXPIRE h 10 FIELDS 1 f
        HTTL h FIELDS 1 f
        HGETDEL h FIELDS 1 f
        ",
    ),
];
