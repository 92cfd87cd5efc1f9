// Writes every mail to a file in an outbox: worker REDIS-URL OUTBOX
#include "ferry/worker.hpp"

#include <cstdio>
#include <fstream>

#include "send_mail.hpp"

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: mail_worker REDIS-URL OUTBOX\n", stderr), 2;
  const std::string outbox = argv[2];
  ferry::Handlers handlers;
  handlers.on<SendMail>([&](const ferry::JobContext& context, const SendMail& mail) {
    if (mail.to.find('@') == std::string::npos) return ferry::fail("no address: " + mail.to);
    std::ofstream out(outbox + "/" + context.id.to_string() + ".eml");  // a second run: same file
    out << "To: " << mail.to << "\nSubject: " << mail.subject << "\n\n" << mail.text << "\n";
    return out.flush() ? ferry::done() : ferry::retry("cannot write to " + outbox);
  });

  try {
    ferry::Worker worker{{.redis = {.url = argv[1]}, .queues = {{"mail", 1}}}, std::move(handlers)};
    const ferry::StopOnSignal stop{worker};
    return worker.run();
  } catch (const ferry::Error& e) {  // an option is wrong, such as the URL
    std::fprintf(stderr, "mail_worker: %s\n", e.what());
    return 1;
  }
}
