#include "data/feed/loader.hpp"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "data/base/error.hpp"
#include "tests/feed/records.hpp"

namespace bsft {
namespace {

struct Fixture {
  std::vector<RecordInfo> records = testing::made_up_records(60);
  Order order{records, trainable_records(records, 1000, TooLong::error), {3, 24, 3}};

  // All steps of `rank` from `first` on, and what it read.
  std::vector<Batch> run(std::int64_t rank, std::int64_t world, std::int64_t first, std::int64_t last,
                         std::multiset<std::int64_t>* read = nullptr) const {
    LoaderSettings settings;
    settings.mine = lanes_of(rank, world, 8, Reduction::exact);
    settings.max_tokens_per_pass = 60;
    settings.sequence.shares = true;
    Loader loader(
        order, records,
        [&](std::int64_t r) {
          if (read != nullptr) read->insert(r);
          return testing::made_up_tokens(records[static_cast<std::size_t>(r)], r, 50);
        },
        settings, first, last);
    std::vector<Batch> batches;
    while (auto batch = loader.next()) batches.push_back(std::move(*batch));
    return batches;
  }
};

std::vector<std::vector<TokenId>> passes_of(LaneBatch const& lane) {
  std::vector<std::vector<TokenId>> passes;
  for (Forest const& pass : lane.passes) passes.push_back(pass.tokens);
  return passes;
}

TEST(Loader, EachRankReadsItsOwnRecordsAndTogetherTheyReadAllOnce) {
  Fixture const f;
  std::int64_t const steps = f.order.steps_per_epoch();
  for (std::int64_t world : {1, 2, 4, 8}) {
    std::multiset<std::int64_t> all;
    for (std::int64_t rank = 0; rank < world; ++rank) {
      std::multiset<std::int64_t> mine;
      f.run(rank, world, 0, steps, &mine);
      if (world > 1) EXPECT_LT(mine.size(), f.records.size());
      all.insert(mine.begin(), mine.end());
    }
    EXPECT_EQ(all.size(), f.records.size()) << "a record is read twice in an epoch";
    EXPECT_EQ(std::set<std::int64_t>(all.begin(), all.end()).size(), f.records.size());
  }
}

TEST(Loader, LanesAndTheirCutsDoNotDependOnTheRanks) {
  Fixture const f;
  std::int64_t const steps = 2 * f.order.steps_per_epoch();
  std::vector<Batch> const alone = f.run(0, 1, 0, steps);
  ASSERT_EQ(static_cast<std::int64_t>(alone.size()), steps);
  for (std::int64_t world : {2, 8}) {
    for (std::int64_t rank = 0; rank < world; ++rank) {
      std::vector<Batch> const mine = f.run(rank, world, 0, steps);
      ASSERT_EQ(mine.size(), alone.size());
      for (std::size_t s = 0; s < mine.size(); ++s) {
        for (LaneBatch const& lane : mine[s].lanes) {
          LaneBatch const& same = alone[s].lanes[static_cast<std::size_t>(lane.lane)];
          ASSERT_EQ(same.lane, lane.lane);
          ASSERT_EQ(passes_of(lane), passes_of(same));
          ASSERT_EQ(lane.weight, same.weight);
        }
      }
    }
  }
}

TEST(Loader, StartsInTheMiddleAsIfItHadRunThrough) {
  Fixture const f;
  std::int64_t const last = f.order.steps_per_epoch() + 3;
  std::vector<Batch> const whole = f.run(0, 1, 0, last);
  for (std::int64_t first : {std::int64_t{1}, f.order.steps_per_epoch() - 1, f.order.steps_per_epoch(), last - 1}) {
    std::vector<Batch> const rest = f.run(0, 1, first, last);
    ASSERT_EQ(static_cast<std::int64_t>(rest.size()), last - first);
    for (std::size_t s = 0; s < rest.size(); ++s) {
      Batch const& same = whole[s + static_cast<std::size_t>(first)];
      EXPECT_EQ(rest[s].step, same.step);
      EXPECT_EQ(rest[s].epoch, same.epoch);
      for (std::size_t l = 0; l < rest[s].lanes.size(); ++l) {
        ASSERT_EQ(passes_of(rest[s].lanes[l]), passes_of(same.lanes[l]));
      }
    }
  }
}

TEST(Loader, PassesStayWithinTheirTokensAndUnitsWhole) {
  Fixture const f;
  std::size_t cut = 0;
  for (Batch const& batch : f.run(0, 1, 0, f.order.steps_per_epoch())) {
    for (LaneBatch const& lane : batch.lanes) {
      cut += lane.passes.size() > 1;
      std::int64_t supervised = 0;
      for (Forest const& pass : lane.passes) {
        supervised += static_cast<std::int64_t>(pass.supervised.size());
        std::set<std::int64_t> samples;
        for (SupervisedRow const& row : pass.supervised)
          samples.insert(f.records[static_cast<std::size_t>(row.sample)].case_index);
        EXPECT_TRUE(static_cast<std::int64_t>(pass.tokens.size()) <= 60 || samples.size() == 1);
      }
      EXPECT_EQ(supervised, lane.supervised);
      EXPECT_EQ(static_cast<double>(lane.supervised), lane.weight);
      EXPECT_LE(lane.unique_tokens, lane.tokens);
    }
  }
  EXPECT_GT(cut, 0U) << "no lane was cut: the test would see nothing";
}

TEST(Loader, AFailureOfTheSourceComesOutOfNext) {
  Fixture const f;
  Loader loader(
      f.order, f.records, [](std::int64_t) -> StoredTokens { throw Broken("a chunk"); }, {}, 0, 3);
  EXPECT_THROW(loader.next(), Broken);
}

TEST(Loader, LeavesAtOnceWhenNobodyWaits) {
  Fixture const f;
  Loader loader(
      f.order, f.records,
      [&](std::int64_t r) { return testing::made_up_tokens(f.records[static_cast<std::size_t>(r)], r, 50); }, {}, 0,
      1000);
  ASSERT_TRUE(loader.next().has_value());
}

}  // namespace
}  // namespace bsft
