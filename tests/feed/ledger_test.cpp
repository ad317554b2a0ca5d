#include "data/feed/ledger.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "data/feed/loader.hpp"
#include "tests/feed/records.hpp"

namespace bsft {
namespace {

using Sample = std::pair<std::int64_t, std::int64_t>;  // step, record

Ledger sum_of(std::vector<Sample> const& samples) {
  Ledger ledger;
  for (auto const& [step, record] : samples) ledger.add(step, record);
  return ledger;
}

std::vector<Sample> some(std::int64_t n) {
  std::vector<Sample> samples;
  for (std::int64_t i = 0; i < n; ++i) samples.emplace_back(i / 7, i * 31 % 1003);
  return samples;
}

TEST(Ledger, DoesNotDependOnTheOrderAndAdds) {
  std::vector<Sample> samples = some(1003);
  Ledger const whole = sum_of(samples);
  std::shuffle(samples.begin(), samples.end(), std::mt19937(5));
  EXPECT_EQ(sum_of(samples), whole);
  Ledger parts = sum_of({samples.begin(), samples.begin() + 400});
  parts += sum_of({samples.begin() + 400, samples.end()});
  EXPECT_EQ(parts, whole);
  EXPECT_EQ(whole.samples, 1003);
  EXPECT_EQ(whole.digest().size(), 32U);
}

TEST(Ledger, ChangesWithWhatIsLeftOutRepeatedReplacedOrMoved) {
  std::vector<Sample> const samples = some(100);
  Ledger const whole = sum_of(samples);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    auto changed = samples;
    changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_NE(sum_of(changed).digest(), whole.digest()) << "left out " << i;
    changed.push_back(samples[(i + 1) % samples.size()]);
    EXPECT_NE(sum_of(changed).digest(), whole.digest()) << "replaced by another " << i;
    EXPECT_EQ(sum_of(changed).samples, whole.samples);
    changed = samples;
    changed.push_back(samples[i]);
    EXPECT_NE(sum_of(changed).digest(), whole.digest()) << "repeated " << i;
    changed = samples;
    ++changed[i].first;
    EXPECT_NE(sum_of(changed).digest(), whole.digest()) << "in another step " << i;
  }
}

TEST(Ledger, LimbsAddToTheSameSum) {
  for (std::size_t lanes : {1U, 2U, 31U, 1003U}) {
    std::vector<Sample> const samples = some(3000);
    Ledger::Limbs sums{};
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      Ledger part;
      for (std::size_t i = lane; i < samples.size(); i += lanes) part.add(samples[i].first, samples[i].second);
      Ledger::Limbs const limbs = part.limbs();
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += limbs[i];
    }
    EXPECT_EQ(Ledger::of(sums, 3000), sum_of(samples)) << lanes;
  }
  // The largest limbs of 2^21 lanes carry through all words.
  double const most = 4294967295.0 * 2097152.0;
  Ledger const carried = Ledger::of(Ledger::Limbs{most, most, most, most}, 0);
  EXPECT_EQ(carried.low, 0xffffffffffe00000U);
  EXPECT_EQ(carried.high, 0xffffffffffffffffU);
}

TEST(Ledger, ItsDigestReadsBack) {
  Ledger const whole = sum_of(some(10));
  EXPECT_EQ(Ledger::of(whole.digest(), 10), whole);
  for (char const* bad : {"", "0", "0123456789abcdef0123456789abcdeg", "0123456789abcdef-123456789abcdef"})
    EXPECT_FALSE(Ledger::of(std::string(bad), 0)) << bad;
}

TEST(Ledger, WhatALoaderDeliversIsWhatIsPlannedInAnySharesOfTheLanes) {
  std::vector<RecordInfo> const records = testing::made_up_records(40);
  Order const order(records, trainable_records(records, 1000, TooLong::error), {3, 24, 3});
  RecordSource const source = [&](std::int64_t r) {
    return testing::made_up_tokens(records[static_cast<std::size_t>(r)], r, 50);
  };
  std::int64_t const steps = 2 * order.steps_per_epoch() + 1;  // into the third epoch
  for (std::int64_t const ranks : {1, 2, 8}) {
    std::vector<Ledger> by_step(static_cast<std::size_t>(steps));
    for (std::int64_t rank = 0; rank < ranks; ++rank) {
      LoaderSettings settings;
      settings.mine = lanes_of(rank, ranks, 8, Reduction::exact);
      settings.max_tokens_per_pass = 60;
      settings.sequence.shares = true;
      Loader loader(order, records, source, settings, 0, steps);
      while (auto const batch = loader.next()) {
        for (LaneBatch const& lane : batch->lanes)
          for (Forest const& pass : lane.passes)
            for (std::int64_t const record : pass.samples)
              by_step[static_cast<std::size_t>(batch->step)].add(batch->step, record);
      }
    }
    PlannedSamples planned(order);
    Ledger consumed;
    for (std::int64_t step = 0; step < steps; ++step) {
      EXPECT_EQ(planned.up_to(step), consumed) << ranks << " ranks, step " << step;
      consumed += by_step[static_cast<std::size_t>(step)];
    }
    EXPECT_EQ(planned.up_to(steps), consumed);
    EXPECT_EQ(consumed.samples, 2 * order.records() + by_step.back().samples);
  }
}

}  // namespace
}  // namespace bsft
