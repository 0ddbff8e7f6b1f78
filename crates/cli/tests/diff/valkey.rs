//! Where Valkey 8.1, as the reference, is not Redis 7.2: used when `GUARDA_TESTKIT_REFERENCE` is a valkey-server, as
//! `cargo xtask test --matrix` makes it. What it only says in other words, the runner knows.

use guarda_testkit::diff::Deviation;

const fn since(
    family: &'static str,
    case: &'static str,
    reason: &'static str,
    steps: &'static [&'static str],
) -> Deviation<'static> {
    Deviation { family, case, steps, reason }
}

pub(crate) const DEVIATIONS: &[Deviation<'_>] = &[
    since(
        "blocking",
        "client_unblock",
        "it takes words behind CLIENT UNBLOCK's last",
        &["CLIENT UNBLOCK ${id} ERROR more"],
    ),
    since(
        "clients",
        "what_kill_refuses",
        "it kills by several ids and by age, since 8.0, and has words of its own for ids that are none",
        &[
            "CLIENT KILL ID 1 ID",
            "CLIENT KILL ID 1.5",
            "CLIENT KILL ID 99999999999999999999",
            "CLIENT KILL ID +1",
            "CLIENT KILL MAXAGE",
        ],
    ),
    since(
        "connection",
        "client_id_and_names",
        "a name ends at a NUL byte, as in Redis 7.2 (COMPAT.md)",
        &["CLIENT SETNAME \"\\x00\""],
    ),
    since(
        "connection",
        "client_info_and_list_show_the_connection",
        "outside of MULTI it shows multi=0, and it has words of its own for ids that are none",
        &[
            "2> CLIENT LIST ID ${id} //~ only name db",
            "2> CLIENT LIST ID ${id} //~ only flags",
            "CLIENT LIST ID abc",
            "CLIENT LIST ID 0",
            "CLIENT LIST ID -1",
        ],
    ),
    since(
        "connection",
        "client_kill_by_address_and_by_filter",
        "it has words of its own for ids that are none",
        &["CLIENT KILL ID abc"],
    ),
    since(
        "debug",
        "how_values_are_kept",
        "it says nothing of empty tables, since 8.0",
        &["DEBUG HTSTATS 9"],
    ),
    since(
        "hashes",
        "hscan_refuses_what_makes_no_sense",
        "it reads cursors more strictly, since 8.0",
        &["HSCAN h -1"],
    ),
    since(
        "hashes",
        "hscan_novalues_is_not_in_7_2",
        "it has HSCAN NOVALUES, since 8.0",
        &["HSCAN h 0 NOVALUES"],
    ),
    since(
        "keys",
        "scan_refuses_what_makes_no_sense",
        "it reads cursors and types more strictly, since 8.0",
        &["SCAN -1", "SCAN \"\"", "SCAN \" 0\"", "SCAN 0 TYPE nonsense"],
    ),
    since(
        "lists",
        "linsert_and_lrem",
        "LREM refuses the least of all integers, since 8.0",
        &["LREM n -9223372036854775808 2", "EXISTS n", "(the data afterwards)"],
    ),
    since(
        "memory",
        "directives_of_eviction_are_set_at_run_time",
        "it takes up to 64 samples, since 8.0",
        &["CONFIG SET maxmemory-samples 0", "CONFIG SET maxmemory-samples -1"],
    ),
    since(
        "memory",
        "small_integers_are_shared_unless_keys_go_by_their_use",
        "it shares none, since 8.1",
        &["OBJECT REFCOUNT c", "OBJECT REFCOUNT d"],
    ),
    since(
        "memory",
        "memory_answers",
        "MEMORY STATS has fields about its tables and its allocator, since 8.0",
        &["EVAL \"local s = redis.call('memory', 'stats')"],
    ),
    since(
        "notifications",
        "events_of_strings",
        "a key whose expiry is set into the past is `expired`, since 8.1, and not deleted",
        &["2> !read"],
    ),
    since(
        "operations",
        "clients_are_paused",
        "it takes words behind CLIENT PAUSE's last",
        &["CLIENT PAUSE 10 write x"],
    ),
    since(
        "operations",
        "monitors_see_what_runs",
        "8.1 escapes neither quotation marks nor backslashes behind a byte that it escapes",
        &["2> !read"],
    ),
    since(
        "operations",
        "monitors_come_and_go",
        "outside of MULTI it shows multi=0",
        &["2> CLIENT INFO"],
    ),
    since(
        "operations",
        "the_slow_log_shrinks_and_refuses",
        "with room for none the slow log stays as it is, since 8.0",
        &["SLOWLOG LEN", "SLOWLOG GET", "EXEC"],
    ),
    since(
        "protocol",
        "inline_commands",
        "8.1 loses the first of two bytes that are no ASCII",
        &["!raw 1 \"ECHO \\xff\\xfe\\r\\n\""],
    ),
    since(
        "scripting_api",
        "the_table_redis",
        "Lua's tables have another order, since 8.1",
        &["EVAL 'redis.setresp(3) return redis.call(\"LCS\",\"k\",\"k\",\"IDX\")' 0"],
    ),
    since(
        "scripting_cjson",
        "cjson_encodes",
        "Lua's tables have another order, since 8.1",
        &["EVAL 'return cjson.encode({z=1,y=2,x=3,w={1,2,{q=1}}})' 0"],
    ),
    since(
        "scripting_cjson",
        "cjson_round_trips_what_queues_hold",
        "Lua's tables have another order, since 8.1",
        &["EVAL 'return cjson.encode(cjson.decode(ARGV[1]))' 0", "EVAL 'local job ="],
    ),
    since(
        "scripting_cmsgpack",
        "cmsgpack_is_called_in_many_ways",
        "the name of the copyright's holder changed after Redis 7.2",
        &["EVAL 'return cmsgpack._NAME"],
    ),
    since(
        "scripting_errors",
        "the_language_and_its_library",
        "scripts have os.clock, since 8.0",
        &["EVAL 'return os' 0"],
    ),
    since(
        "scripting_errors",
        "first_lines_and_read_only_scripts",
        "engines are modules, since 8.1: their names have no case, and messages about them other words",
        &[
            "EVAL \"#!LUA",
            "EVAL_RO \"#!LUA",
            "SCRIPT LOAD \"#!LUA",
            "EVAL \"#!js",
            "EVAL_RO \"#!js",
            "SCRIPT LOAD \"#!js",
            "EVAL \"#!\\n",
            "EVAL_RO \"#!\\n",
            "SCRIPT LOAD \"#!\\n",
        ],
    ),
    since(
        "scripting",
        "eval_ro_and_flags",
        "engines are modules, since 8.1, and messages about them have other words",
        &["EVAL \"#!nonsense"],
    ),
    since(
        "scripting",
        "the_sandbox",
        "scripts have os.clock, since 8.0",
        &["EVAL \"return type(os)\" 0", "EVAL \"return type(os.", "EVAL \"return os.execute\" 0"],
    ),
    since(
        "server",
        "there_is_no_cluster",
        "it takes them without a cluster, too, since 8.0, and CLUSTER INFO while it loads",
        &[
            "READONLY",
            "READWRITE",
            "EVAL \"return redis.pcall('READONLY')\" 0",
            "COMMAND INFO cluster|info",
        ],
    ),
    since(
        "server",
        "writes_beyond_maxmemory_are_refused",
        "a transaction may queue what takes no memory, since 8.0",
        &["GET l", "EXEC", "FLUSHALL"],
    ),
    since(
        "server",
        "command_info_of_the_rest",
        "MULTI and WATCH are no_multi, and EXEC has skip_commandlog, since 8.1",
        &["COMMAND INFO multi", "COMMAND INFO exec", "COMMAND INFO watch"],
    ),
    since("sets", "sscan", "it has HSCAN NOVALUES, since 8.0", &["SSCAN s 0 NOVALUES"]),
    since("sorted_sets", "zscan", "it has ZSCAN NOSCORES, since 8.1", &["ZSCAN z 0 NOSCORES"]),
    since(
        "sorted_sets",
        "sorted_sets_among_other_commands",
        "SINTERSTORE overwrites its destination, and does not change it, since 8.0",
        &["COMMAND GETKEYSANDFLAGS SINTERSTORE", "COMMAND INFO zunionstore"],
    ),
    since(
        "strings",
        "object_encoding_of_strings",
        "8.1 embeds shorter strings",
        &["OBJECT ENCODING k"],
    ),
    since(
        "transactions",
        "nesting_and_watch_inside_multi",
        "MULTI and WATCH inside of MULTI end the transaction, since 8.0",
        &["MULTI", "WATCH k", "EXEC", "(the data afterwards)"],
    ),
    since(
        "transfer",
        "payloads_of_strings_are_those_of_redis",
        "its payloads have version 11, as those of Redis 7.2, which are not otherwise different (COMPAT.md)",
        &["DUMP"],
    ),
    since(
        "transfer",
        "a_transaction_and_a_script_may_restore",
        "its payloads have version 11, as those of Redis 7.2, which are not otherwise different (COMPAT.md)",
        &["EXEC"],
    ),
    since(
        "transfer",
        "uses_are_told_as_the_policy_goes_by_them",
        "who is renamed is new, since 8.1",
        &["OBJECT FREQ m"],
    ),
    since(
        "transfer",
        "options_and_their_refusals",
        "it keeps what is to live for longer than its clock can count",
        &["EXISTS l", "RESTORE l 9223372036854775808", "(the data afterwards)"],
    ),
];
