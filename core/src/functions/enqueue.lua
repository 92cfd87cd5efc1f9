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
--                               the sequence is not used up. A call larger than a bound is always
--                               refused so: the producer must cut it
--         error FERRYBAD        an argument is wrong, or a delayed envelope's first id is parked
--                               already; nothing was stored and the sequence is not used up
--   The oldest age is that of the streams in KEYS, up to 100 ms old unless ARGV 5 asks for it. A
--         producer that has no right to read jobs (XRANGE) is told what a worker saw at most 100 ms
--         ago; without workers, the time since its own first job that was not fetched yet.
--   cost  5 commands, one for each envelope and two more for each delayed one; a DUP 4

local ages = {}   -- state key -> {asked at, looked at, oldest, its stream, blind: see `remember`}
local rates = {}  -- state key -> {since, settled then, jobs per ms}

local function look(state, streams, first, now)
  local known = {at = now, looked = now, blind = ages[state] and ages[state].blind}
  for i = first, #streams do
    local at = oldest_waiting(streams[i])
    if at and (not known.oldest or at < known.oldest) then
      known.oldest, known.stream = at, streams[i]
    end
  end
  ages[state] = known
  return known
end

-- For a caller that may not read jobs: what was seen last, unless a worker has it by now.
local function remember(state, known, now)
  known = known or {}
  known.at, known.blind = now, true
  if known.oldest then
    local delivered = tonumber(string.match(last_delivered(known.stream), '^%d+'))
    if delivered >= known.oldest then known.oldest = nil end
  end
  ages[state] = known
  return known
end

-- Whoever may read jobs looks for the producers that may not.
local function look_for_the_blind(state, streams, first, now)
  local known = ages[state]
  if known and known.blind and math.abs(now - (known.looked or 0)) > 100 then
    look(state, streams, first, now)
  end
end

-- `stored`: the stream that takes jobs in this call, if any.
local function oldest_age(state, keys, now, stored)
  local known = ages[state]
  if not known or now - known.at > 100 or now < known.at then
    if not keys[5] or redis.acl_check_cmd('XRANGE', keys[5], '-', '+') then
      known = look(state, keys, 5, now)
    else
      known = remember(state, known, now)
    end
  end
  if known.blind and stored and not known.oldest then known.oldest, known.stream = now, stored end
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

