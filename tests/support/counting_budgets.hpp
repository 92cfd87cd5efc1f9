#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace ferry::test {

/// What a job may cost: tests/budgets.json, one line of reason for each entry.
///
/// Threads: one thread at a time.
class Budgets {
 public:
  Budgets() : all_(nlohmann::json::parse(std::ifstream(FERRY_SOURCE_DIR "/tests/budgets.json"))) {}

  /// Fails the test when the figure is not what the file says; prints it, so that a run can be
  /// reported.
  void check(const std::string& name, double measured) const {
    const nlohmann::json& budget = entry("figures", name);
    const bool exactly = budget.contains("exactly");
    const double bound = budget.at(exactly ? "exactly" : "at_most").get<double>();
    std::printf("[ COUNTED  ] %-42s %10.4f  %s %g\n", name.c_str(), measured,
                exactly ? "exactly" : "at most", bound);
    const std::string why =
        "tests/budgets.json: " + name + ": " + budget.at("why").get<std::string>();
    if (exactly) {
      EXPECT_EQ(measured, bound) << why;
    } else {
      EXPECT_LE(measured, bound) << why;
    }
  }

  /// Returns: the commands one call of a function runs while it has nothing unusual to do.
  std::vector<std::string> commands_of(const std::string& function) const {
    return entry("functions", function).at("commands").get<std::vector<std::string>>();
  }
  bool knows(const std::string& function) const { return all_.at("functions").contains(function); }

 private:
  const nlohmann::json& entry(const char* part, const std::string& name) const {
    const auto& entries = all_.at(part);
    if (!entries.contains(name)) {
      throw std::out_of_range("tests/budgets.json has no \"" + name + "\" under " + part);
    }
    return entries.at(name);
  }

  nlohmann::json all_;
};

}  // namespace ferry::test
