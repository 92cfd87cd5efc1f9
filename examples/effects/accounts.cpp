#include "accounts.hpp"

#include <stdexcept>

Accounts::Accounts(const std::filesystem::path& file) {
  sqlite3* opened = nullptr;
  const int result = sqlite3_open(file.c_str(), &opened);
  database_.reset(opened);
  if (result != SQLITE_OK) failed("cannot open " + file.string());
  sqlite3_busy_timeout(opened, 30'000);
  execute("PRAGMA journal_mode = WAL");
  // With WAL, FULL is what makes a commit durable: the log is flushed to the disk each time.
  execute("PRAGMA synchronous = FULL");
  execute(
      "CREATE TABLE IF NOT EXISTS balances (account TEXT PRIMARY KEY, cents INTEGER) WITHOUT "
      "ROWID");
  execute("CREATE TABLE IF NOT EXISTS applied_jobs (id BLOB PRIMARY KEY) WITHOUT ROWID");
  execute("CREATE TABLE IF NOT EXISTS repetitions (id BLOB)");
  remember_job_ = prepare("INSERT OR IGNORE INTO applied_jobs (id) VALUES (?)");
  add_to_balance_ = prepare(
      "INSERT INTO balances (account, cents) VALUES (?, ?) "
      "ON CONFLICT (account) DO UPDATE SET cents = cents + excluded.cents");
  count_repetition_ = prepare("INSERT INTO repetitions (id) VALUES (?)");
}

Accounts::Transaction::Transaction(Accounts& accounts) : accounts_(accounts) {
  // IMMEDIATE: the only writer from here on, in all processes, so no look-up can be out of date.
  accounts_.execute("BEGIN IMMEDIATE");
}

Accounts::Transaction::~Transaction() {
  if (open_) sqlite3_exec(accounts_.database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Accounts::Transaction::commit() {
  accounts_.execute("COMMIT");
  open_ = false;
}

bool Accounts::deposit_once(const ferry::JobId& job, const std::string& account,
                            std::int64_t cents) {
  const auto bind_job = [&](sqlite3_stmt* statement) {
    sqlite3_bind_blob(statement, 1, job.bytes.data(), static_cast<int>(job.bytes.size()),
                      SQLITE_STATIC);
  };
  bind_job(remember_job_.get());
  run(remember_job_.get());
  if (sqlite3_changes(database_.get()) == 0) {
    bind_job(count_repetition_.get());
    run(count_repetition_.get());
    return false;
  }
  sqlite3_bind_text64(add_to_balance_.get(), 1, account.data(), account.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
  sqlite3_bind_int64(add_to_balance_.get(), 2, cents);
  run(add_to_balance_.get());
  return true;
}

Accounts::Totals Accounts::totals() {
  return {number("SELECT count(*) FROM applied_jobs"),
          number("SELECT coalesce(sum(cents), 0) FROM balances"),
          number("SELECT count(*) FROM repetitions")};
}

void Accounts::failed(const std::string& what) {
  throw std::runtime_error(what + ": " + sqlite3_errmsg(database_.get()));
}

void Accounts::execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) failed(sql);
}

Accounts::Statement Accounts::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql, -1, &statement, nullptr) != SQLITE_OK) failed(sql);
  return Statement(statement);
}

void Accounts::run(sqlite3_stmt* statement) {
  const int result = sqlite3_step(statement);
  sqlite3_reset(statement);
  if (result != SQLITE_DONE) failed(sqlite3_sql(statement));
}

std::int64_t Accounts::number(const char* sql) {
  const Statement statement = prepare(sql);
  if (sqlite3_step(statement.get()) != SQLITE_ROW) failed(sql);
  return sqlite3_column_int64(statement.get(), 0);
}
