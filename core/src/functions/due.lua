-- Several envelopes become one bundle: an envelope with flag 4 whose body is a msgpack array of them.
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

-- What a zstd frame says that it inflates to (RFC 8878, 3.1.1.1), or nil when it does not say it.
local function frame_size(frame)
  if string.sub(frame, 1, 4) ~= '\40\181\47\253' or #frame < 18 then return nil end
  local descriptor = string.byte(frame, 5)
  local form, single = math.floor(descriptor / 64), math.floor(descriptor / 32) % 2
  local from = 6 + (1 - single) + ({0, 1, 2, 4})[descriptor % 4 + 1]
  if form == 0 then return single == 1 and string.byte(frame, from) or nil end
  local size = struct.unpack(({'<I2', '<I4', '<I8'})[form], frame, from)
  return form == 1 and size + 256 or size
end

-- Returns what an envelope inflates to when it may share a bundle, else nil: what a bundle's reader
-- might refuse travels alone, so that it takes nobody along.
local function size_in_bundle(envelope)
  local count, at = head(envelope)
  local flags = string.byte(envelope, 3)
  if not count or string.byte(envelope, 1) ~= 0x95 or math.floor(flags / 32) > 0 then return nil end
  if math.floor(flags / 4) % 4 > 0 then return nil end  -- a bundle, or opaque
  if flags % 2 == 0 then return #envelope end
  local skip = ({[0xc4] = 2, [0xc5] = 3, [0xc6] = 5})[string.byte(envelope, at + 16)]
  return skip and frame_size(string.sub(envelope, at + 16 + skip, at + 16 + skip + 17))
end

-- Units: bytes of the bodies that one call reads, but for a single one; bytes a bundle inflates to.
local promoted_bytes, bundle_inflates_to = 1048576, 1048576

