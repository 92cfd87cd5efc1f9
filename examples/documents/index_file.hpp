#pragma once

#include <msgpack.hpp>
#include <string>
#include <string_view>

/// One file to be put into the index. The job carries the path only: the worker reads the file, so
/// a queue of a million documents stays small.
struct IndexFile {
  static constexpr std::string_view kind = "index_file";
  std::string path;
  MSGPACK_DEFINE_MAP(path)
};
