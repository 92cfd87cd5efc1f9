// Results that hold a failure. Each line that ends in "refused: <words>" must bring exactly one
// warning with these words; with RIGHT_ONLY the lines are left out, and what is left brings none.
#include <vector>

#include "ferry/experiment.hpp"
#include "ferry/queues.hpp"
#include "ferry/setup.hpp"
#include "ferry/worker.hpp"

struct Mail {
  static constexpr std::string_view kind = "mail";
  std::string to;
  MSGPACK_DEFINE_MAP(to)
};

void looked_at(ferry::Client& client, const std::vector<Mail>& mails, ferry::Worker& worker) {
  client.enqueue(mails.front());  // throws
  for (const ferry::EnqueueResult& result : client.enqueue_all(mails)) static_cast<void>(result);
  const ferry::Receipt receipt = client.enqueue_async(mails.front());
  if (!receipt.get()) static_cast<void>(worker.run());
}

#ifndef RIGHT_ONLY
// clang-format off
void dropped(ferry::Client& client, const std::vector<Mail>& mails, ferry::Worker& worker, ferry::Queues& queues, ferry::Queue& queue, const ferry::RedisOptions& redis, ferry::Policy policy, ferry::Batch<Mail>& batch) {
  client.enqueue_all(mails);  // refused: nodiscard
  client.enqueue_async(mails.front());  // refused: nodiscard
  client.enqueue_packed_async("mail", "x");  // refused: nodiscard
  client.enqueue_async(mails.front()).get();  // refused: nodiscard
  worker.run();  // refused: nodiscard
  queues.forget("mail");  // refused: nodiscard
  queue.audit();  // refused: nodiscard
  ferry::save_access(redis);  // refused: nodiscard
  ferry::check_server(redis);  // refused: nodiscard
  policy.shed(ferry::Priority::low);  // refused: nodiscard
  ferry::retry("busy");  // refused: nodiscard
  ferry::retry_after(std::chrono::seconds{1}, "busy");  // refused: nodiscard
  ferry::fail("no");  // refused: nodiscard
  ferry::done();  // refused: nodiscard
  if (batch.size() > 0) ferry::fail("no");  // refused: nodiscard
  ferry::experiment_main(0, nullptr, {});  // refused: nodiscard
}
// clang-format on
#endif
