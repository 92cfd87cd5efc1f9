#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "ferry/job.hpp"

/// Balances in one SQLite file, and beside them the ids of the jobs whose effect they hold.
///
/// Errors: std::runtime_error with SQLite's message.
/// Threads: one thread at a time; several processes may have the file open.
class Accounts {
 public:
  struct Totals {
    std::int64_t deposits = 0;  ///< effects applied
    std::int64_t cents = 0;     ///< the sum of all balances
    std::int64_t repeated = 0;  ///< runs whose effect was there already
  };

  /// Opens the file, or makes it.
  explicit Accounts(const std::filesystem::path& file);

  /// Effects that become visible, and durable, together; undone unless committed.
  class Transaction {
   public:
    explicit Transaction(Accounts& accounts);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

   private:
    Accounts& accounts_;
    bool open_ = true;
  };

  /// Applies a job's effect unless this very job has been applied before. Call it in a transaction:
  /// that the id and the balance commit together is the whole point.
  ///
  /// Returns: whether it was applied now.
  bool deposit_once(const ferry::JobId& job, const std::string& account, std::int64_t cents);

  Totals totals();

 private:
  struct Closer {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Closer>;

  [[noreturn]] void failed(const std::string& what);
  void execute(const char* sql);
  Statement prepare(const char* sql);
  void run(sqlite3_stmt* statement);
  std::int64_t number(const char* sql);

  std::unique_ptr<sqlite3, Closer> database_;
  Statement remember_job_;
  Statement add_to_balance_;
  Statement count_repetition_;
};
