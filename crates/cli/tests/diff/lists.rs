//! List commands. Semantics: <https://redis.io/docs/latest/commands/?group=list>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "lpush_rpush_and_their_x_forms",
        r#"
        LPUSH l a
        LPUSH l b c
        RPUSH l d e
        RPUSH l "" "\x00\r\n" 12 -7 9223372036854775807
        LRANGE l 0 -1
        LPUSHX l x y
        RPUSHX l z
        LPUSHX missing x
        RPUSHX missing x y
        EXISTS missing
        LRANGE l 0 -1
        LLEN l
        LLEN missing
        TYPE l
        LPUSH
        LPUSH l
        RPUSHX l
        LLEN
        LLEN l x
        SET s v
        LPUSH s a
        RPUSH s a
        LPUSHX s a
        RPUSHX s a
        LLEN s
        "#,
    ),
    Case::new(
        "lpop_and_rpop",
        r"
        RPUSH l a b c d e f g
        LPOP l
        RPOP l
        LPOP l 2
        RPOP l 2
        LPOP l 0
        LPOP l 9223372036854775807
        EXISTS l
        LPOP l
        RPOP l
        LPOP l 1
        LPOP l 0
        LPOP l -1
        RPOP l x
        LPOP l 9223372036854775808
        LPOP l 1 2
        LPOP
        SET s v
        LPOP s
        LPOP s 1
        LPOP s 0
        RPOP s -1
        ",
    ),
    Case::new(
        "lindex_and_lset",
        r"
        RPUSH l a b c
        LINDEX l 0
        LINDEX l 2
        LINDEX l 3
        LINDEX l -1
        LINDEX l -3
        LINDEX l -4
        LINDEX l 9223372036854775807
        LINDEX l -9223372036854775808
        LINDEX l x
        LINDEX missing 0
        LINDEX missing x
        LINDEX l
        LSET l 0 A
        LSET l -1 C
        LSET l 3 d
        LSET l -4 d
        LSET l x d
        LSET missing 0 a
        LSET missing x a
        LRANGE l 0 -1
        SET s v
        LINDEX s 0
        LINDEX s x
        LSET s 0 a
        LSET s x a
        LSET l 0
        ",
    ),
    Case::new(
        "lrange_and_ltrim",
        r"
        RPUSH l a b c d e f
        LRANGE l 0 0
        LRANGE l 1 3
        LRANGE l -3 -2
        LRANGE l -100 100
        LRANGE l 3 1
        LRANGE l 6 7
        LRANGE l 9223372036854775807 9223372036854775807
        LRANGE l -9223372036854775808 9223372036854775807
        LRANGE l 0 -9223372036854775808
        LRANGE l x 1
        LRANGE l 1 x
        LRANGE missing 0 -1
        LRANGE missing x 1
        LRANGE l 0
        LTRIM l 1 -2
        LRANGE l 0 -1
        LTRIM l 0 100
        LTRIM l -3 -2
        LRANGE l 0 -1
        LTRIM l x 1
        LTRIM missing 0 1
        LTRIM l 5 1
        EXISTS l
        SET s v
        LRANGE s 0 -1
        LTRIM s 0 1
        LTRIM s x 1
        ",
    ),
    Case::new(
        "linsert_and_lrem",
        r"
        RPUSH l a b a c a
        LINSERT l BEFORE a x
        LINSERT l AFTER b y
        linsert l after c z
        LINSERT l BEFORE nobody x
        LINSERT missing BEFORE a x
        LINSERT l BETWEEN a x
        LINSERT missing BETWEEN a x
        LINSERT l BEFORE a
        LRANGE l 0 -1
        LREM l 1 a
        LREM l -1 a
        LRANGE l 0 -1
        LREM l 0 nobody
        LREM l x a
        LREM missing x a
        LREM missing 0 a
        RPUSH n 1 2 1 01 1.0 1
        LREM n -2 1
        LRANGE n 0 -1
        LREM n 9223372036854775807 01
        LREM n -9223372036854775808 2
        LREM n 0 1
        LREM n 0 1.0
        EXISTS n
        SET s v
        LINSERT s BEFORE a x
        LREM s 0 a
        LREM s x a
        ",
    ),
    Case::new(
        "lpos",
        r#"
        RPUSH l a b c 1 2 3 c c
        LPOS l c
        LPOS l nobody
        LPOS l 1
        LPOS l c RANK 2
        LPOS l c RANK 4
        LPOS l c RANK -1
        LPOS l c RANK -3
        LPOS l c RANK -4
        LPOS l c COUNT 2
        LPOS l c COUNT 0
        LPOS l nobody COUNT 0
        LPOS l c RANK -1 COUNT 2
        LPOS l c rank 2 count 0 maxlen 7
        LPOS l c MAXLEN 2
        LPOS l c MAXLEN 0
        LPOS l c MAXLEN 3 COUNT 0
        LPOS l c RANK -1 MAXLEN 1 COUNT 0
        LPOS l c RANK 0
        LPOS l c RANK x
        LPOS l c RANK -9223372036854775808 //~ 7.2 "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n" -- 7.0 negates a number that has no counterpart
        LPOS l c RANK 9223372036854775807
        LPOS l c RANK -9223372036854775807
        LPOS l c COUNT -1
        LPOS l c COUNT x
        LPOS l c MAXLEN -1
        LPOS l c MAXLEN x
        LPOS l c COUNT
        LPOS l c BOGUS 1
        LPOS l c COUNT 1 COUNT 2
        LPOS missing c
        LPOS missing c COUNT 1
        LPOS missing c RANK 0
        LPOS l
        SET s v
        LPOS s c
        LPOS s c RANK 0
        "#,
    ),
    Case::new(
        "lmove_and_rpoplpush",
        r"
        RPUSH a 1 2 3 4
        LMOVE a b LEFT RIGHT
        LMOVE a b right left
        LMOVE a b LEFT LEFT
        RPOPLPUSH a b
        EXISTS a
        LRANGE b 0 -1
        LMOVE a b LEFT LEFT
        RPOPLPUSH a b
        RPOPLPUSH b b
        LMOVE b b LEFT RIGHT
        LMOVE b b LEFT LEFT
        LRANGE b 0 -1
        RPUSH one x
        EXPIRE one 1000
        LMOVE one one LEFT RIGHT
        TTL one
        LMOVE a b UP LEFT
        LMOVE a b LEFT UP
        LMOVE a b LEFT
        RPOPLPUSH a
        SET s v
        LMOVE s b LEFT LEFT
        LMOVE b s LEFT LEFT
        LMOVE missing s LEFT LEFT
        RPOPLPUSH s b
        RPOPLPUSH b s
        LRANGE b 0 -1
        ",
    ),
    Case::new(
        "lmpop",
        r"
        RPUSH a 1 2 3 4
        RPUSH b 5 6
        LMPOP 2 missing a LEFT
        LMPOP 2 a b right count 2
        LMPOP 1 a LEFT COUNT 100
        LMPOP 3 missing a b LEFT COUNT 9223372036854775807
        LMPOP 2 a b LEFT
        LMPOP 0 a LEFT
        LMPOP -1 a LEFT
        LMPOP x a LEFT
        LMPOP 9223372036854775807 a LEFT
        LMPOP 2 a LEFT
        LMPOP 1 a UP
        LMPOP 1 a LEFT COUNT 0
        LMPOP 1 a LEFT COUNT -1
        LMPOP 1 a LEFT COUNT x
        LMPOP 1 a LEFT COUNT
        LMPOP 1 a LEFT COUNT 1 COUNT 2
        LMPOP 1 a LEFT BOGUS 1
        LMPOP 1 a
        SET s v
        LMPOP 2 missing s LEFT
        RPUSH a x
        LMPOP 2 a s LEFT
        ",
    ),
    Case::new(
        "long_lists_and_long_elements",
        r#"
        !each 1 600 RPUSH l "element number ${i}"
        !each 1 600 LPUSH l ${i}
        LLEN l
        LINDEX l 300
        LINDEX l -300
        LRANGE l 590 610
        LINSERT l BEFORE "element number 7" here
        LSET l 700 "${x*5000}"
        LSET l 701 "${y*20000}"
        LINSERT l AFTER "${x*5000}" "${z*9000}"
        LRANGE l 698 704
        LPOS l here
        LREM l 0 here
        LTRIM l 10 -10
        LLEN l
        LRANGE l 0 5
        RPOP l 3
        RPUSH big "${b*300000}" "${b*300000}"
        LPOP big
        LRANGE big 0 -1
        "#,
    ),
    Case::new(
        "expiry_and_generic_commands",
        r"
        RPUSH l a b
        EXPIRE l 1000
        RPUSH l c
        TTL l
        LPOP l 3
        RPUSH l a
        TTL l
        COPY l m
        RENAME m n
        LRANGE n 0 -1
        OBJECT ENCODING n //~ until-7.2 either listpack quicklist -- a small list is a listpack since 7.2
        RPUSH l x
        OBJECT REFCOUNT l
        SCAN 0 TYPE list //~ unordered-deep -- hash order
        MOVE n 2
        SELECT 2
        LRANGE n 0 -1
        ",
    ),
    Case::new(
        "inside_transactions_and_scripts",
        r#"
        MULTI
        RPUSH l a b c
        LPOP l 2
        LMOVE l m LEFT RIGHT
        LRANGE m 0 -1
        LLEN l
        EXEC
        EVAL "redis.call('RPUSH', KEYS[1], 1, 2, 3) return redis.call('LRANGE', KEYS[1], 0, -1)" 1 s
        EVAL "return redis.call('LMPOP', 1, KEYS[1], 'LEFT', 'COUNT', 2)" 1 s
        EVAL "return redis.call('LPOP', KEYS[1], 5)" 1 none
        EVAL "return redis.call('LPOP', KEYS[1])" 1 none
        EVAL "return redis.pcall('LSET', KEYS[1], 9, 'x').err" 1 s
        WATCH m
        2> RPUSH m more
        MULTI
        LLEN m
        EXEC
        "#,
    ),
    Case::new(
        "rows_of_the_command_table",
        r"
        COMMAND INFO lpush rpush lpushx rpushx lpop rpop llen lrange lindex lset linsert lrem ltrim lpos lmove rpoplpush lmpop //~ unordered-deep without notes -- sets have no order
        COMMAND GETKEYS LMPOP 2 a b LEFT
        COMMAND GETKEYS LMOVE a b LEFT RIGHT
        COMMAND GETKEYSANDFLAGS LMOVE a b LEFT RIGHT //~ unordered-deep -- sets have no order
        COMMAND GETKEYS RPUSH l a b
        ",
    ),
    Case::new(
        "object_encoding_of_lists",
        r#"
        CONFIG SET list-max-listpack-size 4
        RPUSH l a b c d
        OBJECT ENCODING l //~ 7.2 "$8\r\nlistpack\r\n" -- small lists have a listpack form since 7.2
        RPUSH l e
        OBJECT ENCODING l
        LPOP l
        OBJECT ENCODING l
        RPOP l
        OBJECT ENCODING l
        LPOP l
        OBJECT ENCODING l //~ 7.2 "$8\r\nlistpack\r\n" -- small lists have a listpack form since 7.2
        LINSERT l AFTER d x
        OBJECT ENCODING l //~ 7.2 "$8\r\nlistpack\r\n" -- small lists have a listpack form since 7.2
        RPUSH l y
        LSET l 0 z
        OBJECT ENCODING l
        LTRIM l 0 1
        OBJECT ENCODING l //~ 7.2 "$8\r\nlistpack\r\n" -- small lists have a listpack form since 7.2
        RPUSH l 1 2 3 4 5 6 7 8
        OBJECT ENCODING l
        LPOP l 8
        OBJECT ENCODING l //~ 7.2 "$8\r\nlistpack\r\n" -- small lists have a listpack form since 7.2
        RPUSH m a a b a a
        LREM m 0 a
        OBJECT ENCODING m //~ 7.2 "$8\r\nlistpack\r\n" -- small lists have a listpack form since 7.2
        RPUSH one a b c d e
        RENAME one two
        COPY two three
        OBJECT ENCODING two
        OBJECT ENCODING three
        CONFIG SET list-max-listpack-size -1
        RPUSH big ${x*2000} ${x*2000}
        OBJECT ENCODING big //~ 7.2 "$8\r\nlistpack\r\n" -- small lists have a listpack form since 7.2
        LPUSH big ${x*200}
        OBJECT ENCODING big
        LPOP big 2
        OBJECT ENCODING big //~ 7.2 "$8\r\nlistpack\r\n" -- small lists have a listpack form since 7.2
        LSET big 0 ${y*5000}
        OBJECT ENCODING big
        LSET big 0 y
        OBJECT ENCODING big //~ 7.2 "$8\r\nlistpack\r\n" -- small lists have a listpack form since 7.2
        CONFIG SET list-max-listpack-size 0
        RPUSH none a
        OBJECT ENCODING none //~ 7.2 "$8\r\nlistpack\r\n" -- small lists have a listpack form since 7.2
        RPUSH none b
        OBJECT ENCODING none
        CONFIG SET list-max-listpack-size -6
        CONFIG GET list-max-listpack-size
        CONFIG SET list-compress-depth 1
        CONFIG GET list-compress-depth
        RPUSH compressed ${x*9000} ${y*9000} ${z*9000}
        LINDEX compressed 1
        CONFIG SET list-compress-depth -1
        CONFIG SET list-compress-depth 0
        CONFIG SET list-max-listpack-size -2
        "#,
    ),
];
