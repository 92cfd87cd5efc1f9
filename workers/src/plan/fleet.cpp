#include "plan/fleet.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <numbers>
#include <queue>
#include <random>
#include <vector>

namespace ferry::plan {
namespace {

constexpr double ms_in_second = 1e3;
/// What comes before that part of the time does not count.
constexpr double warm_up_part = 0.25;

std::size_t most_share(std::size_t things, std::size_t places) {
  return (things + places - 1) / places;
}

class Fleet {
 public:
  explicit Fleet(const FleetSettings& settings)
      : settings_(settings),
        bits_(settings.seed),
        servers_(settings.servers),
        workers_(settings.workers),
        next_worker_(settings.partitions, 0) {
    for (Worker& worker : workers_) worker.free = settings.handlers;
    const double jobs = std::clamp(settings.per_second, 50'000.0, 300'000.0);
    end_ = jobs / settings.per_second * ms_in_second;
    from_ = end_ * warm_up_part;
  }

  FleetAnswer run() {
    push(gap(), What::arrival, 0);
    while (!events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      handle(event);
    }
    return answer();
  }

 private:
  enum class What : std::uint8_t { arrival, in_worker, timer, call_end };

  struct Event {
    double at;
    What what;
    std::uint32_t index;  ///< of the worker, or of the call
    double enqueued = 0;  ///< of a job on its way to the worker
    bool operator>(const Event& other) const { return at > other.at; }
  };

  struct Waiting {
    double enqueued;
    double arrived;
  };

  struct Worker {
    std::deque<Waiting> waiting{};
    std::size_t free = 0;
    bool timer_set = false;
  };

  struct Call {
    std::uint32_t worker;
    std::vector<Waiting> jobs;
  };

  struct Server {
    double free_at = 0;
    double busy = 0;
  };

  double uniform() { return (static_cast<double>(bits_() >> 11U) + 1) * 0x1.0p-53; }
  double gap() { return -std::log(uniform()) / settings_.per_second * ms_in_second; }
  double noise() {
    // Box and Muller, "A Note on the Generation of Random Normal Deviates" (1958).
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return std::exp(settings_.time.noise * radius * std::cos(2 * std::numbers::pi * uniform()));
  }
  bool counts(double at) const { return at >= from_ && at < end_; }

  void push(double at, What what, std::uint32_t index, double enqueued = 0) {
    events_.push({at, what, index, enqueued});
  }

  void handle(const Event& event) {
    switch (event.what) {
      case What::arrival:
        return arrive();
      case What::in_worker:
        workers_[event.index].waiting.push_back({event.enqueued, now_});
        return let_leave(event.index);
      case What::timer:
        workers_[event.index].timer_set = false;
        return let_leave(event.index);
      case What::call_end:
        return end_call(event.index);
    }
  }

  void arrive() {
    const auto partition = static_cast<std::size_t>(bits_() % settings_.partitions);
    const double stored = serve(partition, settings_.redis_per_job * 2 / 3);
    push(stored, What::in_worker, worker_of(partition), now_);
    const double next = now_ + gap();
    if (next < end_) push(next, What::arrival, 0);
  }

  /// The workers of a partition take turns, as those that block on a stream do.
  std::uint32_t worker_of(std::size_t partition) {
    if (settings_.workers <= settings_.partitions) {
      return static_cast<std::uint32_t>(partition % settings_.workers);
    }
    const std::size_t here = settings_.workers / settings_.partitions +
                             (partition < settings_.workers % settings_.partitions ? 1 : 0);
    const std::size_t turn = next_worker_[partition]++ % here;
    return static_cast<std::uint32_t>(partition + turn * settings_.partitions);
  }

  /// Returns: when the partition's server has done it.
  double serve(std::size_t partition, double time) {
    Server& server = servers_[partition % settings_.servers];
    const double start = std::max(now_, server.free_at);
    server.free_at = start + time;
    if (counts(now_)) {
      redis_wait_ += start - now_;
      ++redis_calls_;
    }
    server.busy += std::max(0.0, std::min(server.free_at, end_) - std::clamp(start, from_, end_));
    return server.free_at;
  }

  void let_leave(std::uint32_t index) {
    Worker& worker = workers_[index];
    while (worker.free > 0 && !worker.waiting.empty()) {
      const double due = worker.waiting.front().arrived + settings_.hold;
      if (worker.waiting.size() < settings_.most_jobs && now_ < due) {
        if (!worker.timer_set) push(due, What::timer, index);
        worker.timer_set = true;
        return;
      }
      start_call(index, worker);
    }
  }

