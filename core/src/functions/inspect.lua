-- Jobs of an entry that are not settled.
local function open_jobs(progress, digit, entry)
  local jobs = head(entry[2][2]) or 0
  local marks = call('HGET', progress, digit .. ':' .. entry[1])
  if not marks then return jobs end
  local _, settled = string.gsub(marks, 'x', '')
  return jobs - settled
end

-- Jobs not yet settled in the entries of a stream between two ids, at most `most` entries.
-- Settled entries are deleted at once, so what lies at or before the group's last delivered id is
-- leased and what lies after it waits.
local function count_range(stream, progress, from, to, most)
  local digit = string.match(stream, '%d$')
  local jobs, bytes, last = 0, 0, nil
  local entries = call('XRANGE', stream, from, to, 'COUNT', most)
  for _, entry in ipairs(entries) do
    jobs, bytes = jobs + open_jobs(progress, digit, entry), bytes + #entry[2][2]
    last = entry[1]
  end
  return jobs, bytes, #entries == most and last or ''
end

-- ferry_v1_counts: a queue's books and what lies beside them, at one instant.
--   KEYS  1 state  2 workers  3 progress  4 due  5 parked  6 dead  7..9 streams  10 control
--   reply {accepted, done, expired, cancelled, delayed, dead, bytes, ready, envelopes, leased
--         envelopes, delayed envelopes, parked envelopes, dead envelopes, workers, oldest age ms,
--         paused, server time ms, {last delivered id of each stream}}
--   cost  about 8 commands and 5 for each stream
local function counts(keys)
  local b = books(keys[1])
  local now = now_ms()
  local envelopes, leased, oldest, last = 0, 0, nil, {}
  for i = 7, math.min(#keys, 9) do
    envelopes = envelopes + call('XLEN', keys[i])
    local summary = redis.pcall('XPENDING', keys[i], group)
    if not summary.err then leased = leased + summary[1] end
    local at = oldest_waiting(keys[i])
    if at and (not oldest or at < oldest) then oldest = at end
    last[#last + 1] = last_delivered(keys[i])
  end
  return {
    b.accepted, b.done, b.expired, b.cancelled, b.delayed, b.dead, b.bytes, b.ready, envelopes,
    leased, call('ZCARD', keys[4]), call('HLEN', keys[5]), call('ZCARD', keys[6]),
    call('HLEN', keys[2]), oldest and math.max(0, now - oldest) or 0,
    call('HGET', keys[10] or keys[1], 'paused') == '1' and 1 or 0, now, last
  }
end

-- ferry_v1_count_range: jobs and bytes in a slice of a stream.
--   KEYS  1 progress  2 stream
--   ARGV  1 from id  2 to id  3 entries at most, 1..500
--   reply {jobs not settled, bytes, last id looked at, or '' when the range is done}
--   cost  1 command and one for each entry
local function counted(keys, args)
  local jobs, bytes, last =
    count_range(keys[2], keys[1], args[1], args[2], tonumber(args[3]))
  return {jobs, bytes, last}
end

-- ferry_v1_count_parked: jobs and bytes in a slice of the delayed jobs or the dead letters.
--   KEYS  1 due or dead  2 parked
--   ARGV  1 from rank  2 entries at most, 1..500
--   reply {jobs, bytes, entries looked at}
--   cost  2 commands
local function count_parked(keys, args)
  local from, most = tonumber(args[1]), tonumber(args[2])
  local names = call('ZRANGE', keys[1], from, from + most - 1)
  if #names == 0 then return {0, 0, 0} end
  local jobs, bytes = 0, 0
  for _, envelope in ipairs(call('HMGET', keys[2], unpack(names))) do
    if envelope then jobs, bytes = jobs + (head(envelope) or 0), bytes + #envelope end
  end
  return {jobs, bytes, #names}
end

-- ferry_v1_pause: workers look at it with every renewal.
-- The flag has a key of its own, so that those who write `state` all day need no right to it.
--   KEYS  1 control
--   ARGV  1 '1' pause, '0' resume
--   reply 'OK'
--         error NOPERM  the caller may not write `control`
--   cost  1 command
local function pause(keys, args)
  if not redis.acl_check_cmd('HSET', keys[1], 'paused', '1') then
    return redis.error_reply('NOPERM only an operator may do this: the user has no right to HSET ' ..
      keys[1] .. '; nothing was changed')
  end
  if args[1] == '1' then
    call('HSET', keys[1], 'paused', '1')
  else
    call('HDEL', keys[1], 'paused')
  end
  return 'OK'
end

-- ferry_v1_purge: removes a slice of the jobs that wait or are delayed, counted as cancelled.
--   KEYS  1 state  2 due  3 parked  4 progress  5.. streams
--   ARGV  1 entries at most, 1..500
--   reply jobs removed, 0 when none are left
--         error NOPERM  the caller is no operator; nothing was changed
--   cost  about 6 commands, 3 for each stream and 2 for each entry
local function purge(keys, args)
  local refused = not_operator(keys[1])
  if refused then return refused end
  ages[keys[1]] = nil
  local most, jobs, bytes, delayed = tonumber(args[1]), 0, 0, 0
  local names = call('ZRANGE', keys[2], 0, most - 1)
  if #names > 0 then
    for _, envelope in ipairs(call('HMGET', keys[3], unpack(names))) do
      if envelope then delayed, bytes = delayed + (head(envelope) or 1), bytes + #envelope end
    end
    call('ZREM', keys[2], unpack(names))
    call('HDEL', keys[3], unpack(names))
  end
  most = most - #names
  for i = 5, #keys do
    if most > 0 then
      local digit = string.match(keys[i], '%d$')
      local ids = {}
      local from = '(' .. last_delivered(keys[i])
      for _, entry in ipairs(call('XRANGE', keys[i], from, '+', 'COUNT', most)) do
        ids[#ids + 1] = entry[1]
        jobs = jobs + open_jobs(keys[4], digit, entry)
        -- Bytes that no enqueue can have stored were never counted.
        if head(entry[2][2]) then bytes = bytes + #entry[2][2] end
        call('HDEL', keys[4], digit .. ':' .. entry[1])
      end
      if #ids > 0 then call('XDEL', keys[i], unpack(ids)) end
      most = most - #ids
    end
  end
  if jobs + delayed > 0 then
    call('HINCRBY', keys[1], 'cancelled', jobs + delayed)
    if bytes > 0 then call('HINCRBY', keys[1], 'bytes', -bytes) end
    if delayed > 0 then call('HINCRBY', keys[1], 'delayed', -delayed) end
  end
  return jobs + delayed
end

redis.register_function{
  function_name = 'ferry_v1_counts', callback = counts, flags = {'no-writes', 'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_count_range', callback = counted, flags = {'no-writes', 'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_count_parked', callback = count_parked,
  flags = {'no-writes', 'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_pause', callback = pause, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_purge', callback = purge, flags = {'allow-oom'}}
