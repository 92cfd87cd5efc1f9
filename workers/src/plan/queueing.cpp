#include "plan/queueing.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ferry::plan {
namespace {

/// The z of a normal distribution's 99 %.
constexpr double z99 = 2.3263478740;

/// Inverse of the standard normal distribution, by bisection: a plan asks a few times.
double normal_quantile(double part) {
  double low = -10;
  double high = 10;
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(-middle / std::sqrt(2)) / 2 < part ? low : high) = middle;
  }
  return (low + high) / 2;
}

/// P(W > t) = delayed · exp(−t · delayed / mean): the wait that 99 in 100 do not exceed.
double wait_p99(double delayed, double mean) {
  return delayed <= 0.01 ? 0 : mean / delayed * std::log(delayed / 0.01);
}

void take_p99(QueueAnswer& answer, double delayed, const ServiceTime& time) {
  answer.p99 = std::max(wait_p99(delayed, answer.mean_wait) + time.mean(1), time.quantile(1, 0.99));
}

/// Factors of a lognormal distribution and their probabilities: the normal density on an even grid.
struct Factor {
  double value;
  double probability;
};

std::vector<Factor> factors_of(double noise) {
  if (noise <= 0) return {{1, 1}};
  std::vector<Factor> factors;
  double sum = 0;
  for (double z = -5; z <= 5.01; z += 0.25) {
    factors.push_back({std::exp(noise * z), std::exp(-z * z / 2)});
    sum += factors.back().probability;
  }
  for (Factor& factor : factors) factor.probability /= sum;
  return factors;
}

/// Probabilities of 0, 1, … arrivals during one call; what is beyond `most` counts as `most`.
std::vector<double> arrivals_during(double rate, double time, const std::vector<Factor>& factors,
                                    std::size_t most) {
  std::vector<double> probabilities(most + 1, 0.0);
  for (const Factor& factor : factors) {
    const double mean = rate * time * factor.value;
    double left = factor.probability;
    for (std::size_t k = 0; k < most; ++k) {
      const auto count = static_cast<double>(k);
      const double here =
          factor.probability * std::exp(count * std::log(mean) - mean - std::lgamma(count + 1));
      probabilities[k] += here;
      left -= here;
    }
    probabilities[most] += std::max(0.0, left);
  }
  return probabilities;
}

/// How many wait when a call ends.
class LeftBehind {
 public:
  LeftBehind(double rate, const ServiceTime& time, std::size_t most_jobs, std::size_t states)
      : most_jobs_(most_jobs), now_(states, 0.0) {
    const auto factors = factors_of(time.noise);
    for (std::size_t size = 1; size <= std::min(most_jobs, states - 1); ++size) {
      const double median = time.fixed + time.per_job * static_cast<double>(size);
      arrivals_.push_back(arrivals_during(rate, median, factors, states - 1));
    }
    now_[0] = 1;
  }

  std::size_t size_after(std::size_t left) const {
    return std::clamp<std::size_t>(left, 1, std::min(most_jobs_, arrivals_.size()));
  }

  const std::vector<double>& settle() {
    constexpr int most_rounds = 20'000;
    for (int round = 0; round < most_rounds; ++round) {
      std::vector<double> next(now_.size(), 0.0);
      for (std::size_t left = 0; left < now_.size(); ++left) {
        if (now_[left] < 1e-14) continue;
        const std::size_t size = size_after(left);
        const std::size_t waiting = std::max<std::size_t>(left, 1) - size;
        const auto& come = arrivals_[size - 1];
        for (std::size_t k = 0; k < come.size(); ++k) {
          next[std::min(waiting + k, next.size() - 1)] += now_[left] * come[k];
        }
      }
      double moved = 0;
      for (std::size_t i = 0; i < next.size(); ++i) moved += std::abs(next[i] - now_[i]);
      now_ = std::move(next);
      if (moved < 1e-10) break;
    }
    return now_;
  }

 private:
  std::size_t most_jobs_;
  std::vector<std::vector<double>> arrivals_;
  std::vector<double> now_;
};

}  // namespace

double ServiceTime::mean(double size) const {
  return (fixed + per_job * size) * std::exp(noise * noise / 2);
}

double ServiceTime::second_moment(double size) const {
  const double median = fixed + per_job * size;
  return median * median * std::exp(2 * noise * noise);
}

double ServiceTime::quantile(double size, double part) const {
  const double z = part == 0.99 ? z99 : normal_quantile(part);
  return (fixed + per_job * size) * std::exp(noise * z);
}

QueueAnswer single_handler(double rate, const ServiceTime& time) {
  QueueAnswer answer;
  answer.utilisation = rate * time.mean(1);
  answer.stable = answer.utilisation < 1;
  if (!answer.stable) return answer;
  answer.mean_wait = rate * time.second_moment(1) / (2 * (1 - answer.utilisation));
  answer.mean_latency = answer.mean_wait + time.mean(1);
  take_p99(answer, answer.utilisation, time);
  return answer;
}

QueueAnswer handlers_side_by_side(double rate, const ServiceTime& time, std::size_t handlers) {
  const double busy = rate * time.mean(1);
  const auto k = static_cast<double>(handlers);
  QueueAnswer answer;
  answer.utilisation = busy / k;
  answer.stable = answer.utilisation < 1;
  if (!answer.stable) return answer;
  // Erlang's B by its recursion, which cannot overflow, and C from it.
  double blocked = 1;
  for (std::size_t i = 1; i <= handlers; ++i) {
    blocked = busy * blocked / (static_cast<double>(i) + busy * blocked);
  }
  const double delayed = blocked / (1 - answer.utilisation * (1 - blocked));
  const double mean = time.mean(1);
  const double squared_variation = time.second_moment(1) / (mean * mean) - 1;
  answer.mean_wait = delayed * mean / (k - busy) * (1 + squared_variation) / 2;
  answer.mean_latency = answer.mean_wait + mean;
  take_p99(answer, delayed, time);
  return answer;
}

QueueAnswer greedy_batches(double rate, const ServiceTime& time, std::size_t most) {
  constexpr std::size_t most_states = 600;
  const auto limit = static_cast<double>(most);
  QueueAnswer answer;
  answer.stable = rate * time.mean(limit) < limit;
  answer.utilisation = 1;
  if (!answer.stable) return answer;
  LeftBehind chain(rate, time, most, most_states);
  const std::vector<double>& left_behind = chain.settle();
  double jobs = 0;
  double busy = 0;
  double idle = 0;
  double job_time = 0;
  double wait_time = 0;
  for (std::size_t left = 0; left < left_behind.size(); ++left) {
    const double probability = left_behind[left];
    const std::size_t size = chain.size_after(left);
    const auto n = static_cast<double>(size);
    const double waiting = static_cast<double>(std::max<std::size_t>(left, 1)) - n;
    const double wait = waiting * time.mean(n) + rate * time.second_moment(n) / 2;
    jobs += probability * n;
    busy += probability * time.mean(n);
    wait_time += probability * wait;
    job_time += probability * (wait + n * time.mean(n));
    if (left == 0) idle += probability / rate;
  }
  answer.utilisation = busy / (busy + idle);
  answer.mean_batch = jobs;
  answer.mean_wait = wait_time / jobs;
  answer.mean_latency = job_time / jobs;
  // Nearly all states in use means that the truth has more of them.
  answer.stable = left_behind.back() < 1e-6;
  return answer;
}

}  // namespace ferry::plan
