-- Runs `body(write)`. `write(back, words…)` runs a command; when one fails, those before it are
-- taken back, the last one first, and its error is returned. `back` is nil, or is given the reply
-- and returns the words of the command that takes this one back, or nil for none. A caller makes
-- sure that the user has a right to those.
local function all_or_nothing(body)
  local undo = {}
  local function write(back, ...)
    local reply = call(...)
    if back then undo[#undo + 1] = back(reply) end
    return reply
  end
  local done, result = pcall(body, write)
  if done then return result end
  for i = #undo, 1, -1 do redis.pcall(unpack(undo[i])) end
  return redis.error_reply(tostring(result))  -- Redis's pcall gives the text of an error
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
local function append_part(write, keys, envelope, marks)
  local stream, progress = keys[4], keys[3]
  local function remove(id) return {'XDEL', stream, id} end
  if not string.find(marks, '[1-9]') then
    write(remove, 'XADD', stream, '*', 'e', envelope)
    return
  end
  local id = write(remove, 'XADD', stream, '*', 'e', envelope, 'm', marks)
  local field = string.match(stream, '%d$') .. ':' .. id
  write(function() return {'HDEL', progress, field} end, 'HSET', progress, field, marks)
end

-- Parks the bytes of an envelope under a name. Returns whether it did: not where it is taken.
local function park_bytes(write, parked, name, envelope)
  local function unpark(made) return made == 1 and {'HDEL', parked, name} or nil end
  return write(unpark, 'HSETNX', parked, name, envelope) == 1
end

-- An id that no job has: the entry's own, and which of its jobs comes first.
local function id_in_entry(entry_id, position)
  local ms, number = string.match(entry_id, '^(%d+)%-(%d+)$')
  return struct.pack('>I2I6I8', position, tonumber(ms), tonumber(number))
end

-- Reads a part from its four arguments. Returns it, or nil and what is wrong with it.
local function read_part(args, i, total, seen)
  local delay, wrong = number_in('the delay', args[i + 1], 0, most_delay)
  local part = {verb = args[i], delay = delay, envelope = args[i + 3]}
  part.at = positions(args[i + 2], total)
  if part.verb ~= 'r' and part.verb ~= 'f' then return nil, bad('verb is neither r nor f') end
  if not delay then return nil, wrong end
  if not part.at then return nil, bad('a job index is not below ' .. total) end
  if head(part.envelope) ~= #part.at then
    return nil, bad('part ' .. (i - 1) / 4 .. ' is not an envelope of version 1 with ' ..
      #part.at .. ' jobs')
  end
  for _, at in ipairs(part.at) do
    if seen[at] then return nil, bad('job ' .. at - 1 .. ' leaves twice') end
    seen[at] = true
  end
  return part
end

-- Reads the parts that a call names. Returns a list, or nil and what is wrong with them.
local function read_parts(args, total)
  if #args < 8 or #args % 4 ~= 0 then
    return nil, bad('the call has ' .. #args .. ' arguments, expected 4 and 4 for each part')
  end
  local parts, seen = {}, {}
  for i = 5, #args, 4 do
    local part, wrong = read_part(args, i, total, seen)
    if not part then return nil, wrong end
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
      if part.delay > 0 and string.find(part.marks, '[1-9]') then
        return nil, bad('a part with a delay has jobs that were started as suspects')
      end
      open[#open + 1], leaving = part, leaving + #part.at
    end
  end
  return open, leaving, string.char(unpack(marks))
end

-- Stores the parts that go back, and counts them.
local function give_back(write, keys, parts, counts, now)
  local digit, due, parked = string.match(keys[4], '%d$'), keys[5], keys[6]
  for _, part in ipairs(parts) do
    local name = part.verb == 'r' and member_of(digit, part.envelope)
    if name then counts.bytes = counts.bytes + #part.envelope end
    if name and part.delay > 0 and park_bytes(write, parked, name, part.envelope) then
      local at = text(now + part.delay)
      write(function() return {'ZREM', due, name} end, 'ZADD', due, at, name)
      counts.delayed = counts.delayed + #part.at
    elseif name then
      append_part(write, keys, part.envelope, part.marks)
    end
  end
end

-- Parks the parts that failed. That they are dead is written by the last command that can fail: a
-- worker has no right to take a dead letter out again.
local function bury_parts(write, keys, entry_id, parts, now)
  local digit, words = string.match(keys[4], '%d$'), {'ZADD', keys[7]}
  for _, part in ipairs(parts) do
    if part.verb == 'f' then
      local letter = part.envelope
      if not park_bytes(write, keys[6], member_of(digit, letter), letter) then
        letter = with_head(letter, #part.at, id_in_entry(entry_id, part.at[1]))
        if not park_bytes(write, keys[6], member_of(digit, letter), letter) then
          error(bad('a letter is parked under the id of the entry already'))
        end
      end
      words[#words + 1], words[#words + 2] = text(now), member_of(digit, letter)
    end
  end
  if #words > 2 then write(nil, unpack(words)) end
end

-- ferry_v1_part: jobs leave their envelope together, each group of them as an envelope of its own:
-- back to the queue, because they cannot begin soon here; or to the dead letters, because that part
-- of a bundle cannot be read. No attempt and no delivery is burnt.
--   KEYS  1 state  2 workers  3 progress  4 stream  5 due  6 parked  7 dead
--   ARGV  1 worker  2 entry id  3 jobs in the envelope  4 bytes of the envelope
--         then for each part: verb, delay in ms, job indexes as big-endian 16-bit numbers, envelope
--           verb 'r' to the end of the stream when the delay is 0, else parked until due; where an
--                    envelope with its id is parked already, to the stream all the same
--           verb 'f' to the dead letters; where its id is parked already, under one of its own
--         Jobs that were started as suspects take their marks along to the stream. Nothing that is
--         parked has marks, so with a delay they are refused; a letter says how often it ran.
--         A part whose jobs are all settled left before a reply was lost: it is passed over.
--   reply {'OK', jobs that left by this call, 1 when the envelope is finished}
--         {'STALE'}  the worker's lease has ended
--         {'GONE'}   the envelope is not pending: settled before
--         error FERRYBAD, and any error of Redis: nothing was changed
--   cost  7 commands and about 2 for each part
local function part(keys, args)
  local progress, stream, worker, id = keys[3], keys[4], args[1], args[2]
  local total, no_jobs = number_in('the number of jobs', args[3], 1, most_jobs)
  if not total then return no_jobs end
  local envelope_bytes, no_bytes = number_in('the number of bytes', args[4], 0, most_bytes)
  if not envelope_bytes then return no_bytes end
  if not is_entry_id(id) then return bad('the entry id is wrong') end
  local parts, wrong = read_parts(args, total)
  if not parts then return wrong end
  if call('HEXISTS', keys[2], worker) == 0 then return {'STALE'} end
  if #call('XPENDING', stream, group, id, id, 1, worker) == 0 then return {'GONE'} end
  local field = string.match(stream, '%d$') .. ':' .. id
  local had = call('HGET', progress, field)
  local known = had or string.rep('.', total)
  if #known ~= total then return bad('the envelope has ' .. #known .. ' jobs, not ' .. total) end
  local open, leaving, marks = open_parts(parts, known)
  if not open then return leaving end
  local finished = not string.find(marks, '[^x]')
  local refused = missing_right('XDEL', stream, 'XACK', stream, 'HSET', progress, 'HDEL', progress,
    'HDEL', keys[6], 'ZREM', keys[5])
  if refused then return refused end
  local counts = {bytes = finished and -envelope_bytes or 0, delayed = 0, dead = 0}
  local now
  for _, one in ipairs(open) do
    if one.verb == 'f' then counts.dead = counts.dead + #one.at end
    if one.verb == 'f' or one.delay > 0 then now = now or now_ms() end
  end
  return all_or_nothing(function(write)
    give_back(write, keys, open, counts, now)
    count(write, keys[1], counts)
    bury_parts(write, keys, id, open, now)
    if finished then
      write(nil, 'XACK', stream, group, id)
      write(nil, 'XDEL', stream, id)
      if had then write(nil, 'HDEL', progress, field) end
    elseif #open > 0 then
      write(nil, 'HSET', progress, field, marks)
    end
    return {'OK', leaving, finished and 1 or 0}
  end)
end

-- ferry_v1_dead_split: a dead letter that wraps a bundle becomes a letter for each part, so that
-- each can be read, retried and dropped by itself. They died when it did.
--   KEYS  1 state  2 dead  3 parked
--   ARGV  1 the letter's name  2.. the letters, with as many jobs in all
--   reply letters made; 0 when there is no such dead letter (any more), or it was split before
--         error FERRYBAD  a letter is wrong, its id is parked already, or the jobs are not as many
--         error NOPERM    the caller is no operator
--         and any error of Redis: nothing was changed
--   cost  5 commands and one for each letter
local function dead_split(keys, args)
  local dead, parked, name = keys[2], keys[3], args[1]
  local refused = not_operator(keys[1]) or
    missing_right('HSET', parked, 'HDEL', parked, 'ZADD', dead, 'ZREM', dead)
  if refused then return refused end
  if not is_name(name) then return bad('the name is not that of a dead letter') end
  local jobs = 0
  for i = 2, #args do
    local some = head(args[i])
    if not some then return bad_envelope(i - 1) end
    jobs = jobs + some
  end
  local died = call('ZSCORE', dead, name)
  local old = died and call('HGET', parked, name)
  if not old or old == args[2] then return 0 end
  if head(old) ~= jobs then
    return bad('the letters have ' .. jobs .. ' jobs, the dead letter has ' .. (head(old) or 0))
  end
  return all_or_nothing(function(write)
    local words, same = {'ZADD', dead}, nil
    for i = 2, #args do
      local own = member_of(string.sub(name, 1, 1), args[i])
      if own == name and not same then
        same = args[i]
      elseif not park_bytes(write, parked, own, args[i]) then
        error(bad('the id of letter ' .. i - 1 .. ' is parked already'))
      end
      words[#words + 1], words[#words + 2] = died, own
    end
    write(nil, unpack(words))
    if same then
      write(nil, 'HSET', parked, name, same)
    else
      write(nil, 'ZREM', dead, name)
      write(nil, 'HDEL', parked, name)
    end
    return #args - 1
  end)
end

redis.register_function{
  function_name = 'ferry_v1_dead_split', callback = dead_split, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_part', callback = part, flags = {'allow-oom'}}
