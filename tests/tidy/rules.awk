# Reads the includes of a tree and prints one line for each forbidden one.
#
# Called with the tree's files as arguments, paths relative to the tree's root, inside the root.
# An include is looked up as the compiler would, so that a rule can speak of places in the tree:
# "workers/src/stages/run.hpp" when the file is there, else "<hiredis/hiredis.h>".

function normal(path,   parts, count, i, kept, depth) {
  count = split(path, parts, "/")
  depth = 0
  for (i = 1; i <= count; i++) {
    if (parts[i] == "" || parts[i] == ".") continue
    if (parts[i] == ".." && depth > 0) { depth--; continue }
    kept[++depth] = parts[i]
  }
  path = kept[1]
  for (i = 2; i <= depth; i++) path = path "/" kept[i]
  return path
}

function place(spelled, from,   folder, i, candidate) {
  folder = from
  sub(/[^\/]*$/, "", folder)
  candidate = normal(folder spelled)
  if (candidate in in_tree) return candidate
  for (i = 1; i <= root_count; i++) {
    candidate = normal(roots[i] "/" spelled)
    if (candidate in in_tree) return candidate
  }
  return "<" spelled ">"
}

function forbid(why) {
  printf "%s:%d: %s: %s\n", FILENAME, FNR, target, why
  bad = 1
}

function is_public(path) { return path ~ /^(core|workers)\/include\// }

function check_outside(from) {
  # The benchmarks compare us with what Redis and hiredis can do without us, so these go past us.
  if (target ~ /^<hiredis/ && from !~ /^(core\/src\/redis\/|bench\/(limit|floor)\.cpp$)/)
    forbid("hiredis is known to core/src/redis only")
  if (target ~ /^<sodium/ && from !~ /^core\/src\/secrets\//)
    forbid("libsodium is known to core/src/secrets only")
  if (target ~ /^<(tbb|oneapi)\// && from !~ /^workers\/src\/(stages\/|upkeep\/|worker)/)
    forbid("oneTBB is known to the pipeline only: workers/src/stages, upkeep and worker*")
  if (target ~ /^<(spdlog|fmt)\// && from !~ /^workers\/src\/log/)
    forbid("spdlog is known to workers/src/log* only")
  if (target ~ /^<CLI\// && from !~ /^(workers\/cli|examples|bench)\//)
    forbid("CLI11 is for programs, not for libraries")
}

function check_arrows(from) {
  if (from ~ /^core\// && target ~ /^workers\//)
    forbid("core stands below workers and knows nothing of them")
  if (from ~ /^(core|workers)\// && target ~ /^(tests|examples|bench)\//)
    forbid("tests, examples and benchmarks include the libraries, never the other way")
  if (from ~ /^workers\/(src|include)\// && target ~ /^workers\/cli\//)
    forbid("the library does not know the program")
  if (is_public(from) && !is_public(target) && target !~ /^<(msgpack\.hpp|[a-z_0-9]+)>$/)
    forbid("a public header shows public headers, the standard library and msgpack only")
  if (from ~ /^examples\// && target ~ /^(core|workers)\/(src|cli)\//)
    forbid("an example uses what users have: the public headers")
  if (from ~ /^core\/src\/redis\// && target ~ /^core\/(src\/(wire|client)\/|include\/ferry\/job)/)
    forbid("core/src/redis speaks to Redis and knows nothing of jobs")
  if (from ~ /^core\/src\/wire\// && target ~ /^core\/src\/redis\//)
    forbid("core/src/wire is bytes in, bytes out: no Redis")
  if (from ~ /^workers\/src\/batching\// && target ~ /^(core\/src\/redis|workers\/src\/(stages|upkeep))\//)
    forbid("batching decides in pure code: no Redis, no stages")
}

BEGIN {
  root_count = split("core/include core/src workers/include workers/src workers/cli " \
                     "tests examples bench .", roots, " ")
  for (i = 1; i < ARGC; i++) in_tree[ARGV[i]] = 1
}

FILENAME ~ /^workers\/src\/batching\// {
  code = $0
  sub(/\/\/.*/, "", code)
  if (code ~ /(::|\.|->)now *\(/ || code ~ /(^|[^a-z_])(clock_gettime|gettimeofday|sleep_for) *\(/) {
    target = "a clock"
    forbid("batching is given the time as an argument")
  }
}

/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
  spelled = $0
  sub(/^[^<"]*[<"]/, "", spelled)
  sub(/[>"].*/, "", spelled)
  target = place(spelled, FILENAME)
  check_outside(FILENAME)
  check_arrows(FILENAME)
}

END { exit bad }
