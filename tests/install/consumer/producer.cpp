// Links ferry::core alone.
#include <cstdio>

#include "ferry/client.hpp"

struct Greeting {
  static constexpr std::string_view kind = "greeting";
  std::string text;
  MSGPACK_DEFINE_MAP(text)
};

int main() {
  try {
    ferry::Client client{{.queue = "no queue has spaces"}};
    client.enqueue(Greeting{"hello"});
  } catch (const ferry::Error& error) {
    std::puts(error.what());
    return error.code() == ferry::ErrorCode::invalid_argument ? 0 : 1;
  }
  return 1;
}
