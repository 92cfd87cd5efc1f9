#include "model/mutation.hpp"

#include <gtest/gtest.h>

#include "functions/library.hpp"
#include "model/random_source.hpp"
#include "support/redis_test.hpp"

namespace ferry::model {
namespace {

std::vector<LuaFile> functions() {
  return lua_files(std::string(FERRY_SOURCE_DIR) + "/core/src/functions");
}

class MutationTest : public test::RedisTest {};

TEST_F(MutationTest, ReadsTheLibraryAsItIsBuilt) { EXPECT_EQ(joined(functions()), library_text()); }

TEST_F(MutationTest, TakesOutStatementsBlocksAndTurnsComparisons) {
  const LuaFile file{"some.lua",
                     {"local function f(a)", "  if a > 1 then", "    return 2", "  end",
                      "  return 'a > b'  -- a > b", "end"}};
  std::vector<std::string> names;
  for (const Mutant& mutant : mutants_of({file})) names.push_back(mutant.name());
  EXPECT_EQ(names,
            (std::vector<std::string>{
                "some.lua:2 without the block if a > 1 then", "some.lua:2 > to >= in if a > 1 then",
                "some.lua:3 without return 2", "some.lua:5 without return 'a > b'  -- a > b"}));
}

// A slice of the whole run (`mutate`), another one for each revision of the functions.
TEST_F(MutationTest, NoticesWhateverIsTakenOut) {
  redis::Connection connection(options());
  MutationRun run(connection, 80);
  MutationReport report;
  std::vector<Mutant> mutants = mutants_of(functions());
  ASSERT_GT(mutants.size(), 300u);
  RandomSource random(static_cast<std::uint64_t>(library_revision()));
  for (int i = 0; i < 60; ++i) {
    const Mutant& mutant = random.pick(mutants);
    report.add(mutant, run.judge(mutant));
  }
  EXPECT_EQ(report.survivors(), 0u) << report.text();
}

}  // namespace
}  // namespace ferry::model