-- Sorts names that are due. Returns those to move, as many as make a slice; what is no parked job at
-- all, to be removed; and the first one whose body is too large to be moved in here.
local function pick_due(parked, names, most_inside)
  local sized = redis.acl_check_cmd('HSTRLEN', parked, 'x')
  local picked, foreign, large, bytes = {}, {}, nil, 0
  for _, name in ipairs(names) do
    if not is_parked_name(name) then
      foreign[#foreign + 1] = name
    else
      local size = sized and call('HSTRLEN', parked, name) or promoted_bytes / 16
      if size > most_inside then
        large = large or {name, size}
      elseif #picked > 0 and bytes + size > promoted_bytes then
        break
      else
        picked[#picked + 1], bytes = name, bytes + size
      end
    end
  end
  return picked, foreign, large
end

-- Returns the envelopes to store, each {digit, bytes}, with how many delayed jobs they hold and by how
-- many bytes they are larger than what was parked. A name without bytes has nothing to store.
local function pack_due(names, stored, most_bytes)
  local out, open, jobs, grown = {}, {}, 0, 0
  local function close(digit)
    local o = open[digit]
    if not o then return end
    local envelope = bundle(o.list, o.jobs)
    out[#out + 1] = {digit, envelope}
    grown, open[digit] = grown + #envelope - o.bytes, nil
  end
  for i, envelope in ipairs(stored) do
    local digit, count = tonumber(string.sub(names[i], 1, 1)), envelope and head(envelope)
    local inflates = envelope and size_in_bundle(envelope)
    jobs = jobs + (count or 0)
    if envelope and not inflates then
      out[#out + 1] = {digit, envelope}
    elseif envelope then
      local o = open[digit]
      if o and (o.jobs + count > 1000 or o.bytes + #envelope > most_bytes or
          o.inflates + inflates > bundle_inflates_to) then
        close(digit)
      end
      o = open[digit] or {list = {}, jobs = 0, bytes = 0, inflates = 0}
      open[digit], o.list[#o.list + 1] = o, envelope
      o.jobs, o.bytes, o.inflates = o.jobs + count, o.bytes + #envelope, o.inflates + inflates
    end
  end
  for digit = 0, 2 do close(digit) end
  return out, jobs, grown
end

-- ferry_v1_promote: moves jobs whose time has come to their streams, many in one envelope.
--   KEYS  1 state  2 due  3 parked  4 stream of high  5 of normal  6 of low
--   ARGV  1 parked envelopes to move at most, 1..500  2 bytes for one new envelope at most
--         3 bytes of a body that may be moved in here (workers up to revision 4 do not say it: any)
--   reply {jobs moved, ms until the next one is due or -1}, and where a body is larger than ARGV 3:
--         its name and its bytes; see ferry_v1_due_open
--   cost  7 commands, two for each envelope moved; 6 more at most ten times a second for a queue
--         whose producers may not read jobs and so cannot see how old the oldest is. About 1 MiB of
--         bodies, or one of them, is read in a call: what is left is due at once.
local function promote(keys, args)
  local state, due, parked = keys[1], keys[2], keys[3]
  local most, most_bytes = tonumber(args[1]), tonumber(args[2])
  local most_inside = args[3] and tonumber(args[3]) or math.huge
  if not is_whole(most) or most < 1 or most > 500 or not is_whole(most_bytes) or
      (args[3] and not is_whole(most_inside)) then
    return bad('the envelopes are not 1 to 500, or the bytes no number from 0 on')
  end
  local now = now_ms()
  local names = call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, most)
  local picked, foreign, large = pick_due(parked, names, most_inside)
  local moved = 0
  if #picked + #foreign > 0 then
    local stored = #picked > 0 and call('HMGET', parked, unpack(picked)) or {}
    local out, jobs, grown = pack_due(picked, stored, most_bytes)
    local gone = {unpack(picked)}
    for _, name in ipairs(foreign) do gone[#gone + 1] = name end
    local failed = all_or_nothing(function(write)
      for _, one in ipairs(out) do
        local stream = keys[4 + one[1]]
        write(function(id) return {'XDEL', stream, id} end, 'XADD', stream, '*', 'e', one[2])
      end
      count(write, state, {delayed = -jobs, bytes = grown})
      write(nil, 'ZREM', due, unpack(gone))
      write(nil, 'HDEL', parked, unpack(gone))
    end)
    if failed then return failed end
    moved = math.max(jobs, #out)
  end
  look_for_the_blind(state, keys, 4, now)
  local next_due = call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
  local wait = next_due and math.max(0, math.min(most_delay_ms, tonumber(next_due) - now)) or -1
  if large then return {moved, math.floor(wait), large[1], large[2]} end
  return {moved, math.floor(wait)}
end

-- A body that Lua does not see: what `ferry_v1_open` is for producers, for delayed envelopes that are
-- too large for `ferry_v1_promote`.
--     HMGET parked <name>; ZSCORE due <name>          the caller reads the body, then
--     MULTI
--     FCALL ferry_v1_due_open …                       ready:1 becomes gate:<worker>, if it is still so
--     XADD …gate:<worker> NOMKSTREAM * e <bytes>
--     RENAMENX …gate:<worker> …ready:1
--     FCALL ferry_v1_due_close …                      it leaves `due`, if it was stored
--     EXEC
-- Never send one without the others.
local moving  -- {stream, its length before}

-- ferry_v1_due_open
--   KEYS  1 state  2 due  3 parked  4 gate  5 the stream it leads to
--   ARGV  1 name  2 its due time as read  3 its bytes
--   reply 'OK', or 'GONE' where something else is parked under the name now
--   cost  5 commands; two more for the first of a stream
local function due_open(keys, args)
  moving = nil
  if not is_parked_name(args[1]) then return bad('the name is not that of a parked job') end
  local delayed = call('HGET', keys[1], 'delayed')
  if delayed and not tonumber(delayed) then return bad('delayed is not a number in ' .. keys[1]) end
  local score = call('ZSCORE', keys[2], args[1])
  if score ~= args[2] or call('HSTRLEN', keys[3], args[1]) ~= tonumber(args[3]) then
    return 'GONE'
  end
  local renamed = redis.pcall('RENAMENX', keys[5], keys[4])
  if type(renamed) == 'table' then
    call('XGROUP', 'CREATE', keys[5], group, '0', 'MKSTREAM')
    renamed = call('RENAMENX', keys[5], keys[4])
  end
  if renamed == 0 then
    return bad('the key ' .. keys[4] .. ' is left over from a transaction that was none')
  end
  moving = {keys[5], call('XLEN', keys[4])}
  return 'OK'
end

-- ferry_v1_due_close
--   KEYS  1 state  2 due  3 parked  4 stream
--   ARGV  1 name  2 jobs in the envelope, 0 where its head cannot be read
--   reply 1 when it has left `due`, else 0
--   cost  4 commands
local function due_close(keys, args)
  local jobs, was = tonumber(args[2]), moving
  moving = nil
  if not is_whole(jobs) or jobs > 1000 then return bad('jobs are not 0 to 1000') end
  if not was or was[1] ~= keys[4] or call('XLEN', keys[4]) ~= was[2] + 1 then return 0 end
  if jobs > 0 then call('HINCRBY', keys[1], 'delayed', text(-jobs)) end
  call('ZREM', keys[2], args[1])
  call('HDEL', keys[3], args[1])
  return 1
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
  function_name = 'ferry_v1_due_open', callback = due_open, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_due_close', callback = due_close, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_expire_producers', callback = expire_producers, flags = {'allow-oom'}}
