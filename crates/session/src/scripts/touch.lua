-- KEYS: session, lock, tag. ARGV: token, TTL in ms, 1 if no lock is needed.
-- A lock that is gone harms nothing here: no data is written.
local holder = redis.call('GET', KEYS[2])
if holder == ARGV[1] then
  redis.call('DEL', KEYS[2])
elseif holder and ARGV[3] ~= '1' and redis.call('EXISTS', KEYS[1]) == 1 then
  return 'LOCKLOST'
end
if redis.call('PEXPIRE', KEYS[1], ARGV[2]) == 1 then
  redis.call('PEXPIRE', KEYS[3], ARGV[2])
  return 'OK'
end
return 'MISSING'
