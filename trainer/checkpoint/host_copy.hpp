// A rank's part of a checkpoint, copied to host memory so that training can go on while it is written.
//
//   shards [first, last) of the moments, on every rank that writes     8 bytes a parameter of theirs
//   the model's tensors, on the rank that writes model.safetensors     4 bytes a parameter (what is frozen is not
//   copied)
// The memory is taken by the constructor, which may be slow, and used again.  bytes_of_copy says how much.
// Requires: take() at the end of a step, with the weights whole in the decoder where they are copied; not while files()
// are being written.
// Source: CheckFreq (FAST 21) calls the two halves snapshot and persist; tests/bench/run.sh save has the seconds.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/checkpoint/state_shards.hpp"
#include "trainer/model/export.hpp"

namespace bsft {

struct Share {
  int first = 0, last = 0, shards = 1;  // [first, last) of `shards`
  bool weights = false;
};
// Rank `rank` of `size`: the shards that its moments are where size divides their number, else all on rank 0.
Share share_of(int rank, int size, int shards);
bool is_even(int size, int shards);
std::int64_t bytes_of_copy(Decoder const& decoder, Buckets const& buckets, Share const& share);
// Of a whole checkpoint's tensors.
std::int64_t bytes_of_checkpoint(Decoder const& decoder);

class HostCopy {
 public:
  // `decoder` must outlive it.
  HostCopy(Decoder const& decoder, Buckets const& buckets, Share const& share);
  void take(MomentSource const& moments);
  // Valid until the next take().
  std::vector<StagedFile> files() const;

 private:
  Decoder const& decoder_;
  bool weights_;
  std::vector<StateShard> shards_;
  std::vector<ExportedTensor> tensors_;
};

}  // namespace bsft
