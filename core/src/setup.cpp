#include "ferry/setup.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "ferry/error.hpp"
#include "functions/library.hpp"
#include "functions/replies.hpp"
#include "redis/connection.hpp"
#include "redis/errors.hpp"
#include "redis/server_info.hpp"

namespace ferry {
namespace {

constexpr std::size_t pings = 200;
// Slower than any server of the same site: every enqueue waits this long.
constexpr double slow_round_trip_ms = 5;
constexpr double nearly_full = 0.8;
// Producers that are idle for less are the usual case, and to connect again costs round trips.
constexpr std::int64_t least_idle_seconds = 60;

std::string text_of(std::string_view text) { return std::string(text); }

Check unknown(std::string name, std::string_view right) {
  return {std::move(name), CheckResult::warning, "not known: the user may not ask",
          "give the user " + text_of(right) + ", or look there yourself"};
}

/// What the server says of itself; the parts that the user may not see are missing.
struct Findings {
  std::optional<redis::ServerInfo> info;

  explicit Findings(redis::Connection& connection) : connection_(connection) {
    info = redis::server_info(connection, "default");
  }

  std::string_view said(std::string_view name) const {
    return info ? redis::field(*info, name) : std::string_view{};
  }

  /// Returns: the setting's value, or nothing when CONFIG GET is denied.
  std::optional<std::string> setting(std::string_view name) const {
    const redis::ReplyPtr reply = connection_.command({"CONFIG", "GET", name});
    const redis::Reply& root = reply->root();
    if (root.is_error() || root.size < 2) return std::nullopt;
    return text_of(root[1].text);
  }

