#include "model/differential.hpp"

#include <algorithm>
#include <iterator>

#include "model/twin.hpp"

namespace ferry::model {
namespace {

std::string difference_of(const Effect& expected, const Effect& seen) {
  std::string text;
  if (expected.answer != seen.answer) {
    text += "  the twin answers " + show(expected.answer) + "\n  the library      " +
            show(seen.answer) + "\n";
  }
  const auto only_in = [&](const char* who, const Words& these, const Words& those) {
    Words rest;
    std::set_difference(these.begin(), these.end(), those.begin(), those.end(),
                        std::back_inserter(rest));
    for (const std::string& line : rest) text += std::string(who) + printable(line) + "\n";
  };
  only_in("  only the twin has    ", expected.stored, seen.stored);
  only_in("  only the library has ", seen.stored, expected.stored);
  return text;
}

/// Operations sent before the first reply is read: enough to save round trips, few enough to stop
/// soon after a difference.
constexpr std::size_t flight = 25;

}  // namespace

std::vector<Effect> expected_effects(const std::vector<Operation>& operations) {
  Twin twin;
  std::vector<Effect> effects;
  for (const Operation& op : operations) {
    Answer answer = twin.call(op.function, op.digit, op.args, op.now);
    effects.push_back({std::move(answer), twin.snapshot()});
  }
  return effects;
}

std::optional<Difference> compare(redis::Connection& connection,
                                  const std::vector<Operation>& operations,
                                  const std::vector<Effect>& expected) {
  // A name of its own, for the library remembers things by their keys.
  static std::size_t queues = 0;
  connection.call({"FLUSHALL"});
  RealQueue real(connection, "twin" + std::to_string(++queues));
  std::optional<Difference> found;
  for (std::size_t begin = 0; begin < operations.size() && !found; begin += flight) {
    const std::size_t end = std::min(operations.size(), begin + flight);
    for (std::size_t i = begin; i < end; ++i) real.append(operations[i]);
    for (std::size_t i = begin; i < end; ++i) {
      const Effect seen = real.read(operations[i]);
      if (found || (seen.answer == expected[i].answer && seen.stored == expected[i].stored))
        continue;
      found = Difference{i, difference_of(expected[i], seen)};
    }
  }
  return found;
}

std::optional<Difference> compare(redis::Connection& connection,
                                  const std::vector<Operation>& operations) {
  return compare(connection, operations, expected_effects(operations));
}

// Cuts behind the difference, then leaves out halves, quarters, … down to single operations.
std::vector<Operation> shrink(redis::Connection& connection, std::vector<Operation> operations) {
  const auto cut = [&](std::vector<Operation>& list) {
    const auto found = compare(connection, list);
    if (found) list.resize(found->at + 1);
    return found.has_value();
  };
  if (!cut(operations)) return {};
  for (std::size_t size = operations.size() / 2; size > 0; size /= 2) {
    for (std::size_t begin = 0; begin < operations.size();) {
      std::vector<Operation> fewer = operations;
      const auto from = fewer.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto to =
          fewer.begin() + static_cast<std::ptrdiff_t>(std::min(begin + size, fewer.size()));
      fewer.erase(from, to);
      if (cut(fewer)) {
        operations = std::move(fewer);
      } else {
        begin += size;
      }
    }
  }
  return operations;
}

std::string explain(redis::Connection& connection, const std::vector<Operation>& operations) {
  const std::vector<Operation> few = shrink(connection, operations);
  std::string text;
  for (const Operation& op : few) text += show(op) + "\n";
  const auto found = compare(connection, few);
  return text + (found ? found->text : "no difference any more\n");
}

}  // namespace ferry::model
