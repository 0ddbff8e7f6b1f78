-- The world that scripts see. Runs once in each new interpreter, before any script.
--
-- Scripts share one set of globals and may change none of it. What they see of a shared table is an
-- empty proxy; the table itself is reached through the proxy's metatable only. Base functions that
-- would see through or around a proxy are replaced here, and so are those that catch errors: an
-- error raised by the host is an opaque value, which scripts must meet as the table or string that
-- Redis shows them.
--
-- Takes the host's functions and returns what the host needs of the world.

local host = ...
local raw = {}
for name, value in pairs(_G) do raw[name] = value end
local error, type, tostring, tonumber = raw.error, raw.type, raw.tostring, raw.tonumber
local next, rawget, rawset, setmetatable = raw.next, raw.rawget, raw.rawset, raw.setmetatable
local pcall, xpcall, loadstring, load = raw.pcall, raw.xpcall, raw.loadstring, raw.load
local collectgarbage, select = raw.collectgarbage, raw.select
local find, byte, sub = string.find, string.byte, string.sub

-- Read-only tables ------------------------------------------------------------------------------

local READONLY = "Attempt to modify a readonly table"
local behind = setmetatable({}, { __mode = "k" })

local function refuse() error(READONLY, 2) end

local function readonly(real, metatable_shown)
  local proxy = {}
  behind[proxy] = real
  return setmetatable(proxy, {
    __index = real,
    __newindex = refuse,
    __metatable = metatable_shown or false,
  })
end

local function expect_table(value, name)
  if type(value) ~= "table" then
    local got = value == nil and "nil" or type(value)
    error("bad argument #1 to '" .. name .. "' (table expected, got " .. got .. ")", 3)
  end
end

local globals = {}

function globals.rawget(t, k)
  expect_table(t, "rawget")
  return rawget(behind[t] or t, k)
end

function globals.rawset(t, k, v)
  expect_table(t, "rawset")
  if behind[t] then error(READONLY, 0) end
  return rawset(t, k, v)
end

function globals.setmetatable(t, metatable)
  expect_table(t, "setmetatable")
  if behind[t] then error(READONLY, 0) end
  return setmetatable(t, metatable)
end

-- What a proxy shows in place of its metatable cannot be nil.
local getmetatable = raw.getmetatable
function globals.getmetatable(value)
  local metatable = getmetatable(value)
  if metatable == false and behind[value] then return nil end
  return metatable
end

function globals.next(t, k)
  expect_table(t, "next")
  return next(behind[t] or t, k)
end

function globals.pairs(t)
  expect_table(t, "pairs")
  local real = behind[t]
  if real then
    -- A copy: the loop's state is visible to the script.
    t = {}
    for k, v in next, real do t[k] = v end
  end
  return next, t, nil
end

-- These write behind a table's metatable.
local table = {}
for name, f in next, raw.table do table[name] = f end
for _, name in next, { "insert", "remove", "sort" } do
  local original = raw.table[name]
  table[name] = function(t, ...)
    expect_table(t, name)
    if behind[t] then error(READONLY, 0) end
    return original(t, ...)
  end
end

-- Errors ----------------------------------------------------------------------------------------

-- `host.caught` turns a host error into a table, and raises it again if it must end the script.
local caught = host.caught

local function after_pcall(ok, e, ...)
  if ok then return ok, e, ... end
  e = caught(e)
  if type(e) == "table" then
    local text = rawget(e, "err")
    if text ~= nil then e = text end
  end
  return false, e
end

function globals.pcall(...)
  if select("#", ...) == 0 then return false, "bad argument #1 to 'pcall' (value expected)" end
  return after_pcall(pcall(...))
end

local function after_caught(ok, e, ...)
  if ok then return ok, e, ... end
  return false, (caught(e))
end

function globals.xpcall(f, handler)
  return after_caught(xpcall(f, function(e) return handler(host.shown(e)) end))
end

local coroutine = {}
for name, f in next, raw.coroutine do coroutine[name] = f end
local resume = raw.coroutine.resume
function coroutine.resume(...) return after_caught(resume(...)) end

-- Compiling -------------------------------------------------------------------------------------

-- Binary chunks could break the interpreter, so none may begin with ESC: behind a blank it is read
-- as text, and refused as such. The parser of Lua 5.1 does not protect its chunk's name from the
-- collector; the names below live on the stack as long as it runs, without a NUL so that the very
-- same string is used.

