// The training loop: batch after batch from a step on, with observers for everything that is not training.
//
// TrainState is all that a resume needs beside the data's order, which is a pure function of (seed, epoch): the
// weights, the optimizer's moments and updates, and the number of steps done. Where a rank's notes say that it was
// asked to stop, all stop after that step, with a checkpoint. Collective: every trainer rank calls
// train() with the same plan; observers are called on every rank in the same order (they see the same metrics but for
// the seconds, which are the rank's own). Errors: NonFinite on all ranks where too many steps were skipped
// (skipped_steps.hpp), after on_step and before a checkpoint; Told of check_state, every check_every steps; what a
// source or an observer throws, on that rank.
#pragma once

#include <cstdint>
#include <functional>

#include "data/feed/loader.hpp"
#include "trainer/loop/skipped_steps.hpp"
#include "trainer/loop/step.hpp"

namespace bsft {

struct TrainState {
  Decoder& model;
  Optimizer& optimizer;
  std::int64_t step = 0;           // steps done
  std::int64_t empty_batches = 0;  // of these
  SkippedSteps skipped;            // likewise
  Ledger consumed;                 // by all of them
};

struct TrainPlan {
  std::int64_t total_steps = 0;
  std::int64_t checkpoint_every = 0;  // 0: only after the last step
  Buckets buckets;
  Sharded sharded = Sharded::nothing;
  std::int64_t check_every = 100;  // check_state; 0: only before a checkpoint
};

struct TrainObservers {
  std::function<void(StepMetrics const&)> on_step;
  std::function<void(TrainState const&)> on_checkpoint;
  // Before the checkpoint of a step where one falls due: whether training ends with it, the same on all ranks.
  std::function<bool(TrainState const&)> ends_here;
};

// max_steps where it is set, else num_epochs of the order, rounded up.
std::int64_t total_steps_of(TrainConfig const& train, Order const& order);

struct TrainData {
  Order const& order;
  std::vector<RecordInfo> const& records;
  RecordSource source;
  LoaderSettings loader;
};

void train(TrainState& state, Config const& config, TrainPlan const& plan, TrainData const& data, Trainers trainers,
           TrainObservers const& observers);

}  // namespace bsft
