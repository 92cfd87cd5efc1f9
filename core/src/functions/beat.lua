-- Who lives, who looks after a queue, and what waits under a name that does not live.
--
-- What is pending under a name that is not in `workers` belongs to the worker that claims it:
-- envelopes of a worker that fell silent, and those that a worker set aside under a name that
-- begins with `~`:
--   ~newer        a newer worker has to read them
--   ~kind:<kind>  jobs of this kind alone, which the worker that had them could not begin soon
--   ~free         a worker gave them back as they are
-- Names of workers never begin so. A reader that does not know such a name treats it as a dead
-- worker's, which loses nothing.

-- Holders that a queue's workers are told of at most; the others come when these are gone.
local most_holders = 100
local most_aged = 20
-- Silent workers that one look strikes off at most.
local most_struck = 1000
-- Added to the jobs that `set_aside` writes down of an envelope that another worker may have begun;
-- also the most deliveries that anything here writes down.
local begun_mark = 1000

local holders = {}  -- workers key -> {digit, holder, entries, …}: what can be claimed
local alive = {}    -- workers key -> how many workers lived at the last look
local looks = {}    -- workers key -> looks so far

local function is_aside(name) return string.byte(name) == 126 end

-- Returns true when this worker is the queue's keeper: the one that promotes and looks.
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
end

-- ferry_v1_beat: a worker's heartbeat, and all that it is told in return.
--   KEYS  1 control  2 workers
--   ARGV  1 worker  2 its lease in ms  3 '1' it would keep the queue, '0' not
--   reply {'OK', paused, 0, '', duty, server time ms, workers alive, {digit, holder, entries, …}}
--         or {'STALE'}: struck off, register under a new name
--         The third and fourth are for what comes (watch until, order). duty: 1 = this worker keeps
--         the queue. The last two are of the keeper's last look, 0 and empty before the first one.
--   cost  3 commands
local function beat(keys, args)
  local workers, worker = keys[2], args[1]
  local lease, wrong = read_lease(args[2])
  if not lease then return wrong end
  local paused = call('HGET', keys[1], 'paused') == '1' and 1 or 0
  local now = now_ms()
  if call('HSET', workers, worker, text(now)) == 1 then  -- it was not there, and must not come back
    call('HDEL', workers, worker)
    return {'STALE'}
  end
  note_life(workers, now, lease)
  local keeps = duty(workers, worker, args[3] == '1', now, lease)
  return {
    'OK', paused, 0, '', keeps and 1 or 0, now, alive[workers] or 0, holders[workers] or {}
  }
end