  void start_call(std::uint32_t index, Worker& worker) {
    const std::size_t size = std::min(worker.waiting.size(), settings_.most_jobs);
    const auto last = worker.waiting.begin() + static_cast<std::ptrdiff_t>(size);
    Call call{index, {worker.waiting.begin(), last}};
    worker.waiting.erase(worker.waiting.begin(), last);
    --worker.free;
    const auto n = static_cast<double>(size);
    const double took = (settings_.time.fixed + settings_.time.per_job * n) * noise();
    handler_time_ += std::max(0.0, std::min(now_ + took, end_) - std::clamp(now_, from_, end_));
    if (counts(now_)) {
      ++batches_;
      jobs_in_batches_ += size;
      for (const Waiting& job : call.jobs) handler_wait_ += now_ - job.arrived;
    }
    std::uint32_t place = 0;
    if (spare_.empty()) {
      place = static_cast<std::uint32_t>(calls_.size());
      calls_.push_back(std::move(call));
    } else {
      place = spare_.back();
      spare_.pop_back();
      calls_[place] = std::move(call);
    }
    push(now_ + took, What::call_end, place);
  }

  void end_call(std::uint32_t place) {
    const Call call = std::move(calls_[place]);
    spare_.push_back(place);
    const double settled =
        serve(call.worker % settings_.partitions,
              settings_.redis_per_job / 3 * static_cast<double>(call.jobs.size()));
    for (const Waiting& job : call.jobs) {
      if (counts(job.enqueued)) latencies_.push_back(settled - job.enqueued);
      if (counts(settled)) ++done_;
    }
    ++workers_[call.worker].free;
    let_leave(call.worker);
  }

  FleetAnswer answer() {
    const double counted = end_ - from_;
    FleetAnswer answer;
    answer.simulated_seconds = end_ / ms_in_second;
    answer.jobs = latencies_.size();
    answer.handlers_busy =
        handler_time_ / (counted * static_cast<double>(settings_.workers * settings_.handlers));
    const auto& busiest = *std::ranges::max_element(servers_, {}, &Server::busy);
    answer.busiest_server = busiest.busy / counted;
    answer.done_per_second = static_cast<double>(done_) / counted * ms_in_second;
    if (redis_calls_ > 0) answer.mean_redis_wait = redis_wait_ / static_cast<double>(redis_calls_);
    if (jobs_in_batches_ > 0) {
      answer.mean_handler_wait = handler_wait_ / static_cast<double>(jobs_in_batches_);
      answer.mean_batch = static_cast<double>(jobs_in_batches_) / static_cast<double>(batches_);
    }
    if (latencies_.empty()) return answer;
    double sum = 0;
    for (const double latency : latencies_) sum += latency;
    answer.mean = sum / static_cast<double>(latencies_.size());
    const auto rank = latencies_.begin() + static_cast<std::ptrdiff_t>(
                                               0.99 * static_cast<double>(latencies_.size() - 1));
    std::ranges::nth_element(latencies_, rank);
    answer.p99 = *rank;
    return answer;
  }

  FleetSettings settings_;
  std::mt19937_64 bits_;
  std::vector<Server> servers_;
  std::vector<Worker> workers_;
  std::vector<std::size_t> next_worker_;
  std::vector<Call> calls_;
  std::vector<std::uint32_t> spare_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<double> latencies_;
  double now_ = 0;
  double from_ = 0;
  double end_ = 0;
  double handler_time_ = 0;
  double handler_wait_ = 0;
  double redis_wait_ = 0;
  std::size_t redis_calls_ = 0;
  std::size_t batches_ = 0;
  std::size_t jobs_in_batches_ = 0;
  std::size_t done_ = 0;
};

}  // namespace

FleetAnswer simulate_fleet(const FleetSettings& settings) { return Fleet(settings).run(); }

FleetLimits limits_of(const FleetSettings& settings, double worker_saturation) {
  const auto partitions = static_cast<double>(settings.partitions);
  FleetLimits limits;
  if (settings.workers >= settings.partitions) {
    // The partition with the fewest workers is the first whose jobs wait.
    const auto fewest = static_cast<double>(settings.workers / settings.partitions);
    limits.handlers = worker_saturation * fewest * partitions;
  } else {
    const auto most = static_cast<double>(most_share(settings.partitions, settings.workers));
    limits.handlers = worker_saturation * partitions / most;
  }
  const auto most = static_cast<double>(most_share(settings.partitions, settings.servers));
  limits.servers = settings.redis_per_job > 0
                       ? ms_in_second / settings.redis_per_job * partitions / most
                       : INFINITY;
  const bool handlers_first = limits.handlers <= limits.servers;
  limits.first = {handlers_first ? "handlers" : "Redis CPU",
                  handlers_first ? limits.handlers : limits.servers};
  return limits;
}

}  // namespace ferry::plan
