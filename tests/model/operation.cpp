#include "model/operation.hpp"

#include <algorithm>
#include <iterator>

#include "model/call_parts.hpp"
#include "model/operation_aside.hpp"
#include "model/operator_calls.hpp"
#include "model/random_source.hpp"
#include "model/twin.hpp"

namespace ferry::model {
namespace {

constexpr std::int64_t lease_ms = 1000;

/// Writes calls while it performs them on a twin, so that they fit what is stored.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  Operation next() {
    pass_time();
    Operation op = draw();
    op.now = now_;
    if (op.function == "register") names_.push_back(op.args[0]);
    const Answer answer = twin_.call(op.function, op.digit, op.args, now_);
    for (std::size_t digit = 0; digit < 3; ++digit) {
      for (const auto& [id, pending] : twin_.streams[digit].pending) {
        const Lease lease{digit, text_of(id), pending.worker,
                          twin_.streams[digit].entries[id].envelope};
        if (leases_.empty() || leases_.back().id != lease.id) leases_.push_back(lease);
      }
    }
    if (leases_.size() > 200) leases_.erase(leases_.begin(), leases_.begin() + 100);
    if ((op.function == "enqueue" || op.function == "open") && answer.starts_with("OK")) {
      ++sequences_[op.args[0]];
    }
    return op;
  }

 private:
  using Lease = DrawnLease;

  void pass_time() {
    now_ += random_.pick({0, 0, 0, 1, 1, 7, 40, 100, 101, 150, 450, 1000, 1001});
    if (random_.one_in(60)) now_ += random_.pick({5000, -30, -1500});
  }

  Operation draw() {
    using Draw = Operation (Generator::*)();
    static constexpr std::pair<std::uint64_t, Draw> draws[] = {
        {6, &Generator::enqueue},         {2, &Generator::open},    {6, &Generator::fetch},
        {4, &Generator::finish},          {5, &Generator::settle},  {1, &Generator::bury},
        {2, &Generator::release},         {1, &Generator::put_off}, {2, &Generator::start},
        {1, &Generator::register_worker}, {2, &Generator::renew},   {1, &Generator::leave},
        {3, &Generator::reclaim},         {2, &Generator::promote}, {1, &Generator::dead},
        {2, &Generator::count},           {1, &Generator::rarely},  {15, &Generator::aside},
    };
    std::uint64_t weights = 0;
    for (const auto& [weight, draw] : draws) weights += weight;
    std::uint64_t at = random_.below(weights);
    for (const auto& [weight, draw] : draws) {
      if (at < weight) return (this->*draw)();
      at -= weight;
    }
    return renew();
  }

  // --- What calls are made of ---

  std::size_t digit() { return random_.pick<std::size_t>({1, 1, 1, 0, 2}); }

  std::string worker() {
    if (names_.empty() || random_.one_in(20)) return "nobody";
    const std::size_t recent = std::min<std::size_t>(names_.size(), 4);
    return names_[names_.size() - 1 - random_.below(recent)];
  }

  // --- Calls of producers ---

  Words opening(const std::string& producer) {
    std::int64_t sequence = sequences_[producer] + 1;
    if (random_.one_in(6)) sequence -= random_.pick({1, 1, 2, -1});
    return {producer, parts_.told(std::max<std::int64_t>(0, sequence)),
            parts_.told(random_.pick({0, 0, 0, 30, 3000})),
            parts_.told(random_.pick({0, 0, 0, 900})),
            parts_.told(random_.pick({0, 0, 0, 0, 40, 101, 450, 2000}))};
  }

  std::string producer() { return random_.pick<std::string>({"p", "q", "r"}); }

