//! COMMAND: what the server says of its commands and of the keys of a call. Semantics:
//! <https://redis.io/docs/latest/commands/command/>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "lists_are_filtered",
        r#"
        COMMAND LIST FILTERBY ACLCAT
        COMMAND LIST FILTERBY ACLCAT string x
        COMMAND LIST FILTERBY ACLCAT transaction //~ unordered -- a hash table has no order
        COMMAND LIST FILTERBY ACLCAT hash //~ unordered -- a hash table has no order
        COMMAND LIST FILTERBY ACLCAT set //~ unordered -- a hash table has no order
        COMMAND LIST FILTERBY ACLCAT LIST //~ unordered -- a hash table has no order
        COMMAND LIST FILTERBY ACLCAT sortedset //~ unordered -- a hash table has no order
        COMMAND LIST FILTERBY ACLCAT pubsub //~ unordered -- a hash table has no order
        COMMAND LIST FILTERBY ACLCAT @string
        COMMAND LIST FILTERBY PATTERN xyz
        COMMAND LIST FILTERBY PATTERN "CONFIG|*" //~ unordered -- a hash table has no order
        COMMAND LIST FILTERBY PATTERN h* //~ unordered -- a hash table has no order
        COMMAND LIST filterby pattern SET
        COMMAND LIST FILTERBY MODULE ""
        COMMAND LIST FILTERBY PATTERN a b
        COMMAND LIST x
        "#,
    ),
    Case::new(
        "rows_of_containers_and_of_what_is_none",
        r#"
        COMMAND INFO ""
        COMMAND INFO config|nosuch
        COMMAND INFO config|get|x
        COMMAND INFO CONFIG|GET //~ unordered-deep -- flags and categories are sets
        COMMAND INFO object //~ unordered-deep -- a hash table has no order
        COMMAND INFO slowlog //~ unordered-deep -- a hash table has no order
        COMMAND INFO pubsub //~ unordered-deep -- a hash table has no order
        COMMAND DOCS ""
        COMMAND DOCS nosuch get //~ keys -- the texts are our own
        COMMAND DOCS config|get //~ keys -- the texts are our own
        COMMAND DOCS CONFIG|get //~ keys -- the texts are our own
        COMMAND DOCS config //~ keys -- the texts are our own
        COMMAND HELP x
        "#,
    ),
    Case::new(
        "keys_of_calls",
        r#"
        COMMAND GETKEYS CONFIG //~ 7.2 "-ERR The command has no key arguments\r\n" -- 7.0 asks for a word more
        COMMAND GETKEYS SORT a BY b GET c STORE d
        COMMAND GETKEYS SORT a STORE d STORE e
        COMMAND GETKEYS ZUNIONSTORE d 2 a b
        COMMAND GETKEYS ZUNION 2 a b
        COMMAND GETKEYS ZUNION 3 a b
        COMMAND GETKEYS BLMPOP 0 2 a b LEFT
        COMMAND GETKEYS LMPOP 1 a LEFT
        COMMAND GETKEYS SINTERCARD 2 a b
        COMMAND GETKEYS EVAL x 0
        COMMAND GETKEYS EVAL x 1 a b
        COMMAND GETKEYS OBJECT FREQ a
        COMMAND GETKEYS MEMORY USAGE a
        COMMAND GETKEYS MEMORY PURGE
        COMMAND GETKEYS DEBUG OBJECT a
        COMMAND GETKEYS RESTORE a 0 x
        COMMAND GETKEYS SUBSCRIBE a
        COMMAND GETKEYS SPUBLISH a b
        COMMAND GETKEYS SSUBSCRIBE a b
        COMMAND GETKEYS BLPOP a b 0
        COMMAND GETKEYS BLPOP a
        COMMAND GETKEYS MSET a b c
        COMMAND GETKEYS WAIT 0 0
        COMMAND GETKEYS FLUSHALL //~ 7.2 "-ERR The command has no key arguments\r\n" -- 7.0 asks for a word more
        "#,
    ),
    Case::new(
        "keys_of_calls_and_what_becomes_of_them",
        r#"
        COMMAND GETKEYSANDFLAGS SORT a STORE d //~ unordered-deep -- flags are a set
        COMMAND GETKEYSANDFLAGS SORT a //~ unordered-deep -- flags are a set
        COMMAND GETKEYSANDFLAGS COPY a b //~ unordered-deep -- flags are a set
        COMMAND GETKEYSANDFLAGS LMOVE a b LEFT LEFT //~ unordered-deep -- flags are a set
        COMMAND GETKEYSANDFLAGS ZUNIONSTORE d 2 a b //~ unordered-deep -- flags are a set
        COMMAND GETKEYSANDFLAGS EVAL x 2 a b //~ unordered-deep -- flags are a set
        COMMAND GETKEYSANDFLAGS EVAL_RO x 2 a b //~ unordered-deep -- flags are a set
        COMMAND GETKEYSANDFLAGS OBJECT FREQ a //~ unordered-deep -- flags are a set
        COMMAND GETKEYSANDFLAGS SET a b GET //~ unordered-deep -- flags are a set
        COMMAND GETKEYSANDFLAGS SET a b EX 1 //~ unordered-deep -- flags are a set
        COMMAND GETKEYSANDFLAGS SET a get //~ unordered-deep -- flags are a set
        COMMAND GETKEYSANDFLAGS GETEX a //~ unordered-deep -- flags are a set
        COMMAND GETKEYSANDFLAGS PING x
        COMMAND GETKEYSANDFLAGS GET //~ 7.2 "-ERR Invalid number of arguments specified for command\r\n" -- 7.0 asks for a word more
        COMMAND GETKEYSANDFLAGS
        "#,
    ),
];
