//! Bytes on the wire: inline commands, pipelines, protocol errors.
//! Semantics: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "draws_beyond_the_output_limit_close_the_connection",
        r#"
        HSET h f v
        SADD s m
        ZADD z 1 m
        CONFIG SET client-output-buffer-limit "normal 1000000 0 0"
        2> !end "HRANDFIELD h -999999999\r\n"
        3> !end "SRANDMEMBER s -999999999\r\n"
        4> !end "ZRANDMEMBER z -999999999\r\n"
        5> !end "HRANDFIELD h -999999999 WITHVALUES\r\nPING\r\n"
        CONFIG SET client-output-buffer-limit "normal 0 0 0"
        "#,
    ),
    Case::new(
        "inline_commands",
        r#"
        !raw 1 "PING\r\n"
        !raw 1 "ping\n"
        !raw 1 "  PING  \r\n"
        !raw 1 "SET k v\r\n"
        !raw 1 "GET k\r\n"
        !raw 1 "\r\nPING\r\n"
        !raw 1 "\n\n\nPING\n"
        !raw 1 "ECHO \"a b\"\r\n"
        !raw 1 "ECHO 'a b'\r\n"
        !raw 1 "ECHO 'it\\'s'\r\n"
        !raw 1 "ECHO \"\\x41\\n\\r\\t\\\"\\\\\\z\"\r\n"
        !raw 1 "ECHO \"\"\r\n"
        !raw 1 "ECHO ''\r\n"
        !raw 1 "ECHO a\tb\r\n"
        !raw 1 "ECHO \"\\xZZ\"\r\n"
        !raw 1 "GET\r\n"
        !raw 1 "NONSENSE a b\r\n"
        # a NUL is left out: Redis stops looking for the end of the line there, and waits for ever
        !raw 1 "ECHO \xff\xfe\r\n"
        !raw 3 "PING\r\nPING a\r\nECHO b\r\n"
        !raw 1 "ECHO ${x*60000}\r\n"
        "#,
    ),
    Case::new(
        "inline_commands_with_broken_quotes",
        r#"
        !end "ECHO \"open\r\n"
        2> !end "ECHO 'open\r\n"
        3> !end "ECHO \"a\"b\r\n"
        4> !end "ECHO 'a'b\r\n"
        5> !end "PING\r\nECHO \"open\r\nPING\r\n"
        6> !end "\"\r\n"
        7> !end "ECHO a\"b\r\n"
        8> !end "ECHO a'b\r\n"
        "#,
    ),
    Case::new(
        "inline_commands_that_are_too_long",
        r#"
        !end "${x*70000}"
        2> !end "ECHO ${x*70000}"
        "#,
    ),
    Case::new(
        "pipelines_are_answered_in_order",
        r#"
        !raw 4 "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$1\r\na\r\nPING b\r\n*1\r\n$4\r\nPING\r\n"
        !raw 3 "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$3\r\nGET\r\n*1\r\n$4\r\nPING\r\n"
        !raw 2 "*0\r\n*1\r\n$4\r\nPING\r\n*-1\r\n*1\r\n$4\r\nPING\r\n"
        !each 1 1000 SET k${i} ${v*100}${i}
        !each 1 1000 GET k${i}
        "#,
    ),
    Case::new(
        "empty_and_odd_but_legal_requests",
        r#"
        !raw 1 "*0\r\nPING\r\n"
        !raw 1 "*-1\r\nPING\r\n"
        !raw 1 "*-100\r\nPING\r\n"
        !raw 1 "*1\r\n$0\r\n\r\n"
        !raw 1 "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"
        !raw 1 "*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n"
        !raw 1 "*01\r\n$4\r\nPING\r\n"
        "#,
    ),
    Case::new(
        "broken_arrays",
        r#"
        !end "*abc\r\n"
        2> !end "*1.5\r\n"
        3> !end "*\r\n"
        4> !end "* 1\r\n"
        5> !end "*+1\r\n"
        # between our limit of arguments and Redis's 2^31 - 1 Redis waits for the arguments to come
        7> !end "*2147483648\r\n"
        8> !end "*9223372036854775808\r\n"
        9> !end "*1x\r\n$4\r\nPING\r\n"
        10> !end "*--1\r\n"
        "#,
    ),
    Case::new(
        "broken_bulk_strings",
        r#"
        !end "*1\r\nnonsense\r\n"
        2> !end "*1\r\n:1\r\n"
        3> !end "*1\r\n+PING\r\n"
        4> !end "*1\r\n*1\r\n"
        5> !end "*1\r\n$-1\r\n"
        6> !end "*1\r\n$-5\r\n"
        7> !end "*1\r\n$abc\r\n"
        8> !end "*1\r\n$\r\n"
        9> !end "*1\r\n$1.5\r\n"
        10> !end "*1\r\n$536870913\r\n"
        11> !end "*1\r\n$9223372036854775807\r\n"
        12> !end "*1\r\n$9223372036854775808\r\n"
        13> !end "*1\r\n$ 4\r\nPING\r\n"
        14> !end "*1\r\n$+4\r\nPING\r\n"
        15> !end "*1\r\n\r\n$4\r\n"
        # a NUL is left out: Redis stops looking for the end of the line there, and waits for ever
        17> !end "*1\r\n\xff\r\n"
        18> !end "*2\r\n$3\r\nGET\r\n$x\r\n"
        "#,
    ),
    Case::new(
        "a_bulk_string_that_runs_over_its_length",
        r#"
        !end "*1\r\n$4\r\nPINGPONG\r\n*1\r\nx\r\n"
        "#,
    ),
    Case::new(
        "headers_without_an_end_are_cut_off",
        r#"
        !end "*${1*70000}"
        2> !end "*1\r\n$${1*70000}"
        "#,
    ),
    Case::new(
        "commands_before_the_error_are_answered",
        r#"
        !end "*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*1\r\n$x\r\n*1\r\n$4\r\nPING\r\n"
        2> GET k
        "#,
    ),
    Case::new(
        "http_requests_are_cut_off",
        r#"
        !end "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        2> !end "GET / HTTP/1.1\r\nHost: localhost:6379\r\n\r\n"
        3> !end "host: x\r\n"
        "#,
    ),
    Case::new(
        "requests_in_pieces",
        r#"
        !raw 0 "*1\r\n$4\r"
        !raw 0 "\nPI"
        !raw 1 "NG\r\n"
        !raw 0 "PI"
        !raw 1 "NG\r\n"
        !raw 0 "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nab"
        !raw 0 "\r\nc"
        !raw 1 "\r\n"
        GET k
        !raw 0 "*"
        !raw 0 "1\r\n$"
        !raw 0 "4"
        !raw 1 "\r\nPING\r\n"
        "#,
    ),
    Case::new(
        "big_arguments_and_many_arguments",
        r#"
        ECHO ${x*1000000}
        SET big ${y*2000000}
        STRLEN big
        GET big
        !raw 1 "*1001\r\n$3\r\nDEL\r\n${$1\r\na\r\n*1000}"
        "#,
    ),
];
