-- KEYS: session, lock, tag. ARGV: token, lease in ms, TTL in ms (0: as it is).
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 'LOCKLOST'
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
local lease, ttl = tonumber(ARGV[2]), tonumber(ARGV[3])
local left = ttl > 0 and ttl or redis.call('PTTL', KEYS[1])
if ttl > 0 or left >= 0 and left < lease then
  left = math.max(left, lease)
  redis.call('PEXPIRE', KEYS[1], left)
  redis.call('PEXPIRE', KEYS[3], left)
end
return 'OK'
