//! `cmsgpack`. Semantics: <https://redis.io/docs/latest/develop/interact/programmability/lua-api/#cmsgpack-library>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "cmsgpack_packs_scalars",
        r#"
        EVAL 'return ((cmsgpack.pack(0)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(127)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(128)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(255)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(256)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(65535)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(65536)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(4294967295)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(4294967296)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(2^53)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(2^63)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(2^64)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(1e300)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(-1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(-32)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(-33)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(-128)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(-129)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(-32768)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(-32769)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(-2147483648)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(-2147483649)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(-2^63)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(-2^63-4096)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(1.5)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(0.1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(-0.0)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(1/0)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(0/0)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(-(0/0))):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(1e-50)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack("")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(("x"):rep(31))):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(("x"):rep(32))):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(("x"):rep(255)):sub(1,6)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(("x"):rep(256)):sub(1,6)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(("x"):rep(65536)):sub(1,6)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(nil)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(true,false)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({1,2,3})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({a=1})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({1,2,a=3})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({[1]=1,[3]=3})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({[0]=1})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({[1.5]=1})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({[true]=1})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({1,nil,3})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({nil,2})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(function() end)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({function() end})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({[function() end]=1})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(cjson.null)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(coroutine.create(function() end))):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack()):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack(1,2,3)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        "#,
    ),
    Case::new(
        "cmsgpack_packs_tables",
        r#"
        EVAL 'return (((function() local t={} for i=1,15 do t[i]=i end return cmsgpack.pack(t) end)()):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return (((function() local t={} for i=1,16 do t[i]=i end return cmsgpack.pack(t) end)()):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return (((function() local t={} for i=1,65536 do t[i]=1 end return cmsgpack.pack(t):sub(1,6) end)()):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return (((function() local t={} for i=1,16 do t["k"..i]=1 end return cmsgpack.pack(t):sub(1,4) end)()):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return (((function() local t={} for i=1,65536 do t[-i]=1 end return cmsgpack.pack(t):sub(1,5) end)()):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({[1]=1,[2^40]=2})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((cmsgpack.pack({{1,{a={}}},"x"})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((function(n) local t=7 for i=1,n do t={t} end return cmsgpack.pack(t) end)(tonumber(ARGV[1])):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0 '15'
        EVAL 'return ((function(n) local t=7 for i=1,n do t={a=t} end return cmsgpack.pack(t) end)(tonumber(ARGV[1])):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0 '15'
        EVAL 'return ((function(n) local t=7 for i=1,n do t={t} end return cmsgpack.pack(t) end)(tonumber(ARGV[1])):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0 '16'
        EVAL 'return ((function(n) local t=7 for i=1,n do t={a=t} end return cmsgpack.pack(t) end)(tonumber(ARGV[1])):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0 '16'
        EVAL 'return ((function(n) local t=7 for i=1,n do t={t} end return cmsgpack.pack(t) end)(tonumber(ARGV[1])):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0 '17'
        EVAL 'return ((function(n) local t=7 for i=1,n do t={a=t} end return cmsgpack.pack(t) end)(tonumber(ARGV[1])):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0 '17'
        EVAL 'return ((function(n) local t=7 for i=1,n do t={t} end return cmsgpack.pack(t) end)(tonumber(ARGV[1])):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0 '18'
        EVAL 'return ((function(n) local t=7 for i=1,n do t={a=t} end return cmsgpack.pack(t) end)(tonumber(ARGV[1])):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0 '18'
        EVAL 'return (((function() local t={} t.a=t return cmsgpack.pack(t) end)()):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return (((function() local t={} t[1]=t return cmsgpack.pack(t) end)()):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        "#,
    ),
    Case::new(
        "cmsgpack_unpacks_bytes",
        r#"
        !let sha SCRIPT LOAD 'local r = {pcall(cmsgpack.unpack, ARGV[1])} local o = {} for i = 1, #r do local v = r[i] local ok, t = true, tostring(v) if type(v) == "table" then ok, t = pcall(cjson.encode, v) end o[#o + 1] = type(v) .. ":" .. t end return o'
        EVALSHA ${sha} 0 "\x7f"
        EVALSHA ${sha} 0 "\x80"
        EVALSHA ${sha} 0 "\x90"
        EVALSHA ${sha} 0 "\x81\x01"
        EVALSHA ${sha} 0 "\x91"
        EVALSHA ${sha} 0 "\xa1"
        EVALSHA ${sha} 0 "\xa0"
        EVALSHA ${sha} 0 "\xbf"
        EVALSHA ${sha} 0 "\xc0"
        EVALSHA ${sha} 0 "\xc1"
        EVALSHA ${sha} 0 "\xc2\xc3"
        EVALSHA ${sha} 0 "\xc4\x01a"
        EVALSHA ${sha} 0 "\xc4"
        EVALSHA ${sha} 0 "\xc5\x00\x01a"
        EVALSHA ${sha} 0 "\xc6\x00\x00\x00\x01a"
        EVALSHA ${sha} 0 "\xc7\x00\x01"
        EVALSHA ${sha} 0 "\xc8"
        EVALSHA ${sha} 0 "\xc9"
        EVALSHA ${sha} 0 "\xd4\x01\x01"
        EVALSHA ${sha} 0 "\xd8"
        EVALSHA ${sha} 0 "\xca?\x80\x00\x00"
        EVALSHA ${sha} 0 "\xca?"
        EVALSHA ${sha} 0 "\xcb?\xf1\x99\x99\x99\x99\x99\x9a"
        EVALSHA ${sha} 0 "\xcb"
        EVALSHA ${sha} 0 "\xcc\xff"
        EVALSHA ${sha} 0 "\xcc"
        EVALSHA ${sha} 0 "\xcd\xff\xff"
        EVALSHA ${sha} 0 "\xce\xff\xff\xff\xff"
        EVALSHA ${sha} 0 "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"
        EVALSHA ${sha} 0 "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"
        EVALSHA ${sha} 0 "\xd0\x80"
        EVALSHA ${sha} 0 "\xd1\x80\x00"
        EVALSHA ${sha} 0 "\xd2\x80\x00\x00\x00"
        EVALSHA ${sha} 0 "\xd3\x80\x00\x00\x00\x00\x00\x00\x00"
        EVALSHA ${sha} 0 "\xd3\xff\xff\xff\xff\xff\xff\xff\xff"
        EVALSHA ${sha} 0 "\xd9\x01a"
        EVALSHA ${sha} 0 "\xd9"
        EVALSHA ${sha} 0 "\xd9\x02a"
        EVALSHA ${sha} 0 "\xda\x00\x01a"
        EVALSHA ${sha} 0 "\xdb\x00\x00\x00\x01a"
        EVALSHA ${sha} 0 "\xdb\xff\xff\xff\xffa"
        EVALSHA ${sha} 0 "\xdc\x00\x01\x05"
        EVALSHA ${sha} 0 "\xdc\xff\xff\x05"
        EVALSHA ${sha} 0 "\xdd\x00\x00\x00\x01\x05"
        EVALSHA ${sha} 0 "\xdd\xff\xff\xff\xff"
        EVALSHA ${sha} 0 "\xde\x00\x01\x01\x02"
        EVALSHA ${sha} 0 "\xdf\x00\x00\x00\x01\x01\x02"
        EVALSHA ${sha} 0 "\xdf\xff\xff\xff\xff"
        EVALSHA ${sha} 0 "\xe0\xff"
        EVALSHA ${sha} 0 "\x81\xc0\x01"
        EVALSHA ${sha} 0 "\x81\x01\xc0"
        EVALSHA ${sha} 0 "\x81\xca\x7f\xc0\x00\x00\x01"
        EVALSHA ${sha} 0 "\x82\x01\x02\x01\x03"
        EVALSHA ${sha} 0 "\x81\x90\x01"
        EVALSHA ${sha} 0 "\x92\x01\xc0"
        EVALSHA ${sha} 0 "\x93\x01\xc0\x02"
        EVALSHA ${sha} 0 "\xca\x7f\xc0\x00\x00"
        EVALSHA ${sha} 0 "\xca\xff\xc0\x00\x00"
        EVALSHA ${sha} 0 "\xca\x7f\x80\x00\x00"
        EVALSHA ${sha} 0 "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01"
        EVALSHA ${sha} 0 "\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x81\x01\x01"
        EVALSHA ${sha} 0 "\x91\xc1"
        EVALSHA ${sha} 0 "\x92\x01"
        "#,
    ),
    Case::new(
        "cmsgpack_is_called_in_many_ways",
        r#"
        EVAL 'return cmsgpack.unpack()' 0
        EVAL 'return cmsgpack.unpack("")' 0
        EVAL 'return cmsgpack.unpack(1)' 0
        EVAL 'return cmsgpack.unpack({})' 0
        EVAL 'return cmsgpack.unpack(nil)' 0
        EVAL 'return {cmsgpack.unpack("\1\2\3")}' 0
        EVAL 'return cmsgpack.unpack("\193")' 0
        EVAL 'return cmsgpack.unpack("\1\193")' 0
        EVAL 'return {cmsgpack.unpack_one("\1\2\3")}' 0
        EVAL 'return {cmsgpack.unpack_one("\1\2\3",1)}' 0
        EVAL 'return {cmsgpack.unpack_one("\1\2\3",2)}' 0
        EVAL 'return {cmsgpack.unpack_one("\1\2\3",3)}' 0
        EVAL 'return {cmsgpack.unpack_one("\1\2\3",4)}' 0
        EVAL 'return {cmsgpack.unpack_one("\1\2\3",-1)}' 0
        EVAL 'return {cmsgpack.unpack_one("",0)}' 0
        EVAL 'return {cmsgpack.unpack_one("\1","x")}' 0
        EVAL 'return {cmsgpack.unpack_limit("\1\2\3",2)}' 0
        EVAL 'return {cmsgpack.unpack_limit("\1\2\3",2,2)}' 0
        EVAL 'return {cmsgpack.unpack_limit("\1\2\3",5)}' 0
        EVAL 'return {cmsgpack.unpack_limit("\1\2\3",0)}' 0
        EVAL 'return {cmsgpack.unpack_limit("\1\2\3",-1)}' 0
        EVAL 'return {cmsgpack.unpack_limit("\1\2\3",1,-1)}' 0
        EVAL 'return {cmsgpack.unpack_limit("\1\2\3",1,9)}' 0
        EVAL 'return {cmsgpack.unpack_limit("\1\2\3")}' 0
        EVAL 'return {cmsgpack.unpack_limit("\1\2\3","x")}' 0
        EVAL 'return {cmsgpack.unpack_limit()}' 0
        EVAL 'return {cmsgpack.unpack_limit("\1\2\3",-1,1)}' 0
        EVAL 'return {cmsgpack.unpack_one()}' 0
        EVAL 'return {cmsgpack.unpack_limit("",1)}' 0
        EVAL 'return {cmsgpack.unpack_limit("",1,0)}' 0
        EVAL 'return {cmsgpack.unpack("\1","\2")}' 0
        EVAL 'return {cmsgpack.unpack_one("\1\2\3",1.5)}' 0
        EVAL 'return {cmsgpack.unpack_one("\1\2\3",1,5,6)}' 0
        EVAL 'return cmsgpack._NAME.."|".._VERSION.."|"..cmsgpack._VERSION.."|"..cmsgpack._COPYRIGHT.."|"..cmsgpack._DESCRIPTION' 0
        EVAL 'return type(rawget(_G,"cmsgpack_safe"))' 0
        EVAL 'return {cmsgpack.unpack_one("\1\2\3", 4294967297)}' 0
        EVAL 'return {cmsgpack.unpack_limit("\1\2\3", 4294967296)}' 0
        EVAL 'return {cmsgpack.unpack_one("\1\2\3", nil)}' 0
        EVAL 'return {cmsgpack.unpack_limit("\1\2\3", 0, 1)}' 0
        EVAL 'return {cmsgpack.unpack_one("\193")}' 0
        EVAL 'local u = cmsgpack.unpack return u()' 0
        EVAL 'return cmsgpack:unpack()' 0
        "#,
    ),
    Case::new(
        "cmsgpack_ends_where_the_stack_does",
        r##"
        EVAL 'return pcall(cmsgpack.unpack, ("\145"):rep(tonumber(ARGV[1])) .. "\1") and 1 or 0' 0 '1'
        EVAL 'return pcall(cmsgpack.unpack, ("\129\1"):rep(tonumber(ARGV[1])) .. "\1") and 1 or 0' 0 '1'
        EVAL 'return pcall(cmsgpack.unpack, ("\145"):rep(tonumber(ARGV[1])) .. "\1") and 1 or 0' 0 '1000'
        EVAL 'return pcall(cmsgpack.unpack, ("\129\1"):rep(tonumber(ARGV[1])) .. "\1") and 1 or 0' 0 '1000'
        EVAL 'return pcall(cmsgpack.unpack, ("\145"):rep(tonumber(ARGV[1])) .. "\1") and 1 or 0' 0 '3998'
        EVAL 'return pcall(cmsgpack.unpack, ("\129\1"):rep(tonumber(ARGV[1])) .. "\1") and 1 or 0' 0 '3998'
        EVAL 'return cmsgpack.unpack(("\145"):rep(tonumber(ARGV[1])) .. "\1")' 0 '4001'
        EVAL 'return cmsgpack.unpack(("\129\1"):rep(tonumber(ARGV[1])) .. "\1")' 0 '4001'
        EVAL 'return cmsgpack.unpack(("\145"):rep(tonumber(ARGV[1])) .. "\1")' 0 '20000'
        EVAL 'return cmsgpack.unpack(("\129\1"):rep(tonumber(ARGV[1])) .. "\1")' 0 '20000'
        EVAL 'return select("#", cmsgpack.unpack(("\1"):rep(tonumber(ARGV[1]))))' 0 '7990'
        EVAL 'return select("#", cmsgpack.unpack(("\1"):rep(tonumber(ARGV[1]))))' 0 '8000'
        EVAL 'return select("#", cmsgpack.unpack(("\1"):rep(tonumber(ARGV[1]))))' 0 '100000'
        EVAL 'return #cmsgpack.unpack("\221\0\1\0\0" .. ("\1"):rep(65536))' 0
        "##,
    ),
    Case::new(
        "cmsgpack_round_trips",
        r#"
        EVAL 'local t = cmsgpack.unpack(cmsgpack.pack({1, "two", {3.5, true}, {k = "v"}})) return {t[1], t[2], t[3][1] * 2, t[3][2], t[4].k}' 0
        EVAL 'return cmsgpack.pack(ARGV[1])' 0 "bin\x00\xff\r\n"
        EVAL 'local s = cmsgpack.pack(1, "a", nil, false) return {cmsgpack.unpack(s)}' 0
        EVAL 'local s, at, out = cmsgpack.pack(1, 2, "x"), 0, {} while at >= 0 do local v at, v = cmsgpack.unpack_one(s, at) out[#out + 1] = v end return out' 0
        EVAL 'local t = {} for k, v in pairs(cmsgpack) do t[#t + 1] = k .. ":" .. type(v) end table.sort(t) return t' 0
        EVAL 'cmsgpack.pack = nil' 0
        "#,
    ),
];
