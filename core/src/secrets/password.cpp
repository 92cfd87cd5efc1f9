#include "secrets/password.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "secrets/checks.hpp"

namespace ferry::secrets {
namespace {

constexpr std::size_t password_bytes = 32;
/// Redis takes longer ones, but then a URL cannot hold it (see redis/url.hpp).
constexpr std::size_t max_line_bytes = 2048;

}  // namespace

std::string random_password() {
  require_sodium();
  std::array<unsigned char, password_bytes> bytes;
  ::randombytes_buf(bytes.data(), bytes.size());
  constexpr int form = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_ENCODED_LEN(password_bytes, form), '\0');
  ::sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), form);
  text.pop_back();  // the zero behind it
  return text;
}

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
  ::crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()),
                       text.size());
  std::string hex(2 * hash.size() + 1, '\0');
  ::sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  hex.pop_back();
  return hex;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  // Never a line of any length: a wrong name may be that of an image, or of a device without end.
  std::array<char, max_line_bytes + 2> buffer{};
  if (!file.getline(buffer.data(), buffer.size()) || buffer[0] == '\0' || buffer[0] == '\r') {
    const bool too_long = file.gcount() + 1 >= static_cast<std::streamsize>(buffer.size());
    const std::string what =
        too_long ? "has a first line of more than " + std::to_string(max_line_bytes) + " bytes"
                 : "has no first line that can be read";
    refuse(path, what + "; write the password there, alone");
  }
  std::string line(buffer.data());
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

void write_private_file(const std::string& path, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) refuse(path, "cannot be made", errno);
  const ssize_t written = ::write(file, text.data(), text.size());
  const int problem = written == static_cast<ssize_t>(text.size()) ? ::fsync(file) : -1;
  const int error_number = errno;
  ::close(file);
  if (problem == 0) return;
  ::unlink(path.c_str());
  refuse(path, "cannot be written", error_number);
}

}  // namespace ferry::secrets
