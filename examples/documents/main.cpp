// documents: a full-text index of C and C++ headers, one job for each file.
//
//   documents compare [--folder DIR] …       one commit for each job, or one for each batch?
//   documents index FOLDER [--database FILE] one run, with progress
//   documents search WORDS [--database FILE]
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "document_index.hpp"
#include "ferry/experiment.hpp"
#include "files.hpp"
#include "handler.hpp"
#include "index_command.hpp"
#include "index_file.hpp"

namespace {

/// Where things are, told by the command line.
struct Places {
  std::string folder;
  std::string words;
  std::filesystem::path database;
};

/// The files to index, at most `limit` of them unless that is 0.
std::vector<IndexFile> input_of(const std::string& folder, std::size_t limit) {
  const auto files = find_headers(folder);
  std::vector<IndexFile> jobs;
  // Evenly spread, so that a small limit does not mean only the first folder.
  const std::size_t step = limit == 0 || files.size() <= limit ? 1 : files.size() / limit;
  for (std::size_t i = 0; i < files.size() && (limit == 0 || jobs.size() < limit); i += step) {
    // A comparison wants jobs that succeed; `index` shows what becomes of the others.
    if (looks_readable(files[i])) jobs.push_back({files[i]});
  }
  return jobs;
}

void produce(const std::vector<IndexFile>& jobs, ferry::Client& client) {
  for (const auto& result : client.enqueue_all(jobs)) {
    if (!result) throw *result.error;
  }
}

void remove_database(const std::filesystem::path& database) {
  for (const char* ending : {"", "-wal", "-shm"}) {
    std::filesystem::remove(database.string() + ending);
  }
}

void verify(const Places& places, std::int64_t jobs) {
  const std::int64_t documents = DocumentIndex(places.database).count_documents();
  if (documents != jobs) {
    throw std::runtime_error("the index holds " + std::to_string(documents) + " documents of " +
                             std::to_string(jobs));
  }
}

ferry::Experiment experiment(const std::shared_ptr<Places>& places) {
  ferry::Experiment documents;
  documents.name = "documents";
  documents.story =
      "indexes each header file into SQLite's full-text search; a batch is one durable commit";
  documents.queue = "documents";
  documents.settings = {
      {"folder", "/usr/include", "index the headers under it; several with ':' between them"},
      {"words", "mutex lock", "search for them when all is done"},
      {"database", "", "the index; without it a temporary file"}};
  documents.configure = [places](const ferry::Setup& setup) {
    places->folder = setup.settings.at("folder");
    places->words = setup.settings.at("words");
    places->database = setup.settings.at("database");
    if (places->database.empty()) places->database = setup.scratch / "documents.sqlite";
  };
  const auto jobs = std::make_shared<std::vector<IndexFile>>();
  documents.prepare = [places, jobs](std::size_t limit) {
    *jobs = input_of(places->folder, limit);
  };
  documents.produce = [jobs](ferry::Client& client, std::size_t) { produce(*jobs, client); };
  documents.produce_one = [jobs](ferry::Client& client, std::size_t index) {
    if (jobs->empty()) throw std::runtime_error("no file to index");
    return client.enqueue_async((*jobs)[index % jobs->size()]);
  };
  documents.handlers = [places](const ferry::Policy& policy) {
    return index_handlers(policy, places->database);
  };
  documents.reset = [places] { remove_database(places->database); };
  documents.verify = [places](std::int64_t done) { verify(*places, done); };
  documents.show = [places] { return search_text(places->database, places->words); };
  return documents;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  try {
    if (command == "index") return index_command(argc - 2, argv + 2);
    if (command == "search") return search_command(argc - 2, argv + 2);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "documents: %s\n", e.what());
    return 1;
  }
  const bool help = argc < 2 || command == "help" || command == "--help" || command == "-h";
  const int code = ferry::experiment_main(argc, argv, experiment(std::make_shared<Places>()));
  if (help) std::printf("\n%s", index_usage);
  return code;
}
