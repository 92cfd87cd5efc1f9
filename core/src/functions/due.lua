-- Several envelopes become one bundle: an envelope with flag 4 whose body is a msgpack array of
-- them.
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

-- Returns where the content of a msgpack bin begins, if it reaches to the very end; else nil.
local function last_bin(bytes, at)
  local digits = ({[0xc4] = 1, [0xc5] = 2, [0xc6] = 4})[string.byte(bytes, at)]
  if not digits or #bytes < at + digits then return nil end
  local size = struct.unpack('>I' .. digits, bytes, at + 1)
  return at + digits + size == #bytes and at + digits + 1 or nil
end

-- Returns what a zstd frame says that it inflates to (RFC 8878, 3.1.1.1), or nil where it does not
-- say it.
local function frame_size(bytes, at)
  local frame = string.sub(bytes, at, at + 17)
  if string.sub(frame, 1, 4) ~= '\40\181\47\253' or #frame < 18 then return nil end
  local descriptor = string.byte(frame, 5)
  local form, single = math.floor(descriptor / 64), math.floor(descriptor / 32) % 2
  local from = 6 + (1 - single) + ({0, 1, 2, 4})[descriptor % 4 + 1]
  if form == 0 then return single == 1 and string.byte(frame, from) or nil end
  local size = struct.unpack(({'<I2', '<I4', '<I8'})[form], frame, from)
  return form == 1 and size + 256 or size
end

-- Returns what an envelope inflates to when it may share a bundle, else nil: what a reader of today
-- might refuse, and a container, travels alone, so that it takes no other job along.
local function size_in_bundle(envelope)
  local _, at = head(envelope)
  local flags = string.byte(envelope, 3)
  if not at or string.byte(envelope, 1) ~= 0x95 or flags >= 32 then return nil end
  if math.floor(flags / 4) % 4 > 0 then return nil end  -- a bundle, or opaque
  local body = last_bin(envelope, at + 16)
  if not body or flags % 2 == 0 then return body and #envelope end
  return frame_size(envelope, body)
end

-- Units: bytes of the bodies that one call reads, but for a single one; bytes that a bundle
-- inflates to.
local promoted_bytes, bundle_inflates_to = 1048576, 1048576

