#include "log/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <nlohmann/json.hpp>

namespace ferry::detail {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      break;
  }
  return spdlog::level::off;
}

/// JSON text that never throws, whatever bytes a reason holds.
std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string as_json(const Log::Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) return json_text(*text);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  return nlohmann::json(std::get<double>(value)).dump();
}

bool is_plain(std::string_view text) {
  return !text.empty() && text.find_first_of(" \"=\n\r\t\\") == std::string_view::npos;
}

std::string as_text(const Log::Value& value) {
  const auto* text = std::get_if<std::string_view>(&value);
  return text != nullptr && is_plain(*text) ? std::string(*text) : as_json(value);
}

}  // namespace

struct Log::Impl {
  LogFormat format;
  std::string worker;
  spdlog::logger logger;

  Impl(const LogOptions& options, std::string name)
      : format(options.format),
        worker(std::move(name)),
        logger("ferry", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()) {
    logger.set_level(level_of(options.level));
    logger.flush_on(spdlog::level::info);
    logger.set_pattern(format == LogFormat::json
                           ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})"
                           : "%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v");
  }

  void write(spdlog::level::level_enum level, std::string_view event, Fields fields) {
    if (!logger.should_log(level)) return;
    std::string line;
    if (format == LogFormat::json) {
      line = "\"event\":" + json_text(event) + ",\"worker\":" + json_text(worker);
      for (const auto& [name, value] : fields) line += "," + json_text(name) + ":" + as_json(value);
    } else {
      line = std::string(event);
      for (const auto& [name, value] : fields) {
        line += "  " + std::string(name) + "=" + as_text(value);
      }
    }
    logger.log(level, "{}", line);
  }
};

Log::Log(const LogOptions& options, std::string worker)
    : impl_(std::make_unique<Impl>(options, std::move(worker))) {}
Log::~Log() = default;

void Log::debug(std::string_view event, Fields fields) const {
  impl_->write(spdlog::level::debug, event, fields);
}
void Log::info(std::string_view event, Fields fields) const {
  impl_->write(spdlog::level::info, event, fields);
}
void Log::warning(std::string_view event, Fields fields) const {
  impl_->write(spdlog::level::warn, event, fields);
}
void Log::error(std::string_view event, Fields fields) const {
  impl_->write(spdlog::level::err, event, fields);
}

}  // namespace ferry::detail
