#include "launch/sweep/cost.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <tuple>

#include "launch/training_data.hpp"
#include "trainer/loop/train.hpp"

namespace bsft {
namespace {

// Of each way to take the records of a file; a file is opened once.
class Epochs {
 public:
  Order const& order_of(Config const& config) {
    auto const key = std::tuple(config.data.file, config.data.max_length, config.data.overlong, config.data.group_size,
                                config.train.global_batch_size);
    auto& order = orders_[key];
    if (order) return *order;
    auto& reader = readers_[config.data.file];
    if (!reader) reader = std::make_unique<StoreReader>(config.data.file);
    order = bsft::order_of(config, *reader, {}).order;
    return *order;
  }

 private:
  std::map<std::string, std::unique_ptr<StoreReader>> readers_;
  std::map<std::tuple<std::string, std::int64_t, std::string, std::int64_t, std::int64_t>, std::unique_ptr<Order>>
      orders_;
};

}  // namespace

std::optional<double> seconds_a_step(std::vector<RunState> const& states) {
  std::vector<double> rates;
  for (RunState const& state : states)
    if (state.stage == RunStage::done && state.attempts.seconds && state.total_steps > 0)
      rates.push_back(*state.attempts.seconds / static_cast<double>(state.total_steps));
  if (rates.empty()) return std::nullopt;
  auto const middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
  std::nth_element(rates.begin(), middle, rates.end());
  return *middle;
}

std::vector<RunCost> costs_of(SweepRuns const& sweep, std::vector<RunState> const& states, Files files) {
  std::optional<double> const rate = seconds_a_step(states);
  Epochs epochs;
  std::vector<RunCost> costs;
  for (std::size_t i = 0; i < sweep.runs.size(); ++i) {
    Config const& config = sweep.runs[i].arm.config;
    RunCost cost;
    std::error_code error;
    if (files == Files::must_exist || std::filesystem::exists(config.data.file, error)) {
      Order const& order = epochs.order_of(config);
      cost.steps = total_steps_of(config.train, order);
      cost.records = std::llround(static_cast<double>(order.records()) * static_cast<double>(cost.steps) /
                                  static_cast<double>(order.steps_per_epoch()));
    } else {
      cost.steps = config.train.max_steps;
    }
    bool const ends = states[i].stage == RunStage::done || states[i].dropped > 0;
    std::int64_t const left = ends ? 0 : cost.steps - std::min(states[i].step, cost.steps);
    if (rate) cost.seconds = *rate * static_cast<double>(left);
    costs.push_back(cost);
  }
  return costs;
}

}  // namespace bsft
