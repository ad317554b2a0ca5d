// One optimizer step over a global batch.
//
//   W = sum of weights of the global batch, all-reduced before the first forward pass
//   per lane: zero the gradient; per pass: loss(forest, 1 / W), backward;  lanes and ranks summed in one fixed tree
//   then clip, AdamW
// What is shared out among the ranks follows ZeRO's stages; with Sharded::weights a rank with fewer passes than another
// walks through the units with it, so that all gather the same.
// So the loss and its gradient are those of sum w l / sum w over all records, whatever the ranks, lanes and passes.
// A batch of weight 0 gives exactly zero, skips the update, and is counted; the schedule advances all the same.
// Where a loss or the gradient's norm is not finite on any rank, all compute the batch once more: what is finite then
// is used, what is not changes nothing and is told in metrics.not_finite, the same on all ranks. Collective.
// tests/loop/step_test.cpp: factorisations; tests/loop/ranks_test.py: the same bits for 1, 2, 4 and 8 ranks;
// tests/loop/non_finite_test.py: one decision on all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/base/error.hpp"
#include "trainer/comm/communicator.hpp"
#include "trainer/comm/flight_recorder.hpp"
#include "trainer/loop/gradient_sum.hpp"
#include "trainer/loop/lane_sum.hpp"
#include "trainer/loop/metrics.hpp"
#include "trainer/loop/shared_weights.hpp"
#include "trainer/loop/weight_gather.hpp"
#include "trainer/optim/optimizer.hpp"

namespace bsft {

// The trainers, twice: `host` carries CPU tensors and messages, `device` the gradient (the same where that is on the
// CPU: then weights that are shared out arrive behind the forward, where the two have wires of their own).  What this
// rank does is told to `recorder`, where there is one; `notes` is asked, once or twice a step, what this rank has to
// tell the others.
struct Trainers {
  Communicator& host;
  Communicator& device;
  FlightRecorder* recorder = nullptr;
  std::function<Notes()> notes;
  void does(Activity activity) const {
    if (recorder != nullptr) recorder->does(activity);
  }
  void note(Totals& totals) const {
    if (notes) totals.note(notes());
  }
  // Of this rank, for people.
  std::string name() const {
    return recorder != nullptr ? who(recorder->snapshot()) : "trainer rank " + std::to_string(host.rank());
  }
};

// Too many steps were not finite; every rank knows.
class NonFinite : public Error {
 public:
  // many: "3 steps in a row"; names: the records' ids, where the caller knows them.
  NonFinite(std::int64_t step, NotFinite found, std::string many, std::string const& names = {});
  std::int64_t step() const { return step_; }
  NotFinite const& found() const { return found_; }
  std::string const& many() const { return many_; }

 private:
  std::int64_t step_;
  NotFinite found_;
  std::string many_;
};

// ZeRO's stages, each with those before it.
enum class Sharded { nothing, moments, gradients, weights };

class Stepper {
 public:
  // `lanes` of this rank.  All must outlive it.
  // From Sharded::moments on the optimizer holds this rank's parts_of the buckets.
  Stepper(Decoder const& decoder, Optimizer& optimizer, Trainers trainers, std::int64_t lanes, Buckets const& buckets,
          Sharded sharded);
  StepMetrics step(Batch const& batch, double learning_rate);
  // The gradient of the batch alone, left in decoder.flat_gradient().
  StepMetrics gradient(Batch const& batch);
  // Returns when the weights are those of the last step: with moments or gradients shared out they may still be under
  // way while the next forward runs.  Before anyone else reads them.
  void settle();

 private:
  void run_lane(LaneBatch const& lane, std::size_t passes, bool last, double scale, Totals& totals,
                StepMetrics& metrics);
  void run_pass(Forest const& pass, double scale, Decoder::Visit const& visit, Totals& totals, StepMetrics& metrics);
  void visit(Direction direction, std::int64_t unit, bool final_pass);
  void work(double& own, double& waiting, std::function<void()> const& f);
  std::vector<std::size_t> passes_of(Batch const& batch);
  StepMetrics attempt(Batch const& batch);
  NotFinite what_is_not_finite(Batch const& batch);
  double gradient_norm();

  Decoder const& decoder_;
  Optimizer& optimizer_;
  Trainers trainers_;
  Buckets buckets_;
  Sharded sharded_;
  GradientSum gradients_;
  std::optional<SharedWeights> weights_;  // Sharded::weights
  std::optional<WeightGather> gather_;    // Sharded::moments and gradients
  LaneSum totals_;
  std::vector<std::int64_t> bad_records_;      // of this rank
  bool losses_finite_ = true, finite_ = true;  // of the last attempt, of all ranks
  double waited_ = 0;                          // s in a pass, for what other ranks send
};

}  // namespace bsft
