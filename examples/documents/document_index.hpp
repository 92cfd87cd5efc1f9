#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

/// A full-text index in one SQLite file. Every commit is on the disk before it returns.
///
/// Errors: std::runtime_error with SQLite's message.
/// Threads: one thread at a time; several processes may have the file open.
class DocumentIndex {
 public:
  struct Hit {
    std::string path;
    std::string snippet;  ///< one line, words in [brackets]
  };

  /// Opens the file, or makes it.
  explicit DocumentIndex(const std::filesystem::path& file);

  /// Several puts that become visible, and durable, together; undone unless committed.
  class Transaction {
   public:
    explicit Transaction(DocumentIndex& index);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

   private:
    DocumentIndex& index_;
    bool open_ = true;
  };

  /// Adds a document, or replaces the one of the same path: a job that runs twice does no harm.
  void put(const std::string& path, const std::string& text);

  /// Returns: the documents that hold all words, best first.
  std::vector<Hit> search(const std::string& words, std::size_t most);
  std::int64_t count_documents();
  std::int64_t count_matches(const std::string& words);

 private:
  struct Closer {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Closer>;

  [[noreturn]] void failed(const std::string& what);
  void execute(const char* sql);
  Statement prepare(const char* sql);
  std::int64_t number(sqlite3_stmt* statement);

  std::unique_ptr<sqlite3, Closer> database_;
  Statement put_path_;
  Statement put_text_;
};
