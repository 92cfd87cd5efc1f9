-- A lease belongs to a worker, not to an envelope: a worker is alive while its heartbeat in
-- `workers` is younger than the lease, and everything pending under its name is then its own. One
-- renewal keeps them all, and one look decides whether a worker may settle. A worker found silent is
-- struck off the list (fenced) in the same step that gives its envelopes away; whatever it says
-- later under that name is STALE.

-- ferry_v1_register: lets a worker in and makes the streams' groups.
--   KEYS  1 control  2 workers  3.. streams
--   ARGV  1 worker
--   reply {'OK', paused}
--   A name that was struck off must not come back: its old envelopes belong to others.
--   cost  3 commands and one for each stream
local function register(keys, args)
  for i = 3, #keys do
    local made = redis.pcall('XGROUP', 'CREATE', keys[i], group, '0', 'MKSTREAM')
    if made.err and not string.find(made.err, '^BUSYGROUP') then return made end
  end
  local now = now_ms()
  call('HSET', keys[2], args[1], now)
  note_life(keys[2], now)
  return {'OK', call('HGET', keys[1], 'paused') == '1' and 1 or 0}
end

-- ferry_v1_renew: a worker's heartbeat.
--   KEYS  1 control  2 workers
--   ARGV  1 worker
--   reply {'OK', paused} or {'STALE'}: struck off, register under a new name
--   cost  4 commands
local function renew(keys, args)
  if call('HEXISTS', keys[2], args[1]) == 0 then return {'STALE'} end
  local now = now_ms()
  call('HSET', keys[2], args[1], now)
  note_life(keys[2], now)
  return {'OK', call('HGET', keys[1], 'paused') == '1' and 1 or 0}
end

-- ferry_v1_leave: a worker's orderly goodbye; what it still holds can be reclaimed at once.
--   KEYS  1 control  2 workers  3.. streams
--   ARGV  1 worker
--   reply envelopes still pending under its name, up to 1000 for each stream
--   cost  1 command and two for each stream
local function leave(keys, args)
  call('HDEL', keys[2], args[1])
  if keepers[keys[2]] and keepers[keys[2]].name == args[1] then keepers[keys[2]] = nil end
  local left = 0
  for i = 3, #keys do
    local pending = redis.pcall('XPENDING', keys[i], group, '-', '+', 1000, args[1])
    if pending.err then
      -- no stream, no group: nothing to leave behind
    elseif #pending > 0 then
      left = left + #pending
    else
      call('XGROUP', 'DELCONSUMER', keys[i], group, args[1])
    end
  end
  return left
end

