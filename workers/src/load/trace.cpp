#include "load/trace.hpp"

#include <charconv>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ferry/error.hpp"
#include "one_line.hpp"

namespace ferry::load {
namespace {

constexpr double year_2200 = 7'258'118'400;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

class Replay {
 public:
  explicit Replay(const std::filesystem::path& file) : file_(file), in_(file) {
    if (!in_) {
      throw Error(ErrorCode::invalid_argument, "trace " + file.string() + " cannot be read");
    }
  }

  std::optional<std::chrono::nanoseconds> next() {
    for (std::string line; std::getline(in_, line);) {
      ++number_;
      if (trimmed(line).empty()) continue;
      const auto seconds = parse_trace_line(line);
      if (!seconds) {
        refuse("'" + one_line(line) +
               "' is neither a number of seconds nor a JSON object with one as \"at\"");
      }
      if (!first_) first_ = *seconds;
      if (*seconds < last_) refuse("its time lies before that of the line above");
      last_ = *seconds;
      return std::chrono::round<std::chrono::nanoseconds>(
          std::chrono::duration<double>(*seconds - *first_));
    }
    return std::nullopt;
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(ErrorCode::invalid_argument,
                "trace " + file_.string() + ", line " + std::to_string(number_) + ": " + why);
  }

  std::filesystem::path file_;
  std::ifstream in_;
  std::uint64_t number_ = 0;
  std::optional<double> first_;
  double last_ = 0;
};

}  // namespace

std::optional<double> parse_trace_line(std::string_view line) {
  line = trimmed(line);
  double seconds = -1;
  if (line.starts_with('{')) {
    const auto object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object() || !object.contains("at") || !object["at"].is_number()) return {};
    seconds = object["at"].get<double>();
  } else {
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), seconds);
    if (error != std::errc{} || end != line.data() + line.size()) return {};
  }
  if (!std::isfinite(seconds) || seconds < 0 || seconds > year_2200) return {};
  return seconds;
}

Arrivals replay(const std::filesystem::path& file) {
  // A function object can be copied, an open file cannot.
  return [trace = std::make_shared<Replay>(file)] { return trace->next(); };
}

}  // namespace ferry::load