-- Looks at the envelopes of a call: returns their jobs, their bytes and the delayed jobs, or an error.
local function weigh(keys, args)
  if #args < 9 or (#args - 5) % 4 ~= 0 then
    return nil, bad('the call has ' .. #args .. ' arguments, expected 5 and 4 for each envelope')
  end
  local jobs, bytes, delayed, names = 0, 0, 0, {}
  for i = 6, #args, 4 do
    local stream, delay, envelope = tonumber(args[i]), tonumber(args[i + 1]), args[i + 3]
    local count = head(envelope)
    if not count then return nil, bad_envelope((i - 2) / 4) end
    if not is_whole(stream) or stream < 5 or stream > #keys then
      return nil, bad('stream ' .. args[i] .. ' is not the index of a stream in KEYS')
    end
    if not is_whole(delay) or not string.find(args[i + 2], '^[012]$') then
      return nil, bad('delay ' .. args[i + 1] .. ' or priority ' .. args[i + 2] .. ' is wrong')
    end
    jobs, bytes = jobs + count, bytes + #envelope
    if delay > 0 then
      local name = member_of(args[i + 2], envelope)
      if names[name] or call('HEXISTS', keys[4], name) == 1 then
        return nil, bad('envelope ' .. (i - 2) / 4 .. ' begins with a job that is parked already')
      end
      names[name], delayed = true, delayed + count
    end
  end
  return jobs, bytes, delayed
end

-- Whether a call may store its jobs now. `weigh` is asked only for a call that is the next one.
-- Returns the books, jobs, bytes and delayed jobs; or nil and what to reply instead of storing.
local function admit(keys, args, weigh)
  local state, sequence = keys[1], tonumber(args[2])
  local max_jobs, max_bytes, max_age = tonumber(args[3]), tonumber(args[4]), tonumber(args[5])
  if not (is_whole(sequence) and is_whole(max_jobs) and is_whole(max_bytes) and is_whole(max_age))
  then
    return nil, bad('sequence or a bound is not a number from 0 on')
  end
  local b = books(state)
  local depth = b.ready + b.delayed

  local known = call('HGET', keys[2], args[1])
  local last = known and tonumber(string.match(known, '^%d+')) or 0
  if sequence <= last then
    -- A write, so that a WAIT behind it covers what an earlier connection stored.
    if known then call('HSET', keys[2], args[1], last .. ':' .. now_ms()) end
    return nil, {'DUP', depth, b.bytes, oldest_age(state, keys, now_ms())}
  end
  if sequence > last + 1 then return nil, {'GAP', last} end

  local jobs, bytes, delayed = weigh(keys, args)
  if not jobs then return nil, bytes end

  local full_jobs = max_jobs > 0 and depth + jobs > max_jobs
  local full_bytes = max_bytes > 0 and b.bytes + bytes > max_bytes
  if max_age > 0 and ages[state] then ages[state].at = -1000 end
  if full_jobs or full_bytes or (max_age > 0 and oldest_age(state, keys, now_ms()) > max_age) then
    local now = now_ms()
    local bound = max_jobs > 0 and max_jobs or math.max(depth, 1)
    return nil,
      {'FULL', depth, b.bytes, oldest_age(state, keys, now), retry_after(state, b, bound, now)}
  end
  return b, jobs, bytes, delayed
end

-- Writes down what is stored.
local function record(keys, args, b, jobs, bytes, delayed, now)
  call('HSET', keys[2], args[1], args[2] .. ':' .. text(now))
  local accepted, stored = text(b.accepted + jobs), text(b.bytes + bytes)
  if delayed > 0 then
    call('HSET', keys[1], 'accepted', accepted, 'bytes', stored, 'delayed',
      text(b.delayed + delayed))
  else
    call('HSET', keys[1], 'accepted', accepted, 'bytes', stored)
  end
end

local function enqueue(keys, args)
  local b, jobs, bytes, delayed = admit(keys, args, weigh)
  if not b then return jobs end
  local now = delayed > 0 and now_ms()
  local stamp
  for i = 6, #args, 4 do
    local delay, envelope = tonumber(args[i + 1]), args[i + 3]
    if delay == 0 then
      stamp = call('XADD', keys[tonumber(args[i])], '*', 'e', envelope)
    else
      park(keys[3], keys[4], now + delay, member_of(args[i + 2], envelope), envelope)
    end
  end
  now = now or tonumber(string.match(stamp, '^%d+'))
  record(keys, args, b, jobs, bytes, delayed, now)
  local stored = stamp and keys[tonumber(args[6])]
  return {'OK', b.ready + b.delayed + jobs, b.bytes + bytes, oldest_age(keys[1], keys, now, stored)}
end

redis.register_function{function_name = 'ferry_v1_enqueue', callback = enqueue}

-- ferry_v1_open: the same checks and books for envelopes that this function never sees.
--
-- Lua copies every argument and hashes each of its bytes, which takes longer than storing it. So a
-- large call is a transaction in which plain XADDs follow this function, on a key that exists only
-- between it and the end of the transaction:
--     MULTI
--     FCALL ferry_v1_open …                          ready:1 becomes gate:<producer>, if all is well
--     XADD …gate:<producer> NOMKSTREAM * e <bytes>   … repeated; without a gate it stores nothing
--     RENAMENX …gate:<producer> …ready:1
--     EXEC
-- Nobody else ever sees the gate, and whatever refuses the call (a bound, a missing library, a lack
-- of rights or of memory) leaves it shut. Never send it outside of a transaction.
--   KEYS  1 state  2 producers  3 gate  4 the stream it leads to  5.. all streams, for the age
--   ARGV  1 producer  2 sequence  3 max jobs  4 max bytes  5 max age in ms, as for enqueue
--         6 jobs in all envelopes of the call  7 their bytes
--   reply as enqueue. The jobs are taken at their word: a producer that counts wrong unbalances the
--         books, and the audit tells.
--         error FERRYBAD  also when the gate is there already
--   cost  6 commands, whatever the number of envelopes; two more for the first of a stream
local function weight_told(_, args)
  local jobs, bytes = tonumber(args[6]), tonumber(args[7])
  if not is_whole(jobs) or not is_whole(bytes) or jobs < 1 then
    return nil, bad('the number of jobs or bytes is not a number from 1 on')
  end
  return jobs, bytes, 0
end

local function open(keys, args)
  local b, jobs, bytes = admit(keys, args, weight_told)
  if not b then return jobs end
  local now = now_ms()
  local age = oldest_age(keys[1], keys, now, keys[4])
  local moved = redis.pcall('RENAMENX', keys[4], keys[3])
  if type(moved) == 'table' then
    call('XGROUP', 'CREATE', keys[4], group, '0', 'MKSTREAM')
    moved = call('RENAMENX', keys[4], keys[3])
  end
  if moved == 0 then
    return bad('the key ' .. keys[3] .. ' is left over from a transaction that was none')
  end
  record(keys, args, b, jobs, bytes, 0, now)
  return {'OK', b.ready + b.delayed + jobs, b.bytes + bytes, age}
end

redis.register_function{function_name = 'ferry_v1_open', callback = open}
