#include "fault/harness/records.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace ferry::fault {
namespace {

template <typename Record>
std::vector<Record> read_all(const std::string& folder, const std::string& prefix) {
  std::vector<Record> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    const std::size_t bytes = entry.file_size() / sizeof(Record) * sizeof(Record);
    const std::size_t before = all.size();
    all.resize(before + bytes / sizeof(Record));
    std::ifstream in(entry.path(), std::ios::binary);
    in.read(reinterpret_cast<char*>(all.data() + before), static_cast<std::streamsize>(bytes));
    if (!in) throw std::runtime_error("cannot read " + entry.path().string());
  }
  return all;
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::_Exit(70);
}

}  // namespace

RecordFile::RecordFile(const std::string& path)
    : file_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {
  if (file_ < 0) give_up(path.c_str());
}

RecordFile::~RecordFile() { ::close(file_); }

void RecordFile::append_bytes(const void* bytes, std::size_t size) const {
  if (size > 0 && ::write(file_, bytes, size) != static_cast<ssize_t>(size)) give_up("a record");
}

void RecordFile::overwrite_bytes(const void* bytes, std::size_t size) const {
  // pwrite appends to a file that was opened to be appended to, whatever its offset.
  if (::fcntl(file_, F_SETFL, 0) != 0 ||
      ::pwrite(file_, bytes, size, 0) != static_cast<ssize_t>(size)) {
    give_up("a note");
  }
}

std::vector<Claim> read_claims(const std::string& folder, const std::string& prefix) {
  return read_all<Claim>(folder, prefix);
}

std::vector<Effect> read_effects(const std::string& folder, const std::string& prefix) {
  return read_all<Effect>(folder, prefix);
}

std::vector<WorkerNote> read_notes(const std::string& folder, const std::string& prefix) {
  return read_all<WorkerNote>(folder, prefix);
}

}  // namespace ferry::fault
