-- What an operator takes out of a queue, without reading it: the caller has looked at it before.

-- Returns whether an entry id lies behind another one. A number of Lua's has too few digits.
local function lies_behind(id, other)
  local ms, count = string.match(id, '^0*(%d+)%-0*(%d+)$')
  local other_ms, other_count = string.match(other, '^0*(%d+)%-0*(%d+)$')
  if ms == other_ms then ms, other_ms = count, other_count end
  if #ms ~= #other_ms then return #ms > #other_ms end
  return ms > other_ms
end

-- Reads what a call names. Returns a list, or nil and what is wrong with it.
local function named_envelopes(args)
  if #args % 4 ~= 0 or #args > 2000 then
    return nil, bad('the call has ' .. #args .. ' arguments, expected 4 for each of at most 500')
  end
  local list = {}
  for i = 1, #args, 4 do
    local one = {where = args[i], name = args[i + 1], jobs = whole(args[i + 2], 0, most_jobs)}
    one.bytes = whole(args[i + 3], 0, most_bytes)
    one.parked = one.where == 'due' or one.where == 'dead'
    if not one.parked and not string.find(one.where, '^[012]$') then
      return nil, bad('an envelope is neither in due, dead nor in a stream')
    end
    if not one.parked and not is_entry_id(one.name) then
      return nil, bad('an entry id is wrong')
    end
    if not one.jobs or not one.bytes then
      return nil, bad('jobs are not 0 to 1000, or bytes not 0 to ' .. text(most_bytes))
    end
    list[#list + 1] = one
  end
  return list
end

-- Returns nil when the caller may run all these commands, else the error to reply.
local function may_not(commands)
  for _, words in ipairs(commands) do
    local refused = denied(unpack(words))
    if refused then return refused end
  end
end

-- Returns nil when these counters can be counted on, else the error to reply.
local function bad_counter(state, names)
  for i, value in ipairs(call('HMGET', state, unpack(names))) do
    if value and not string.find(value, '^%-?%d+$') or
      not is_whole(math.abs(tonumber(value or 0)), most_number) then
      return broken('the counter ' .. names[i] .. ' of ' .. state .. ' is no whole number')
    end
  end
end

-- Makes sure of the keys that a call needs, and of no other: their types and the caller's rights.
-- Returns nil, or the error to reply. Notes in the list where each is.
local function check_keys(keys, list)
  local commands, delivered = {{'HINCRBY', keys[1], 'cancelled', '1'}}, {}
  for _, one in ipairs(list) do
    local at = one.where == 'due' and 2 or one.where == 'dead' and 3 or 6 + one.where
    one.key = keys[at]
    if not delivered[at] and one.parked then
      commands[#commands + 1], commands[#commands + 2] = {'ZREM', one.key, 'x'},
        {'HDEL', keys[4], 'x'}
      delivered[at] = call('ZCARD', one.key)
      call('HLEN', keys[4])
    elseif not delivered[at] then
      commands[#commands + 1], commands[#commands + 2] = {'XDEL', one.key, '1-1'},
        {'HDEL', keys[5], 'x'}
      call('XLEN', one.key)
      call('HLEN', keys[5])
      delivered[at] = last_delivered(one.key)
    end
    one.delivered = delivered[at]
  end
  return may_not(commands) or bad_counter(keys[1], {'cancelled', 'delayed', 'dead', 'bytes'})
end

-- Of those named, the ones that are there as they were seen.
local function still_there(keys, list)
  local there = {}
  for _, one in ipairs(list) do
    local found
    if one.parked then
      found = call('ZSCORE', one.key, one.name) and
        call('HSTRLEN', keys[4], one.name) == one.bytes
    else
      found = lies_behind(one.name, one.delivered)
    end
    if found then there[#there + 1] = one end
  end
  return there
end

-- Returns whether an envelope was still there.
local function take_out(keys, one)
  if one.parked then
    call('HDEL', keys[4], one.name)
    return call('ZREM', one.key, one.name) == 1
  end
  call('HDEL', keys[5], one.where .. ':' .. one.name)
  return call('XDEL', one.key, one.name) == 1
end

-- ferry_v1_remove: takes out jobs that wait, are delayed or dead, counted as cancelled. Jobs and
-- bytes are taken at the caller's word: a wrong count unbalances the books, and the audit tells.
--   KEYS  1 state  2 due  3 dead  4 parked  5 progress  6 stream of high  7 of normal  8 of low
--   ARGV  for each, at most 500: `due`, `dead` or the digit of a stream, name or entry id, jobs
--         that are not settled, bytes in the books
--   reply {jobs removed, envelopes removed}. Passed over: what is not there any more, what has
--         other bytes by now, what a worker has.
--         error NOPERM    the caller is no operator, or lacks a right; nothing was changed
--         error FERRYBAD or FERRYBROKEN  an argument or a counter is wrong; nothing was changed
--   cost  up to 15 commands, and 4 for each
local function remove(keys, args)
  local state = keys[1]
  local refused = not_operator(state)
  if refused then return refused end
  local list, wrong = named_envelopes(args)
  if not list then return wrong end
  refused = check_keys(keys, list)
  if refused then return refused end
  local there = still_there(keys, list)
  ages[state] = nil
  local removed, bytes, envelopes = {due = 0, dead = 0, waiting = 0}, 0, 0
  for _, one in ipairs(there) do
    if take_out(keys, one) then
      local kind = one.parked and one.where or 'waiting'
      removed[kind], envelopes = removed[kind] + one.jobs, envelopes + 1
      -- The bytes of dead letters are in no book.
      if kind ~= 'dead' then bytes = bytes + one.bytes end
    end
  end
  local jobs = removed.due + removed.dead + removed.waiting
  if jobs > 0 then call('HINCRBY', state, 'cancelled', text(jobs)) end
  if removed.due > 0 then call('HINCRBY', state, 'delayed', text(-removed.due)) end
  if removed.dead > 0 then call('HINCRBY', state, 'dead', text(-removed.dead)) end
  if bytes > 0 then call('HINCRBY', state, 'bytes', text(-bytes)) end
  return {jobs, envelopes}
end

-- Returns how many workers gave a sign of life within so many ms.
local function living_workers(workers, silent)
  local now, living = now_ms(), 0
  for _, seen in ipairs(call('HVALS', workers)) do
    if now - (tonumber(seen) or 0) <= silent then living = living + 1 end
  end
  return living
end

-- ferry_v1_forget: removes what an empty queue leaves behind.
--   KEYS  1 state  2 due  3 dead  4 parked  5 progress  6 control  7 workers  8 producers
--         9.. streams
--   ARGV  1 ms that a worker must have been silent
--   reply {'OK', keys removed, producers that are still known}. The key of the latter stays, else
--         the next call of a producer that lives would be taken for a loss. Call
--         ferry_v1_expire_producers before.
--         {'USED', envelopes in the streams, delayed envelopes, dead letters, parked envelopes,
--          workers alive}: nothing was removed
--         error NOPERM    the caller is no operator, or lacks a right; nothing was changed
--   cost  8 commands and one for each stream
local function forget(keys, args)
  local refused = not_operator(keys[1])
  if refused then return refused end
  local silent, wrong = number_in('the silence', args[1], 0, most_number)
  if not silent then return wrong end
  local commands = {}
  for i = 1, #keys do commands[i] = {'UNLINK', keys[i]} end
  refused = may_not(commands)
  if refused then return refused end
  local used = {'USED', 0, call('ZCARD', keys[2]), call('ZCARD', keys[3]), call('HLEN', keys[4])}
  for i = 9, #keys do used[2] = used[2] + call('XLEN', keys[i]) end
  -- More workers than these are not looked at one by one; some of them live.
  local workers = call('HLEN', keys[7])
  used[6] = workers > 1000 and workers or living_workers(keys[7], silent)
  for i = 2, 6 do
    if used[i] > 0 then return used end
  end
  local known, gone = call('HLEN', keys[8]), {}
  for i = 1, #keys do
    if i ~= 8 then gone[#gone + 1] = keys[i] end
  end
  return {'OK', call('UNLINK', unpack(gone)), known}
end

redis.register_function{
  function_name = 'ferry_v1_remove', callback = remove, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_forget', callback = forget, flags = {'allow-oom'}}
