//! `struct`. Semantics: <https://redis.io/docs/latest/develop/interact/programmability/lua-api/#struct-library>.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "struct_packs",
        r#"
        EVAL 'return ((struct.pack("b",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("B",255)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("B",256)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("b",-1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("h",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack(">h",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack(">H",65535)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("i",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("I",4294967296)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("l",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("L",2^40)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("T",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("i3",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack(">i3",-2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("i33",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("i32",-1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("i0",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("f",1.5)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack(">f",1.5)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("d",1.5)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack(">d",1.5)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("s","abc")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("s","a\0b")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("c3","abcdef")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("c","abc")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("c0","abc")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("c5","abc")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("x")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("xx")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("bx>h",1,2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!4bi",1,2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!bi",1,2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!8bd",1,2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!3b",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!0b",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!32bi",1,2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("=h",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("<h",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("  b b",1,2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("z",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("b")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("b","x")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("b","5")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("s")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("s",5)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack()):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack(1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack({})):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("b",1,2,3)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("b",1.9)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("b",-1.9)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("L",-1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("L",1e30)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("L",2^63)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("l",2^63)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("i4i8",2^40,2^40)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("i99999999999",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("c99999999999","x")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("i2147483647",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("i2147483648",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!2147483648",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!8bhil",1,2,3,4)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!2bi",1,2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!16bi16",1,2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!4bi3",1,2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!4b c2 i",1,"ab",2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!4b s i",1,"ab",2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!4bxi",1,2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("l",0/0)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("f",1e300)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("i5",-1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("I16",2^60)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("i16",-5)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack(">i16",-5)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("b b5",1,2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("h2",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("c0c2","abc","de")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("\0b",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("%",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("B",nil)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("d","1.5")):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("H",-1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!b",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("!1bi",1,2)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("i-1",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack(">!4bi<bi",1,2,3,4)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("bb",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("bs",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return ((struct.pack("bc0",1)):gsub(".", function(c) return ("%02x"):format(c:byte()) end))' 0
        EVAL 'return struct.pack("\255", 1)' 0
        EVAL 'return pcall(struct.pack, "b")' 0
        EVAL 'local p = struct.pack return p()' 0
        EVAL 'return struct:pack("b", 1)' 0
        "#,
    ),
    Case::new(
        "struct_unpacks",
        r##"
        EVAL 'local r = {struct.unpack("b","a")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b","")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b","ab",2)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b","ab",3)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b","ab",0)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b","ab",-1)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b","ab",1.9)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b","ab","2")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b","ab","x")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("bb","ab")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack(">h","\1\2")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("<h","\1\2")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("h","\255\255")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("H","\255\255")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("i","\255\255\255\255")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("I","\255\255\255\255")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("l","\255\255\255\255\255\255\255\255")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("L","\255\255\255\255\255\255\255\127")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("i3","\255\255\255")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("I3","\255\255\255")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("i16",("\1"):rep(16))} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack(">i16",("\1"):rep(16))} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack(">i16",("\255"):rep(16))} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("s","abc\0def")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("s","abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("s","")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("ss","a\0b\0")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("c3","abcdef")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("c","abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("c0","abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("Bc0","\2abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("Bc0","\9abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("sc0","abc\0def")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("bc0","\255abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("x b","ab")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("c5","abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("","abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("","")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("z","abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack()} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b",5)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b",{})} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("!4bi","\1\0\0\0\2\0\0\0")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("!4bi","\0\1\0\0\0\2\0\0\0",2)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("Bc0b","\2abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("BBc0","\2\1abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("c4294967295","abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("c2147483647","abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("x","")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("xxxx","abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b","abc",2147483648)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b","abc",4294967297)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b","abc",1e300)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("Bc0","\0abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("dc0",struct.pack("d",1.5).."abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("dc0",struct.pack("d",1e10).."abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("!","")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("i32",("\1"):rep(32))} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack(">i32",("\1"):rep(32))} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("i9",("\255"):rep(9))} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("I9",("\255"):rep(9))} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("i5",("\255"):rep(5))} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("","abc",-1)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("","abc",9)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("sc0","2\0def")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack(">","a")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("i0","a")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("I0","a")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("c0c0","abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("B!","a")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("Bxc0","\1abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("c1c0","1abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("=b","abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack(5,"abc")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b",nil)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.unpack("b","abc","")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'return tostring((struct.unpack("f", struct.pack("f", 0.1))))' 0
        EVAL 'return tostring((struct.unpack("d", struct.pack("d", 0.1))))' 0
        EVAL 'return tostring((struct.unpack("L", struct.pack("L", -1))))' 0
        EVAL 'return select("#", struct.unpack(("b"):rep(7000), ("x"):rep(7000)))' 0
        EVAL 'return select("#", struct.unpack(("b"):rep(9000), ("x"):rep(9000)))' 0
        EVAL 'return struct.unpack(">I2c0", ARGV[1])' 0 "\x00\x03abcdef"
        EVAL 'return {struct.unpack("<I4s>I2", struct.pack("<I4s>I2", 7, "key", 258))}' 0
        EVAL 'struct.pack = nil' 0
        EVAL 'local t = {} for k in pairs(struct) do t[#t + 1] = k end table.sort(t) return t' 0
        "##,
    ),
    Case::new(
        "struct_knows_sizes",
        r#"
        EVAL 'local r = {struct.size("b")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("bhilT")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("!4bi")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("!8bd")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("s")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("c0")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("c5")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("c")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("x")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size()} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("z")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("i33")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("i3")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("!3")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("fd")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size(">i2!8d")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size(5)} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("c2147483647")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("c2147483647c2147483647")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("c2147483648")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("c9999999999999")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("!4c5i")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("bs")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("!8xl")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("=b")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("c2147483647c2147483647c2147483647")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("!3b")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("!0")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("b\0z")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("i2147483647")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        EVAL 'local r = {struct.size("b","c")} for i = 1, #r do r[i] = type(r[i]) .. " " .. tostring(r[i]) end return r' 0
        "#,
    ),
];
