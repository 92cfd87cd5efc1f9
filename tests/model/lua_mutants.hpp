#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ferry::model {

/// The library with one small thing wrong.
struct Mutant {
  std::string file;      ///< as in `settle.lua`
  std::size_t line = 0;  ///< from 1
  std::string function;  ///< the Lua function that the line is in
  std::string change;    ///< `without` or `== to ~=`, and the text of the line
  std::string library;   ///< the whole text

  std::string name() const { return file + ":" + std::to_string(line) + " " + change; }
};

/// One of the library's files.
struct LuaFile {
  std::string name;
  std::vector<std::string> lines;
};

/// Reads the library's files, in the order in which they are joined.
std::vector<LuaFile> lua_files(const std::string& folder);
std::string joined(const std::vector<LuaFile>& files);

/// Every statement taken out, blocks as a whole too; every comparison, `and`, `or`, `+` and `-`
/// turned.
std::vector<Mutant> mutants_of(const std::vector<LuaFile>& files);

}  // namespace ferry::model
