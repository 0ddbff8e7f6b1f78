//! What operators ask. Semantics: <https://redis.io/docs/latest/commands/?group=server>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "oom_scores_are_set_and_refused",
        r#"
        CONFIG GET oom-score-adj
        CONFIG GET oom-score-adj-values
        CONFIG SET oom-score-adj-values "10 20 30" oom-score-adj yes
        CONFIG SET oom-score-adj-values "1500 1600 1700"
        CONFIG SET oom-score-adj absolute
        CONFIG GET oom-score-adj
        CONFIG GET oom-score-adj-values
        CONFIG SET oom-score-adj maybe
        CONFIG SET oom-score-adj-values "1 2"
        CONFIG SET oom-score-adj-values "1 2 x"
        CONFIG SET oom-score-adj-values "1 2 2001"
        CONFIG SET oom-score-adj-values ""
        CONFIG SET oom-score-adj no
        CONFIG SET oom-score-adj-values "0 200 800"
        "#,
    ),
    Case::new(
        "slow_calls_are_logged_without_secrets",
        r#"
        CONFIG SET slowlog-log-slower-than 0
        SLOWLOG RESET
        SLOWLOG LEN
        AUTH foo bar
        HELLO 2 SETNAME q //~ except version id -- the server's own
        HELLO 2 AUTH bob pw SETNAME q //~ until-7.2 code -- 7.2 says so of users that are off
        ACL SETUSER bob on >pw
        ACL DELUSER bob
        CONFIG SET maxclients 1000 requirepass ""
        EVAL "return redis.call('get', KEYS[1])" 1 k
        MULTI
        SET k v
        INCR k
        EXEC
        GET
        NOSUCH
        RPUSH l 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30
        RPUSH l 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        SET k xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        SLOWLOG LEN
        EVAL "local r={} for i,e in ipairs(redis.call('SLOWLOG','GET','-1')) do r[i]=e[4] end return r" 0 //~ until-7.2 shape -- 7.2 names nobody in ACL DELUSER
        EVAL "local r={} for i,e in ipairs(redis.call('SLOWLOG','GET')) do r[i]={e[6],#e} end return r" 0 //~ until-7.2 shape -- 7.2 names a script's client
        EVAL "return #redis.call('SLOWLOG','GET',3)" 0
        CONFIG SET slowlog-max-len 2
        PING
        SLOWLOG LEN
        CONFIG SET slowlog-max-len 128
        CONFIG SET slowlog-log-slower-than -1
        SLOWLOG RESET
        PING
        SLOWLOG LEN
        SLOWLOG GET
        SLOWLOG GET 0
        SLOWLOG GET -2
        SLOWLOG GET x
        SLOWLOG GET 1 2
        SLOWLOG GeT 1 2
        SLOWLOG
        SLOWLOG NOSUCH
        SLOWLOG LEN x
        CONFIG SET slowlog-log-slower-than 100000000
        "#,
    ),
    Case::new(
        "the_slow_log_shrinks_and_refuses",
        r#"
        CONFIG SET slowlog-log-slower-than 0
        CONFIG SET slowlog-max-len 5
        PING
        PING
        PING
        PING
        PING
        PING
        SLOWLOG LEN
        CONFIG SET slowlog-max-len 2
        SLOWLOG LEN
        PING
        SLOWLOG LEN
        CONFIG SET slowlog-max-len 0
        SLOWLOG LEN
        PING
        SLOWLOG LEN
        SLOWLOG GET
        SLOWLOG GET 5
        CONFIG SET slowlog-max-len 128
        CONFIG SET slowlog-log-slower-than 100000000
        SLOWLOG LEN
        SLOWLOG RESET x
        SLOWLOG GET 5 x
        SLOWLOG get abc
        SLOWLOG GET ""
        SLOWLOG GET -5
        SLOWLOG GET 9223372036854775808
        SLOWLOG HELP x
        CONFIG SET slowlog-max-len -1
        CONFIG SET slowlog-max-len abc
        CONFIG SET slowlog-log-slower-than abc
        CONFIG SET slowlog-log-slower-than -2
        CONFIG GET slowlog-* //~ unordered-pairs -- a hash table has no order
        MULTI
        SLOWLOG LEN
        SLOWLOG RESET
        SLOWLOG LEN
        EXEC
        "#,
    ),
    Case::new(
        "the_slow_log_says_what_was_said_but_for_secrets",
        r#"
        CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 1000
        SLOWLOG RESET
        AUTH default pw
        AUTH pw2
        HELLO 3 AUTH default pw3 SETNAME n //~ except version id -- the server's own
        HELLO 2 //~ except version id -- the server's own
        ACL SETUSER carl on >pw4 ~*
        ACL DELUSER carl
        CONFIG SET requirepass "" maxclients 1000
        CONFIG SET nosuch pw
        ACL DRYRUN default AUTH pw9
        MULTI
        AUTH default pw10
        CONFIG SET requirepass ""
        SET k v
        EXEC
        EVAL "return redis.pcall('auth','pw11')" 0
        CLIENT SETNAME abc
        CLIENT KILL ID 9999999
        CLIENT LIST ID 9999999
        SCRIPT EXISTS x
        SUBSCRIBE a
        UNSUBSCRIBE a
        WATCH a
        UNWATCH
        BLPOP nolist 0.001
        MONITOR x
        PING a b
        RESET
        SELECT 1
        SELECT 0
        ECHO ${é*200}
        SET k ${x*128}
        SET k ${x*129}
        SET k "\x00\n"
        EVAL "redis.call('set','a',1) redis.call('get','a') return 1" 0
        CONFIG SET slowlog-log-slower-than -1
        EVAL "local r={} for i,e in ipairs(redis.call('SLOWLOG','GET','-1')) do r[i]=e[4] end return r" 0 //~ until-7.2 any -- 7.2 names nobody in ACL DELUSER, and tells of refused commands
        CONFIG SET slowlog-log-slower-than 10000 slowlog-max-len 128
        "#,
    ),
    Case::new(
        "without_replicas_a_wait_ends_by_its_timeout",
        r#"
        WAIT 0 0
        WAIT -1 0
        WAIT 1 1
        WAIT x 0
        WAIT x y
        WAIT 0 x
        WAIT 0 -1
        WAIT 1 1.5
        WAIT 0
        WAIT 0 0 0
        MULTI
        WAIT 1 0
        EXEC
        PING
        EVAL "return redis.call('WAIT', '1', '0')" 0 //~ 7.2 ":0\r\n" -- scripts may ask, and do not wait
        COMMAND INFO WAIT //~ 7.2-has "wait\r\n:3\r\n" -- has no flags any more
        "#,
    ),
    Case::new(
        "monitors_see_what_runs",
        r#"
        PING
        2> MONITOR
        PING
        2> !read //~ seen -- the time, and where from
        GET
        NOSUCH a
        set k "a b\x00\"q\\z\n\r\t\a\b\xff"
        2> !read //~ seen -- the time, and where from
        AUTH x
        2> !read //~ seen -- the time, and where from
        AUTH a b
        2> !read //~ seen -- the time, and where from
        HELLO 2 AUTH default pw SETNAME xx //~ except version id -- the server's own
        2> !read //~ seen -- the time, and where from
        CONFIG GET maxmemory
        CLIENT LIST ID 9
        CLIENT KILL ID 999999
        client setname foo
        2> !read //~ seen -- the time, and where from
        ACL WHOAMI
        2> !read //~ seen -- the time, and where from
        ACL SETUSER foo
        ACL DELUSER foo
        SELECT 3
        2> !read //~ seen -- the time, and where from
        GET k
        2> !read //~ seen -- the time, and where from
        MULTI
        2> !read //~ seen -- the time, and where from
        SET a 1
        BOGUS
        EXEC
        2> !read //~ seen -- the time, and where from
        MULTI
        2> !read //~ seen -- the time, and where from
        SET a 1
        LPUSH a 1
        GET a
        EXEC
        2> !read //~ seen -- the time, and where from
        2> !read //~ seen -- the time, and where from
        2> !read //~ seen -- the time, and where from
        2> !read //~ seen -- the time, and where from
        MULTI
        2> !read //~ seen -- the time, and where from
        DISCARD
        2> !read //~ seen -- the time, and where from
        EVAL "redis.call('select',5) redis.call('set',KEYS[1],1) return redis.call('get',KEYS[1])" 1 kk
        2> !read //~ seen -- the time, and where from
        2> !read //~ seen -- the time, and where from
        2> !read //~ seen -- the time, and where from
        2> !read //~ seen -- the time, and where from
        EVAL "return 1" 0
        2> !read //~ seen -- the time, and where from
        EVAL "bad(" 0 //~ code -- the text of the compiler
        2> !read //~ seen -- the time, and where from
        EVALSHA ffff 0
        2> !read //~ seen -- the time, and where from
        SCRIPT LOAD "return 1"
        2> !read //~ seen -- the time, and where from
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
        2> !read //~ seen -- the time, and where from
        BLPOP nolist 0.01
        2> !read //~ seen -- the time, and where from
        WAIT 1 10
        2> !read //~ seen -- the time, and where from
        WATCH k
        2> !read //~ seen -- the time, and where from
        UNWATCH
        2> !read //~ seen -- the time, and where from
        SLOWLOG GET 0
        OBJECT ENCODING k
        2> !read //~ seen -- the time, and where from
        COMMAND COUNT //~ any -- there are others
        2> !read //~ seen -- the time, and where from
        PUBLISH ch x
        2> !read //~ seen -- the time, and where from
        RESET
        2> !read //~ seen -- the time, and where from
        QUIT
        2> !read //~ seen -- the time, and where from
        "#,
    ),
    Case::new(
        "monitors_come_and_go",
        r#"
        PING
        u1> PING
        2> MONITOR
        u1> SET k v
        2> !read //~ seen -- the time, and where from
        2> PING
        2> !read //~ seen -- the time, and where from
        2> GET k
        2> SET k v
        2> DBSIZE
        2> PUBLISH a b
        2> EVAL "return 1" 0
        2> MULTI
        2> !read //~ seen -- the time, and where from
        2> PING
        2> EXEC
        2> !read //~ seen -- the time, and where from
        2> !read //~ seen -- the time, and where from
        2> !silent MONITOR
        !let me CLIENT ID
        2> !read //~ seen -- the time, and where from
        2> CLIENT INFO //~ only flags db sub multi resp user cmd -- the others are the server's own
        2> !read //~ seen -- the time, and where from
        2> RESET
        SET k v
        2> GET k
        2> MONITOR
        2> !end "*1\r\n$4\r\nQUIT\r\n"
        MULTI
        MONITOR
        EXEC
        EVAL "return redis.call('monitor')" 0
        MONITOR x
        COMMAND INFO MONITOR
        "#,
    ),
    Case::new(
        "clients_are_paused",
        r##"
        CLIENT PAUSE
        CLIENT PAUSE x
        CLIENT PAUSE 1.5
        CLIENT PAUSE -1
        CLIENT PAUSE 10 foo
        CLIENT PAUSE 10 write x
        CLIENT UNPAUSE x
        CLIENT UNPAUSE
        CLIENT PAUSE 0
        SET k 1
        SET e 1 PX 300
        2> PING
        3> PING
        CLIENT PAUSE 100000 WRITE
        2> !silent SET k 2
        !blocked 1
        3> !silent PUBLISH a b
        !blocked 2
        GET k
        SCRIPT LOAD "return 1"
        EVAL_RO "return 1" 0
        EVAL "#!lua flags=no-writes\nreturn 1" 0
        SORT_RO l
        SET
        NOSUCH
        CONFIG SET maxmemory 0
        TOUCH k
        MULTI
        GET k
        EXEC
        4> !silent EVAL "return 1" 0
        !blocked 3
        5> !silent EVAL "#!lua\nreturn 1" 0
        !blocked 4
        6> MULTI
        6> GET k
        6> !silent SET k 3
        !blocked 5
        7> !silent BLPOP l x
        !blocked 6
        !pass 310
        EXISTS e
        GET e
        DBSIZE
        CLIENT PAUSE 1 WRITE
        CLIENT UNPAUSE
        2> !read
        3> !read
        4> !read
        5> !read
        6> !read
        6> EXEC
        7> !read
        !blocked 0
        GET e
        DBSIZE
        MULTI
        SET k 4
        CLIENT PAUSE 100000 WRITE
        SET k 5
        EXEC
        2> !silent SET k 6
        !blocked 1
        GET k
        CLIENT UNPAUSE
        2> !read
        GET k
        2> BLPOP l 0.05
        CLIENT PAUSE 200 WRITE
        2> !silent BLPOP l 0
        CLIENT PAUSE 50 ALL
        GET k
        RPUSH l x
        2> !read
        COMMAND INFO client|pause client|unpause
        "##,
    ),
    Case::new(
        "there_is_no_tracking",
        r"
        CLIENT CACHING YES
        CLIENT CACHING
        CLIENT GETREDIR
        CLIENT TRACKINGINFO
        CLIENT TRACKING
        CLIENT TRACKING OFF
        CLIENT TRACKING maybe
        CLIENT TRACKING OFF extra
        CLIENT TRACKING OFF BCAST optin OPTOUT NOLOOP PREFIX a PREFIX b
        CLIENT TRACKING OFF PREFIX
        CLIENT TRACKING OFF REDIRECT
        CLIENT TRACKING OFF REDIRECT x
        CLIENT TRACKING OFF REDIRECT -1
        CLIENT TRACKING OFF REDIRECT 99999
        COMMAND INFO client|tracking client|trackinginfo client|caching client|getredir
        ",
    ),
    Case::new(
        "latencies_of_events_and_commands",
        r#"
        LATENCY RESET //~ shape -- whatever took long before
        LATENCY LATEST
        LATENCY HISTORY command
        LATENCY HISTORY
        LATENCY HISTORY a b
        LATENCY GRAPH nosuch
        LATENCY GRAPH
        LATENCY RESET a b
        LATENCY NOSUCH
        LATENCY
        LATENCY LATEST x
        LATENCY HISTOGRAM nosuch
        EVAL "return redis.call('LATENCY', 'LATEST')" 0
        CONFIG RESETSTAT
        SET k v
        GET k
        LATENCY HISTOGRAM get SET nosuch //~ shape -- their times
        LATENCY HISTOGRAM Config //~ shape -- its time
        LATENCY HISTOGRAM config|resetstat //~ shape -- its time
        "#,
    ),
];
