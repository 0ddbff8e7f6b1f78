//! What operators ask. Semantics: <https://redis.io/docs/latest/commands/?group=server>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
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
        CONFIG SET slowlog-log-slower-than 10000
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
        "latencies_of_events_and_commands",
        r#"
        LATENCY RESET //~ shape -- whatever took long before
        LATENCY LATEST
        LATENCY HISTORY command
        LATENCY HISTORY
        LATENCY HISTORY a b
        LATENCY RESET a b
        LATENCY NOSUCH
        LATENCY
        LATENCY LATEST x
        LATENCY HISTOGRAM nosuch
        EVAL "return redis.call('LATENCY', 'LATEST')" 0 //~ code -- the script's name
        CONFIG RESETSTAT
        SET k v
        GET k
        LATENCY HISTOGRAM get SET nosuch //~ shape -- their times
        LATENCY HISTOGRAM Config //~ shape -- its time
        LATENCY HISTOGRAM config|resetstat //~ shape -- its time
        "#,
    ),
];
