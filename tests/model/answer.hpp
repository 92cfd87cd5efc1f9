#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ferry::model {

using Words = std::vector<std::string>;

/// A reply of Redis with everything that does not matter left out: numbers are text, an error is
/// its first word.
struct Answer {
  std::string text;
  std::vector<Answer> parts{};
  bool is_list = false;

  Answer() = default;
  Answer(std::string words) : text(std::move(words)) {}
  Answer(const char* words) : text(words) {}
  Answer(std::int64_t number) : text(std::to_string(number)) {}
  Answer(int number) : text(std::to_string(number)) {}
  static Answer list(std::vector<Answer> parts) {
    Answer answer;
    answer.parts = std::move(parts);
    answer.is_list = true;
    return answer;
  }

  bool operator==(const Answer&) const = default;
  const Answer& operator[](std::size_t i) const { return parts[i]; }
  bool starts_with(const char* word) const {
    return is_list && !parts.empty() && parts[0].text == word;
  }
};

inline Answer bad() { return "error FERRYBAD"; }

/// Bytes that a terminal can show.
std::string printable(const std::string& bytes);
std::string show(const Answer& answer);

}  // namespace ferry::model
