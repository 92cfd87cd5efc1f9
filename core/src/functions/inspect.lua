-- Jobs of an entry that are not settled.
local function open_jobs(progress, digit, entry)
  local jobs = head(entry[2][2]) or 0
  return jobs - settled_in(call('HGET', progress, digit .. ':' .. entry[1]), jobs)
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
  local b, wrong = books(keys[1])
  if not b then return wrong end
  local now = now_ms()
  local envelopes, leased, oldest, last = 0, 0, nil, {}
  for i = 7, math.min(#keys, 9) do
    envelopes = envelopes + call('XLEN', keys[i])
    local summary = try('XPENDING', keys[i], group)
    if not failed(summary) then leased = leased + summary[1] end
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
--         error FERRYBAD  the number of entries is wrong
--   cost  1 command and one for each entry
local function counted(keys, args)
  local most, wrong = number_in('the number of entries', args[3], 1, 500)
  if wrong then return wrong end
  local jobs, bytes, last = count_range(keys[2], keys[1], args[1], args[2], most)
  return {jobs, bytes, last}
end

-- ferry_v1_count_parked: jobs and bytes in a slice of the delayed jobs or the dead letters.
--   KEYS  1 due or dead  2 parked
--   ARGV  1 from rank  2 entries at most, 1..500
--   reply {jobs, bytes, entries looked at}
--         error FERRYBAD  the rank or the number of entries is wrong
--   cost  2 commands
local function count_parked(keys, args)
  local from, wrong_from = number_in('the rank', args[1], 0, exact - 501)
  local most, wrong_most = number_in('the number of entries', args[2], 1, 500)
  if not from or not most then return wrong_from or wrong_most end
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
--         error FERRYBAD  neither 0 nor 1; nothing was changed
--         error NOPERM    the caller may not write `control`
--   cost  1 command
local function pause(keys, args)
  if not redis.acl_check_cmd('HSET', keys[1], 'paused', '1') then
    return redis.error_reply('NOPERM only an operator may do this: the user has no right to HSET ' ..
      keys[1] .. '; nothing was changed')
  end
  if args[1] == '1' then
    call('HSET', keys[1], 'paused', '1')
  elseif args[1] == '0' then
    call('HDEL', keys[1], 'paused')
  else
    return bad('pause is neither 0 nor 1')
  end
  return 'OK'
end

-- What a purge removes, at most `most` elements: {delayed, jobs, bytes, names of `due`, for each
-- stream: its key, the ids of its entries and their fields in `progress`}. Bytes that no enqueue
-- can have stored were never counted.
local function to_purge(keys, most)
  local found = {delayed = 0, jobs = 0, bytes = 0, names = call('ZRANGE', keys[2], 0, most - 1)}
  local function weigh_one(envelope)
    if head(envelope) then found.bytes = found.bytes + #envelope end
  end
  if #found.names > 0 then
    for _, envelope in ipairs(call('HMGET', keys[3], unpack(found.names))) do
      if envelope then
        found.delayed = found.delayed + (head(envelope) or 0)
        weigh_one(envelope)
      end
    end
  end
  most = most - #found.names
  for i = 5, most > 0 and #keys or 0 do
    local digit, part = string.match(keys[i], '%d$'), {stream = keys[i], ids = {}, fields = {}}
    local from = '(' .. last_delivered(keys[i])
    for at, entry in ipairs(most > 0 and call('XRANGE', keys[i], from, '+', 'COUNT', most) or {}) do
      part.ids[at], part.fields[at] = entry[1], digit .. ':' .. entry[1]
      found.jobs = found.jobs + open_jobs(keys[4], digit, entry)
      weigh_one(entry[2][2])
    end
    most = most - #part.ids
    if #part.ids > 0 then found[#found + 1] = part end
  end
  return found
end

-- ferry_v1_purge: removes a slice of the jobs that wait or are delayed, counted as cancelled.
--   KEYS  1 state  2 due  3 parked  4 progress  5.. streams
--   ARGV  1 entries at most, 1..500
--   reply jobs removed, 0 when none are left. Delayed names without bytes go as well and hold none.
--         error FERRYBAD  the number of entries is wrong; nothing was changed
--         error NOPERM    the caller is no operator; nothing was changed
--   cost  about 6 commands, 4 for each stream and 1 for each entry
local function purge(keys, args)
  local refused = not_operator(keys[1])
  if refused then return refused end
  local most, wrong = number_in('the number of entries', args[1], 1, 500)
  if wrong then return wrong end
  ages[keys[1]] = nil
  local found = to_purge(keys, most)
  if #found.names > 0 then
    refused = denied('ZREM', keys[2], '') or denied('HDEL', keys[3], '')
  end
  for _, part in ipairs(found) do
    refused = refused or denied('HDEL', keys[4], '') or denied('XDEL', part.stream, '0-0')
  end
  refused = refused or add(keys[1], {'cancelled', text(found.jobs + found.delayed),
    'bytes', text(-found.bytes), 'delayed', text(-found.delayed)})
  if refused then return refused end
  if #found.names > 0 then
    call('ZREM', keys[2], unpack(found.names))
    call('HDEL', keys[3], unpack(found.names))
  end
  for _, part in ipairs(found) do
    call('HDEL', keys[4], unpack(part.fields))
    call('XDEL', part.stream, unpack(part.ids))
  end
  return found.jobs + found.delayed
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
