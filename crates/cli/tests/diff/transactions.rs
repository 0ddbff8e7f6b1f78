//! MULTI and WATCH. Semantics: <https://redis.io/docs/latest/develop/interact/transactions/>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "exec_answers_for_every_queued_command",
        r"
        MULTI
        SET k v
        GET k
        INCR k
        HSET h f v
        HGETALL h
        GET missing
        HGET h missing
        MGET k missing
        PING
        EXEC
        GET k
        MULTI
        EXEC
        EXEC
        ",
    ),
    Case::new(
        "discard_forgets_the_queue",
        r"
        MULTI
        SET k v
        DISCARD
        EXISTS k
        DISCARD
        EXEC
        MULTI
        DISCARD
        SET k v
        GET k
        ",
    ),
    Case::new(
        "errors_while_queueing_abort_exec",
        r"
        MULTI
        SET k
        SET k v
        EXEC
        EXISTS k
        MULTI
        NONSENSE a b
        EXEC
        MULTI
        GET a b
        DISCARD
        EXEC
        MULTI
        OBJECT NONSENSE
        EXEC
        MULTI
        CLIENT
        EXEC
        MULTI
        SET k v
        EXEC x
        EXEC
        EXISTS k
        ",
    ),
    Case::new(
        "errors_while_executing_do_not_undo",
        r"
        SET s v
        MULTI
        SET a 1
        HSET s f v
        INCR s
        SET b 2
        SET c 1 EX 0
        SELECT 99
        SET d 3 NONSENSE
        EXEC
        MGET a b c d
        ",
    ),
    Case::new(
        "nesting_and_watch_inside_multi",
        r"
        MULTI
        MULTI
        SET k v
        WATCH k
        EXEC
        MULTI
        UNWATCH
        EXEC
        MULTI x
        DISCARD
        DISCARD x
        EXEC x
        WATCH
        UNWATCH x
        ",
    ),
    Case::new(
        "what_is_due_is_not_there_for_a_swap",
        r"
        FLUSHALL
        SET k v PX 1
        SELECT 1
        WATCH k
        !pass 20
        SWAPDB 0 1
        MULTI
        PING
        EXEC
        SET k old PX 1
        !pass 20
        SELECT 0
        SET k other PX 1
        !pass 20
        WATCH k
        SWAPDB 0 1
        MULTI
        PING
        EXEC
        SET k v
        WATCH k
        SWAPDB 0 1
        MULTI
        PING
        EXEC
        FLUSHALL
        ",
    ),
    Case::new(
        "watch_sees_changes_by_others",
        r"
        SET k v
        WATCH k
        2> SET k w
        MULTI
        SET k mine
        EXEC
        GET k
        WATCH k
        MULTI
        SET k mine
        EXEC
        GET k
        WATCH k
        MULTI
        2> SET k w
        SET k mine
        EXEC
        GET k
        ",
    ),
    Case::new(
        "watches_outlive_commands_that_fail",
        r"
        SET k v
        WATCH k
        DISCARD
        EXEC
        DISCARD x
        UNWATCH x
        WATCH
        RESET x
        2> SET k w
        MULTI
        GET k
        EXEC
        GET k
        ",
    ),
    Case::new(
        "watch_counts_every_kind_of_change",
        r"
        SET k 1
        WATCH k
        2> DEL k
        MULTI
        EXEC
        WATCH k
        2> SET k 1
        MULTI
        EXEC
        WATCH k
        2> EXPIRE k 100
        MULTI
        EXEC
        WATCH k
        2> PERSIST k
        MULTI
        EXEC
        WATCH k
        2> INCR k
        MULTI
        EXEC
        WATCH k
        2> APPEND k x
        MULTI
        EXEC
        WATCH k
        2> RENAME k other
        MULTI
        EXEC
        WATCH k
        2> RENAME other k
        MULTI
        EXEC
        WATCH k
        2> GETDEL k
        MULTI
        EXEC
        WATCH k
        2> COPY k x
        MULTI
        EXEC
        2> SET x 1
        WATCH k
        2> COPY x k
        MULTI
        EXEC
        WATCH h
        2> HSET h f v
        MULTI
        EXEC
        WATCH h
        2> HSET h f v
        MULTI
        EXEC
        WATCH h
        2> HDEL h f
        MULTI
        EXEC
        WATCH k
        2> FLUSHDB
        MULTI
        EXEC
        WATCH k
        2> SET k 1
        2> FLUSHALL
        MULTI
        EXEC
        ",
    ),
    Case::new(
        "watch_ignores_what_changes_nothing",
        r"
        SET k 1
        HSET h f v
        WATCH k h missing
        2> GET k
        2> TTL k
        2> TOUCH k
        2> EXISTS k
        2> OBJECT ENCODING k
        2> SET k 2 NX
        2> SETNX k 2
        2> SET missing 2 XX
        2> PERSIST k
        2> DEL missing
        2> HDEL h missing
        2> HSETNX h f w
        2> HINCRBY h f 1
        2> INCRBY k abc
        2> EXPIRE missing 10
        2> EXPIRE k 10 XX
        2> GETEX k
        2> RENAMENX k h
        2> SELECT 1
        2> SET k other-database
        2> FLUSHDB
        MULTI
        PING
        EXEC
        WATCH missing
        2> SELECT 0
        2> FLUSHDB
        MULTI
        PING
        EXEC
        ",
    ),
    Case::new(
        "own_changes_count_too",
        r"
        SET k 1
        WATCH k
        SET k 2
        MULTI
        GET k
        EXEC
        WATCH k
        GET k
        MULTI
        GET k
        EXEC
        ",
    ),
    Case::new(
        "unwatch_discard_and_exec_end_the_watch",
        r"
        SET k 1
        WATCH k
        2> SET k 2
        UNWATCH
        MULTI
        PING
        EXEC
        WATCH k
        2> SET k 3
        MULTI
        DISCARD
        MULTI
        PING
        EXEC
        WATCH k
        2> SET k 4
        MULTI
        EXEC
        MULTI
        PING
        EXEC
        UNWATCH
        WATCH k k k
        WATCH a b c
        2> SET b 1
        MULTI
        EXEC
        WATCH k
        2> SET k 5
        MULTI
        NONSENSE
        EXEC
        MULTI
        PING
        EXEC
        ",
    ),
    Case::new(
        "a_watched_key_that_expires_aborts",
        r"
        SET k v PX 30
        WATCH k
        !pass 60
        MULTI
        PING
        EXEC
        SET k v PX 30
        WATCH k
        !pass 60
        ",
    ),
    Case::new(
        "a_key_that_had_expired_before_watch_does_not",
        r"
        SET k v PX 10
        !pass 30
        WATCH k
        GET k
        MULTI
        PING
        EXEC
        SET k v PX 10
        !pass 30
        WATCH k
        2> SET k w
        MULTI
        PING
        EXEC
        ",
    ),
    Case::new(
        "watch_is_per_database",
        r"
        SELECT 3
        SET k v
        WATCH k
        2> SET k other
        SELECT 0
        MULTI
        SELECT 3
        GET k
        EXEC
        WATCH k
        2> SELECT 3
        2> SET k w
        MULTI
        PING
        EXEC
        2> SELECT 0
        SELECT 0
        WATCH k
        SELECT 3
        2> SET k x
        MULTI
        PING
        EXEC
        ",
    ),
    Case::new(
        "commands_with_a_life_of_their_own_inside_multi",
        r"
        MULTI
        SELECT 2
        SET k two
        SELECT 0
        ECHO hi
        CLIENT SETNAME tx
        CLIENT GETNAME
        DBSIZE
        FLUSHDB
        EVAL 'return {KEYS[1], 1}' 1 a
        SCRIPT EXISTS abc
        CONFIG GET databases
        SCAN 0
        EXEC
        CLIENT GETNAME
        SELECT 2
        GET k
        ",
    ),
    Case::new(
        "hello_reset_and_quit_inside_multi",
        r"
        MULTI
        SET k v
        RESET
        EXEC
        EXISTS k
        2> MULTI
        2> HELLO 2
        2> EXEC //~ any -- HELLO's reply names the connection and the server's version
        3> MULTI
        3> SET q v
        3> QUIT
        EXISTS q
        ",
    ),
    Case::new(
        "save_and_shutdown_inside_multi",
        r"
        MULTI
        SAVE
        EXEC
        PING
        ",
    ),
    Case::new(
        "a_closed_connection_forgets_its_transaction",
        r#"
        2> MULTI
        2> SET k v
        2> !end "*1\r\n$4\r\nQUIT\r\n"
        EXISTS k
        2> EXEC
        "#,
    ),
    Case::new(
        "pipelined_transaction_as_phpredis_sends_it",
        r#"
        !raw 5 "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nEXEC\r\n"
        "#,
    ),
    Case::new(
        "queued_commands_are_many",
        r"
        MULTI
        !each 1 500 SET k${i} ${i}
        EXEC
        DBSIZE
        ",
    ),
    Case::new(
        "a_hash_reply_inside_exec_speaks_the_protocol",
        r"
        HSET h f v
        MULTI
        HGETALL h
        HGET h missing
        HRANDFIELD h 1 WITHVALUES
        HINCRBYFLOAT h n 1.5
        HKEYS missing
        HELLO 3 //~ any -- queued
        DISCARD
        MULTI
        HGETALL h
        INCRBYFLOAT f 1.5
        EXEC
        ",
    ),
];
