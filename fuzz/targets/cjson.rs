//! `cjson`: whatever the text, an error or a value; what was encoded from a value is decoded to the same
//! one, from the second time on (numbers have 14 digits, an empty array becomes an empty object).

#![no_main]

use guarda_fuzz::run_checks;
use libfuzzer_sys::fuzz_target;

const CHECKS: &[u8] = b"
local ok, first = pcall(cjson.decode, ARGV[1])
if not ok then return 1 end
local ok, text = pcall(cjson.encode, first)
if not ok then return 2 end
local second = cjson.decode(text)
local third = cjson.decode(cjson.encode(second))
if not same(second, third) then return redis.error_reply('FAULT ' .. text) end
return 3";

fuzz_target!(|input: &[u8]| run_checks(CHECKS, &[input]));
