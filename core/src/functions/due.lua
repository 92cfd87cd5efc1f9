-- ferry_v1_promote: moves jobs whose time has come to their streams, many in one envelope.
--   KEYS  1 state  2 due  3 parked  4 stream of high  5 of normal  6 of low
--   ARGV  1 parked envelopes to move at most, 1..500  2 bytes for one new envelope at most
--   reply {jobs moved, ms until the next one is due or -1}
--   cost  6 commands and one for each new envelope; 6 more at most ten times a second for a queue
--         whose producers may not read jobs and so cannot see how old the oldest is
--
-- A single envelope moves as it is. Several become one bundle: an envelope with flag 4 whose body is
-- a msgpack array of envelopes.
local function bundle(list, jobs)
  if #list == 1 then return list[1] end
  local _, at = head(list[1])
  local parts = {string.char(0xdd), struct.pack('>I4', #list)}
  for _, envelope in ipairs(list) do
    parts[#parts + 1] = string.char(0xc6) .. struct.pack('>I4', #envelope)
    parts[#parts + 1] = envelope
  end
  local body = table.concat(parts)
  return string.char(0x95, 1, 4, 0xcd) .. struct.pack('>I2', jobs) .. string.char(0xc4, 16) ..
    string.sub(list[1], at, at + 15) .. string.char(0xc6) .. struct.pack('>I4', #body) .. body
end

local function promote(keys, args)
  local state, due, parked = keys[1], keys[2], keys[3]
  local most, most_bytes = tonumber(args[1]), tonumber(args[2])
  local now = now_ms()
  local names = call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, most)
  local moved, grown = 0, 0
  if #names > 0 then
    local stored = call('HMGET', parked, unpack(names))
    local open = {}
    local function close(digit)
      local o = open[digit]
      local envelope = bundle(o.list, o.jobs)
      grown = grown + #envelope - o.bytes
      call('XADD', keys[4 + digit], '*', 'e', envelope)
      open[digit] = nil
    end
    for i, envelope in ipairs(stored) do
      if envelope then
        local digit = tonumber(string.sub(names[i], 1, 1))
        local jobs = head(envelope) or 1
        local o = open[digit]
        if o and (o.jobs + jobs > 1000 or o.bytes + #envelope > most_bytes) then
          close(digit)
          o = nil
        end
        if not o then
          o = {list = {}, jobs = 0, bytes = 0}
          open[digit] = o
        end
        o.list[#o.list + 1] = envelope
        o.jobs, o.bytes, moved = o.jobs + jobs, o.bytes + #envelope, moved + jobs
      end
    end
    for digit = 0, 2 do
      if open[digit] then close(digit) end
    end
    call('ZREM', due, unpack(names))
    call('HDEL', parked, unpack(names))
    if moved > 0 then call('HINCRBY', state, 'delayed', -moved) end
    if grown ~= 0 then call('HINCRBY', state, 'bytes', grown) end
  end
  look_for_the_blind(state, keys, 4, now)
  local next_due = call('ZRANGE', due, 0, 0, 'WITHSCORES')
  return {moved, next_due[2] and math.max(0, math.floor(tonumber(next_due[2]) - now)) or -1}
end

-- ferry_v1_expire_producers: forgets producers that were silent for long, and what is no sequence
-- and time: its producer then hears GAP and begins anew.
--   KEYS  1 producers
--   ARGV  1 cursor  2 silent for at least this many ms, up to 366 days
--   reply {next cursor, producers forgotten}
--         error FERRYBAD  an argument is wrong; nothing was changed
--   cost  2 commands and one for each producer forgotten, about 100 looked at
local function expire_producers(keys, args)
  local silent, wrong = number_in('the time', args[2], 0, most_delay)
  if wrong then return wrong end
  if not fits_64_bits(args[1]) then return bad('the cursor is no number of 64 bits') end
  local before = now_ms() - silent
  local page = call('HSCAN', keys[1], args[1], 'COUNT', 100)
  local forgotten = 0
  for i = 1, #page[2], 2 do
    local seen = tonumber(string.match(page[2][i + 1], '^%d+:(%d+)$') or 0)
    if seen < before then
      forgotten = forgotten + call('HDEL', keys[1], page[2][i])
    end
  end
  return {page[1], forgotten}
end

redis.register_function{
  function_name = 'ferry_v1_promote', callback = promote, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_expire_producers', callback = expire_producers, flags = {'allow-oom'}}
