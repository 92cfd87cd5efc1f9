#pragma once

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

namespace ferry::fault {

/// `--name value` pairs of the harness's programs; ends the process on a name it was not told of.
class Arguments {
 public:
  Arguments(int argc, char** argv, std::map<std::string, std::string> defaults)
      : values_(std::move(defaults)) {
    for (int i = 1; i < argc; i += 2) {
      const std::string name(argv[i]);
      if (i + 1 >= argc || !values_.contains(name)) refuse(name);
      values_[name] = argv[i + 1];
    }
  }

  const std::string& text(const std::string& name) const { return values_.at(name); }

  std::int64_t number(const std::string& name) const {
    const std::string& value = text(name);
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (problem != std::errc{} || end != value.data() + value.size()) refuse(name);
    return number;
  }

 private:
  [[noreturn]] void refuse(const std::string& name) const {
    std::fprintf(stderr, "%s: not understood. Options and their defaults:\n", name.c_str());
    for (const auto& [known, value] : values_) {
      std::fprintf(stderr, "  %s %s\n", known.c_str(), value.c_str());
    }
    std::exit(2);
  }

  std::map<std::string, std::string> values_;
};

}  // namespace ferry::fault
