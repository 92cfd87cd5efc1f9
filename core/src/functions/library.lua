#!lua name=ferry_v1
-- Ferry's transitions, protocol version 1. Every move of a job is one of these functions, so every
-- move is atomic. All keys of a call share one hash tag (see keys.hpp); a function touches no other.
--
-- The files are joined in this order: library, enqueue, watch, lease, beat, hints, settle, parts,
-- due, dead, inspect, books, remove, dead_large.
-- Local state in the library (tables such as `ages`) is only a cache: Redis may drop it at any time.
-- All or nothing: an error in the middle of a function does not undo what it wrote before. So each
--   1. checks its arguments, then reads every key it will write, which finds keys of another type,
--      and asks for the rights to what cannot be taken back (`denied`);
--   2. writes what can still fail, and takes that back when a later one fails (`add`,
--      `add_entries`, `take_back`);
--   3. writes last what cannot fail any more: it deletes and acknowledges.
-- Whatever counts answers FERRYBROKEN, beside what stands above it, for a counter that is no number.
-- What a hot function cannot know without one more command stands in GUARANTEES.md; the audit finds
-- it. tests/redis/all_or_nothing_test.cpp lets each command of each function fail.

-- redis.call and Lua's own libraries exist only while a function runs, not while this text loads.
-- `call` throws what Redis refuses; `try` replies it, see `failed`. They become Redis's own with
-- the first command, so that later ones go through no function of ours.
local call, try
call = function(...) call, try = redis.call, redis.pcall; return call(...) end
try = function(...) call, try = redis.call, redis.pcall; return try(...) end
local group = 'ferry'
-- Holds what waits for a newer worker. No worker has such a name, and it is the last in their order.
local for_newer = '~newer'

-- Raise it with every change of these files; `install` replaces a lower one.
local revision = 5

-- What a call may tell. An envelope is bounded as in core/src/wire/limits.hpp.
local most_jobs = 1000                  -- in an envelope
local most_bytes = 16 * 1024 * 1024     -- of an envelope as stored
local most_envelopes = 1000             -- in a call of a producer
local most_delay = 366 * 24 * 3600000   -- ms
local most_lease = 24 * 3600000         -- ms
local exact = 2 ^ 53                    -- from here on Lua rounds
local most_number = exact - 1

-- A number as Redis is to store it: Redis formats a number it is given as a fraction with 17 digits,
-- which takes longer than many a command.
local function text(number) return string.format('%d', number) end

local function now_ms()
  local t = call('TIME')
  return t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
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

-- The name under which an envelope is parked: its priority, then the id of its first job in hex.
local function member_of(priority, envelope)
  local _, at = head(envelope)
  return priority .. string.format(
    ':%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x',
    string.byte(envelope, at, at + 15))
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

-- Returns what to reply to a caller who has no right to one of the commands, given as command, key,
-- command, key … With it, a command on a key that is known to be of its type can fail no more.
local function missing_right(...)
  local words = {...}
  for i = 1, #words, 2 do
    if not redis.acl_check_cmd(words[i], words[i + 1], '1', '1') then
      return redis.error_reply('NOPERM the user has no right to ' .. words[i] .. ' ' ..
        words[i + 1] .. '; nothing was changed')
    end
  end
  return nil
end

local function bad_envelope(which)
  return bad('envelope ' .. which .. ' is not an envelope of version 1 with 1 to 1000 jobs')
end

-- What is stored is wrong, and no argument is: somebody wrote there by hand.
local function broken(what)
  return redis.error_reply('FERRYBROKEN ' .. what .. '; nothing was changed')
end

-- Whether a number that was told is whole and from 0 to `most`; false for NaN and infinity too.
local function is_whole(number, most)
  return number and number >= 0 and number <= most and number % 1 == 0
end

-- Returns the number that a text of digits is, when it lies within the bounds, or nil.
local function whole(digits, least, most)
  local number = digits and string.find(digits, '^%d+$') and tonumber(digits)
  return number and number >= least and number <= most and number or nil
end

local function bad_number(what, told, least, most)
  return bad(what .. " is '" .. string.sub(told or '', 1, 32) ..
    "', expected a whole number from " .. text(least) .. ' to ' .. text(most))
end

-- Returns the number that a text of digits is; or nil and an error that names it.
local function number_in(what, digits, least, most)
  local number = whole(digits, least, most)
  if number then return number end
  return nil, bad_number(what, digits, least, most)
end