  Operation enqueue() {
    Words args = opening(producer());
    const std::uint64_t envelopes = random_.pick<std::uint64_t>({1, 1, 2, 3});
    for (std::uint64_t i = 0; i < envelopes; ++i) {
      const std::size_t at = digit();
      std::string bytes = random_.one_in(25) ? parts_.broken_envelope() : parts_.fresh_envelope();
      if (random_.one_in(15) && !last_delayed_.empty()) bytes = last_delayed_;
      const std::int64_t delay = random_.pick({0, 0, 0, 0, 1, 40, 40, 2000});
      if (delay > 0) last_delayed_ = bytes;
      const std::size_t stream = random_.one_in(80) ? 3 + random_.below(6) : 5 + at;
      args.insert(args.end(),
                  {parts_.number(static_cast<std::int64_t>(stream)), parts_.told(delay),
                   random_.one_in(80) ? "3" : parts_.number(static_cast<std::int64_t>(at)), bytes});
    }
    if (random_.one_in(60)) args.pop_back();
    if (random_.one_in(60)) args.resize(5);
    return {"enqueue", 1, args};
  }

  Operation open() {
    Words args = opening(producer());
    Words envelopes;
    std::int64_t jobs = 0, bytes = 0;
    for (std::uint64_t i = 1 + random_.below(2); i > 0; --i) {
      envelopes.push_back(parts_.fresh_envelope());
      jobs += *jobs_in(envelopes.back());
      bytes += static_cast<std::int64_t>(envelopes.back().size());
    }
    args.insert(args.end(), {random_.one_in(40) ? "0" : parts_.told(jobs), parts_.told(bytes)});
    args.insert(args.end(), envelopes.begin(), envelopes.end());
    return {"open", digit(), args};
  }

  // --- Calls of workers ---

  /// What a worker holds now, or thinks that it holds.
  Lease lease() {
    std::vector<Lease> held;
    for (std::size_t digit = 0; digit < 3; ++digit) {
      for (const auto& [id, pending] : twin_.streams[digit].pending) {
        held.push_back(
            {digit, text_of(id), pending.worker, twin_.streams[digit].entries[id].envelope});
      }
    }
    Lease lease{digit(), "5-5", worker(), parts_.envelope_of(2, parts_.next_id())};
    if (!leases_.empty() && (held.empty() || random_.one_in(8))) {
      lease = random_.pick(leases_);
    } else if (!held.empty()) {
      lease = random_.pick(held);
    }
    if (random_.one_in(12)) lease.worker = worker();
    return lease;
  }

  std::int64_t jobs_of(const Lease& lease) { return jobs_in(lease.envelope).value_or(1); }

  std::int64_t open_jobs_of(const Lease& lease) {
    const auto marks =
        twin_.progress.find(parts_.number(static_cast<std::int64_t>(lease.digit)) + ":" + lease.id);
    if (marks == twin_.progress.end()) return jobs_of(lease);
    return jobs_of(lease) - std::count(marks->second.begin(), marks->second.end(), 'x');
  }

  /// More of what the same worker holds in the same stream.
  std::vector<Lease> leases() {
    std::vector<Lease> list{lease()};
    for (int more = static_cast<int>(random_.below(4)); more > 0; --more) {
      Lease other = lease();
      if (other.digit == list[0].digit) list.push_back(other);
    }
    return list;
  }

  Operation finish() {
    const std::vector<Lease> named = leases();
    if (random_.one_in(4)) return done(named);
    std::vector<Whole> envelopes;
    for (const Lease& one : named) {
      envelopes.push_back(
          {one.id, open_jobs_of(one), static_cast<std::int64_t>(one.envelope.size())});
    }
    Words args = arguments_of_finish(named[0].worker, envelopes);
    if (random_.one_in(60)) args[3] += 'x';
    if (random_.one_in(60)) args[1] = "many";
    return {"finish", named[0].digit, args};
  }

  /// As workers of revision 3 tell it.
  Operation done(const std::vector<Lease>& named) {
    Words args{named[0].worker};
    for (const Lease& one : named) {
      args.insert(args.end(), {one.id, parts_.number(open_jobs_of(one)),
                               parts_.number(static_cast<std::int64_t>(one.envelope.size()))});
    }
    return {"done", named[0].digit, args};
  }

