//! Values of Lua as replies, in both protocols. Semantics: <https://redis.io/docs/latest/develop/interact/programmability/lua-api/#data-type-conversion>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[Case::new(
    "what_scripts_return",
    r#"
        SET k v
        EVAL 'return {double=3.5}' 0
        EVAL 'return {double=1e300}' 0 //~ 7.2 "$6\r\n1e+300\r\n" ",1e+300\r\n" -- 7.2 sends the fewest digits
        EVAL 'return {double="x"}' 0
        EVAL 'return {double=1/0}' 0
        EVAL 'return {double=3}' 0
        EVAL 'return {map={a=1}}' 0
        EVAL 'return {map={}}' 0
        EVAL 'return {set={a=true}}' 0
        EVAL 'return {set={}}' 0
        EVAL 'return {map="x"}' 0
        EVAL 'return {set=1}' 0
        EVAL 'return {big_number="123456789012345678901234567890"}' 0
        EVAL 'return {big_number="a\r\nb"}' 0
        EVAL 'return {big_number=5}' 0
        EVAL 'return {{double=3.5},{map={a={1,2}}},{set={x=true}},true,false,nil}' 0
        EVAL 'return {err="X y", ok="z"}' 0
        EVAL 'return {err=5}' 0
        EVAL 'return {ok=5}' 0
        EVAL 'return {ok="a\r\nb"}' 0
        EVAL 'return {err="a\r\nb"}' 0
        EVAL 'return {err="-A b"}' 0
        EVAL 'return {err=""}' 0
        EVAL 'return {ok=""}' 0
        EVAL 'return {err="ERR x", ignore_error_stats_update=true}' 0
        EVAL 'return 1e308*10' 0
        EVAL 'return 2^63' 0
        EVAL 'return -2^63' 0
        EVAL 'return 9007199254740993' 0
        EVAL 'return 1.0' 0
        EVAL 'return -0.5' 0
        EVAL 'return 0.99999999999999999' 0
        EVAL 'return {1.5,-1.5,"1.5"}' 0
        EVAL 'return {1,nil,2}' 0
        EVAL 'return {nil}' 0
        EVAL 'return {[2]=1}' 0
        EVAL 'return {[1]=1,[2]=2,[4]=4}' 0
        EVAL 'return {a=1,1,2}' 0
        EVAL 'return cjson.null' 0
        EVAL 'return function() end' 0
        EVAL 'return coroutine.create(function() end)' 0
        EVAL 'return redis' 0
        EVAL 'return _G' 0
        EVAL 'return KEYS, ARGV' 0
        EVAL 'return 1,2,3' 0
        EVAL 'return {{{{}}}}' 0
        EVAL 'return 5 .. ""' 0
        EVAL 'return 1 return 2' 0
        EVAL 'return 0x' 0
        EVAL 'return 1..2' 0
        EVAL 'return {...}' 0
        EVAL 'return 7 % -3' 0
        EVAL 'return -7 % 3' 0
        EVAL 'return 5 % 0' 0
        EVAL 'return 5 / 0' 0
        EVAL 'return 2^-1' 0
        "#,
)];