-- Whether it is a number of 64 bits in digits, as cursors and the two halves of an entry's id.
local function fits_64_bits(digits)
  return digits and string.find(digits, '^%d+$') and
    (#digits < 20 or #digits == 20 and digits <= '18446744073709551615')
end

local function is_entry_id(id)
  if not id or not string.find(id, '^%d+%-%d+$') then return false end
  if #id < 20 then return true end
  local ms, count = string.match(id, '^(%d+)%-(%d+)$')
  return fits_64_bits(ms) and fits_64_bits(count)
end

-- Returns what is wrong with a call of a worker and the ids of entries behind it, or nil.
local function wrong_ids(args)
  if #args > 101 then return bad('the call names ' .. #args - 1 .. ' entries, at most 100') end
  for i = 2, #args do
    if not is_entry_id(args[i]) then return bad('an entry id is wrong') end
  end
end

-- Whether it has the form of a name under which an envelope is parked.
local function is_name(name)
  return name and #name == 34 and string.find(name, '^[012]:[%da-f]+$') ~= nil
end

-- An id for bytes that have none of their own: no other entry of the stream has the same. `again`
-- counts from 0 and makes another one.
local function id_from_entry(entry_id, again)
  local ms, count = string.match(entry_id, '^(%d+)%-(%d+)$')
  ms, count = tonumber(ms), tonumber(count)
  if again == 0 and ms < exact and count < exact then return struct.pack('>I8I8', ms, count) end
  local digits = redis.sha1hex(entry_id .. ' ' .. again)
  return (string.gsub(string.sub(digits, 1, 32), '%x%x', function(pair)
    return string.char(tonumber(pair, 16))
  end))
end

-- Settled jobs in the marks of an envelope. Marks of another length are not those of this envelope.
local function settled_in(marks, jobs)
  if not marks or #marks ~= jobs then return 0 end
  return select(2, string.gsub(marks, 'x', ''))
end

local function failed(reply) return type(reply) == 'table' and reply.err ~= nil end

-- Asks for the caller's right to a command, which costs no command.
-- Returns nil, or what to reply.
local function denied(...)
  if redis.acl_check_cmd(...) then return nil end
  local words = {...}
  return redis.error_reply('NOPERM the user has no right to ' ..
    table.concat(words, ' ', 1, words[1] == 'XGROUP' and 3 or 2) .. '; nothing was changed')
end

-- Takes back what `add` did to counters, up to a position in `changes`.
local function take_back(state, changes, last)
  for i = 1, last or #changes, 2 do
    if changes[i + 1] ~= '0' then try('HINCRBY', state, changes[i], text(-changes[i + 1])) end
  end
end

-- Adds to counters, to all or to none. `changes` = {name, number as text, name, number, …}.
-- Returns nil, or the error of the one that cannot be changed.
local function add(state, changes)
  for i = 1, #changes, 2 do
    local by = changes[i + 1]
    local value = by ~= '0' and try('HINCRBY', state, changes[i], by) or 0
    if failed(value) or value >= exact or value <= -exact then
      take_back(state, changes, failed(value) and i - 1 or i)
      local why = failed(value) and value.err or ''
      if string.find(why, '^ERR value') then
        return bad('a number is not written as Redis writes it: ' .. string.sub(by, 1, 32))
      end
      local refused = why ~= '' and not string.find(why, '^ERR hash value') and
        not string.find(why, 'overflow', 1, true)
      return refused and value or broken('the counter ' .. changes[i] .. ' of ' .. state ..
        ' is no whole number, or would pass 2^53')
    end
  end
end

-- Adds entries to streams, all or none. Each is {stream, field, value, …}.
-- Returns their ids; or nil and the error.
local function add_entries(entries)
  local ids = {}
  for i, entry in ipairs(entries) do
    local id = try('XADD', entry[1], '*', unpack(entry, 2))
    if failed(id) then
      for added, its_id in ipairs(ids) do try('XDEL', entries[added][1], its_id) end
      return nil, id
    end
    ids[i] = id
  end
  return ids
end

-- The counters of a queue as numbers. Jobs in the streams follow from them.
-- Returns nil and an error where one that is written back is no whole number, or the sum is none.
local fields = {'accepted', 'done', 'expired', 'cancelled', 'delayed', 'dead', 'bytes'}
local of_books = {fields[1], fields[2], fields[3], fields[4], fields[5], fields[6], fields[7], 'hints'}
local function is_exact(number) return number < exact and number > -exact and number % 1 == 0 end
local function books(state)
  local raw = call('HMGET', state, unpack(of_books))
  for i = 1, 7 do raw[i] = raw[i] and (tonumber(raw[i]) or 0 / 0) or 0 end
  local b = {accepted = raw[1], done = raw[2], expired = raw[3], cancelled = raw[4],
    delayed = raw[5], dead = raw[6], bytes = raw[7], ready = 0,
    hints = raw[8] and raw[8] ~= '' and raw[8] or nil}
  b.ready = b.accepted - b.done - b.expired - b.cancelled - b.delayed - b.dead
  if is_exact(b.ready) and is_exact(b.accepted) and is_exact(b.delayed) and is_exact(b.bytes) then
    return b
  end
  for _, name in ipairs(fields) do
    if not is_exact(b[name]) then
      return nil, broken('the counter ' .. name .. ' of ' .. state ..
        ' is no whole number below 2^53')
    end
  end
  return nil, broken('the counters of ' .. state .. ' are too large to be added up')
end

local function last_delivered(stream)
  local groups = try('XINFO', 'GROUPS', stream)
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

-- Server time at which the oldest job that no worker has yet was stored, or nil; also nil for what
-- is no stream or may not be read.
local function oldest_waiting(stream)
  local entry = try('XRANGE', stream, '(' .. last_delivered(stream), '+', 'COUNT', 1)[1]
  return entry and tonumber(string.match(entry[1], '^%d+'))
end

redis.register_function{
  function_name = 'ferry_v1_revision',
  callback = function() return revision end,
  flags = {'no-writes', 'allow-stale', 'allow-oom'}
}
