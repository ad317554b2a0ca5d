// The order of an epoch: a permutation of units that is a pure function of (seed, epoch).
//
// A unit is up to group_size records of one case, its members drawn anew each epoch; it is never cut.  A step takes
// U = max(1, round(global_batch_size x units / records)) units: global_batch_size records where units are single
// records, that many on average where they are groups.  The last, partial step of an epoch is used. Randomness is
// counter-based (bsft::mix of seed, epoch, record): nothing to save but the number of steps done, whatever the number
// of ranks. Errors: Invalid(data) where nothing is left to train on, or where a record is too long and may not be
// dropped. Source: reliability.md D1 (f); tests/feed/order_test.cpp shows bijection, coverage and independence of
// ranks.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "data/store/reader.hpp"

namespace bsft {

using Unit = std::vector<std::int64_t>;  // records of one case

enum class TooLong { error, drop };

// Records of the train split of at most max_length tokens.
std::vector<std::int64_t> trainable_records(std::vector<RecordInfo> const& records, std::int64_t max_length,
                                            TooLong policy);

struct OrderSettings {
  std::uint64_t seed = 1;
  std::int64_t global_batch_size = 64;  // records a step
  std::int64_t group_size = 1;          // records a unit
};

class Order {
 public:
  // Keeps the columns it needs, not `records`.
  Order(std::vector<RecordInfo> const& records, std::vector<std::int64_t> const& chosen, OrderSettings settings);

  std::int64_t records() const { return static_cast<std::int64_t>(chosen_.size()); }
  std::int64_t units() const { return units_; }
  std::int64_t units_per_step() const { return units_per_step_; }
  std::int64_t steps_per_epoch() const { return (units_ + units_per_step_ - 1) / units_per_step_; }
  // All units of an epoch, in order; step s takes [s U, (s + 1) U).
  std::vector<Unit> epoch(std::int64_t epoch) const;
  // The first of a step's units within its epoch, and the one after its last.
  std::pair<std::int64_t, std::int64_t> units_of(std::int64_t step) const;

 private:
  OrderSettings settings_;
  std::vector<std::int64_t> chosen_;      // sorted by case, then by record
  std::vector<std::size_t> case_begins_;  // into chosen_, and its end
  std::int64_t units_ = 0, units_per_step_ = 1;
};

}  // namespace bsft