-- Tells the workers that beat of entries that can be claimed, or that a holder has none (nil).
local function set_holder(workers, digit, holder, more)
  local list, kept, entries = holders[workers] or {}, {}, more
  for i = 1, #list, 3 do
    if list[i] ~= digit or list[i + 1] ~= holder then
      kept[#kept + 1], kept[#kept + 2], kept[#kept + 3] = list[i], list[i + 1], list[i + 2]
    elseif more then
      entries = list[i + 2] + more
    end
  end
  if entries and #kept < 3 * most_holders then
    kept[#kept + 1], kept[#kept + 2], kept[#kept + 3] = digit, holder, entries
  end
  holders[workers] = kept
end

-- Strikes silent workers off. Returns those that live by name, their number, and those struck off
-- as a list; or nil and what to reply.
local function strike(workers, worker, now, lease)
  local beats, lives = call('HGETALL', workers), {}
  for i = 1, #beats, 2 do
    local seen = tonumber(beats[i + 1])
    lives[beats[i]] = is_whole(seen, exact) and seen or 0
  end
  if not lives[worker] then return nil, {'STALE'} end
  local ahead, struck = {}, {}
  if now - note_life(workers, now, lease).first <= lease then return lives, #beats / 2, struck end
  for name, seen in pairs(lives) do
    if seen > now and #ahead < 2 * most_struck then  -- the clock went back
      ahead[#ahead + 1], ahead[#ahead + 2] = name, text(now)
    elseif now - seen > lease and name ~= worker and #struck < most_struck then
      struck[#struck + 1] = name
    end
  end
  if #ahead + #struck > 0 then
    local refused = missing_right('HSET', workers, 'HDEL', workers)
    if refused then return nil, refused end
    if #ahead > 0 then call('HSET', workers, unpack(ahead)) end
    if #struck > 0 then call('HDEL', workers, unpack(struck)) end
  end
  for _, name in ipairs(struck) do lives[name] = nil end
  return lives, #beats / 2 - #struck, struck
end

-- Returns the holders to tell of: first those of the dead, for their jobs are late already; then
-- those that are set aside, in turns where they are too many.
local function select_holders(workers, dead, aside)
  local list = {}
  local function add(one) list[#list + 1], list[#list + 2], list[#list + 3] = unpack(one) end
  for i = 1, math.min(#dead, most_holders) do add(dead[i]) end
  local room = most_holders - #list / 3
  looks[workers] = (looks[workers] or 0) + 1
  local first = #aside > room and looks[workers] * room or 0
  for i = 0, math.min(#aside, room) - 1 do add(aside[(first + i) % #aside + 1]) end
  return list
end

-- When the first entry that a name holds was stored, or nil.
local function oldest_held(stream, name)
  local first = redis.pcall('XPENDING', stream, group, '-', '+', 1, name)[1]
  return first and tonumber(string.match(first[1], '^%d+'))
end

-- ferry_v1_look: strikes silent workers off and finds what can be claimed. For the keeper.
--   KEYS  1 workers  2.. streams
--   ARGV  1 worker  2 lease in ms
--   reply {'OK', workers alive, {digit, holder, entries, …}, {digit, error, …}} or {'STALE'}
--         The last names streams that could not be looked at, with Redis's words. Nothing of theirs
--         is offered; the others are looked at all the same.
--   cost  2 commands, one for each stream and for each of 20 names under which something is set
--         aside; where workers are struck off one more, and one for each
--         stream in which they hold nothing
--
-- No worker is struck off while the watch is younger than a lease; until then nothing of a worker
-- that is not in `workers` is offered either. What begins with `~` can be claimed at any time.
local function look_after(keys, args)
  local workers = keys[1]
  local lease, wrong = read_lease(args[2])
  if not lease then return wrong end
  local pending, broken = {}, {}
  for i = 2, #keys do
    local summary = redis.pcall('XPENDING', keys[i], group)
    if summary.err and not string.find(summary.err, '^NOGROUP') then
      broken[#broken + 1], broken[#broken + 2] = tonumber(string.sub(keys[i], -1)), summary.err
    else
      pending[i] = summary[4] or {}
    end
  end
  local now = now_ms()
  local lives, living, struck = strike(workers, args[1], now, lease)
  if not lives then return living end
  local dead, aside, in_grace = {}, {}, now - watch[workers].first <= lease
  local oldest
  for i = 2, #keys do
    local digit, holding = tonumber(string.sub(keys[i], -1)), {}
    for _, holder in ipairs(pending[i] or {}) do
      local name = holder[1]
      holding[name] = true
      if is_aside(name) then
        aside[#aside + 1] = {digit, name, tonumber(holder[2])}
        local at = #aside <= most_aged and oldest_held(keys[i], name)
        if at and (not oldest or at < oldest) then oldest = at end
      elseif not lives[name] and not in_grace then
        dead[#dead + 1] = {digit, name, tonumber(holder[2])}
      end
    end
    -- Redis forgets what a consumer holds together with the consumer.
    for _, name in ipairs(pending[i] and struck or {}) do
      if not holding[name] then redis.pcall('XGROUP', 'DELCONSUMER', keys[i], group, name) end
    end
  end
  local list = select_holders(workers, dead, aside)
  alive[workers], holders[workers] = living, list
  local state = string.sub(workers, 1, -#'workers' - 1) .. 'state'
  asides[state] = oldest and {at = now, oldest = oldest} or nil
  -- The age of the oldest job, for producers that may not read jobs; no reason to fail.
  pcall(look_for_the_blind, state, keys, 2, now)
  return {'OK', living, list, broken}
end

-- What `holder` left of an entry: returns its jobs, 0 where they are not known, and as how many
-- deliveries it is to be counted from now on: more than one where another worker may have begun it.
-- `number` is what Redis counts as deliveries; set_aside writes the jobs there instead, but for
-- `~newer`, whose jobs only a newer worker can count.
local function read_pending(holder, number)
  if not is_aside(holder) then return 0, math.min(number + 1, begun_mark) end
  if holder == for_newer then return 0, math.min(number, begun_mark) end
  if number > begun_mark then return number - begun_mark, 2 end
  return number, 1
end

-- Makes entries pending under a name. Returns those that are still stored, as a set.
local function hand_over(stream, name, ids, deliveries)
  local taken = {}
  if #ids == 0 then return taken end
  local words = {stream, group, name, 0, unpack(ids)}
  words[#words + 1], words[#words + 2] = 'RETRYCOUNT', text(deliveries)
  words[#words + 1] = 'JUSTID'
  for _, id in ipairs(call('XCLAIM', unpack(words))) do taken[id] = true end
  return taken
end

-- ferry_v1_claim: takes what is pending under a name that does not live. Bodies are not read: the
-- worker that has claimed an entry reads it by its id.
--   KEYS  1 control  2 workers  3 progress  4 stream
--   ARGV  1 worker (the one that takes)  2 holder  3 envelopes at most, 1..200  4 jobs at most: of
--         `~kind:` and `~free` the jobs of an envelope are known; 0 = no bound
--   reply {'OK', {entry id, progress or '', 1 where another worker may have begun it}, …},
--         {'STALE'}, or {'PAUSED'}: nothing was taken
--         When a reply is lost, what was taken is pending under the worker's name, and there may
--         be progress of it, however often it was delivered; the same call once more takes what
--         comes after it.
--   cost  6 to 8 commands, one for each envelope where any job has progress
local function claim(keys, args)
  local workers, progress, stream, worker, holder = keys[2], keys[3], keys[4], args[1], args[2]
  local most, wrong = number_in('the number of envelopes', args[3], 1, 200)
  if not most then return wrong end
  local jobs_wanted, no_jobs = number_in('the number of jobs', args[4], 0, most_number)
  if not jobs_wanted then return no_jobs end
  if call('HGET', keys[1], 'paused') == '1' then return {'PAUSED'} end
  if call('HEXISTS', workers, worker) == 0 then return {'STALE'} end
  if not is_aside(holder) and call('HEXISTS', workers, holder) == 1 then return {'OK'} end
  local pending = redis.pcall('XPENDING', stream, group, '-', '+', text(most), holder)
  if pending.err then
    if string.find(pending.err, '^NOGROUP') then return {'OK'} end
    return pending
  end
  local digit, any_progress = string.match(stream, '%d$'), call('EXISTS', progress) == 1
  local found, fresh, begun, jobs, deliveries = {}, {}, {}, 0, 1
  for _, entry in ipairs(pending) do
    local id, some, times = entry[1], read_pending(holder, entry[4])
    if #found > 0 and jobs_wanted > 0 and jobs + some > jobs_wanted then break end
    jobs, deliveries = jobs + some, math.max(deliveries, times)
    local marks = any_progress and call('HGET', progress, digit .. ':' .. id) or ''
    found[#found + 1] = {id, marks, times > 1 and 1 or 0}
    table.insert(times > 1 and begun or fresh, id)
  end
  local taken = {hand_over(stream, worker, fresh, 1), hand_over(stream, worker, begun, deliveries)}
  if #found == #pending and #pending < most then  -- it holds nothing any more
    redis.pcall('XGROUP', 'DELCONSUMER', stream, group, holder)
    set_holder(workers, tonumber(digit), holder, nil)
  end
  local reply = {'OK'}
  for _, one in ipairs(found) do
    if taken[1][one[1]] or taken[2][one[1]] then reply[#reply + 1] = one end
  end
  return reply
end

-- Returns what tells, of an entry id, what Redis keeps of it where this worker holds it, or false.
-- Those that are named in the order of the stream are found by one command.
local function held_by(worker, stream, args)
  local found = {}
  local most = text(#args / 2 + 20)
  for _, one in ipairs(call('XPENDING', stream, group, args[3], args[#args - 1], most, worker)) do
    found[one[1]] = one
  end
  return function(id)
    if found[id] == nil then
      found[id] = call('XPENDING', stream, group, id, id, 1, worker)[1] or false
    end
    return found[id]
  end
end

-- ferry_v1_set_aside: leaves envelopes to workers that can take them, pending under a name that
-- never lives. Nothing is copied, what is settled of them stays settled, and what another worker
-- may have begun stays under suspicion.
--   KEYS  1 workers  2 stream
--   ARGV  1 worker  2 holder, beginning with `~`, then for each envelope: entry id, jobs that are
--         not settled; at most 100
--   reply {'OK', envelopes set aside} or {'STALE'}. What the worker does not hold is passed over.
--   cost  2 commands, and one for each number of jobs among them; one more for each envelope that
--         the worker does not hold, or that is not named in the order of the stream
local function set_aside(keys, args)
  local workers, stream, worker, holder = keys[1], keys[2], args[1], args[2]
  if not holder or not string.find(holder, '^~[%w_.:-]+$') or #holder > 80 then
    return bad('the holder is not a name that begins with ~')
  end
  if #args % 2 ~= 0 or #args > 202 then return bad('there are more than 100 envelopes') end
  for i = 3, #args, 2 do
    if not is_entry_id(args[i]) then return bad('an entry id is wrong') end
    local jobs, wrong = number_in('the number of jobs', args[i + 1], 1, most_jobs)
    if not jobs then return wrong end
  end
  if call('HEXISTS', workers, worker) == 0 then return {'STALE'} end
  if #args == 2 then return {'OK', 0} end
  local numbers, ids_of, named, held_of = {}, {}, {}, held_by(worker, stream, args)
  for i = 3, #args, 2 do
    local id = args[i]
    local held = not named[id] and held_of(id)
    named[id] = true
    if held then
      local number = tonumber(args[i + 1]) + (held[4] > 1 and begun_mark or 0)
      if holder == for_newer then number = math.min(held[4], begun_mark) end
      if not ids_of[number] then numbers[#numbers + 1], ids_of[number] = number, {} end
      table.insert(ids_of[number], id)
    end
  end
  local given = 0
  for _, number in ipairs(numbers) do
    for _ in pairs(hand_over(stream, holder, ids_of[number], number)) do given = given + 1 end
  end
  if given > 0 then set_holder(workers, tonumber(string.match(stream, '%d$')), holder, given) end
  return {'OK', given}
end

redis.register_function{function_name = 'ferry_v1_beat', callback = beat, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_look', callback = look_after, flags = {'allow-oom'}}
redis.register_function{function_name = 'ferry_v1_claim', callback = claim, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_set_aside', callback = set_aside, flags = {'allow-oom'}}
