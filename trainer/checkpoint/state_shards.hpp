// The optimizer's moments as shards: files by ranges of parameters, the same whatever the ranks.
//
//   shards_of(L)   as many as lanes, at most 1,024 (then L's largest divisor below)
//   shard k of S   part k of S of every bucket (part_of, in blocks of op::norm_block): as parts are nested, a rank of N
//                  holds the shards [k S/N, (k+1) S/N) whole wherever N divides S
//   a tensor       moment1.<parameter>[begin:end], fp32 [end - begin]: elements of the flattened parameter; moment2
//   alike
// Reading goes by those names alone, so any number of ranks, lanes and buckets reads any other's: each takes what its
// optimizer holds, and the pages of the rest are not touched.
// Errors: Broken naming a tensor that is foreign, out of range, missing or there twice.
// Source: reliability.md section 3, 8; grammar in format.md; tests/checkpoint/saver_test.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "trainer/checkpoint/staged_file.hpp"
#include "trainer/comm/buckets.hpp"
#include "trainer/model/decoder.hpp"
#include "trainer/optim/optimizer.hpp"

namespace bsft {

int shards_of(std::int64_t lanes);
// training_state-00003-of-00008.safetensors is shard 2 of 8.
std::string shard_name(int shard, int shards);

// Fills `into` with moments from `offset` of the flat buffer on.
using MomentSource = std::function<void(at::Tensor Moments::*which, std::int64_t offset, at::Tensor const& into)>;

// A shard in host memory.
class StateShard {
 public:
  StateShard(Decoder const& decoder, Buckets const& buckets, int shard, int shards);
  void take(MomentSource const& source);
  // Looks into this object, which may not change until it is written.
  StagedFile file() const;

 private:
  struct Piece {
    std::string parameter;
    std::int64_t begin, end;  // elements of the parameter
    std::int64_t place;       // of the first among the shard's
  };
  std::string name_;
  std::vector<Part> parts_;
  std::vector<Piece> pieces_;
  Moments copy_;  // part after part
};

void read_state(Decoder const& decoder, Optimizer& optimizer, std::filesystem::path const& folder, int shards);

}  // namespace bsft
