//! `cjson`. Semantics: <https://redis.io/docs/latest/develop/interact/programmability/lua-api/#cjson-library>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "cjson_encodes",
        r#"
        EVAL 'return cjson.encode({1,2,3})' 0
        EVAL 'return cjson.encode({})' 0
        EVAL 'return cjson.encode({[1]=1,[3]=3})' 0
        EVAL 'return cjson.encode({[11]=1})' 0
        EVAL 'return cjson.encode({[10]=1})' 0
        EVAL 'return cjson.encode({[20]=1,[1]=1,[2]=1,[3]=1,[4]=1,[5]=1,[6]=1,[7]=1,[8]=1,[9]=1})' 0
        EVAL 'return cjson.encode({[21]=1,[1]=1,[2]=1,[3]=1,[4]=1,[5]=1,[6]=1,[7]=1,[8]=1,[9]=1})' 0
        EVAL 'return cjson.encode({[0]=1})' 0
        EVAL 'return cjson.encode({[-1]=1})' 0
        EVAL 'return cjson.encode({[1.5]=1})' 0
        EVAL 'return cjson.encode({a=1,[1]=2})' 0
        EVAL 'return cjson.encode({[true]=1})' 0
        EVAL 'return cjson.encode({[1]=1,[{}]=1})' 0
        EVAL 'return cjson.encode({f=function() end})' 0
        EVAL 'return cjson.encode(function() end)' 0
        EVAL 'return cjson.encode(coroutine.create(function() end))' 0
        EVAL 'return cjson.encode(cjson.null)' 0
        EVAL 'return cjson.encode(nil)' 0
        EVAL 'return cjson.encode(1,2)' 0
        EVAL 'return cjson.encode(true)' 0
        EVAL 'return cjson.encode(false)' 0
        EVAL 'return cjson.encode("a/b\"\\\b\f\n\r\t\0\1\31\127\200\255")' 0
        EVAL 'return cjson.encode(0/0)' 0
        EVAL 'return cjson.encode(1/0)' 0
        EVAL 'return cjson.encode(-1/0)' 0
        EVAL 'return cjson.encode(1e15)' 0
        EVAL 'return cjson.encode({1e14,123456789012345,0.1,1/3,100,-0,1e100,1e-7,2^53,1e300,12345678901234567890})' 0
        EVAL 'return cjson.encode({1,2,[1e15]=3})' 0
        EVAL 'return cjson.encode({1,2,[4294967301]=3})' 0
        EVAL 'return cjson.encode({1,2,[2147483648]=3})' 0
        EVAL 'return cjson.encode({1,2,[1/0]=3})' 0
        EVAL 'return cjson.encode({{{}}, {a={}}})' 0
        EVAL 'return cjson.encode(redis.call("PING"))' 0
        EVAL 'return cjson.encode({redis.pcall("NONSENSE")})' 0
        EVAL 'return cjson.encode({z=1,y=2,x=3,w={1,2,{q=1}}})' 0
        EVAL 'return cjson.decode()' 0
        EVAL 'return cjson.decode(1)' 0
        EVAL 'return cjson.decode(nil)' 0
        EVAL 'return cjson.decode({})' 0
        EVAL 'return cjson.decode("1",2)' 0
        EVAL 'return cjson.decode("{")' 0
        EVAL 'return cjson._NAME .. cjson._VERSION' 0
        EVAL 'return tostring(cjson.null)' 0
        EVAL 'return type(cjson.null)' 0
        EVAL 'return cjson.null' 0
        EVAL 'return {cjson.null}' 0
        EVAL 'return tostring(cjson.decode("null") == cjson.null)' 0
        EVAL 'return tostring(cjson.decode("[null]")[1] == cjson.null)' 0
        EVAL 'return {cjson.encode_sparse_array()}' 0
        EVAL 'local a,b,c = cjson.encode_sparse_array() return {tostring(a),b,c}' 0
        EVAL 'return cjson.encode({[100]=1})' 0
        EVAL 'cjson.x = 1' 0
        EVAL 'local d = cjson.decode d()' 0
        EVAL 'local d = cjson.encode d()' 0
        EVAL 'return cjson.encode({a={}})' 0
        EVAL 'return cjson.encode({x=redis.call("PING")})' 0
        EVAL 'return cjson.encode(setmetatable({},{__index={1,2}}))' 0
        EVAL 'return cjson.encode({[1]=1,[2]=2,[3.5]=3})' 0
        EVAL 'return cjson.encode({[1e15]=1})' 0
        EVAL 'return cjson.encode({[2^53]=1,a=1})' 0
        EVAL 'return cjson.encode({[1/0]=1})' 0
        EVAL 'return cjson.encode({[-1/0]=1})' 0
        EVAL 'return cjson.encode({a=1,[1/0]=1})' 0
        EVAL 'return cjson.encode({1,2,nil,4})' 0
        EVAL 'return cjson.encode({nil,nil})' 0
        EVAL 'return cjson.encode({1,nil,function() end})' 0
        EVAL 'return cjson.encode({z=1,y=2,x=3,w={1,2,{q=1}}})' 0
        EVAL 'return cjson.encode(cjson.decode("{"uuid":"1-2-3","displayName":"App\\Jobs\\Mail","job":"Illuminate\\Queue\\CallQueuedHandler@call","maxTries":null,"attempts":0,"data":{"command":"O:1"}}"))' 0
        "#,
    ),
    Case::new(
        "cjson_decodes_documents",
        r#"
        !let sha SCRIPT LOAD 'local ok, v = pcall(cjson.decode, ARGV[1]) if not ok then return v end return type(v) == "table" and cjson.encode(v) or type(v) .. " " .. tostring(v)'
        EVALSHA ${sha} 0 ''
        EVALSHA ${sha} 0 'nul'
        EVALSHA ${sha} 0 'null'
        EVALSHA ${sha} 0 'tru'
        EVALSHA ${sha} 0 'truex'
        EVALSHA ${sha} 0 'true'
        EVALSHA ${sha} 0 '[1,2'
        EVALSHA ${sha} 0 '[1,]'
        EVALSHA ${sha} 0 '[,1]'
        EVALSHA ${sha} 0 '[1 2]'
        EVALSHA ${sha} 0 '{}'
        EVALSHA ${sha} 0 '{"a"}'
        EVALSHA ${sha} 0 '{"a":}'
        EVALSHA ${sha} 0 '{"a":1,}'
        EVALSHA ${sha} 0 '{a:1}'
        EVALSHA ${sha} 0 '{"a":1 "b":2}'
        EVALSHA ${sha} 0 '{1:2}'
        EVALSHA ${sha} 0 '[1.5,"x",null,true,{"k":[]}]'
        EVALSHA ${sha} 0 ']'
        EVALSHA ${sha} 0 '}'
        EVALSHA ${sha} 0 ','
        EVALSHA ${sha} 0 ':'
        EVALSHA ${sha} 0 '['
        EVALSHA ${sha} 0 '{'
        EVALSHA ${sha} 0 '//x'
        EVALSHA ${sha} 0 "'a'"
        EVALSHA ${sha} 0 '{"a":1,"a":2}'
        EVALSHA ${sha} 0 '["a":1]'
        EVALSHA ${sha} 0 '{"a",1}'
        EVALSHA ${sha} 0 '[1]x'
        EVALSHA ${sha} 0 '{"a":1}}'
        EVALSHA ${sha} 0 "\x00\x00"
        EVALSHA ${sha} 0 "[\x00"
        EVALSHA ${sha} 0 "[1]\x00"
        EVALSHA ${sha} 0 "\x00"
        EVALSHA ${sha} 0 "\x00a"
        EVALSHA ${sha} 0 "a\x00"
        EVALSHA ${sha} 0 "1\x00"
        EVALSHA ${sha} 0 "\t\n\r 1"
        EVALSHA ${sha} 0 "\x0b1"
        EVALSHA ${sha} 0 "\x0c1"
        EVALSHA ${sha} 0 "[1,\n2]"
        EVALSHA ${sha} 0 "{\"a\":1,\n\"b\"}"
        EVALSHA ${sha} 0 'tRue'
        EVALSHA ${sha} 0 'NULL'
        EVALSHA ${sha} 0 'faLse'
        EVALSHA ${sha} 0 'false'
        EVALSHA ${sha} 0 'nullx'
        EVALSHA ${sha} 0 '[nullx]'
        EVALSHA ${sha} 0 '[truefalse]'
        EVALSHA ${sha} 0 '[1}'
        EVALSHA ${sha} 0 '{"a":1]'
        EVALSHA ${sha} 0 '{,}'
        EVALSHA ${sha} 0 '{"a":1,,}'
        EVALSHA ${sha} 0 '[1,,2]'
        EVALSHA ${sha} 0 '[01]'
        EVALSHA ${sha} 0 '-"a"'
        EVALSHA ${sha} 0 "\xef\xbb\xbf1"
        EVALSHA ${sha} 0 '{"":1}'
        EVALSHA ${sha} 0 '{"a":{"b":[[],{}]}}'
        EVALSHA ${sha} 0 '0xABCDEFabcdef0123456789'
        "#,
    ),
    Case::new(
        "cjson_decodes_strings",
        r#"
        !let sha SCRIPT LOAD 'local ok, v = pcall(cjson.decode, ARGV[1]) if not ok then return v end return type(v) == "table" and cjson.encode(v) or type(v) .. " " .. tostring(v)'
        EVALSHA ${sha} 0 '"abc'
        EVALSHA ${sha} 0 '"a\x"'
        EVALSHA ${sha} 0 '"\u12"'
        EVALSHA ${sha} 0 '"\u00e9\u20ac\ud83d\ude00"'
        EVALSHA ${sha} 0 '"\ud83d"'
        EVALSHA ${sha} 0 '"\ud83dx"'
        EVALSHA ${sha} 0 '"\ude00"'
        EVALSHA ${sha} 0 '"\ud83d\u0041"'
        EVALSHA ${sha} 0 '"\u0000"'
        EVALSHA ${sha} 0 '"/\/\b\f\n\r\t\"\\"'
        EVALSHA ${sha} 0 "\"a\x00b\""
        EVALSHA ${sha} 0 "\"a\nb\""
        EVALSHA ${sha} 0 "\"a\x01b\""
        EVALSHA ${sha} 0 "\"\xff\""
        EVALSHA ${sha} 0 "\"\\"
        EVALSHA ${sha} 0 '"\u'
        EVALSHA ${sha} 0 '"\uD83D\u'
        EVALSHA ${sha} 0 '"\uD83D\uD83D"'
        EVALSHA ${sha} 0 '"a""b"'
        EVALSHA ${sha} 0 '"\u00"'
        EVALSHA ${sha} 0 '"\uZZZZ"'
        EVALSHA ${sha} 0 '"\uDC00\uD800"'
        "#,
    ),
    Case::new(
        "cjson_decodes_numbers",
        r#"
        !let sha SCRIPT LOAD 'local ok, v = pcall(cjson.decode, ARGV[1]) if not ok then return v end return type(v) == "table" and cjson.encode(v) or type(v) .. " " .. tostring(v)'
        EVALSHA ${sha} 0 ' '
        EVALSHA ${sha} 0 '1'
        EVALSHA ${sha} 0 '1 2'
        EVALSHA ${sha} 0 '01'
        EVALSHA ${sha} 0 '-'
        EVALSHA ${sha} 0 '+1'
        EVALSHA ${sha} 0 '.5'
        EVALSHA ${sha} 0 '1.'
        EVALSHA ${sha} 0 '1e5'
        EVALSHA ${sha} 0 '1e'
        EVALSHA ${sha} 0 '0x10'
        EVALSHA ${sha} 0 'nan'
        EVALSHA ${sha} 0 'NaN'
        EVALSHA ${sha} 0 'Infinity'
        EVALSHA ${sha} 0 '-Infinity'
        EVALSHA ${sha} 0 'inf'
        EVALSHA ${sha} 0 '-nan'
        EVALSHA ${sha} 0 '-inf'
        EVALSHA ${sha} 0 'infx'
        EVALSHA ${sha} 0 '1x'
        EVALSHA ${sha} 0 '-0'
        EVALSHA ${sha} 0 '1.5e3'
        EVALSHA ${sha} 0 '123456789012345678'
        EVALSHA ${sha} 0 '0123'
        EVALSHA ${sha} 0 '-01'
        EVALSHA ${sha} 0 '1e400'
        EVALSHA ${sha} 0 '--1'
        EVALSHA ${sha} 0 '- 1'
        EVALSHA ${sha} 0 '00'
        EVALSHA ${sha} 0 '-0x1F'
        EVALSHA ${sha} 0 '0x'
        EVALSHA ${sha} 0 '1.e5'
        EVALSHA ${sha} 0 'i'
        EVALSHA ${sha} 0 'n'
        EVALSHA ${sha} 0 'N'
        EVALSHA ${sha} 0 'I'
        EVALSHA ${sha} 0 '-I'
        EVALSHA ${sha} 0 'infinit'
        EVALSHA ${sha} 0 'infinity'
        EVALSHA ${sha} 0 'INF'
        EVALSHA ${sha} 0 'NAN'
        EVALSHA ${sha} 0 'nan(1)'
        EVALSHA ${sha} 0 '1_'
        EVALSHA ${sha} 0 '-infinity'
        EVALSHA ${sha} 0 '-NaN'
        EVALSHA ${sha} 0 '0x1p3'
        EVALSHA ${sha} 0 '1e+5'
        EVALSHA ${sha} 0 '1E-5'
        EVALSHA ${sha} 0 '1e+'
        EVALSHA ${sha} 0 '.'
        EVALSHA ${sha} 0 '-.5'
        EVALSHA ${sha} 0 'e5'
        EVALSHA ${sha} 0 '1..2'
        EVALSHA ${sha} 0 '1e5.5'
        EVALSHA ${sha} 0 '0'
        EVALSHA ${sha} 0 '-0.0'
        EVALSHA ${sha} 0 '1.0'
        EVALSHA ${sha} 0 '100000000000000000000'
        EVALSHA ${sha} 0 '0.1e1'
        EVALSHA ${sha} 0 '0.'
        EVALSHA ${sha} 0 '1.5.5'
        EVALSHA ${sha} 0 '0e0'
        EVALSHA ${sha} 0 '00.5'
        EVALSHA ${sha} 0 '-00'
        EVALSHA ${sha} 0 '0xg'
        EVALSHA ${sha} 0 '0x1G'
        EVALSHA ${sha} 0 '0x1.8'
        EVALSHA ${sha} 0 '-x'
        EVALSHA ${sha} 0 '+x'
        EVALSHA ${sha} 0 '+inf'
        EVALSHA ${sha} 0 '+nan'
        EVALSHA ${sha} 0 '+'
        EVALSHA ${sha} 0 '+0x1'
        EVALSHA ${sha} 0 'Nan'
        EVALSHA ${sha} 0 '-nan(2)'
        EVALSHA ${sha} 0 'nan('
        EVALSHA ${sha} 0 'nan(a b)'
        EVALSHA ${sha} 0 '1.e'
        EVALSHA ${sha} 0 '0x.8'
        EVALSHA ${sha} 0 '0x.'
        EVALSHA ${sha} 0 '0x1p'
        EVALSHA ${sha} 0 '0x1p+'
        EVALSHA ${sha} 0 '-+1'
        EVALSHA ${sha} 0 '+-1'
        EVALSHA ${sha} 0 'inf1'
        EVALSHA ${sha} 0 '0x1.8p-2'
        EVALSHA ${sha} 0 '1e-400'
        EVALSHA ${sha} 0 '4.9e-324'
        "#,
    ),
    Case::new(
        "cjson_nests_to_a_depth",
        r#"
        EVAL 'local t = 1 for i = 1, ARGV[1] do t = {t} end return #cjson.encode(t)' 0 '1'
        EVAL 'local t = 1 for i = 1, ARGV[1] do t = {t} end return #cjson.encode(t)' 0 '999'
        EVAL 'local t = 1 for i = 1, ARGV[1] do t = {t} end return #cjson.encode(t)' 0 '1000'
        EVAL 'local t = 1 for i = 1, ARGV[1] do t = {t} end return #cjson.encode(t)' 0 '1001'
        EVAL 'local t = 1 for i = 1, ARGV[1] do t = {t} end return #cjson.encode(t)' 0 '5000'
        EVAL 'local t = 1 for i = 1, ARGV[1] do t = {a=t} end return #cjson.encode(t)' 0 '1000'
        EVAL 'local t = 1 for i = 1, ARGV[1] do t = {a=t} end return #cjson.encode(t)' 0 '1001'
        EVAL 'local t = {} t.t = t return cjson.encode(t)' 0
        EVAL 'local t = {} t[1] = t return cjson.encode(t)' 0
        EVAL 'local n = tonumber(ARGV[1]) return #cjson.encode(cjson.decode(("["):rep(n) .. ("]"):rep(n)))' 0 '1'
        EVAL 'local n = tonumber(ARGV[1]) return #cjson.encode(cjson.decode(("["):rep(n) .. ("]"):rep(n)))' 0 '999'
        EVAL 'local n = tonumber(ARGV[1]) return #cjson.encode(cjson.decode(("["):rep(n) .. ("]"):rep(n)))' 0 '1000'
        EVAL 'local n = tonumber(ARGV[1]) return #cjson.encode(cjson.decode(("["):rep(n) .. ("]"):rep(n)))' 0 '1001'
        EVAL 'local n = tonumber(ARGV[1]) return #cjson.encode(cjson.decode(("["):rep(n) .. ("]"):rep(n)))' 0 '100000'
        EVAL "local n = tonumber(ARGV[1]) return #cjson.encode(cjson.decode(('{\"a\":'):rep(n) .. \"1\" .. (\"}\"):rep(n)))" 0 '1'
        EVAL "local n = tonumber(ARGV[1]) return #cjson.encode(cjson.decode(('{\"a\":'):rep(n) .. \"1\" .. (\"}\"):rep(n)))" 0 '1000'
        EVAL "local n = tonumber(ARGV[1]) return #cjson.encode(cjson.decode(('{\"a\":'):rep(n) .. \"1\" .. (\"}\"):rep(n)))" 0 '1001'
        EVAL 'return cjson.decode(("["):rep(1001))' 0
        EVAL 'return pcall(cjson.decode, ("["):rep(500))' 0
        "#,
    ),
    Case::new(
        "cjson_has_settings",
        r#"
        EVAL 'local c = cjson.new() c.encode_sparse_array(true) return c.encode({[100]=1})' 0
        EVAL 'local c = cjson.new() c.encode_sparse_array(false,0) return #c.encode({[100]=1})' 0
        EVAL 'local c = cjson.new() c.encode_sparse_array(false,2,100) return #c.encode({[100]=1})' 0
        EVAL 'local c = cjson.new() c.encode_sparse_array(false,-1)' 0
        EVAL 'local c = cjson.new() c.encode_sparse_array(false,2,-1)' 0
        EVAL 'local c = cjson.new() c.encode_sparse_array("x")' 0
        EVAL 'local c = cjson.new() c.encode_sparse_array(1,2,3,4)' 0
        EVAL 'local c = cjson.new() c.encode_sparse_array("off") return c.encode_sparse_array() and 1 or 0' 0
        EVAL 'local c = cjson.new() return c.encode_max_depth()' 0
        EVAL 'local c = cjson.new() return c.encode_max_depth(5)' 0
        EVAL 'local c = cjson.new() c.encode_max_depth(1) return c.encode({{}})' 0
        EVAL 'local c = cjson.new() c.encode_max_depth(0)' 0
        EVAL 'local c = cjson.new() c.encode_max_depth(-1)' 0
        EVAL 'local c = cjson.new() c.encode_max_depth("x")' 0
        EVAL 'local c = cjson.new() c.encode_max_depth(1,2)' 0
        EVAL 'local c = cjson.new() return c.encode_max_depth(2147483647)' 0
        EVAL 'local c = cjson.new() return c.encode_max_depth(2147483648)' 0
        EVAL 'local c = cjson.new() return c.encode_max_depth(1.7)' 0
        EVAL 'local c = cjson.new() return c.encode_max_depth("7")' 0
        EVAL 'local c = cjson.new() return c.decode_max_depth()' 0
        EVAL 'local c = cjson.new() c.decode_max_depth(1) return c.decode("[[1]]")' 0
        EVAL 'local c = cjson.new() c.decode_max_depth(1) return c.decode("[{")' 0
        EVAL 'local c = cjson.new() return c.encode_number_precision()' 0
        EVAL 'local c = cjson.new() c.encode_number_precision(3) return c.encode(1/3)' 0
        EVAL 'local c = cjson.new() c.encode_number_precision(14) return c.encode(1/3)' 0
        EVAL 'local c = cjson.new() c.encode_number_precision(15) return c.encode(1/3)' 0
        EVAL 'local c = cjson.new() c.encode_number_precision(16) return c.encode(1/3)' 0
        EVAL 'local c = cjson.new() c.encode_number_precision(17) return c.encode(1/3)' 0
        EVAL 'local c = cjson.new() c.encode_number_precision(0) return c.encode(1/3)' 0
        EVAL 'local c = cjson.new() c.encode_number_precision(1) return c.encode(1234.5)' 0
        EVAL 'local c = cjson.new() return tostring(c.encode_keep_buffer())' 0
        EVAL 'local c = cjson.new() return tostring(c.encode_keep_buffer(false))' 0
        EVAL 'local c = cjson.new() return tostring(c.encode_keep_buffer("on"))' 0
        EVAL 'local c = cjson.new() return tostring(c.encode_keep_buffer("x"))' 0
        EVAL 'local c = cjson.new() return tostring(c.encode_keep_buffer(1))' 0
        EVAL 'local c = cjson.new() return tostring(c.encode_keep_buffer(0))' 0
        EVAL 'local c = cjson.new() return tostring(c.encode_keep_buffer(nil))' 0
        EVAL 'local c = cjson.new() return tostring(c.encode_keep_buffer({}))' 0
        EVAL 'local c = cjson.new() return tostring(c.encode_invalid_numbers())' 0
        EVAL 'local c = cjson.new() return tostring(c.encode_invalid_numbers("null"))' 0
        EVAL 'local c = cjson.new() c.encode_invalid_numbers("null") return c.encode({0/0,1/0,-1/0})' 0
        EVAL 'local c = cjson.new() c.encode_invalid_numbers(true) return c.encode({1/0,-1/0})' 0
        EVAL 'local c = cjson.new() c.encode_invalid_numbers(true) return c.encode({0/0})' 0
        EVAL 'local c = cjson.new() c.encode_invalid_numbers(true) return c.encode({-(0/0)})' 0
        EVAL 'local c = cjson.new() c.encode_invalid_numbers("x")' 0
        EVAL 'local c = cjson.new() c.encode_invalid_numbers("on") return tostring(c.encode_invalid_numbers())' 0
        EVAL 'local c = cjson.new() c.encode_invalid_numbers("off") return tostring(c.encode_invalid_numbers())' 0
        EVAL 'local c = cjson.new() return tostring(c.decode_invalid_numbers())' 0
        EVAL 'local c = cjson.new() c.decode_invalid_numbers(false) return c.decode("nan")' 0
        EVAL 'local c = cjson.new() c.decode_invalid_numbers(false) return c.decode("0x10")' 0
        EVAL 'local c = cjson.new() c.decode_invalid_numbers(false) return c.decode("01")' 0
        EVAL 'local c = cjson.new() c.decode_invalid_numbers(false) return c.decode("-01")' 0
        EVAL 'local c = cjson.new() c.decode_invalid_numbers(false) return c.decode("-inf")' 0
        EVAL 'local c = cjson.new() c.decode_invalid_numbers(false) return c.decode("-nan")' 0
        EVAL 'local c = cjson.new() c.decode_invalid_numbers(false) return c.decode("-0")' 0
        EVAL 'local c = cjson.new() c.decode_invalid_numbers(false) return c.decode("0")' 0
        EVAL 'local c = cjson.new() c.decode_invalid_numbers(false) return c.decode("0.5")' 0
        EVAL 'local c = cjson.new() c.decode_invalid_numbers(false) return c.decode("infinity")' 0
        EVAL 'local c = cjson.new() c.decode_invalid_numbers(false) return c.decode("-x")' 0
        EVAL 'local c = cjson.new() c.decode_invalid_numbers(false) return c.decode("+1")' 0
        EVAL 'local c = cjson.new() c.decode_invalid_numbers("null")' 0
        EVAL 'local c = cjson.new() local n=0 for k in pairs(c) do n=n+1 end return n' 0
        EVAL 'local c = cjson.new() c.x = 1 return c.x' 0
        EVAL 'local c = cjson.new(1,2,3) return type(c)' 0
        "#,
    ),
    Case::new(
        "cjson_settings_hold_for_a_script",
        r"
        EVAL 'cjson.encode_max_depth(1) cjson.encode_sparse_array(true) cjson.encode_invalid_numbers(true) return {cjson.encode({[100]=1/0}), pcall(cjson.encode, {{}})}' 0
        # What a script sets stays set in Redis; see COMPAT.md.
        EVAL 'cjson.encode_max_depth(1000) cjson.encode_sparse_array(false) cjson.encode_invalid_numbers(false) return 1' 0
        ",
    ),
    Case::new(
        "cjson_round_trips_what_queues_hold",
        r#"
        EVAL 'return cjson.encode(cjson.decode(ARGV[1]))' 0 '{"uuid":"5f0c3c6e-0d3e-4f0a-9d55-0d8c5e1f8a10","displayName":"App\\Jobs\\SendMail","job":"Illuminate\\Queue\\CallQueuedHandler@call","maxTries":null,"maxExceptions":null,"failOnTimeout":false,"backoff":null,"timeout":90,"retryUntil":null,"data":{"commandName":"App\\Jobs\\SendMail","command":"O:17:\"App\\Jobs\\SendMail\":2:{s:2:\"id\";i:42;s:4:\"name\";s:6:\"J\u00f6rg\/\u2603\";}"},"id":"kXp4n8","attempts":0}'
        EVAL 'local job = cjson.decode(ARGV[1]) job["attempts"] = job["attempts"] + 1 return cjson.encode(job)' 0 '{"uuid":"5f0c3c6e-0d3e-4f0a-9d55-0d8c5e1f8a10","displayName":"App\\Jobs\\SendMail","job":"Illuminate\\Queue\\CallQueuedHandler@call","maxTries":null,"maxExceptions":null,"failOnTimeout":false,"backoff":null,"timeout":90,"retryUntil":null,"data":{"commandName":"App\\Jobs\\SendMail","command":"O:17:\"App\\Jobs\\SendMail\":2:{s:2:\"id\";i:42;s:4:\"name\";s:6:\"J\u00f6rg\/\u2603\";}"},"id":"kXp4n8","attempts":0}'
        EVAL 'local job = cjson.decode(ARGV[1]) return {job.id, job.data.command, job.attempts, tostring(job.maxTries), job.maxTries == cjson.null, job.failOnTimeout}' 0 '{"uuid":"5f0c3c6e-0d3e-4f0a-9d55-0d8c5e1f8a10","displayName":"App\\Jobs\\SendMail","job":"Illuminate\\Queue\\CallQueuedHandler@call","maxTries":null,"maxExceptions":null,"failOnTimeout":false,"backoff":null,"timeout":90,"retryUntil":null,"data":{"commandName":"App\\Jobs\\SendMail","command":"O:17:\"App\\Jobs\\SendMail\":2:{s:2:\"id\";i:42;s:4:\"name\";s:6:\"J\u00f6rg\/\u2603\";}"},"id":"kXp4n8","attempts":0}'
        EVAL 'return cjson.encode(cjson.decode(ARGV[1]))' 0 '{"a":[],"b":{},"c":1.10,"d":12345678901234567890,"e":"\u00e9\/","f":[1,{"g":null}]}'
        EVAL 'local t = {} for k, v in pairs(cjson.decode(ARGV[1])) do t[#t + 1] = k .. "=" .. tostring(v) end table.sort(t) return t' 0 '{"z":1,"y":true,"x":null,"w":"v"}'
        EVAL 'return cjson.decode(ARGV[1])' 0 '[1,"two",null,true,[3.7,false]]'
        EVAL 'return cjson.decode(ARGV[1]).list' 0 '{"list":["a","b",{"c":1}]}'
        EVAL 'return #cjson.decode(ARGV[1])' 0 '[1,2,null]'
        EVAL 'return #cjson.decode("[" .. ("1,"):rep(9999) .. "1]")' 0
        "#,
    ),
    Case::new(
        "cjson_is_a_table",
        r#"
        EVAL 'local t = {} for k, v in pairs(cjson) do t[#t + 1] = k .. ":" .. type(v) end table.sort(t) return t' 0
        EVAL 'cjson.x = 1' 0
        EVAL 'cjson.null = 1' 0
        EVAL 'rawset(cjson, "x", 1)' 0
        EVAL 'setmetatable(cjson, {})' 0
        EVAL 'return cjson:decode("1")' 0
        EVAL 'local e = cjson.encode return e()' 0
        EVAL 'return pcall(cjson.decode)' 0
        EVAL 'return {pcall(cjson.encode, function() end)}' 0
        EVAL 'local ok, e = pcall(function() return cjson.decode("x") end) return e' 0
        "EVAL" "local x = 1\nlocal y = cjson.decode(\"{\")\nreturn y" 0
        "EVAL" "local function f(s)\nreturn (cjson.decode(s)) end\nreturn f(\"]\")" 0
        "#,
    ),
];
