//! SORT and SORT_RO. Semantics: <https://redis.io/docs/latest/commands/sort/>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "numbers_and_texts",
        r#"
        RPUSH l 10 9 -1 1.5 1e2 0x10 "" " 7" -inf inf
        SORT l
        SORT l ASC
        SORT l DESC
        SORT l ALPHA
        SORT l ALPHA DESC
        sort l desc alpha asc
        SORT l LIMIT 2 3
        SORT l LIMIT 0 0
        SORT l LIMIT 2 -1
        SORT l LIMIT -5 2
        SORT l LIMIT 100 2
        SORT l LIMIT 9223372036854775807 1
        SORT l LIMIT 0 1 LIMIT 1 1
        RPUSH t b a
        SORT t
        SORT t ALPHA
        RPUSH n nan
        SORT n
        RPUSH w "1 "
        SORT w
        SORT missing
        SORT missing ALPHA LIMIT 0 1
        RPUSH nul "\x00\xff" "-1\x00x" "1\x00"
        SORT nul
        RPUSH nul " \x00"
        SORT nul
        "#,
    ),
    Case::new(
        "ties_are_settled_by_the_element",
        r"
        RPUSH l 1 1.0 01 +1 2 2.0
        SORT l
        SORT l DESC
        SORT l BY w*
        SORT l BY w* DESC
        ",
    ),
    Case::new(
        "sets",
        r#"
        SADD set 3 1 2 10
        SORT set
        SORT set DESC ALPHA
        SADD texts b a c
        SORT texts ALPHA
        SORT texts
        SORT texts BY nosort STORE d
        LRANGE d 0 -1
        EVAL "return redis.call('SORT', KEYS[1], 'BY', 'nosort')" 1 texts
        "#,
    ),
    Case::new(
        "sorted_sets",
        r"
        ZADD z 3 a 1 b 2 c 10 7
        SORT z ALPHA
        SORT z
        SORT z BY nosort
        SORT z BY nosort DESC
        SORT z BY nosort LIMIT 1 2
        SORT z BY nosort DESC LIMIT 0 2
        SORT z BY nosort DESC LIMIT 5 2
        SORT z BY nosort STORE d
        LRANGE d 0 -1
        ",
    ),
    Case::new(
        "by_and_get_patterns",
        r"
        RPUSH l 3 1 2
        MSET w1 10 w2 30 w3 20 n1 one n3 three
        HSET h1 f x g 5
        HSET h2 f y g -5
        SORT l BY nosort
        SORT l BY nosort DESC
        SORT l BY w*
        SORT l BY w* DESC LIMIT 0 2
        SORT l BY n*
        SORT l BY n* ALPHA LIMIT 1 2
        SORT l BY h*->g
        SORT l BY h*->f ALPHA LIMIT 1 2
        SORT l BY missing*
        SORT l BY *
        SORT l BY h*
        SORT l BY w*->f
        SORT l GET #
        SORT l GET n*
        SORT l GET n* GET # GET h*->f GET h*->missing
        SORT l GET n1
        SORT l GET h*
        SORT l GET h*->
        SORT l GET n*->f
        SORT l BY w* GET w* GET n*
        SORT_RO l BY w* GET #
        SET h3-> odd
        SORT l GET h*->
        SET a1b1 first
        SORT l GET a*b*
        SORT l BY a BY w* BY nosort
        ",
    ),
    Case::new(
        "store",
        r"
        RPUSH l 3 1 2
        SORT l STORE d
        LRANGE d 0 -1
        EXPIRE d 1000
        SORT l DESC LIMIT 0 2 STORE d
        TTL d
        LRANGE d 0 -1
        SORT l GET x* STORE d
        LRANGE d 0 -1
        SET s text
        SORT l STORE s
        TYPE s
        SORT l LIMIT 10 1 STORE s
        EXISTS s
        SORT missing STORE d
        EXISTS d
        SORT l STORE l
        LRANGE l 0 -1
        SORT l STORE a STORE b
        EXISTS a
        EXISTS b
        ",
    ),
    Case::new(
        "a_list_that_is_stored_serves_those_who_wait",
        r"
        RPUSH l 3 1 2
        2> !silent BLPOP d 0
        !blocked 1
        SORT l STORE d
        2> !read
        LRANGE d 0 -1
        ",
    ),
    Case::new(
        "malformed_calls",
        r"
        RPUSH l 1
        SORT
        SORT l FOO
        SORT l BY
        SORT l GET
        SORT l STORE
        SORT l LIMIT
        SORT l LIMIT 1
        SORT l LIMIT x 1
        SORT l LIMIT 1 x
        SORT_RO l STORE d
        SET s text
        SORT s
        SORT s FOO
        SORT_RO s
        HSET h f v
        SORT h ALPHA
        ",
    ),
    Case::new(
        "inside_transactions_and_scripts",
        r#"
        RPUSH l 3 1 2
        MSET w1 10 w2 30 w3 20
        MULTI
        SORT l BY w* GET w*
        SORT l STORE d
        LRANGE d 0 -1
        EXEC
        EVAL "return redis.call('SORT', KEYS[1], 'BY', 'w*', 'GET', '#', 'GET', 'x*')" 1 l
        EVAL "return redis.call('SORT', KEYS[1], 'STORE', KEYS[2])" 2 l e
        LRANGE e 0 -1
        "#,
    ),
    Case::new(
        "rows_of_the_command_table",
        r"
        COMMAND INFO sort sort_ro //~ unordered-deep without notes -- sets have no order
        COMMAND GETKEYS SORT l BY w* GET x* STORE d
        COMMAND GETKEYS SORT l STORE a STORE b
        COMMAND GETKEYS SORT_RO l BY w*
        COMMAND GETKEYSANDFLAGS SORT l STORE a //~ unordered-deep -- sets have no order
        ",
    ),
];