local function until_nul(name)
  local nul = find(name, "%z")
  return nul and sub(name, 1, nul - 1) or name
end

function globals.loadstring(text, name)
  local given = type(text)
  if given ~= "string" and given ~= "number" then
    if given == "nil" then given = "no value" end
    error("bad argument #1 to 'loadstring' (string expected, got " .. given .. ")", 2)
  end
  text = tostring(text)
  name = until_nul(tostring(name == nil and text or name))
  if byte(text) == 27 then text = " " .. text end
  local f, e = loadstring(text, name)
  return f, e
end

function globals.load(reader, name)
  if type(reader) ~= "function" then
    error("bad argument #1 to 'load' (function expected, got " .. type(reader) .. ")", 2)
  end
  name = until_nul(tostring(name == nil and "=(load)" or name))
  local first = true
  local f, e = load(function()
    local piece = reader()
    if first and type(piece) == "string" and byte(piece) == 27 then piece = " " .. piece end
    first = false
    return piece
  end, name)
  if f then return f end
  return nil, (caught(e))
end

-- Bounds ----------------------------------------------------------------------------------------

-- The matcher of Lua 5.1 recurses on the C stack once for each quantifier and capture.
local PATTERN_LEN_MAX = 4096

local string = {}
for name, f in next, raw.string do string[name] = f end

-- Wrong arguments are refused here: from a tail call the original could not tell its name.
local function patterned(name, has_plain)
  local original = raw.string[name]
  string[name] = function(s, pattern, ...)
    local given = type(s)
    if given ~= "string" and given ~= "number" then
      error("bad argument #1 to '" .. name .. "' (string expected, got " .. given .. ")", 2)
    end
    given = type(pattern)
    if given ~= "string" and given ~= "number" then
      error("bad argument #2 to '" .. name .. "' (string expected, got " .. given .. ")", 2)
    end
    if given == "string" and #pattern > PATTERN_LEN_MAX then
      local _, plain = ...
      if not (has_plain and plain) and find(pattern, "[%*%+%?%-%(]") then
        error("pattern too complex", 2)
      end
    end
    return original(s, pattern, ...)
  end
end
patterned("find", true)
patterned("match")
patterned("gmatch")
patterned("gsub")
string.gfind = raw.string.gfind and string.gmatch

-- The range is checked before the original narrows it to a C integer.
local UNPACKED_MAX = 8000
local unpack = raw.unpack
function globals.unpack(t, i, j)
  expect_table(t, "unpack")
  if i ~= nil or j ~= nil then
    local first, last = tonumber(i == nil and 1 or i), tonumber(j == nil and #t or j)
    if first and last and not (last - first < UNPACKED_MAX) then
      error("too many results to unpack", 2)
    end
  end
  return unpack(t, i, j)
end

-- A script must not leave the collector stopped for the next one.
local SETTINGS_OF_COLLECTOR = { stop = true, restart = true, setpause = true, setstepmul = true }
function globals.collectgarbage(what, ...)
  if what == nil or what == "collect" or what == "count" or what == "step" then
    return collectgarbage(what, ...)
  end
  if not SETTINGS_OF_COLLECTOR[what] then
    error("bad argument #1 to 'collectgarbage' (invalid option '" .. tostring(what) .. "')", 2)
  end
  return 0
end

-- The world -------------------------------------------------------------------------------------

local KEPT = {
  "_VERSION", "assert", "error", "gcinfo", "ipairs", "rawequal", "select",
  "tonumber", "tostring", "type",
}
for _, name in next, KEPT do globals[name] = raw[name] end

local redis = host.redis
for _, name in next, { "bit", "cjson", "cmsgpack", "struct" } do
  globals[name] = readonly(host[name])
end
globals.coroutine = readonly(coroutine)
globals.math = readonly(raw.math)
globals.redis = readonly(redis)
globals.string = readonly(string)
globals.table = readonly(table)

setmetatable(globals, {
  __index = function(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
})
local proxy = readonly(globals, readonly({}))
globals._G = proxy

-- Methods of strings, `s:upper()`.
local strings = getmetatable("")
strings.__index = string
strings.__metatable = readonly({ __index = globals.string })

local handler = host.handler
local functions = host.functions
local function run(slot) return xpcall(functions[slot], handler) end

return globals, proxy, run
