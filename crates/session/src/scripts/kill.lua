-- KEYS: session, tombstone, tag, data set aside.
-- ARGV: nonce, tombstone's life in ms, the tag that the session must have ('': any or none).
if ARGV[3] ~= '' and redis.pcall('GET', KEYS[3]) ~= ARGV[3] then
  return 0
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[1], KEYS[3], KEYS[4])
return 1
