#include "data/feed/lanes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "data/base/error.hpp"
#include "tests/feed/records.hpp"

namespace bsft {
namespace {

TEST(Lanes, EveryUnitIsInOneLaneAndLanesAreBalanced) {
  auto const records = testing::made_up_records(200);
  Order const order(records, trainable_records(records, 1000, TooLong::error), {1, 128, 3});
  auto const units = order.epoch(0);
  std::span<Unit const> const step(units.data(), static_cast<std::size_t>(order.units_per_step()));
  for (std::int64_t lanes : {1, 2, 8, 16}) {
    auto const dealt = deal(step, records, lanes);
    ASSERT_EQ(dealt.size(), static_cast<std::size_t>(lanes));
    std::multiset<Unit> seen;
    std::vector<std::int64_t> load;
    for (auto const& lane : dealt) {
      std::int64_t tokens = 0;
      for (Unit const& unit : lane) {
        seen.insert(unit);
        std::int64_t prompt = 0;
        for (std::int64_t r : unit) {
          RecordInfo const& info = records[static_cast<std::size_t>(r)];
          prompt = std::max<std::int64_t>(prompt, info.prompt_end);
          tokens += info.length - info.prompt_end;
        }
        tokens += prompt;
      }
      load.push_back(tokens);
    }
    EXPECT_EQ(seen, std::multiset<Unit>(step.begin(), step.end()));
    auto const [least, most] = std::minmax_element(load.begin(), load.end());
    EXPECT_LE(*most - *least, 60) << lanes << " lanes differ by more than a unit";
  }
}

TEST(Lanes, FewUnitsLeaveLanesEmpty) {
  auto const records = testing::made_up_records(3);
  std::vector<Unit> const units{{0}, {1}};
  auto const dealt = deal(units, records, 4);
  EXPECT_EQ(std::count_if(dealt.begin(), dealt.end(), [](auto const& lane) { return lane.empty(); }), 2);
}

TEST(Lanes, RanksHoldAlignedBlocks) {
  std::int64_t next = 0;
  for (std::int64_t rank = 0; rank < 4; ++rank) {
    LaneRange const range = lanes_of(rank, 4, 8, Reduction::exact);
    EXPECT_EQ(range.begin, next);
    EXPECT_EQ(range.end - range.begin, 2);
    next = range.end;
  }
  EXPECT_EQ(next, 8);
}

TEST(Lanes, IllegalRankCountsAreRefusedWithTheLegalOnes) {
  auto const refusal = [](std::int64_t world, std::int64_t lanes, Reduction reduction) -> std::string {
    try {
      lanes_of(0, world, lanes, reduction);
    } catch (Invalid const& error) {
      EXPECT_EQ(error.code(), Exit::config);
      return error.what();
    }
    return "";
  };
  EXPECT_NE(refusal(3, 8, Reduction::exact).find("start 1, 2, 4, 8 trainer ranks"), std::string::npos);
  EXPECT_NE(refusal(16, 8, Reduction::exact).find("start 1, 2, 4, 8 trainer ranks"), std::string::npos);
  EXPECT_NE(refusal(4, 6, Reduction::fast).find("start 1, 2, 3, 6 trainer ranks"), std::string::npos);
  EXPECT_NE(refusal(2, 6, Reduction::exact).find("power of two"), std::string::npos);
  EXPECT_EQ(refusal(3, 6, Reduction::fast), "");
}

}  // namespace
}  // namespace bsft
