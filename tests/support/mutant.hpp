#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "redis/connection.hpp"

namespace ferry::test {

/// The mutation run (tests/model) hands in a library that has something wrong; else nothing
/// happens.
inline void load_mutant(redis::Connection& connection) {
  const char* path = std::getenv("FERRY_TEST_LIBRARY");
  if (path == nullptr) return;
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  connection.call({"FUNCTION", "LOAD", "REPLACE", text});
}

}  // namespace ferry::test
