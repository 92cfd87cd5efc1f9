#include "files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace {

bool is_header(const std::filesystem::path& path) {
  constexpr std::array<std::string_view, 7> endings = {".h",   ".hh",  ".hpp", ".hxx",
                                                       ".ipp", ".inl", ".tcc"};
  const std::string ending = path.extension().string();
  if (std::ranges::find(endings, ending) != endings.end()) return true;
  // The standard library's own headers have no ending: <vector>, <mutex>.
  return ending.empty() && path.string().find("/c++/") != std::string::npos;
}

void collect(const std::filesystem::path& folder, std::vector<std::string>& files) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::recursive_directory_iterator entries(folder, fs::directory_options::skip_permission_denied,
                                           error);
  if (error)
    throw std::runtime_error("cannot read folder " + folder.string() + ": " + error.message());
  for (const fs::directory_entry& entry : entries) {
    if (is_header(entry.path()) && !entry.is_directory(error)) {
      files.push_back(entry.path().string());
    }
  }
}

std::string too_large(std::uintmax_t bytes) {
  return "file has " + std::to_string(bytes) + " bytes, more than the limit of " +
         std::to_string(largest_file_bytes);
}

/// Closes on the way out.
struct Descriptor {
  int number = -1;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

}  // namespace

std::vector<std::string> find_headers(const std::string& folders) {
  std::vector<std::string> files;
  std::istringstream in(folders);
  for (std::string folder; std::getline(in, folder, ':');) {
    if (!folder.empty()) collect(folder, files);
  }
  std::ranges::sort(files);
  const auto repeated = std::ranges::unique(files);
  files.erase(repeated.begin(), repeated.end());
  return files;
}

ReadFile read_file(const std::string& path) {
  // Non-blocking, so that a pipe among the documents cannot hold a worker for ever.
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat about {};
  if (file.number < 0 || fstat(file.number, &about) != 0) {
    return {{}, "cannot open file: " + std::string(std::strerror(errno))};
  }
  if (!S_ISREG(about.st_mode)) return {{}, "not a regular file"};
  const auto bytes = static_cast<std::uintmax_t>(about.st_size);
  if (bytes > largest_file_bytes) return {{}, too_large(bytes)};
  ReadFile read;
  read.text.resize(bytes);
  std::size_t filled = 0;
  while (filled < read.text.size()) {
    const ssize_t now = ::read(file.number, read.text.data() + filled, read.text.size() - filled);
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) return {{}, "cannot read file: " + std::string(std::strerror(errno))};
    if (now == 0) break;
    filled += static_cast<std::size_t>(now);
  }
  read.text.resize(filled);
  return read;
}

bool looks_readable(const std::string& path) {
  struct stat about {};
  return stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) &&
         static_cast<std::uintmax_t>(about.st_size) <= largest_file_bytes &&
         access(path.c_str(), R_OK) == 0;
}
