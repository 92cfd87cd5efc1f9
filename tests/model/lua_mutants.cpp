#include "model/lua_mutants.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace ferry::model {
namespace {

/// The line with blanks in place of comments and of what stands in strings.
std::string code_of(const std::string& line) {
  std::string code = line;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != 0) {
      if (line[i] == quote) {
        quote = 0;
      } else {
        code[i] = '_';
      }
    } else if (line[i] == '\'' || line[i] == '"') {
      quote = line[i];
    } else if (line.compare(i, 2, "--") == 0) {
      code.resize(i);
      break;
    }
  }
  while (!code.empty() && code.back() == ' ') code.pop_back();
  return code;
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? std::string() : text.substr(begin);
}

std::vector<std::string> words_of(const std::string& code) {
  std::vector<std::string> words(1);
  for (const char c : code) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
      words.back() += c;
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  return words;
}

/// How much deeper in blocks and brackets the line ends than it began.
int depth_of(const std::string& code) {
  int depth = 0;
  for (const std::string& word : words_of(code)) {
    if (word == "if" || word == "for" || word == "while" || word == "function") ++depth;
    if (word == "end") --depth;
  }
  for (const char c : code) {
    if (c == '(' || c == '{' || c == '[') ++depth;
    if (c == ')' || c == '}' || c == ']') --depth;
  }
  return depth;
}

bool begins_a_statement(const std::string& code) {
  const std::string text = trimmed(code);
  if (text.empty()) return false;
  const std::string word = words_of(text).front();
  return word != "end" && word != "else" && word != "elseif" && text[0] != '}' && text[0] != ')' &&
         text[0] != '\'' && text[0] != '{';
}

bool goes_on(const std::string& code) {
  constexpr std::array<std::string_view, 8> ends{"..", " and", " or", "=", ",", " +", " -", "("};
  return std::any_of(ends.begin(), ends.end(),
                     [&](std::string_view end) { return code.ends_with(end); });
}

/// Returns: the last line of the statement that begins at `at`.
std::size_t end_of(const LuaFile& file, std::size_t at) {
  int depth = 0;
  for (std::size_t i = at; i < file.lines.size(); ++i) {
    const std::string code = code_of(file.lines[i]);
    depth += depth_of(code);
    if (depth <= 0 && !goes_on(code)) return i;
  }
  return file.lines.size() - 1;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 10> turns{{
    {" == ", " ~= "},
    {" ~= ", " == "},
    {" < ", " <= "},
    {" <= ", " < "},
    {" > ", " >= "},
    {" >= ", " > "},
    {" and ", " or "},
    {" or ", " and "},
    {" + ", " - "},
    {" - ", " + "},
}};

class MutantWriter {
 public:
  explicit MutantWriter(const std::vector<LuaFile>& files) : files_(files) {}

  std::vector<Mutant> write() {
    for (file_ = 0; file_ < files_.size(); ++file_) {
      function_ = "(top)";
      for (std::size_t line = 0; line < files_[file_].lines.size(); ++line) look_at(line);
    }
    return std::move(mutants_);
  }

 private:
  void look_at(std::size_t line) {
    const std::string& text = files_[file_].lines[line];
    if (text.starts_with("#!")) return;
    const std::string code = code_of(text);
    const bool begins_function = trimmed(code).starts_with("local function ");
    if (code.starts_with("local function ")) function_ = words_of(code).at(2);
    if (!code.starts_with(" ") && !code.empty() && code != "end" && !begins_function) {
      function_ = "(top)";
    }
    // A function that is not there is called by nobody who would not fail.
    if (begins_a_statement(code) && (!begins_function || depth_of(code) == 0)) {
      const std::size_t end = end_of(files_[file_], line);
      add(line, end, "", end > line ? "without the block " : "without ");
    }
    for (const auto& [from, to] : turns) {
      for (std::size_t at = code.find(from); at != std::string::npos;
           at = code.find(from, at + 1)) {
        std::string turned = text;
        turned.replace(at, from.size(), to);
        add(line, line, turned, std::string(from.substr(1)) + "to" + std::string(to) + "in ");
      }
    }
  }

  void add(std::size_t first, std::size_t last, const std::string& instead, std::string change) {
    std::vector<LuaFile> changed = files_;
    std::vector<std::string>& lines = changed[file_].lines;
    for (std::size_t i = first; i <= last; ++i) lines[i].clear();
    lines[first] = instead;
    mutants_.push_back({files_[file_].name, first + 1, function_,
                        change + trimmed(files_[file_].lines[first]), joined(changed)});
  }

  const std::vector<LuaFile>& files_;
  std::size_t file_ = 0;
  std::string function_;
  std::vector<Mutant> mutants_;
};

}  // namespace

std::vector<LuaFile> lua_files(const std::string& folder) {
  std::vector<LuaFile> files;
  for (const char* name : {"library", "enqueue", "watch", "lease", "beat", "hints", "settle",
                           "parts", "due", "dead", "inspect", "books", "remove", "dead_large"}) {
    LuaFile file{std::string(name) + ".lua", {}};
    std::ifstream stream(folder + "/" + file.name);
    for (std::string line; std::getline(stream, line);) file.lines.push_back(line);
    if (file.lines.empty()) throw std::runtime_error("cannot read " + folder + "/" + file.name);
    files.push_back(std::move(file));
  }
  return files;
}

std::string joined(const std::vector<LuaFile>& files) {
  std::string text;
  for (const LuaFile& file : files) {
    for (const std::string& line : file.lines) text.append(line).append("\n");
  }
  return text;
}

std::vector<Mutant> mutants_of(const std::vector<LuaFile>& files) {
  return MutantWriter(files).write();
}

}  // namespace ferry::model
