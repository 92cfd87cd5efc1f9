#include "handler.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "document_index.hpp"
#include "files.hpp"
#include "index_file.hpp"

ferry::Handlers index_handlers(const ferry::Policy& policy, const std::filesystem::path& database) {
  auto index = std::make_shared<DocumentIndex>(database);
  ferry::HandlerOptions options;
  // SQLite has one writer at a time: a second handler would only wait for the first one's commit.
  options.concurrency = 1;
  // A put replaces, so a batch that fails half-way may run again.
  options.idempotent = true;
  ferry::Handlers handlers;
  handlers.on_batch<IndexFile>(
      policy,
      [index](ferry::Batch<IndexFile>& batch) {
        // Files are read before the transaction begins: it should be short.
        std::vector<std::pair<std::string, std::string>> documents;
        for (auto& item : batch) {
          ReadFile file = read_file(item->path);
          if (file.problem.empty()) {
            documents.emplace_back(item->path, std::move(file.text));
          } else {
            item.fail(file.problem);
          }
        }
        if (documents.empty()) return;
        DocumentIndex::Transaction transaction{*index};
        for (const auto& [path, text] : documents) index->put(path, text);
        transaction.commit();
      },
      options);
  return handlers;
}
