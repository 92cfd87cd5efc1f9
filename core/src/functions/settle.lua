-- Deletes entries that are acknowledged, given in ascending order. When nothing that is pending lies
-- before the last of them, all up to it were delivered once and are settled: then whole nodes of the
-- stream go at once, and the whole call takes half the time. Anything that stood there without being
-- pending would go with them; only XGROUP SETID or XACK by hand leave such entries.
local function delete(stream, ids)
  local last = ids[#ids]
  local first_of_all = #ids > 2 and redis.acl_check_cmd('XTRIM', stream, 'MINID', last) and
    #call('XPENDING', stream, group, '-', last, '1') == 0
  if first_of_all and call('XTRIM', stream, 'MINID', last) == #ids - 1 then
    call('XDEL', stream, last)
  else
    call('XDEL', stream, unpack(ids))
  end
end

-- ferry_v1_finish: whole envelopes whose jobs are all done; the path of nearly every job.
--   KEYS  1 state  2 workers  3 progress  4 stream
--   ARGV  1 worker  2 jobs done now, in all  3 bytes of the envelopes, in all
--         4 the same of each envelope: jobs in 16 and bytes in 32 bits, big-endian
--         then their entry ids in the same order, best ascending, at most 300
--   reply {'OK', envelopes settled} or {'STALE'}. An envelope that is no longer pending was settled
--         by the same call before a reply was lost; it is passed over.
--         error FERRYBAD  an argument is wrong; nothing was changed
--   cost  6 commands, whatever the number of envelopes; two more for three envelopes or more, and one
--         where any job has progress
local function finish(keys, args)
  local state, stream = keys[1], keys[4]
  local jobs, bytes, ids = tonumber(args[2]), tonumber(args[3]), {unpack(args, 5)}
  if not is_whole(jobs) or not is_whole(bytes) or #ids == 0 or #args[4] ~= 6 * #ids then
    return bad('the jobs and bytes are not those of ' .. #ids .. ' envelopes')
  end
  if call('HEXISTS', keys[2], args[1]) == 0 then return {'STALE'} end
  local settled = call('XACK', stream, group, unpack(ids))
  if settled == 0 then return {'OK', 0} end
  if settled < #ids then
    -- Some were settled before. Which ones: those that are no longer in the stream.
    jobs, bytes = 0, 0
    for i, id in ipairs(ids) do
      if call('XDEL', stream, id) == 1 then
        local jobs_of_it, bytes_of_it = struct.unpack('>I2I4', args[4], 6 * i - 5)
        jobs, bytes = jobs + jobs_of_it, bytes + bytes_of_it
      end
    end
  else
    delete(stream, ids)
  end
  -- Mostly no envelope has progress, and then there is no such hash.
  if call('EXISTS', keys[3]) == 1 then
    local digit = string.match(stream, '%d$')
    for i = 1, #ids do ids[i] = digit .. ':' .. ids[i] end
    call('HDEL', keys[3], unpack(ids))
  end
  if jobs > 0 then call('HINCRBY', state, 'done', text(jobs)) end
  if bytes > 0 then call('HINCRBY', state, 'bytes', text(-bytes)) end
  return {'OK', settled}
end

-- ferry_v1_done: ferry_v1_finish as workers up to revision 3 call it.
--   ARGV  1 worker, then for each envelope: entry id, jobs done now, bytes of the envelope
local function done(keys, args)
  local jobs, bytes, each, ids = 0, 0, {}, {}
  for i = 2, #args, 3 do
    ids[#ids + 1] = args[i]
    each[#each + 1] = struct.pack('>I2I4', args[i + 1], args[i + 2])
    jobs, bytes = jobs + args[i + 1], bytes + args[i + 2]
  end
  return finish(keys, {args[1], jobs, bytes, table.concat(each), unpack(ids)})
end

-- Positions from 1 on, or nil when one of them is beyond `total`.
local function positions(packed, total)
  local list = {}
  for i = 1, #packed, 2 do
    local high, low = string.byte(packed, i, i + 1)
    local at = low and high * 256 + low + 1
    if not at or at > total then return nil end
    list[#list + 1] = at
  end
  return list
end

-- Returns what is wrong with the jobs that move, or nil.
local function wrong_move(args, total)
  for i = 7, #args, 4 do
    local index, verb, delay = tonumber(args[i]), args[i + 1], tonumber(args[i + 2])
    if not is_whole(index) or index >= total then return bad('no job has the index ' .. args[i]) end
    if verb ~= 'r' and verb ~= 'f' then return bad('verb is neither r nor f') end
    if not is_whole(delay) then return bad('a delay is not a number from 0 on') end
    if not args[i + 3] or head(args[i + 3]) ~= 1 then
      return bad('envelope ' .. (i - 3) / 4 .. ' is not an envelope of version 1 with one job')
    end
  end
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
--         a job that would be parked while one with its id is parked already counts as cancelled
--   reply {'OK', jobs settled by this call, 1 when the envelope is finished}
--         {'STALE'}  the worker's lease has ended
--         {'GONE'}   the envelope is not pending: settled before
--         error FERRYBAD  an argument is wrong; nothing was changed
--   cost  8 commands and about 3 for each job that moves
local function settle(keys, args)
  local state, progress, stream, worker, id = keys[1], keys[3], keys[4], args[1], args[2]
  local total, envelope_bytes = tonumber(args[3]), tonumber(args[4])
  if not is_whole(total) or total < 1 or total > 1000 or not is_whole(envelope_bytes) then
    return bad('jobs or bytes of the envelope are wrong')
  end
  local done_at, expired_at = positions(args[5], total), positions(args[6], total)
  if not done_at or not expired_at then return bad('a job index is not below ' .. total) end
  local wrong = wrong_move(args, total)
  if wrong then return wrong end
  if call('HEXISTS', keys[2], worker) == 0 then return {'STALE'} end
  if #call('XPENDING', stream, group, id, id, 1, worker) == 0 then return {'GONE'} end
  local digit = string.match(stream, '%d$')
  local field = digit .. ':' .. id
  local known = call('HGET', progress, field) or string.rep('.', total)
  if #known ~= total then return bad('the envelope has ' .. #known .. ' jobs, not ' .. total) end
  local marks = {string.byte(known, 1, total)}
  local settled = 0
  local function take(at)
    if marks[at] == 120 then return false end
    marks[at], settled = 120, settled + 1
    return true
  end

  local counts = {done = 0, expired = 0, cancelled = 0, delayed = 0, dead = 0, bytes = 0}
  for _, at in ipairs(done_at) do
    if take(at) then counts.done = counts.done + 1 end
  end
  for _, at in ipairs(expired_at) do
    if take(at) then counts.expired = counts.expired + 1 end
  end
  for i = 7, #args, 4 do
    local verb, delay, envelope = args[i + 1], tonumber(args[i + 2]), args[i + 3]
    if take(tonumber(args[i]) + 1) then
      local name = member_of(digit, envelope)
      if verb == 'r' and delay == 0 then
        call('XADD', stream, '*', 'e', envelope)
        counts.bytes = counts.bytes + #envelope
      elseif verb == 'r' and park(keys[5], keys[6], now_ms() + delay, name, envelope) then
        counts.delayed, counts.bytes = counts.delayed + 1, counts.bytes + #envelope
      elseif verb == 'f' and park(keys[7], keys[6], now_ms(), name, envelope) then
        counts.dead = counts.dead + 1
      else
        counts.cancelled = counts.cancelled + 1
      end
    end
  end

  local finished = true
  for at = 1, total do finished = finished and marks[at] == 120 end
  if finished then
    call('XACK', stream, group, id)
    call('XDEL', stream, id)
    call('HDEL', progress, field)
    counts.bytes = counts.bytes - envelope_bytes
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
--         error FERRYBAD  an argument is wrong; nothing was changed
--   The dead letter counts the jobs that were not settled, whatever its head said. Bytes that no
--   enqueue can have stored count as one job that is accepted at this moment, so that the books stay
--   balanced. Where they have no id, or one that is parked already, the letter's id is the entry's.
--   cost  about 13 commands
local function bury(keys, args)
  local state, stream, worker, id = keys[1], keys[4], args[1], args[2]
  local envelope_bytes, at = tonumber(args[3]), select(2, head(args[4]))
  if not at then return bad_envelope(1) end
  if not is_whole(envelope_bytes) then return bad('bytes of the envelope are wrong') end
  if call('HEXISTS', keys[2], worker) == 0 then return {'STALE'} end
  if #call('XPENDING', stream, group, id, id, 1, worker) == 0 then return {'GONE'} end
  local entry = call('XRANGE', stream, id, id)[1]
  if not entry then
    call('XACK', stream, group, id)
    return {'GONE'}
  end
  local digit = string.match(stream, '%d$')
  local field = digit .. ':' .. id
  local stored = head(entry[2][2])
  local count = stored or 1
  if stored then
    local _, settled = string.gsub(call('HGET', keys[3], field) or '', 'x', '')
    count = stored - settled
  end
  local first_id = string.sub(args[4], at, at + 15)
  if not stored or call('HEXISTS', keys[6], member_of(digit, args[4])) == 1 then
    first_id = id_from_entry(id)
  end
  local letter = with_head(args[4], count, first_id)
  park(keys[5], keys[6], now_ms(), member_of(digit, letter), letter)
  call('XACK', stream, group, id)
  call('XDEL', stream, id)
  call('HDEL', keys[3], field)
  call('HINCRBY', state, 'dead', count)
  if stored then
    call('HINCRBY', state, 'bytes', -envelope_bytes)
  else
    call('HINCRBY', state, 'accepted', count)
  end
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
  for i = 2, #args do
    if not is_entry_id(args[i]) then return bad('an entry id is wrong') end
  end
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

redis.register_function{function_name = 'ferry_v1_finish', callback = finish, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_done', callback = done, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_settle', callback = settle, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_bury', callback = bury, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_release', callback = release, flags = {'allow-oom'}}
