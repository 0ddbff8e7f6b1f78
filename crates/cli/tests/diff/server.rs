//! Server commands. Semantics: <https://redis.io/docs/latest/commands/?group=server>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "there_is_no_cluster",
        r#"
        CLUSTER
        CLUSTER INFO
        CLUSTER HELP
        CLUSTER NOSUCH
        CLUSTER KEYSLOT k
        CLUSTER KEYSLOT
        CLUSTER MYID
        CLUSTER MYSHARDID //~ 7.2 "-ERR This instance has cluster support disabled\r\n" -- new in 7.2
        CLUSTER SLOTS
        CLUSTER SHARDS
        CLUSTER NODES
        CLUSTER RESET
        CLUSTER RESET HARD SOFT
        CLUSTER ADDSLOTS
        CLUSTER COUNTKEYSINSLOT x
        CLUSTER SETSLOT 1
        ASKING
        ASKING x
        READONLY
        READWRITE
        READWRITE x
        EVAL "return redis.pcall('CLUSTER', 'RESET')" 0
        EVAL "return redis.pcall('CLUSTER', 'INFO')" 0
        EVAL "return redis.pcall('READONLY')" 0
        MULTI
        READONLY
        CLUSTER INFO
        CLUSTER NOSUCH
        EXEC
        COMMAND INFO asking //~ unordered-deep -- flags and categories are sets
        COMMAND INFO readonly //~ unordered-deep -- flags and categories are sets
        COMMAND INFO readwrite //~ unordered-deep -- flags and categories are sets
        COMMAND INFO cluster|info //~ unordered-deep -- flags and categories are sets
        COMMAND INFO cluster|reset //~ unordered-deep -- flags and categories are sets
        COMMAND INFO cluster|meet //~ unordered-deep -- flags and categories are sets
        COMMAND INFO cluster|help //~ unordered-deep -- flags and categories are sets
        COMMAND INFO cluster|slaves //~ unordered-deep -- flags and categories are sets
        COMMAND INFO cluster|countkeysinslot //~ unordered-deep -- flags and categories are sets
        COMMAND INFO cluster|getkeysinslot //~ unordered-deep -- flags and categories are sets
        COMMAND INFO cluster|saveconfig //~ unordered-deep -- flags and categories are sets
        COMMAND INFO cluster|bumpepoch //~ unordered-deep -- flags and categories are sets
        "#,
    ),
    Case::new(
        "a_master_without_replicas",
        r#"
        ROLE
        ROLE x
        REPLICAOF NO ONE
        SLAVEOF no one
        REPLICAOF
        REPLICAOF NO
        REPLICAOF no two
        REPLICAOF x -1
        SLAVEOF x 65536
        SLAVEOF NO ONE x
        EVAL "return redis.pcall('ROLE')" 0
        EVAL "return redis.pcall('REPLICAOF', 'NO', 'ONE')" 0
        MULTI
        ROLE
        REPLICAOF NO ONE
        SLAVEOF x y
        EXEC
        COMMAND INFO role replicaof slaveof //~ unordered-deep -- flags and categories are sets
        COMMAND DOCS role //~ keys -- the texts are our own
        ACL DRYRUN default ROLE
        ACL SETUSER limited on nopass +@all -@dangerous
        ACL DRYRUN limited ROLE //~ 7.2-has "User limited has no permissions to run the 'role' command" -- names the user
        ACL SETUSER limited -@all +role +replicaof
        ACL DRYRUN limited REPLICAOF NO ONE
        ACL DELUSER limited
        "#,
    ),
    Case::new(
        "there_are_no_modules",
        r#"
        MODULE
        MODULE LIST
        MODULE LIST x
        MODULE NOSUCH
        MODULE LOAD
        MODULE LOAD /nosuch.so //~ code -- Redis names a directive that would allow it
        MODULE LOADEX /nosuch.so CONFIG a b //~ code -- Redis names a directive that would allow it
        MODULE UNLOAD nosuch //~ code -- Redis names a directive that would allow it
        MODULE UNLOAD
        EVAL "return redis.pcall('MODULE', 'LIST')" 0
        MULTI
        MODULE LIST
        EXEC
        COMMAND INFO module //~ unordered-deep -- a hash table has no order
        COMMAND INFO module|list module|help //~ unordered-deep -- flags and categories are sets
        ACL SETUSER limited on nopass +module|list
        ACL DRYRUN limited MODULE LIST
        ACL DRYRUN limited MODULE HELP //~ 7.2-has "User limited has no permissions to run the 'module|help' command" -- names the user
        ACL DELUSER limited
        "#,
    ),
    Case::new(
        "dbsize_flushdb_flushall",
        r"
        DBSIZE
        MSET a 1 b 2
        DBSIZE
        SELECT 1
        SET c 3
        DBSIZE
        FLUSHDB
        DBSIZE
        SELECT 0
        DBSIZE
        FLUSHDB SYNC
        DBSIZE
        SET a 1
        FLUSHDB ASYNC
        DBSIZE
        SET a 1
        SELECT 2
        SET b 2
        FLUSHALL
        DBSIZE
        SELECT 0
        DBSIZE
        SET a 1
        FLUSHALL async
        DBSIZE
        SET a 1
        FLUSHALL sync
        DBSIZE
        FLUSHALL NONSENSE
        FLUSHDB NONSENSE
        FLUSHALL SYNC ASYNC
        FLUSHDB SYNC SYNC
        DBSIZE x
        ",
    ),
    Case::new(
        "what_flushing_and_ending_refuse",
        r#"
        FLUSHALL ASYNC SYNC
        FLUSHALL x y
        FLUSHDB ASYNC x
        FLUSHDB ""
        FLUSHALL ""
        flushall aSync
        flushdb sYnc
        MULTI
        FLUSHALL x
        FLUSHDB ASYNC
        FLUSHALL
        EXEC
        EVAL "return redis.call('flushall','sync')" 0
        EVAL "return redis.call('flushdb','x')" 0
        EVAL_RO "return redis.call('flushall')" 0
        SHUTDOWN x
        SHUTDOWN NOSAVE x
        SHUTDOWN SAVE NOSAVE
        SHUTDOWN NOSAVE SAVE
        SHUTDOWN ABORT
        SHUTDOWN ABORT NOW
        SHUTDOWN NOW ABORT
        SHUTDOWN SAVE SAVE x
        SHUTDOWN FORCE ABORT
        SHUTDOWN NOW FORCE NOSAVE x
        SHUTDOWN NOSAVE NOW SAVE
        MULTI
        SHUTDOWN NOSAVE
        SHUTDOWN
        EXEC
        EVAL "return redis.call('shutdown','nosave')" 0
        INFO ""
        INFO keyspace nonsense
        INFO a b c
        INFO modules
        INFO cluster
        EVAL "return #redis.call('time')" 0
        EVAL "return redis.call('lastsave') > 0" 0
        "#,
    ),
    Case::new(
        "debug_is_off",
        r#"
        DEBUG
        DEBUG SLEEP 0
        DEBUG NOSUCH
        DEBUG HELP
        MULTI
        DEBUG SLEEP 0
        EXEC
        EVAL "return redis.call('debug','sleep','0')" 0
        CONFIG GET enable-debug-command
        CONFIG SET enable-debug-command yes
        "#,
    ),
    Case::new(
        "what_commands_cost_is_counted",
        r#"
        CONFIG RESETSTAT
        GET
        NOSUCH
        CONFIG NOSUCH
        CONFIG GET
        LPUSH l a
        GET l
        EVAL "return redis.call('get','l')" 0
        EVAL "return redis.pcall('get','l')" 0
        EVAL "return redis.error_reply('MY err')" 0
        EVAL "return {redis.error_reply('IN err'),{1,{err='DEEP err'}}}" 0
        EVAL "return {err='HUSH err',ignore_error_stats_update=true}" 0
        EVAL "local e=redis.pcall('incr','l') return redis.error_reply(e.err)" 0
        EVAL "return {err=5}" 0
        EVAL "return redis.pcall('nosuch','l')" 0
        EVAL "return redis.pcall('get')" 0
        EVALSHA aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 0
        MULTI
        GET l
        GET
        EXEC
        MULTI
        GET l
        LLEN l
        EXEC
        EXEC
        EVAL "local r={} for n,c,j,f in redis.call('INFO','commandstats'):gmatch('cmdstat_([%w|]+):calls=(%d+),usec=%d+,usec_per_call=[%d.]+,rejected_calls=(%d+),failed_calls=(%d+)') do r[#r+1]=n..' '..c..' '..j..' '..f end table.sort(r) return r" 0
        EVAL "local r={} for e in redis.call('INFO','errorstats'):gmatch('errorstat_[^\r]+') do r[#r+1]=e end table.sort(r) return r" 0
        EVAL "local r={} for e in redis.call('INFO','latencystats'):gmatch('latency_percentiles_usec_([%w|]+):p50=[%d.]+,p99=[%d.]+,p99.9=[%d.]+\r') do r[#r+1]=e end table.sort(r) return r" 0
        CONFIG SET latency-tracking-info-percentiles "0 12.5 100"
        EVAL "return redis.call('INFO','latencystats'):match('llen:p0=[%d.]+,p12.5=[%d.]+,p100=[%d.]+\r') ~= nil" 0
        CONFIG SET latency-tracking-info-percentiles "50 99 99.9"
        CONFIG SET latency-tracking no
        CONFIG RESETSTAT
        GET k
        EVAL "return redis.call('INFO','latencystats')" 0
        EVAL "return redis.call('INFO','commandstats'):match('cmdstat_get:calls=(%d+)')" 0
        CONFIG SET latency-tracking yes
        "#,
    ),
    Case::new(
        "swapdb",
        r#"
        SET a 0
        SELECT 1
        SET a 1
        SET b 1 EX 1000
        SELECT 2
        SWAPDB 0 1
        SELECT 0
        MGET a b
        TTL b
        SELECT 1
        MGET a b
        DBSIZE
        SWAPDB 1 1
        GET a
        SWAPDB 9 1
        GET a
        SELECT 9
        GET a
        SWAPDB 9 10
        DBSIZE
        FLUSHDB
        SELECT 10
        GET a
        SWAPDB
        SWAPDB 0
        SWAPDB 0 1 2
        SWAPDB x 0
        SWAPDB 0 x
        SWAPDB x y
        SWAPDB -1 0
        SWAPDB 0 -1
        SWAPDB 16 0
        SWAPDB 0 16
        SWAPDB 16 x
        SWAPDB 2147483648 0
        SWAPDB 0 2147483648
        SWAPDB 99999999999999999999 0
        SWAPDB +1 0
        SWAPDB 01 0
        SWAPDB 1.0 0
        EVAL "return redis.call('SWAPDB', 0, 10)" 0
        GET a
        SELECT 0
        GET a
        MULTI
        SET c 1
        SWAPDB 0 3
        SET c 2
        EXEC
        GET c
        SELECT 3
        GET c
        COMMAND INFO SWAPDB
        "#,
    ),
    Case::new(
        "swapdb_dirties_what_is_watched_in_either",
        r"
        SET there 0
        SELECT 1
        SET other 1
        SELECT 0
        WATCH there
        2> SWAPDB 0 1
        MULTI
        EXEC
        WATCH there
        2> SWAPDB 0 1
        MULTI
        EXEC
        WATCH nowhere
        2> SWAPDB 0 1
        MULTI
        EXEC
        WATCH other
        2> SWAPDB 0 0
        MULTI
        EXEC
        WATCH other there
        2> SWAPDB 2 3
        MULTI
        EXEC
        SELECT 2
        WATCH other
        2> SWAPDB 0 1
        MULTI
        EXEC
        2> SWAPDB 3 2
        MULTI
        EXEC
        WATCH other
        SWAPDB 1 2
        MULTI
        EXEC
        ",
    ),
    Case::new(
        "time_and_lastsave",
        r"
        TIME //~ shape -- the time is not the same twice
        TIME x
        LASTSAVE //~ within 3 -- the servers started one after the other
        LASTSAVE x
        ",
    ),
    Case::new(
        "save_commands",
        r"
        SET k v
        SAVE
        LASTSAVE //~ within 3 -- the servers save one after the other
        SAVE x
        BGSAVE NONSENSE
        BGSAVE SCHEDULE NONSENSE
        BGREWRITEAOF x
        ",
    ),
    Case::new(
        "saving_in_the_background",
        r#"
        SET k v
        BGSAVE
        !await "$1\r\n0\r\n" EVAL "return redis.call('INFO', 'persistence'):match('rdb_bgsave_in_progress:(%d)')" 0
        LASTSAVE //~ within 3 -- the servers save one after the other
        BGSAVE SCHEDULE
        !await "$1\r\n0\r\n" EVAL "return redis.call('INFO', 'persistence'):match('rdb_bgsave_in_progress:(%d)')" 0
        BGREWRITEAOF
        !await "$1\r\n0\r\n" EVAL "return redis.call('INFO', 'persistence'):match('aof_rewrite_in_progress:(%d)')" 0
        EVAL "return redis.call('INFO', 'persistence'):match('rdb_last_bgsave_status:(%a+)')" 0
        "#,
    ),
    Case::new(
        "writes_beyond_maxmemory_are_refused",
        r#"
        MSET k 1 l 2
        HSET h f v
        CONFIG SET maxmemory 1
        SET k w
        SET
        NONSENSE
        GET k
        APPEND k x
        INCR k
        SETRANGE k 0 x
        HSET h g w
        HINCRBY h n 1
        HDEL h f
        EXPIRE k 100
        PERSIST k
        RENAME k m
        GETDEL m
        GETEX l EX 100
        COPY l n
        MSET a 1
        SETEX a 10 v
        DEL missing
        MULTI
        GET l
        SET l w
        EXEC
        MULTI
        GET l
        EXEC
        EVAL "return redis.call('GET', 'l')" 0
        EVAL "return redis.call('SET', 'l', 'w')" 0
        EVAL "return redis.call('DEL', 'l')" 0
        WATCH l
        MULTI
        FLUSHALL
        EXEC
        CONFIG SET maxmemory 0
        SET k w
        "#,
    ),
    Case::new(
        "shutdown_refuses_what_it_does_not_know",
        r"
        SHUTDOWN NONSENSE
        SHUTDOWN SAVE NOSAVE
        SHUTDOWN NOSAVE NONSENSE
        SHUTDOWN ABORT
        PING
        ",
    ),
    Case::new(
        "config_get",
        r#"
        CONFIG GET maxmemory
        CONFIG GET MAXMEMORY
        CONFIG GET nonsense
        CONFIG GET databases
        CONFIG GET maxmemory-policy
        CONFIG GET appendonly
        CONFIG GET save
        CONFIG GET timeout
        CONFIG GET tcp-keepalive
        CONFIG GET requirepass
        CONFIG GET appendfsync
        CONFIG GET maxclients //~ keys -- depends on the limit of open files
        CONFIG GET bind
        CONFIG GET port //~ keys -- the server's own
        CONFIG GET dir //~ keys -- the server's own
        CONFIG GET dbfilename
        CONFIG GET appendfilename
        CONFIG GET appenddirname
        CONFIG GET loglevel
        CONFIG GET proto-max-bulk-len
        CONFIG GET hash-max-listpack-entries
        CONFIG GET hash-max-listpack-value
        CONFIG GET hash-max-ziplist-* //~ unordered-pairs -- a hash table has no order
        CONFIG GET protected-mode
        CONFIG GET unixsocket //~ keys -- the server's own
        CONFIG GET unixsocketperm
        CONFIG GET auto-aof-rewrite-percentage
        CONFIG GET auto-aof-rewrite-min-size
        CONFIG GET no-appendfsync-on-rewrite
        CONFIG GET aof-load-truncated
        CONFIG GET aof-use-rdb-preamble
        CONFIG GET stop-writes-on-bgsave-error
        CONFIG GET rdbcompression
        CONFIG GET rdbchecksum
        CONFIG GET busy-reply-threshold
        CONFIG GET lua-time-limit
        CONFIG GET hz
        CONFIG GET maxmemory maxmemory-policy nonsense //~ unordered-pairs -- a hash table has no order
        CONFIG GET maxmemory max*policy maxmemory //~ unordered-pairs -- a hash table has no order
        CONFIG GET rdb[cC]ompression
        CONFIG GET rdbcompressio?
        CONFIG GET ""
        CONFIG GET
        "#,
    ),
    Case::new(
        "config_set",
        r#"
        CONFIG SET maxmemory 100mb
        CONFIG GET maxmemory
        CONFIG SET maxmemory 1GB
        CONFIG GET maxmemory
        CONFIG SET maxmemory 1k
        CONFIG GET maxmemory
        CONFIG SET maxmemory 1kb
        CONFIG GET maxmemory
        CONFIG SET maxmemory 1000000000b
        CONFIG GET maxmemory
        CONFIG SET maxmemory 0
        CONFIG SET MaxMemory 0
        CONFIG SET timeout 100 tcp-keepalive 60
        CONFIG GET timeout
        CONFIG GET tcp-keepalive
        CONFIG SET timeout 0 tcp-keepalive 300
        CONFIG SET appendfsync always
        CONFIG GET appendfsync
        CONFIG SET appendfsync EVERYSEC
        CONFIG GET appendfsync
        CONFIG SET save "900 1 300 10"
        CONFIG GET save
        CONFIG SET save ""
        CONFIG GET save
        CONFIG SET loglevel warning
        CONFIG GET loglevel
        CONFIG SET loglevel notice
        CONFIG SET maxmemory-policy allkeys-lru
        CONFIG GET maxmemory-policy
        CONFIG SET maxmemory-policy noeviction
        CONFIG SET hash-max-listpack-entries 2
        HSET h a 1 b 2
        OBJECT ENCODING h
        HSET h c 3
        OBJECT ENCODING h
        CONFIG SET hash-max-ziplist-entries 512
        CONFIG GET hash-max-listpack-entries
        "#,
    ),
    Case::new(
        "config_set_refuses",
        r#"
        CONFIG SET
        CONFIG SET maxmemory
        CONFIG SET maxmemory 1 timeout
        CONFIG SET nonsense 1
        CONFIG SET maxmemory abc
        CONFIG SET maxmemory -1
        CONFIG SET maxmemory 1xb
        CONFIG SET timeout -1
        CONFIG SET timeout abc
        CONFIG SET timeout 9999999999
        CONFIG SET timeout 1.5
        CONFIG SET maxmemory-policy nonsense
        CONFIG SET appendfsync nonsense
        CONFIG SET appendonly maybe
        CONFIG SET loglevel nonsense //~ 7.2 "-ERR CONFIG SET failed (possibly related to argument 'loglevel') - argument(s) must be one of the following: debug, verbose, notice, warning, nothing\r\n" -- 7.2 has a level that logs nothing
        CONFIG SET save nonsense
        CONFIG SET save "1"
        CONFIG SET save "-1 1"
        CONFIG SET databases 5
        CONFIG SET dir /nonexistent/directory
        CONFIG SET unixsocket /tmp/x
        CONFIG SET hz 100 hz 50
        CONFIG SET timeout 5 timeout 6
        CONFIG SET maxmemory 0 nonsense 1
        CONFIG SET timeout 5 loglevel nonsense //~ 7.2 "-ERR CONFIG SET failed (possibly related to argument 'loglevel') - argument(s) must be one of the following: debug, verbose, notice, warning, nothing\r\n" -- 7.2 has a level that logs nothing
        CONFIG GET timeout
        CONFIG SET protected-mode maybe
        CONFIG SET maxclients 0
        CONFIG SET tcp-keepalive -5
        CONFIG SET appendfilename x
        CONFIG SET daemonize yes
        "#,
    ),
    Case::new(
        "config_subcommands",
        r"
        CONFIG
        CONFIG NONSENSE
        CONFIG NONSENSE a
        CONFIG RESETSTAT
        CONFIG RESETSTAT x
        CONFIG REWRITE //~ code -- not supported, with a configuration file or without one
        CONFIG REWRITE x
        CONFIG HELP x
        ",
    ),
    Case::new(
        "command_count_list_getkeys",
        r#"
        COMMAND COUNT //~ shape -- we do not have every command of Redis
        COMMAND COUNT x
        COMMAND //~ any -- we do not have every command of Redis
        COMMAND NONSENSE
        COMMAND LIST //~ any -- we do not have every command of Redis
        COMMAND LIST FILTERBY PATTERN getd*
        COMMAND LIST FILTERBY pattern nonsense*
        COMMAND LIST FILTERBY MODULE nonsense
        COMMAND LIST FILTERBY ACLCAT nonsense
        COMMAND LIST FILTERBY NONSENSE x
        COMMAND LIST FILTERBY
        COMMAND LIST NONSENSE
        COMMAND GETKEYS GET k
        COMMAND GETKEYS get k
        COMMAND GETKEYS SET k v
        COMMAND GETKEYS MSET a 1 b 2
        COMMAND GETKEYS MGET a b c
        COMMAND GETKEYS DEL a b c
        COMMAND GETKEYS EVAL x 2 a b c
        COMMAND GETKEYS EVALSHA x 0 a b c
        COMMAND GETKEYS EVAL x 5 a b c
        COMMAND GETKEYS EVAL x abc a
        COMMAND GETKEYS EVAL x -1 a
        COMMAND GETKEYS RENAME a b
        COMMAND GETKEYS COPY a b
        COMMAND GETKEYS OBJECT ENCODING k
        COMMAND GETKEYS HSET h f v
        COMMAND GETKEYS LCS a b
        COMMAND GETKEYS PING //~ 7.2 "-ERR The command has no key arguments\r\n" -- 7.0 asks for a word more
        COMMAND GETKEYS PING a
        COMMAND GETKEYS NONSENSE a
        COMMAND GETKEYS GET a b
        COMMAND GETKEYS CONFIG GET a
        COMMAND GETKEYS CONFIG NONSENSE a
        COMMAND GETKEYS NONSENSE //~ 7.2 "-ERR Invalid command specified\r\n" -- 7.0 asks for a word more
        COMMAND GETKEYS GET //~ 7.2 "-ERR Invalid number of arguments specified for command\r\n" -- 7.0 asks for a word more
        COMMAND GETKEYS MSET a
        COMMAND GETKEYS
        COMMAND GETKEYS KEYS a*
        COMMAND GETKEYS SCAN 0
        COMMAND GETKEYS WATCH a b
        "#,
    ),
    Case::new(
        "command_getkeysandflags",
        r#"
        COMMAND GETKEYSANDFLAGS GET k
        COMMAND GETKEYSANDFLAGS SET k v
        COMMAND GETKEYSANDFLAGS DEL a b
        COMMAND GETKEYSANDFLAGS RENAME a b
        COMMAND GETKEYSANDFLAGS NONSENSE //~ 7.2 "-ERR Invalid command specified\r\n" -- 7.0 asks for a word more
        COMMAND GETKEYSANDFLAGS NONSENSE a
        "#,
    ),
    Case::new(
        "command_info_of_string_commands",
        r"
        COMMAND INFO nonsense
        COMMAND INFO get nonsense GET //~ unordered-deep -- flags and categories are sets
        COMMAND INFO get //~ unordered-deep -- flags and categories are sets
        COMMAND INFO set //~ unordered-deep without notes -- flags and categories are sets; notes are remarks about keys in free words
        COMMAND INFO append //~ unordered-deep -- flags and categories are sets
        COMMAND INFO decr //~ unordered-deep -- flags and categories are sets
        COMMAND INFO decrby //~ unordered-deep -- flags and categories are sets
        COMMAND INFO getdel //~ unordered-deep -- flags and categories are sets
        COMMAND INFO getex //~ unordered-deep without notes -- flags and categories are sets; notes are remarks about keys in free words
        COMMAND INFO getrange //~ unordered-deep -- flags and categories are sets
        COMMAND INFO getset //~ unordered-deep -- flags and categories are sets
        COMMAND INFO incr //~ unordered-deep -- flags and categories are sets
        COMMAND INFO incrby //~ unordered-deep -- flags and categories are sets
        COMMAND INFO incrbyfloat //~ unordered-deep -- flags and categories are sets
        COMMAND INFO lcs //~ unordered-deep -- flags and categories are sets
        COMMAND INFO mget //~ unordered-deep -- flags and categories are sets
        COMMAND INFO mset //~ unordered-deep -- flags and categories are sets
        COMMAND INFO msetnx //~ until-7.2 unordered-deep without request_policy:multi_shard -- 7.2 has no tips here; the rest is sets
        COMMAND INFO psetex //~ unordered-deep -- flags and categories are sets
        COMMAND INFO setex //~ unordered-deep -- flags and categories are sets
        COMMAND INFO setnx //~ unordered-deep -- flags and categories are sets
        COMMAND INFO setrange //~ unordered-deep -- flags and categories are sets
        COMMAND INFO strlen //~ unordered-deep -- flags and categories are sets
        COMMAND INFO substr //~ unordered-deep -- flags and categories are sets
        ",
    ),
    Case::new(
        "command_info_of_key_commands",
        r"
        COMMAND INFO copy //~ unordered-deep -- flags and categories are sets
        COMMAND INFO del //~ unordered-deep -- flags and categories are sets
        COMMAND INFO exists //~ unordered-deep -- flags and categories are sets
        COMMAND INFO expire //~ unordered-deep -- flags and categories are sets
        COMMAND INFO expireat //~ unordered-deep -- flags and categories are sets
        COMMAND INFO expiretime //~ unordered-deep -- flags and categories are sets
        COMMAND INFO keys //~ unordered-deep -- flags and categories are sets
        COMMAND INFO object|encoding //~ unordered-deep -- flags and categories are sets
        COMMAND INFO persist //~ unordered-deep -- flags and categories are sets
        COMMAND INFO pexpire //~ unordered-deep -- flags and categories are sets
        COMMAND INFO pexpireat //~ unordered-deep -- flags and categories are sets
        COMMAND INFO pexpiretime //~ unordered-deep -- flags and categories are sets
        COMMAND INFO pttl //~ unordered-deep -- flags and categories are sets
        COMMAND INFO randomkey //~ until-7.2 unordered-deep without response_policy:special nondeterministic_output -- 7.2 has a tip more; the rest is sets
        COMMAND INFO rename //~ unordered-deep -- flags and categories are sets
        COMMAND INFO renamenx //~ unordered-deep -- flags and categories are sets
        COMMAND INFO scan //~ until-7.2 unordered-deep without response_policy:special -- 7.2 has a tip more; the rest is sets
        COMMAND INFO touch //~ unordered-deep -- flags and categories are sets
        COMMAND INFO ttl //~ unordered-deep -- flags and categories are sets
        COMMAND INFO type //~ unordered-deep -- flags and categories are sets
        COMMAND INFO unlink //~ unordered-deep -- flags and categories are sets
        ",
    ),
    Case::new(
        "command_info_of_hash_commands",
        r"
        COMMAND INFO hdel //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hexists //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hget //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hgetall //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hincrby //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hincrbyfloat //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hkeys //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hlen //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hmget //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hmset //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hrandfield //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hscan //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hset //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hsetnx //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hstrlen //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hvals //~ unordered-deep -- flags and categories are sets
        ",
    ),
    Case::new(
        "command_info_of_the_rest",
        r"
        COMMAND INFO multi //~ unordered-deep -- flags and categories are sets
        COMMAND INFO exec //~ unordered-deep -- flags and categories are sets
        COMMAND INFO discard //~ unordered-deep -- flags and categories are sets
        COMMAND INFO watch //~ unordered-deep -- flags and categories are sets
        COMMAND INFO unwatch //~ unordered-deep -- flags and categories are sets
        COMMAND INFO eval //~ unordered-deep without notes -- flags and categories are sets; notes are remarks about keys in free words
        COMMAND INFO evalsha //~ unordered-deep -- flags and categories are sets
        COMMAND INFO script|load //~ unordered-deep -- flags and categories are sets
        COMMAND INFO auth //~ unordered-deep -- flags and categories are sets
        COMMAND INFO echo //~ unordered-deep -- flags and categories are sets
        COMMAND INFO hello //~ unordered-deep -- flags and categories are sets
        COMMAND INFO ping //~ unordered-deep -- flags and categories are sets
        COMMAND INFO quit //~ unordered-deep -- flags and categories are sets
        COMMAND INFO reset //~ unordered-deep -- flags and categories are sets
        COMMAND INFO select //~ unordered-deep -- flags and categories are sets
        COMMAND INFO client|id //~ unordered-deep -- flags and categories are sets
        COMMAND INFO client|kill //~ unordered-deep -- flags and categories are sets
        COMMAND INFO config|get //~ unordered-deep -- flags and categories are sets
        COMMAND INFO config|set //~ unordered-deep -- flags and categories are sets
        COMMAND INFO config|nonsense
        COMMAND INFO get|set
        COMMAND INFO dbsize //~ unordered-deep -- flags and categories are sets
        COMMAND INFO flushall //~ unordered-deep -- flags and categories are sets
        COMMAND INFO flushdb //~ unordered-deep -- flags and categories are sets
        COMMAND INFO info //~ unordered-deep -- flags and categories are sets
        COMMAND INFO lastsave //~ unordered-deep -- flags and categories are sets
        COMMAND INFO time //~ unordered-deep -- flags and categories are sets
        COMMAND INFO save //~ unordered-deep -- flags and categories are sets
        COMMAND INFO bgsave //~ unordered-deep -- flags and categories are sets
        COMMAND INFO bgrewriteaof //~ unordered-deep -- flags and categories are sets
        COMMAND INFO shutdown //~ unordered-deep -- flags and categories are sets
        ",
    ),
    Case::new(
        "command_docs_names_the_commands",
        r"
        COMMAND DOCS get //~ keys -- the texts are our own
        COMMAND DOCS get set hget //~ keys -- the texts are our own
        COMMAND DOCS nonsense
        COMMAND DOCS config|get //~ keys -- the texts are our own
        ",
    ),
    Case::new(
        "info_takes_sections",
        r"
        INFO //~ shape -- figures are the server's own
        INFO server //~ shape -- figures are the server's own
        INFO SERVER clients //~ shape -- figures are the server's own
        INFO everything //~ shape -- figures are the server's own
        INFO nonsense
        INFO keyspace
        SET k v
        INFO keyspace
        SELECT 3
        SET k v PXAT 33177117420000
        SET l v
        EVAL 'return redis.call([[INFO]], [[keyspace]]):match([[db3:keys=%d+,expires=%d+]])' 0
        ",
    ),
];
