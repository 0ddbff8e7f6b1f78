//! The table `redis`. Semantics: <https://redis.io/docs/latest/develop/interact/programmability/lua-api/>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "the_table_redis",
        r#"
        SET k v
        HSET h a 1 b 2
        EVAL 'redis.setresp(3) return {{double=3.5},{map={a={1,2}}},{set={x=true}},true,false,nil,5}' 0
        EVAL 'return redis.error_reply("My Err")' 0
        EVAL 'return redis.error_reply({})' 0
        EVAL 'return redis.error_reply()' 0
        EVAL 'return redis.error_reply("a","b")' 0
        EVAL 'return redis.error_reply(5)' 0
        EVAL 'return redis.status_reply(5)' 0
        EVAL 'return redis.status_reply()' 0
        EVAL 'return redis.status_reply("a b")' 0
        EVAL 'return {redis.error_reply("A b").err}' 0
        EVAL 'redis.setresp(3) return redis.call("GET","nokey")' 0
        EVAL 'redis.setresp(3) local r = redis.call("HGETALL","h") return {r.map.a, r.map.b}' 0
        EVAL 'redis.setresp(3) return redis.call("HGETALL","h")' 0
        EVAL 'redis.setresp(3) return redis.call("HRANDFIELD","h","1","WITHVALUES")[1][2] and 1' 0
        EVAL 'redis.setresp(3) return type(redis.call("INCRBYFLOAT","f","1.5"))' 0
        EVAL 'redis.setresp(3) return redis.call("EXISTS","k") == 1' 0
        EVAL 'redis.setresp(3) return redis.call("MGET","k","nokey")' 0
        EVAL 'redis.setresp(3) return redis.call("SET","k","v","NX")' 0
        EVAL 'redis.setresp(3) return redis.call("SET","k","v","GET")' 0
        EVAL 'redis.setresp(3) return redis.call("LCS","k","k","IDX")' 0
        EVAL 'redis.setresp("3") return 1' 0
        EVAL 'redis.setresp(3,3)' 0
        EVAL 'redis.setresp(2.9) return redis.call("GET","nokey")' 0
        EVAL 'redis.setresp(3.9) return redis.call("GET","nokey")' 0
        EVAL 'redis.setresp(nil)' 0
        EVAL 'redis.setresp({})' 0
        EVAL 'redis.setresp(1)' 0
        EVAL 'return redis.log(redis.LOG_NOTICE)' 0
        EVAL 'return redis.log(redis.LOG_NOTICE,"a","b",1,{},nil)' 0
        EVAL 'return redis.log(-1,"x")' 0
        EVAL 'return redis.log(4,"x")' 0
        EVAL 'return redis.log(1.5,"x")' 0
        EVAL 'return redis.log({}, "x")' 0
        EVAL 'return redis.log("1", "x")' 0
        EVAL 'return redis.set_repl()' 0
        EVAL 'return redis.set_repl(1,2)' 0
        EVAL 'return redis.set_repl(redis.REPL_NONE)' 0
        EVAL 'return redis.set_repl("x")' 0
        EVAL 'return redis.set_repl(-1)' 0
        EVAL 'return {redis.REPL_ALL,redis.REPL_AOF,redis.REPL_NONE,redis.REPL_SLAVE,redis.REPL_REPLICA}' 0
        EVAL 'return redis.replicate_commands(1,2)' 0
        EVAL 'return redis.breakpoint("x")' 0
        EVAL 'return redis.debug()' 0
        EVAL 'return redis.debug({},1)' 0
        EVAL 'return redis.sha1hex("a","b")' 0
        EVAL 'return redis.sha1hex({})' 0
        EVAL 'return redis.sha1hex(nil)' 0
        EVAL 'return redis.sha1hex(1.5)' 0
        EVAL 'return redis.sha1hex(true)' 0
        EVAL 'return redis.acl_check_cmd()' 0
        EVAL 'return redis.acl_check_cmd({})' 0
        EVAL 'return redis.acl_check_cmd("set","k","v")' 0
        EVAL 'return redis.acl_check_cmd("set")' 0
        EVAL 'return redis.acl_check_cmd("set","k",1,2,3,4)' 0
        EVAL 'return redis.acl_check_cmd("config")' 0
        EVAL 'return redis.acl_check_cmd("config","get")' 0
        EVAL 'return redis.acl_check_cmd("config","x")' 0
        EVAL 'return redis.acl_check_cmd("get","x","y","z")' 0
        EVAL 'return redis.acl_check_cmd(1)' 0
        EVAL 'return redis.acl_check_cmd("GET",{})' 0
        EVAL 'return redis.acl_check_cmd("get\0x")' 0
        EVAL 'math.randomseed(5) return math.random(1000)' 0
        EVAL 'math.randomseed(0) return {math.random(1,10),math.random(1,10),math.floor(math.random()*1000)}' 0
        "#,
    ),
    Case::new(
        "commands_called_from_scripts",
        r#"
        SET k v
        HSET h a 1 b 2
        SET n 10
        EVAL 'return redis.call' 0
        EVAL 'return redis.call("SET","k","v")' 0
        EVAL 'return redis.call("GET","nokey")' 0
        EVAL 'return redis.call("HGETALL","h")' 0
        EVAL 'return redis.call("CONFIG","GET","maxmemory")' 0
        EVAL 'return redis.call("LCS","k","k","IDX")' 0
        EVAL 'return redis.call("SET","k","v","NX")' 0
        EVAL 'return redis.call("COMMAND","COUNT") > 10' 0
        EVAL 'return redis.call("set")' 0
        EVAL 'return redis.call("SeT","x","1")' 0
        EVAL 'return redis.call("hSeT","hh","a","1")' 0
        EVAL 'return redis.call("sEt","x",1.5) and redis.call("get","x")' 0
        EVAL 'return redis.call("set","x",1e17) and redis.call("get","x")' 0 //~ 7.2 "$18\r\n100000000000000000\r\n" -- 7.2 sends the fewest digits
        EVAL 'return redis.call("set","x",0.1) and redis.call("get","x")' 0 //~ 7.2 "$3\r\n0.1\r\n" -- 7.2 sends the fewest digits
        EVAL 'return redis.call("set","x",1/3) and redis.call("get","x")' 0 //~ 7.2 "$18\r\n0.3333333333333333\r\n" -- 7.2 sends the fewest digits
        EVAL 'return redis.call("set","x",1/0) and redis.call("get","x")' 0
        EVAL 'return redis.call("set","x",-1/0) and redis.call("get","x")' 0
        EVAL 'return redis.call("set","x",2^53+1) and redis.call("get","x")' 0
        EVAL 'return redis.call("set","x",2^63) and redis.call("get","x")' 0 //~ 7.2 "$19\r\n9223372036854776000\r\n" -- 7.2 sends the fewest digits
        EVAL 'return redis.call("set","x",1e15+0.5) and redis.call("get","x")' 0
        EVAL 'return redis.call(1)' 0
        EVAL 'return redis.call("get",nil)' 0
        EVAL 'return redis.call("get",nil,"x")' 0
        EVAL 'return redis.call(nil)' 0
        EVAL 'return redis.call("get",function() end)' 0
        EVAL 'return redis.call("get","k","x")' 0
        EVAL 'return redis.pcall("get","k","x")' 0
        EVAL 'return redis.pcall(nil)' 0
        EVAL 'return redis.pcall("get",{})' 0
        EVAL 'return redis.pcall("nosuch")' 0
        EVAL 'return redis.call("config")' 0
        EVAL 'return redis.call("config","nosuch")' 0
        EVAL 'return redis.call("object","encoding")' 0
        EVAL 'return redis.call("script","load","return 1")' 0
        EVAL 'return redis.call("script","kill")' 0
        EVAL 'return redis.call("eval_ro","return 1",0)' 0
        EVAL 'return redis.call("evalsha","x",0)' 0
        EVAL 'return redis.call("client","kill","x")' 0
        EVAL 'return redis.call("client","no-evict","on")' 0
        EVAL 'return redis.call("client","reply","off")' 0
        EVAL 'return redis.call("flushall")' 0
        EVAL 'return redis.call("dbsize")' 0
        EVAL 'return redis.call("unwatch")' 0
        EVAL 'return redis.call("ping","a","b")' 0
        EVAL 'return redis.call("select",99)' 0
        EVAL 'return redis.call("select","x")' 0
        EVAL 'return redis.call("move","k",1)' 0
        EVAL 'return redis.call("copy","k","k2")' 0
        EVAL 'local e = redis.pcall("hget","k","f") return {type(e), e.err, tostring(e.ignore_error_stats_update), tostring(e.source), tostring(e.line)}' 0
        EVAL 'local e = redis.pcall("hget","k","f") local t={} for k,v in pairs(e) do t[#t+1]=k.."="..tostring(v) end table.sort(t) return t' 0
        EVAL 'error(redis.pcall("hget","k","f"))' 0
        EVAL 'return {coroutine.resume(coroutine.create(function() redis.call("nosuch") end))}' 0
        "#,
    ),
];
