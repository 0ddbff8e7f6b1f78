-- KEYS: session, lock, tombstone, tag.
-- ARGV: token, lease in ms (0: no lock), TTL in ms (0: as it is), 1 if the session must exist.
-- Answers: status, data, nothing, nonce. Only OK has changed anything. The generation follows from
-- the data, and is left to the client: hashing would keep everybody else waiting.
local data = redis.call('GET', KEYS[1])
local nonce = redis.call('GET', KEYS[3])
if not data and ARGV[4] == '1' then
  return {'MISSING', data, false, nonce}
end
local lease = tonumber(ARGV[2])
if lease > 0 and not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
  if redis.call('GET', KEYS[2]) ~= ARGV[1] then
    return {'BUSY', false, false, false}
  end
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
local ttl = tonumber(ARGV[3])
if data and (ttl > 0 or lease > 0) then
  local left = ttl > 0 and ttl or redis.call('PTTL', KEYS[1])
  if ttl > 0 or left >= 0 and left < lease then
    left = math.max(left, lease)
    redis.call('PEXPIRE', KEYS[1], left)
    redis.call('PEXPIRE', KEYS[4], left)
  end
end
return {'OK', data, false, nonce}
