#include "redis/connection.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "home_process.hpp"
#include "redis/errors.hpp"
#include "redis/reply_reader.hpp"
#include "redis/sentinels.hpp"
#include "redis/socket.hpp"
#include "secrets/password.hpp"

namespace ferry::redis {
namespace {

constexpr std::size_t receive_bytes = 64 * 1024;
// A larger output buffer is given back after it was sent.
constexpr std::size_t kept_output_bytes = 4 * 1024 * 1024;
// From here on a word is sent from where it lies instead of being copied.
constexpr std::size_t lent_word_bytes = 4096;
constexpr std::string_view client_name = "ferry";

void append_header(std::string& to, char mark, std::size_t number) {
  char text[24];
  text[0] = mark;
  char* end = std::to_chars(text + 1, text + sizeof text - 2, number).ptr;
  *end++ = '\r';
  *end++ = '\n';
  to.append(text, end);
}

void append_word(std::string& to, std::string_view word) {
  append_header(to, '$', word.size());
  to += word;
  to += "\r\n";
}

}  // namespace

CommandHead::CommandHead(std::initializer_list<std::string_view> arguments) {
  std::size_t bytes = 24;
  for (const std::string_view argument : arguments) bytes += argument.size() + 24;
  bytes_.reserve(bytes);
  append_header(bytes_, '*', arguments.size() + 1);
  for (const std::string_view argument : arguments) append_word(bytes_, argument);
}

struct Connection::Impl {
  Impl(const RedisOptions& redis, std::chrono::milliseconds extra_wait)
      : configured(parse_url(redis.url)),
        endpoint(configured),
        sentinels(redis.connect_timeout),
        password_file(redis.password_file),
        connect_timeout(redis.connect_timeout),
        reply_timeout(redis.command_timeout + extra_wait) {}

  Endpoint configured;  ///< as in the URL
  Endpoint endpoint;    ///< the server itself: the same, or what the sentinels said last
  Sentinels sentinels;
  std::string password_file;
  std::chrono::milliseconds connect_timeout;
  std::chrono::milliseconds reply_timeout;
  Socket socket;
  detail::HomeProcess home;  ///< where `socket` was connected
  bool cut_off = false;      ///< nothing can be sent any more; what was answered can be read
  ReplyReader reader;
  std::unique_ptr<char[]> received = std::make_unique_for_overwrite<char[]>(receive_bytes);
  std::string output;
  struct Lent {
    std::size_t after;  ///< how much of `output` goes before it
    std::string_view bytes;
  };
  std::vector<Lent> lent;
  std::vector<iovec> pieces;  ///< of `output` and `lent`, while they are sent
  std::size_t unsent_commands = 0;
  std::size_t unanswered = 0;    ///< commands appended whose replies were not read
  bool sent_since_read = false;  ///< the next read is a round trip
  Meter meter;

  Deadline deadline() const { return std::chrono::steady_clock::now() + reply_timeout; }

  void forget() {
    output.clear();
    lent.clear();
    unsent_commands = 0;
    unanswered = 0;
    sent_since_read = false;
    cut_off = false;
  }

  void close() {
    socket.close();
    forget();
  }

  /// Two processes on one socket would read each other's replies.
  void require_home() const {
    if (!socket.connected() || !home.is_left()) return;
    const std::string name = "this connection to " + endpoint.redacted();
    home.require({name, "make what uses it (client, queue, worker) in the new process"});
  }

  void require_connected() const {
    require_home();
    if (socket.connected()) return;
    throw Error(ErrorCode::unavailable,
                "not connected to " + endpoint.redacted() + "; call connect() first");
  }

  void append(std::span<const std::string_view> arguments) {
    std::size_t bytes = 24;
    for (const std::string_view argument : arguments) bytes += argument.size() + 24;
    make_room(bytes);
    append_header(output, '*', arguments.size());
    for (const std::string_view argument : arguments) append_word(output, argument);
    ++unsent_commands;
    ++unanswered;
  }

  void append(const CommandHead& head, std::string_view last) {
    if (last.size() < lent_word_bytes) {
      make_room(head.bytes().size() + last.size() + 24);
      output += head.bytes();
      append_word(output, last);
    } else {
      output += head.bytes();
      append_header(output, '$', last.size());
      lent.push_back({output.size(), last});
      output += "\r\n";
    }
    ++unsent_commands;
    ++unanswered;
  }

