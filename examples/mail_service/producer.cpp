// Hands over one mail: producer REDIS-URL TO SUBJECT TEXT
#include <cstdio>

#include "ferry/client.hpp"
#include "send_mail.hpp"

int main(int argc, char** argv) {
  if (argc != 5) return std::fputs("usage: mail_producer REDIS-URL TO SUBJECT TEXT\n", stderr), 2;
  try {
    ferry::Client client{{.redis = {.url = argv[1]}, .queue = "mail"}};
    const auto id = client.enqueue(SendMail{.to = argv[2], .subject = argv[3], .text = argv[4]});
    std::printf("enqueued %s\n", id.to_string().c_str());
  } catch (const ferry::Error& e) {
    std::fprintf(stderr, "mail_producer: %s\n", e.what());
    return 1;
  }
}
