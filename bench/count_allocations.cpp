// How many times does a drain allocate for a job, before the handler's own decode? Called by
// `measure`; prints one number.
#include <charconv>
#include <cstdio>
#include <string_view>

#include "counting_new.hpp"
#include "producer.hpp"
#include "running_worker.hpp"

namespace ferry::bench {

/// A blob that nobody opens.
struct ClosedBlob {
  static constexpr std::string_view kind = Blob::kind;
  int nothing = 0;
  MSGPACK_DEFINE_MAP(nothing)
};

}  // namespace ferry::bench

template <>
bool ferry::detail::decode(RawItem&, ferry::bench::ClosedBlob&, msgpack::zone&) {
  return true;
}

int main(int argc, char** argv) {
  using namespace ferry::bench;
  try {
    std::size_t jobs = 0;
    const std::string_view argument = argc == 2 ? argv[1] : "";
    std::from_chars(argument.data(), argument.data() + argument.size(), jobs);
    if (jobs == 0) throw Failure("the number of jobs is missing");
    const ferry::PrivateRedis server;
    const ferry::RedisOptions redis{.url = server.url(), .prefix = "ferrybench"};
    Producer(redis, "counted", {.jobs = jobs}).hand_over();
    ferry::Handlers handlers;
    handlers.on_batch<ClosedBlob>(ferry::realtime(1000), [](ferry::Batch<ClosedBlob>&) {});
    const Effort before = effort();
    {
      const Uncounted looking;
      RunningWorker worker(worker_options(redis, "counted", 2), std::move(handlers));
      worker.wait_until_done(jobs);
    }
    const Effort spent = effort() - before;
    std::printf("%.6f\n", static_cast<double>(spent.allocations) / static_cast<double>(jobs));
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "count_allocations: %s\n", e.what());
    return 1;
  }
}
