#pragma once

#include <zstd.h>

#include <string>
#include <string_view>
#include <vector>

#include "unit/wire/samples.hpp"

namespace ferry::test {

/// Bytes that no writer of ours makes, and what a dead letter's reason must say of them.
struct Hostile {
  std::string name;
  std::string bytes;
  std::string reason;
};

inline std::string big_header(char type) { return type + std::string(4, '\xff'); }

/// A body of one job of kind `number`, up to its payload.
inline std::string body_up_to_payload() {
  return "\x93\xcf" + std::string("\x00\x06\x5e\xb8\x5b\x0c\x00\x00", 8) + "\x91\xa6number" +
         std::string("\x91\x93\x00\x00", 4);
}

inline std::string good_body() { return body_up_to_payload() + "\xc4\x08\x81\xa5value\x01"; }

inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
  return text.replace(text.find(from), from.size(), to);
}

inline std::string compressed(std::string_view bytes) {
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), 1));
  return frame;
}

/// Bytes in which no head can be read, so that no enqueue would have stored them.
inline std::vector<Hostile> without_head(std::size_t deep = 10'000) {
  const std::string good = wire::samples::envelope_with(0, 1, good_body());
  const std::string why = "envelope cannot be decoded: the head is not one of version 1";
  std::vector<Hostile> all{
      {"nothing", "", why},
      {"text", "GET / HTTP/1.1\r\n\r\n", why},
      {"cut head", good.substr(0, 15), why},
      {"a version that never was", replaced(good, "\x95\x01", std::string("\x95\x00", 2)), why},
      {"no job", replaced(good, std::string("\xcd\x00\x01", 3), std::string("\xcd\x00\x00", 3)),
       why},
      {"1001 jobs", replaced(good, std::string("\xcd\x00\x01", 3), "\xcd\x03\xe9"), why},
      {"nested deep", std::string(deep, '\x91'), why},
  };
  for (const char type : {'\xdd', '\xdf', '\xc6', '\xdb', '\xc9'}) {
    all.push_back({"five bytes that ask for gigabytes", big_header(type), why});
  }
  return all;
}

/// Envelopes with a sound head and a body that is not what the head says. Enqueue stores them.
inline std::vector<Hostile> with_head() {
  using wire::samples::bundle;
  using wire::samples::envelope_with;
  const std::string good = good_body();
  const std::string payload = "\xc4\x08\x81\xa5value\x01";
  const auto of = [](std::uint8_t flags, std::size_t count, const std::string& body) {
    return envelope_with(flags, count, body);
  };
  const std::string part = of(0, 1, good);
  std::vector<Hostile> all{
      {"garbage", of(0, 1, "garbage"), "the body is not an array of 3"},
      {"cut payload", of(0, 1, good.substr(0, good.size() - 1)), "runs past the end"},
      {"more jobs than there are", of(0, 7, good), "the body holds 1 jobs, the head says 7"},
      {"a thousand jobs promised", of(0, 1000, good), "the body holds 1 jobs, the head says 1000"},
      {"kind index out of range",
       of(0, 1, replaced(good, std::string("\x93\x00\x00", 3), std::string("\x93\x05\x00", 3))),
       "kind index 5 is outside of the 1 kinds"},
      {"payload of gigabytes", of(0, 1, body_up_to_payload() + big_header('\xc6')),
       "payload length runs past the end"},
      {"kinds of gigabytes", of(0, 1, replaced(good, "\x91\xa6number", big_header('\xdd'))),
       "the kind table runs past the end"},
      {"jobs of gigabytes",
       of(0, 1, replaced(good, std::string("\x91\x93\x00", 3), big_header('\xdd'))),
       "the job list runs past the end"},
      {"extras of gigabytes",
       of(0, 1,
          replaced(good, std::string("\x91\x93\x00", 3), std::string("\x91\x94\x00", 3)) +
              big_header('\xdf')),
       "extras runs past the end"},
      {"deep extras",
       of(0, 1,
          replaced(good, std::string("\x91\x93\x00", 3), std::string("\x91\x94\x00", 3)) +
              "\x81\x63" + std::string(10'000, '\x91')),
       "extras runs past the end"},
      {"bytes behind the body", of(0, 1, good + "x"), "the body is followed by other bytes"},
      {"lying bundle", bundle({part, part}, 5), "do not hold the 5 jobs"},
      {"bundle in a bundle", bundle({bundle({part}, 1)}, 1), "not allowed inside a bundle"},
      {"no zstd", of(wire::flag_zstd, 1, "no frame at all"), "the zstd frame is damaged"},
      {"zstd that grows above the limit",
       of(wire::flag_zstd, 1, compressed(std::string(wire::max_inflated_bytes + 1, '\0'))),
       "inflates to more than"},
      {"zstd bomb within the limit",
       of(wire::flag_zstd, 1, compressed(std::string(wire::max_inflated_bytes, '\0'))),
       "the body is not an array of 3"},
  };
  return all;
}

/// Payloads that no handler's job can be made of.
inline std::vector<Hostile> payloads(std::size_t deep = 10'000) {
  const std::string why = "payload cannot be decoded: ";
  std::vector<Hostile> all{
      {"nothing", "", why},
      {"garbage", "\xc1garbage", why + "the payload is no msgpack value: it has the byte c1"},
      {"cut off", "\x81\xa5val", why + "the payload is no msgpack value: it is cut off"},
      {"followed by more", "\x81\xa5value\x01\x01", why + "the payload is followed by 1 other"},
      {"another type", "\xa5value", why},
      {"another field type", "\x81\xa5value\xa1x", why},
      {"a lying count", "\xdc\xff\xff\x01\x02\x03", why + "the payload is no msgpack value"},
      {"nested deep", std::string(deep, '\x91'), why + "the payload is nested more than 64 deep"},
      // A megabyte of elements: 24 bytes of memory for each byte of payload.
      {"many elements",
       "\xdd" + wire::samples::big_endian_32(200'000) + std::string(200'000, '\xc0'), why},
  };
  for (const char type : {'\xdd', '\xdf', '\xc6', '\xdb', '\xc9'}) {
    all.push_back({"five bytes that ask for gigabytes", big_header(type),
                   why + "the payload is no msgpack value: it is cut off, or a length in it is "
                         "larger than the payload"});
  }
  return all;
}

}  // namespace ferry::test
