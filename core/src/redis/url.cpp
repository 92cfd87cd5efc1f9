#include "redis/url.hpp"

#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "ferry/error.hpp"
#include "one_line.hpp"

namespace ferry::redis {
namespace {

constexpr std::uint16_t default_port = 6379;
constexpr std::uint16_t default_sentinel_port = 26379;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::invalid_argument,
              "url: " + what +
                  "; expected redis://[user[:password]@]host[:port][/db], "
                  "unix:///path/to.sock[?db=0] or "
                  "redis-sentinel://[user[:password]@]host[:port],…/master-name[/db]");
}

std::string text_of(const HostPort& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  return (brackets ? '[' + address.host + ']' : address.host) + ':' + std::to_string(address.port);
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned value = 0;
    if (text.size() - i < 3) return std::nullopt;
    const char* digits = text.data() + i + 1;
    const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
    if (error != std::errc{} || end != digits + 2) return std::nullopt;
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

int parse_database(std::string_view text) {
  const auto database = number<int>(text);
  if (!database || *database < 0) {
    refuse("database \"" + one_line(text) + "\" is not a number from 0 on");
  }
  return *database;
}

void parse_user(std::string_view text, Endpoint& endpoint) {
  const std::size_t colon = text.find(':');
  const auto user = percent_decoded(text.substr(0, colon));
  if (!user) refuse("the user has a % that is not followed by two hex digits; write %25 for it");
  endpoint.user = *user;
  if (colon == std::string_view::npos) return;
  const auto password = percent_decoded(text.substr(colon + 1));
  if (!password) {
    refuse("the password has a % that is not followed by two hex digits; write %25 for it");
  }
  endpoint.password = *password;
}

bool is_host_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
}

bool is_address_character(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) || c == ':' || c == '.';
}

HostPort parse_host(std::string_view text, std::uint16_t usual_port) {
  HostPort found{.host = {}, .port = usual_port};
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) refuse("host: \"]\" is missing after the IPv6 address");
    const std::string_view address = text.substr(1, close - 1);
    // A zone (fe80::1%eth0) may follow the address itself.
    const std::string_view digits = address.substr(0, address.find('%'));
    if (digits.find(':') == std::string_view::npos ||
        !std::all_of(digits.begin(), digits.end(), is_address_character)) {
      refuse("host \"" + one_line(address) + "\" is not an IPv6 address");
    }
    found.host = address;
    port = text.substr(close + 1);
    if (!port.empty() && port[0] != ':') refuse("only \":port\" may follow the host's \"]\"");
  } else {
    const std::size_t colon = text.find(':');
    const std::string_view host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
    if (port.find(':', 1) != std::string_view::npos) {
      refuse("host: more than one \":\"; put an IPv6 address in brackets, as in [::1]:6379");
    }
    if (host.empty()) refuse("host is empty");
    if (!std::all_of(host.begin(), host.end(), is_host_character)) {
      refuse("host \"" + one_line(host) + "\" has a character that no host name has");
    }
    found.host = host;
  }
  if (port.empty()) return found;
  const auto parsed = number<std::uint16_t>(port.substr(1));
  if (!parsed || *parsed == 0) {
    // Whoever forgot "@host" wrote the password here.
    const bool digits = port.find_first_not_of("0123456789", 1) == std::string_view::npos;
    refuse("port" + (digits ? " \"" + one_line(port.substr(1)) + '"' : std::string()) +
           " is not a number from 1 to 65535");
  }
  found.port = *parsed;
  return found;
}

/// The parts of a URL that names hosts.
struct HostUrl {
  Endpoint endpoint;  ///< user and password
  std::string_view hosts;
  std::string_view tail;  ///< "/…", or empty
};

HostUrl split_host_url(std::string_view rest) {
  HostUrl parts;
  const std::size_t end = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, end);
  parts.tail = end == std::string_view::npos ? "" : rest.substr(end);
  // What stands before this '@' may be half of a password: no later message may quote any of it.
  if (parts.tail.find('@') != std::string_view::npos) {
    refuse("user or password has a \"/\", \"?\" or \"#\"; write it as %2F, %3F or %23");
  }
  const std::size_t at = authority.rfind('@');
  if (at != std::string_view::npos) parse_user(authority.substr(0, at), parts.endpoint);
  parts.hosts = at == std::string_view::npos ? authority : authority.substr(at + 1);
  return parts;
}

void refuse_query(std::string_view tail, std::string_view example) {
  if (tail.find_first_of("?#") == std::string_view::npos) return;
  refuse("query: redis:// takes none; the database is the path, as in " + std::string(example));
}

Endpoint parse_tcp(std::string_view rest) {
  auto [endpoint, hosts, tail] = split_host_url(rest);
  HostPort address = parse_host(hosts, default_port);
  endpoint.host = std::move(address.host);
  endpoint.port = address.port;
  refuse_query(tail, "redis://host:6379/1");
  if (tail.size() > 1) endpoint.database = parse_database(tail.substr(1));
  return endpoint;
}

