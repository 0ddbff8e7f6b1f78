-- KEYS: session, lock, tombstone. ARGV: token, nonce, life of the tombstone in ms.
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
end
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
return redis.call('DEL', KEYS[1])
