// What a step says about itself: sums that add over lanes and ranks, and the ratios that people read.
//
// Totals is one fp64 vector, summed through the same tree as the gradient, so the printed loss has the same bits
// whatever the ranks.  What ranks have to tell each other between steps travels in it, too.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/feed/forest.hpp"
#include "data/feed/ledger.hpp"
#include "data/feed/loader.hpp"

namespace bsft {

struct ChannelMetrics {
  double loss = 0, accuracy = 0, entropy = 0;  // means over the channel's rows, unweighted; entropy in nats
  std::int64_t rows = 0;
};

struct Seconds {
  double data = 0, forward = 0, backward = 0, reduce = 0, optimizer = 0, total = 0;  // of this rank
  Seconds& operator+=(Seconds const& other);
};

// Of one rank 0 or 1, of a step how many trainers said so: all ranks read the same, after the same step.
struct Notes {
  int asked_to_stop = 0;  // a signal has come
  int saved = 0;          // its part of the checkpoint under way is on disk
  int not_saved = 0;      // its part has failed
  // Of the same step, computed before.
  void add_earlier(Notes const& other);
};

// What was not finite in a step, the same on all ranks.
struct NotFinite {
  bool again = false;                 // when computed again, too: the step was skipped
  bool gradient_alone = false;        // every loss was finite
  std::vector<std::string> ranks;     // who computed or holds it
  std::vector<std::int64_t> records;  // whose loss is not finite; of the whole batch where the gradient alone is not
};

// The first few by name, and how many more.
constexpr std::size_t records_named = 8;
std::string some_of(std::vector<std::int64_t> const& records, std::function<std::string(std::int64_t)> const& name);

struct StepMetrics {
  std::int64_t step = 0;  // steps done, this one included
  std::int64_t epoch = 0;
  double loss = 0;                         // sum w l / sum w of the global batch; 0 where it is empty
  std::array<ChannelMetrics, 3> channels;  // by Channel
  double gradient_norm = 0, learning_rate = 0;
  std::int64_t records = 0, tokens = 0, unique_tokens = 0, supervised = 0;
  std::int64_t empty_batches = 0;  // without supervised tokens, since the start
  std::int64_t skipped = 0;        // not finite twice, since the start
  Ledger consumed;                 // by this step
  std::optional<NotFinite> not_finite;
  double tokens_per_second = 0;
  Seconds seconds;
  Notes notes;
};

class Totals {
 public:
  Totals();
  // What is known of a lane before its forward pass; `step` as in Batch.
  void count(LaneBatch const& lane, std::int64_t step);
  // What this rank has to tell; once a sum.
  void note(Notes const& mine);
  // The losses of one pass; returns the samples whose loss is not finite.
  std::vector<std::int64_t> add(std::vector<SupervisedRow> const& rows, at::Tensor const& loss,
                                at::Tensor const& correct, at::Tensor const& entropy);
  at::Tensor const& sums() const { return sums_; }  // [n] fp64
  double weight() const;
  bool finite() const;
  void fill(StepMetrics& metrics) const;

 private:
  double& at(int place);
  double at(int place) const;
  at::Tensor sums_;
};

}  // namespace bsft
