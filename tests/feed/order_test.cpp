#include "data/feed/order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "data/base/error.hpp"
#include "tests/feed/records.hpp"

namespace bsft {
namespace {

Order order_of(std::vector<RecordInfo> const& records, OrderSettings settings) {
  return Order(records, trainable_records(records, 1000, TooLong::error), settings);
}

TEST(Order, IsABijectionOfTheRecordsWhateverTheGroupSize) {
  auto const records = testing::made_up_records(60);
  for (std::int64_t group : {1, 2, 3, 5, 100}) {
    Order const order = order_of(records, {1, 16, group});
    for (std::int64_t epoch : {0, 1, 7}) {
      std::multiset<std::int64_t> seen;
      std::vector<Unit> const units = order.epoch(epoch);
      EXPECT_EQ(static_cast<std::int64_t>(units.size()), order.units());
      for (Unit const& unit : units) {
        ASSERT_FALSE(unit.empty());
        ASSERT_LE(static_cast<std::int64_t>(unit.size()), group);
        for (std::int64_t r : unit) {
          seen.insert(r);
          ASSERT_EQ(records[static_cast<std::size_t>(r)].case_index,
                    records[static_cast<std::size_t>(unit.front())].case_index);
        }
      }
      ASSERT_EQ(seen.size(), records.size());
      ASSERT_EQ(std::set<std::int64_t>(seen.begin(), seen.end()).size(), records.size());
    }
  }
}

TEST(Order, DependsOnSeedAndEpochAlone) {
  auto const records = testing::made_up_records(60);
  OrderSettings const settings{5, 16, 2};
  auto const first = order_of(records, settings).epoch(3);
  EXPECT_EQ(first, order_of(records, settings).epoch(3));
  EXPECT_NE(first, order_of(records, settings).epoch(4));
  EXPECT_NE(first, order_of(records, {6, 16, 2}).epoch(3));
  auto members = [](std::vector<Unit> units) {
    std::set<Unit> sorted;
    for (Unit& unit : units) {
      std::sort(unit.begin(), unit.end());
      sorted.insert(unit);
    }
    return sorted;
  };
  EXPECT_NE(members(first), members(order_of(records, settings).epoch(4))) << "members of a unit are drawn anew";
}

TEST(Order, MixesWell) {
  // The mean place of a record over many epochs is the middle.
  auto const records = testing::made_up_records(20);
  Order const order = order_of(records, {1, 4, 1});
  double sum = 0;
  int const epochs = 400;
  for (int e = 0; e < epochs; ++e) {
    auto const units = order.epoch(e);
    for (std::size_t u = 0; u < units.size(); ++u) {
      if (units[u].front() == 0) sum += static_cast<double>(u);
    }
  }
  double const middle = static_cast<double>(order.units() - 1) / 2;
  EXPECT_NEAR(sum / epochs, middle, 0.1 * middle);
}

TEST(Order, StepsHoldTheGlobalBatch) {
  auto const records = testing::made_up_records(60);  // 180 records
  Order const single = order_of(records, {1, 16, 1});
  EXPECT_EQ(single.units_per_step(), 16);
  EXPECT_EQ(single.steps_per_epoch(), 12);  // 11 whole and a partial one
  Order const grouped = order_of(records, {1, 18, 5});
  EXPECT_EQ(grouped.units(), 60);
  EXPECT_EQ(grouped.units_per_step(), 6);  // three records a unit on average
  EXPECT_EQ(order_of(records, {1, 1, 5}).units_per_step(), 1);
}

TEST(Order, OtherSplitsAndLongRecordsStayOut) {
  auto records = testing::made_up_records(10);
  records[3].split = Split::test;
  records[5].length = 5000;
  EXPECT_THROW(trainable_records(records, 1000, TooLong::error), Invalid);
  auto const chosen = trainable_records(records, 1000, TooLong::drop);
  EXPECT_EQ(chosen.size(), records.size() - 2);
  EXPECT_EQ(std::count(chosen.begin(), chosen.end(), 3) + std::count(chosen.begin(), chosen.end(), 5), 0);
  for (RecordInfo& info : records) info.split = Split::dev;
  EXPECT_THROW(trainable_records(records, 1000, TooLong::drop), Invalid);
}

}  // namespace
}  // namespace bsft