Endpoint parse_sentinels(std::string_view rest) {
  auto [endpoint, hosts, tail] = split_host_url(rest);
  for (std::size_t begin = 0; begin <= hosts.size();) {
    const std::size_t end = std::min(hosts.find(',', begin), hosts.size());
    endpoint.sentinels.push_back(
        parse_host(hosts.substr(begin, end - begin), default_sentinel_port));
    begin = end + 1;
  }
  refuse_query(tail, "redis-sentinel://host:26379/master-name/1");
  const std::size_t slash = tail.find('/', 1);
  endpoint.master_name = tail.substr(std::min<std::size_t>(1, tail.size()),
                                     slash == std::string_view::npos ? slash : slash - 1);
  if (endpoint.master_name.empty() ||
      !std::all_of(endpoint.master_name.begin(), endpoint.master_name.end(), is_host_character)) {
    refuse(
        "the name that the sentinels have for the master is missing or has a character that none "
        "has; it follows the hosts, as in redis-sentinel://host:26379/mymaster");
  }
  if (slash != std::string_view::npos && slash + 1 < tail.size()) {
    endpoint.database = parse_database(tail.substr(slash + 1));
  }
  return endpoint;
}

Endpoint parse_unix(std::string_view rest) {
  Endpoint endpoint;
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) {
    refuse("path: a unix socket needs an absolute path, as in unix:///run/redis.sock");
  }
  if (slash > 0) {
    if (rest[slash - 1] != '@') {
      refuse("path: write three slashes before an absolute path, as in unix:///run/redis.sock");
    }
    parse_user(rest.substr(0, slash - 1), endpoint);
  }
  // As above: this would be taken for a path, and a path is shown.
  if (rest.find('@', slash) != std::string_view::npos) {
    refuse(
        "the path has an \"@\"; user and password stand before it, as in "
        "unix://user:password@/run/redis.sock, and a \"/\" in them is %2F, an \"@\" in the path "
        "%40");
  }
  const std::size_t question = rest.find('?', slash);
  const auto path = percent_decoded(rest.substr(slash, question - slash));
  if (!path) refuse("the path has a % that is not followed by two hex digits; write %25 for it");
  if (path->find('\0') != std::string::npos) refuse("the path has a zero byte");
  if (path->size() < 2 || path->size() >= sizeof(sockaddr_un::sun_path)) {
    refuse("the path has " + std::to_string(path->size()) + " bytes, a socket's has 2 to " +
           std::to_string(sizeof(sockaddr_un::sun_path) - 1));
  }
  endpoint.socket_path = *path;
  if (question == std::string_view::npos) return endpoint;
  const std::string_view query = rest.substr(question + 1);
  const std::string_view name = query.substr(0, query.find('='));
  if (name != "db" || query.size() == name.size()) {
    refuse("query parameter \"" + one_line(name) + "\" is not known, only \"db\" is");
  }
  endpoint.database = parse_database(query.substr(name.size() + 1));
  return endpoint;
}

}  // namespace

Endpoint parse_url(std::string_view url) {
  if (url.size() > max_url_bytes) {
    refuse("it has " + std::to_string(url.size()) + " bytes, at most " +
           std::to_string(max_url_bytes) + " are allowed");
  }
  const std::size_t colon = url.find("://");
  if (colon == std::string_view::npos) refuse("scheme is missing");
  std::string scheme{url.substr(0, colon)};
  for (char& c : scheme) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const std::string_view rest = url.substr(colon + 3);
  if (scheme == "redis") return parse_tcp(rest);
  if (scheme == "unix") return parse_unix(rest);
  if (scheme == "redis-sentinel") return parse_sentinels(rest);
  if (scheme == "rediss") {
    throw Error(
        ErrorCode::unsupported,
        "url: rediss:// asks for TLS, and this build of hiredis has no TLS; use redis:// over "
        "a tunnel or unix://");
  }
  // A word with other characters may be anything, a secret too.
  const bool plain = std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '-';
  });
  refuse(plain ? "scheme \"" + one_line(scheme) + "\" is not known" : "scheme is not known");
}

std::string percent_encoded(std::string_view text, std::string_view also_plain) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::string_view("-._~").find(c) != std::string_view::npos ||
        also_plain.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += hex[byte >> 4];
      encoded += hex[byte & 15];
    }
  }
  return encoded;
}

std::string Endpoint::redacted() const {
  std::string text = socket_path.empty() ? "redis://" : "unix://";
  if (!sentinels.empty()) text = "redis-sentinel://";
  if (!user.empty() || !password.empty()) {
    text += percent_encoded(user);
    if (!password.empty()) text += ":***";
    text += '@';
  }
  if (!socket_path.empty()) {
    text += percent_encoded(socket_path, "/");
    if (database != 0) text += "?db=" + std::to_string(database);
    return text;
  }
  for (const HostPort& sentinel : sentinels) {
    if (&sentinel != sentinels.data()) text += ',';
    text += text_of(sentinel);
  }
  text += sentinels.empty() ? text_of({host, port}) : '/' + master_name;
  if (database != 0) text += '/' + std::to_string(database);
  return text;
}

}  // namespace ferry::redis
