#include "flow/live/link.hpp"

#include <fstream>
#include <sstream>

#include "flow/mix/mix_json.hpp"
#include "support/wait.hpp"

namespace ferry::flow {

using namespace std::chrono_literals;

Link::Link(const Mix& mix, std::chrono::microseconds round_trip) {
  std::ofstream(folder_.file("mix.json")) << json_of(mix).dump(1);
  if (round_trip <= 0us) return;
  proxy_ = std::make_unique<test::Proxy>(redis_.socket_path(), folder_.file("link"));
  proxy_->delay(round_trip / 2);
}

std::unique_ptr<WorkerProcess> Link::start(std::size_t worker) const {
  return std::make_unique<WorkerProcess>(proxy_ == nullptr ? redis_.url() : proxy_->url(),
                                         folder_.path(), worker, "worker" + std::to_string(worker));
}

std::unique_ptr<WorkerProcess> Link::start_and_wait(std::size_t worker) const {
  auto process = start(worker);
  const auto settled = [&] { return process->note().ready > 0 || process->has_ended(); };
  if (!test::eventually(settled, 60s) || process->has_ended()) return nullptr;
  return process;
}

std::string Link::log() const {
  std::ostringstream text;
  text << std::ifstream(folder_.file("workers.log")).rdbuf();
  return text.str();
}

bool Link::refused_for_lease() const {
  return log().find("a heartbeat for all queues takes") != std::string::npos;
}

RedisOptions Link::reach() const {
  RedisOptions options;
  options.url = redis_.url();
  return options;
}

}  // namespace ferry::flow