 private:
  redis::Connection& connection_;
};

Check check_version(const Findings& findings) {
  const std::string_view version = findings.said("redis_version");
  if (version.empty()) return unknown("version", "+info");
  const std::string_view valkey = findings.said("valkey_version");
  const std::string found =
      valkey.empty() ? "Redis " + text_of(version) : "Valkey " + text_of(valkey);
  if (redis::has_functions(version)) return {"version", CheckResult::ok, found, ""};
  return {"version", CheckResult::failed, found, "install Redis 7.0 or later"};
}

Check check_role(const Findings& findings) {
  const std::string_view role = findings.said("role");
  if (role.empty()) return unknown("role", "+info");
  if (role == "master") return {"role", CheckResult::ok, "master", ""};
  return {"role", CheckResult::failed, text_of(role),
          "connect to the master at " + text_of(findings.said("master_host")) + ':' +
              text_of(findings.said("master_port"))};
}

Check check_eviction(const Findings& findings) {
  std::string policy = findings.setting("maxmemory-policy").value_or("");
  if (policy.empty()) policy = findings.said("maxmemory_policy");
  if (policy.empty()) return unknown("eviction", "+config|get or +info");
  if (policy == "noeviction") return {"eviction", CheckResult::ok, policy, ""};
  return {"eviction", CheckResult::failed, policy + ": a full Redis drops keys, and jobs with them",
          "CONFIG SET maxmemory-policy noeviction, and keep it in redis.conf"};
}

Check check_memory(const Findings& findings) {
  if (!findings.info) return unknown("memory", "+info");
  const auto bytes = [&](std::string_view name) {
    const std::string_view text = findings.said(name);
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  const double used = bytes("used_memory");
  const double most = bytes("maxmemory");
  std::string found = text_of(findings.said("used_memory_human")) + " used";
  if (most == 0) {
    return {"memory", CheckResult::warning, found + ", no maxmemory",
            "CONFIG SET maxmemory below what the machine has: a full Redis then refuses new jobs "
            "instead of being killed"};
  }
  found += " of " + text_of(findings.said("maxmemory_human"));
  if (used < nearly_full * most) return {"memory", CheckResult::ok, found, ""};
  return {"memory", CheckResult::warning, found + ", nearly full",
          "raise maxmemory, add workers, or set QueueLimits"};
}

Check check_persistence(const Findings& findings) {
  const std::string_view appends = findings.said("aof_enabled");
  if (appends.empty()) return unknown("persistence", "+info");
  if (findings.said("aof_last_write_status") == "err") {
    return {"persistence", CheckResult::failed, "the last write of the append-only file failed",
            "see Redis's log, free space on its disk"};
  }
  if (appends != "1") {
    const std::string saves = findings.setting("save").value_or("not known");
    return {"persistence", CheckResult::warning,
            "append-only file off, snapshots " + (saves.empty() ? "off" : "\"" + saves + "\"") +
                ": when Redis ends, jobs since the last snapshot are lost",
            "CONFIG SET appendonly yes, and keep it in redis.conf"};
  }
  const auto policy = findings.setting("appendfsync");
  if (!policy) return unknown("persistence", "+config|get (appendfsync)");
  if (*policy == "always") {
    return {"persistence", CheckResult::ok, "append-only file, fsync always: nothing is lost", ""};
  }
  if (*policy == "everysec") {
    return {
        "persistence", CheckResult::ok,
        "append-only file, fsync everysec: a power cut loses the last second or two, a crash of "
        "Redis alone nothing (while its disk is too slow, up to two seconds)",
        ""};
  }
  return {"persistence", CheckResult::warning,
          "append-only file, fsync " + *policy +
              ": a crash of Redis loses nothing, a power cut what the kernel held back, often 30 s",
          "CONFIG SET appendfsync everysec"};
}

/// A server that died in the middle of a write leaves a torn file. What it does with one whose end
/// is half a transaction is wrong: it cuts behind the last whole command, not in front of the
/// transaction, and reads what it writes later as more of it.
///
/// Source: valkey-io/valkey#4342.
Check check_torn_file(const Findings& findings) {
  const std::string name = "torn file";
  const std::string_view appends = findings.said("aof_enabled");
  if (appends.empty()) return unknown(name, "+info");
  if (appends != "1") return {name, CheckResult::ok, "append-only file off", ""};
  const auto truncates = findings.setting("aof-load-truncated");
  if (!truncates) return unknown(name, "+config|get (aof-load-truncated)");
  if (*truncates == "no") {
    return {name, CheckResult::ok, "aof-load-truncated no: a torn append-only file is not loaded",
            ""};
  }
  return {name, CheckResult::warning,
          "aof-load-truncated " + *truncates +
              ": after a crash in the middle of a transaction, Redis may load jobs twice or lose "
              "them at the start after the next",
          "run `redis-check-aof --fix` before each start, and set aof-load-truncated no in "
          "redis.conf, so that a start without it fails"};
}

std::int64_t number_of(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Check check_idle_clients(const Findings& findings) {
  const std::string name = "idle clients";
  const auto seconds = findings.setting("timeout");
  if (!seconds) return unknown(name, "+config|get (timeout)");
  const std::int64_t after = number_of(*seconds);
  if (after == 0) return {name, CheckResult::ok, "timeout 0: they stay connected", ""};
  const std::string found = "timeout " + *seconds + ": dropped after so many seconds";
  if (after >= least_idle_seconds) return {name, CheckResult::ok, found, ""};
  return {name, CheckResult::warning, found + ", and connect again with their next call",
          "CONFIG SET timeout 0, or " + std::to_string(least_idle_seconds) + " and more"};
}

Check check_keepalive(const Findings& findings) {
  const std::string name = "keep-alive";
  const auto seconds = findings.setting("tcp-keepalive");
  if (!seconds) return unknown(name, "+config|get (tcp-keepalive)");
  if (*seconds != "0") return {name, CheckResult::ok, "tcp-keepalive " + *seconds + " s", ""};
  return {name, CheckResult::warning,
          "tcp-keepalive 0: connections of machines that vanished stay, and count for maxclients",
          "CONFIG SET tcp-keepalive 300"};
}

Check check_replicas(const Findings& findings) {
  const std::string name = "replicas";
  const std::string_view connected = findings.said("connected_slaves");
  if (connected.empty()) return unknown(name, "+info");
  const auto wanted = findings.setting("min-replicas-to-write");
  if (!wanted) return unknown(name, "+config|get (min-replicas-to-write)");
  const std::string found = text_of(connected) + " connected, min-replicas-to-write " + *wanted;
  if (number_of(connected) < number_of(*wanted)) {
    return {name, CheckResult::failed, found + ": Redis takes no jobs (NOREPLICAS)",
            "bring replicas back, or lower min-replicas-to-write"};
  }
  if (number_of(connected) == 0 || *wanted != "0") return {name, CheckResult::ok, found, ""};
  return {name, CheckResult::warning,
          found +
              ": a master that is cut off from them goes on acknowledging jobs, which the "
              "failover then loses",
          "CONFIG SET min-replicas-to-write 1 and min-replicas-max-lag 10"};
}

Check check_functions(redis::Connection& connection) {
  const redis::ReplyPtr reply = connection.command({"FCALL", "ferry_v1_revision", "0"});
  const redis::Reply& root = reply->root();
  const std::string wanted = std::to_string(library_revision());
  if (root.is_error()) {
    const bool missing = redis::remedy_of(root.text) == redis::Remedy::install;
    return {"functions", CheckResult::failed,
            missing ? "not installed" : redis::error_of(root.text).what(),
            missing ? "run `ferry setup`" : "give the user +fcall"};
  }
  if (root.type != redis::Reply::Type::integer) {
    return {"functions", CheckResult::failed, unknown_reply("ferry_v1_revision", root).what(),
            "use a Redis whose functions are Ferry's"};
  }
  const std::string found = "revision " + std::to_string(root.integer);
  if (root.integer >= library_revision()) return {"functions", CheckResult::ok, found, ""};
  return {"functions", CheckResult::failed, found + ", this program needs " + wanted,
          "run `ferry setup` of this version"};
}

std::string microseconds(double ms) {
  return std::to_string(static_cast<std::int64_t>(std::ceil(ms * 1000))) + " µs";
}

Check check_round_trip(redis::Connection& connection) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  for (std::size_t i = 0; i < pings; ++i) {
    const auto begin = Clock::now();
    const redis::ReplyPtr reply = connection.command({"PING"});
    if (reply->root().is_error()) return unknown("round trip", "+ping");
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  std::sort(times.begin(), times.end());
  const double median = times[pings / 2];
  const std::string found = "median " + microseconds(median) + ", p99 " +
                            microseconds(times[pings * 99 / 100]) + " of " + std::to_string(pings) +
                            " PINGs";
  if (median < slow_round_trip_ms) return {"round trip", CheckResult::ok, found, ""};
  return {"round trip", CheckResult::warning, found,
          "run clients and workers nearer to Redis: each call waits this long"};
}

void check_all(redis::Connection& connection, std::vector<Check>& checks) {
  connection.connect();
  const redis::ReplyPtr answer = connection.command({"PING"});
  if (answer->root().is_error() && redis::remedy_of(answer->root().text) == redis::Remedy::retry) {
    throw redis::error_of(answer->root().text);
  }
  checks.push_back({"server", CheckResult::ok, connection.endpoint().redacted(), ""});
  const Findings findings(connection);
  checks.push_back(check_version(findings));
  checks.push_back(check_role(findings));
  checks.push_back(check_eviction(findings));
  checks.push_back(check_memory(findings));
  checks.push_back(check_persistence(findings));
  checks.push_back(check_torn_file(findings));
  checks.push_back(check_idle_clients(findings));
  checks.push_back(check_keepalive(findings));
  checks.push_back(check_replicas(findings));
  checks.push_back(check_functions(connection));
  checks.push_back(check_round_trip(connection));
}

}  // namespace

bool install_functions(const RedisOptions& redis) {
  redis.validate();
  redis::Connection connection(redis);
  return ensure_library(connection);
}

void check_connection(const RedisOptions& redis) {
  redis.validate();
  redis::Connection connection(redis);
  connection.connect();
  const redis::ReplyPtr answer = connection.command({"PING"});
  // A user who may not ask so is an answer too: it is known, and what it may do is for its calls.
  const redis::Reply& reply = answer->root();
  if (reply.is_error() && !reply.text.starts_with("NOPERM")) throw redis::error_of(reply.text);
}

std::vector<Check> check_server(const RedisOptions& redis) {
  std::vector<Check> checks;
  try {
    redis.validate();
    redis::Connection connection(redis);
    check_all(connection, checks);
  } catch (const Error& error) {
    // The message says what to do.
    checks.push_back(
        {"server", CheckResult::failed, std::string(to_string(error.code())), error.what()});
  }
  return checks;
}

}  // namespace ferry
