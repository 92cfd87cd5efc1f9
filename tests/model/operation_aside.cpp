#include "model/operation_aside.hpp"

#include <algorithm>
#include <iterator>

namespace ferry::model {
namespace {

/// As in operation.cpp.
constexpr std::int64_t lease_ms = 1000;

std::int64_t jobs_of(const std::string& envelope) { return jobs_in(envelope).value_or(1); }

}  // namespace

Operation AsideCalls::next(const std::string& worker, std::size_t digit,
                           const std::vector<DrawnLease>& leases) {
  switch (random_.below(15)) {
    case 0:
    case 1:
      return beat(worker);
    case 2:
    case 3:
      return look(worker);
    case 4:
    case 5:
    case 6:
      return claim(worker, digit);
    case 7:
    case 8:
      return set_aside(leases);
    case 9:
      return random_.one_in(2) ? dead_split() : hint(worker);
    case 10:
      return due_move(digit);
    default:
      return part(leases[0]);
  }
}

Operation AsideCalls::hint(const std::string& worker) {
  return {"hint",
          1,
          {living(worker),
           random_.pick<std::string>({"", "a=1", "a=20 b.c=1000", "a=20 a=3", "a=0", "a=1001", "a",
                                      " a=2  b=3", "a=-1", std::string(65, 'k') + "=1"})}};
}

/// Mostly a worker that lives in place of one that does not.
std::string AsideCalls::living(const std::string& worker) {
  if (twin_.workers.empty() || twin_.workers.contains(worker) || random_.one_in(6)) return worker;
  auto at = twin_.workers.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random_.below(twin_.workers.size())));
  return at->first;
}

/// Mostly what a worker that lives holds in place of what nobody holds.
std::vector<DrawnLease> AsideCalls::held(const std::vector<DrawnLease>& leases) {
  if (twin_.workers.contains(leases[0].worker) || random_.one_in(6)) return leases;
  std::vector<DrawnLease> all;
  for (std::size_t digit = 0; digit < twin_.streams.size(); ++digit) {
    for (const auto& [id, pending] : twin_.streams[digit].pending) {
      if (!twin_.workers.contains(pending.worker)) continue;
      if (!all.empty() && (all[0].digit != digit || all[0].worker != pending.worker)) continue;
      all.push_back(
          {digit, text_of(id), pending.worker, twin_.streams[digit].entries.at(id).envelope});
    }
  }
  if (all.empty()) return leases;
  const std::size_t from = random_.below(all.size());
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(from));
  all.resize(std::min<std::size_t>(all.size(), 4));
  return all;
}

std::string AsideCalls::lease_told() {
  if (random_.one_in(40)) return random_.pick<std::string>({"0", "31622400001", "long"});
  return parts_.told(random_.one_in(12) ? 300 : lease_ms);
}

Operation AsideCalls::beat(const std::string& worker) {
  return {"beat", 1, {living(worker), lease_told(), random_.one_in(4) ? "0" : "1"}};
}

Operation AsideCalls::look(const std::string& worker) {
  return {"look", 1, {living(worker), lease_told()}};
}

/// Somebody who holds something there, or a name that may hold nothing.
std::string AsideCalls::holder(std::size_t digit) {
  const auto& pending = twin_.streams[digit].pending;
  if (pending.empty() || random_.one_in(6)) {
    return random_.pick<std::string>({"~kind:a", "~free", "~newer", "nobody", ""});
  }
  auto at = pending.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random_.below(pending.size())));
  return at->second.worker;
}

Operation AsideCalls::claim(const std::string& worker, std::size_t digit) {
  std::string most = random_.pick<std::string>({"1", "2", "200"});
  if (random_.one_in(60)) most = random_.pick<std::string>({"0", "201"});
  return {"claim",
          digit,
          {living(worker), holder(digit), most, parts_.told(random_.pick({0, 0, 1, 2, 5, 1000}))}};
}

Operation AsideCalls::set_aside(const std::vector<DrawnLease>& drawn) {
  const std::vector<DrawnLease> leases = held(drawn);
  std::string holder =
      random_.pick<std::string>({"~kind:a", "~kind:a", "~kind:b", "~free", "~newer"});
  if (random_.one_in(40)) {
    holder = random_.pick<std::string>({"kind", "~", "~a b", "~~", "~" + std::string(80, 'k')});
  }
  Words args{leases[0].worker, holder};
  for (const DrawnLease& one : leases) {
    const std::int64_t jobs = random_.one_in(60) ? 1001 : jobs_of(one.envelope);
    args.insert(args.end(), {one.id, parts_.told(jobs)});
  }
  if (random_.one_in(60)) args.pop_back();
  if (random_.one_in(60)) args.insert(args.end(), {"first", "1"});
  return {"set_aside", leases[0].digit, args};
}

std::string AsideCalls::packed(const std::vector<std::size_t>& at) {
  std::string bytes;
  for (const std::size_t index : at) bytes += big_endian(static_cast<std::int64_t>(index), 2);
  if (random_.one_in(100)) bytes += 'x';
  return bytes;
}

