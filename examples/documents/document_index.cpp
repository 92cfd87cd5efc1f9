#include "document_index.hpp"

#include <sstream>
#include <stdexcept>

namespace {

/// Binds text that outlives the step.
void bind(sqlite3_stmt* statement, int at, const std::string& text) {
  sqlite3_bind_text64(statement, at, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

std::string text_of(sqlite3_stmt* statement, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return {text == nullptr ? "" : text,
          static_cast<std::size_t>(sqlite3_column_bytes(statement, column))};
}

/// Each word quoted, so that none is read as an operator of FTS5's query language.
std::string query_of(const std::string& words) {
  std::istringstream in(words);
  std::string query;
  for (std::string word; in >> word;) {
    query += query.empty() ? "\"" : " \"";
    for (const char c : word) query += c == '"' ? std::string("\"\"") : std::string(1, c);
    query += '"';
  }
  return query;
}

}  // namespace

DocumentIndex::DocumentIndex(const std::filesystem::path& file) {
  sqlite3* opened = nullptr;
  const int result = sqlite3_open(file.c_str(), &opened);
  database_.reset(opened);
  if (result != SQLITE_OK) failed("cannot open " + file.string());
  sqlite3_busy_timeout(opened, 10'000);
  execute("PRAGMA journal_mode = WAL");
  // With WAL, FULL is what makes a commit durable: the log is flushed to the disk each time.
  execute("PRAGMA synchronous = FULL");
  execute("CREATE TABLE IF NOT EXISTS documents (id INTEGER PRIMARY KEY, path TEXT UNIQUE)");
  execute("CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(text)");
  put_path_ = prepare(
      "INSERT INTO documents (path) VALUES (?) "
      "ON CONFLICT (path) DO UPDATE SET path = excluded.path RETURNING id");
  put_text_ = prepare("INSERT OR REPLACE INTO texts (rowid, text) VALUES (?, ?)");
}

DocumentIndex::Transaction::Transaction(DocumentIndex& index) : index_(index) {
  index_.execute("BEGIN IMMEDIATE");
}

DocumentIndex::Transaction::~Transaction() {
  if (open_) sqlite3_exec(index_.database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void DocumentIndex::Transaction::commit() {
  index_.execute("COMMIT");
  open_ = false;
}

void DocumentIndex::put(const std::string& path, const std::string& text) {
  bind(put_path_.get(), 1, path);
  const std::int64_t id = number(put_path_.get());
  sqlite3_bind_int64(put_text_.get(), 1, id);
  bind(put_text_.get(), 2, text);
  const int result = sqlite3_step(put_text_.get());
  sqlite3_reset(put_text_.get());
  if (result != SQLITE_DONE) failed("cannot index " + path);
}

std::vector<DocumentIndex::Hit> DocumentIndex::search(const std::string& words, std::size_t most) {
  const std::string query = query_of(words);
  if (query.empty()) return {};
  const Statement statement = prepare(
      "SELECT path, snippet(texts, 0, '[', ']', ' … ', 12) "
      "FROM texts JOIN documents ON id = texts.rowid "
      "WHERE texts MATCH ? ORDER BY rank LIMIT ?");
  bind(statement.get(), 1, query);
  sqlite3_bind_int64(statement.get(), 2, static_cast<std::int64_t>(most));
  std::vector<Hit> hits;
  int result = 0;
  while ((result = sqlite3_step(statement.get())) == SQLITE_ROW) {
    std::istringstream in(text_of(statement.get(), 1));
    std::string line;
    for (std::string word; in >> word;) line += (line.empty() ? "" : " ") + word;
    hits.push_back({text_of(statement.get(), 0), line});
  }
  if (result != SQLITE_DONE) failed("cannot search for '" + words + "'");
  return hits;
}

std::int64_t DocumentIndex::count_documents() {
  return number(prepare("SELECT count(*) FROM texts_docsize").get());
}

std::int64_t DocumentIndex::count_matches(const std::string& words) {
  const std::string query = query_of(words);
  if (query.empty()) return 0;
  const Statement statement = prepare("SELECT count(*) FROM texts WHERE texts MATCH ?");
  bind(statement.get(), 1, query);
  return number(statement.get());
}

void DocumentIndex::failed(const std::string& what) {
  throw std::runtime_error(what + ": " + sqlite3_errmsg(database_.get()));
}

void DocumentIndex::execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) failed(sql);
}

DocumentIndex::Statement DocumentIndex::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql, -1, &statement, nullptr) != SQLITE_OK) failed(sql);
  return Statement(statement);
}

/// Runs a statement that gives one number, to its end, and makes it ready for the next time.
std::int64_t DocumentIndex::number(sqlite3_stmt* statement) {
  int result = sqlite3_step(statement);
  if (result != SQLITE_ROW) {
    sqlite3_reset(statement);
    failed(sqlite3_sql(statement));
  }
  const std::int64_t value = sqlite3_column_int64(statement, 0);
  while (result == SQLITE_ROW) result = sqlite3_step(statement);
  sqlite3_reset(statement);
  if (result != SQLITE_DONE) failed(sqlite3_sql(statement));
  return value;
}
