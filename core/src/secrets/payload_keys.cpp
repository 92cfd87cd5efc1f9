#include "secrets/payload_keys.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>

#include "ferry/error.hpp"
#include "secrets/checks.hpp"
#include "secrets/password.hpp"
#include "wire/limits.hpp"
#include "wire/names.hpp"

namespace ferry::secrets {
namespace {

constexpr std::size_t key_bytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(key_bytes == 32 && nonce_bytes + tag_bytes == PayloadKeys::overhead_bytes);

/// A key is expected in this many files at most; rotation needs two or three.
constexpr std::size_t max_keys = 64;
/// The first byte of what is authenticated: another way of sealing would have another one.
constexpr unsigned char sealing_version = 1;

[[noreturn]] void refuse_line(const std::string& path, std::size_t number,
                              const std::string& what) {
  throw Error(ErrorCode::invalid_argument, path + ':' + std::to_string(number) + ": " + what);
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// A descriptor that is closed in the end.
class File {
 public:
  explicit File(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) refuse(path, "cannot be read", errno);
  }
  ~File() { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

/// Pipes and sockets have no rights worth a look.
void require_private(const File& file, const std::string& path) {
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) refuse(path, "cannot be read", errno);
  constexpr mode_t of_others = S_IWGRP | S_IRWXO;
  if (!S_ISREG(about.st_mode) || (about.st_mode & of_others) == 0) return;
  refuse(path,
         "holds keys, and others than its owner and group may read it, or others than its owner "
         "write it: chmod g-w,o= it");
}

/// Fills `buffer` as far as the file goes.
std::size_t read_all(const File& file, const std::string& path, unsigned char* buffer,
                     std::size_t most) {
  std::size_t filled = 0;
  while (filled < most) {
    const ssize_t got = ::read(file.get(), buffer + filled, most - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(path, "cannot be read", errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

/// What is authenticated beside the payload: version, id, and the names behind their lengths.
class AssociatedData {
 public:
  explicit AssociatedData(const PayloadBinding& binding) {
    assert(wire::is_name(binding.queue) && wire::is_name(binding.kind));
    bytes_[size_++] = sealing_version;
    std::memcpy(bytes_.data() + size_, binding.id.bytes.data(), binding.id.bytes.size());
    size_ += binding.id.bytes.size();
    add(binding.queue);
    add(binding.kind);
  }
  const unsigned char* data() const { return bytes_.data(); }
  std::size_t size() const { return size_; }

 private:
  void add(std::string_view name) {
    bytes_[size_++] = static_cast<unsigned char>(name.size());
    std::memcpy(bytes_.data() + size_, name.data(), name.size());
    size_ += name.size();
  }

  std::array<unsigned char, 1 + 16 + 2 * (1 + wire::max_name_bytes)> bytes_;
  std::size_t size_ = 0;
};

std::string_view trimmed(std::string_view line) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  return line;
}

void require_key_id(const std::string& key_id) {
  if (is_key_id(key_id)) return;
  throw Error(ErrorCode::invalid_argument, "the key's id is not 1 to 32 of A-Z a-z 0-9 _ . -");
}

}  // namespace

bool is_key_id(std::string_view text) {
  return text.size() <= wire::max_key_id_bytes && wire::is_name(text);
}

void PayloadKeys::Wipe::operator()(unsigned char* bytes) const { ::sodium_free(bytes); }

PayloadKeys::Protected PayloadKeys::make_protected(std::size_t bytes) {
  Protected memory(static_cast<unsigned char*>(::sodium_malloc(bytes)));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

PayloadKeys::PayloadKeys(const std::string& path) {
  require_sodium();
  const File file(path);
  require_private(file, path);
  const Protected text = make_protected(max_file_bytes + 1);
  const std::size_t size = read_all(file, path, text.get(), max_file_bytes + 1);
  if (size > max_file_bytes) {
    refuse(path, "has more than " + std::to_string(max_file_bytes) + " bytes: is it a key file?");
  }
  keys_ = make_protected(max_keys * key_bytes);
  read(path, {reinterpret_cast<const char*>(text.get()), size});
  ::sodium_mprotect_readonly(keys_.get());
}

void PayloadKeys::read(const std::string& path, std::string_view text) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (!line.empty() && line.front() != '#') add(path, number, line);
  }
  if (ids_.empty()) refuse(path, "holds no key; `ferry key` makes one");
}

/// Nothing of the line is ever told: where an id is expected may be a key.
void PayloadKeys::add(const std::string& path, std::size_t number, std::string_view line) {
  const std::size_t blank = line.find_first_of(" \t");
  const std::string_view id = line.substr(0, blank);
  const std::string_view hex =
      blank == std::string_view::npos ? std::string_view{} : trimmed(line.substr(blank));
  if (!is_key_id(id)) {
    refuse_line(path, number, "the key's id is not 1 to 32 of A-Z a-z 0-9 _ . -");
  }
  if (ids_.size() == max_keys) {
    refuse_line(path, number, "more than " + std::to_string(max_keys) + " keys");
  }
  unsigned char* key = keys_.get() + ids_.size() * key_bytes;
  std::size_t bytes = 0;
  const bool is_hex =
      ::sodium_hex2bin(key, key_bytes, hex.data(), hex.size(), nullptr, &bytes, nullptr) == 0;
  if (!is_hex || bytes != key_bytes || hex.size() != 2 * key_bytes) {
    refuse_line(path, number, "the key is not 64 hex digits behind its id and a blank");
  }
  if (has(id)) refuse_line(path, number, "a line before it has a key with the same id");
  ids_.emplace_back(id);
}

const unsigned char* PayloadKeys::find(std::string_view key_id) const {
  const auto found = std::ranges::find(ids_, key_id);
  if (found == ids_.end()) return nullptr;
  return keys_.get() + static_cast<std::size_t>(found - ids_.begin()) * key_bytes;
}

void PayloadKeys::seal(const PayloadBinding& binding, std::string_view payload, char* out) const {
  const AssociatedData data(binding);
  auto* nonce = reinterpret_cast<unsigned char*>(out);
  ::randombytes_buf(nonce, nonce_bytes);
  ::crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + nonce_bytes, nullptr, bytes_of(payload),
                                               payload.size(), data.data(), data.size(), nullptr,
                                               nonce, keys_.get());
}

bool PayloadKeys::open(std::string_view key_id, const PayloadBinding& binding,
                       std::string_view sealed, char* out) const {
  const unsigned char* key = find(key_id);
  if (key == nullptr || sealed.size() < overhead_bytes) return false;
  const AssociatedData data(binding);
  const unsigned char* nonce = bytes_of(sealed);
  return ::crypto_aead_xchacha20poly1305_ietf_decrypt(
             reinterpret_cast<unsigned char*>(out), nullptr, nullptr, nonce + nonce_bytes,
             sealed.size() - nonce_bytes, data.data(), data.size(), nonce, key) == 0;
}

void require_keys(const std::string& payload_keys_file) {
  if (payload_keys_file.empty()) return;
  try {
    const PayloadKeys keys(payload_keys_file);
  } catch (const Error& error) {
    throw Error(error.code(), std::string("payload_keys_file: ") + error.what());
  }
}

std::string random_key_line(const std::string& key_id) {
  require_sodium();
  require_key_id(key_id);
  std::array<unsigned char, key_bytes> key;
  ::randombytes_buf(key.data(), key.size());
  std::array<char, 2 * key_bytes + 1> hex;
  ::sodium_bin2hex(hex.data(), hex.size(), key.data(), key.size());
  std::string line = key_id + ' ' + hex.data() + '\n';
  ::sodium_memzero(key.data(), key.size());
  ::sodium_memzero(hex.data(), hex.size());
  return line;
}

void add_key_in_front(const std::string& path, const std::string& key_id) {
  std::string text = random_key_line(key_id);
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    write_private_file(path, text);
  } else {
    if (PayloadKeys(path).has(key_id)) {
      refuse(path, "has a key with this id already: choose another, ids are never used again");
    }
    const File file(path);
    const std::size_t own = text.size();
    text.resize(own + PayloadKeys::max_file_bytes);
    text.resize(own + read_all(file, path, reinterpret_cast<unsigned char*>(text.data()) + own,
                               PayloadKeys::max_file_bytes));
    const std::string next = path + ".new";
    write_private_file(next, text);
    std::error_code problem;
    std::filesystem::rename(next, path, problem);
    if (problem) {
      ::unlink(next.c_str());
      refuse(path, "cannot be replaced: " + problem.message());
    }
  }
  ::sodium_memzero(text.data(), text.size());
}

}  // namespace ferry::secrets
