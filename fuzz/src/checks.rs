//! Scripts that check what a library makes of an input.

use std::cell::RefCell;

use guarda_resp::decode;
use guarda_script::{LuaEngine, ScriptLimits};

use crate::Bench;

/// What a script that checks a library may use.
const LIMITS: ScriptLimits = ScriptLimits { memory_max: 64 << 20, instructions_max: 2_000_000 };

/// Equal as far as a script can see, NaN included. Tables as keys are left alone: none equals another.
const SAME: &[u8] = b"
local function same(a, b)
  if a == b or (a ~= a and b ~= b) then return true end
  if type(a) ~= 'table' or type(b) ~= 'table' then return false end
  for key, value in pairs(a) do if type(key) ~= 'table' and not same(value, b[key]) then return false end end
  for key in pairs(b) do if type(key) ~= 'table' and a[key] == nil then return false end end
  return true
end
";

/// Runs a script that checks what a library of scripts makes of `args`.
///
/// # Panics
///
/// When it finds a `FAULT`, or the reply is none.
pub fn run_checks(checks: &[u8], args: &[&[u8]]) {
    thread_local! {
        static BENCH: RefCell<Bench> = RefCell::new(Bench::new(std::sync::Arc::new(LuaEngine::new(LIMITS))));
    }
    let script = [SAME, checks].concat();
    let mut call: Vec<&[u8]> = vec![b"EVAL_RO", &script, b"0"];
    call.extend(args);
    let (reply, _) = BENCH.with_borrow_mut(|bench| bench.call(&call));
    let (_, used) = decode(&reply).expect("a reply is well formed").expect("a reply is whole");
    assert_eq!(used, reply.len(), "one reply");
    let text = reply.escape_ascii().to_string();
    let ended = text.contains("instructions") || text.contains("memory");
    assert!(!reply.starts_with(b"-") || ended, "{text}");
}
