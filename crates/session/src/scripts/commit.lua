-- KEYS: session, lock, tombstone, tag.
-- ARGV: token, generation and nonce that OPEN answered, TTL in ms, 1 if no lock is needed, 1 if a
-- session that has vanished is to be made again, tag ('': as it is, '=': none, '=tag'), data.
local stored = redis.call('GET', KEYS[1])
-- These hold strings or nothing.
local beside = redis.call('MGET', KEYS[2], KEYS[3], KEYS[4])
local holder, nonce, tagged = beside[1], beside[2], beside[3]
local function leave(answer)
  if holder == ARGV[1] then
    redis.call('DEL', KEYS[2])
  end
  return answer
end
local function tag()
  if #ARGV[7] > 1 then
    redis.call('SET', KEYS[4], string.sub(ARGV[7], 2), 'PX', ARGV[4])
  elseif tagged and ARGV[7] == '' and (stored or ARGV[2] ~= 'absent') then
    redis.call('PEXPIRE', KEYS[4], ARGV[4])
  elseif tagged then
    redis.call('DEL', KEYS[4])
  end
  return leave('OK')
end
if nonce and nonce ~= ARGV[3] then
  return leave('DESTROYED')
end
if stored == ARGV[8] then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return tag()
end
local locking = ARGV[5] ~= '1'
if locking and holder and holder ~= ARGV[1] then
  return 'LOCKLOST'
end
if not stored and ARGV[2] ~= 'absent' then
  if ARGV[6] ~= '1' then
    return leave('VANISHED')
  end
elseif locking and not holder then
  local generation = stored and redis.sha1hex(stored) or 'absent'
  if generation ~= ARGV[2] then
    return 'LOCKLOST'
  end
end
redis.call('SET', KEYS[1], ARGV[8], 'PX', ARGV[4])
return tag()
