#include "trainer/loop/train.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>

#include "trainer/loop/state_check.hpp"
#include "trainer/optim/schedule.hpp"

namespace bsft {

std::int64_t total_steps_of(TrainConfig const& train, Order const& order) {
  if (train.max_steps > 0) return train.max_steps;
  if (train.num_epochs == 0) return 0;  // an arm that is scored as it is
  double const steps = train.num_epochs * static_cast<double>(order.steps_per_epoch());
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(steps - 1e-9)));
}

void train(TrainState& state, Config const& config, TrainPlan const& plan, TrainData const& data, Trainers trainers,
           TrainObservers const& observers) {
  using Clock = std::chrono::steady_clock;
  auto const seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  Loader loader(data.order, data.records, data.source, data.loader, state.step, plan.total_steps);
  Stepper stepper(state.model, state.optimizer, trainers, data.loader.mine.end - data.loader.mine.begin, plan.buckets,
                  plan.sharded);
  for (;;) {
    Clock::time_point const start = Clock::now();
    if (trainers.recorder != nullptr) trainers.recorder->does(Activity::data, state.step + 1);
    std::optional<Batch> const batch = loader.next();
    if (!batch) break;
    double const waited = seconds_since(start);
    double const rate = learning_rate(config.optimizer, config.scheduler, state.step, plan.total_steps);
    StepMetrics metrics = stepper.step(*batch, rate);
    ++state.step;
    state.empty_batches += metrics.empty_batches;
    metrics.empty_batches = state.empty_batches;
    state.consumed += metrics.consumed;
    bool const skipped = metrics.skipped > 0;
    if (skipped) state.skipped.add(state.step);
    metrics.skipped = state.skipped.total;
    metrics.seconds.data = waited;
    metrics.seconds.total = seconds_since(start);
    metrics.tokens_per_second = static_cast<double>(metrics.tokens) / std::max(metrics.seconds.total, 1e-9);
    if (observers.on_step) observers.on_step(metrics);
    if (std::string many = skipped ? state.skipped.too_many() : ""; !many.empty())
      throw NonFinite(state.step, *metrics.not_finite, std::move(many));
    auto const falls_due = [&](std::int64_t every) { return every > 0 && state.step % every == 0; };
    bool const stops = metrics.notes.asked_to_stop > 0;
    bool const saves = (state.step == plan.total_steps || falls_due(plan.checkpoint_every) || stops) &&
                       observers.on_checkpoint != nullptr;
    bool const ends = saves && !stops && state.step < plan.total_steps && observers.ends_here != nullptr &&
                      observers.ends_here(state);
    if (saves) trainers.does(Activity::save);
    if (saves || falls_due(plan.check_every)) {
      stepper.settle();
      check_state(trainers, state.model, state.optimizer, plan.buckets, plan.sharded, state.step);
    }
    if (saves) observers.on_checkpoint(state);
    if (stops || ends) break;
  }
  stepper.settle();
}

}  // namespace bsft
