// Which arms go on at which rung, and when that is known.
#include <gtest/gtest.h>

#include "launch/sweep/halving.hpp"

namespace bsft {
namespace {

constexpr std::nullopt_t none = std::nullopt;

// Arms of one run each, or of as many as stand under one name.
HalvingState halve(std::vector<std::int64_t> const& rungs, double keep, std::vector<std::string> const& arms,
                   std::vector<RungScores> const& runs) {
  SweepRuns sweep;
  sweep.halving = {rungs, keep};
  for (std::string const& name : arms) {
    sweep.runs.emplace_back();
    sweep.runs.back().arm.name = name;
  }
  return halving_of(sweep, runs);
}

std::vector<std::int64_t> dropped(HalvingState const& state) { return state.dropped; }
using Steps = std::vector<std::int64_t>;

TEST(Halving, KeepsTheBestAtEachRung) {
  std::vector<RungScores> const runs{{{0.1, none}}, {{0.4, 0.4}}, {{0.3, 0.6}}, {{0.2, none}}};
  HalvingState const state = halve({4, 8}, 0.5, {"a", "b", "c", "d"}, runs);
  EXPECT_EQ(state.rung, 2u);
  EXPECT_EQ(dropped(state), (Steps{4, 8, 0, 4}));
}

TEST(Halving, WaitsForEveryScore) {
  std::vector<RungScores> runs{{{0.1, none}}, {{0.4, 0.4}}, {{none, none}}};
  HalvingState state = halve({4, 8}, 0.5, {"a", "b", "c"}, runs);
  EXPECT_EQ(state.rung, 0u);
  EXPECT_EQ(dropped(state), (Steps{0, 0, 0}));
  runs[2].scores[0] = 0.3;  // c goes on, and is waited for at the next
  state = halve({4, 8}, 0.5, {"a", "b", "c"}, runs);
  EXPECT_EQ(state.rung, 1u);
  EXPECT_EQ(dropped(state), (Steps{4, 0, 0}));
}

TEST(Halving, AnArmIsTheMeanOfItsSeeds) {
  std::vector<RungScores> const runs{{{0.9}}, {{0.1}}, {{0.6}}, {{0.5}}};
  EXPECT_EQ(dropped(halve({4}, 0.5, {"a", "a", "b", "b"}, runs)), (Steps{4, 4, 0, 0}));
}

TEST(Halving, FailedOnesComeLastAndNobodyWaitsForThem) {
  std::vector<RungScores> runs{{{none}}, {{0.1}}, {{0.2}}};
  runs[0].failed = true;
  HalvingState const state = halve({4}, 0.6, {"a", "b", "c"}, runs);
  EXPECT_EQ(state.rung, 1u);
  EXPECT_EQ(dropped(state), (Steps{4, 0, 0}));
}

TEST(Halving, OfEqualOnesTheFirstAndAtLeastOne) {
  std::vector<RungScores> const runs{{{0.5}}, {{0.5}}, {{0.5}}};
  EXPECT_EQ(dropped(halve({4}, 0.01, {"a", "b", "c"}, runs)), (Steps{0, 4, 4}));
  EXPECT_EQ(dropped(halve({}, 0.5, {"a", "b", "c"}, runs)), (Steps{0, 0, 0}));
}

}  // namespace
}  // namespace bsft
