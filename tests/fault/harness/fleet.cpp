#include "fault/harness/fleet.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "functions/keys.hpp"
#include "redis/connection.hpp"
#include "support/send_signal.hpp"
#include "support/wait.hpp"
#include "wire/envelope.hpp"

namespace ferry::fault {
namespace {

using namespace std::chrono_literals;
using test::Child;

constexpr std::string_view queue_name = "default";
constexpr int cuts_in_a_storm = 5;
constexpr auto between_cuts = 20ms;
constexpr auto time_to_end = 60s;

std::string make_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "ferry-fault-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a folder");
  return pattern;
}

std::string program(const std::string& name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

}  // namespace

Fleet::Fleet(const FleetOptions& options)
    : options_(options),
      folder_(make_folder()),
      redis_(PrivateRedisOptions{.fsync = options.fsync}),
      workers_(options.workers),
      producers_(options.producers) {}

RedisOptions Fleet::reach() const {
  RedisOptions options;
  options.url = redis_.url();
  options.command_timeout = 2s;
  return options;
}

void Fleet::start() {
  for (std::size_t i = 0; i < workers_.size(); ++i) start_worker(i);
  for (std::size_t i = 0; i < producers_.size(); ++i) start_producer(i);
  began_ = std::chrono::steady_clock::now();
}

void Fleet::start_worker(std::size_t slot) {
  Member& member = workers_[slot];
  member.name = "worker-" + std::to_string(slot) + "-" + std::to_string(++member.births);
  member.stopped = false;
  member.process = std::make_unique<Child>(
      program("fault_worker"),
      std::vector<std::string>{
          "--redis", redis_.url(), "--name", member.name, "--effects",
          folder_ + "/effects." + member.name, "--note", folder_ + "/note." + member.name,
          "--concurrency", std::to_string(options_.concurrency), "--lease-ms",
          std::to_string(options_.lease_ms), "--in-flight", std::to_string(options_.in_flight)},
      folder_ + "/workers.log");
}

void Fleet::start_producer(std::size_t slot) {
  Member& member = producers_[slot];
  member.name = "producer-" + std::to_string(slot) + "-" + std::to_string(++member.births);
  const std::uint64_t first_number = (slot * 10'000 + member.births) << 32U;
  const bool impatient = slot % 2 == 1;
  member.process = std::make_unique<Child>(
      program("fault_producer"),
      std::vector<std::string>{
          "--redis", redis_.url(), "--claims", folder_ + "/claims." + member.name, "--first-number",
          std::to_string(first_number), "--rate",
          std::to_string(options_.rate / static_cast<std::int64_t>(producers_.size())), "--portion",
          std::to_string(options_.portion), "--block-ms",
          std::to_string(impatient ? options_.impatient_ms : 30'000)},
      folder_ + "/producers.log");
}

void Fleet::inflict(const FaultAt& fault) {
  ++inflicted_[static_cast<std::size_t>(fault.fault)];
  switch (fault.fault) {
    case Fault::kill_worker:
      return kill_worker(fault.target);
    case Fault::stop_worker:
    case Fault::continue_worker: {
      Member& worker = workers_[fault.target];
      if (worker.process == nullptr) return;  // `watch` has complained already
      worker.stopped = fault.fault == Fault::stop_worker;
      return worker.process->signal(worker.stopped ? SIGSTOP : SIGCONT);
    }
    case Fault::kill_producer:
      producers_[fault.target].process.reset();  // kills it
      return start_producer(fault.target);
    case Fault::kill_redis:
      return kill_redis();
    case Fault::stop_redis:
      redis_stopped_ = true;
      test::send_signal(redis_.pid(), SIGSTOP);
      return;
    case Fault::continue_redis:
      redis_stopped_ = false;
      test::send_signal(redis_.pid(), SIGCONT);
      return;
    case Fault::cut_clients:
      return cut_clients();
    case Fault::flush_functions:
      return command({"FUNCTION", "FLUSH"});
  }
}

void Fleet::kill_worker(std::size_t slot) {
  Member& member = workers_[slot];
  member.process.reset();  // kills it
  Death death{monotonic_us(), {}};
  const std::string consumer = member.name + ".";
  start_worker(slot);
  if (redis_stopped_) {
    ++unmeasured_deaths_;
    return;
  }
  try {
    Queue queue(reach(), queue_name);
    std::string from;
    do {
      JobPage page = queue.jobs(JobState::leased, 1000, from);
      for (const JobInfo& job : page.jobs) {
        if (job.worker.starts_with(consumer)) death.held.push_back(job.id);
      }
      from = std::move(page.next);
    } while (!from.empty());
    deaths_.push_back(std::move(death));
  } catch (const Error&) {
    ++unmeasured_deaths_;
  }
}

void Fleet::kill_redis() {
  redis_stopped_ = false;
  redis_.kill();
  redis_.start();
}

void Fleet::cut_clients() {
  for (int i = 0; i < cuts_in_a_storm; ++i) {
    if (i > 0) std::this_thread::sleep_for(between_cuts);
    command({"CLIENT", "KILL", "TYPE", "normal"});
  }
}

/// A Redis that is stopped does not answer: then this fault is left out.
void Fleet::command(std::initializer_list<std::string_view> words) {
  if (redis_stopped_) return;
  redis::Connection(reach()).call(words);
}

void Fleet::watch() {
  for (auto* members : {&workers_, &producers_}) {
    for (Member& member : *members) {
      if (member.process == nullptr) continue;
      const auto status = member.process->wait_for(0ms);
      if (!status) continue;
      complain_about_end(member, *status);
      member.process.reset();
    }
  }
}

void Fleet::complain_about_end(const Member& member, int status) {
  complaints_.push_back(member.name + " ended by itself, with " +
                        (WIFEXITED(status) ? "code " + std::to_string(WEXITSTATUS(status))
                                           : "signal " + std::to_string(WTERMSIG(status))));
}

void Fleet::let_all_go_on() {
  if (redis_stopped_) inflict({0ms, Fault::continue_redis, 0});
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i].stopped) inflict({0ms, Fault::continue_worker, i});
  }
}

