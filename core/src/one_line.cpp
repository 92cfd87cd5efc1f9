#include "one_line.hpp"

namespace ferry {

std::string one_line(std::string_view text, std::size_t most_bytes) {
  std::string shown;
  for (const char c : text.substr(0, most_bytes)) {
    shown.push_back(c >= ' ' && c <= '~' ? c : '?');
  }
  if (text.size() > most_bytes) shown += "…";
  return shown;
}

}  // namespace ferry
