#include "kernels/op/loss_mask.hpp"

#include <string>

#include "data/base/error.hpp"
#include "kernels/run/run.hpp"

namespace bsft::op {
namespace {

void check(std::span<kernel::MaskSpan const> spans, std::int64_t tokens, std::int64_t tasks, std::int64_t behaviors) {
  for (std::size_t b = 0; b < spans.size(); ++b) {
    auto const& s = spans[b];
    auto const refuse = [&](char const* why) {
      throw Invalid(Exit::data, "loss_mask: spans[" + std::to_string(b) + "] is refused", why,
                    "see kernels/op/loss_mask.hpp for what it takes");
    };
    if (s.begin < 0 || s.length < 0 || s.begin > tokens - s.length) refuse("it lies outside tokens");
    if (s.prompt_end < 0 || s.prompt_end > s.behavior_end || s.behavior_end > s.response_end ||
        s.response_end > s.length)
      refuse("its ends are out of order");
    if (s.task < 0 || s.task >= tasks) refuse("its task is out of range");
    if (s.behavior < 0 || s.behavior >= behaviors) refuse("its behaviour is out of range");
  }
}

}  // namespace

LossMask loss_mask(std::span<std::int32_t const> tokens, std::span<kernel::MaskSpan const> spans,
                   std::span<float const> task_weights, std::int64_t behaviors, float lambda) {
  auto const sequences = std::int64_t(spans.size()), tasks = std::int64_t(task_weights.size());
  check(spans, std::int64_t(tokens.size()), tasks, behaviors);
  LossMask mask;
  mask.targets.assign(tokens.size(), -1);
  mask.weights.assign(tokens.size(), 0);
  mask.start.resize(spans.size() + 1);
  mask.cells.resize(std::size_t(tasks * behaviors));
  run::launch(kernel::MaskPlan{spans.data(), task_weights.data(), mask.start.data(), mask.cells.data(), sequences,
                               tasks, behaviors, lambda},
              run::Grid{1, 1}, run::host);
  auto const rows = std::size_t(mask.start.back());
  mask.row.resize(rows);
  mask.row_target.resize(rows);
  mask.row_weight.resize(rows);
  mask.row_channel.resize(rows);
  run::launch(kernel::MaskWrite{spans.data(), task_weights.data(), mask.start.data(), tokens.data(),
                                mask.targets.data(), mask.weights.data(), mask.row.data(), mask.row_target.data(),
                                mask.row_weight.data(), mask.row_channel.data(), sequences, lambda},
              run::units(sequences, 256), run::host);
  for (auto const& cell : mask.cells) mask.weight += cell.weight;
  return mask;
}

}  // namespace bsft::op
