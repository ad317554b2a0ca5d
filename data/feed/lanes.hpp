// Deal a step into lanes, and lanes to ranks.
//
// A step is always `lanes` lanes with the same records, whatever the ranks: units go, heaviest first (ties: earlier
// first), each to the lane with the fewest tokens so far (ties: lower lane).  The weight of a unit is an estimate from
// the columns alone (its longest prompt, and what its members add to it), so every rank deals alike without reading a
// token. Rank r of W computes lanes [r n, (r + 1) n), n = lanes / W: an aligned subtree of the reduction where both are
// powers of two, which exact reduction requires. Errors: Invalid(config) naming the rank counts that are legal. Source:
// reliability.md D1 (a)-(c); tests/feed/lanes_test.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/feed/order.hpp"
#include "data/store/reader.hpp"

namespace bsft {

struct LaneRange {
  std::int64_t begin = 0, end = 0;
};

enum class Reduction { exact, fast };

LaneRange lanes_of(std::int64_t rank, std::int64_t world, std::int64_t lanes, Reduction reduction);

// lane -> its units, heaviest first.
std::vector<std::vector<Unit>> deal(std::span<Unit const> units, std::vector<RecordInfo> const& records,
                                    std::int64_t lanes);

}  // namespace bsft
