//! Clients and what they are told of each other: what RESET forgets, when replies are held back, who is
//! killed. Semantics: <https://redis.io/docs/latest/commands/?group=connection>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "reset_forgets_all_that_a_client_has_set",
        r#"
        ACL SETUSER bob on nopass +@all allkeys allchannels
        2> SELECT 4
        2> AUTH bob x
        2> CLIENT SETNAME me
        2> WATCH k
        2> HELLO 3 //~ except version id -- the server's own
        2> CLIENT INFO //~ only name db flags user resp -- the rest is the process's own
        2> RESET
        2> CLIENT INFO //~ only name db flags user resp cmd -- the rest is the process's own
        2> ACL WHOAMI
        2> MULTI
        2> SET a 1
        2> RESET
        2> EXEC
        2> EXISTS a
        2> WATCH k
        SET k 2
        2> MULTI
        2> RESET
        2> MULTI
        2> PING
        2> EXEC
        2> SUBSCRIBE c
        2> PSUBSCRIBE p
        2> SSUBSCRIBE s
        2> RESET
        2> CLIENT INFO //~ only flags sub psub ssub cmd -- the rest is the process's own
        PUBSUB NUMSUB c
        PUBSUB NUMPAT
        PUBSUB SHARDNUMSUB s
        3> MULTI
        3> NOSUCH
        3> RESET
        3> EXEC
        5> RESET x
        5> MULTI
        5> RESET x
        5> EXEC
        5> EVAL "return redis.call('reset')" 0
        6> CLIENT NO-EVICT ON
        6> RESET
        6> CLIENT INFO //~ 7.2-has "flags=N" -- 7.0 forgets all but this
        6> CLIENT NO-TOUCH ON //~ 7.2 "+OK\r\n" -- CLIENT NO-TOUCH is new in 7.2
        6> CLIENT INFO //~ 7.2-has "flags=T" -- CLIENT NO-TOUCH is new in 7.2
        6> RESET
        6> CLIENT INFO //~ 7.2-has "flags=N" -- CLIENT NO-TOUCH is new in 7.2
        6> CLIENT NO-TOUCH maybe //~ 7.2 "-ERR syntax error\r\n" -- CLIENT NO-TOUCH is new in 7.2
        ACL DELUSER bob
        "#,
    ),
    Case::new(
        "reset_and_replies_that_are_held_back",
        r"
        2> !silent CLIENT REPLY OFF
        2> !silent PING
        2> RESET
        2> PING
        2> !silent CLIENT REPLY SKIP
        2> !silent RESET
        2> PING
        3> MONITOR
        3> MULTI
        3> !read //~ seen -- the time, and where from
        3> RESET
        3> EXEC
        ",
    ),
    Case::new(
        "replies_are_held_back_in_pipelines_and_transactions",
        r#"
        !raw 2 "CLIENT REPLY OFF\r\nPING\r\nNONSENSE\r\nGET\r\nCLIENT REPLY ON\r\nPING\r\n"
        !raw 1 "CLIENT REPLY SKIP\r\nNONSENSE\r\nPING\r\n"
        !raw 1 "CLIENT REPLY SKIP\r\nGET\r\nPING\r\n"
        !raw 1 "CLIENT REPLY SKIP\r\nCLIENT REPLY NONSENSE\r\nPING\r\n"
        !raw 3 "CLIENT REPLY SKIP\r\nMULTI\r\nSET k v\r\nGET k\r\nEXEC\r\n"
        # The array of EXEC's reply is completed by a later reply.
        !raw 4 "MULTI\r\nCLIENT REPLY SKIP\r\nSET k v\r\nEXEC\r\nPING\r\nPING\r\n"
        PING
        !raw 5 "MULTI\r\nSET k v\r\nCLIENT REPLY ON\r\nSET k v\r\nEXEC\r\n"
        !raw 2 "CLIENT REPLY OFF\r\nMULTI\r\nSET k 2\r\nEXEC\r\nCLIENT REPLY ON\r\nGET k\r\n"
        !raw 1 "CLIENT REPLY OFF\r\nCLIENT REPLY NONSENSE\r\nCLIENT REPLY ON\r\n"
        EVAL "return redis.call('client','reply','on')" 0
        6> !silent CLIENT REPLY SKIP
        6> !silent BLPOP nolist 0.01
        6> PING
        7> !silent CLIENT REPLY OFF
        7> !silent BLPOP nolist 0.01
        7> CLIENT REPLY ON
        8> !silent CLIENT REPLY SKIP
        8> !silent BLPOP list 0
        !blocked 1
        RPUSH list x
        8> PING
        "#,
    ),
    Case::new(
        "messages_come_through_where_replies_are_held_back",
        r"
        2> !silent CLIENT REPLY SKIP
        2> !silent SUBSCRIBE a
        2> PING
        4> HELLO 3 //~ except version id -- the server's own
        4> !silent CLIENT REPLY OFF
        4> SUBSCRIBE c
        PUBLISH c 1
        4> !read
        4> UNSUBSCRIBE c
        4> PSUBSCRIBE d*
        PUBLISH dd 1
        4> !read
        4> CLIENT REPLY ON
        5> HELLO 3 //~ except version id -- the server's own
        5> !silent CLIENT REPLY SKIP
        5> SUBSCRIBE c
        5> PING
        ",
    ),
    Case::new(
        "passwords_and_users",
        r#"
        AUTH "" ""
        AUTH default ""
        AUTH ""
        AUTH default default
        MULTI
        AUTH default x
        EXEC
        ACL SETUSER u on >p +@all ~*
        ACL SETUSER v off >p +@all ~*
        AUTH u p
        ACL WHOAMI
        AUTH v p
        AUTH u wrong
        ACL WHOAMI
        AUTH U p
        AUTH default whatever
        EVAL "return redis.call('auth','u','p')" 0
        AUTH u p extra
        ACL DELUSER u v
        "#,
    ),
    Case::new(
        "hello_in_every_form",
        r#"
        HELLO 2 3
        HELLO AUTH default x
        HELLO SETNAME x
        HELLO 3 SETNAME x AUTH default y SETNAME z //~ except version id -- the server's own
        CLIENT GETNAME
        HELLO 2 AUTH default x SETNAME "bad name"
        CLIENT GETNAME
        HELLO 3 SETNAME "bad name"
        GET missing
        HELLO 2 setname "a" auth default "" //~ except version id -- the server's own
        HELLO 02
        HELLO +2
        HELLO " 2"
        HELLO 2.0
        HELLO 9999999999999999999
        HELLO 3 NONSENSE AUTH
        HELLO 3 AUTH default x AUTH
        MULTI
        HELLO 3
        GET missing
        EXEC //~ unordered-deep without version id -- the server's own
        GET missing
        MULTI
        HELLO 9
        EXEC
        HELLO 2 //~ except version id -- the server's own
        EVAL "return redis.call('hello','3')" 0
        SUBSCRIBE a
        HELLO 3 //~ except version id -- the server's own
        HELLO 2 //~ except version id -- the server's own
        UNSUBSCRIBE
        "#,
    ),
    Case::new(
        "ping_and_echo_for_subscribers_and_in_both_protocols",
        r#"
        HELLO 3 //~ except version id -- the server's own
        PING
        PING x
        ECHO x
        ECHO ""
        SUBSCRIBE a
        PING
        PING x
        ECHO x
        PING ""
        PING "\r\n"
        GET k
        HELLO 2 //~ except version id -- the server's own
        PING
        PING x
        ECHO x
        UNSUBSCRIBE
        PING
        MULTI
        PING
        PING x y
        PING x
        EXEC
        MULTI
        SUBSCRIBE q
        PING
        PING x
        EXEC
        PING
        RESET
        "#,
    ),
    Case::new(
        "databases_are_selected_within_limits",
        r#"
        SELECT 2147483647
        SELECT -2147483648
        SELECT -2147483649
        SELECT 00
        SELECT " 1"
        SELECT "1 "
        SELECT 0x1
        CONFIG GET databases
        MULTI
        SELECT 99
        SELECT 2
        SET k v
        EXEC
        GET k
        DBSIZE
        CLIENT INFO //~ only db -- the rest is the process's own
        "#,
    ),
    Case::new(
        "who_quits_leaves_nothing_queued",
        r#"
        2> MULTI
        2> SET q 1
        2> !end "QUIT\r\n"
        EXISTS q
        3> !end "QUIT x y\r\n"
        4> SUBSCRIBE a
        4> !end "QUIT\r\n"
        "#,
    ),
    Case::new(
        "names_are_plain",
        r#"
        CLIENT SETNAME "a b"
        CLIENT SETNAME "\x7f"
        CLIENT SETNAME "\x1f"
        CLIENT SETNAME "\x80"
        CLIENT SETNAME "\t"
        CLIENT SETNAME "!~"
        CLIENT SETNAME "\""
        CLIENT SETNAME "a=b"
        CLIENT GETNAME
        CLIENT SETNAME ${x*1000}
        CLIENT GETNAME
        MULTI
        CLIENT SETNAME inmulti
        CLIENT GETNAME
        CLIENT SETNAME "a b"
        EXEC
        "#,
    ),
    Case::new(
        "libraries_say_what_they_are",
        r#"
        CLIENT SETINFO LIB-NAME "" //~ 7.2 "+OK\r\n" -- CLIENT SETINFO is new in 7.2
        CLIENT SETINFO LIB-NAME "a\nb" //~ 7.2 "-ERR LIB-NAME cannot contain spaces, newlines or special characters.\r\n" -- CLIENT SETINFO is new in 7.2
        CLIENT SETINFO lib-name "a b" //~ 7.2 "-ERR lib-name cannot contain spaces, newlines or special characters.\r\n" -- CLIENT SETINFO is new in 7.2
        CLIENT SETINFO LIB-ver "\x7f" //~ 7.2 "-ERR LIB-ver cannot contain spaces, newlines or special characters.\r\n" -- CLIENT SETINFO is new in 7.2
        CLIENT SETINFO lib-Name php(v1;x) //~ 7.2 "+OK\r\n" -- CLIENT SETINFO is new in 7.2
        CLIENT SETINFO lib-Ver 6.0 //~ 7.2 "+OK\r\n" -- CLIENT SETINFO is new in 7.2
        CLIENT INFO //~ 7.2-has "lib-name=php(v1;x) lib-ver=6.0" -- CLIENT SETINFO is new in 7.2
        RESET
        CLIENT INFO //~ 7.2-has "lib-name=php(v1;x) lib-ver=6.0" -- CLIENT SETINFO is new in 7.2
        CLIENT SETINFO "bad\r\nname" x //~ 7.2 "-ERR Unrecognized option 'bad  name'\r\n" -- CLIENT SETINFO is new in 7.2
        CLIENT SETINFO LIB-NAME a b //~ 7.2 "-ERR wrong number of arguments for 'client|setinfo' command\r\n" -- CLIENT SETINFO is new in 7.2
        "#,
    ),
    Case::new(
        "what_kill_refuses",
        r#"
        CLIENT KILL
        CLIENT KILL x
        CLIENT KILL ""
        CLIENT KILL 127.0.0.1:1
        CLIENT KILL ID
        CLIENT KILL a b c d e
        CLIENT KILL ID 1 ID
        CLIENT KILL ID 999999 ID 999998
        CLIENT KILL ID 999999 TYPE normal
        CLIENT KILL TYPE master
        CLIENT KILL TYPE slave
        CLIENT KILL TYPE replica
        CLIENT KILL TYPE NORMAL ADDR 1.2.3.4:5
        CLIENT KILL TYPE pubsub SKIPME no
        CLIENT KILL USER default ADDR x
        CLIENT KILL USER ""
        CLIENT KILL USER default ID 99999
        CLIENT KILL SKIPME YES ID 99999
        CLIENT KILL SKIPME No ID 99999
        CLIENT KILL SKIPME 1 ID 99999
        CLIENT KILL ID 1.5
        CLIENT KILL ID 99999999999999999999
        CLIENT KILL ID +1
        CLIENT KILL MAXAGE 10
        CLIENT KILL MAXAGE 100000 ID 9999
        CLIENT KILL LADDR x:1 ADDR y:1 TYPE normal USER default SKIPME yes ID 4
        "#,
    ),
    Case::new(
        "who_is_killed_and_how_many",
        r"
        2> PING
        3> PING
        4> SUBSCRIBE a
        ACL SETUSER bob on nopass +@all allkeys
        6> AUTH bob x
        7> AUTH bob x
        CLIENT KILL TYPE pubsub
        4> !end
        CLIENT KILL USER bob
        6> !end
        7> !end
        8> AUTH bob x
        8> CLIENT KILL USER bob
        8> CLIENT KILL USER bob SKIPME no
        8> !end
        10> MULTI
        10> CLIENT KILL ${addr:10}
        10> EXEC
        10> !end
        11> MULTI
        11> SET killed 1
        CLIENT KILL ADDR ${addr:11}
        11> !end
        EXISTS killed
        12> !silent BLPOP l 0
        !blocked 1
        CLIENT KILL ADDR ${addr:12}
        !blocked 0
        12> !end
        13> AUTH bob x
        ACL DELUSER bob
        13> !end
        ",
    ),
    Case::new(
        "options_of_tracking_are_read_also_where_it_is_off",
        r"
        !let me CLIENT ID
        CLIENT TRACKING OFF REDIRECT ${me}
        CLIENT TRACKING OFF REDIRECT ${me} REDIRECT ${me}
        CLIENT TRACKING OFF REDIRECT 999999 REDIRECT x
        CLIENT TRACKING OFF REDIRECT ${me} REDIRECT x
        CLIENT TRACKING OFF REDIRECT 0
        CLIENT TRACKING OFF REDIRECT -1
        CLIENT TRACKING OFF REDIRECT abc
        CLIENT TRACKING OFF REDIRECT
        CLIENT TRACKING OFF PREFIX
        CLIENT TRACKING OFF PREFIX a PREFIX a
        CLIENT TRACKING OFF NOLOOP OPTIN OPTOUT BCAST
        CLIENT TRACKING off noloop
        CLIENT TRACKING maybe x
        CLIENT TRACKING maybe OPTIN
        CLIENT TRACKING OFF x
        CLIENT TRACKING OFF OPTIN x
        CLIENT TRACKING ON REDIRECT 99999
        CLIENT TRACKING ON x
        CLIENT CACHING NO
        CLIENT CACHING YES x
        CLIENT GETREDIR x
        CLIENT TRACKINGINFO x
        MULTI
        CLIENT TRACKINGINFO
        CLIENT GETREDIR
        EXEC
        ",
    ),
];