  std::string packed(std::vector<std::size_t>& indexes, std::int64_t total) {
    std::string bytes;
    for (std::uint64_t i = random_.below(3); i > 0 && !indexes.empty(); --i) {
      bytes += big_endian(static_cast<std::int64_t>(indexes.back()), 2);
      indexes.pop_back();
    }
    if (random_.one_in(80)) bytes += big_endian(total, 2);
    if (random_.one_in(120)) bytes += 'x';
    return bytes;
  }

  Operation settle() {
    const Lease one = lease();
    const std::int64_t total = jobs_of(one);
    // A wrong number of jobs is noticed where there is progress to compare it with.
    const bool has_progress = open_jobs_of(one) < total;
    std::vector<std::size_t> indexes;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(total, 4); ++i) {
      indexes.push_back(random_.below(static_cast<std::uint64_t>(total)));
    }
    if (random_.one_in(3)) {  // everything that is left
      indexes.clear();
      for (std::int64_t i = 0; i < total; ++i) indexes.push_back(static_cast<std::size_t>(i));
    }
    Words args{one.worker, one.id,
               parts_.told(total + (has_progress && random_.one_in(20) ? 1 : 0)),
               parts_.told(static_cast<std::int64_t>(one.envelope.size()))};
    args.push_back(packed(indexes, total));
    args.push_back(packed(indexes, total));
    const bool all = random_.one_in(3);
    for (std::size_t moves = all ? 4 : random_.below(3); moves > 0 && !indexes.empty(); --moves) {
      const std::size_t index = indexes.back();
      indexes.pop_back();
      args.insert(args.end(),
                  {parts_.told(static_cast<std::int64_t>(index)),
                   random_.one_in(60) ? "z" : random_.pick<std::string>({"r", "r", "f"}),
                   parts_.told(random_.pick({0, 0, 30, 3000})), parts_.moved(one.envelope, index)});
    }
    if (args.size() > 6 && random_.one_in(60)) args.pop_back();
    if (all) {  // the rest at once, so that envelopes also end by `settle`
      for (const std::size_t index : indexes)
        args[4] += big_endian(static_cast<std::int64_t>(index), 2);
    }
    return {"settle", one.digit, args};
  }

  Operation bury() {
    const Lease one = lease();
    std::string letter = parts_.moved(one.envelope, 0);
    if (random_.one_in(4) && !twin_.parked.empty()) letter = twin_.parked.begin()->second;
    return {
        "bury",
        one.digit,
        {one.worker, one.id, parts_.told(static_cast<std::int64_t>(one.envelope.size())), letter}};
  }

  Operation release() {
    const std::vector<Lease> named = leases();
    Words args{named[0].worker};
    for (const Lease& one : named) args.push_back(one.id);
    if (random_.one_in(30)) args.push_back("first");
    return {"release", named[0].digit, args};
  }

  Operation put_off() {
    Operation same = release();
    same.function = "put_off";
    return same;
  }

  Operation start() {
    const std::vector<Lease> named = leases();
    Words args{named[0].worker};
    for (const Lease& one : named) {
      const std::int64_t total = jobs_of(one);
      std::int64_t index =
          static_cast<std::int64_t>(random_.below(std::min<std::uint64_t>(2, total)));
      if (random_.one_in(40)) index = total;
      std::string field = parts_.number(static_cast<std::int64_t>(one.digit)) + ":" + one.id;
      if (random_.one_in(60)) field = random_.pick<std::string>({"here", "3:5-5", "1:5"});
      args.insert(args.end(), {field, parts_.told(total), parts_.told(index)});
    }
    return {"start", 1, args};
  }

  Operation fetch() {
    return {"fetch", digit(), {worker(), random_.pick<std::string>({"1", "2", "10"})}};
  }

  Operation renew() { return {"renew", 1, {worker()}}; }
  Operation leave() { return {"leave", 1, {worker()}}; }

  Operation register_worker() {
    return {"register",
            1,
            {random_.one_in(4) ? worker()
                               : "w" + parts_.number(static_cast<std::int64_t>(names_.size()))}};
  }

  Operation reclaim() {
    return {"reclaim",
            1,
            {worker(), parts_.told(lease_ms), random_.pick<std::string>({"1", "2", "200", "201"})}};
  }

  Operation aside() { return aside_.next(worker(), digit(), leases()); }

  // --- Upkeep and people ---

  Operation promote() { return aside_.promote(); }

  Operation dead() {
    Words names = twin_.dead.first(1 + random_.below(3));
    if (random_.one_in(5)) names.push_back("1:" + std::string(32, '0'));
    if (random_.one_in(5) && !twin_.due.at.empty()) names.push_back(twin_.due.at.begin()->first);
    if (random_.one_in(8)) names.push_back(parts_.odd_name());
    if (random_.one_in(2)) {
      if (random_.one_in(3) && !names.empty()) names.push_back(names[0]);
      return random_.one_in(2) ? operators_.remove(names, digit())
                               : Operation{"dead_drop", 1, names};
    }
    if (random_.one_in(3)) return operators_.dead_open(names);
    Words args;
    for (const std::string& name : names) {
      const auto letter = twin_.parked.find(name);
      const std::int64_t jobs =
          letter == twin_.parked.end() ? 1 : jobs_in(letter->second).value_or(1);
      args.insert(args.end(),
                  {name, random_.one_in(30)
                             ? parts_.broken_envelope()
                             : parts_.envelope_of(
                                   static_cast<std::uint64_t>(jobs + (random_.one_in(30) ? 1 : 0)),
                                   parts_.next_id())});
    }
    if (!args.empty() && random_.one_in(30)) args.pop_back();
    return {"dead_retry", 1, args};
  }

  Operation count() {
    const std::string entry = leases_.empty() ? "" : leases_.back().id;
    return random_.one_in(2) ? operators_.weigh(entry, digit()) : operators_.count(entry, digit());
  }

  Operation rarely() {
    switch (random_.below(13)) {
      case 0:
      case 1:
        return {"pause", 1, {random_.pick<std::string>({"0", "1", "2"})}};
      case 2:
      case 3:
      case 4:
        return {"purge", 1, {random_.pick<std::string>({"1", "3", "500", "501"})}};
      case 5:
        return {"expire_producers",
                1,
                {random_.one_in(9) ? "x" : "0",
                 random_.pick<std::string>({"0", "1000", "60000", "31622400001"})}};
      case 6:
      case 7:
      case 8:
        return aside_.stray(now_);
      case 9:
      case 10:
        return {"forget", 1, {parts_.told(random_.pick({0, 1000, 60000}))}};
      default:
        return {"alien", digit(), {random_.one_in(3) ? std::string() : parts_.broken_envelope()}};
    }
  }

  RandomSource random_;
  CallParts parts_{random_};
  Twin twin_;
  AsideCalls aside_{random_, parts_, twin_};
  OperatorCalls operators_{random_, parts_, twin_};
  std::int64_t now_ = 1'700'000'000'000;
  std::map<std::string, std::int64_t> sequences_;
  Words names_;
  std::vector<Lease> leases_;  ///< also those that ended
  std::string last_delayed_;
};

}  // namespace

std::string show(const Operation& operation) {
  std::string text = "at " + std::to_string(operation.now) + ": " + operation.function + " on " +
                     std::to_string(operation.digit) + " (";
  for (const std::string& word : operation.args) {
    text += (text.back() == '(' ? "" : ", ") + printable(word);
  }
  return text + ")";
}

std::vector<Operation> random_operations(std::uint64_t seed, std::size_t count) {
  Generator generator(seed);
  std::vector<Operation> operations;
  // Without a worker nothing happens.
  while (operations.size() < count) operations.push_back(generator.next());
  return operations;
}

}  // namespace ferry::model
