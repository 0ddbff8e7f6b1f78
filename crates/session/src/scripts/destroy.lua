-- KEYS: session, lock, tombstone, tag, data set aside. ARGV: token, nonce, tombstone's life in ms.
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
end
-- The same once more: what is there by now was made since.
if redis.pcall('GET', KEYS[3]) == ARGV[2] then
  return 0
end
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[4], KEYS[5])
return redis.call('DEL', KEYS[1])
