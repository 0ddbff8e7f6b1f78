//! `bit`. Semantics: <https://redis.io/docs/latest/develop/interact/programmability/lua-api/#bitop-library>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[Case::new(
    "bit_operations",
    r#"
        EVAL 'return bit.tobit(1)' 0
        EVAL 'return bit.tobit(2^32)' 0
        EVAL 'return bit.tobit(2^31)' 0
        EVAL 'return bit.tobit(-1)' 0
        EVAL 'return bit.tobit(1.5)' 0
        EVAL 'return bit.tobit(2.5)' 0
        EVAL 'return bit.tobit(-1.5)' 0
        EVAL 'return bit.tobit(1e15)' 0
        EVAL 'return bit.tobit(2^53)' 0
        EVAL 'return bit.tobit(2^60)' 0
        EVAL 'return bit.tobit(1/0)' 0
        EVAL 'return bit.tobit(0/0)' 0
        EVAL 'return bit.tobit("0xff")' 0
        EVAL 'return bit.tobit("x")' 0
        EVAL 'return bit.tobit()' 0
        EVAL 'return bit.tobit(nil)' 0
        EVAL 'return bit.tobit({})' 0
        EVAL 'return bit.bnot(0)' 0
        EVAL 'return bit.bnot(1,2)' 0
        EVAL 'return bit.band()' 0
        EVAL 'return bit.band(1)' 0
        EVAL 'return bit.band(7,3,2)' 0
        EVAL 'return bit.bor(1,2,4)' 0
        EVAL 'return bit.bxor(1,3)' 0
        EVAL 'return bit.bor("1",2)' 0
        EVAL 'return bit.bor(1,"x")' 0
        EVAL 'return bit.bor(1,nil)' 0
        EVAL 'return bit.lshift(1,31)' 0
        EVAL 'return bit.lshift(1,32)' 0
        EVAL 'return bit.lshift(1,-1)' 0
        EVAL 'return bit.lshift(1)' 0
        EVAL 'return bit.lshift(1,nil)' 0
        EVAL 'return bit.rshift(-1,28)' 0
        EVAL 'return bit.arshift(-256,4)' 0
        EVAL 'return bit.rol(0x12345678,8)' 0
        EVAL 'return bit.ror(0x12345678,8)' 0
        EVAL 'return bit.rol(1,33)' 0
        EVAL 'return bit.bswap(0x12345678)' 0
        EVAL 'return bit.tohex(255)' 0
        EVAL 'return bit.tohex(255,4)' 0
        EVAL 'return bit.tohex(255,-4)' 0
        EVAL 'return bit.tohex(-1)' 0
        EVAL 'return bit.tohex(255,0)' 0
        EVAL 'return bit.tohex(255,20)' 0
        EVAL 'return bit.tohex(255,-20)' 0
        EVAL 'return bit.tohex(0xabcdef,"3")' 0
        EVAL 'return bit.tohex(255,"x")' 0
        EVAL 'return bit.tohex()' 0
        EVAL 'return bit.tohex(255,nil)' 0
        EVAL 'return bit.tobit(0xffffffff)' 0
        EVAL 'return bit.tobit(0x80000000)' 0
        EVAL 'return bit.tobit(-2147483649)' 0
        EVAL 'return bit.tobit(0.5)' 0
        EVAL 'return bit.tobit(1.4999999999)' 0
        EVAL 'return bit.tobit(4294967295.5)' 0
        EVAL 'return bit.lshift(1,2.5)' 0
        EVAL 'return bit.lshift(1,2.4)' 0
        EVAL 'return bit.tohex(255,2.5)' 0
        EVAL 'return bit.tobit(2^51)' 0
        EVAL 'return bit.tobit(2^52+1)' 0
        EVAL 'return bit.tobit(-2^52-1)' 0
        EVAL 'return bit.tobit(1e300)' 0
        EVAL 'return bit.tohex(1,-2147483648)' 0
        EVAL 'return bit.tobit(true)' 0
        EVAL 'return pcall(bit.tobit)' 0
        EVAL 'local b = bit.band return b()' 0
        EVAL 'return bit:bnot()' 0
        EVAL 'local t = {} for k in pairs(bit) do t[#t + 1] = k end table.sort(t) return t' 0
        EVAL 'bit.x = 1' 0
        EVAL 'return bit.band(0xdeadbeef, 0xff00ff00)' 0
        EVAL 'return bit.tohex(bit.bxor(tonumber(ARGV[1]), tonumber(ARGV[2])))' 0 '305419896' '4294967295'
        "#,
)];