/// One to three groups of jobs in a row, sometimes all of them, sometimes the same ones twice.
Operation AsideCalls::part(const DrawnLease& drawn) {
  const DrawnLease lease = held({drawn})[0];
  const std::int64_t total = jobs_of(lease.envelope);
  const auto known = twin_.progress.find(std::to_string(lease.digit) + ":" + lease.id);
  // A wrong number of jobs is noticed where there is progress to compare it with.
  const bool wrong = known != twin_.progress.end() && random_.one_in(20);
  Words args{lease.worker, random_.one_in(60) ? "first" : lease.id, parts_.told(total + wrong),
             parts_.told(std::ssize(lease.envelope))};
  std::int64_t from = random_.one_in(2) ? 0 : static_cast<std::int64_t>(random_.below(2));
  const bool all = random_.one_in(3);
  for (int parts = 1 + static_cast<int>(random_.below(3)); parts > 0 && from < total; --parts) {
    std::int64_t jobs = 1 + static_cast<std::int64_t>(random_.below(3));
    if (all && parts == 1) jobs = total;
    jobs = std::min(jobs, total - from);
    std::vector<std::size_t> at;
    for (std::int64_t i = 0; i < jobs; ++i) at.push_back(static_cast<std::size_t>(from + i));
    std::string id = jobs_in(lease.envelope) ? first_id(lease.envelope) : parts_.next_id();
    id.back() = static_cast<char>(id.back() + static_cast<char>(from));
    const bool other = random_.one_in(60);
    std::string envelope = parts_.envelope_of(static_cast<std::uint64_t>(jobs + other), id);
    if (random_.one_in(60)) envelope = parts_.broken_envelope();
    args.insert(args.end(),
                {random_.one_in(60) ? "z" : random_.pick<std::string>({"r", "r", "r", "f"}),
                 random_.one_in(60) ? "31622400001" : parts_.told(random_.pick({0, 0, 30, 3000})),
                 packed(at), envelope});
    from += random_.one_in(60) ? 0 : jobs;
  }
  if (random_.one_in(60)) args.pop_back();
  return {"part", lease.digit, args};
}

Operation AsideCalls::dead_split() {
  const Words dead = twin_.dead.first(3);
  if (dead.empty() || random_.one_in(10)) {
    const std::string name = "1:" + std::string(random_.one_in(2) ? 32 : 31, 'a');
    return {"dead_split", 1, {name, parts_.envelope_of(1, parts_.next_id())}};
  }
  const std::string& name = random_.pick(dead);
  const std::string& letter = twin_.parked.at(name);
  std::int64_t left = jobs_of(letter) + (random_.one_in(30) ? 1 : 0);
  Words args{name};
  while (left > 0 && args.size() < 5) {
    std::int64_t jobs = random_.pick<std::int64_t>({1, 1, 2});
    if (jobs > left || args.size() == 4) jobs = std::min<std::int64_t>(left, 1000);
    std::string id = args.size() == 1 && jobs_in(letter) ? first_id(letter) : parts_.next_id();
    if (random_.one_in(20) && !twin_.parked.empty()) {
      const std::string& other = twin_.parked.begin()->second;
      if (jobs_in(other)) id = first_id(other);
    }
    args.push_back(random_.one_in(40) ? parts_.broken_envelope()
                                      : parts_.envelope_of(static_cast<std::uint64_t>(jobs), id));
    left -= jobs;
  }
  if (random_.one_in(20)) args = {name, letter};  // split before
  if (random_.one_in(40)) args.resize(1);
  return {"dead_split", 1, args};
}

Operation AsideCalls::promote() {
  Words args{parts_.told(random_.pick({1, 2, 500})), parts_.told(random_.pick({60, 1'048'576}))};
  if (random_.one_in(60)) args[0] = random_.pick<std::string>({"0", "501"});
  if (random_.one_in(2)) args.push_back(parts_.told(random_.pick({0, 30, 45, 1'048'576})));
  return {"promote", 1, args};
}

Operation AsideCalls::due_move(std::size_t digit) {
  const Words names = twin_.due.first(3);
  std::string name = "1:" + std::string(32, 'a');
  if (!names.empty()) name = random_.pick(names);
  const auto known = twin_.parked.find(name);
  const std::string bytes = known == twin_.parked.end() ? "gone" : known->second;
  const std::int64_t at = names.empty() ? 5 : twin_.due.at.at(name);
  if (name[0] >= '0' && name[0] <= '2') digit = static_cast<std::size_t>(name[0] - '0');
  Words args{name, std::to_string(at + (random_.one_in(15) ? 1 : 0)),
             std::to_string(std::ssize(bytes) + (random_.one_in(15) ? 1 : 0)),
             random_.one_in(15) ? "1001" : std::to_string(jobs_in(bytes).value_or(0)), bytes};
  return {"due_move", digit, args};
}

/// Under a name that no function makes, or under one that some job has; what is there already is
/// replaced, as nothing else can be.
Operation AsideCalls::stray(std::int64_t now) {
  const std::string bytes = random_.one_in(2) ? parts_.fresh_envelope() : parts_.broken_envelope();
  std::string name = random_.pick<std::string>(
      {"zzz", "", "3:" + std::string(32, 'a'), "1:" + std::string(32, 'A'),
       "1:" + std::string(31, 'a'), "1:" + std::string(33, 'a'), "1-" + std::string(32, 'a')});
  if (random_.one_in(2)) name = "1:" + std::string(30, 'b') + std::to_string(10 + random_.below(3));
  if (twin_.dead.at.contains(name)) name = "zzz";
  const std::int64_t at = std::max<std::int64_t>(0, now + random_.pick({-1'000'000, -1, 40}));
  return {
      "stray",
      1,
      {random_.one_in(4) && !twin_.due.at.contains(name) ? "" : std::to_string(at), name, bytes}};
}

}  // namespace ferry::model
