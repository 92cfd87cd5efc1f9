-- ferry_v1_dead_retry: dead letters go back to their streams.
--   KEYS  1 state  2 dead  3 parked  4 stream of high  5 of normal  6 of low
--   ARGV  for each: its name in `dead`, the envelope to store instead (no attempts, no reason)
--         at most 200
--   reply jobs moved; names that are not dead letters (any more) are passed over
--         error FERRYBAD  an envelope is wrong, or has not as many jobs as the dead letter;
--                         nothing was changed
--         error NOPERM    the caller is no operator; nothing was changed
--   cost  2 commands and 5 for each
local function dead_retry(keys, args)
  local refused = not_operator(keys[1])
  if refused then return refused end
  for i = 1, #args, 2 do
    local jobs = args[i + 1] and head(args[i + 1])
    if not jobs then return bad_envelope((i + 1) / 2) end
    local letter = call('ZSCORE', keys[2], args[i]) and call('HGET', keys[3], args[i])
    if letter and head(letter) ~= jobs then
      return bad('envelope ' .. (i + 1) / 2 .. ' has ' .. jobs .. ' jobs, not as its dead letter')
    end
  end
  local moved, bytes = 0, 0
  for i = 1, #args, 2 do
    local name, envelope = args[i], args[i + 1]
    if call('ZREM', keys[2], name) == 1 then
      call('HDEL', keys[3], name)
      call('XADD', keys[4 + tonumber(string.sub(name, 1, 1))], '*', 'e', envelope)
      moved, bytes = moved + head(envelope), bytes + #envelope
    end
  end
  if moved > 0 then
    call('HINCRBY', keys[1], 'dead', -moved)
    call('HINCRBY', keys[1], 'bytes', bytes)
  end
  return moved
end

-- ferry_v1_dead_drop: dead letters are thrown away, counted as cancelled.
--   KEYS  1 state  2 dead  3 parked
--   ARGV  names in `dead`, at most 500
--   reply jobs dropped
--         error NOPERM    the caller is no operator; nothing was changed
--   cost  2 commands and 3 for each
local function dead_drop(keys, args)
  local refused = not_operator(keys[1])
  if refused then return refused end
  local dropped = 0
  for _, name in ipairs(args) do
    if call('ZREM', keys[2], name) == 1 then
      local envelope = call('HGET', keys[3], name)
      dropped = dropped + (envelope and head(envelope) or 1)
      call('HDEL', keys[3], name)
    end
  end
  if dropped > 0 then
    call('HINCRBY', keys[1], 'dead', -dropped)
    call('HINCRBY', keys[1], 'cancelled', dropped)
  end
  return dropped
end

redis.register_function{
  function_name = 'ferry_v1_dead_retry', callback = dead_retry, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_dead_drop', callback = dead_drop, flags = {'allow-oom'}}