void Fleet::end(Member& member, std::chrono::seconds at_most) {
  if (member.process == nullptr) return;  // `watch` has complained already
  member.process->signal(SIGTERM);
  const auto status = member.process->wait_for(at_most);
  if (!status) {
    complaints_.push_back(member.name + " does not end");
  } else if (*status != 0) {
    complain_about_end(member, *status);
  }
  member.process.reset();
}

void Fleet::drain() {
  let_all_go_on();
  for (Member& producer : producers_) end(producer, time_to_end);
  time_enqueuing_ = std::chrono::steady_clock::now() - began_;
  Queue queue(reach(), queue_name);
  const auto is_empty = [&] {
    watch();
    const QueueCounts counts = queue.counts();
    return counts.waiting + counts.leased + counts.delayed == 0;
  };
  if (!test::eventually(is_empty, std::chrono::seconds{options_.drain_seconds})) {
    complaints_.push_back("the queue did not drain within " +
                          std::to_string(options_.drain_seconds) + " s");
  }
  for (Member& worker : workers_) end(worker, time_to_end);
}

void Fleet::sabotage(const std::string& how) {
  Queue queue(reach(), queue_name);
  redis::Connection connection(reach());
  const Keys keys(reach().prefix, queue_name);
  queue.pause();
  // Workers notice a pause within half a second; then more waits than a fetch takes.
  const std::int64_t enough = options_.rate / 2;
  const bool waits = test::eventually([&] { return queue.counts().waiting > enough; });
  const auto newest = connection.call({"XREVRANGE", keys.ready[1], "+", "-", "COUNT", "50"});
  // Without flags: the ids of its jobs follow from the one in its head.
  const auto found = std::ranges::find_if(newest->root(), [](const redis::Reply& entry) {
    const auto head = wire::decode_head(entry[1][1].text);
    return head && head->flags == 0;
  });
  if (!waits || found == newest->root().end()) throw std::runtime_error("nothing to sabotage");
  const redis::Reply& entry = *found;
  if (how == "loss") {
    connection.call({"XDEL", keys.ready[1], entry[0].text});
  } else {
    std::string envelope(entry[1][1].text);
    const auto head = wire::decode_head(envelope);
    const std::string id(head->first_id.bytes.begin(), head->first_id.bytes.end());
    constexpr std::size_t random_byte = 10;  // of a UUIDv7
    envelope[envelope.find(id) + random_byte] ^= 1;
    connection.call({"XADD", keys.ready[1], "*", "e", envelope});
  }
  queue.resume();
}

Evidence Fleet::evidence() {
  Evidence evidence;
  evidence.claims = read_claims(folder_, "claims.");
  evidence.effects = read_effects(folder_, "effects.");
  for (const WorkerNote& note : read_notes(folder_, "note.")) {
    evidence.stale_jobs += note.stale_jobs;
  }
  evidence.deaths = deaths_;
  Queue queue(reach(), queue_name);
  std::string from;
  do {
    JobPage page = queue.jobs(JobState::dead, 1000, from);
    for (const JobInfo& job : page.jobs) evidence.dead.insert(job.id);
    from = std::move(page.next);
  } while (!from.empty());
  const AuditReport audit = queue.audit();
  evidence.books = audit.counts;
  evidence.violations = audit.violations;
  return evidence;
}

}  // namespace ferry::fault
