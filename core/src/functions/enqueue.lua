-- ferry_v1_enqueue: stores envelopes, once.
--   KEYS  1 state  2 producers  3 due  4 parked  5.. one stream for each priority used
--   ARGV  1 producer  2 sequence, counted from 1
--         3 max jobs  4 max bytes  5 max age in ms of the oldest waiting job (each 0 = no bound)
--         then for each envelope:  index of its stream in KEYS, delay in ms, priority digit, bytes
--   reply {'OK',   depth jobs, depth bytes, oldest age ms}
--         {'DUP',  …the same}   this sequence was stored before; nothing was stored now
--         {'GAP',  last}        the last sequence known here is lower than sequence - 1: calls that
--                               were acknowledged are lost; nothing was stored now
--         {'FULL', depth jobs, depth bytes, oldest age ms, retry after ms}  nothing was stored and
--                               the sequence is not used up
--   cost  5 commands and one for each envelope

local ages = {}   -- state key -> {looked at, oldest}
local rates = {}  -- state key -> {since, settled then, jobs per ms}

local function oldest_age(state, keys, now)
  local known = ages[state]
  if not known or now - known.at > 100 or now < known.at then
    known = {at = now}
    for i = 5, #keys do
      local at = oldest_waiting(keys[i])
      if at and (not known.oldest or at < known.oldest) then known.oldest = at end
    end
    ages[state] = known
  end
  return known.oldest and math.max(0, now - known.oldest) or 0
end

-- How long until a tenth of the bound is free again, at the pace of the last second or more.
local function retry_after(state, b, bound, now)
  local settled = b.done + b.expired + b.cancelled + b.dead
  local r = rates[state]
  if not r or now < r.at then
    r = {at = now, settled = settled, pace = 0}
    rates[state] = r
  elseif now - r.at >= 1000 then
    r = {at = now, settled = settled, pace = math.max(0, settled - r.settled) / (now - r.at)}
    rates[state] = r
  end
  if r.pace <= 0 then return 1000 end
  return math.max(10, math.min(30000, math.floor(bound / 10 / r.pace)))
end

local function enqueue(keys, args)
  local state, producers, producer = keys[1], keys[2], args[1]
  local sequence = tonumber(args[2])
  local max_jobs, max_bytes, max_age = tonumber(args[3]), tonumber(args[4]), tonumber(args[5])
  local b = books(state)
  local depth = b.ready + b.delayed

  local known = call('HGET', producers, producer)
  local last = known and tonumber(string.match(known, '^%d+')) or 0
  if sequence <= last then return {'DUP', depth, b.bytes, 0} end
  if sequence > last + 1 then return {'GAP', last} end

  local jobs, bytes, delayed, needs_clock = 0, 0, 0, max_age > 0
  for i = 6, #args, 4 do
    local envelope = args[i + 3]
    local count = envelope and head(envelope)
    if not count then return bad_envelope((i - 2) / 4) end
    jobs, bytes = jobs + count, bytes + #envelope
    if args[i + 1] ~= '0' then delayed, needs_clock = delayed + count, true end
  end

  local now = needs_clock and now_ms()
  local full_jobs = max_jobs > 0 and depth + jobs > max_jobs
  local full_bytes = max_bytes > 0 and b.bytes + bytes > max_bytes
  if max_age > 0 then ages[state] = nil end
  if full_jobs or full_bytes or (max_age > 0 and oldest_age(state, keys, now) > max_age) then
    now = now or now_ms()
    local bound = max_jobs > 0 and max_jobs or math.max(depth, 1)
    return {'FULL', depth, b.bytes, oldest_age(state, keys, now), retry_after(state, b, bound, now)}
  end

  local stamp
  for i = 6, #args, 4 do
    local envelope = args[i + 3]
    if args[i + 1] == '0' then
      stamp = call('XADD', keys[tonumber(args[i])], '*', 'e', envelope)
    else
      local name = member_of(args[i + 2], envelope)
      call('ZADD', keys[3], now + tonumber(args[i + 1]), name)
      call('HSET', keys[4], name, envelope)
    end
  end
  now = now or tonumber(string.match(stamp, '^%d+'))
  call('HSET', producers, producer, sequence .. ':' .. now)
  if delayed > 0 then
    call('HSET', state, 'accepted', b.accepted + jobs, 'bytes', b.bytes + bytes,
      'delayed', b.delayed + delayed)
  else
    call('HSET', state, 'accepted', b.accepted + jobs, 'bytes', b.bytes + bytes)
  end
  return {'OK', depth + jobs, b.bytes + bytes, oldest_age(state, keys, now)}
end

redis.register_function{function_name = 'ferry_v1_enqueue', callback = enqueue}
