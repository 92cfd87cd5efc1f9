-- How large an envelope suits a kind: the queue's keeper knows how long its jobs take, producers are
-- told in the replies to their calls. So a bulk of slow jobs comes in many envelopes, which many
-- workers take.

local most_hinted = 64  -- kinds

-- Returns what is wrong with hints, or nil.
local function wrong_hints(hints)
  local kinds, named = 0, {}
  for word in string.gmatch(hints, '[^ ]+') do
    local kind, jobs = string.match(word, '^([%w_.-]+)=(%d+)$')
    kinds = kinds + 1
    if not kind or #kind > 64 or named[kind] or not whole(jobs, 1, most_jobs) then
      return bad("a hint is '" .. string.sub(word, 1, 80) .. "', expected each kind once, as in " ..
        'index_file=20, with 1 to ' .. most_jobs .. ' jobs')
    end
    named[kind] = true
  end
  if kinds > most_hinted then return bad('the hints name more than ' .. most_hinted .. ' kinds') end
end

-- ferry_v1_hint: what producers are told about envelopes from now on. For the keeper.
--   KEYS  1 state  2 workers
--   ARGV  1 worker  2 hints: `kind=jobs` with a space between them, each kind once, at most 64 kinds;
--         '' = none
--   reply {'OK'}, {'STALE'}, or {'DENIED'} where the user has no right to HSET on `state`, as
--         users of revision 4: producers then form envelopes as they did
--         error FERRYBAD  a hint is wrong; nothing was changed
--   cost  2 commands
local function hint(keys, args)
  local hints = args[2]
  if not hints then return bad('the hints are missing') end
  local wrong = wrong_hints(hints)
  if wrong then return wrong end
  if call('HEXISTS', keys[2], args[1]) == 0 then return {'STALE'} end
  if not redis.acl_check_cmd('HSET', keys[1], 'hints', '') then return {'DENIED'} end
  call('HSET', keys[1], 'hints', hints)
  return {'OK'}
end

redis.register_function{function_name = 'ferry_v1_hint', callback = hint}
