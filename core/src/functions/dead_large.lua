-- A dead letter goes back to its stream without Lua seeing its bytes: what `ferry_v1_open` is for
-- producers. `ferry_v1_dead_retry` reads the letter, and is given and stores the envelope: for
-- 8 MiB that takes Redis 100 ms, this 15.
--     HGET parked <name>                              the caller makes the envelope, then
--     MULTI
--     FCALL ferry_v1_dead_open …                      ready:1 becomes gate:<name of its own>
--     XADD …gate:<…> NOMKSTREAM * e <envelope>        without a gate it stores nothing
--     RENAMENX …gate:<…> …ready:1
--     FCALL ferry_v1_dead_close …                     the letter leaves, if the envelope is stored
--     EXEC
-- Never send one without the others.
local reviving  -- what was opened: {stream, its length before, name, jobs, bytes}

-- ferry_v1_dead_open: opens the gate if the letter is as it was read.
--   KEYS  1 state  2 dead  3 parked  4 gate  5 the stream it leads to
--   ARGV  1 name  2 bytes of the letter  3 jobs of the letter, and of the envelope to store
--         instead  4 bytes of that
--   reply 'OK', or 'GONE' where no such letter is kept any more: the gate stays shut
--         error NOPERM    the caller is no operator, or lacks a right; nothing was changed
--         error FERRYBAD or FERRYBROKEN  an argument or a counter is wrong, or the gate is there
--   cost  5 commands; two more for the first of a stream
local function dead_open(keys, args)
  reviving = nil
  local state, dead, parked, gate, stream = keys[1], keys[2], keys[3], keys[4], keys[5]
  local name, size = args[1], tonumber(args[2])
  local jobs, bytes = whole(args[3], 1, most_jobs), whole(args[4], 0, most_bytes)
  local refused = not_operator(state) or may_not{
    {'HINCRBY', state, 'dead', '1'}, {'ZREM', dead, 'x'}, {'HDEL', parked, 'x'},
    {'XADD', gate, '*', 'e', ''}, {'RENAMENX', gate, stream}, {'XLEN', stream}
  } or bad_counter(state, {'dead', 'bytes'})
  if refused then return refused end
  if not jobs or not bytes then
    return bad('jobs are not 1 to 1000, or bytes not 0 to ' .. text(most_bytes))
  end
  local found = call('ZSCORE', dead, name)
  if call('HSTRLEN', parked, name) ~= size or not found then return 'GONE' end
  local before = call('XLEN', stream)
  local moved = redis.pcall('RENAMENX', stream, gate)
  if type(moved) == 'table' then
    call('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
    moved = call('RENAMENX', stream, gate)
  end
  if moved == 0 then
    return bad('the key ' .. gate .. ' is left over from a transaction that was none')
  end
  reviving = {stream, before, name, jobs, bytes}
  return 'OK'
end

-- ferry_v1_dead_close: the letter leaves, if the envelope is stored.
--   KEYS  1 state  2 dead  3 parked  4 stream
--   reply jobs moved, 0 when nothing was stored
--   cost  5 commands
local function dead_close(keys)
  local was = reviving
  reviving = nil
  if not was or was[1] ~= keys[4] or call('XLEN', keys[4]) ~= was[2] + 1 then return 0 end
  call('HINCRBY', keys[1], 'dead', text(-was[4]))
  call('HINCRBY', keys[1], 'bytes', text(was[5]))
  call('ZREM', keys[2], was[3])
  call('HDEL', keys[3], was[3])
  return was[4]
end

redis.register_function{
  function_name = 'ferry_v1_dead_open', callback = dead_open, flags = {'allow-oom'}}
redis.register_function{
  function_name = 'ferry_v1_dead_close', callback = dead_close, flags = {'allow-oom'}}
