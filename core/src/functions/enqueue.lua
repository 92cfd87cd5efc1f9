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
--         Behind the last number come the hints of ferry_v1_hint, where there are some
--         error FERRYBAD        an argument is wrong, or a delayed envelope's first id is parked
--                               already; nothing was stored and the sequence is not used up
--         error FERRYBROKEN     a counter or the producer's sequence is no number; nothing was
--                               stored
--   The oldest age is that of the streams in KEYS, up to 100 ms old unless ARGV 5 asks for it, or of
--         what is set aside, as the queue's keeper saw it within two seconds. A
--         producer that has no right to read jobs (XRANGE) is told what a worker saw at most 100 ms
--         ago; without workers, the time since its own first job that was not fetched yet.
--   cost  5 commands, one for each envelope and one more for each delayed one; a DUP 4. A user
--         without XDEL pays one more for each further stream of the call

local ages = {}   -- state key -> {asked at, looked at, oldest, its stream, blind: see `remember`}
local asides = {} -- state key -> {looked at, time of the oldest envelope that is set aside}
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

-- When the oldest of those that are set aside was stored, as the keeper saw it lately, or nil.
local function oldest_aside(state, now)
  local seen = asides[state]
  return seen and now >= seen.at and now - seen.at <= 2000 and seen.oldest or nil
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
  local oldest, aside = known.oldest, oldest_aside(state, now)
  if aside and (not oldest or aside < oldest) then oldest = aside end
  return oldest and math.max(0, now - oldest) or 0
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

