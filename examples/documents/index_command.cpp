#include "index_command.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "document_index.hpp"
#include "ferry/client.hpp"
#include "ferry/private_redis.hpp"
#include "ferry/queue.hpp"
#include "ferry/worker.hpp"
#include "files.hpp"
#include "handler.hpp"
#include "index_file.hpp"

namespace {

constexpr const char* queue_name = "documents";

struct Arguments {
  std::vector<std::string> words;
  std::map<std::string, std::string> options;
};

Arguments read(int argc, char** argv, std::map<std::string, std::string> known) {
  Arguments arguments{{}, std::move(known)};
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) {
      arguments.words.push_back(word);
      continue;
    }
    const auto option = arguments.options.find(word);
    if (option == arguments.options.end() || i + 1 == argc) {
      throw std::runtime_error("'" + word + "' is unknown or has no value\n\n" + index_usage);
    }
    option->second = argv[++i];
  }
  return arguments;
}

/// Shows the counts until every job is settled; `worker` must be running.
///
/// Returns: the counts at the end.
ferry::QueueCounts watch(ferry::Queue& queue, const ferry::QueueCounts& before,
                         const ferry::Worker& worker, const std::atomic<bool>& ended) {
  using namespace std::chrono_literals;
  while (true) {
    const ferry::QueueCounts now = queue.counts();
    const auto settled = now.done + now.dead - before.done - before.dead;
    const auto accepted = now.accepted - before.accepted;
    std::fprintf(stderr, "\r%lld of %lld files, %llu commits", static_cast<long long>(settled),
                 static_cast<long long>(accepted),
                 static_cast<unsigned long long>(worker.stats().batches));
    if (settled >= accepted || ended) {
      std::fprintf(stderr, "\n");
      return now;
    }
    std::this_thread::sleep_for(100ms);
  }
}

void enqueue(const ferry::RedisOptions& redis, const std::vector<std::string>& files) {
  ferry::Client client{{.redis = redis, .queue = queue_name}};
  std::vector<IndexFile> jobs;
  for (const std::string& file : files) jobs.push_back({file});
  for (const auto& result : client.enqueue_all(jobs)) {
    if (!result) throw *result.error;
  }
}

void print_dead_letters(ferry::Queue& queue) {
  const ferry::JobPage page = queue.jobs(ferry::JobState::dead, 5);
  for (const ferry::JobInfo& job : page.jobs) {
    const auto payload = queue.dead_payload(job.id);
    IndexFile file;
    msgpack::unpack(payload->data(), payload->size()).get().convert(file);
    std::printf("  %s: %s\n", file.path.c_str(), job.reason.c_str());
  }
}

}  // namespace

int index_command(int argc, char** argv) {
  const Arguments arguments =
      read(argc, argv,
           {{"--database", "documents.sqlite"}, {"--redis", ""}, {"--policy", "fixed(100, 5ms)"}});
  if (arguments.words.size() != 1) throw std::runtime_error(index_usage);
  const auto files = find_headers(arguments.words[0]);
  const std::filesystem::path database = arguments.options.at("--database");

  std::optional<ferry::PrivateRedis> server;
  ferry::RedisOptions redis{.url = arguments.options.at("--redis")};
  if (redis.url.empty()) redis.url = server.emplace().url();

  ferry::WorkerOptions options{.redis = redis, .queues = {{queue_name, 1}}};
  options.log.level = ferry::LogLevel::warning;
  options.print_stats_on_stop = false;
  ferry::Worker worker{
      options, index_handlers(ferry::Policy::parse(arguments.options.at("--policy")), database)};
  const ferry::StopOnSignal stop{worker};
  ferry::Queue queue{redis, queue_name};
  const ferry::QueueCounts before = queue.counts();
  enqueue(redis, files);

  std::atomic<bool> ended = false;
  int code = 0;
  std::jthread running([&] {
    code = worker.run();
    ended = true;
  });
  const ferry::QueueCounts after = watch(queue, before, worker, ended);
  worker.stop();
  running.join();

  std::printf("%s", worker.stats().to_text().c_str());
  const auto dead = after.dead - before.dead;
  if (dead > 0) {
    std::printf("%lld files became dead letters:\n", static_cast<long long>(dead));
    print_dead_letters(queue);
  }
  std::printf("%lld documents are in %s\n",
              static_cast<long long>(DocumentIndex(database).count_documents()), database.c_str());
  return code;
}

int search_command(int argc, char** argv) {
  const Arguments arguments = read(argc, argv, {{"--database", "documents.sqlite"}});
  if (arguments.words.empty()) throw std::runtime_error(index_usage);
  const std::filesystem::path database = arguments.options.at("--database");
  if (!std::filesystem::exists(database)) {
    throw std::runtime_error(database.string() +
                             " does not exist; make it with: documents index FOLDER");
  }
  std::string words;
  for (const std::string& word : arguments.words) words += (words.empty() ? "" : " ") + word;
  std::printf("%s", search_text(database, words).c_str());
  return 0;
}

std::string search_text(const std::filesystem::path& database, const std::string& words) {
  DocumentIndex index{database};
  std::string text = "search    \"" + words + "\": " + std::to_string(index.count_matches(words)) +
                     " of " + std::to_string(index.count_documents()) +
                     " documents in the index match; the best:\n";
  for (const DocumentIndex::Hit& hit : index.search(words, 5)) {
    text += "  " + hit.path + "\n      " + hit.snippet + "\n";
  }
  return text;
}
