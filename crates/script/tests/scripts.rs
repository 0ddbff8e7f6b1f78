//! Scripts over real commands: what they see, what they leave, what stops them.
//!
//! Replies are those of redis-server 7.0.15, observed; the comparison with a running one is in the
//! `diff` test of the binary. Limits and locks, where this engine has its own ways, are tested here.

mod common;

use std::sync::atomic::Ordering;

use common::Bench;
use guarda_commands::{CommandError, sha1_hex};
use guarda_script::{EVALUATED_MAX, REPLY_DEPTH_MAX, ScriptLimits};

const NOT_BUSY: &str = "NOTBUSY No scripts in execution right now.";

fn bench() -> Bench {
    Bench::new(ScriptLimits::default())
}

// Values -------------------------------------------------------------------------------------------

#[test]
fn values_become_replies_of_the_clients_protocol() {
    let mut bench = bench();
    for (script, resp2, resp3) in [
        ("return 3.99", ":3\r\n", ":3\r\n"),
        ("return 0/0", ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"),
        ("return 1e300", ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"),
        ("return true", ":1\r\n", ":1\r\n"),
        ("return false", "$-1\r\n", "_\r\n"),
        ("redis.setresp(3) return true", ":1\r\n", "#t\r\n"),
        ("redis.setresp(3) return false", ":0\r\n", "#f\r\n"),
        ("return {1,2,nil,3}", "*2\r\n:1\r\n:2\r\n", "*2\r\n:1\r\n:2\r\n"),
        ("return {1,ok='x',err='y\\r\\nz'}", "-y  z\r\n", "-y  z\r\n"),
        ("return {ok=1}", "*0\r\n", "*0\r\n"),
        ("return {double=0.1}", "$3\r\n0.1\r\n", ",0.1\r\n"),
        ("return {map={a=1}}", "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n:1\r\n"),
        ("return {set={a=false}}", "*1\r\n$1\r\na\r\n", "~1\r\n$1\r\na\r\n"),
        ("return {big_number='1\\r2'}", "$3\r\n1 2\r\n", "(1 2\r\n"),
        (
            "return {verbatim_string={format='markdown',string='x'}}",
            "$1\r\nx\r\n",
            "=5\r\nmar:x\r\n",
        ),
        ("return {verbatim_string={format='',string='x'}}", "$1\r\nx\r\n", "=5\r\n   :x\r\n"),
        ("return {verbatim_string={format='txt'}}", "*0\r\n", "*0\r\n"),
        ("return setmetatable({}, {__index={err='q'}})", "*0\r\n", "*0\r\n"),
    ] {
        bench.client.protocol = guarda_resp::Protocol::Resp2;
        bench.check(script, resp2);
        bench.client.protocol = guarda_resp::Protocol::Resp3;
        bench.check(script, resp3);
    }
}

#[test]
fn replies_become_values() {
    let mut bench = bench();
    bench.call(&[b"HSET", b"h", b"a", b"1"]);
    bench.check("return type(redis.call('GET', 'none'))", "$7\r\nboolean\r\n");
    bench.check("redis.setresp(3) return type(redis.call('GET', 'none'))", "$3\r\nnil\r\n");
    bench.check("return redis.call('PING').ok", "$4\r\nPONG\r\n");
    bench.check("return redis.call('HGETALL', 'h')[2]", "$1\r\n1\r\n");
    bench.check("redis.setresp(3) return redis.call('HGETALL', 'h').map.a", "$1\r\n1\r\n");
    bench.check("return #redis.call('MGET', 'a', 'b')", ":2\r\n");
    bench.check("return redis.call('ECHO', 1e17)", "$18\r\n100000000000000000\r\n");
    bench.check("return redis.call('ECHO', -0.0)", "$1\r\n0\r\n");
    bench.check("return redis.call('ECHO', 2^53)", "$16\r\n9007199254740992\r\n");
    let argv: [&[u8]; 2] = [b"bin\x00\xff\r\n", b""];
    assert_eq!(
        bench.eval_with("return {ARGV[1], #ARGV}", &argv),
        r"*2\r\n$7\r\nbin\x00\xff\r\n\r\n:2\r\n"
    );
}

#[test]
fn a_reply_is_bounded_in_depth_and_length() {
    let mut bench = bench();
    let deepest = "*1\r\n".repeat(REPLY_DEPTH_MAX);
    bench.check(
        "local t = {} t[1] = t return t",
        &format!("{deepest}-ERR reached lua stack limit\r\n"),
    );
    let script = format!("local t = 1 for i = 1, {REPLY_DEPTH_MAX} do t = {{t}} end return t");
    bench.check(&script, &format!("{deepest}:1\r\n"));
    let endless =
        "local s = string.rep('x', 2^24) local t = {} for i = 1, 20 do t[i] = s end return {t, t}";
    let sha1 = sha1_hex(endless.as_bytes());
    bench.check(endless, &format!("-ERR the script's reply is too long script: {sha1}\r\n"));
    bench.check("return 1", ":1\r\n");
}

// Errors -------------------------------------------------------------------------------------------

#[test]
fn errors_say_which_script_and_line_failed() {
    let mut bench = bench();
    bench.call(&[b"HSET", b"h", b"a", b"1"]);
    let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
    bench.check_error("\n\nreturn redis.call('GET', 'h')", &format!("{wrong_type}{{}}3."));
    bench
        .check_error("local x = redis.pcall('GET', 'h')\nerror(x)", &format!("{wrong_type}{{}}2."));
    bench.check("return redis.pcall('GET', 'h')", &format!("-{wrong_type}\r\n"));
    bench.check(
        "return {pcall(redis.call, 'GET', 'h')}",
        "*1\r\n$-1\r\n"
            .replace("*1", "*2")
            .replace("$-1\r\n", &format!("$-1\r\n$65\r\n{wrong_type}\r\n"))
            .as_str(),
    );
    bench.check(
        "local _, e = pcall(redis.call, 'GET', 'h') return e",
        &format!("$65\r\n{wrong_type}\r\n"),
    );
    bench.check("local _, e = xpcall(function() redis.call('GET', 'h') end, function(e) return type(e) .. e.err end) return e", &format!("$70\r\ntable{wrong_type}\r\n"));
    bench.check("local co = coroutine.create(function() redis.call('GET', 'h') end) local _, e = coroutine.resume(co) return type(e) .. tostring(e.ignore_error_stats_update)", "$9\r\ntabletrue\r\n");
    bench.check(
        "local _, e = load(function() error('x') end) return e",
        "-ERR user_script:1: x\r\n",
    );
    bench.check("return pcall()", "$-1\r\n");
    bench.check_error("error('boom')", "ERR user_script:1: boom{}1.");
    bench.check_error("error('boom', 0)", "ERR boom{}1.");
    bench.check_error("error({err='MY boom'})", "MY boom{}1.");
    bench.check_error("error({x=1})", "ERR unknown error{}1.");
    bench.check_error("error()", "ERR nil{}1.");
    bench.check_error(
        "return nosuch",
        "ERR user_script:1: Script attempted to access nonexistent global variable 'nosuch'{}1.",
    );
    bench.check_error(
        "redis.call()",
        "ERR Please specify at least one argument for this redis lib call{}1.",
    );
    bench.check_error(
        "redis.call('GET', {})",
        "ERR Lua redis lib command arguments must be strings or integers{}1.",
    );
    bench.check_error("redis.call('nosuch')", "ERR Unknown Redis command called from script{}1.");
    bench.check_error(
        "redis.call('OBJECT', 'nosuch')",
        "ERR Unknown Redis command called from script{}1.",
    );
    bench.check_error(
        "redis.call('GET')",
        "ERR Wrong number of args calling Redis command from script{}1.",
    );
    bench.check_error(
        "redis.call('EVAL', 'return 1', 0)",
        "ERR This Redis command is not allowed from script{}1.",
    );
}

#[test]
fn a_script_that_does_not_compile_is_refused_and_not_kept() {
    let mut bench = bench();
    let refusal = "-ERR Error compiling script (new function): user_script:1: unexpected symbol near '<eof>'\r\n";
    bench.check("return 1 +", refusal);
    assert_eq!(bench.call(&[b"SCRIPT", b"LOAD", b"return 1 +"]), refusal.as_bytes());
    assert!(!bench.host.scripting.is_known(sha1_hex(b"return 1 +").as_bytes()));
    bench.check("\u{1b}Lua", "-ERR Error compiling script (new function): user_script:1: unexpected symbol near 'char(27)'\r\n");
    let deep = format!("return {}", "{".repeat(100_000));
    bench.check(&deep, "-ERR Error compiling script (new function): user_script:1: chunk has too many syntax levels\r\n");
}

// Sandbox ------------------------------------------------------------------------------------------

#[test]
fn what_scripts_share_cannot_be_changed() {
    let mut bench = bench();
    for script in [
        "x = 1",
        "_G.x = 1",
        "KEYS = 1",
        "redis.call = 1",
        "string.rep = nil",
        "getmetatable('').__index = 1",
        "getmetatable('').x = 1",
        "getmetatable(_G).__index = 1",
        "local f = function() y = 1 end f()",
    ] {
        bench.check_error(script, "ERR user_script:1: Attempt to modify a readonly table{}1.");
    }
    for script in [
        "rawset(_G, 'x', 1)",
        "rawset(redis, 'call', 1)",
        "setmetatable(_G, {})",
        "setmetatable(string, {})",
        "table.insert(_G, 1)",
        "table.insert(redis, 1, 1)",
        "table.remove(string)",
        "table.sort(math)",
    ] {
        bench.check_error(script, "ERR Attempt to modify a readonly table{}1.");
    }
    // The loop's own table is a copy.
    bench.check(
        "local _, t = pairs(redis) t.call = nil return type(redis.call)",
        "$8\r\nfunction\r\n",
    );
    bench.check("local n = 0 for k in pairs(redis) do n = n + 1 end return n", ":23\r\n");
    bench.check(
        "return {rawget(_G, 'redis') == redis, rawget(_G, 'x') == nil}",
        "*2\r\n:1\r\n:1\r\n",
    );
    bench.check("return ('x'):rep(3)", "$3\r\nxxx\r\n");
}

#[test]
fn only_harmless_functions_are_in_the_world() {
    let mut bench = bench();
    for name in [
        "io", "os", "debug", "package", "require", "dofile", "loadfile", "print", "module",
        "getfenv", "setfenv", "newproxy",
    ] {
        bench.check(&format!("return rawget(_G, '{name}') == nil"), ":1\r\n");
    }
    let listed = "local t = {} for k in pairs(_G) do t[#t + 1] = k end table.sort(t) return table.concat(t, ' ')";
    let names = "ARGV KEYS _G _VERSION assert bit cjson cmsgpack collectgarbage coroutine error gcinfo getmetatable \
                 ipairs load loadstring math next pairs pcall rawequal rawget rawset redis select \
                 setmetatable string struct table tonumber tostring type unpack xpcall";
    bench.check(listed, &format!("${}\r\n{names}\r\n", names.len()));
}

#[test]
fn bytecode_is_refused_wherever_text_is_compiled() {
    let mut bench = bench();
    let refused = "unexpected symbol near 'char(27)'";
    for (script, prefix) in [
        ("local _, e = loadstring(string.dump(function() end)) return e:sub(-33)", ""),
        (
            "local _, e = load(function() return string.dump(function() end) end) return e:sub(-33)",
            "",
        ),
        (
            "local d, i = string.dump(function() end), 0 local _, e = load(function() i = i + 1 return d:sub(i, i) end) return e:sub(-33)",
            "",
        ),
    ] {
        bench.check(script, &format!("$33\r\n{prefix}{refused}\r\n"));
    }
    bench.check("return loadstring('return 7')()", ":7\r\n");
    bench.check("return loadstring(1)", "$-1\r\n");
    bench.check(
        "local i = 0 return load(function() i = i + 1 return ({'return ', '1', '+1'})[i] end)()",
        ":2\r\n",
    );
    // Names with NULs, and collections while the parser runs.
    bench.check(
        "for i = 1, 200 do assert(load(coroutine.wrap(function() for j = 1, 50 do collectgarbage() coroutine.yield(' local a' .. j .. i .. '=1') end end), 'n\\0' .. i)) end return 1",
        ":1\r\n",
    );
}

#[test]
fn a_stopped_collector_is_not_left_to_the_next_script() {
    let mut bench = Bench::new(ScriptLimits { memory_max: 16 << 20, ..ScriptLimits::default() });
    bench.check("collectgarbage('stop') collectgarbage('setpause', 100000) return 1", ":1\r\n");
    bench.check("for i = 1, 100 do local s = string.rep('x', 2^20) .. i end return 1", ":1\r\n");
}

// Limits -------------------------------------------------------------------------------------------

#[test]
fn memory_is_bounded_and_the_engine_stays_usable() {
    let limits = ScriptLimits { memory_max: 8 << 20, ..ScriptLimits::default() };
    for script in [
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t[#t + 1] = {} end",
        "return string.rep('x', 2^28)",
        "local t = {} for i = 1, 1000 do t[i] = string.rep('x', 2^20) .. i end",
        "return loadstring('return ' .. string.rep('{', 2^23))",
        "return ('x'):rep(2^22):gsub('x', 'yyyy')",
    ] {
        let mut bench = Bench::new(limits);
        let reply = bench.eval(script);
        assert!(
            reply.contains("not enough memory") || reply.contains("stack overflow"),
            "{script}: {reply}"
        );
        bench.check("return redis.call('ECHO', string.rep('x', 10))", "$10\r\nxxxxxxxxxx\r\n");
        let used = bench.host.scripting.statistics().interpreter_bytes;
        assert!(used < limits.memory_max / 2, "{script}: {used} bytes left");
    }
}

#[test]
fn a_script_that_catches_its_lack_of_memory_goes_on() {
    let mut bench = Bench::new(ScriptLimits { memory_max: 8 << 20, ..ScriptLimits::default() });
    bench.check(
        "local ok = pcall(string.rep, 'x', 2^28) return {ok, redis.call('PING')}",
        "*2\r\n$-1\r\n+PONG\r\n",
    );
}

#[test]
fn a_reply_of_a_command_counts_too() {
    let mut bench = Bench::new(ScriptLimits { memory_max: 4 << 20, ..ScriptLimits::default() });
    bench.call(&[b"SET", b"k", &vec![b'x'; 16 << 20]]);
    let reply = bench.eval("return redis.call('GET', 'k')");
    assert!(reply.contains("not enough memory"), "{reply}");
    bench.check("return redis.call('STRLEN', 'k')", ":16777216\r\n");
    let argv = vec![b'x'; 16 << 20];
    let reply = bench.eval_with("return #ARGV[1]", &[&argv]);
    assert!(reply.contains("not enough memory"), "{reply}");
    bench.check("return 1", ":1\r\n");
}

#[test]
fn deep_recursion_ends_in_an_error() {
    let mut bench = bench();
    bench.check_error(
        "local function f() return 1 + f() end return f()",
        "ERR user_script:1: stack overflow{}1.",
    );
    for script in [
        "local function f() return pcall(f) end return f()",
        "local function f(x) return (string.gsub('x', 'x', f)) end return f()",
        "local function f() return coroutine.wrap(f)() end return f()",
        "local t = {} for i = 1, 2 do t[i] = i end local function f() table.sort(t, f) end f()",
        "local f f = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) return f[1]",
        "local function f() return xpcall(f, f) end return f()",
        "return string.find(string.rep('a', 2^20), string.rep('a?', 2^19))",
        "return string.gsub(string.rep('a', 2^20), string.rep('(', 2^19), '')",
        "return ('a'):rep(2^16):match(('.-'):rep(2^15) .. 'b')",
        "return string.rep('(', 2^16):find(string.rep('%(', 2^16))",
    ] {
        bench.eval(script);
        bench.check("return 1", ":1\r\n");
    }
    bench.check_error(
        "local at = string.find('x', string.rep('a?', 2^19))",
        "ERR user_script:1: pattern too complex{}1.",
    );
    bench.check(
        "return string.find(string.rep('a?', 2^19) .. 'b', string.rep('a?', 2^19), 1, true)",
        ":1\r\n",
    );
    bench.check("return string.find(string.rep('a', 5000), string.rep('a', 4999))", ":1\r\n");
}

#[test]
fn thousands_of_arguments_pass_and_more_are_refused() {
    let mut bench = bench();
    bench.check("return #{unpack({}, 1, 7900)}", ":0\r\n");
    bench.check("return select('#', pcall(unpack, {}, 1, 100))", ":101\r\n");
    bench.check(
        "local t = {} for i = 1, 7990 do t[i] = 1 end return select('#', unpack(t))",
        ":7990\r\n",
    );
    bench.check(
        "local t = {} for i = 1, 7900 do t[i] = 'k' .. i end return redis.call('DEL', unpack(t))",
        ":0\r\n",
    );
    bench.check("local t = {} for i = 1, 3900 do t[2 * i - 1] = 'k' .. i t[2 * i] = i end return redis.call('MSET', unpack(t))", "+OK\r\n");
    bench.check(
        "local t = {} for i = 1, 3900 do t[i] = 'k' .. i end return #redis.call('MGET', unpack(t))",
        ":3900\r\n",
    );
    // From here to Lua's own bound the binding may refuse; it must not do worse.
    for n in (7900..8000).step_by(7) {
        let n = n.to_string();
        let script = "local t = {} for i = 1, ARGV[1] do t[i] = 'n' .. i end local r = redis.call('MGET', unpack(t)) return #r";
        let reply = bench.eval_with(script, &[n.as_bytes()]);
        assert!(reply.starts_with('-') || reply == format!(":{n}\\r\\n"), "{n}: {reply}");
        bench.check("return 1", ":1\r\n");
    }
    bench.check_error("unpack({}, 1, 1e9)", "ERR user_script:1: too many results to unpack{}1.");
    bench.check_error(
        "unpack({}, -2147483648, 2147483647)",
        "ERR user_script:1: too many results to unpack{}1.",
    );
    bench.check_error(
        "unpack({}, -2147483648, -1)",
        "ERR user_script:1: too many results to unpack{}1.",
    );
}

#[test]
fn many_keys_and_arguments_arrive() {
    let mut bench = bench();
    let items = vec![&b"x"[..]; 100_000];
    assert_eq!(
        bench.eval_with("return {#KEYS, #ARGV, ARGV[100000]}", &items),
        r"*3\r\n:0\r\n:100000\r\n$1\r\nx\r\n"
    );
}

#[test]
fn an_instruction_budget_ends_scripts_that_only_read() {
    let mut bench =
        Bench::new(ScriptLimits { instructions_max: 1_000_000, ..ScriptLimits::default() });
    let ended = "ERR Script ended: it used more instructions than allowed{}1.";
    bench.check_error("while true do end", ended);
    bench.check_error("while true do pcall(function() while true do end end) end", ended);
    bench.check("for i = 1, 1000 do end return 1", ":1\r\n");
    // It has written: half of its writes would stay.
    bench.check("redis.call('SET', 'k', 1) for i = 1, 3000000 do end return 1", ":1\r\n");
}

// Other threads ------------------------------------------------------------------------------------

/// Runs `script`, which never ends by itself, on a thread of its own and kills it there; returns its
/// reply and what the kill was answered.
fn kill_while_running(script: &str) -> (String, Result<(), CommandError>) {
    let bench = bench();
    let host = std::sync::Arc::clone(&bench.host);
    std::thread::scope(|threads| {
        let running = threads.spawn(move || {
            let mut bench = bench;
            bench.eval(script)
        });
        let verdict = loop {
            match host.scripting.kill() {
                Err(error) if error.to_string() == NOT_BUSY => std::thread::yield_now(),
                verdict => break verdict,
            }
        };
        (running.join().expect("a killed script ends"), verdict)
    })
}

#[test]
fn a_killed_script_ends_whatever_it_catches() {
    for script in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function() return 1 end) end",
        "while true do local co = coroutine.wrap(function() while true do end end) pcall(co) end",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "while true do redis.pcall('GET', 'a') end",
        "while true do pcall(redis.call, 'GET', 'a') end",
        "while true do load(function() while true do end end) end",
        "while true do pcall(table.sort, {3, 2, 1}, function() while true do end end) end",
    ] {
        let (reply, verdict) = kill_while_running(script);
        assert_eq!(verdict, Ok(()));
        let sha1 = sha1_hex(script.as_bytes());
        let expected = format!("-ERR Script killed by user with SCRIPT KILL... script: {sha1}");
        assert!(reply.starts_with(&expected), "{script}: {reply}");
    }
}

#[test]
fn kill_without_a_script_says_so() {
    let mut bench = bench();
    let reply = format!("-{NOT_BUSY}\r\n");
    assert_eq!(bench.call(&[b"SCRIPT", b"KILL"]), reply.as_bytes());
    bench.check("return 1", ":1\r\n");
    assert_eq!(bench.call(&[b"SCRIPT", b"KILL"]), reply.as_bytes());
}

#[test]
fn a_script_that_has_written_cannot_be_killed() {
    let bench = bench();
    let host = std::sync::Arc::clone(&bench.host);
    let script = "repeat local reply = redis.pcall('SET', 'k', 1) until reply.err return 1";
    std::thread::scope(|threads| {
        let running = threads.spawn(move || {
            let mut bench = bench;
            (bench.eval(script), bench.journal().len())
        });
        while !host.write_asked.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        let refusal = host.scripting.kill().expect_err("it has called a write command").to_string();
        *host.write_refusal.lock() = Some(CommandError::text("MISCONF enough"));
        assert!(refusal.starts_with("UNKILLABLE Sorry the script already executed"), "{refusal}");
        let ended = running.join().expect("the script ends");
        assert_eq!(ended, (":1\\r\\n".to_owned(), 1));
    });
}

#[test]
fn loading_and_asking_wait_for_no_running_script() {
    let bench = bench();
    let host = std::sync::Arc::clone(&bench.host);
    std::thread::scope(|threads| {
        let running = threads.spawn(move || {
            let mut bench = bench;
            bench.eval("while true do end")
        });
        let engine = &host.scripting;
        while engine.statistics().scripts == 0 {
            std::thread::yield_now();
        }
        let sha1 = engine.load(b"return 42").expect("it compiles");
        assert!(engine.is_known(sha1.as_bytes()));
        assert!(engine.load(b"return +").is_err());
        engine.flush();
        assert!(!engine.is_known(sha1.as_bytes()));
        while engine.kill().is_err() {
            std::thread::yield_now();
        }
        assert!(running.join().expect("it ends").contains("killed by user"));
    });
}

// Library ------------------------------------------------------------------------------------------

#[test]
fn scripts_are_known_by_digest_after_load_and_eval_until_flush() {
    let mut bench = bench();
    let sha1 = sha1_hex(b"return ARGV[1]");
    let no_script = b"-NOSCRIPT No matching script. Please use EVAL.\r\n";
    assert_eq!(bench.call(&[b"EVALSHA", sha1.as_bytes(), b"0", b"x"]), no_script);
    assert_eq!(bench.call(&[b"EVALSHA", b"zz", b"0"]), no_script);
    bench.eval("return ARGV[1]");
    assert_eq!(
        bench.call(&[b"EVALSHA", sha1.to_ascii_uppercase().as_bytes(), b"0", b"x"]),
        b"$1\r\nx\r\n"
    );
    assert_eq!(bench.call(&[b"SCRIPT", b"EXISTS", sha1.as_bytes(), b"x"]), b"*2\r\n:1\r\n:0\r\n");
    assert_eq!(bench.call(&[b"SCRIPT", b"FLUSH"]), b"+OK\r\n");
    assert_eq!(bench.call(&[b"EVALSHA", sha1.as_bytes(), b"0", b"x"]), no_script);
    let loaded = bench.call(&[b"SCRIPT", b"LOAD", b"return ARGV[1]"]);
    assert_eq!(loaded, format!("$40\r\n{sha1}\r\n").as_bytes());
    assert_eq!(bench.call(&[b"EVALSHA", sha1.as_bytes(), b"0", b"y"]), b"$1\r\ny\r\n");
}

#[test]
fn scripts_with_values_in_their_text_do_not_fill_the_memory() {
    let mut bench = bench();
    let kept = bench.host.scripting.load(b"return 'kept'").expect("it compiles");
    for n in 0..3 * EVALUATED_MAX {
        bench.check(&format!("return {n}"), &format!(":{n}\r\n"));
    }
    assert_eq!(bench.host.scripting.statistics().scripts, EVALUATED_MAX + 1);
    assert_eq!(bench.call(&[b"EVALSHA", kept.as_bytes(), b"0"]), b"$4\r\nkept\r\n");
    // Forgotten by the compiler, not by the library, and the other way round.
    bench.check("return 0", ":0\r\n");
}

#[test]
fn a_script_leaves_nothing_to_the_next() {
    let mut bench = bench();
    bench.eval_with("redis.setresp(3) return 1", &[b"secret"]);
    bench.check("return {#ARGV, #KEYS}", "*2\r\n:0\r\n:0\r\n");
    bench.check("return redis.call('HGETALL', 'none')", "*0\r\n");
    bench.check("return type(redis.call('GET', 'none'))", "$7\r\nboolean\r\n");
    bench.check("ARGV.x = 1 KEYS[7] = 1 return 1", ":1\r\n");
    bench.check("return {ARGV.x == nil, KEYS[7] == nil}", "*2\r\n:1\r\n:1\r\n");
    // Not even if it stops in the middle of a coroutine.
    bench.check("coroutine.wrap(function() coroutine.yield() end)() return 1", ":1\r\n");
    bench.check("return redis.call('SELECT', 3)", "+OK\r\n");
    assert_eq!(bench.client.db, 0);
}

// Writes -------------------------------------------------------------------------------------------

#[test]
fn the_writes_of_a_script_are_one_journal_group() {
    let mut bench = bench();
    bench.eval("redis.call('SET', 'a', 1) redis.call('SELECT', 2) redis.call('INCR', 'b') return redis.call('GET', 'b')");
    assert_eq!(bench.journal(), [["0: SET a 1", "2: INCR b"]]);
    bench.eval("redis.call('SET', 'a', 2) error('half')");
    assert_eq!(bench.journal(), [["0: SET a 2"]]);
    bench.eval("return redis.call('GET', 'a')");
    assert!(bench.journal().is_empty());
}

#[test]
fn read_only_scripts_write_nothing() {
    let mut bench = bench();
    let refused = "-ERR Write commands are not allowed from read-only scripts.";
    let reply = bench.call(&[b"EVAL_RO", b"return redis.call('SET', 'a', 1)", b"0"]);
    assert!(reply.starts_with(refused.as_bytes()));
    bench.check(
        "#!lua flags=no-writes\nreturn redis.pcall('SET', 'a', 1)",
        &format!("{refused}\r\n"),
    );
    let reply = bench.call(&[b"EVAL_RO", b"#!lua\nreturn 1", b"0"]);
    assert_eq!(reply, b"-ERR Can not execute a script with write flag using *_ro command.\r\n");
    assert_eq!(bench.call(&[b"EXISTS", b"a"]), b":0\r\n");
}

#[test]
fn scripts_declare_whether_they_run_without_memory() {
    let mut bench = bench();
    bench.host.over_memory.store(true, Ordering::Relaxed);
    let oom = "OOM command not allowed when used memory > 'maxmemory'.";
    bench.check("#!lua\nreturn 1", &format!("-{oom}\r\n"));
    bench.check("#!lua flags=no-writes\nreturn 1", ":1\r\n");
    bench.check("#!lua flags=allow-oom\nreturn redis.call('SET', 'a', 1)", "+OK\r\n");
    bench.check("return 1", ":1\r\n");
    bench.check_error("return redis.call('SET', 'a', 1)", &format!("{oom}{{}}1."));
    bench.check("redis.call('DEL', 'a') return redis.call('SET', 'a', 1)", "+OK\r\n");
}

#[test]
fn scripts_write_nothing_while_writes_are_refused() {
    let mut bench = bench();
    *bench.host.write_refusal.lock() = Some(CommandError::text("MISCONF no disk"));
    bench.check("#!lua\nreturn 1", "-MISCONF no disk\r\n");
    bench.check_error("return redis.call('SET', 'a', 1)", "MISCONF no disk{}1.");
    bench.check("return redis.call('GET', 'a')", "$-1\r\n");
}
