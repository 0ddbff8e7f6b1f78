//! Connection commands. Semantics: <https://redis.io/docs/latest/commands/?group=connection>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "ping_and_echo",
        r#"
        PING
        PING hello
        PING ""
        PING "\x00\r\n"
        PING a b
        ping
        ECHO hello
        ECHO ""
        ECHO
        ECHO a b
        ECHO ${x*100000}
        u1> PING
        "#,
    ),
    Case::new(
        "select_knows_sixteen_databases",
        r#"
        SELECT 0
        SELECT 15
        SELECT 16
        SELECT -1
        SELECT abc
        SELECT 1.5
        SELECT ""
        SELECT 9223372036854775808
        SELECT 4294967296
        SELECT 2147483648
        SELECT
        SELECT 1 2
        SELECT 01
        SELECT +1
        "#,
    ),
    Case::new(
        "auth_without_a_password_set",
        r"
        AUTH
        AUTH x
        AUTH default x
        AUTH nobody x
        AUTH a b c
        PING
        ",
    ),
    Case::new(
        "a_password_set_later_leaves_old_connections_alone",
        r#"
        2> PING
        CONFIG SET requirepass secret
        PING
        2> PING
        2> AUTH wrong
        2> PING
        2> AUTH secret
        2> AUTH default secret
        CONFIG GET requirepass
        CONFIG SET requirepass ""
        CONFIG GET requirepass
        AUTH secret
        "#,
    ),
    Case::new(
        "quit_says_ok_and_closes",
        r#"
        !end "QUIT\r\n"
        2> !end "*1\r\n$4\r\nquit\r\n"
        3> !end "*2\r\n$4\r\nQUIT\r\n$1\r\nx\r\n"
        4> !end "PING\r\nQUIT\r\nPING\r\n"
        "#,
    ),
    Case::new(
        "reset_returns_to_the_start",
        r"
        SELECT 3
        CLIENT SETNAME someone
        SET k v
        RESET
        CLIENT GETNAME
        GET k
        HGETALL k
        HELLO 3 //~ except version id -- the server's own
        GET missing
        RESET
        GET missing
        RESET x
        CLIENT REPLY ON
        MULTI
        RESET
        EXEC
        WATCH k
        2> SET k changed
        RESET
        MULTI
        PING
        EXEC
        ",
    ),
    Case::new(
        "hello_switches_the_protocol",
        r"
        HELLO //~ except version id -- the server's own
        HELLO 3 //~ except version id -- the server's own
        HELLO //~ except version id -- the server's own
        GET missing
        HGETALL missing
        HELLO 2 //~ except version id -- the server's own
        GET missing
        HGETALL missing
        hello 3 //~ except version id -- the server's own
        HELLO 2 SETNAME someone //~ except version id -- the server's own
        CLIENT GETNAME
        HELLO 3 SETNAME other //~ except version id -- the server's own
        CLIENT GETNAME
        ",
    ),
    Case::new(
        "hello_refuses_what_it_does_not_know",
        r#"
        HELLO 1
        HELLO 4
        HELLO 0
        HELLO -1
        HELLO abc
        HELLO ""
        HELLO 3.0
        HELLO 9223372036854775808
        HELLO 2 NONSENSE
        HELLO 2 SETNAME
        HELLO 2 SETNAME "a b"
        HELLO 2 SETNAME "a\nb"
        HELLO 2 AUTH
        HELLO 2 AUTH default
        HELLO 2 AUTH nobody wrong
        HELLO 2 AUTH default x NONSENSE
        HELLO 4 AUTH default x
        HELLO 2 SETNAME "" //~ except version id -- the server's own
        HELLO 2 SETNAME a SETNAME b //~ except version id -- the server's own
        CLIENT GETNAME
        SETNAME x
        "#,
    ),
    Case::new(
        "client_id_and_names",
        r#"
        !let id CLIENT ID
        !let id2 CLIENT ID
        CLIENT GETNAME
        CLIENT SETNAME someone
        CLIENT GETNAME
        CLIENT SETNAME ""
        CLIENT GETNAME
        CLIENT SETNAME "with space"
        CLIENT SETNAME "new\nline"
        CLIENT SETNAME "\x00"
        CLIENT SETNAME "~!"
        CLIENT GETNAME
        CLIENT SETNAME "\xc3\xa9"
        CLIENT SETNAME
        CLIENT SETNAME a b
        CLIENT GETNAME x
        CLIENT ID x
        client id //~ any -- ids are the server's own
        "#,
    ),
    Case::new(
        "client_subcommands_are_checked",
        r"
        CLIENT
        CLIENT NONSENSE
        CLIENT NONSENSE a b
        CLIENT HELP x
        CLIENT REPLY
        CLIENT REPLY NONSENSE
        CLIENT REPLY ON OFF
        CLIENT NO-EVICT
        CLIENT NO-EVICT NONSENSE
        CLIENT NO-EVICT ON
        CLIENT NO-EVICT off
        CLIENT KILL
        CLIENT KILL a b c
        CLIENT INFO x
        ",
    ),
    Case::new(
        "client_setinfo_came_with_7_2",
        r#"
        CLIENT SETINFO LIB-NAME phpredis //~ 7.2 "+OK\r\n" -- CLIENT SETINFO is new in 7.2
        CLIENT SETINFO lib-ver 6.0 //~ 7.2 "+OK\r\n" -- CLIENT SETINFO is new in 7.2
        CLIENT INFO //~ 7.2-has "lib-name=phpredis lib-ver=6.0" -- CLIENT SETINFO is new in 7.2
        CLIENT SETINFO LIB-NAME "a b" //~ 7.2 "-ERR LIB-NAME cannot contain spaces, newlines or special characters.\r\n" -- CLIENT SETINFO is new in 7.2
        CLIENT SETINFO NONSENSE x //~ 7.2 "-ERR Unrecognized option 'NONSENSE'\r\n" -- CLIENT SETINFO is new in 7.2
        CLIENT SETINFO LIB-NAME //~ 7.2 "-ERR wrong number of arguments for 'client|setinfo' command\r\n" -- CLIENT SETINFO is new in 7.2
        "#,
    ),
    Case::new(
        "client_info_and_list_show_the_connection",
        r"
        SELECT 5
        CLIENT SETNAME me
        CLIENT INFO //~ only name db sub psub multi cmd user resp flags -- the rest is the process's own
        !let id CLIENT ID
        MULTI
        PING
        2> CLIENT LIST ID ${id} //~ only name db sub psub multi cmd user resp flags -- the rest is the process's own
        EXEC
        2> CLIENT LIST ID ${id} //~ only name db sub psub multi cmd user resp flags -- the rest is the process's own
        WATCH k
        2> CLIENT LIST ID ${id} //~ only flags multi cmd -- the rest is the process's own
        2> CLIENT LIST ID ${id} 999999 //~ only name db -- the rest is the process's own
        CLIENT LIST ID 999999
        CLIENT LIST TYPE pubsub
        CLIENT LIST TYPE replica
        CLIENT LIST TYPE master
        CLIENT LIST TYPE nonsense
        CLIENT LIST TYPE
        CLIENT LIST ID
        CLIENT LIST ID abc
        CLIENT LIST ID 0
        CLIENT LIST ID -1
        CLIENT LIST NONSENSE
        CLIENT LIST TYPE normal NONSENSE
        client list type NORMAL //~ any -- a line for every connection, those of the test itself included
        u3> CLIENT INFO //~ only flags -- a connection over the Unix socket
        ",
    ),
    Case::new(
        "client_kill_by_address_and_by_filter",
        r"
        2> PING
        3> PING
        4> PING
        5> PING
        CLIENT KILL ${addr:2}
        2> !end
        CLIENT KILL ADDR ${addr:3}
        3> !end
        !let me CLIENT ID
        4> !let id CLIENT ID
        CLIENT KILL ID ${id}
        4> !end
        CLIENT KILL ID ${id}
        CLIENT KILL ID ${me} SKIPME yes
        CLIENT KILL 1.2.3.4:5
        CLIENT KILL ADDR 1.2.3.4:5
        CLIENT KILL LADDR 1.2.3.4:5
        CLIENT KILL USER nobody
        CLIENT KILL TYPE pubsub
        CLIENT KILL TYPE nonsense
        CLIENT KILL ID abc
        CLIENT KILL ID 0
        CLIENT KILL ID -1
        CLIENT KILL SKIPME maybe
        CLIENT KILL NONSENSE x
        CLIENT KILL ID 1 ADDR
        5> PING
        PING
        ",
    ),
    Case::new(
        "client_kill_of_oneself_answers_first",
        r"
        CLIENT KILL ${addr:1}
        !end
        2> !let id CLIENT ID
        2> CLIENT KILL ID ${id} SKIPME no
        2> !end
        3> CLIENT KILL ADDR ${addr:3}
        3> PING
        ",
    ),
    Case::new(
        "client_reply_off_and_skip",
        r"
        CLIENT REPLY ON
        !silent CLIENT REPLY SKIP
        !silent PING hidden
        PING shown
        !silent CLIENT REPLY OFF
        !silent PING hidden
        !silent SET k v
        !silent CLIENT REPLY SKIP
        !silent NONSENSE
        CLIENT REPLY ON
        GET k
        client reply on
        !silent CLIENT REPLY SKIP
        !silent CLIENT REPLY SKIP
        !silent PING hidden
        PING shown
        ",
    ),
    Case::new(
        "unknown_commands_are_named_with_their_arguments",
        r#"
        NONSENSE
        NONSENSE a
        NONSENSE a b c
        nonsense A "b c" ""
        "" a
        NONSENSE ${x*300}
        NONSENSE ${x*100} ${y*100} ${z*100}
        ${n*200} a
        "NON\r\nSENSE" "a\r\nb"
        "NON\x00SENSE" "\x00"
        "NON'SENSE" "a'b"
        NONSENSE a b c d e f g h i j k l m n o p q r s t u v w x y z aa bb cc dd ee ff gg hh ii jj kk ll mm nn oo pp
        GETT k
        GET|SET k
        CONFIG|GET a
        "#,
    ),
    Case::new(
        "arity_errors_name_the_command",
        r"
        GET
        get
        GeT a b
        CONFIG
        CONFIG GET
        config get
        CLIENT GETNAME extra
        SCRIPT
        SCRIPT LOAD
        OBJECT FREQ
        COMMAND GETKEYS
        MULTI x
        DBSIZE x
        TIME x
        ",
    ),
];

