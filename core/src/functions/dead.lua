-- Reads the letters of a call, each once: those whose name has the form of one and is in `dead`.
-- Returns a list of {name, jobs: nil for bytes that are missing or no envelope, has_bytes, at: where
-- it stands in `args`}.
local function letters(dead, parked, args, step)
  local found, named = {}, {}
  for i = 1, #args, step do
    local name = args[i]
    local may_be_named = step == 1 or is_name(name)
    if may_be_named and not named[name] and call('ZSCORE', dead, name) then
      local envelope = call('HGET', parked, name)
      found[#found + 1] = {name = name, jobs = envelope and head(envelope),
        has_bytes = envelope ~= false, at = i}
    end
    named[name] = true
  end
  return found
end

-- Asks for the rights to take letters out. Returns nil, or what to reply.
local function may_not_take_out(dead, parked)
  return denied('ZREM', dead, '') or denied('HDEL', parked, '')
end

local function take_out(dead, parked, found)
  local names = {}
  for i, letter in ipairs(found) do names[i] = letter.name end
  call('HDEL', parked, unpack(names))
  call('ZREM', dead, unpack(names))
end

-- ferry_v1_dead_retry: dead letters go back to their streams.
--   KEYS  1 state  2 dead  3 parked  4 stream of high  5 of normal  6 of low
--   ARGV  for each: its name in `dead`, the envelope to store instead (no attempts, no reason)
--         at most 200
--   reply jobs moved; names that are not those of dead letters (any more) are passed over
--         error FERRYBAD  an envelope is wrong, or has not as many jobs as the dead letter, or
--                         the letter has no bytes to compare it with; nothing was changed
--         error NOPERM    the caller is no operator; nothing was changed
--   cost  4 commands and 3 for each
local function dead_retry(keys, args)
  local refused = not_operator(keys[1])
  if refused then return refused end
  if #args > 400 then return bad('the call names ' .. #args / 2 .. ' dead letters, at most 200') end
  for i = 1, #args, 2 do
    if not args[i + 1] or not head(args[i + 1]) then return bad_envelope((i + 1) / 2) end
  end
  local found = letters(keys[2], keys[3], args, 2)
  if #found == 0 then return 0 end
  local moved, bytes, entries = 0, 0, {}
  for i, letter in ipairs(found) do
    local envelope, which = args[letter.at + 1], (letter.at + 1) / 2
    local jobs = head(envelope)
    if not letter.has_bytes then
      return bad('dead letter ' .. which .. ' (' .. letter.name .. ') has no bytes: drop it')
    end
    if letter.jobs ~= jobs then
      return bad('envelope ' .. which .. ' has ' .. jobs .. ' jobs, not as its dead letter')
    end
    moved, bytes = moved + jobs, bytes + #envelope
    entries[i] = {keys[4 + tonumber(string.sub(letter.name, 1, 1))], 'e', envelope}
  end
  refused = may_not_take_out(keys[2], keys[3])
  if refused then return refused end
  local ids, why = add_entries(entries)
  if not ids then return why end
  why = add(keys[1], {'dead', text(-moved), 'bytes', text(bytes)})
  if why then
    for i, id in ipairs(ids) do try('XDEL', entries[i][1], id) end
    return why
  end
  take_out(keys[2], keys[3], found)
  return moved
end

-- ferry_v1_dead_drop: dead letters are thrown away, counted as cancelled.
--   KEYS  1 state  2 dead  3 parked
--   ARGV  names in `dead`, at most 500, in whatever form
--   reply jobs dropped. A letter whose bytes are missing or broken counts as one job: nothing more
--         is known of it. One whose name no function writes was never counted.
--         error FERRYBAD  too many names; nothing was changed
--         error NOPERM    the caller is no operator; nothing was changed
--   cost  4 commands and 2 for each
local function dead_drop(keys, args)
  local refused = not_operator(keys[1])
  if refused then return refused end
  if #args > 500 then return bad('the call names ' .. #args .. ' dead letters, at most 500') end
  local found = letters(keys[2], keys[3], args, 1)
  if #found == 0 then return 0 end
  local dropped = 0
  for _, letter in ipairs(found) do
    dropped = dropped + (is_name(letter.name) and (letter.jobs or 1) or 0)
  end
  refused = may_not_take_out(keys[2], keys[3]) or
    add(keys[1], {'dead', text(-dropped), 'cancelled', text(dropped)})
  if refused then return refused end
  take_out(keys[2], keys[3], found)
  return dropped
end

redis.register_function{
  function_name = 'ferry_v1_dead_retry', callback = dead_retry, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_dead_drop', callback = dead_drop, flags = {'allow-oom'}}
