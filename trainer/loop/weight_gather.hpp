// Gather the weights that the ranks updated in parts (ZeRO-1 and 2) while the next forward already runs.
//
//   start()      after the update: all buckets set out, in the order in which a forward needs them
//   enter(unit)  returns when the unit's weights have come
//   finish()     when all have
// The group must be this one's alone until then, or what others send over it waits behind the weights.  Collective.
// Source: the second half of an all-reduce, put where it can be hidden; tests/loop/ranks_test.py, tests/bench/overlap.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/comm/buckets.hpp"
#include "trainer/model/decoder.hpp"

namespace bsft {

// Indices into the buckets that a unit's weights lie in, ascending.
std::vector<std::size_t> buckets_needed(Decoder const& decoder, Buckets const& buckets, std::int64_t unit);

class WeightGather {
 public:
  // All must outlive it.
  WeightGather(Communicator& group, Decoder const& decoder, Buckets buckets);
  void start();
  void enter(std::int64_t unit);
  void finish();

 private:
  Communicator& group_;
  Decoder const& decoder_;
  Buckets buckets_;
  at::Tensor memory_;
  std::vector<std::size_t> order_;
  std::vector<Pending> coming_;  // [buckets]
};

}  // namespace bsft
