#include "flow/live/worker_process.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>

namespace ferry::flow {
namespace {

std::string program(const std::string& name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

}  // namespace

WorkerProcess::WorkerProcess(const std::string& redis_url, const std::string& folder,
                             std::size_t index, const std::string& name)
    : base_(folder + "/" + name),
      process_(std::make_unique<test::Child>(
          program("flow_worker"),
          std::vector<std::string>{"--redis", redis_url, "--mix", folder + "/mix.json", "--index",
                                   std::to_string(index), "--runs", runs_path(), "--note",
                                   base_ + ".note", "--name", name},
          folder + "/workers.log")) {}

std::string WorkerProcess::end(std::chrono::seconds at_most) {
  if (process_ == nullptr) return {};
  process_->signal(SIGTERM);
  const auto status = process_->wait_for(at_most);
  process_.reset();
  if (!status) return "does not end";
  if (WIFSIGNALED(*status)) return "ended with signal " + std::to_string(WTERMSIG(*status));
  if (WEXITSTATUS(*status) != 0) return "ended with code " + std::to_string(WEXITSTATUS(*status));
  return {};
}

bool WorkerProcess::has_ended() {
  return process_ != nullptr && process_->wait_for(std::chrono::milliseconds{0}).has_value();
}

WorkerNote WorkerProcess::note() const {
  const auto notes = read_records<WorkerNote>(base_ + ".note");
  return notes.empty() ? WorkerNote{} : notes.front();
}

std::int64_t WorkerProcess::status_of(const std::string& field) const {
  if (process_ == nullptr) return 0;
  std::ifstream status("/proc/" + std::to_string(process_->pid()) + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(field)) return std::stoll(line.substr(field.size()));
  }
  return 0;
}

}  // namespace ferry::flow
