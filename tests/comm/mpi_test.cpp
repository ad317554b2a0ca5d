// Run under mpirun -np 1, 2, 3, 4 and 8: every case holds for any number of ranks that it does not exclude itself.
#include "trainer/comm/mpi.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "data/base/digest.hpp"
#include "trainer/comm/agreement.hpp"
#include "trainer/comm/control_channel.hpp"
#include "trainer/comm/job.hpp"

namespace bsft {
namespace {

Job& job() {
  static std::unique_ptr<Job> const one = Job::over_mpi();
  return *one;
}
bool power_of_two() { return (job().size() & (job().size() - 1)) == 0; }

// Element i of rank r: large and small magnitudes, so that the order of a sum shows in its bits.
template <class Real>
at::Tensor values(int rank, std::int64_t n) {
  at::Tensor x = at::empty({n}, sizeof(Real) == 4 ? at::kFloat : at::kDouble);
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint64_t const bits = mix(11, static_cast<std::uint64_t>(rank), static_cast<std::uint64_t>(i));
    Real value =
        static_cast<Real>(std::ldexp(static_cast<double>(bits >> 12) / 4e15 - 0.5, static_cast<int>(bits % 40) - 20));
    if (i % 97 == 5) value = std::numeric_limits<Real>::denorm_min() * static_cast<Real>(bits % 9);
    if (i % 97 == 6) value = 0;
    if (i % 97 == 7 && rank == 0) value = std::numeric_limits<Real>::infinity();
    x.data_ptr<Real>()[i] = value;
  }
  return x;
}

// The sum that all_reduce promises: ((0+1)+(2+3))+…
template <class Real>
at::Tensor tree(int begin, int end, std::int64_t n) {
  if (end - begin == 1) return values<Real>(begin, n);
  int const middle = begin + (end - begin) / 2;
  at::Tensor left = tree<Real>(begin, middle, n), right = tree<Real>(middle, end, n);
  for (std::int64_t i = 0; i < n; ++i) left.data_ptr<Real>()[i] += right.data_ptr<Real>()[i];
  return left;
}

template <class Real>
void expect_tree(std::int64_t segment_bytes) {
  job();  // starts MPI
  MPI_Comm group;
  MPI_Comm_dup(MPI_COMM_WORLD, &group);
  auto const exact = mpi_communicator(group, Reduction::exact, segment_bytes);
  for (std::int64_t n : {0, 1, 2, 3, 31, 32, 33, 255, 256, 257, 1003}) {
    at::Tensor x = values<Real>(exact->rank(), n);
    exact->all_reduce(x);
    at::Tensor const want = tree<Real>(0, exact->size(), n);
    ASSERT_EQ(std::memcmp(x.data_ptr(), want.data_ptr(), x.nbytes()), 0)
        << n << " elements, segments of " << segment_bytes;
  }
  MPI_Comm_free(&group);
}

TEST(Mpi, ExactSumIsTheBinaryTreeBitForBit) {
  if (!power_of_two()) GTEST_SKIP() << "a tree of " << job().size();
  for (std::int64_t segment : {4, 40, 1024, 1 << 22}) {
    expect_tree<float>(segment);
    expect_tree<double>(segment);
  }
}

TEST(Mpi, ExactSumRefusesOtherCounts) {
  if (power_of_two()) GTEST_SKIP() << job().size() << " is a power of two";
  EXPECT_THROW(job().split(0, Reduction::exact), Invalid);
}

TEST(Mpi, FastSumIsClose) {
  auto const fast = job().split(0, Reduction::fast);
  at::Tensor x = at::arange(5000, at::kDouble) + fast->rank();
  fast->all_reduce(x);
  double const w = job().size();
  EXPECT_TRUE(at::allclose(x, at::arange(5000, at::kDouble) * w + w * (w - 1) / 2));
}

TEST(Mpi, BroadcastGatherBarrier) {
  Communicator& all = job().everyone();
  for (int root = 0; root < all.size(); ++root) {
    at::Tensor x = at::full({7}, all.rank(), at::kFloat);
    all.broadcast(x, root);
    EXPECT_TRUE(at::equal(x, at::full({7}, root, at::kFloat)));
  }
  std::string const mine(static_cast<std::size_t>(all.rank() * 3), static_cast<char>('a' + all.rank()));
  auto const parts = all.all_gather(mine);
  ASSERT_EQ(parts.size(), static_cast<std::size_t>(all.size()));
  for (int r = 0; r < all.size(); ++r) {
    EXPECT_EQ(parts[static_cast<std::size_t>(r)],
              std::string(static_cast<std::size_t>(r * 3), static_cast<char>('a' + r)));
  }
  all.barrier();
}

TEST(Mpi, WhatFailsOnOneRankIsToldToAll) {
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

TEST(Mpi, EvaluatorRanksAreTheLast) {
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

TEST(Mpi, ControlMessagesArriveInOrderAndPollNeverWaits) {
  if (job().size() == 1) GTEST_SKIP() << "one rank";
  ControlChannel& channel = *job().channel();
  int const evaluator = job().size() - 1;
  if (job().rank() == evaluator) {
    EXPECT_FALSE(channel.poll(0, ControlChannel::finished).has_value());
    for (std::int64_t step : {0, 100, 200}) EXPECT_EQ(channel.wait(0, ControlChannel::published), step);
    EXPECT_EQ(channel.wait(0, ControlChannel::published), ControlChannel::no_more);
    channel.send(0, ControlChannel::finished, 88);
  } else if (job().rank() == 0) {
    for (std::int64_t step : {0, 100, 200}) channel.send(evaluator, ControlChannel::published, step);
    channel.send(evaluator, ControlChannel::published, ControlChannel::no_more);
    EXPECT_EQ(channel.wait(evaluator, ControlChannel::finished), 88);
  }
  job().wait_for_all();
}

TEST(Self, IsTheIdentity) {
  auto const self = self_communicator();
  at::Tensor x = at::arange(5, at::kFloat);
  self->all_reduce(x);
  self->broadcast(x, 0);
  self->barrier();
  EXPECT_TRUE(at::equal(x, at::arange(5, at::kFloat)));
  EXPECT_EQ(self->all_gather("a"), std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace bsft
