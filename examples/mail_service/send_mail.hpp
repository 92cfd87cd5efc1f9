#pragma once

#include <msgpack.hpp>
#include <string>
#include <string_view>

struct SendMail {
  static constexpr std::string_view kind = "send_mail";  // stored with every job: never rename it
  std::string to;
  std::string subject;
  std::string text;
  MSGPACK_DEFINE_MAP(to, subject, text)
};
