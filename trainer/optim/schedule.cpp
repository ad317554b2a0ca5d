#include "trainer/optim/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/base/error.hpp"

namespace bsft {

std::int64_t warmup_steps(SchedulerConfig const& scheduler, std::int64_t total_steps) {
  double const steps = scheduler.warmup < 1 ? scheduler.warmup * static_cast<double>(total_steps) : scheduler.warmup;
  return std::min(total_steps, static_cast<std::int64_t>(std::llround(steps)));
}

double learning_rate(OptimizerConfig const& optimizer, SchedulerConfig const& scheduler, std::int64_t step,
                     std::int64_t total_steps) {
  double const peak = optimizer.learning_rate;
  std::int64_t const warmup = warmup_steps(scheduler, total_steps);
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup + 1);
  double const length = static_cast<double>(std::max<std::int64_t>(1, total_steps - warmup));
  double const x = std::clamp(static_cast<double>(step - warmup) / length, 0.0, 1.0);
  double fall = 1;
  if (scheduler.type == "cosine") {
    fall = (1 + std::cos(std::numbers::pi * x)) / 2;
  } else if (scheduler.type == "linear") {
    fall = 1 - x;
  } else if (scheduler.type != "constant") {
    throw Invalid(Exit::config, "scheduler.type: " + scheduler.type, "no such schedule", "cosine, linear or constant");
  }
  double const floor = scheduler.type == "constant" ? 0 : scheduler.min_lr_ratio * peak;
  return floor + (peak - floor) * fall;
}

}  // namespace bsft
