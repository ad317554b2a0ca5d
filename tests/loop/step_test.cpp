#include "trainer/loop/step.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "tests/loop/tiny.hpp"
#include "trainer/comm/agreement.hpp"
#include "trainer/comm/threads.hpp"
#include "trainer/loop/state_check.hpp"

namespace bsft {
namespace {

struct Outcome {
  double loss = 0;
  StepMetrics metrics;
  at::Tensor gradient;
};

// The formula itself: every record alone, sum w l / sum w, without lanes, passes or sharing.
Outcome by_definition(testing::Tiny const& tiny, std::vector<Unit> const& units) {
  auto const model = tiny.model();
  SequenceSettings settings = tiny.loader.sequence;
  settings.shares = false;
  double weight = 0, sum = 0;
  for (Unit const& unit : units) {
    for (std::int64_t r : unit) {
      RecordInfo const& info = tiny.records[static_cast<std::size_t>(r)];
      std::vector<Sequence> const one{training_sequence(r, info, tiny.source()(r), settings)};
      for (Target const& t : one.front().targets) weight += static_cast<double>(t.weight);
      Forest const forest = plant(one);
      op::RowLoss const loss = model->loss(model->forward(forest), forest.supervised, 1);
      loss.total.backward();
      sum += loss.total.item<double>();
    }
  }
  return {sum / weight, {}, model->flat_gradient() / weight};
}

Outcome by_stepper(testing::Tiny const& tiny, std::int64_t step, std::int64_t lanes, std::int64_t tokens_a_pass) {
  auto const model = tiny.model();
  Optimizer optimizer(*model, {});
  auto const self = self_communicator();
  Stepper stepper(*model, optimizer, {*self, *self}, lanes, testing::buckets_of(*model), Sharded::nothing);
  TrainData const data = tiny.data({0, lanes}, lanes, tokens_a_pass);
  Loader loader(data.order, data.records, data.source, data.loader, step, step + 1);
  StepMetrics const metrics = stepper.gradient(*loader.next());
  return {metrics.loss, metrics, model->flat_gradient()};
}

double difference(at::Tensor const& a, at::Tensor const& b) { return ((a - b).norm() / b.norm()).item<double>(); }

TEST(Step, LossAndGradientAreTheFormulaWhateverLanesAndPasses) {
  for (std::int64_t group : {1, 3}) {
    testing::Tiny const tiny(40, group, 28);
    std::vector<Unit> const epoch = tiny.order.epoch(0);
    std::int64_t const size = tiny.order.units_per_step(), last = tiny.order.steps_per_epoch() - 1;
    ASSERT_NE(static_cast<std::int64_t>(epoch.size()) % size, 0) << "the last batch is not partial";
    for (std::int64_t step : {std::int64_t{0}, last}) {
      auto const begin = epoch.begin() + step * size;
      Outcome const want = by_definition(tiny, {begin, step == last ? epoch.end() : begin + size});
      for (std::int64_t lanes : {1, 2, 4, 8, 32}) {  // 32: some lanes are empty
        for (std::int64_t tokens : {1, 60, 1000000}) {
          Outcome const got = by_stepper(tiny, step, lanes, tokens);
          EXPECT_NEAR(got.loss / want.loss, 1, 1e-6) << lanes << " lanes, passes of " << tokens;
          EXPECT_LT(difference(got.gradient, want.gradient), 1e-5) << lanes << " lanes, passes of " << tokens;
        }
      }
    }
  }
}

TEST(Step, CountsWhatItSaw) {
  testing::Tiny const tiny(40, 3, 24);
  Outcome const got = by_stepper(tiny, 0, 4, 100);
  StepMetrics const& m = got.metrics;
  std::int64_t records = 0, tokens = 0, supervised = 0;
  std::vector<Unit> const epoch = tiny.order.epoch(0);
  for (std::int64_t u = 0; u < tiny.order.units_per_step(); ++u) {
    for (std::int64_t r : epoch[static_cast<std::size_t>(u)]) {
      RecordInfo const& info = tiny.records[static_cast<std::size_t>(r)];
      ++records;
      tokens += info.length;
      supervised += info.length - info.prompt_end;
    }
  }
  EXPECT_EQ(m.records, records);
  EXPECT_EQ(m.tokens, tokens);
  EXPECT_LT(m.unique_tokens, tokens);
  EXPECT_EQ(m.supervised, supervised);
  auto const& [behavior, response, end] = m.channels;
  EXPECT_EQ(behavior.rows, records);
  EXPECT_EQ(end.rows, records);
  EXPECT_EQ(response.rows, supervised - 2 * records);
  // Half weight on the behaviour token.
  double const sum = 0.5 * behavior.loss * behavior.rows + response.loss * response.rows + end.loss * end.rows;
  EXPECT_NEAR(m.loss, sum / (static_cast<double>(supervised) - 0.5 * static_cast<double>(records)), 1e-9);
  EXPECT_NEAR(behavior.entropy, std::log(50), 0.5);  // an untrained model knows nothing
}

struct Steps {
  testing::Tiny tiny{40, 1, 24};
  std::unique_ptr<Decoder> model = tiny.model();
  Optimizer optimizer{*model, OptimizerConfig{}};
  std::unique_ptr<Communicator> self = self_communicator();
  Notes notes;                   // of this rank
  std::function<void()> during;  // called where they are asked for
  Stepper stepper{*model,
                  optimizer,
                  {*self, *self, nullptr,
                   [this] {
                     if (during) during();
                     return notes;
                   }},
                  4,
                  testing::buckets_of(*model),
                  Sharded::nothing};

