//! Commands that wait for elements, with several connections: who is served, and when.
//! Semantics: <https://redis.io/docs/latest/commands/blpop/> and its relatives.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "what_is_there_is_taken_at_once",
        r"
        RPUSH l a b c d e f g h
        BLPOP l 0
        BRPOP l 0
        BLPOP missing l 0
        BLMPOP 0 2 missing l RIGHT COUNT 2
        BLMOVE l m LEFT RIGHT 0
        BRPOPLPUSH l m 0
        LRANGE l 0 -1
        LRANGE m 0 -1
        BLPOP l m 0.5
        LLEN m
        ",
    ),
    Case::new(
        "malformed_calls",
        r#"
        BLPOP l
        BLPOP l x
        BLPOP l ""
        BLPOP l " 1"
        BLPOP l -1
        BLPOP l -0.5
        BLPOP l nan
        BLPOP l 1e30 //~ 7.2 "-ERR timeout is out of range\r\n" -- 7.0 takes what overflows for negative
        BLPOP l inf //~ 7.2 "-ERR timeout is out of range\r\n" -- 7.0 takes what overflows for negative
        BRPOP l x
        BLMOVE a b LEFT
        BLMOVE a b UP LEFT 0
        BLMOVE a b LEFT UP 0
        BLMOVE a b LEFT LEFT x
        BLMOVE a b LEFT LEFT -1
        BRPOPLPUSH a b x
        BRPOPLPUSH a b
        BLMPOP 0 0 a LEFT
        BLMPOP 0 x a LEFT
        BLMPOP 0 2 a LEFT
        BLMPOP 0 1 a UP
        BLMPOP x 1 a UP
        BLMPOP x 1 a LEFT
        BLMPOP -1 1 a LEFT
        BLMPOP 0 1 a LEFT COUNT 0
        BLMPOP 0 1 a LEFT COUNT x
        BLMPOP 0 1 a LEFT COUNT 1 COUNT 1
        "#,
    ),
    Case::new(
        "a_value_of_another_type_is_refused_at_once",
        r"
        SET s v
        BLPOP s 0
        BLPOP missing s 0.01
        BRPOP s 0
        BLMPOP 0 2 missing s LEFT
        BLMOVE s l LEFT LEFT 0
        RPUSH l x
        BLMOVE l s LEFT LEFT 0
        BRPOPLPUSH l s 0
        BLPOP l s 0
        BLMOVE missing s LEFT LEFT 0.01
        ",
    ),
    Case::new(
        "time_runs_out",
        r"
        BLPOP l 0.01
        BRPOP l m 0.001
        BLMPOP 0.01 1 l LEFT
        BLMOVE l m LEFT LEFT 0.01
        BRPOPLPUSH l m 0.01
        BLPOP l 0.0000001
        !blocked 0
        ",
    ),
    Case::new(
        "served_in_the_order_of_arrival",
        r"
        2> !silent BLPOP l 0
        !blocked 1
        3> !silent BRPOP l 0
        !blocked 2
        4> !silent BLMPOP 0 1 l LEFT COUNT 2
        !blocked 3
        5> !silent BLMOVE l m LEFT RIGHT 0
        !blocked 4
        6> !silent BRPOPLPUSH l m 0
        !blocked 5
        RPUSH l 1 2 3 4 5
        2> !read
        3> !read
        4> !read
        5> !read
        LRANGE l 0 -1
        LRANGE m 0 -1
        RPUSH l 6
        6> !read
        LRANGE m 0 -1
        !blocked 0
        ",
    ),
    Case::new(
        "served_by_whatever_fills_the_key",
        r#"
        2> !silent BLPOP l 0
        !blocked 1
        RPUSH other a
        RENAME other l
        2> !read
        2> !silent BLPOP l 0
        !blocked 1
        RPUSH other b
        COPY other l
        2> !read
        2> !silent BLPOP l 0
        !blocked 1
        SELECT 1
        RPUSH l c
        MOVE l 0
        2> !read
        SELECT 0
        2> !silent BLPOP l 0
        !blocked 1
        LMOVE other l LEFT LEFT
        2> !read
        2> !silent BLPOP l 0
        !blocked 1
        EVAL "return redis.call('RPUSH', KEYS[1], 'd', 'e')" 1 l
        2> !read
        LRANGE l 0 -1
        DEL l
        2> !silent BLPOP l 0
        !blocked 1
        EVAL "redis.call('RPUSH', 'l', 'f') return redis.call('LPOP', 'l')" 0
        !blocked 1
        RPUSH l g
        2> !read
        "#,
    ),
    Case::new(
        "a_transaction_serves_when_it_ends",
        r#"
        2> !silent BLPOP a b 0
        !blocked 1
        MULTI
        RPUSH b one
        RPUSH a two
        RPUSH b three
        EXEC
        2> !read //~ 7.2 "*2\r\n$1\r\na\r\n$3\r\ntwo\r\n" -- 7.2 looks at all keys, in the order in which they were named
        LRANGE a 0 -1 //~ 7.2 "*0\r\n" -- as above
        LRANGE b 0 -1 //~ 7.2 "*2\r\n$3\r\none\r\n$5\r\nthree\r\n" -- as above
        DEL a b //~ 7.2 ":1\r\n" -- as above
        2> !silent BLPOP a 0
        !blocked 1
        MULTI
        RPUSH a gone
        DEL a
        SET a text
        EXEC
        !blocked 1
        DEL a
        RPUSH a x
        2> !read
        "#,
    ),
    Case::new(
        "a_waiter_is_served_as_if_it_asked_only_now",
        r#"
        2> !silent BLPOP a b 0
        !blocked 1
        SET a text
        RPUSH b x
        2> !read //~ 7.2 "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n" -- 7.2 looks at all keys, in the order in which they were named
        LRANGE b 0 -1 //~ 7.2 "*1\r\n$1\r\nx\r\n" -- as above
        FLUSHALL
        2> !silent BLPOP a 0
        !blocked 1
        MULTI
        RPUSH a gone
        PEXPIRE a 20
        DEBUG SLEEP 0.05
        EXEC
        !blocked 1
        EXISTS a
        RPUSH a x
        2> !read
        2> !silent BZPOPMIN z 0
        !blocked 1
        MULTI
        ZADD z 1 gone
        PEXPIRE z 20
        DEBUG SLEEP 0.05
        EXEC
        !blocked 1
        ZADD z 1 x
        2> !read
        "#,
    ),
    Case::new(
        "inside_a_transaction_or_script_nobody_waits",
        r#"
        MULTI
        BLPOP l 0
        BRPOP l m 0
        BLMOVE l m LEFT LEFT 0
        BRPOPLPUSH l m 0
        BLMPOP 0 1 l LEFT
        EXEC
        EVAL "return redis.call('BLMPOP', 0, 1, KEYS[1], 'LEFT')" 1 l
        RPUSH l a b c
        MULTI
        BLPOP l 0
        BLMOVE l m LEFT LEFT 0
        EXEC
        EVAL "return redis.call('BLMPOP', 0, 1, KEYS[1], 'LEFT')" 1 l
        EVAL "return redis.call('BLPOP', KEYS[1], 0)" 1 l //~ 7.2 "$-1\r\n" "_\r\n" -- blocking commands may be called from scripts since 7.2
        "#,
    ),
    Case::new(
        "a_value_of_another_type_that_appears_is_ignored",
        r"
        2> !silent BLPOP l 0
        !blocked 1
        SET l text
        DEL l
        HSET l f v
        !blocked 1
        DEL l
        RPUSH l x
        2> !read
        ",
    ),
    Case::new(
        "a_move_to_another_type_fails_and_the_next_is_served",
        r"
        SET s v
        2> !silent BLMOVE l s LEFT LEFT 0
        !blocked 1
        3> !silent BRPOPLPUSH l m 0
        !blocked 2
        RPUSH l x
        2> !read
        3> !read
        LRANGE l 0 -1
        LRANGE m 0 -1
        ",
    ),
    Case::new(
        "moves_in_a_chain_and_in_a_circle",
        r"
        2> !silent BLMOVE a b LEFT LEFT 0
        !blocked 1
        3> !silent BRPOPLPUSH b c 0
        !blocked 2
        4> !silent BLPOP c 0
        !blocked 3
        RPUSH a x
        2> !read
        3> !read
        4> !read
        DBSIZE
        2> !silent BRPOPLPUSH a b 0
        !blocked 1
        3> !silent BRPOPLPUSH b a 0
        !blocked 2
        RPUSH a y
        2> !read
        3> !read
        LRANGE a 0 -1
        LRANGE b 0 -1
        2> !silent BRPOPLPUSH turn turn 0
        !blocked 1
        RPUSH turn 1 2
        2> !read
        LRANGE turn 0 -1
        ",
    ),
    Case::new(
        "several_keys_and_repeated_ones",
        r"
        2> !silent BLPOP a a b 0
        !blocked 1
        3> !silent BLPOP b a 0
        !blocked 2
        RPUSH b 1
        2> !read
        RPUSH b 2
        3> !read
        RPUSH a 3
        LRANGE a 0 -1
        ",
    ),
    Case::new(
        "client_unblock",
        r"
        2> !let id CLIENT ID
        CLIENT UNBLOCK ${id}
        2> !silent BLPOP l 0
        !blocked 1
        CLIENT UNBLOCK ${id}
        2> !read
        2> !silent BLPOP l 0
        !blocked 1
        CLIENT UNBLOCK ${id} TIMEOUT
        2> !read
        2> !silent BLMOVE l m LEFT LEFT 0
        !blocked 1
        CLIENT UNBLOCK ${id} error
        2> !read
        CLIENT UNBLOCK ${id} SOON
        CLIENT UNBLOCK x
        CLIENT UNBLOCK 999999
        CLIENT UNBLOCK -1
        CLIENT UNBLOCK
        CLIENT UNBLOCK ${id} ERROR more
        RPUSH l x
        LRANGE l 0 -1
        ",
    ),
    Case::new(
        "a_client_that_is_gone_gets_nothing",
        r"
        2> !let id CLIENT ID
        2> !silent BLPOP l 0
        !blocked 1
        3> !silent BLPOP l 0
        !blocked 2
        CLIENT KILL ID ${id}
        RPUSH l x
        3> !read
        LRANGE l 0 -1
        ",
    ),
    Case::new(
        "commands_behind_one_that_waits",
        r#"
        2> !silent BLPOP l 0
        2> !silent PING
        !blocked 1
        RPUSH l x
        2> !read
        2> !read
        2> !raw 3 "BLPOP l 0.01\r\nPING\r\nBLPOP l 0.01\r\n"
        "#,
    ),
    Case::new(
        "watches_and_expiry",
        r"
        2> !silent BLPOP l 0
        !blocked 1
        WATCH l
        3> RPUSH l x
        2> !read
        MULTI
        PING
        EXEC
        2> !silent BLPOP l 0
        !blocked 1
        MULTI
        RPUSH l x y
        PEXPIRE l 100000
        EXEC
        2> !read
        TTL l
        FLUSHALL
        2> !silent BLPOP l 0
        !blocked 1
        FLUSHALL
        !blocked 1
        SELECT 3
        RPUSH l x
        !blocked 1
        SELECT 0
        RPUSH l x
        2> !read
        ",
    ),
    Case::new(
        "sorted_sets",
        r#"
        ZADD z 1 a 2 b 3 c 4 d 5 e
        BZPOPMIN missing z 0
        BZPOPMAX z 0
        BZMPOP 0 2 missing z MIN COUNT 2
        BZPOPMIN missing 0.01
        BZMPOP 0.01 1 missing MAX
        BZPOPMIN z x
        BZPOPMIN z -1
        BZPOPMIN z
        BZMPOP 0 0 z MIN
        BZMPOP 0 1 z UP
        BZMPOP x 1 z MIN
        BZMPOP 0 1 z MIN COUNT 0
        SET s v
        BZPOPMIN s 0
        BZPOPMAX missing s 0
        BZMPOP 0 2 missing s MIN
        MULTI
        BZPOPMIN missing 0
        BZMPOP 0 1 missing MIN
        BZPOPMAX z 0
        EXEC
        DEL z
        2> !silent BZPOPMIN y z 0
        !blocked 1
        3> !silent BLPOP z 0
        !blocked 2
        4> !silent BZMPOP 0 1 z MAX COUNT 2
        !blocked 3
        5> !silent BZPOPMAX z 0
        !blocked 4
        ZADD z 1 a 2 b 3 c 2.5 d
        2> !read
        4> !read
        5> !read
        !blocked 1
        EXISTS z
        RPUSH z x
        3> !read
        2> !silent BZPOPMIN z 0
        !blocked 1
        ZADD o 1 a
        ZUNIONSTORE z 1 o
        2> !read
        2> !silent BZPOPMIN z 0
        !blocked 1
        ZINCRBY z 1.5 m
        2> !read
        2> !silent BZPOPMIN z 0
        !blocked 1
        ZRANGESTORE z o 0 -1
        2> !read
        EVAL "return redis.call('BZMPOP', 0, 1, KEYS[1], 'MIN')" 1 o
        "#,
    ),
    Case::new(
        "rows_of_the_command_table",
        r"
        COMMAND INFO blmpop bzmpop //~ unordered-deep without notes -- sets have no order
        COMMAND GETKEYS BLPOP a b 0
        COMMAND GETKEYS BLMPOP 0 2 a b LEFT
        COMMAND GETKEYS BLMOVE a b LEFT LEFT 0
        COMMAND GETKEYSANDFLAGS BRPOPLPUSH a b 0 //~ unordered-deep -- sets have no order
        ",
    ),
];
