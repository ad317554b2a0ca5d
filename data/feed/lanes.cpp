#include "data/feed/lanes.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "data/base/error.hpp"

namespace bsft {
namespace {

bool power_of_two(std::int64_t n) { return n > 0 && (n & (n - 1)) == 0; }

bool legal(std::int64_t world, std::int64_t lanes, Reduction reduction) {
  return lanes % world == 0 && (reduction == Reduction::fast || (power_of_two(world) && power_of_two(lanes)));
}

std::int64_t weight_of(Unit const& unit, std::vector<RecordInfo> const& records) {
  std::int64_t prompt = 0, rest = 0;
  for (std::int64_t r : unit) {
    RecordInfo const& info = records[static_cast<std::size_t>(r)];
    prompt = std::max<std::int64_t>(prompt, info.prompt_end);
    rest += info.length - info.prompt_end;
  }
  return prompt + rest;
}

}  // namespace

LaneRange lanes_of(std::int64_t rank, std::int64_t world, std::int64_t lanes, Reduction reduction) {
  if (reduction == Reduction::exact && !power_of_two(lanes)) {
    throw Invalid(Exit::config, "parallel.lanes is " + std::to_string(lanes),
                  "the exact reduction sums lanes in a binary tree",
                  "take a power of two, or parallel.reduction: fast");
  }
  if (!legal(world, lanes, reduction)) {
    std::string counts;
    for (std::int64_t w = 1; w <= lanes; ++w) {
      if (legal(w, lanes, reduction)) counts += (counts.empty() ? "" : ", ") + std::to_string(w);
    }
    throw Invalid(Exit::config,
                  std::to_string(world) + " trainer ranks cannot share " + std::to_string(lanes) + " lanes",
                  "parallel.lanes must be a multiple of the trainer ranks" +
                      std::string(reduction == Reduction::exact ? ", both powers of two" : ""),
                  "start " + counts + " trainer ranks, or change parallel.lanes");
  }
  std::int64_t const count = lanes / world;
  return {rank * count, (rank + 1) * count};
}

std::vector<std::vector<Unit>> deal(std::span<Unit const> units, std::vector<RecordInfo> const& records,
                                    std::int64_t lanes) {
  std::vector<std::int64_t> weights;
  weights.reserve(units.size());
  for (Unit const& unit : units) weights.push_back(weight_of(unit, records));
  std::vector<std::size_t> by_weight(units.size());
  std::iota(by_weight.begin(), by_weight.end(), std::size_t{0});
  std::stable_sort(by_weight.begin(), by_weight.end(),
                   [&](std::size_t a, std::size_t b) { return weights[a] > weights[b]; });

  std::vector<std::vector<Unit>> dealt(static_cast<std::size_t>(lanes));
  std::vector<std::int64_t> load(dealt.size(), 0);
  for (std::size_t u : by_weight) {
    auto const lightest = static_cast<std::size_t>(std::min_element(load.begin(), load.end()) - load.begin());
    dealt[lightest].push_back(units[u]);
    load[lightest] += weights[u];
  }
  return dealt;
}

}  // namespace bsft