/// Cases for servers that were started with `requirepass secret`; connections begin unauthenticated.
pub(crate) const WITH_PASSWORD: &[Case<'static>] = &[
    Case::new(
        "nothing_works_before_auth",
        r#"
        2> PING
        2> GET k
        2> NONSENSE
        2> GET
        2> MULTI
        2> EXEC
        2> SELECT 1
        2> CLIENT ID
        2> COMMAND COUNT
        2> HELLO //~ 7.2 "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n" -- 7.2 names the protocol version in the advice (redis pull request 11809)
        2> HELLO 3 //~ 7.2 "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n" -- 7.2 names the protocol version in the advice (redis pull request 11809)
        2> HELLO 2 //~ 7.2 "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n" -- 7.2 names the protocol version in the advice (redis pull request 11809)
        2> HELLO 9
        2> HELLO 3 SETNAME x //~ 7.2 "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n" -- 7.2 names the protocol version in the advice (redis pull request 11809)
        2> RESET
        2> ECHO x
        2> CONFIG GET requirepass
        2> !end "QUIT\r\n"
        "#,
    ),
    Case::new(
        "auth_by_password_and_by_name",
        r"
        2> AUTH
        2> AUTH wrong
        2> AUTH default wrong
        2> AUTH nobody secret
        2> AUTH a b c
        2> PING
        2> AUTH secret
        2> PING
        2> AUTH wrong
        2> PING
        2> RESET
        2> PING
        2> AUTH default secret
        2> PING
        3> auth secret
        3> PING
        ",
    ),
    Case::new(
        "hello_with_auth",
        r"
        2> HELLO 3 AUTH default wrong
        2> HELLO 3 AUTH nobody secret
        2> HELLO 3 AUTH default
        2> PING
        2> HELLO 9 AUTH default secret
        2> PING
        3> HELLO 3 AUTH default secret SETNAME someone //~ except version id -- the server's own
        3> CLIENT GETNAME
        3> GET missing
        4> HELLO 2 SETNAME other AUTH default secret //~ except version id -- the server's own
        4> CLIENT GETNAME
        4> GET missing
        ",
    ),
    Case::new(
        "one_client_too_many_is_told_so",
        r"
        AUTH secret
        CONFIG SET maxclients 1
        2> !end
        PING
        CONFIG SET maxclients 1000
        3> PING
        ",
    ),
    Case::new(
        "a_large_request_before_auth_is_refused",
        r#"
        2> !end "*11\r\n"
        3> !end "*1\r\n$16385\r\n"
        4> !raw 1 "*1\r\n$4\r\nPING\r\n"
        5> !raw 1 "*10\r\n$4\r\nPING\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n"
        "#,
    ),
];
