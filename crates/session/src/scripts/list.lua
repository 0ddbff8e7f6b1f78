-- KEYS: session, lock, tag; as often as there are sessions.
-- ARGV: the tag that a session must have ('': any or none).
-- Answers of each string: key, TTL in ms, size, 1 if it is locked, tag.
local found = {}
for i = 1, #KEYS, 3 do
  if redis.call('TYPE', KEYS[i]).ok == 'string' then
    local tag = redis.pcall('GET', KEYS[i + 2])
    tag = type(tag) == 'string' and tag
    if ARGV[1] == '' or tag == ARGV[1] then
      local ttl, size = redis.call('PTTL', KEYS[i]), redis.call('STRLEN', KEYS[i])
      found[#found + 1] = {KEYS[i], ttl, size, redis.call('EXISTS', KEYS[i + 1]), tag}
    end
  end
end
return found
