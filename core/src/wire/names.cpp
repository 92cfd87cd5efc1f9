#include "wire/names.hpp"

#include <string>

#include "ferry/error.hpp"
#include "one_line.hpp"
#include "wire/limits.hpp"

namespace ferry::wire {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

}  // namespace

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > max_name_bytes) return false;
  for (const char c : text) {
    if (!is_name_character(c)) return false;
  }
  return true;
}

void require_name(std::string_view field, std::string_view text) {
  if (is_name(text)) return;
  throw Error(ErrorCode::invalid_argument, std::string(field) + " is \"" + one_line(text) +
                                               "\": expected 1 to 64 of A-Z a-z 0-9 _ . -");
}

}  // namespace ferry::wire
