// Weights of which a rank holds its parts_of the buckets alone (ZeRO-3): the rest is there while a unit needs it.
//
//   enter(unit, next)  gathers what the unit needs and is not here, gives back what neither needs, and sets out to
//                      gather what `next` needs while the unit computes
//   leave()            gives all back
//   gather()           all weights, on rank 0 of the group or on all; where not, a bucket at a time passes through
// A bucket is gathered whole, so beside a rank's own parts at most the buckets of two units are here. Collective: all
// ranks enter the same units in the same order.
// Source: ZeRO (arXiv 1910.02054), FSDP (arXiv 2304.11277); tests/loop/ranks_test.py, sharding_test.py.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "trainer/comm/buckets.hpp"
#include "trainer/model/decoder.hpp"

namespace bsft {

// Gives back what rank `rank` of `size` does not keep of a bucket, or of a part of the buffer.
void give_back_others(Pages const& pages, Buckets const& buckets, std::size_t bucket, int rank, int size);
void give_back_others(Pages const& pages, Buckets const& buckets, Part within, int rank, int size);

enum class Whole { on_rank_0, on_all };

class SharedWeights {
 public:
  // All must outlive it.
  SharedWeights(Communicator& group, Decoder const& decoder, Buckets buckets);
  void enter(std::int64_t unit, std::optional<std::int64_t> next);
  void leave();
  void gather(Whole where);

 private:
  struct Bucket {
    bool here = false;
    Pending coming;
  };
  std::vector<bool> needed(std::optional<std::int64_t> unit) const;  // [buckets]
  void start(std::size_t bucket);
  void drop(std::size_t bucket);

  Communicator& group_;
  Decoder const& decoder_;
  Buckets buckets_;
  at::Tensor memory_;
  std::vector<Bucket> state_;
};

}  // namespace bsft
