-- KEYS: session, data set aside. ARGV: its life in ms.
local data = redis.call('GET', KEYS[1])
if not data then
  return 0
end
redis.call('SET', KEYS[2], data, 'PX', ARGV[1])
return 1