-- Looks at the envelopes of a call.
-- Returns their jobs, their bytes, the delayed jobs, the names of delayed envelopes by their place
-- in `args`, and to where others go than the first ('due' or the index of a stream) or nil; or nil
-- and an error.
local function weigh(keys, args)
  if #args < 9 or (#args - 5) % 4 ~= 0 or #args > 5 + 4 * most_envelopes then
    return nil, bad('the call has ' .. #args .. ' arguments, expected 5 and 4 for each of 1 to ' ..
      most_envelopes .. ' envelopes')
  end
  local jobs, bytes, delayed, names, first, others = 0, 0, 0, {}, nil, nil
  for i = 6, #args, 4 do
    local stream, delay, envelope = tonumber(args[i]), tonumber(args[i + 1]), args[i + 3]
    local count = head(envelope)
    if not count then return nil, bad_envelope((i - 2) / 4) end
    if not is_whole(stream, #keys) or stream < 5 then
      return nil, bad_number('the index of a stream', args[i], 5, #keys)
    end
    if not is_whole(delay, most_delay) then
      return nil, bad_number('the delay of envelope ' .. (i - 2) / 4, args[i + 1], 0, most_delay)
    end
    if not string.find(args[i + 2], '^[012]$') then
      return nil, bad('priority ' .. args[i + 2] .. ' is not 0, 1 or 2')
    end
    jobs, bytes = jobs + count, bytes + #envelope
    local place = delay > 0 and 'due' or stream
    first = first or place
    if place ~= first then
      others = others or {}
      others[place] = true
    end
    if delay > 0 then
      local name = member_of(args[i + 2], envelope)
      if names[name] or call('HEXISTS', keys[4], name) == 1 then
        return nil, bad('envelope ' .. (i - 2) / 4 .. ' begins with a job that is parked already')
      end
      names[name], names[i], delayed = true, name, delayed + count
    end
  end
  return jobs, bytes, delayed, names, others
end

-- Returns what to reply to a call whose sequence or bounds are no numbers.
local function wrong_bound(args)
  for i, what in ipairs({'the sequence', 'max jobs', 'max bytes', 'max age'}) do
    local told = args[i + 1]
    local right = i == 1 and whole(told, 0, most_number) or
      i > 1 and is_whole(tonumber(told), most_number)
    if not right then return bad_number(what, told, 0, most_number) end
  end
end

-- Whether a call may store its jobs now. `weigh` is asked only for a call that is the next one.
-- Returns the books and what `weigh` found; or nil and what to reply instead of storing.
local function admit(keys, args, weigh)
  local state, sequence = keys[1], whole(args[2], 0, most_number)
  local max_jobs, max_bytes, max_age = tonumber(args[3]), tonumber(args[4]), tonumber(args[5])
  if not (sequence and is_whole(max_jobs, most_number) and is_whole(max_bytes, most_number) and
      is_whole(max_age, most_number)) then
    return nil, wrong_bound(args)
  end
  local b, wrong = books(state)
  if not b then return nil, wrong end
  local depth = b.ready + b.delayed

  local known = call('HGET', keys[2], args[1])
  local last = known and (tonumber(string.match(known, '^%d+')) or exact) or 0
  if last >= exact then
    return nil, broken('what ' .. keys[2] .. ' holds of this producer is no sequence')
  end
  if sequence <= last then
    local now = now_ms()
    local reply = {'DUP', depth, b.bytes, oldest_age(state, keys, now), b.hints}
    -- A write, so that a WAIT behind it covers what an earlier connection stored.
    if known then call('HSET', keys[2], args[1], text(last) .. ':' .. text(now)) end
    return nil, reply
  end
  if sequence > last + 1 then return nil, {'GAP', last} end

  local jobs, bytes, delayed, names, others = weigh(keys, args)
  if not jobs then return nil, bytes end
  if b.accepted + jobs >= exact or b.bytes + bytes >= exact or b.delayed + delayed >= exact then
    return nil, broken('a counter of ' .. state .. ' would pass 2^53')
  end

  local full_jobs = max_jobs > 0 and depth + jobs > max_jobs
  local full_bytes = max_bytes > 0 and b.bytes + bytes > max_bytes
  if max_age > 0 and ages[state] then ages[state].at = -1000 end
  if full_jobs or full_bytes or (max_age > 0 and oldest_age(state, keys, now_ms()) > max_age) then
    local now = now_ms()
    local bound = max_jobs > 0 and max_jobs or math.max(depth, 1)
    return nil,
      {'FULL', depth, b.bytes, oldest_age(state, keys, now), retry_after(state, b, bound, now),
        b.hints}
  end
  return b, jobs, bytes, delayed, names, others
end

-- Writes the books as they are with so much more. They come before what is stored: whatever fails
-- then, a second call sets them back.
local function write_books(state, b, jobs, bytes, delayed)
  local accepted, stored = text(b.accepted + jobs), text(b.bytes + bytes)
  if delayed then
    call('HSET', state, 'accepted', accepted, 'bytes', stored, 'delayed', text(b.delayed + delayed))
  else
    call('HSET', state, 'accepted', accepted, 'bytes', stored)
  end
end

local function of_another_type(reply)
  return failed(reply) and string.find(reply.err, '^WRONGTYPE') and reply or nil
end

-- Looks for what could keep an envelope out when others of the call are stored already. A user who
-- may take entries out again (XDEL) needs no more: then `store` undoes it.
-- Returns nil, or what to reply.
local function cannot_store(keys, args, delayed, names, others)
  local refused = delayed > 0 and denied('HSETNX', keys[4], '', '')
  if refused or not others then return refused end
  local may_undo = names[6] or redis.acl_check_cmd('XDEL', keys[tonumber(args[6])], '0-0')
  for place in pairs(others) do
    may_undo = may_undo and (place == 'due' or redis.acl_check_cmd('XDEL', keys[place], '0-0'))
  end
  if may_undo then return nil end
  for place in pairs(others) do
    if place ~= 'due' then
      refused = refused or denied('XADD', keys[place], '*', 'e', '') or
        of_another_type(try('XINFO', 'GROUPS', keys[place]))
    end
  end
  if delayed > 0 then
    refused = refused or denied('ZADD', keys[3], '0', '') or
      of_another_type(try('ZADD', keys[3], 'XX', '0', ''))  -- adds nothing
  end
  return refused
end

-- Stores delayed envelopes, or none of them.
-- Returns nil, or the error.
local function park_all(due, parked, args, names, now)
  local times = {}
  for i = 6, #args, 4 do
    if names[i] then
      times[#times + 1], times[#times + 2] = now + tonumber(args[i + 1]), names[i]
    end
  end
  local listed = try('ZADD', due, unpack(times))
  if failed(listed) then return listed end
  for i = 6, #args, 4 do
    if names[i] then call('HSETNX', parked, names[i], args[i + 3]) end
  end
end

-- Takes the entries of a call out again, in the order in which they came.
local function take_out_again(keys, args, names, ids)
  local at = 0
  for i = 6, #args, 4 do
    if not names[i] then
      at = at + 1
      if ids[at] then try('XDEL', keys[tonumber(args[i])], ids[at]) end
    end
  end
end

-- Stores the envelopes of a call, all or none, while entries can be taken out again.
-- Returns the id of the last entry, if any; and nil or the error.
local function store(keys, args, names, now)
  local ids, stamp, why = {}, nil, nil
  for i = 6, #args, 4 do
    if not names[i] then
      local id = try('XADD', keys[tonumber(args[i])], '*', 'e', args[i + 3])
      why = id.err  -- of an error; a text has none
      if why then
        why = id
        break
      end
      ids[#ids + 1], stamp = id, id
    end
  end
  if now and not why then why = park_all(keys[3], keys[4], args, names, now) end
  if why then take_out_again(keys, args, names, ids) end
  return stamp, why
end

local function enqueue(keys, args)
  local b, jobs, bytes, delayed, names, others = admit(keys, args, weigh)
  if not b then return jobs end
  -- The last write is the only one that nothing would undo.
  local refused = denied('HSET', keys[2], args[1], '') or
    (delayed > 0 or others) and cannot_store(keys, args, delayed, names, others)
  if refused then return refused end
  local now = delayed > 0 and now_ms()
  write_books(keys[1], b, jobs, bytes, now and delayed)
  local stamp, why = store(keys, args, names, now)
  if why then
    write_books(keys[1], b, 0, 0, now and 0)
    return why
  end
  local time = now and text(now) or string.match(stamp, '^%d+')
  call('HSET', keys[2], args[1], args[2] .. ':' .. time)
  now = now or tonumber(time)
  local stored = stamp and keys[tonumber(args[6])]
  local age = oldest_age(keys[1], keys, now, stored)
  return {'OK', b.ready + b.delayed + jobs, b.bytes + bytes, age, b.hints}
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
--         Nothing is known of the stream's type and last id: where it takes no entries, the books
--         count jobs that were not stored, and the audit tells.
--   cost  6 commands, whatever the number of envelopes; two more for the first of a stream
local function weight_told(_, args)
  local jobs, bytes = tonumber(args[6]), tonumber(args[7])
  if not is_whole(jobs, most_envelopes * most_jobs) or jobs < 1 then
    return nil, bad_number('the number of jobs', args[6], 1, most_envelopes * most_jobs)
  end
  if not is_whole(bytes, most_envelopes * most_bytes) then
    return nil, bad_number('the number of bytes', args[7], 0, most_envelopes * most_bytes)
  end
  return jobs, bytes, 0
end

-- Hides a stream behind a gate. A stream that does not exist yet is made with its group, also where
-- a gate is left over: else the end of the transaction would put that in the stream's place,
-- together with what is refused here.
-- Returns whether it is hidden, or an error.
local function hide(stream, gate)
  local hidden = try('RENAMENX', stream, gate)
  if not failed(hidden) then return hidden == 1 end
  if not string.find(hidden.err, 'no such key', 1, true) then return hidden end
  local made = try('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
  if failed(made) then return made end
  return call('RENAMENX', stream, gate) == 1
end

local function open(keys, args)
  local b, jobs, bytes = admit(keys, args, weight_told)
  if not b then return jobs end
  local refused = denied('HSET', keys[2], args[1], '')
  if refused then return refused end
  local now = now_ms()
  local age = oldest_age(keys[1], keys, now, keys[4])
  write_books(keys[1], b, jobs, bytes)
  local hidden = hide(keys[4], keys[3])
  if hidden ~= true then
    write_books(keys[1], b, 0, 0)
    return hidden or
      bad('the key ' .. keys[3] .. ' is left over from a transaction that was none')
  end
  call('HSET', keys[2], args[1], args[2] .. ':' .. text(now))
  return {'OK', b.ready + b.delayed + jobs, b.bytes + bytes, age, b.hints}
end

redis.register_function{function_name = 'ferry_v1_open', callback = open}
