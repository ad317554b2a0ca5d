#include "launch/doctor/wires.hpp"

#include <ATen/detail/CUDAHooksInterface.h>
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>

#include "trainer/comm/mpi.hpp"

namespace bsft::doctor {
namespace {

constexpr int most_repetitions = 200, least_repetitions = 3;  // fewer where they would not end in time

double seconds_of(std::function<void()> const& work) {
  auto const start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  auto const middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// How often something that took `once` fits into its share; 0: the time is over.
int repetitions_of(double once, double share, double left) {
  if (left <= 0 || once > left) return 0;
  double const fit = std::max(share, std::min(left, least_repetitions * once)) / std::max(once, 1e-7);
  return static_cast<int>(std::clamp(fit, 1.0, 1.0 * most_repetitions));
}

std::string size_text(std::int64_t bytes) {
  if (bytes >= 1 << 20) return std::to_string(bytes >> 20) + " MiB";
  return bytes >= 1 << 10 ? std::to_string(bytes >> 10) + " KiB" : std::to_string(bytes) + " B";
}

std::string rate_text(Sample const& sample) {
  char text[80];
  double const micro = sample.seconds * 1e6;
  std::snprintf(text, sizeof text, micro < 100 ? "%.1f µs, %.1f MB/s" : "%.0f µs, %.0f MB/s", micro,
                static_cast<double>(sample.bytes) / 1e6 / sample.seconds);
  return text;
}

OrderedJson numbers_of(Sample const& sample) {
  return {{"bytes", sample.bytes},
          {"microseconds", sample.seconds * 1e6},
          {"megabytes_per_second", static_cast<double>(sample.bytes) / 1e6 / sample.seconds},
          {"repetitions", sample.repetitions}};
}

Finding larger_sizes_left_out(std::string const& name) {
  return {name + ", larger sizes", "left out: no time", Verdict::note};
}

// One rank of a pair: back and forth; the first one's clock counts.
std::vector<Sample> ping_pong(MPI_Comm world, Pair const& pair, int rank, double seconds) {
  constexpr int tag = 21;
  bool const leads = rank == pair.first;
  int const other = leads ? pair.second : pair.first;
  double const share = seconds / static_cast<double>(wire_sizes().size());
  std::vector<char> buffer(static_cast<std::size_t>(wire_sizes().back()));
  auto const send = [&](void const* data, int bytes) {
    check_mpi(MPI_Send(data, bytes, MPI_BYTE, other, tag, world), "MPI_Send");
  };
  auto const receive = [&](void* data, int bytes) {
    check_mpi(MPI_Recv(data, bytes, MPI_BYTE, other, tag, world, MPI_STATUS_IGNORE), "MPI_Recv");
  };
  std::vector<Sample> samples;
  double spent = 0;
  for (std::int64_t const size : wire_sizes()) {
    int const bytes = static_cast<int>(size);
    auto const trip = [&] {
      if (leads) send(buffer.data(), bytes);
      receive(buffer.data(), bytes);
      if (!leads) send(buffer.data(), bytes);
    };
    trip();  // connects, and is not counted
    double const once = seconds_of(trip);
    int repetitions = repetitions_of(once, share, 2 * seconds - spent);
    leads ? send(&repetitions, sizeof repetitions) : receive(&repetitions, sizeof repetitions);
    if (repetitions == 0) break;
    std::vector<double> times;
    for (int i = 0; i < repetitions; ++i) times.push_back(seconds_of(trip) / 2);
    for (double const time : times) spent += 2 * time;
    samples.push_back({size, median(std::move(times)), repetitions});
  }
  return samples;
}

std::string text_of(Pair const& pair, std::vector<RankFacts> const& facts) {
  auto const name = [&](int rank) {
    return std::to_string(rank) + " (" + facts[static_cast<std::size_t>(rank)].cpus.host.name + ")";
  };
  return "ranks " + name(pair.first) + " and " + name(pair.second);
}

}  // namespace

std::vector<std::int64_t> const& wire_sizes() {
  static std::vector<std::int64_t> const sizes = {8, 4 << 10, 256 << 10, 4 << 20, 25 << 20};
  return sizes;
}

std::vector<Sample> time_all_reduce(Communicator& group, double seconds, at::Device device) {
  double const share = seconds / static_cast<double>(wire_sizes().size());
  std::vector<Sample> samples;
  double spent = 0;
  for (std::int64_t const bytes : wire_sizes()) {
    at::Tensor const x = at::zeros({bytes / 4}, at::TensorOptions(at::kFloat).device(device));
    auto const call = [&] {
      group.all_reduce(x).wait();
      if (device.is_cuda()) at::detail::getCUDAHooks().deviceSynchronize(device.index());
    };
    double const first = seconds_of(call);  // connects, and is not counted but for what it costs
    double const once = seconds_of(call);
    spent += first + once;
    at::Tensor const repetitions = at::full({1}, repetitions_of(once, share, 2 * seconds - spent), at::kInt);
    group.broadcast(repetitions, 0).wait();
    int const count = repetitions.item<int>();
    if (count == 0) break;
    std::vector<double> times;
    for (int i = 0; i < count; ++i) times.push_back(seconds_of(call));
    for (double const time : times) spent += time;
    samples.push_back({bytes, median(std::move(times)), count});
  }
  return samples;
}

std::vector<std::vector<Pair>> rounds_of(std::vector<RankFacts> const& facts) {
  std::vector<std::pair<std::string, std::vector<int>>> hosts;
  for (RankFacts const& one : facts) {
    auto const& id = one.cpus.host.id;
    auto host = std::find_if(hosts.begin(), hosts.end(), [&](auto const& known) { return known.first == id; });
    if (host == hosts.end()) host = hosts.insert(hosts.end(), {id, {}});
    host->second.push_back(one.rank);
  }
  std::vector<std::vector<Pair>> rounds(4);
  for (auto const& [id, ranks] : hosts)
    if (ranks.size() > 1) rounds[0].push_back({ranks[0], ranks[1], true});
  std::size_t const count = hosts.size();
  std::size_t const edges = count < 2 ? 0 : count == 2 ? 1 : count;
  for (std::size_t i = 0; i < edges; ++i) {
    std::size_t const round = i + 1 == count && count % 2 == 1 ? 3 : 1 + i % 2;
    rounds[round].push_back({hosts[i].second.front(), hosts[(i + 1) % count].second.front(), false});
  }
  rounds.erase(std::remove_if(rounds.begin(), rounds.end(), [](auto const& round) { return round.empty(); }),
               rounds.end());
  return rounds;
}

std::vector<PairSamples> time_pairs(Job& job, std::vector<RankFacts> const& facts, double seconds) {
  MPI_Comm world = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &world), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  auto const rounds = rounds_of(facts);
  std::vector<PairSamples> all;
  for (std::vector<Pair> const& round : rounds) {
    std::vector<Sample> mine;
    for (Pair const& pair : round)
      if (job.rank() == pair.first || job.rank() == pair.second)
        mine = ping_pong(world, pair, job.rank(), seconds / static_cast<double>(rounds.size()));
    job.wait_for_all();  // who is in no pair sleeps
    OrderedJson text = OrderedJson::array();
    for (Sample const& sample : mine) text.push_back({sample.bytes, sample.seconds, sample.repetitions});
    std::vector<std::string> const theirs = job.everyone().exchange(text.dump());
    for (Pair const& pair : round) {
      PairSamples one{pair, {}};
      for (Json const& sample : parse_json(theirs[static_cast<std::size_t>(pair.first)], "a pair's samples"))
        one.samples.push_back({sample.at(0), sample.at(1), sample.at(2)});
      all.push_back(std::move(one));
    }
  }
  MPI_Comm_free(&world);
  return all;
}

std::vector<Finding> judge_all_reduce(std::string const& name, std::vector<Sample> const& samples, int ranks) {
  std::vector<Finding> findings;
  for (Sample const& sample : samples) {
    findings.push_back({name + ", " + size_text(sample.bytes), rate_text(sample)});
    findings.back().numbers = numbers_of(sample);
    findings.back().numbers["ranks"] = ranks;
  }
  if (samples.size() < wire_sizes().size()) findings.push_back(larger_sizes_left_out(name));
  return findings;
}

std::vector<Finding> judge_pairs(std::vector<PairSamples> const& pairs, std::vector<RankFacts> const& facts) {
  std::vector<Finding> findings;
  auto const left_out = [&](bool one_host) {
    return std::any_of(pairs.begin(), pairs.end(), [&](PairSamples const& pair) {
      return pair.pair.one_host == one_host && pair.samples.size() < wire_sizes().size();
    });
  };
  for (bool const one_host : {true, false}) {
    std::string const name = one_host ? "point-to-point in a host" : "point-to-point between hosts";
    for (std::size_t i = 0; i < wire_sizes().size(); ++i) {
      std::vector<double> times;
      PairSamples const* slowest = nullptr;
      for (PairSamples const& pair : pairs) {
        if (pair.pair.one_host != one_host || i >= pair.samples.size()) continue;
        times.push_back(pair.samples[i].seconds);
        if (slowest == nullptr || pair.samples[i].seconds > slowest->samples[i].seconds) slowest = &pair;
      }
      if (slowest == nullptr) continue;
      Sample const& sample = slowest->samples[i];
      Finding finding{name + ", " + size_text(sample.bytes),
                      rate_text(sample) + "; " +
                          (times.size() > 1 ? "the slowest of " + std::to_string(times.size()) + " pairs: " : "") +
                          text_of(slowest->pair, facts)};
      finding.numbers = numbers_of(sample);
      finding.numbers["slowest_ranks"] = {slowest->pair.first, slowest->pair.second};
      // Latency jitters; a rate of large messages that is half of the others' is a cable, a switch or another job.
      if (times.size() >= 3 && sample.bytes >= 1 << 20 && sample.seconds > 2 * median(times)) {
        finding.verdict = Verdict::warning;
        finding.advice = "less than half of the usual rate: leave that host out, or see who else uses its network";
      }
      findings.push_back(std::move(finding));
    }
    if (left_out(one_host)) findings.push_back(larger_sizes_left_out(name));
  }
  return findings;
}

}  // namespace bsft::doctor
