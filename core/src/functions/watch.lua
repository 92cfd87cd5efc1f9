-- The watch over leases: since when there have been signs of life of a queue's workers without a
-- gap. Every sign of any worker counts (register, renew, beat, reclaim, look), so the watch does
-- not depend on how often one of them comes by.

local watch = {}    -- workers key -> {first sign of life of this watch, last one, lease}
local keepers = {}  -- workers key -> {name, last beat, how long it may be silent}

-- Units: ms. Taken for the lease until a caller has said it.
local unknown_lease = 1000

-- Notes a sign of life. A gap that is longer than a lease (a restart, a failover, a long pause, a
-- jump of the clock) begins the watch anew: until it is one lease old, no worker is struck off, so
-- all have time to come back. A caller that does not know the lease goes by the last one said.
local function note_life(workers, now, lease)
  local w = watch[workers]
  lease = lease or (w and w.lease) or unknown_lease
  if not w or now < w.last or now - w.last > lease then
    w = {first = now}
    watch[workers] = w
  end
  w.last, w.lease = now, lease
  return w
end

-- Returns a lease in ms, or nil and what is wrong with it.
local function read_lease(text)
  return number_in('the lease', text, 1, most_lease)
end
