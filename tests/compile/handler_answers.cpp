// Handlers whose answers would be dropped. Each line that ends in "refused: <words>" must be named
// by exactly one error of the compiler, with that sentence; with RIGHT_ONLY they are left out, and
// what is left compiles.
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ferry/worker.hpp"

namespace {

struct Mail {
  static constexpr std::string_view kind = "mail";
  std::string to;
  MSGPACK_DEFINE_MAP(to)
};

using ferry::Batch;
using ferry::Completion;
using ferry::JobContext;
using ferry::Outcome;

[[maybe_unused]] bool send_mail(const JobContext&, const Mail&) { return false; }
[[maybe_unused]] bool send_many(Batch<Mail>&) { return false; }

struct Sender {
  int operator()(const JobContext&, const Mail&) const { return 1; }
  std::size_t operator()(Batch<Mail>&) const { return 0; }
};

}  // namespace

void right_answers(ferry::Handlers& handlers) {
  static const Outcome busy = ferry::retry("busy");
  handlers.on<Mail>([](const JobContext&, const Mail&) {});
  handlers.on<Mail>([](const JobContext&, const Mail&) { return ferry::done(); });
  handlers.on<Mail>([](const JobContext&, const Mail&) -> const Outcome& { return busy; });
  handlers.on<Mail>(ferry::realtime(4), [](const JobContext&, Mail) noexcept {});
  handlers.on<Mail>(ferry::realtime(), [](const auto&, const auto&) { return ferry::fail("no"); });
  handlers.on_batch<Mail>(ferry::realtime(4), [](Batch<Mail>&) {});
  handlers.on_batch<Mail>(ferry::realtime(4), [](Batch<Mail>&) { return ferry::retry("all"); });
  handlers.on_async<Mail>([](const JobContext&, Mail, const Completion& end) { end.done(); });
}

#ifndef RIGHT_ONLY
// clang-format off
void wrong_answers(ferry::Handlers& handlers, ferry::Policy policy) {
  handlers.on<Mail>([](const JobContext&, const Mail&) { return true; });  // refused: void (the job
  handlers.on<Mail>(policy, [](const JobContext&, const Mail&) { return false; });  // refused: void (the job
  handlers.on<Mail>([](const auto&, const auto&) { return ferry::OutcomeKind::fail; });  // refused: void (the job
  handlers.on<Mail>([](const JobContext&, const Mail&) { return std::optional<Outcome>{}; });  // refused: void (the job
  handlers.on<Mail>([](const JobContext&, const Mail&) { return std::future<void>{}; });  // refused: void (the job
  handlers.on<Mail>([](const JobContext&, const Mail&) { return std::make_unique<Outcome>(); });  // refused: void (the job
  handlers.on<Mail>([](const JobContext&, const Mail&) -> const char* { return "failed"; });  // refused: void (the job
  handlers.on<Mail>(Sender{});  // refused: void (the job
  handlers.on<Mail>(&send_mail);  // refused: void (the job
  handlers.on<Mail>(std::function<std::string(const JobContext&, const Mail&)>{});  // refused: void (the job
  handlers.on_batch<Mail>(policy, [](Batch<Mail>&) { return false; });  // refused: void (the job
  handlers.on_batch<Mail>(policy, [](auto&) { return std::vector<Outcome>{}; });  // refused: void (the job
  handlers.on_batch<Mail>(policy, Sender{});  // refused: void (the job
  handlers.on_batch<Mail>(policy, &send_many);  // refused: void (the job
  handlers.on_async<Mail>([](const JobContext&, Mail, Completion) { return true; });  // refused: Completion
  handlers.on_async<Mail>([](const JobContext&, Mail, Completion) { return ferry::done(); });  // refused: Completion
  handlers.on_async<Mail>([](const JobContext&, const Mail&, Completion) { return std::future<void>{}; });  // refused: Completion
}
// clang-format on
#endif
