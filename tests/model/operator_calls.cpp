#include "model/operator_calls.hpp"

namespace ferry::model {

Operation OperatorCalls::dead_open(const Words& names) {
  const std::string name = names.empty() ? "1:" + std::string(32, '0') : random_.pick(names);
  const auto letter = twin_.parked.find(name);
  const bool is_there = letter != twin_.parked.end();
  const std::int64_t jobs = is_there ? jobs_in(letter->second).value_or(1) : 1;
  const std::string envelope =
      parts_.envelope_of(static_cast<std::uint64_t>(jobs), parts_.next_id());
  const std::size_t size = is_there && !random_.one_in(10) ? letter->second.size() : 5;
  return {"dead_open",
          is_name(name) ? static_cast<std::size_t>(name[0] - '0') : 1,
          {name, std::to_string(size), random_.one_in(30) ? "0" : parts_.told(jobs),
           parts_.told(static_cast<std::int64_t>(envelope.size())), envelope}};
}

void OperatorCalls::add_removal(Words& args, const std::string& where, const std::string& name,
                                const std::string& envelope) {
  const std::int64_t jobs = jobs_in(envelope).value_or(0);
  const auto bytes = static_cast<std::int64_t>(envelope.size());
  args.insert(args.end(), {random_.one_in(60) ? "3" : where, name, parts_.told(jobs),
                           parts_.told(bytes + (random_.one_in(12) ? 1 : 0))});
}

Operation OperatorCalls::remove(const Words& dead, std::size_t digit) {
  Words args;
  for (const std::string& name : dead) {
    const auto letter = twin_.parked.find(name);
    add_removal(args, "dead", name, letter == twin_.parked.end() ? "gone" : letter->second);
  }
  for (const std::string& name : twin_.due.first(random_.below(3))) {
    add_removal(args, "due", name, twin_.parked.at(name));
  }
  for (const auto& [id, entry] : twin_.streams[digit].entries) {
    if (random_.one_in(3)) add_removal(args, std::to_string(digit), text_of(id), entry.envelope);
  }
  if (random_.one_in(20)) args.insert(args.end(), {"1", "5-5", "1", "40"});
  if (random_.one_in(30)) args.insert(args.end(), {"1", "first", "1", "40"});
  if (!args.empty() && random_.one_in(40)) args.pop_back();
  return {"remove", 1, args};
}

Operation OperatorCalls::weigh(const std::string& entry, std::size_t digit) {
  const std::string most = parts_.told(random_.pick({1, 2, 500, 500, 501}));
  const std::string bytes = parts_.told(random_.pick({0, 30, 60, 1'000'000}));
  const std::string lists = random_.pick<std::string>({"0", "1"});
  if (random_.one_in(3)) return {"books", 1, {random_.pick<std::string>({"0", "30", "1000"})}};
  if (random_.one_in(2)) {
    return {"weigh_parked",
            random_.below(2),
            {parts_.told(random_.pick({0, 0, 1, 3})), most, bytes, lists}};
  }
  const std::string from =
      entry.empty() ? "-" : random_.pick<std::string>({"-", entry, "(" + entry});
  const std::string to = entry.empty() ? "+" : random_.pick<std::string>({"+", entry});
  return {"weigh", digit, {from, to, most, bytes, lists}};
}

Operation OperatorCalls::count(const std::string& entry, std::size_t digit) {
  const std::string most = random_.pick<std::string>({"1", "2", "500"});
  if (random_.one_in(3)) return {"counts", 1, {}};
  if (random_.one_in(2)) {
    return {
        "count_parked", random_.below(2), {random_.pick<std::string>({"0", "0", "1", "3"}), most}};
  }
  const std::string from =
      entry.empty() ? "-" : random_.pick<std::string>({"-", entry, "(" + entry});
  const std::string to = entry.empty() ? "+" : random_.pick<std::string>({"+", entry});
  return {"count_range", digit, {from, to, most}};
}

}  // namespace ferry::model
