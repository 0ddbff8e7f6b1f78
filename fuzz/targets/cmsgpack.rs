//! `cmsgpack`: whatever the bytes, an error or values; what was packed from values is unpacked to the same
//! ones, from the second time on (tables deeper than 16 are nil, which as a key makes an error).

#![no_main]

use guarda_fuzz::run_checks;
use libfuzzer_sys::fuzz_target;

const CHECKS: &[u8] = b"
local first = {pcall(cmsgpack.unpack, ARGV[1])}
if not first[1] or #first < 2 or #first > 200 then return 1 end
local ok, bytes = pcall(cmsgpack.pack, unpack(first, 2, #first))
if not ok then return 2 end
local second = {pcall(cmsgpack.unpack, bytes)}
if not second[1] then
  local why = type(second[2]) == 'table' and second[2].err or second[2]
  return string.find(why, 'index is nil', 1, true) and 3 or redis.error_reply('FAULT ' .. why)
end
local ok, again = pcall(cmsgpack.pack, unpack(second, 2, #first))
if not ok then return 4 end
local third = {pcall(cmsgpack.unpack, again)}
if not same(second, third) then return redis.error_reply('FAULT') end
pcall(cmsgpack.unpack_one, ARGV[1])
pcall(cmsgpack.unpack_limit, ARGV[1], 3, 1)
return 5";

fuzz_target!(|input: &[u8]| run_checks(CHECKS, &[input]));
