#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/job.hpp"

namespace ferry::secrets {

/// What a sealed payload belongs to: moved to another job, queue or kind it does not open.
struct PayloadBinding {
  JobId id;
  std::string_view queue;
  std::string_view kind;
};

/// Keys of payloads, read from a file: the first one seals, all of them open.
///
/// A sealed payload = nonce (24 random bytes), ciphertext (as long as the plain payload), tag (16).
/// The keys are in memory that is never swapped or dumped, and wiped at the end.
///
/// Threads: any, at the same time.
/// Source: XChaCha20-Poly1305-IETF,
/// https://doc.libsodium.org/secret-key_cryptography/aead/chacha20-poly1305/xchacha20-poly1305_construction
class PayloadKeys {
 public:
  /// What sealing adds to a payload.
  static constexpr std::size_t overhead_bytes = 24 + 16;
  static constexpr std::size_t max_file_bytes = 64 * 1024;

  /// Reads lines of `<key id> <64 hex digits>`; empty ones and those that begin with # are passed
  /// over.
  ///
  /// Errors: `invalid_argument` with file and line; never with anything that was read.
  explicit PayloadKeys(const std::string& path);

  /// Returns: the id of the key that seals.
  const std::string& sealing_key() const { return ids_.front(); }
  bool has(std::string_view key_id) const { return find(key_id) != nullptr; }

  /// Seals with the first key; `out` has room for the payload and `overhead_bytes`.
  void seal(const PayloadBinding& binding, std::string_view payload, char* out) const;

  /// Opens what was sealed; `out` has room for all but `overhead_bytes` of it.
  ///
  /// Returns: false when the bytes are not what that key sealed for that job; nothing of use is in
  /// `out` then.
  bool open(std::string_view key_id, const PayloadBinding& binding, std::string_view sealed,
            char* out) const;

 private:
  struct Wipe {
    void operator()(unsigned char* bytes) const;
  };
  using Protected = std::unique_ptr<unsigned char, Wipe>;

  static Protected make_protected(std::size_t bytes);
  const unsigned char* find(std::string_view key_id) const;
  void read(const std::string& path, std::string_view text);
  void add(const std::string& path, std::size_t number, std::string_view line);

  std::vector<std::string> ids_;
  Protected keys_;  ///< one behind the other, in the order of `ids_`
};

/// Checks a file of keys that options name; an empty path is none.
///
/// Errors: `invalid_argument` with the field.
void require_keys(const std::string& payload_keys_file);

/// Returns: whether it is 1 to 32 of A-Z a-z 0-9 _ . -
bool is_key_id(std::string_view text);

/// Returns: a line for a key file with a new key by chance, with its end.
/// Errors: `invalid_argument` for a bad id.
std::string random_key_line(const std::string& key_id);

/// Puts a new key in front of those of a file, so that it seals from now on; makes the file if
/// there is none. Only its owner may read it afterwards, and whoever reads it meanwhile finds it
/// whole.
///
/// Errors: `invalid_argument` for a bad id or one that is there already, a file that cannot be read
/// or written.
void add_key_in_front(const std::string& path, const std::string& key_id);

}  // namespace ferry::secrets
