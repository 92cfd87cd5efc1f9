-- ferry_v1_done: whole envelopes whose jobs are all done; the path of nearly every job.
--   KEYS  1 state  2 workers  3 progress  4 stream
--   ARGV  1 worker, then for each envelope: entry id, jobs done now, bytes of the envelope
--         (at most 300 envelopes)
--   reply {'OK', envelopes settled} or {'STALE'}. An envelope that is no longer pending was settled
--         by the same call before a reply was lost; it is passed over.
--   cost  6 commands, whatever the number of envelopes
local function done(keys, args)
  local state, stream, worker = keys[1], keys[4], args[1]
  if call('HEXISTS', keys[2], worker) == 0 then return {'STALE'} end
  local digit = string.match(stream, '%d$')
  local ids, marks, jobs, bytes = {}, {}, 0, 0
  for i = 2, #args, 3 do
    ids[#ids + 1] = args[i]
    marks[#marks + 1] = digit .. ':' .. args[i]
    jobs, bytes = jobs + args[i + 1], bytes + args[i + 2]
  end
  local settled = call('XACK', stream, group, unpack(ids))
  if settled == 0 then return {'OK', 0} end
  if settled < #ids then
    -- Some were settled before. Which ones: those that are no longer in the stream.
    jobs, bytes = 0, 0
    for i = 2, #args, 3 do
      if call('XDEL', stream, args[i]) == 1 then
        jobs, bytes = jobs + args[i + 1], bytes + args[i + 2]
      end
    end
  else
    call('XDEL', stream, unpack(ids))
  end
  call('HDEL', keys[3], unpack(marks))
  call('HINCRBY', state, 'done', jobs)
  call('HINCRBY', state, 'bytes', -bytes)
  return {'OK', settled}
end

local function indexes(packed)
  local list = {}
  for i = 1, #packed, 2 do
    local high, low = string.byte(packed, i, i + 1)
    list[#list + 1] = high * 256 + low + 1
  end
  return list
end

-- ferry_v1_settle: some jobs of one envelope, each with its own outcome. The envelope leaves the
-- stream with its last job; until then `progress` holds one character for each job: '.' open,
-- 'x' settled, '1'..'9' open and started that often as a suspect.
--   KEYS  1 state  2 workers  3 progress  4 stream  5 due  6 parked  7 dead
--   ARGV  1 worker  2 entry id  3 jobs in the envelope  4 bytes of the envelope
--         5 done: job indexes as big-endian 16-bit numbers  6 expired: likewise
--         then for each job that moves: index, verb, delay in ms, envelope of that one job
--           verb 'r' retry: to the stream when the delay is 0, else parked until due
--           verb 'f' fail: to the dead letters
--   reply {'OK', jobs settled by this call, 1 when the envelope is finished}
--         {'STALE'}  the worker's lease has ended
--         {'GONE'}   the envelope is not pending: settled before
--   cost  8 commands and about 3 for each job that moves
local function settle(keys, args)
  local state, progress, stream, worker, id = keys[1], keys[3], keys[4], args[1], args[2]
  local total = tonumber(args[3])
  if call('HEXISTS', keys[2], worker) == 0 then return {'STALE'} end
  if #call('XPENDING', stream, group, id, id, 1, worker) == 0 then return {'GONE'} end
  local digit = string.match(stream, '%d$')
  local field = digit .. ':' .. id
  local known = call('HGET', progress, field) or string.rep('.', total)
  local marks = {string.byte(known, 1, total)}
  local settled = 0
  local function take(at)
    if marks[at] == 120 then return false end
    marks[at], settled = 120, settled + 1
    return true
  end

  local counts = {done = 0, expired = 0, delayed = 0, dead = 0, bytes = 0}
  for _, at in ipairs(indexes(args[5])) do
    if take(at) then counts.done = counts.done + 1 end
  end
  for _, at in ipairs(indexes(args[6])) do
    if take(at) then counts.expired = counts.expired + 1 end
  end
  for i = 7, #args, 4 do
    local count = head(args[i + 3])
    if not count then return bad_envelope((i - 3) / 4) end
  end
  for i = 7, #args, 4 do
    local verb, delay, envelope = args[i + 1], tonumber(args[i + 2]), args[i + 3]
    if take(tonumber(args[i]) + 1) then
      if verb == 'r' and delay <= 0 then
        call('XADD', stream, '*', 'e', envelope)
        counts.bytes = counts.bytes + #envelope
      elseif verb == 'r' then
        local name = member_of(digit, envelope)
        call('ZADD', keys[5], now_ms() + delay, name)
        call('HSET', keys[6], name, envelope)
        counts.delayed, counts.bytes = counts.delayed + 1, counts.bytes + #envelope
      else
        local name = member_of(digit, envelope)
        call('ZADD', keys[7], now_ms(), name)
        call('HSET', keys[6], name, envelope)
        counts.dead = counts.dead + 1
      end
    end
  end

  local finished = true
  for at = 1, total do finished = finished and marks[at] == 120 end
  if finished then
    call('XACK', stream, group, id)
    call('XDEL', stream, id)
    call('HDEL', progress, field)
    counts.bytes = counts.bytes - tonumber(args[4])
  else
    call('HSET', progress, field, string.char(unpack(marks)))
  end
  for name, by in pairs(counts) do
    if by ~= 0 then call('HINCRBY', state, name, by) end
  end
  return {'OK', settled, finished and 1 or 0}
end

-- ferry_v1_bury: an envelope that cannot be decoded goes to the dead letters whole.
--   KEYS  1 state  2 workers  3 progress  4 stream  5 dead  6 parked
--   ARGV  1 worker  2 entry id  3 bytes of the envelope  4 envelope that wraps it, with the reason
--   reply {'OK', jobs buried}, {'STALE'} or {'GONE'}
--   cost  about 10 commands
local function bury(keys, args)
  local state, stream, worker, id = keys[1], keys[4], args[1], args[2]
  if call('HEXISTS', keys[2], worker) == 0 then return {'STALE'} end
  if #call('XPENDING', stream, group, id, id, 1, worker) == 0 then return {'GONE'} end
  local count = head(args[4])
  if not count then return bad_envelope(1) end
  local digit = string.match(stream, '%d$')
  local name = member_of(digit, args[4])
  call('ZADD', keys[5], now_ms(), name)
  call('HSET', keys[6], name, args[4])
  call('XACK', stream, group, id)
  call('XDEL', stream, id)
  call('HDEL', keys[3], digit .. ':' .. id)
  call('HINCRBY', state, 'dead', count)
  call('HINCRBY', state, 'bytes', -tonumber(args[3]))
  return {'OK', count}
end

-- ferry_v1_release: gives envelopes back untouched, at the end of their stream; no attempt and no
-- delivery is burnt, and what is settled of them stays settled.
--   KEYS  1 state  2 workers  3 progress  4 stream
--   ARGV  1 worker, then entry ids, at most 100
--   reply {'OK', envelopes given back} or {'STALE'}. An entry with progress carries it along in a
--         second field `m`, so that whoever fetches it sees it.
--   cost  1 command and about 6 for each envelope
local function release(keys, args)
  local progress, stream, worker = keys[3], keys[4], args[1]
  if call('HEXISTS', keys[2], worker) == 0 then return {'STALE'} end
  local digit = string.match(stream, '%d$')
  local released = 0
  for i = 2, #args do
    local id = args[i]
    local entry = call('XRANGE', stream, id, id)[1]
    if entry and #call('XPENDING', stream, group, id, id, 1, worker) > 0 then
      local marks = call('HGET', progress, digit .. ':' .. id)
      if marks then
        local moved = call('XADD', stream, '*', 'e', entry[2][2], 'm', marks)
        call('HSET', progress, digit .. ':' .. moved, marks)
        call('HDEL', progress, digit .. ':' .. id)
      else
        call('XADD', stream, '*', 'e', entry[2][2])
      end
      call('XACK', stream, group, id)
      call('XDEL', stream, id)
      released = released + 1
    end
  end
  return {'OK', released}
end

redis.register_function{function_name = 'ferry_v1_done', callback = done, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_settle', callback = settle, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_bury', callback = bury, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_release', callback = release, flags = {'allow-oom'}}