  Batch batch(RecordSource const& source) const {
    TrainData data = tiny.data({0, 4}, 4, 100);
    Loader loader(data.order, data.records, source, data.loader, 0, 1);
    return *loader.next();
  }
};

TEST(Step, ABatchWithoutSupervisionChangesNothingAndIsCounted) {
  Steps s;
  at::Tensor const before = s.model->flat().detach().clone();
  Batch const batch = s.batch([&](std::int64_t r) {
    StoredTokens stored = s.tiny.source()(r);
    std::fill(stored.weights.begin(), stored.weights.end(), 0.0F);
    return stored;
  });
  StepMetrics const metrics = s.stepper.step(batch, 0.1);
  EXPECT_EQ(metrics.loss, 0);
  EXPECT_EQ(metrics.gradient_norm, 0);
  EXPECT_EQ(metrics.empty_batches, 1);
  EXPECT_GT(metrics.records, 0);
  EXPECT_EQ(s.optimizer.updates(), 0);
  EXPECT_TRUE(at::equal(s.model->flat(), before));
  EXPECT_EQ(s.model->flat_gradient().abs().max().item<float>(), 0);
}

TEST(Step, CarriesWhatARankHasToTellWithOrWithoutSupervision) {
  Steps s;
  for (float const weight : {1.0F, 0.0F}) {
    Batch const batch = s.batch([&](std::int64_t r) {
      StoredTokens stored = s.tiny.source()(r);
      if (weight == 0) std::fill(stored.weights.begin(), stored.weights.end(), weight);
      return stored;
    });
    s.notes = {1, 0, 1};
    StepMetrics const told = s.stepper.step(batch, 0.1);
    EXPECT_EQ(told.notes.asked_to_stop, 1);
    EXPECT_EQ(told.notes.saved, 0);
    EXPECT_EQ(told.notes.not_saved, 1);
    s.notes = {};
    EXPECT_EQ(s.stepper.step(batch, 0.1).notes.asked_to_stop, 0);
  }
}

// Steps that change nothing leave the weights, moments and updates as they were.
struct Before {
  explicit Before(Steps const& s)
      : weights(s.model->flat().detach().clone()),
        first(s.optimizer.moments().first.clone()),
        second(s.optimizer.moments().second.clone()),
        updates(s.optimizer.updates()) {}
  bool is_still(Steps const& s) const {
    auto const same = [](at::Tensor const& a, at::Tensor const& b) {
      return at::equal(at::nan_to_num(a, 7.0), at::nan_to_num(b, 7.0));
    };
    return same(weights, s.model->flat()) && same(first, s.optimizer.moments().first) &&
           same(second, s.optimizer.moments().second) && updates == s.optimizer.updates();
  }
  at::Tensor weights, first, second;
  std::int64_t updates;
};

void spoil(Steps const& s, float value) {
  at::NoGradGuard no_grad;
  s.model->parameter("model.norm.weight").value.view({-1})[0] = value;
}

TEST(Step, ALossThatIsNotFiniteTwiceIsSkippedAndNamesRecords) {
  Steps s;
  Batch const batch = s.batch(s.tiny.source());
  s.stepper.step(batch, 0.01);  // so that there are moments
  spoil(s, std::numeric_limits<float>::quiet_NaN());
  Before const before(s);
  StepMetrics const metrics = s.stepper.step(batch, 0.1);
  ASSERT_TRUE(metrics.not_finite.has_value());
  EXPECT_TRUE(metrics.not_finite->again);
  EXPECT_FALSE(metrics.not_finite->gradient_alone);
  EXPECT_EQ(metrics.not_finite->records.size(), 24U);
  EXPECT_EQ(metrics.not_finite->ranks, std::vector<std::string>{"trainer rank 0"});
  EXPECT_EQ(metrics.skipped, 1);
  EXPECT_EQ(metrics.consumed.samples, 24) << "once, though it was computed twice";
  EXPECT_TRUE(before.is_still(s));
}

TEST(Step, AGradientThatIsNotFiniteNamesTheBatch) {
  Steps s;
  Batch batch = s.batch(s.tiny.source());
  for (LaneBatch& lane : batch.lanes)
    lane.weight *= 1e-41;  // the losses are finite, their gradient is too large for fp32
  Before const before(s);
  StepMetrics const metrics = s.stepper.step(batch, 0.1);
  ASSERT_TRUE(metrics.not_finite.has_value());
  EXPECT_TRUE(metrics.not_finite->again && metrics.not_finite->gradient_alone);
  EXPECT_EQ(metrics.not_finite->records.size(), 24U);
  EXPECT_TRUE(before.is_still(s));
}

TEST(Step, WhatIsFiniteWhenComputedAgainIsUsed) {
  Steps undisturbed, s;
  Batch const batch = s.batch(s.tiny.source());
  StepMetrics const want = undisturbed.stepper.step(batch, 0.01);
  int asked = 0;
  float const good = s.model->parameter("model.norm.weight").value.view({-1})[0].item<float>();
  s.during = [&] {  // twice an attempt: before the forward, and after the backward
    if (asked == 0) spoil(s, std::numeric_limits<float>::infinity());
    if (asked == 1) spoil(s, good);
    ++asked;
  };
  StepMetrics const metrics = s.stepper.step(batch, 0.01);
  EXPECT_EQ(asked, 4);
  ASSERT_TRUE(metrics.not_finite.has_value());
  EXPECT_FALSE(metrics.not_finite->again);
  EXPECT_FALSE(metrics.not_finite->records.empty());
  EXPECT_EQ(metrics.skipped, 0);
  EXPECT_EQ(metrics.loss, want.loss);
  EXPECT_EQ(metrics.gradient_norm, want.gradient_norm);
  EXPECT_EQ(metrics.consumed, want.consumed);
  EXPECT_TRUE(Before(undisturbed).is_still(s));
}

TEST(Train, LearnsMakesEveryStepAndCallsItsObservers) {
  testing::Tiny const tiny(40, 3, 24);
  auto const model = tiny.model();
  Config config;
  config.optimizer.learning_rate = 3e-3;
  config.train.num_epochs = 12;
  Optimizer optimizer(*model, config.optimizer);
  TrainState state{*model, optimizer, 0, 0};
  auto const self = self_communicator();
  std::vector<StepMetrics> seen;
  std::vector<std::int64_t> checkpoints;
  TrainPlan const plan{total_steps_of(config.train, tiny.order), 10};
  train(
      state, config, plan, tiny.data({0, 4}, 4, 200), {*self, *self},
      {[&](StepMetrics const& m) { seen.push_back(m); }, [&](TrainState const& s) { checkpoints.push_back(s.step); }});
  ASSERT_EQ(plan.total_steps, 12 * tiny.order.steps_per_epoch());
  ASSERT_EQ(static_cast<std::int64_t>(seen.size()), plan.total_steps);
  EXPECT_EQ(state.step, plan.total_steps);
  EXPECT_EQ(seen.back().epoch, 11);
  EXPECT_LT(seen.back().loss, 0.92 * seen.front().loss);
  ASSERT_FALSE(checkpoints.empty());
  EXPECT_EQ(checkpoints.front(), 10);
  EXPECT_EQ(checkpoints.back(), plan.total_steps);
}

// One of two ranks is asked to stop while step 4 is under way: both stop after it, with a checkpoint of it.
TEST(Train, StopsAfterTheStepInWhichAnyRankIsAskedTo) {
  testing::Tiny const tiny(40, 3, 24);
  auto const comms = threads_communicators(2, Reduction::exact, 1 << 16);
  std::vector<std::vector<std::int64_t>> steps(2), checkpoints(2);
  auto const run = [&](int rank) {
    auto const r = static_cast<std::size_t>(rank);
    auto const model = tiny.model();
    Config const config;
    Optimizer optimizer(*model, config.optimizer);
    TrainState state{*model, optimizer, 0, 0};
    TrainPlan const plan{12, 3, testing::buckets_of(*model)};
    auto const notes = [&, rank] { return Notes{rank == 1 && state.step >= 3, 0, 0}; };
    train(state, config, plan, tiny.data(lanes_of(rank, 2, 4, Reduction::exact), 4, 200),
          {*comms[r], *comms[r], nullptr, notes},
          {[&](StepMetrics const& m) {
             steps[r].push_back(m.step);
             EXPECT_EQ(m.notes.asked_to_stop, m.step == 4 ? 1 : 0);
           },
           [&](TrainState const& s) { checkpoints[r].push_back(s.step); }});
    EXPECT_EQ(state.step, 4);
  };
  std::thread other([&] { run(1); });
  run(0);
  other.join();
  for (std::size_t r : {0, 1}) {
    EXPECT_EQ(steps[r], (std::vector<std::int64_t>{1, 2, 3, 4})) << r;
    EXPECT_EQ(checkpoints[r], (std::vector<std::int64_t>{3, 4})) << r;
  }
}

// Runs the steps of [from, to) with these settings.
struct Training {
  testing::Tiny tiny{40, 3, 24};
  std::unique_ptr<Decoder> model = tiny.model();
  Config config;
  Optimizer optimizer{*model, config.optimizer};
  TrainState state{*model, optimizer, 0, 0};
  std::unique_ptr<Communicator> self = self_communicator();
  std::vector<StepMetrics> seen;
  std::vector<std::int64_t> saved;

