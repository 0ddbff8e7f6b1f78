//! Scripts and bytes meant to break an interpreter, after the classes of the published holes of
//! Redis's: each ends in a reply, and the next script runs in the same world as before.

#![allow(clippy::unwrap_used, reason = "clippy exempts tests, but not their helpers")]

mod common;

use common::Bench;
use guarda_script::{STACK_LEN_MIN, ScriptLimits};

/// Runs on a thread with the stack that scripts need.
fn with_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK_LEN_MIN).spawn(test);
    thread.unwrap().join().unwrap();
}

fn bench() -> Bench {
    Bench::new(ScriptLimits { memory_max: 16 << 20, ..ScriptLimits::default() })
}

#[track_caller]
fn survives(bench: &mut Bench, script: &str, args: &[&[u8]]) -> String {
    let reply = bench.eval_with(script, args);
    bench.check("return {type(redis.call), ('x'):rep(3)}", "*2\r\n$8\r\nfunction\r\n$3\r\nxxx\r\n");
    reply
}

/// CVE-2025-49844: the parser's chunk name was collected while it was used.
#[test]
fn chunk_names_outlive_the_parser_that_uses_them() {
    let mut bench = bench();
    for script in [
        // The name is a string that nothing else refers to, and the reader collects garbage.
        "for i = 1, 100 do local n = 0 local f, e = load(function() n = n + 1 collectgarbage() \
         local s = ('y' .. i):rep(50) if n < 40 then return ' local x' .. n .. ' = 1' end \
         if n == 40 then return ' ) ' end end, ('name' .. i):rep(20)) \
         assert(not f and #e > 10 and not e:find('yyy')) end return 1",
        "for i = 1, 200 do local e = select(2, loadstring('x = = ' .. i, '=' .. ('n' .. i):rep(9))) \
         collectgarbage() assert(e:find('n' .. i, 1, true), e) end return 1",
        "local co = coroutine.wrap(function() for i = 1, 20 do collectgarbage() \
         coroutine.yield(' do end') end end) return type(load(co, tostring({}):rep(3)))",
    ] {
        let reply = survives(&mut bench, script, &[]);
        assert!(!reply.starts_with('-'), "{script}: {reply}");
    }
}

/// CVE-2025-46817: `unpack` of a range whose length overflows.
#[test]
fn unpack_of_any_range_is_bounded() {
    let mut bench = bench();
    for range in [
        "1, 2147483647",
        "-2147483648, 2147483647",
        "-2147483648, -1",
        "0, 2^31 - 1",
        "1, 2^53",
        "-2^63, 2^63",
        "1, 1/0",
        "-1/0, 1/0",
        "1, 0/0",
        "2147483647, 2147483647",
        "2^31, 2^31",
    ] {
        survives(&mut bench, &format!("return select('#', unpack({{}}, {range}))"), &[]);
        survives(&mut bench, &format!("return #{{unpack({{1}}, {range})}}"), &[]);
    }
}

/// CVE-2025-46818: a script changed the methods of strings for every user after it.
#[test]
fn metatables_of_plain_values_cannot_be_changed() {
    let mut bench = bench();
    for script in [
        "getmetatable('').__index = function() return redis.call end",
        "getmetatable('').__add = function() return 1 end",
        "getmetatable('').__index.upper = print",
        "rawset(getmetatable(''), '__index', 1)",
        "rawset(getmetatable('').__index, 'upper', 1)",
        "setmetatable('', {})",
        "table.insert(getmetatable(''), 1)",
        "for _, v in pairs({1, true, print, coroutine.create(error)}) do assert(not getmetatable(v)) end error('x')",
    ] {
        let reply = survives(&mut bench, script, &[]);
        assert!(reply.starts_with('-'), "{script}: {reply}");
        bench.check("return ('a'):upper()", "$1\r\nA\r\n");
    }
}

/// CVE-2025-46819: the lexer counted the equals signs of a long bracket in a C `int`.
#[test]
fn long_brackets_of_any_length_are_read() {
    let mut bench = bench();
    for count in [1, 1000, 1 << 20, 20 << 20] {
        let script = "local e = ('='):rep(tonumber(ARGV[1])) \
                      local open, whole = loadstring('return [' .. e), \
                      loadstring('return [' .. e .. '[x]' .. e .. ']') \
                      return {open == nil, whole and whole()}";
        survives(&mut bench, script, &[count.to_string().as_bytes()]);
    }
}

