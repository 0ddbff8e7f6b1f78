//! Scripts: whatever the text, one whole reply, and nothing left behind for the next script.
//!
//! They may not write, since one that has written is never ended.

#![no_main]

use std::sync::Arc;

use guarda_fuzz::Bench;
use guarda_resp::decode;
use guarda_script::{LuaEngine, ScriptLimits};
use libfuzzer_sys::fuzz_target;

const LIMITS: ScriptLimits = ScriptLimits { memory_max: 16 << 20, instructions_max: 200_000 };
/// Looks at everything that scripts share.
const PROBE: &[u8] =
    b"local names = {} for name in pairs(_G) do names[#names + 1] = tostring(name) end \
                       for name in pairs(redis) do names[#names + 1] = name end \
                       table.sort(names) return {names, KEYS, ARGV, redis.call('GET', 'k')}";

fuzz_target!(|input: &[u8]| {
    let mut bench = Bench::new(Arc::new(LuaEngine::new(LIMITS)));
    run(&mut bench, &[b"SET", b"k", b"5"]);
    run(&mut bench, &[b"HSET", b"h", b"f", b"v"]);
    let probe: [&[u8]; 5] = [b"EVAL_RO", PROBE, b"1", b"k", b"a"];
    let before = run(&mut bench, &probe);
    run(&mut bench, &[b"EVAL_RO", input, b"2", b"k", b"h", b"f"]);
    assert_eq!(before, run(&mut bench, &probe), "the script has left something behind");
});

fn run(bench: &mut Bench, args: &[&[u8]]) -> Vec<u8> {
    let (reply, goes_on) = bench.call(args);
    let (_, used) = decode(&reply).expect("a reply is well formed").expect("a reply is whole");
    assert!(goes_on && used == reply.len(), "one reply");
    reply
}
