// Which samples have been consumed, as a sum that proves it.
//
//   digest = sum over consumed samples of XXH3-128(step, record)  modulo 2^128
// step: steps done before the one that consumed the record.  The sum does not depend on the order, so lanes, ranks and
// the attempts of a run that was interrupted just add; a sample that is left out, repeated, or taken in another step
// changes it.  A lane's sum travels among the fp64 sums of a step as four limbs of 32 bits, which add without rounding
// for up to 2^21 lanes.
// PlannedSamples: what the order says, without reading a token.  Any thread.  tests/feed/ledger_test.cpp,
// tests/loop/step_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "data/feed/order.hpp"

namespace bsft {

struct Ledger {
  std::uint64_t low = 0, high = 0;
  std::int64_t samples = 0;

  void add(std::int64_t step, std::int64_t record);
  Ledger& operator+=(Ledger const& other);
  bool operator==(Ledger const& other) const = default;
  std::string digest() const;  // 32 hex digits

  using Limbs = std::array<double, 4>;  // lowest first
  Limbs limbs() const;
  // Limbs that were added up.
  static Ledger of(Limbs const& sums, std::int64_t samples);
  // Empty where the text is no digest.
  static std::optional<Ledger> of(std::string const& digest, std::int64_t samples);
};

// What steps that follow each other should consume.
class PlannedSamples {
 public:
  // `order` must outlive it.
  explicit PlannedSamples(Order const& order) : order_(order) {}
  // Of the steps [0, steps); ascending from call to call.
  Ledger const& up_to(std::int64_t steps);

 private:
  Order const& order_;
  std::vector<Unit> units_;  // of epoch_
  std::int64_t epoch_ = -1, done_ = 0;
  Ledger sum_;
};

}  // namespace bsft
