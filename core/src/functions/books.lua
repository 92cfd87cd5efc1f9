-- What operators see of a queue. A call reads about a megabyte, or one envelope: Redis copies what
-- a function reads several times. 8 MiB take it 60 ms in here, and 10 ms outside.

-- Runs commands on keys that may be wrong. `try(otherwise, command, key, …)` returns the reply,
-- or `otherwise` after it has added the key and Redis's words to `wrong`.
local function trier(wrong)
  return function(otherwise, command, key, ...)
    local reply = redis.pcall(command, key, ...)
    if type(reply) ~= 'table' or not reply.err then return reply end
    wrong[#wrong + 1], wrong[#wrong + 2] = key, reply.err
    return otherwise
  end
end

-- The counters in `fields`, as numbers. What is no number counts as 0 and is told.
local function counters_of(state, try, wrong)
  local raw, found = try({}, 'HMGET', state, unpack(fields)), {}
  for i, field in ipairs(fields) do
    found[i] = tonumber(raw[i] or 0)
    if not is_whole(math.abs(found[i] or 0 / 0), most_number) then
      wrong[#wrong + 1] = state
      wrong[#wrong + 1] = field .. ' is "' .. string.sub(raw[i], 1, 32) .. '", which is no counter'
      found[i] = 0
    end
  end
  return found
end

-- Behind it no range can begin.
local last_of_all = '18446744073709551615-18446744073709551615'

-- Envelopes of a stream, how many of them are leased, and the last id that was delivered.
local function lengths_of(stream, try, wrong)
  local envelopes = try(0, 'XLEN', stream)
  if envelopes == 0 then return 0, 0, last_delivered(stream) end
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  local summary = redis.pcall('XPENDING', stream, group)
  local failed = groups.err or summary.err
  if failed and not string.find(failed, '^NOGROUP') then
    wrong[#wrong + 1], wrong[#wrong + 2] = stream, failed
  end
  return envelopes, summary[1] or 0, last_delivered(stream)
end

-- ferry_v1_books: a queue's books and what lies beside them, at one instant. A key that cannot be
-- read (it holds something else, or the caller has no right to it) is told and hides no other.
--   KEYS  1 state  2 workers  3 progress  4 due  5 parked  6 dead  7..9 streams  10 control
--         11 producers
--   ARGV  1 bytes: where the stored envelopes are larger on average, none is read for its age
--   reply the 18 elements of `counts`, the age -1 where none was read though some wait, and
--         {key, what is wrong with it, …}
--   cost  8 commands and 5 for each stream
local function books_told(keys, args)
  local most_mean, no_bytes = number_in('the number of bytes', args[1], 0, most_number)
  if not most_mean then return no_bytes end
  local wrong = {}
  local try = trier(wrong)
  local now, c = now_ms(), counters_of(keys[1], try, wrong)
  local ready = c[1] - c[2] - c[3] - c[4] - c[5] - c[6]
  local due, parked = try(0, 'ZCARD', keys[4]), try(0, 'HLEN', keys[5])
  local envelopes, leased, waiting, last = 0, 0, {}, {}
  for i = 7, 9 do
    local length, held, delivered = lengths_of(keys[i], try, wrong)
    envelopes, leased, last[i - 6] = envelopes + length, leased + held, delivered
    if length > held and delivered ~= last_of_all then waiting[#waiting + 1] = i end
  end
  local age, oldest = 0, oldest_aside(keys[1], now)
  if #waiting > 0 and c[7] > most_mean * (envelopes + due) then
    age = -1
  else
    for _, i in ipairs(waiting) do
      local first = try({}, 'XRANGE', keys[i], '(' .. last[i - 6], '+', 'COUNT', 1)[1]
      local at = first and tonumber(string.match(first[1], '^%d+'))
      if at and (not oldest or at < oldest) then oldest = at end
    end
    if oldest then age = math.max(0, now - oldest) end
  end
  try(0, 'HLEN', keys[3])
  try(0, 'HLEN', keys[11])
  return {
    c[1], c[2], c[3], c[4], c[5], c[6], c[7], ready, envelopes, leased, due, parked,
    try(0, 'ZCARD', keys[6]), try(0, 'HLEN', keys[2]), age,
    try('0', 'HGET', keys[10], 'paused') == '1' and 1 or 0, now, last, wrong
  }
end

-- ferry_v1_weigh: jobs and bytes of the next envelopes of a stream. They are read one by one, for
-- nothing else tells how large the next one is.
--   KEYS  1 progress  2 stream
--   ARGV  1 from id  2 to id  3 entries at most, 1..500  4 bytes: it ends when it has read as many
--         5 '1' to list the entries
--   reply {jobs not settled, bytes, last id looked at, or '' when the range is done, entries,
--         bytes of the largest, {id, jobs not settled, bytes in the books, …}}
--         Settled entries are deleted at once, so what lies at or before the group's last
--         delivered id is leased and what lies after it waits.
--   cost  2 commands for each entry
local function weigh(keys, args)
  local most, wrong = number_in('the number of entries', args[3], 1, 500)
  if not most then return wrong end
  local most_read, too_large = number_in('the number of bytes', args[4], 0, most_number)
  if not most_read then return too_large end
  local digit, from, list = string.match(keys[2], '%d$'), args[1], {}
  local jobs, bytes, entries, largest, read, last = 0, 0, 0, 0, 0, ''
  repeat
    local entry = call('XRANGE', keys[2], from, args[2], 'COUNT', 1)[1]
    if not entry then
      last = ''
      break
    end
    local size, envelope = 0, entry[2][2]
    for _, word in ipairs(entry[2]) do size = size + #word end
    local open = open_jobs(keys[1], digit, entry)
    entries, jobs, bytes = entries + 1, jobs + open, bytes + #envelope
    read, largest, last = read + size, math.max(largest, size), entry[1]
    if args[5] == '1' then
      local counted = head(envelope) and #envelope or 0
      list[#list + 1], list[#list + 2], list[#list + 3] = last, open, counted
    end
    from = '(' .. last
  until entries == most or read >= most_read or last == last_of_all
  if last == last_of_all then last = '' end
  return {jobs, bytes, last, entries, largest, list}
end

-- ferry_v1_weigh_parked: jobs and bytes of the next delayed envelopes or dead letters.
--   KEYS  1 due or dead  2 parked
--   ARGV  1 from rank  2 entries at most, 1..500  3 bytes: it ends when it has read as many, and
--         does not read what is larger  4 '1' to list all entries, not only those not read
--   reply {jobs of those that were read, bytes of all, entries, {name, jobs or -1, bytes, …}}
--         jobs -1: not read, for it is too large; 0: it is no envelope
--   cost  1 command and two for each entry
local function weigh_parked(keys, args)
  local from, no_rank = number_in('the rank', args[1], 0, most_number)
  if not from then return no_rank end
  local most, wrong = number_in('the number of entries', args[2], 1, 500)
  if not most then return wrong end
  local most_read, too_large = number_in('the number of bytes', args[3], 0, most_number)
  if not most_read then return too_large end
  local jobs, bytes, entries, read, list = 0, 0, 0, 0, {}
  for _, name in ipairs(call('ZRANGE', keys[1], from, from + most - 1)) do
    if read >= most_read and entries > 0 then break end
    local size, found = call('HSTRLEN', keys[2], name), -1
    if size <= most_read then
      found, read = head(call('HGET', keys[2], name) or '') or 0, read + size
      jobs = jobs + found
    end
    entries, bytes = entries + 1, bytes + size
    if found < 0 or args[4] == '1' then
      list[#list + 1], list[#list + 2], list[#list + 3] = name, found, size
    end
  end
  return {jobs, bytes, entries, list}
end

redis.register_function{
  function_name = 'ferry_v1_books', callback = books_told, flags = {'no-writes', 'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_weigh', callback = weigh, flags = {'no-writes', 'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_weigh_parked', callback = weigh_parked,
  flags = {'no-writes', 'allow-oom'}}
