-- KEYS: session, lock, tombstone.
-- ARGV: token, generation and nonce that OPEN answered, TTL in ms, 1 if no lock is needed, 1 if a
-- session that has vanished is to be made again, data.
local stored = redis.call('GET', KEYS[1])
local holder = redis.call('GET', KEYS[2])
local nonce = redis.call('GET', KEYS[3])
local function leave(answer)
  if holder == ARGV[1] then
    redis.call('DEL', KEYS[2])
  end
  return answer
end
if nonce and nonce ~= ARGV[3] then
  return leave('DESTROYED')
end
if stored == ARGV[7] then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return leave('OK')
end
if ARGV[5] ~= '1' and holder ~= ARGV[1] then
  local generation = stored and redis.sha1hex(stored) or 'absent'
  if holder or generation ~= ARGV[2] then
    return 'LOCKLOST'
  end
end
if not stored and ARGV[2] ~= 'absent' and ARGV[6] ~= '1' then
  return leave('VANISHED')
end
redis.call('SET', KEYS[1], ARGV[7], 'PX', ARGV[4])
return leave('OK')
