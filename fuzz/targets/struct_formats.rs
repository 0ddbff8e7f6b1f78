//! `struct`: whatever the format (the first line) and the bytes (the rest), an error or values; where the
//! format has a size, that is how many bytes it packs.

#![no_main]

use guarda_fuzz::run_checks;
use libfuzzer_sys::fuzz_target;

const CHECKS: &[u8] = b"
local format, bytes = ARGV[1], ARGV[2]
local sized, size = pcall(struct.size, format)
local values = {pcall(struct.unpack, format, bytes)}
if not values[1] or #values > 200 then return 1 end
local ok, packed = pcall(struct.pack, format, unpack(values, 2, #values))
if not ok then return 2 end
if sized and #packed ~= size then return redis.error_reply('FAULT size') end
local ok, after = pcall(function() local again = {struct.unpack(format, packed)} return again[#again] end)
if sized and (not ok or after ~= size + 1) then return redis.error_reply('FAULT unpack') end
return 3";

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (format, rest) = input.split_at(end);
    run_checks(CHECKS, &[format, rest.get(1..).unwrap_or_default()]);
});
