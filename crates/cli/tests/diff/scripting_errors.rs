//! Errors of scripts, the language and what scripts declare of themselves.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "errors_and_where_they_are",
        r#"
        SET k v
        HSET h a 1 b 2
        EVAL 'return tostring(nil) .. tostring(true)' 0
        EVAL 'return {pcall(error)}' 0
        EVAL 'return {pcall(error,nil)}' 0
        EVAL 'return {pcall(error,{err="X y"})}' 0
        EVAL 'return select(2,pcall(error,{err="X y"}))' 0
        EVAL 'return {pcall(redis.call,"nosuch")}' 0
        EVAL 'return {pcall(redis.call)}' 0
        EVAL 'return {pcall(redis.call,"get")}' 0
        EVAL 'return select(2,pcall(redis.call,"nosuch"))' 0
        EVAL 'local ok,e = pcall(redis.call,"hget","k","f") return {tostring(ok),type(e),tostring(e.err)}' 0
        EVAL 'local ok,e = pcall(redis.call,"hget","k","f") local t={} for k,v in pairs(e) do t[#t+1]=k.."="..tostring(v) end table.sort(t) return t' 0
        EVAL 'local ok,e = xpcall(function() redis.call("hget","k","f") end, function(x) return x end) return type(e)' 0
        EVAL 'error("a\nb")' 0
        EVAL 'error("a\0b")' 0
        EVAL 'error({err=5})' 0
        EVAL 'error("x",2)' 0
        EVAL 'local function f() error("in f") end f()' 0
        EVAL 'local function f() error("in f",2) end \n f()' 0
        EVAL 'assert(false)' 0
        EVAL 'assert(nil,"msg")' 0
        EVAL 'assert(false,{err="MY msg"})' 0
        EVAL 'return assert(1,2)' 0
        EVAL 'local x = nil + 1' 0
        EVAL 'local t = nil t.x = 1' 0
        EVAL 'local t = {} t[nil] = 1' 0
        EVAL 'undefined_fn()' 0
        EVAL 'setmetatable(_G, nil)' 0
        EVAL 'redis["call"] = nil' 0
        EVAL 'string.format = nil' 0
        EVAL 'KEYS = nil' 0
        EVAL 'getmetatable("").__index = nil' 0
        EVAL 'return next(_G) ~= nil' 0
        EVAL 'return load("return 1")()' 0
        EVAL 'return loadstring("return 1","name")()' 0
        EVAL 'return loadstring("x y","=name")' 0
        EVAL 'return select(2,loadstring("x y","=name"))' 0
        EVAL 'return select(2,loadstring("x y"))' 0
        EVAL 'return select(2,loadstring("x y","@file"))' 0
        EVAL 'return select(2,load(function() return nil end)) == nil' 0
        EVAL 'return select(2,loadstring("x = 1")) == nil' 0
        EVAL 'loadstring("x = 1")()' 0
        EVAL "loadstring('error(\"in loaded\")')()" 0
        EVAL 'loadstring("return undefinedvar")()' 0
        EVAL 'return coroutine.wrap(function() return 5 end)()' 0
        EVAL 'coroutine.wrap(function() error("in co") end)()' 0
        EVAL 'return {coroutine.resume(coroutine.create(function() error("in co") end))}' 0
        EVAL 'coroutine.yield()' 0
        EVAL 'return string.dump(function() end) ~= nil' 0
        EVAL 'return loadstring(string.dump(function() end)) == nil' 0
        EVAL 'return nil == false' 0
        EVAL 'return not nil' 0
        "#,
    ),
    Case::new(
        "the_language_and_its_library",
        r#"
        EVAL 'return {verbatim_string={format="txt",string="abc"}}' 0
        EVAL 'return {verbatim_string={format="toolong",string="abc"}}' 0
        EVAL 'return {verbatim_string={format="t",string="abc"}}' 0
        EVAL 'return {verbatim_string={string="abc"}}' 0
        EVAL 'return {verbatim_string="x"}' 0
        EVAL 'return os' 0
        EVAL 'return tostring(1e15) .. tostring(2^53) .. tostring(0.1) .. tostring(100)' 0
        EVAL 'return "5" + 5' 0
        EVAL 'return #ARGV' 0
        EVAL 'return redis.REDIS_VERSION_NUM > 0' 0
        EVAL 'local x = {} .. ""' 0
        EVAL 'local x = {} < {}' 0
        EVAL 'local x = {} < 1' 0
        EVAL 'local t = {} t.x.y = 1' 0
        EVAL 'local t = {} t.f()' 0
        EVAL 'local t = {} t:f()' 0
        EVAL 'string.rep()' 0
        EVAL 'string.format("%d","x")' 0
        EVAL '("x"):bad()' 0
        EVAL 'ARGV[1]:upper()' 0
        EVAL 'goto x' 0
        EVAL 'x =' 0
        EVAL 'for i=1 do end' 0
        EVAL 'local a <const> = 1' 0
        EVAL 'return "abc' 0
        EVAL 'return [[abc' 0
        EVAL '--[[ abc' 0
        EVAL 'return "\xZZ"' 0
        EVAL 'break' 0
        EVAL 'return ...' 0
        EVAL 'return setfenv' 0
        EVAL 'return getfenv' 0
        EVAL 'return newproxy' 0
        EVAL 'return dofile' 0
        EVAL 'return loadfile' 0
        EVAL 'return require' 0
        EVAL 'return module' 0
        EVAL 'return print' 0
        EVAL 'return debug' 0
        EVAL 'return io' 0
        EVAL 'return package' 0
        EVAL 'return rawget(_G,"print")' 0
        EVAL '_G["x"] = 1' 0
        EVAL 'local _ENV = {} x = 1 return x' 0
        EVAL 'a,b = 1,2' 0
        EVAL 'function f() end' 0
        EVAL 'local function f() g = 1 end f()' 0
        EVAL 'for i=1,2 do z = i end' 0
        EVAL 'getmetatable(_G).__index = function() return 1 end' 0
        EVAL 'rawset(_G,"x",1)' 0
        EVAL 'table.insert(redis,1)' 0
        EVAL 'math.pi = 3' 0
        EVAL 'KEYS[1] = 5 return KEYS[1]' 0
        EVAL 'ARGV = {1}' 0
        EVAL 'table.concat(KEYS)' 0
        EVAL 'return table.concat({1,{},2})' 0
        EVAL 'return getmetatable("").__index == string' 0
        EVAL 'return getmetatable("").__name' 0
        EVAL 'return type(getmetatable(_G))' 0
        EVAL 'return type(getmetatable(redis))' 0
        EVAL 'return type(getmetatable({}))' 0
        EVAL 'return tostring(collectgarbage("count") > 0)' 0
        EVAL 'return collectgarbage("step")' 0
        EVAL 'return table.getn({1,2})' 0
        EVAL 'return table.maxn({1,2,[10]=1})' 0
        EVAL 'return string.gfind and 1' 0
        EVAL "return string.format('%5.1f|%x|%5s|%-5s|%c|%i|%e|%g|%o|%u|%X|%%|%q', 3.14159, 255, 'a','b',65, 42, 12345.678, 0.0001, 8, 9, 255, 'q\\n\\0\"')" 0
        EVAL 'return tostring(tonumber("0x10")) .. tostring(tonumber("1e2")) .. tostring(tonumber(" 5 ")) .. tostring(tonumber("5x")) .. tostring(tonumber("z",36)) .. tostring(tonumber("",10))' 0
        EVAL 'return table.concat({1,2,3},", ",2,3)' 0
        EVAL 'return ("x"):rep(3) .. ("%d"):format(3) .. #("abc") .. ("abc"):byte(2) .. ("AbC"):lower() .. ("abc"):reverse()' 0
        EVAL 'return {("hello world"):match("(%w+) (%w+)")}' 0
        EVAL 'return {string.gsub("hello","l","L",1)}' 0
        EVAL 'return string.gsub("hello","(l)","%1%1")' 0
        EVAL 'return string.gsub("abc","%w",function(c) return c:upper() end)' 0
        EVAL 'return math.fmod(-7,3)' 0
        EVAL 'return #"\0\0"' 0
        EVAL 'return "a" < "B"' 0
        EVAL 'return "10" < "9"' 0
        EVAL 'return "10" == 10' 0
        "#,
    ),
    Case::new(
        "first_lines_and_read_only_scripts",
        r##"
        EVAL "#!lua flags=no-writes\nreturn redis.call('set','a','b')" 0
        EVAL_RO "#!lua flags=no-writes\nreturn redis.call('set','a','b')" 0
        SCRIPT LOAD "#!lua flags=no-writes\nreturn redis.call('set','a','b')"
        EVAL "#!lua flags=no-writes,allow-stale\nreturn 1" 0
        EVAL_RO "#!lua flags=no-writes,allow-stale\nreturn 1" 0
        SCRIPT LOAD "#!lua flags=no-writes,allow-stale\nreturn 1"
        EVAL "#!lua flags=no-cluster\nreturn 1" 0
        EVAL_RO "#!lua flags=no-cluster\nreturn 1" 0
        SCRIPT LOAD "#!lua flags=no-cluster\nreturn 1"
        EVAL "#!lua flags=allow-cross-slot-keys\nreturn 1" 0
        EVAL_RO "#!lua flags=allow-cross-slot-keys\nreturn 1" 0
        SCRIPT LOAD "#!lua flags=allow-cross-slot-keys\nreturn 1"
        EVAL "#!lua flags=bad\nreturn 1" 0
        EVAL_RO "#!lua flags=bad\nreturn 1" 0
        SCRIPT LOAD "#!lua flags=bad\nreturn 1"
        EVAL "#!lua name=x\nreturn 1" 0
        EVAL_RO "#!lua name=x\nreturn 1" 0
        SCRIPT LOAD "#!lua name=x\nreturn 1"
        EVAL "#!lua \nreturn 1" 0
        EVAL_RO "#!lua \nreturn 1" 0
        SCRIPT LOAD "#!lua \nreturn 1"
        EVAL '#!lua' 0
        EVAL_RO '#!lua' 0
        SCRIPT LOAD '#!lua'
        EVAL "#!lua\n" 0
        EVAL_RO "#!lua\n" 0
        SCRIPT LOAD "#!lua\n"
        EVAL "#!LUA\nreturn 1" 0
        EVAL_RO "#!LUA\nreturn 1" 0
        SCRIPT LOAD "#!LUA\nreturn 1"
        EVAL "#!js\nreturn 1" 0
        EVAL_RO "#!js\nreturn 1" 0
        SCRIPT LOAD "#!js\nreturn 1"
        EVAL '#!' 0
        EVAL_RO '#!' 0
        SCRIPT LOAD '#!'
        EVAL "#!\nreturn 1" 0
        EVAL_RO "#!\nreturn 1" 0
        SCRIPT LOAD "#!\nreturn 1"
        EVAL "#!lua flags=no-writes flags=allow-oom\nreturn 1" 0
        EVAL_RO "#!lua flags=no-writes flags=allow-oom\nreturn 1" 0
        SCRIPT LOAD "#!lua flags=no-writes flags=allow-oom\nreturn 1"
        EVAL "#!lua flags=no-writes,\nreturn 1" 0
        EVAL_RO "#!lua flags=no-writes,\nreturn 1" 0
        SCRIPT LOAD "#!lua flags=no-writes,\nreturn 1"
        EVAL "#!lua bad\nreturn 1" 0
        EVAL_RO "#!lua bad\nreturn 1" 0
        SCRIPT LOAD "#!lua bad\nreturn 1"
        EVAL "#!lua\nreturn bad" 0
        EVAL_RO "#!lua\nreturn bad" 0
        SCRIPT LOAD "#!lua\nreturn bad"
        EVAL "#!lua\nerror('x')" 0
        EVAL_RO "#!lua\nerror('x')" 0
        SCRIPT LOAD "#!lua\nerror('x')"
        EVAL "#!lua\n\nreturn 1 +" 0
        EVAL_RO "#!lua\n\nreturn 1 +" 0
        SCRIPT LOAD "#!lua\n\nreturn 1 +"
        EVAL "#!lua\nx=1" 0
        EVAL_RO "#!lua\nx=1" 0
        SCRIPT LOAD "#!lua\nx=1"
        EVAL "#!lua flags=no-writes\nreturn redis.pcall('set','a','b').err" 0
        EVAL_RO "#!lua flags=no-writes\nreturn redis.pcall('set','a','b').err" 0
        SCRIPT LOAD "#!lua flags=no-writes\nreturn redis.pcall('set','a','b').err"
        EVAL "#!lua flags=allow-oom\nreturn redis.call('set','a','b')" 0
        EVAL_RO "#!lua flags=allow-oom\nreturn redis.call('set','a','b')" 0
        SCRIPT LOAD "#!lua flags=allow-oom\nreturn redis.call('set','a','b')"
        EVAL_RO 'return redis.call("SET", "a", "b")' 0
        EVAL_RO 'return redis.pcall("SET", "a", "b")' 0
        EVAL_RO 'return redis.call("GET", "a")' 0
        EVALSHA_RO xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx 0
        EVALSHA short 0
        SCRIPT DEBUG NO
        SCRIPT DEBUG X
        SCRIPT DEBUG
        SCRIPT EXISTS
        SCRIPT LOAD a b
        SCRIPT FLUSH SYNC x
        "##,
    ),
];
