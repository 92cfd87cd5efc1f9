#!lua name=ferry_v1
-- Ferry's transitions, protocol version 1. Every move of a job is one of these functions, so every
-- move is atomic. All keys of a call share one hash tag (see keys.hpp); a function touches no other.
--
-- The files are joined in this order: library, enqueue, lease, settle, due, dead, inspect.
-- Local state in the library (tables such as `ages`) is only a cache: Redis may drop it at any time.
-- An error in the middle of a function does not undo what it wrote before. So every argument is
-- checked before the first write, and what is refused has changed nothing.

-- redis.call and Lua's own libraries exist only while a function runs, not while this text loads.
local function call(...) return redis.call(...) end
local group = 'ferry'
-- Holds what waits for a newer worker. No worker has such a name, and it is the last in their order.
local for_newer = '~newer'

-- Raise it with every change of these files; `install` replaces a lower one.
local revision = 5

-- A number as Redis is to store it: Redis formats a number it is given as a fraction with 17 digits,
-- which takes longer than many a command.
local function text(number) return string.format('%d', number) end

local function now_ms()
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Returns the number of jobs in an envelope and the offset of its first id, or nil when the bytes
-- are no envelope of version 1. The count may be written in 1, 2 or 3 bytes, in any msgpack form.
local function head(envelope)
  local shape, version, _, count = string.byte(envelope, 1, 4)
  if (shape ~= 0x95 and shape ~= 0x96) or version ~= 1 or not count then return nil end
  local at = 5
  if count == 0xcc then
    count, at = string.byte(envelope, 5), 6
  elseif count == 0xcd then
    local high, low = string.byte(envelope, 5, 6)
    count, at = low and high * 256 + low, 7
  elseif count > 0x7f then
    return nil
  end
  if not count or count < 1 or count > 1000 then return nil end
  local bin, size = string.byte(envelope, at, at + 1)
  if bin ~= 0xc4 or size ~= 16 or #envelope < at + 17 then return nil end
  return count, at + 2
end

-- The same envelope with another number of jobs and another first id in its head.
local function with_head(envelope, count, first_id)
  local _, at = head(envelope)
  return string.sub(envelope, 1, 3) .. string.char(0xcd) .. struct.pack('>I2', count) ..
    string.char(0xc4, 16) .. first_id .. string.sub(envelope, at + 16)
end

local function hex(raw)
  return (string.gsub(raw, '.', function(c) return string.format('%02x', string.byte(c)) end))
end

-- The name under which an envelope is parked: its priority, then the id of its first job.
local function member_of(priority, envelope)
  local _, at = head(envelope)
  return priority .. ':' .. hex(string.sub(envelope, at, at + 15))
end

local function bad(what)
  return redis.error_reply('FERRYBAD ' .. what .. '; nothing was changed')
end

-- A function runs with the rights (Redis ACL) of its caller. Most roles are told apart by the commands
-- inside; what a worker's rights suffice for, but only an operator shall do, asks for this one.
-- Returns nil for a caller who may write `control`, which stands beside `state`, or what to reply.
local function not_operator(state)
  local control, found = string.gsub(state, ':state$', ':control')
  if found == 0 then return bad('the first key is not that of a state') end
  if redis.acl_check_cmd('HSET', control, 'paused', '1') then return nil end
  return redis.error_reply('NOPERM only an operator may do this: the user has no right to HSET ' ..
    control .. '; nothing was changed')
end

local function bad_envelope(which)
  return bad('envelope ' .. which .. ' is not an envelope of version 1 with 1 to 1000 jobs')
end

local function is_whole(number)
  return number and number >= 0 and number < 2 ^ 53 and number == math.floor(number)
end

-- An id for bytes that have none of their own: no other entry of the stream has the same.
local function id_from_entry(entry_id)
  local ms, count = string.match(entry_id, '^(%d+)%-(%d+)$')
  return struct.pack('>I8I8', tonumber(ms), tonumber(count))
end

local function is_entry_id(text) return text and string.find(text, '^%d+%-%d+$') end

-- Parks an envelope under its name until a time. Two jobs with the same id are the same job: the one
-- that is parked already stays, and the caller counts the other as cancelled.
-- Returns whether it was parked.
local function park(sorted, parked, at, name, envelope)
  if call('HSETNX', parked, name, envelope) == 0 then return false end
  call('ZADD', sorted, at, name)
  return true
end

-- The counters of a queue as numbers. Jobs in the streams follow from them.
local fields = {'accepted', 'done', 'expired', 'cancelled', 'delayed', 'dead', 'bytes'}
local function books(state)
  local raw = call('HMGET', state, unpack(fields))
  local b = {}
  for i = 1, #fields do b[fields[i]] = tonumber(raw[i]) or 0 end
  b.ready = b.accepted - b.done - b.expired - b.cancelled - b.delayed - b.dead
  return b
end

local function last_delivered(stream)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err then return '0-0' end
  for _, g in ipairs(groups) do
    local named, last
    for i = 1, #g, 2 do
      if g[i] == 'name' then named = g[i + 1] end
      if g[i] == 'last-delivered-id' then last = g[i + 1] end
    end
    if named == group then return last end
  end
  return '0-0'
end

-- Server time at which the oldest job that no worker has yet was stored, or nil.
local function oldest_waiting(stream)
  local entry = call('XRANGE', stream, '(' .. last_delivered(stream), '+', 'COUNT', 1)[1]
  return entry and tonumber(string.match(entry[1], '^%d+'))
end

redis.register_function{
  function_name = 'ferry_v1_revision',
  callback = function() return revision end,
  flags = {'no-writes', 'allow-stale', 'allow-oom'}
}
