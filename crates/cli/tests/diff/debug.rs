//! DEBUG, where it is on. Semantics: <https://redis.io/docs/latest/commands/debug/>, and what a real
//! server does.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "walks_remove_what_they_meet_that_is_due",
        r#"
        DEBUG SET-ACTIVE-EXPIRE 0
        SET s:1 v PX 5
        SET s:2 v PX 5
        HSET h f v
        PEXPIRE h 5
        SET lives v
        !pass 20
        KEYS *
        DBSIZE
        !scan SCAN 0 MATCH none*
        DBSIZE
        !scan SCAN 0 MATCH s:1
        DBSIZE
        !scan SCAN 0 TYPE hash
        DBSIZE //~ 7.2 ":2\r\n" -- removes only what TYPE lets through
        !scan SCAN 0
        DBSIZE
        SET s:1 v PX 5
        SET s:2 v PX 5
        DEL lives
        !pass 20
        RANDOMKEY
        DBSIZE
        DEBUG SET-ACTIVE-EXPIRE 1
        "#,
    ),
    Case::new(
        "walks_tell_of_what_was_due",
        r#"
        DEBUG SET-ACTIVE-EXPIRE 0
        CONFIG SET notify-keyspace-events Ex
        2> SUBSCRIBE __keyevent@0__:expired
        SET k v PX 5
        !pass 20
        KEYS *
        2> PING
        !scan SCAN 0
        2> !read
        SET k v PX 5
        !pass 20
        RANDOMKEY
        2> !read
        2> PING
        CONFIG SET notify-keyspace-events ""
        DEBUG SET-ACTIVE-EXPIRE 1
        "#,
    ),
    Case::new(
        "examples_of_the_protocol",
        r"
        DEBUG PROTOCOL string
        DEBUG PROTOCOL integer
        DEBUG PROTOCOL double
        DEBUG PROTOCOL bignum
        DEBUG PROTOCOL null
        DEBUG PROTOCOL array
        DEBUG PROTOCOL set
        DEBUG PROTOCOL map
        DEBUG PROTOCOL attrib
        DEBUG PROTOCOL verbatim
        DEBUG PROTOCOL true
        DEBUG PROTOCOL FALSE
        DEBUG PROTOCOL x
        DEBUG PROTOCOL
        ",
    ),
    Case::new(
        "errors_and_what_is_none",
        r#"
        DEBUG
        DEBUG NOSUCH
        DEBUG nosuch a b c
        DEBUG SLEEP
        DEBUG SLEEP 1 2
        DEBUG SLEEP x
        DEBUG SLEEP 0
        DEBUG SLEEP -1
        DEBUG SLEEP 0.01
        DEBUG DIGEST x
        DEBUG OBJECT
        DEBUG OBJECT nokey
        DEBUG LISTPACK nokey
        DEBUG HTSTATS
        DEBUG HTSTATS 16
        DEBUG HTSTATS -1
        DEBUG HTSTATS x
        DEBUG HTSTATS-KEY nokey
        DEBUG ERROR "ERR own"
        DEBUG ERROR "MYERR a\r\nb"
        DEBUG ERROR "MYERR a\r\n"
        DEBUG ERROR ""
        DEBUG ERROR
        DEBUG ERROR a b
        DEBUG LOG "a b"
        DEBUG LOG
        DEBUG SET-ACTIVE-EXPIRE
        DEBUG SET-ACTIVE-EXPIRE x
        DEBUG SET-ACTIVE-EXPIRE 1
        DEBUG PAUSE-CRON 0
        DEBUG PAUSE-CRON
        DEBUG QUICKLIST-PACKED-THRESHOLD 100b
        DEBUG QUICKLIST-PACKED-THRESHOLD 1gb
        DEBUG QUICKLIST-PACKED-THRESHOLD x
        DEBUG QUICKLIST-PACKED-THRESHOLD 5gb
        DEBUG QUICKLIST-PACKED-THRESHOLD 4gb
        DEBUG QUICKLIST-PACKED-THRESHOLD 0
        DEBUG REPLYBUFFER RESIZING 1
        DEBUG REPLYBUFFER PEAK-RESET-TIME NEVER
        DEBUG REPLYBUFFER PEAK-RESET-TIME 100
        DEBUG REPLYBUFFER PEAK-RESET-TIME reset
        DEBUG REPLYBUFFER PEAK-RESET-TIME x
        DEBUG REPLYBUFFER x y
        DEBUG CHANGE-REPL-ID
        DEBUG LEAK x
        DEBUG SET-SKIP-CHECKSUM-VALIDATION 1
        DEBUG SET-SKIP-CHECKSUM-VALIDATION 0
        DEBUG JMAP
        DEBUG HELP x
        DEBUG HELP //~ any -- our own words, of the subcommands that are here
        MULTI
        DEBUG NOSUCH
        DEBUG SLEEP 0
        EXEC
        EVAL "return redis.call('debug','sleep','0')" 0
        COMMAND INFO DEBUG
        COMMAND DOCS debug //~ any -- our own words
        "#,
    ),
    Case::new(
        "a_digest_is_of_the_data",
        r#"
        DEBUG SET-DISABLE-DENY-SCRIPTS 1
        DEBUG DIGEST
        DEBUG DIGEST-VALUE
        DEBUG DIGEST-VALUE nokey
        RPUSH l a b c
        SADD s 1 2 3
        SADD t a b
        ZADD z 1 a 2 b
        HSET h f v g w
        SET k v
        SET e v EX 1000
        !let d DEBUG DIGEST
        EVAL "return redis.call('debug','digest').ok == ARGV[1]" 0 ${d}
        DEL h
        EVAL "return redis.call('debug','digest').ok == ARGV[1]" 0 ${d}
        HSET h g w
        HSET h f v
        EVAL "return redis.call('debug','digest').ok == ARGV[1]" 0 ${d}
        EXPIRE e 2000
        EVAL "return redis.call('debug','digest').ok == ARGV[1]" 0 ${d}
        PERSIST e
        EVAL "return redis.call('debug','digest').ok == ARGV[1]" 0 ${d}
        EXPIRE e 10
        DEBUG RELOAD
        EVAL "return redis.call('debug','digest').ok == ARGV[1]" 0 ${d}
        LSET l 0 x
        EVAL "return redis.call('debug','digest').ok == ARGV[1]" 0 ${d}
        DEBUG RELOAD NOSAVE
        EVAL "return redis.call('debug','digest').ok == ARGV[1]" 0 ${d}
        LRANGE l 0 -1
        COPY k k2
        EVAL "local d=redis.call('debug','digest-value','k','k2','e') return {d[1].ok==d[2].ok, d[1].ok==d[3].ok}" 0
        DEBUG SET-DISABLE-DENY-SCRIPTS 0
        EVAL "return redis.call('debug','digest')" 0
        "#,
    ),
    Case::new(
        "reload_keeps_clients_and_tells_those_who_watch",
        r"
        SELECT 3
        SET k v
        RPUSH l 1 2 3
        PEXPIRE l 100000
        2> WATCH k
        2> WATCH nokey
        DEBUG RELOAD
        2> MULTI
        2> PING
        2> EXEC
        2> WATCH nokey
        DEBUG RELOAD
        2> MULTI
        2> PING
        2> EXEC
        2> SELECT 3
        2> WATCH k
        DEBUG RELOAD
        2> MULTI
        2> PING
        2> EXEC
        GET k
        LRANGE l 0 -1
        PTTL l //~ within 5000 -- time passes
        SET k2 v2
        DEBUG RELOAD NOSAVE
        EXISTS k2
        SET k2 v2
        SET k w
        DEBUG RELOAD NOSAVE NOFLUSH MERGE
        MGET k k2
        DEBUG RELOAD x
        DEBUG RELOAD NOSAVE x
        MULTI
        SET k3 v3
        DEBUG RELOAD
        GET k3
        EXEC
        INFO replication //~ any -- only that the server goes on
        ",
    ),
    Case::new(
        "populate_fills_gaps",
        r"
        SET key:1 mine
        DEBUG POPULATE 3
        MGET key:0 key:1 key:2 key:3
        DEBUG POPULATE 3 p 10
        MGET p:0 p:1 p:2
        DEBUG POPULATE 2 q 3
        MGET q:0 q:1
        DEBUG POPULATE 2 r 0
        MGET r:0 r:1
        DEBUG POPULATE 0
        DEBUG POPULATE -1
        DEBUG POPULATE x
        DEBUG POPULATE 1 p -1
        DEBUG POPULATE 1 p x
        DEBUG POPULATE 1 2 3 4
        DBSIZE
        ",
    ),
    Case::new(
        "checksums_of_payloads_may_be_passed_over",
        r#"
        RESTORE a 0 "\x00\xc0\x11\x0a\x00xxxxxxxx"
        DEBUG SET-SKIP-CHECKSUM-VALIDATION
        DEBUG SET-SKIP-CHECKSUM-VALIDATION x
        DEBUG SET-SKIP-CHECKSUM-VALIDATION 1
        RESTORE a 0 "\x00\xc0\x11\x0a\x00xxxxxxxx"
        GET a
        RESTORE b 0 "\x00\xc0\x11\x0a\x00\xe4\x03\x29\x45\x3c\xf4\x2b\x1d"
        GET b
        RESTORE c 0 "\x00\xc0\x11\xff\x00xxxxxxxx"
        RESTORE d 0 "\x00\xc0\x11"
        RESTORE e 0 "\x00\xc0\x11\x0a\x00xxxxxxxxx"
        RESTORE f 0 ""
        RESTORE g 0 "xxxxxxxxxx"
        DEBUG SET-SKIP-CHECKSUM-VALIDATION 0
        RESTORE h 0 "\x00\xc0\x11\x0a\x00xxxxxxxx"
        "#,
    ),
    Case::new(
        "words_that_come_behind",
        r#"
        SET k v
        HSET h f v
        DEBUG OBJECT nokey fast //~ 7.2 "-ERR no such key\r\n" -- 7.0 has no FAST
        DEBUG OBJECT k fast x
        DEBUG OBJECT nokey x //~ 7.2 "-ERR no such key\r\n" -- 7.0 has no FAST
        DEBUG HTSTATS 99 full //~ 7.2 "-ERR Out of range database\r\n" -- FULL is newer than 7.0
        DEBUG HTSTATS x full //~ 7.2 "-ERR value is not an integer or out of range\r\n" -- FULL is newer than 7.0
        DEBUG HTSTATS-KEY h full //~ 7.2 "-ERR The value stored at the specified key is not represented using an hash table\r\n" -- FULL is newer than 7.0
        DEBUG HTSTATS-KEY nokey full //~ 7.2 "-ERR no such key\r\n" -- FULL is newer than 7.0
        DEBUG STRINGMATCH-LEN 10 a
        DEBUG STRINGMATCH-LEN 10
        DEBUG ERROR x y
        DEBUG LOG x y
        DEBUG CHANGE-REPL-ID x
        DEBUG SDSLEN
        DEBUG SDSLEN k l
        DEBUG ZIPLIST k
        DEBUG QUICKLIST
        DEBUG LISTPACK
        DEBUG POPULATE
        DEBUG SET-ACTIVE-EXPIRE 1 2
        DEBUG PROTOCOL a b
        "#,
    ),
    Case::new(
        "how_values_are_kept",
        r"
        SET n 12
        SET s text
        ZADD z 1 a
        HSET h f v
        SADD i 1 2 3
        DEBUG OBJECT n //~ only encoding refcount -- addresses and times
        DEBUG LISTPACK n
        DEBUG LISTPACK z
        DEBUG LISTPACK h
        DEBUG QUICKLIST z
        DEBUG SDSLEN n
        DEBUG SDSLEN z
        DEBUG SDSLEN nokey
        DEBUG HTSTATS-KEY n
        DEBUG HTSTATS-KEY h
        DEBUG HTSTATS 9
        ",
    ),
    Case::new(
        "nothing_expires_by_itself_while_that_is_off",
        r#"
        DEBUG SET-ACTIVE-EXPIRE 0
        SET k v PX 1
        !pass 500
        DBSIZE
        DEBUG OBJECT k //~ only encoding refcount -- addresses and times
        EXISTS k
        DEBUG OBJECT k
        DBSIZE
        SET k v PX 1
        DEBUG SET-ACTIVE-EXPIRE 1
        !await ":0\r\n" DBSIZE
        "#,
    ),
];
