//! Sorted set commands. Semantics: <https://redis.io/docs/latest/commands/?group=sorted-set>.
//!
//! Scores are mostly such as have a short exact text, which all versions write alike.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "zadd_and_its_options",
        r#"
        ZADD z 1 a 2 b 3 c
        ZADD z 1 a 5 d
        ZADD z 9 a
        ZADD z NX 1 a 1 e
        ZADD z XX 7 a 7 new
        ZADD z CH 8 a 1 f
        ZADD z XX CH 9 a 9 new 2 b
        ZADD z GT CH 1 a 100 b 0 g
        ZADD z LT CH 1 a 200 b 0 g
        ZADD z GT XX CH 50 a 50 h
        ZADD z NX CH 3 i 4 a
        ZADD z nx ch 3 j
        ZRANGE z 0 -1 WITHSCORES
        ZADD z INCR 2 a
        ZADD z NX INCR 2 a
        ZADD z NX INCR 2 k
        ZADD z XX INCR 2 missing
        ZADD z XX INCR 0.5 a
        ZADD z GT INCR -1 a
        ZADD z LT INCR 1 a
        ZADD z GT INCR 1 a
        ZADD z INCR 0 a
        ZADD z CH CH 1 a
        ZADD z INCR INCR 1 a
        ZADD missing XX 1 a
        ZADD missing XX INCR 1 a
        EXISTS missing
        ZADD z NX XX 1 a
        ZADD z GT LT 1 a
        ZADD z NX GT 1 a
        ZADD z LT NX 1 a
        ZADD z INCR 1 a 2 b
        ZADD z NX XX GT LT INCR 1 a 2 b
        ZADD z
        ZADD z 1
        ZADD z 1 a 2
        ZADD z NX 1
        ZADD z NX XX 1
        ZADD z NX XX
        ZADD z CH INCR
        ZADD z NONSENSE 1 a
        ZADD z 1 a NX 2
        ZADD z 1 "" 2 "\x00\r\n\xff"
        ZRANGE z 0 1 WITHSCORES
        SET str v
        ZADD str 1 a
        ZADD str x a
        ZADD str XX 1 a
        "#,
    ),
    Case::new(
        "scores",
        r#"
        ZADD z inf a -inf b +inf c infinity d -Infinity e
        ZADD z 0x10 f 0x1p4 g 1e3 h .5 i 5. j +7 k 1E-2 l -0 m
        ZRANGE z 0 -1
        ZMSCORE z a b f g h i j k m
        ZSCORE z l //~ doubles -- 7.0 sends 17 digits
        ZADD z nan a
        ZADD z "" a
        ZADD z " 1" a
        ZADD z "1 " a
        ZADD z 1e400 a
        ZADD z 1e-400 a
        ZADD z abc a
        ZADD z 1 a x b
        ZADD new 1 a x b
        EXISTS new
        ZINCRBY z 1 a
        ZINCRBY z -inf a
        ZADD z INCR inf b
        ZINCRBY z inf b
        ZSCORE z a
        ZADD d 0.1 a 3.14 b 1e20 c 1e17 d 123456789012345678 e 1.7976931348623157e308 f 5e-324 g 0.00001 h
        ZRANGE d 0 -1 WITHSCORES //~ doubles -- 7.0 sends 17 digits
        ZSCORE d a //~ 7.2 "$3\r\n0.1\r\n" ",0.1\r\n" -- 7.0 sends 17 digits
        ZSCORE d d //~ 7.2 "$18\r\n100000000000000000\r\n" ",100000000000000000\r\n" -- 7.0 sends 17 digits
        ZINCRBY d 0.2 a
        ZADD d INCR 1 b //~ doubles -- 7.0 sends 17 digits
        ZSCAN d 0 //~ doubles -- 7.0 sends 17 digits
        ZADD w 1 a 1 b
        ZINCRBY w 9007199254740993 a
        ZINCRBY w 4503599627370497 b
        "#,
    ),
    Case::new(
        "zincrby",
        r"
        ZINCRBY z 5 a
        ZINCRBY z -2 a
        ZINCRBY z 0.5 a
        ZINCRBY z 1 b
        ZRANGE z 0 -1 WITHSCORES
        ZINCRBY z x a
        ZINCRBY z
        ZINCRBY z 1
        ZINCRBY z 1 a b
        ZINCRBY z NX 1 a
        SET str v
        ZINCRBY str 1 a
        ZINCRBY str x a
        ",
    ),
    Case::new(
        "one_member_and_its_place",
        r#"
        ZADD z 1 a 2 b 2 c 3 d
        ZCARD z
        ZCARD missing
        ZSCORE z b
        ZSCORE z zz
        ZSCORE missing a
        ZMSCORE z a zz d a
        ZMSCORE missing a b
        ZRANK z a
        ZRANK z c
        ZRANK z zz
        ZRANK missing a
        ZREVRANK z a
        ZREVRANK z c
        ZREVRANK z zz
        ZREVRANK missing a
        ZRANK z c WITHSCORE //~ 7.2 "*2\r\n:2\r\n$1\r\n2\r\n" "*2\r\n:2\r\n,2\r\n" -- WITHSCORE is new in 7.2
        ZREVRANK z c withscore //~ 7.2 "*2\r\n:1\r\n$1\r\n2\r\n" "*2\r\n:1\r\n,2\r\n" -- WITHSCORE is new in 7.2
        ZRANK z zz WITHSCORE //~ 7.2 "*-1\r\n" "_\r\n" -- WITHSCORE is new in 7.2
        ZRANK missing a WITHSCORE //~ 7.2 "*-1\r\n" "_\r\n" -- WITHSCORE is new in 7.2
        ZRANK z c NONSENSE //~ 7.2 "-ERR syntax error\r\n" -- WITHSCORE is new in 7.2
        ZRANK z c WITHSCORE x
        ZREVRANK z c WITHSCORE x
        ZREM z b zz b
        ZREM z zz
        ZREM missing a
        ZREM z a c d
        EXISTS z
        ZCARD
        ZCARD z x
        ZSCORE z
        ZSCORE z a b
        ZMSCORE z
        ZRANK z
        ZREVRANK z
        ZREM z
        SET str v
        ZCARD str
        ZSCORE str a
        ZMSCORE str a
        ZRANK str a
        ZREVRANK str a
        ZREM str a
        "#,
    ),
    Case::new(
        "ranges_by_rank",
        r"
        ZADD z 1 a 2 b 3 c 4 d 5 e
        ZRANGE z 0 -1
        ZRANGE z 0 -1 WITHSCORES
        ZRANGE z 0 -1 withscores REV
        ZRANGE z 1 2
        ZRANGE z -2 -1
        ZRANGE z -2 -1 REV
        ZRANGE z 1 100 REV WITHSCORES
        ZRANGE z -100 1
        ZRANGE z 3 1
        ZRANGE z 10 20
        ZRANGE z 0 -100
        ZRANGE z -9223372036854775808 9223372036854775807
        ZRANGE missing 0 -1
        ZREVRANGE z 0 -1
        ZREVRANGE z 0 1 WITHSCORES
        ZREVRANGE z -1 -2
        ZREVRANGE z -2 -1
        ZREVRANGE missing 0 -1
        ZRANGE z x 1
        ZRANGE z 0 1.5
        ZRANGE z 0 1 LIMIT 0 1
        ZRANGE z 0 1 LIMIT 0 -1
        ZRANGE z 0 1 LIMIT 0
        ZRANGE z 0 1 REV REV
        ZRANGE z 0 1 WITHSCORES WITHSCORES
        ZRANGE z 0 1 NONSENSE
        ZRANGE z 0 1 WITHSCORES x
        ZREVRANGE z 0 1 REV
        ZREVRANGE z 0 1 BYSCORE
        ZREVRANGE z 0 1 LIMIT 0 1
        ZREVRANGE z 0 x
        ZRANGE
        ZRANGE z 0
        ZREVRANGE z 0
        SET str v
        ZRANGE str 0 1
        ZRANGE str x 1
        ZREVRANGE str 0 1
        ",
    ),
    Case::new(
        "ranges_by_score",
        r#"
        ZADD z 1 a 2 b 3 c 4 d 5 e
        ZRANGEBYSCORE z 2 4
        ZRANGEBYSCORE z (2 4
        ZRANGEBYSCORE z (2 (4 WITHSCORES
        ZRANGEBYSCORE z -inf +inf
        ZRANGEBYSCORE z -inf +inf LIMIT 1 2
        ZRANGEBYSCORE z -inf +inf LIMIT 1 2 WITHSCORES
        ZRANGEBYSCORE z -inf +inf WITHSCORES LIMIT 4 9
        ZRANGEBYSCORE z -inf +inf LIMIT 1 -1
        ZRANGEBYSCORE z -inf +inf LIMIT 1 -9
        ZRANGEBYSCORE z -inf +inf LIMIT -1 2
        ZRANGEBYSCORE z -inf +inf LIMIT 0 0
        ZRANGEBYSCORE z -inf +inf LIMIT 100 1
        ZRANGEBYSCORE z -inf +inf LIMIT x 1
        ZRANGEBYSCORE z -inf +inf LIMIT 1 x
        ZRANGEBYSCORE z -inf +inf LIMIT 1
        ZRANGEBYSCORE z 4 2
        ZRANGEBYSCORE z (3 3
        ZRANGEBYSCORE z 3 3
        ZRANGEBYSCORE z "" " 2"
        ZRANGEBYSCORE z ( "( 2"
        ZRANGEBYSCORE z -1e400 1e400
        ZRANGEBYSCORE z 0x1 0x3
        ZRANGEBYSCORE z (inf inf
        ZRANGEBYSCORE z x 1
        ZRANGEBYSCORE z 1 nan
        ZRANGEBYSCORE z "1 " 2
        ZRANGEBYSCORE z 1 [2
        ZRANGEBYSCORE z 1 "2\x00x"
        ZRANGEBYSCORE missing 1 2
        ZRANGEBYSCORE missing x 2
        ZREVRANGEBYSCORE z 4 2
        ZREVRANGEBYSCORE z (4 2 WITHSCORES
        ZREVRANGEBYSCORE z +inf -inf LIMIT 1 2
        ZREVRANGEBYSCORE z 2 4
        ZRANGE z 2 4 BYSCORE
        ZRANGE z 4 2 BYSCORE REV
        ZRANGE z 4 2 byscore rev limit 1 1 withscores
        ZRANGE z 2 4 BYSCORE REV
        ZRANGE z (1 inf BYSCORE LIMIT 1 2
        ZRANGE z 1 2 BYSCORE BYLEX
        ZRANGE z 1 2 BYSCORE BYSCORE
        ZRANGE z x 2 BYSCORE
        ZRANGEBYSCORE z 1 2 REV
        ZRANGEBYSCORE z 1 2 BYSCORE
        ZREVRANGEBYSCORE z 1 2 NONSENSE
        ZCOUNT z 2 4
        ZCOUNT z (2 (4
        ZCOUNT z 4 2
        ZCOUNT z -inf inf
        ZCOUNT z x 2
        ZCOUNT z 1 x
        ZCOUNT missing 1 2
        ZCOUNT missing x 2
        ZCOUNT z 1
        ZCOUNT z 1 2 3
        ZRANGEBYSCORE z 1
        ZREVRANGEBYSCORE z 1
        SET str v
        ZRANGEBYSCORE str 1 2
        ZREVRANGEBYSCORE str 1 2
        ZCOUNT str 1 2
        ZCOUNT str x 2
        "#,
    ),
    Case::new(
        "ranges_by_lexical_order",
        r#"
        ZADD z 0 a 0 b 0 c 0 d 0 e 0 "" 0 "\xff"
        ZRANGEBYLEX z - +
        ZRANGEBYLEX z [b [d
        ZRANGEBYLEX z (b (d
        ZRANGEBYLEX z [b +
        ZRANGEBYLEX z - (c
        ZRANGEBYLEX z + -
        ZRANGEBYLEX z - -
        ZRANGEBYLEX z + +
        ZRANGEBYLEX z [d [b
        ZRANGEBYLEX z (b [b
        ZRANGEBYLEX z [b [b
        ZRANGEBYLEX z [bb [cc
        ZRANGEBYLEX z [ +
        ZRANGEBYLEX z ( +
        ZRANGEBYLEX z - + LIMIT 1 2
        ZRANGEBYLEX z - + LIMIT 5 -1
        ZRANGEBYLEX z - + LIMIT -1 5
        ZRANGEBYLEX z - + WITHSCORES
        ZRANGEBYLEX z b d
        ZRANGEBYLEX z "" +
        ZRANGEBYLEX z -a +
        ZRANGEBYLEX z - ++
        ZRANGEBYLEX missing - +
        ZRANGEBYLEX missing x +
        ZREVRANGEBYLEX z + -
        ZREVRANGEBYLEX z [d [b LIMIT 1 1
        ZREVRANGEBYLEX z [b [d
        ZRANGE z [b [d BYLEX
        ZRANGE z [d [b BYLEX REV LIMIT 0 2
        ZRANGE z - + BYLEX WITHSCORES
        ZRANGE z - + BYLEX BYSCORE
        ZRANGE z b d BYLEX
        ZLEXCOUNT z - +
        ZLEXCOUNT z [b (d
        ZLEXCOUNT z (b [b
        ZLEXCOUNT z + -
        ZLEXCOUNT z b d
        ZLEXCOUNT missing - +
        ZLEXCOUNT missing x +
        ZLEXCOUNT z -
        ZRANGEBYLEX z -
        ZREVRANGEBYLEX z -
        SET str v
        ZRANGEBYLEX str - +
        ZREVRANGEBYLEX str + -
        ZLEXCOUNT str - +
        "#,
    ),
    Case::new(
        "zrangestore",
        r"
        ZADD z 1 a 2 b 3 c 4 d 5 e
        ZADD l 0 a 0 b 0 c
        SET str v
        ZRANGESTORE to z 1 2
        ZRANGE to 0 -1 WITHSCORES
        ZRANGESTORE to z 0 1 REV
        ZRANGE to 0 -1 WITHSCORES
        ZRANGESTORE to z (1 inf BYSCORE LIMIT 1 2
        ZRANGE to 0 -1
        ZRANGESTORE to z 3 1 BYSCORE REV LIMIT 0 2
        ZRANGE to 0 -1
        ZRANGESTORE to l [b + BYLEX
        ZRANGE to 0 -1
        EXPIRE to 100
        ZRANGESTORE to l 0 0
        TTL to
        ZRANGESTORE str z 0 -1
        TYPE str
        ZRANGESTORE z z 0 1
        ZRANGE z 0 -1
        ZRANGESTORE to z 5 9
        EXISTS to
        ZRANGESTORE to missing 0 -1
        ZRANGESTORE str missing 0 -1
        EXISTS str
        ZRANGESTORE to z 0 1 WITHSCORES
        ZRANGESTORE to z 0 1 LIMIT 0 1
        ZRANGESTORE to z x 1
        ZRANGESTORE to z x 1 BYSCORE
        ZRANGESTORE to z 0
        ZRANGESTORE
        SET str v
        ZRANGESTORE to str 0 1
        EXISTS to
        ",
    ),
    Case::new(
        "ranges_removed",
        r"
        ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g
        ZREMRANGEBYRANK z 0 1
        ZREMRANGEBYRANK z -1 -1
        ZREMRANGEBYRANK z 5 2
        ZREMRANGEBYRANK z 100 200
        ZREMRANGEBYSCORE z (3 4
        ZREMRANGEBYSCORE z 100 200
        ZRANGE z 0 -1
        ZREMRANGEBYSCORE z -inf inf
        EXISTS z
        ZADD l 0 a 0 b 0 c 0 d
        ZREMRANGEBYLEX l [b (d
        ZRANGE l 0 -1
        ZREMRANGEBYLEX l - +
        EXISTS l
        ZREMRANGEBYRANK missing 0 -1
        ZREMRANGEBYSCORE missing 0 1
        ZREMRANGEBYLEX missing - +
        ZREMRANGEBYRANK z x 1
        ZREMRANGEBYSCORE z x 1
        ZREMRANGEBYLEX z x +
        ZREMRANGEBYRANK z 0
        ZREMRANGEBYSCORE z 0
        ZREMRANGEBYLEX z -
        ZREMRANGEBYRANK z 0 1 2
        SET str v
        ZREMRANGEBYRANK str 0 1
        ZREMRANGEBYSCORE str 0 1
        ZREMRANGEBYLEX str - +
        ZREMRANGEBYRANK str x 1
        ",
    ),
    Case::new(
        "pops",
        r"
        ZADD z 1 a 2 b 3 c 4 d 5 e 6 f
        ZPOPMIN z
        ZPOPMAX z
        ZPOPMIN z 2
        ZPOPMAX z 1
        ZPOPMIN z 0
        ZPOPMAX z 100
        EXISTS z
        ZPOPMIN z
        ZPOPMAX z 3
        ZPOPMIN z -1
        ZPOPMIN z x
        ZPOPMIN z 1 2
        ZPOPMIN z x 2
        ZPOPMIN
        ZADD a 1 x 2 y 3 z
        ZADD b 9 q
        ZMPOP 1 a MIN
        ZMPOP 2 missing a MAX
        ZMPOP 2 a b MIN COUNT 5
        ZMPOP 2 a b min count 2
        ZMPOP 2 a b MIN
        ZMPOP 0 a MIN
        ZMPOP -1 a MIN
        ZMPOP x a MIN
        ZMPOP 2 a MIN
        ZMPOP 1 a b MIN
        ZMPOP 1 a NONSENSE
        ZMPOP 1 a MIN COUNT
        ZMPOP 1 a MIN COUNT 0
        ZMPOP 1 a MIN COUNT -1
        ZMPOP 1 a MIN COUNT x
        ZMPOP 1 a MIN COUNT 1 COUNT 1
        ZMPOP 1 a MIN MAX
        ZMPOP
        ZMPOP 1 a
        SET str v
        ZPOPMIN str
        ZPOPMAX str 0
        ZPOPMAX str -1
        ZMPOP 1 str MIN
        ZMPOP 2 missing str MIN
        ",
    ),
    Case::new(
        "zrandmember",
        r"
        ZADD one 1 a
        ZRANDMEMBER one
        ZRANDMEMBER one 3
        ZRANDMEMBER one 3 WITHSCORES
        ZRANDMEMBER one -2
        ZRANDMEMBER one -2 WITHSCORES
        ZRANDMEMBER one 0
        ZRANDMEMBER missing -999999999
        ZRANDMEMBER one 0 WITHSCORES
        ZADD z 1 a 2 b 3 c 4 d
        ZRANDMEMBER z //~ shape -- the choice is random
        ZRANDMEMBER z 2 //~ shape -- the choice is random
        ZRANDMEMBER z 10 //~ unordered -- the order is random
        ZRANDMEMBER z -10 //~ shape -- the choice is random
        ZRANDMEMBER z 3 withscores //~ shape -- the choice is random
        ZRANDMEMBER missing
        ZRANDMEMBER missing 3
        ZRANDMEMBER missing 3 WITHSCORES
        ZRANDMEMBER missing -3 WITHSCORES
        ZRANDMEMBER z x
        ZRANDMEMBER z 1 NONSENSE
        ZRANDMEMBER z 1 WITHSCORES x
        ZRANDMEMBER z -9223372036854775808
        ZRANDMEMBER z 9223372036854775807 WITHSCORES
        ZRANDMEMBER z -9223372036854775807 WITHSCORES
        ZRANDMEMBER
        SET str v
        ZRANDMEMBER str
        ZRANDMEMBER str 1
        ZRANDMEMBER str x
        ",
    ),
    Case::new(
        "unions_intersections_and_differences",
        r"
        ZADD a 1 x 2 y 3 z
        ZADD b 10 y 20 z 30 w
        SADD s y 7
        SET str v
        ZUNION 2 a b
        ZUNION 2 a b WITHSCORES
        ZUNION 3 a b s WITHSCORES
        ZUNION 2 a a WITHSCORES
        ZUNION 1 a WITHSCORES
        ZUNION 2 missing a
        ZUNION 1 missing
        ZUNION 2 a b WEIGHTS 2 3 WITHSCORES
        ZUNION 2 a b WEIGHTS 2 -0.5 AGGREGATE MIN WITHSCORES
        ZUNION 2 a b aggregate max withscores
        ZUNION 2 a b AGGREGATE SUM AGGREGATE MIN WITHSCORES
        ZUNION 1 s WITHSCORES
        ZUNION 1 s WEIGHTS 5 WITHSCORES
        ZINTER 2 a b
        ZINTER 2 a b WITHSCORES
        ZINTER 3 a b s WITHSCORES
        ZINTER 2 a b WEIGHTS 2 3 AGGREGATE MAX WITHSCORES
        ZINTER 2 a missing WITHSCORES
        ZINTER 1 missing
        ZINTER 2 a a WITHSCORES
        ZDIFF 2 a b
        ZDIFF 2 a b WITHSCORES
        ZDIFF 3 a missing s WITHSCORES
        ZDIFF 2 a a
        ZDIFF 2 missing a
        ZDIFF 1 s WITHSCORES
        ZDIFF 1 a
        ZADD i inf p -inf q 0 r
        ZADD j -inf p inf q 1 r
        ZUNION 2 i j WITHSCORES
        ZINTER 2 i j WEIGHTS 1 -1 WITHSCORES
        ZUNION 1 i WEIGHTS 0 WITHSCORES
        ZUNION 1 i WEIGHTS inf WITHSCORES
        ZADD one 1 m 5 n
        ZADD two inf m 7 n 3 o
        ZADD three 2 m 2 n 2 o 2 p
        ZINTER 3 one two three WEIGHTS 1 0 1 WITHSCORES
        ZINTER 3 one two three WEIGHTS 1 0 1 AGGREGATE MIN WITHSCORES
        ZINTER 3 one two three WEIGHTS 1 0 1 AGGREGATE MAX WITHSCORES
        ZUNION 3 one two three WEIGHTS 1 0 1 WITHSCORES
        ZUNION 3 one two three WEIGHTS 1 0 1 AGGREGATE MAX WITHSCORES
        ZADD one inf m
        ZINTER 3 three two one WEIGHTS 1 1 0 WITHSCORES
        ZINTER 3 three two one WEIGHTS 1 1 0 AGGREGATE MIN WITHSCORES
        ZUNION 2 a b WEIGHTS 1
        ZUNION 2 a b WEIGHTS 1 x
        ZUNION 2 a b WEIGHTS 1 2 3
        ZUNION 2 a b WEIGHTS nan 1
        ZUNION 2 a b AGGREGATE
        ZUNION 2 a b AGGREGATE AVG
        ZUNION 2 a b NONSENSE
        ZUNION 2 a
        ZUNION 0 a
        ZUNION -1 a
        ZUNION x a
        ZINTER 0 a
        ZDIFF 0 a
        ZDIFF 2 a b WEIGHTS 1 2
        ZDIFF 2 a b AGGREGATE SUM
        ZUNION 1 str
        ZUNION 2 missing str
        ZINTER 2 missing str
        ZDIFF 2 a str
        ZUNION 1 str NONSENSE
        ZUNION
        ZUNION 1
        ZINTER
        ZDIFF
        ZINTERCARD 2 a b
        ZINTERCARD 2 a b LIMIT 1
        ZINTERCARD 2 a b LIMIT 0
        ZINTERCARD 3 a b s
        ZINTERCARD 2 a missing
        ZINTERCARD 2 a b LIMIT -1
        ZINTERCARD 2 a b LIMIT x
        ZINTERCARD 2 a b LIMIT
        ZINTERCARD 2 a b WEIGHTS 1 2
        ZINTERCARD 2 a b WITHSCORES
        ZINTERCARD 2 a b AGGREGATE SUM
        ZINTERCARD 0 a
        ZINTERCARD x a
        ZINTERCARD 3 a b
        ZINTERCARD 1 str
        ZINTERCARD
        ",
    ),
    Case::new(
        "stored_results",
        r"
        ZADD a 1 x 2 y 3 z
        ZADD b 10 y 20 z 30 w
        SADD s y 7
        SET str v
        ZUNIONSTORE to 2 a b
        ZRANGE to 0 -1 WITHSCORES
        ZINTERSTORE to 2 a b WEIGHTS 1 2
        ZRANGE to 0 -1 WITHSCORES
        ZDIFFSTORE to 2 a b
        ZRANGE to 0 -1 WITHSCORES
        EXPIRE to 100
        ZUNIONSTORE to 2 a s AGGREGATE MAX
        TTL to
        ZRANGE to 0 -1 WITHSCORES
        ZUNIONSTORE str 1 a
        TYPE str
        ZINTERSTORE to 2 a missing
        EXISTS to
        ZDIFFSTORE to 2 a a
        ZUNIONSTORE to 1 missing
        ZUNIONSTORE a 2 a b
        ZRANGE a 0 -1 WITHSCORES
        ZUNIONSTORE to 2 a b WITHSCORES
        ZUNIONSTORE to 0 a
        ZINTERSTORE to 0 a
        ZDIFFSTORE to 0 a
        ZUNIONSTORE to x a
        ZUNIONSTORE to 2 a
        ZUNIONSTORE to 1 a WEIGHTS x
        ZDIFFSTORE to 1 a WEIGHTS 1
        SET str v
        ZUNIONSTORE to 2 a str
        ZINTERSTORE to 2 missing str
        ZDIFFSTORE to 2 a str
        ZUNIONSTORE to
        ZUNIONSTORE to 1
        ZUNIONSTORE
        EXISTS to
        ",
    ),
    Case::new(
        "zscan",
        r"
        ZSCAN missing 0
        ZSCAN missing x
        ZSCAN missing 0 NONSENSE
        ZADD z 3 a 1 b 2 c
        ZSCAN z 0
        ZSCAN z 0 COUNT 1
        ZSCAN z 0 MATCH [ab]
        ZSCAN z x
        ZSCAN z 0 COUNT 0
        ZSCAN z 0 COUNT x
        ZSCAN z 0 MATCH
        ZSCAN z 0 TYPE zset
        ZSCAN z 0 NOSCORES
        ZSCAN z
        !each 1 700 ZADD big ${i} m${i}
        !scan ZSCAN big 0
        !scan ZSCAN big 0 COUNT 100 MATCH *7
        SET str v
        ZSCAN str 0
        ZSCAN str x
        ZSCAN str 0 NONSENSE
        ",
    ),
    Case::new(
        "large_sorted_sets",
        r"
        !each 1 2000 ZADD z ${i} m${i}
        ZCARD z
        ZRANGE z 0 -1 WITHSCORES
        ZRANGE z 1000 1010
        ZREVRANGE z 500 505 WITHSCORES
        ZRANGEBYSCORE z 777 (783
        ZREVRANGEBYSCORE z 1500 1000 LIMIT 100 5
        ZCOUNT z (100 1900
        ZRANK z m1234
        ZREVRANK z m1234
        !each 1 500 ZADD z 7 m${i}
        ZRANGEBYSCORE z 7 7 LIMIT 250 10
        ZRANK z m250
        ZREMRANGEBYRANK z 100 399
        ZREMRANGEBYSCORE z 1000 1499
        ZCARD z
        ZRANGE z 0 -1 WITHSCORES
        ZPOPMAX z 20
        ZPOPMIN z 20
        !each 1 2000 ZREM z m${i}
        EXISTS z
        !each 1 1000 ZADD l 0 m${i}
        ZRANGEBYLEX l [m50 (m60
        ZLEXCOUNT l [m5 [m6
        ZREVRANGEBYLEX l (m6 [m5 LIMIT 10 3
        ZREMRANGEBYLEX l [m2 (m3
        ZCARD l
        ZUNIONSTORE u 2 l l
        ZRANGE u 100 110 WITHSCORES
        ",
    ),
    Case::new(
        "object_encoding_of_sorted_sets",
        r"
        ZADD z 1 a
        OBJECT ENCODING z
        ZADD z 1 ${x*64}
        OBJECT ENCODING z
        ZADD z 1 ${x*65}
        OBJECT ENCODING z
        ZREM z ${x*65}
        OBJECT ENCODING z
        !each 1 128 ZADD many ${i} m${i}
        OBJECT ENCODING many
        ZADD many 1 m128
        OBJECT ENCODING many
        ZADD many 1 m129
        OBJECT ENCODING many
        ZUNIONSTORE few 1 z
        OBJECT ENCODING few
        ZUNIONSTORE all 1 many
        OBJECT ENCODING all
        ZRANGESTORE some many 0 9
        OBJECT ENCODING some
        COPY many copied
        OBJECT ENCODING copied
        ZRANGE copied 0 5 WITHSCORES
        CONFIG SET zset-max-listpack-entries 2
        ZADD small 1 a 2 b
        OBJECT ENCODING small
        ZADD small 3 c
        OBJECT ENCODING small
        ZADD small INCR 1 a
        ZPOPMIN small
        CONFIG SET zset-max-listpack-value 3
        ZADD short 1 abc
        OBJECT ENCODING short
        ZADD short 1 abcd
        OBJECT ENCODING short
        ",
    ),
    Case::new(
        "sorted_sets_among_other_commands",
        r#"
        ZADD z 1 a 2 b
        RENAME z t
        ZRANGE t 0 -1 WITHSCORES
        COPY t u
        ZADD u 3 c
        ZCARD t
        MOVE u 1
        SELECT 1
        ZRANGE u 0 -1
        SELECT 0
        PEXPIREAT t 1
        ZCARD t
        TYPE t
        MULTI
        ZADD q 3 a 1.5 b
        ZRANGE q 0 -1 WITHSCORES
        ZPOPMIN q
        ZADD q x y
        ZINCRBY q 1 a
        EXEC
        EVAL "redis.call('ZADD', KEYS[1], 1.5, 'm', 2, 'n') return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')" 1 lua
        EVAL "return redis.call('ZSCORE', KEYS[1], 'm')" 1 lua
        EVAL "redis.setresp(3) return redis.call('ZSCORE', KEYS[1], 'm')" 1 lua
        EVAL "redis.setresp(3) return redis.call('ZSCORE', KEYS[1], 'm').double * 2" 1 lua
        GET lua
        SADD lua a
        INCR lua
        COMMAND GETKEYS ZUNIONSTORE to 2 a b WEIGHTS 1 2
        COMMAND GETKEYS ZUNION 2 a b
        COMMAND GETKEYS ZMPOP 2 a b MIN
        COMMAND GETKEYSANDFLAGS ZUNIONSTORE to 2 a b
        COMMAND GETKEYSANDFLAGS ZRANGESTORE to from 0 1
        COMMAND GETKEYSANDFLAGS SMOVE a b m
        COMMAND GETKEYSANDFLAGS SINTERSTORE to a b
        COMMAND GETKEYS ZUNIONSTORE to 3 a b
        COMMAND GETKEYS ZUNIONSTORE to x a b
        COMMAND GETKEYS ZUNION 0 a
        COMMAND INFO zunionstore zmpop zadd zrangestore smove sinterstore sintercard spop //~ unordered-deep -- flags and categories have no order
        "#,
    ),
];