-- ferry_v1_reclaim: takes envelopes of workers that fell silent.
--   KEYS  1 state  2 workers  3 progress  4.. streams
--   ARGV  1 worker (the one that takes)  2 lease in ms  3 envelopes at most, 1..200
--   reply {'OK', {index of the stream in KEYS, entry id, envelope, progress or '', the worker that
--         held it}, …} or {'STALE'}
--   cost  2 commands, one for each stream, about 3 for each dead worker and stream, 1 for each
--         envelope taken
--
-- Nothing is taken while the watch is younger than a lease: see note_life.
local function reclaim(keys, args)
  local worker, lease, most = args[1], tonumber(args[2]), tonumber(args[3])
  local now = now_ms()
  local heartbeats = call('HGETALL', keys[2])
  local alive = {}
  for i = 1, #heartbeats, 2 do alive[heartbeats[i]] = tonumber(heartbeats[i + 1]) end
  if not alive[worker] then return {'STALE'} end

  if now - note_life(keys[2], now, lease).first <= lease then return {'OK'} end

  local struck = {}
  for name, seen in pairs(alive) do
    if seen > now then
      call('HSET', keys[2], name, now)  -- the clock went back
    elseif now - seen > lease and name ~= worker then
      call('HDEL', keys[2], name)
      alive[name], struck[#struck + 1] = nil, name
    end
  end

  local reply = {'OK'}
  for i = 4, #keys do
    local summary = redis.pcall('XPENDING', keys[i], group)
    local holders, holding = not summary.err and summary[4] or {}, {}
    for _, holder in ipairs(holders) do
      local name = holder[1]
      holding[name] = true
      if not alive[name] and most > 0 then
        local pending = call('XPENDING', keys[i], group, '-', '+', most, name)
        local ids = {}
        for _, p in ipairs(pending) do ids[#ids + 1] = p[1] end
        local taken = call('XCLAIM', keys[i], group, worker, 0, unpack(ids))
        for _, entry in ipairs(taken) do
          if entry then
            local field = string.match(keys[i], '%d$') .. ':' .. entry[1]
            reply[#reply + 1] =
              {i, entry[1], entry[2][2], call('HGET', keys[3], field) or '', name}
            most = most - 1
          end
        end
        if #pending == tonumber(holder[2]) then
          call('XGROUP', 'DELCONSUMER', keys[i], group, name)
        end
      end
    end
    for _, name in ipairs(struck) do
      if not holding[name] then redis.pcall('XGROUP', 'DELCONSUMER', keys[i], group, name) end
    end
  end
  return reply
end

-- ferry_v1_put_off: gives up envelopes that only a newer version can read. They are pending under a
-- name that never lives, so each reclaim offers them again, to whoever makes it.
--   KEYS  1 workers  2 stream
--   ARGV  1 worker, then entry ids, at most 100
--   reply {'OK', envelopes given up} or {'STALE'}
--   cost  1 command and two for each envelope
local function put_off(keys, args)
  for i = 2, #args do
    if not is_entry_id(args[i]) then return bad('an entry id is wrong') end
  end
  if call('HEXISTS', keys[1], args[1]) == 0 then return {'STALE'} end
  local given = 0
  for i = 2, #args do
    if #call('XPENDING', keys[2], group, args[i], args[i], 1, args[1]) > 0 then
      given = given + #call('XCLAIM', keys[2], group, for_newer, 0, args[i], 'JUSTID')
    end
  end
  return {'OK', given}
end

-- ferry_v1_start: notes that suspects are about to run, so that a job that kills its worker is
-- counted and its neighbours are not.
--   KEYS  1 workers  2 progress  3 stream of high  4 of normal  5 of low
--   ARGV  1 worker, then for each suspect: progress field, jobs in its envelope, index
--   reply 'OK' or 'STALE'. What the worker does not hold is passed over: a copy of the call that
--         arrives late must leave no progress of an envelope that is gone. (Workers of revision 2
--         do not name the streams; nothing is passed over then.)
--         error FERRYBAD  an argument is wrong; nothing was changed
--   cost  1 command and three for each suspect
local function start(keys, args)
  for i = 2, #args, 3 do
    local total, index = tonumber(args[i + 1]), tonumber(args[i + 2])
    if not is_whole(total) or not is_whole(index) or index >= total then
      return bad('suspect ' .. args[i] .. ' has no job with this index')
    end
    if not string.find(args[i], '^[012]:%d+%-%d+$') then
      return bad('suspect ' .. args[i] .. ' is not named as in progress')
    end
  end
  if call('HEXISTS', keys[1], args[1]) == 0 then return 'STALE' end
  for i = 2, #args, 3 do
    local stream, id = keys[3 + tonumber(string.sub(args[i], 1, 1))], string.sub(args[i], 3)
    local held = not stream or #call('XPENDING', stream, group, id, id, 1, args[1]) > 0
    local marks = call('HGET', keys[2], args[i]) or string.rep('.', tonumber(args[i + 1]))
    local at = tonumber(args[i + 2]) + 1
    local mark = string.sub(marks, at, at)
    if held and mark ~= 'x' then
      local times = mark == '.' and 0 or tonumber(mark)
      call('HSET', keys[2], args[i],
        string.sub(marks, 1, at - 1) .. math.min(9, times + 1) .. string.sub(marks, at + 1))
    end
  end
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
