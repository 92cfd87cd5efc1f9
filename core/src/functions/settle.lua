-- Deletes the entries that a call of `finish` has acknowledged, in ascending order. When nothing
-- that is pending lies before the last of them, all up to it were delivered once and are settled:
-- then whole nodes of the stream go at once, and the whole call takes half the time. Anything that
-- stood there without being pending would go with them; only XGROUP SETID or XACK by hand leave
-- such entries.
-- Cannot fail: the caller has asked for the right to XDEL, and goes without the others.
local function delete(stream, args)
  local last, count = args[#args], #args - 4
  local before = count > 2 and redis.acl_check_cmd('XTRIM', stream, 'MINID', last) and
    try('XPENDING', stream, group, '-', last, '1')
  if before and #before == 0 and not before.err and
    call('XTRIM', stream, 'MINID', last) == count - 1 then
    call('XDEL', stream, last)
  else
    call('XDEL', stream, unpack(args, 5))
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
  local state, progress, stream, envelopes = keys[1], keys[3], keys[4], #args - 4
  local jobs, bytes = tonumber(args[2]), tonumber(args[3])
  if envelopes < 1 or envelopes > 300 or #args[4] ~= 6 * envelopes then
    return bad('the call does not tell the jobs and bytes of 1 to 300 envelopes')
  end
  if not is_whole(jobs, most_jobs * envelopes) then
    return bad_number('the number of jobs', args[2], 0, most_jobs * envelopes)
  end
  if not is_whole(bytes, most_bytes * envelopes) then
    return bad_number('the number of bytes', args[3], 0, most_bytes * envelopes)
  end
  if call('HEXISTS', keys[2], args[1]) == 0 then return {'STALE'} end
  local has_progress = call('EXISTS', progress) == 1
  local refused = not redis.acl_check_cmd('XDEL', stream, args[5]) and
    denied('XDEL', stream, args[5]) or has_progress and denied('HDEL', progress, '')
  if refused then return refused end
  -- What is counted can be taken back, what is acknowledged cannot.
  local counted = {'done', args[2], 'bytes', bytes > 0 and '-' .. args[3] or '0'}
  local wrong = add(state, counted)
  if wrong then return wrong end
  local settled = try('XACK', stream, group, unpack(args, 5))
  if settled == envelopes then
    delete(stream, args)
  elseif settled == 0 or failed(settled) then
    take_back(state, counted)
    return settled == 0 and {'OK', 0} or settled
  else
    -- Some were settled before. Which ones: those that are no longer in the stream.
    local jobs_left, bytes_left = jobs, bytes
    for i = 1, envelopes do
      if call('XDEL', stream, args[4 + i]) == 1 then
        local jobs_of_it, bytes_of_it = struct.unpack('>I2I4', args[4], 6 * i - 5)
        jobs_left, bytes_left = jobs_left - jobs_of_it, bytes_left - bytes_of_it
      end
    end
    take_back(state,
      {'done', text(math.max(0, jobs_left)), 'bytes', text(-math.max(0, bytes_left))})
  end
  -- Mostly no envelope has progress, and then there is no such hash. What is no hash holds none.
  if has_progress then
    local digit, of_them = string.match(stream, '%d$'), {}
    for i = 1, envelopes do of_them[i] = digit .. ':' .. args[4 + i] end
    try('HDEL', progress, unpack(of_them))
  end
  return {'OK', settled}
end

-- ferry_v1_done: ferry_v1_finish as workers up to revision 3 call it.
--   ARGV  1 worker, then for each envelope: entry id, jobs done now, bytes of the envelope
local function done(keys, args)
  local jobs, bytes, each, ids = 0, 0, {}, {}
  for i = 2, #args, 3 do
    local jobs_of_it, wrong_jobs = number_in('the number of jobs', args[i + 1], 0, most_jobs)
    local bytes_of_it, wrong_bytes = number_in('the number of bytes', args[i + 2], 0, most_bytes)
    if not jobs_of_it or not bytes_of_it then return wrong_jobs or wrong_bytes end
    ids[#ids + 1] = args[i]
    each[#each + 1] = struct.pack('>I2I4', jobs_of_it, bytes_of_it)
    jobs, bytes = jobs + jobs_of_it, bytes + bytes_of_it
  end
  return finish(keys, {args[1], text(jobs), text(bytes), table.concat(each), unpack(ids)})
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
    local verb = args[i + 1]
    if not whole(args[i], 0, total - 1) then return bad('no job has the index ' .. args[i]) end
    if verb ~= 'r' and verb ~= 'f' then return bad('verb is neither r nor f') end
    if not whole(args[i + 2], 0, most_delay) then
      return bad_number('the delay of envelope ' .. (i - 3) / 4, args[i + 2], 0, most_delay)
    end
    if not args[i + 3] or head(args[i + 3]) ~= 1 then
      return bad('envelope ' .. (i - 3) / 4 .. ' is not an envelope of version 1 with one job')
    end
  end
end

-- What the outcomes that are told make of an envelope's jobs. A job that is settled is passed over.
-- Returns {finished: none is open any more, settled, done, expired: numbers of jobs, bytes: of the
-- entries, entries: to add, parked: {dead, delay, name, envelope} each}.
local function outcomes(stream, digit, marks, done_at, expired_at, args)
  local told = {finished = true, settled = 0, done = 0, expired = 0, bytes = 0, entries = {},
    parked = {}}
  local function take(at)
    if marks[at] == 120 then return false end
    marks[at], told.settled = 120, told.settled + 1
    return true
  end
  for _, at in ipairs(done_at) do
    if take(at) then told.done = told.done + 1 end
  end
  for _, at in ipairs(expired_at) do
    if take(at) then told.expired = told.expired + 1 end
  end
  for i = 7, #args, 4 do
    local dead, delay, envelope = args[i + 1] == 'f', tonumber(args[i + 2]), args[i + 3]
    if not take(tonumber(args[i]) + 1) then
      -- settled before
    elseif dead or delay > 0 then
      told.parked[#told.parked + 1] = {dead = dead, delay = dead and 0 or delay,
        name = member_of(digit, envelope), envelope = envelope}
    else
      told.entries[#told.entries + 1] = {stream, 'e', envelope}
      told.bytes = told.bytes + #envelope
    end
  end
  for at = 1, #marks do told.finished = told.finished and marks[at] == 120 end
  return told
end

-- Stores the jobs that move and counts all of them; takes everything back when one of it fails.
-- Two jobs with the same id are the same job: the one that is parked already stays, and the other
-- counts as cancelled.
-- Returns nil, or the error.
local function carry_out(state, due, parked, dead, told)
  if #told.parked + #told.entries == 0 then
    return add(state,
      {'done', text(told.done), 'expired', text(told.expired), 'bytes', text(told.bytes)})
  end
  local now = #told.parked > 0 and now_ms()
  local ids, why = add_entries(told.entries)
  if why then return why end
  local names, to_due, to_dead = {}, {}, {}
  local cancelled, delayed, died, bytes = 0, 0, 0, told.bytes
  local function undo(error_reply)
    for i, id in ipairs(ids) do try('XDEL', told.entries[i][1], id) end
    if #names > 0 then try('HDEL', parked, unpack(names)) end
    return error_reply
  end
  for _, p in ipairs(told.parked) do
    local is_new = try('HSETNX', parked, p.name, p.envelope)
    if failed(is_new) then return undo(is_new) end
    local list = p.dead and to_dead or to_due
    if is_new == 0 then
      cancelled = cancelled + 1
    else
      names[#names + 1] = p.name
      list[#list + 1], list[#list + 2] = now + p.delay, p.name
      died, delayed = died + (p.dead and 1 or 0), delayed + (p.dead and 0 or 1)
      bytes = bytes + (p.dead and 0 or #p.envelope)
    end
  end
  local counted = {'done', text(told.done), 'expired', text(told.expired),
    'cancelled', text(cancelled), 'delayed', text(delayed), 'dead', text(died),
    'bytes', text(bytes)}
  why = add(state, counted)
  if why then return undo(why) end
  local listed = #to_due > 0 and try('ZADD', due, unpack(to_due))
  if #to_dead > 0 and not failed(listed) then
    listed = try('ZADD', dead, unpack(to_dead))
    for i = 2, failed(listed) and #to_due or 0, 2 do try('ZREM', due, to_due[i]) end
  end
  if failed(listed) then
    take_back(state, counted)
    return undo(listed)
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
--   cost  about 9 commands and one for each job that moves
local function settle(keys, args)
  local state, progress, stream, worker, id = keys[1], keys[3], keys[4], args[1], args[2]
  local total, wrong_total = number_in('the number of jobs', args[3], 1, most_jobs)
  local envelope_bytes, wrong_bytes = number_in('the number of bytes', args[4], 0, most_bytes)
  if not total or not envelope_bytes then return wrong_total or wrong_bytes end
  if not is_entry_id(id) then return bad('the entry id is wrong') end
  local done_at, expired_at = positions(args[5] or '-', total), positions(args[6] or '-', total)
  if not done_at or not expired_at then return bad('a job index is not below ' .. total) end
  local wrong = wrong_move(args, total)
  if wrong then return wrong end
  if call('HEXISTS', keys[2], worker) == 0 then return {'STALE'} end
  if #call('XPENDING', stream, group, id, id, 1, worker) == 0 then return {'GONE'} end
  local digit = string.match(stream, '%d$')
  local field = digit .. ':' .. id
  local known = call('HGET', progress, field)
  if known and #known ~= total then
    return bad('the envelope has ' .. #known .. ' jobs, not ' .. total)
  end
  local marks = {string.byte(known or string.rep('.', total), 1, total)}
  local told = outcomes(stream, digit, marks, done_at, expired_at, args)

  local refused
  if told.finished then
    told.bytes = told.bytes - envelope_bytes
    refused = denied('XACK', stream, group, id) or denied('XDEL', stream, id) or
      known and denied('HDEL', progress, field)
  else
    refused = denied('HSET', progress, field, '')
  end
  refused = refused or carry_out(state, keys[5], keys[6], keys[7], told)
  if refused then return refused end
  if told.finished then
    call('XACK', stream, group, id)
    call('XDEL', stream, id)
    if known then call('HDEL', progress, field) end
  else
    call('HSET', progress, field, string.char(unpack(marks)))
  end
  return {'OK', told.settled, told.finished and 1 or 0}
end

-- The letter of an entry that has so many jobs open, under an id that no parked envelope has.
local function letter_of(digit, id, stored, letter, jobs, parked)
  local _, at = head(letter)
  local first_id, first = string.sub(letter, at, at + 15), 0
  if not stored then first_id, first = id_from_entry(id, 0), 1 end
  local named = with_head(letter, jobs, first_id)
  for again = first, 99 do
    if call('HEXISTS', parked, member_of(digit, named)) == 0 then break end
    named = with_head(letter, jobs, id_from_entry(id, again))
  end
  return named
end

-- Buries a letter of so many jobs, in place of an entry with so many bytes in the books.
-- Returns nil, or the error.
local function lay_down(state, dead, parked, name, letter, counted)
  local now = now_ms()
  local why = add(state, counted)
  if why then return why end
  local stored = try('HSETNX', parked, name, letter)
  local listed = failed(stored) and stored or try('ZADD', dead, now, name)
  if not failed(listed) then return nil end
  if not failed(stored) then try('HDEL', parked, name) end
  take_back(state, counted)
  return listed
end

-- ferry_v1_bury: an envelope that cannot be decoded goes to the dead letters whole.
--   KEYS  1 state  2 workers  3 progress  4 stream  5 dead  6 parked
--   ARGV  1 worker  2 entry id  3 bytes of the envelope  4 envelope that wraps it, with the reason
--   reply {'OK', jobs buried}, {'STALE'} or {'GONE'}
--         error FERRYBAD  an argument is wrong; nothing was changed
--   The dead letter counts the jobs that were not settled, whatever its head said. Bytes that no
--   enqueue can have stored count as one job that is accepted at this moment, so that the books
--   stay balanced. Where they have no id, or one that is parked already, the letter's id is made
--   from the entry's.
--   cost  about 13 commands
local function bury(keys, args)
  local state, progress, stream, worker, id = keys[1], keys[3], keys[4], args[1], args[2]
  if not args[4] or not head(args[4]) then return bad_envelope(1) end
  local _, wrong = number_in('the number of bytes', args[3], 0, most_number)
  if wrong then return wrong end
  if not is_entry_id(id) then return bad('the entry id is wrong') end
  if call('HEXISTS', keys[2], worker) == 0 then return {'STALE'} end
  if #call('XPENDING', stream, group, id, id, 1, worker) == 0 then return {'GONE'} end
  local entry = call('XRANGE', stream, id, id)[1]
  if not entry then
    call('XACK', stream, group, id)
    return {'GONE'}
  end
  local digit = string.match(stream, '%d$')
  local field, bytes = digit .. ':' .. id, #entry[2][2]
  local stored = head(entry[2][2])
  local count = (stored or 1) - settled_in(call('HGET', progress, field), stored)
  local refused = denied('XACK', stream, group, id) or denied('XDEL', stream, id) or
    denied('HDEL', progress, field)
  if not refused and count > 0 then
    local letter = letter_of(digit, id, stored, args[4], count, keys[6])
    local counted = {'dead', text(count), 'bytes', text(-bytes)}
    if not stored then counted = {'accepted', '1', 'dead', '1'} end
    refused = lay_down(state, keys[5], keys[6], member_of(digit, letter), letter, counted)
  end
  refused = refused or count == 0 and add(state, {'bytes', text(-bytes)})
  if refused then return refused end
  call('XACK', stream, group, id)
  call('XDEL', stream, id)
  call('HDEL', progress, field)
  return {'OK', count}
end

-- Adds a copy of each entry behind the others, all or none. `held`: ids, and their marks by id.
-- Returns the new ids by the old ones; or nil and the error.
local function copy_entries(stream, held)
  local copies = {}
  for _, id in ipairs(held) do
    local entry = call('XRANGE', stream, id, id)[1]
    local copy, marks = nil, held[id]
    if entry and marks then
      copy = try('XADD', stream, '*', 'e', entry[2][2], 'm', marks)
    elseif entry then
      copy = try('XADD', stream, '*', 'e', entry[2][2])
    end
    if failed(copy) then
      for _, added in pairs(copies) do try('XDEL', stream, added) end
      return nil, copy
    end
    copies[id] = copy
  end
  return copies
end

-- ferry_v1_release: gives envelopes back untouched, at the end of their stream; no attempt and no
-- delivery is burnt, and what is settled of them stays settled.
--   KEYS  1 state  2 workers  3 progress  4 stream
--   ARGV  1 worker, then entry ids, at most 100
--   reply {'OK', envelopes given back} or {'STALE'}. An entry with progress carries it along in a
--         second field `m`, so that whoever fetches it sees it.
--         error FERRYBAD  an argument is wrong; nothing was changed
--   cost  1 command and about 6 for each envelope
local function release(keys, args)
  local progress, stream, worker = keys[3], keys[4], args[1]
  local wrong = wrong_ids(args)
  if wrong then return wrong end
  if call('HEXISTS', keys[2], worker) == 0 then return {'STALE'} end
  local digit = string.match(stream, '%d$')
  local held, refused = {}, nil
  for i = 2, #args do
    local id = args[i]
    if held[id] == nil and #call('XPENDING', stream, group, id, id, 1, worker) > 0 then
      held[#held + 1], held[id] = id, call('HGET', progress, digit .. ':' .. id)
      refused = refused or
        held[id] and (denied('HSET', progress, '', '') or denied('HDEL', progress, ''))
    end
  end
  refused = refused or denied('XRANGE', stream, '-', '+') or denied('XACK', stream, group, '0-0') or
    denied('XDEL', stream, '0-0')
  if refused then return refused end
  local copies, why = copy_entries(stream, held)
  if not copies then return why end
  local released = 0
  for _, id in ipairs(held) do
    if copies[id] then
      if held[id] then
        call('HSET', progress, digit .. ':' .. copies[id], held[id])
        call('HDEL', progress, digit .. ':' .. id)
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
