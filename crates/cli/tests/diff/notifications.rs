//! Keyspace notifications. Semantics: <https://redis.io/docs/latest/develop/use/keyspace-notifications/>.
//!
//! Connection 2 listens. After each command it reads as many messages as the command makes; one too
//! many or too few shifts all that follow.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "events_of_strings",
        r#"
        CONFIG SET notify-keyspace-events EA
        2> PSUBSCRIBE __key*
        SET k v
        2> !read
        SET k 1 EX 100
        2> !read
        2> !read
        SET k 1 NX
        INCR k
        2> !read
        DECRBY k 2
        2> !read
        INCRBYFLOAT k 1.5
        2> !read
        APPEND k 0
        2> !read
        SETRANGE k 0 1
        2> !read
        SETRANGE k 9 ""
        GETSET k 2
        2> !read
        SETEX k 100 v
        2> !read
        2> !read
        PSETEX k 100000 v
        2> !read
        2> !read
        SETNX k v
        SETNX k2 v
        2> !read
        MSET a 1 b 2
        2> !read
        2> !read
        MSETNX c 1 d 2
        2> !read
        2> !read
        GETEX k EX 100
        2> !read
        GETEX k PERSIST
        2> !read
        GETEX k PERSIST
        GETEX k EXAT 1
        2> !read
        GETDEL a
        2> !read
        GETDEL a
        2> PING
        CONFIG SET notify-keyspace-events ""
        "#,
    ),
    Case::new(
        "events_of_keys",
        r#"
        CONFIG SET notify-keyspace-events EA
        2> PSUBSCRIBE __key*
        SET k v
        2> !read
        EXPIRE k 100
        2> !read
        EXPIRE k 100 NX
        PEXPIREAT k 99999999999999
        2> !read
        PERSIST k
        2> !read
        PERSIST k
        RENAME k r
        2> !read
        2> !read
        RENAMENX r s
        2> !read
        2> !read
        COPY s t
        2> !read
        COPY s t
        COPY s t DB 3 REPLACE
        2> !read
        MOVE s 3
        MOVE t 4
        2> !read
        2> !read
        EXPIRE s -1
        2> !read
        SET x v
        2> !read
        UNLINK x
        2> !read
        MSET x 1 y 2
        2> !read
        2> !read
        DEL x y z
        2> !read
        2> !read
        TOUCH x
        2> PING
        CONFIG SET notify-keyspace-events ""
        "#,
    ),
    Case::new(
        "events_of_hashes",
        r#"
        CONFIG SET notify-keyspace-events EA
        2> PSUBSCRIBE __key*
        HSET h f v g w
        2> !read
        HSETNX h f v
        HSETNX h n v
        2> !read
        HMSET h a b
        2> !read
        HINCRBY h i 1
        2> !read
        HINCRBYFLOAT h i 1.5
        2> !read
        HDEL h x
        HDEL h f
        2> !read
        HDEL h g n a i
        2> !read
        2> !read
        2> PING
        CONFIG SET notify-keyspace-events ""
        "#,
    ),
    Case::new(
        "events_of_lists",
        r#"
        CONFIG SET notify-keyspace-events EA
        2> PSUBSCRIBE __key*
        RPUSH l a b c
        2> !read
        LPUSH l x
        2> !read
        LPUSHX l y
        2> !read
        RPUSHX nolist y
        LSET l 0 z
        2> !read
        LINSERT l BEFORE a q
        2> !read
        LINSERT l BEFORE nothing q
        LREM l 0 q
        2> !read
        LREM l 0 q
        LTRIM l 0 2
        2> !read
        LPOP l
        2> !read
        RPOP l 1
        2> !read
        LMOVE l m LEFT RIGHT
        2> !read
        2> !read
        2> !read
        RPOPLPUSH m m
        2> !read
        2> !read
        LMPOP 1 m LEFT
        2> !read
        2> !read
        RPUSH l a
        2> !read
        LTRIM l 5 6
        2> !read
        2> !read
        RPUSH l b a
        2> !read
        SORT l ALPHA STORE sorted
        2> !read
        SORT nothing STORE sorted
        2> !read
        BLPOP l 1
        2> !read
        BRPOP l 1
        2> !read
        2> !read
        2> PING
        CONFIG SET notify-keyspace-events ""
        "#,
    ),
    Case::new(
        "events_of_sets",
        r#"
        CONFIG SET notify-keyspace-events EA
        2> PSUBSCRIBE __key*
        SADD s a b c
        2> !read
        SADD s a
        SREM s a
        2> !read
        SREM s a
        SADD t b
        2> !read
        SMOVE s t c
        2> !read
        2> !read
        SMOVE s t b
        2> !read
        2> !read
        SADD s b
        2> !read
        SINTERSTORE d s t
        2> !read
        SUNIONSTORE d s t
        2> !read
        SDIFFSTORE d s t
        2> !read
        SDIFFSTORE d s t
        SPOP s
        2> !read
        2> !read
        SPOP t 1 //~ shape -- chance
        2> !read
        SPOP t 5 //~ shape -- chance
        2> !read
        2> !read
        2> PING
        CONFIG SET notify-keyspace-events ""
        "#,
    ),
    Case::new(
        "events_of_sorted_sets",
        r#"
        CONFIG SET notify-keyspace-events EA
        2> PSUBSCRIBE __key*
        ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g
        2> !read
        ZADD z 1 a
        ZADD z XX CH 2 a
        2> !read
        ZADD z INCR 1 a
        2> !read
        ZINCRBY z 1 a
        2> !read
        ZREM z a
        2> !read
        ZREM z a
        ZPOPMIN z
        2> !read
        ZPOPMAX z
        2> !read
        ZREMRANGEBYRANK z 0 0
        2> !read
        ZREMRANGEBYSCORE z 4 4
        2> !read
        ZREMRANGEBYLEX z - (a
        ZUNIONSTORE u 1 z
        2> !read
        ZINTERSTORE i 2 z u
        2> !read
        ZDIFFSTORE x 2 z u
        ZDIFFSTORE i 2 z u
        2> !read
        ZRANGESTORE w z 0 -1
        2> !read
        ZMPOP 1 w MIN
        2> !read
        BZPOPMIN u 1
        2> !read
        ZREMRANGEBYRANK z 0 -1
        2> !read
        2> !read
        2> PING
        CONFIG SET notify-keyspace-events ""
        "#,
    ),
    Case::new(
        "misses_and_new_keys",
        r#"
        CONFIG SET notify-keyspace-events Emn
        2> PSUBSCRIBE __key*
        GET m
        2> !read
        MGET m m2
        2> !read
        2> !read
        GETEX m
        2> !read
        GETDEL m
        2> !read
        GETSET m v
        2> !read
        2> !read
        DEL m
        SET m v GET
        2> !read
        2> !read
        DEL m
        STRLEN m
        2> !read
        GETRANGE m 0 1
        2> !read
        EXISTS m
        2> !read
        TOUCH m
        2> !read
        TYPE m
        2> !read
        TTL m
        2> !read
        OBJECT ENCODING m
        HGET m f
        2> !read
        HGETALL m
        2> !read
        HMGET m f
        2> !read
        HLEN m
        2> !read
        HSCAN m 0
        2> !read
        HRANDFIELD m
        2> !read
        LLEN m
        2> !read
        LRANGE m 0 1
        2> !read
        LINDEX m 0
        2> !read
        LPOS m a
        2> !read
        LPOP m
        LMPOP 1 m LEFT
        LMOVE m m2 LEFT LEFT
        SCARD m
        2> !read
        SMEMBERS m
        2> !read
        SISMEMBER m a
        2> !read
        SPOP m
        SPOP m 3
        SRANDMEMBER m
        2> !read
        SINTER m m2
        2> !read
        2> !read
        SUNION m
        2> !read
        SINTERSTORE d m
        2> !read
        SMOVE m m2 a
        SSCAN m 0
        2> !read
        SINTERCARD 1 m
        2> !read
        ZSCORE m a
        2> !read
        ZRANGE m 0 1
        2> !read
        ZCARD m
        2> !read
        ZCOUNT m 0 1
        2> !read
        ZRANK m a
        2> !read
        ZUNION 1 m
        2> !read
        ZUNIONSTORE d 1 m
        2> !read
        ZRANGESTORE d m 0 1
        2> !read
        ZPOPMIN m
        ZRANDMEMBER m
        2> !read
        ZSCAN m 0
        2> !read
        ZMSCORE m a
        2> !read
        SORT m
        2> !read
        SORT m STORE d
        2> !read
        COPY m n
        2> !read
        RENAME m n
        EXPIRE m 1
        PERSIST m
        INCR i
        2> !read
        APPEND ap x
        2> !read
        SETRANGE sr 0 x
        2> !read
        LCS m m2
        2> !read
        2> !read
        HDEL m f
        HSETNX hn f v
        2> !read
        RPUSH rl a
        2> !read
        SADD ss a
        2> !read
        ZADD zz 1 a
        2> !read
        HSET ss f v
        RENAME ap ap2
        2> !read
        COPY ap2 ap3
        2> !read
        MOVE ap3 4
        2> !read
        SUNIONSTORE su ss
        2> !read
        ZUNIONSTORE zu 1 zz
        2> !read
        SORT rl ALPHA STORE so
        2> !read
        LMOVE rl rl2 LEFT RIGHT
        2> !read
        2> PING
        CONFIG SET notify-keyspace-events ""
        "#,
    ),
    Case::new(
        "both_forms_and_every_class_alone",
        r#"
        CONFIG SET notify-keyspace-events KEA
        CONFIG GET notify-keyspace-events
        2> PSUBSCRIBE __key*
        SET k v
        2> !read
        2> !read
        SELECT 3
        LPUSH l a
        2> !read
        2> !read
        CONFIG SET notify-keyspace-events g$lshzxetdE
        CONFIG GET notify-keyspace-events
        CONFIG SET notify-keyspace-events Km
        CONFIG GET notify-keyspace-events
        GET missing
        2> !read
        TTL missing
        2> !read
        SET k v
        CONFIG SET notify-keyspace-events Kn
        SET new v
        2> !read
        SET new w
        HSET newhash f v
        2> !read
        CONFIG SET notify-keyspace-events q
        CONFIG SET notify-keyspace-events A
        SET k v
        CONFIG SET notify-keyspace-events Kg
        SET k v
        DEL k
        2> !read
        CONFIG SET notify-keyspace-events K$
        DEL newhash
        SET k v
        2> !read
        2> PING
        CONFIG SET notify-keyspace-events ""
        "#,
    ),
    Case::new(
        "expiry_is_told_whoever_finds_it",
        r#"
        CONFIG SET notify-keyspace-events Ex
        2> SUBSCRIBE __keyevent@0__:expired
        SET k v PX 10
        2> !read
        !each 1 5 SET k${i} v PX 20
        2> !read //~ any -- in the order of the sweep
        2> !read //~ any -- in the order of the sweep
        2> !read //~ any -- in the order of the sweep
        2> !read //~ any -- in the order of the sweep
        2> !read //~ any -- in the order of the sweep
        2> PING
        CONFIG SET notify-keyspace-events ""
        "#,
    ),
    Case::new(
        "transactions_and_scripts_tell_in_order",
        r#"
        CONFIG SET notify-keyspace-events EA
        2> PSUBSCRIBE *
        MULTI
        SET a 1
        PUBLISH between x
        DEL a
        EXEC
        2> !read
        2> !read
        2> !read
        EVAL "redis.call('SET', 'a', 1) redis.call('PUBLISH', 'between', 'x') redis.call('DEL', 'a')" 0
        2> !read
        2> !read
        2> !read
        2> PING
        CONFIG SET notify-keyspace-events ""
        "#,
    ),
];
