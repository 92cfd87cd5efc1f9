-- A lease belongs to a worker, not to an envelope: a worker is alive while its heartbeat in
-- `workers` is younger than the lease, and everything pending under its name is then its own. One
-- renewal keeps them all, and one look decides whether a worker may settle. A worker found silent is
-- struck off the list (fenced) in the same step that gives its envelopes away; whatever it says
-- later under that name is STALE.

-- ferry_v1_register: lets a worker in and makes the streams' groups.
--   KEYS  1 control  2 workers  3.. streams
--   ARGV  1 worker
--   reply {'OK', paused}
--         error NOPERM also where the user may not fetch
--   A name that was struck off must not come back: its old envelopes belong to others.
--   cost  3 commands and one for each stream; one more for each that has no group yet
local function register(keys, args)
  local paused, without_group = call('HGET', keys[1], 'paused') == '1' and 1 or 0, {}
  for i = 3, #keys do
    local groups = try('XINFO', 'GROUPS', keys[i])
    if failed(groups) and not string.find(groups.err, 'no such key', 1, true) then return groups end
    local found = false
    for _, g in ipairs(groups) do
      for at = 1, #g, 2 do found = found or g[at] == 'name' and g[at + 1] == group end
    end
    local refused = not found and denied('XGROUP', 'CREATE', keys[i], group, '0', 'MKSTREAM')
    if refused then return refused end
    if not redis.acl_check_cmd('XREADGROUP', 'GROUP', group, args[1], 'STREAMS', keys[i], '>') then
      return redis.error_reply('NOPERM the user has no right to XREADGROUP ' .. keys[i])
    end
    if not found then without_group[#without_group + 1] = keys[i] end
  end
  local now = now_ms()
  call('HSET', keys[2], args[1], now)
  note_life(keys[2], now)
  for _, stream in ipairs(without_group) do
    call('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
  end
  return {'OK', paused}
end

-- ferry_v1_renew: a worker's heartbeat.
--   KEYS  1 control  2 workers
--   ARGV  1 worker
--   reply {'OK', paused} or {'STALE'}: struck off, register under a new name
--   cost  4 commands
local function renew(keys, args)
  if call('HEXISTS', keys[2], args[1]) == 0 then return {'STALE'} end
  local paused = call('HGET', keys[1], 'paused') == '1' and 1 or 0
  local now = now_ms()
  call('HSET', keys[2], args[1], now)
  note_life(keys[2], now)
  return {'OK', paused}
end

-- ferry_v1_leave: a worker's orderly goodbye; what it still holds can be reclaimed at once.
--   KEYS  1 control  2 workers  3.. streams
--   ARGV  1 worker
--   reply envelopes still pending under its name, up to 1000 for each stream
--   cost  1 command and two for each stream
local function leave(keys, args)
  local left, to_forget = 0, {}
  for i = 3, #keys do
    local pending = try('XPENDING', keys[i], group, '-', '+', 1000, args[1])
    if failed(pending) then
      -- no stream, no group: nothing to leave behind
    elseif #pending > 0 then
      left = left + #pending
    else
      local refused = denied('XGROUP', 'DELCONSUMER', keys[i], group, args[1])
      if refused then return refused end
      to_forget[#to_forget + 1] = keys[i]
    end
  end
  call('HDEL', keys[2], args[1])
  if keepers[keys[2]] and keepers[keys[2]].name == args[1] then keepers[keys[2]] = nil end
  for _, stream in ipairs(to_forget) do call('XGROUP', 'DELCONSUMER', stream, group, args[1]) end
  return left
end

-- What a reclaim is to do: which heartbeats to set right, which workers to strike off. Takes those
-- out of `alive`.
local function judge(alive, worker, lease, now)
  local ahead, struck = {}, {}
  for name, seen in pairs(alive) do
    if not (seen <= now) then
      ahead[#ahead + 1] = name  -- the clock went back
    elseif now - seen > lease and name ~= worker then
      struck[#struck + 1] = name
    end
  end
  for _, name in ipairs(struck) do alive[name] = nil end
  return ahead, struck
end

-- What the dead hold, at most `most` envelopes: {index of the stream, holder, ids, marks by id,
-- whether that is all it holds}; and for each stream who holds something.
local function holdings_of_the_dead(keys, alive, most)
  local found, holding = {}, {}
  for i = 4, #keys do
    local summary = try('XPENDING', keys[i], group)
    holding[i] = {}
    for _, holder in ipairs(not failed(summary) and summary[4] or {}) do
      local name = holder[1]
      holding[i][name] = true
      if not alive[name] and most > 0 then
        local ids, marks = {}, {}
        for at, p in ipairs(call('XPENDING', keys[i], group, '-', '+', most, name)) do
          ids[at] = p[1]
          marks[p[1]] = call('HGET', keys[3], string.match(keys[i], '%d$') .. ':' .. p[1]) or ''
        end
        most = most - #ids
        found[#found + 1] = {i, name, ids, marks, #ids == tonumber(holder[2])}
      end
    end
  end
  return found, holding
end

-- Returns nil when the caller may do all that, or what to reply.
local function may_not_reclaim(keys, worker, ahead, struck, found)
  local refused = #ahead > 0 and denied('HSET', keys[2], worker, '') or
    #struck > 0 and denied('HDEL', keys[2], worker)
  for _, f in ipairs(found) do
    refused = refused or denied('XCLAIM', keys[f[1]], group, worker, '0', '0-0') or
      f[5] and denied('XGROUP', 'DELCONSUMER', keys[f[1]], group, f[2])
  end
  return refused
end

-- ferry_v1_reclaim: takes envelopes of workers that fell silent.
--   KEYS  1 state  2 workers  3 progress  4.. streams
--   ARGV  1 worker (the one that takes)  2 lease in ms, 1..86,400,000  3 envelopes at most, 1..200
--   reply {'OK', {index of the stream in KEYS, entry id, envelope, progress or '', the worker that
--         held it}, …} or {'STALE'}
--         error FERRYBAD  an argument is wrong; nothing was changed
--   cost  2 commands, one for each stream, about 3 for each dead worker and stream, 1 for each
--         envelope taken
--
-- Nothing is taken while the watch is younger than a lease: see note_life. A stream that cannot be
-- read is passed over. A heartbeat that is no number is taken for one from the future: it is set to
-- now.
local function reclaim(keys, args)
  local worker = args[1]
  local lease, wrong_lease = number_in('the lease', args[2], 1, most_lease)
  local most, wrong_most = number_in('the number of envelopes', args[3], 1, 200)
  if not lease or not most then return wrong_lease or wrong_most end
  local now = now_ms()
  local heartbeats = call('HGETALL', keys[2])
  local alive = {}
  for i = 1, #heartbeats, 2 do
    alive[heartbeats[i]] = tonumber(heartbeats[i + 1]) or math.huge
  end
  if not alive[worker] then return {'STALE'} end

  if now - note_life(keys[2], now, lease).first <= lease then return {'OK'} end

  local ahead, struck = judge(alive, worker, lease, now)
  local found, holding = holdings_of_the_dead(keys, alive, most)
  local refused = may_not_reclaim(keys, worker, ahead, struck, found)
  if refused then return refused end

  for _, name in ipairs(ahead) do call('HSET', keys[2], name, now) end
  for _, name in ipairs(struck) do call('HDEL', keys[2], name) end
  local reply = {'OK'}
  for _, f in ipairs(found) do
    local i, name, ids, marks = f[1], f[2], f[3], f[4]
    for _, entry in ipairs(call('XCLAIM', keys[i], group, worker, 0, unpack(ids))) do
      if entry then
        reply[#reply + 1] = {i, entry[1], entry[2][2], marks[entry[1]], name}
      end
    end
    if f[5] then call('XGROUP', 'DELCONSUMER', keys[i], group, name) end
  end
  for i = 4, #keys do
    for _, name in ipairs(struck) do
      if not holding[i][name] then try('XGROUP', 'DELCONSUMER', keys[i], group, name) end
    end
  end
  return reply
end

-- ferry_v1_put_off: gives up envelopes that only a newer version can read. They are pending under a
-- name that never lives, so each reclaim offers them again, to whoever makes it.
--   KEYS  1 workers  2 stream
--   ARGV  1 worker, then entry ids, at most 100
--   reply {'OK', envelopes given up} or {'STALE'}
--         error FERRYBAD  an argument is wrong; nothing was changed
--   cost  2 commands and one for each envelope
local function put_off(keys, args)
  local wrong = wrong_ids(args)
  if wrong then return wrong end
  if call('HEXISTS', keys[1], args[1]) == 0 then return {'STALE'} end
  local held, named = {}, {}
  for i = 2, #args do
    local id = args[i]
    if not named[id] and #call('XPENDING', keys[2], group, id, id, 1, args[1]) > 0 then
      held[#held + 1] = id
    end
    named[id] = true
  end
  if #held == 0 then return {'OK', 0} end
  held[#held + 1] = 'JUSTID'
  return {'OK', #call('XCLAIM', keys[2], group, for_newer, 0, unpack(held))}
end

-- Returns what is wrong with the suspects of a call, or nil.
local function wrong_suspects(args)
  if (#args - 1) % 3 ~= 0 or #args > 3001 then
    return bad('the call has ' .. #args ..
      ' arguments, expected 1 and 3 for each of at most 1000 jobs')
  end
  for i = 2, #args, 3 do
    local total = whole(args[i + 1], 1, most_jobs)
    if not total or not whole(args[i + 2], 0, total - 1) then
      return bad('suspect ' .. args[i] .. ' has no job with this index')
    end
    if not string.find(args[i], '^[012]:') or not is_entry_id(string.sub(args[i], 3)) then
      return bad('suspect ' .. args[i] .. ' is not named as in progress')
    end
  end
end

-- ferry_v1_start: notes that suspects are about to run, so that a job that kills its worker is
-- counted and its neighbours are not.
--   KEYS  1 workers  2 progress  3 stream of high  4 of normal  5 of low
--   ARGV  1 worker, then for each of at most 1000 suspects: progress field, jobs in its envelope,
--         index
--   reply 'OK' or 'STALE'. What the worker does not hold is passed over: a copy of the call that
--         arrives late must leave no progress of an envelope that is gone. (Workers of revision 2
--         do not name the streams; nothing is passed over then.)
--         error FERRYBAD  an argument is wrong; nothing was changed
--   cost  1 command and one for each suspect, two more for each envelope of theirs
local function start(keys, args)
  local wrong = wrong_suspects(args)
  if wrong then return wrong end
  if call('HEXISTS', keys[1], args[1]) == 0 then return 'STALE' end
  local marks_of, begun = {}, {}
  for i = 2, #args, 3 do
    local field, total, at = args[i], tonumber(args[i + 1]), tonumber(args[i + 2]) + 1
    local stream, id = keys[3 + tonumber(string.sub(field, 1, 1))], string.sub(field, 3)
    if not stream or #call('XPENDING', stream, group, id, id, 1, args[1]) > 0 then
      local marks = marks_of[field] or call('HGET', keys[2], field) or string.rep('.', total)
      if #marks ~= total then
        return bad('the envelope ' .. field .. ' has ' .. #marks .. ' jobs, not ' .. total)
      end
      local mark = string.sub(marks, at, at)
      if mark ~= 'x' then
        if not marks_of[field] then begun[#begun + 1] = field end
        marks_of[field] = string.sub(marks, 1, at - 1) ..
          math.min(9, (tonumber(mark) or 0) + 1) .. string.sub(marks, at + 1)
      end
    end
  end
  for _, field in ipairs(begun) do call('HSET', keys[2], field, marks_of[field]) end
  return 'OK'
end

redis.register_function{
  function_name = 'ferry_v1_register', callback = register, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_renew', callback = renew, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_leave', callback = leave, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_reclaim', callback = reclaim, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_put_off', callback = put_off, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_start', callback = start, flags = {'allow-oom'}}
