-- Who lives, who looks after a queue, and what waits under a name that does not live.
--
-- What is pending under a name that is not in `workers` belongs to whoever claims it: envelopes of a
-- worker that fell silent, and those that a worker set aside under a name that begins with `~`:
--   ~newer        a newer worker has to read them
--   ~kind:<kind>  jobs of this kind alone, which the worker that had them could not begin soon
--   ~free         a worker gave them back as they are
-- Names of workers never begin so. A reader that does not know such a name treats it as a dead
-- worker's, which loses nothing.

-- Told of a queue at most; the others come when these are gone.
local most_holders = 100

local keepers = {}  -- workers key -> {name, last beat, how long it may be silent}
local holders = {}  -- workers key -> {digit, holder, entries, …}: what can be claimed
local alive = {}    -- workers key -> how many workers lived at the last look

-- Notes a sign of life of any worker. A gap between signs that is longer than a lease (a restart, a
-- failover, a long pause, a jump of the clock) begins the watch anew.
local function note_life(workers, now, lease)
  local w = watch[workers]
  if not w or now < w.last or now - w.last > lease then
    w = {first = now}
    watch[workers] = w
  end
  w.last = now
  return w
end

-- Returns whether this worker is the queue's keeper: the one that promotes and looks.
local function duty(workers, worker, wants, now, lease)
  local keeper = keepers[workers]
  if keeper and keeper.name == worker and not wants then
    keepers[workers] = nil
  elseif keeper and keeper.name == worker then
    keeper.at = now
    return true
  elseif wants and (not keeper or now < keeper.at or now - keeper.at > keeper.patience) then
    keepers[workers] = {name = worker, at = now, patience = math.min(lease, 2000)}
    return true
  end
  return false
end

-- ferry_v1_beat: a worker's heartbeat, and all that it is told in return.
--   KEYS  1 control  2 workers
--   ARGV  1 worker  2 its lease in ms  3 '1' it would keep the queue, '0' not
--   reply {'OK', paused, 0, '', duty, server time ms, workers alive, {digit, holder, entries, …}} or
--         {'STALE'}: struck off, register under a new name
--         The third and fourth are for what comes (watch until, order). duty: 1 = this worker keeps
--         the queue. The last two are of the keeper's last look, 0 and empty before the first one.
--   cost  4 commands
local function beat(keys, args)
  local workers, worker, lease = keys[2], args[1], tonumber(args[2])
  if not is_whole(lease) or lease < 1 then return bad('lease is not a number from 1 on') end
  local paused = call('HGET', keys[1], 'paused') == '1' and 1 or 0
  if call('HEXISTS', workers, worker) == 0 then return {'STALE'} end
  local now = now_ms()
  call('HSET', workers, worker, text(now))
  note_life(workers, now, lease)
  local keeps = duty(workers, worker, args[3] == '1', now, lease)
  return {
    'OK', paused, 0, '', keeps and 1 or 0, now, alive[workers] or 0, holders[workers] or {}
  }
end

