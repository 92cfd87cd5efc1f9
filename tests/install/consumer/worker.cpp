// Sees every public header and links ferry::workers.
#include <cstdio>

#include "every_header.hpp"

struct Greeting {
  static constexpr std::string_view kind = "greeting";
  std::string text;
  MSGPACK_DEFINE_MAP(text)
};

int main() {
  ferry::Handlers handlers;
  handlers.on<Greeting>(
      [](const ferry::JobContext&, const Greeting& g) { std::puts(g.text.c_str()); });
  try {
    ferry::Worker worker{{.concurrency = 1'000'000}, std::move(handlers)};
  } catch (const ferry::Error& error) {
    std::puts(error.what());
    return error.code() == ferry::ErrorCode::invalid_argument ? 0 : 1;
  }
  return 1;
}