-- Takes what is due, in order: names that make a slice, with their bodies (false where there is
-- none); names that are no parked job's, to be removed; and the first whose body is larger than
-- `most_inside`, with its bytes, which stays. A user of before revision 5 has no right to ask how
-- large a body is; then each is read to know it.
local function read_due(parked, names, most_inside)
  local sized = redis.acl_check_cmd('HSTRLEN', parked, 'x')
  local picked, bodies, foreign, large, bytes = {}, {}, {}, nil, 0
  for _, name in ipairs(names) do
    if is_name(name) then
      local body = not sized and call('HMGET', parked, name)[1] or false
      local size = sized and call('HSTRLEN', parked, name) or (body and #body or 0)
      if sized and size > most_inside then
        large = large or {name, size}
      elseif #picked > 0 and bytes + size > promoted_bytes then
        break
      else
        picked[#picked + 1], bodies[#picked + 1], bytes = name, body, bytes + size
      end
    elseif call('HEXISTS', parked, name) then  -- an error where `parked` is no hash
      foreign[#foreign + 1] = name
    end
  end
  if sized and #picked > 0 then bodies = call('HMGET', parked, unpack(picked)) end
  return picked, bodies, foreign, large
end

-- Returns how many jobs a bundle should hold at most, as ferry_v1_hint says of the slowest kind:
-- nobody knows here which kinds are in a bundle, and one worker takes it. Users of before revision 5
-- may have no right to ask.
local function jobs_in_bundle(state)
  local least = most_jobs
  if not redis.acl_check_cmd('HGET', state, 'hints') then return least end
  for jobs in string.gmatch(call('HGET', state, 'hints') or '', '=(%d+)') do
    least = math.min(least, tonumber(jobs))
  end
  return least
end

-- Returns the envelopes to store, each {digit, bytes}, how many delayed jobs they hold and by how
-- many bytes they are larger than what was parked. A name without bytes has nothing to store.
-- Sealed jobs share bundles with their like: there are readers that leave such bundles to newer
-- ones.
local function pack_due(names, bodies, bundle_bytes, bundle_jobs)
  local out, open, jobs, grown = {}, {}, 0, 0
  local function close(lane)
    local o = open[lane]
    if not o then return end
    local envelope = bundle(o.list, o.jobs)
    out[#out + 1] = {math.floor(lane / 2), envelope}
    grown, open[lane] = grown + #envelope - o.bytes, nil
  end
  for i, name in ipairs(names) do
    local digit, envelope = tonumber(string.sub(name, 1, 1)), bodies[i]
    local count = envelope and head(envelope) or 0
    local inflates = envelope and size_in_bundle(envelope)
    jobs = jobs + count
    if envelope and (not inflates or inflates > bundle_inflates_to or #envelope > bundle_bytes) then
      out[#out + 1] = {digit, envelope}
    elseif envelope then
      local lane = 2 * digit + (string.byte(envelope, 3) >= 16 and 1 or 0)
      local o = open[lane]
      if o and (o.jobs + count > bundle_jobs or o.bytes + #envelope > bundle_bytes or
          o.inflates + inflates > bundle_inflates_to) then
        close(lane)
      end
      o = open[lane] or {list = {}, jobs = 0, bytes = 0, inflates = 0}
      open[lane], o.list[#o.list + 1] = o, envelope
      o.jobs, o.bytes, o.inflates = o.jobs + count, o.bytes + #envelope, o.inflates + inflates
    end
  end
  for lane = 0, 5 do close(lane) end
  return out, jobs, grown
end

-- Moves a slice of what is due. Returns jobs moved, whether all `names` have left `due`, and the
-- large one if any; or nil and an error.
local function move_due(keys, names, bundle_bytes, most_inside)
  local state, due, parked = keys[1], keys[2], keys[3]
  local refused = missing_right('ZREM', due, 'HDEL', parked, 'XDEL', keys[4], 'XDEL', keys[5],
    'XDEL', keys[6])
  if refused then return nil, refused end
  local picked, bodies, foreign, large = read_due(parked, names, most_inside)
  local out, jobs, grown = pack_due(picked, bodies, bundle_bytes, jobs_in_bundle(state))
  local gone = {unpack(picked)}
  for _, name in ipairs(foreign) do gone[#gone + 1] = name end
  if #gone == 0 then return 0, false, large end
  local failed = all_or_nothing(function(write)
    for _, one in ipairs(out) do
      local stream = keys[4 + one[1]]
      write(function(id) return {'XDEL', stream, id} end, 'XADD', stream, '*', 'e', one[2])
    end
    count(write, state, {delayed = -jobs, bytes = grown})
    write(nil, 'ZREM', due, unpack(gone))
    write(nil, 'HDEL', parked, unpack(gone))
  end)
  if failed then return nil, failed end
  return math.max(jobs, #out), #gone == #names, large
end

-- ferry_v1_promote: moves jobs whose time has come to their streams, many in one envelope.
--   KEYS  1 state  2 due  3 parked  4 stream of high  5 of normal  6 of low
--   ARGV  1 parked envelopes to move at most, 1..500  2 bytes for one new envelope at most
--         3 bytes of a body that may be moved in here (workers up to revision 4 do not say it: any)
--   reply {jobs moved, ms until the next one is due or -1}, and where a body is larger than ARGV 3:
--         its name and its bytes; see ferry_v1_due_open. Other envelopes are moved all the same.
--         An envelope whose head cannot be read counts as one job in this reply alone.
--         error FERRYBAD, and any error of Redis: nothing was changed
--   Names that no function parks are removed: their jobs were never accepted.
--   cost  2 commands when nothing is due, else 8, two for each envelope moved, one for each bundle;
--         6 more at most ten times a second for a queue whose producers may not read jobs and so
--         cannot see how old the oldest is. About 1 MiB of bodies, or one of them, is read in a
--         call: what is left is due at once.
local function promote(keys, args)
  local due = keys[2]
  local most, wrong = number_in('the number of envelopes', args[1], 1, 500)
  if not most then return wrong end
  local bundle_bytes, no_bytes = number_in('the number of bytes', args[2], 0, most_number)
  if not bundle_bytes then return no_bytes end
  local most_told = args[3] or text(most_number)
  local most_inside, no_size = number_in('the largest body', most_told, 0, most_number)
  if not most_inside then return no_size end
  local now, moved, large = now_ms(), 0, nil
  local next_due = tonumber(call('ZRANGE', due, 0, 0, 'WITHSCORES')[2])
  if next_due and next_due <= now then
    local names = call('ZRANGEBYSCORE', due, '-inf', text(now), 'LIMIT', 0, text(most))
    local behind = tonumber(call('ZRANGE', due, #names, #names, 'WITHSCORES')[2])
    local jobs, all, other = move_due(keys, names, bundle_bytes, most_inside)
    if not jobs then return all end
    moved, large = jobs, other
    if all then next_due = behind end
  end
  -- Only a cache: no reason to fail when the jobs have been moved.
  pcall(look_for_the_blind, keys[1], keys, 4, now)
  local wait = next_due and math.max(0, math.min(most_delay, next_due - now)) or -1
  if large then return {moved, math.ceil(wait), large[1], large[2]} end
  return {moved, math.ceil(wait)}
end

-- A body that Lua does not see: what `ferry_v1_open` is for producers, for delayed envelopes that
-- are too large for `ferry_v1_promote`.
--     HMGET parked <name>; ZSCORE due <name>      the caller reads the body, then
--     MULTI
--     FCALL ferry_v1_due_open …                   ready:1 becomes gate:<worker>, if all is well
--     XADD …gate:<worker> NOMKSTREAM * e <bytes>
--     RENAMENX …gate:<worker> …ready:1
--     FCALL ferry_v1_due_close …                  it leaves `due`, if it was stored
--     EXEC
-- Never send one without the others. Whatever refuses a part of it (a lack of rights or of memory,
-- a missing library, a stream at its last id) leaves the job parked; without memory, or without the
-- rights, call `ferry_v1_promote` without ARGV 3. A gate that is there before is left over from a
-- call outside of a transaction: then the copy stays in it, the job stays parked, and every
-- repetition adds a copy, so take another gate.
local moving  -- {stream, its length before, name, jobs}

-- ferry_v1_due_open
--   KEYS  1 state  2 due  3 parked  4 gate  5 the stream it leads to
--   ARGV  1 name  2 its due time as read  3 its bytes  4 jobs in the envelope, 0 where its head
--         cannot be read: they are taken at their word
--   reply 'OK', or 'GONE' where something else is parked under the name now
--         error FERRYBAD or NOPERM, and any error of Redis: nothing was changed
--   cost  5 commands; two more for the first of a stream
local function due_open(keys, args)
  moving = nil
  local state, due, parked, gate, stream = unpack(keys)
  local name, jobs = args[1], whole(args[4], 0, most_jobs)
  if not is_name(name) then return bad('the name is not that of a parked job') end
  if not jobs then return bad('jobs are not 0 to 1000') end
  local delayed = call('HGET', state, 'delayed') or '0'
  if #delayed > 16 or not string.find(delayed, '^%-?[1-9]%d*$') and delayed ~= '0' then
    return bad('delayed is not a number in ' .. state)
  end
  local score = call('ZSCORE', due, name)
  if not score or tonumber(score) ~= tonumber(args[2]) or
      call('HSTRLEN', parked, name) ~= tonumber(args[3]) then
    return 'GONE'
  end
  -- All that ferry_v1_due_close does must succeed, for by then the job is stored.
  local refused = missing_right('HINCRBY', state, 'ZREM', due, 'HDEL', parked)
  if refused then return refused end
  local length, renamed = call('XLEN', stream), redis.pcall('RENAMENX', stream, gate)
  if type(renamed) == 'table' then
    call('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
    renamed = call('RENAMENX', stream, gate)
  end
  if renamed == 0 then
    return bad('the key ' .. gate .. ' is left over from a transaction that was none')
  end
  moving = {stream, length, name, jobs}
  return 'OK'
end

-- ferry_v1_due_close
--   KEYS  1 state  2 due  3 parked  4 stream
--   ARGV  1 name
--   reply 1 when it has left `due`, else 0
--   cost  4 commands
local function due_close(keys, args)
  local was, name = moving, args[1]
  moving = nil
  if not was or was[1] ~= keys[4] or was[3] ~= name then return 0 end
  if call('XLEN', keys[4]) ~= was[2] + 1 then return 0 end
  call('ZREM', keys[2], name)
  call('HDEL', keys[3], name)
  if was[4] > 0 then call('HINCRBY', keys[1], 'delayed', text(-was[4])) end
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