-- Tells those that beat what there is to claim.
local function set_holder(workers, digit, holder, entries)
  local list, kept = holders[workers] or {}, {}
  for i = 1, #list, 3 do
    if list[i] ~= digit or list[i + 1] ~= holder then
      kept[#kept + 1], kept[#kept + 2], kept[#kept + 3] = list[i], list[i + 1], list[i + 2]
    end
  end
  if entries > 0 then
    kept[#kept + 1], kept[#kept + 2], kept[#kept + 3] = digit, holder, entries
  end
  holders[workers] = kept
end

-- Strikes silent workers off. Returns those that live by name and those struck off as a list.
local function strike(workers, worker, now, lease)
  local beats, lives, struck = call('HGETALL', workers), {}, {}
  for i = 1, #beats, 2 do lives[beats[i]] = tonumber(beats[i + 1]) or 0 end
  if not lives[worker] then return nil end
  if now - note_life(workers, now, lease).first <= lease then return lives, struck end
  for name, seen in pairs(lives) do
    if seen > now then
      call('HSET', workers, name, text(now))  -- the clock went back
    elseif now - seen > lease and name ~= worker then
      struck[#struck + 1] = name
    end
  end
  for _, name in ipairs(struck) do
    call('HDEL', workers, name)
    lives[name] = nil
  end
  return lives, struck
end

-- ferry_v1_look: strikes silent workers off and finds what can be claimed. For the keeper.
--   KEYS  1 workers  2.. streams
--   ARGV  1 worker  2 lease in ms
--   reply {'OK', workers alive, {digit, holder, entries, …}} or {'STALE'}
--   cost  2 commands, one for each stream, one for each worker struck off
--
-- Nobody is struck off until one lease after the first sign of life that this library sees, nor for
-- one lease after a gap: so workers have time to come back after a restart, a failover, a long pause
-- or a jump of the clock. What begins with `~` can be claimed at any time.
local function look(keys, args)
  local workers, lease = keys[1], tonumber(args[2])
  if not is_whole(lease) or lease < 1 then return bad('lease is not a number from 1 on') end
  local pending = {}
  for i = 2, #keys do
    local summary = redis.pcall('XPENDING', keys[i], group)
    if summary.err and not string.find(summary.err, '^NOGROUP') then return summary end
    pending[i] = not summary.err and summary[4] or {}
  end
  local now = now_ms()
  local lives, struck = strike(workers, args[1], now, lease)
  if not lives then return {'STALE'} end
  local living, list, holding = 0, {}, {}
  for _ in pairs(lives) do living = living + 1 end
  local in_grace = now - watch[workers].first <= lease
  for i = 2, #keys do
    local digit = tonumber(string.match(keys[i], '%d$'))
    for _, holder in ipairs(pending[i]) do
      local name = holder[1]
      holding[i .. name] = true
      local claimable = not lives[name] and (not in_grace or string.sub(name, 1, 1) == '~')
      if claimable and #list < 3 * most_holders then
        list[#list + 1], list[#list + 2], list[#list + 3] = digit, name, tonumber(holder[2])
      end
    end
    for _, name in ipairs(struck) do
      if not holding[i .. name] then redis.pcall('XGROUP', 'DELCONSUMER', keys[i], group, name) end
    end
  end
  alive[workers], holders[workers] = living, list
  return {'OK', living, list}
end

-- ferry_v1_claim: takes what is pending under a name that does not live. Bodies are not read: whoever
-- has claimed an entry reads it by its id.
--   KEYS  1 control  2 workers  3 progress  4 stream
--   ARGV  1 worker (the one that takes)  2 holder  3 envelopes at most, 1..200  4 jobs at most: of
--         `~kind:` the jobs of an envelope are known; 0 = no bound
--   reply {'OK', {entry id, progress or ''}, …}, {'STALE'}, or {'PAUSED'}: nothing was taken
--   cost  6 commands, one for each envelope where any job has progress
local function claim(keys, args)
  local control, workers, progress, stream = keys[1], keys[2], keys[3], keys[4]
  local worker, holder = args[1], args[2]
  local most, most_jobs = tonumber(args[3]), tonumber(args[4])
  if not is_whole(most) or most < 1 or most > 200 or not is_whole(most_jobs) then
    return bad('the envelopes are not 1 to 200, or the jobs no number from 0 on')
  end
  if call('HGET', control, 'paused') == '1' then return {'PAUSED'} end
  if call('HEXISTS', workers, worker) == 0 then return {'STALE'} end
  if call('HEXISTS', workers, holder) == 1 then return {'OK'} end
  local pending = redis.pcall('XPENDING', stream, group, '-', '+', text(most), holder)
  if pending.err then
    if string.find(pending.err, '^NOGROUP') then return {'OK'} end
    return pending
  end
  local aside = string.sub(holder, 1, 1) == '~'
  local digit, ids, marks, jobs, deliveries = string.match(stream, '%d$'), {}, {}, 0, 0
  local any_progress = call('EXISTS', progress) == 1
  for _, entry in ipairs(pending) do
    if #ids > 0 and most_jobs > 0 and jobs + entry[4] > most_jobs then break end
    ids[#ids + 1] = entry[1]
    jobs, deliveries = jobs + entry[4], math.max(deliveries, entry[4])
    if any_progress then marks[entry[1]] = call('HGET', progress, digit .. ':' .. entry[1]) end
  end
  local all = #ids == #pending and #pending < most
  if #ids > 0 then
    -- Above 1: it was begun elsewhere. What was set aside was not.
    local words = {stream, group, worker, 0, unpack(ids)}
    words[#words + 1], words[#words + 2] = 'RETRYCOUNT', text(aside and 1 or deliveries + 1)
    words[#words + 1] = 'JUSTID'
    ids = call('XCLAIM', unpack(words))
  end
  if all then
    redis.pcall('XGROUP', 'DELCONSUMER', stream, group, holder)
    set_holder(workers, tonumber(digit), holder, 0)
  end
  local reply = {'OK'}
  for _, id in ipairs(ids) do reply[#reply + 1] = {id, marks[id] or ''} end
  return reply
end

-- ferry_v1_set_aside: leaves envelopes to workers that can take them, pending under a name that never
-- lives. Nothing is copied, and what is settled of them stays settled.
--   KEYS  1 workers  2 stream
--   ARGV  1 worker  2 holder, beginning with `~`, then for each envelope: entry id, jobs that are not
--         settled; at most 100
--   reply {'OK', envelopes set aside} or {'STALE'}. What the worker does not hold is passed over.
--   cost  1 command and two for each envelope
local function set_aside(keys, args)
  local workers, stream, worker, holder = keys[1], keys[2], args[1], args[2]
  if not holder or not string.find(holder, '^~[%w_.:-]+$') or #holder > 80 then
    return bad('the holder is not a name that begins with ~')
  end
  if #args % 2 ~= 0 or #args > 202 then return bad('there are more than 100 envelopes') end
  for i = 3, #args, 2 do
    local jobs = tonumber(args[i + 1])
    if not is_entry_id(args[i]) then return bad('an entry id is wrong') end
    if not is_whole(jobs) or jobs < 1 or jobs > 1000 then return bad('jobs are not 1 to 1000') end
  end
  if call('HEXISTS', workers, worker) == 0 then return {'STALE'} end
  local given = 0
  for i = 3, #args, 2 do
    if #call('XPENDING', stream, group, args[i], args[i], 1, worker) > 0 then
      given = given + #call('XCLAIM', stream, group, holder, 0, args[i], 'RETRYCOUNT', args[i + 1],
        'JUSTID')
    end
  end
  if given > 0 then set_holder(workers, tonumber(string.match(stream, '%d$')), holder, given) end
  return {'OK', given}
end

redis.register_function{function_name = 'ferry_v1_beat', callback = beat, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_look', callback = look, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_claim', callback = claim, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_set_aside', callback = set_aside, flags = {'allow-oom'}}
