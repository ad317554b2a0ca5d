// The batch: a forest of unpadded segments.
//
// Unique tokens [T] cut into segments; a segment has a parent segment or none; it attends to its ancestors and,
// causally, to itself; positions continue from the parent.  A plain record is one root.  plant() merges the common
// prefixes of sequences that may share (a radix tree), whatever their meaning: members of a case share the case, the
// conditions and labels of an evaluated prompt are leaves under it.
// Linear layers, norms and losses see only [T]; no padding exists, and sequences that do not share cannot see each
// other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/base/ids.hpp"

namespace bsft {

struct Segment {
  std::int32_t begin = 0, end = 0;  // rows of [T]
  std::int32_t parent = -1;         // index of an earlier segment, or -1
  std::int32_t position = 0;        // position of row `begin`
};

enum class Channel : std::uint8_t { behavior, response, end };

// The token at `row` predicts `target`.
struct SupervisedRow {
  std::int32_t row = 0;
  TokenId target = 0;
  float weight = 0;
  Channel channel = Channel::response;
  TaskId task{};
  BehaviorId behavior{};
  std::int64_t sample = -1;  // the sequence (when scoring) or the record (when training) it belongs to
};

struct Forest {
  std::vector<TokenId> tokens;    // [T]
  std::vector<Segment> segments;  // trees one after another, each depth first: a parent, its first child with all
                                  // of that child's descendants, its second child …; rows in this order
  std::vector<SupervisedRow> supervised;  // sequence by sequence, by position; a row may appear more than once
  std::vector<std::int64_t> samples;      // of the sequences, in their order
};

// A target of a sequence: tokens[at] is predicted from tokens[at - 1].  Requires 1 <= at <= tokens.size().
struct Target {
  std::int32_t at = 0;
  TokenId token = 0;
  float weight = 0;
  Channel channel = Channel::response;
};

struct Sequence {
  std::vector<TokenId> tokens;
  std::vector<Target> targets;
  std::int64_t share = -1;  // neighbours in the list with the same value >= 0 share their common prefixes
  TaskId task{};
  BehaviorId behavior{};
  std::int64_t sample = -1;
};

// Children stand in the order of the sequences that brought them.  Tokens that no target looks back on (those from the
// last target on, the closing end token above all) get no row; a sequence without targets keeps all of its tokens.
// Requires a token in every sequence, targets in ascending `at`.
Forest plant(std::span<Sequence const> sequences);

}  // namespace bsft
