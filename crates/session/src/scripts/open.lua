-- KEYS: session, lock, tombstone.
-- ARGV: token, lease in ms (0: no lock), TTL in ms (0: as it is), 1 if the session must exist.
-- Answers: status, data, generation, nonce. Only OK has changed anything.
local data = redis.call('GET', KEYS[1])
local nonce = redis.call('GET', KEYS[3])
local generation = data and redis.sha1hex(data) or 'absent'
if not data and ARGV[4] == '1' then
  return {'MISSING', data, generation, nonce}
end
local lease = tonumber(ARGV[2])
if lease > 0 and not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
  if redis.call('GET', KEYS[2]) ~= ARGV[1] then
    return {'BUSY', false, 'absent', false}
  end
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
if data then
  local ttl = tonumber(ARGV[3])
  local left = redis.call('PTTL', KEYS[1])
  if ttl > 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
  elseif lease > 0 and left >= 0 and left < lease then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
end
return {'OK', data, generation, nonce}