  void make_room(std::size_t bytes) {
    if (output.capacity() - output.size() >= bytes) return;
    output.reserve(std::max(output.size() + bytes, output.capacity() * 2));
  }

  void send_output(Deadline until) {
    if (output.empty()) return;
    gather();
    for (auto rest = std::span(pieces); !rest.empty() && !cut_off;) {
      const std::size_t sent = socket.send_some(rest, until);
      // A server that refuses a command in the middle says why before it cuts us off.
      cut_off = sent == 0;
      meter.bytes_out += sent;
      rest = without(rest, sent);
    }
    output.clear();
    lent.clear();
    if (output.capacity() > kept_output_bytes) output.shrink_to_fit();
    meter.commands += unsent_commands;
    unsent_commands = 0;
    sent_since_read = true;
  }

  void gather() {
    pieces.clear();
    const auto add = [this](std::string_view bytes) {
      if (!bytes.empty()) pieces.push_back({const_cast<char*>(bytes.data()), bytes.size()});
    };
    std::size_t from = 0;
    for (const Lent& word : lent) {
      add(std::string_view(output).substr(from, word.after - from));
      add(word.bytes);
      from = word.after;
    }
    add(std::string_view(output).substr(from));
  }

  /// Returns: the pieces that are left when so many bytes are sent.
  static std::span<iovec> without(std::span<iovec> pieces, std::size_t sent) {
    while (!pieces.empty() && sent >= pieces.front().iov_len) {
      sent -= pieces.front().iov_len;
      pieces = pieces.subspan(1);
    }
    if (sent > 0) {
      pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + sent;
      pieces.front().iov_len -= sent;
    }
    return pieces;
  }

  /// Waits for what `next` makes of a reply.
  template <typename Next>
  auto read(Deadline until, Next next) {
    if (unanswered == 0) {
      throw Error(ErrorCode::internal, "read() without a command that waits for its reply");
    }
    send_output(until);
    socket.check_interrupt();
    auto reply = next(reader);
    while (!reply) {
      if (std::exchange(sent_since_read, false)) ++meter.round_trips;
      const std::size_t bytes = socket.receive_some(received.get(), receive_bytes, until);
      meter.bytes_in += bytes;
      reader.feed(received.get(), bytes);
      reply = next(reader);
    }
    --unanswered;
    return reply;
  }

  ReplyPtr read(Deadline until) {
    return read(until, [](ReplyReader& from) { return from.next(); });
  }

  bool asks_sentinels() const { return !configured.sentinels.empty(); }

  /// Introduces us: AUTH, SELECT and CLIENT SETNAME in one round trip, and ROLE where it may be
  /// wrong.
  void greet() {
    std::vector<std::string_view> authenticate{"AUTH"};
    const bool has_user = !endpoint.user.empty();
    const std::string password = password_file.empty() ? endpoint.password : password_of_file();
    const bool authenticates = has_user || !password.empty();
    const std::string database = std::to_string(endpoint.database);
    const bool selects = endpoint.database != 0;
    if (authenticates) {
      if (has_user) authenticate.push_back(endpoint.user);
      authenticate.push_back(password);
      append(authenticate);
    }
    if (selects) append(std::vector<std::string_view>{"SELECT", database});
    append(std::vector<std::string_view>{"CLIENT", "SETNAME", client_name});
    if (asks_sentinels()) append(std::vector<std::string_view>{"ROLE"});

    const Deadline until = deadline();
    if (authenticates) check_authenticated(read(until)->root());
    if (selects) check_selected(read(until)->root());
    const ReplyPtr named = read(until);
    // A user may be forbidden to name itself; it can still work.
    const Reply& reply = named->root();
    if (reply.is_error() && !reply.text.starts_with("NOPERM")) throw refusal(reply.text);
    if (asks_sentinels()) check_role(read(until)->root());
  }

  /// Sentinels may know too late what became of their master. Who may not ask learns it by
  /// READONLY.
  void check_role(const Reply& reply) const {
    if (reply.is_error() || reply.size == 0 || reply[0].text == "master") return;
    throw Error(ErrorCode::unavailable,
                endpoint.redacted() + " is a replica, although the sentinels name it as master \"" +
                    configured.master_name + "\": a failover is under way; try again");
  }

