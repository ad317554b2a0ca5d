// Ranks of a job: roles, agreement and control messages.  Alone and under mpirun -np 2, 3, 4 and 8.
#include "trainer/comm/job.hpp"

#include <gtest/gtest.h>

#include "data/base/error.hpp"
#include "tests/comm/ranks.hpp"
#include "trainer/comm/agreement.hpp"
#include "trainer/comm/control_channel.hpp"

namespace bsft {
namespace {

Job& job() { return testing::mpi_job(); }

TEST(Job, WhatFailsOnOneRankIsToldToAll) {
  Communicator& all = job().everyone();
  int const failing = all.size() - 1;
  try {
    together(all, [&] {
      if (all.rank() >= failing) throw Invalid(Exit::locked, "rank " + std::to_string(all.rank()), "why");
    });
    FAIL() << "nothing was thrown";
  } catch (Told const& told) {
    EXPECT_EQ(told.code(), Exit::locked);
    ASSERT_EQ(told.lines().size(), 1U);
    EXPECT_EQ(told.lines().front(), "rank " + std::to_string(failing) + " (why)");
  }
  try {
    together(all, [&] {
      if (all.rank() == 0) throw Findings(Exit::config, {"one", "two"});
    });
    FAIL() << "nothing was thrown";
  } catch (Told const& told) {
    EXPECT_EQ(told.lines(), (std::vector<std::string>{"one", "two"}));
  }
  together(all, [] {});
}

TEST(Job, EvaluatorRanksAreTheLast) {
  if (job().size() == 1) {
    EXPECT_THROW(job().split(1, Reduction::fast), Invalid);
    GTEST_SKIP() << "one rank";
  }
  auto const trainers = job().split(1, Reduction::fast);
  bool const evaluator = job().rank() == job().size() - 1;
  EXPECT_EQ(trainers == nullptr, evaluator);
  if (trainers) {
    EXPECT_EQ(trainers->size(), job().size() - 1);
    EXPECT_EQ(trainers->rank(), job().rank());
  }
  job().wait_for_all();
}

TEST(Job, ControlMessagesArriveInOrderAndPollNeverWaits) {
  if (job().size() == 1) GTEST_SKIP() << "one rank";
  ControlChannel& channel = *job().channel();
  int const evaluator = job().size() - 1;
  if (job().rank() == evaluator) {
    EXPECT_FALSE(channel.poll(0, ControlChannel::finished).has_value());
    for (std::int64_t step : {0, 100, 200}) EXPECT_EQ(channel.wait(0, ControlChannel::scored), step);
    channel.send(0, ControlChannel::finished, 88);
    EXPECT_EQ(channel.wait(0, ControlChannel::ended), ControlChannel::without);
  } else if (job().rank() == 0) {
    for (std::int64_t step : {0, 100, 200}) channel.send(evaluator, ControlChannel::scored, step);
    EXPECT_EQ(channel.wait(evaluator, ControlChannel::finished), 88);
    channel.send(evaluator, ControlChannel::ended, ControlChannel::without);
  }
  job().wait_for_all();
}

}  // namespace
}  // namespace bsft
