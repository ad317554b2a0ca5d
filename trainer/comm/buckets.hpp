// How a flat buffer of n parameters is cut: into buckets, which ranks sum and gather one after another, and those into
// a part for each rank.
//
// Every cut is at a multiple of `block` parameters, the block of op::block_squares: so a block's sum of squares has one
// owner, and the norm has the same bits however the buffer is shared out.
// buckets_of cuts in the order of use: from `late` down to 0, the first 1 MiB so that it sets out soon, the others
// bucket_bytes, and last [late, n), which is final only at the end.  A function of its arguments alone: all ranks have
// the same buckets, and any number of ranks.
// Source: PyTorch's DDP (arXiv 2006.15704) for the buckets, ZeRO (arXiv 1910.02054) for the parts;
// tests/comm/buckets_test.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/comm/communicator.hpp"

namespace bsft {

struct Buckets {
  std::vector<Part> list;  // in the order of use
  std::int64_t late = 0;   // where the buckets begin that come last
  std::int64_t block = 1;
};

Buckets buckets_of(std::int64_t n, std::int64_t late, std::int64_t bucket_bytes, std::int64_t block);

// Rank r's parts of all buckets, ascending, neighbours joined.
std::vector<Part> parts_of(Buckets const& buckets, int rank, int size);

}  // namespace bsft
