//! Scripts, and payloads of RESTORE.

/// phpredis's way to release a session lock, and two more commands in one script.
pub(super) const UNLOCK: &[u8] = b"if redis.call(\"get\",KEYS[1]) == ARGV[1] then return redis.call(\"del\",KEYS[1]) else return 0 end";
pub(super) const SWAP: &[u8] =
    b"local old = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[2], ARGV[1]) return old";

/// Copies a key by its payload.
pub(super) const TRANSFER: &[u8] = b"local payload = redis.call('DUMP', KEYS[1]) if not payload then return 0 end return redis.call('RESTORE', KEYS[2], 0, payload, 'REPLACE')";

/// Each runs the command that is its arguments.
pub(super) const CALLS: &[&[u8]] = &[
    b"return redis.call(unpack(ARGV))",
    b"local r = redis.pcall(unpack(ARGV)) if type(r) == 'table' and r.err then return {'failed', r.err} end return r",
    b"redis.setresp(3) return redis.call(unpack(ARGV))",
];

/// What scripts do beyond that: conversions, errors, libraries, several writes at once.
pub(super) const SCRIPTS: &[&[u8]] = &[
    b"return ARGV[1]",
    b"return redis.call('GET', KEYS[1])",
    b"return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])",
    b"return redis.pcall('INCR', KEYS[1])",
    b"local r = redis.pcall('NONSENSE', KEYS[1]) return r.err",
    b"redis.call('SET', KEYS[1], ARGV[1]) redis.call('INCR', KEYS[1]) return 1",
    b"redis.call('SET', KEYS[1], ARGV[1]) redis.call('EXPIRE', KEYS[1], 5000) return redis.call('GETEX', KEYS[1], 'PERSIST')",
    b"redis.call('DEL', KEYS[1]) return redis.call('RENAME', KEYS[2], KEYS[1])",
    b"redis.call('SELECT', 2) return redis.call('SET', KEYS[1], ARGV[1])",
    b"return {1, 2.9, 'x', {true, false, 'y'}, redis.status_reply('fine')}",
    b"return redis.error_reply(ARGV[1])",
    b"return redis.call('GET', KEYS[1], ARGV[1])",
    b"return redis.pcall('SET', KEYS[1])",
    b"local r = redis.pcall('HGET', KEYS[1], 'f') return type(r) == 'table' and r.err or r",
    b"return string.format('%s|%5.2f|%q', ARGV[1], tonumber(ARGV[2]) or 0, ARGV[2])",
    b"return table.concat({ARGV[1], ARGV[2], 1, 1.5, 1e15, 1e100, -0}, ',')",
    b"return {1e15, 2^53, -2.5, 2^63, tonumber(ARGV[1])}",
    b"return {tonumber(ARGV[1]) or 'none', tostring(tonumber(ARGV[2]))}",
    b"return {string.byte(ARGV[1], 1, 3)}",
    b"return redis.sha1hex(ARGV[1])",
    b"redis.setresp(3) return redis.call('HGET', KEYS[1], ARGV[1])",
    b"local t = {} for i, k in ipairs(KEYS) do t[i] = redis.call('TYPE', k).ok end return t",
    b"return #redis.call('HGETALL', KEYS[1])",
    b"if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('COPY', KEYS[1], KEYS[2], 'REPLACE') end return false",
    b"return redis.call('INCRBYFLOAT', KEYS[1], ARGV[1])",
    // The libraries.
    b"return {pcall(cjson.decode, ARGV[1])}",
    b"local ok, v = pcall(cjson.decode, ARGV[1]) if not ok then return v end return cjson.encode(v)",
    b"return cjson.encode({ARGV[1], tonumber(ARGV[2]) or false, {}, {ARGV[2]}, redis.call('EXISTS', KEYS[1])})",
    b"return cmsgpack.pack(ARGV[1], tonumber(ARGV[2]) or true, {ARGV[2], {}, {a = ARGV[1]}}, 1.5, -1, 2^40)",
    b"return {pcall(cmsgpack.unpack, ARGV[1])}",
    b"return {cmsgpack.unpack(cmsgpack.pack(tonumber(ARGV[1]), ARGV[2], {ARGV[1]}))}",
    b"local n = tonumber(ARGV[1]) or 7 if n ~= n or math.abs(n) > 2^31 then n = 5 end return struct.pack('>hild', n, n, n, n) .. struct.pack('<I2s', #ARGV[2], ARGV[2])",
    b"return {pcall(struct.unpack, '>hB', ARGV[1])}",
    b"local n = tonumber(ARGV[1]) or 3 if n ~= n or math.abs(n) > 2^51 then n = 9 end return {bit.band(n, 255), bit.bor(n, 1), bit.bxor(n, -1), bit.lshift(n, 3), bit.arshift(n, 2), bit.rol(n, 5), bit.bswap(n), bit.tohex(n)}",
];
/// The SHA-1 of the first of them.
pub(super) const SHA: &[u8] = b"098e0f0d1448c0a81dafe820f66d460eb09263da";

/// A list, a set of integers, a set, a hash, a sorted set, a number and a compressed string, as Redis 7.0
/// dumps them, and what is wrong in several ways.
pub(super) const PAYLOADS: &[&[u8]] = &[
    b"\x12\x01\x02\x0e\x0e\x00\x00\x00\x03\x00\x81a\x02\x01\x01\x80\x01\xff\x0a\x00\x0f\xe8\xa2\x20\xc3\xa5\x1e\xc0",
    b"\x0b\x0e\x02\x00\x00\x00\x03\x00\x00\x00\x01\x00\x02\x00\x03\x00\x0a\x00\xa5\x02\x5c\xe2\x6d\x6e\x4d\x1b",
    b"\x02\x02\x01x\x01y\x0a\x00\xac\x3a\x8d\x68\x11\x84\xaa\x31",
    b"\x10\x12\x12\x00\x00\x00\x04\x00\x81f\x02\x81v\x02\x81g\x02\x01\x01\xff\x0a\x00\x23\xc1\xa5\xe3\x5d\xfa\xe8\x1c",
    b"\x11\x14\x14\x00\x00\x00\x04\x00\x81x\x02\x831.5\x04\x81y\x02\x02\x01\xff\x0a\x00\xc0\x7e\x51\x71\xab\x64\x12\x25",
    b"\x00\xc0\x11\x0a\x00\xe4\x03\x29\x45\x3c\xf4\x2b\x1c",
    b"\x00\xc3\x09\x1e\x01aa\xe0\x11\x00\x01aa\x0a\x00\x45\x73\x7c\xbb\x2b\x64\x7b\xbb",
    b"\x00\xc0\x12\x0a\x00\xe4\x03\x29\x45\x3c\xf4\x2b\x1c",
    b"\x01\x00\x0a\x00\x5b\xf8\x25\xcc\x6c\x17\x43\x56",
    b"",
];

/// Kinds of SCAN's TYPE.
pub(super) const TYPES: &[&[u8]] =
    &[b"string", b"list", b"set", b"zset", b"hash", b"LIST", b"stream"];
