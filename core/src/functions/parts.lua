-- Runs `body(write)`. `write(back, words…)` runs a command; when one fails, the commands before it are
-- taken back, the last one first, and its error is returned. `back` is nil, or is given the reply and
-- returns the words of the command that takes this one back.
local function all_or_nothing(body)
  local undo = {}
  local function write(back, ...)
    local reply = redis.pcall(...)
    if type(reply) == 'table' and reply.err then error(reply) end
    if back then undo[#undo + 1] = back(reply) end
    return reply
  end
  local done, result = pcall(body, write)
  if done then return result end
  for i = #undo, 1, -1 do redis.pcall(unpack(undo[i])) end
  if type(result) == 'table' and result.err then return result end
  return redis.error_reply('ERR ' .. tostring(result))
end

-- HINCRBY of each counter that changes.
local function count(write, state, counts)
  for name, by in pairs(counts) do
    if by ~= 0 then
      write(function() return {'HINCRBY', state, name, text(-by)} end,
        'HINCRBY', state, name, text(by))
    end
  end
end

-- Stores an envelope at the end of a stream, with the marks of its jobs where one is a suspect.
local function append_part(write, keys, digit, envelope, marks)
  local stream, progress = keys[4], keys[3]
  local function remove(id) return {'XDEL', stream, id} end
  if not string.find(marks, '[1-9]') then
    write(remove, 'XADD', stream, '*', 'e', envelope)
    return
  end
  local id = write(remove, 'XADD', stream, '*', 'e', envelope, 'm', marks)
  local field = digit .. ':' .. id
  write(function() return {'HDEL', progress, field} end, 'HSET', progress, field, marks)
end

-- Parks an envelope in `due` or `dead`. Returns whether it did: not when its name is parked already.
local function park_part(write, sorted, parked, at, name, envelope)
  local function unpark(made) return made == 1 and {'HDEL', parked, name} or nil end
  if write(unpark, 'HSETNX', parked, name, envelope) == 0 then return false end
  write(function() return {'ZREM', sorted, name} end, 'ZADD', sorted, at, name)
  return true
end

-- An id that no job has: the entry's own, and which of its jobs comes first.
local function id_in_entry(entry_id, position)
  local ms, number = string.match(entry_id, '^(%d+)%-(%d+)$')
  return struct.pack('>I2I6I8', position, tonumber(ms), tonumber(number))
end

-- Reads the parts that a call names. Returns a list, or nil and what is wrong with them.
local function parts_of(args, total)
  if #args < 8 or (#args - 4) % 4 ~= 0 then
    return nil, bad('the call has ' .. #args .. ' arguments, expected 4 and 4 for each part')
  end
  local parts, seen = {}, {}
  for i = 5, #args, 4 do
    local part = {verb = args[i], delay = tonumber(args[i + 1]), envelope = args[i + 3]}
    part.at = positions(args[i + 2], total)
    if part.verb ~= 'r' and part.verb ~= 'f' then return nil, bad('verb is neither r nor f') end
    if not is_whole(part.delay) or part.delay > most_delay_ms then
      return nil, bad('delay ' .. args[i + 1] .. ' is not 0 to ' .. most_delay_ms .. ' ms')
    end
    if not part.at then return nil, bad('a job index is not below ' .. total) end
    if head(part.envelope) ~= #part.at then
      return nil, bad('part ' .. (i - 1) / 4 .. ' is not an envelope of version 1 with ' ..
        #part.at .. ' jobs')
    end
    for _, at in ipairs(part.at) do
      if seen[at] then return nil, bad('job ' .. at - 1 .. ' leaves twice') end
      seen[at] = true
    end
    parts[#parts + 1] = part
  end
  return parts
end

-- Drops the parts that left by the same call before a reply was lost. Returns the others, how many
-- jobs they have and the marks once they have left; or nil and what is wrong.
local function open_parts(parts, known)
  local marks, open, leaving = {string.byte(known, 1, #known)}, {}, 0
  for _, part in ipairs(parts) do
    local gone, chars = 0, {}
    for i, at in ipairs(part.at) do
      gone = gone + (marks[at] == 120 and 1 or 0)
      chars[i] = string.char(marks[at])
      marks[at] = 120
    end
    if gone > 0 and gone < #part.at then return nil, bad('some jobs of a part are settled') end
    if gone == 0 then
      part.marks = table.concat(chars)
      open[#open + 1], leaving = part, leaving + #part.at
    end
  end
  return open, leaving, string.char(unpack(marks))
end

-- ferry_v1_part: jobs leave their envelope together, each group of them as an envelope of its own:
-- back to the queue, because they cannot begin soon here; or to the dead letters, because that part
-- of a bundle cannot be read. No attempt and no delivery is burnt.
--   KEYS  1 state  2 workers  3 progress  4 stream  5 due  6 parked  7 dead
--   ARGV  1 worker  2 entry id  3 jobs in the envelope  4 bytes of the envelope
--         then for each part: verb, delay in ms, job indexes as big-endian 16-bit numbers, envelope
--           verb 'r' to the end of the stream when the delay is 0, else parked until due
--           verb 'f' to the dead letters; where its id is parked already, under one of its own
--         a part that would be parked until due while one with its id is parked already counts as
--         cancelled; a part whose jobs are all settled left before a reply was lost: passed over
--   reply {'OK', jobs that left by this call, 1 when the envelope is finished}
--         {'STALE'}  the worker's lease has ended
--         {'GONE'}   the envelope is not pending: settled before
--         error FERRYBAD, and any error of Redis: nothing was changed
--   cost  7 commands and about 2 for each part
local function part(keys, args)
  local state, progress, stream, worker, id = keys[1], keys[3], keys[4], args[1], args[2]
  local total, envelope_bytes = tonumber(args[3]), tonumber(args[4])
  if not is_whole(total) or total < 1 or total > 1000 or not is_whole(envelope_bytes) then
    return bad('jobs or bytes of the envelope are wrong')
  end
  if not is_entry_id(id) then return bad('the entry id is wrong') end
  local parts, wrong = parts_of(args, total)
  if not parts then return wrong end
  if call('HEXISTS', keys[2], worker) == 0 then return {'STALE'} end
  if #call('XPENDING', stream, group, id, id, 1, worker) == 0 then return {'GONE'} end
  local digit = string.match(stream, '%d$')
  local field = digit .. ':' .. id
  local known = call('HGET', progress, field) or string.rep('.', total)
  if #known ~= total then return bad('the envelope has ' .. #known .. ' jobs, not ' .. total) end
  local open, leaving, marks = open_parts(parts, known)
  if not open then return leaving end
  local finished = not string.find(marks, '[^x]')
  return all_or_nothing(function(write)
    local counts = {bytes = 0, delayed = 0, dead = 0, cancelled = 0}
    for _, one in ipairs(open) do
      local envelope, jobs = one.envelope, #one.at
      local name = member_of(digit, envelope)
      if one.verb == 'r' and one.delay == 0 then
        append_part(write, keys, digit, envelope, one.marks)
        counts.bytes = counts.bytes + #envelope
      elseif one.verb == 'r' then
        if park_part(write, keys[5], keys[6], text(now_ms() + one.delay), name, envelope) then
          counts.delayed, counts.bytes = counts.delayed + jobs, counts.bytes + #envelope
        else
          counts.cancelled = counts.cancelled + jobs
        end
      else
        if not park_part(write, keys[7], keys[6], text(now_ms()), name, envelope) then
          envelope = with_head(envelope, jobs, id_in_entry(id, one.at[1]))
          park_part(write, keys[7], keys[6], text(now_ms()), member_of(digit, envelope), envelope)
        end
        counts.dead = counts.dead + jobs
      end
    end
    if finished then counts.bytes = counts.bytes - envelope_bytes end
    count(write, state, counts)
    if not finished then
      write(nil, 'HSET', progress, field, marks)
    else
      write(function()
        return {'XCLAIM', stream, group, worker, 0, id, 'FORCE', 'JUSTID'}
      end, 'XACK', stream, group, id)
      write(function(had)
        return had == 1 and {'HSET', progress, field, known} or nil
      end, 'HDEL', progress, field)
      write(nil, 'XDEL', stream, id)
    end
    return {'OK', leaving, finished and 1 or 0}
  end)
end

-- ferry_v1_dead_split: a dead letter that wraps a bundle becomes a letter for each part, so that each
-- can be read, retried and dropped by itself. They died when it did.
--   KEYS  1 state  2 dead  3 parked
--   ARGV  1 the letter's name  2.. the letters, with as many jobs in all; at most 1000
--   reply letters made; 0 when there is no such dead letter (any more). A letter whose id is parked
--         already under its priority counts as cancelled: two jobs with one id are the same job.
--         error FERRYBAD  a letter is wrong, or the jobs are not as many; nothing was changed
--         error NOPERM    the caller is no operator; nothing was changed
--   cost  5 commands and two for each letter
local function dead_split(keys, args)
  local state, dead, parked, name = keys[1], keys[2], keys[3], args[1]
  local refused = not_operator(state)
  if refused then return refused end
  if not name or not is_parked_name(name) then return bad('the name is not that of a dead letter') end
  if #args < 2 or #args > 1001 then return bad('there are not 1 to 1000 letters') end
  local jobs = 0
  for i = 2, #args do
    local some = head(args[i])
    if not some then return bad_envelope(i - 1) end
    jobs = jobs + some
  end
  local died = call('ZSCORE', dead, name)
  local old = died and call('HGET', parked, name)
  if not old then return 0 end
  if head(old) ~= jobs then
    return bad('the letters have ' .. jobs .. ' jobs, the dead letter has ' .. (head(old) or 0))
  end
  return all_or_nothing(function(write)
    write(function() return {'HSET', parked, name, old} end, 'HDEL', parked, name)
    write(function() return {'ZADD', dead, died, name} end, 'ZREM', dead, name)
    local made, cancelled = 0, 0
    for i = 2, #args do
      local own = member_of(string.sub(name, 1, 1), args[i])
      if park_part(write, dead, parked, died, own, args[i]) then
        made = made + 1
      else
        cancelled = cancelled + head(args[i])
      end
    end
    count(write, state, {dead = -cancelled, cancelled = cancelled})
    return made
  end)
end

redis.register_function{
  function_name = 'ferry_v1_dead_split', callback = dead_split, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_part', callback = part, flags = {'allow-oom'}}
