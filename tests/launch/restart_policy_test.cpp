#include "launch/restart_policy.hpp"

#include <gtest/gtest.h>

namespace bsft {
namespace {

Attempt lost(bool progressed = false) { return {87, true, true, false, progressed}; }

TEST(RestartPolicy, GivesUpAfterSoManyInARowWithoutACheckpoint) {
  RestartPolicy policy(3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(policy.after(lost()), Next::restart);
  EXPECT_EQ(policy.after(lost()), Next::give_up);
  EXPECT_EQ(policy.restarts(), 3);
}

TEST(RestartPolicy, ACheckpointBeginsTheCountAgain) {
  RestartPolicy policy(1);
  EXPECT_EQ(policy.after(lost()), Next::restart);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(policy.after(lost(true)), Next::restart);
  EXPECT_EQ(policy.after(lost()), Next::give_up);
  EXPECT_EQ(policy.restarts(), 6);
}

TEST(RestartPolicy, OnlyWhatWasLost) {
  for (int const own : {0, 64, 65, 69, 70, 73, 74, 75, 76, 78, 86, 88}) {
    EXPECT_EQ(RestartPolicy(3).after({own, true, true, false, true}), Next::end) << own;
    EXPECT_EQ(RestartPolicy(3).after({own, false, true, false, false}), Next::end) << own;  // before it had a folder
  }
  EXPECT_EQ(RestartPolicy(3).after({1, false, false, false, false}), Next::end);     // mpirun refused
  EXPECT_EQ(RestartPolicy(3).after({1, false, true, false, false}), Next::restart);  // mpirun, while it ran
  EXPECT_EQ(RestartPolicy(3).after({137, false, false, false, false}), Next::restart);
  EXPECT_EQ(RestartPolicy(0).after(lost()), Next::give_up);
}

TEST(RestartPolicy, NotWhenAskedToStop) {
  EXPECT_EQ(RestartPolicy(3).after({87, true, true, true, true}), Next::end);
  EXPECT_EQ(RestartPolicy(3).after({137, false, true, true, true}), Next::end);
}

}  // namespace
}  // namespace bsft