  /// A file that is being replaced at this moment is whole at the next try.
  std::string password_of_file() const {
    try {
      return secrets::first_line(password_file);
    } catch (const Error& error) {
      throw Error(ErrorCode::unavailable, endpoint.redacted() + ": " + error.what());
    }
  }

  Error refusal(std::string_view text) const {
    const Error error = error_of(text);
    return Error(error.code(), endpoint.redacted() + ": " + error.what());
  }

  void check_authenticated(const Reply& reply) const {
    if (!reply.is_error()) return;
    const Error error = refusal(reply.text);
    if (error.code() != ErrorCode::internal) throw error;
    throw Error(ErrorCode::denied, endpoint.redacted() +
                                       ": Redis refused AUTH; when no password is set there, "
                                       "leave it out of the URL");
  }

  void check_selected(const Reply& reply) const {
    if (!reply.is_error()) return;
    const Error error = refusal(reply.text);
    if (error.code() != ErrorCode::internal) throw error;
    throw Error(ErrorCode::invalid_argument,
                "url: Redis at " + endpoint.redacted() + " has no database " +
                    std::to_string(endpoint.database) + "; raise `databases` there");
  }

  /// Runs a piece of I/O; whatever goes wrong in it, the connection is no longer in step.
  template <typename Step>
  auto or_close(Step step) {
    try {
      return step();
    } catch (...) {
      close();
      throw;
    }
  }
};

Connection::Connection(const RedisOptions& options, std::chrono::milliseconds extra_wait)
    : impl_(std::make_unique<Impl>(options, extra_wait)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

void Connection::connect() {
  impl_->require_home();
  if (impl_->socket.connected()) return;
  impl_->or_close([&] {
    impl_->forget();
    impl_->reader.clear();
    if (impl_->asks_sentinels()) impl_->endpoint = impl_->sentinels.find_master(impl_->configured);
    impl_->socket.connect(impl_->endpoint, impl_->connect_timeout);
    impl_->home = {};
    ++impl_->meter.connects;
    impl_->greet();
  });
}

bool Connection::connected() const { return impl_->socket.connected(); }

void Connection::close() { impl_->close(); }

void Connection::append(std::span<const std::string_view> arguments) {
  impl_->require_connected();
  impl_->append(arguments);
}

void Connection::append(std::initializer_list<std::string_view> arguments) {
  append(std::span(arguments.begin(), arguments.size()));
}

void Connection::append(const CommandHead& head, std::string_view last) {
  impl_->require_connected();
  impl_->append(head, last);
}

void Connection::flush() {
  impl_->require_connected();
  impl_->or_close([&] { impl_->send_output(impl_->deadline()); });
}

ReplyPtr Connection::read() {
  impl_->require_connected();
  return impl_->or_close([&] { return impl_->read(impl_->deadline()); });
}

const Reply& Connection::read_brief() {
  impl_->require_connected();
  return *impl_->or_close([&] {
    return impl_->read(impl_->deadline(), [](ReplyReader& from) { return from.next_brief(); });
  });
}

ReplyPtr Connection::command(std::span<const std::string_view> arguments) {
  if (impl_->unanswered != 0) {
    throw Error(ErrorCode::internal, "command() while replies of earlier commands wait to be read");
  }
  connect();
  append(arguments);
  return read();
}

ReplyPtr Connection::command(std::initializer_list<std::string_view> arguments) {
  return command(std::span(arguments.begin(), arguments.size()));
}

ReplyPtr Connection::call(std::span<const std::string_view> arguments) {
  ReplyPtr reply = command(arguments);
  if (reply->root().is_error()) throw error_of(reply->root().text);
  return reply;
}

ReplyPtr Connection::call(std::initializer_list<std::string_view> arguments) {
  return call(std::span(arguments.begin(), arguments.size()));
}

void Connection::interrupt() { impl_->socket.interrupt(); }

const Endpoint& Connection::endpoint() const { return impl_->endpoint; }

Meter Connection::meter() const { return impl_->meter; }

}  // namespace ferry::redis