  void run(std::int64_t to) {
    train(state, config, {to, 1, testing::buckets_of(*model), Sharded::nothing}, tiny.data({0, 4}, 4, 200),
          {*self, *self},
          {[&](StepMetrics const& m) { seen.push_back(m); }, [&](TrainState const& s) { saved.push_back(s.step); }});
  }
};

TEST(Train, ConsumesWhatIsPlannedAlsoWhenItGoesOn) {
  Training t;
  PlannedSamples planned(t.tiny.order);
  std::int64_t const steps = t.tiny.order.steps_per_epoch() + 3;
  for (std::int64_t const to : {std::int64_t{2}, std::int64_t{3}, steps}) {
    t.run(to);
    EXPECT_EQ(t.state.consumed, planned.up_to(to));
  }
  t.state.step = steps - 1;  // goes on at the wrong place: a step is repeated
  t.run(steps);
  EXPECT_NE(t.state.consumed, planned.up_to(steps));
  EXPECT_GT(t.state.consumed.samples, planned.up_to(steps).samples);
}

TEST(Train, ALearningRateThatBlowsUpEndsAfterThreeStepsInARow) {
  Training t;
  t.config.optimizer.learning_rate = 1e30;
  t.config.scheduler.type = "constant";
  try {
    t.run(20);
    FAIL() << "it went on";
  } catch (NonFinite const& error) {
    EXPECT_EQ(error.code(), Exit::non_finite);
    EXPECT_EQ(error.step(), 4) << "the first step can be computed";
    EXPECT_FALSE(error.found().records.empty());
    EXPECT_NE(std::string(error.what()).find("3 steps in a row were skipped"), std::string::npos) << error.what();
  }
  EXPECT_EQ(t.state.skipped.total, 3);
  EXPECT_EQ(t.seen.back().skipped, 3) << "the last step is told before the end";
  EXPECT_EQ(t.saved, (std::vector<std::int64_t>{1, 2, 3})) << "a step that was skipped is a step";
  EXPECT_EQ(t.optimizer.updates(), 1);
}

TEST(Train, ChecksItsStateAndNamesWhatIsNotFinite) {
  Training t;
  t.run(2);
  Trainers const alone{*t.self, *t.self};
  Buckets const buckets = testing::buckets_of(*t.model);
  auto const check = [&] { check_state(alone, *t.model, t.optimizer, buckets, Sharded::nothing, 2); };
  EXPECT_NO_THROW(check());
  for (auto const& [where, name] : {std::pair{t.model->flat(), "weights of "},
                                    {t.optimizer.moments().first, "moment1 of "},
                                    {t.optimizer.moments().second, "moment2 of "}}) {
    at::NoGradGuard no_grad;
    for (Parameter const& p : t.model->parameters()) {
      for (std::int64_t const at : {p.offset, p.offset + p.value.numel() - 1}) {
        at::Tensor const value = where[at].clone();
        where[at] = std::numeric_limits<float>::infinity();
        try {
          check();
          ADD_FAILURE() << name << p.name << " was not seen";
        } catch (Told const& told) {
          EXPECT_EQ(told.code(), Exit::non_finite);
          EXPECT_EQ(told.lines().front().rfind(name + p.name + " is not finite after step 2", 0), 0U)
              << told.lines().front();
        }
        where[at] = value;
      }
    }
  }
  EXPECT_NO_THROW(check());
}

}  // namespace
}  // namespace bsft
