//! What PHP applications do in scripts, with scripts of our own.

use guarda_testkit::diff::Case;

pub(crate) const CASES: &[Case<'static>] = &[
    Case::new(
        "nextcloud_compares_sets_and_deletes",
        r#"
        !let cas SCRIPT LOAD 'if redis.call("get", KEYS[1]) == ARGV[1] then redis.call("set", KEYS[1], ARGV[2]) return 1 end return 0'
        !let cad SCRIPT LOAD 'local held = redis.call("get", KEYS[1]) if held == ARGV[1] then return redis.call("del", KEYS[1]) end return 0'
        !let ncad SCRIPT LOAD 'local held = redis.call("get", KEYS[1]) if held ~= false and held ~= ARGV[1] then return redis.call("del", KEYS[1]) end return 0'
        !let dec SCRIPT LOAD 'if redis.call("exists", KEYS[1]) == 1 then return redis.call("decrby", KEYS[1], ARGV[1]) end return nil'
        !let casttl SCRIPT LOAD 'if redis.call("get", KEYS[1]) ~= ARGV[1] then return false end redis.call("expire", KEYS[1], ARGV[2]) return redis.call("ttl", KEYS[1])'
        SET n 5
        EVALSHA ${dec} 1 n 2
        EVALSHA ${dec} 1 missing 2
        EVALSHA ${dec} 1 n x
        GET n
        EVALSHA ${cas} 1 n 3 4
        EVALSHA ${cas} 1 n 3 9
        EVALSHA ${cas} 1 missing 3 9
        GET n
        EVALSHA ${ncad} 1 n 4
        EXISTS n
        EVALSHA ${ncad} 1 n other
        EVALSHA ${ncad} 1 n other
        EXISTS n
        SET n x
        EVALSHA ${cad} 1 n y
        EVALSHA ${cad} 1 n x
        EVALSHA ${cad} 1 n x
        SET n v
        EVALSHA ${casttl} 1 n w 100
        EVALSHA ${casttl} 1 n v 100
        TTL n //~ within 2 -- time passes
        HSET h f v
        EVALSHA ${cas} 1 h a b
        EVALSHA ${dec} 1 h 1
        "#,
    ),
    Case::new(
        "laravel_locks_its_cache",
        r#"
        !let acquire SCRIPT LOAD 'if redis.call("exists", KEYS[1]) == 0 then redis.call("setex", KEYS[1], tonumber(ARGV[2]), ARGV[1]) return true end return false'
        !let release SCRIPT LOAD 'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) else return 0 end'
        EVALSHA ${acquire} 1 lock me 60
        EVALSHA ${acquire} 1 lock you 60
        TTL lock //~ within 2 -- time passes
        EVALSHA ${release} 1 lock you
        EVALSHA ${release} 1 lock me
        EXISTS lock
        EVALSHA ${acquire} 1 lock you 60.0
        EVALSHA ${acquire} 1 other me 0
        EVALSHA ${acquire} 1 other me x
        GET lock
        "#,
    ),
    Case::new(
        "laravel_limits_rates",
        r#"
        !let slide SCRIPT LOAD 'local function reset() redis.call("HMSET", KEYS[1], "start", ARGV[2], "end", ARGV[2] + ARGV[3], "count", 1) return redis.call("EXPIRE", KEYS[1], ARGV[3] * 2) end if redis.call("EXISTS", KEYS[1]) == 0 then return {reset(), ARGV[2] + ARGV[3], ARGV[4] - 1} end if ARGV[1] >= redis.call("HGET", KEYS[1], "start") and ARGV[1] <= redis.call("HGET", KEYS[1], "end") then return {tonumber(redis.call("HINCRBY", KEYS[1], "count", 1)) <= tonumber(ARGV[4]), redis.call("HGET", KEYS[1], "end"), ARGV[4] - redis.call("HGET", KEYS[1], "count")} end return {reset(), ARGV[2] + ARGV[3], ARGV[4] - 1}'
        EVALSHA ${slide} 1 limit 1700000000.12 1700000000 60 2
        HGETALL limit //~ unordered-pairs -- a hash has no order
        TTL limit //~ within 2 -- time passes
        EVALSHA ${slide} 1 limit 1700000001.5 1700000001 60 2
        HGETALL limit //~ unordered-pairs -- a hash has no order
        TTL limit //~ within 2 -- time passes
        EVALSHA ${slide} 1 limit 1700000002 1700000002 60 2
        HGETALL limit //~ unordered-pairs -- a hash has no order
        TTL limit //~ within 2 -- time passes
        EVALSHA ${slide} 1 limit 1700000030 1700000030 60 2
        HGETALL limit //~ unordered-pairs -- a hash has no order
        TTL limit //~ within 2 -- time passes
        EVALSHA ${slide} 1 limit 1700000070.25 1700000070 60 2
        HGETALL limit //~ unordered-pairs -- a hash has no order
        TTL limit //~ within 2 -- time passes
        EVALSHA ${slide} 1 limit 1700000071 1700000071 60 2
        HGETALL limit //~ unordered-pairs -- a hash has no order
        TTL limit //~ within 2 -- time passes
        EVALSHA ${slide} 1 limit x y 60 2
        SET s v
        EVALSHA ${slide} 1 s 1 1 60 2
        "#,
    ),
    Case::new(
        "laravel_horizon_measures_jobs",
        r#"
        !let measure SCRIPT LOAD 'redis.call("hsetnx", KEYS[1], "throughput", 0) redis.call("sadd", KEYS[2], KEYS[1]) local hash = redis.call("hmget", KEYS[1], "throughput", "runtime") local throughput, runtime = hash[1] + 1, 0 if hash[2] then runtime = ((hash[1] * hash[2]) + tonumber(ARGV[1])) / throughput else runtime = tonumber(ARGV[1]) end redis.call("hmset", KEYS[1], "throughput", throughput, "runtime", runtime) return {throughput, tostring(runtime)}'
        EVALSHA ${measure} 2 job jobs 10.5
        EVALSHA ${measure} 2 job jobs 20
        EVALSHA ${measure} 2 job jobs 0.25
        HGET job throughput
        SMEMBERS jobs
        EVAL 'assert(redis.call("exists", "nothing") == 1, "nothing is not there")' 0
        "#,
    ),
    Case::new(
        "wordpress_flushes_by_pattern",
        r#"
        !each 1 300 SET wp:posts:${i} v
        !each 1 20 SET wp:users:${i} v
        SET other v
        !let flush SCRIPT LOAD 'local cursor, count = 0, 0 repeat local found = redis.call("SCAN", cursor, "MATCH", KEYS[1], "COUNT", 50) cursor = tonumber(found[1]) for _, key in ipairs(found[2]) do redis.call("DEL", key) count = count + 1 end until cursor == 0 return count'
        EVALSHA ${flush} 1 wp:posts:*
        DBSIZE
        EVALSHA ${flush} 1 wp:posts:*
        EVALSHA ${flush} 1 wp:users:1[0-9]
        EVALSHA ${flush} 1 nothing:*
        EVALSHA ${flush} 1 wp:*
        DBSIZE
        EVALSHA ${flush} 0
        GET other
        "#,
    ),
    Case::new(
        "symfony_locks",
        r#"
        !let lock SCRIPT LOAD 'local held = redis.call("GET", KEYS[1]) if held == ARGV[1] then return redis.call("PEXPIRE", KEYS[1], ARGV[2]) end if held then return false end return redis.call("SET", KEYS[1], ARGV[1], "NX", "PX", ARGV[2])'
        EVALSHA ${lock} 1 resource token 30000
        EVALSHA ${lock} 1 resource token 60000
        EVALSHA ${lock} 1 resource other 60000
        PTTL resource //~ within 2000 -- time passes
        EVALSHA ${lock} 1 resource token 0
        EVALSHA ${lock} 1 resource token x
        "#,
    ),
    Case::new(
        "laravel_queues_jobs",
        r#"
        !let size SCRIPT LOAD 'return redis.call("llen", KEYS[1]) + redis.call("zcard", KEYS[2]) + redis.call("zcard", KEYS[3])'
        !let push SCRIPT LOAD 'redis.call("rpush", KEYS[1], ARGV[1]) redis.call("rpush", KEYS[2], 1)'
        !let pop SCRIPT LOAD 'local job, reserved = redis.call("lpop", KEYS[1]), false if job ~= false then reserved = cjson.decode(job) reserved["attempts"] = reserved["attempts"] + 1 reserved = cjson.encode(reserved) redis.call("zadd", KEYS[2], ARGV[1], reserved) redis.call("lpop", KEYS[3]) end return {job, reserved}'
        !let release SCRIPT LOAD 'redis.call("zrem", KEYS[2], ARGV[1]) redis.call("zadd", KEYS[1], ARGV[2], ARGV[1]) return true'
        !let migrate SCRIPT LOAD 'local due = redis.call("zrangebyscore", KEYS[1], "-inf", ARGV[1], "limit", 0, ARGV[2]) if next(due) ~= nil then redis.call("zremrangebyrank", KEYS[1], 0, #due - 1) for i = 1, #due, 100 do redis.call("rpush", KEYS[2], unpack(due, i, math.min(i + 99, #due))) for _ = i, math.min(i + 99, #due) do redis.call("rpush", KEYS[3], 1) end end end return due'
        !let clear SCRIPT LOAD 'local had = redis.call("llen", KEYS[1]) + redis.call("zcard", KEYS[2]) + redis.call("zcard", KEYS[3]) redis.call("del", KEYS[1], KEYS[2], KEYS[3], KEYS[4]) return had'
        EVALSHA ${push} 2 q q:notify '{"attempts":0}'
        EVALSHA ${push} 2 q q:notify '{"attempts":41}'
        EVALSHA ${size} 3 q q:delayed q:reserved
        EVALSHA ${pop} 3 q q:reserved q:notify 1700000060
        LRANGE q:notify 0 -1
        ZRANGE q:reserved 0 -1 WITHSCORES
        EVALSHA ${release} 2 q:delayed q:reserved '{"attempts":1}' 1700000100
        EVALSHA ${migrate} 3 q:delayed q q:notify 1700000099 -1
        EVALSHA ${migrate} 3 q:delayed q q:notify 1700000100 -1
        LRANGE q 0 -1
        EVALSHA ${migrate} 3 q:delayed q q:notify 1700000100 -1
        !each 1 350 ZADD q:delayed 17${i} '{"id":${i},"attempts":0}'
        EVALSHA ${migrate} 3 q:delayed q q:notify 17200 120
        EVALSHA ${size} 3 q q:delayed q:reserved
        LLEN q:notify
        EVALSHA ${migrate} 3 q:delayed q q:notify inf -1
        LLEN q
        ZCARD q:delayed
        EVALSHA ${pop} 3 q q:reserved q:notify 1700000200
        EVALSHA ${pop} 3 q q:reserved q:notify 1700000200
        BLPOP q:notify 0
        RPUSH broken 'no JSON'
        EVALSHA ${pop} 3 broken q:reserved q:notify 1 //~ code -- the library's words about the text
        RPUSH broken '{"attempts":null}'
        EVALSHA ${pop} 3 broken q:reserved q:notify 1 //~ code -- the place in the script
        LLEN broken
        EVALSHA ${clear} 4 q q:delayed q:reserved q:notify
        EVALSHA ${clear} 4 q q:delayed q:reserved q:notify
        EVALSHA ${pop} 3 q q:reserved q:notify 1
        SET s v
        EVALSHA ${migrate} 3 s q q:notify 1 -1
        "#,
    ),
    Case::new(
        "mediawiki_queues_jobs",
        r#"
        !let push SCRIPT LOAD 'local pushed = 0 for i = 1, #ARGV, 3 do local id, hash, data = ARGV[i], ARGV[i + 1], ARGV[i + 2] if hash == "" or redis.call("hExists", KEYS[2], hash) == 0 then if hash ~= "" then redis.call("hSet", KEYS[2], hash, id) redis.call("hSet", KEYS[3], id, hash) end redis.call("lPush", KEYS[1], id) redis.call("hSet", KEYS[4], id, data) pushed = pushed + 1 end end return pushed'
        !let pop SCRIPT LOAD 'local id = redis.call("rPop", KEYS[1]) if not id then return false end local hash = redis.call("hGet", KEYS[3], id) if hash then redis.call("hDel", KEYS[2], hash) redis.call("hDel", KEYS[3], id) end redis.call("zAdd", KEYS[5], ARGV[1], id) redis.call("hIncrBy", KEYS[6], id, 1) return redis.call("hGet", KEYS[4], id)'
        !let ack SCRIPT LOAD 'redis.call("zRem", KEYS[1], ARGV[1]) redis.call("hDel", KEYS[2], ARGV[1]) return redis.call("hDel", KEYS[3], ARGV[1])'
        !let recycle SCRIPT LOAD 'local released, abandoned = 0, 0 for _, id in ipairs(redis.call("zRangeByScore", KEYS[2], 0, ARGV[1])) do if tonumber(redis.call("hGet", KEYS[3], id)) < tonumber(ARGV[2]) then redis.call("lPush", KEYS[1], id) redis.call("zRem", KEYS[2], id) released = released + 1 else redis.call("zAdd", KEYS[4], ARGV[3], id) abandoned = abandoned + 1 end end return {released, abandoned}'
        EVALSHA ${push} 4 unclaimed ids-by-hash hashes-by-id data 1 h1 one 2 "" two 3 h1 again 4 h4 "\x00\xff"
        LRANGE unclaimed 0 -1
        HGETALL ids-by-hash //~ unordered-pairs -- a hash has no order
        EVALSHA ${pop} 6 unclaimed ids-by-hash hashes-by-id data claimed attempts 1700000000
        EVALSHA ${pop} 6 unclaimed ids-by-hash hashes-by-id data claimed attempts 1700000001
        HGETALL ids-by-hash
        EVALSHA ${ack} 3 claimed attempts data 1
        EVALSHA ${ack} 3 claimed attempts data 1
        EVALSHA ${recycle} 4 unclaimed claimed attempts abandoned 1700000005 2 1700000006
        EVALSHA ${pop} 6 unclaimed ids-by-hash hashes-by-id data claimed attempts 1700000010
        EVALSHA ${pop} 6 unclaimed ids-by-hash hashes-by-id data claimed attempts 1700000011
        EVALSHA ${recycle} 4 unclaimed claimed attempts abandoned 1700000020 2 1700000021
        ZRANGE claimed 0 -1 WITHSCORES
        ZRANGE abandoned 0 -1 WITHSCORES
        LRANGE unclaimed 0 -1
        EVALSHA ${pop} 6 unclaimed ids-by-hash hashes-by-id data claimed attempts x
        SET unclaimed s
        EVALSHA ${push} 4 unclaimed ids-by-hash hashes-by-id data 9 h9 nine
        "#,
    ),
    Case::new(
        "symfony_invalidates_tags",
        r#"
        !let save SCRIPT LOAD 'redis.replicate_commands() for i = 2, #ARGV do redis.call("SADD", KEYS[1] .. ARGV[i], ARGV[1]) end redis.call("SETEX", ARGV[1], 3600, table.concat(ARGV, "|")) return #ARGV - 1'
        !let invalidate SCRIPT LOAD 'redis.replicate_commands() local cursor, seen = "0", {} local moved = "{" .. KEYS[1] .. "}" .. ARGV[1] if redis.call("SUNIONSTORE", moved, KEYS[1]) == 0 then return false end redis.call("DEL", KEYS[1]) repeat local part = redis.call("SSCAN", moved, cursor, "COUNT", 50) cursor = part[1] for _, id in ipairs(part[2]) do seen[id] = true end until cursor == "0" local ids = {} for id in pairs(seen) do ids[#ids + 1] = id end local gone = 0 for i = 1, #ids, 100 do gone = gone + redis.call("UNLINK", unpack(ids, i, math.min(i + 99, #ids))) end for _, id in ipairs(ids) do redis.pcall("SREM", moved, id) end return {#ids, gone, redis.call("EXISTS", moved), string.byte(moved)}'
        EVALSHA ${save} 1 tag: page:1 news sport
        EVALSHA ${save} 1 tag: page:2 news
        !each 1 250 SADD tag:many item:${i}
        !each 1 250 SET item:${i} v
        EVALSHA ${invalidate} 1 tag:news x
        EXISTS page:1 page:2 tag:news
        SMEMBERS tag:sport
        EVALSHA ${invalidate} 1 tag:many y
        EVALSHA ${invalidate} 1 tag:many y
        DBSIZE
        EVALSHA ${invalidate} 1 page:1 z
        SET s v
        EVALSHA ${invalidate} 1 s z
        "#,
    ),
    Case::new(
        "magento_cleans_by_tag",
        r#"
        !let save SCRIPT LOAD 'local prefix, id, tags = ARGV[1], ARGV[2], {} local old = redis.call("HGET", prefix .. "k:" .. id, "t") redis.call("HMSET", prefix .. "k:" .. id, "d", ARGV[3], "t", ARGV[4], "m", ARGV[5], "i", ARGV[6]) if ARGV[6] == "0" then redis.call("EXPIRE", prefix .. "k:" .. id, ARGV[7]) end for tag in string.gmatch(ARGV[4], "[^,]+") do tags[#tags + 1] = tag redis.call("SADD", prefix .. "ti:" .. tag, id) end if #tags > 0 then redis.call("SADD", prefix .. "tags", unpack(tags)) end redis.call("SADD", prefix .. "ids", id) return {old, #tags}'
        !let clean SCRIPT LOAD 'local prefix, names = ARGV[1], {} for i = 2, #ARGV do names[#names + 1] = prefix .. "ti:" .. ARGV[i] end local ids = redis.call("SUNION", unpack(names)) for i = 1, #ids do ids[i] = prefix .. "k:" .. ids[i] end local gone = 0 for i = 1, #ids, 5000 do gone = gone + redis.call("DEL", unpack(ids, i, math.min(#ids, i + 4999))) end redis.call("DEL", unpack(names)) for i = 2, #ARGV do redis.call("SREM", prefix .. "tags", ARGV[i]) end return gone'
        EVALSHA ${save} 0 zc: page1 body a,b 1700000000 0 3600
        EVALSHA ${save} 0 zc: page2 body b 1700000000 1 3600
        EVALSHA ${save} 0 zc: page1 new a 1700000001 1 0
        HGETALL zc:k:page1 //~ unordered-pairs -- a hash has no order
        SMEMBERS zc:tags //~ unordered -- a set has no order
        EVALSHA ${clean} 0 zc: b
        EXISTS zc:k:page1 zc:k:page2 zc:ti:b
        SMEMBERS zc:tags //~ unordered -- a set has no order
        EVAL 'local members = {} for i = 1, 7990 do members[i] = "id" .. i end return {#redis.call("MGET", unpack(members)), redis.call("SADD", "big", unpack(members, 1, 7980)), redis.call("SCARD", "big"), redis.call("SREM", "big", unpack(members, 1, 4000)), redis.call("SCARD", "big")}' 0
        !each 1 6000 HSET zc:k:n${i} d v
        !each 1 6000 SADD zc:ti:all n${i}
        EVALSHA ${clean} 0 zc: all
        EVALSHA ${clean} 0 zc: none
        DBSIZE
        "#,
    ),
];
