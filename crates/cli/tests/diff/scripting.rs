//! EVAL and its family. Semantics: <https://redis.io/docs/latest/develop/interact/programmability/>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "keys_and_arguments",
        r#"
        EVAL "return 1" 0
        EVAL "return {KEYS[1], KEYS[2], ARGV[1], ARGV[2]}" 2 k1 k2 a1 a2
        EVAL "return #KEYS" 2 a b c
        EVAL "return #ARGV" 2 a b c
        EVAL "return KEYS[3]" 2 a b c
        EVAL "return ARGV[1]" 0 "bin\x00\xff\r\n"
        EVAL "return KEYS" 0
        EVAL "" 0
        EVAL "return" 0
        EVAL "return 1"
        EVAL
        EVAL "return 1" abc
        EVAL "return 1" 1
        EVAL "return 1" 2 a
        EVAL "return 1" -1
        EVAL "return 1" 1.5
        EVAL "return 1" ""
        EVAL "return 1" 9223372036854775808
        EVAL "return 1" 0 extra
        eval "return 1" 0
        "#,
    ),
    Case::new(
        "lua_values_become_replies",
        r#"
        EVAL "return 3.99" 0
        EVAL "return -3.99" 0
        EVAL "return 1e15" 0
        EVAL "return 2^53" 0
        EVAL "return 'text'" 0
        EVAL "return ''" 0
        EVAL "return true" 0
        EVAL "return false" 0
        EVAL "return nil" 0
        EVAL "return {}" 0
        EVAL "return {1, 2, 'three', {4}}" 0
        EVAL "return {1, nil, 3}" 0
        EVAL "return {nil, 1}" 0
        EVAL "return {1, 2, foo='bar'}" 0
        EVAL "return {foo='bar'}" 0
        EVAL "return {true, false, 1.7}" 0
        EVAL "return {ok='fine'}" 0
        EVAL "return {err='ERR bad'}" 0
        EVAL "return {err='bad'}" 0
        EVAL "return {ok='fine', err='ERR bad'}" 0
        EVAL "return {{ok='fine'}, {err='ERR bad'}}" 0
        EVAL "return redis.status_reply('fine')" 0
        EVAL "return redis.error_reply('ERR bad')" 0
        EVAL "return redis.error_reply('bad')" 0
        EVAL "return redis.error_reply('-BAD thing')" 0
        EVAL "return redis.error_reply('')" 0
        EVAL "return redis.error_reply(ARGV[1])" 0 "a\x00 b"
        EVAL "return redis.error_reply(ARGV[1])" 0 "\r\n\r a\r\nb\n\r\n"
        EVAL "return redis.status_reply(ARGV[1])" 0 "\r\n\r a\r\nb\n\r\n"
        EVAL "local r = redis.error_reply(ARGV[1]) return r.err" 0 "\rabc"
        EVAL "return redis.error_reply(ARGV[1])" 0 "\rabc"
        EVAL "local r = redis.error_reply(ARGV[1]) return r.err" 0 "\r\n"
        EVAL "return redis.error_reply(ARGV[1])" 0 "\r\n"
        EVAL "local r = redis.error_reply(ARGV[1]) return r.err" 0 "-\rabc"
        EVAL "return redis.error_reply(ARGV[1])" 0 "-\rabc"
        EVAL "local r = redis.error_reply(ARGV[1]) return r.err" 0 -
        EVAL "return redis.error_reply(ARGV[1])" 0 -
        EVAL "local r = redis.error_reply(ARGV[1]) return r.err" 0 --a
        EVAL "return redis.error_reply(ARGV[1])" 0 --a
        EVAL "local r = redis.error_reply(ARGV[1]) return r.err" 0 "- a"
        EVAL "return redis.error_reply(ARGV[1])" 0 "- a"
        EVAL "local r = redis.error_reply(ARGV[1]) return r.err" 0 "CODE \nx\n"
        EVAL "return redis.error_reply(ARGV[1])" 0 "CODE \nx\n"
        EVAL "local r = redis.error_reply(ARGV[1]) return r.err" 0 "-a\r\nb"
        EVAL "return redis.error_reply(ARGV[1])" 0 "-a\r\nb"
        EVAL "local r = redis.error_reply(ARGV[1]) return r.err" 0 "\r\na b"
        EVAL "return redis.error_reply(ARGV[1])" 0 "\r\na b"
        EVAL "error(ARGV[1])" 0 "a\r\nb\r\n"
        EVAL "return #redis.error_reply(ARGV[1]).err" 0 "a\x00 b"
        EVAL "return #redis.status_reply(ARGV[1]).ok" 0 "a\x00 b"
        EVAL "return redis.status_reply(ARGV[1])" 0 "a\x00 b"
        EVAL "return {{err = ARGV[1]}, {ok = ARGV[1]}}" 0 "My a\x00 b"
        EVAL "return redis.status_reply('')" 0
        EVAL "return {ok='a\\r\\nb'}" 0
        EVAL "return {err='a\\r\\nb'}" 0
        EVAL "return {ok=1}" 0
        EVAL "return {double=3.5}" 0
        EVAL "return {map={a=1}}" 0
        EVAL "return {set={a=true}}" 0
        EVAL "return {big_number='12345'}" 0
        EVAL "return {verbatim_string={format='txt', string='hi'}}" 0
        EVAL "return function() end" 0
        EVAL "return 1, 2, 3" 0
        EVAL "return tostring(1e15)" 0
        EVAL "return tostring(3.0)" 0
        EVAL "return tostring(0.1)" 0
        EVAL "return 10/3 .. ''" 0
        EVAL "return 0/0" 0
        "#,
    ),
    Case::new(
        "replies_become_lua_values",
        r#"
        SET k v
        SET n 5
        HSET h f v
        EVAL "return redis.call('GET', KEYS[1])" 1 k
        EVAL "return redis.call('GET', 'missing')" 0
        EVAL "return redis.call('GET', 'missing') == false" 0
        EVAL "return redis.call('HGETALL', 'h')" 0
        EVAL "return redis.call('HGETALL', 'missing')" 0
        EVAL "return redis.call('INCR', 'n')" 0
        EVAL "return redis.call('SET', 'k', 'w')" 0
        EVAL "return redis.call('SET', 'k', 'w')['ok']" 0
        EVAL "return redis.call('SET', 'k', 'w', 'NX')" 0
        EVAL "return type(redis.call('INCR', 'n'))" 0
        EVAL "return type(redis.call('GET', 'n'))" 0
        EVAL "return redis.call('MGET', 'k', 'missing', 'n')" 0
        EVAL "return redis.call('MGET', 'k', 'missing')[2] == false" 0
        EVAL "return redis.call('EXISTS', 'k')" 0
        EVAL "return redis.call('SET', 'num', 12)" 0
        EVAL "return redis.call('SET', 'num', 1.5)" 0
        GET num
        EVAL "return redis.call('SET', 'num', 1e20)" 0
        GET num
        EVAL "return redis.call('SET', 'num', 3.0)" 0
        GET num
        EVAL "return redis.call('INCRBYFLOAT', 'num', 0.5)" 0
        EVAL "return redis.call('ECHO', 0.1)" 0 //~ 7.2 "$3\r\n0.1\r\n" -- 7.2 writes numbers with the fewest digits
        EVAL "return redis.call('PING')" 0
        EVAL "return redis.call('PING', 'x')" 0
        EVAL "return redis.call('ECHO', 'x')" 0
        EVAL "return redis.call('TYPE', 'k')" 0
        EVAL "return redis.call('TYPE', 'k').ok" 0
        EVAL "return redis.call('ping')" 0
        "#,
    ),
    Case::new(
        "resp3_inside_scripts",
        r#"
        HSET h f v
        SET k v
        EVAL "redis.setresp(3) return redis.call('HGETALL', 'h')" 0
        EVAL "redis.setresp(3) return redis.call('HGETALL', 'h').map.f" 0
        EVAL "redis.setresp(3) return redis.call('GET', 'missing')" 0
        EVAL "redis.setresp(3) return redis.call('GET', 'missing') == nil" 0
        EVAL "redis.setresp(3) return {double=3.5}" 0
        EVAL "redis.setresp(3) return {map={a=1}}" 0
        EVAL "redis.setresp(3) return true" 0
        EVAL "redis.setresp(3) return false" 0
        EVAL "redis.setresp(3) return {true, false}" 0
        EVAL "redis.setresp(3) return redis.call('MGET', 'k', 'missing')" 0
        EVAL "redis.setresp(2) return redis.call('HGETALL', 'h')" 0
        EVAL "redis.setresp(4)" 0
        EVAL "redis.setresp()" 0
        EVAL "redis.setresp('x')" 0
        EVAL "return redis.call('HGETALL', 'h')" 0
        "#,
    ),
    Case::new(
        "errors_of_commands",
        r#"
        SET k v
        EVAL "return redis.call('INCR', 'k')" 0
        EVAL "return redis.call('HGET', 'k', 'f')" 0
        EVAL "return redis.call('GET')" 0
        EVAL "return redis.call('NONSENSE')" 0
        EVAL "return redis.call('NONSENSE', 'a')" 0
        EVAL "return redis.call()" 0
        EVAL "return redis.call('SET', 'k', 'v', 'EX', 0)" 0
        EVAL "return redis.call('SET', {}, 'v')" 0
        EVAL "return redis.call('SET', 'k', nil)" 0
        EVAL "return redis.call('SET', 'k', true)" 0
        EVAL "return redis.call({})" 0
        EVAL "return redis.pcall('INCR', 'k')" 0
        EVAL "return redis.pcall('INCR', 'k').err" 0
        EVAL "return redis.pcall('NONSENSE')" 0
        EVAL "return redis.pcall('NONSENSE').err" 0
        EVAL "return redis.pcall('GET').err" 0
        EVAL "return redis.pcall()" 0
        EVAL "return redis.pcall('SET', {}, 'v').err" 0
        EVAL "return {redis.pcall('INCR', 'k'), 'after'}" 0
        EVAL "local ok, e = pcall(redis.call, 'INCR', 'k') return {tostring(ok), type(e), e.err}" 0
        EVAL "redis.call('SET', 'before', '1') redis.call('INCR', 'k') redis.call('SET', 'after', '1')" 0
        EXISTS before after
        EVAL "return redis.pcall('GET', 'k')" 0
        EVAL "return redis.call('OBJECT', 'NONSENSE')" 0
        "#,
    ),
    Case::new(
        "errors_of_scripts",
        r#"
        EVAL "error('boom')" 0
        EVAL "error({err='CODE boom'})" 0
        EVAL "error({err='boom'})" 0
        EVAL "error(redis.error_reply('CODE boom'))" 0
        EVAL "error()" 0
        EVAL "error(nil)" 0
        EVAL "error('boom', 0)" 0
        EVAL "error(42)" 0
        # error({}) is left out: it ends redis-server 7.0.15
        EVAL "return nonsense" 0
        EVAL "nonsense = 1" 0
        EVAL "return nonsense.field" 0
        EVAL "local x = nil; return x.field" 0
        EVAL "return 1 + {}" 0
        EVAL "return 'a' + 1" 0
        EVAL "return #nil" 0
        EVAL "x y z" 0
        EVAL "return (" 0
        EVAL "return 'open" 0
        EVAL "if true then" 0
        EVAL "\n\nerror('line three')" 0
        EVAL "local function f() error('deep') end\nf()" 0
        EVAL "local function f() return f() + 1 end return f()" 0 //~ code -- the depth at which Lua's stack ends is not part of the contract
        EVAL "return assert(false, 'not so')" 0
        EVAL "return assert(false)" 0
        EVAL "return tonumber('x')" 0
        EVAL "return string.rep('x', -1)" 0
        EVAL "return ('x'):nonsense()" 0
        "#,
    ),
    Case::new(
        "the_sandbox",
        r#"
        EVAL "return type(io)" 0
        EVAL "return type(os)" 0
        EVAL "return type(os.clock)" 0
        EVAL "return os.execute" 0
        EVAL "return type(os.execute)" 0
        EVAL "return type(require)" 0
        EVAL "return require" 0
        EVAL "return type(dofile)" 0
        EVAL "return dofile" 0
        EVAL "return type(loadfile)" 0
        EVAL "return type(load)" 0
        EVAL "return type(loadstring)" 0
        EVAL "return loadstring('return 7')()" 0
        EVAL "return load(function() return nil end)" 0
        EVAL "return tostring(loadstring(string.dump(function() return 1 end)))" 0
        EVAL "return loadstring('\\27Lua')" 0
        EVAL "return type(debug)" 0
        EVAL "return debug" 0
        EVAL "return type(package)" 0
        EVAL "return package" 0
        EVAL "return print" 0
        EVAL "return type(setfenv)" 0
        EVAL "return type(getfenv)" 0
        EVAL "return type(newproxy)" 0
        EVAL "return type(collectgarbage)" 0
        EVAL "return type(coroutine)" 0
        EVAL "return type(rawset)" 0
        EVAL "return type(getmetatable)" 0
        EVAL "_G.x = 1" 0
        EVAL "rawset(_G, 'x', 1)" 0
        EVAL "setmetatable(_G, {})" 0
        EVAL "string.x = 1" 0
        EVAL "string.rep = nil" 0
        EVAL "redis.call = nil" 0
        EVAL "redis.x = 1" 0
        EVAL "table.insert(_G, 1)" 0
        EVAL "getmetatable(_G).__newindex = nil" 0
        EVAL "getmetatable('').__index = nil" 0
        EVAL "KEYS = {} return KEYS" 1 a
        EVAL "function f() return 1 end return f()" 0
        EVAL "local x = 1 return x" 0
        EVAL "return type(_G)" 0
        EVAL "return _VERSION" 0
        EVAL "return type(unpack)" 0
        EVAL "return type(math.random)" 0
        "#,
    ),
    Case::new(
        "the_lua_library",
        r#"
        EVAL "return string.format('%5.2f|%d|%s|%q', 3.14159, 42, 'x', 'a b')" 0
        EVAL "return string.rep('ab', 3)" 0
        EVAL "return {string.find('hello', 'l+')}" 0
        EVAL "return string.gsub('hello', 'l', 'L')" 0
        EVAL "return string.upper('abc') .. string.sub('hello', 2, -2)" 0
        EVAL "return string.byte('A')" 0
        EVAL "return table.concat({1, 2, 3}, ',')" 0
        EVAL "local t = {3, 1, 2} table.sort(t) return t" 0
        EVAL "local t = {} for k, v in pairs({a=1}) do t[#t+1] = k end return t" 0
        EVAL "local t = {} for i, v in ipairs({5, 6}) do t[i] = v * 2 end return t" 0
        EVAL "return {math.floor(3.7), math.ceil(3.2), math.max(1, 5, 3), math.huge > 1 and 1 or 0}" 0
        EVAL "return tonumber('0x1F')" 0
        EVAL "return tonumber('11', 2)" 0
        EVAL "return select('#', 1, 2, 3)" 0
        EVAL "return {unpack({1, 2, 3})}" 0
        EVAL "return type(nil)" 0
        EVAL "return #'hello'" 0
        EVAL "return 7 % 3" 0
        EVAL "return -7 % 3" 0
        EVAL "return 2 ^ 10" 0
        EVAL "return 'a' < 'b'" 0
        EVAL "return next({})" 0
        EVAL "local co = coroutine.create(function(x) coroutine.yield(x + 1) end) local ok, v = coroutine.resume(co, 1) return v" 0
        EVAL "local t = setmetatable({}, {__index = function(t, k) return k .. '!' end}) return t.x" 0
        EVAL "return redis.sha1hex('')" 0
        EVAL "return redis.sha1hex('abc')" 0
        EVAL "return redis.sha1hex()" 0
        EVAL "return redis.sha1hex(1)" 0
        EVAL "return redis.LOG_WARNING" 0
        EVAL "return {redis.LOG_DEBUG, redis.LOG_VERBOSE, redis.LOG_NOTICE}" 0
        EVAL "return redis.log(redis.LOG_DEBUG, 'x')" 0
        EVAL "return redis.log('x')" 0
        EVAL "return redis.log(99, 'x')" 0
        EVAL "return redis.log()" 0
        EVAL "return redis.replicate_commands()" 0
        EVAL "return redis.set_repl(redis.REPL_ALL)" 0
        EVAL "return redis.set_repl(99)" 0
        EVAL "return redis.breakpoint()" 0
        EVAL "return redis.debug('x')" 0
        EVAL "return type(redis.REDIS_VERSION)" 0
        EVAL "return type(redis.REDIS_VERSION_NUM)" 0
        EVAL "return redis.REDIS_VERSION_NUM > 0x060000" 0
        EVAL "return redis.acl_check_cmd('GET', 'k')" 0
        EVAL "return redis.acl_check_cmd('NONSENSE')" 0
        "#,
    ),
    Case::new(
        "evalsha_and_the_script_cache",
        r#"
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
        SCRIPT LOAD "return 1"
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
        EVALSHA E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 0
        SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db
        SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db ffffffffffffffffffffffffffffffffffffffff abc
        SCRIPT EXISTS E0E1F9FABFC9D4800C877A703B823AC0578FF8DB
        EVAL "return 500" 0
        SCRIPT EXISTS 098e0f0d1448c0a81dafe820f66d460eb09263da
        !let sha SCRIPT LOAD "return ARGV[1]"
        EVALSHA ${sha} 0 x
        SCRIPT FLUSH
        EVALSHA ${sha} 0 x
        SCRIPT EXISTS ${sha}
        SCRIPT FLUSH SYNC
        SCRIPT FLUSH ASYNC
        SCRIPT FLUSH NONSENSE
        SCRIPT FLUSH SYNC x
        SCRIPT LOAD "x y z"
        SCRIPT LOAD ""
        SCRIPT LOAD
        SCRIPT LOAD a b
        SCRIPT EXISTS
        SCRIPT NONSENSE
        SCRIPT
        SCRIPT KILL
        EVALSHA abc 0
        EVALSHA "" 0
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db abc
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 1
        EVALSHA ffffffffffffffffffffffffffffffffffffffff -1
        "#,
    ),
    Case::new(
        "phpredis_unlocks_a_session",
        r#"
        SET sess_LOCK token NX PX 30000
        SET sess_LOCK other NX PX 30000
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 1 sess_LOCK token
        EVAL "if redis.call(\"get\",KEYS[1]) == ARGV[1] then return redis.call(\"del\",KEYS[1]) else return 0 end" 1 sess_LOCK wrong
        SCRIPT EXISTS b70c2384248f88e6b75b9f89241a180f856ad852
        GET sess_LOCK
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 1 sess_LOCK wrong
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 1 sess_LOCK token
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 1 sess_LOCK token
        EXISTS sess_LOCK
        EVALSHA B70C2384248F88E6B75B9F89241A180F856AD852 1 sess_LOCK token
        HSET h f v
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 1 h token
        SET a 1
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 0
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 1 a
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 1 missing
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 2 a b 1
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 1 a 1 extra
        SET a 1
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 0 a 1
        GET a
        MULTI
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 1 a 1
        EXEC
        WATCH b
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 1 b x
        2> SET b x
        2> EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 1 b x
        MULTI
        PING
        EXEC
        SCRIPT FLUSH
        EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 1 a 1
        "#,
    ),
    Case::new(
        "commands_that_scripts_may_not_call",
        r#"
        EVAL "return redis.call('EVAL', 'return 1', 0)" 0
        EVAL "return redis.call('MULTI')" 0
        EVAL "return redis.call('EXEC')" 0
        EVAL "return redis.call('DISCARD')" 0
        EVAL "return redis.call('WATCH', 'k')" 0
        EVAL "return redis.call('AUTH', 'x')" 0
        EVAL "return redis.call('HELLO', '3')" 0
        EVAL "return redis.call('CLIENT', 'ID')" 0
        EVAL "return redis.call('CLIENT', 'SETNAME', 'x')" 0
        EVAL "return redis.call('CONFIG', 'GET', 'x')" 0
        EVAL "return redis.call('SAVE')" 0
        EVAL "return redis.call('BGSAVE')" 0
        EVAL "return redis.call('SHUTDOWN')" 0
        EVAL "return redis.call('SCRIPT', 'FLUSH')" 0
        EVAL "return redis.call('QUIT')" 0
        EVAL "return redis.call('RESET')" 0
        EVAL "return redis.pcall('MULTI').err" 0
        EVAL "return redis.call('SELECT', '2')" 0
        "#,
    ),
    Case::new(
        "select_inside_a_script_stays_inside",
        r#"
        SET k zero
        EVAL "redis.call('SELECT', 3) redis.call('SET', 'k', 'three') return redis.call('GET', 'k')" 0
        GET k
        SELECT 3
        GET k
        EVAL "return redis.call('GET', 'k')" 0
        "#,
    ),
    Case::new(
        "scripts_write_and_watchers_see_it",
        r#"
        SET k 1
        WATCH k
        2> EVAL "return redis.call('SET', KEYS[1], '2')" 1 k
        MULTI
        GET k
        EXEC
        EVAL "for i = 1, 100 do redis.call('SET', 'k' .. i, i) end return redis.call('DBSIZE')" 0
        EVAL "return redis.call('DEL', unpack(redis.call('KEYS', 'k*')))" 0
        DBSIZE
        EVAL "local s = 0 for i = 1, 1000 do s = s + redis.call('INCR', 'n') end return s" 0
        EVAL "redis.call('SET', KEYS[1], ARGV[1], 'PXAT', 33177117420000) return redis.call('PEXPIRETIME', KEYS[1])" 1 t v
        "#,
    ),
    Case::new(
        "eval_ro_and_flags",
        r##"
        SET k v
        EVAL_RO "return redis.call('GET', KEYS[1])" 1 k
        EVAL_RO "return redis.call('SET', KEYS[1], 'w')" 1 k
        EVAL_RO "return redis.pcall('DEL', KEYS[1]).err" 1 k
        EVALSHA_RO ffffffffffffffffffffffffffffffffffffffff 0
        EVAL "#!lua\nreturn redis.call('GET', 'k')" 0
        EVAL "#!lua flags=no-writes\nreturn redis.call('SET', 'k', 'w')" 0
        EVAL "#!lua flags=no-writes\nreturn redis.call('GET', 'k')" 0
        EVAL "#!lua flags=nonsense\nreturn 1" 0
        EVAL "#!nonsense\nreturn 1" 0
        EVAL "#!lua nonsense=1\nreturn 1" 0
        EVAL "#!lua" 0
        EVAL "#!lua flags=allow-oom,allow-stale\nreturn 1" 0
        GET k
        "##,
    ),
    Case::new(
        "deep_and_large_replies",
        r#"
        EVAL "local t = {} for i = 1, 1000 do t[i] = i end return t" 0
        EVAL "return string.rep('x', 100000)" 0
        EVAL "local t = 1 for i = 1, 50 do t = {t} end return t" 0
        EVAL "local t = 1 for i = 1, 100 do t = {t} end return t" 0
        EVAL "return redis.call('HSET', 'h', unpack({'a', 1, 'b', 2}))" 0
        EVAL "local t = {} for i = 1, 9000 do t[i] = i end return redis.call('DEL', unpack(t))" 0 //~ any -- how many values unpack may return is Lua's own limit
        PING
        "#,
    ),
];
