// Takes lines out of the Redis Functions, one at a time, and tells which nobody misses.
//
//   mutate [--sample N] [--seed S] [--sequences N] [--only TEXT] [--verbose]
//
// Ends with 1 when a mutant survives that tests/model/equivalent_mutants does not explain.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

#include "ferry/private_redis.hpp"
#include "model/mutation.hpp"
#include "model/random_source.hpp"

namespace {

using namespace ferry;         // NOLINT: a program of one file
using namespace ferry::model;  // NOLINT

std::vector<Mutant> chosen(std::vector<Mutant> mutants,
                           std::map<std::string, std::string>& options) {
  std::erase_if(mutants, [&](const Mutant& mutant) {
    return mutant.name().find(options["--only"]) == std::string::npos;
  });
  const std::size_t sample = std::strtoull(options["--sample"].c_str(), nullptr, 10);
  RandomSource random(std::strtoull(options["--seed"].c_str(), nullptr, 10));
  while (sample > 0 && mutants.size() > sample) {
    mutants.erase(mutants.begin() + static_cast<std::ptrdiff_t>(random.below(mutants.size())));
  }
  return mutants;
}

int run(std::map<std::string, std::string> options) {
  PrivateRedis server;
  redis::Connection connection({.url = server.url()});
  MutationRun mutation(connection, std::strtoull(options["--sequences"].c_str(), nullptr, 10));
  MutationReport report;
  const auto files = lua_files(std::string(FERRY_SOURCE_DIR) + "/core/src/functions");
  for (const Mutant& mutant : chosen(mutants_of(files), options)) {
    const Judgement judgement = mutation.judge(mutant);
    report.add(mutant, judgement);
    if (options.contains("--verbose")) {
      constexpr const char* words[] = {"not loaded", "twin", "test", "explained", "SURVIVED"};
      std::cout << words[static_cast<int>(judgement.kind)] << "\t" << judgement.by << "\t"
                << mutant.name() << std::endl;
    }
  }
  std::cout << report.text();
  return report.survivors() == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  std::map<std::string, std::string> options{
      {"--sample", "0"}, {"--seed", "1"}, {"--sequences", "80"}, {"--only", ""}};
  for (int i = 1; i < count; ++i) {
    const std::string name = words[i];
    if (name == "--verbose") {
      options[name] = "yes";
    } else if (options.contains(name) && i + 1 < count) {
      options[name] = words[++i];
    } else {
      std::cerr << "mutate [--sample N] [--seed S] [--sequences N] [--only TEXT] [--verbose]\n";
      return 2;
    }
  }
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::cerr << "mutate: " << error.what() << "\n";
    return 2;
  }
}
