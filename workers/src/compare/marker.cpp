#include "compare/marker.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>

namespace ferry::compare {

bool is_experiment_program(const std::filesystem::path& program) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(program, error)) return false;
  std::ifstream file(program, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  // Of a statically linked program the first is there, of a dynamically linked one the second.
  for (const std::string_view mark :
       {std::string_view{marker}, std::string_view{"experiment_main"}}) {
    const std::boyer_moore_horspool_searcher searcher(mark.begin(), mark.end());
    if (std::search(bytes.begin(), bytes.end(), searcher) != bytes.end()) return true;
  }
  return false;
}

}  // namespace ferry::compare
