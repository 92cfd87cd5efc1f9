// What do the pure parts cost for each job, without Redis and threads?

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "batching/batcher.hpp"
#include "ferry/histogram.hpp"
#include "scratch_folder.hpp"
#include "secrets/payload_keys.hpp"
#include "wire/envelope.hpp"

namespace ferry {
namespace {

std::string envelope_of(std::size_t jobs, std::size_t payload_bytes) {
  wire::EnvelopeWriter writer(JobId{});
  const std::string payload(payload_bytes, 'x');
  for (std::size_t i = 0; i < jobs; ++i) writer.add("blob", payload, 1'700'000'000'000'000);
  return writer.finish();
}

void write_envelope(benchmark::State& state) {
  const auto jobs = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(envelope_of(jobs, 100));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(write_envelope)->Arg(1)->Arg(256);

void decode_envelope(benchmark::State& state) {
  const std::string bytes = envelope_of(static_cast<std::size_t>(state.range(0)), 100);
  for (auto _ : state) {
    wire::StoredEnvelope stored;
    if (!wire::decode(bytes, stored).empty()) state.SkipWithError("cannot be decoded");
    benchmark::DoNotOptimize(stored.jobs.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(decode_envelope)->Arg(1)->Arg(256);

void batch_jobs(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  detail::Batcher batcher({{fixed(size, std::chrono::seconds{1}), 1, false}}, 1);
  const detail::Time now{};
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < size; ++i)
      batcher.arrive({0, {}, {0, i}, 100, 1, detail::Suspect::no, now});
    benchmark::DoNotOptimize(batcher.next(now));
    batcher.runner_free(0, detail::Suspect::no);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(batch_jobs)->Arg(1)->Arg(256);

void record_latency(benchmark::State& state) {
  Histogram histogram;
  std::uint64_t value = 1;
  for (auto _ : state)
    histogram.record(value = value * 6364136223846793005U + 1442695040888963407U);
}
BENCHMARK(record_latency);

secrets::PayloadKeys some_keys() {
  const ScratchFolder folder;
  secrets::add_key_in_front(folder.file("keys"), "k1");
  return secrets::PayloadKeys(folder.file("keys"));
}

const secrets::PayloadBinding binding{JobId{}, "default", "blob"};

void seal_payload(benchmark::State& state) {
  const auto keys = some_keys();
  const std::string payload(static_cast<std::size_t>(state.range(0)), 'x');
  std::string sealed(payload.size() + secrets::PayloadKeys::overhead_bytes, '\0');
  for (auto _ : state) {
    keys.seal(binding, payload, sealed.data());
    benchmark::DoNotOptimize(sealed.data());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(seal_payload)->Arg(100)->Arg(1024)->Arg(64 * 1024);

void open_payload(benchmark::State& state) {
  const auto keys = some_keys();
  std::string payload(static_cast<std::size_t>(state.range(0)), 'x');
  std::string sealed(payload.size() + secrets::PayloadKeys::overhead_bytes, '\0');
  keys.seal(binding, payload, sealed.data());
  for (auto _ : state) {
    if (!keys.open("k1", binding, sealed, payload.data())) state.SkipWithError("does not open");
    benchmark::DoNotOptimize(payload.data());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(open_payload)->Arg(100)->Arg(1024)->Arg(64 * 1024);

}  // namespace
}  // namespace ferry

BENCHMARK_MAIN();
