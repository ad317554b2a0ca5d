// What a rank notes of itself, and what its parent reads of it after it was killed.
#include "trainer/comm/flight_recorder.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <utility>

namespace bsft {
namespace {

TEST(FlightRecorder, KeepsTheLastCollectivesInOrder) {
  FlightRecorder recorder;
  EXPECT_TRUE(recorder.ring().empty());
  EXPECT_EQ(doing(recorder.snapshot()), "starting; no collective yet");
  int const one = recorder.add_communicator(), two = recorder.add_communicator();
  auto const all = static_cast<std::int64_t>(FlightRecorder::ring_size);
  for (std::int64_t i = 1; i <= all + 6; ++i) {
    recorder.does(Activity::backward, i);
    recorder.carry_out(i % 3 == 0 ? two : one, Verb::reduce_scatter, 10 * i, [] {});
  }
  auto const ring = recorder.ring();
  ASSERT_EQ(ring.size(), FlightRecorder::ring_size);
  for (std::size_t k = 0; k < ring.size(); ++k) {
    std::int64_t const i = static_cast<std::int64_t>(k) + 7;
    EXPECT_EQ(ring[k].bytes, 10 * i);
    EXPECT_EQ(ring[k].step, i);
    EXPECT_EQ(ring[k].communicator, i % 3 == 0 ? two : one);
    EXPECT_EQ(ring[k].sequence, i % 3 == 0 ? i / 3 : i - i / 3);
    EXPECT_TRUE(ring[k].done);
  }
  Snapshot const now = recorder.snapshot();
  EXPECT_EQ(now.carried_out, all + 6);
  for (std::size_t k = 0; k < Snapshot::most; ++k) EXPECT_EQ(now.last[k].bytes, 10 * (all + 6 - std::int64_t(k)));
  EXPECT_EQ(doing(now), "backward of step 70; last collective #47 reduce_scatter of 700 bytes, done");
}

TEST(FlightRecorder, ACollectiveIsUnderWayUntilItReturns) {
  FlightRecorder recorder;
  int const group = recorder.add_communicator();
  recorder.carry_out(group, Verb::exchange, 0, [&] {
    EXPECT_TRUE(recorder.snapshot().in_collective());
    EXPECT_EQ(doing(recorder.snapshot()), "starting; last collective #1 exchange, under way");
  });
  EXPECT_FALSE(recorder.snapshot().in_collective());
  EXPECT_THROW(recorder.carry_out(group, Verb::broadcast, 4, [] { throw std::runtime_error("lost"); }),
               std::runtime_error);
  EXPECT_TRUE(recorder.snapshot().in_collective());
}

TEST(FlightRecorder, ProgressMovesWithEveryChange) {
  FlightRecorder recorder;
  int const group = recorder.add_communicator();
  std::int64_t before = recorder.snapshot().progress;
  auto const moved = [&] { return recorder.snapshot().progress > std::exchange(before, recorder.snapshot().progress); };
  EXPECT_FALSE(moved());
  recorder.does(Activity::forward);
  EXPECT_TRUE(moved());
  recorder.does(Activity::forward);  // another pass
  EXPECT_TRUE(moved());
  recorder.step_done(1);
  EXPECT_TRUE(moved());
  recorder.carry_out(group, Verb::split, 0, [&] { EXPECT_TRUE(moved()); });
  EXPECT_TRUE(moved());
}

TEST(FlightRecorder, MedianIsOfTheLastSteps) {
  FlightRecorder recorder;
  EXPECT_EQ(recorder.snapshot().median_step_seconds, 0);
  recorder.step_done(100);
  EXPECT_EQ(recorder.snapshot().median_step_seconds, 100);
  for (int i = 0; i < 4; ++i) recorder.step_done(2);
  EXPECT_EQ(recorder.snapshot().median_step_seconds, 2);
  for (std::size_t i = 0; i < FlightRecorder::steps_kept; ++i) recorder.step_done(7);
  EXPECT_EQ(recorder.snapshot().median_step_seconds, 7);
}

TEST(FlightRecorder, AParentReadsWhatAKilledChildDid) {
  FlightRecorder recorder;
  pid_t const child = ::fork();
  if (child == 0) {
    recorder.is(3, Role::trainer);
    recorder.runs_in("/runs/a", 50);
    int const group = recorder.add_communicator();
    recorder.does(Activity::reduce, 14);
    recorder.carry_out(group, Verb::all_reduce, 24, [] { ::raise(SIGKILL); });
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  Snapshot const last = recorder.snapshot();
  EXPECT_EQ(last.pid, child);
  EXPECT_EQ(who(last), "trainer rank 3 on " + std::string(last.host.data()) + " (pid " + std::to_string(child) + ")");
  EXPECT_NE(last.host[0], '\0');
  EXPECT_EQ(doing(last), "reduce of step 14; last collective #1 all_reduce of 24 bytes, under way");
  EXPECT_EQ(recorder.folder(), "/runs/a");
  EXPECT_EQ(recorder.total_steps(), 50);
}

}  // namespace
}  // namespace bsft