/// CVE-2022-24834: lengths of `cjson` and `cmsgpack` overflowed; here they end at the memory's limit.
#[test]
fn what_libraries_build_is_bounded() {
    let limits = ScriptLimits { memory_max: 2 << 20, ..ScriptLimits::default() };
    let mut bench = Bench::new(limits);
    for script in [
        "local t = {} for i = 1, 40 do t = {t, t} end return #cjson.encode(t)",
        "local s = ('\\1'):rep(2^19) return #cjson.encode({s, s, s, s})",
        "local t = {('x'):rep(2^17)} for i = 1, 14 do t = {t, t, t, t} end return #cmsgpack.pack(t)",
        "local s = ('x'):rep(2^19) return #cmsgpack.pack(s, s, s, s, s)",
        "local s = ('x'):rep(2^19) return #struct.pack('sssss', s, s, s, s, s)",
        "local c = cjson.new() c.encode_sparse_array(false, 0) return #c.encode({[2^31 - 1] = 1})",
        "return #('x'):rep(2^31 - 1)",
    ] {
        let reply = survives(&mut bench, script, &[]);
        assert!(reply.contains("not enough memory"), "{script}: {reply}");
    }
    assert_eq!(survives(&mut bench, "return ('' ):rep(2^31 - 1)", &[]), r"$0\r\n\r\n");
}

/// CVE-2018-11218, CVE-2018-11219, CVE-2020-14147: nesting and sizes in `cmsgpack` and `struct`.
#[test]
fn nesting_and_sizes_are_bounded() {
    with_stack(|| {
        let mut bench = bench();
        for (script, args) in [
            ("return cmsgpack.unpack(ARGV[1])", &b"\x91"[..]),
            ("return cmsgpack.unpack(ARGV[1])", b"\x81\x01"),
            ("return cmsgpack.unpack(ARGV[1])", b"\xdd\xff\xff\xff\xff"),
            ("return cmsgpack.unpack(ARGV[1])", b"\xdf\x7f\xff\xff\xff"),
            ("return cmsgpack.unpack(ARGV[1])", b"\xdb\xff\xff\xff\xff"),
            ("return cjson.decode(ARGV[1])", b"["),
            ("return cjson.decode(ARGV[1])", b"{\"a\":"),
            ("local c = cjson.new() c.decode_max_depth(2^31 - 1) return c.decode(ARGV[1])", b"["),
            ("return struct.unpack(ARGV[1], ARGV[1])", b"!1073741824c2147483647"),
            ("return struct.unpack(ARGV[1], ('x'):rep(2^20))", b"b"),
            ("return struct.pack(ARGV[1], 1)", b"i99999999999999999999"),
            ("return struct.size(ARGV[1])", b"c2147483647"),
        ] {
            let reply = survives(&mut bench, script, &[&args.repeat(50_000)]);
            assert!(reply.starts_with(['-', ':']), "{script}: {reply}");
        }
        for script in [
            "local c = cjson.new() c.encode_max_depth(2^31 - 1) local t = {} t.t = t return c.encode(t)",
            "local c, t = cjson.new(), {} c.encode_max_depth(2^31 - 1) t[1] = t return c.encode(t)",
        ] {
            let reply = survives(&mut bench, script, &[]);
            assert!(reply.contains("excessive nesting (1001)"), "{reply}");
        }
    });
}

/// CVE-2024-31449: `bit.tohex` of the least integer wrote before its buffer.
#[test]
fn bit_takes_every_count() {
    let mut bench = bench();
    for count in ["-2147483648", "2147483647", "-2^31", "2^31", "-2^53", "1/0", "0/0", "-8", "9"] {
        for call in ["tohex(1, {})", "lshift(1, {})", "rol(-1, {})", "arshift(-1, {})"] {
            let reply =
                survives(&mut bench, &format!("return bit.{}", call.replace("{}", count)), &[]);
            assert!(!reply.starts_with('-'), "{call} {count}: {reply}");
        }
    }
}

/// Bytes that nobody chose: whatever comes out, it is a reply.
#[test]
fn arbitrary_bytes_are_decoded_or_refused() {
    let mut bench = bench();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    const JSON: &[u8] = b"[]{}\":,\\utfn0123456789-+.eExaINl \0\n\xff";
    let script = "local o = {} for _, f in ipairs({cjson.decode, cmsgpack.unpack, \
                  function(s) return struct.unpack(s, ARGV[2]) end, \
                  function(s) return struct.pack(s, 1, 'two', 3, 'four', 5) end, struct.size}) do \
                  o[#o + 1] = type(select(2, pcall(f, ARGV[1]))) end return #o";
    for _ in 0..3000 {
        let len = next() % 40;
        let bytes: Vec<u8> = (0..len).map(|_| next() as u8).collect();
        let json: Vec<u8> = (0..len).map(|_| JSON[next() as usize % JSON.len()]).collect();
        for input in [&bytes, &json] {
            assert_eq!(bench.eval_with(script, &[input, b"\x01\x02\x03\x04\x05abc"]), r":5\r\n");
        }
    }
}
